/* floor.h: what bench/floor.c and bench/floor_full.c have in common. */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static inline void must(int ok, const char *what)
{
	if (ok)
		return;
	(void)dprintf(2, "floor: %s: %s\n", what, strerror(errno));
	_exit(125);
}

/* A detached mount of a new file system; `option` (may be NULL) with `value` (NULL: a flag). */
static inline int new_fs(const char *type, const char *option, const char *value)
{
	int fs = fsopen(type, FSOPEN_CLOEXEC);
	must(fs >= 0, "fsopen");
	unsigned how = value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
	must(!option || fsconfig(fs, how, option, value, 0) == 0, option);
	must(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0, type);
	int mnt = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	must(mnt >= 0, "fsmount");
	(void)close(fs);
	return mnt;
}

static inline void attach(int mnt, int root, const char *at)
{
	must(move_mount(mnt, "", root, at, MOVE_MOUNT_F_EMPTY_PATH) == 0, at);
	(void)close(mnt);
}

/* Write into a file of /proc/PID. */
static inline void put(pid_t pid, const char *name, const char *text)
{
	char path[64];
	(void)snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	(void)close(fd);
}
