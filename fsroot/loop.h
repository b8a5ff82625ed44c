/* loop.h: HOST SIDE. A file as a block device that goes away with its last user (autoclear): when
 * the last mount and the last descriptor are gone, also after a kill of everything. */
#pragma once
#include "base/err.h"

enum {
	LOOP_BLOCK = 4096 /* so that direct I/O is possible whatever disk is below */
};

/* A descriptor of the loop device that the file behind `image_fd` (O_RDWR) is attached to; attached
 * here if it is not yet. Never twice, which would destroy a file system in it: an flock on the open
 * file lives as long as the loop device uses that. Waits some seconds for a device of the file that
 * is being cleared. ERR_HOST if this host has no loop devices, ERR_BUSY if somebody else has
 * attached a part of the file. */
int loop_open(int image_fd, int *ret_loop_fd, struct err *e);
/* The same, but only if it is attached: 1 and the descriptor, else 0. */
int loop_find(int image_fd, int *ret_loop_fd, struct err *e);
/* Tell the device that the file has grown. 0, or -1 with errno. */
int loop_update_size(int loop_fd);
/* Could this host make one? ERR_HOST and how to get it. */
int loop_check(struct err *e);
