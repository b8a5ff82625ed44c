/* limits.h: what one archive may cost (S19). Each message says "limit" and how much. */
#pragma once
#include "base/err.h"
#include <archive_entry.h>
#include <stdint.h>

enum {
	LIMITS_XATTRS = 64,		/* of one entry */
	LIMITS_XATTR_BYTES = 128 << 10, /* names and values, of one entry */
};
#define LIMITS_FILE_SIZE (UINT64_C(16) << 40) /* a sparse disk image may be large */

struct limits {
	uint64_t max_entries, max_bytes; /* content of files, attributes, texts of links */
	uint64_t entries, bytes;
	uint64_t bytes_looked_to, entries_looked_to; /* the free space was seen to be enough */
};

int limits_add_entry(struct limits *l, int dir_fd, struct err *e);
/* To be called before the bytes are written. */
int limits_add_bytes(struct limits *l, int dir_fd, uint64_t n, struct err *e);
/* The size that its header states, and its attributes, which count as bytes. */
int limits_check_entry(struct limits *l, int dir_fd, struct archive_entry *entry, struct err *e);
