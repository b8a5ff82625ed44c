#include "fsroot/loop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"

enum {
	ATTACH_TRIES = 100, /* others may take the free device that we were told */
	WAIT_MS = 10000,
	STEP_MS = 20,
};

struct loop_path {
	char s[64];
};

static int open_device(unsigned n)
{
	struct loop_path p;
	(void)snprintf(p.s, sizeof p.s, "/dev/loop%u", n);
	return openat(AT_FDCWD, p.s, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
}

static int open_control(struct err *e)
{
	int fd = openat(AT_FDCWD, "/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	err_sys(e, errno, "this host has no loop devices: open '/dev/loop-control'");
	err_class_set(e, ERR_HOST);
	return err_hint(e, "`modprobe loop`, or a kernel with CONFIG_BLK_DEV_LOOP");
}

int loop_check(struct err *e)
{
	autofd int fd = open_control(e);
	return fd < 0 ? -1 : 0;
}

/* ---- the device that has the file already ---- */

/* By name first: devices of others are not even opened. */
static bool has_backing_name(int sys_fd, const char *device, const char *image)
{
	char file[64], text[4200];
	(void)snprintf(file, sizeof file, "%.32s/loop/backing_file", device);
	ssize_t n = path_read_virtual(sys_fd, file, text, sizeof text);
	if (n <= 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	char *deleted = strstr(text, " (deleted)");
	if (deleted)
		*deleted = '\0';
	const char *base = strrchr(text, '/');
	return base && !strcmp(base + 1, image);
}

/* 1: attached to it, *ret_fd; 0 no. The device cannot be cleared while we have it open. */
static int is_device_of(unsigned n, const struct stat *image, int *ret_fd, struct err *e)
{
	struct loop_info64 info;
	autofd int fd = open_device(n);
	if (fd < 0 || ioctl(fd, LOOP_GET_STATUS64, &info) < 0 || info.lo_device != image->st_dev ||
		info.lo_inode != image->st_ino)
		return 0;
	if (info.lo_offset || info.lo_sizelimit || (info.lo_flags & LO_FLAGS_READ_ONLY))
		return err_set(e, ERR_BUSY, "somebody else has attached it to /dev/loop%u", n);
	*ret_fd = fd_steal(&fd);
	return 1;
}

static int find(int image_fd, const struct stat *image, int *ret_fd, struct err *e)
{
	char name[NAME_MAX + 1], path[4200];
	struct fd_path link = fd_path(image_fd);
	ssize_t len = readlinkat(AT_FDCWD, link.s, path, sizeof path - 1);
	path[len > 0 ? len : 0] = '\0';
	const char *base = strrchr(path, '/');
	(void)snprintf(name, sizeof name, "%.255s", base ? base + 1 : "");
	int fd = openat(AT_FDCWD, "/sys/block", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(&fd);
		return err_sys(e, errno, "read '/sys/block'");
	}
	int r = 0;
	struct dirent *ent;
	while (r == 0 && (ent = readdir(d))) {
		uint32_t n;
		if (!strncmp(ent->d_name, "loop", 4) && str_to_u32(ent->d_name + 4, &n) &&
			has_backing_name(fd, ent->d_name, name))
			r = is_device_of(n, image, ret_fd, e);
	}
	(void)closedir(d);
	return r;
}

/* ---- a new one ---- */

static int attach(int image_fd, int *ret_fd, struct err *e)
{
	const struct loop_config config = {
		.fd = (unsigned)image_fd,
		.block_size = LOOP_BLOCK,
		.info = {.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO},
	};
	autofd int control = open_control(e);
	if (control < 0)
		return -1;
	for (int i = 0; i < ATTACH_TRIES; i++) {
		int n = ioctl(control, LOOP_CTL_GET_FREE);
		if (n < 0)
			return err_sys(e, errno, "get a free loop device");
		autofd int fd = open_device((unsigned)n);
		if (fd < 0 && errno != ENXIO && errno != EBUSY) {
			err_sys(e, errno, "open '/dev/loop%d'", n);
			return err_class_set(e, ERR_HOST);
		}
		if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
			*ret_fd = fd_steal(&fd);
			return 0;
		}
		if (fd >= 0 && errno != EBUSY && errno != ENXIO)
			return err_sys(e, errno, "attach it to /dev/loop%d", n);
	}
	return err_set(e, ERR_BUSY, "others take every free loop device first");
}

int loop_find(int image_fd, int *ret_loop_fd, struct err *e)
{
	struct stat image;
	if (fstat(image_fd, &image) < 0)
		return err_sys(e, errno, "stat");
	return find(image_fd, &image, ret_loop_fd, e);
}

int loop_open(int image_fd, int *ret_loop_fd, struct err *e)
{
	struct stat image;
	if (fstat(image_fd, &image) < 0)
		return err_sys(e, errno, "stat");
	int64_t end = clock_mono_ms() + WAIT_MS;
	for (;;) {
		int r = find(image_fd, &image, ret_loop_fd, e);
		if (r != 0)
			return r < 0 ? -1 : 0;
		if (flock(image_fd, LOCK_EX | LOCK_NB) == 0)
			return attach(image_fd, ret_loop_fd, e);
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(e, errno, "lock");
		if (clock_mono_ms() >= end)
			return err_set(e, ERR_BUSY, "somebody else uses it");
		(void)poll(NULL, 0, STEP_MS);
	}
}

int loop_update_size(int loop_fd)
{
	return ioctl(loop_fd, LOOP_SET_CAPACITY);
}
