#include "base/str.h"
#include "specs/spec_check.h"
#include "specs/spec_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Where the walk is, as one would write it: "network.interfaces.0.kind". */
struct path {
	char s[160];
};

static struct path below(const struct path *up, const char *key)
{
	struct path p;
	(void)snprintf(p.s, sizeof p.s, "%.100s%s%.50s", up->s, *up->s ? "." : "", key);
	return p;
}

static int refuse(struct err *e, const char *path, const char *value)
{
	char pointer[sizeof e->object];
	size_t n = 0;
	pointer[n++] = '/';
	for (const char *p = path; *p && n + 1 < sizeof pointer; p++)
		pointer[n++] = *p == '.' ? '/' : *p;
	pointer[n] = '\0';
	err_set(e, ERR_HOST, "%s%s%s%s is not supported by this version", path, *value ? " \"" : "",
		value, *value ? "\"" : "");
	return err_at(e, "spec", pointer);
}

static int walk(const struct schema_field *fields, const void *base, const struct path *up,
	unsigned inherited, struct err *e);

static int walk_list(const struct schema_field *f, const void *base, const struct path *here,
	unsigned flags, struct err *e)
{
	const char *items = *(char *const *)schema_at_const(f, base);
	size_t n = *(const size_t *)(const void *)((const char *)base + f->aux);
	if (n && (flags & SCHEMA_LATER))
		return refuse(e, here->s, "");
	for (size_t i = 0; i < n; i++) {
		char index[24];
		(void)snprintf(index, sizeof index, "%zu", i);
		struct path item = below(here, index);
		if (walk(f->fields, items + i * f->item_size, &item, 0, e) < 0)
			return -1;
	}
	return 0;
}

/* A mark on an object holds for everything below it. */
static int walk(const struct schema_field *fields, const void *base, const struct path *up,
	unsigned inherited, struct err *e)
{
	for (; fields->type != SCHEMA_END; fields++) {
		struct path here = below(up, fields->key);
		unsigned flags = fields->flags | inherited;
		int r = 0;
		if (fields->type == SCHEMA_OBJECT) {
			r = walk(fields->fields, base, &here, flags & SCHEMA_LATER, e);
		} else if (fields->type == SCHEMA_LIST) {
			r = walk_list(fields, base, &here, flags, e);
		} else if ((flags & SCHEMA_LATER) && !spec_value_is_default(fields, base)) {
			r = refuse(e, here.s, "");
		} else if (fields->type == SCHEMA_WORD) {
			unsigned word = *(const unsigned *)schema_at_const(fields, base);
			if (fields->words_later >> word & 1)
				r = refuse(e, here.s, fields->words[word]);
		}
		if (r < 0)
			return -1;
	}
	return 0;
}

static int check_arch(const struct zone_spec *s, struct err *e)
{
	struct utsname host;
	if (!*s->arch || uname(&host) < 0 || str_eq(s->arch, host.machine))
		return 0;
	err_set(e, ERR_HOST, "arch \"%s\" is not this host's, which is \"%.64s\"", s->arch,
		host.machine);
	return err_at(e, "spec", "/arch");
}

/* Of the processors that the host has, one may be offline; one that it cannot have is a mistake. */
static int check_cpus(const struct zone_spec *s, struct err *e)
{
	long n = sysconf(_SC_NPROCESSORS_CONF);
	for (const char *p = s->resources.cpu_cpus; n > 0 && *p; p += strspn(p, "-,")) {
		char *end;
		unsigned long cpu = strtoul(p, &end, 10);
		if (cpu >= (unsigned long)n) {
			err_set(e, ERR_HOST,
				"resources.cpu.cpus: this host has no processor %lu, only 0 to %ld",
				cpu, n - 1);
			return err_at(e, "spec", "/resources/cpu/cpus");
		}
		p = end;
	}
	return 0;
}

int spec_check_supported(const struct zone_spec *s, struct err *e)
{
	static const struct path root = {""};
	if (walk(schema_root, s, &root, 0, e) < 0)
		return -1;
	/* What no single row can say. */
	if (s->network.n_interfaces > 1)
		return refuse(e, "network.interfaces.1", "");
	if (s->boot.ready_by != SPEC_READY_STARTED) {
		static const char *const words[] = {[SPEC_READY_NOTIFY] = "notify",
			[SPEC_READY_TCP] = "tcp",
			[SPEC_READY_EXEC] = "exec"};
		return refuse(e, "boot.ready.by", words[s->boot.ready_by]);
	}
	if (s->security.seccomp[0] == '/')
		return refuse(e, "security.seccomp", "PATH");
	return check_arch(s, e) < 0 ? -1 : check_cpus(s, e);
}
