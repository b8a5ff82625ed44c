/* backend.h: where the writable side of a zone lies, and what limits it (root.backend, root.quota).
 *
 *	overlay	zones/NAME/{upper,work}. The limit is a project quota (fsroot/project.h): upper has
 *a project of its own, whenever the store's file system can, so that a limit can be set, changed
 *and lifted at any time. The limit holds for what upper itself has, never for layers: when upper
 *becomes one, its project goes along and loses its limit, and the next upper gets another. The
 *project that is on upper decides; the one in the record is what the zone had, to be cleaned up.
 *	volume	zones/NAME/volume.img (fsroot/volume.h), which has upper/ and work/ in it. Its size
 *is the limit: it grows, and never shrinks.
 *
 * A zone in memory (`cella run`) has neither: root.quota is the size of its tmpfs.
 *
 * "auto" is overlay without a limit; with one, overlay where project quotas are enforced and the
 * zone has ids of its own (with the host's ids its root could take a file out of its project), else
 * volume. It is decided when the zone is made, and stands in its record. */
#pragma once
#include "runtime/zone.h"

/* What a new zone gets. ERR_HOST with how to get it if nothing can. */
int backend_choose(const struct store *s, const struct zone_spec *spec, bool in_memory,
	bool *ret_volume, struct err *e);
/* Make upper and work, or the volume, in a new zone's directory, as r->volume says; sets
 * r->project. `mode` is that of "/". */
int backend_make(const struct store *s, int zone_dir_fd, struct zone_record *r,
	const struct zone_spec *spec, unsigned mode, struct err *e);

/* Before a start, and when a stopped zone is changed: what limits it is as the spec says, whatever
 * happened to upper since. *changed is set if the record has to be written. */
int backend_ensure(struct zone *z, bool *changed, struct err *e);
/* A change of the spec, before that is written. `before` NULL: it cannot be read. `dry_run`: only
 * find out. What can be done at once is done; *wait is set if the rest happens at the next start.
 */
int backend_change(struct zone *z, const struct zone_spec *before, const struct zone_spec *after,
	bool running, bool dry_run, bool *wait, struct err *e);
/* The zone is going: its project has no limit any more. */
void backend_forget(const struct store *s, const struct zone_record *r);

struct backend_usage {
	uint64_t bytes, limit; /* limit 0: none */
	uint64_t files;
	bool has_files; /* of a volume that is not told */
};
/* Takes no lock. Where nothing counts for us it walks upper, or gives 1 if it may not. */
int backend_usage(const struct zone *z, bool walk, struct backend_usage *ret, struct err *e);

#define BACKEND_VOLUME "volume.img"
