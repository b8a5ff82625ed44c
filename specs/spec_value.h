/* spec_value.h: the values behind the rows of schema.h: defaults, release, comparison with the
 * default. Inside specs/ only. */
#pragma once
#include "base/err.h"
#include "specs/schema.h"
#include <stdbool.h>

/* Put the default of every row into its structure, which must be all zeros or released before.
 * Lists become empty. -1 only when memory is out; what was made so far can be released. */
int spec_value_defaults(const struct schema_field *fields, void *base, struct err *e);
/* Release what the rows own and set it to zero. Takes half-made structures. */
void spec_value_release(const struct schema_field *fields, void *base);
/* Release one row's value. */
void spec_value_release_one(const struct schema_field *f, void *base);
/* True if a row that is no object and no list with a default of its own has its default. */
bool spec_value_is_default(const struct schema_field *f, const void *base);

/* The text of a size, time or rate as the row's type has it. */
bool spec_value_parse_amount(const struct schema_field *f, const char *text, uint64_t *ret);
/* Index of `word` in the row's words, or -1. */
int spec_value_word(const struct schema_field *f, const char *word);
/* "started", "notify", "exec", "tcp:80". */
bool spec_value_parse_ready(const char *text, enum spec_ready *ret_by, uint16_t *ret_port);

/* Append a copy. -1 when memory is out. */
int spec_value_add_text(struct spec_strings *list, const char *text, struct err *e);
int spec_value_add_pair(
	struct spec_pairs *pairs, const char *key, const char *value, struct err *e);
/* One more item of `size` zero bytes at the end of an array that lists and rlimits use: the pointer
 * and the count are at the two addresses. Returns the item, or NULL when memory is out. */
void *spec_value_grow(void *items_at, size_t *n, size_t size, struct err *e);
