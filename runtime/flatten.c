/* Making one layer of all that a zone consists of. The layer is built beside the zone; then the
 * record lists it alone, and upper/ is exchanged for an empty one. intent.h has the order. */
#include "runtime/events.h"
#include "runtime/lifecycle_parts.h"
#include "runtime/snapshot.h"
#include "runtime/stack.h"
#include "runtime/undo.h"
#include "runtime/upper_dir.h"
#include "runtime/upper_layer.h"
#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Files of a layer that goes with this can be linked: the zone alone uses it, and it only here. */
static int is_going(
	const struct zone *z, const struct snapshots *all, const char *id, bool *ret, struct err *e)
{
	int own = snapshots_use_layer(all, id) || all->n_broken
			  ? 0
			  : layer_is_only_of(z->store, id, z->record.uuid, e);
	*ret = own > 0;
	return own < 0 ? -1 : 0;
}

/* Nothing to do: one layer, nobody else's, and nothing written since. */
static int is_flat(const struct zone *z, struct err *e)
{
	int empty = upper_is_empty(z, NULL, e);
	if (empty <= 0 || z->record.n_layers != 1)
		return empty < 0 ? -1 : 0;
	return layer_is_only_of(z->store, z->record.layers[0], z->record.uuid, e);
}

static int stage(
	struct zone *z, const struct progress *watch, struct staging *ret, char *id, struct err *e)
{
	autosnapshots struct snapshots all = {0};
	autostack struct stack from = {0};
	const struct zone_record *r = &z->record;
	autofree bool *link_from = calloc(r->n_layers + 1, sizeof *link_from);
	autoupper struct upper_dir upper = UPPER_DIR_EMPTY;
	if (!link_from)
		return err_nomem(e);
	if (zone_upper_open(z, &upper, e) < 0)
		return -1;
	if (upper.upper_fd < 0)
		return err_set(e, ERR_FAILED, "zone '%s': has no upper directory", z->name);
	if (snapshots_read(z->dir_fd, &all, e) < 0 ||
		stack_open(z->store, &upper.upper_fd, r->layers, r->n_layers, &from, e) < 0)
		return -1;
	link_from[0] = !upper.is_volume;
	for (size_t i = 0; i < r->n_layers; i++)
		if (is_going(z, &all, r->layers[i], &link_from[i + 1], e) < 0)
			return -1;
	const struct stack_merge m = {
		.kind = "flat",
		.zone = z->name,
		.uuid = r->uuid,
		.link_from = link_from,
		.watch = watch,
	};
	return stack_merge_stage(z->store, &from, &m, ret, id, e);
}

static void free_layers(char **layers, size_t n)
{
	for (size_t i = 0; layers && i < n; i++)
		free(layers[i]);
	free(layers);
}

/* The record with the layer alone; the former ones go to *old. */
static int take_layer(struct zone *z, const char *id, char ***old, size_t *n_old, struct err *e)
{
	struct zone_record *r = &z->record;
	char **layers = calloc(1, sizeof *layers), *copy = strdup(id);
	if (!layers || !copy) {
		free(layers);
		free(copy);
		return err_nomem(e);
	}
	layers[0] = copy;
	*old = r->layers;
	*n_old = r->n_layers;
	r->layers = layers;
	r->n_layers = 1;
	return 0;
}

/* From the note on: back while the record on disk has the old layers, else to the end. */
int flatten_recover(struct zone *z, const struct intent *in, struct err *e)
{
	autostaging struct staging fresh = STAGING_EMPTY;
	struct zone_record now;
	if (zone_read_record(z->dir_fd, &now, e) < 0)
		return -1;
	bool begun = record_has_layer(&now, in->layer);
	zone_record_done(&now);
	if (!begun)
		return layer_unref(z->store, in->layer, z->record.uuid, e) < 0
			       ? -1
			       : intent_clear(z->dir_fd, e);
	/* Nobody can have written to it since: whoever finds the note comes here first. */
	if (upper_stage_empty(z, in->layer, &fresh, e) < 0 || upper_exchange(z, &fresh, e) < 0 ||
		intent_clear(z->dir_fd, e) < 0)
		return -1;
	(void)snapshot_release_strays(z, NULL, NULL);
	return 0;
}

static int commit(struct zone *z, struct staging *layer, const char *id, struct err *e)
{
	autostaging struct staging fresh = STAGING_EMPTY;
	struct intent in = {.verb = INTENT_FLATTEN};
	char **old = NULL;
	size_t n_old = 0;
	memcpy(in.layer, id, strlen(id) + 1);
	if (intent_write(z->dir_fd, &in, e) < 0)
		return -1;
	int r = staging_commit(layer, z->store->layers_fd, id, e);
	/* Made before anything is changed: a full disk ends it while all is as it was. */
	if (r == 0)
		r = upper_stage_empty(z, id, &fresh, e);
	if (r == 0)
		r = take_layer(z, id, &old, &n_old, e);
	if (r == 0)
		r = zone_write_record(z->dir_fd, &z->record, e);
	if (r == 0)
		r = upper_exchange(z, &fresh, e);
	if (r == 0)
		r = intent_clear(z->dir_fd, e);
	if (r < 0)
		(void)flatten_recover(z, &in, NULL);
	else /* it is done; what this leaves, repair takes away */
		(void)snapshot_release_layers(z, old, n_old, NULL);
	free_layers(old, n_old);
	return r;
}

static int flatten_locked(
	struct zone *z, const struct progress *watch, bool *ret_changed, struct err *e)
{
	autostaging struct staging layer = STAGING_EMPTY;
	char id[LAYER_ID_SIZE];
	if (lifecycle_must_be_on_disk(z, "flatten", e) < 0 ||
		lifecycle_must_be_no_template(z, "flattened", e) < 0 ||
		lifecycle_must_be_stopped(z, "flatten", e) < 0 ||
		undo_must_be_closed(z, "flatten", e) < 0)
		return -1;
	int flat = is_flat(z, e);
	if (flat) {
		*ret_changed = false;
		return flat < 0 ? -1 : 0;
	}
	if (stage(z, watch, &layer, id, e) < 0 || commit(z, &layer, id, e) < 0)
		return -1;
	(void)event_append(z->dir_fd, "flattened", json_object());
	*ret_changed = true;
	return 0;
}

int zone_flatten(const struct store *s, const char *name, const struct progress *watch,
	bool *ret_changed, struct err *e)
{
	struct zone z;
	if (zone_open(s, name, ZONE_LOCK, LIFECYCLE_LOCK_MS, &z, e) < 0)
		return -1;
	int r = flatten_locked(&z, watch, ret_changed, e);
	zone_close(&z);
	return r;
}
