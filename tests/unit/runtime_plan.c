/* The plan of three kinds of zones, by the facts that matter and not by its text; who --user is;
 * and a state file that comes back as it was written, or not at all. */
#include "runtime/plan.h"
#include "runtime/host_facts.h"
#include "runtime/lifecycle.h"
#include "runtime/state.h"
#include "runtime/user.h"
#include "base/fd.h"
#include "base/mem.h"
#include "runtime_store.h"
#include "test.h"

#include <errno.h>
#include <sys/mount.h>

#define S (&test_store)
static char source_dir[100];
static struct cg_host cgroups;

static void write_file(int dir, const char *path, const char *text, size_t len)
{
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && fd_write_all(fd, text, len) == 0);
	close(fd);
}

static void create(const char *name, const char *const *set, size_t n)
{
	struct err e = {0};
	const struct create_options o = {
		.name = name, .source = source_dir, .set = set, .n_set = n};
	if (zone_create(S, &o, &e) < 0) {
		printf("# create %s: %s\n", name, e.msg);
		CHECK(false);
	}
}

/* The plan of a zone of the store as JSON. The caller frees it. */
static json_t *plan_of(const char *name)
{
	json_t *json = NULL;
	autofree char *text = NULL;
	struct err e = {0};
	if (plan_show(S, name, &json, &text, &e) < 0) {
		printf("# plan %s: %s\n", name, e.msg);
		CHECK(false);
	}
	/* Both forms say the same: the text has every mount and every argument. */
	size_t i;
	json_t *v;
	json_array_foreach(json_object_get(json, "mounts"), i, v)
		CHECK(text && strstr(text, json_string_value(v)));
	json_array_foreach(json_object_get(json, "args"), i, v)
		CHECK(text && strstr(text, json_string_value(v)));
	return json;
}

static const char *text_at(const json_t *plan, const char *a, const char *b)
{
	const json_t *v = json_object_get(plan, a);
	return json_string_value(b ? json_object_get(v, b) : v);
}

static bool has(const json_t *plan, const char *key, const char *member)
{
	size_t i;
	json_t *v;
	json_array_foreach(json_object_get(plan, key), i,
		v) if (!strcmp(json_string_value(v), member)) return true;
	return false;
}

static bool has_start(const json_t *plan, const char *key, const char *start)
{
	size_t i;
	json_t *v;
	json_array_foreach(json_object_get(plan, key), i,
		v) if (!strncmp(json_string_value(v), start, strlen(start))) return true;
	return false;
}

static int64_t number_at(const json_t *plan, const char *a, const char *b)
{
	const json_t *v = json_object_get(json_object_get(plan, a), b);
	return json_is_integer(v) ? json_integer_value(v) : -1;
}

