#include "fsroot/cp/tar_in.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "fsroot/cp/tar_pax.h"

enum {
	IN_BUFFER = 1 << 16,
};

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100],
		magic[6], version[2], uname[32], gname[32], major[8], minor[8], prefix[155],
		rest[12];
};
_Static_assert(sizeof(struct header) == TAR_BLOCK, "a block");

struct tar_in {
	int fd;
	uint64_t left; /* of the content */
	unsigned pad;
	bool is_started;
	struct pax pax;
	char *gnu_name, *gnu_link;
	char name[TAR_NAME_MAX + 1], link[TAR_NAME_MAX + 1];
	struct tar_piece *pieces;
	size_t at, len;
	unsigned char buf[IN_BUFFER];
};

struct tar_in *tar_in_new(int fd)
{
	struct tar_in *t = calloc(1, sizeof *t);
	if (t)
		t->fd = fd;
	return t;
}

static void forget(struct tar_in *t)
{
	free(t->pax.text);
	t->pax = (struct pax){0};
	free(ptr_steal(&t->gnu_name));
	free(ptr_steal(&t->gnu_link));
	free(ptr_steal(&t->pieces));
}

void tar_in_free(struct tar_in *t)
{
	if (!t)
		return;
	forget(t);
	free(t);
}

/* ---- bytes ---- */

static int fill(struct tar_in *t, struct err *e)
{
	ssize_t n;
	do
		n = read(t->fd, t->buf, sizeof t->buf);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, errno, "read the stream");
	t->at = 0;
	t->len = (size_t)n;
	return n > 0;
}

/* Exactly `size` bytes; `to` may be NULL. */
static int take(struct tar_in *t, void *to, uint64_t size, struct err *e)
{
	char *out = to;
	while (size) {
		if (t->at == t->len) {
			int r = fill(t, e);
			if (r < 0)
				return -1;
			if (r == 0)
				return err_set(e, ERR_FAILED, "the stream ends in the middle");
		}
		size_t n = t->len - t->at < size ? t->len - t->at : (size_t)size;
		if (out) {
			memcpy(out, t->buf + t->at, n);
			out += n;
		}
		t->at += n;
		size -= n;
	}
	return 0;
}

