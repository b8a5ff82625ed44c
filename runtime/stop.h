/* stop.h: ending zones, and removing what they leave. */
#pragma once
#include "runtime/state.h"
#include "runtime/store.h"
#include "runtime/zone.h"

struct stop_options {
	int64_t timeout_ms; /* < 0: the spec's init.stop_timeout */
	bool kill_at_once;  /* `kill`: SIGKILL to everything */
	bool no_kill;	    /* give up with ERR_TIMEOUT instead of killing at the deadline */
	const char *verb;   /* for the event: "stop", "kill", "destroy", "restart" */
	int64_t lock_timeout_ms;
	/* Of a run that can be undone: how it ends, beside what was said at the start. */
	bool choose_undo;
	enum undo_mode undo_mode;
	bool keep_undo; /* a restart: it goes on */
};
/* *ret_changed false: it was stopped already. */
int zone_stop(const struct store *s, const char *name, const struct stop_options *o,
	bool *ret_changed, struct err *e);
int zone_stop_locked(
	struct zone *z, const struct stop_options *o, bool *ret_changed, struct err *e);
/* Send one signal to the zone's init (cella kill -s SIG). */
int zone_signal(const struct store *s, const char *name, int sig, struct err *e);

/* Remove everything volatile that a dead or half-started zone left: processes in its groups,
 * groups, host interface, run directory; keeps the claims of ids and addresses, which belong to the
 * zone. Idempotent. The caller holds the lock. `st` may be from a state file or made from the
 * record. */
int zone_sweep(const struct store *s, const char *name, const struct zone_state *st, struct err *e);
/* Called first by every verb that changes a zone: if the last one died halfway, sweep. */
int zone_settle(struct zone *z, struct zone_state *ret_state, struct err *e);
