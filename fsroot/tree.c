#include "fsroot/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/defence.h"
#include "base/fd.h"

enum {
	REASON_MAX = 512
}; /* the kernel's messages are one line */

void tree_read_reason(int fs_fd, char *reason, size_t size)
{
	if (!reason || !size)
		return;
	reason[0] = '\0';
	int saved = errno;
	/* One message per read; "e " is an error, "w " a warning, "i " information. Errors win. */
	char line[REASON_MAX], kind = 0;
	ssize_t n;
	while ((n = read(fs_fd, line, sizeof line - 1)) > 0) {
		size_t len = (size_t)n;
		while (len && line[len - 1] == '\n')
			len--;
		if (len < 3 || line[1] != ' ' || (kind == 'e' && line[0] != 'e'))
			continue;
		kind = line[0];
		size_t text = len - 2 < size - 1 ? len - 2 : size - 1;
		memcpy(reason, line + 2, text);
		reason[text] = '\0';
	}
	errno = saved;
}

static int fs_set_option(int fs_fd, const struct tree_option *o)
{
	return o->value ? fsconfig(fs_fd, FSCONFIG_SET_STRING, o->key, o->value, 0)
			: fsconfig(fs_fd, FSCONFIG_SET_FLAG, o->key, NULL, 0);
}

int tree_new_fs(const char *fstype, const struct tree_option *options, size_t n_options,
	uint64_t attrs, char *reason, size_t reason_size)
{
	if (reason && reason_size)
		reason[0] = '\0';
	autofd int fs_fd = fsopen(fstype, FSOPEN_CLOEXEC);
	if (fs_fd < 0)
		return -1;
	for (size_t i = 0; i < n_options; i++)
		if (fs_set_option(fs_fd, &options[i]) < 0)
			goto failed;
	if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		goto failed;
	int mount_fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, (unsigned)attrs);
	if (mount_fd < 0)
		goto failed;
	return mount_fd;
failed:
	tree_read_reason(fs_fd, reason, reason_size);
	return -1;
}

int tree_new_fs_err(const char *fstype, const struct tree_option *options, size_t n_options,
	uint64_t attrs, struct err *e)
{
	char reason[REASON_MAX];
	int fd = tree_new_fs(fstype, options, n_options, attrs, reason, sizeof reason);
	if (fd >= 0)
		return fd;
	int errnum = errno;
	if (errnum == ENODEV)
		return err_set(e, ERR_HOST, "this kernel has no file system '%s'", fstype);
	if (errnum == ENOSPC && !reason[0]) {
		err_sys(e, errnum, "cannot make a %s", fstype);
		return err_hint(e, "sysctl fs.mount-max may be reached");
	}
	return reason[0] ? err_sys(e, errnum, "cannot make a %s: %s", fstype, reason)
			 : err_sys(e, errnum, "cannot make a %s", fstype);
}

int tree_clone(int dirfd, const char *path, bool recursive)
{
	return tree_clone_with(dirfd, path, recursive, 0, 0);
}

int tree_clone_with(
	int dirfd, const char *path, bool recursive, uint64_t attr_set, uint64_t attr_clr)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW;
	if (recursive)
		flags |= AT_RECURSIVE;
	if (!path[0])
		flags |= AT_EMPTY_PATH;
	autofd int tree = open_tree(dirfd, path, flags);
	if (tree < 0)
		return -1;
	/* The copy of a shared mount is a peer of it: what is attached on the copy would appear on
	 * the host (R1). */
	struct mount_attr attr = {
		.attr_set = attr_set, .attr_clr = attr_clr, .propagation = MS_PRIVATE};
	flags = AT_EMPTY_PATH | (recursive ? (unsigned)AT_RECURSIVE : 0);
	if (mount_setattr(tree, "", flags, &attr, sizeof attr) < 0)
		return -1;
	return fd_steal(&tree);
}

int tree_clone_peer(int fd)
{
	return open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
}

int tree_set_propagation(int tree_fd, uint64_t how)
{
	struct mount_attr attr = {.propagation = how};
	return mount_setattr(tree_fd, "", AT_EMPTY_PATH, &attr, sizeof attr);
}

