/* A linked clone: SRC's writable directory becomes a layer that SRC and NEW share, and both get an
 * empty one. intent.h has the order of the steps and what a crash between them means. Of a running
 * zone the layer is a copy, and of a snapshot there is nothing to move; then, and for a full clone,
 * SRC does not change, and what a crash leaves is in staging or a layer that nobody lists. */
#include "runtime/claims.h"
#include "runtime/frozen_copy.h"
#include "runtime/lifecycle_parts.h"
#include "runtime/snapshot.h"
#include "runtime/stack.h"
#include "runtime/stop.h"
#include "runtime/undo.h"
#include "runtime/upper_dir.h"
#include "runtime/upper_layer.h"
#include "base/fd.h"
#include "base/mem.h"
#include "runtime/events.h"
#include "specs/name.h"
#include "specs/spec_json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the spec of the new zone ---- */

/* What two zones cannot share goes back to "auto" unless the spec says to keep it. */
static void reset_interfaces(json_t *doc, bool mac_new)
{
	size_t i;
	json_t *iface;
	json_array_foreach(json_object_get(json_object_get(doc, "network"), "interfaces"), i, iface)
	{
		if (mac_new)
			(void)json_object_del(iface, "mac");
		(void)json_object_del(iface, "addresses");
	}
}

static json_t *derive_doc(const struct zone *src, const char *name, struct err *e)
{
	json_t *doc = json_deep_copy(src->doc);
	if (!doc || json_object_set_new(doc, "name", json_string(name)) < 0) {
		json_decref(doc);
		(void)err_nomem(e);
		return NULL;
	}
	if (src->spec->clone.hostname_name)
		(void)json_object_del(doc, "hostname"); /* follows the name */
	else if (json_object_set_new(doc, "hostname", json_string(src->spec->hostname)) < 0) {
		json_decref(doc);
		(void)err_nomem(e);
		return NULL;
	}
	reset_interfaces(doc, src->spec->clone.mac_new);
	(void)json_object_del(doc, "template");
	return doc;
}

/* ---- the record of the new zone ---- */

static int replace_text(char **p, const char *text, struct err *e)
{
	char *copy = strdup(text ? text : "");
	if (!copy)
		return err_nomem(e);
	free(*p);
	*p = copy;
	return 0;
}

/* What is cloned: a zone as it is, or a snapshot of it. */
struct origin {
	struct zone *zone;
	struct zone_state state;
	bool is_snapshot;
	struct snapshot snapshot;
	/* Of one or the other. */
	char *const *layers;
	size_t n_layers;
	bool has_started;
	const char *etc_hostname;
};

static int find_origin(struct zone *z, const char *snapshot, struct origin *ret, struct err *e)
{
	struct origin o = {.zone = z, .is_snapshot = snapshot != NULL};
	if (zone_settle(z, &o.state, e) < 0)
		return -1;
	if (o.is_snapshot) {
		if (snapshot_read(z->dir_fd, z->name, snapshot, &o.snapshot, e) < 0)
			return -1;
	} else if (o.state.phase == PHASE_NONE &&
		   (undo_settle(z, e) < 0 || undo_must_be_closed(z, "a clone", e) < 0)) {
		return -1;
	}
	*ret = o;
	/* The strings of a snapshot move with it. */
	const struct snapshot *s = &ret->snapshot;
	ret->layers = o.is_snapshot ? s->layers : z->record.layers;
	ret->n_layers = o.is_snapshot ? s->n_layers : z->record.n_layers;
	ret->has_started = o.is_snapshot ? s->has_started : z->record.has_started;
	ret->etc_hostname = o.is_snapshot ? s->etc_hostname : z->record.etc_hostname;
	return 0;
}

/* Uuid, name and reference are there before the layer is in the record, so that a crash is swept.
 */
static int inherit(struct lifecycle_draft *d, const struct origin *o, struct err *e)
{
	const struct zone *src = o->zone;
	for (size_t i = o->n_layers; i-- > 0;) {
		const char *id = o->layers[i];
		if (layer_ref(d->store, id, d->record.uuid, e) < 0)
			return err_prefix(e, "zone '%s'", src->name);
		if (record_push_layer(&d->record, id, e) < 0) {
			(void)layer_unref(d->store, id, d->record.uuid, NULL);
			return -1;
		}
	}
	d->record.has_started = o->has_started;
	d->record.identity_pending = true;
	if (!src->spec->clone.mac_new)
		memcpy(d->record.mac, src->record.mac, sizeof d->record.mac);
	if (replace_text(&d->record.source, src->record.source, e) < 0 ||
		replace_text(&d->record.etc_hostname, o->etc_hostname, e) < 0)
		return -1;
	return replace_text(&d->record.clone_of, src->name, e);
}

int clone_recover(struct zone *z, const struct intent *in, struct err *e)
{
	bool finish = false;
	if (upper_layer_recover(z, in, &finish, e) < 0)
		return -1;
	return finish ? intent_clear(z->dir_fd, e) : 0;
}

/* ---- of a stopped zone ---- */

