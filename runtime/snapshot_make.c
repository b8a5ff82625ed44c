/* Making a snapshot. Of a stopped zone the writable directory becomes a layer, in one rename; of a
 * running one it is copied while the zone is frozen. intent.h has the order of the steps. */
#include "runtime/frozen_copy.h"
#include "runtime/lifecycle_parts.h"
#include "runtime/snapshot_verbs.h"
#include "runtime/stop.h"
#include "runtime/undo.h"
#include "runtime/upper_layer.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "runtime/events.h"
#include "specs/name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* "20260131-235959", and "-2", "-3"... if there is one already. */
static int default_name(const struct zone *z, char ret[ZONE_NAME_MAX + 1], struct err *e)
{
	char base[32];
	struct tm t;
	time_t now = (time_t)(clock_real_ns() / 1000000000);
	if (!gmtime_r(&now, &t) || !strftime(base, sizeof base, "%Y%m%d-%H%M%S", &t))
		return err_set(e, ERR_FAILED, "this time has no name");
	(void)snprintf(ret, ZONE_NAME_MAX + 1, "%s", base);
	for (unsigned i = 2; snapshot_exists(z->dir_fd, ret); i++)
		(void)snprintf(ret, ZONE_NAME_MAX + 1, "%s-%u", base, i);
	return 0;
}

static int check_description(const char *text, struct err *e)
{
	enum {
		DESCRIPTION_MAX = 4096
	};
	size_t len = text ? strlen(text) : 0;
	if (len > DESCRIPTION_MAX)
		return err_set(e, ERR_USAGE,
			"the description has %zu bytes, at most %d can be kept", len,
			DESCRIPTION_MAX);
	if (len && !str_is_printable(text, len))
		return err_set(e, ERR_USAGE, "the description is not printable UTF-8");
	return 0;
}

/* All but the layers, which are the record's: borrowed when it is written. */
static int describe(
	const struct zone *z, const struct snapshot_options *o, struct snapshot *ret, struct err *e)
{
	char now[CLOCK_RFC3339_SIZE];
	struct snapshot s = {
		.has_started = z->record.has_started,
		.identity_pending = z->record.identity_pending,
	};
	if (!(s.description = strdup(o->description ? o->description : "")))
		return err_nomem(e);
	memcpy(s.parent, z->record.snapshot, sizeof s.parent);
	(void)snprintf(s.created, sizeof s.created, "%s", clock_rfc3339(now, clock_real_ns()));
	(void)snprintf(s.etc_hostname, sizeof s.etc_hostname, "%s", z->record.etc_hostname);
	*ret = s;
	return 0;
}

/* The snapshot, then the record that names it as where the present state grew from. */
static int write_both(
	struct zone *z, struct snapshot *s, char *const *layers, size_t n, struct err *e)
{
	struct snapshot with = *s;
	with.layers = (char **)layers; /* not changed by writing */
	with.n_layers = n;
	if (snapshot_write(z->dir_fd, &with, e) < 0)
		return -1;
	memcpy(z->record.snapshot, s->name, sizeof z->record.snapshot);
	return zone_write_record(z->dir_fd, &z->record, e);
}

/* The way back of a snapshot without a moved upper, after an error. */
static int take_back(struct zone *z, const struct intent *in, const char *parent, struct err *e)
{
	struct zone_record now;
	(void)snprintf(z->record.snapshot, sizeof z->record.snapshot, "%s", parent);
	if (zone_read_record(z->dir_fd, &now, e) < 0)
		return -1;
	bool has = !strcmp(now.snapshot, in->other);
	zone_record_done(&now);
	if ((has && zone_write_record(z->dir_fd, &z->record, e) < 0) ||
		snapshot_remove(z->dir_fd, in->other, e) < 0 ||
		(in->layer[0] && layer_unref(z->store, in->layer, z->record.uuid, e) < 0))
		return -1;
	return intent_clear(z->dir_fd, e);
}

static void begin_intent(struct intent *in, const struct snapshot *s, const char *layer, bool copy)
{
	*in = (struct intent){.verb = INTENT_SNAPSHOT, .is_copy = copy};
	(void)snprintf(in->layer, sizeof in->layer, "%s", layer);
	(void)snprintf(in->other, sizeof in->other, "%s", s->name);
}

/* Nothing written since: the record's layers are it. */
static int make_plain(struct zone *z, struct snapshot *s, struct err *e)
{
	struct intent in;
	begin_intent(&in, s, "", false);
	if (intent_write(z->dir_fd, &in, e) < 0)
		return -1;
	if (write_both(z, s, z->record.layers, z->record.n_layers, e) < 0) {
		(void)take_back(z, &in, s->parent, NULL);
		return -1;
	}
	return intent_clear(z->dir_fd, e);
}

static int make_moved(struct zone *z, struct snapshot *s, struct err *e)
{
	autostaging struct staging layer = STAGING_EMPTY;
	char id[LAYER_ID_SIZE];
	struct intent in;
	if (upper_layer_stage(z, "snapshot", &layer, id, e) < 0)
		return -1;
	begin_intent(&in, s, id, false);
	if (intent_write(z->dir_fd, &in, e) < 0)
		return -1;
	if (upper_layer_move(z, &layer, id, e) < 0 ||
		write_both(z, s, z->record.layers, z->record.n_layers, e) < 0) {
		memcpy(z->record.snapshot, s->parent, sizeof s->parent);
		if (snapshot_remove(z->dir_fd, s->name, NULL) == 0)
			(void)upper_layer_undo(z, &in, NULL);
		return -1;
	}
	if (upper_layer_finish(z, e) < 0)
		return -1;
	return intent_clear(z->dir_fd, e);
}

