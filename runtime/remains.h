/* remains.h: what a zone owns outside of its directory while it exists (claims, references to
 * layers, log files), and giving it back. Used by destroy, by a create or clone that fails, and by
 * repair, so that there is one way for a zone to go. */
#pragma once
#include "runtime/staging.h"
#include "runtime/zone.h"

/* Give back everything that the zone in this staging directory (moved there by destroy, or never
 * finished) holds according to its zone.json. Without a readable one nothing is known and nothing
 * is done: repair finds it by walking the claims. The directory itself is left to staging_drop.
 * Goes on after a failure; the first is reported. */
int remains_give_back(struct staging *st, struct err *e);

/* The same from a record in memory. */
int remains_give_back_record(const struct store *s, const struct zone_record *r, struct err *e);

/* LOG/NAME.console and its older parts. */
int remains_remove_logs(const struct store *s, const char *name, struct err *e);
/* A part that is not there is passed over; one that is there under the new name is replaced. */
int remains_rename_logs(const struct store *s, const char *from, const char *to, struct err *e);
