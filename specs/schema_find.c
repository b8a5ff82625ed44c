#include "base/str.h"
#include "specs/schema.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	GUESS_MAX = 40 /* longer words are no typing mistakes */
};

const struct schema_field *schema_find(const struct schema_field *fields, const char *key)
{
	for (; fields->type != SCHEMA_END; fields++)
		if (!strcmp(fields->key, key))
			return fields;
	return NULL;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Changes, insertions, removals and swaps of neighbours that make b of a (optimal string
 * alignment), case not counted; three rows of the matrix are enough. */
static unsigned distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned rows[3][GUESS_MAX + 1];
	if (n > GUESS_MAX || m > GUESS_MAX)
		return GUESS_MAX;
	unsigned *older = rows[0], *old = rows[1], *now = rows[2];
	for (size_t j = 0; j <= m; j++)
		old[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			char x = lower(a[i - 1]), y = lower(b[j - 1]);
			now[j] = least(old[j - 1] + (x != y), least(old[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && x == lower(b[j - 2]) && y == lower(a[i - 2]))
				now[j] = least(now[j], older[j - 2] + 1);
		}
		unsigned *spare = older;
		older = old;
		old = now;
		now = spare;
	}
	return old[m];
}

/* One change in a short word, two in a longer one. */
static bool is_near(const char *word, unsigned changes)
{
	size_t n = strlen(word);
	return changes == 0 || (n > 2 && changes == 1) || (n > 5 && changes == 2);
}

/* "sys_admin" for "CAP_SYS_ADMIN": a whole end of the word, in any case. */
static bool is_end_of(const char *word, const char *whole)
{
	size_t n = strlen(word), m = strlen(whole);
	return n > 3 && m > n && !strcasecmp(whole + m - n, word);
}

const char *schema_nearest(const char *const *words, const char *word)
{
	const char *best = NULL;
	unsigned best_changes = GUESS_MAX;
	const char *end = NULL;
	for (; *words; words++) {
		if (!end && is_end_of(word, *words))
			end = *words;
		unsigned changes = distance(word, *words);
		if (changes < best_changes && is_near(word, changes)) {
			best = *words;
			best_changes = changes;
		}
	}
	/* "Name" is "name" before it is the end of "hostname". */
	return end && best_changes ? end : best;
}

/* The dotted path of a row with this key, or one change from it, below `fields` but not within
 * lists. */
static bool find_elsewhere(const struct schema_field *fields, const char *key, unsigned changes,
	char *out, size_t used)
{
	for (; fields->type != SCHEMA_END; fields++) {
		int n = snprintf(
			out + used, SCHEMA_GUESS_SIZE - used, "%s%s", used ? "." : "", fields->key);
		if (n < 0 || (size_t)n >= SCHEMA_GUESS_SIZE - used)
			continue;
		if (distance(fields->key, key) <= changes)
			return true;
		if (fields->type == SCHEMA_OBJECT &&
			find_elsewhere(fields->fields, key, changes, out, used + (size_t)n))
			return true;
	}
	return false;
}

const char *schema_guess(
	char out[SCHEMA_GUESS_SIZE], const struct schema_field *fields, const char *key)
{
	const char *words[64];
	size_t n = 0;
	for (const struct schema_field *f = fields; f->type != SCHEMA_END && n < 63; f++)
		words[n++] = f->key;
	words[n] = NULL;
	const char *near = schema_nearest(words, key);
	if (near) {
		(void)snprintf(out, SCHEMA_GUESS_SIZE, "%s", near);
		return out;
	}
	if (find_elsewhere(schema_root, key, 0, out, 0) ||
		(strlen(key) > 3 && find_elsewhere(schema_root, key, 1, out, 0)))
		return out;
	return NULL;
}
