/* Coming back to a snapshot, and taking one away. Both only go forward once they have begun: every
 * step may be done twice, so what a crash leaves is done again (intent.h). */
#include "runtime/lifecycle_parts.h"
#include "runtime/snapshot_verbs.h"
#include "runtime/stack.h"
#include "runtime/stop.h"
#include "runtime/undo.h"
#include "runtime/upper_layer.h"
#include "base/mem.h"
#include "runtime/events.h"
#include "runtime/state.h"
#include "specs/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what would be lost ---- */

static bool same_layers(const struct zone_record *r, const struct snapshot *s)
{
	bool same = r->n_layers == s->n_layers;
	for (size_t i = 0; same && i < s->n_layers; i++)
		same = !strcmp(r->layers[i], s->layers[i]);
	return same;
}

/* 1: something that no snapshot holds. */
static int has_changes(const struct zone *z, struct err *e)
{
	autosnapshots struct snapshots all = {0};
	int empty = upper_is_empty(z, NULL, e);
	if (empty <= 0)
		return empty < 0 ? -1 : 1;
	if (snapshots_read(z->dir_fd, &all, e) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++)
		if (same_layers(&z->record, &all.items[i]))
			return 0;
	return 1;
}

int zone_snapshot_changes(const struct store *s, const char *zone, struct err *e)
{
	struct zone z;
	if (zone_open(s, zone, 0, 0, &z, e) < 0)
		return -1;
	int r = has_changes(&z, e);
	zone_close(&z);
	return r;
}

/* ---- restore ---- */

/* The record as it is in the snapshot; *old gets its former layers. */
static int take_record(
	struct zone *z, const struct snapshot *snap, struct zone_record *old, struct err *e)
{
	struct zone_record *r = &z->record;
	char **layers = calloc(snap->n_layers, sizeof *layers);
	char *hostname = strdup(snap->etc_hostname);
	bool ok = layers && hostname && zone_record_copy(r, old, e) == 0;
	for (size_t i = 0; ok && i < snap->n_layers; i++)
		ok = (layers[i] = strdup(snap->layers[i])) != NULL;
	if (!ok) {
		for (size_t i = 0; layers && i < snap->n_layers; i++)
			free(layers[i]);
		free(layers);
		free(hostname);
		return err_nomem(e);
	}
	for (size_t i = 0; i < r->n_layers; i++)
		free(r->layers[i]);
	free(r->layers);
	free(r->etc_hostname);
	r->layers = layers;
	r->n_layers = snap->n_layers;
	r->etc_hostname = hostname;
	r->has_started = snap->has_started;
	r->identity_pending = snap->identity_pending;
	memcpy(r->snapshot, snap->name, sizeof r->snapshot);
	r->undo = (struct zone_undo){0};
	return 0;
}

/* *ret_begun: the record on disk is the new one, so that there is no way but forward. */
static int apply_restore(struct zone *z, const struct snapshot *snap, struct staging *fresh,
	bool *ret_begun, struct err *e)
{
	struct zone_record old = {0};
	for (size_t i = 0; i < snap->n_layers; i++)
		if (layer_ref(z->store, snap->layers[i], z->record.uuid, e) < 0)
			return err_prefix(e, "snapshot '%s'", snap->name);
	int r = take_record(z, snap, &old, e);
	if (r == 0)
		r = zone_write_record(z->dir_fd, &z->record, e);
	if (r == 0) {
		*ret_begun = true;
		r = upper_exchange(z, fresh, e);
	}
	if (r == 0)
		r = intent_clear(z->dir_fd, e);
	/* It is restored; what this leaves, repair takes away. */
	if (r == 0)
		(void)snapshot_release_layers(z, old.layers, old.n_layers, NULL);
	zone_record_done(&old);
	return r;
}

/* The empty directories are made before anything is changed: a full disk ends it while all is as it
 * was. */
static int restore(struct zone *z, const struct snapshot *snap, struct err *e)
{
	autostaging struct staging fresh = STAGING_EMPTY;
	struct intent in = {.verb = INTENT_RESTORE};
	bool begun = false, was_same = same_layers(&z->record, snap);
	(void)snprintf(in.other, sizeof in.other, "%s", snap->name);
	if (upper_stage_empty(z, snap->layers[0], &fresh, e) < 0 ||
		intent_write(z->dir_fd, &in, e) < 0)
		return -1;
	if (apply_restore(z, snap, &fresh, &begun, e) == 0)
		return 0;
	/* An error of writing the record may have come after the new one was in its place. */
	struct zone_record now;
	if (!begun && zone_read_record(z->dir_fd, &now, NULL) == 0) {
		begun = !was_same && same_layers(&now, snap);
		zone_record_done(&now);
	}
	if (!begun)
		(void)intent_clear(z->dir_fd, NULL);
	else
		err_hint(e, "it has begun: `cella repair %s` brings it to its end", z->name);
	return -1;
}

