#include "specs/spec_value.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/units.h"

#include <string.h>

bool spec_value_parse_amount(const struct schema_field *f, const char *text, uint64_t *ret)
{
	switch (f->type) {
	case SCHEMA_SIZE:
		return units_parse_size(text, ret);
	case SCHEMA_TIME:
		return units_parse_time(text, ret);
	case SCHEMA_RATE:
		return units_parse_rate(text, ret);
	case SCHEMA_ORDER:
		return str_to_u64(text, ret);
	default:
		return false;
	}
}

int spec_value_word(const struct schema_field *f, const char *word)
{
	for (int i = 0; f->words[i]; i++)
		if (!strcmp(f->words[i], word))
			return i;
	return -1;
}

bool spec_value_parse_ready(const char *text, enum spec_ready *ret_by, uint16_t *ret_port)
{
	static const char *const words[] = {[SPEC_READY_STARTED] = "started",
		[SPEC_READY_NOTIFY] = "notify",
		[SPEC_READY_EXEC] = "exec"};
	uint32_t port;
	if (str_starts(text, "tcp:")) {
		if (!str_to_u32(text + 4, &port) || !port || port > UINT16_MAX)
			return false;
		*ret_by = SPEC_READY_TCP;
		*ret_port = (uint16_t)port;
		return true;
	}
	for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
		if (str_eq(words[i], text)) {
			*ret_by = (enum spec_ready)i;
			*ret_port = 0;
			return true;
		}
	}
	return false;
}

void *spec_value_grow(void *items_at, size_t *n, size_t size, struct err *e)
{
	void **items = items_at;
	char *grown = reallocarray(*items, *n + 1, size);
	if (!grown) {
		err_nomem(e);
		return NULL;
	}
	*items = grown;
	memset(grown + *n * size, 0, size);
	return grown + (*n)++ * size;
}

int spec_value_add_text(struct spec_strings *list, const char *text, struct err *e)
{
	char **at = spec_value_grow(&list->items, &list->n, sizeof *at, e);
	if (!at)
		return -1;
	*at = strdup(text);
	return *at ? 0 : err_nomem(e);
}

int spec_value_add_pair(struct spec_pairs *pairs, const char *key, const char *value, struct err *e)
{
	struct spec_pair *at = spec_value_grow(&pairs->items, &pairs->n, sizeof *at, e);
	if (!at)
		return -1;
	at->key = strdup(key);
	at->value = strdup(value);
	return at->key && at->value ? 0 : err_nomem(e);
}

static uint64_t default_amount(const struct schema_field *f)
{
	uint64_t v = SPEC_UNSET;
	if (f->def)
		(void)spec_value_parse_amount(f, f->def, &v);
	return v;
}

static bool default_is(const struct schema_field *f, const char *word)
{
	return f->def && !strcmp(f->def, word);
}

static int set_default_text(const struct schema_field *f, void *at, struct err *e)
{
	char *copy = strdup(f->def ? f->def : "");
	if (!copy)
		return err_nomem(e);
	*(char **)at = copy;
	return 0;
}

static int set_default(const struct schema_field *f, void *base, struct err *e)
{
	void *at = schema_at(f, base);
	switch (f->type) {
	case SCHEMA_TEXT:
		return set_default_text(f, at, e);
	case SCHEMA_TEXTS:
		return f->def ? spec_value_add_text(at, f->def, e) : 0;
	case SCHEMA_WORD:
		*(unsigned *)at = (unsigned)spec_value_word(f, f->def);
		return 0;
	case SCHEMA_CHOICE:
		*(bool *)at = spec_value_word(f, f->def) == 0;
		return 0;
	case SCHEMA_BOOL:
		*(bool *)at = default_is(f, "true");
		return 0;
	case SCHEMA_SIZE:
	case SCHEMA_TIME:
	case SCHEMA_RATE:
	case SCHEMA_CORES:
	case SCHEMA_COUNT:
		*(uint64_t *)at = default_amount(f);
		return 0;
	case SCHEMA_ORDER:
		*(int64_t *)at = (int64_t)default_amount(f);
		return 0;
	case SCHEMA_OBJECT:
		return spec_value_defaults(f->fields, base, e);
	default: /* zeros are right: numbers that are required, and empty arrays */
		return 0;
	}
}

