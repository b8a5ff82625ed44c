#include "fsroot/stack_diff.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"

enum {
	LAYERS_MAX = 512,
	PART_MAX = PATH_MAX - NAME_MAX - 2,
	BLOCK = 65536,
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
};

/* The layers that together show one directory, the uppermost first: an overlay's merged directory.
 * None: there is no directory. */
struct view {
	size_t n;
	int fds[LAYERS_MAX]; /* descriptors of the layers' roots, or of this directory in them */
};

/* A directory still to be compared. */
struct pending {
	char *path; /* "" is the root */
	int *layers;
	size_t n_from, n_to;
};

struct change {
	char *path;
	enum stack_change what;
};

struct diff {
	struct pending *pending;
	size_t n_pending, pending_room;
	struct change *changes;
	size_t n_changes, changes_room;
};

/* What a name is in a stack. */
struct found {
	bool exists;
	struct stat st;
	int dir_fd;	    /* the directory that it is in, of the uppermost layer that has it */
	struct view layers; /* of a directory: roots of the layers that it is in */
};

/* The array with room for one more; NULL: without memory, and it is as before. */
static void *grown(void *p, size_t *room, size_t n, size_t size, struct err *e)
{
	if (p && n < *room)
		return p;
	size_t more = *room ? *room * 2 : 64;
	void *q = reallocarray(p, more, size);
	if (q)
		*room = more;
	else
		(void)err_nomem(e);
	return q;
}

static char *join(const char *path, const char *name)
{
	return str_format("%s/%s", path, name);
}

static int note(struct diff *d, enum stack_change what, const char *path, struct err *e)
{
	struct change *more = grown(d->changes, &d->changes_room, d->n_changes, sizeof *more, e);
	if (!more)
		return -1;
	d->changes = more;
	char *copy = strdup(path);
	if (!copy)
		return err_nomem(e);
	d->changes[d->n_changes++] = (struct change){copy, what};
	return 0;
}

static int later(struct diff *d, const char *path, const struct view *from, const struct view *to,
	struct err *e)
{
	struct pending *more = grown(d->pending, &d->pending_room, d->n_pending, sizeof *more, e);
	if (!more)
		return -1;
	d->pending = more;
	struct pending p = {.path = strdup(path),
		.layers = calloc(from->n + to->n + 1, sizeof *p.layers),
		.n_from = from->n,
		.n_to = to->n};
	if (!p.path || !p.layers) {
		free(p.path);
		free(p.layers);
		return err_nomem(e);
	}
	memcpy(p.layers, from->fds, from->n * sizeof *p.layers);
	memcpy(p.layers + from->n, to->fds, to->n * sizeof *p.layers);
	d->pending[d->n_pending++] = p;
	return 0;
}

/* ---- reading directories ---- */

/* A directory however deep. -1: it is not there (any more). */
static int open_deep(int root_fd, const char *path)
{
	char part[PATH_MAX];
	int at = openat(root_fd, ".", OPEN_DIR);
	while (*path == '/')
		path++;
	while (at >= 0 && *path) {
		size_t n = strlen(path);
		if (n > PART_MAX)
			for (n = PART_MAX; path[n] != '/';)
				n--;
		memcpy(part, path, n);
		part[n] = '\0';
		int next = path_open_beneath(at, part, O_RDONLY | O_DIRECTORY, 0);
		fd_close(&at);
		at = next;
		path += n + (path[n] == '/');
	}
	return at;
}

