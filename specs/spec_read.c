#include "specs/spec_read.h"
#include "base/defence.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/units.h"
#include "specs/spec_value.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	SHOWN = 400 /* 80 bytes of a value, escaped */
};

/* Where the reader is: a chain on the stack, from the innermost value to the root. */
struct at {
	const struct at *up;
	const char *key; /* NULL: an item of an array */
	size_t index;
	struct err *e;
};

static void add_pointer(struct strbuf *s, const struct at *at)
{
	if (!at->up)
		return;
	add_pointer(s, at->up);
	if (!at->key) {
		str_addf(s, "/%zu", at->index);
		return;
	}
	str_add(s, "/");
	for (const char *p = at->key; *p; p++) { /* RFC 6901 */
		if (*p == '~' || *p == '/')
			str_add(s, *p == '~' ? "~0" : "~1");
		else
			str_addn(s, p, 1);
	}
}

int spec_read_fail(struct err *e, const char *pointer, const char *fmt, ...)
{
	autostr struct strbuf shown = {0};
	char text[480], object[sizeof e->object];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	str_add_escaped(&shown, pointer, 160);
	err_set(e, ERR_USAGE, "%s%s%s", shown.buf && !shown.failed ? shown.buf : "",
		*pointer ? ": " : "", text);
	/* Whole characters, because it ends up in JSON. */
	size_t n = strlen(pointer);
	if (n >= sizeof object)
		for (n = sizeof object - 1; n && ((unsigned char)pointer[n] & 0xc0) == 0x80;)
			n--;
	memcpy(object, pointer, n);
	object[n] = '\0';
	return err_at(e, "spec", object);
}

__attribute__((format(printf, 2, 3))) static int fail(const struct at *at, const char *fmt, ...)
{
	autostr struct strbuf pointer = {0};
	char text[480];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	add_pointer(&pointer, at);
	return spec_read_fail(at->e, pointer.failed || !pointer.buf ? "" : pointer.buf, "%s", text);
}

/* What was found, for "got ..."; texts escaped and cut. */
static const char *describe(char out[SHOWN], const json_t *v)
{
	char text[SHOWN - 4];
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_TRUE:
		return "true";
	case JSON_FALSE:
		return "false";
	case JSON_NULL:
		return "null";
	case JSON_INTEGER:
		(void)snprintf(out, SHOWN, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		return out;
	case JSON_REAL:
		/* With its decimal point: "got 1" would not say what is wrong with 1.0. */
		(void)snprintf(out, SHOWN, "the fraction %.10g", json_real_value(v));
		return out;
	default:
		(void)snprintf(
			out, SHOWN, "\"%s\"", str_escape(text, sizeof text, json_string_value(v)));
		return out;
	}
}

static int expected(const struct at *at, const char *what, const json_t *v)
{
	char got[SHOWN];
	return fail(at, "expected %s, got %s", what, describe(got, v));
}

/* The text of a JSON string, or NULL and the error: S17's rule for every text of the document. */
static const char *text_of(const struct at *at, const char *what, const json_t *v)
{
	char got[SHOWN];
	if (!json_is_string(v)) {
		expected(at, what, v);
		return NULL;
	}
	const char *s = json_string_value(v);
	size_t len = json_string_length(v);
	if (!defence_is_off("S17") && (strlen(s) != len || !str_is_printable(s, len))) {
		fail(at, "control characters are not allowed in a text, got %s%s", describe(got, v),
			strlen(s) != len ? " and a NUL" : "");
		return NULL;
	}
	return s;
}

