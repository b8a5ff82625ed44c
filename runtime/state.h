/* state.h: what a zone is doing now. RUN/zones/NAME/state.json, written by whoever holds the zone's
 * lock; readers trust nothing in it without looking at the process it names (boot id, pid, start
 * time). Lost at reboot, on purpose (R13). */
#pragma once
#include "base/proc.h"
#include "runtime/store.h"

enum zone_phase {
	PHASE_NONE,	/* no state file */
	PHASE_STARTING, /* host changes may exist; if nobody holds the lock, the starter died */
	PHASE_RUNNING,
	PHASE_STOPPING,
};

enum {
	STATE_FILES_SIZE = 192 /* two stamps */
};
struct zone_state {
	enum zone_phase phase;
	char uuid[UUID_LEN + 1];
	char boot_id[BOOT_ID_LEN + 1];
	struct proc_id init;   /* as the host sees it; pid 0 until cloned */
	struct proc_id keeper; /* pid 0 until forked */
	char cgroup[96];       /* name under /cella/ */
	char host_if[16];      /* veth on the host, "" */
	char network[64];      /* "" */
	uint32_t id_first;     /* claimed range, 0 */
	bool system_init;
	int stop_signal, reboot_signal;
	bool stop_by_initctl; /* sysvinit: initctl.h */
	char started[40];     /* RFC 3339 */
	uint32_t restarts;
	char address4[64], address6[64];
	/* Stamps of the spec.json and the zone.json that this run began with (zone.h); "": not
	 * known. */
	char files[STATE_FILES_SIZE];
};

enum zone_status {
	ZONE_STOPPED,
	ZONE_STARTING,
	ZONE_RUNNING,
	ZONE_UNWATCHED, /* running, its keeper is gone */
	ZONE_STOPPING,
	ZONE_RESTARTING, /* it ended; its keeper starts it again in a while */
	ZONE_CRASHED,	 /* a starter died: leftovers wait for a sweep */
	ZONE_BROKEN,	 /* unreadable spec, record or state */
};
const char *zone_status_name(enum zone_status s);

/* Read. A missing file gives PHASE_NONE and 0; a corrupt one -1 + ERR_FAILED. */
int state_read(const struct store *s, const char *zone, struct zone_state *ret, struct err *e);
/* Write whole (tmpfs: rename without fsync); makes RUN/zones/NAME. */
int state_write(
	const struct store *s, const char *zone, const struct zone_state *st, struct err *e);
/* Remove RUN/zones/NAME with all that is in it. */
int state_remove(const struct store *s, const char *zone, struct err *e);

/* What it really is. Never blocks: a lock held by somebody while PHASE_STARTING means STARTING.
 * *ret_state may be NULL. Cannot fail: unreadable is ZONE_BROKEN. */
enum zone_status zone_status(const struct store *s, const char *zone, struct zone_state *ret_state);