static int open_view(const char *path, const int *layers, size_t n, struct view *ret, struct err *e)
{
	for (ret->n = 0; ret->n < n; ret->n++) {
		errno = 0;
		ret->fds[ret->n] = open_deep(layers[ret->n], path);
		if (ret->fds[ret->n] < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
			return err_sys(e, errno, "open '%.200s'", path);
	}
	return 0;
}

static void close_view(struct view *v)
{
	while (v->n)
		fd_close(&v->fds[--v->n]);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_names(int dir_fd, char ***names, size_t *n, size_t *room, struct err *e)
{
	int fd = dir_fd < 0 ? -1 : openat(dir_fd, ".", OPEN_DIR);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int r = 0;
	if (!dir) {
		fd_close(&fd);
		return 0; /* it is gone */
	}
	for (struct dirent *ent; r == 0 && (ent = readdir(dir));) {
		if (!strcmp(ent->d_name, ".") || !strcmp(ent->d_name, ".."))
			continue;
		char *copy = strdup(ent->d_name);
		char **more = copy ? grown(*names, room, *n, sizeof *more, e) : NULL;
		if (!more) {
			free(copy);
			r = err_nomem(e);
			break;
		}
		*names = more;
		more[(*n)++] = copy;
	}
	(void)closedir(dir);
	return r;
}

static void free_names(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

/* ---- one name ---- */

static bool is_opaque(int dir_fd, const char *name)
{
	char value[2];
	autofd int fd = openat(dir_fd, name, OPEN_DIR);
	return fd >= 0 && fgetxattr(fd, "trusted.overlay.opaque", value, sizeof value) == 1 &&
	       value[0] == 'y';
}

/* As overlayfs does it. `dirs` is the directory in each layer, `roots` names the layers. */
static int find(const struct view *dirs, const int *roots, const char *name, struct found *ret,
	struct err *e)
{
	ret->exists = false;
	ret->layers.n = 0;
	for (size_t i = 0; i < dirs->n; i++) {
		struct stat st;
		if (dirs->fds[i] < 0)
			continue;
		if (fstatat(dirs->fds[i], name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno == ENOENT)
				continue;
			return err_sys(e, errno, "look at '%s'", name);
		}
		if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0))
			break;
		if (ret->exists && !S_ISDIR(st.st_mode))
			break;
		if (!ret->exists) {
			ret->exists = true;
			ret->st = st;
			ret->dir_fd = dirs->fds[i];
			if (!S_ISDIR(st.st_mode))
				break;
		}
		ret->layers.fds[ret->layers.n++] = roots[i];
		if (is_opaque(dirs->fds[i], name))
			break;
	}
	return 0;
}

static bool same_content(int a, int b)
{
	autofree char *buffer = malloc((size_t)2 * BLOCK);
	if (!buffer)
		return false;
	for (off_t at = 0;;) {
		ssize_t n = pread(a, buffer, BLOCK, at), m = pread(b, buffer + BLOCK, BLOCK, at);
		if (n < 0 || n != m || memcmp(buffer, buffer + BLOCK, (size_t)n) != 0)
			return false;
		if (n == 0)
			return true;
		at += n;
	}
}

/* Every attribute of `a` that a zone can see is on `b` too; *n counts them. */
static bool has_xattrs_of(int a, int b, size_t *n)
{
	autofree char *list = malloc(XATTR_LIST_MAX + 2 * XATTR_SIZE_MAX);
	char *va = list ? list + XATTR_LIST_MAX : NULL, *vb = va ? va + XATTR_SIZE_MAX : NULL;
	ssize_t len = list ? flistxattr(a, list, XATTR_LIST_MAX) : -1;
	*n = 0;
	for (const char *name = list; len > 0 && name < list + len; name += strlen(name) + 1) {
		if (str_starts(name, "trusted.overlay.") &&
			!str_starts(name, "trusted.overlay.overlay."))
			continue;
		++*n;
		ssize_t na = fgetxattr(a, name, va, XATTR_SIZE_MAX);
		ssize_t nb = fgetxattr(b, name, vb, XATTR_SIZE_MAX);
		if (na != nb || (na > 0 && memcmp(va, vb, (size_t)na) != 0))
			return false;
	}
	return true;
}

static bool same_xattrs(int a, int b)
{
	size_t n, m;
	return has_xattrs_of(a, b, &n) && has_xattrs_of(b, a, &m) && n == m;
}

static bool same_link(const struct found *a, const struct found *b, const char *name)
{
	char ta[PATH_MAX], tb[PATH_MAX];
	ssize_t n = readlinkat(a->dir_fd, name, ta, sizeof ta);
	return n >= 0 && n == readlinkat(b->dir_fd, name, tb, sizeof tb) &&
	       !memcmp(ta, tb, (size_t)n);
}

/* Nobody could tell the two apart. A file that vanishes meanwhile counts as changed. */
static bool is_same(const struct found *a, const struct found *b, const char *name)
{
	const struct stat *x = &a->st, *y = &b->st;
	if (x->st_dev == y->st_dev && x->st_ino == y->st_ino)
		return true;
	if (x->st_mode != y->st_mode || x->st_uid != y->st_uid || x->st_gid != y->st_gid)
		return false;
	bool is_dir = S_ISDIR(x->st_mode), is_file = S_ISREG(x->st_mode);
	if (!is_dir && (x->st_mtim.tv_sec != y->st_mtim.tv_sec ||
			       x->st_mtim.tv_nsec != y->st_mtim.tv_nsec ||
			       x->st_size != y->st_size || x->st_rdev != y->st_rdev))
		return false;
	if (S_ISLNK(x->st_mode))
		return same_link(a, b, name);
	if (!is_dir && !is_file)
		return true;
	/* O_NONBLOCK: should a FIFO be here by now, it does not hold us. */
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	autofd int fa = openat(a->dir_fd, name, flags);
	autofd int fb = openat(b->dir_fd, name, flags);
	return fa >= 0 && fb >= 0 && same_xattrs(fa, fb) && (is_dir || same_content(fa, fb));
}

/* ---- the walk ---- */

static int compare_name(struct diff *d, const char *path, const char *name,
	const struct found *from, const struct found *to, struct err *e)
{
	autofree char *full = join(path, name);
	if (!full)
		return err_nomem(e);
	int r = 0;
	if (from->exists && !to->exists)
		r = note(d, STACK_DELETED, full, e);
	else if (!from->exists && to->exists)
		r = note(d, STACK_ADDED, full, e);
	else if (from->exists && !is_same(from, to, name))
		r = note(d, STACK_CHANGED, full, e);
	if (r == 0 && (from->layers.n || to->layers.n))
		r = later(d, full, &from->layers, &to->layers, e);
	return r;
}

/* Layers at the end of both lists that are the same: what is only in them is the same. */
static size_t common_tail(const struct pending *p)
{
	const int *from = p->layers, *to = p->layers + p->n_from;
	size_t n = 0;
	while (n < p->n_from && n < p->n_to && from[p->n_from - 1 - n] == to[p->n_to - 1 - n])
		n++;
	return n;
}

static int compare_names(struct diff *d, const struct pending *p, const struct view *from,
	const struct view *to, struct err *e)
{
	char **names = NULL;
	size_t n = 0, room = 0, tail = common_tail(p);
	autofree struct found *a = malloc(sizeof *a), *b = malloc(sizeof *b);
	int r = a && b ? 0 : err_nomem(e);
	for (size_t i = 0; r == 0 && i + tail < from->n; i++)
		r = add_names(from->fds[i], &names, &n, &room, e);
	for (size_t i = 0; r == 0 && i + tail < to->n; i++)
		r = add_names(to->fds[i], &names, &n, &room, e);
	if (r == 0 && n)
		qsort(names, n, sizeof *names, by_text);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (i && !strcmp(names[i], names[i - 1]))
			continue;
		r = find(from, p->layers, names[i], a, e);
		if (r == 0)
			r = find(to, p->layers + p->n_from, names[i], b, e);
		if (r == 0)
			r = compare_name(d, p->path, names[i], a, b, e);
	}
	free_names(names, n);
	return r;
}

