#include "runtime/oci_json_read.h"
#include "base/str.h"
#include "runtime/oci_json.h"

#include <ctype.h>
#include <string.h>

enum {
	SHOWN = 300
};

int oci_read_bad(const char *where, const char *key, const char *what, struct err *e)
{
	char shown[SHOWN];
	return err_set(e, ERR_FAILED, "'%s%s%s' %s", where, *where && *key ? "." : "",
		str_escape(shown, sizeof shown, key), what);
}

int oci_read_document(const char *text, size_t len, json_type type, json_t **ret, struct err *e)
{
	json_error_t je;
	char shown[SHOWN];
	if (len > OCI_DOCUMENT_MAX)
		return err_set(e, ERR_FAILED, "it is longer than %d bytes", OCI_DOCUMENT_MAX);
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
	if (!doc)
		return err_set(e, ERR_FAILED, "line %d, column %d: %s", je.line, je.column,
			str_escape(shown, sizeof shown, je.text));
	if (json_typeof(doc) != type) {
		json_decref(doc);
		return err_set(e, ERR_FAILED, "it must be a JSON %s",
			type == JSON_OBJECT ? "object" : "array");
	}
	*ret = doc;
	return 0;
}

/* As Go folds: ASCII letters, and the two others that fold to one. */
static bool is_same_folded(const char *key, const char *known)
{
	for (; *key && *known; known++) {
		char c = (char)tolower((unsigned char)*key);
		size_t n = 1;
		if (str_starts(key, "\xc5\xbf")) { /* long s */
			c = 's';
			n = 2;
		} else if (str_starts(key, "\xe2\x84\xaa")) { /* Kelvin sign */
			c = 'k';
			n = 3;
		}
		if (c != tolower((unsigned char)*known))
			return false;
		key += n;
	}
	return !*key && !*known;
}

int oci_read_keys(const json_t *o, const char *where, const char *const *known, struct err *e)
{
	const char *key;
	json_t *v;
	if (json_object_size(o) > OCI_LIST_MAX)
		return oci_read_bad(where, "", "has too many members", e);
	/* jansson's iteration takes no const, and changes nothing. */
	json_object_foreach((json_t *)(uintptr_t)o, key, v)
	{
		for (const char *const *k = known; *k; k++)
			if (strcmp(key, *k) != 0 && is_same_folded(key, *k))
				return oci_read_bad(where, key,
					"differs from a known member only by its case", e);
	}
	return 0;
}

static const char *must_be(json_type type)
{
	switch (type) {
	case JSON_OBJECT:
		return "must be an object";
	case JSON_ARRAY:
		return "must be an array";
	case JSON_STRING:
		return "must be a string";
	default:
		return "must be an integer";
	}
}

int oci_read(const json_t *o, const char *where, const char *key, json_type type, bool required,
	json_t **ret, struct err *e)
{
	json_t *v = json_object_get(o, key);
	if (!v || json_is_null(v)) {
		*ret = NULL;
		return required ? oci_read_bad(where, key, "is missing", e) : 0;
	}
	if (json_typeof(v) != type)
		return oci_read_bad(where, key, must_be(type), e);
	*ret = v;
	return 0;
}

int oci_read_text(const json_t *o, const char *where, const char *key, bool required, char **ret,
	struct err *e)
{
	json_t *v = NULL;
	if (oci_read(o, where, key, JSON_STRING, required, &v, e) < 0)
		return -1;
	if (required && !json_string_length(v))
		return oci_read_bad(where, key, "is empty", e);
	*ret = strdup(v ? json_string_value(v) : "");
	return *ret ? 0 : err_nomem(e);
}

int oci_read_list(const json_t *o, const char *where, const char *key, size_t max, bool required,
	json_t **ret, struct err *e)
{
	char what[48];
	if (oci_read(o, where, key, JSON_ARRAY, required, ret, e) < 0)
		return -1;
	if (json_array_size(*ret) <= max)
		return 0;
	(void)snprintf(what, sizeof what, "has more than %zu members", max);
	return oci_read_bad(where, key, what, e);
}

int oci_read_texts(const json_t *o, const char *where, const char *key, size_t max, bool required,
	struct spec_strings *ret, struct err *e)
{
	json_t *list = NULL, *v;
	size_t i;
	if (oci_read_list(o, where, key, max, required, &list, e) < 0)
		return -1;
	json_array_foreach(list, i, v)
	{
		char one[64];
		(void)snprintf(one, sizeof one, "%s[%zu]", key, i);
		if (!json_is_string(v))
			return oci_read_bad(where, one, "must be a string", e);
		if (image_add_text(ret, json_string_value(v), e) < 0)
			return -1;
	}
	return 0;
}

int oci_read_members(
	const json_t *o, const char *where, const char *key, json_t **ret, struct err *e)
{
	if (oci_read(o, where, key, JSON_OBJECT, false, ret, e) < 0)
		return -1;
	if (json_object_size(*ret) > OCI_LIST_MAX)
		return oci_read_bad(where, key, "has too many members", e);
	return 0;
}