static int check_grammar(const struct at *at, const struct schema_field *f, const char *s)
{
	char got[SHOWN];
	const char *why = f->grammar(s);
	if (!why)
		return 0;
	const char *near = f->words ? schema_nearest(f->words, s) : NULL;
	return fail(at, "expected %s, got \"%s\"%s%s%s%s%s", f->expect,
		str_escape(got, sizeof got, s), *why ? ", which " : "", why,
		near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int read_text(const struct at *at, const struct schema_field *f, void *base, const json_t *v)
{
	if (json_is_null(v) && (f->flags & SCHEMA_NULLABLE))
		return 0;
	const char *s = text_of(at, f->expect, v);
	if (!s || check_grammar(at, f, s) < 0)
		return -1;
	char *copy = strdup(s);
	if (!copy)
		return err_nomem(at->e);
	spec_value_release_one(f, base);
	*(char **)schema_at(f, base) = copy;
	return 0;
}

/* "one of a, b, c" */
static void add_words(struct strbuf *s, const char *const *words)
{
	for (size_t i = 0; words[i]; i++)
		str_addf(s, "%s\"%s\"", i ? ", " : "one of ", words[i]);
}

static int read_word(const struct at *at, const struct schema_field *f, void *base, const json_t *v)
{
	autostr struct strbuf what = {0};
	add_words(&what, f->words);
	const char *s = text_of(at, what.buf ? what.buf : "a word", v);
	if (!s)
		return -1;
	int i = spec_value_word(f, s);
	if (i < 0) {
		const char *near = schema_nearest(f->words, s);
		char got[SHOWN];
		return fail(at, "expected %s, got \"%s\"%s%s%s", what.buf ? what.buf : "a word",
			str_escape(got, sizeof got, s), near ? "; did you mean \"" : "",
			near ? near : "", near ? "\"?" : "");
	}
	if (f->type == SCHEMA_CHOICE)
		*(bool *)schema_at(f, base) = i == 0;
	else
		*(unsigned *)schema_at(f, base) = (unsigned)i;
	return 0;
}

static int read_bool(const struct at *at, const struct schema_field *f, void *base, const json_t *v)
{
	bool *asked = (bool *)((char *)base + f->aux);
	if (json_is_null(v) && (f->flags & SCHEMA_NULLABLE))
		return 0;
	if (!json_is_boolean(v))
		return expected(at, "true or false", v);
	*(bool *)schema_at(f, base) = json_is_true(v);
	if (f->type == SCHEMA_MAYBE)
		*asked = true;
	return 0;
}

static void add_amount(struct strbuf *s, const struct schema_field *f, uint64_t v)
{
	char out[UNITS_SIZE];
	switch (f->type) {
	case SCHEMA_SIZE:
		str_add(s, units_print_size(out, v));
		return;
	case SCHEMA_TIME:
		str_add(s, units_print_time(out, v));
		return;
	case SCHEMA_RATE:
		str_add(s, units_print_rate(out, v));
		return;
	case SCHEMA_CORES:
		str_addf(s, "%g", (double)v / 1000);
		return;
	default:
		str_addf(s, "%" PRIu64, v);
		return;
	}
}

static uint64_t amount_max(const struct schema_field *f)
{
	/* Above it, no file of the kernel takes a number, and both marks of the struct lie there.
	 */
	return f->max ? f->max : INT64_MAX;
}

static int expected_amount(const struct at *at, const struct schema_field *f, const json_t *v)
{
	static const char *const forms[] = {[SCHEMA_SIZE] = "a size such as \"512M\", or bytes",
		[SCHEMA_TIME] = "a time such as \"60s\"",
		[SCHEMA_RATE] = "a rate such as \"100Mbit\"",
		[SCHEMA_CORES] = "a number of cores such as 1.5",
		[SCHEMA_COUNT] = "a whole number",
		[SCHEMA_ORDER] = "a whole number",
		[SCHEMA_PORT] = "a port number"};
	autostr struct strbuf what = {0};
	str_add(&what, forms[f->type]);
	if (f->min || f->max) {
		str_add(&what, f->max ? " from " : " of at least ");
		add_amount(&what, f, f->min);
		if (f->max) {
			str_add(&what, " to ");
			add_amount(&what, f, f->max);
		}
	}
	if (f->flags & SCHEMA_MAX_WORD)
		str_add(&what, ", or \"max\"");
	return expected(at, what.buf && !what.failed ? what.buf : forms[f->type], v);
}

/* Thousandths are the finest the scheduler's quota can tell apart in its period of 100 ms. */
static bool cores_of(const json_t *v, uint64_t *ret)
{
	double cores = json_number_value(v);
	if (!json_is_number(v) || !(cores > 0 && cores < 1e6))
		return false;
	uint64_t milli = (uint64_t)(cores * 1000 + 0.5);
	double off = cores * 1000 - (double)milli;
	*ret = milli;
	return off > -1e-6 && off < 1e-6;
}

static bool amount_of(const struct schema_field *f, const json_t *v, uint64_t *ret)
{
	if (f->type == SCHEMA_CORES)
		return cores_of(v, ret);
	if (json_is_string(v) && f->type != SCHEMA_COUNT && f->type != SCHEMA_ORDER)
		return strlen(json_string_value(v)) == json_string_length(v) &&
		       spec_value_parse_amount(f, json_string_value(v), ret);
	/* Times and rates without a unit are a guess, so numbers are refused there. */
	if (!json_is_integer(v) || f->type == SCHEMA_TIME || f->type == SCHEMA_RATE ||
		json_integer_value(v) < 0)
		return false;
	*ret = (uint64_t)json_integer_value(v);
	return true;
}

static int read_amount(
	const struct at *at, const struct schema_field *f, void *base, const json_t *v)
{
	uint64_t n = SPEC_UNSET;
	if (json_is_null(v) && (f->flags & SCHEMA_NULLABLE)) {
		n = SPEC_UNSET;
	} else if ((f->flags & SCHEMA_MAX_WORD) && str_eq(json_string_value(v), "max")) {
		/* No limit is what a zone has without cpu.max; one way to say it inside. */
		n = f->type == SCHEMA_CORES ? SPEC_UNSET : SPEC_NO_LIMIT;
	} else if (!amount_of(f, v, &n) || n < f->min || n > amount_max(f)) {
		return expected_amount(at, f, v);
	}
	if (f->type == SCHEMA_ORDER)
		*(int64_t *)schema_at(f, base) = (int64_t)n;
	else
		*(uint64_t *)schema_at(f, base) = n;
	return 0;
}

static int read_port(const struct at *at, const struct schema_field *f, void *base, const json_t *v)
{
	json_int_t port = json_integer_value(v);
	if (!json_is_integer(v) || port < 1 || port > UINT16_MAX)
		return expected(at, "a port number from 1 to 65535", v);
	*(uint16_t *)schema_at(f, base) = (uint16_t)port;
	return 0;
}

static int read_ready(
	const struct at *at, const struct schema_field *f, void *base, const json_t *v)
{
	static const char what[] = "\"started\", \"notify\", \"exec\" or \"tcp:PORT\"";
	uint16_t *port = (uint16_t *)(void *)((char *)base + f->aux);
	const char *s = text_of(at, what, v);
	if (!s)
		return -1;
	if (!spec_value_parse_ready(s, schema_at(f, base), port))
		return expected(at, what, v);
	return 0;
}

static int read_version(
	const struct at *at, const struct schema_field *f, void *base, const json_t *v)
{
	(void)f;
	(void)base;
	if (json_is_integer(v) && json_integer_value(v) > SCHEMA_SPEC_VERSION)
		return fail(at,
			"version %" JSON_INTEGER_FORMAT
			" is newer than this version of Cella, which knows 1",
			json_integer_value(v));
	if (!json_is_integer(v) || json_integer_value(v) != SCHEMA_SPEC_VERSION)
		return expected(at, "the number 1", v);
	return 0;
}

static size_t items_max(const struct schema_field *f)
{
	return f->max ? (size_t)f->max : SCHEMA_DEFAULT_ITEMS;
}

static int check_count(const struct at *at, const struct schema_field *f, size_t n)
{
	if (n > items_max(f))
		return fail(at, "expected at most %zu entries, got %zu", items_max(f), n);
	if (!n && (f->flags & SCHEMA_NOT_EMPTY))
		return fail(at, "expected at least one entry, got an empty array");
	return 0;
}

static int check_unique(
	const struct at *at, const struct schema_field *f, const struct spec_strings *list)
{
	char shown[SHOWN];
	for (size_t i = 0; (f->flags & SCHEMA_UNIQUE) && i + 1 < list->n; i++)
		if (!strcmp(list->items[i], list->items[list->n - 1]))
			return fail(at, "\"%s\" is already entry %zu",
				str_escape(shown, sizeof shown, list->items[i]), i);
	return 0;
}

static int read_texts(
	const struct at *at, const struct schema_field *f, void *base, const json_t *v)
{
	struct spec_strings *list = schema_at(f, base);
	if (!json_is_array(v))
		return expected(at, "an array", v);
	if (check_count(at, f, json_array_size(v)) < 0)
		return -1;
	spec_value_release_one(f, base);
	for (size_t i = 0; i < json_array_size(v); i++) {
		struct at here = {.up = at, .index = i, .e = at->e};
		const char *s = text_of(&here, f->expect, json_array_get(v, i));
		if (!s || check_grammar(&here, f, s) < 0 ||
			spec_value_add_text(list, s, at->e) < 0 || check_unique(&here, f, list) < 0)
			return -1;
	}
	return 0;
}

/* A key that the admin chose: escaped in the message when it is not even printable. */
static int check_pair_key(const struct at *at, const struct schema_field *f, const char *key)
{
	char shown[SHOWN];
	const char *why =
		str_is_printable(key, strlen(key)) ? f->key_grammar(key) : "has control characters";
	if (!why)
		return 0;
	const char *near = f->words ? schema_nearest(f->words, key) : NULL;
	return fail(at, "\"%s\" cannot be a key here%s%s%s%s%s",
		str_escape(shown, sizeof shown, key), *why ? ": it " : "", why,
		near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int read_pairs(
	const struct at *at, const struct schema_field *f, void *base, const json_t *v)
{
	const char *key;
	json_t *value;
	if (!json_is_object(v))
		return expected(at, "an object", v);
	if (check_count(at, f, json_object_size(v)) < 0)
		return -1;
	spec_value_release_one(f, base);
	json_object_foreach((json_t *)v, key, value)
	{
		if (check_pair_key(at, f, key) < 0)
			return -1;
		struct at here = {.up = at, .key = key, .e = at->e};
		const char *s = text_of(&here, f->expect, value);
		if (!s || check_grammar(&here, f, s) < 0 ||
			spec_value_add_pair(schema_at(f, base), key, s, at->e) < 0)
			return -1;
	}
	return 0;
}

static int read_rlimit_number(const struct at *at, const json_t *v, uint64_t *ret)
{
	if (str_eq(json_string_value(v), "unlimited")) {
		*ret = SPEC_NO_LIMIT;
		return 0;
	}
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return expected(at, "a whole number or \"unlimited\"", v);
	*ret = (uint64_t)json_integer_value(v);
	return 0;
}

static int read_rlimit(const struct at *at, const json_t *v, struct spec_rlimit *limit)
{
	const char *key;
	json_t *value;
	unsigned seen = 0;
	if (!json_is_object(v)) {
		if (!json_is_integer(v) && !json_is_string(v))
			return expected(at,
				"a whole number, \"unlimited\", or {\"soft\": N, \"hard\": N}", v);
		if (read_rlimit_number(at, v, &limit->soft) < 0)
			return -1;
		limit->hard = limit->soft;
		return 0;
	}
	json_object_foreach((json_t *)v, key, value)
	{
		char shown[SHOWN];
		struct at here = {.up = at, .key = key, .e = at->e};
		bool soft = str_eq(key, "soft");
		if (!soft && !str_eq(key, "hard"))
			return fail(at, "unknown key \"%s\", expected \"soft\" and \"hard\"",
				str_escape(shown, sizeof shown, key));
		if (read_rlimit_number(&here, value, soft ? &limit->soft : &limit->hard) < 0)
			return -1;
		seen |= soft ? 1 : 2;
	}
	return seen == 3 ? 0 : fail(at, "expected both \"soft\" and \"hard\"");
}

static int read_rlimits(
	const struct at *at, const struct schema_field *f, void *base, const json_t *v)
{
	const char *key;
	json_t *value;
	size_t *n = (size_t *)(void *)((char *)base + f->aux);
	if (!json_is_object(v))
		return expected(at, "an object", v);
	json_object_foreach((json_t *)v, key, value)
	{
		if (check_pair_key(at, f, key) < 0)
			return -1;
		struct at here = {.up = at, .key = key, .e = at->e};
		struct spec_rlimit *limit =
			spec_value_grow(schema_at(f, base), n, sizeof *limit, at->e);
		if (!limit)
			return -1;
		limit->name = strdup(key);
		if (!limit->name)
			return err_nomem(at->e);
		if (read_rlimit(&here, value, limit) < 0)
			return -1;
	}
	return 0;
}

static int read_object(
	const struct at *at, const struct schema_field *fields, void *base, const json_t *v);

static int read_nested(
	const struct at *at, const struct schema_field *f, void *base, const json_t *v)
{
	return read_object(at, f->fields, base, v);
}

static int check_required(const struct at *at, const struct schema_field *fields, const json_t *v)
{
	for (; fields->type != SCHEMA_END; fields++)
		if ((fields->flags & SCHEMA_REQUIRED) && !json_object_get(v, fields->key))
			return fail(at, "the key \"%s\" is missing", fields->key);
	return 0;
}

static int read_list(const struct at *at, const struct schema_field *f, void *base, const json_t *v)
{
	size_t *n = (size_t *)(void *)((char *)base + f->aux);
	if (!json_is_array(v))
		return expected(at, "an array", v);
	if (check_count(at, f, json_array_size(v)) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(v); i++) {
		struct at here = {.up = at, .index = i, .e = at->e};
		const json_t *value = json_array_get(v, i);
		void *item = spec_value_grow(schema_at(f, base), n, f->item_size, at->e);
		if (!item || spec_value_defaults(f->fields, item, at->e) < 0 ||
			read_object(&here, f->fields, item, value) < 0 ||
			check_required(&here, f->fields, value) < 0)
			return -1;
	}
	return 0;
}

typedef int reader(const struct at *, const struct schema_field *, void *, const json_t *);
static reader *const readers[] = {
	[SCHEMA_VERSION] = read_version,
	[SCHEMA_TEXT] = read_text,
	[SCHEMA_WORD] = read_word,
	[SCHEMA_CHOICE] = read_word,
	[SCHEMA_BOOL] = read_bool,
	[SCHEMA_MAYBE] = read_bool,
	[SCHEMA_SIZE] = read_amount,
	[SCHEMA_TIME] = read_amount,
	[SCHEMA_RATE] = read_amount,
	[SCHEMA_CORES] = read_amount,
	[SCHEMA_COUNT] = read_amount,
	[SCHEMA_ORDER] = read_amount,
	[SCHEMA_PORT] = read_port,
	[SCHEMA_READY] = read_ready,
	[SCHEMA_TEXTS] = read_texts,
	[SCHEMA_PAIRS] = read_pairs,
	[SCHEMA_RLIMITS] = read_rlimits,
	[SCHEMA_OBJECT] = read_nested,
	[SCHEMA_LIST] = read_list,
};

static int fail_unknown(const struct at *at, const struct schema_field *fields, const char *key)
{
	char shown[SHOWN], guess[SCHEMA_GUESS_SIZE];
	const char *meant = schema_guess(guess, fields, key);
	return fail(at, "unknown key \"%s\"%s%s%s", str_escape(shown, sizeof shown, key),
		meant ? "; did you mean \"" : "", meant ? meant : "", meant ? "\"?" : "");
}

static int read_object(
	const struct at *at, const struct schema_field *fields, void *base, const json_t *v)
{
	const char *key;
	json_t *value;
	if (!json_is_object(v))
		return expected(at, "an object", v);
	json_object_foreach((json_t *)v, key, value)
	{
		const struct schema_field *f = schema_find(fields, key);
		struct at here = {.up = at, .key = key, .e = at->e};
		if (!f)
			return fail_unknown(
				str_is_printable(key, strlen(key)) ? &here : at, fields, key);
		if (readers[f->type](&here, f, base, value) < 0)
			return -1;
	}
	return 0;
}

int spec_read_document(const json_t *doc, struct zone_spec *base, struct err *e)
{
	struct at root = {.e = e};
	return read_object(&root, schema_root, base, doc);
}

int spec_read_required(const json_t *doc, struct err *e)
{
	struct at root = {.e = e};
	return check_required(&root, schema_root, doc);
}
