/* walk.h: HOST SIDE. A walk over one directory tree, or over two in step, by descriptors: links are
 * never followed, the C stack and the number of open descriptors do not grow with depth. What is
 * done with each entry is the caller's. */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

enum {
	WALK_PATH_SIZE = 240
};

/* One directory on the way down. Only the innermost ones have their descriptors open; an outer one
 * is opened again as ".." of its child, and must be the same directory then. */
struct walk_dir {
	int src_fd, dst_fd;
	struct stat src, dst;
	char name[NAME_MAX + 1];
	struct strbuf subdirs; /* names, each with its NUL */
	size_t next;	       /* offset of the next one to enter */
	off_t read_to;	       /* where the directories begin that are not in `subdirs` yet... */
	bool has_more;	       /* ...if there may be any */
	/* For the caller. `data` is freed with the frame. */
	bool flag, existed, changed;
	void *data;
	size_t data_len;
};

struct walk;
struct walk_ops {
	/* An entry of `d`. To have a directory entered when all of `d` has been read: walk_later().
	 */
	int (*entry)(struct walk *w, struct walk_dir *d, const char *name, struct err *e);
	/* Open `name`, a directory of `parent` that was left for later: d->src_fd and d->dst_fd.
	 * NULL: it is opened in the source, and there is no destination. 1: it is passed over. */
	int (*enter)(struct walk *w, const struct walk_dir *parent, const char *name,
		struct walk_dir *d, struct err *e);
	/* All of `d` is done; it is the outermost when w->n is 1. */
	int (*leave)(struct walk *w, struct walk_dir *d, struct err *e);
	/* Would `entry` have it entered? 1 yes, 0 no. With it, of a directory's subdirectories only
	 * some are remembered at a time, and it is read again for the next ones: a million beside
	 * each other need no more memory than a few. Not for walks that change what they read. */
	int (*is_later)(struct walk *w, struct walk_dir *d, const char *name, struct err *e);
};

struct walk {
	const struct walk_ops *ops;
	void *arg;
	struct walk_dir *dirs;
	size_t n, cap;
};

/* dst_fd: -1 for a walk over one tree. `begin` (may be NULL) is called for the outermost directory
 * before its entries are read. *w holds ops and arg, and nothing needs to be freed afterwards. */
int walk_trees(struct walk *w, int src_fd, int dst_fd,
	int (*begin)(struct walk *w, struct walk_dir *d, struct err *e), struct err *e);
int walk_later(struct walk_dir *d, const char *name, struct err *e);
/* The last part of the path of `name` (NULL: of the innermost directory), fit to be shown. */
const char *walk_path(const struct walk *w, const char *name, char out[WALK_PATH_SIZE]);
