/* oci_blob.h: a file of an image's source, read once, from its beginning to its end, and found to
 * be what the image says: the bytes that are used are the bytes that were verified. */
#pragma once
#include "fsroot/digest.h"
#include "runtime/oci_json.h"

#define OCI_SIZE_UNKNOWN UINT64_MAX

struct oci_blob {
	int fd;
	const char *path; /* beneath the source; borrowed */
	const char *hex;  /* what its digest has to be; "" when nobody said. Borrowed */
	enum oci_media media;
	uint64_t size, at;
	bool is_plain; /* it does not begin like anything compressed */
	struct sha256_ctx sha;
	char found[DIGEST_SIZE]; /* at the end: its digest */
	unsigned char *buf;
};
#define OCI_BLOB_EMPTY                                                                             \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* Links are followed beneath the source only, and only to regular files. `size` and `media`: what
 * was said, or OCI_SIZE_UNKNOWN and OCI_MEDIA_UNKNOWN. */
int oci_blob_open(int dir_fd, const char *path, const char *hex, uint64_t size,
	enum oci_media media, struct oci_blob *ret, struct err *e);
void oci_blob_close(struct oci_blob *b);
#define autoblob __attribute__((cleanup(oci_blob_close)))
/* The next piece: `next` of struct import_feed (`arg` is the blob). At the end size and digest are
 * right, or it is an error. */
ssize_t oci_blob_next(void *arg, const void **ret_piece, struct err *e);
/* All of it without use for the bytes. */
int oci_blob_skim(struct oci_blob *b, struct err *e);
/* A whole document of at most OCI_DOCUMENT_MAX bytes; caller frees. */
int oci_blob_read(int dir_fd, const char *path, const char *hex, uint64_t size, char **ret,
	size_t *ret_len, struct err *e);
