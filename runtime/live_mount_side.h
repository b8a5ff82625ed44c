/* live_mount_side.h: what of a live mount happens in the zone's mount namespace. It is done by a
 * child, so that the command itself never leaves the host's; nobody in the zone sees that child (it
 * is in the host's pid namespace, not dumpable), and it executes nothing. */
#pragma once
#include "base/err.h"
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct live_side {
	int init_fd; /* pidfd of the zone's init */
	pid_t init_pid;
	bool has_userns;
	uint32_t root_id;
	const char *target;
	/* mount */
	int tree_fd;  /* mapped, flagged */
	int empty_fd; /* dev_build_mask: a place to attach things to */
	bool is_dir;
	/* umount: what must be there */
	bool lazy;
	dev_t dev;
	ino_t ino;
};
struct live_side_result {
	char place[PATH_MAX]; /* the target with all links resolved */
};
int live_side_mount(const struct live_side *s, struct live_side_result *ret, struct err *e);
int live_side_umount(const struct live_side *s, struct err *e);