/* The layer, staged, with both references; the draft's record lists it. */
static int stage_layer(const struct zone *src, struct lifecycle_draft *d, struct staging *ret,
	char *ret_id, struct err *e)
{
	autostaging struct staging st = STAGING_EMPTY;
	if (upper_layer_stage(src, "clone", &st, ret_id, e) < 0 ||
		upper_layer_stage_ref(&st, d->record.uuid, e) < 0 ||
		record_push_layer(&d->record, ret_id, e) < 0)
		return -1;
	*ret = st;
	st = (struct staging)STAGING_EMPTY;
	return 0;
}

/* Everything is checked and staged: the part that changes SRC. */
static int commit(struct zone *src, struct lifecycle_draft *d, const char *name,
	struct staging *layer, const char *id, unsigned mode, struct err *e)
{
	struct intent in = {.verb = INTENT_CLONE};
	if (!layer->name[0])
		return lifecycle_draft_commit(d, name, mode, e);
	(void)snprintf(in.layer, sizeof in.layer, "%s", id);
	(void)snprintf(in.other, sizeof in.other, "%s", name);
	memcpy(in.new_uuid, d->record.uuid, sizeof in.new_uuid);
	if (intent_write(src->dir_fd, &in, e) < 0)
		return -1;
	if (upper_layer_move(src, layer, id, e) < 0 ||
		zone_write_record(src->dir_fd, &src->record, e) < 0 ||
		lifecycle_draft_commit(d, name, mode, e) < 0) {
		(void)upper_layer_undo(src, &in, NULL);
		return -1;
	}
	if (upper_layer_finish(src, e) < 0)
		return -1;
	return intent_clear(src->dir_fd, e);
}

/* ---- of what stays as it is ---- */

/* The writable directory of a running zone as it was at one moment. */
static int stage_frozen(const struct origin *o, struct staging *ret, int *ret_fs,
	struct frozen_result *result, struct err *e)
{
	autostaging struct staging st = STAGING_EMPTY;
	int fs_fd = -1;
	if (layer_stage(o->zone->store, true, &st, &fs_fd, e) < 0)
		return -1;
	autofd int fs = fs_fd;
	if (frozen_copy(o->zone, &o->state, fs, result, e) < 0)
		return -1;
	*ret = st;
	st = (struct staging)STAGING_EMPTY;
	*ret_fs = fd_steal(&fs);
	return 0;
}

/* Nobody else's, so it needs no note: it is swept unless the new zone comes into its place. */
static int commit_layer(
	struct lifecycle_draft *d, struct staging *layer, const char *id, struct err *e)
{
	if (syncfs(layer->fd) < 0)
		return err_sys(e, errno, "sync '%s'", d->store->root);
	if (record_push_layer(&d->record, id, e) < 0)
		return -1;
	return staging_commit(layer, d->store->layers_fd, id, e);
}

static int clone_running(const struct origin *o, struct lifecycle_draft *d, const char *name,
	unsigned mode, struct clone_result *ret, struct err *e)
{
	autostaging struct staging layer = STAGING_EMPTY;
	struct frozen_result copied;
	char id[LAYER_ID_SIZE], source[ZONE_NAME_MAX + 8];
	int fs_fd = -1;
	if (upper_layer_check_room(o->zone, e) < 0 ||
		stage_frozen(o, &layer, &fs_fd, &copied, e) < 0)
		return -1;
	fd_close(&fs_fd);
	(void)snprintf(source, sizeof source, "zone %s", o->zone->name);
	const struct layer_info info = {.kind = "clone",
		.source = source,
		.bytes = copied.copied.bytes,
		.entries = copied.copied.entries};
	layer_id_random(id);
	if (layer_write(&layer, id, &info, d->record.uuid, e) < 0 ||
		commit_layer(d, &layer, id, e) < 0)
		return -1;
	ret->pause_us = copied.pause_us;
	return lifecycle_draft_commit(d, name, mode, e);
}

/* ---- full ---- */

/* What lies on top of the layers: nothing, upper/, or a copy of it. Then SRC is let go of: only a
 * stopped zone's upper/ needs it to stay stopped. */
static int open_top(const struct origin *o, struct staging *copy, struct upper_dir *upper,
	int *ret_fd, struct clone_result *ret, struct err *e)
{
	struct frozen_result copied;
	if (o->is_snapshot || o->state.phase != PHASE_NONE) {
		if (!o->is_snapshot) {
			if (stage_frozen(o, copy, ret_fd, &copied, e) < 0)
				return -1;
			ret->pause_us = copied.pause_us;
		}
		fd_close(&o->zone->lock_fd);
		return 0;
	}
	if (zone_upper_open(o->zone, upper, e) < 0)
		return -1;
	if (upper->upper_fd < 0)
		return err_set(e, ERR_FAILED, "zone '%s': has no upper directory", o->zone->name);
	*ret_fd = fcntl(upper->upper_fd, F_DUPFD_CLOEXEC, 3);
	return *ret_fd < 0 ? err_sys(e, errno, "duplicate a descriptor") : 0;
}

