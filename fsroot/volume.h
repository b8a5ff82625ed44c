/* volume.h: HOST SIDE. A sparse file with an ext4 of its own: the writable side of a zone where the
 * store's file system cannot limit a directory. Only what this file made is ever mounted, and a
 * zone's writes reach it through ext4 alone: the kernel never parses what somebody else brought.
 *
 * Mounts are detached (tree.h): nobody sees them, and they end with the last descriptor. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

enum {
	VOLUME_BLOCK = 4096,
	VOLUME_MIN_MIB = 16
};

/* Can this host make and mount them? ERR_HOST naming what is missing and how to get it. */
int volume_check(struct err *e);

/* Make the file `name` (0600, must not exist) of `bytes`, rounded down to whole blocks, with an
 * empty ext4: no reserved blocks, a small journal, nothing left for the kernel to initialize later,
 * and the same bytes for the same size and uuid (32 hex digits). Runs mke2fs. */
int volume_make(int dir_fd, const char *name, uint64_t bytes, const char *uuid, struct err *e);

/* Its root directory, as a detached mount. While it is mounted anywhere, this is the same file
 * system once more. After a crash the kernel replays the journal. */
int volume_mount(int dir_fd, const char *name, int *ret_mount_fd, struct err *e);

/* Enlarge file and file system to `bytes`, mounted or not; again after a crash. Less than it has:
 * ERR_STATE. On failure it is as large as before, unless
 * the kernel had begun. */
int volume_grow(int dir_fd, const char *name, uint64_t bytes, struct err *e);

/* *ret_size: as asked for; *ret_used (may be NULL): what its files take while it is in use, else
 * what it takes of the store's disk. Attaches nothing: no lock is needed. */
int volume_usage(
	int dir_fd, const char *name, uint64_t *ret_size, uint64_t *ret_used, struct err *e);
