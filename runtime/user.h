/* user.h: who a process in a zone is. Names are looked up in the zone's own passwd and group files,
 * which are hostile: they are opened in the root (R3), must be regular and at most 1 MiB, and are
 * parsed here; no NSS, so that nothing of the zone is ever loaded by the host (S03, S15). */
#pragma once
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum {
	USER_GROUPS_MAX = 64
};
struct user_ids {
	uint32_t uid, gid;
	uint32_t groups[USER_GROUPS_MAX];
	size_t n_groups;
	char home[256], shell[256]; /* "" when unknown */
};

/* NULL (0:0), "UID", "UID:GID", "NAME", "NAME:GROUP". Digits are an id and never looked up
 * (S14); ids must be below `n_ids`, the size of the zone's map. A bare UID has gid of its passwd
 * line if there is one, else 0. ERR_USAGE. */
int user_resolve(
	int root_fd, const char *text, uint32_t n_ids, struct user_ids *ret, struct err *e);
