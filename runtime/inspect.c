/* Rows for list and show. One corrupt zone never hides the others: it is a row of its own. */
#include "runtime/inspect.h"
#include "runtime/backend.h"
#include "runtime/host_facts.h"
#include "runtime/init_kind.h"
#include "runtime/lifecycle_parts.h"
#include "runtime/state.h"
#include "runtime/zone.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "specs/name.h"
#include "specs/spec_json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* Found once for a whole table. */
struct view {
	const struct store *s;
	unsigned want;
	struct cg_host host;
	bool has_host;
};

/* json_object_set_new steals the value also when it fails, and a NULL value makes it fail: so one
 * check at the end is enough for a whole row. */
static void put(json_t *row, bool *ok, const char *key, json_t *value)
{
	if (json_object_set_new(row, key, value) < 0)
		*ok = false;
}

static json_t *text_or_null(const char *s)
{
	return s && s[0] ? json_string(s) : json_null();
}

static json_t *number_or_null(uint64_t v)
{
	return v == CG_UNSET || v == CG_MAX ? json_null() : json_integer((json_int_t)v);
}

static json_t *texts(const struct spec_strings *list)
{
	json_t *a = json_array();
	for (size_t i = 0; a && i < list->n; i++)
		if (json_array_append_new(a, json_string(list->items[i])) < 0) {
			json_decref(a);
			return NULL;
		}
	return a;
}

static json_t *pairs(const struct spec_pairs *list)
{
	json_t *o = json_object();
	for (size_t i = 0; o && i < list->n; i++)
		if (json_object_set_new(o, list->items[i].key, json_string(list->items[i].value)) <
			0) {
			json_decref(o);
			return NULL;
		}
	return o;
}

/* ---- the parts of a row ---- */

static void put_spec(json_t *row, bool *ok, const struct view *v, const struct zone *z)
{
	static const char *const net_modes[] = {
		[SPEC_NET_PRIVATE] = "private", [SPEC_NET_HOST] = "host", [SPEC_NET_NONE] = "none"};
	const struct zone_spec *spec = z->spec;
	if (!spec)
		return;
	put(row, ok, "init", json_string(init_is_system(spec) ? "system" : "app"));
	if (v->want & INSPECT_EXPANDED)
		put(row, ok, "spec", spec_to_json(spec, NULL));
	else if (v->want & INSPECT_SPEC)
		put(row, ok, "spec", json_incref(z->doc));
	if (!(v->want & INSPECT_DETAILS))
		return;
	put(row, ok, "hostname", json_string(spec->hostname));
	put(row, ok, "description", json_string(spec->description));
	put(row, ok, "network_mode", json_string(net_modes[spec->network.mode]));
	put(row, ok, "labels", pairs(&spec->labels));
	put(row, ok, "groups", texts(&spec->groups));
	put(row, ok, "protect", texts(&spec->protect));
	put(row, ok, "template", json_boolean(spec->is_template));
}

static void put_record(json_t *row, bool *ok, const struct view *v, const struct zone_record *r)
{
	if (!r->uuid[0])
		return;
	put(row, ok, "address4", text_or_null(r->address4));
	if (!(v->want & INSPECT_DETAILS))
		return;
	json_t *layers = json_array();
	for (size_t i = 0; i < r->n_layers; i++)
		(void)json_array_append_new(layers, json_string(r->layers[i]));
	put(row, ok, "uuid", json_string(r->uuid));
	put(row, ok, "id_first", r->id_first ? json_integer(r->id_first) : json_null());
	put(row, ok, "layers", layers);
	put(row, ok, "address6", text_or_null(r->address6));
	put(row, ok, "mac", text_or_null(r->mac));
	put(row, ok, "source", text_or_null(r->source));
	put(row, ok, "clone_of", text_or_null(r->clone_of));
	put(row, ok, "created", text_or_null(r->created));
	put(row, ok, "ephemeral", json_boolean(r->ephemeral));
	put(row, ok, "in_memory", json_boolean(r->in_memory));
	put(row, ok, "snapshot", text_or_null(r->snapshot));
	put(row, ok, "undo",
		r->undo.is_open ? json_string(undo_mode_words[r->undo.mode]) : json_null());
}

