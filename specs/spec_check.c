#include "specs/spec_check.h"
#include "base/mem.h"
#include "base/str.h"
#include "specs/name.h"
#include "specs/spec_read.h"

#include <inttypes.h>
#include <stdio.h>

struct pointer {
	char s[96];
};

static struct pointer at(const char *list, size_t i, const char *key)
{
	struct pointer p;
	(void)snprintf(p.s, sizeof p.s, "/%s/%zu%s%s", list, i, *key ? "/" : "", key);
	return p;
}

static int check_root(const struct zone_spec *s, struct err *e)
{
	if (*s->root.image && *s->root.path)
		return spec_read_fail(e, "/root/path", "cannot be given together with root.image");
	if (s->root.backend == SPEC_BACKEND_DIR && !*s->root.path)
		return spec_read_fail(e, "/root/backend", "\"dir\" needs root.path");
	if (s->root.readonly && s->security.userns == SPEC_USERNS_NONE)
		return spec_read_fail(e, "/root/readonly",
			"with security.userns \"none\" the zone's root could make it writable again");
	if (s->root.backend == SPEC_BACKEND_VOLUME && s->root.quota == SPEC_UNSET)
		return spec_read_fail(e, "/root/backend", "\"volume\" needs root.quota");
	return 0;
}

/* With a range of its own a zone has the ids 0..65535, and nothing else can be mapped. */
static int check_user(const struct zone_spec *s, struct err *e)
{
	struct user_ref u;
	if (user_parse(s->init.user, &u, e) < 0)
		return -1;
	uint32_t most = u.uid > u.gid ? u.uid : u.gid;
	if (s->security.userns == SPEC_USERNS_ISOLATED && most > UINT16_MAX)
		return spec_read_fail(
			e, "/init/user", "id %" PRIu32 " is outside the zone's ids 0..65535", most);
	return 0;
}

static bool has_option(const struct spec_mount *m, const char *option)
{
	for (size_t i = 0; i < m->options.n; i++)
		if (str_eq(m->options.items[i], option))
			return true;
	return false;
}

static size_t has_options(const struct spec_mount *m, const char *prefix)
{
	size_t n = 0;
	for (size_t i = 0; i < m->options.n; i++)
		n += str_starts(m->options.items[i], prefix);
	return n;
}

static int check_mount(const struct zone_spec *s, size_t i, struct err *e)
{
	static const char *const against[][2] = {
		{"ro", "rw"}, {"exec", "noexec"}, {"noatime", "relatime"}};
	const struct spec_mount *m = &s->mounts[i];
	bool bind = str_eq(m->type, "bind");
	if (bind && !*m->source)
		return spec_read_fail(
			e, at("mounts", i, "").s, "a bind mount needs the key \"source\"");
	if (!bind && *m->source)
		return spec_read_fail(e, at("mounts", i, "source").s, "a tmpfs has no source");
	for (size_t j = 0; j < ARRAY_LEN(against); j++)
		if (has_option(m, against[j][0]) && has_option(m, against[j][1]))
			return spec_read_fail(e, at("mounts", i, "options").s,
				"\"%s\" and \"%s\" contradict each other", against[j][0],
				against[j][1]);
	if (has_options(m, "size=") > 1 || has_options(m, "mode=") > 1)
		return spec_read_fail(e, at("mounts", i, "options").s,
			"\"%s\" is given more than once",
			has_options(m, "size=") > 1 ? "size" : "mode");
	for (size_t j = 0; j < m->options.n; j++)
		if (bind ? str_starts(m->options.items[j], "size=") ||
					str_starts(m->options.items[j], "mode=")
			 : str_eq(m->options.items[j], "rbind"))
			return spec_read_fail(e, at("mounts", i, "options").s,
				"a %s mount does not have the option \"%s\"", m->type,
				m->options.items[j]);
	for (size_t j = 0; j < i; j++)
		if (str_eq(s->mounts[j].target, m->target))
			return spec_read_fail(e, at("mounts", i, "target").s,
				"is already the target of entry %zu", j);
	return 0;
}

static int check_mounts(const struct zone_spec *s, struct err *e)
{
	size_t binds = 0;
	for (size_t i = 0; i < s->n_mounts; i++) {
		if (check_mount(s, i, e) < 0)
			return -1;
		binds += str_eq(s->mounts[i].type, "bind");
	}
	return binds <= SPEC_BINDS_MAX
		       ? 0
		       : spec_read_fail(e, "/mounts", "more than %d mounts of type \"bind\"",
				 SPEC_BINDS_MAX);
}

static int check_devices(const struct zone_spec *s, struct err *e)
{
	for (size_t i = 0; i < s->n_devices; i++)
		for (size_t j = 0; j < i; j++)
			if (str_eq(s->devices[i].path, s->devices[j].path))
				return spec_read_fail(
					e, at("devices", i, "path").s, "is already entry %zu", j);
	for (size_t i = 0; i < s->resources.n_io_devices; i++)
		for (size_t j = 0; j < i; j++)
			if (str_eq(s->resources.io_devices[i].path,
				    s->resources.io_devices[j].path))
				return spec_read_fail(e, at("resources/io/devices", i, "path").s,
					"is already entry %zu", j);
	return 0;
}

