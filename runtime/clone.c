/* A linked clone: SRC's writable directory becomes a layer that SRC and NEW share, and both get an
 * empty one. intent.h has the order of the steps and what a crash between them means. */
#include "runtime/claims.h"
#include "runtime/layers.h"
#include "runtime/lifecycle_parts.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "fsroot/overlay.h"
#include "runtime/events.h"
#include "specs/name.h"
#include "specs/spec_json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
	/* What every supported kernel can stack (fsroot/overlay.h), the writable one aside. */
	CLONE_LAYERS_MAX = OVERLAY_LAYERS_MAX_OLD,
};

/* ---- the spec of the new zone ---- */

/* What two zones cannot share goes back to "auto" unless the spec says to keep it. */
static void reset_interfaces(json_t *doc, bool mac_new)
{
	size_t i;
	json_t *iface;
	json_array_foreach(json_object_get(json_object_get(doc, "network"), "interfaces"), i, iface)
	{
		if (mac_new)
			(void)json_object_del(iface, "mac");
		(void)json_object_del(iface, "addresses");
	}
}

static json_t *derive_doc(const struct zone *src, const char *name, struct err *e)
{
	json_t *doc = json_deep_copy(src->doc);
	if (!doc || json_object_set_new(doc, "name", json_string(name)) < 0) {
		json_decref(doc);
		(void)err_nomem(e);
		return NULL;
	}
	if (src->spec->clone.hostname_name)
		(void)json_object_del(doc, "hostname"); /* follows the name */
	else if (json_object_set_new(doc, "hostname", json_string(src->spec->hostname)) < 0) {
		json_decref(doc);
		(void)err_nomem(e);
		return NULL;
	}
	reset_interfaces(doc, src->spec->clone.mac_new);
	(void)json_object_del(doc, "template");
	return doc;
}

/* ---- the record of the new zone ---- */

static int replace_text(char **p, const char *text, struct err *e)
{
	char *copy = strdup(text ? text : "");
	if (!copy)
		return err_nomem(e);
	free(*p);
	*p = copy;
	return 0;
}

static int push_layer(struct zone_record *r, const char *id, struct err *e)
{
	char *copy = strdup(id);
	char **more = copy ? realloc(r->layers, (r->n_layers + 1) * sizeof *more) : NULL;
	if (!more) {
		free(copy);
		return err_nomem(e);
	}
	memmove(more + 1, more, r->n_layers * sizeof *more);
	more[0] = copy;
	r->layers = more;
	r->n_layers++;
	return 0;
}

static void pop_layer(struct zone_record *r)
{
	free(r->layers[0]);
	memmove(r->layers, r->layers + 1, --r->n_layers * sizeof *r->layers);
}

/* Uuid, name and reference are there before the layer is in the record, so that a crash is swept.
 */
static int inherit(struct lifecycle_draft *d, const struct zone *src, struct err *e)
{
	for (size_t i = src->record.n_layers; i-- > 0;) {
		const char *id = src->record.layers[i];
		if (layer_ref(d->store, id, d->record.uuid, e) < 0)
			return err_prefix(e, "zone '%s'", src->name);
		if (push_layer(&d->record, id, e) < 0) {
			(void)layer_unref(d->store, id, d->record.uuid, NULL);
			return -1;
		}
	}
	d->record.has_started = src->record.has_started;
	d->record.identity_pending = true;
	if (!src->spec->clone.mac_new)
		memcpy(d->record.mac, src->record.mac, sizeof d->record.mac);
	if (replace_text(&d->record.source, src->record.source, e) < 0 ||
		replace_text(&d->record.etc_hostname, src->record.etc_hostname, e) < 0)
		return -1;
	return replace_text(&d->record.clone_of, src->name, e);
}

/* ---- moving the writable directory ---- */

/* 1 empty, 0 not, -1 error. */
static int upper_is_empty(const struct zone *z, struct stat *st, struct err *e)
{
	int fd = openat(z->dir_fd, "upper", OPEN_DIR);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d || fstat(fd, st) < 0) {
		int errnum = errno;
		d ? (void)closedir(d) : fd_close(&fd);
		return err_sys(e, errnum, "zone '%s': open its upper directory", z->name);
	}
	int empty = 1;
	struct dirent *ent;
	while (empty && (ent = readdir(d)))
		empty = !strcmp(ent->d_name, ".") || !strcmp(ent->d_name, "..");
	(void)closedir(d);
	return empty;
}

