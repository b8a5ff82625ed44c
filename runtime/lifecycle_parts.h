/* lifecycle_parts.h: what the lifecycle verbs share among themselves; nobody else includes it. */
#pragma once
#include "runtime/intent.h"
#include "runtime/lifecycle.h"
#include "runtime/staging.h"
#include "runtime/zone.h"

enum {
	/* A verb waits so long for whoever works on the zone, e.g. a keeper that is sweeping. */
	LIFECYCLE_LOCK_MS = 3000,
};

/* ERR_STATE "zone 'NAME' exists already". */
int lifecycle_exists(const struct store *s, const char *name, struct err *e);
/* Early answer, for the message; the claim itself is the rename into place. A name equal to
 * `allowed` (may be NULL) is free. */
int lifecycle_must_be_free(
	const struct store *s, const char *name, const char *allowed, struct err *e);
/* Settle an open and locked zone and refuse if it runs: "cannot VERB ...". */
int lifecycle_must_be_stopped(struct zone *z, const char *verb, struct err *e);

/* Refuse for a zone that keeps nothing on disk: "... there is nothing for WHAT". */
int lifecycle_must_be_on_disk(const struct zone *z, const char *what, struct err *e);
/* Refuse for `template: true`: "zone 'NAME' is a template: it cannot be WHAT". */
int lifecycle_must_be_no_template(const struct zone *z, const char *what, struct err *e);

/* The document with `set` applied in order, parsed, checked against what this version and this host
 * can do, the policy included (R8, R10). *ret_doc and *ret_spec are new. `doc` is not changed; its
 * "name" must be absent or `name`. `file` for messages. */
int lifecycle_make_spec(const struct store *s, const char *name, const json_t *doc,
	const char *file, const char *const *set, size_t n_set, json_t **ret_doc,
	struct zone_spec **ret_spec, struct err *e);

/* A whole document as text. Without "name" it gets this zone's; with another's it is refused. */
int lifecycle_parse(const char *name, const char *text, size_t len, const char *file,
	json_t **ret_doc, struct err *e);

/* A zone being built in staging. */
struct lifecycle_draft {
	const struct store *store;
	struct staging dir;
	struct zone_record record;
	const struct zone_spec *spec; /* borrowed */
};
/* Staging directory with spec.json and a zone.json that has uuid and creation time, so that
 * whatever is claimed for it from now on is known to be in use. Where its writable side will lie is
 * decided, or refused, here: before the work. */
int lifecycle_draft_begin(const struct store *s, const json_t *doc, const struct zone_spec *spec,
	bool in_memory, struct lifecycle_draft *d, struct err *e);
/* Write upper, work and the final zone.json, and move it to zones/NAME. `mode` is that of "/". */
int lifecycle_draft_commit(
	struct lifecycle_draft *d, const char *name, unsigned mode, struct err *e);
/* Give back what it holds unless it was committed. */
void lifecycle_draft_drop(struct lifecycle_draft *d);

/* The name of the zone that was to be made in this staging directory; false if it is none. */
bool lifecycle_incomplete_name(int staging_dir_fd, char ret_name[ZONE_NAME_MAX + 1]);

/* repair.c: claims, references and layers of this store that no zone owns. Safe beside running
 * verbs. `say` may be NULL. */
int repair_orphans(const struct store *s, void (*say)(void *arg, const char *text), void *say_arg,
	struct err *e);

/* What zone_recover does for each verb. */
int rename_finish(struct zone *z, const struct intent *in, struct err *e);
int clone_recover(struct zone *z, const struct intent *in, struct err *e);
int snapshot_recover(struct zone *z, const struct intent *in, struct err *e);
int snapshot_restore_recover(struct zone *z, const struct intent *in, struct err *e);
int snapshot_delete_recover(struct zone *z, const struct intent *in, struct err *e);
int undo_recover(struct zone *z, const struct intent *in, struct err *e);
int flatten_recover(struct zone *z, const struct intent *in, struct err *e);
