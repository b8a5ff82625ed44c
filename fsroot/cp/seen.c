#include "fsroot/cp/seen.h"

#include <stdlib.h>

#define SPREAD UINT64_C(0x9e3779b97f4a7c15)

/* Eight bytes a file, since there may be many: a device is nearly always the same. */
static uint64_t key_of(const struct stat *st)
{
	uint64_t key = (uint64_t)st->st_ino + (uint64_t)st->st_dev * SPREAD;
	return key ? key : 1;
}

static uint64_t *place(uint64_t *keys, size_t cap, uint64_t key)
{
	size_t i = (size_t)(key * SPREAD >> 20) & (cap - 1);
	while (keys[i] && keys[i] != key)
		i = (i + 1) & (cap - 1);
	return &keys[i];
}

static int grow(struct seen *s, struct err *e)
{
	size_t cap = s->cap ? s->cap * 2 : 1024;
	uint64_t *keys = calloc(cap, sizeof *keys);
	if (!keys)
		return err_nomem(e);
	for (size_t i = 0; i < s->cap; i++)
		if (s->keys[i])
			*place(keys, cap, s->keys[i]) = s->keys[i];
	free(s->keys);
	s->keys = keys;
	s->cap = cap;
	return 0;
}

int seen_add(struct seen *s, const struct stat *st, struct err *e)
{
	if (4 * (s->n + 1) > 3 * s->cap && grow(s, e) < 0)
		return -1;
	uint64_t key = key_of(st), *at = place(s->keys, s->cap, key);
	s->n += !*at;
	*at = key;
	return 0;
}

bool seen_has(const struct seen *s, const struct stat *st)
{
	uint64_t key = key_of(st);
	return s->cap && *place(s->keys, s->cap, key) == key;
}

void seen_done(struct seen *s)
{
	free(s->keys);
	*s = (struct seen){0};
}
