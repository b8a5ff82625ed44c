/* zone.h: one zone of a store: its spec (what was asked), its record (what was assigned) and the
 * lock that makes changes to it exclusive. */
#pragma once
#include "runtime/store.h"
#include "specs/zone_spec.h"
#include <jansson.h>

enum {
	HOSTNAME_SIZE = 256
};

enum undo_mode {
	UNDO_ASK, /* `cella undo commit|discard` decides */
	UNDO_COMMIT,
	UNDO_DISCARD,
};
extern const char *const undo_mode_words[];
/* An undoable run (start --undo): what it writes goes to an upper/ of its own. */
struct zone_undo {
	bool is_open;
	enum undo_mode mode;
	/* The state to come back to: the layer that upper/ became, "" if it was empty, and what
	 * the record said of it. */
	char layer[LAYER_ID_MAX + 1];
	char snapshot[ZONE_NAME_MAX + 1];
	bool has_started, identity_pending;
	char etc_hostname[HOSTNAME_SIZE];
};

/* zone.json: what Cella assigned. Survives reboots. */
struct zone_record {
	char uuid[UUID_LEN + 1];
	uint32_t id_first; /* first host id of the zone's range; 0 with userns none */
	char **layers;	   /* layer ids, uppermost first */
	size_t n_layers;
	char *address4, *address6; /* "10.207.0.5/20", "" when none */
	char mac[18];		   /* "" until assigned */
	char *source;		   /* what create was given, for people */
	char created[40];	   /* RFC 3339 */
	bool ephemeral;		   /* made by `run`: destroyed when it ends */
	bool in_memory;		   /* its writable side is a tmpfs that goes with each run */
	bool identity_pending;	   /* a clone: a new machine-id and so on at its first start */
	bool has_started;	   /* once; decides whether /etc files are ours to write */
	char *etc_hostname;	   /* the last name written to /etc/hostname */
	char *clone_of;		   /* name at the time, for people; "" */
	char *network;		   /* whose addresses address4/6 are; "" when none are claimed */
	char snapshot[ZONE_NAME_MAX + 1]; /* that the present state grew from; "" */
	struct zone_undo undo;
	bool volume;	  /* upper and work are on a file system of their own: volume.img */
	uint32_t project; /* that upper counts to; 0: none (backend.h) */
};

enum {
	ZONE_STAMP_SIZE = 90
};
struct zone {
	const struct store *store;
	char name[ZONE_NAME_MAX + 1];
	int dir_fd;  /* zones/NAME */
	int lock_fd; /* -1 when opened for reading */
	json_t *doc; /* spec.json as asked */
	struct zone_spec *spec;
	struct zone_record record;
	char spec_stamp[ZONE_STAMP_SIZE]; /* with ZONE_LOCK: of the file that was read, or of one
					     before it */
};

enum zone_open_flags {
	ZONE_LOCK = 1,	       /* take the lock, or ERR_BUSY naming the holder */
	ZONE_ALLOW_BROKEN = 2, /* a bad spec.json/zone.json is no error: spec or doc may be NULL */
};

/* Open zones/NAME. timeout_ms: how long to wait for the lock (0 = not at all).
 * ERR_NOT_FOUND, ERR_BUSY, ERR_FAILED (broken files; the message names file and place). */
int zone_open(const struct store *s, const char *name, unsigned flags, int64_t timeout_ms,
	struct zone *ret, struct err *e);
/* "INODE.SECONDS.NANOSECONDS.SIZE" of dir_fd/path, with the time of the last change, which nobody
 * sets; "" if it is not there. As long as it stays the same, nobody has written the file. */
void zone_stamp_file(int dir_fd, const char *path, char ret[ZONE_STAMP_SIZE]);
/* Opened with ZONE_ALLOW_BROKEN: could one of its files not be read? */
bool zone_is_broken(const struct zone *z);
void zone_close(struct zone *z);

/* The lock alone, as a descriptor whose close releases it (open-file-description lock, shared with
 * children that inherit it). For places where the record is not wanted. */
int zone_lock(const struct store *s, const char *name, int64_t timeout_ms, struct err *e);

/* Write spec.json / zone.json, durable (R6); the record of a zone in memory is whole or absent
 * after a crash of the command, and need not outlive the host. */
int zone_write_spec(int zone_dir_fd, const json_t *doc, struct err *e);
int zone_write_record(int zone_dir_fd, const struct zone_record *r, struct err *e);
/* The same in a directory that nobody uses yet, without waiting for the disk: zone_sync_drafts does
 * that once for all, unless the zone is in memory. */
int zone_draft_spec(int staging_dir_fd, const json_t *doc, struct err *e);
int zone_draft_record(int staging_dir_fd, const struct zone_record *r, struct err *e);
int zone_sync_drafts(int staging_dir_fd, struct err *e);
/* The mark of a zone in memory, on its directory: where the host has crashed, its files may be
 * empty, and so tell nothing. */
int zone_mark_in_memory(int dir_fd, struct err *e);
bool zone_is_marked_in_memory(int dir_fd);
int zone_read_record(int zone_dir_fd, struct zone_record *ret, struct err *e);
void zone_record_done(struct zone_record *r);
/* Deep copy. */
int zone_record_copy(const struct zone_record *r, struct zone_record *ret, struct err *e);
