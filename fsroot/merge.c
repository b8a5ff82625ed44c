#include "fsroot/merge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "fsroot/copy_file.h"
#include "fsroot/walk.h"

#define OPAQUE "trusted.overlay.opaque"
#define ORIGIN "trusted.overlay.origin"
#define DEFAULT_ACL "system.posix_acl_default"

enum {
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
};

/* The walk over one layer. In its frames: `existed`, the result had this directory already;
 * `flag`, a whiteout was put into it; `data`, its default ACL, which must not act on what we make.
 */
struct pass {
	struct copy_job job;
	bool link, is_uppermost;
	bool drop_whiteouts; /* nothing is beneath this layer */
	bool has_marks;
};

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/* 1, 0, -1 + errno. */
static int is_opaque(int dir_fd)
{
	char value[2];
	ssize_t n = fgetxattr(dir_fd, OPAQUE, value, sizeof value);
	if (n < 0)
		return errno == ENODATA || errno == EOPNOTSUPP || errno == ERANGE ? 0 : -1;
	return n == 1 && value[0] == 'y';
}

static int set_opaque(struct pass *p, int dir_fd)
{
	p->has_marks = true;
	return fsetxattr(dir_fd, OPAQUE, "y", 1, 0);
}

/* The result has a directory here and this layer something else: that ends it for all beneath. */
static int close_below(struct pass *p, int dir_fd, const char *name)
{
	struct stat st;
	autofd int fd = openat(dir_fd, name, OPEN_DIR);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	return set_opaque(p, fd);
}

