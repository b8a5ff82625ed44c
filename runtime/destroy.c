#include "runtime/lifecycle_parts.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "runtime/layers.h"
#include "runtime/remains.h"
#include "runtime/state.h"
#include "runtime/stop.h"
#include "specs/name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* From the document, which can often be read where the spec cannot. */
static bool is_protected(const struct zone *z)
{
	size_t i;
	json_t *p;
	json_array_foreach(json_object_get(z->doc, "protect"), i, p)
	{
		const char *what = json_string_value(p);
		if (what && !strcmp(what, "destroy"))
			return true;
	}
	return false;
}

static int may_destroy(const struct zone *z, bool force, struct err *e)
{
	if (is_protected(z)) {
		err_set(e, ERR_STATE, "zone '%s' is protected against destroy", z->name);
		return err_hint(
			e, "`cella set %s 'protect=[]'` takes the protection away", z->name);
	}
	if (zone_is_broken(z) && !force) {
		err_set(e, ERR_STATE, "zone '%s' is broken: its files cannot be read", z->name);
		return err_hint(e, "`cella destroy --force %s` removes it all the same", z->name);
	}
	return 0;
}

static int end_it(struct zone *z, bool force, struct err *e)
{
	struct zone_state st;
	if (force) {
		struct store_name own = store_host_name(z->store, z->name);
		bool known = state_read(z->store, z->name, &st, NULL) == 0 && st.phase &&
			     strcmp(st.cgroup, own.s) == 0;
		/* Whatever a verb left half done goes with the zone. */
		const struct stop_options o = {.timeout_ms = -1,
			.kill_at_once = true,
			.verb = "destroy",
			.keep_undo = true};
		bool changed;
		(void)intent_clear(z->dir_fd, NULL);
		if (zone_stop_locked(z, &o, &changed, e) < 0)
			return -1;
		/* By name, where the state file did not say it: a group that it does not know. */
		if (known)
			return 0;
		st = (struct zone_state){0};
		return zone_sweep(z->store, z->name, &st, e);
	}
	if (zone_settle(z, &st, e) < 0)
		return -1;
	if (st.phase == PHASE_NONE)
		return 0;
	err_set(e, ERR_STATE, "zone '%s' is running", z->name);
	return err_hint(
		e, "`cella stop %s` first, or `cella destroy --force %s`", z->name, z->name);
}

static int destroy_locked(struct zone *z, bool force, struct err *e)
{
	const struct store *s = z->store;
	autostaging struct staging st = STAGING_EMPTY;
	bool known = z->record.uuid[0] != '\0';
	if (may_destroy(z, force, e) < 0 || end_it(z, force, e) < 0)
		return -1;
	/* From here on it is gone, whatever happens: a crash leaves work for repair only. */
	if (staging_take(s, s->zones_fd, z->name, "gone", &st, e) < 0)
		return -1;
	if (!z->record.in_memory)
		(void)fsync(s->zones_fd);
	int r = remains_give_back(&st, e);
	if (remains_remove_logs(s, z->name, r < 0 ? NULL : e) < 0)
		r = -1;
	if (path_remove_tree(s->staging_fd, st.name, r < 0 ? NULL : e) < 0)
		r = -1;
	else
		st.name[0] = '\0';
	if (!known && r == 0)
		r = repair_orphans(s, NULL, NULL, e);
	return r;
}

/* ---- what a create or clone left behind ---- */

struct incomplete {
	const char *name;
	bool found;
};

static int drop_incomplete(void *arg, struct staging *st, struct err *e)
{
	struct incomplete *w = arg;
	char found[ZONE_NAME_MAX + 1];
	if (!lifecycle_incomplete_name(st->fd, found) || strcmp(found, w->name) != 0)
		return 1;
	w->found = true;
	return remains_give_back(st, e);
}

int zone_destroy(const struct store *s, const char *name, bool force, struct err *e)
{
	struct zone z;
	struct err why = {0};
	if (zone_open(s, name, ZONE_LOCK | ZONE_ALLOW_BROKEN, LIFECYCLE_LOCK_MS, &z, &why) < 0) {
		struct incomplete w = {.name = name};
		if (why.cls == ERR_NOT_FOUND && force && name_is_valid(name) &&
			staging_sweep(s, drop_incomplete, &w, &why) == 0 && w.found)
			return 0;
		if (e)
			*e = why;
		return -1;
	}
	int r = destroy_locked(&z, force, e);
	zone_close(&z);
	return r;
}

int zone_destroy_this(const struct store *s, const char *name, const char *uuid, struct err *e)
{
	struct zone z;
	if (zone_open(s, name, ZONE_LOCK | ZONE_ALLOW_BROKEN, LIFECYCLE_LOCK_MS, &z, e) < 0)
		return -1;
	int r = strcmp(z.record.uuid, uuid) != 0
			? err_set(e, ERR_NOT_FOUND, "zone '%s' is another one by now", name)
			: destroy_locked(&z, true, e);
	zone_close(&z);
	return r;
}
