/* idmap.h: the id maps of a user namespace. Computing and printing are pure; writing is done by the
 * host side with the host's privileges. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One line of uid_map or gid_map: ids zone_first... inside are host_first... outside. */
struct id_map {
	uint32_t zone_first, host_first, count;
};

enum {
	IDMAP_MAX = 340,       /* lines the kernel takes, user_namespaces(7) */
	IDMAP_TEXT_MAX = 4096, /* the kernel takes less than one page, in one write */
};

/* What the kernel would answer with a bare EINVAL: no line or too many, an empty line, a line that
 * passes 2^32-2, two that overlap inside or outside, no root inside, text of a page or more.
 * `what` names the list in the message ("uid map"). ERR_USAGE. */
int idmap_check(const char *what, const struct id_map *maps, size_t n, struct err *e);

/* Print "zone host count\n" lines. The length, or -1 with errno ENOSPC. Pure. */
ssize_t idmap_format(const struct id_map *maps, size_t n, char *buf, size_t size);

/* The host id of a zone's id; false if it is not mapped. Pure. */
bool idmap_to_host(const struct id_map *maps, size_t n, uint32_t zone_id, uint32_t *ret);

/* Write /proc/PID/uid_map and gid_map of a child that waits for them (the pid cannot be reused
 * before we reap it). setgroups stays allowed, as the writer is privileged. Both are checked with
 * idmap_check first, and a refusal by the kernel is explained (already written, ids that our own
 * namespace lacks), never a bare EINVAL. */
int idmap_write(pid_t pid, const struct id_map *uids, size_t n_uids, const struct id_map *gids,
	size_t n_gids, struct err *e);
