#include "runtime/oci_blob.h"
#include "base/defence.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PIECE = 128 * 1024,
	SHOWN = 300
};

int oci_blob_open(int dir_fd, const char *path, const char *hex, uint64_t size,
	enum oci_media media, struct oci_blob *ret, struct err *e)
{
	char shown[SHOWN];
	struct stat st;
	autofd int fd = path_open_type_in(dir_fd, path, O_RDONLY, S_IFREG);
	str_escape(shown, sizeof shown, path);
	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_FAILED, "'%s' is missing", shown);
	if (fd < 0 && errno == EMEDIUMTYPE)
		return err_set(e, ERR_FAILED, "'%s' is not a regular file", shown);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "open '%s'", shown);
	if (size != OCI_SIZE_UNKNOWN && (uint64_t)st.st_size != size)
		return err_set(e, ERR_FAILED, "'%s' is %llu bytes long, but is said to have %llu",
			shown, (unsigned long long)st.st_size, (unsigned long long)size);
	if (digest_load(e) < 0)
		return -1;
	struct oci_blob b = {
		.path = path, .hex = hex, .media = media, .size = (uint64_t)st.st_size};
	b.buf = malloc(PIECE);
	if (!b.buf)
		return err_nomem(e);
	b.fd = fd_steal(&fd);
	digest_init(&b.sha);
	*ret = b;
	return 0;
}

void oci_blob_close(struct oci_blob *b)
{
	fd_close(&b->fd);
	free(ptr_steal(&b->buf));
}

static const char *begins_like(const unsigned char *p, size_t n)
{
	if (n >= 2 && !memcmp(p, "\x1f\x8b", 2))
		return "gzip";
	/* The second is a frame that is to be skipped; its first byte has 16 values. */
	if (n >= 4 && (!memcmp(p, "\x28\xb5\x2f\xfd", 4) ||
			      ((p[0] & 0xf0) == 0x50 && !memcmp(p + 1, "\x2a\x4d\x18", 3))))
		return "zstd";
	if (n >= 6 && !memcmp(p, "\xfd\x37zXZ", 6))
		return "xz";
	if (n >= 3 && !memcmp(p, "BZh", 3))
		return "bzip2";
	return "tar";
}

/* Programs write layers that are not compressed with the kind of those that are (skopeo 1.9 does),
 * so what counts is the first bytes; the digest of the tar is verified either way. */
static int check_media(struct oci_blob *b, size_t n, struct err *e)
{
	char shown[SHOWN];
	const char *is = begins_like(b->buf, n);
	b->is_plain = !strcmp(is, "tar");
	if (!oci_media_is_layer(b->media) || b->is_plain || !strcmp(is, "gzip") ||
		!strcmp(is, "zstd"))
		return 0;
	return err_set(e, ERR_FAILED,
		"'%s' is said to be a tar, plain or in gzip or zstd, but is %s",
		str_escape(shown, sizeof shown, b->path), is);
}

static int check_end(struct oci_blob *b, struct err *e)
{
	char shown[SHOWN];
	str_escape(shown, sizeof shown, b->path);
	if (b->at != b->size)
		return err_set(e, ERR_FAILED, "'%s' changes while it is read", shown);
	digest_hex(&b->sha, b->found);
	if (*b->hex && strcmp(b->found, b->hex) != 0 && !defence_is_off("S43"))
		return err_set(e, ERR_FAILED,
			"'%s' is damaged: its digest is sha256:%s, not sha256:%s", shown, b->found,
			b->hex);
	return 0;
}

ssize_t oci_blob_next(void *arg, const void **ret_piece, struct err *e)
{
	struct oci_blob *b = arg;
	char shown[SHOWN];
	ssize_t n = fd_read_all(b->fd, b->buf, PIECE);
	if (n < 0)
		return err_sys(e, errno, "read '%s'", str_escape(shown, sizeof shown, b->path));
	if (n == 0)
		return check_end(b, e);
	if (!b->at && check_media(b, (size_t)n, e) < 0)
		return -1;
	b->at += (uint64_t)n;
	/* It may grow while it is read, perhaps for ever. */
	if (b->at > b->size)
		return check_end(b, e);
	digest_add(&b->sha, b->buf, (size_t)n);
	*ret_piece = b->buf;
	return n;
}

int oci_blob_skim(struct oci_blob *b, struct err *e)
{
	const void *piece;
	ssize_t n;
	while ((n = oci_blob_next(b, &piece, e)) > 0)
		;
	return n < 0 ? -1 : 0;
}

int oci_blob_read(int dir_fd, const char *path, const char *hex, uint64_t size, char **ret,
	size_t *ret_len, struct err *e)
{
	autoblob struct oci_blob b = OCI_BLOB_EMPTY;
	const void *piece;
	ssize_t n;
	size_t len = 0;
	if (oci_blob_open(dir_fd, path, hex, size, OCI_MEDIA_UNKNOWN, &b, e) < 0)
		return -1;
	if (b.size > OCI_DOCUMENT_MAX) {
		char shown[SHOWN];
		return err_set(e, ERR_FAILED, "'%s' is longer than %d bytes",
			str_escape(shown, sizeof shown, path), OCI_DOCUMENT_MAX);
	}
	autofree char *text = malloc((size_t)b.size + 1);
	if (!text)
		return err_nomem(e);
	while ((n = oci_blob_next(&b, &piece, e)) > 0) {
		memcpy(text + len, piece, (size_t)n);
		len += (size_t)n;
	}
	if (n < 0)
		return -1;
	text[len] = '\0';
	*ret = ptr_steal(&text);
	*ret_len = len;
	return 0;
}
