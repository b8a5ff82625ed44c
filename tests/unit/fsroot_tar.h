/* fsroot_tar.h: archives made by hand, so that they can be as wrong as a test needs them. */
#pragma once
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct tar {
	char *bytes;
	size_t len, cap;
};

/* One entry; everything may be left out. */
struct tar_entry {
	const char *name, *link, *data;
	char type; /* '0' file, '1' hard link, '2' symbolic link, '3' char, '5' directory, '6' FIFO
		    */
	unsigned mode; /* default 0644, directories 0755 */
	uint64_t uid, gid, mtime;
	size_t size;  /* of `data`; default its length */
	size_t claim; /* write this size instead of the true one */
};

static inline void tar_append(struct tar *t, const void *bytes, size_t n)
{
	if (!n)
		return;
	if (t->len + n > t->cap) {
		t->cap = (t->len + n) * 2;
		t->bytes = realloc(t->bytes, t->cap);
		if (!t->bytes)
			abort();
	}
	if (bytes)
		memcpy(t->bytes + t->len, bytes, n);
	else
		memset(t->bytes + t->len, 0, n);
	t->len += n;
}

static inline void tar_octal(char *at, size_t width, uint64_t v)
{
	for (size_t i = width - 1; i-- > 0; v >>= 3)
		at[i] = (char)('0' + (v & 7));
}

static inline void tar_add(struct tar *t, struct tar_entry en)
{
	char h[512] = {0};
	size_t size = en.size ? en.size : en.data ? strlen(en.data) : 0;
	unsigned sum = 0;
	char type = en.type ? en.type : '0';
	memcpy(h, en.name, strnlen(en.name, 100));
	tar_octal(h + 100, 8, en.mode ? en.mode : type == '5' ? 0755 : 0644);
	tar_octal(h + 108, 8, en.uid);
	tar_octal(h + 116, 8, en.gid);
	tar_octal(h + 124, 12, en.claim ? en.claim : size);
	tar_octal(h + 136, 12, en.mtime);
	h[156] = type;
	if (en.link)
		memcpy(h + 157, en.link, strnlen(en.link, 100));
	memcpy(h + 257,
		"ustar\0"
		"00",
		8);
	if (type == '3' || type == '4') {
		tar_octal(h + 329, 8, 1);
		tar_octal(h + 337, 8, 3);
	}
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < sizeof h; i++)
		sum += (unsigned char)h[i];
	tar_octal(h + 148, 7, sum);
	h[154] = '\0';
	tar_append(t, h, sizeof h);
	if (size) {
		tar_append(t, en.data, size);
		tar_append(t, NULL, (512 - size % 512) % 512);
	}
}

/* A pax record in front of the next entry. */
static inline void tar_add_pax(struct tar *t, const char *key, const void *value, size_t len)
{
	char record[8192];
	size_t body = strlen(key) + len + 3, total = body + 1;
	for (int i = 0; i < 4; i++)
		total = body + (size_t)snprintf(NULL, 0, "%zu", total);
	int n = snprintf(record, sizeof record, "%zu %s=", total, key);
	memcpy(record + n, value, len);
	record[(size_t)n + len] = '\n';
	tar_add(t, (struct tar_entry){
			   .name = "PaxHeader", .type = 'x', .data = record, .size = total});
}

static inline void tar_end(struct tar *t)
{
	tar_append(t, NULL, 1024);
}

static inline void tar_done(struct tar *t)
{
	free(t->bytes);
	*t = (struct tar){0};
}

/* The bytes in a file without a name, at its start. */
static inline int tar_fd(const struct tar *t)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);
	if (fd < 0 || write(fd, t->bytes, t->len) != (ssize_t)t->len || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	return fd;
}

/* Compress with one of libarchive's writers ("gzip", "xz", "zstd", "bzip2"). */
static inline void tar_compress(struct tar *t, const char *filter)
{
	size_t room = t->len * 2 + 65536, used = 0;
	char *out = malloc(room);
	struct archive *a = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	if (!out || !a || !entry || archive_write_add_filter_by_name(a, filter) != ARCHIVE_OK ||
		archive_write_set_format_raw(a) != ARCHIVE_OK)
		abort();
	archive_write_set_bytes_in_last_block(a, 1);
	archive_entry_set_filetype(entry, AE_IFREG);
	if (archive_write_open_memory(a, out, room, &used) != ARCHIVE_OK ||
		archive_write_header(a, entry) != ARCHIVE_OK ||
		archive_write_data(a, t->bytes, t->len) < 0 || archive_write_close(a) != ARCHIVE_OK)
		abort();
	archive_entry_free(entry);
	archive_write_free(a);
	free(t->bytes);
	*t = (struct tar){.bytes = out, .len = used, .cap = room};
}
