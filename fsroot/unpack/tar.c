#include "fsroot/unpack/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

enum {
	BLOCK = 512
};

struct source {
	struct stream *stream;
	struct err err; /* the reason of a failed read, better than libarchive's */
};

static la_ssize_t source_read(struct archive *a, void *data, const void **ret)
{
	struct source *s = data;
	ssize_t n = stream_read(s->stream, ret, &s->err);
	if (n < 0)
		archive_set_error(a, s->err.sys_errno, "%s", s->err.msg);
	return n;
}

static int fail(struct archive *a, const struct source *source, const char *what, struct err *e)
{
	if (source->err.cls) {
		*e = source->err;
		return -1;
	}
	const char *text = archive_error_string(a);
	err_set(e, ERR_FAILED, "%s at byte %lld of the unpacked stream: %s", what,
		(long long)archive_filter_bytes(a, 0), text ? text : "no reason given");
	return -1;
}

/* Names are bytes to us. libarchive takes those in pax headers for UTF-8 to be converted (and
 * normalized, which would rename files) to the locale's set; the program runs in the "C" locale,
 * where it cannot, says so with a warning, and hands out the bytes as they are. */
static bool is_only_about_charset(struct archive *a)
{
	const char *text = archive_error_string(a);
	return text && strstr(text, "can't be converted from");
}

static int read_entries(struct archive *a, const struct source *source, struct writer *w,
	int64_t *ret_end, struct err *e)
{
	struct archive_entry *entry;
	int r;
	*ret_end = 0;
	while ((r = archive_read_next_header(a, &entry)) != ARCHIVE_EOF) {
		if (r == ARCHIVE_RETRY)
			continue;
		if (r != ARCHIVE_OK && !(r == ARCHIVE_WARN && is_only_about_charset(a)))
			return fail(a, source,
				w->entries ? "the archive is damaged or truncated"
					   : "this is not a tar archive",
				e);
		if (writer_put(w, a, entry, e) < 0) {
			if (source->err.cls)
				*e = source->err;
			return -1;
		}
		if (archive_read_data_skip(a) != ARCHIVE_OK)
			return fail(a, source, "the archive is damaged or truncated", e);
		*ret_end = archive_filter_bytes(a, 0);
	}
	return 0;
}

static struct archive *open_tar(struct source *source, struct err *e)
{
	struct archive *a = archive_read_new();
	if (!a) {
		err_nomem(e);
		return NULL;
	}
	if (archive_read_support_format_tar(a) != ARCHIVE_OK ||
		archive_read_open(a, source, NULL, source_read, NULL) != ARCHIVE_OK) {
		fail(a, source, "this is not a tar archive", e);
		archive_read_free(a);
		return NULL;
	}
	return a;
}

/* Behind the last entry there is at least one block of zeros, and nothing else. Without it the
 * archive may have been cut exactly between two entries. */
static int check_end(const struct stream_end *end, int64_t last_entry, struct err *e)
{
	uint64_t at = ((uint64_t)last_entry + BLOCK - 1) / BLOCK * BLOCK;
	if (end->last_nonzero > at)
		return err_set(e, ERR_FAILED,
			"there is garbage behind the end of the archive, at byte %llu of the "
			"unpacked stream",
			(unsigned long long)at);
	if (end->size < at + BLOCK)
		return err_set(
			e, ERR_FAILED, "the archive is truncated: its end marker is missing");
	return 0;
}

int tar_unpack(struct stream *stream, struct writer *w, struct stream_end *ret, struct err *e)
{
	struct source source = {.stream = stream};
	int64_t last_entry;
	struct archive *a = open_tar(&source, e);
	if (!a)
		return -1;
	int r = read_entries(a, &source, w, &last_entry, e);
	archive_read_free(a);
	if (r < 0 || stream_finish(stream, ret, e) < 0)
		return -1;
	if (!w->entries)
		return err_set(e, ERR_FAILED, "the archive has no entries");
	return check_end(ret, last_entry, e);
}
