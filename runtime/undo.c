#include "runtime/undo.h"
#include "runtime/lifecycle_parts.h"
#include "runtime/snapshot.h"
#include "runtime/upper_layer.h"
#include "runtime/events.h"
#include "runtime/state.h"
#include "runtime/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- begin ---- */

static void remember(struct zone_record *r, enum undo_mode mode, const char *layer)
{
	struct zone_undo *u = &r->undo;
	*u = (struct zone_undo){
		.is_open = true,
		.mode = mode,
		.has_started = r->has_started,
		.identity_pending = r->identity_pending,
	};
	(void)snprintf(u->layer, sizeof u->layer, "%s", layer);
	memcpy(u->snapshot, r->snapshot, sizeof u->snapshot);
	(void)snprintf(u->etc_hostname, sizeof u->etc_hostname, "%s", r->etc_hostname);
}

static int begin_moved(struct zone *z, enum undo_mode mode, struct err *e)
{
	autostaging struct staging layer = STAGING_EMPTY;
	char id[LAYER_ID_SIZE];
	struct intent in = {.verb = INTENT_UNDO};
	if (upper_layer_stage(z, "undo", &layer, id, e) < 0)
		return -1;
	memcpy(in.layer, id, sizeof in.layer);
	if (intent_write(z->dir_fd, &in, e) < 0)
		return -1;
	int r = upper_layer_move(z, &layer, id, e);
	if (r == 0) {
		remember(&z->record, mode, id);
		r = zone_write_record(z->dir_fd, &z->record, e);
	}
	if (r == 0)
		return upper_layer_finish(z, e) < 0 ? -1 : intent_clear(z->dir_fd, e);
	z->record.undo = (struct zone_undo){0};
	(void)upper_layer_undo(z, &in, NULL);
	return -1;
}

int undo_begin(struct zone *z, enum undo_mode mode, struct err *e)
{
	int empty = upper_is_empty(z, NULL, e);
	if (empty < 0)
		return -1;
	if (!empty)
		return begin_moved(z, mode, e);
	remember(&z->record, mode, "");
	if (zone_write_record(z->dir_fd, &z->record, e) == 0)
		return 0;
	z->record.undo = (struct zone_undo){0};
	return -1;
}

/* ---- discard ---- */

/* What upper/ was before the run lies in a layer that nobody but this zone's record uses: then it
 * can be a writable directory again, and no layer is left over. */
static bool can_come_back(const struct zone *z)
{
	autosnapshots struct snapshots all = {0};
	const char *layer = z->record.undo.layer;
	return !z->record.volume && layer[0] && z->record.n_layers &&
	       !strcmp(z->record.layers[0], layer) && snapshots_read(z->dir_fd, &all, NULL) == 0 &&
	       !all.n_broken && !snapshots_use_layer(&all, layer) &&
	       !layer_is_shared(z->store, layer, z->record.uuid);
}

