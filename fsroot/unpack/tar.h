/* tar.h: from a stream of bytes to entries in a directory. */
#pragma once
#include "base/err.h"
#include "fsroot/unpack/stream.h"
#include "fsroot/unpack/writer.h"

/* Everything up to the end of the stream, which must be the end of the archive. */
int tar_unpack(struct stream *stream, struct writer *w, struct stream_end *ret, struct err *e);