int tree_set_attrs(int tree_fd, bool recursive, uint64_t attr_set, uint64_t attr_clr)
{
	struct mount_attr attr = {.attr_set = attr_set, .attr_clr = attr_clr};
	unsigned flags = AT_EMPTY_PATH | (recursive ? (unsigned)AT_RECURSIVE : 0);
	return mount_setattr(tree_fd, "", flags, &attr, sizeof attr);
}

int tree_idmap(int tree_fd, int userns_fd, uint64_t attr_set, uint64_t attr_clr, struct err *e)
{
	struct mount_attr attr = {
		.attr_set = attr_set | MOUNT_ATTR_IDMAP,
		.attr_clr = attr_clr,
		.userns_fd = (unsigned)userns_fd,
	};
	if (mount_setattr(tree_fd, "", AT_EMPTY_PATH, &attr, sizeof attr) == 0)
		return 0;
	int errnum = errno;
	char name[24];
	if (defence_is_off("S22"))
		return 0;
	if (errnum != EINVAL)
		return err_sys(e, errnum, "cannot map ids of a mount");
	/* The kernel has one errno for all of it; by far the most common cause is the file system.
	 */
	err_set(e, ERR_HOST, "the file system '%s' cannot map ids (mount_setattr: EINVAL)",
		tree_fs_name(tree_fd, name));
	return err_hint(e, "use ext4, xfs or btrfs; 'cella host check' tests the directory");
}

int tree_attach(int tree_fd, int dirfd, const char *path)
{
	unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (path[0] ? 0U : MOVE_MOUNT_T_EMPTY_PATH);
	return move_mount(tree_fd, "", dirfd, path, flags);
}

int tree_attach_anywhere(int tree_fd)
{
	/* A mount on top of the process's root is never walked into: absolute names start at
	 * fs->root, which is the mount below it. So nothing is hidden, and no directory has to
	 * exist. */
	return tree_attach(tree_fd, AT_FDCWD, "/");
}

int tree_private_mountns(int *ret_old_ns_fd, struct err *e)
{
	autofd int old = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (old < 0)
		return err_sys(e, errno, "cannot open /proc/self/ns/mnt");
	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(e, errno, "cannot make a mount namespace");
	/* Slave, not private: an unmount on the host reaches our copy, so that we hold nothing
	 * busy. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) {
		int errnum = errno;
		(void)setns(old, CLONE_NEWNS);
		return err_sys(e, errnum, "cannot cut mount propagation to the host");
	}
	if (ret_old_ns_fd)
		*ret_old_ns_fd = fd_steal(&old);
	return 0;
}

int tree_make_private(void)
{
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

const char *tree_fs_name(int fd, char out[24])
{
	static const struct {
		uint32_t magic;
		const char *name;
	} known[] = {
		{EXT4_SUPER_MAGIC, "ext4"},
		{0x58465342, "xfs"},
		{BTRFS_SUPER_MAGIC, "btrfs"},
		{TMPFS_MAGIC, "tmpfs"},
		{RAMFS_MAGIC, "ramfs"},
		{OVERLAYFS_SUPER_MAGIC, "overlay"},
		{NFS_SUPER_MAGIC, "nfs"},
		{FUSE_SUPER_MAGIC, "fuse"},
		{SQUASHFS_MAGIC, "squashfs"},
		{EROFS_SUPER_MAGIC_V1, "erofs"},
		{F2FS_SUPER_MAGIC, "f2fs"},
		{0x2fc12fc1, "zfs"},
		{0xff534d42, "cifs"},
		{V9FS_MAGIC, "9p"},
		{CEPH_SUPER_MAGIC, "ceph"},
		{MSDOS_SUPER_MAGIC, "vfat"},
		{PROC_SUPER_MAGIC, "proc"},
		{SYSFS_MAGIC, "sysfs"},
	};
	struct statfs fs;
	if (fstatfs(fd, &fs) < 0)
		return memcpy(out, "unknown", sizeof "unknown");
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if ((uint32_t)fs.f_type == known[i].magic) {
			snprintf(out, 24, "%s", known[i].name);
			return out;
		}
	snprintf(out, 24, "0x%lx", (unsigned long)fs.f_type);
	return out;
}
