/* frozen_copy.h: the writable directory of a running zone copied while nothing in the zone runs.
 *
 * The freeze ends whatever happens to us: a child that holds the other end of a pipe thaws when we
 * die, and if both are killed RUN/zones/NAME/frozen, written before the freeze, tells the next who
 * settles the zone (zone_settle: nearly every verb, repair, the keeper at the end). A zone that was
 * frozen before by somebody else has no such file, and stays as it is. */
#pragma once
#include "fsroot/copy.h"
#include "runtime/state.h"
#include "runtime/zone.h"

struct frozen_result {
	struct copy_result copied;
	int64_t pause_us; /* -1: it was frozen already */
};
/* Copy upper/ into dst_fd, an empty directory, whiteouts and opaque marks too; not synced. `z` is
 * open and locked, `st` its state. */
int frozen_copy(const struct zone *z, const struct zone_state *st, int dst_fd,
	struct frozen_result *ret, struct err *e);
/* Thaw what a dead one of us left frozen. */
int frozen_recover(const struct zone *z, const struct zone_state *st, struct err *e);
