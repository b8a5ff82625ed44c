/* layers.h: the layer store: read-only trees, shared by any number of zones.
 *
 *     layers/ID/layer.json       what it is and where it came from
 *     layers/ID/fs/              the tree
 *     layers/ID/refs/UUID        one empty file per zone or image that uses it
 *
 * A layer lives as long as refs/ does. Giving up a reference is unlink + rmdir(refs): the kernel
 * lets exactly one caller remove the empty directory, at a cost that does not depend on the number
 * of owners; from that moment no reference can be taken any more, and the remover moves the layer
 * to staging and removes it there. So no lock, no counter, and a crash leaves either a layer that
 * somebody uses or one without refs/, which the next who meets it sweeps.
 *
 * ID is the sha256 of the uncompressed tar for a layer made from an archive (the same archive twice
 * is one layer), and "d-" with 32 random digits for a tree made from a directory or from the
 * writable side of a zone.
 *
 * What was imported is digested once (fsroot/tree_digest.h) before it gets its place, so that
 * layer_verify can tell later whether it still is what it was. A writable directory that became a
 * layer by rename is not: that is to cost the same whatever its size. */
#pragma once
#include "fsroot/tree_digest.h"
#include "runtime/staging.h"
#include "runtime/store.h"
#include <jansson.h>

enum {
	LAYER_ID_SIZE = LAYER_ID_MAX + 1
};

struct layer_info {
	const char *kind;		  /* "archive", "directory", "clone", "snapshot", "undo" */
	const char *source;		  /* for people */
	uint64_t bytes;			  /* of file content; 0 when unknown */
	uint64_t entries;		  /* 0 when unknown */
	const struct tree_digest *digest; /* NULL: none was made */
	const char *blob; /* hex sha256 of the compressed tar that it was unpacked from; NULL */
};

/* 64 hex digits, or "d-" and 32: the only forms that become a path. */
bool layer_id_is_valid(const char *id);
void layer_id_random(char out[LAYER_ID_SIZE]);

/* A staging directory with an empty refs/, and fs/ (0755) unless `with_fs` is false (a clone moves
 * an existing tree there). *ret_fs_fd: the open fs/, caller closes, or -1. */
int layer_stage(
	const struct store *s, bool with_fs, struct staging *ret, int *ret_fs_fd, struct err *e);
/* Put a reference into a staged layer. */
int layer_add_ref(const struct staging *st, const char *uuid, struct err *e);
/* Write layer.json and one reference into a staged layer; again for each further reference. */
int layer_write(const struct staging *st, const char *id, const struct layer_info *info,
	const char *zone_uuid, struct err *e);
/* Digest a staged layer, give it its id, a first reference, and its place. If a layer of that id is
 * there already, that one is referenced and the staged one dropped. */
int layer_commit(struct staging *st, const char *id, const struct layer_info *info,
	const char *zone_uuid, struct err *e);

/* Take a reference for a zone; having it already is success. ERR_NOT_FOUND: no such layer. */
int layer_ref(const struct store *s, const char *id, const char *zone_uuid, struct err *e);
/* Give it up, and with the last one the layer. No such layer or reference is success. */
int layer_unref(const struct store *s, const char *id, const char *zone_uuid, struct err *e);

/* 1: nobody but this owner has a reference. 0: others have, or there is no such layer. */
int layer_is_only_of(const struct store *s, const char *id, const char *uuid, struct err *e);

/* O_RDONLY|O_DIRECTORY descriptor of layers/ID/fs. ERR_FAILED if it is missing: the zone that needs
 * it is broken. */
int layer_open_fs(const struct store *s, const char *id, struct err *e);

/* Every layer in which `owner` (a uuid) has a reference. `each` may give it up. Stops at the first
 * non-zero result and returns it. */
int layer_each_of(const struct store *s, const char *owner,
	int (*each)(void *arg, const char *id, struct err *e), void *arg, struct err *e);
/* Has anybody but `owner` a reference? Also true if that cannot be found out. */
bool layer_is_shared(const struct store *s, const char *id, const char *owner);
/* layer.json as it is; a new reference. ERR_NOT_FOUND: no such layer. */
int layer_read(const struct store *s, const char *id, json_t **ret, struct err *e);
/* Every layer, in no order; stops at the first non-zero result and returns it. */
int layer_each(const struct store *s, int (*each)(void *arg, const char *id, struct err *e),
	void *arg, struct err *e);

enum layer_state {
	LAYER_SOUND,
	LAYER_NOT_DIGESTED, /* from a clone, or older than digests */
	LAYER_CHANGED,
};
/* Compare a layer with the digest that was made of it. *ret_what: the difference in words, or NULL.
 * -1 + *e if it cannot be read. */
int layer_verify(const struct store *s, const char *id, enum layer_state *ret,
	const char **ret_what, struct err *e);

/* For repair: remove every reference whose zone `is_known(arg, uuid)` denies, and every layer that
 * thereby, or already, has none. *ret_removed counts layers; may be NULL. */
int layer_sweep(const struct store *s, bool (*is_known)(void *arg, const char *zone_uuid),
	void *arg, unsigned *ret_removed, struct err *e);
