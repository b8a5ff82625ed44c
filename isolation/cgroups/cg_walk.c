/* Walking a tree of groups. A zone may nest groups as deep as it likes, deeper than PATH_MAX and
 * than the limit on open files: so one descriptor goes down by name and up by "..", and what is
 * still to be visited is kept as names. */
#include "base/fd.h"
#include "base/mem.h"
#include "isolation/cgroups/cg_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int names_add(struct cg_names *n, size_t *cap, const char *name)
{
	size_t len = strlen(name) + 1;
	if (n->len + len > *cap) {
		size_t want = (n->len + len) * 2;
		char *text = realloc(n->text, want);
		if (!text)
			return -1;
		n->text = text;
		*cap = want;
	}
	memcpy(n->text + n->len, name, len);
	n->len += len;
	return 0;
}

int cg_names_read(int fd, struct cg_names *ret)
{
	/* A descriptor of its own: a directory's position is shared by dup. */
	int dir_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = dir_fd < 0 ? NULL : fdopendir(dir_fd);
	if (!dir) {
		fd_close(&dir_fd);
		return -1;
	}
	struct cg_names n = {0};
	size_t cap = 0;
	struct dirent *d;
	int r = 0;
	for (errno = 0; r == 0 && (d = readdir(dir)); errno = 0)
		if (d->d_type == DT_DIR && strcmp(d->d_name, ".") != 0 &&
			strcmp(d->d_name, "..") != 0)
			r = names_add(&n, &cap, d->d_name);
	int errnum = errno;
	(void)closedir(dir);
	/* A group that is removed under our eyes reads as an error: as empty is what it is. */
	if (r < 0 || (errnum && errnum != ENOENT && errnum != ENODEV)) {
		free(n.text);
		errno = errnum;
		return -1;
	}
	*ret = n;
	return 0;
}

const char *cg_names_next(struct cg_names *n)
{
	if (n->next >= n->len)
		return NULL;
	const char *s = n->text + n->next;
	n->next += strlen(s) + 1;
	return s;
}

struct frame {
	struct cg_names children;
	size_t current; /* offset of the child we are in */
};

struct walk {
	struct frame *frame;
	size_t depth, cap;
	int fd;
};

static int push(struct walk *w)
{
	if (w->depth == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 8;
		struct frame *f = reallocarray(w->frame, cap, sizeof *f);
		if (!f)
			return -1;
		w->frame = f;
		w->cap = cap;
	}
	struct frame f = {0};
	if (cg_names_read(w->fd, &f.children) < 0)
		return -1;
	w->frame[w->depth++] = f;
	return 0;
}

/* Leave the innermost group; its parent becomes current. 1 when that was the top. */
static int pop(struct walk *w, const struct cg_walker *v)
{
	free(w->frame[--w->depth].children.text);
	if (w->depth == 0)
		return 1;
	int up = openat(w->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (up < 0)
		return -1;
	fd_close(&w->fd);
	w->fd = up;
	struct frame *parent = &w->frame[w->depth - 1];
	return v->leave ? v->leave(up, parent->children.text + parent->current, v->arg) : 0;
}

/* Enter the next child of the innermost group. 1 when there is none left. */
static int descend(struct walk *w, const struct cg_walker *v)
{
	struct frame *f = &w->frame[w->depth - 1];
	const char *name;
	while ((name = cg_names_next(&f->children))) {
		f->current = (size_t)(name - f->children.text);
		int fd = openat(w->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && (errno == ENOENT || errno == ENODEV))
			continue;
		if (fd < 0)
			return -1;
		fd_close(&w->fd);
		w->fd = fd;
		int r = v->enter ? v->enter(fd, v->arg) : 0;
		return r ? r : push(w);
	}
	return 1;
}

int cg_walk(int top_fd, const struct cg_walker *v)
{
	struct walk w = {.fd = openat(top_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	if (w.fd < 0)
		return errno == ENOENT || errno == ENODEV ? 0 : -1;
	int r = v->enter ? v->enter(w.fd, v->arg) : 0;
	if (r == 0)
		r = push(&w);
	while (r == 0) {
		r = descend(&w, v);
		if (r == 1)
			r = pop(&w, v);
	}
	int errnum = errno;
	while (w.depth)
		free(w.frame[--w.depth].children.text);
	free(w.frame);
	fd_close(&w.fd);
	errno = errnum;
	/* 1 is "left the top": done. */
	return r == 1 ? 0 : r;
}