/* ---- of a running zone ---- */

/* The layers of the snapshot: the copy, and what the zone runs on. */
static int write_copied(
	struct zone *z, struct snapshot *s, struct staging *layer, const char *id, struct err *e)
{
	struct zone_record with;
	if (zone_record_copy(&z->record, &with, e) < 0)
		return -1;
	int r = record_push_layer(&with, id, e);
	if (r == 0)
		r = staging_commit(layer, z->store->layers_fd, id, e);
	if (r == 0)
		r = write_both(z, s, with.layers, with.n_layers, e);
	zone_record_done(&with);
	return r;
}

static int stage_copy(const struct zone *z, const struct zone_state *st, struct staging *ret,
	char *id, struct snapshot_result *result, struct err *e)
{
	autostaging struct staging layer = STAGING_EMPTY;
	struct frozen_result copied;
	char source[ZONE_NAME_MAX + 8];
	int fs_fd = -1;
	if (upper_layer_check_room(z, e) < 0 || layer_stage(z->store, true, &layer, &fs_fd, e) < 0)
		return -1;
	autofd int fs = fs_fd;
	if (frozen_copy(z, st, fs, &copied, e) < 0)
		return -1;
	(void)snprintf(source, sizeof source, "zone %s", z->name);
	const struct layer_info info = {.kind = "snapshot",
		.source = source,
		.bytes = copied.copied.bytes,
		.entries = copied.copied.entries};
	layer_id_random(id);
	if (layer_write(&layer, id, &info, z->record.uuid, e) < 0)
		return -1;
	if (syncfs(fs) < 0)
		return err_sys(e, errno, "write the copy to disk");
	result->pause_us = copied.pause_us;
	result->copied_bytes = copied.copied.bytes;
	*ret = layer;
	layer = (struct staging)STAGING_EMPTY;
	return 0;
}

static int make_copied(struct zone *z, const struct zone_state *st, struct snapshot *s,
	struct snapshot_result *result, struct err *e)
{
	autostaging struct staging layer = STAGING_EMPTY;
	char id[LAYER_ID_SIZE];
	struct intent in;
	if (stage_copy(z, st, &layer, id, result, e) < 0)
		return -1;
	begin_intent(&in, s, id, true);
	if (intent_write(z->dir_fd, &in, e) < 0)
		return -1;
	if (write_copied(z, s, &layer, id, e) < 0) {
		(void)take_back(z, &in, s->parent, NULL);
		return -1;
	}
	return intent_clear(z->dir_fd, e);
}

/* ---- the verb ---- */

static int make(struct zone *z, const struct zone_state *st, struct snapshot *s,
	struct snapshot_result *result, struct err *e)
{
	if (st->phase != PHASE_NONE) {
		s->of_running = true;
		return make_copied(z, st, s, result, e);
	}
	int empty = upper_is_empty(z, NULL, e);
	if (empty < 0)
		return -1;
	return empty ? make_plain(z, s, e) : make_moved(z, s, e);
}

static int create_locked(struct zone *z, const struct snapshot_options *o,
	struct snapshot_result *ret, struct err *e)
{
	struct zone_state st;
	struct snapshot s;
	struct snapshot_result result = {.pause_us = -1};
	if (lifecycle_must_be_on_disk(z, "a snapshot", e) < 0 || zone_settle(z, &st, e) < 0 ||
		lifecycle_must_be_no_template(z, "snapshotted", e) < 0 ||
		(st.phase == PHASE_NONE && undo_must_be_closed(z, "a snapshot", e) < 0))
		return -1;
	if (o->name)
		(void)snprintf(result.name, sizeof result.name, "%s", o->name);
	else if (default_name(z, result.name, e) < 0)
		return -1;
	if (snapshot_exists(z->dir_fd, result.name))
		return err_set(e, ERR_STATE, "zone '%s' has a snapshot '%s' already", z->name,
			result.name);
	if (describe(z, o, &s, e) < 0)
		return -1;
	memcpy(s.name, result.name, sizeof s.name);
	result.was_running = st.phase != PHASE_NONE;
	int r = make(z, &st, &s, &result, e);
	snapshot_done(&s);
	if (r < 0)
		return -1;
	(void)event_append(
		z->dir_fd, "snapshot_created", json_pack("{s:s}", "snapshot", result.name));
	*ret = result;
	return 0;
}

int zone_snapshot_create(const struct store *s, const struct snapshot_options *o,
	struct snapshot_result *ret, struct err *e)
{
	struct zone z;
	if ((o->name && name_check("snapshot", o->name, e) < 0) ||
		check_description(o->description, e) < 0)
		return -1;
	if (zone_open(s, o->zone, ZONE_LOCK, LIFECYCLE_LOCK_MS, &z, e) < 0)
		return -1;
	int r = create_locked(&z, o, ret, e);
	zone_close(&z);
	return r < 0 ? err_prefix(e, "snapshot of zone '%s'", o->zone) : 0;
}

int snapshot_recover(struct zone *z, const struct intent *in, struct err *e)
{
	bool finish = !strcmp(z->record.snapshot, in->other);
	if (in->layer[0] && !in->is_copy) {
		/* The file first: a note without the layer is what says that it is to go. */
		if (!record_has_layer(&z->record, in->layer) &&
			snapshot_remove(z->dir_fd, in->other, e) < 0)
			return -1;
		if (upper_layer_recover(z, in, &finish, e) < 0)
			return -1;
	} else if (!finish) {
		return take_back(z, in, z->record.snapshot, e);
	}
	return finish ? intent_clear(z->dir_fd, e) : 0;
}
