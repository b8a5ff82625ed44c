/* tar_entry.h: one object of a tar stream, for tar_out (which writes) and tar_in (which reads). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TAR_BLOCK = 512,
	TAR_NAME_MAX = 4095,
	TAR_XATTRS_MAX = 64,
	TAR_XATTR_NAME_MAX = 255,
	TAR_PIECES_MAX = 100000,
};

enum tar_type {
	TAR_FILE = '0',
	TAR_HARDLINK = '1',
	TAR_SYMLINK = '2',
	TAR_CHAR = '3',
	TAR_BLOCK_DEVICE = '4',
	TAR_DIR = '5',
	TAR_FIFO = '6',
};

struct tar_xattr {
	const char *name;
	const void *value;
	size_t size;
};

/* Data of a sparse file. */
struct tar_piece {
	uint64_t at, len;
};

struct tar_entry {
	enum tar_type type;
	const char *name; /* as it is in the stream: not looked at */
	const char *link; /* target of a link; "" */
	uint32_t mode;	  /* 07777 */
	uint64_t uid, gid;
	uint64_t size; /* of the content; a sparse file's own size */
	int64_t mtime;
	uint32_t mtime_ns;
	struct tar_xattr xattrs[TAR_XATTRS_MAX];
	size_t n_xattrs;
	bool is_sparse;
	struct tar_piece *pieces; /* ascending, not overlapping, within size; the reader's own */
	size_t n_pieces;
};
