/* fs_ids.h: HOST SIDE. Act on files as a zone's root while keeping root's capabilities. A file made
 * through an id-mapped mount by host root would belong to an id that has no place on disk
 * (EOVERFLOW); made with fsuid and fsgid of the zone's root it is stored as 0. */
#pragma once
#include "base/err.h"
#include <stdint.h>

struct fs_ids {
	uint32_t uid, gid; /* before */
	uint64_t effective, permitted, inheritable;
	bool is_taken;
};

/* Single-threaded callers only: the ids belong to the thread. 0, or -1 + *e with nothing changed.
 */
int fs_ids_take(struct fs_ids *ids, uint32_t uid, uint32_t gid, struct err *e);
/* Back to what was before; keeps errno; may be called on {0}. */
void fs_ids_restore(struct fs_ids *ids);
#define autofsids __attribute__((cleanup(fs_ids_restore)))
