/* A linked clone: SRC's writable directory becomes a layer that SRC and NEW share, and both get an
 * empty one. intent.h has the order of the steps and what a crash between them means. */
#include "runtime/claims.h"
#include "runtime/layers.h"
#include "runtime/lifecycle_parts.h"
#include "runtime/undo.h"
#include "runtime/upper_layer.h"
#include "base/mem.h"
#include "runtime/events.h"
#include "specs/name.h"
#include "specs/spec_json.h"

#include <stdio.h>
#include <string.h>
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

/* Uuid, name and reference are there before the layer is in the record, so that a crash is swept.
 */
static int inherit(struct lifecycle_draft *d, const struct zone *src, struct err *e)
{
	for (size_t i = src->record.n_layers; i-- > 0;) {
		const char *id = src->record.layers[i];
		if (layer_ref(d->store, id, d->record.uuid, e) < 0)
			return err_prefix(e, "zone '%s'", src->name);
		if (record_push_layer(&d->record, id, e) < 0) {
			(void)layer_unref(d->store, id, d->record.uuid, NULL);
			return -1;
		}
	}
	d->record.has_started = src->record.has_started;
	d->record.identity_pending = true;
	if (!src->spec->clone.mac_new)
		memcpy(d->record.mac, src->record.mac, sizeof d->record.mac);
	if (replace_text(&d->record.source, src->record.source, e) < 0 ||
		replace_text(&d->record.etc_hostname, src->record.etc_hostname, e) < 0)
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

/* ---- the verb ---- */

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
	return intent_clear(src->dir_fd, e);
}

/* Claims for the new zone, then the clone itself. */
static int clone_to(struct zone *src, const char *name, const struct zone_spec *spec,
	struct lifecycle_draft *d, struct err *e)
{
	autostaging struct staging layer = STAGING_EMPTY;
	char id[LAYER_ID_SIZE] = "";
	unsigned mode = 0;
	int empty = upper_is_empty(src, &mode, e);
	if (empty < 0 || inherit(d, src, e) < 0)
		return -1;
	if (spec->security.userns == SPEC_USERNS_ISOLATED &&
		claims_take_ids(d->store, d->record.uuid, 0, &d->record.id_first, e) < 0)
		return -1;
	if (!empty && stage_layer(src, d, &layer, id, e) < 0)
		return -1;
	return commit(src, d, name, &layer, id, mode, e);
}

static int clone_locked(struct zone *src, const struct clone_options *o, struct err *e)
{
	struct lifecycle_draft draft;
	struct zone_spec *spec = NULL;
	json_t *doc = NULL;
	if (lifecycle_must_be_on_disk(src, "a clone", e) < 0 ||
		lifecycle_must_be_stopped(src, "clone", e) < 0 ||
		undo_must_be_closed(src, "a clone", e) < 0)
		return -1;
	json_t *base = derive_doc(src, o->name, e);
	if (!base)
		return -1;
	int r = lifecycle_make_spec(
		src->store, o->name, base, "spec.json", o->set, o->n_set, &doc, &spec, e);
	json_decref(base);
	if (r == 0 && (r = lifecycle_draft_begin(src->store, doc, &draft, e)) == 0) {
		r = clone_to(src, o->name, spec, &draft, e);
		lifecycle_draft_drop(&draft);
	}
	if (r == 0)
		(void)event_append(src->dir_fd, "cloned", json_pack("{s:s}", "clone", o->name));
	json_decref(doc);
	spec_free(spec);
	return r;
}

int zone_clone(const struct store *s, const struct clone_options *o, struct err *e)
{
	struct zone src;
	if (name_check("zone", o->name, e) < 0 || lifecycle_must_be_free(s, o->name, NULL, e) < 0)
		return -1;
	if (zone_open(s, o->source, ZONE_LOCK, LIFECYCLE_LOCK_MS, &src, e) < 0)
		return -1;
	int r = clone_locked(&src, o, e);
	zone_close(&src);
	return r;
}