static int compare_dir(struct diff *d, const struct pending *p, struct err *e)
{
	if (common_tail(p) == p->n_from && p->n_from == p->n_to)
		return 0;
	autofree struct view *from = malloc(sizeof *from), *to = malloc(sizeof *to);
	if (!from || !to)
		return err_nomem(e);
	from->n = to->n = 0;
	int r = open_view(p->path, p->layers, p->n_from, from, e);
	if (r == 0)
		r = open_view(p->path, p->layers + p->n_from, p->n_to, to, e);
	if (r == 0)
		r = compare_names(d, p, from, to, e);
	close_view(from);
	close_view(to);
	return r;
}

/* A directory is followed by what is in it. */
static int by_path(const void *a, const void *b)
{
	const unsigned char *p = (const void *)((const struct change *)a)->path;
	const unsigned char *q = (const void *)((const struct change *)b)->path;
	for (; *p && *p == *q; p++, q++)
		;
	return (*p == '/' ? 1 : *p ? *p + 1 : 0) - (*q == '/' ? 1 : *q ? *q + 1 : 0);
}

/* The root itself, which has no name in anything. */
static int compare_root(
	struct diff *d, const struct layer_stack *from, const struct layer_stack *to, struct err *e)
{
	struct found *a = calloc(2, sizeof *a);
	int r = 0;
	if (!a)
		return err_nomem(e);
	a[0].dir_fd = from->fds[0];
	a[1].dir_fd = to->fds[0];
	if (fstat(from->fds[0], &a[0].st) < 0 || fstat(to->fds[0], &a[1].st) < 0)
		r = err_sys(e, errno, "stat a layer");
	else if (!is_same(&a[0], &a[1], "."))
		r = note(d, STACK_CHANGED, "/", e);
	free(a);
	return r;
}

static int compare_all(
	struct diff *d, const struct layer_stack *from, const struct layer_stack *to, struct err *e)
{
	autofree struct view *a = malloc(sizeof *a), *b = malloc(sizeof *b);
	if (!a || !b)
		return err_nomem(e);
	a->n = from->n;
	b->n = to->n;
	memcpy(a->fds, from->fds, from->n * sizeof *a->fds);
	memcpy(b->fds, to->fds, to->n * sizeof *b->fds);
	int r = compare_root(d, from, to, e);
	if (r == 0)
		r = later(d, "", a, b, e);
	while (r == 0 && d->n_pending) {
		struct pending p = d->pending[--d->n_pending];
		r = compare_dir(d, &p, e);
		free(p.path);
		free(p.layers);
	}
	return r;
}

int stack_diff(const struct layer_stack *from, const struct layer_stack *to,
	int (*each)(void *arg, enum stack_change change, const char *path, struct err *e),
	void *arg, struct err *e)
{
	struct diff d = {0};
	if (!from->n || !to->n || from->n > LAYERS_MAX || to->n > LAYERS_MAX)
		return err_set(e, ERR_HOST, "%zu and %zu layers: 1 to %d can be compared", from->n,
			to->n, LAYERS_MAX);
	int r = compare_all(&d, from, to, e);
	if (r == 0 && d.n_changes)
		qsort(d.changes, d.n_changes, sizeof *d.changes, by_path);
	for (size_t i = 0; r == 0 && i < d.n_changes; i++)
		r = each(arg, d.changes[i].what, d.changes[i].path, e);
	for (size_t i = 0; i < d.n_changes; i++)
		free(d.changes[i].path);
	for (size_t i = 0; i < d.n_pending; i++) {
		free(d.pending[i].path);
		free(d.pending[i].layers);
	}
	free(d.changes);
	free(d.pending);
	return r < 0 ? err_at(e, "diff", NULL) : r;
}
