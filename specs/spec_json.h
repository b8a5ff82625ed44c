/* spec_json.h: the JSON form of the zone spec, both ways, and changes to it. Pure: reads no file,
 * needs no privilege.
 *
 * Every error about the document is ERR_USAGE. Its message is
 *     FILE:LINE:COL: text                    not JSON, or JSON that is refused as such
 *     FILE:LINE:COL: /json/pointer: text     the content (spec_parse)
 *     FILE: /json/pointer: text              the content, when only the tree is known
 * with values escaped and cut; e->step is "spec" and e->object the JSON pointer. `file` may be
 * NULL, then there is no such prefix. */
#pragma once
#include "base/err.h"
#include "specs/zone_spec.h"
#include <jansson.h>

enum {
	SPEC_JSON_MAX = 1024 * 1024, /* bytes of a document */
	SPEC_JSON_DEPTH = 32,
};
/* For json_dump* of a document or of spec_to_json's result. The precision prints cores as they were
 * written (0.1, not 0.10000000000000001). */
#define SPEC_JSON_DUMP (JSON_INDENT(2) | JSON_REAL_PRECISION(7))

/* Text -> spec, checked by spec_check too. *ret is the caller's (spec_free). *ret_doc, which may be
 * NULL, gets the document as it was written, without defaults: what is stored, so that a later
 * version's defaults apply (json_decref). */
int spec_parse(const char *text, size_t len, const char *file, struct zone_spec **ret,
	json_t **ret_doc, struct err *e);
/* The same; a document that does not say its name gets this one. */
int spec_parse_as(const char *name, const char *text, size_t len, const char *file,
	struct zone_spec **ret, json_t **ret_doc, struct err *e);
/* The same from a document in memory. */
int spec_from_json(const json_t *doc, const char *file, struct zone_spec **ret, struct err *e);
/* NULL is fine. */
void spec_free(struct zone_spec *spec);
static inline void spec_free_at(struct zone_spec **spec)
{
	spec_free(*spec);
}
#define autospec __attribute__((cleanup(spec_free_at)))

/* Expanded: every key, every default filled in, canonical units, null for what was not asked for.
 * Parsing the result gives an equal spec. New reference, or NULL (no memory). */
json_t *spec_to_json(const struct zone_spec *spec, struct err *e);
/* A document as text with a newline at the end; the caller frees. NULL: no memory. */
char *spec_text(const json_t *doc, struct err *e);

/* One change to a document: "PATH=VALUE", or "PATH-" or "PATH=" or "PATH=null" to go back to the
 * default. PATH is dotted ("resources.memory.max", "labels.env", "network.interfaces.0.mac",
 * "security.sysctl.net.ipv4.ip_forward"); the number after the last entry of a list adds one.
 * VALUE is taken as the field wants it: as text for texts (in double quotes: a JSON string), else
 * as JSON, else as text. Structure, type and range are checked, rules across fields are not, so
 * that several changes may follow one another: spec_from_json says the last word. On failure the
 * document is as it was. */
int spec_set(json_t *doc, const char *assignment, struct err *e);
/* All of them on a copy, then checked as a whole. *ret_doc is the new document, *ret (may be NULL)
 * the spec. */
int spec_edit(const json_t *doc, const char *const *assignments, size_t n, json_t **ret_doc,
	struct zone_spec **ret, struct err *e);

/* The value at a dotted path of any document (array entries by number); keys that have dots in them
 * are found too. Borrowed, NULL when there is none. */
json_t *spec_lookup(const json_t *doc, const char *path);

/* Every field, in the order of the man page: for completion, help and tests. */
struct spec_key {
	const char *path;  /* "network.interfaces.N.mac", "labels.KEY" */
	const char *type;  /* "text", "size", ... */
	const char *def;   /* default as written, or NULL */
	bool is_live;	   /* `set` reaches a running zone; else the next start */
	bool is_supported; /* false: only the default is accepted by this version */
};
/* Calls `fn` per field until it returns non-zero, and returns that. Strings live for the call. */
int spec_each_key(int (*fn)(const struct spec_key *key, void *arg), void *arg);
