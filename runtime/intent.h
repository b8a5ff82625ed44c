/* intent.h: the note a verb leaves in a zone's directory (intent.json) before it takes a step that
 * a crash could leave half done, and removes when all is done. The holder of the zone's lock who
 * finds one finishes or undoes the verb: zone_recover(), called by every verb that changes a zone.
 *
 * A linked clone of SRC, and what each crash leaves (L: the new layer):
 *
 *     1 stage L (layer.json, refs/), stage NEW         staging only: repair sweeps it
 *     2 write the intent
 *     3 move staging/L to layers/L                     L without fs
 *     4 rename SRC/upper to layers/L/fs                no upper
 *     5 make an empty SRC/upper
 *     6 write SRC/zone.json with L on top              <- from here on: finish
 *     7 move staging/NEW to zones/NEW
 *     8 remove the intent
 *
 * Until 6 SRC's content is put back as it was (rename replaces an empty directory in one step),
 * from 6 on SRC is complete; NEW, if it died in staging, is swept by repair.
 *
 * `image publish` is the same with an image in the place of NEW (7: link it into images/).
 *
 * `snapshot create` of a stopped zone and the begin of an undoable run are steps 1 to 6 and 8
 * without NEW. A snapshot writes snapshots/NAME.json between 5 and 6; before 6 it is taken away
 * again. The record decides: it names the snapshot as the one that the present state grew from. Of
 * a running zone the layer is a copy (upper stays), of an empty upper there is none: the note then
 * says so, and the way back is to drop the copy.
 *
 * What only goes forward, since nothing of value is between its steps; every step may be done
 * twice:
 *
 *     restore    the snapshot's layers into the record; exchange upper/ and work/ for empty ones
 *     delete     the children get the parent; so does the record; remove the file
 *     discard    exchange upper/ and work/ for empty ones; the layer that upper was before the run
 *                becomes upper again if nobody else uses it; the record without the undo
 *     flatten    the layer of all is in its place; the record lists it alone (before that: it is
 *                dropped); exchange upper/ and work/ for empty ones */
#pragma once
#include "runtime/zone.h"

enum intent_verb {
	INTENT_NONE,
	INTENT_CLONE,
	INTENT_RENAME,
	INTENT_SNAPSHOT, /* create */
	INTENT_RESTORE,
	INTENT_DELETE, /* of a snapshot */
	INTENT_UNDO,   /* begin of an undoable run */
	INTENT_DISCARD,
	INTENT_PUBLISH, /* of an image: a clone with an image in the place of NEW */
	INTENT_FLATTEN,
};
extern const char *const intent_verb_words[]; /* "clone", ... for messages */
struct intent {
	enum intent_verb verb;
	char layer[LAYER_ID_MAX +
		   1]; /* clone, publish, undo, flatten; snapshot: "" if it made none */
	bool is_copy;  /* snapshot: upper was copied into it, not moved */
	char new_uuid[UUID_LEN + 1];	/* clone, publish */
	char other[ZONE_NAME_MAX + 1];	/* clone: the new zone's name; rename: the old name;
					   snapshot, restore, delete: its name */
	char target[ZONE_NAME_MAX + 1]; /* rename: the new name */
};

/* No file gives INTENT_NONE and 0; a damaged one -1 + ERR_FAILED. */
int intent_read(int zone_dir_fd, struct intent *ret, struct err *e);
int intent_write(int zone_dir_fd, const struct intent *in, struct err *e);
/* Durable. None is success. */
int intent_clear(int zone_dir_fd, struct err *e);

/* What an interrupted move of upper calls for. Pure: the whole decision, tested for every
 * combination. */
enum move_recovery {
	MOVE_UNDO,    /* put fs back as upper if it was moved, drop L */
	MOVE_FINISH,  /* make upper if it is missing */
	MOVE_DAMAGED, /* the record names L, but L has no fs: not our doing */
};
enum move_recovery intent_move_recovery(bool record_has_layer, bool layer_has_fs);

/* What an interrupted rename calls for, from the name under which the zone is found. Pure. */
enum rename_recovery {
	RENAME_UNDO,   /* it still has the old name: nothing was done but the note */
	RENAME_FINISH, /* it has the new name: the log may still have the old one */
	RENAME_STALE,  /* neither: the note came along with a later rename */
};
enum rename_recovery intent_rename_recovery(const struct intent *in, const char *name);
