#include "fsroot/cp/tar_out.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100],
		magic[6], version[2], uname[32], gname[32], major[8], minor[8], prefix[155],
		rest[12];
};
_Static_assert(sizeof(struct header) == TAR_BLOCK, "a block");

#define OCTAL_ID_MAX UINT64_C(07777777)
#define OCTAL_SIZE_MAX UINT64_C(077777777777)

void tar_out_init(struct tar_out *t, int fd)
{
	t->fd = fd;
	t->len = 0;
	t->left = 0;
	t->pad = 0;
}

static int flush(struct tar_out *t, struct err *e)
{
	if (t->len && fd_write_all(t->fd, t->buf, t->len) < 0)
		return err_sys(e, errno, "write the stream");
	t->len = 0;
	return 0;
}

static int put(struct tar_out *t, const void *data, size_t len, struct err *e)
{
	const char *p = data;
	while (len) {
		size_t n = sizeof t->buf - t->len < len ? sizeof t->buf - t->len : len;
		memcpy(t->buf + t->len, p, n);
		t->len += n;
		p += n;
		len -= n;
		if (t->len == sizeof t->buf && flush(t, e) < 0)
			return -1;
	}
	return 0;
}

static int put_zeros(struct tar_out *t, size_t len, struct err *e)
{
	static const char zeros[TAR_BLOCK];
	for (; len > sizeof zeros; len -= sizeof zeros)
		if (put(t, zeros, sizeof zeros, e) < 0)
			return -1;
	return put(t, zeros, len, e);
}

