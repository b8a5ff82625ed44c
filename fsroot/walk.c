#include "fsroot/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

enum {
	DIRS_OPEN = 32,
	ENTRY_BUFFER = 32768,
	SUBDIRS_MAX = 16384, /* bytes of names that a directory remembers at a time */
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
};

static void dir_done(struct walk_dir *d)
{
	fd_close(&d->src_fd);
	fd_close(&d->dst_fd);
	str_done(&d->subdirs);
	free(d->data);
}

const char *walk_path(const struct walk *w, const char *name, char out[WALK_PATH_SIZE])
{
	char raw[WALK_PATH_SIZE] = "";
	size_t at = sizeof raw - 1;
	raw[at] = '\0';
	for (size_t i = w->n + 1; i-- > 0;) {
		const char *part = i == w->n ? name : w->dirs[i].name;
		size_t len = part ? strlen(part) : 0;
		if (!len)
			continue;
		if (len + 1 > at)
			break;
		at -= len;
		memcpy(raw + at, part, len);
		raw[--at] = '/';
	}
	return str_escape(out, WALK_PATH_SIZE, raw + at);
}

int walk_later(struct walk_dir *d, const char *name, struct err *e)
{
	if (d->has_more)
		return 0;
	str_addn(&d->subdirs, name, strlen(name) + 1);
	return d->subdirs.failed ? err_nomem(e) : 0;
}

/* 1: look at the next one, 0: enough are remembered for now. */
static int visit(
	struct walk *w, struct walk_dir *d, const struct dirent64 *ent, bool again, struct err *e)
{
	int r = 0;
	if (!strcmp(ent->d_name, ".") || !strcmp(ent->d_name, ".."))
		return 1;
	if (!again)
		r = w->ops->entry(w, d, ent->d_name, e);
	else if (ent->d_type == DT_DIR || ent->d_type == DT_UNKNOWN)
		r = w->ops->is_later(w, d, ent->d_name, e);
	if (r < 0 || (again && r > 0 && walk_later(d, ent->d_name, e) < 0))
		return -1;
	if (!w->ops->is_later || d->subdirs.len < SUBDIRS_MAX || d->has_more)
		return 1;
	d->has_more = true;
	d->read_to = ent->d_off;
	return !again;
}

/* All entries; `again`: from where the directories begin that were not remembered. */
static int read_entries(struct walk *w, bool again, struct err *e)
{
	struct walk_dir *d = &w->dirs[w->n - 1];
	autofree char *buffer = malloc(ENTRY_BUFFER);
	char path[WALK_PATH_SIZE];
	if (!buffer)
		return err_nomem(e);
	if (again && lseek(d->src_fd, d->read_to, SEEK_SET) < 0)
		return err_sys(e, errno, "read directory '%s'", walk_path(w, NULL, path));
	d->subdirs.len = d->next = 0;
	d->has_more = false;
	for (;;) {
		ssize_t n = getdents64(d->src_fd, buffer, ENTRY_BUFFER);
		if (n < 0)
			return err_sys(e, errno, "read directory '%s'", walk_path(w, NULL, path));
		if (n == 0)
			return 0;
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *ent = (const void *)(buffer + at);
			at += ent->d_reclen;
			int r = visit(w, d, ent, again, e);
			if (r <= 0)
				return r;
		}
	}
}

static int grow(struct walk *w, struct err *e)
{
	if (w->n < w->cap)
		return 0;
	size_t cap = w->cap ? w->cap * 2 : 64;
	struct walk_dir *dirs = reallocarray(w->dirs, cap, sizeof *dirs);
	if (!dirs)
		return err_nomem(e);
	w->dirs = dirs;
	w->cap = cap;
	return 0;
}

/* *d becomes the innermost directory; its descriptors are the walk's from here on. */
static int push(struct walk *w, struct walk_dir *d, struct err *e)
{
	char path[WALK_PATH_SIZE];
	if (grow(w, e) < 0) {
		dir_done(d);
		return -1;
	}
	w->dirs[w->n++] = *d;
	d = &w->dirs[w->n - 1];
	if (w->n > DIRS_OPEN) {
		struct walk_dir *outer = &w->dirs[w->n - 1 - DIRS_OPEN];
		fd_close(&outer->src_fd);
		fd_close(&outer->dst_fd);
	}
	if (fstat(d->src_fd, &d->src) < 0 || (d->dst_fd >= 0 && fstat(d->dst_fd, &d->dst) < 0))
		return err_sys(e, errno, "stat '%s'", walk_path(w, NULL, path));
	return 0;
}

