/* snapshot.h: named points in a zone's history, zones/NAME/snapshots/SNAP.json.
 *
 * A snapshot is a stack of layers. `parent` is logical: what grew from what, whichever layers share
 * whose files. The zone holds one reference in each layer that its record or any of its snapshots
 * lists; so the order is always: take references, write the snapshot or the record, give up the
 * references that neither lists any more. What a crash leaves is a reference too many, which repair
 * gives back. */
#pragma once
#include "runtime/zone.h"

struct snapshot {
	char name[ZONE_NAME_MAX + 1];
	char parent[ZONE_NAME_MAX + 1]; /* "": none */
	char created[40];		/* RFC 3339 */
	char *description;		/* never NULL when read */
	char **layers;			/* uppermost first */
	size_t n_layers;
	bool of_running; /* made while the zone ran */
	/* What the record said of the files (zone.h), for who comes back to them. */
	bool has_started, identity_pending;
	char etc_hostname[HOSTNAME_SIZE];
	bool is_broken; /* in a list only: its file cannot be read, nothing but `name` is known */
};
void snapshot_done(struct snapshot *s);

/* Read one. ERR_NOT_FOUND "zone has no snapshot"; ERR_FAILED: damaged. `zone` for messages. */
int snapshot_read(
	int zone_dir_fd, const char *zone, const char *name, struct snapshot *ret, struct err *e);
/* Write it whole (R6), making snapshots/. Replaces one of the same name. */
int snapshot_write(int zone_dir_fd, const struct snapshot *s, struct err *e);
/* Durable. None is success. */
int snapshot_remove(int zone_dir_fd, const char *name, struct err *e);
/* No file opened: is there one of that name? */
bool snapshot_exists(int zone_dir_fd, const char *name);

/* All of a zone. */
struct snapshots {
	struct snapshot *items; /* the oldest first */
	size_t n;
	size_t n_broken; /* while there are any, no reference may be given up */
};
/* A damaged file is an item with is_broken. No directory is an empty list. */
int snapshots_read(int zone_dir_fd, struct snapshots *ret, struct err *e);
void snapshots_done(struct snapshots *all);
#define autosnapshots __attribute__((cleanup(snapshots_done)))
const struct snapshot *snapshots_find(const struct snapshots *all, const char *name);

/* Does any of them list the layer? */
bool snapshots_use_layer(const struct snapshots *all, const char *id);
/* Give up the zone's reference in each of `ids` that neither z->record nor a snapshot lists. For an
 * open and locked zone, whose files it reads anew. */
int snapshot_release_layers(const struct zone *z, char *const *ids, size_t n, struct err *e);
/* The same for every layer of the store: what a crash left. *ret_released may be NULL. */
int snapshot_release_strays(const struct zone *z, unsigned *ret_released, struct err *e);

/* The rows in the order in which a tree is drawn: every snapshot behind its parent, depth[] deep.
 * `order` and `depth` have all->n items. Circles, which only damage could make, end at the root. */
void snapshots_order(const struct snapshots *all, size_t *order, unsigned *depth);
