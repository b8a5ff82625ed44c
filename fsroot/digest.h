/* digest.h: sha256 by libnettle (which uses the processor's instructions for it). The library is
 * loaded when it is needed, as every one that a start can do without. */
#pragma once
#include "base/err.h"
#include <nettle/sha2.h>

enum {
	DIGEST_SIZE = 65 /* hex and its NUL */
};

/* Before any other. ERR_HOST if it is not there; again is cheap. */
int digest_load(struct err *e);
void digest_init(struct sha256_ctx *ctx);
void digest_add(struct sha256_ctx *ctx, const void *bytes, size_t n);
void digest_hex(struct sha256_ctx *ctx, char out[DIGEST_SIZE]);
