#include "fsroot/unpack/stream.h"

#include <archive.h>
#include <errno.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"

enum {
	IN_SIZE = 65536,
	OUT_SIZE = 131072
};
enum kind {
	KIND_PLAIN,
	KIND_GZIP,
	KIND_LIBARCHIVE
};

struct stream {
	int fd;
	enum kind kind;
	unsigned char in[IN_SIZE], out[OUT_SIZE];
	size_t in_len;	   /* bytes in `in`... */
	size_t in_at;	   /* ...of which these are used up */
	uint64_t in_total; /* read from fd */
	bool in_eof;

	z_stream z;
	bool z_is_open, z_between_members;
	struct archive *raw;
	struct err raw_err; /* what the callback saw */

	struct sha256_ctx sha;
	uint64_t max_bytes, size, last_nonzero;
	bool is_done;
};

/* Refill `in`; 0 at the end of the file. */
static int fill(struct stream *s, struct err *e)
{
	if (s->in_at < s->in_len || s->in_eof)
		return 0;
	ssize_t n;
	do
		n = read(s->fd, s->in, sizeof s->in);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, errno, "cannot read the archive");
	s->in_at = 0;
	s->in_len = (size_t)n;
	s->in_total += (uint64_t)n;
	s->in_eof = n == 0;
	return 0;
}

/* The first bytes decide; a pipe may give them in pieces. */
static int fill_magic(struct stream *s, struct err *e)
{
	while (s->in_len < 6 && !s->in_eof) {
		ssize_t n = read(s->fd, s->in + s->in_len, sizeof s->in - s->in_len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno, "cannot read the archive");
		s->in_len += (size_t)n;
		s->in_total += (uint64_t)n;
		s->in_eof = n == 0;
	}
	return 0;
}

