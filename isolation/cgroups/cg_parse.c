/* Pure parsers: text of the kernel's files in, numbers out. */
#include "base/mem.h"
#include "base/str.h"
#include "isolation/cgroups/cg_internal.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *v1, *v2;
	enum cg_controller bit;
} controllers[] = {
	{"cpu", "cpu", CG_CPU},
	{"cpuacct", NULL, CG_CPUACCT},
	{"cpuset", "cpuset", CG_CPUSET},
	{"memory", "memory", CG_MEMORY},
	{"pids", "pids", CG_PIDS},
	{"blkio", "io", CG_IO},
	{"devices", NULL, CG_DEVICES},
	{"freezer", NULL, CG_FREEZER},
	{"hugetlb", "hugetlb", CG_HUGETLB},
	{"rdma", "rdma", CG_RDMA},
	{"misc", "misc", CG_MISC},
	{"net_cls", NULL, CG_NET_CLS},
	{"net_prio", NULL, CG_NET_PRIO},
	{"perf_event", "perf_event", CG_PERF_EVENT},
	{"name=systemd", NULL, CG_SYSTEMD},
};

uint32_t cg_parse_controller(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(controllers); i++)
		if (str_eq(name, controllers[i].v1) || str_eq(name, controllers[i].v2))
			return controllers[i].bit;
	return 0;
}

const char *cg_controller_name(enum cg_controller c, bool v2)
{
	for (size_t i = 0; i < ARRAY_LEN(controllers); i++)
		if (controllers[i].bit == c)
			return v2 && controllers[i].v2 ? controllers[i].v2 : controllers[i].v1;
	return "?";
}

/* Copy a field of mountinfo, where space, tab, newline and backslash are \ooo. */
static bool unescape(char *out, size_t size, const char *from, size_t len)
{
	size_t o = 0;
	for (size_t i = 0; i < len; i++) {
		if (o + 1 >= size)
			return false;
		if (from[i] == '\\' && i + 3 < len && from[i + 1] >= '0' && from[i + 1] <= '3' &&
			from[i + 2] >= '0' && from[i + 2] <= '7' && from[i + 3] >= '0' &&
			from[i + 3] <= '7') {
			out[o++] = (char)((from[i + 1] - '0') * 64 + (from[i + 2] - '0') * 8 +
					  (from[i + 3] - '0'));
			i += 3;
		} else {
			out[o++] = from[i];
		}
	}
	out[o] = '\0';
	return true;
}

struct field {
	const char *s;
	size_t len;
};

static bool next_field(const char **p, struct field *f)
{
	*p += strspn(*p, " ");
	f->s = *p;
	f->len = strcspn(*p, " \n");
	*p += f->len;
	return f->len > 0;
}

static bool field_is(const struct field *f, const char *s)
{
	return f->len == strlen(s) && memcmp(f->s, s, f->len) == 0;
}

/* Keep of "rw,cpu,cpuacct,xattr" what names a hierarchy. */
static bool title_from_options(char out[CG_TITLE_SIZE], const struct field *options)
{
	size_t o = 0;
	for (size_t i = 0; i < options->len;) {
		const char *s = options->s + i;
		size_t len = 0;
		while (i + len < options->len && s[len] != ',')
			len++;
		i += len + 1;
		char word[CG_TITLE_SIZE];
		if (len >= sizeof word)
			continue;
		memcpy(word, s, len);
		word[len] = '\0';
		if (!str_starts(word, "name=") && !cg_parse_controller(word))
			continue;
		int n = snprintf(out + o, CG_TITLE_SIZE - o, "%s%s", o ? "," : "", word);
		if (n < 0 || (size_t)n >= CG_TITLE_SIZE - o)
			return false;
		o += (size_t)n;
	}
	out[o] = '\0';
	return true;
}

bool cg_parse_mountinfo(const char *line, struct cg_mount *ret)
{
	struct field id, parent, dev, root, point, options, f, type, source, super;
	const char *p = line;
	if (!next_field(&p, &id) || !next_field(&p, &parent) || !next_field(&p, &dev) ||
		!next_field(&p, &root) || !next_field(&p, &point) || !next_field(&p, &options))
		return false;
	/* Any number of optional fields, then a lone "-". */
	do
		if (!next_field(&p, &f))
			return false;
	while (!field_is(&f, "-"));
	if (!next_field(&p, &type) || !next_field(&p, &source) || !next_field(&p, &super))
		return false;

	struct cg_mount m = {.v2 = field_is(&type, "cgroup2")};
	if (!m.v2 && !field_is(&type, "cgroup"))
		return false;
	char number[24];
	if (id.len >= sizeof number)
		return false;
	memcpy(number, id.s, id.len);
	number[id.len] = '\0';
	if (!str_to_u64(number, &m.mnt_id) || !unescape(m.root, sizeof m.root, root.s, root.len) ||
		!unescape(m.mount_point, sizeof m.mount_point, point.s, point.len))
		return false;
	if (m.v2)
		(void)snprintf(m.title, sizeof m.title, "cgroup2");
	else if (!title_from_options(m.title, &super))
		return false;
	*ret = m;
	return true;
}

