/* inspect.h: reading verbs. Rows are jansson objects with stable lower_snake names, base units and
 * RFC 3339 times; cli/ only chooses columns and prints. */
#pragma once
#include "runtime/store.h"
#include <jansson.h>

enum inspect_want {
	INSPECT_BASIC = 1,     /* name, state, pid, address4, init kind */
	INSPECT_DETAILS = 128, /* what else record, state and spec say: made for each zone, so only
				  where it is looked at */
	INSPECT_RESOURCES = 2, /* memory, cpu, pids, io, limits from the cgroup: some 35 files */
	INSPECT_USAGE = 64,    /* of these, memory_current and pids_current: two files */
	INSPECT_DISK = 4,      /* walks upper/: only when the column is asked for */
	INSPECT_LIMIT = 32,    /* the same where it is known without a walk: of a zone that has a
				  project or a volume */
	INSPECT_SPEC = 8,      /* the spec as asked, as "spec" */
	INSPECT_EXPANDED = 16, /* the spec with every default, as "spec" */
};
/* One zone. A broken one gives a row with state "broken" and "error". ERR_NOT_FOUND. */
int inspect_zone(
	const struct store *s, const char *name, unsigned want, json_t **ret, struct err *e);
/* All, sorted by name; incomplete creations are listed with state "incomplete". */
int inspect_all(const struct store *s, unsigned want, json_t **ret, struct err *e);
/* Processes of a running zone: pid (host), zone_pid, uid (zone), comm, args, state, rss, started.
 */
int inspect_processes(const struct store *s, const char *name, json_t **ret, struct err *e);
/* The last `n` events (0 = all), oldest first. */
int inspect_events(const struct store *s, const char *name, size_t n, json_t **ret, struct err *e);
/* Host facts for `host check`: array of {check, state: ok|warn|missing, found, needed, hint}. */
int inspect_host(const struct store *s, json_t **ret, struct err *e);

enum wait_for {
	WAIT_RUNNING,
	WAIT_STOPPED
};
/* Wait without polling. timeout_ms < 0: for ever. ERR_TIMEOUT. */
int inspect_wait(const struct store *s, const char *name, enum wait_for what, int64_t timeout_ms,
	struct err *e);