static void put_state(json_t *row, bool *ok, const struct view *v, enum zone_status status,
	const struct zone_state *st)
{
	bool lives = status == ZONE_RUNNING || status == ZONE_UNWATCHED || status == ZONE_STOPPING;
	put(row, ok, "pid", lives && st->init.pid ? json_integer(st->init.pid) : json_null());
	/* Addresses as they are now; a stopped zone's row has what it will get again. */
	if (lives)
		put(row, ok, "address4", text_or_null(st->address4));
	if (!(v->want & INSPECT_DETAILS))
		return;
	bool kept = lives || status == ZONE_RESTARTING;
	put(row, ok, "keeper_pid",
		kept && st->keeper.pid ? json_integer(st->keeper.pid) : json_null());
	put(row, ok, "started", lives ? text_or_null(st->started) : json_null());
	put(row, ok, "restarts", json_integer(kept ? st->restarts : 0));
	put(row, ok, "host_interface", lives ? text_or_null(st->host_if) : json_null());
	put(row, ok, "network", lives ? text_or_null(st->network) : json_null());
	if (lives)
		put(row, ok, "address6", text_or_null(st->address6));
}

static void put_resources(json_t *row, bool *ok, struct view *v, const struct zone_state *st)
{
	struct cg_stats stats;
	autocg struct cg c = {0};
	if (!st->cgroup[0] || (!v->has_host && host_facts_cgroups(v->s, &v->host, NULL) < 0))
		return;
	v->has_host = true;
	if (cg_open(&v->host, st->cgroup, &c, NULL) < 0 || cg_stats(&c, &stats, NULL) < 0)
		return; /* it has ended between two looks */
	const struct {
		const char *key;
		uint64_t value;
	} all[] = {
		{"memory_current", stats.memory_current},
		{"memory_peak", stats.memory_peak},
		{"memory_max", stats.memory_max},
		{"swap_current", stats.swap_current},
		{"oom_kills", stats.oom_kills},
		{"pids_current", stats.pids_current},
		{"pids_max", stats.pids_max},
		{"cpu_usage_usec", stats.cpu_usage_usec},
		{"cpu_user_usec", stats.cpu_user_usec},
		{"cpu_system_usec", stats.cpu_system_usec},
		{"cpu_nr_throttled", stats.cpu_nr_throttled},
		{"cpu_throttled_usec", stats.cpu_throttled_usec},
		{"io_read_bytes", stats.io_read_bytes},
		{"io_write_bytes", stats.io_write_bytes},
	};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		put(row, ok, all[i].key, number_or_null(all[i].value));
}

static void put_usage(json_t *row, bool *ok, struct view *v, const struct zone_state *st)
{
	uint64_t memory, pids;
	if (!st->cgroup[0] || (!v->has_host && host_facts_cgroups(v->s, &v->host, NULL) < 0))
		return;
	v->has_host = true;
	cg_usage(&v->host, st->cgroup, &memory, &pids);
	put(row, ok, "memory_current", number_or_null(memory));
	put(row, ok, "pids_current", number_or_null(pids));
}

static void put_disk(json_t *row, bool *ok, const struct zone *z, bool walk)
{
	struct backend_usage u;
	if (backend_usage(z, walk, &u, NULL) != 0)
		return;
	put(row, ok, "disk_bytes", json_integer((json_int_t)u.bytes));
	put(row, ok, "disk_files", u.has_files ? json_integer((json_int_t)u.files) : json_null());
	put(row, ok, "disk_max", u.limit ? json_integer((json_int_t)u.limit) : json_null());
}

/* ---- rows ---- */

static json_t *broken_row(const char *name, const char *state, const char *why)
{
	return json_pack("{s:s, s:s, s:s}", "name", name, "state", state, "error", why);
}

/* Of a zone that runs state.json has all that a short row tells, as long as nobody has written its
 * spec and its record since the start: to read them again would take as long as all the rest. */
