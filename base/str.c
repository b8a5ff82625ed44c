#include "base/str.h"
#include "base/defence.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	NAME_SHOWN_MAX = 80
};

static bool reserve(struct strbuf *s, size_t more)
{
	if (s->failed)
		return false;
	if (s->len + more + 1 <= s->cap)
		return true;
	size_t cap = s->cap ? s->cap : 64;
	while (cap < s->len + more + 1)
		cap *= 2;
	char *buf = realloc(s->buf, cap);
	if (!buf) {
		s->failed = true;
		return false;
	}
	s->buf = buf;
	s->cap = cap;
	return true;
}

void str_addn(struct strbuf *s, const void *bytes, size_t n)
{
	if (!reserve(s, n))
		return;
	if (n)
		memcpy(s->buf + s->len, bytes, n);
	s->len += n;
	s->buf[s->len] = '\0';
}

void str_add(struct strbuf *s, const char *text)
{
	str_addn(s, text, strlen(text));
}

void str_addf(struct strbuf *s, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		s->failed = true;
	else if (reserve(s, (size_t)n)) {
		(void)vsnprintf(s->buf + s->len, (size_t)n + 1, fmt, again);
		s->len += (size_t)n;
	}
	va_end(again);
}

char *str_finish(struct strbuf *s, struct err *e)
{
	if (!s->buf && !s->failed)
		str_addn(s, "", 0);
	if (s->failed) {
		str_done(s);
		err_nomem(e);
		return NULL;
	}
	char *out = s->buf;
	*s = (struct strbuf){0};
	return out;
}

void str_done(struct strbuf *s)
{
	free(s->buf);
	*s = (struct strbuf){0};
}

char *str_format(const char *fmt, ...)
{
	char *out = NULL;
	va_list ap;
	va_start(ap, fmt);
	if (vasprintf(&out, fmt, ap) < 0)
		out = NULL;
	va_end(ap);
	return out;
}

bool str_to_u64(const char *s, uint64_t *ret)
{
	uint64_t v = 0;
	if (!s || !*s || (s[0] == '0' && s[1]))
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return false;
	}
	*ret = v;
	return true;
}

bool str_to_u32(const char *s, uint32_t *ret)
{
	uint64_t v;
	if (!str_to_u64(s, &v) || v > UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

bool str_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);
	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

/* Length of the UTF-8 sequence at p (at most n bytes there), its code point in *cp; 0 if invalid.
 */
static size_t utf8_decode(const unsigned char *p, size_t n, uint32_t *cp)
{
	size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 0;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	if (!len || len > n)
		return 0;
	uint32_t v = len == 1 ? p[0] : p[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (p[i] & 0x3f);
	}
	if (v < least[len] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return 0;
	*cp = v;
	return len;
}

/* Characters that move the cursor, end a line, or turn the reading direction around. */
static bool acts_on_terminal(uint32_t cp)
{
	if (defence_is_off("S25"))
		return false;
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x2028 || cp == 0x2029 ||
	       (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069) || cp == 0x200e ||
	       cp == 0x200f || cp == 0x61c || cp == 0xfeff;
}

void str_add_escaped(struct strbuf *s, const char *text, size_t max)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = strlen(text), at = 0;
	while (at < n) {
		if (at >= max) {
			str_add(s, "...");
			return;
		}
		uint32_t cp = 0;
		size_t len = utf8_decode(p + at, n - at, &cp);
		if (len && !acts_on_terminal(cp)) {
			str_addn(s, p + at, len);
			at += len;
			continue;
		}
		for (size_t i = 0; i < (len ? len : 1); i++)
			str_addf(s, "\\x%02x", p[at + i]);
		at += len ? len : 1;
	}
}

static const char *escape_into(char *out, size_t size, const char *text, size_t max)
{
	autostr struct strbuf s = {0};
	str_add_escaped(&s, text, max);
	(void)snprintf(out, size, "%s", s.failed || !s.buf ? "" : s.buf);
	return out;
}

const char *str_escape(char *out, size_t size, const char *text)
{
	return escape_into(out, size, text, NAME_SHOWN_MAX);
}

const char *str_escape_all(char *out, size_t size, const char *text)
{
	return escape_into(out, size, text, size);
}

bool str_is_printable(const char *s, size_t len)
{
	for (size_t at = 0; at < len;) {
		uint32_t cp = 0;
		size_t n = utf8_decode((const unsigned char *)s + at, len - at, &cp);
		if (!n || acts_on_terminal(cp))
			return false;
		at += n;
	}
	return true;
}
