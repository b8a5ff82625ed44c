/* volumes.h: what the spec's `mounts` bring into a zone: directories and files of the host, and
 * memory. A source is looked at when the plan is made, and cloned by descriptor at the start; the
 * zone side only attaches what it is given.
 *
 * A volume's flags are the admin's, not the zone's: start_lock.h keeps its root from taking `ro` or
 * `nodev` off (with `userns: none` it can: docs/SECURITY.md). */
#pragma once
#include "runtime/plan.h"

struct start;

/* Part of plan_make: p->volumes and p->mount_volumes. ERR_HOST naming a source that is absent, of
 * the wrong type, in Cella's own directories or above them, behind a link that a zone may have
 * made, or reachable by other users of the host where a setuid program that the zone makes would be
 * the host's (R9). */
int volumes_plan(const struct zone_spec *spec, struct plan *p, struct err *e);
void volumes_plan_done(struct plan *p);

/* One of them: look at its source again and clone it; map its ids and set its flags. For a zone
 * that runs, too (live_mount.c). *ret_st: of the source. */
struct stat;
int volume_clone(const struct plan *p, const struct plan_volume *v, int *ret_tree,
	struct stat *ret_st, struct err *e);
int volume_map(const struct plan_volume *v, int tree, int userns_fd, struct err *e);

/* Clone the sources into s->volume_fds; before the host side leaves the host's mount namespace. */
int volumes_open(struct start *s, struct err *e);
/* Map ids, set flags; when the zone's user namespace exists. */
int volumes_map(struct start *s, struct err *e);
