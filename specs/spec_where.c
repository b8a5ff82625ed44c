#include "specs/spec_where.h"
#include "base/mem.h"
#include "base/str.h"
#include "specs/spec_json.h"

#include <jansson.h>
#include <string.h>

struct place {
	size_t line, column;
};

/* Columns count characters, as an editor does. */
static struct place place_of(const char *text, size_t len, size_t offset)
{
	struct place p = {1, 1};
	for (size_t i = 0; i < offset && i < len; i++) {
		if (text[i] == '\n')
			p = (struct place){p.line + 1, 1};
		else if (((unsigned char)text[i] & 0xc0) != 0x80)
			p.column++;
	}
	return p;
}

int spec_where_prefix_at(struct err *e, const char *file, size_t line, size_t column)
{
	autostr struct strbuf shown = {0};
	if (!file)
		return -1;
	str_add_escaped(&shown, file, 200);
	const char *name = shown.buf && !shown.failed ? shown.buf : "";
	return line ? err_prefix(e, "%s:%zu:%zu", name, line, column) : err_prefix(e, "%s", name);
}

int spec_where_prefix(struct err *e, const char *file, const char *text, size_t len, size_t offset)
{
	struct place p = place_of(text, len, offset);
	return spec_where_prefix_at(e, file, p.line, p.column);
}

/* Behind the string that starts at text[at] == '"'. */
static size_t skip_string(const char *text, size_t len, size_t at)
{
	for (at++; at < len && text[at] != '"'; at++)
		if (text[at] == '\\')
			at++;
	return at < len ? at + 1 : len;
}

static size_t skip_blank(const char *text, size_t len, size_t at)
{
	while (at < len && strchr(" \t\r\n", text[at]) && text[at])
		at++;
	return at;
}

static size_t skip_value(const char *text, size_t len, size_t at)
{
	size_t depth = 0;
	while (at < len) {
		char c = text[at];
		if (c == '"') {
			at = skip_string(text, len, at);
		} else if (c == '{' || c == '[') {
			depth++;
			at++;
		} else if (c == '}' || c == ']') {
			if (!depth)
				return at;
			depth--;
			at++;
		} else if (c == ',' && !depth) {
			return at;
		} else {
			at++;
		}
	}
	return len;
}

/* The next part of a JSON pointer without its escapes; cut like the pointer itself may be. */
static const char *next_token(const char *pointer, char *out, size_t size)
{
	size_t n = 0;
	for (pointer++; *pointer && *pointer != '/'; pointer++) {
		char c = *pointer;
		if (c == '~' && (pointer[1] == '0' || pointer[1] == '1'))
			c = *++pointer == '0' ? '~' : '/';
		if (n + 1 < size)
			out[n++] = c;
	}
	out[n] = '\0';
	return pointer;
}

static bool key_is(const char *quoted, size_t len, const char *key)
{
	if (!memchr(quoted, '\\', len))
		return len == strlen(key) + 2 && !memcmp(quoted + 1, key, len - 2);
	json_auto_t *s = json_loadb(quoted, len, JSON_DECODE_ANY, NULL);
	return str_eq(json_string_value(s), key);
}

/* From an opening bracket to the member `token`: its value, and in *ret_found where it begins as
 * one sees it (the key). `len` if there is none. */
static size_t find_member(
	const char *text, size_t len, size_t at, const char *token, size_t *ret_found)
{
	bool is_object = text[at] == '{';
	uint64_t wanted = 0, index = 0;
	if (!is_object && !str_to_u64(token, &wanted))
		return len;
	for (at = skip_blank(text, len, at + 1); at < len && text[at] != '}' && text[at] != ']';) {
		size_t start = at;
		bool match = !is_object && index++ == wanted;
		if (is_object) {
			size_t end = skip_string(text, len, at);
			match = end > at + 1 && key_is(text + at, end - at, token);
			at = skip_blank(text, len, end);
			if (at < len) /* the colon */
				at = skip_blank(text, len, at + 1);
		}
		if (match) {
			*ret_found = start;
			return at;
		}
		at = skip_value(text, len, at);
		if (at < len && text[at] == ',')
			at = skip_blank(text, len, at + 1);
	}
	return len;
}

size_t spec_where_find(const char *text, size_t len, const char *pointer)
{
	size_t at = skip_blank(text, len, 0), found = at;
	char token[sizeof((struct err *)NULL)->object];
	while (*pointer == '/' && at < len && (text[at] == '{' || text[at] == '[')) {
		pointer = next_token(pointer, token, sizeof token);
		at = find_member(text, len, at, token, &found);
	}
	return found;
}

__attribute__((format(printf, 6, 7))) static int refuse(struct err *e, const char *file,
	const char *text, size_t len, size_t at, const char *fmt, ...)
{
	char msg[160];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	err_set(e, ERR_USAGE, "%s", msg);
	return spec_where_prefix(e, file, text, len, at);
}

int spec_where_scan(const char *text, size_t len, const char *file, struct err *e)
{
	size_t depth = 0;
	if (len > SPEC_JSON_MAX)
		return refuse(e, file, text, len, 0,
			"the document has %zu bytes, at most %d are read", len, SPEC_JSON_MAX);
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		return refuse(
			e, file, text, len, 0, "begins with a byte order mark; save it without");
	if (skip_blank(text, len, 0) == len)
		return refuse(e, file, text, len, 0, "the document is empty");
	const char *nul = memchr(text, '\0', len);
	if (nul)
		return refuse(e, file, text, len, (size_t)(nul - text), "has a NUL byte");
	for (size_t at = 0; at < len; at++) {
		if (text[at] == '"')
			at = skip_string(text, len, at) - 1;
		else if (text[at] == '{' || text[at] == '[')
			depth++;
		else if ((text[at] == '}' || text[at] == ']') && depth)
			depth--;
		if (depth > SPEC_JSON_DEPTH)
			return refuse(e, file, text, len, at, "is nested deeper than %d levels",
				SPEC_JSON_DEPTH);
	}
	return 0;
}