static int check_memory(const struct zone_spec *s, struct err *e)
{
	const struct {
		const char *name;
		uint64_t v;
	} below[] = {{"min", s->resources.memory_min}, {"low", s->resources.memory_low},
		{"high", s->resources.memory_high}};
	uint64_t max = s->resources.memory_max;
	for (size_t i = 0; max < SPEC_NO_LIMIT && i < ARRAY_LEN(below); i++) {
		char pointer[64];
		(void)snprintf(pointer, sizeof pointer, "/resources/memory/%s", below[i].name);
		if (below[i].v < SPEC_NO_LIMIT && below[i].v > max)
			return spec_read_fail(e, pointer, "is more than resources.memory.max");
	}
	return 0;
}

static int check_capabilities(const struct zone_spec *s, struct err *e)
{
	/* "ALL" in drop beside names in add means "only these", so it is no contradiction. */
	for (size_t i = 0; i < s->security.caps_drop.n; i++)
		for (size_t j = 0; j < s->security.caps_add.n; j++)
			if (str_eq(s->security.caps_drop.items[i], s->security.caps_add.items[j]))
				return spec_read_fail(e, at("security/capabilities/drop", i, "").s,
					"%s is also in add", s->security.caps_drop.items[i]);
	return 0;
}

static int check_rlimits(const struct zone_spec *s, struct err *e)
{
	for (size_t i = 0; i < s->security.n_rlimits; i++) {
		const struct spec_rlimit *l = &s->security.rlimits[i];
		char pointer[64];
		(void)snprintf(pointer, sizeof pointer, "/security/rlimits/%s", l->name);
		if (l->soft > l->hard)
			return spec_read_fail(e, pointer, "the soft limit is above the hard limit");
	}
	return 0;
}

/* With the host's network, net.* are the host's own. */
static int check_sysctl(const struct zone_spec *s, struct err *e)
{
	for (size_t i = 0; i < s->security.sysctl.n; i++) {
		const char *key = s->security.sysctl.items[i].key;
		char pointer[sizeof e->object];
		(void)snprintf(pointer, sizeof pointer, "/security/sysctl/%s", key);
		if (s->network.mode == SPEC_NET_HOST && str_starts(key, "net."))
			return spec_read_fail(
				e, pointer, "would be the host's own with network.mode \"host\"");
	}
	return 0;
}

static int check_not_self(const struct zone_spec *s, const struct spec_strings *list,
	const char *where, struct err *e)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_eq(list->items[i], s->name))
			return spec_read_fail(e, at(where, i, "").s, "names the zone itself");
	return 0;
}

static int check_boot(const struct zone_spec *s, struct err *e)
{
	if (s->is_template && s->boot.autostart)
		return spec_read_fail(e, "/boot/auto", "a template is never started");
	if (check_not_self(s, &s->boot.requires, "boot/requires", e) < 0 ||
		check_not_self(s, &s->boot.after, "boot/after", e) < 0)
		return -1;
	if (s->boot.ready_by == SPEC_READY_TCP && s->network.mode == SPEC_NET_NONE)
		return spec_read_fail(
			e, "/boot/ready/by", "no port can be reached with network.mode \"none\"");
	return 0;
}

static int check_hooks(const struct zone_spec *s, struct err *e)
{
	const struct {
		const char *name;
		const struct spec_hooks *list;
	} points[] = {{"pre_start", &s->hooks.pre_start}, {"created", &s->hooks.created},
		{"post_start", &s->hooks.post_start}, {"pre_stop", &s->hooks.pre_stop},
		{"post_stop", &s->hooks.post_stop}};
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		for (size_t j = 0; j < points[i].list->n; j++) {
			char pointer[64];
			(void)snprintf(
				pointer, sizeof pointer, "/hooks/%s/%zu/args/0", points[i].name, j);
			if (points[i].list->items[j].args.items[0][0] != '/')
				return spec_read_fail(e, pointer, "is not an absolute path");
		}
	}
	return 0;
}

int spec_check(const struct zone_spec *s, struct err *e)
{
	if (!*s->init.args.items[0])
		return spec_read_fail(e, "/init/args/0", "the program's name is empty");
	if (check_mounts(s, e) < 0)
		return -1;
	if (check_root(s, e) < 0 || check_user(s, e) < 0 || check_devices(s, e) < 0 ||
		spec_check_network(s, e) < 0 || check_memory(s, e) < 0 ||
		check_capabilities(s, e) < 0 || check_rlimits(s, e) < 0 || check_sysctl(s, e) < 0 ||
		check_boot(s, e) < 0 || check_hooks(s, e) < 0)
		return -1;
	return 0;
}