/* Digits at *p; moves *p behind them. Saturates. */
static bool digits(const char **p, uint64_t *ret)
{
	uint64_t v = 0;
	const char *s = *p;
	if (*s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			v = UINT64_MAX - 2;
	*p = s;
	*ret = v;
	return true;
}

static const char *next_line(const char *p)
{
	p = strchr(p, '\n');
	return p ? p + 1 : NULL;
}

bool cg_parse_flat(const char *text, const char *key, uint64_t *ret)
{
	size_t len = strlen(key);
	for (const char *p = text; p; p = next_line(p)) {
		if (strncmp(p, key, len) != 0 || p[len] != ' ')
			continue;
		p += len + 1;
		return digits(&p, ret);
	}
	return false;
}

uint64_t cg_oom_parse(const char *text)
{
	uint64_t n;
	return cg_parse_flat(text, "oom_kill", &n) ? n : 0;
}

bool cg_parse_number(const char *text, uint64_t *ret)
{
	uint64_t v;
	const char *p = text;
	if (str_starts(text, "max") || str_starts(text, "-1")) {
		*ret = CG_MAX;
		return true;
	}
	if (!digits(&p, &v) || (*p && *p != '\n'))
		return false;
	/* v1 shows "no limit" as LONG_MAX rounded down to a page, of whatever size. */
	*ret = v >= (uint64_t)INT64_MAX - 65535 ? CG_MAX : v;
	return true;
}

static bool psi_line(const char *p, uint32_t *avg10, uint64_t *total)
{
	uint64_t whole, part;
	if (!str_starts(p, "avg10="))
		return false;
	p += strlen("avg10=");
	if (!digits(&p, &whole) || *p++ != '.' || !digits(&p, &part) || whole > 100)
		return false;
	const char *t = strstr(p, "total=");
	const char *end = strchr(p, '\n');
	if (!t || (end && t > end))
		return false;
	t += strlen("total=");
	*avg10 = (uint32_t)(whole * 100 + part);
	return digits(&t, total);
}

bool cg_parse_psi(const char *text, struct cg_psi *ret)
{
	struct cg_psi psi = {0};
	for (const char *p = text; p; p = next_line(p)) {
		if (str_starts(p, "some "))
			psi.present = psi_line(p + 5, &psi.some_avg10, &psi.some_total);
		else if (str_starts(p, "full ") &&
			 !psi_line(p + 5, &psi.full_avg10, &psi.full_total))
			return false;
	}
	if (psi.present)
		*ret = psi;
	return psi.present;
}

uint64_t cg_parse_io_stat(const char *text, const char *key)
{
	uint64_t sum = 0, v;
	size_t len = strlen(key);
	for (const char *p = strstr(text, key); p; p = strstr(p, key)) {
		bool word = p == text || p[-1] == ' ';
		p += len;
		if (word && *p == '=' && p++ && digits(&p, &v))
			sum += v;
	}
	return sum;
}

uint64_t cg_parse_blkio(const char *text, const char *op)
{
	uint64_t sum = 0, v;
	size_t len = strlen(op);
	for (const char *p = text; p; p = next_line(p)) {
		const char *q = p + strcspn(p, " \n");
		if (*q != ' ' || !memchr(p, ':', (size_t)(q - p)) || strncmp(q + 1, op, len) != 0 ||
			q[1 + len] != ' ')
			continue;
		q += len + 2;
		if (digits(&q, &v))
			sum += v;
	}
	return sum;
}

bool cg_parse_cpus(const char *text, struct cg_cpus *ret)
{
	struct cg_cpus c = {0};
	const char *p = text;
	for (;;) {
		uint64_t first, last;
		if (!digits(&p, &first))
			return false;
		last = first;
		if (*p == '-') {
			p++;
			if (!digits(&p, &last))
				return false;
		}
		if (last < first || last >= CG_CPUS_MAX)
			return false;
		for (uint64_t i = first; i <= last; i++)
			c.bits[i / 64] |= UINT64_C(1) << (i % 64);
		if (*p != ',')
			break;
		p++;
	}
	if (*p == '\n')
		p++;
	if (*p)
		return false;
	*ret = c;
	return true;
}

bool cg_name_is_valid(const char *name)
{
	/* Room for the "_" that cg_name_to_dir may add. */
	size_t len = strnlen(name, CG_NAME_MAX);
	if (len == 0 || len + 2 > CG_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = name[i];
		bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (!word && (i == 0 || (c != '_' && c != '.' && c != '-')))
			return false;
	}
	return true;
}

void cg_name_to_dir(char out[CG_NAME_MAX], const char *name)
{
	static const char *const files[] = {"tasks", "notify_on_release", "release_agent"};
	static const char *const more[] = {"cgroup", "irq", "dmem", "debug"};
	bool clash = false;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		clash |= str_eq(name, files[i]);
	const char *dot = strchr(name, '.');
	if (dot) {
		char first[CG_NAME_MAX];
		(void)snprintf(first, sizeof first, "%.*s", (int)(dot - name), name);
		clash |= cg_parse_controller(first) != 0;
		for (size_t i = 0; i < ARRAY_LEN(more); i++)
			clash |= str_eq(first, more[i]);
	}
	(void)snprintf(out, CG_NAME_MAX, "%s%s", clash ? "_" : "", name);
}

const char *cg_name_from_dir(const char *dir)
{
	const char *name = dir[0] == '_' ? dir + 1 : dir;
	if (!cg_name_is_valid(name))
		return NULL;
	/* Only what cg_name_to_dir makes: one directory per name. */
	char back[CG_NAME_MAX];
	cg_name_to_dir(back, name);
	return str_eq(back, dir) ? name : NULL;
}