static int sync_dir(int dir_fd, const char *name, struct err *e)
{
	autofd int fd = openat(dir_fd, name, OPEN_DIR);
	if (fd < 0 || fsync(fd) < 0)
		return err_sys(e, errno, "sync '%s'", name);
	return 0;
}

/* Owner, mode and times of "/" come from the topmost directory of the stack. */
static int copy_root_attributes(int from_fd, int dir_fd, const char *name, struct err *e)
{
	struct stat st;
	autofd int to = openat(dir_fd, name, OPEN_DIR);
	if (to < 0 || fstat(from_fd, &st) < 0 || fchown(to, st.st_uid, st.st_gid) < 0 ||
		fchmod(to, st.st_mode & 07777) < 0)
		return err_sys(e, errno, "set owner and mode of '%s'", name);
	return 0;
}

/* A fresh writable directory. The old work/ goes too: the kernel may have tied it to the old upper.
 */
static int make_upper(struct zone *z, const char *layer, struct err *e)
{
	autofd int fs = layer_open_fs(z->store, layer, e);
	if (fs < 0 || path_remove_tree(z->dir_fd, "work", e) < 0 ||
		overlay_make_dirs(z->dir_fd, "upper", "work", 0755, e) < 0)
		return -1;
	return copy_root_attributes(fs, z->dir_fd, "upper", e);
}

/* Steps 3 to 6 of intent.h. */
static int move_upper(struct zone *z, struct staging *layer, const char *id, struct err *e)
{
	const struct store *s = z->store;
	char fs[LAYER_ID_SIZE + 8];
	(void)snprintf(fs, sizeof fs, "%s/fs", id);
	if (staging_commit(layer, s->layers_fd, id, e) < 0)
		return -1;
	if (renameat(z->dir_fd, "upper", s->layers_fd, fs) < 0)
		return err_sys(e, errno, "move '%s/zones/%s/upper' to '%s/layers/%s'", s->root,
			z->name, s->root, fs);
	if (sync_dir(s->layers_fd, id, e) < 0 || make_upper(z, id, e) < 0 ||
		push_layer(&z->record, id, e) < 0)
		return -1;
	return zone_write_record(z->dir_fd, &z->record, e);
}

/* From any state between the intent and its end back to the zone as it was. The record goes first:
 * a record without the layer is what says "undo" to whoever finds us dead here. */
static int undo_move(struct zone *z, const struct intent *in, struct err *e)
{
	const struct store *s = z->store;
	char fs[LAYER_ID_SIZE + 8];
	(void)snprintf(fs, sizeof fs, "%s/fs", in->layer);
	if (z->record.n_layers && !strcmp(z->record.layers[0], in->layer)) {
		pop_layer(&z->record);
		if (zone_write_record(z->dir_fd, &z->record, e) < 0)
			return -1;
	}
	/* Replaces the new upper in one step, and only if that is empty. */
	if (renameat(s->layers_fd, fs, z->dir_fd, "upper") < 0 && errno != ENOENT)
		return err_sys(e, errno, "move '%s/layers/%s' back", s->root, fs);
	if (overlay_make_dirs(z->dir_fd, "upper", "work", 0755, e) < 0 || fsync(z->dir_fd) < 0 ||
		layer_unref(s, in->layer, in->new_uuid, e) < 0 ||
		layer_unref(s, in->layer, z->record.uuid, e) < 0)
		return -1;
	return intent_clear(z->dir_fd, e);
}

int clone_recover(struct zone *z, const struct intent *in, struct err *e)
{
	bool has_layer = false;
	for (size_t i = 0; i < z->record.n_layers; i++)
		has_layer |= !strcmp(z->record.layers[i], in->layer);
	autofd int fs = layer_open_fs(z->store, in->layer, NULL);
	switch (intent_clone_recovery(has_layer, fs >= 0)) {
	case CLONE_UNDO:
		return undo_move(z, in, e);
	case CLONE_FINISH:
		if (overlay_make_dirs(z->dir_fd, "upper", "work", 0755, e) < 0)
			return -1;
		return intent_clear(z->dir_fd, e);
	case CLONE_DAMAGED:
		break;
	}
	return err_set(
		e, ERR_FAILED, "zone '%s': its layer '%s' has lost its files", z->name, in->layer);
}