int spec_value_defaults(const struct schema_field *fields, void *base, struct err *e)
{
	for (; fields->type != SCHEMA_END; fields++)
		if (set_default(fields, base, e) < 0)
			return -1;
	return 0;
}

static void release_texts(struct spec_strings *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct spec_strings){0};
}

static void release_pairs(struct spec_pairs *pairs)
{
	for (size_t i = 0; i < pairs->n; i++) {
		free(pairs->items[i].key);
		free(pairs->items[i].value);
	}
	free(pairs->items);
	*pairs = (struct spec_pairs){0};
}

static void release_list(const struct schema_field *f, void *base)
{
	char **items = schema_at(f, base);
	size_t *n = (size_t *)(void *)((char *)base + f->aux);
	for (size_t i = 0; i < *n; i++)
		spec_value_release(f->fields, *items + i * f->item_size);
	free(*items);
	*items = NULL;
	*n = 0;
}

static void release_rlimits(const struct schema_field *f, void *base)
{
	struct spec_rlimit **items = schema_at(f, base);
	size_t *n = (size_t *)(void *)((char *)base + f->aux);
	for (size_t i = 0; i < *n; i++)
		free((*items)[i].name);
	free(*items);
	*items = NULL;
	*n = 0;
}

void spec_value_release_one(const struct schema_field *f, void *base)
{
	void *at = schema_at(f, base);
	switch (f->type) {
	case SCHEMA_TEXT:
		free(*(char **)at);
		*(char **)at = NULL;
		break;
	case SCHEMA_TEXTS:
		release_texts(at);
		break;
	case SCHEMA_PAIRS:
		release_pairs(at);
		break;
	case SCHEMA_LIST:
		release_list(f, base);
		break;
	case SCHEMA_RLIMITS:
		release_rlimits(f, base);
		break;
	case SCHEMA_OBJECT:
		spec_value_release(f->fields, base);
		break;
	default:
		break;
	}
}

void spec_value_release(const struct schema_field *fields, void *base)
{
	for (; fields->type != SCHEMA_END; fields++)
		spec_value_release_one(fields, base);
}

static bool texts_are_default(const struct schema_field *f, const struct spec_strings *list)
{
	if (!f->def)
		return list->n == 0;
	return list->n == 1 && !strcmp(list->items[0], f->def);
}

bool spec_value_is_default(const struct schema_field *f, const void *base)
{
	const void *at = schema_at_const(f, base);
	const char *aux = (const char *)base + f->aux;
	switch (f->type) {
	case SCHEMA_TEXT:
		return !strcmp(*(char *const *)at, f->def ? f->def : "");
	case SCHEMA_TEXTS:
		return texts_are_default(f, at);
	case SCHEMA_PAIRS:
		return ((const struct spec_pairs *)at)->n == 0;
	case SCHEMA_LIST:
	case SCHEMA_RLIMITS:
		return *(const size_t *)(const void *)aux == 0;
	case SCHEMA_WORD:
		return *(const unsigned *)at == (unsigned)spec_value_word(f, f->def);
	case SCHEMA_CHOICE:
		return *(const bool *)at == (spec_value_word(f, f->def) == 0);
	case SCHEMA_BOOL:
		return *(const bool *)at == default_is(f, "true");
	case SCHEMA_MAYBE:
		return !*(const bool *)(const void *)aux;
	case SCHEMA_SIZE:
	case SCHEMA_TIME:
	case SCHEMA_RATE:
	case SCHEMA_CORES:
	case SCHEMA_COUNT:
		return *(const uint64_t *)at == default_amount(f);
	case SCHEMA_ORDER:
		return *(const int64_t *)at == (int64_t)default_amount(f);
	case SCHEMA_READY:
		return *(const enum spec_ready *)at == SPEC_READY_STARTED;
	default:
		return true;
	}
}
