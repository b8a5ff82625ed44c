/* str.h: growing strings, strict number parsing, escaping for terminals. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing string. {0} is a valid empty one. `buf` is NUL-terminated whenever it is not NULL; an
 * allocation failure sets `failed` and later calls do nothing, so that a long series of appends is
 * checked once, at the end, by str_finish. */
struct strbuf {
	char *buf;
	size_t len, cap;
	bool failed;
};

void str_add(struct strbuf *s, const char *text);
void str_addn(struct strbuf *s, const void *bytes, size_t n);
void str_addf(struct strbuf *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Hand the text over (caller frees; "" when nothing was added) and leave *s empty. NULL with
 * err_nomem if an append had failed. */
char *str_finish(struct strbuf *s, struct err *e);
void str_done(struct strbuf *s);
#define autostr __attribute__((cleanup(str_done)))

/* printf into new memory; NULL when out of memory. Caller frees. */
char *str_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The whole string must be a decimal number without sign, space or leading zero. True on success.
 */
bool str_to_u64(const char *s, uint64_t *ret);
bool str_to_u32(const char *s, uint32_t *ret);

bool str_eq(const char *a, const char *b); /* NULL equals NULL only */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

/* Append `s` with every byte that could act on a terminal (controls, DEL, C1 as UTF-8, invalid
 * UTF-8, U+2028/2029, bidi overrides) written as \xNN, and at most `max` bytes of input; "..."
 * marks a cut. For zone-made or user-made text in messages and tables. */
void str_add_escaped(struct strbuf *s, const char *text, size_t max);
/* The same into a buffer, for a name in an error message: at most 80 bytes of it. Returns `out`. */
const char *str_escape(char *out, size_t size, const char *text);
/* The same for a whole message. */
const char *str_escape_all(char *out, size_t size, const char *text);
/* True if the bytes are valid UTF-8 without any character that str_escape would escape. */
bool str_is_printable(const char *s, size_t len);
