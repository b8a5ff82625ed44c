/* confine.h: what cella-unpack may still do once it looks at an archive. */
#pragma once
#include "base/err.h"

/* `dest_fd` becomes the root directory and all that can be reached; five capabilities, a list of
 * system calls and no program are left. To be called before the first byte of the archive is read.
 */
int confine_unpacker(int dest_fd, struct err *e);