static unsigned padding(uint64_t size)
{
	return (unsigned)((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
}

ssize_t tar_in_read(struct tar_in *t, void *buf, size_t size, struct err *e)
{
	if (!t->left)
		return 0;
	size_t n = t->left < size ? (size_t)t->left : size;
	if (take(t, buf, n, e) < 0)
		return -1;
	t->left -= n;
	if (!t->left && take(t, NULL, t->pad, e) < 0)
		return -1;
	return (ssize_t)n;
}

static int skip_content(struct tar_in *t, struct err *e)
{
	if (!t->left)
		return 0;
	uint64_t n = t->left;
	t->left = 0;
	return take(t, NULL, n, e) < 0 || take(t, NULL, t->pad, e) < 0 ? -1 : 0;
}

/* ---- numbers ---- */

/* Octal with spaces around it, or, with the highest bit set, base 256. */
static bool number(const char *field, size_t size, uint64_t *ret)
{
	const unsigned char *f = (const unsigned char *)field;
	uint64_t value = 0;
	if (f[0] & 0x80) {
		if (f[0] != 0x80)
			return false; /* negative, or too large for anything */
		for (size_t i = 1; i < size; i++) {
			if (value >> 56)
				return false;
			value = value << 8 | f[i];
		}
		*ret = value;
		return true;
	}
	size_t i = 0;
	while (i < size && f[i] == ' ')
		i++;
	for (; i < size && f[i] >= '0' && f[i] <= '7'; i++) {
		if (value >> 60)
			return false;
		value = value << 3 | (uint64_t)(f[i] - '0');
	}
	for (; i < size; i++)
		if (f[i] != ' ' && f[i] != '\0')
			return false;
	*ret = value;
	return true;
}

/* GNU writes times before 1970 as negative numbers in base 256. */
static bool old_time(const struct header *h, int64_t *ret)
{
	const unsigned char *f = (const unsigned char *)h->mtime;
	uint64_t value = UINT64_MAX;
	if (f[0] != 0xff) {
		if (!number(h->mtime, sizeof h->mtime, &value) || value > INT64_MAX / 2)
			return false;
		*ret = (int64_t)value;
		return true;
	}
	for (size_t i = 1; i < sizeof h->mtime; i++) {
		if (value >> 56 != 0xff)
			return false;
		value = value << 8 | f[i];
	}
	*ret = (int64_t)value;
	return true;
}

/* ---- headers ---- */

static bool is_zero(const struct header *h)
{
	const char *p = (const char *)h;
	for (size_t i = 0; i < sizeof *h; i++)
		if (p[i])
			return false;
	return true;
}

/* Old programs summed signed characters. */
static bool sum_is_right(const struct header *h)
{
	const unsigned char *p = (const unsigned char *)h;
	uint64_t want, sum = 0;
	int64_t old = 0;
	size_t from = offsetof(struct header, sum), to = from + sizeof h->sum;
	for (size_t i = 0; i < sizeof *h; i++) {
		unsigned char c = i >= from && i < to ? ' ' : p[i];
		sum += c;
		old += (signed char)c;
	}
	return number(h->sum, sizeof h->sum, &want) && (want == sum || (int64_t)want == old);
}

static const char *compressed_with(const unsigned char *p)
{
	static const struct {
		const char *magic;
		size_t len;
		const char *name;
	} known[] = {
		{"\x1f\x8b", 2, "gzip"},
		{"\xfd\x37zXZ", 5, "xz"},
		{"\x28\xb5\x2f\xfd", 4, "zstd"},
		{"BZh", 3, "bzip2"},
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (!memcmp(p, known[i].magic, known[i].len))
			return known[i].name;
	return NULL;
}

static int not_tar(const struct tar_in *t, struct err *e)
{
	return err_set(e, ERR_FAILED,
		t->is_started ? "the stream is damaged" : "this is not a tar archive");
}

/* Of the first bytes, which may be fewer than a header. */
static int check_compressed(struct tar_in *t, struct err *e)
{
	if (t->is_started || t->at != t->len)
		return 0;
	if (fill(t, e) < 0)
		return -1;
	const char *how = t->len > 5 ? compressed_with(t->buf) : NULL;
	if (!how)
		return 0;
	err_set(e, ERR_FAILED, "the stream is compressed");
	return err_hint(e, "uncompress it on the way: `%s -dc | cella cp - ...`", how);
}

/* 1, 0 at the end. What lies behind the end is read and forgotten: a writer that pads must not
 * fail.
 */
static int next_header(struct tar_in *t, struct header *h, struct err *e)
{
	if (check_compressed(t, e) < 0 || take(t, h, sizeof *h, e) < 0)
		return -1;
	if (!is_zero(h)) {
		uint64_t ignored;
		if (!sum_is_right(h) || !number(h->size, sizeof h->size, &ignored))
			return not_tar(t, e);
		t->is_started = true;
		return 1;
	}
	if (take(t, h, sizeof *h, e) < 0)
		return -1;
	if (!is_zero(h))
		return not_tar(t, e);
	int r;
	while ((r = fill(t, e)) > 0)
		;
	return r;
}

/* Content of an extension header as a string. */
static char *take_text(struct tar_in *t, uint64_t size, struct err *e)
{
	if (size > PAX_MAX) {
		err_set(e, ERR_FAILED, "an extended header of %llu bytes",
			(unsigned long long)size);
		return NULL;
	}
	autofree char *text = calloc(1, (size_t)size + 1);
	if (!text) {
		err_nomem(e);
		return NULL;
	}
	if (take(t, text, size, e) < 0 || take(t, NULL, padding(size), e) < 0)
		return NULL;
	return ptr_steal(&text);
}

/* 1 if it was an extension of what follows. */
static int take_extension(struct tar_in *t, const struct header *h, struct err *e)
{
	uint64_t size = 0;
	if (!strchr("xgLK", h->type) || !h->type)
		return 0;
	(void)number(h->size, sizeof h->size, &size);
	autofree char *text = take_text(t, size, e);
	if (!text)
		return -1;
	struct pax global = {0};
	switch (h->type) {
	case 'x':
		free(t->pax.text);
		t->pax = (struct pax){0};
		t->pax.text = text;
		if (pax_parse(&t->pax, ptr_steal(&text), (size_t)size, e) < 0)
			return -1;
		break;
	case 'g': /* git archive: a comment. Nothing that holds for all entries is for us. */
		if (pax_parse(&global, text, (size_t)size, e) < 0)
			return -1;
		break;
	case 'L':
		free(t->gnu_name);
		t->gnu_name = ptr_steal(&text);
		break;
	default:
		free(t->gnu_link);
		t->gnu_link = ptr_steal(&text);
		break;
	}
	return 1;
}

static int set_name(char *out, const char *long_form, const char *prefix, size_t prefix_size,
	const char *field, size_t field_size, struct err *e)
{
	size_t len = 0;
	if (long_form) {
		len = strlen(long_form);
		if (len > TAR_NAME_MAX)
			return err_set(e, ERR_FAILED, "a name of %zu bytes", len);
		memcpy(out, long_form, len + 1);
		return 0;
	}
	if (prefix_size && prefix[0]) {
		len = strnlen(prefix, prefix_size);
		memcpy(out, prefix, len);
		out[len++] = '/';
	}
	size_t n = strnlen(field, field_size);
	memcpy(out + len, field, n);
	out[len + n] = '\0';
	return 0;
}

/* ---- sparse files ---- */

/* A decimal number and a newline, out of the map before the data. */
static int map_number(struct tar_in *t, uint64_t *used, uint64_t *ret, struct err *e)
{
	char digits[24];
	for (size_t n = 0; n < sizeof digits; n++) {
		if (*used == t->left || take(t, digits + n, 1, e) < 0)
			break;
		++*used;
		if (digits[n] != '\n')
			continue;
		digits[n] = '\0';
		if (str_to_u64(digits, ret))
			return 0;
		break;
	}
	return e->cls ? -1 : err_set(e, ERR_FAILED, "the map of a sparse file makes no sense");
}

static int take_map(struct tar_in *t, struct tar_entry *entry, struct err *e)
{
	uint64_t used = 0, n, data = 0, end = 0;
	err_clear(e);
	if (map_number(t, &used, &n, e) < 0)
		return -1;
	if (n > TAR_PIECES_MAX)
		return err_set(
			e, ERR_FAILED, "a sparse file of %llu pieces", (unsigned long long)n);
	t->pieces = calloc((size_t)n + 1, sizeof *t->pieces);
	if (!t->pieces)
		return err_nomem(e);
	for (size_t i = 0; i < n; i++) {
		struct tar_piece *p = &t->pieces[i];
		if (map_number(t, &used, &p->at, e) < 0 || map_number(t, &used, &p->len, e) < 0)
			return -1;
		if (p->at < end || p->at > entry->size || p->len > entry->size - p->at)
			return err_set(e, ERR_FAILED, "the map of a sparse file makes no sense");
		end = p->at + p->len;
		data += p->len;
	}
	unsigned pad = padding(used);
	if (t->left < used + pad || t->left - used - pad != data)
		return err_set(e, ERR_FAILED, "the map of a sparse file does not fit its data");
	if (take(t, NULL, pad, e) < 0)
		return -1;
	t->left = data;
	t->pad = padding(data);
	entry->is_sparse = true;
	entry->pieces = t->pieces;
	entry->n_pieces = (size_t)n;
	return 0;
}

/* ---- entries ---- */

static int set_numbers(struct tar_in *t, const struct header *h, struct tar_entry *entry,
	uint64_t *ret_stored, struct err *e)
{
	const struct pax *p = &t->pax;
	uint64_t mode;
	if (!number(h->mode, sizeof h->mode, &mode) ||
		!number(h->uid, sizeof h->uid, &entry->uid) ||
		!number(h->gid, sizeof h->gid, &entry->gid) || !old_time(h, &entry->mtime) ||
		!number(h->size, sizeof h->size, ret_stored))
		return not_tar(t, e);
	entry->mode = (uint32_t)mode & 07777;
	if (p->has_uid)
		entry->uid = p->uid;
	if (p->has_gid)
		entry->gid = p->gid;
	if (p->has_size)
		*ret_stored = p->size;
	if (p->has_mtime) {
		entry->mtime = p->mtime;
		entry->mtime_ns = p->mtime_ns;
	}
	if (*ret_stored > INT64_MAX / 2)
		return err_set(e, ERR_FAILED, "an entry has an absurd size");
	return 0;
}

static int set_type(
	const struct header *h, const char *name, struct tar_entry *entry, struct err *e)
{
	char shown[120];
	size_t len = strlen(name);
	switch (h->type) {
	case '\0':
	case '0':
	case '7':
		/* Before POSIX a directory was a file whose name ends so. */
		entry->type = h->type == '\0' && len && name[len - 1] == '/' ? TAR_DIR : TAR_FILE;
		return 0;
	case TAR_HARDLINK:
	case TAR_SYMLINK:
	case TAR_CHAR:
	case TAR_BLOCK_DEVICE:
	case TAR_DIR:
	case TAR_FIFO:
		entry->type = (enum tar_type)h->type;
		return 0;
	case 'S':
		return err_set(e, ERR_FAILED,
			"entry '%s' is a sparse file in an old form: make the archive with "
			"--format=pax",
			str_escape(shown, sizeof shown, name));
	default:
		return err_set(e, ERR_FAILED, "entry '%s' is of the unknown type '%c'",
			str_escape(shown, sizeof shown, name),
			h->type > ' ' && h->type < 127 ? h->type : '?');
	}
}

static int make_entry(
	struct tar_in *t, const struct header *h, struct tar_entry *entry, struct err *e)
{
	const struct pax *p = &t->pax;
	uint64_t stored;
	bool is_posix = !memcmp(h->magic, "ustar", sizeof "ustar");
	const char *name = p->sparse_name ? p->sparse_name : p->path ? p->path : t->gnu_name;
	if (set_name(t->name, name, h->prefix, is_posix ? sizeof h->prefix : 0, h->name,
		    sizeof h->name, e) < 0 ||
		set_name(t->link, p->link ? p->link : t->gnu_link, NULL, 0, h->link, sizeof h->link,
			e) < 0 ||
		set_numbers(t, h, entry, &stored, e) < 0 || set_type(h, t->name, entry, e) < 0)
		return -1;
	entry->name = t->name;
	entry->link = t->link;
	memcpy(entry->xattrs, p->xattrs, p->n_xattrs * sizeof *p->xattrs);
	entry->n_xattrs = p->n_xattrs;
	/* A link or directory has no content, whatever old programs wrote there. */
	t->left = entry->type == TAR_FILE ? stored : 0;
	t->pad = padding(t->left);
	entry->size = t->left;
	if (!p->is_sparse || entry->type != TAR_FILE)
		return 0;
	if (p->sparse_major != 1 || p->sparse_minor != 0 || !p->has_realsize ||
		p->realsize > INT64_MAX / 2)
		return err_set(e, ERR_FAILED, "an unknown form of sparse file");
	entry->size = p->realsize;
	return take_map(t, entry, e);
}

int tar_in_next(struct tar_in *t, struct tar_entry *ret, struct err *e)
{
	struct header h;
	if (skip_content(t, e) < 0)
		return -1;
	forget(t);
	for (;;) {
		int r = next_header(t, &h, e);
		if (r <= 0)
			return r;
		r = take_extension(t, &h, e);
		if (r < 0)
			return -1;
		if (r == 0)
			break;
	}
	*ret = (struct tar_entry){0};
	return make_entry(t, &h, ret, e) < 0 ? -1 : 1;
}
