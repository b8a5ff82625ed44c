/* Changing the spec of a zone. What a running zone can take over at once (its resource limits, and
 * what only Cella itself reads) it takes over before the new spec is written; the rest waits. */
#include "runtime/lifecycle_parts.h"
#include "base/fd.h"
#include "base/mem.h"
#include "isolation/cgroups/cg.h"
#include "runtime/backend.h"
#include "runtime/claims.h"
#include "runtime/events.h"
#include "runtime/host_facts.h"
#include "runtime/plan.h"
#include "runtime/state.h"
#include "runtime/stop.h"
#include "specs/spec_json.h"

#include <stdio.h>
#include <string.h>

/* ---- what changed ---- */

struct change {
	json_t *before, *after; /* expanded */
	bool any, live, next_start;
};

/* "network.interfaces.N.mac" is part of the list "network.interfaces": lists and maps are compared
 * as a whole. */
static void stem_of(const char *path, char *out, size_t size)
{
	(void)snprintf(out, size, "%s", path);
	for (char *dot = strchr(out, '.'); dot; dot = strchr(dot + 1, '.'))
		if (!strncmp(dot, ".N", 2) || !strncmp(dot, ".KEY", 4)) {
			*dot = '\0';
			break;
		}
}

static int note_key(const struct spec_key *key, void *arg)
{
	struct change *c = arg;
	char stem[128];
	stem_of(key->path, stem, sizeof stem);
	json_t *a = spec_lookup(c->before, stem), *b = spec_lookup(c->after, stem);
	if (a == b || (a && b && json_equal(a, b)))
		return 0;
	c->any = true;
	if (key->is_live)
		c->live = true;
	else
		c->next_start = true;
	return 0;
}

static int compare(const struct zone_spec *before, const struct zone_spec *after,
	struct change *ret, struct err *e)
{
	struct change c = {.before = spec_to_json(before, e), .after = spec_to_json(after, e)};
	int r = c.before && c.after ? 0 : -1;
	if (r == 0)
		(void)spec_each_key(note_key, &c);
	json_decref(c.before);
	json_decref(c.after);
	c.before = c.after = NULL;
	*ret = c;
	return r;
}

/* ---- a running zone ---- */

/* A limit that the new spec no longer has is not "leave what is there" but its neutral value. */
static uint64_t neutral(uint64_t before, uint64_t after, uint64_t value)
{
	return after == CG_UNSET && before != CG_UNSET ? value : after;
}

static struct cg_limits limits_change(const struct cg_limits *a, const struct cg_limits *b)
{
	struct cg_limits l = *b;
	l.memory_max = neutral(a->memory_max, b->memory_max, CG_MAX);
	l.memory_high = neutral(a->memory_high, b->memory_high, CG_MAX);
	l.memory_low = neutral(a->memory_low, b->memory_low, 0);
	l.memory_min = neutral(a->memory_min, b->memory_min, 0);
	l.swap_max = neutral(a->swap_max, b->swap_max, CG_MAX);
	l.pids_max = neutral(a->pids_max, b->pids_max, CG_MAX);
	l.cpu_max_milli = neutral(a->cpu_max_milli, b->cpu_max_milli, CG_MAX);
	l.cpu_weight = neutral(a->cpu_weight, b->cpu_weight, 100);
	return l;
}

/* Limits of the zone as it is (`z`) and as it would be with `spec`. */
struct limit_plans {
	struct cg_host host;
	struct plan before, after;
};

static void limit_plans_done(struct limit_plans *p)
{
	plan_done(&p->before);
	plan_done(&p->after);
	cg_host_done(&p->host);
}

static int limit_plans_make(
	const struct zone *z, struct zone_spec *spec, struct limit_plans *ret, struct err *e)
{
	struct zone with = *z; /* borrows everything but the spec */
	with.spec = spec;
	*ret = (struct limit_plans){0};
	if (host_facts_cgroups(z->store, &ret->host, e) == 0 &&
		plan_make(z, &ret->host, &ret->before, e) == 0 &&
		plan_make(&with, &ret->host, &ret->after, e) == 0)
		return 0;
	limit_plans_done(ret);
	return -1;
}

static int write_limits(const struct zone *z, const struct zone_state *st,
	const struct limit_plans *p, bool back, struct err *e)
{
	autocg struct cg c = {0};
	struct cg_limits l = back ? limits_change(&p->after.limits, &p->before.limits)
				  : limits_change(&p->before.limits, &p->after.limits);
	if (cg_open(&p->host, st->cgroup, &c, e) < 0 || cg_set(&c, &l, e) < 0)
		return err_prefix(e, "zone '%s' keeps its old spec", z->name);
	return 0;
}

/* Limits first: if the kernel refuses them the spec stays as it was; if the spec cannot be written
 * the old limits come back. */
