#include "fsroot/cp/tar_pax.h"

#include <string.h>

#include "base/str.h"

/* "-1.25", as pax has times; beyond nanoseconds the digits are dropped. */
static bool pax_time(const char *s, int64_t *ret_sec, uint32_t *ret_ns)
{
	bool minus = *s == '-';
	char digits[24];
	uint64_t sec;
	uint32_t ns = 0, unit = 100000000;
	s += minus;
	size_t n = strcspn(s, ".");
	if (n >= sizeof digits)
		return false;
	memcpy(digits, s, n);
	digits[n] = '\0';
	if (!str_to_u64(digits, &sec) || sec > INT64_MAX / 2)
		return false;
	for (s += n + (s[n] == '.'); *s; s++, unit /= 10) {
		if (*s < '0' || *s > '9')
			return false;
		ns += unit * (uint32_t)(*s - '0');
	}
	*ret_sec = minus ? -(int64_t)sec : (int64_t)sec;
	*ret_ns = ns;
	if (minus && ns) {
		--*ret_sec;
		*ret_ns = 1000000000 - ns;
	}
	return true;
}

static int pax_bad(const char *key, struct err *e)
{
	char shown[80];
	return err_set(e, ERR_FAILED, "the pax header '%s' makes no sense",
		str_escape(shown, sizeof shown, key));
}

static int pax_number(const char *key, const char *value, bool *has, uint64_t *ret, struct err *e)
{
	*has = true;
	return str_to_u64(value, ret) ? 0 : pax_bad(key, e);
}

static int pax_xattr(struct pax *p, const char *name, const char *value, size_t size, struct err *e)
{
	if (!*name || strlen(name) > TAR_XATTR_NAME_MAX || size > 65536)
		return pax_bad("SCHILY.xattr", e);
	if (p->n_xattrs == TAR_XATTRS_MAX)
		return err_set(e, ERR_FAILED, "more than %d extended attributes", TAR_XATTRS_MAX);
	p->xattrs[p->n_xattrs++] = (struct tar_xattr){name, value, size};
	return 0;
}

static int pax_record(struct pax *p, char *key, char *value, size_t size, struct err *e)
{
	static const char xattr[] = "SCHILY.xattr.";
	if (str_starts(key, xattr))
		return pax_xattr(p, key + sizeof xattr - 1, value, size, e);
	bool ignored;
	uint64_t n = 0;
	if (strlen(value) != size)
		return pax_bad(key, e); /* a NUL within a name: two readers, two names */
	if (str_eq(key, "path"))
		p->path = value;
	else if (str_eq(key, "linkpath"))
		p->link = value;
	else if (str_eq(key, "GNU.sparse.name"))
		p->sparse_name = value;
	else if (str_eq(key, "size"))
		return pax_number(key, value, &p->has_size, &p->size, e);
	else if (str_eq(key, "uid"))
		return pax_number(key, value, &p->has_uid, &p->uid, e);
	else if (str_eq(key, "gid"))
		return pax_number(key, value, &p->has_gid, &p->gid, e);
	else if (str_eq(key, "GNU.sparse.realsize"))
		return pax_number(key, value, &p->has_realsize, &p->realsize, e);
	else if (str_eq(key, "mtime")) {
		p->has_mtime = pax_time(value, &p->mtime, &p->mtime_ns);
		return p->has_mtime ? 0 : pax_bad(key, e);
	} else if (str_eq(key, "GNU.sparse.major") || str_eq(key, "GNU.sparse.minor")) {
		if (pax_number(key, value, &ignored, &n, e) < 0)
			return -1;
		p->is_sparse = true;
		*(str_ends(key, "major") ? &p->sparse_major : &p->sparse_minor) =
			n > 9 ? 9 : (unsigned)n;
	} else if (str_starts(key, "GNU.sparse.")) {
		return err_set(e, ERR_FAILED,
			"an old form of sparse file: make the archive with --format=pax "
			"--sparse-version=1.0");
	}
	return 0;
}

/* Records of "LENGTH KEY=VALUE\n". */
int pax_parse(struct pax *p, char *text, size_t size, struct err *e)
{
	char *at = text, *end = text + size;
	while (at < end && *at) {
		char *digits = at;
		size_t len = 0;
		while (at < end && *at >= '0' && *at <= '9' && len < PAX_MAX)
			len = len * 10 + (size_t)(*at++ - '0');
		if (at == digits || at == end || *at != ' ' || len < (size_t)(at - digits) + 4 ||
			len > (size_t)(end - digits) || digits[len - 1] != '\n')
			return pax_bad("length", e);
		char *key = at + 1, *next = digits + len;
		next[-1] = '\0';
		char *is = memchr(key, '=', (size_t)(next - key));
		if (!is || is == key || memchr(key, '\0', (size_t)(is - key)))
			return pax_bad("record", e);
		*is = '\0';
		if (pax_record(p, key, is + 1, (size_t)(next - 1 - (is + 1)), e) < 0)
			return -1;
		at = next;
	}
	return 0;
}
