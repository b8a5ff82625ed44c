/* tar_pax.h: the extended headers of a pax archive. Pure. */
#pragma once
#include "base/err.h"
#include "fsroot/cp/tar_entry.h"

enum {
	PAX_MAX = 8 << 20, /* bytes of one: attributes are 64 KiB each, and few */
};

/* What a pax header says of the entry behind it. */
struct pax {
	char *text; /* holds all strings and attributes */
	char *path, *link, *sparse_name;
	bool has_size, has_uid, has_gid, has_mtime, has_realsize;
	uint64_t size, uid, gid, realsize;
	int64_t mtime;
	uint32_t mtime_ns;
	unsigned sparse_major, sparse_minor;
	bool is_sparse;
	struct tar_xattr xattrs[TAR_XATTRS_MAX];
	size_t n_xattrs;
};

/* `text` has `size` bytes and a NUL behind them; it is cut into strings, to which *p points. */
int pax_parse(struct pax *p, char *text, size_t size, struct err *e);
