/* copy_file.h: HOST SIDE. One object of a tree copied by descriptors; the walk is copy.c's. */
#pragma once
#include "base/err.h"
#include "fsroot/copy.h"
#include <sys/stat.h>

/* What is remembered over a whole copy. */
struct copy_job {
	const struct copy_options *options;
	struct copy_result *result;
	bool no_reflink; /* the file system said no once */
	int root_fd;	 /* of the destination */
	int links_fd;	 /* directory in which every file with several names has one more; -1 */
	char links_name[40];
};

/* Count an entry against the limits. `path` is for messages, here and below. */
int copy_count(struct copy_job *job, const struct stat *st, const char *path, struct err *e);
/* Anything but a directory: what is no data is skipped, names of one file stay names of one. */
int copy_object(struct copy_job *job, int src_dir, int dst_dir, const char *name,
	const struct stat *st, const char *path, struct err *e);
/* Before the attributes of the outermost directory are copied: remove links_fd's directory. */
int copy_links_end(struct copy_job *job, struct err *e);

/* Owner, mode, extended attributes, times, in the order in which none undoes another. */
int copy_attributes(const struct copy_job *job, int src_fd, int dst_fd, const struct stat *st,
	const char *path, struct err *e);