/* The draft's layers become one of its own. */
static int make_full(const struct origin *o, const struct clone_options *options,
	struct lifecycle_draft *d, struct clone_result *ret, struct err *e)
{
	autostaging struct staging copy = STAGING_EMPTY, layer = STAGING_EMPTY;
	autostack struct stack from = {0};
	autoupper struct upper_dir upper = UPPER_DIR_EMPTY;
	autofd int top = -1;
	struct zone_record *r = &d->record;
	char id[LAYER_ID_SIZE];
	autofree bool *link_from = calloc(r->n_layers + 1, sizeof *link_from);
	if (!link_from)
		return err_nomem(e);
	if (open_top(o, &copy, &upper, &top, ret, e) < 0)
		return -1;
	link_from[0] = copy.name[0];
	if (stack_open(d->store, &top, r->layers, r->n_layers, &from, e) < 0)
		return -1;
	const struct stack_merge m = {
		.kind = "clone",
		.zone = o->zone->name,
		.uuid = r->uuid,
		.link_from = link_from,
		.watch = options->watch,
	};
	if (stack_merge_stage(d->store, &from, &m, &layer, id, e) < 0 ||
		commit_layer(d, &layer, id, e) < 0)
		return -1;
	while (r->n_layers > 1) {
		char *last = r->layers[--r->n_layers];
		int n = layer_unref(d->store, last, r->uuid, e);
		free(last);
		if (n < 0)
			return -1;
	}
	return 0;
}

/* ---- the verb ---- */

static int mode_of_root(const struct origin *o, unsigned *ret, struct err *e)
{
	struct stat st;
	if (!o->is_snapshot)
		return upper_is_empty(o->zone, ret, e);
	autofd int fs = layer_open_fs(o->zone->store, o->layers[0], e);
	if (fs < 0)
		return -1;
	if (fstat(fs, &st) < 0)
		return err_sys(e, errno, "stat a layer");
	*ret = st.st_mode & 07777;
	return 1;
}

/* Claims for the new zone, then the clone itself. */
static int clone_to(struct origin *o, const struct clone_options *options,
	const struct zone_spec *spec, struct lifecycle_draft *d, struct clone_result *ret,
	struct err *e)
{
	autostaging struct staging layer = STAGING_EMPTY;
	char id[LAYER_ID_SIZE] = "";
	const char *name = options->name;
	unsigned mode = 0;
	int empty = mode_of_root(o, &mode, e);
	if (empty < 0 || inherit(d, o, e) < 0)
		return -1;
	if (spec->security.userns == SPEC_USERNS_ISOLATED &&
		claims_take_ids(d->store, d->record.uuid, 0, &d->record.id_first, e) < 0)
		return -1;
	if (options->full)
		return make_full(o, options, d, ret, e) < 0
			       ? -1
			       : lifecycle_draft_commit(d, name, mode, e);
	if (empty)
		return lifecycle_draft_commit(d, name, mode, e);
	if (o->state.phase != PHASE_NONE)
		return clone_running(o, d, name, mode, ret, e);
	if (stage_layer(o->zone, d, &layer, id, e) < 0)
		return -1;
	return commit(o->zone, d, name, &layer, id, mode, e);
}

static int clone_origin(struct origin *origin, const struct clone_options *o,
	struct clone_result *ret, struct err *e)
{
	struct zone *src = origin->zone;
	struct lifecycle_draft draft;
	struct zone_spec *spec = NULL;
	json_t *doc = NULL;
	if (lifecycle_must_be_on_disk(src, "a clone", e) < 0)
		return -1;
	json_t *base = derive_doc(src, o->name, e);
	if (!base)
		return -1;
	int r = lifecycle_make_spec(
		src->store, o->name, base, "spec.json", o->set, o->n_set, &doc, &spec, e);
	json_decref(base);
	if (r == 0 && (r = lifecycle_draft_begin(src->store, doc, spec, false, &draft, e)) == 0) {
		r = clone_to(origin, o, spec, &draft, ret, e);
		lifecycle_draft_drop(&draft);
	}
	if (r == 0)
		(void)event_append(src->dir_fd, "cloned", json_pack("{s:s}", "clone", o->name));
	json_decref(doc);
	spec_free(spec);
	return r;
}

int zone_clone(const struct store *s, const struct clone_options *o, struct clone_result *ret,
	struct err *e)
{
	struct zone src;
	struct origin origin;
	struct clone_result result = {.pause_us = -1};
	if (name_check("zone", o->name, e) < 0 || lifecycle_must_be_free(s, o->name, NULL, e) < 0)
		return -1;
	if (zone_open(s, o->source, ZONE_LOCK, LIFECYCLE_LOCK_MS, &src, e) < 0)
		return -1;
	int r = find_origin(&src, o->snapshot, &origin, e);
	if (r == 0) {
		r = clone_origin(&origin, o, &result, e);
		snapshot_done(&origin.snapshot);
	}
	zone_close(&src);
	if (r == 0)
		*ret = result;
	return r;
}