/* 1: `name` of this layer is hidden, or was dealt with; 0: it is to be taken. */
static int is_hidden(struct pass *p, const struct walk_dir *d, const char *name,
	const struct stat *st, const char *path, struct err *e)
{
	struct stat there;
	if (!d->existed)
		return 0;
	if (fstatat(d->dst_fd, name, &there, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "look at '%s'", path);
	if (!S_ISDIR(there.st_mode))
		return 1;
	if (S_ISDIR(st->st_mode))
		return 0;
	return close_below(p, d->dst_fd, name) < 0 ? err_sys(e, errno, "mark '%s'", path) : 1;
}

static int take(struct pass *p, const struct walk_dir *d, const char *name, const struct stat *st,
	const char *path, struct err *e)
{
	if (p->link && linkat(d->src_fd, name, d->dst_fd, name, 0) == 0)
		return 0;
	if (p->link && errno != EMLINK && errno != EXDEV && errno != EPERM)
		return err_sys(e, errno, "link '%s'", path);
	return copy_object(&p->job, d->src_fd, d->dst_fd, name, st, path, e);
}

static int merge_entry(struct walk *w, struct walk_dir *d, const char *name, struct err *e)
{
	struct pass *p = w->arg;
	char path[WALK_PATH_SIZE];
	struct stat st;
	walk_path(w, name, path);
	if (fstatat(d->src_fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
		return err_sys(e, errno, "look at '%s'", path);
	int hidden = is_hidden(p, d, name, &st, path, e);
	if (hidden)
		return hidden < 0 ? -1 : 0;
	if (S_ISDIR(st.st_mode))
		return walk_later(d, name, e);
	if (is_whiteout(&st)) {
		if (p->drop_whiteouts)
			return 0;
		d->flag = p->has_marks = true;
	}
	if (copy_count(&p->job, &st, path, e) < 0)
		return -1;
	return take(p, d, name, &st, path, e);
}

/* What is made in a directory with a default ACL would inherit it. */
static int lift_default_acl(struct walk_dir *d)
{
	ssize_t n = fgetxattr(d->dst_fd, DEFAULT_ACL, NULL, 0);
	if (n <= 0)
		return n == 0 || errno == ENODATA || errno == EOPNOTSUPP ? 0 : -1;
	d->data = malloc((size_t)n);
	if (!d->data || fgetxattr(d->dst_fd, DEFAULT_ACL, d->data, (size_t)n) != n)
		return -1;
	d->data_len = (size_t)n;
	return fremovexattr(d->dst_fd, DEFAULT_ACL);
}

static int merge_enter(struct walk *w, const struct walk_dir *parent, const char *name,
	struct walk_dir *d, struct err *e)
{
	struct pass *p = w->arg;
	char path[WALK_PATH_SIZE];
	walk_path(w, name, path);
	d->src_fd = openat(parent->src_fd, name, OPEN_DIR);
	if (d->src_fd < 0)
		return err_sys(e, errno, "open '%s'", path);
	int opaque = is_opaque(d->src_fd);
	if (opaque < 0)
		return err_sys(e, errno, "read the marks of '%s'", path);
	if (mkdirat(parent->dst_fd, name, 0700) == 0) {
		p->job.result->entries++;
		p->has_marks |= opaque;
	} else if (errno == EEXIST && parent->existed) {
		d->existed = true;
	} else {
		return err_sys(e, errno, "make directory '%s'", path);
	}
	d->dst_fd = openat(parent->dst_fd, name, OPEN_DIR);
	if (d->dst_fd < 0)
		return err_sys(e, errno, "open directory '%s'", path);
	if (!d->existed)
		return 0;
	int closed = is_opaque(d->dst_fd);
	if (closed)
		return closed < 0 ? err_sys(e, errno, "read the marks of '%s'", path) : 1;
	if (lift_default_acl(d) < 0 || (opaque && set_opaque(p, d->dst_fd) < 0))
		return err_sys(e, errno, "merge directory '%s'", path);
	return 0;
}

static int merge_begin(struct walk *w, struct walk_dir *d, struct err *e)
{
	const struct pass *p = w->arg;
	d->existed = !p->is_uppermost;
	return d->existed && lift_default_acl(d) < 0 ? err_sys(e, errno, "merge") : 0;
}

static int merge_leave(struct walk *w, struct walk_dir *d, struct err *e)
{
	struct pass *p = w->arg;
	char path[WALK_PATH_SIZE];
	walk_path(w, NULL, path);
	if (w->n == 1 && copy_links_end(&p->job, e) < 0)
		return -1;
	if (!d->existed) {
		if (copy_attributes(&p->job, d->src_fd, d->dst_fd, &d->src, path, e) < 0)
			return -1;
		/* No overlay looks at a mark of a layer's root. */
		if (w->n == 1 && fremovexattr(d->dst_fd, OPAQUE) < 0 && errno != ENODATA &&
			errno != EOPNOTSUPP)
			return err_sys(e, errno, "merge '%s'", path);
	}
	/* Tells the kernel to hide whiteouts in it even if there is nothing beneath. */
	if (d->flag && fsetxattr(d->dst_fd, ORIGIN, "", 0, 0) < 0)
		return err_sys(e, errno, "mark '%s'", path);
	if (!d->existed)
		return 0;
	const struct timespec times[2] = {d->dst.st_atim, d->dst.st_mtim};
	if ((d->data && fsetxattr(d->dst_fd, DEFAULT_ACL, d->data, d->data_len, 0) < 0) ||
		futimens(d->dst_fd, times) < 0)
		return err_sys(e, errno, "set the attributes of '%s'", path);
	return 0;
}

/* ---- marks that act on nothing ---- */

struct strip {
	bool all; /* else: only what is in opaque directories */
};

static int strip_begin(struct walk *w, struct walk_dir *d, struct err *e)
{
	(void)e;
	d->flag = ((const struct strip *)w->arg)->all;
	return 0;
}

static int strip_entry(struct walk *w, struct walk_dir *d, const char *name, struct err *e)
{
	struct stat st;
	char path[WALK_PATH_SIZE];
	if (fstatat(d->src_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "look at '%s'", walk_path(w, name, path));
	if (S_ISDIR(st.st_mode))
		return walk_later(d, name, e);
	if (!d->flag || !is_whiteout(&st))
		return 0;
	d->changed = true;
	if (unlinkat(d->src_fd, name, 0) < 0)
		return err_sys(e, errno, "remove whiteout '%s'", walk_path(w, name, path));
	return 0;
}

static int strip_enter(struct walk *w, const struct walk_dir *parent, const char *name,
	struct walk_dir *d, struct err *e)
{
	char path[WALK_PATH_SIZE];
	d->src_fd = openat(parent->src_fd, name, OPEN_DIR);
	int opaque = d->src_fd < 0 ? -1 : is_opaque(d->src_fd);
	if (opaque < 0)
		return err_sys(e, errno, "open '%s'", walk_path(w, name, path));
	d->flag = parent->flag || opaque;
	return 0;
}

static int drop_mark(int fd, const char *name)
{
	return fremovexattr(fd, name) < 0 && errno != ENODATA && errno != EOPNOTSUPP ? -1 : 0;
}

static int strip_leave(struct walk *w, struct walk_dir *d, struct err *e)
{
	const struct strip *s = w->arg;
	char path[WALK_PATH_SIZE];
	const struct timespec times[2] = {d->src.st_atim, d->src.st_mtim};
	if (!d->flag)
		return 0;
	if (drop_mark(d->src_fd, ORIGIN) < 0 || (s->all && drop_mark(d->src_fd, OPAQUE) < 0) ||
		(d->changed && futimens(d->src_fd, times) < 0))
		return err_sys(e, errno, "clear the marks of '%s'", walk_path(w, NULL, path));
	return 0;
}

static int strip_marks(int dir_fd, bool keep_marks, struct err *e)
{
	static const struct walk_ops ops = {strip_entry, strip_enter, strip_leave, NULL};
	struct strip s = {.all = !keep_marks};
	struct walk w = {.ops = &ops, .arg = &s};
	return walk_trees(&w, dir_fd, -1, strip_begin, e);
}

int merge_layers(const int *layer_fds, size_t n, int dst_dir_fd, const struct merge_options *o,
	struct copy_result *ret, struct err *e)
{
	static const struct walk_ops ops = {merge_entry, merge_enter, merge_leave, NULL};
	const struct copy_options copy = {
		.keep_overlay_marks = true,
		.tick = o->tick,
		.tick_arg = o->tick_arg,
	};
	struct copy_result result = {0};
	bool has_marks = false;
	for (size_t i = 0; i < n; i++) {
		struct pass p = {
			.job = {.options = &copy,
				.result = &result,
				.root_fd = dst_dir_fd,
				.links_fd = -1},
			.link = o->link_from && o->link_from[i],
			.is_uppermost = i == 0,
			.drop_whiteouts = i == n - 1 && !o->keep_marks,
		};
		struct walk w = {.ops = &ops, .arg = &p};
		int r = walk_trees(&w, layer_fds[i], dst_dir_fd, merge_begin, e);
		fd_close(&p.job.links_fd);
		if (r < 0)
			return err_at(e, "merge", NULL);
		has_marks |= p.has_marks;
	}
	if (has_marks && strip_marks(dst_dir_fd, o->keep_marks, e) < 0)
		return err_at(e, "merge", NULL);
	if (syncfs(dst_dir_fd) < 0) {
		err_sys(e, errno, "cannot write the merged layer to disk");
		return err_at(e, "merge", NULL);
	}
	if (ret)
		*ret = result;
	return 0;
}
