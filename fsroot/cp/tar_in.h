/* tar_in.h: read a tar stream that somebody hostile may have made: v7, ustar, pax, and of GNU's the
 * long names and the sparse files 1.0. Names are bytes and are not judged here; numbers and lengths
 * are. No library behind it, so that it can run inside a zone without loading anything there. */
#pragma once
#include "base/err.h"
#include "fsroot/cp/tar_entry.h"
#include <sys/types.h>

struct tar_in;

struct tar_in *tar_in_new(int fd);
void tar_in_free(struct tar_in *t);
/* The next entry, valid until the next call: 1; 0 at the end of the archive (the rest of the stream
 * has then been read); -1 + *e. Content that was not read is skipped. */
int tar_in_next(struct tar_in *t, struct tar_entry *ret, struct err *e);
/* The present file's content, of a sparse file that of its pieces. Bytes, 0 at its end, -1 + *e. */
ssize_t tar_in_read(struct tar_in *t, void *buf, size_t size, struct err *e);
