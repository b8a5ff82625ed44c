/* scratch.h: HOST SIDE. The writable side of a zone in memory: a tmpfs of its own that goes with
 * the zone's overlay. It is not id-mapped (tmpfs cannot be before Linux 6.3), so its files carry
 * the zone's host ids; nothing of it ever reaches a disk, but by swapping. */
#pragma once
#include "base/err.h"
#include <stdint.h>
#include <sys/types.h>

struct scratch_plan {
	uint64_t bytes; /* size limit */
	uid_t uid;	/* host id of the zone's root */
	gid_t gid;
	mode_t mode; /* of "/" */
};
/* *ret_fd: the tmpfs, attached in the caller's private mount namespace (tree_private_mountns), with
 * upper/ and work/ in it, for overlay_plan.scratch_fd. */
int scratch_make(const struct scratch_plan *plan, int *ret_fd, struct err *e);
