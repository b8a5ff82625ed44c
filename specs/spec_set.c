#include "base/mem.h"
#include "base/str.h"
#include "specs/schema.h"
#include "specs/spec_json.h"
#include "specs/spec_read.h"
#include "specs/spec_value.h"

#include <string.h>

enum {
	SHOWN = 400
};

/* One "PATH=VALUE", taken apart. */
struct change {
	const char *path; /* the whole of it, for messages */
	const char *text; /* NULL: back to the default */
	struct err *e;
};

static int fail_path(const struct change *c, const char *why)
{
	char shown[SHOWN];
	return err_set(c->e, ERR_USAGE, "%s %s", str_escape(shown, sizeof shown, c->path), why);
}

static int fail_unknown(const struct change *c, const struct schema_field *fields, const char *part)
{
	char shown[SHOWN], word[SHOWN], guess[SCHEMA_GUESS_SIZE];
	const char *meant = schema_guess(guess, fields, part);
	return err_set(c->e, ERR_USAGE, "%s: unknown key \"%s\"%s%s%s",
		str_escape(shown, sizeof shown, c->path), str_escape(word, sizeof word, part),
		meant ? "; did you mean \"" : "", meant ? meant : "", meant ? "\"?" : "");
}

static bool wants_text(const struct schema_field *f)
{
	return f->type == SCHEMA_TEXT || f->type == SCHEMA_WORD || f->type == SCHEMA_CHOICE ||
	       f->type == SCHEMA_READY || f->type == SCHEMA_TEXTS || f->type == SCHEMA_PAIRS;
}

/* The value as JSON. `as_text`: the field is a text, so 123 and true are texts too, and only a
 * string in quotes is taken as JSON. New reference. */
static int value_of(const struct change *c, bool as_text, json_t **ret)
{
	size_t flags = JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
	json_t *v = NULL;
	/* Depth is bounded by the text, which an admin typed, and by jansson's own 2,048. */
	if (!as_text || c->text[0] == '"')
		v = json_loads(c->text, flags, NULL);
	if (!v)
		v = json_string(c->text);
	if (!v)
		return err_nomem(c->e);
	*ret = v;
	return 0;
}

/* Set or remove one member of an object. */
static int put_member(const struct change *c, json_t *object, const char *key, bool as_text)
{
	json_t *v = NULL;
	if (!c->text) {
		(void)json_object_del(object, key);
		return 0;
	}
	if (value_of(c, as_text, &v) < 0)
		return -1;
	return json_object_set_new(object, key, v) < 0 ? err_nomem(c->e) : 0;
}

static int put_entry(const struct change *c, json_t *array, size_t i, bool as_text)
{
	json_t *v = NULL;
	if (!c->text) {
		(void)json_array_remove(array, i);
		return 0;
	}
	if (value_of(c, as_text, &v) < 0)
		return -1;
	int r = i == json_array_size(array) ? json_array_append_new(array, v)
					    : json_array_set_new(array, i, v);
	return r < 0 ? err_nomem(c->e) : 0;
}

/* The member `f` of an object, made if it is not there; borrowed. What a list has by default is
 * made too, so that its entries can be changed one by one. */
static int open_member(
	const struct change *c, json_t *object, const struct schema_field *f, json_t **ret)
{
	bool array = f->type == SCHEMA_LIST || f->type == SCHEMA_TEXTS;
	json_t *v = json_object_get(object, f->key);
	if (!v) {
		v = array ? json_array() : json_object();
		if (json_object_set_new(object, f->key, v) < 0)
			return err_nomem(c->e);
		json_t *first = !array || !f->def	 ? NULL
				: f->type == SCHEMA_LIST ? json_object()
							 : json_string(f->def);
		if (first && json_array_append_new(v, first) < 0)
			return err_nomem(c->e);
	}
	if (array ? !json_is_array(v) : !json_is_object(v))
		return fail_path(c, array ? "goes through what is no array in the document"
					  : "goes through what is no object in the document");
	*ret = v;
	return 0;
}

/* The number at *rest; moves *rest behind it and its dot. */
static int take_index(const struct change *c, const char **rest, const json_t *array, size_t *ret)
{
	size_t n = strcspn(*rest, ".");
	char digits[24];
	uint64_t i = 0;
	bool ok = n && n < sizeof digits;
	if (ok) {
		memcpy(digits, *rest, n);
		digits[n] = '\0';
		ok = str_to_u64(digits, &i);
	}
	if (!ok)
		return fail_path(c, "needs a number to say which entry of the list");
	/* One past the end adds an entry, but there is nothing to remove there. */
	if (i > json_array_size(array) || (!c->text && i == json_array_size(array)))
		return fail_path(c, "is past the end of the list");
	*rest += n + ((*rest)[n] == '.');
	*ret = (size_t)i;
	return 0;
}

static int walk(const struct change *c, json_t *object, const struct schema_field *fields,
	const char *rest);

