/* undo.h: runs that can be undone (start --undo). At the start the writable directory becomes a
 * layer and the run writes to a new one; afterwards `commit` forgets that (one write of the record)
 * and `discard` puts the old one back. zone.json's "undo" is what says that a run is open. */
#pragma once
#include "runtime/zone.h"

/* For a stopped zone, settled, without an open run. */
int undo_begin(struct zone *z, enum undo_mode mode, struct err *e);
/* End it: UNDO_COMMIT or UNDO_DISCARD. The zone is stopped. ERR_STATE if there is none. */
int undo_end(struct zone *z, enum undo_mode how, struct err *e);
/* A stopped zone whose run is open with a choice made: do it. An open one without: nothing. */
int undo_settle(struct zone *z, struct err *e);
/* ERR_STATE if one is open: "... `what` needs it committed or discarded". */
int undo_must_be_closed(const struct zone *z, const char *what, struct err *e);
/* Make the choice, before a stop. ERR_STATE if none is open. Durable. */
int undo_choose(struct zone *z, enum undo_mode mode, struct err *e);

/* The verb `undo commit|discard NAME`: opens and locks. */
int zone_undo(const struct store *s, const char *name, enum undo_mode how, struct err *e);