static int change_running(struct zone *z, const struct zone_state *st, const json_t *doc,
	struct zone_spec *spec, struct err *e)
{
	struct limit_plans p;
	if (limit_plans_make(z, spec, &p, e) < 0)
		return -1;
	int r = write_limits(z, st, &p, false, e);
	if (r == 0 && (r = zone_write_spec(z->dir_fd, doc, e)) < 0)
		(void)write_limits(z, st, &p, true, NULL);
	limit_plans_done(&p);
	return r;
}

/* ---- a stopped zone ---- */

/* Addresses belong to a network: with another one they are claimed anew. */
static int forget_addresses(struct zone *z, const struct zone_spec *spec, struct err *e)
{
	const char *old = z->record.network;
	const char *now = spec->network.mode == SPEC_NET_PRIVATE && spec->network.n_interfaces
				  ? spec->network.interfaces[0].network
				  : "";
	if (!old[0] || !strcmp(old, now))
		return 0;
	if (claims_release_addresses(z->store, &z->record, e) < 0)
		return -1;
	z->record.address4[0] = z->record.address6[0] = z->record.network[0] = '\0';
	return zone_write_record(z->dir_fd, &z->record, e);
}

/* ---- both ---- */

static int no_template_running(const struct zone *z, struct err *e)
{
	err_set(e, ERR_STATE, "zone '%s' is running: it cannot become a template", z->name);
	return err_hint(e, "`cella stop %s` first", z->name);
}

static int write_change(struct zone *z, const struct zone_state *st, const json_t *doc,
	struct zone_spec *spec, const struct change *c, bool *ret_next_start, struct err *e)
{
	bool running = st->phase != PHASE_NONE;
	if (running && c->live && z->spec) {
		if (change_running(z, st, doc, spec, e) < 0)
			return -1;
		/* A group cannot be told "any processor" again, only made anew. */
		*ret_next_start |= z->spec->resources.cpu_cpus[0] && !spec->resources.cpu_cpus[0];
		return 0;
	}
	if (zone_write_spec(z->dir_fd, doc, e) < 0)
		return -1;
	return !running && z->record.uuid[0] ? forget_addresses(z, spec, e) : 0;
}

static int replace_spec(struct zone *z, const json_t *doc, struct zone_spec *spec, bool dry_run,
	bool *ret_next_start, struct err *e)
{
	struct zone_state st;
	struct change c = {.any = true, .live = true, .next_start = true};
	if (zone_settle(z, &st, e) < 0 || (z->spec && compare(z->spec, spec, &c, e) < 0))
		return -1;
	bool running = st.phase != PHASE_NONE, wait = false;
	/* A template can be made an ordinary zone again, and nothing else. */
	if (spec->is_template && (lifecycle_must_be_no_template(z, "changed", e) < 0 ||
					 (running && c.any && no_template_running(z, e) < 0)))
		return -1;
	if (z->record.uuid[0] && backend_change(z, z->spec, spec, running, dry_run, &wait, e) < 0)
		return -1;
	*ret_next_start = running && (c.next_start || wait);
	if (dry_run)
		return 0;
	if (write_change(z, &st, doc, spec, &c, ret_next_start, e) < 0) {
		if (z->record.uuid[0] && z->spec)
			(void)backend_change(z, spec, z->spec, running, false, &wait, NULL);
		return -1;
	}
	if (c.any)
		(void)event_append(z->dir_fd, "changed",
			json_pack("{s:b}", "next_start", (int)*ret_next_start));
	return 0;
}

int zone_set(const struct store *s, const char *name, const char *const *set, size_t n,
	bool dry_run, bool *ret_next_start, struct err *e)
{
	struct zone z;
	struct zone_spec *spec = NULL;
	json_t *doc = NULL;
	if (zone_open(s, name, ZONE_LOCK, LIFECYCLE_LOCK_MS, &z, e) < 0)
		return -1;
	int r = lifecycle_make_spec(s, name, z.doc, name, set, n, &doc, &spec, e);
	if (r == 0)
		r = replace_spec(&z, doc, spec, dry_run, ret_next_start, e);
	json_decref(doc);
	spec_free(spec);
	zone_close(&z);
	return r;
}

int zone_replace_spec(const struct store *s, const char *name, const char *text, size_t len,
	const char *file, bool *ret_next_start, struct err *e)
{
	struct zone z;
	struct zone_spec *spec = NULL;
	json_t *doc = NULL, *base = NULL;
	/* The one verb, beside destroy, that mends a broken spec. */
	if (zone_open(s, name, ZONE_LOCK | ZONE_ALLOW_BROKEN, LIFECYCLE_LOCK_MS, &z, e) < 0)
		return -1;
	int r = lifecycle_parse(name, text, len, file, &base, e);
	if (r == 0)
		r = lifecycle_make_spec(s, name, base, file, NULL, 0, &doc, &spec, e);
	if (r == 0)
		r = replace_spec(&z, doc, spec, false, ret_next_start, e);
	json_decref(base);
	json_decref(doc);
	spec_free(spec);
	zone_close(&z);
	return r;
}
