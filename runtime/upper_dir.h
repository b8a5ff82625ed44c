/* upper_dir.h: the writable side of a zone by descriptor, wherever it lies: zones/NAME/{upper,work}
 * (backend overlay), or the same two on the zone's own ext4 in zones/NAME/volume.img (backend
 * volume), which is then mounted for as long as the descriptors are open, and visible to nobody.
 *
 *	autoupper struct upper_dir u = UPPER_DIR_EMPTY;
 *	if (zone_upper_open(z, &u, e) < 0) ...
 *	copy_tree(u.upper_fd, staged_fs_fd, ...);
 *
 * What makes a layer of upper is upper_layer.h: a rename, or from a volume a copy. Everything else
 *may treat both alike if it works beneath dir_fd. Two things differ on a file system with project
 *quotas: what is made in upper counts to the zone, and what was made elsewhere cannot be renamed or
 *linked into it (EXDEV), nor can what lies in two layers that were uppers be brought together by
 *rename. */
#pragma once
#include "runtime/staging.h"
#include "runtime/zone.h"

struct upper_dir {
	int dir_fd;   /* holds upper/ and work/ */
	int upper_fd; /* readable; -1 if there is none, as between the steps of an interrupted verb
		       */
	bool is_volume;
};
#define UPPER_DIR_EMPTY                                                                            \
	{                                                                                          \
		-1, -1, false                                                                      \
	}

/* The caller holds the zone's lock: no volume is attached twice. ERR_HOST if a volume cannot be
 * mounted here. */
int zone_upper_open(const struct zone *z, struct upper_dir *ret, struct err *e);
/* A staged layer that is a copy of upper, with the zone's reference; the zone keeps its upper.
 * ret_id has LAYER_ID_SIZE bytes. */
int zone_upper_copy(
	const struct zone *z, const char *kind, struct staging *ret, char *ret_id, struct err *e);

/* What was written is on disk when a volume's last user is gone; a plain one is the caller's to
 * sync. */
void zone_upper_close(struct upper_dir *u);
#define autoupper __attribute__((cleanup(zone_upper_close)))