static int walk_array(
	const struct change *c, json_t *object, const struct schema_field *f, const char *rest)
{
	json_t *array = NULL;
	size_t i = 0;
	if (open_member(c, object, f, &array) < 0 || take_index(c, &rest, array, &i) < 0)
		return -1;
	if (!*rest)
		return put_entry(c, array, i, f->type == SCHEMA_TEXTS);
	if (f->type == SCHEMA_TEXTS)
		return fail_path(c, "goes on after a text");
	if (i == json_array_size(array) && json_array_append_new(array, json_object()) < 0)
		return err_nomem(c->e);
	json_t *item = json_array_get(array, i);
	if (!json_is_object(item))
		return fail_path(c, "goes through what is no object in the document");
	return walk(c, item, f->fields, rest);
}

/* One step: the first part of `rest` is a key of `fields`. */
static int walk(
	const struct change *c, json_t *object, const struct schema_field *fields, const char *rest)
{
	char part[64];
	size_t n = strcspn(rest, ".");
	size_t kept = n < sizeof part ? n : sizeof part - 1;
	memcpy(part, rest, kept);
	part[kept] = '\0';
	const struct schema_field *f = n == kept ? schema_find(fields, part) : NULL;
	if (!f)
		return fail_unknown(c, fields, part);
	if (!rest[n]) {
		if (!c->text && (f->flags & SCHEMA_REQUIRED))
			return fail_path(c, "is required and cannot be unset");
		return put_member(c, object, f->key,
			wants_text(f) && f->type != SCHEMA_TEXTS && f->type != SCHEMA_PAIRS);
	}
	rest += n + 1;
	json_t *member = NULL;
	switch (f->type) {
	case SCHEMA_OBJECT:
		return open_member(c, object, f, &member) < 0 ? -1
							      : walk(c, member, f->fields, rest);
	case SCHEMA_PAIRS:
	case SCHEMA_RLIMITS:
		if (!*rest)
			return fail_path(c, "ends with a dot");
		return open_member(c, object, f, &member) < 0
			       ? -1
			       : put_member(c, member, rest, f->type == SCHEMA_PAIRS);
	case SCHEMA_LIST:
	case SCHEMA_TEXTS:
		return walk_array(c, object, f, rest);
	default:
		return fail_path(c, "goes on after a field that has nothing below it");
	}
}

static int check_structure(const json_t *doc, struct err *e)
{
	autospec struct zone_spec *spec = calloc(1, sizeof *spec);
	if (!spec)
		return err_nomem(e);
	if (spec_value_defaults(schema_root, spec, e) < 0)
		return -1;
	return spec_read_document(doc, spec, e);
}

/* "a.b=c" into path and text; "a.b-", "a.b=" and "a.b=null" have no text. The path, which the
 * caller frees, or NULL and the error. */
static char *split(const char *assignment, struct change *c)
{
	const char *equals = strchr(assignment, '=');
	size_t n = equals ? (size_t)(equals - assignment) : strlen(assignment);
	c->path = assignment;
	if (!str_is_printable(assignment, strlen(assignment))) {
		fail_path(c, "has control characters or is not UTF-8");
		return NULL;
	}
	if (!equals) {
		if (!str_ends(assignment, "-")) {
			fail_path(c, "is no change; expected PATH=VALUE, or PATH- to unset");
			return NULL;
		}
		n--;
	}
	if (!n) {
		fail_path(c, "says no PATH; expected PATH=VALUE, or PATH- to unset");
		return NULL;
	}
	char *path = strndup(assignment, n);
	if (!path) {
		err_nomem(c->e);
		return NULL;
	}
	c->path = path;
	c->text = equals && equals[1] && strcmp(equals + 1, "null") != 0 ? equals + 1 : NULL;
	return path;
}

int spec_set(json_t *doc, const char *assignment, struct err *e)
{
	struct change c = {.e = e};
	autofree char *path = split(assignment, &c);
	if (!path)
		return -1;
	if (!json_is_object(doc))
		return fail_path(&c, "cannot be set: the document is no object");
	json_auto_t *copy = json_deep_copy(doc);
	if (!copy)
		return err_nomem(e);
	if (walk(&c, copy, schema_root, path) < 0 || check_structure(copy, e) < 0)
		return -1;
	/* Only one top-level member differs: one step that works or does not. */
	path[strcspn(path, ".")] = '\0';
	json_t *changed = json_object_get(copy, path);
	if (!changed)
		(void)json_object_del(doc, path);
	else if (json_object_set(doc, path, changed) < 0)
		return err_nomem(e);
	return 0;
}

int spec_edit(const json_t *doc, const char *const *assignments, size_t n, json_t **ret_doc,
	struct zone_spec **ret, struct err *e)
{
	json_auto_t *copy = json_deep_copy(doc);
	autospec struct zone_spec *spec = NULL;
	if (!copy)
		return err_nomem(e);
	for (size_t i = 0; i < n; i++)
		if (spec_set(copy, assignments[i], e) < 0)
			return -1;
	if (spec_from_json(copy, NULL, &spec, e) < 0)
		return -1;
	*ret_doc = ptr_steal(&copy);
	if (ret)
		*ret = ptr_steal(&spec);
	return 0;
}
