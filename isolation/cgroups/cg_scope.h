/* cg_scope.h: on a host that systemd runs, the groups of a zone lie in a scope that systemd made
 * and delegated (https://systemd.io/CGROUP_DELEGATION): it is the single writer of the tree above.
 *
 *   cella.slice/cella-NAME.scope          systemd's; holds no process
 *   cella.slice/cella-NAME.scope/keeper   the keeper
 *   cella.slice/cella-NAME.scope/limits   as "cella/NAME" without systemd; below it, the zone
 *
 * The limits are a group of their own, since systemd may rewrite those of its scope at any reload.
 * The scope ends when its last process has; systemd removes what is left of it then. */
#pragma once
#include "isolation/cgroups/cg.h"

struct cg_scope {
	const char *description;
	int stop_signal;	  /* `systemctl stop` sends this to all in the scope at once */
	uint64_t stop_timeout_ms; /* and after this SIGKILL */
};

/* Make the scope for a zone with the calling process in it, in the group "keeper". A no-op for a
 * process that is there already (a keeper that starts its zone again). Waits while a scope of this
 * name is on its way out. libsystemd is loaded for this, and talks to systemd itself, without a
 * message bus. -1 + *e. */
int cg_scope_enter(
	const struct cg_host *h, const char *name, const struct cg_scope *s, struct err *e);
