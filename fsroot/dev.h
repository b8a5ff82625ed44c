/* dev.h: HOST SIDE. /dev of a zone as one detached tmpfs with real nodes in it: a zone in a user
 * namespace could not make them, and bind mounts of the host's would be seven mounts instead of
 * one. */
#pragma once
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct dev_node {
	const char *name; /* beneath /dev, e.g. "fuse", "net/tun"; no "." or ".." component */
	mode_t mode;	  /* S_IFCHR or S_IFBLK, with permissions */
	uint32_t major, minor;
};

struct dev_plan {
	uint32_t root_uid, root_gid; /* host ids of the zone's root */
	uint32_t tty_gid;	     /* host id of the zone's group tty (5): owner of /dev/tty */
	const struct dev_node *extra;
	size_t n_extra;
};

/* null zero full random urandom tty; links ptmx fd stdin stdout stderr core; directories pts shm
 * mqueue; an empty file `console` to bind the console on. Mode 755, size 64k, 256 inodes, nosuid
 * noexec. *ret_dev_fd is a detached mount. */
int dev_build(const struct dev_plan *plan, int *ret_dev_fd, struct err *e);

/* What masked paths are covered with (S05): a tmpfs whose *superblock* is read-only, with an empty
 * file `file` and an empty directory `dir`, readable by all. Detached. */
int dev_build_mask(int *ret_mask_fd, struct err *e);