/* What no zone may have, whatever its kind (H03, H06, H07, H19, H21). */
static void check_common(const json_t *p)
{
	static const char *const never[] = {"CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_TIME",
		"CAP_MAC_ADMIN", "CAP_MAC_OVERRIDE", "CAP_BPF", "CAP_PERFMON",
		"CAP_CHECKPOINT_RESTORE", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND"};
	static const char *const masked[] = {"/proc/kcore", "/proc/keys", "/proc/kallsyms",
		"/proc/sysrq-trigger", "/proc/timer_list", "/sys/firmware", "/sys/kernel/debug",
		"/sys/kernel/security", "/sys/fs/pstore"};
	static const char *const readonly[] = {"/proc/sys", "/proc/bus", "/proc/fs", "/proc/irq"};
	static const char *const new[] = {"mnt", "pid", "ipc", "uts", "cgroup", "time"};
	char line[64];
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		CHECK(!has(p, "capabilities", never[i]));
	for (size_t i = 0; i < ARRAY_LEN(masked); i++) {
		snprintf(line, sizeof line, "masked %s", masked[i]);
		CHECK(has(p, "mounts", line));
	}
	for (size_t i = 0; i < ARRAY_LEN(readonly); i++) {
		snprintf(line, sizeof line, "read-only %s", readonly[i]);
		CHECK(has(p, "mounts", line));
	}
	for (size_t i = 0; i < ARRAY_LEN(new); i++)
		CHECK_STR(text_at(p, "namespaces", new[i]), "new");
	CHECK(has_start(p, "mounts", "proc on /proc (nosuid,nodev,noexec)"));
	CHECK(has_start(p, "mounts", "sysfs on /sys (ro,nosuid,nodev,noexec)"));
	CHECK_STR(json_string_value(json_array_get(json_object_get(p, "mounts"), 0)), "root on /");
	CHECK_STR(text_at(p, "seccomp", NULL), "default");
	CHECK_INT(number_at(p, "limits", "pids_max"), 4096);
	int64_t memory = number_at(p, "limits", "memory_max");
	CHECK(memory > 0 && (uint64_t)memory <= host_facts_memory() / 100 * 91);
}

TEST(open_store)
{
	struct err e = {0};
	test_store_open();
	snprintf(source_dir, sizeof source_dir, "%s/source", test_store_dir);
	CHECK_INT(mkdir(source_dir, 0755), 0);
	int fd = open(source_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(mkdirat(fd, "sbin", 0755) == 0 && mkdirat(fd, "etc", 0755) == 0);
	write_file(fd, "sbin/init", "#!/bin/sh\n", 10);
	close(fd);
	CHECK_INT(host_facts_cgroups(S, &cgroups, &e), 0);
	create("sys", NULL, 0);
	create("app",
		(const char *const[]){"init.args=[\"/bin/sleep\",\"9\"]", "init.user=1000:100",
			"init.cwd=/srv", "network.mode=none"},
		4);
	create("bare", (const char *const[]){"security.userns=none"}, 1);
	create("much",
		(const char *const[]){"security.sysctl={\"net.ipv4.ip_forward\":\"1\"}",
			"resources.pids.max=77", "resources.memory.max=64M", "hostname=other",
			"init.stop_timeout=3s", "boot.restart=always",
			"network.interfaces=[{\"addresses\":[\"10.99.0.5/24\"]}]"},
		7);
}

TEST(system_zone)
{
	json_t *p = plan_of("sys");
	check_common(p);
	CHECK_STR(text_at(p, "kind", NULL), "system");
	CHECK_STR(text_at(p, "namespaces", "user"), "new");
	CHECK_STR(text_at(p, "namespaces", "net"), "new");
	CHECK_INT(number_at(p, "id_map", "zone_first"), 0);
	CHECK_INT(number_at(p, "id_map", "count"), 65536);
	CHECK(json_is_false(json_object_get(p, "no_new_privs")));
	CHECK(json_is_false(json_object_get(p, "root_readonly")));
	CHECK(has(p, "args", "/sbin/init"));
	CHECK(has(p, "env", "container=cella"));
	CHECK_STR(text_at(p, "user", NULL), "0:0");
	CHECK_STR(text_at(p, "cwd", NULL), "/");
	CHECK_STR(text_at(p, "hostname", NULL), "sys");
	CHECK_STR(text_at(p, "network", "mode"), "private");
	CHECK(json_is_object(json_object_get(json_object_get(p, "network"), "interface")));
	/* What systemd needs, in a user namespace of its own. */
	CHECK(has(p, "capabilities", "CAP_SYS_ADMIN"));
	CHECK(has(p, "capabilities", "CAP_NET_ADMIN"));
	CHECK(has_start(p, "mounts", "tmpfs on /run (nosuid,nodev)"));
	json_decref(p);
}

TEST(app_zone)
{
	static const char *const caps[] = {"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER",
		"CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP",
		"CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_SETFCAP"};
	json_t *p = plan_of("app");
	check_common(p);
	CHECK_STR(text_at(p, "kind", NULL), "app");
	CHECK(json_is_true(json_object_get(p, "no_new_privs")));
	CHECK_INT((int)json_array_size(json_object_get(p, "capabilities")), (int)ARRAY_LEN(caps));
	for (size_t i = 0; i < ARRAY_LEN(caps); i++)
		CHECK(has(p, "capabilities", caps[i]));
	CHECK_STR(text_at(p, "user", NULL), "1000:100");
	CHECK_STR(text_at(p, "cwd", NULL), "/srv");
	CHECK_INT((int)json_array_size(json_object_get(p, "args")), 2);
	CHECK_STR(text_at(p, "network", "mode"), "none");
	CHECK_STR(text_at(p, "namespaces", "net"), "new");
	CHECK(!json_object_get(json_object_get(p, "network"), "interface"));
	json_decref(p);
}

TEST(without_a_user_namespace)
{
	json_t *p = plan_of("bare");
	check_common(p);
	CHECK_STR(text_at(p, "namespaces", "user"), "host");
	CHECK(json_is_null(json_object_get(p, "id_map")));
	CHECK(!has(p, "capabilities", "CAP_MKNOD"));
	CHECK(!has(p, "capabilities", "CAP_SYSLOG"));
	json_decref(p);
}

TEST(what_the_spec_says_is_in_the_plan)
{
	json_t *p = plan_of("much");
	CHECK_INT(number_at(p, "limits", "pids_max"), 77);
	CHECK_INT(number_at(p, "limits", "memory_max"), 64 << 20);
	CHECK_STR(text_at(p, "hostname", NULL), "other");
	CHECK_STR(text_at(p, "restart", NULL), "always");
	CHECK_STR(text_at(p, "sysctl", "net/ipv4/ip_forward"), "1");
	CHECK_INT(json_integer_value(json_object_get(p, "stop_timeout_ms")), 3000);
	const json_t *eth = json_object_get(json_object_get(p, "network"), "interface");
	CHECK_STR(text_at(eth, "address4", NULL), "10.99.0.5/24");
	json_decref(p);
}

TEST(a_plan_changes_nothing)
{
	struct err e = {0};
	struct zone z;
	struct plan a = {0}, b = {0};
	int ids = test_count(S->run_fd, ".");
	CHECK_INT(zone_open(S, "sys", 0, 0, &z, &e), 0);
	CHECK_INT(plan_make(&z, &cgroups, &a, &e), 0);
	CHECK_INT(plan_make(&z, &cgroups, &b, &e), 0);
	/* twice the same; no range claimed, no group, no run directory */
	char *ta = plan_to_text(&a, &e), *tb = plan_to_text(&b, &e);
	CHECK_STR(ta, tb);
	free(ta), free(tb);
	CHECK(!cg_exists(&cgroups, a.group));
	CHECK(!test_exists(S->run_zones_fd, "sys"));
	CHECK_INT(test_count(S->run_fd, "."), ids);
	/* The group's name carries the store's, so that no two stores meet. */
	CHECK(strstr(a.group, S->id) != NULL);
	plan_done(&a);
	plan_done(&b);
	zone_close(&z);
	json_t *json = NULL;
	char *text = NULL;
	CHECK_INT(plan_show(S, "nix", &json, &text, &e), -1);
	CHECK_INT(e.cls, ERR_NOT_FOUND);
}

/* ---- user.h ---- */

static int root_with(const char *passwd, const char *group)
{
	int fd = open(source_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	write_file(fd, "etc/passwd", passwd, strlen(passwd));
	write_file(fd, "etc/group", group, strlen(group));
	return fd;
}

TEST(S14_numbers_are_never_looked_up)
{
	static const struct {
		const char *text;
		int64_t uid, gid; /* -1: refused */
	} table[] = {
		{NULL, 0, 0},
		{"0:0", 0, 0},
		{"1", 1, 7}, /* the gid is that of the line of uid 1, not of the user named 1 */
		{"1:2", 1, 2},
		{"2", 2, 0},
		{"0", 0, 0},
		{"65535", 65535, 0},
		{"1000:65535", 1000, 65535},
		{"app", 1000, 1001},
		{"app:3", 1000, 3},
		{"app:extra", 1000, 1002},
		{"1000", 1000, 1001},
		{"1:extra", 1, 1002},
		{"", -1, 0},
		{":", -1, 0},
		{"1:", -1, 0},
		{":1", -1, 0},
		{"1:2:3", -1, 0},
		{"-1", -1, 0},
		{"1:-1", -1, 0},
		{"+1", -1, 0},
		{" 1", -1, 0},
		{"1 ", -1, 0},
		{"\t1", -1, 0},
		{"1\n", -1, 0},
		{"0x1", -1, 0},
		{"1a", -1, 0},
		{"1e3", -1, 0},
		{"1.0", -1, 0},
		{"65536", -1, 0},
		{"1:65536", -1, 0},
		{"2147483648", -1, 0},
		{"4294967295", -1, 0},
		{"4294967296", -1, 0},
		{"18446744073709551616", -1, 0},
		{"18446744073709551617", -1, 0},
		{"nosuch", -1, 0},
		{"app:nosuch", -1, 0},
		{"high", -1, 0},  /* its uid is not mapped */
		{"minus", -1, 0}, /* its uid is -1 */
		{"empty", -1, 0}, /* it has no uid */
		{"a\nb", -1, 0},
		{"../etc", -1, 0},
	};
	int fd = root_with("root:x:0:0::/root:/bin/sh\n1:x:0:0::/:/bin/sh\n"
			   "daemon:x:1:7::/:/bin/sh\n65536:x:0:0::/:/bin/sh\n0x1:x:0:0:::\n"
			   "app:x:1000:1001::/home/app:/bin/sh\nhigh:x:65536:0:::\n"
			   "minus:x:-1:0:::\nempty:x::0:::\nshort:x\n",
		"root:x:0:\napp:x:1001:\nextra:x:1002:app\n2:x:0:\n");
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct user_ids u = {.uid = 4711};
		struct err e = {0};
		int r = user_resolve(fd, table[i].text, 65536, &u, &e);
		bool good = table[i].uid < 0
				    ? r < 0 && e.cls == ERR_USAGE && e.msg[0]
				    : r == 0 && u.uid == table[i].uid && u.gid == table[i].gid;
		if (!good)
			printf("# '%s': %d, uid %u, gid %u: %s\n",
				table[i].text ? table[i].text : "(none)", r, u.uid, u.gid, e.msg);
		CHECK(good);
		/* refused means untouched: nobody goes on as root by mistake */
		CHECK(r == 0 || u.uid == 4711);
	}
	close(fd);
}

TEST(S15_hostile_passwd)
{
	struct err e = {0};
	struct user_ids u = {0};
	int fd = root_with("", "");
	/* what is not a regular file of at most 1 MiB is an error, at once */
	CHECK(unlinkat(fd, "etc/passwd", 0) == 0 && mkfifoat(fd, "etc/passwd", 0600) == 0);
	CHECK_INT(user_resolve(fd, "app", 65536, &u, &e), -1);
	CHECK(unlinkat(fd, "etc/passwd", 0) == 0 && mkdirat(fd, "etc/passwd", 0700) == 0);
	CHECK_INT(user_resolve(fd, "app", 65536, &u, &e), -1);
	CHECK(unlinkat(fd, "etc/passwd", AT_REMOVEDIR) == 0);
	int big = openat(fd, "etc/passwd", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(ftruncate(big, 5LL << 30) == 0);
	close(big);
	CHECK_INT(user_resolve(fd, "app", 65536, &u, &e), -1);
	/* a link stays in the root: /etc/passwd of the host has a root, this root has none */
	CHECK(unlinkat(fd, "etc/passwd", 0) == 0);
	CHECK_INT(symlinkat("../../../../../../../../etc/shells", fd, "etc/passwd"), 0);
	CHECK_INT(user_resolve(fd, "root", 65536, &u, &e), -1);
	CHECK(unlinkat(fd, "etc/passwd", 0) == 0 && symlinkat("passwd", fd, "etc/passwd") == 0);
	CHECK_INT(user_resolve(fd, "root", 65536, &u, &e), -1);
	CHECK(unlinkat(fd, "etc/passwd", 0) == 0);
	/* none at all: numbers still work */
	CHECK_INT(user_resolve(fd, "1000", 65536, &u, &e), 0);
	CHECK_INT(u.uid, 1000);
	close(fd);
}

/* ---- state.h ---- */

static const struct zone_state full = {
	.phase = PHASE_RUNNING,
	.uuid = "0123456789abcdef0123456789abcdef",
	.boot_id = "01234567-89ab-cdef-0123-456789abcdef",
	.init = {4711, 123456789},
	.keeper = {4712, 987654321},
	.cgroup = "sys.0123abcd",
	.host_if = "cv0123456789",
	.network = "default",
	.id_first = 1879048192,
	.system_init = true,
	.stop_signal = 37,
	.reboot_signal = 2,
	.stop_by_initctl = true,
	.started = "2026-01-02T03:04:05.678Z",
	.restarts = 3,
	.address4 = "10.0.0.5/24",
	.address6 = "fd00::5/64",
};

static void check_state_equal(const struct zone_state *a, const struct zone_state *b)
{
	CHECK_INT(a->phase, b->phase);
	CHECK_STR(a->uuid, b->uuid);
	CHECK_STR(a->boot_id, b->boot_id);
	CHECK(a->init.pid == b->init.pid && a->init.start_time == b->init.start_time);
	CHECK(a->keeper.pid == b->keeper.pid && a->keeper.start_time == b->keeper.start_time);
	CHECK_STR(a->cgroup, b->cgroup);
	CHECK_STR(a->host_if, b->host_if);
	CHECK_STR(a->network, b->network);
	CHECK_INT(a->id_first, b->id_first);
	CHECK_INT(a->system_init, b->system_init);
	CHECK_INT(a->stop_signal, b->stop_signal);
	CHECK_INT(a->reboot_signal, b->reboot_signal);
	CHECK_INT(a->stop_by_initctl, b->stop_by_initctl);
	CHECK_STR(a->started, b->started);
	CHECK_INT(a->restarts, b->restarts);
	CHECK_STR(a->address4, b->address4);
	CHECK_STR(a->address6, b->address6);
}

TEST(state_comes_back_as_written)
{
	struct err e = {0};
	struct zone_state got, least = {.phase = PHASE_STARTING};
	CHECK_INT(state_write(S, "sys", &full, &e), 0);
	CHECK_INT(state_read(S, "sys", &got, &e), 0);
	check_state_equal(&got, &full);
	CHECK_INT(state_write(S, "sys", &least, &e), 0);
	CHECK_INT(state_read(S, "sys", &got, &e), 0);
	check_state_equal(&got, &least);
	/* one file, no temporary one; readable by nobody else */
	CHECK_INT(test_count(S->run_zones_fd, "sys"), 1);
	struct stat st;
	CHECK(fstatat(S->run_zones_fd, "sys/state.json", &st, 0) == 0 &&
		(st.st_mode & 07777) == 0600);
	CHECK(fstatat(S->run_zones_fd, "sys", &st, 0) == 0 && (st.st_mode & 07777) == 0700);
	CHECK_INT(state_remove(S, "sys", &e), 0);
	CHECK_INT(state_read(S, "sys", &got, &e), 0);
	CHECK_INT(got.phase, PHASE_NONE);
	CHECK_INT(zone_status(S, "sys", NULL), ZONE_STOPPED);
}

/* Written by hand: -1 with ERR_FAILED, the zone broken and *ret empty. */
static void check_damaged(const char *text, size_t len, const char *what)
{
	struct err e = {0};
	struct zone_state got = {.phase = PHASE_RUNNING};
	write_file(S->run_zones_fd, "sys/state.json", text, len);
	int r = state_read(S, "sys", &got, &e);
	bool good = r < 0 && e.cls == ERR_FAILED && strstr(e.msg, "damaged") &&
		    got.phase == PHASE_NONE && zone_status(S, "sys", NULL) == ZONE_BROKEN;
	if (!good)
		printf("# %s: %d, %s\n", what, r, e.msg);
	CHECK(good);
}

static void damage_member(const json_t *whole, const char *key, json_t *value)
{
	json_t *d = json_deep_copy(whole);
	if (value)
		json_object_set_new(d, key, value);
	else
		json_object_del(d, key);
	char *text = json_dumps(d, JSON_COMPACT);
	char what[100];
	snprintf(what, sizeof what, "%s: %.70s", key, text ? strstr(text, key) : "");
	if (text)
		check_damaged(text, strlen(text), what);
	free(text);
	json_decref(d);
}

TEST(S45_state_damaged)
{
	struct err e = {0};
	char *text = NULL;
	size_t len = 0;
	CHECK_INT(state_write(S, "sys", &full, &e), 0);
	CHECK_INT(path_read_file(S->run_zones_fd, "sys/state.json", 1 << 16, &text, &len, &e), 0);
	CHECK(len > 300);
	/* every length that a torn write could leave */
	for (size_t n = 0; n < len; n++)
		check_damaged(text, n, "cut");
	/* every member missing, null, of another type */
	json_t *whole = json_loadb(text, len, 0, NULL);
	const char *key;
	json_t *v;
	json_object_foreach(whole, key, v)
	{
		if (strcmp(key, "files") != 0) /* an earlier version's have none */
			damage_member(whole, key, NULL);
		damage_member(whole, key, json_null());
		damage_member(whole, key, json_array());
		damage_member(whole, key, json_is_string(v) ? json_integer(1) : json_string("x"));
	}
	damage_member(whole, "zone_state", json_integer(0));
	damage_member(whole, "zone_state", json_integer(2));
	damage_member(whole, "phase", json_string("none"));
	damage_member(whole, "phase", json_string("asleep"));
	damage_member(whole, "id_first", json_integer(-1));
	damage_member(whole, "id_first", json_integer(UINT32_MAX));
	damage_member(whole, "stop_signal", json_integer(65));
	damage_member(whole, "init", json_pack("{s:i}", "pid", 1));
	damage_member(whole, "init", json_pack("{s:i, s:i}", "pid", -1, "start_time", 1));
	damage_member(whole, "init",
		json_pack("{s:I, s:i}", "pid", (json_int_t)1 << 32, "start_time", 1));
	/* names that become parts of a path */
	damage_member(whole, "cgroup", json_string("a/b"));
	damage_member(whole, "cgroup", json_string(".."));
	damage_member(whole, "cgroup", json_string("."));
	char longer[300];
	memset(longer, 'a', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	json_object_foreach(whole, key, v) if (json_is_string(v))
		damage_member(whole, key, json_string(longer));
	json_decref(whole);
	/* twice the same member; more behind the end; bytes that are no text */
	static const char twice[] = "{\"zone_state\":1,\"zone_state\":1}";
	check_damaged(twice, sizeof twice - 1, "twice");
	autofree char *more = malloc(len + 2);
	memcpy(more, text, len);
	memcpy(more + len, "{}", 2);
	check_damaged(more, len + 2, "more behind it");
	memset(more, 0xff, len);
	check_damaged(more, len, "not UTF-8");
	memset(more, 0, len);
	check_damaged(more, len, "zeros");
	free(text);
	CHECK_INT(state_remove(S, "sys", &e), 0);
}

TEST(state_file_of_another_kind)
{
	struct err e = {0};
	struct zone_state got;
	CHECK_INT(state_write(S, "sys", &full, &e), 0);
	/* a FIFO does not hang, a link is not followed, a huge file is not read */
	CHECK_INT(unlinkat(S->run_zones_fd, "sys/state.json", 0), 0);
	CHECK_INT(mkfifoat(S->run_zones_fd, "sys/state.json", 0600), 0);
	CHECK_INT(state_read(S, "sys", &got, &e), -1);
	CHECK_INT(unlinkat(S->run_zones_fd, "sys/state.json", 0), 0);
	CHECK_INT(symlinkat("/etc/hostname", S->run_zones_fd, "sys/state.json"), 0);
	CHECK_INT(state_read(S, "sys", &got, &e), -1);
	CHECK_INT(unlinkat(S->run_zones_fd, "sys/state.json", 0), 0);
	int big = openat(S->run_zones_fd, "sys/state.json", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(ftruncate(big, 5LL << 30) == 0);
	close(big);
	CHECK_INT(state_read(S, "sys", &got, &e), -1);
	/* and a write puts it right again */
	CHECK_INT(state_write(S, "sys", &full, &e), 0);
	CHECK_INT(state_read(S, "sys", &got, &e), 0);
	check_state_equal(&got, &full);
	CHECK_INT(state_remove(S, "sys", &e), 0);
}

TEST(close_store)
{
	cg_host_done(&cgroups);
	test_store_close();
}
TEST_MAIN()