/* Its files gone means that they are upper/ already: a crash came in between. */
static bool is_back(const struct zone *z)
{
	struct stat st;
	char fs[LAYER_ID_SIZE + 8];
	(void)snprintf(fs, sizeof fs, "%s/fs", z->record.undo.layer);
	return z->record.undo.layer[0] &&
	       fstatat(z->store->layers_fd, fs, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static int bring_back(struct zone *z, struct staging *fresh, struct err *e)
{
	const struct store *s = z->store;
	char fs[LAYER_ID_SIZE + 8];
	(void)snprintf(fs, sizeof fs, "%s/fs", z->record.undo.layer);
	if (upper_exchange(z, fresh, e) < 0)
		return -1;
	if (renameat(s->layers_fd, fs, z->dir_fd, "upper") < 0)
		return err_sys(e, errno, "move '%s/layers/%s' back", s->root, fs);
	return fsync(z->dir_fd) < 0 ? err_sys(e, errno, "zone '%s': sync its directory", z->name)
				    : 0;
}

static int forget(struct zone *z, struct err *e)
{
	struct zone_record *r = &z->record;
	char *hostname = strdup(r->undo.etc_hostname);
	if (!hostname)
		return err_nomem(e);
	free(r->etc_hostname);
	r->etc_hostname = hostname;
	r->has_started = r->undo.has_started;
	r->identity_pending = r->undo.identity_pending;
	memcpy(r->snapshot, r->undo.snapshot, sizeof r->snapshot);
	r->undo = (struct zone_undo){0};
	return zone_write_record(z->dir_fd, r, e);
}

/* Every step may be done twice; `fresh` is an empty upper/ and work/, and is not looked at when the
 * old ones are back already. */
static int apply_discard(struct zone *z, struct staging *fresh, struct err *e)
{
	char layer[LAYER_ID_SIZE];
	char *ids[] = {layer};
	int r = 0;
	bool back = is_back(z);
	memcpy(layer, z->record.undo.layer, sizeof layer);
	if (!back && can_come_back(z))
		back = (r = bring_back(z, fresh, e)) == 0;
	else if (!back)
		r = upper_exchange(z, fresh, e);
	if (back && z->record.n_layers)
		record_pop_layer(&z->record);
	if (r == 0)
		r = forget(z, e);
	if (r == 0)
		r = intent_clear(z->dir_fd, e);
	if (r == 0 && layer[0])
		(void)snapshot_release_layers(z, ids, 1, NULL);
	return r;
}

static int stage_and_discard(struct zone *z, const struct intent *note, struct err *e)
{
	autostaging struct staging fresh = STAGING_EMPTY;
	if ((!is_back(z) && upper_stage_empty(z, z->record.layers[0], &fresh, e) < 0) ||
		(note && intent_write(z->dir_fd, note, e) < 0))
		return -1;
	return apply_discard(z, &fresh, e);
}

static int discard(struct zone *z, struct err *e)
{
	const struct intent in = {.verb = INTENT_DISCARD};
	return stage_and_discard(z, &in, e);
}

/* ---- ends ---- */

int undo_end(struct zone *z, enum undo_mode how, struct err *e)
{
	if (!z->record.undo.is_open) {
		err_set(e, ERR_STATE, "zone '%s' has no run that could be undone", z->name);
		return err_hint(e, "`cella start --undo %s` begins one", z->name);
	}
	int r;
	if (how == UNDO_DISCARD) {
		r = discard(z, e);
	} else {
		const struct zone_undo was = z->record.undo;
		z->record.undo = (struct zone_undo){0};
		if ((r = zone_write_record(z->dir_fd, &z->record, e)) < 0)
			z->record.undo = was;
	}
	if (r == 0)
		(void)event_append(
			z->dir_fd, how == UNDO_DISCARD ? "undo_discarded" : "undo_committed", NULL);
	return r;
}

int undo_settle(struct zone *z, struct err *e)
{
	const struct zone_undo *u = &z->record.undo;
	return u->is_open && u->mode != UNDO_ASK ? undo_end(z, u->mode, e) : 0;
}

int undo_must_be_closed(const struct zone *z, const char *what, struct err *e)
{
	if (!z->record.undo.is_open)
		return 0;
	err_set(e, ERR_STATE,
		"zone '%s' has what a run with --undo wrote, neither committed nor discarded: %s "
		"needs one of them",
		z->name, what);
	return err_hint(
		e, "`cella undo commit %s` or `cella undo discard %s` first", z->name, z->name);
}

int undo_choose(struct zone *z, enum undo_mode mode, struct err *e)
{
	enum undo_mode was = z->record.undo.mode;
	if (!z->record.undo.is_open)
		return err_set(e, ERR_STATE, "zone '%s' has no run that could be undone", z->name);
	z->record.undo.mode = mode;
	if (zone_write_record(z->dir_fd, &z->record, e) == 0)
		return 0;
	z->record.undo.mode = was;
	return -1;
}

int undo_recover(struct zone *z, const struct intent *in, struct err *e)
{
	bool finish = true;
	if (in->verb == INTENT_DISCARD)
		return z->record.undo.is_open ? stage_and_discard(z, NULL, e)
					      : intent_clear(z->dir_fd, e);
	if (upper_layer_recover(z, in, &finish, e) < 0)
		return -1;
	return finish ? intent_clear(z->dir_fd, e) : 0;
}

int zone_undo(const struct store *s, const char *name, enum undo_mode how, struct err *e)
{
	struct zone z;
	if (zone_open(s, name, ZONE_LOCK, LIFECYCLE_LOCK_MS, &z, e) < 0)
		return -1;
	/* Not by the gate that would settle a choice of the start: this is the later choice. */
	struct zone_state st;
	int r = zone_settle(&z, &st, e);
	if (r == 0 && st.phase != PHASE_NONE) {
		err_set(e, ERR_STATE, "zone '%s' is running", name);
		r = err_hint(
			e, "`cella stop --commit %s` or `cella stop --discard %s`", name, name);
	}
	if (r == 0)
		r = undo_end(&z, how, e);
	zone_close(&z);
	return r;
}
