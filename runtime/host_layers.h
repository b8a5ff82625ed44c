/* host_layers.h: `host gc` and `host verify`. */
#pragma once
#include "runtime/store.h"
#include <jansson.h>

/* What nothing uses: directories of staging that belong to no process, layers without an owner,
 * claims of ids and addresses without one. *ret: an array of {kind, name, bytes, removed}. Unless
 * `dry_run` it is removed, and so are references that an interrupted verb left to a zone that
 * nobody works on. ERR_FAILED if a record cannot be read, since then nobody knows whose things
 * are. */
int host_gc(const struct store *s, bool dry_run, json_t **ret, struct err *e);

/* Layers against their digests: `ids` (or their first digits), or all when n is 0. *ret: an array
 * of {layer, state, found, kind, source, bytes}; state is "ok", "changed", "unreadable", or
 * "unknown" for one that was never digested. */
int host_verify(
	const struct store *s, const char *const *ids, size_t n, json_t **ret, struct err *e);
