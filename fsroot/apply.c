/* ZONE SIDE: no malloc, no stdio (base/fault.h). */
#include "fsroot/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/defence.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/sys.h"

enum {
	PATH_ROOM = 4096,
	OLD_ROOTS_MAX = 64,
};

static int open_strict(int root_fd, const char *path, int flags)
{
	/* S06 is the zone's own /dev hiding the image's; behind it this stands as well. */
	if (defence_is_off("S09") || defence_is_off("S06"))
		return openat(root_fd, path + strspn(path, "/"), flags | O_CLOEXEC);
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};
	return sys_openat2(root_fd, path, &how);
}

/* Directory part of an absolute path into `dir` ("/" at least), and the last component. */
static const char *split_path(const char *path, char dir[PATH_ROOM])
{
	const char *base = strrchr(path, '/');
	base = base ? base + 1 : path;
	size_t n = (size_t)(base - path);
	if (n >= PATH_ROOM)
		n = PATH_ROOM - 1;
	memcpy(dir, path, n);
	dir[n] = '\0';
	return base;
}

/* The missing parents of a strict target: they may not be links either. */
static int open_parent(int root_fd, const struct mount_op *op, const char **ret_name)
{
	char dir[PATH_ROOM];
	*ret_name = split_path(op->target, dir);
	if (op->flags & MOUNT_OP_STRICT)
		return open_strict(root_fd, dir[0] ? dir : "/", O_PATH | O_DIRECTORY);
	return path_mkdirs_in(root_fd, dir, 0755);
}

