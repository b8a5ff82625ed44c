#include "runtime/live_mount.h"
#include "runtime/events.h"
#include "runtime/host_facts.h"
#include "runtime/lifecycle_parts.h"
#include "runtime/live_mount_side.h"
#include "runtime/state.h"
#include "runtime/stop.h"
#include "runtime/volumes.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "fsroot/dev.h"
#include "specs/spec_json.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* RUN/zones/NAME/mounts.json: what we have mounted in this run of the zone. It goes with the run.
 */
#define LIST_NAME "mounts.json"
enum {
	LIST_MAX = 1 << 20
};

struct live_zone {
	struct zone zone;
	struct zone_state state;
	struct cg_host host;
	struct plan plan;
	int run_fd, init_fd, userns_fd, tree_fd, empty_fd;
	json_t *list;
	json_t *doc; /* the spec with the mount */
	struct zone_spec *spec;
};

static void live_zone_close(struct live_zone *l)
{
	int *fds[] = {&l->run_fd, &l->init_fd, &l->userns_fd, &l->tree_fd, &l->empty_fd};
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fd_close(fds[i]);
	json_decref(l->list);
	json_decref(l->doc);
	plan_done(&l->plan);
	spec_free(l->spec);
	cg_host_done(&l->host);
	zone_close(&l->zone);
}

/* ---- the list ---- */

static int read_list(struct live_zone *l, struct err *e)
{
	autofree char *text = NULL;
	size_t len = 0;
	struct err why = {0};
	if (path_read_file(l->run_fd, LIST_NAME, LIST_MAX, &text, &len, &why) < 0) {
		if (why.sys_errno != ENOENT) {
			*e = why;
			return -1;
		}
		l->list = json_array();
	} else {
		l->list = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	}
	return json_is_array(l->list) ? 0 : err_set(e, ERR_FAILED, "'" LIST_NAME "' is damaged");
}

static int write_list(const struct live_zone *l, struct err *e)
{
	autofree char *text = json_dumps(l->list, JSON_COMPACT);
	if (!text)
		return err_nomem(e);
	return path_write_volatile(l->run_fd, LIST_NAME, text, strlen(text), 0600, e);
}

/* By the target as typed, or by where that is. -1: none. */
static ssize_t find_in_list(const json_t *list, const char *target)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *m = json_array_get(list, i);
		if (str_eq(json_string_value(json_object_get(m, "target")), target) ||
			str_eq(json_string_value(json_object_get(m, "place")), target))
			return (ssize_t)i;
	}
	return -1;
}

/* ---- the zone ---- */