static bool can_tell_by_state(const struct view *v, const char *name, enum zone_status status,
	const struct zone_state *st)
{
	char path[ZONE_NAME_MAX + 16], spec[ZONE_STAMP_SIZE], record[ZONE_STAMP_SIZE];
	char now[STATE_FILES_SIZE];
	if (status != ZONE_RUNNING || !st->files[0] ||
		v->want & ~(unsigned)(INSPECT_BASIC | INSPECT_USAGE))
		return false;
	(void)snprintf(path, sizeof path, "%s/spec.json", name);
	zone_stamp_file(v->s->zones_fd, path, spec);
	(void)snprintf(path, sizeof path, "%s/zone.json", name);
	zone_stamp_file(v->s->zones_fd, path, record);
	(void)snprintf(now, sizeof now, "%s %s", spec, record);
	return spec[0] && record[0] && !strcmp(now, st->files);
}

static json_t *short_row(struct view *v, const char *name, const struct zone_state *st, bool *ok)
{
	json_t *row =
		json_pack("{s:s, s:s}", "name", name, "state", zone_status_name(ZONE_RUNNING));
	put_state(row, ok, v, ZONE_RUNNING, st);
	put(row, ok, "init", json_string(st->system_init ? "system" : "app"));
	if (v->want & INSPECT_USAGE)
		put_usage(row, ok, v, st);
	return row;
}

/* -1 + *e only for ERR_NOT_FOUND and for memory; whatever else is wrong is told in the row. */
static int make_row(struct view *v, const char *name, json_t **ret, struct err *e)
{
	struct zone z;
	struct zone_state st = {0};
	struct err why = {0};
	enum zone_status status = zone_status(v->s, name, &st);
	bool ok = true;
	json_t *row = NULL;
	if (can_tell_by_state(v, name, status, &st)) {
		row = short_row(v, name, &st, &ok);
	} else if (zone_open(v->s, name, ZONE_ALLOW_BROKEN, 0, &z, &why) < 0) {
		if (why.cls == ERR_NOT_FOUND || why.cls == ERR_USAGE) {
			if (e)
				*e = why;
			return -1;
		}
		row = broken_row(name, "broken", why.msg);
	} else {
		bool broken = zone_is_broken(&z);
		row = json_pack("{s:s, s:s}", "name", name, "state",
			zone_status_name(broken ? ZONE_BROKEN : status));
		put_record(row, &ok, v, &z.record);
		put_state(row, &ok, v, status, &st);
		put_spec(row, &ok, v, &z);
		if (v->want & INSPECT_RESOURCES)
			put_resources(row, &ok, v, &st);
		else if (v->want & INSPECT_USAGE)
			put_usage(row, &ok, v, &st);
		if (v->want & (INSPECT_DISK | INSPECT_LIMIT))
			put_disk(row, &ok, &z, v->want & INSPECT_DISK);
		if (broken || status == ZONE_BROKEN) {
			/* The reader that knows the place says what is wrong. */
			struct zone again;
			if (zone_open(v->s, name, 0, 0, &again, &why) == 0) {
				zone_close(&again);
				(void)state_read(v->s, name, &st, &why);
			}
			put(row, &ok, "error", json_string(why.msg));
		}
		zone_close(&z);
	}
	if (!row || !ok) {
		json_decref(row);
		return err_nomem(e);
	}
	*ret = row;
	return 0;
}

int inspect_zone(
	const struct store *s, const char *name, unsigned want, json_t **ret, struct err *e)
{
	struct view v = {.s = s, .want = want};
	if (name_check("zone", name, e) < 0)
		return -1;
	int r = make_row(&v, name, ret, e);
	if (v.has_host)
		cg_host_done(&v.host);
	return r;
}

/* ---- all of them ---- */

enum {
	WORKERS_MAX = 4,
	ZONES_PER_WORKER = 32 /* a millisecond of work or more: a thread costs a tenth */
};

struct table {
	struct view view;
	char **names;
	json_t **made; /* by name; NULL: destroyed meanwhile */
	size_t n;
	atomic_size_t next;
	json_t *rows;
	struct err *e;
};

struct worker {
	struct table *t;
	struct view view;
	pthread_t thread;
	int r;
	struct err e;
};

