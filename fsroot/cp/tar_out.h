/* tar_out.h: write a tar stream, POSIX pax where ustar is not enough; sparse files in GNU's
 * form 1.0, extended attributes as star has them (SCHILY.xattr). What other programs read as well.
 */
#pragma once
#include "base/str.h"
#include "fsroot/cp/tar_entry.h"

enum {
	TAR_OUT_BUFFER = 1 << 16
};
struct tar_out {
	int fd;
	size_t len;
	uint64_t left; /* of the present entry's data */
	unsigned pad;
	unsigned char buf[TAR_OUT_BUFFER];
};

void tar_out_init(struct tar_out *t, int fd);
/* The header of an entry; of a file or sparse file with its content to follow, all of it: `size`
 * bytes, or those of the pieces one after the other. */
int tar_out_entry(struct tar_out *t, const struct tar_entry *entry, struct err *e);
int tar_out_data(struct tar_out *t, const void *data, size_t len, struct err *e);
/* Zeros for what is missing of the content. */
int tar_out_fill(struct tar_out *t, struct err *e);
int tar_out_end(struct tar_out *t, struct err *e);