static int open_only_source(
	struct walk *w, const struct walk_dir *parent, struct walk_dir *d, struct err *e)
{
	char path[WALK_PATH_SIZE];
	d->src_fd = openat(parent->src_fd, d->name, OPEN_DIR);
	if (d->src_fd < 0)
		return err_sys(e, errno, "open '%s'", walk_path(w, d->name, path));
	return 0;
}

static int enter(struct walk *w, const char *name, struct err *e)
{
	struct walk_dir d = {.src_fd = -1, .dst_fd = -1};
	const struct walk_dir *parent = &w->dirs[w->n - 1];
	(void)snprintf(d.name, sizeof d.name, "%s", name);
	int r = w->ops->enter ? w->ops->enter(w, parent, d.name, &d, e)
			      : open_only_source(w, parent, &d, e);
	if (r) {
		dir_done(&d);
		return r < 0 ? -1 : 0;
	}
	return push(w, &d, e) < 0 || read_entries(w, false, e) < 0 ? -1 : 0;
}

static int reopen(int child_fd, const struct stat *want, int *fd)
{
	struct stat st;
	*fd = openat(child_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0 || fstat(*fd, &st) < 0)
		return -1;
	if (st.st_ino == want->st_ino && st.st_dev == want->st_dev)
		return 0;
	errno = ESTALE;
	return -1;
}

/* The innermost directory is complete; back to the one around it. */
static int leave(struct walk *w, struct err *e)
{
	char path[WALK_PATH_SIZE];
	struct walk_dir *d = &w->dirs[w->n - 1];
	if (w->ops->leave && w->ops->leave(w, d, e) < 0)
		return -1;
	if (w->n > 1) {
		struct walk_dir *outer = d - 1;
		if (outer->src_fd < 0 && (reopen(d->src_fd, &outer->src, &outer->src_fd) < 0 ||
						 (d->dst_fd >= 0 && reopen(d->dst_fd, &outer->dst,
									    &outer->dst_fd) < 0)))
			return err_sys(
				e, errno, "'%s' was moved meanwhile", walk_path(w, NULL, path));
	}
	dir_done(d);
	w->n--;
	return 0;
}

static int walk_all(struct walk *w, int src_fd, int dst_fd,
	int (*begin)(struct walk *w, struct walk_dir *d, struct err *e), struct err *e)
{
	/* Descriptors of our own: getdents moves the position of a shared one. */
	struct walk_dir first = {.src_fd = openat(src_fd, ".", OPEN_DIR), .dst_fd = -1};
	if (dst_fd >= 0)
		first.dst_fd = openat(dst_fd, ".", OPEN_DIR);
	if (first.src_fd < 0 || (dst_fd >= 0 && first.dst_fd < 0)) {
		int errnum = errno;
		dir_done(&first);
		return err_sys(e, errnum, "cannot open a directory to walk over");
	}
	if (push(w, &first, e) < 0 || (begin && begin(w, &w->dirs[0], e) < 0) ||
		read_entries(w, false, e) < 0)
		return -1;
	while (w->n) {
		struct walk_dir *d = &w->dirs[w->n - 1];
		int r;
		if (d->next < d->subdirs.len) {
			const char *name = d->subdirs.buf + d->next;
			d->next += strlen(name) + 1;
			r = enter(w, name, e);
		} else if (d->has_more) {
			r = read_entries(w, true, e);
		} else {
			r = leave(w, e);
		}
		if (r < 0)
			return -1;
	}
	return 0;
}

int walk_trees(struct walk *w, int src_fd, int dst_fd,
	int (*begin)(struct walk *w, struct walk_dir *d, struct err *e), struct err *e)
{
	int r = walk_all(w, src_fd, dst_fd, begin, e);
	while (w->n)
		dir_done(&w->dirs[--w->n]);
	free(w->dirs);
	w->dirs = NULL;
	w->cap = 0;
	return r;
}