static void *make_rows(void *arg)
{
	struct worker *w = arg;
	struct table *t = w->t;
	for (size_t i; w->r == 0 && (i = atomic_fetch_add(&t->next, 1)) < t->n;) {
		struct err why = {0};
		if (make_row(&w->view, t->names[i], &t->made[i], &why) == 0 ||
			why.cls == ERR_NOT_FOUND)
			continue;
		w->e = why;
		w->r = -1;
	}
	return NULL;
}

static bool in_thread(struct worker *w)
{
	return pthread_create(&w->thread, NULL, make_rows, w) == 0; /* banned-ok: joined */
}

/* What is found once in a process is found before there is a second thread. */
static size_t count_workers(struct table *t)
{
	cpu_set_t cpus;
	size_t n = t->n / ZONES_PER_WORKER;
	if (n < 2 || sched_getaffinity(0, sizeof cpus, &cpus) < 0)
		return 1;
	if (!proc_boot_id()[0] || host_facts_cgroups(t->view.s, &t->view.host, NULL) < 0)
		return 1;
	t->view.has_host = true;
	json_object_seed(0);
	if (n > (size_t)CPU_COUNT(&cpus))
		n = (size_t)CPU_COUNT(&cpus);
	return n < WORKERS_MAX ? n : WORKERS_MAX;
}

/* A row is made of small files of the kernel's, so many of them by several threads. When this
 * returns none of them runs our code: what forks afterwards is alone. (The kernel may be about to
 * clear one away: setns(2) into a mount namespace is refused in this process for that moment.) */
static int make_all_rows(struct table *t)
{
	struct worker w[WORKERS_MAX];
	size_t n = count_workers(t), started = 1;
	if (t->n && !(t->made = calloc(t->n, sizeof *t->made)))
		return err_nomem(t->e);
	for (size_t i = 0; i < n; i++)
		w[i] = (struct worker){.t = t, .view = t->view};
	while (started < n && in_thread(&w[started]))
		started++;
	make_rows(&w[0]);
	t->view = w[0].view;
	int r = 0;
	for (size_t i = 0; i < started; i++) {
		if (i > 0)
			(void)pthread_join(w[i].thread, NULL);
		if (r == 0 && (r = w[i].r) < 0 && t->e)
			*t->e = w[i].e;
	}
	for (size_t i = 0; i < t->n; i++)
		if (t->made[i] && json_array_append_new(t->rows, t->made[i]) < 0 && r == 0)
			r = err_nomem(t->e);
	return r;
}

/* A staging directory of a zone that nobody is working on any more. One that is locked is being
 * built or removed: it is not yet, or no longer, a zone. */
static int add_incomplete(struct table *t, int staging_fd, const char *entry)
{
	char name[ZONE_NAME_MAX + 1];
	autofd int dir = openat(staging_fd, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || !lifecycle_incomplete_name(dir, name) || flock(dir, LOCK_SH | LOCK_NB) < 0)
		return 0;
	json_t *row = broken_row(name, "incomplete",
		"making or destroying it was interrupted: `cella repair` removes what is left");
	return json_array_append_new(t->rows, row) < 0 ? err_nomem(t->e) : 0;
}

static int add_all_incomplete(struct table *t)
{
	const struct store *s = t->view.s;
	int fd = openat(s->staging_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(&fd);
		return err_sys(t->e, errno, "read '%s/staging'", s->root);
	}
	int r = 0;
	struct dirent *ent;
	while (r == 0 && (ent = readdir(d)))
		if (ent->d_name[0] != '.')
			r = add_incomplete(t, fd, ent->d_name);
	(void)closedir(d);
	return r;
}

int inspect_all(const struct store *s, unsigned want, json_t **ret, struct err *e)
{
	struct table t = {.view = {.s = s, .want = want}, .rows = json_array(), .e = e};
	int r = t.rows ? store_zone_names(s, &t.names, &t.n, e) : err_nomem(e);
	if (r == 0)
		r = make_all_rows(&t);
	if (r == 0)
		r = add_all_incomplete(&t);
	if (t.view.has_host)
		cg_host_done(&t.view.host);
	store_zone_names_free(t.names, t.n);
	free(t.made);
	if (r < 0) {
		json_decref(t.rows);
		return -1;
	}
	*ret = t.rows;
	return 0;
}
