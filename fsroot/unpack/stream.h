/* stream.h: the uncompressed bytes of an archive, whatever it was compressed with, with their
 * digest. gzip is read with zlib, which verifies checksums (libarchive 3.6 does not); xz, zstd and
 * bzip2 with libarchive; anything else passes as it is. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct stream;

/* Reads fd from its present position. NULL + *e. `max_bytes` of output. */
struct stream *stream_open(int fd, uint64_t max_bytes, struct err *e);
void stream_free(struct stream *s);
/* The next piece, valid until the next call: its length, 0 at the end, -1 + *e. */
ssize_t stream_read(struct stream *s, const void **ret, struct err *e);

struct stream_end {
	uint64_t size;	       /* bytes in all */
	uint64_t last_nonzero; /* offset behind the last byte that is not 0 */
	char sha256[65];
};
/* Reads whatever is left, and makes sure that the compressed stream ended where the file does. */
int stream_finish(struct stream *s, struct stream_end *ret, struct err *e);
