#include "fsroot/dev.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "fsroot/tree.h"

static const struct dev_node standard_nodes[] = {
	{"null", S_IFCHR | 0666, 1, 3},
	{"zero", S_IFCHR | 0666, 1, 5},
	{"full", S_IFCHR | 0666, 1, 7},
	{"random", S_IFCHR | 0666, 1, 8},
	{"urandom", S_IFCHR | 0666, 1, 9},
	{"tty", S_IFCHR | 0666, 5, 0},
};

static const struct {
	const char *name, *to;
} standard_links[] = {
	{"ptmx", "pts/ptmx"},
	{"fd", "/proc/self/fd"},
	{"stdin", "/proc/self/fd/0"},
	{"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"},
	{"core", "/proc/kcore"},
};

static const char *const standard_dirs[] = {"pts", "shm", "mqueue"};

static int own(
	const struct dev_plan *plan, int dir_fd, const char *name, uint32_t gid, struct err *e)
{
	if (fchownat(dir_fd, name, plan->root_uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "cannot give /dev/%s to the zone", name);
	return 0;
}

/* chmod after the fact: the caller's umask has no say. */
static int make_node(const struct dev_plan *plan, int dir_fd, const char *name,
	const struct dev_node *n, struct err *e)
{
	if (mknodat(dir_fd, name, n->mode, makedev(n->major, n->minor)) < 0 ||
		fchmodat(dir_fd, name, n->mode & 07777, 0) < 0)
		return err_sys(e, errno, "cannot make /dev/%s", n->name);
	bool is_tty = n->major == 5 && n->minor == 0;
	return own(plan, dir_fd, name, is_tty ? plan->tty_gid : plan->root_gid, e);
}

/* "net/tun": the directory first. The tree is ours and nobody else can reach it yet. */
static int make_extra(
	const struct dev_plan *plan, int dev_fd, const struct dev_node *n, struct err *e)
{
	autofd int dir_fd = -1;
	const char *name = n->name, *slash;
	int at = dev_fd;
	while ((slash = strchr(name, '/'))) {
		char part[64];
		size_t len = (size_t)(slash - name);
		if (!len || len >= sizeof part || name[0] == '.')
			return err_set(e, ERR_USAGE, "'%s' is no device name", n->name);
		memcpy(part, name, len);
		part[len] = '\0';
		if (mkdirat(at, part, 0755) == 0) {
			if (fchmodat(at, part, 0755, 0) < 0)
				return err_sys(e, errno, "cannot make /dev/%s", part);
			if (own(plan, at, part, plan->root_gid, e) < 0)
				return -1;
		} else if (errno != EEXIST) {
			return err_sys(e, errno, "cannot make /dev/%s", part);
		}
		int next = openat(at, part, O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC);
		if (next < 0)
			return err_sys(e, errno, "cannot open /dev/%s", part);
		fd_close(&dir_fd);
		at = dir_fd = next;
		name = slash + 1;
	}
	if (!name[0] || name[0] == '.')
		return err_set(e, ERR_USAGE, "'%s' is no device name", n->name);
	return make_node(plan, at, name, n, e);
}

static int make_empty_file(int dir_fd, const char *name, mode_t mode, struct err *e)
{
	autofd int fd = openat(dir_fd, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0 || fchmod(fd, mode) < 0)
		return err_sys(e, errno, "cannot make the file '%s'", name);
	return 0;
}

static int make_links_and_dirs(const struct dev_plan *plan, int dev_fd, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(standard_links); i++) {
		const char *name = standard_links[i].name;
		if (symlinkat(standard_links[i].to, dev_fd, name) < 0)
			return err_sys(e, errno, "cannot make /dev/%s", name);
		if (own(plan, dev_fd, name, plan->root_gid, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < ARRAY_LEN(standard_dirs); i++) {
		const char *name = standard_dirs[i];
		if (mkdirat(dev_fd, name, 0755) < 0 || fchmodat(dev_fd, name, 0755, 0) < 0)
			return err_sys(e, errno, "cannot make /dev/%s", name);
		if (own(plan, dev_fd, name, plan->root_gid, e) < 0)
			return -1;
	}
	if (make_empty_file(dev_fd, "console", 0600, e) < 0)
		return -1;
	return own(plan, dev_fd, "console", plan->root_gid, e);
}

int dev_build(const struct dev_plan *plan, int *ret_dev_fd, struct err *e)
{
	static const struct tree_option options[] = {
		{"mode", "755"}, {"size", "64k"}, {"nr_inodes", "256"}};
	autofd int dev_fd = tree_new_fs_err(
		"tmpfs", options, ARRAY_LEN(options), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, e);
	if (dev_fd < 0)
		return err_at(e, "dev", "/dev");
	for (size_t i = 0; i < ARRAY_LEN(standard_nodes); i++)
		if (make_node(plan, dev_fd, standard_nodes[i].name, &standard_nodes[i], e) < 0)
			return err_at(e, "dev", "/dev");
	for (size_t i = 0; i < plan->n_extra; i++)
		if (make_extra(plan, dev_fd, &plan->extra[i], e) < 0)
			return err_at(e, "dev", "/dev");
	if (make_links_and_dirs(plan, dev_fd, e) < 0)
		return err_at(e, "dev", "/dev");
	/* Last: the directory was ours while we worked in it. */
	if (fchownat(dev_fd, "", plan->root_uid, plan->root_gid, AT_EMPTY_PATH) < 0) {
		err_sys(e, errno, "cannot give /dev to the zone");
		return err_at(e, "dev", "/dev");
	}
	*ret_dev_fd = fd_steal(&dev_fd);
	return 0;
}

int dev_build_mask(int *ret_mask_fd, struct err *e)
{
	static const struct tree_option options[] = {
		{"mode", "555"}, {"size", "4k"}, {"nr_inodes", "4"}};
	autofd int fs_fd = fsopen("tmpfs", FSOPEN_CLOEXEC);
	if (fs_fd < 0)
		return err_sys(e, errno, "cannot make a tmpfs");
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (fsconfig(fs_fd, FSCONFIG_SET_STRING, options[i].key, options[i].value, 0) < 0)
			return err_sys(e, errno, "tmpfs option '%s'", options[i].key);
	if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_sys(e, errno, "cannot make a tmpfs");
	autofd int mask_fd = fsmount(
		fs_fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (mask_fd < 0)
		return err_sys(e, errno, "cannot mount a tmpfs");
	if (make_empty_file(mask_fd, "file", 0444, e) < 0)
		return -1;
	if (mkdirat(mask_fd, "dir", 0555) < 0 || fchmodat(mask_fd, "dir", 0555, 0) < 0)
		return err_sys(e, errno, "cannot make the directory for masks");
	/* The superblock, not only the mount: the zone's root could change a mount of its own back,
	 * but not a superblock that belongs to the host's user namespace. */
	if (fsconfig(fs_fd, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0 ||
		fsconfig(fs_fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
		return err_sys(e, errno, "cannot make the tmpfs for masks read-only");
	*ret_mask_fd = fd_steal(&mask_fd);
	return 0;
}