static int restore_locked(struct zone *z, const char *name, bool force, struct err *e)
{
	struct snapshot snap;
	if (lifecycle_must_be_no_template(z, "restored", e) < 0 ||
		lifecycle_must_be_stopped(z, "restore", e) < 0 ||
		undo_must_be_closed(z, "a restore", e) < 0 ||
		snapshot_read(z->dir_fd, z->name, name, &snap, e) < 0)
		return -1;
	int r = force ? 0 : has_changes(z, e);
	if (r > 0) {
		err_set(e, ERR_STATE, "zone '%s' has changes that no snapshot holds", z->name);
		r = err_hint(
			e, "`cella snapshot create %s` keeps them, --force gives them up", z->name);
	}
	if (r == 0)
		r = restore(z, &snap, e);
	snapshot_done(&snap);
	if (r == 0)
		(void)event_append(
			z->dir_fd, "snapshot_restored", json_pack("{s:s}", "snapshot", name));
	return r;
}

int zone_snapshot_restore(
	const struct store *s, const char *zone, const char *name, bool force, struct err *e)
{
	struct zone z;
	if (name_check("snapshot", name, e) < 0 ||
		zone_open(s, zone, ZONE_LOCK, LIFECYCLE_LOCK_MS, &z, e) < 0)
		return -1;
	int r = restore_locked(&z, name, force, e);
	zone_close(&z);
	return r;
}

int snapshot_restore_recover(struct zone *z, const struct intent *in, struct err *e)
{
	struct snapshot snap;
	if (snapshot_read(z->dir_fd, z->name, in->other, &snap, e) < 0)
		return -1;
	autostaging struct staging fresh = STAGING_EMPTY;
	bool begun = false;
	int r = upper_stage_empty(z, snap.layers[0], &fresh, e);
	if (r == 0)
		r = apply_restore(z, &snap, &fresh, &begun, e);
	snapshot_done(&snap);
	return r;
}

/* ---- delete ---- */

/* Everything that names it as its parent gets its parent. */
static int adopt_children(struct zone *z, const char *name, const char *parent, struct err *e)
{
	autosnapshots struct snapshots all = {0};
	struct zone_record *r = &z->record;
	if (snapshots_read(z->dir_fd, &all, e) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++) {
		struct snapshot *s = &all.items[i];
		if (s->is_broken || strcmp(s->parent, name) != 0)
			continue;
		(void)snprintf(s->parent, sizeof s->parent, "%s", parent);
		if (snapshot_write(z->dir_fd, s, e) < 0)
			return -1;
	}
	bool present = !strcmp(r->snapshot, name), before = !strcmp(r->undo.snapshot, name);
	if (present)
		(void)snprintf(r->snapshot, sizeof r->snapshot, "%s", parent);
	if (before)
		(void)snprintf(r->undo.snapshot, sizeof r->undo.snapshot, "%s", parent);
	return present || before ? zone_write_record(z->dir_fd, r, e) : 0;
}

static int apply_delete(struct zone *z, const char *name, struct err *e)
{
	struct snapshot s = {0};
	struct err why = {0};
	/* A damaged one has no parent and no layers that we know of: repair finds the latter. */
	if (snapshot_read(z->dir_fd, z->name, name, &s, &why) < 0 && why.cls != ERR_FAILED) {
		if (why.cls == ERR_NOT_FOUND)
			return intent_clear(z->dir_fd, e);
		if (e)
			*e = why;
		return -1;
	}
	int r = adopt_children(z, name, s.parent, e);
	if (r == 0)
		r = snapshot_remove(z->dir_fd, name, e);
	if (r == 0)
		r = s.n_layers ? snapshot_release_layers(z, s.layers, s.n_layers, e)
			       : snapshot_release_strays(z, NULL, e);
	snapshot_done(&s);
	return r < 0 ? -1 : intent_clear(z->dir_fd, e);
}

static int delete_locked(struct zone *z, const char *name, struct err *e)
{
	struct zone_state st;
	struct snapshot s;
	struct err why = {0};
	struct intent in = {.verb = INTENT_DELETE};
	if (zone_settle(z, &st, e) < 0)
		return -1;
	if (snapshot_read(z->dir_fd, z->name, name, &s, &why) == 0) {
		snapshot_done(&s);
	} else if (!snapshot_exists(z->dir_fd, name)) {
		if (e)
			*e = why;
		return -1;
	}
	(void)snprintf(in.other, sizeof in.other, "%s", name);
	if (intent_write(z->dir_fd, &in, e) < 0 || apply_delete(z, name, e) < 0)
		return -1;
	/* It is deleted; that layers stay two is no failure of it. */
	(void)stack_compact(z, st.phase != PHASE_NONE, NULL, NULL);
	(void)event_append(z->dir_fd, "snapshot_deleted", json_pack("{s:s}", "snapshot", name));
	return 0;
}

int zone_snapshot_delete(const struct store *s, const char *zone, const char *name, struct err *e)
{
	struct zone z;
	if (name_check("snapshot", name, e) < 0 ||
		zone_open(s, zone, ZONE_LOCK, LIFECYCLE_LOCK_MS, &z, e) < 0)
		return -1;
	int r = delete_locked(&z, name, e);
	zone_close(&z);
	return r;
}

int snapshot_delete_recover(struct zone *z, const struct intent *in, struct err *e)
{
	return apply_delete(z, in->other, e);
}
