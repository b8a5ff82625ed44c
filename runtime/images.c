#include "runtime/images.h"
#include "base/mem.h"
#include "base/str.h"
#include "runtime/claims.h"
#include "runtime/image_json.h"
#include "runtime/zone.h"

#include <string.h>

/* ---- import ---- */

static int fill_image(const struct store *s, const struct image_import_options *o,
	const struct source *src, struct image_draft *d, struct err *e)
{
	uint32_t first = 0;
	if (image_set_text(&d->image.source, src->text, e) < 0 ||
		claims_take_ids(s, d->image.uuid, 0, &first, e) < 0)
		return -1;
	int r = source_fill(s, src, first, &o->remarks, &d->image, e);
	struct err why = {0};
	if (claims_release_ids(s, d->image.uuid, first, &why) < 0 && r == 0) {
		if (e)
			*e = why;
		return -1;
	}
	return r;
}

int image_import(const struct store *s, const struct image_import_options *o, struct err *e)
{
	autosource struct source src = SOURCE_EMPTY;
	struct image_draft d;
	if (claims_check_pool(s, e) < 0 || source_open(s, o->source, false, &src, e) < 0 ||
		image_draft_begin(s, o->name, &d, e) < 0)
		return -1;
	src.ref = o->ref;
	int r = fill_image(s, o, &src, &d, e);
	if (r == 0)
		r = image_draft_commit(&d, e);
	image_draft_drop(&d);
	return r;
}

/* ---- who uses it ---- */

struct users {
	const struct store *s;
	const char *name;
	json_t *zones;
	struct err *e;
};

static int add_user(void *arg, const char *zone)
{
	struct users *u = arg;
	struct zone z;
	struct err why = {0};
	if (zone_open(u->s, zone, ZONE_ALLOW_BROKEN, 0, &z, &why) < 0) {
		if (why.cls == ERR_NOT_FOUND)
			return 0; /* destroyed meanwhile */
		if (u->e)
			*u->e = why;
		return -1;
	}
	/* From the document, which can often be read where the spec cannot. */
	const json_t *root = json_object_get(z.doc, "root");
	const char *image = json_string_value(json_object_get(root, "image"));
	int r = 0;
	if (str_eq(image, u->name) && json_array_append_new(u->zones, json_string(zone)) < 0)
		r = err_nomem(u->e);
	zone_close(&z);
	return r;
}

int image_users(const struct store *s, const char *name, json_t **ret, struct err *e)
{
	struct users u = {.s = s, .name = name, .zones = json_array(), .e = e};
	if (!u.zones)
		return err_nomem(e);
	if (store_each_zone(s, add_user, &u, e) < 0) {
		json_decref(u.zones);
		return -1;
	}
	*ret = u.zones;
	return 0;
}

static int refuse_used(const char *name, const json_t *zones, struct err *e)
{
	enum {
		SHOWN = 8
	};
	autostr struct strbuf s = {0};
	size_t n = json_array_size(zones);
	for (size_t i = 0; i < n && i < SHOWN; i++)
		str_addf(&s, "%s%s", i ? ", " : "", json_string_value(json_array_get(zones, i)));
	if (n > SHOWN)
		str_addf(&s, " and %zu more", n - SHOWN);
	autofree char *text = str_finish(&s, e);
	if (!text)
		return -1;
	err_set(e, ERR_STATE, "image '%s' is used by zone%s %s", name, n == 1 ? "" : "s", text);
	return err_hint(e,
		"destroy them first, or `cella image delete --force %s`: they keep their "
		"files, and lose the name",
		name);
}

int image_delete(const struct store *s, const char *name, bool force, struct err *e)
{
	json_t *zones = NULL;
	if (image_name_check(name, e) < 0)
		return -1;
	if (!force) {
		autoimage struct image i = IMAGE_EMPTY;
		/* That there is none comes before who uses it. */
		if (image_read(s, name, &i, e) < 0)
			return e->cls == ERR_NOT_FOUND
				       ? -1
				       : err_hint(e, "`cella image delete --force %s` removes it",
						 name);
		if (image_users(s, name, &zones, e) < 0)
			return -1;
		int r = json_array_size(zones) ? refuse_used(name, zones, e) : 0;
		json_decref(zones);
		if (r < 0)
			return -1;
	}
	return image_remove(s, name, e);
}

/* ---- looking ---- */

static uint64_t layer_bytes(const struct store *s, const struct image *i)
{
	uint64_t sum = 0;
	for (size_t n = 0; n < i->n_layers; n++) {
		json_t *doc = NULL;
		if (layer_read(s, i->layers[n], &doc, NULL) == 0)
			sum += (uint64_t)json_integer_value(json_object_get(doc, "bytes"));
		json_decref(doc);
	}
	return sum;
}

static int add_member(json_t *row, const char *key, json_t *value, struct err *e)
{
	return json_object_set_new(row, key, value) < 0 ? err_nomem(e) : 0;
}

static int make_row(
	const struct store *s, const struct image *i, unsigned want, json_t **ret, struct err *e)
{
	json_t *users = NULL, *row = image_to_json(i);
	int r = row ? 0 : err_nomem(e);
	if (r == 0 && (want & IMAGE_WANT_BYTES))
		r = add_member(row, "bytes", json_integer((json_int_t)layer_bytes(s, i)), e);
	if (r == 0 && (want & IMAGE_WANT_USERS) && (r = image_users(s, i->name, &users, e)) == 0)
		r = add_member(row, "used_by", users, e);
	if (r < 0) {
		json_decref(row);
		return -1;
	}
	(void)json_object_del(row, "image"); /* the version of the file */
	*ret = row;
	return 0;
}

int image_row(const struct store *s, const char *name, unsigned want, json_t **ret, struct err *e)
{
	autoimage struct image i = IMAGE_EMPTY;
	if (image_read(s, name, &i, e) < 0)
		return -1;
	return make_row(s, &i, want, ret, e);
}

struct rows {
	const struct store *s;
	unsigned want;
	json_t *rows;
	struct err *e;
};

static int add_row(void *arg, const struct image *i, const struct err *why)
{
	struct rows *r = arg;
	json_t *row = NULL;
	if (why)
		row = json_pack("{s:s, s:s}", "name", i->name, "error", why->msg);
	else if (make_row(r->s, i, r->want, &row, r->e) < 0)
		return -1;
	return json_array_append_new(r->rows, row) < 0 ? err_nomem(r->e) : 0;
}

int image_rows(const struct store *s, unsigned want, json_t **ret, struct err *e)
{
	struct rows r = {.s = s, .want = want, .rows = json_array(), .e = e};
	if (!r.rows)
		return err_nomem(e);
	if (image_each(s, add_row, &r, e) < 0) {
		json_decref(r.rows);
		return -1;
	}
	*ret = r.rows;
	return 0;
}
