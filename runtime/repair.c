/* What crashes leave, found without trusting any state file: by staging locks, by the uuids in
 * claims and references, by the names of groups and run directories. Everything here may run beside
 * other verbs: what is alive is locked, or its uuid is found when it is looked for once more. */
#include "runtime/claims.h"
#include "runtime/host_facts.h"
#include "runtime/keeper_start.h"
#include "runtime/layers.h"
#include "runtime/lifecycle_parts.h"
#include "runtime/owners.h"
#include "runtime/remains.h"
#include "runtime/snapshot.h"
#include "runtime/state.h"
#include "runtime/stop.h"
#include "runtime/undo.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "netns/link.h"
#include "netns/nft.h"
#include "specs/name.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct repair {
	const struct store *s;
	void (*say)(void *arg, const char *text);
	void *say_arg;
	struct err *e;
};

static void tell(const struct repair *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void tell(const struct repair *r, const char *fmt, ...)
{
	char line[300];
	va_list ap;
	if (!r->say)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	r->say(r->say_arg, line);
}

/* ---- staging, claims, layers ---- */

static int bury(void *arg, struct staging *st, struct err *e)
{
	const struct repair *r = arg;
	char name[ZONE_NAME_MAX + 1];
	if (lifecycle_incomplete_name(st->fd, name))
		tell(r, "removed what was left of making or destroying zone '%s'", name);
	else
		tell(r, "removed staging '%s'", st->name);
	return remains_give_back(st, e);
}

int repair_orphans(const struct store *s, void (*say)(void *arg, const char *text), void *say_arg,
	struct err *e)
{
	struct repair r = {.s = s, .say = say, .say_arg = say_arg};
	struct owners o = {.store = s};
	unsigned claims = 0, layers = 0;
	int n = staging_sweep(s, bury, &r, e);
	if (n == 0)
		n = owners_collect(&o, e);
	if (n == 0 && o.is_incomplete)
		tell(&r, "the record of a zone or an image cannot be read: its claims may be "
			 "anybody's, so none is taken back");
	else if (n == 0 && (n = layer_sweep(s, owners_know, &o, &layers, e)) == 0)
		n = claims_sweep(s, owners_know, &o, &claims, e);
	if (layers)
		tell(&r, "removed %u layers that nothing uses", layers);
	if (claims)
		tell(&r, "gave back %u ids and addresses that no zone owns", claims);
	owners_done(&o);
	return n;
}

/* ---- groups and run directories without a zone ---- */

static bool has_zone(const struct store *s, const char *name)
{
	struct stat st;
	return fstatat(s->zones_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

/* Is this group of our store, and of which zone? Of the default store are the names without a
 * store's suffix; a zone name may contain dots itself, so "." and 8 hex digits decide. */
static bool zone_of_group(const struct store *s, const char *group, char name[ZONE_NAME_MAX + 1])
{
	size_t len = strlen(group), n = len;
	bool suffixed = len > STORE_ID_LEN + 1 && group[len - STORE_ID_LEN - 1] == '.' &&
			strspn(group + len - STORE_ID_LEN, "0123456789abcdef") == STORE_ID_LEN;
	if (suffixed == s->is_default)
		return false;
	if (suffixed) {
		if (strcmp(group + len - STORE_ID_LEN, s->id) != 0)
			return false;
		n = len - STORE_ID_LEN - 1;
	}
	if (n > ZONE_NAME_MAX)
		return false;
	memcpy(name, group, n);
	name[n] = '\0';
	return name_is_valid(name);
}

static int sweep_group(const char *group, void *arg)
{
	struct repair *r = arg;
	char name[ZONE_NAME_MAX + 1];
	struct zone_state st = {0};
	if (!zone_of_group(r->s, group, name) || has_zone(r->s, name))
		return 0;
	tell(r, "removed the control groups and processes of '%s', which is no zone", name);
	(void)snprintf(st.cgroup, sizeof st.cgroup, "%s", group);
	return zone_sweep(r->s, name, &st, r->e);
}

static int sweep_run_dir(struct repair *r, const char *name, struct err *e)
{
	struct zone_state st = {0};
	if (!name_is_valid(name) || has_zone(r->s, name))
		return 0;
	if (state_read(r->s, name, &st, NULL) < 0)
		st = (struct zone_state){0};
	tell(r, "removed the run directory of '%s', which is no zone", name);
	return zone_sweep(r->s, name, &st, e);
}

static int sweep_homeless(struct repair *r, struct err *e)
{
	autocg_host struct cg_host host = {0};
	r->e = e;
	if (host_facts_cgroups(r->s, &host, e) < 0 || cg_list(&host, sweep_group, r, e) < 0)
		return -1;
	int fd = openat(r->s->run_zones_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(&fd);
		return err_sys(e, errno, "read '%s/zones'", r->s->run);
	}
	int n = 0;
	struct dirent *ent;
	while (n == 0 && (ent = readdir(d)))
		if (ent->d_name[0] != '.')
			n = sweep_run_dir(r, ent->d_name, e);
	(void)closedir(d);
	return n;
}

/* ---- one zone ---- */

/* A stopped zone has no groups and no interface; one that has was being started or swept when the
 * command died before it could write that down. */
static int sweep_stopped(struct repair *r, struct zone *z, struct err *e)
{
	char host_if[IFNAMSIZ];
	struct zone_state st = {0};
	struct store_name group = store_host_name(r->s, z->name);
	autocg_host struct cg_host host = {0};
	if (host_facts_cgroups(r->s, &host, e) < 0)
		return -1;
	if (cg_exists(&host, group.s)) {
		if (zone_sweep(r->s, z->name, &st, e) < 0)
			return -1;
		tell(r, "zone '%s': removed leftover control groups", z->name);
	}
	if (!z->record.uuid[0])
		return 0;
	network_host_if(host_if, r->s->is_default ? "" : r->s->id, z->record.uuid, 0);
	return if_nametoindex(host_if) ? net_link_delete(host_if, e) : 0;
}

static void remove_temporaries(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *ent;
	while (d && (ent = readdir(d)))
		if (!strncmp(ent->d_name, ".tmp-", 5))
			(void)unlinkat(fd, ent->d_name, 0);
	d ? (void)closedir(d) : fd_close(&fd);
}

/* Somebody flushed the firewall, or removed the bridge, under running zones. */
static int restore_network(
	struct repair *r, const char *name, const struct zone_state *st, struct err *e)
{
	struct network n;
	autofd int lock = -1;
	const struct store *s = r->s;
	if (!st->network[0])
		return 0;
	if (network_load(s->networks_fd, s->is_default ? "" : s->id, st->network, &n, e) < 0)
		return -1;
	if (if_nametoindex(n.bridge) && nft_present(&n, NULL) == 1)
		return 0;
	if (net_bridge_ensure(s->lock_fd, &n, &lock, e) < 0)
		return -1;
	tell(r, "zone '%s': restored its network '%s'", name, n.name);
	return 0;
}

/* A choice made at the start of a run that died with the host, and references too many. */
static int settle_files(struct repair *r, struct zone *z, bool is_stopped, struct err *e)
{
	unsigned strays = 0;
	if (!z->record.uuid[0])
		return 0;
	bool open = z->record.undo.is_open;
	if (is_stopped && undo_settle(z, e) < 0)
		return -1;
	if (open && !z->record.undo.is_open)
		tell(r, "zone '%s': ended the run as was chosen at its start", z->name);
	if (snapshot_release_strays(z, &strays, e) < 0)
		return -1;
	if (strays)
		tell(r, "zone '%s': gave up %u layers that neither it nor a snapshot of it uses",
			z->name, strays);
	return 0;
}

static int repair_locked(struct repair *r, struct zone *z, struct err *e)
{
	struct intent in = {0};
	struct zone_state st;
	enum zone_status before = zone_status(r->s, z->name, NULL);
	if (zone_is_broken(z) && !zone_is_marked_in_memory(z->dir_fd))
		tell(r,
			"zone '%s' is broken: mend its files in '%s/zones/%s' or destroy it with "
			"--force",
			z->name, r->s->root, z->name);
	bool unfinished = intent_read(z->dir_fd, &in, NULL) == 0 && in.verb != INTENT_NONE;
	remove_temporaries(z->dir_fd, ".");
	remove_temporaries(z->dir_fd, "snapshots");
	if (zone_recover(z, e) < 0 || zone_settle(z, &st, e) < 0)
		return -1;
	if (unfinished)
		tell(r, "zone '%s': brought an interrupted %s to an end", z->name,
			intent_verb_words[in.verb]);
	if (settle_files(r, z, st.phase == PHASE_NONE, e) < 0)
		return -1;
	if (st.phase == PHASE_NONE) {
		/* Our own lock makes a dead start look like one under way. */
		if (before != ZONE_STOPPED)
			tell(r, "zone '%s': removed what a dead run had left", z->name);
		return sweep_stopped(r, z, e);
	}
	if (restore_network(r, z->name, &st, e) < 0)
		return -1;
	/* A new keeper is told what the spec says about restarts and logs. */
	if (zone_status(r->s, z->name, &st) != ZONE_UNWATCHED || !z->spec)
		return 0;
	if (keeper_adopt(z, &st, e) < 0)
		return -1;
	tell(r, "zone '%s': it runs on and is watched again", z->name);
	return 0;
}

/* Was its record written over a minute ago? */
static bool is_old(const struct zone *z)
{
	struct stat st;
	return fstatat(z->dir_fd, "zone.json", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       clock_real_ns() / 1000000000 - st.st_mtim.tv_sec > 60;
}

/* Of a zone in memory no record is written at its start: its history knows. */
static bool has_run(const struct zone *z)
{
	enum {
		EVENTS_MAX = 2 << 20
	};
	autofree char *text = NULL;
	size_t len = 0;
	return z->record.has_started ||
	       (path_read_file(z->dir_fd, "events.jsonl", EVENTS_MAX, &text, &len, NULL) == 0 &&
		       strstr(text, "\"event\":\"started\"") != NULL);
}

static int repair_zone(struct repair *r, const char *name, struct err *e)
{
	struct zone z;
	if (zone_open(r->s, name, ZONE_LOCK | ZONE_ALLOW_BROKEN, LIFECYCLE_LOCK_MS, &z, e) < 0)
		return -1;
	int n = repair_locked(r, &z, e);
	/* Of a `cella run` that was killed: it was to go with its end. One that has not started yet
	 * may have its command still at work, for the moment between the two. */
	bool lost = zone_is_broken(&z) && zone_is_marked_in_memory(z.dir_fd);
	bool left = n == 0 && (lost || (z.record.ephemeral && (has_run(&z) || is_old(&z)))) &&
		    zone_status(r->s, name, NULL) == ZONE_STOPPED;
	zone_close(&z);
	if (!left)
		return n;
	if ((n = zone_destroy(r->s, name, lost, e)) == 0)
		tell(r, "zone '%s': removed, as `cella run` would have done", name);
	return n;
}

struct all {
	struct repair *r;
	struct err first;
};

static int repair_each(void *arg, const char *name)
{
	struct all *a = arg;
	struct err why = {0};
	if (repair_zone(a->r, name, &why) == 0 || why.cls == ERR_NOT_FOUND)
		return 0;
	tell(a->r, "zone '%s': %s", name, why.msg);
	/* Somebody works on it: nothing to repair, and no failure. */
	if (why.cls != ERR_BUSY && a->first.cls == ERR_NONE)
		a->first = why;
	return 0;
}

int zone_repair(const struct store *s, const char *name, void (*say)(void *arg, const char *text),
	void *say_arg, struct err *e)
{
	struct repair r = {.s = s, .say = say, .say_arg = say_arg};
	struct all a = {.r = &r};
	if (name)
		return repair_zone(&r, name, e);
	/* Zones first: what they hold is then known to be theirs. */
	if (store_each_zone(s, repair_each, &a, e) < 0 || sweep_homeless(&r, e) < 0 ||
		repair_orphans(s, say, say_arg, e) < 0)
		return -1;
	if (a.first.cls != ERR_NONE) {
		if (e)
			*e = a.first;
		return -1;
	}
	return 0;
}
