/* What a zone leaves outside of itself, and taking it away. Everything here is found by names that
 * follow from the zone's name and uuid, so that a damaged or missing state file hides nothing. */
#include "runtime/frozen_copy.h"
#include "runtime/host_facts.h"
#include "runtime/lifecycle.h"
#include "runtime/state.h"
#include "runtime/stop.h"
#include "base/fd.h"
#include "isolation/cgroups/cg.h"
#include "netns/link.h"

#include <stdio.h>
#include <string.h>

enum {
	SWEEP_TIMEOUT_MS = 10000
};

/* The zone's group name, whether or not its state can be read. */
static const char *group_of(const struct store *s, const char *name, const struct zone_state *st,
	struct store_name *own)
{
	*own = store_host_name(s, name);
	return st && st->cgroup[0] ? st->cgroup : own->s;
}

static int sweep_network(const struct store *s, const struct zone_state *st, struct err *e)
{
	struct network n;
	if (!st || !st->network[0])
		return 0;
	if (st->host_if[0] && net_zone_detach(st->host_if, e) < 0)
		return -1;
	if (network_load(s->networks_fd, s->is_default ? "" : s->id, st->network, &n, e) < 0) {
		if (e->cls != ERR_NOT_FOUND)
			return -1;
		err_clear(e);
		return 0;
	}
	return net_bridge_release(s->lock_fd, &n, NULL, e);
}

int zone_sweep(const struct store *s, const char *name, const struct zone_state *st, struct err *e)
{
	struct store_name own;
	autocg_host struct cg_host host = {0};
	if (host_facts_cgroups(s, &host, e) < 0)
		return -1;
	/* Processes first: what they hold cannot be removed. */
	if (cg_destroy(&host, group_of(s, name, st, &own), clock_mono_ms() + SWEEP_TIMEOUT_MS, e) <
		0)
		return err_at(e, "sweep", "cgroup");
	if (sweep_network(s, st, e) < 0)
		return err_at(e, "sweep", "network");
	return state_remove(s, name, e);
}

/* A state file that cannot be read: what we can know without it. */
static int sweep_blind(struct zone *z, struct err *e)
{
	struct zone_state st = {0};
	if (z->record.uuid[0]) {
		char host_if[IFNAMSIZ];
		network_host_if(
			host_if, z->store->is_default ? "" : z->store->id, z->record.uuid, 0);
		(void)snprintf(st.host_if, sizeof st.host_if, "%s", host_if);
		(void)snprintf(st.network, sizeof st.network, "default");
	}
	return zone_sweep(z->store, z->name, &st, e);
}

int zone_settle(struct zone *z, struct zone_state *ret_state, struct err *e)
{
	struct zone_state st = {0};
	int r = 0;
	/* First what a clone or rename left half done: it is about the zone's very files. */
	if (zone_recover(z, e) < 0)
		return -1;
	enum zone_status status = zone_status(z->store, z->name, &st);
	switch (status) {
	case ZONE_RUNNING:
	case ZONE_UNWATCHED:
		r = frozen_recover(z, &st, e);
		break;
	case ZONE_STOPPED:
		/* Also a run directory from before a reboot, or one that was made and not filled.
		 */
		r = state_remove(z->store, z->name, e);
		st = (struct zone_state){0};
		break;
	case ZONE_BROKEN:
		r = sweep_blind(z, e);
		st = (struct zone_state){0};
		break;
	case ZONE_STARTING:
	case ZONE_STOPPING:
	case ZONE_RESTARTING:
	case ZONE_CRASHED:
		/* We hold the lock, so nobody is at work: whoever was has died. A phase STOPPING
		 * whose init lives is a stop that died: the zone runs on. */
		if (st.phase == PHASE_STOPPING && proc_is_alive(&st.init)) {
			st.phase = PHASE_RUNNING;
			r = state_write(z->store, z->name, &st, e);
			break;
		}
		r = zone_sweep(z->store, z->name, &st, e);
		st = (struct zone_state){0};
		break;
	}
	if (r == 0 && ret_state)
		*ret_state = st;
	return r;
}