/* Make the missing target beneath its parent's descriptor, then look it up again by the rules. */
static int make_target(int root_fd, const struct mount_op *op)
{
	const char *name;
	autofd int parent = open_parent(root_fd, op, &name);
	if (parent < 0)
		return -1;
	if (op->flags & MOUNT_OP_MAKE_DIR) {
		if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
			return -1;
	} else {
		int fd = openat(
			parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
		if (fd < 0 && errno != EEXIST)
			return -1;
		fd_close(&fd);
	}
	return openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

static int check_target(int fd, const struct mount_op *op, struct fault *f)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return fault_set(f, op->target);
	if ((op->flags & MOUNT_OP_MAKE_DIR) && !S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return fault_set_hint(f, op->target, FAULT_HINT_NOT_DIRECTORY);
	}
	if ((op->flags & MOUNT_OP_MAKE_FILE) && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return fault_set(f, op->target);
	}
	if (S_ISLNK(st.st_mode)) {
		errno = ELOOP;
		return fault_set(f, op->target);
	}
	if (op->flags & MOUNT_OP_STRICT)
		return 0;
	/* A volume's target that the image leads into a kernel file system by a link. */
	struct statfs fs;
	if (fstatfs(fd, &fs) < 0)
		return fault_set(f, op->target);
	if (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC) {
		errno = ELOOP;
		return fault_set_hint(f, op->target, FAULT_HINT_NOT_DIRECTORY);
	}
	return 0;
}

/* O_PATH fd of the target in *ret; -1 there and result 0 when an optional target is not there. */
static int open_target(int root_fd, const struct mount_op *op, int *ret, struct fault *f)
{
	bool strict = op->flags & MOUNT_OP_STRICT;
	autofd int fd = strict ? open_strict(root_fd, op->target, O_PATH)
			       : path_open_in(root_fd, op->target, O_PATH, 0);
	if (fd < 0 && errno == ENOENT && (op->flags & (MOUNT_OP_MAKE_DIR | MOUNT_OP_MAKE_FILE)))
		fd = make_target(root_fd, op);
	if (fd < 0) {
		bool absent = errno == ENOENT || errno == ENOTDIR || errno == EROFS;
		if (absent && (op->flags & MOUNT_OP_OPTIONAL))
			return 0;
		bool no_dir = strict && (errno == ELOOP || errno == ENOTDIR);
		return fault_set_hint(
			f, op->target, no_dir ? FAULT_HINT_NOT_DIRECTORY : FAULT_HINT_NONE);
	}
	if (check_target(fd, op, f) < 0)
		return -1;
	*ret = fd_steal(&fd);
	return 0;
}

static int attach_on(int tree_fd, int target_fd, const struct mount_op *op, struct fault *f)
{
	if (tree_attach(tree_fd, target_fd, "") < 0)
		return fault_set_hint(
			f, op->target, errno == ENOSPC ? FAULT_HINT_MOUNT_LIMIT : FAULT_HINT_NONE);
	return 0;
}

/* The object of a fault that the kernel explained: "/sys: sysfs: reason". */
static int fault_with_reason(struct fault *f, const char *target, const char *reason)
{
	char text[sizeof f->object];
	size_t n = strnlen(target, sizeof text - 1), r = strlen(reason);
	memcpy(text, target, n);
	if (r && n + 3 < sizeof text) {
		memcpy(text + n, ": ", 2);
		n += 2;
		if (r > sizeof text - 1 - n)
			r = sizeof text - 1 - n;
		memcpy(text + n, reason, r);
		n += r;
	}
	text[n] = '\0';
	return fault_set_hint(f, text, errno == ENOSPC ? FAULT_HINT_MOUNT_LIMIT : FAULT_HINT_NONE);
}

static int new_fs(const struct mount_op *op, struct fault *f)
{
	char reason[128];
	int tree = tree_new_fs(
		op->fstype, op->options, op->n_options, op->attr_set, reason, sizeof reason);
	return tree < 0 ? fault_with_reason(f, op->target, reason) : tree;
}

int apply_prepare(const struct apply_plan *plan, const char *only, struct fault *f)
{
	int *made = plan->made->fds;
	for (size_t i = 0; i < plan->n_ops && i < APPLY_MADE_MAX; i++) {
		const struct mount_op *op = &plan->ops[i];
		/* An optional one has perhaps no place to be, and is not to fail then. */
		if (op->kind != MOUNT_OP_NEW_FS || op->flags & MOUNT_OP_OPTIONAL || made[i] >= 0 ||
			(only && strcmp(op->target, only) != 0))
			continue;
		if ((made[i] = new_fs(op, f)) < 0)
			return -1;
	}
	return 0;
}

int apply_prepared(const struct apply_plan *plan, const char *target)
{
	for (size_t i = 0; i < plan->n_ops && i < APPLY_MADE_MAX; i++)
		if (plan->made->fds[i] >= 0 && !strcmp(plan->ops[i].target, target))
			return plan->made->fds[i];
	return -1;
}

static int op_new_fs(
	const struct apply_plan *plan, const struct mount_op *op, int target_fd, struct fault *f)
{
	size_t i = (size_t)(op - plan->ops);
	int *made = plan->made && i < APPLY_MADE_MAX ? &plan->made->fds[i] : NULL;
	autofd int tree = made && *made >= 0 ? fd_steal(made) : new_fs(op, f);
	return tree < 0 ? -1 : attach_on(tree, target_fd, op, f);
}

static int op_self(const struct mount_op *op, int target_fd, struct fault *f)
{
	bool recursive = op->flags & MOUNT_OP_RECURSIVE;
	autofd int tree = tree_clone_with(target_fd, "", recursive, op->attr_set, op->attr_clr);
	if (tree < 0)
		return fault_set(f, op->target);
	return attach_on(tree, target_fd, op, f);
}

/* S05: what covers is ours, never something of the zone's /dev. */
static int op_mask(
	const struct apply_plan *plan, const struct mount_op *op, int target_fd, struct fault *f)
{
	struct stat st;
	if (fstat(target_fd, &st) < 0)
		return fault_set(f, op->target);
	const char *with = S_ISDIR(st.st_mode) ? "dir" : "file";
	autofd int tree =
		defence_is_off("S05") && S_ISREG(st.st_mode)
			? tree_clone_with(plan->fds[MOUNT_SLOT_ROOT], "dev/null", false,
				  MOUNT_ATTR_RDONLY, 0)
			: tree_clone_with(plan->fds[op->slot], with, false, MOUNT_ATTR_RDONLY, 0);
	if (tree < 0)
		return fault_set(f, op->target);
	return attach_on(tree, target_fd, op, f);
}

static int op_symlink(const struct mount_op *op, int root_fd, struct fault *f)
{
	const char *name;
	autofd int parent = open_parent(root_fd, op, &name);
	if (parent < 0 || (symlinkat(op->options[0].value, parent, name) < 0 && errno != EEXIST))
		return fault_set(f, op->target);
	return 0;
}

static int op_attach(
	const struct apply_plan *plan, const struct mount_op *op, int target_fd, struct fault *f)
{
	int tree = plan->fds[op->slot];
	if (attach_on(tree, target_fd, op, f) < 0)
		return -1;
	/* Only now is it a mount of this namespace, whose flags are ours to change. */
	if ((op->attr_set || op->attr_clr) && tree_set_attrs(tree, op->flags & MOUNT_OP_RECURSIVE,
						      op->attr_set, op->attr_clr) < 0)
		return fault_set(f, op->target);
	return 0;
}

static int slot_fd(const struct apply_plan *plan, unsigned slot)
{
	return slot < plan->n_fds ? plan->fds[slot] : -1;
}

static int apply_op(const struct apply_plan *plan, const struct mount_op *op, struct fault *f)
{
	int root_fd = plan->fds[MOUNT_SLOT_ROOT];
	bool needs_slot = op->kind == MOUNT_OP_ATTACH || op->kind == MOUNT_OP_MASK;
	if (needs_slot && slot_fd(plan, op->slot) < 0) {
		errno = EBADF;
		return fault_set(f, op->target);
	}
	if (op->kind == MOUNT_OP_SYMLINK)
		return op_symlink(op, root_fd, f);
	autofd int target = -1;
	if (open_target(root_fd, op, &target, f) < 0)
		return -1;
	if (target < 0)
		return 0;
	switch (op->kind) {
	case MOUNT_OP_ATTACH:
		return op_attach(plan, op, target, f);
	case MOUNT_OP_NEW_FS:
		return op_new_fs(plan, op, target, f);
	case MOUNT_OP_SELF:
		return op_self(op, target, f);
	case MOUNT_OP_MASK:
		return op_mask(plan, op, target, f);
	case MOUNT_OP_SET_ATTRS:
		if (tree_set_attrs(
			    target, op->flags & MOUNT_OP_RECURSIVE, op->attr_set, op->attr_clr) < 0)
			return fault_set(f, op->target);
		return 0;
	case MOUNT_OP_SYMLINK:
		break;
	}
	return 0;
}

int apply_mounts(const struct apply_plan *plan, struct fault *f)
{
	int root_fd = slot_fd(plan, MOUNT_SLOT_ROOT), mask_fd = slot_fd(plan, MOUNT_SLOT_MASK);
	if (root_fd < 0) {
		errno = EBADF;
		return fault_set(f, "/");
	}
	if (tree_make_private() < 0)
		return fault_set(f, "mount propagation");
	if (tree_attach_anywhere(root_fd) < 0)
		return fault_set(f, "/");
	/* On top of the root for as long as parts of it are cloned: Linux before 6.15 clones
	 * attached mounts only. Every target is looked up from root_fd, which this does not cover.
	 */
	if (mask_fd >= 0 && tree_attach_anywhere(mask_fd) < 0)
		return fault_set(f, "mask");
	for (size_t i = 0; i < plan->n_ops; i++) {
		const struct mount_op *op = &plan->ops[i];
		if (op->kind == MOUNT_OP_ATTACH && op->slot == MOUNT_SLOT_ROOT)
			continue; /* done */
		if (op->slot == MOUNT_SLOT_DEV && defence_is_off("S06"))
			continue;
		if (op->kind == MOUNT_OP_MASK && defence_is_off("S36"))
			continue;
		if (apply_op(plan, op, f) < 0)
			return -1;
	}
	if (mask_fd >= 0 && (fchdir(mask_fd) < 0 || umount2(".", MNT_DETACH) < 0))
		return fault_set(f, "mask");
	return 0;
}

/* A pty of exactly our devpts: the descriptor is checked, not the name (S06). */
static int open_pty(int root_fd, struct apply_console *ret, struct fault *f)
{
	autofd int master = open_strict(root_fd, "/dev/pts/ptmx", O_RDWR | O_NOCTTY);
	struct statfs fs;
	if (master < 0 || fstatfs(master, &fs) < 0)
		return fault_set(f, "/dev/pts/ptmx");
	if (fs.f_type != DEVPTS_SUPER_MAGIC) {
		errno = ENXIO;
		return fault_set(f, "/dev/pts/ptmx");
	}
	int unlock = 0;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return fault_set(f, "/dev/pts/ptmx");
	autofd int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return fault_set(f, "/dev/pts/ptmx");
	ret->master_fd = fd_steal(&master);
	ret->slave_fd = fd_steal(&slave);
	return 0;
}

int apply_console(int root_fd, uint32_t tty_gid, struct apply_console *ret, struct fault *f)
{
	struct apply_console c = {-1, -1};
	if (open_pty(root_fd, &c, f) < 0)
		return -1;
	autofd int master = c.master_fd, slave = c.slave_fd;
	if (fchown(slave, 0, tty_gid) < 0 || fchmod(slave, 0620) < 0)
		return fault_set(f, "/dev/console");
	autofd int tree = tree_clone(slave, "", false);
	autofd int target = open_strict(root_fd, "/dev/console", O_PATH | O_NOFOLLOW);
	if (tree < 0 || target < 0 || tree_attach(tree, target, "") < 0)
		return fault_set(f, "/dev/console");
	ret->master_fd = fd_steal(&master);
	ret->slave_fd = fd_steal(&slave);
	return 0;
}

/* Is anything still mounted on top of our root? "/.." leads from the root to the topmost mount on
 * it; 1, 0, or -1 with errno. */
static int is_covered(int root_fd)
{
	struct statx root, top;
	if (statx(root_fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &root) < 0 ||
		statx(AT_FDCWD, "/..", AT_NO_AUTOMOUNT, STATX_MNT_ID, &top) < 0)
		return -1;
	if (!(root.stx_mask & top.stx_mask & STATX_MNT_ID)) {
		errno = ENOSYS;
		return -1;
	}
	return root.stx_mnt_id != top.stx_mnt_id;
}

/* pivot_root(2), "pivot_root(".", ".")": the old root lands on top of the new one and is taken off
 * there with everything below it. What may have been stacked on the old root lies on top of it and
 * comes off first. The host is gone when nothing covers our root any more, and not before. */
static int drop_old_root(int root_fd, struct fault *f)
{
	int covered = 1;
	for (int i = 0; covered > 0 && i < OLD_ROOTS_MAX; i++) {
		if (umount2(".", MNT_DETACH) < 0)
			return fault_set(f, "old root");
		covered = is_covered(root_fd);
	}
	if (covered == 0)
		return 0;
	if (covered > 0)
		errno = EBUSY;
	return fault_set(f, "old root");
}

int apply_pivot(int root_fd, struct fault *f)
{
	if (fchdir(root_fd) < 0)
		return fault_set(f, "/");
	if (sys_pivot_root(".", ".") < 0)
		return fault_set(f, "pivot_root");
	if (drop_old_root(root_fd, f) < 0)
		return -1;
	if (chdir("/") < 0)
		return fault_set(f, "/");
	return 0;
}