static int open_running(const struct store *s, const char *name, struct live_zone *l, struct err *e)
{
	*l = (struct live_zone){.zone = {.dir_fd = -1, .lock_fd = -1},
		.run_fd = -1,
		.init_fd = -1,
		.userns_fd = -1,
		.tree_fd = -1,
		.empty_fd = -1};
	if (zone_open(s, name, ZONE_LOCK, LIFECYCLE_LOCK_MS, &l->zone, e) < 0)
		return -1;
	if (zone_recover(&l->zone, e) < 0 || zone_settle(&l->zone, &l->state, e) < 0)
		return -1;
	if (l->state.phase != PHASE_RUNNING) {
		err_set(e, ERR_STATE, "zone '%s' does not run", name);
		return err_hint(e, "`cella set %s mounts=...` is for its next start", name);
	}
	if ((l->zone.spec->security.userns == SPEC_USERNS_ISOLATED) != (l->state.id_first != 0)) {
		err_set(e, ERR_STATE,
			"zone '%s' runs with another security.userns than its spec has now", name);
		return err_hint(e, "`cella restart %s` first", name);
	}
	l->run_fd = openat(s->run_zones_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	l->init_fd = proc_open(&l->state.init);
	if (l->run_fd < 0 || l->init_fd < 0)
		return err_set(e, ERR_STATE, "zone '%s' has just ended", name);
	return read_list(l, e);
}

static struct live_side side_of(const struct live_zone *l, const char *target)
{
	return (struct live_side){
		.init_fd = l->init_fd,
		.init_pid = l->state.init.pid,
		.has_userns = l->zone.spec->security.userns == SPEC_USERNS_ISOLATED,
		.root_id = l->state.id_first,
		.target = target,
		.tree_fd = l->tree_fd,
		.empty_fd = l->empty_fd,
	};
}

/* ---- mount ---- */

static json_t *mount_to_json(const struct live_mount_options *o)
{
	json_t *options = json_array();
	for (size_t i = 0; options && i < o->n_options; i++)
		for (const char *at = o->options[i]; *at;) {
			size_t n = strcspn(at, ",");
			if (n && json_array_append_new(options, json_stringn(at, n)) < 0) {
				json_decref(options);
				return NULL;
			}
			at += n + (at[n] == ',');
		}
	return options ? json_pack("{s:s, s:s, s:s, s:o, s:b}", "type", "bind", "source", o->source,
				 "target", o->target, "options", options, "idmap", !o->no_idmap)
		       : NULL;
}

/* The spec as it would be with the mount: whatever is wrong with that is said as for a spec. */
static int make_spec(struct live_zone *l, const struct live_mount_options *o, struct err *e)
{
	json_t *with = json_deep_copy(l->zone.doc);
	json_t *mounts = with ? json_object_get(with, "mounts") : NULL;
	if (with && !mounts) {
		mounts = json_array();
		if (json_object_set_new(with, "mounts", mounts) < 0)
			mounts = NULL;
	}
	json_t *mount = mounts ? mount_to_json(o) : NULL;
	int r = mount ? json_array_append_new(mounts, mount) : -1;
	if (r < 0)
		err_nomem(e);
	else
		r = lifecycle_make_spec(l->zone.store, l->zone.name, with, l->zone.name, NULL, 0,
			&l->doc, &l->spec, e);
	json_decref(with);
	if (r < 0)
		return -1;
	struct zone now = l->zone; /* borrows everything but the spec */
	now.spec = l->spec;
	if (host_facts_cgroups(l->zone.store, &l->host, e) < 0 ||
		plan_make(&now, &l->host, &l->plan, e) < 0)
		return -1;
	return l->plan.n_volumes ? 0 : err_set(e, ERR_FAILED, "the plan has no volume");
}

/* Before anything is mounted: what is in the list and not there does no harm. */
static int note(struct live_zone *l, const struct live_mount_options *o, const struct stat *st,
	struct err *e)
{
	json_t *m = mount_to_json(o);
	int r = !m || json_object_set_new(m, "dev", json_integer((json_int_t)st->st_dev)) < 0 ||
				json_object_set_new(
					m, "ino", json_integer((json_int_t)st->st_ino)) < 0 ||
				json_array_append(l->list, m) < 0
			? err_nomem(e)
			: write_list(l, e);
	json_decref(m);
	return r;
}

static int forget(struct live_zone *l, size_t i, struct err *e)
{
	return json_array_remove(l->list, i) < 0 ? err_nomem(e) : write_list(l, e);
}

static int note_place(struct live_zone *l, const char *place, struct err *e)
{
	json_t *m = json_array_get(l->list, json_array_size(l->list) - 1);
	return json_object_set_new(m, "place", json_string(place)) < 0 ? err_nomem(e)
								       : write_list(l, e);
}

static void take_back(struct live_zone *l, const char *place, const struct stat *st)
{
	struct live_side side = side_of(l, place);
	side.lazy = true;
	side.dev = st->st_dev;
	side.ino = st->st_ino;
	(void)live_side_umount(&side, NULL);
}

/* Somebody who mounted there died in the middle: without a place it is not known to be there. */
static int drop_half_made(struct live_zone *l, size_t i, const char *target, struct err *e)
{
	const json_t *m = json_array_get(l->list, i);
	const struct stat st = {
		.st_dev = (dev_t)json_integer_value(json_object_get(m, "dev")),
		.st_ino = (ino_t)json_integer_value(json_object_get(m, "ino")),
	};
	if (!json_object_get(m, "place")) {
		take_back(l, target, &st);
		return forget(l, i, e);
	}
	err_set(e, ERR_STATE, "something is mounted on '%s' already", target);
	return err_hint(e, "`cella umount %s %s`", l->zone.name, target);
}

static int prepare(
	struct live_zone *l, const struct live_mount_options *o, struct stat *ret_st, struct err *e)
{
	ssize_t i = find_in_list(l->list, o->target);
	if (i >= 0 && drop_half_made(l, (size_t)i, o->target, e) < 0)
		return -1;
	if (make_spec(l, o, e) < 0)
		return -1;
	const struct plan_volume *v = &l->plan.volumes[l->plan.n_volumes - 1];
	if (l->plan.has_userns && (l->userns_fd = ns_open(l->state.init.pid, NS_USER)) < 0)
		return err_sys(e, errno, "open the zone's user namespace");
	if (volume_clone(&l->plan, v, &l->tree_fd, ret_st, e) < 0 ||
		volume_map(v, l->tree_fd, l->userns_fd, e) < 0)
		return -1;
	return dev_build_mask(&l->empty_fd, e);
}

static int mount_it(struct live_zone *l, const struct live_mount_options *o, struct err *e)
{
	struct stat st;
	struct live_side_result got;
	if (prepare(l, o, &st, e) < 0 || note(l, o, &st, e) < 0)
		return -1;
	struct live_side side = side_of(l, o->target);
	side.is_dir = S_ISDIR(st.st_mode);
	int r = live_side_mount(&side, &got, e);
	if (r < 0) {
		/* Its child may have been ended after the mount had come. */
		take_back(l, o->target, &st);
	} else {
		r = note_place(l, got.place, e);
		if (r == 0 && o->persist)
			r = zone_write_spec(l->zone.dir_fd, l->doc, e);
		if (r < 0)
			take_back(l, got.place, &st);
	}
	if (r < 0) {
		(void)forget(l, json_array_size(l->list) - 1, NULL);
		return -1;
	}
	(void)event_append(l->zone.dir_fd, "mounted",
		json_pack("{s:s, s:s, s:b}", "source", o->source, "target", o->target, "persist",
			(int)o->persist));
	return 0;
}

int zone_mount(
	const struct store *s, const char *name, const struct live_mount_options *o, struct err *e)
{
	struct live_zone l;
	int r = open_running(s, name, &l, e);
	if (r == 0)
		r = mount_it(&l, o, e);
	live_zone_close(&l);
	return r < 0 ? err_prefix(e, "mount '%.120s'", o->target) : 0;
}

/* ---- umount ---- */

static ssize_t find_in_spec(const json_t *doc, const char *target)
{
	const json_t *mounts = json_object_get(doc, "mounts");
	for (size_t i = 0; i < json_array_size(mounts); i++)
		if (str_eq(json_string_value(json_object_get(json_array_get(mounts, i), "target")),
			    target))
			return (ssize_t)i;
	return -1;
}

static int not_ours(const struct live_zone *l, const char *target, struct err *e)
{
	if (find_in_spec(l->zone.doc, target) < 0)
		return err_set(e, ERR_NOT_FOUND, "nothing was mounted there by `cella mount`");
	err_set(e, ERR_STATE, "it is a mount of the spec, made at the start and locked");
	return err_hint(e, "take it out of `mounts` and restart the zone");
}

static int umount_it(struct live_zone *l, const char *target, bool lazy, bool persist,
	bool *ret_in_spec, struct err *e)
{
	ssize_t i = find_in_list(l->list, target);
	if (i < 0)
		return not_ours(l, target, e);
	const json_t *m = json_array_get(l->list, (size_t)i);
	autofree char *typed = strdup(json_string_value(json_object_get(m, "target")) ?: "");
	const char *place = json_string_value(json_object_get(m, "place"));
	struct live_side side = side_of(l, place ? place : target);
	if (!typed)
		return err_nomem(e);
	side.lazy = lazy;
	side.dev = (dev_t)json_integer_value(json_object_get(m, "dev"));
	side.ino = (ino_t)json_integer_value(json_object_get(m, "ino"));
	int r = live_side_umount(&side, e);
	/* Gone already: forgotten, and told. */
	bool is_gone = r < 0 && e->cls == ERR_STATE;
	if (r < 0 && !is_gone)
		return -1;
	if (forget(l, (size_t)i, is_gone ? NULL : e) < 0 || is_gone)
		return -1;
	ssize_t in_spec = find_in_spec(l->zone.doc, typed);
	*ret_in_spec = in_spec >= 0 && !persist;
	(void)event_append(l->zone.dir_fd, "unmounted", json_pack("{s:s}", "target", typed));
	if (in_spec < 0 || !persist)
		return 0;
	if (json_array_remove(json_object_get(l->zone.doc, "mounts"), (size_t)in_spec) < 0)
		return err_nomem(e);
	return zone_write_spec(l->zone.dir_fd, l->zone.doc, e);
}

int zone_umount(const struct store *s, const char *name, const char *target, bool lazy,
	bool persist, bool *ret_in_spec, struct err *e)
{
	struct live_zone l;
	int r = open_running(s, name, &l, e);
	*ret_in_spec = false;
	if (r == 0)
		r = umount_it(&l, target, lazy, persist, ret_in_spec, e);
	live_zone_close(&l);
	return r < 0 ? err_prefix(e, "unmount '%.120s'", target) : 0;
}
