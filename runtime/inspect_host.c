/* `host check`: what this host can do, found out by calling it, never by version numbers. The
 * checks that need a child or a namespace of their own are in host_probe.c. */
#include "runtime/inspect.h"
#include "runtime/claims.h"
#include "runtime/host_facts.h"
#include "runtime/host_probe.h"
#include "runtime/needs.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "fsroot/tree.h"
#include "isolation/namespaces/ns.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

enum check_state {
	CHECK_OK,
	CHECK_WARN,
	CHECK_MISSING
};
struct check {
	enum check_state state;
	char found[300];
	char hint[400]; /* replaces the table's when set */
};

static void found(struct check *c, enum check_state state, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void found(struct check *c, enum check_state state, const char *fmt, ...)
{
	va_list ap;
	c->state = state;
	va_start(ap, fmt);
	(void)vsnprintf(c->found, sizeof c->found, fmt, ap);
	va_end(ap);
}

static void found_err(struct check *c, enum check_state state, const struct err *e)
{
	found(c, state, "%s", e->msg);
	(void)snprintf(c->hint, sizeof c->hint, "%s", e->hint);
}

/* ---- kernel ---- */

static void check_kernel(const struct store *s, struct check *c)
{
	struct utsname u;
	unsigned major = 0, minor = 0;
	(void)s;
	if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		found(c, CHECK_WARN, "unknown");
	else
		found(c, major > 5 || (major == 5 && minor >= 19) ? CHECK_OK : CHECK_WARN,
			"Linux %s, %s", u.release, u.machine);
}

static void check_calls(const struct store *s, struct check *c)
{
	struct err e = {0};
	(void)s;
	if (needs_check(&e) < 0)
		found_err(c, CHECK_MISSING, &e);
	else
		found(c, CHECK_OK, "all");
}

static void check_namespaces(const struct store *s, struct check *c)
{
	autostr struct strbuf missing = {0};
	(void)s;
	for (int i = 0; i < NS_COUNT; i++)
		if (i != NS_TIME && !ns_is_supported((enum ns_kind)i))
			str_addf(&missing, " %s (%s)", ns_types[i].name, ns_types[i].config);
	if (missing.len)
		found(c, CHECK_MISSING, "missing:%s", missing.buf);
	else
		found(c, CHECK_OK, "all");
}

static void check_time_namespace(const struct store *s, struct check *c)
{
	(void)s;
	if (ns_is_supported(NS_TIME))
		found(c, CHECK_OK, "present");
	else
		found(c, CHECK_WARN, "missing (%s)", ns_types[NS_TIME].config);
}

/* ---- numbers below /proc/sys ---- */

static bool read_number(const char *path, uint64_t *ret)
{
	char text[64];
	if (path_read_virtual(AT_FDCWD, path, text, sizeof text) < 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	return str_to_u64(text, ret);
}

static void check_number(struct check *c, const char *path, uint64_t least, enum check_state bad)
{
	uint64_t v = 0;
	if (!read_number(path, &v))
		found(c, CHECK_WARN, "'%s' cannot be read", path);
	else
		found(c, v >= least ? CHECK_OK : bad, "%llu", (unsigned long long)v);
}

static void check_user_namespaces(const struct store *s, struct check *c)
{
	(void)s;
	check_number(c, "/proc/sys/user/max_user_namespaces", 1, CHECK_MISSING);
}

static void check_inotify(const struct store *s, struct check *c)
{
	(void)s;
	check_number(c, "/proc/sys/fs/inotify/max_user_instances", 1024, CHECK_WARN);
}

static void check_watches(const struct store *s, struct check *c)
{
	(void)s;
	check_number(c, "/proc/sys/fs/inotify/max_user_watches", 65536, CHECK_WARN);
}

static void check_keys(const struct store *s, struct check *c)
{
	(void)s;
	check_number(c, "/proc/sys/kernel/keys/maxkeys", 200, CHECK_WARN);
}

static void check_ptys(const struct store *s, struct check *c)
{
	(void)s;
	check_number(c, "/proc/sys/kernel/pty/max", 4096, CHECK_WARN);
}

static void check_pids(const struct store *s, struct check *c)
{
	(void)s;
	check_number(c, "/proc/sys/kernel/pid_max", 131072, CHECK_WARN);
}

static void check_core_pattern(const struct store *s, struct check *c)
{
	char text[256], shown[256];
	(void)s;
	if (path_read_virtual(AT_FDCWD, "/proc/sys/kernel/core_pattern", text, sizeof text) < 0) {
		found(c, CHECK_WARN, "unknown");
		return;
	}
	text[strcspn(text, "\n")] = '\0';
	found(c, text[0] == '|' ? CHECK_WARN : CHECK_OK, "%s",
		str_escape(shown, sizeof shown, text));
}

/* ---- security ---- */

static void check_seccomp(const struct store *s, struct check *c)
{
	char text[256];
	(void)s;
	if (path_read_virtual(
		    AT_FDCWD, "/proc/sys/kernel/seccomp/actions_avail", text, sizeof text) < 0) {
		found(c, CHECK_MISSING, "%s", strerror(errno));
		return;
	}
	text[strcspn(text, "\n")] = '\0';
	found(c, strstr(text, "errno") && strstr(text, "allow") ? CHECK_OK : CHECK_MISSING, "%s",
		text);
}

static void check_lsm(const struct store *s, struct check *c)
{
	char text[256];
	(void)s;
	if (path_read_virtual(AT_FDCWD, "/sys/kernel/security/lsm", text, sizeof text) < 0)
		found(c, CHECK_OK, "unknown: securityfs is not mounted");
	else
		found(c, CHECK_OK, "%s", text);
}

static void check_ids(const struct store *s, struct check *c)
{
	struct err e = {0};
	if (claims_check_pool(s, &e) < 0)
		found_err(c, CHECK_MISSING, &e);
	else
		found(c, CHECK_OK, "%u ranges of 65536 from %u", s->config.id_pool_count,
			s->config.id_pool_base);
}

/* ---- control groups ---- */

static void check_cgroups(const struct store *s, struct check *c)
{
	static const struct {
		enum cg_controller bit;
		const char *name;
	} wanted[] = {{CG_MEMORY, "memory"}, {CG_PIDS, "pids"}, {CG_CPU, "cpu"}};
	autocg_host struct cg_host host = {0};
	autostr struct strbuf missing = {0};
	struct err e = {0};
	if (host_facts_cgroups(s, &host, &e) < 0) {
		found_err(c, CHECK_MISSING, &e);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		if (!cg_host_find(&host, wanted[i].bit))
			str_addf(&missing, " %s", wanted[i].name);
	if (missing.len)
		found(c, CHECK_WARN, "%s, without controller:%s", cg_layout_name(host.layout),
			missing.buf);
	else
		found(c, CHECK_OK, "%s, with memory, pids, cpu", cg_layout_name(host.layout));
}

static void check_devices(const struct store *s, struct check *c)
{
	autocg_host struct cg_host host = {0};
	if (host_facts_cgroups(s, &host, NULL) == 0 && cg_host_find(&host, CG_DEVICES))
		found(c, CHECK_OK, "cgroup v1 devices");
	else if (host_probe_device_filter() == 0)
		found(c, CHECK_OK, "eBPF");
	else
		found(c, CHECK_MISSING, "eBPF: %s", strerror(errno));
}

/* ---- the store ---- */

static void check_probe(struct check *c, int r, const struct err *e, const char *fs)
{
	if (r < 0)
		found_err(c, CHECK_MISSING, e);
	else
		found(c, CHECK_OK, "works on %s", fs);
}

static void check_idmap(const struct store *s, struct check *c)
{
	struct err e = {0};
	char fs[24];
	int r = host_probe_idmap(s, &e);
	check_probe(c, r, &e, tree_fs_name(s->root_fd, fs));
}

static void check_overlay(const struct store *s, struct check *c)
{
	struct err e = {0};
	char fs[24];
	int r = host_probe_overlay(s, &e);
	check_probe(c, r, &e, tree_fs_name(s->root_fd, fs));
}

static void check_store_flags(const struct store *s, struct check *c)
{
	struct statvfs v;
	if (fstatvfs(s->root_fd, &v) < 0) {
		found(c, CHECK_WARN, "%s", strerror(errno));
		return;
	}
	bool good = (v.f_flag & ST_NOSUID) && (v.f_flag & ST_NODEV);
	found(c, good ? CHECK_OK : CHECK_WARN, "%s,%s", v.f_flag & ST_NOSUID ? "nosuid" : "suid",
		v.f_flag & ST_NODEV ? "nodev" : "dev");
}

static void check_programs(const struct store *s, struct check *c)
{
	static const char *const names[] = {"cella-keeper", "cella-init", "cella-unpack"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[300];
		(void)snprintf(path, sizeof path, "%s/%s", s->config.exe_dir, names[i]);
		if (access(path, X_OK) < 0) {
			found(c, CHECK_MISSING, "'%s': %s", path, strerror(errno));
			return;
		}
	}
	found(c, CHECK_OK, "in '%s'", s->config.exe_dir);
}

/* ---- network ---- */

static void check_link(struct check *c, const char *kind)
{
	struct err e = {0};
	if (host_probe_link(kind, &e) < 0)
		found_err(c, CHECK_MISSING, &e);
	else
		found(c, CHECK_OK, "works");
}

static void check_veth(const struct store *s, struct check *c)
{
	(void)s;
	check_link(c, "veth");
}

static void check_bridge(const struct store *s, struct check *c)
{
	(void)s;
	check_link(c, "bridge");
}

static void check_nftables(const struct store *s, struct check *c)
{
	struct err e = {0};
	(void)s;
	if (host_probe_nftables(&e) < 0) {
		found_err(c, CHECK_MISSING, &e);
		return;
	}
	void *lib = dlopen("libnftables.so.1", RTLD_LAZY | RTLD_LOCAL);
	if (!lib) {
		found(c, CHECK_MISSING, "libnftables.so.1 cannot be loaded");
		return;
	}
	(void)dlclose(lib);
	found(c, CHECK_OK, "kernel and library");
}

/* ---- all ---- */

static const struct row {
	const char *check;
	void (*run)(const struct store *s, struct check *c);
	const char *needed, *hint;
} rows[] = {
	{"kernel", check_kernel, "5.19 or later; 6.1 and 6.18 are tested",
		"before 5.19 there are no overlays of id-mapped layers"},
	{"system_calls", check_calls, "clone3, openat2, the mount calls...", ""},
	{"namespaces", check_namespaces, "user mnt pid net ipc uts cgroup",
		"the kernel was built without them"},
	{"time_namespace", check_time_namespace, "for an uptime of the zone's own",
		"zones show the host's uptime"},
	{"user_namespaces", check_user_namespaces, "1 per zone",
		"sysctl user.max_user_namespaces=10000"},
	{"id_pool", check_ids, "a range of host ids that nobody else uses", ""},
	{"idmapped_mounts", check_idmap, "on the store's file system",
		"put the store on ext4, xfs, btrfs or tmpfs"},
	{"overlay", check_overlay, "with id-mapped layers on the store's file system",
		"put the store on ext4, xfs or btrfs; is the module overlay there?"},
	{"store_flags", check_store_flags, "nosuid,nodev recommended",
		"a file system of its own for the store, mounted nosuid,nodev, is one more fence"},
	{"cgroups", check_cgroups, "memory, pids, cpu",
		"limits of a missing controller cannot be set"},
	{"device_filter", check_devices, "cgroup v1 devices, or eBPF", "CONFIG_CGROUP_BPF"},
	{"seccomp", check_seccomp, "filters", "CONFIG_SECCOMP_FILTER"},
	{"lsm", check_lsm, "none in particular", ""},
	{"veth", check_veth, "for private networks", "is the module veth there?"},
	{"bridge", check_bridge, "for private networks", "is the module bridge there?"},
	{"nftables", check_nftables, "for address translation",
		"are nf_tables and libnftables1 "
		"there?"},
	{"inotify_instances", check_inotify, "1024 for many zones",
		"sysctl fs.inotify.max_user_instances=1024"},
	{"inotify_watches", check_watches, "65536 for many zones",
		"sysctl fs.inotify.max_user_watches=524288"},
	{"keys", check_keys, "200 per user", "sysctl kernel.keys.maxkeys=2000"},
	{"ptys", check_ptys, "4096", "sysctl kernel.pty.max=4096"},
	{"pid_max", check_pids, "131072 for many zones", "sysctl kernel.pid_max=4194304"},
	{"core_pattern", check_core_pattern, "a file name",
		"a program named here gets the crashes of zones, with the host's rights: it must "
		"know about containers"},
	{"programs", check_programs, "cella-keeper, cella-init, cella-unpack",
		"is the installation complete?"},
};

int inspect_host(const struct store *s, json_t **ret, struct err *e)
{
	static const char *const states[] = {"ok", "warn", "missing"};
	json_t *all = json_array();
	if (!all)
		return err_nomem(e);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct check c = {0};
		rows[i].run(s, &c);
		autostr struct strbuf shown = {0};
		str_add_escaped(&shown, c.found, sizeof c.found);
		const char *hint = c.state == CHECK_OK ? "" : c.hint[0] ? c.hint : rows[i].hint;
		json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:s}", "check", rows[i].check,
			"state", states[c.state], "found", shown.buf ? shown.buf : "", "needed",
			rows[i].needed, "hint", hint);
		if (json_array_append_new(all, row) < 0) {
			json_decref(all);
			return err_nomem(e);
		}
	}
	*ret = all;
	return 0;
}