static unsigned padding(uint64_t size)
{
	return (unsigned)((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
}

/* Digits and a NUL, filling the field. */
static void octal(char *field, size_t size, uint64_t value)
{
	field[--size] = '\0';
	while (size) {
		field[--size] = (char)('0' + (value & 7));
		value >>= 3;
	}
}

static void text(char *field, size_t size, const char *from)
{
	size_t n = strnlen(from, size);
	memcpy(field, from, n);
}

static int put_header(struct tar_out *t, const struct tar_entry *entry, char type, const char *name,
	uint64_t size, struct err *e)
{
	struct header h = {0};
	text(h.name, sizeof h.name, name);
	octal(h.mode, sizeof h.mode, entry->mode & 07777);
	octal(h.uid, sizeof h.uid, entry->uid > OCTAL_ID_MAX ? 0 : entry->uid);
	octal(h.gid, sizeof h.gid, entry->gid > OCTAL_ID_MAX ? 0 : entry->gid);
	octal(h.size, sizeof h.size, size > OCTAL_SIZE_MAX ? 0 : size);
	octal(h.mtime, sizeof h.mtime, entry->mtime < 0 ? 0 : (uint64_t)entry->mtime);
	memset(h.sum, ' ', sizeof h.sum);
	h.type = type;
	text(h.link, sizeof h.link, entry->link ? entry->link : "");
	memcpy(h.magic, "ustar", sizeof "ustar");
	memcpy(h.version, "00", 2);
	unsigned sum = 0;
	for (size_t i = 0; i < sizeof h; i++)
		sum += ((const unsigned char *)&h)[i];
	octal(h.sum, 7, sum);
	return put(t, &h, sizeof h, e);
}

/* "LENGTH KEY=VALUE\n", where the length counts itself. */
static void record(struct strbuf *s, const char *key, const void *value, size_t size)
{
	size_t body = strlen(key) + size + 3, len = body + 1;
	for (size_t digits = 1, limit = 10; len >= limit; limit *= 10)
		len = body + ++digits;
	str_addf(s, "%zu %s=", len, key);
	str_addn(s, value, size);
	str_addn(s, "\n", 1);
}

static void record_text(struct strbuf *s, const char *key, const char *value)
{
	record(s, key, value, strlen(value));
}

static void record_number(struct strbuf *s, const char *key, uint64_t value)
{
	char digits[24];
	(void)snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
	record_text(s, key, digits);
}

static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

static void record_time(struct strbuf *s, const struct tar_entry *entry)
{
	char value[48];
	/* 1.25 s before the epoch is -2 + 0.75 here, and -1.25 there. */
	int64_t sec = entry->mtime;
	uint32_t ns = entry->mtime_ns;
	if (sec < 0 && ns) {
		sec++;
		ns = 1000000000 - ns;
	}
	(void)snprintf(value, sizeof value, "%s%lld.%09u", entry->mtime < 0 && sec == 0 ? "-" : "",
		(long long)sec, ns);
	record_text(s, "mtime", value);
}

/* What ustar has no room for. */
static void add_records(struct strbuf *s, const struct tar_entry *entry, uint64_t stored)
{
	const char *link = entry->link ? entry->link : "";
	if (entry->is_sparse) {
		record_text(s, "GNU.sparse.major", "1");
		record_text(s, "GNU.sparse.minor", "0");
		record_text(s, "GNU.sparse.name", entry->name);
		record_number(s, "GNU.sparse.realsize", entry->size);
	} else if (strlen(entry->name) > 100 || !is_ascii(entry->name)) {
		record_text(s, "path", entry->name);
	}
	if (strlen(link) > 100 || !is_ascii(link))
		record_text(s, "linkpath", link);
	if (stored > OCTAL_SIZE_MAX)
		record_number(s, "size", stored);
	if (entry->uid > OCTAL_ID_MAX)
		record_number(s, "uid", entry->uid);
	if (entry->gid > OCTAL_ID_MAX)
		record_number(s, "gid", entry->gid);
	if (entry->mtime_ns || entry->mtime < 0)
		record_time(s, entry);
	for (size_t i = 0; i < entry->n_xattrs; i++) {
		char key[TAR_XATTR_NAME_MAX + 32];
		(void)snprintf(key, sizeof key, "SCHILY.xattr.%s", entry->xattrs[i].name);
		record(s, key, entry->xattrs[i].value, entry->xattrs[i].size);
	}
}

static void sparse_map(struct strbuf *s, const struct tar_entry *entry)
{
	str_addf(s, "%zu\n", entry->n_pieces);
	for (size_t i = 0; i < entry->n_pieces; i++)
		str_addf(s, "%llu\n%llu\n", (unsigned long long)entry->pieces[i].at,
			(unsigned long long)entry->pieces[i].len);
	size_t pad = padding(s->len);
	static const char zeros[TAR_BLOCK];
	str_addn(s, zeros, pad);
}

int tar_out_entry(struct tar_out *t, const struct tar_entry *entry, struct err *e)
{
	autostr struct strbuf pax = {0};
	autostr struct strbuf map = {0};
	uint64_t data = entry->type == TAR_FILE ? entry->size : 0;
	if (entry->is_sparse) {
		sparse_map(&map, entry);
		data = 0;
		for (size_t i = 0; i < entry->n_pieces; i++)
			data += entry->pieces[i].len;
	}
	uint64_t stored = data + map.len;
	add_records(&pax, entry, stored);
	if (pax.failed || map.failed)
		return err_nomem(e);
	if (pax.len) {
		static const struct tar_entry plain = {.mode = 0644};
		if (put_header(t, &plain, 'x', "PaxHeader", pax.len, e) < 0 ||
			put(t, pax.buf, pax.len, e) < 0 || put_zeros(t, padding(pax.len), e) < 0)
			return -1;
	}
	if (put_header(t, entry, (char)entry->type,
		    entry->is_sparse ? "GNUSparseFile" : entry->name, stored, e) < 0 ||
		put(t, map.buf, map.len, e) < 0)
		return -1;
	t->left = data;
	t->pad = padding(data);
	return 0;
}

int tar_out_data(struct tar_out *t, const void *data, size_t len, struct err *e)
{
	if (len > t->left)
		len = (size_t)t->left;
	if (put(t, data, len, e) < 0)
		return -1;
	t->left -= len;
	if (t->left)
		return 0;
	unsigned pad = t->pad;
	t->pad = 0;
	return put_zeros(t, pad, e);
}

int tar_out_fill(struct tar_out *t, struct err *e)
{
	static const char zeros[8192];
	while (t->left)
		if (tar_out_data(t, zeros, sizeof zeros, e) < 0)
			return -1;
	return 0;
}

int tar_out_end(struct tar_out *t, struct err *e)
{
	return put_zeros(t, (size_t)2 * TAR_BLOCK, e) < 0 ? -1 : flush(t, e);
}
