/* oci_json_read.h: members of a JSON document that nobody vouches for. Only for oci_json.c. `where`
 * is the object as messages name it, "" for the document. A member that is null counts as absent;
 * an absent object has no members, so optional things nest without asking. */
#pragma once
#include "base/err.h"
#include "specs/zone_spec.h"
#include <jansson.h>

/* "'WHERE.KEY' WHAT". */
int oci_read_bad(const char *where, const char *key, const char *what, struct err *e);
int oci_read_document(const char *text, size_t len, json_type type, json_t **ret, struct err *e);
/* Refuse keys that others would take for one of `known` (which ends with NULL): Go's encoding/json
 * does not look at case. */
int oci_read_keys(const json_t *o, const char *where, const char *const *known, struct err *e);
/* *ret is borrowed; NULL when absent. */
int oci_read(const json_t *o, const char *where, const char *key, json_type type, bool required,
	json_t **ret, struct err *e);
/* A copy; "" when absent, never so when required. */
int oci_read_text(const json_t *o, const char *where, const char *key, bool required, char **ret,
	struct err *e);
/* An array of at most `max`; *ret NULL when absent. */
int oci_read_list(const json_t *o, const char *where, const char *key, size_t max, bool required,
	json_t **ret, struct err *e);
/* An array of strings, added to *ret, which owns them also after a failure. */
int oci_read_texts(const json_t *o, const char *where, const char *key, size_t max, bool required,
	struct spec_strings *ret, struct err *e);
/* An optional object with keys of its own, not too many. */
int oci_read_members(
	const json_t *o, const char *where, const char *key, json_t **ret, struct err *e);
