#include "fsroot/scratch.h"
#include "base/fd.h"
#include "base/mem.h"
#include "fsroot/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_dir(int fd, const char *name, const struct scratch_plan *p, mode_t mode)
{
	if (mkdirat(fd, name, 0700) < 0)
		return -1;
	autofd int dir = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return dir < 0 || fchown(dir, p->uid, p->gid) < 0 || fchmod(dir, mode) < 0 ? -1 : 0;
}

int scratch_make(const struct scratch_plan *p, int *ret_fd, struct err *e)
{
	char size[32];
	(void)snprintf(size, sizeof size, "%llu", (unsigned long long)p->bytes);
	const struct tree_option options[] = {{"size", size}, {"mode", "700"}};
	autofd int fd = tree_new_fs_err(
		"tmpfs", options, ARRAY_LEN(options), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, e);
	if (fd < 0)
		return -1;
	/* Until Linux 6.15 overlayfs takes layers from attached mounts only. */
	if (tree_attach_anywhere(fd) < 0)
		return err_sys(e, errno, "attach the zone's tmpfs in a private mount namespace");
	if (fchownat(fd, "", p->uid, p->gid, AT_EMPTY_PATH) < 0 ||
		make_dir(fd, "upper", p, p->mode) < 0 || make_dir(fd, "work", p, 0755) < 0)
		return err_sys(e, errno, "make the writable side in memory");
	*ret_fd = fd_steal(&fd);
	return 0;
}
