/* idrange.h: the pool of host ids. Every zone gets its own range of 65,536, claimed by a file that
 * is created exclusively in one directory of the host (H01), whatever store the zone lives in. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	IDRANGE_SIZE = 65536,	/* ids per zone */
	IDRANGE_OWNER_MAX = 64, /* bytes of an owner's uuid with its NUL, at most */
};

/* Default: above the range that systemd gives to containers, below its foreign range. */
#define IDRANGE_DEFAULT_BASE 0x70000000u
#define IDRANGE_DEFAULT_COUNT 4000u

struct idrange_pool {
	uint32_t base;	/* first host id, a multiple of 65,536 */
	uint32_t count; /* ranges of 65,536 ids, not ids */
};

/* Ids of the host that somebody else has. */
struct idrange_used {
	uint32_t first, count;
	char where[104]; /* for the message: "/etc/subuid:3 (user 'ann')" */
};

/* Read passwd, group, subuid and subgid of `etc` ("/etc"), by ourselves: no NSS, regular files of
 * at most 1 MiB, a missing file is empty. *ret is the caller's to free. Lines that are not well
 * formed are skipped, as libc does. */
int idrange_load_used(const char *etc, struct idrange_used **ret, size_t *ret_n, struct err *e);

/* Is the pool well formed (ERR_USAGE) and free of what others use: `used`, and the ranges that
 * systemd has reserved (systemd, docs/UIDS-GIDS.md)? ERR_HOST naming both sides. Pure. Meant for
 * create, attach and `host check`; a start does not pay for it. */
int idrange_check(
	const struct idrange_pool *pool, const struct idrange_used *used, size_t n, struct err *e);

/* Claim a range for the zone `owner_uuid`. `lock_dirfd` is a private directory (tmpfs: claims end
 * with the boot). `prefer` (0 = none) is kept if it lies in the pool and is free or already ours.
 * Otherwise the next free one after the cursor, a counter that never goes back, so that a released
 * range comes again only after the whole pool has been round. Any number of processes may claim at
 * once; the cost does not grow with the number of zones. ERR_HOST when all are taken. */
int idrange_claim(int lock_dirfd, const struct idrange_pool *pool, uint32_t prefer,
	const char *owner_uuid, uint32_t *ret_first, struct err *e);

/* Give a range back. Not claimed, or claimed by another zone: success, nothing is touched. */
int idrange_release(int lock_dirfd, uint32_t first, const char *owner_uuid, struct err *e);

/* Who has this range: 1 and the uuid, or 0 when it is free (for `repair`, which walks the
 * directory: every name that is a decimal number is a claim). */
int idrange_owner(int lock_dirfd, uint32_t first, char ret_uuid[IDRANGE_OWNER_MAX], struct err *e);
