/* ended.h: what the keeper cannot do itself when a zone has ended: it becomes `cella _ended` by
 * exec. Sweeps what is left, starts the zone again if the keeper says so, and destroys an ephemeral
 * one. */
#pragma once
#include "runtime/store.h"

/* uuid and init_start say which run is meant: if the zone has been swept or started anew by others
 * meanwhile, there is nothing to do. restarts 0: do not start it again. */
int zone_ended(const struct store *s, const char *name, const char *uuid, uint64_t init_start,
	uint32_t restarts, struct err *e);
