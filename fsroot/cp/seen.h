/* seen.h: the files that a stream has brought, by device and inode number. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* {0} is empty. */
struct seen {
	uint64_t *keys; /* open addressing, a power of two of places; 0: an empty one */
	size_t n, cap;
};
int seen_add(struct seen *s, const struct stat *st, struct err *e);
bool seen_has(const struct seen *s, const struct stat *st);
void seen_done(struct seen *s);
