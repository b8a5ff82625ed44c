#include "runtime/ended.h"
#include "runtime/keeper_start.h"
#include "runtime/lifecycle.h"
#include "runtime/start.h"
#include "runtime/stop.h"
#include "runtime/undo.h"
#include "base/fd.h"

#include <string.h>

/* Whoever holds the lock works on this very zone; we come after them. */
enum {
	LOCK_TIMEOUT_MS = 600000
};

/* What came to this process, it alone knows; what came to the one that is the keeper by now, that
 * one will see. */
static int stop_if_asked(struct zone *z, struct err *e)
{
	static const struct stop_options o = {.timeout_ms = -1, .verb = "stop"};
	bool changed;
	return keeper_stop_is_asked() ? zone_stop_locked(z, &o, &changed, e) : 0;
}

static int sweep_and_restart(
	struct zone *z, const char *uuid, uint64_t init_start, uint32_t restarts, struct err *e)
{
	struct zone_state st;
	if (state_read(z->store, z->name, &st, e) < 0)
		return -1;
	if (strcmp(st.uuid, uuid) != 0 || st.init.start_time != init_start)
		return 0;
	if (zone_sweep(z->store, z->name, &st, e) < 0)
		return -1;
	/* What `cella run` made ends with its end. */
	if (restarts == 0 || keeper_stop_is_asked() || z->record.ephemeral)
		return z->record.uuid[0] ? undo_settle(z, e) : 0;
	struct start_options o = {.stdio = START_CONSOLE, .restarts = restarts};
	struct start_result r = {.pty_fd = -1, .exit_fd = -1};
	if (zone_start_locked(z, &o, &r, e) < 0)
		return -1;
	fd_close(&r.exit_fd);
	return stop_if_asked(z, e);
}

int zone_ended(const struct store *s, const char *name, const char *uuid, uint64_t init_start,
	uint32_t restarts, struct err *e)
{
	struct zone z;
	if (zone_open(s, name, ZONE_LOCK | ZONE_ALLOW_BROKEN, LOCK_TIMEOUT_MS, &z, e) < 0)
		return e->cls == ERR_NOT_FOUND ? 0 : -1;
	int r = sweep_and_restart(&z, uuid, init_start, restarts, e);
	bool destroy = r == 0 && z.record.ephemeral && zone_status(s, name, NULL) == ZONE_STOPPED;
	zone_close(&z);
	/* Its `run` may be at it already: then one of the two finds nothing. */
	if (destroy && zone_destroy_this(s, name, uuid, e) < 0 && e->cls != ERR_NOT_FOUND)
		return -1;
	return r;
}