static enum kind detect(const struct stream *s)
{
	static const struct {
		const char *magic;
		size_t len;
		enum kind kind;
	} known[] = {
		{"\x1f\x8b", 2, KIND_GZIP},
		{"\xfd\x37zXZ", 6, KIND_LIBARCHIVE},
		{"\x28\xb5\x2f\xfd", 4, KIND_LIBARCHIVE},
		{"BZh", 3, KIND_LIBARCHIVE},
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (s->in_len >= known[i].len && !memcmp(s->in, known[i].magic, known[i].len))
			return known[i].kind;
	return KIND_PLAIN;
}

static la_ssize_t raw_read(struct archive *a, void *data, const void **ret)
{
	struct stream *s = data;
	if (fill(s, &s->raw_err) < 0) {
		archive_set_error(a, s->raw_err.sys_errno, "%s", s->raw_err.msg);
		return -1;
	}
	*ret = s->in + s->in_at;
	size_t n = s->in_len - s->in_at;
	s->in_at = s->in_len;
	return (la_ssize_t)n;
}

static int open_libarchive(struct stream *s, struct err *e)
{
	struct archive_entry *entry;
	s->raw = archive_read_new();
	if (!s->raw)
		return err_nomem(e);
	if (archive_read_support_filter_xz(s->raw) != ARCHIVE_OK ||
		archive_read_support_filter_zstd(s->raw) != ARCHIVE_OK ||
		archive_read_support_filter_bzip2(s->raw) != ARCHIVE_OK ||
		archive_read_support_format_raw(s->raw) != ARCHIVE_OK)
		return err_set(e, ERR_HOST, "libarchive cannot decompress by itself here");
	if (archive_read_open(s->raw, s, NULL, raw_read, NULL) != ARCHIVE_OK ||
		archive_read_next_header(s->raw, &entry) != ARCHIVE_OK)
		return err_set(e, ERR_FAILED, "the archive cannot be decompressed: %s",
			archive_error_string(s->raw));
	if (archive_filter_count(s->raw) > 2)
		return err_set(e, ERR_FAILED, "the archive is compressed more than once");
	return 0;
}

static int open_gzip(struct stream *s, struct err *e)
{
	if (inflateInit2(&s->z, 16 + MAX_WBITS) != Z_OK)
		return err_nomem(e);
	s->z_is_open = true;
	return 0;
}

struct stream *stream_open(int fd, uint64_t max_bytes, struct err *e)
{
	struct stream *s = calloc(1, sizeof *s);
	if (!s) {
		err_nomem(e);
		return NULL;
	}
	s->fd = fd;
	s->max_bytes = max_bytes;
	sha256_init(&s->sha);
	int r = fill_magic(s, e);
	if (r == 0 && !s->in_len)
		r = err_set(e, ERR_FAILED, "the archive is empty");
	s->kind = detect(s);
	if (r == 0 && s->kind == KIND_GZIP)
		r = open_gzip(s, e);
	if (r == 0 && s->kind == KIND_LIBARCHIVE)
		r = open_libarchive(s, e);
	if (r < 0) {
		stream_free(s);
		return NULL;
	}
	return s;
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	if (s->z_is_open)
		(void)inflateEnd(&s->z);
	if (s->raw)
		archive_read_free(s->raw);
	free(s);
}

static ssize_t read_plain(struct stream *s, const void **ret, struct err *e)
{
	if (fill(s, e) < 0)
		return -1;
	*ret = s->in + s->in_at;
	size_t n = s->in_len - s->in_at;
	s->in_at = s->in_len;
	return (ssize_t)n;
}

static ssize_t read_libarchive(struct stream *s, const void **ret, struct err *e)
{
	ssize_t n = archive_read_data(s->raw, s->out, sizeof s->out);
	if (n < 0)
		return err_set(e, ERR_FAILED, "the archive is damaged or truncated: %s",
			archive_error_string(s->raw));
	*ret = s->out;
	return n;
}

static int gzip_fail(struct stream *s, int code, struct err *e)
{
	if (code == Z_MEM_ERROR)
		return err_nomem(e);
	return err_set(e, ERR_FAILED, "the archive is damaged at byte %llu of the file: %s",
		(unsigned long long)(s->in_total - s->in_len + s->in_at),
		s->z.msg ? s->z.msg : "not gzip data");
}

/* A gzip file is one or more members; behind the last one is the end of the file. */
static ssize_t read_gzip(struct stream *s, const void **ret, struct err *e)
{
	s->z.next_out = s->out;
	s->z.avail_out = sizeof s->out;
	while (s->z.avail_out) {
		if (fill(s, e) < 0)
			return -1;
		size_t have = s->in_len - s->in_at;
		if (!have && s->z_between_members)
			break;
		if (!have)
			return err_set(e, ERR_FAILED, "the archive is truncated (gzip)");
		if (s->z_between_members) {
			if (s->in[s->in_at] != 0x1f)
				return err_set(e, ERR_FAILED,
					"there is garbage behind the end of the archive");
			s->z_between_members = false;
			(void)inflateReset(&s->z);
		}
		s->z.next_in = s->in + s->in_at;
		s->z.avail_in = (unsigned)have;
		int code = inflate(&s->z, Z_NO_FLUSH);
		s->in_at += have - s->z.avail_in;
		if (code == Z_STREAM_END)
			s->z_between_members = true;
		else if (code != Z_OK && code != Z_BUF_ERROR)
			return gzip_fail(s, code, e);
	}
	*ret = s->out;
	return (ssize_t)(sizeof s->out - s->z.avail_out);
}

static void note_bytes(struct stream *s, const unsigned char *data, size_t n)
{
	sha256_update(&s->sha, n, data);
	for (size_t i = n; i; i--)
		if (data[i - 1]) {
			s->last_nonzero = s->size + i;
			break;
		}
	s->size += n;
}

ssize_t stream_read(struct stream *s, const void **ret, struct err *e)
{
	ssize_t n = 0;
	if (s->is_done)
		return 0;
	if (s->kind == KIND_PLAIN)
		n = read_plain(s, ret, e);
	else if (s->kind == KIND_GZIP)
		n = read_gzip(s, ret, e);
	else
		n = read_libarchive(s, ret, e);
	if (n > 0)
		note_bytes(s, *ret, (size_t)n);
	s->is_done = n <= 0;
	if (s->size > s->max_bytes)
		return err_set(e, ERR_FAILED, "limit of %llu bytes of the unpacked archive reached",
			(unsigned long long)s->max_bytes);
	return n;
}

/* What libarchive's decompressor left over, because it took it for no part of the stream. */
static int check_leftover(struct stream *s, struct err *e)
{
	do {
		s->in_at = s->in_len;
		if (fill(s, e) < 0)
			return -1;
	} while (!s->in_eof);
	int64_t used = archive_filter_bytes(s->raw, -1);
	if (used < 0 || (uint64_t)used == s->in_total)
		return 0;
	return err_set(e, ERR_FAILED, "there is garbage behind the end of the archive");
}

int stream_finish(struct stream *s, struct stream_end *ret, struct err *e)
{
	const void *piece = NULL;
	ssize_t n;
	while ((n = stream_read(s, &piece, e)) > 0)
		;
	if (n < 0)
		return -1;
	if (s->kind == KIND_LIBARCHIVE && check_leftover(s, e) < 0)
		return -1;
	uint8_t digest[SHA256_DIGEST_SIZE];
	sha256_digest(&s->sha, sizeof digest, digest);
	for (size_t i = 0; i < sizeof digest; i++)
		(void)snprintf(ret->sha256 + 2 * i, 3, "%02x", digest[i]);
	ret->size = s->size;
	ret->last_nonzero = s->last_nonzero;
	return 0;
}
