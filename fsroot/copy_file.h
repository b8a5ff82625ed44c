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
};

/* Owner, mode, extended attributes, times, in the order in which none undoes another. `path` is for
 * messages. */
int copy_attributes(const struct copy_job *job, int src_fd, int dst_fd, const struct stat *st,
	const char *path, struct err *e);
/* Regular file: holes stay holes. */
int copy_regular(struct copy_job *job, int src_dir, int dst_dir, const char *name,
	const struct stat *st, const char *path, struct err *e);
/* Symbolic link, FIFO, overlay whiteout. */
int copy_special(const struct copy_job *job, int src_dir, int dst_dir, const char *name,
	const struct stat *st, const char *path, struct err *e);
