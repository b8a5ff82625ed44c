#include "fsroot/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "fsroot/copy_file.h"
#include "fsroot/walk.h"

struct copying {
	struct copy_job job;
	uint64_t mount_id;
};

static int is_same_mount(
	const struct copying *c, int dir_fd, const char *name, bool *ret, struct err *e)
{
	struct statx stx;
	if (statx(dir_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_MNT_ID, &stx) < 0)
		return err_sys(e, errno, "cannot look at '%s'", name);
	*ret = stx.stx_mnt_id == c->mount_id;
	return 0;
}

static int copy_entry(struct walk *w, struct walk_dir *d, const char *name, struct err *e)
{
	struct copying *c = w->arg;
	char path[WALK_PATH_SIZE];
	struct stat st;
	walk_path(w, name, path);
	if (fstatat(d->src_fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0) {
		if (errno == ENOENT)
			return err_set(e, ERR_FAILED, "'%s' vanished while it was copied", path);
		return err_sys(e, errno, "cannot look at '%s'", path);
	}
	bool same_mount = false;
	if (copy_count(&c->job, &st, path, e) < 0 ||
		is_same_mount(c, d->src_fd, name, &same_mount, e) < 0)
		return -1;
	if (!same_mount) {
		c->job.result->skipped_mounts++;
		/* The mount point is part of the tree, what is mounted there is not. */
		if (S_ISDIR(st.st_mode) && mkdirat(d->dst_fd, name, 0755) < 0)
			return err_sys(e, errno, "make '%s'", path);
		return 0;
	}
	if (S_ISDIR(st.st_mode))
		return walk_later(d, name, e);
	return copy_object(&c->job, d->src_fd, d->dst_fd, name, &st, path, e);
}

/* Seen and counted before. */
static int is_later(struct walk *w, struct walk_dir *d, const char *name, struct err *e)
{
	struct stat st;
	bool same_mount = false;
	if (fstatat(d->src_fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
		return err_sys(e, errno, "cannot look at '%s'", name);
	if (!S_ISDIR(st.st_mode))
		return 0;
	return is_same_mount(w->arg, d->src_fd, name, &same_mount, e) < 0 ? -1 : same_mount;
}

static int enter(struct walk *w, const struct walk_dir *parent, const char *name,
	struct walk_dir *d, struct err *e)
{
	char path[WALK_PATH_SIZE];
	walk_path(w, name, path);
	d->src_fd = openat(parent->src_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d->src_fd < 0)
		return err_sys(e, errno, "'%s' changed while it was copied", path);
	if (mkdirat(parent->dst_fd, name, 0700) < 0)
		return err_sys(e, errno, "make directory '%s'", path);
	d->dst_fd = openat(parent->dst_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return d->dst_fd < 0 ? err_sys(e, errno, "open directory '%s'", path) : 0;
}

static int leave(struct walk *w, struct walk_dir *d, struct err *e)
{
	struct copying *c = w->arg;
	char path[WALK_PATH_SIZE];
	if (w->n == 1 && copy_links_end(&c->job, e) < 0)
		return -1;
	return copy_attributes(&c->job, d->src_fd, d->dst_fd, &d->src, walk_path(w, NULL, path), e);
}

int copy_tree(int src_dir_fd, int dst_dir_fd, const struct copy_options *options,
	struct copy_result *ret, struct err *e)
{
	static const struct copy_options none;
	static const struct walk_ops ops = {copy_entry, enter, leave, is_later};
	struct copy_result result = {0};
	struct statx stx;
	struct copying c = {
		.job = {.options = options ? options : &none,
			.result = &result,
			.root_fd = dst_dir_fd,
			.links_fd = -1},
	};
	struct walk w = {.ops = &ops, .arg = &c};
	int r = -1;
	if (statx(src_dir_fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0) {
		err_sys(e, errno, "cannot look at the directory to copy");
	} else {
		c.mount_id = stx.stx_mnt_id;
		r = walk_trees(&w, src_dir_fd, dst_dir_fd, NULL, e);
	}
	fd_close(&c.job.links_fd);
	if (r < 0)
		return err_at(e, "copy", NULL);
	if (!c.job.options->no_sync && syncfs(dst_dir_fd) < 0) {
		err_sys(e, errno, "cannot write the copy to disk");
		return err_at(e, "copy", NULL);
	}
	if (ret)
		*ret = result;
	return 0;
}