/* ---- the verb ---- */

/* The layer, staged, with both references; the draft's record lists it. */
static int stage_layer(struct zone *src, struct lifecycle_draft *d, struct staging *ret,
	const char *id, struct err *e)
{
	autostaging struct staging st = STAGING_EMPTY;
	int none = -1;
	char source[ZONE_NAME_MAX + 8];
	(void)snprintf(source, sizeof source, "zone %s", src->name);
	const struct layer_info info = {.kind = "clone", .source = source};
	if (layer_stage(d->store, false, &st, &none, e) < 0 ||
		layer_write(&st, id, &info, src->record.uuid, e) < 0 ||
		layer_write(&st, id, &info, d->record.uuid, e) < 0 ||
		push_layer(&d->record, id, e) < 0)
		return -1;
	*ret = st;
	st = (struct staging)STAGING_EMPTY;
	return 0;
}

/* Everything is checked and staged: the part that changes SRC. */
static int commit(struct zone *src, struct lifecycle_draft *d, const char *name,
	struct staging *layer, const char *id, unsigned mode, struct err *e)
{
	struct intent in = {.verb = INTENT_CLONE};
	if (!layer->name[0])
		return lifecycle_draft_commit(d, name, mode, e);
	(void)snprintf(in.layer, sizeof in.layer, "%s", id);
	(void)snprintf(in.other, sizeof in.other, "%s", name);
	memcpy(in.new_uuid, d->record.uuid, sizeof in.new_uuid);
	if (intent_write(src->dir_fd, &in, e) < 0)
		return -1;
	if (move_upper(src, layer, id, e) < 0 || lifecycle_draft_commit(d, name, mode, e) < 0) {
		(void)undo_move(src, &in, NULL);
		return -1;
	}
	return intent_clear(src->dir_fd, e);
}

/* Claims for the new zone, then the clone itself. */
static int clone_to(struct zone *src, const char *name, const struct zone_spec *spec,
	struct lifecycle_draft *d, struct err *e)
{
	autostaging struct staging layer = STAGING_EMPTY;
	char id[LAYER_ID_SIZE] = "";
	struct stat root;
	int empty = upper_is_empty(src, &root, e);
	if (empty < 0 || inherit(d, src, e) < 0)
		return -1;
	if (!empty && src->record.n_layers >= CLONE_LAYERS_MAX)
		return err_set(e, ERR_STATE, "zone '%s' has %zu layers, the most there can be",
			src->name, src->record.n_layers);
	if (spec->security.userns == SPEC_USERNS_ISOLATED &&
		claims_take_ids(d->store, d->record.uuid, 0, &d->record.id_first, e) < 0)
		return -1;
	if (!empty) {
		layer_id_random(id);
		if (stage_layer(src, d, &layer, id, e) < 0)
			return -1;
	}
	return commit(src, d, name, &layer, id, root.st_mode & 07777, e);
}

static int clone_locked(struct zone *src, const struct clone_options *o, struct err *e)
{
	struct lifecycle_draft draft;
	struct zone_spec *spec = NULL;
	json_t *doc = NULL;
	if (lifecycle_must_be_stopped(src, "clone", e) < 0)
		return -1;
	json_t *base = derive_doc(src, o->name, e);
	if (!base)
		return -1;
	int r = lifecycle_make_spec(
		src->store, o->name, base, "spec.json", o->set, o->n_set, &doc, &spec, e);
	json_decref(base);
	if (r == 0 && (r = lifecycle_draft_begin(src->store, doc, &draft, e)) == 0) {
		r = clone_to(src, o->name, spec, &draft, e);
		lifecycle_draft_drop(&draft);
	}
	if (r == 0)
		(void)event_append(src->dir_fd, "cloned", json_pack("{s:s}", "clone", o->name));
	json_decref(doc);
	spec_free(spec);
	return r;
}

int zone_clone(const struct store *s, const struct clone_options *o, struct err *e)
{
	struct zone src;
	if (name_check("zone", o->name, e) < 0 || lifecycle_must_be_free(s, o->name, NULL, e) < 0)
		return -1;
	if (zone_open(s, o->source, ZONE_LOCK, LIFECYCLE_LOCK_MS, &src, e) < 0)
		return -1;
	int r = clone_locked(&src, o, e);
	zone_close(&src);
	return r;
}
