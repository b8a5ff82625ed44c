/* upper_layer.h: the writable directory of a stopped zone becomes a layer: a clone, a snapshot and
 * an undoable run begin so. One rename, whatever its size; a copy if upper is on a volume. intent.h
 * has the order of the steps and what a crash between them means; the note (intent_write) is the
 * caller's, and so is writing the record. */
#pragma once
#include "runtime/intent.h"
#include "runtime/layers.h"

/* 1 empty, 0 not, -1 error. *ret_mode (may be NULL): the mode of "/". */
int upper_is_empty(const struct zone *z, unsigned *ret_mode, struct err *e);

/* In memory only. */
int record_push_layer(struct zone_record *r, const char *id, struct err *e);
void record_pop_layer(struct zone_record *r);
bool record_has_layer(const struct zone_record *r, const char *id);

/* ERR_STATE if the zone has as many layers as there can be. */
int upper_layer_check_room(const struct zone *z, struct err *e);
/* Stage the layer that upper is to be, with the zone's reference. `kind` as in layer_info.
 * ERR_STATE if the zone has as many layers as there can be. ret_id has LAYER_ID_SIZE bytes. */
int upper_layer_stage(
	const struct zone *z, const char *kind, struct staging *ret, char *ret_id, struct err *e);
/* One reference more. */
int upper_layer_stage_ref(const struct staging *st, const char *uuid, struct err *e);
/* Steps 3 to 5 of intent.h, and the layer on top of z->record, which the caller writes. */
int upper_layer_move(struct zone *z, struct staging *layer, const char *id, struct err *e);
/* The last step, when nothing can go wrong any more: of a volume, from which upper was copied, not
 * moved, what is in the layer now is removed. Until then it is there twice, which changes nothing.
 */
int upper_layer_finish(const struct zone *z, struct err *e);
/* From any state between the note and its end back to the zone as it was. What the caller has
 * changed in z->record beside the layer it has put back before. Removes the note. */
int upper_layer_undo(struct zone *z, const struct intent *in, struct err *e);
/* The same decided from what is on disk: back, or to the end. *ret_finish (may be NULL) says which.
 * Does not remove the note when it finishes. */
int upper_layer_recover(struct zone *z, const struct intent *in, bool *ret_finish, struct err *e);

/* Empty upper/ and work/ in staging, "/" as in the uppermost of `layers`; and, in one step each, in
 * the place of the zone's, which are in *st afterwards for the caller to drop. */
int upper_stage_empty(const struct zone *z, const char *layer, struct staging *ret, struct err *e);
int upper_exchange(const struct zone *z, const struct staging *st, struct err *e);
