/* lifecycle.h: making, changing and removing zones. Each takes the locks it needs, leaves either
 * the old or the new state, and undoes what it did when it fails (R7, R11). */
#pragma once
#include "runtime/store.h"
#include "runtime/zone.h"

struct create_options {
	const char *name;
	const char *source; /* as source_open takes it; NULL: what the spec says, else "default" */
	const char *ref;    /* which image of the source, where it has several; NULL */
	const char *spec_file;	/* spec to start from, or NULL; its name must be absent or equal */
	const char *const *set; /* key=value, applied in order */
	size_t n_set;
	const char *const *init_args; /* for `run`: replaces init.args, kind app; NULL */
	size_t n_init_args;
	bool ephemeral;
	bool in_memory; /* the writable side is a tmpfs: gone with each run */
	char *ret_uuid; /* UUID_LEN + 1 bytes for the new zone's, or NULL */
	/* Warnings for people (skipped device nodes...), one line each; may be NULL. */
	void (*warn)(void *arg, const char *text);
	void *warn_arg;
};
int zone_create(const struct store *s, const struct create_options *o, struct err *e);

/* Told now and then how far a long piece of work is. */
struct progress {
	void (*tick)(void *arg, uint64_t entries, uint64_t bytes);
	void *arg;
};

struct clone_options {
	const char *source, *name;
	const char *snapshot; /* of the source; NULL: as it is now */
	bool full;	      /* shares nothing with it */
	const char *const *set;
	size_t n_set;
	const struct progress *watch; /* may be NULL */
};
struct clone_result {
	int64_t pause_us; /* how long the source was frozen; -1: it was not */
};
/* Linked: the writable directory of a stopped zone becomes a layer that both share; of a running
 * one it is copied while it is frozen. Full: one layer of all, copied by reference where possible.
 */
int zone_clone(const struct store *s, const struct clone_options *o, struct clone_result *ret,
	struct err *e);

/* Make all layers of a stopped zone, and what it has written, one layer of its own.
 * *ret_changed false: it was so already. */
int zone_flatten(const struct store *s, const char *name, const struct progress *watch,
	bool *ret_changed, struct err *e);

/* Stopped zones only unless `force`, which kills first; protect: ["destroy"] refuses either way
 * until it is unset. A broken or half-made zone can be destroyed with `force`. */
int zone_destroy(const struct store *s, const char *name, bool force, struct err *e);
/* The same, forced, for the one that has this uuid. ERR_NOT_FOUND also when another one has that
 * name by now. */
int zone_destroy_this(const struct store *s, const char *name, const char *uuid, struct err *e);
int zone_rename(const struct store *s, const char *from, const char *to, struct err *e);

/* Apply key=value to the spec; all or nothing. Resources of a running zone change at once, the rest
 * at the next start: *ret_next_start says whether something waits. dry_run only validates. */
int zone_set(const struct store *s, const char *name, const char *const *set, size_t n,
	bool dry_run, bool *ret_next_start, struct err *e);
/* Replace the whole spec (edit). */
int zone_replace_spec(const struct store *s, const char *name, const char *text, size_t len,
	const char *file, bool *ret_next_start, struct err *e);

/* Bring a zone back to a clean state: finish or undo what a crash interrupted, sweep what a dead
 * zone left, re-adopt an unwatched one. name NULL: every zone, staging, orphaned groups of this
 * store. `say` gets one line per thing done; may be NULL. */
int zone_repair(const struct store *s, const char *name, void (*say)(void *arg, const char *text),
	void *say_arg, struct err *e);

/* Finish or undo what an interrupted clone or rename left in this zone (intent.json, intent.h).
 * zone_settle calls it first; `z` is open and locked, its record is re-read when it changed. No
 * intent: one failed open, nothing else. */
int zone_recover(struct zone *z, struct err *e);
