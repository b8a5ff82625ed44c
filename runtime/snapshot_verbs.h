/* snapshot_verbs.h: what `cella snapshot` does. Each opens and locks the zone. */
#pragma once
#include "runtime/snapshot.h"

struct snapshot_options {
	const char *zone, *name; /* name NULL: by the time */
	const char *description; /* may be NULL */
};
struct snapshot_result {
	char name[ZONE_NAME_MAX + 1];
	bool was_running;
	int64_t pause_us;      /* how long the zone was frozen; -1: it was not */
	uint64_t copied_bytes; /* of a running zone */
};
int zone_snapshot_create(const struct store *s, const struct snapshot_options *o,
	struct snapshot_result *ret, struct err *e);
/* Back to a snapshot; what was written since is lost, so ERR_STATE unless `force` or nothing was
 * (zone_snapshot_changes tells beforehand). */
int zone_snapshot_restore(
	const struct store *s, const char *zone, const char *name, bool force, struct err *e);
/* Has the zone anything that no snapshot holds? Takes no lock. 1, 0, -1. */
int zone_snapshot_changes(const struct store *s, const char *zone, struct err *e);
int zone_snapshot_delete(const struct store *s, const char *zone, const char *name, struct err *e);

/* Rows for the tables: name, parent, created, description, layers, bytes (own size; only if
 * `sizes`), present, of_running, depth, state ("ok" or "broken"). The order is the tree's. */
int snapshot_rows(const struct store *s, const char *zone, bool sizes, json_t **ret, struct err *e);

/* Show it read-only (nosuid, nodev, noexec) on an existing directory of the caller's. */
int zone_snapshot_mount(
	const struct store *s, const char *zone, const char *name, const char *dir, struct err *e);
/* ERR_STATE if what is there is no mount of ours. */
int zone_snapshot_umount(const char *dir, struct err *e);

/* What differs between two snapshots; `to` NULL: between one and the zone as it is now. `each` gets
 * 'A' added, 'M' changed, 'D' deleted and the path, sorted; a result other than 0 stops. */
int zone_snapshot_diff(const struct store *s, const char *zone, const char *from, const char *to,
	int (*each)(void *arg, char change, const char *path, struct err *e), void *arg,
	struct err *e);
