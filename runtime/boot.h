/* boot.h: the zones of a host as a whole: starting those with `boot.auto` when it boots, in their
 * order, and stopping all when it shuts down, in reverse. */
#pragma once
#include "runtime/store.h"

/* Told about every zone when it is done with: `e` is NULL when it runs (or is stopped) now,
 * `changed` false when it did before. */
typedef void boot_told(void *arg, const char *zone, bool changed, const struct err *e);

/* Start every zone with boot.auto, and what those require. One after the other: what a zone
 * requires and what it comes after first, then by boot.order, then by name; boot.delay passes after
 * each. A zone does not start when one that it requires did not. A zone that cannot be read is told
 * and left out. -1 + *e only when nothing could be done: ERR_USAGE for a circle of requirements,
 * with its members. */
int boot_start_all(const struct store *s, boot_told *told, void *arg, struct err *e);
/* Stop every zone that runs, in the reverse of that order; those between which there is none at the
 * same time. */
int boot_stop_all(const struct store *s, boot_told *told, void *arg, struct err *e);
