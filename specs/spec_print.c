#include "base/units.h"
#include "specs/schema.h"
#include "specs/spec_json.h"

#include <stdio.h>
#include <string.h>

static json_t *print_fields(const struct schema_field *fields, const void *base);

static json_t *print_text(const char *s, unsigned flags)
{
	return !*s && (flags & SCHEMA_NULLABLE) ? json_null() : json_string(s);
}

static json_t *print_amount(const struct schema_field *f, uint64_t v)
{
	char out[UNITS_SIZE];
	if (v == SPEC_UNSET)
		return json_null();
	if (v == SPEC_NO_LIMIT)
		return json_string("max");
	switch (f->type) {
	case SCHEMA_SIZE:
		return json_string(units_print_size(out, v));
	case SCHEMA_TIME:
		return json_string(units_print_time(out, v));
	case SCHEMA_RATE:
		return json_string(units_print_rate(out, v));
	case SCHEMA_CORES:
		return v % 1000 ? json_real((double)v / 1000)
				: json_integer((json_int_t)(v / 1000));
	default:
		return json_integer((json_int_t)v);
	}
}

static json_t *print_ready(enum spec_ready by, uint16_t port)
{
	switch (by) {
	case SPEC_READY_NOTIFY:
		return json_string("notify");
	case SPEC_READY_EXEC:
		return json_string("exec");
	case SPEC_READY_TCP:
		return json_sprintf("tcp:%u", (unsigned)port);
	default:
		return json_string("started");
	}
}

static json_t *print_texts(const struct spec_strings *list)
{
	json_auto_t *out = json_array();
	for (size_t i = 0; i < list->n; i++)
		if (json_array_append_new(out, json_string(list->items[i])) < 0)
			return NULL;
	return json_incref(out);
}

static json_t *print_pairs(const struct spec_pairs *pairs)
{
	json_auto_t *out = json_object();
	for (size_t i = 0; i < pairs->n; i++)
		if (json_object_set_new(
			    out, pairs->items[i].key, json_string(pairs->items[i].value)) < 0)
			return NULL;
	return json_incref(out);
}

static json_t *print_rlimit(uint64_t v)
{
	return v == SPEC_NO_LIMIT ? json_string("unlimited") : json_integer((json_int_t)v);
}

static json_t *print_rlimits(const struct spec_rlimit *limits, size_t n)
{
	json_auto_t *out = json_object();
	for (size_t i = 0; i < n; i++) {
		json_t *pair = json_pack("{s:o, s:o}", "soft", print_rlimit(limits[i].soft), "hard",
			print_rlimit(limits[i].hard));
		if (json_object_set_new(out, limits[i].name, pair) < 0)
			return NULL;
	}
	return json_incref(out);
}

static json_t *print_list(const struct schema_field *f, const void *items, size_t n)
{
	json_auto_t *out = json_array();
	for (size_t i = 0; i < n; i++) {
		const void *item = (const char *)items + i * f->item_size;
		if (json_array_append_new(out, print_fields(f->fields, item)) < 0)
			return NULL;
	}
	return json_incref(out);
}

static json_t *print_field(const struct schema_field *f, const void *base)
{
	const void *at = schema_at_const(f, base);
	const void *aux = (const char *)base + f->aux;
	switch (f->type) {
	case SCHEMA_VERSION:
		return json_integer(SCHEMA_SPEC_VERSION);
	case SCHEMA_TEXT:
		return print_text(*(char *const *)at, f->flags);
	case SCHEMA_WORD:
		return json_string(f->words[*(const unsigned *)at]);
	case SCHEMA_CHOICE:
		return json_string(f->words[*(const bool *)at ? 0 : 1]);
	case SCHEMA_BOOL:
		return json_boolean(*(const bool *)at);
	case SCHEMA_MAYBE:
		return *(const bool *)aux ? json_boolean(*(const bool *)at) : json_null();
	case SCHEMA_ORDER:
		return json_integer(*(const int64_t *)at);
	case SCHEMA_PORT:
		return json_integer(*(const uint16_t *)at);
	case SCHEMA_READY:
		return print_ready(*(const enum spec_ready *)at, *(const uint16_t *)aux);
	case SCHEMA_TEXTS:
		return print_texts(at);
	case SCHEMA_PAIRS:
		return print_pairs(at);
	case SCHEMA_RLIMITS:
		return print_rlimits(*(struct spec_rlimit *const *)at, *(const size_t *)aux);
	case SCHEMA_OBJECT:
		return print_fields(f->fields, base);
	case SCHEMA_LIST:
		return print_list(f, *(void *const *)at, *(const size_t *)aux);
	default:
		return print_amount(f, *(const uint64_t *)at);
	}
}

static json_t *print_fields(const struct schema_field *fields, const void *base)
{
	json_auto_t *out = json_object();
	for (; fields->type != SCHEMA_END; fields++)
		if (json_object_set_new(out, fields->key, print_field(fields, base)) < 0)
			return NULL;
	return json_incref(out);
}

json_t *spec_to_json(const struct zone_spec *spec, struct err *e)
{
	json_t *doc = print_fields(schema_root, spec);
	if (!doc)
		err_nomem(e);
	return doc;
}

char *spec_text(const json_t *doc, struct err *e)
{
	char *text = json_dumps(doc, SPEC_JSON_DUMP);
	size_t len = text ? strlen(text) : 0;
	char *whole = text ? realloc(text, len + 2) : NULL;
	if (!whole) {
		free(text);
		err_nomem(e);
		return NULL;
	}
	memcpy(whole + len, "\n", 2);
	return whole;
}
