#include "runtime/claims.h"
#include "runtime/layers.h"
#include "runtime/lifecycle_parts.h"
#include "runtime/image_defaults.h"
#include "runtime/needs.h"
#include "runtime/source.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
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

/* ---- the source ---- */

/* --from, else what the spec's root names, else the default image. */
static int open_source(const struct store *s, const struct create_options *o,
	const struct zone_spec *spec, struct source *ret, struct err *e)
{
	if (o->source) {
		int r = source_open(s, o->source, false, ret, e);
		ret->ref = o->ref;
		return r;
	}
	return source_open(s, spec->root.image[0] ? spec->root.image : "default", true, ret, e);
}

/* root.image of the spec is the image that the zone is made from, if it has one. */
static int put_image(json_t *doc, const struct source *src, struct err *e)
{
	json_t *root = json_object_get(doc, "root");
	if (src->kind != SOURCE_IMAGE) {
		(void)json_object_del(root, "image");
		return 0;
	}
	if (!json_is_object(root)) {
		root = json_object();
		if (json_object_set_new(doc, "root", root) < 0)
			return err_nomem(e);
	}
	return json_object_set_new(root, "image", json_string(src->image.name)) < 0 ? err_nomem(e)
										    : 0;
}

/* ---- making it ---- */

/* An archive is unpacked as the zone's own ids; a zone without a range borrows one for that time.
 */
static int make_layers(const struct store *s, struct lifecycle_draft *d, const struct source *src,
	bool userns, const struct create_options *o, struct image *image, struct err *e)
{
	uint32_t first = 0;
	const struct source_remarks remarks = {o->warn, o->warn_arg};
	if (claims_take_ids(s, d->record.uuid, 0, &first, e) < 0)
		return -1;
	d->record.id_first = first; /* given back with the draft if anything fails */
	memcpy(image->uuid, d->record.uuid, sizeof image->uuid);
	int r = source_fill(s, src, first, &remarks, image, e);
	/* In any case: what is listed is given back with the draft. */
	d->record.layers = ptr_steal(&image->layers);
	d->record.n_layers = image->n_layers;
	image->n_layers = 0;
	if (r < 0 || userns)
		return r;
	d->record.id_first = 0;
	return claims_release_ids(s, d->record.uuid, first, e);
}

static const char *image_of(const json_t *doc)
{
	return json_string_value(json_object_get(json_object_get(doc, "root"), "image"));
}

/* The spec with what the image says put beneath what was asked for. */
static int adopt_config(const struct store *s, struct lifecycle_draft *d, const json_t *base,
	const json_t *doc, const struct image *image, const struct create_options *o, struct err *e)
{
	const struct source_remarks remarks = {o->warn, o->warn_arg};
	struct zone_spec *spec = NULL;
	json_t *below = NULL, *full = NULL;
	if (image_defaults(image, doc, &remarks, &below, e) < 0)
		return -1;
	if (json_object_size(below) == 0 && str_eq(image_of(doc), image_of(base))) {
		json_decref(below);
		return 0; /* it stays as it was checked */
	}
	/* In the order in which people write it. */
	json_t *both = json_pack("{s:i, s:s}", "zone_spec", 1, "name", o->name);
	int r = both ? 0 : err_nomem(e);
	if (r == 0)
		r = image_put_beneath(both, below, e);
	if (r == 0)
		r = image_put_beneath(both, base, e);
	if (r == 0)
		r = lifecycle_make_spec(s, o->name, both, "the image's configuration", o->set,
			o->n_set, &full, &spec, e);
	if (r == 0)
		r = zone_draft_spec(d->dir.fd, full, e);
	spec_free(spec);
	json_decref(full);
	json_decref(both);
	json_decref(below);
	return r;
}

static int fill_draft(const struct store *s, struct lifecycle_draft *d, const struct source *src,
	const struct zone_spec *spec, const json_t *base, const json_t *doc,
	const struct create_options *o, struct err *e)
{
	autoimage struct image image = IMAGE_EMPTY;
	struct stat root;
	if (image_set_text(&d->record.source, src->text, e) < 0)
		return -1;
	d->record.ephemeral = o->ephemeral;
	if (make_layers(s, d, src, spec->security.userns == SPEC_USERNS_ISOLATED, o, &image, e) <
			0 ||
		adopt_config(s, d, base, doc, &image, o, e) < 0)
		return -1;
	if (!d->record.n_layers)
		return err_set(
			e, ERR_FAILED, "'%s' has no layers, so there is nothing to run", src->text);
	/* "/" in the zone is the writable directory: it takes after the uppermost layer's. */
	autofd int fs = layer_open_fs(s, d->record.layers[0], e);
	if (fs < 0)
		return -1;
	if (fstat(fs, &root) < 0)
		return err_sys(e, errno, "layer '%s'", d->record.layers[0]);
	return lifecycle_draft_commit(d, o->name, root.st_mode & 07777, e);
}

static int create_from(
	const struct store *s, const struct create_options *o, json_t *base, struct err *e)
{
	autosource struct source src = SOURCE_EMPTY;
	struct lifecycle_draft draft;
	struct zone_spec *spec = NULL;
	json_t *doc = NULL;
	/* Without the image, whose configuration is known only when it is there: so that what is
	 * wrong is said before anything is unpacked. */
	int r = lifecycle_make_spec(s, o->name, base, o->spec_file ? o->spec_file : "spec", o->set,
		o->n_set, &doc, &spec, e);
	if (r == 0)
		r = claims_check_pool(s, e);
	if (r == 0)
		r = open_source(s, o, spec, &src, e);
	if (r == 0)
		r = put_image(base, &src, e);
	if (r == 0 && (r = lifecycle_draft_begin(s, doc, spec, o->in_memory, &draft, e)) == 0) {
		if (o->ret_uuid)
			memcpy(o->ret_uuid, draft.record.uuid, sizeof draft.record.uuid);
		r = fill_draft(s, &draft, &src, spec, base, doc, o, e);
		lifecycle_draft_drop(&draft);
	}
	json_decref(doc);
	spec_free(spec);
	return r;
}

int zone_create(const struct store *s, const struct create_options *o, struct err *e)
{
	if (name_check("zone", o->name, e) < 0 || lifecycle_must_be_free(s, o->name, NULL, e) < 0 ||
		needs_check(e) < 0)
		return -1;
	json_t *base = base_doc(o, e);
	if (!base)
		return -1;
	int r = create_from(s, o, base, e);
	json_decref(base);
	return r;
}
