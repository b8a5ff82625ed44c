#include "runtime/claims.h"
#include "runtime/layers.h"
#include "runtime/lifecycle_parts.h"
#include "runtime/source.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "specs/name.h"
#include "specs/spec_json.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	SPEC_FILE_MAX = 1 << 20
};

/* ---- what is asked for ---- */

static int replace_init(json_t *doc, const struct create_options *o, struct err *e)
{
	json_t *init = json_object_get(doc, "init");
	json_t *args = json_array();
	bool ok = args != NULL;
	for (size_t i = 0; ok && i < o->n_init_args; i++)
		ok = json_array_append_new(args, json_string(o->init_args[i])) == 0;
	if (ok && !json_is_object(init)) {
		init = json_object();
		ok = json_object_set_new(doc, "init", init) == 0;
	}
	if (!ok) {
		json_decref(args);
		return err_set(e, ERR_USAGE, "the command's arguments are not valid UTF-8");
	}
	return json_object_set_new(init, "args", args) < 0 ||
			       json_object_set_new(init, "kind", json_string("app")) < 0
		       ? err_nomem(e)
		       : 0;
}

/* The document to start from: the spec file's, or the smallest one. NULL + *e. */
static json_t *base_doc(const struct create_options *o, struct err *e)
{
	autofree char *text = NULL;
	size_t len = 0;
	json_t *doc;
	if (!o->spec_file) {
		doc = json_pack("{s:i, s:s}", "zone_spec", 1, "name", o->name);
		if (!doc)
			(void)err_nomem(e);
	} else if (path_read_file(AT_FDCWD, o->spec_file, SPEC_FILE_MAX, &text, &len, e) < 0) {
		/* A file that is no file, or far too large: what was given is bad. */
		if (!e->sys_errno)
			(void)err_class_set(e, ERR_USAGE);
		return NULL;
	} else if (lifecycle_parse(o->name, text, len, o->spec_file, &doc, e) < 0) {
		return NULL;
	}
	if (doc && o->n_init_args && replace_init(doc, o, e) < 0) {
		json_decref(doc);
		return NULL;
	}
	return doc;
}

/* --from, else what the spec's root names, else the default image. */
static const char *source_text(const struct create_options *o, const struct zone_spec *spec)
{
	if (o->source)
		return o->source;
	if (spec->root.path[0])
		return spec->root.path;
	return spec->root.image[0] ? spec->root.image : "default";
}

/* ---- making it ---- */

static int add_layer(struct zone_record *r, const char *id, struct err *e)
{
	r->layers = calloc(1, sizeof *r->layers);
	if (!r->layers || !(r->layers[0] = strdup(id)))
		return err_nomem(e);
	r->n_layers = 1;
	return 0;
}

/* An archive is unpacked as the zone's own ids; a zone without a range borrows one for that time.
 */
static int make_layer(const struct store *s, struct lifecycle_draft *d, const struct source *src,
	bool userns, const struct create_options *o, char *id, struct err *e)
{
	uint32_t first = 0;
	if (claims_take_ids(s, d->record.uuid, 0, &first, e) < 0)
		return -1;
	d->record.id_first = first; /* given back with the draft if anything fails */
	if (source_make_layer(s, src, d->record.uuid, first, o, id, e) < 0)
		return -1;
	if (userns)
		return 0;
	d->record.id_first = 0;
	return claims_release_ids(s, d->record.uuid, first, e);
}

static int fill_draft(const struct store *s, struct lifecycle_draft *d, const struct source *src,
	const struct zone_spec *spec, const struct create_options *o, struct err *e)
{
	char id[LAYER_ID_SIZE];
	struct stat root;
	char *text = strdup(src->text);
	if (!text)
		return err_nomem(e);
	free(d->record.source);
	d->record.source = text;
	d->record.ephemeral = o->ephemeral;
	if (make_layer(s, d, src, spec->security.userns == SPEC_USERNS_ISOLATED, o, id, e) < 0)
		return -1;
	if (add_layer(&d->record, id, e) < 0) {
		(void)layer_unref(s, id, d->record.uuid, NULL);
		return -1;
	}
	/* "/" in the zone is the writable directory: it takes after the layer's. */
	autofd int fs = layer_open_fs(s, id, e);
	if (fs < 0)
		return -1;
	if (fstat(fs, &root) < 0)
		return err_sys(e, errno, "layer '%s'", id);
	return lifecycle_draft_commit(d, o->name, root.st_mode & 07777, e);
}

static int create_from(
	const struct store *s, const struct create_options *o, const json_t *base, struct err *e)
{
	autosource struct source src = SOURCE_EMPTY;
	struct lifecycle_draft draft;
	struct zone_spec *spec = NULL;
	json_t *doc = NULL;
	int r = lifecycle_make_spec(s, o->name, base, o->spec_file ? o->spec_file : "spec", o->set,
		o->n_set, &doc, &spec, e);
	if (r == 0)
		r = claims_check_pool(s, e);
	if (r == 0)
		r = source_open(s, source_text(o, spec), &src, e);
	if (r == 0 && (r = lifecycle_draft_begin(s, doc, &draft, e)) == 0) {
		r = fill_draft(s, &draft, &src, spec, o, e);
		lifecycle_draft_drop(&draft);
	}
	json_decref(doc);
	spec_free(spec);
	return r;
}

int zone_create(const struct store *s, const struct create_options *o, struct err *e)
{
	if (name_check("zone", o->name, e) < 0 || lifecycle_must_be_free(s, o->name, NULL, e) < 0)
		return -1;
	json_t *base = base_doc(o, e);
	if (!base)
		return -1;
	int r = create_from(s, o, base, e);
	json_decref(base);
	return r;
}
