/* The parts of fsroot that only think: mount plan, contents of /etc files, the unpacker's answer.
 */
#include "base/mem.h"
#include "base/str.h"
#include "fsroot/etc.h"
#include "fsroot/import_answer.h"
#include "fsroot/mount_plan.h"
#include "tests/unit/test.h"

#include <sys/mount.h>

/* The whole plan as text, one line per operation. */
static char *plan_text(const struct mount_plan_input *in)
{
	struct mount_plan plan;
	struct err e = {0};
	struct strbuf s = {0};
	if (mount_plan_make(in, &plan, &e) < 0)
		return strdup(e.msg);
	for (size_t i = 0; i < plan.n_ops; i++) {
		mount_op_describe(&plan.ops[i], &s);
		str_add(&s, "\n");
	}
	mount_plan_done(&plan);
	return str_finish(&s, NULL);
}

static void check_plan(const struct mount_plan_input *in, const char *want)
{
	autofree char *text = plan_text(in);
	CHECK_STR(text, want);
}

TEST(plan_of_a_system_zone)
{
	static const char *const masked[] = {"/proc/kcore"};
	static const char *const readonly[] = {"/proc/sys"};
	static const char *const writable[] = {"/proc/sys/net"};
	const struct mount_plan_input in = {
		.is_system = true,
		.has_userns = true,
		.has_netns = true,
		.has_ipcns = true,
		.tty_gid = "5",
		.cgroup = MOUNT_CGROUP_V2,
		.cgroup_writable = true,
		.masked = masked,
		.n_masked = 1,
		.readonly = readonly,
		.n_readonly = 1,
		.writable = writable,
		.n_writable = 1,
	};
	check_plan(&in,
		"root on /\n"
		"proc on /proc (nosuid,nodev,noexec)\n"
		"sysfs on /sys (ro,nosuid,nodev,noexec)\n"
		"devices on /dev\n"
		"devpts on /dev/pts (nosuid,noexec) newinstance,ptmxmode=0666,mode=0620,max=512,gid=5\n"
		"tmpfs on /dev/shm (nosuid,nodev) mode=1777\n"
		"mqueue on /dev/mqueue (nosuid,nodev,noexec)\n"
		"cgroup2 on /sys/fs/cgroup (nosuid,nodev,noexec)\n"
		"tmpfs on /run (nosuid,nodev) mode=755\n"
		"tmpfs on /run/lock (nosuid,nodev,noexec) mode=1777,size=5M\n"
		"read-only /proc/sys\n"
		"writable /proc/sys/net\n"
		"masked /proc/kcore\n");
}

TEST(plan_of_an_application_on_the_hosts_network)
{
	const struct mount_plan_input in = {.cgroup = MOUNT_CGROUP_V2, .is_readonly = true};
	check_plan(&in,
		"root on /\n"
		"proc on /proc (nosuid,nodev,noexec)\n"
		"host /sys on /sys (ro,nosuid,nodev,noexec)\n"
		"devices on /dev\n"
		"devpts on /dev/pts (nosuid,noexec) newinstance,ptmxmode=0666,mode=0620,max=512\n"
		"tmpfs on /dev/shm (nosuid,nodev) mode=1777\n"
		"cgroup2 on /sys/fs/cgroup (ro,nosuid,nodev,noexec)\n"
		"tmpfs on /run (nosuid,nodev) mode=755\n"
		"tmpfs on /tmp (nosuid,nodev) mode=1777\n"
		"tmpfs on /var/tmp (nosuid,nodev) mode=1777\n"
		"read-only /\n");
}

TEST(plan_with_cgroup_v1)
{
	static const struct mount_cgroup_v1 v1[] = {
		{"cpu,cpuacct", "cpu,cpuacct", false},
		{"systemd", "name=systemd", true},
	};
	const struct mount_plan_input in = {
		.has_netns = true, .cgroup = MOUNT_CGROUP_V1, .v1 = v1, .n_v1 = 2};
	autofree char *text = plan_text(&in);
	const char *from = strstr(text, "tmpfs on /sys/fs/cgroup");
	CHECK_STR(from,
		"tmpfs on /sys/fs/cgroup (nosuid,nodev,noexec) mode=755,size=64k\n"
		"cgroup on /sys/fs/cgroup/cpu,cpuacct (ro,nosuid,nodev,noexec) cpu,cpuacct\n"
		"cgroup on /sys/fs/cgroup/systemd (nosuid,nodev,noexec) none,name=systemd\n"
		"link /sys/fs/cgroup/cpu -> cpu,cpuacct\n"
		"link /sys/fs/cgroup/cpuacct -> cpu,cpuacct\n"
		"read-only /sys/fs/cgroup\n");
}

TEST(volumes_are_ordered_by_depth_and_keep_their_slots)
{
	static const struct mount_volume v[] = {
		{.target = "/srv/a/b", .is_dir = true},
		{.target = "/cache", .is_tmpfs = true, .size = "1M"},
		{.target = "/srv", .is_dir = true},
		{.target = "/srv/a"},
	};
	const struct mount_plan_input in = {.has_netns = true, .volumes = v, .n_volumes = 4};
	struct mount_plan plan;
	struct err e = {0};
	CHECK_INT(mount_plan_make(&in, &plan, &e), 0);
	CHECK_INT(plan.n_slots, MOUNT_SLOT_VOLUMES + 3);
	const struct mount_op *op = &plan.ops[plan.n_ops - 4];
	CHECK_STR(op[0].target, "/cache");
	CHECK_INT(op[0].kind, MOUNT_OP_NEW_FS);
	CHECK_INT(op[0].attr_set, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	CHECK_STR(op[1].target, "/srv");
	CHECK_INT(op[1].slot, MOUNT_SLOT_VOLUMES + 1);
	CHECK_STR(op[2].target, "/srv/a");
	CHECK_INT(op[2].slot, MOUNT_SLOT_VOLUMES + 2);
	CHECK_INT(op[2].flags, MOUNT_OP_MAKE_FILE);
	CHECK_STR(op[3].target, "/srv/a/b");
	CHECK_INT(op[3].slot, MOUNT_SLOT_VOLUMES);
	mount_plan_done(&plan);
}

TEST(bad_volume_targets)
{
	static const char *const bad[] = {"", "/", "srv", "/srv/", "//srv", "/srv/../etc", "/./srv",
		"/srv/.", "/..", "/proc", "/proc/1", "/sys", "/sys/fs/cgroup", "/dev"};
	static const char *const good[] = {
		"/srv", "/dev/shm", "/process", "/system", "/...", "/a/..b"};
	struct mount_plan plan;
	struct err e;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct mount_volume v = {.target = bad[i], .is_dir = true};
		const struct mount_plan_input in = {.volumes = &v, .n_volumes = 1};
		e = (struct err){0};
		CHECK_INT(mount_plan_make(&in, &plan, &e), -1);
		CHECK_INT(e.cls, ERR_USAGE);
		CHECK_STR(e.step, "mounts");
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		const struct mount_volume v = {.target = good[i], .is_dir = true};
		const struct mount_plan_input in = {.volumes = &v, .n_volumes = 1};
		CHECK_INT(mount_plan_make(&in, &plan, &e), 0);
		mount_plan_done(&plan);
	}
	const struct mount_volume twice[] = {{.target = "/srv"}, {.target = "/srv"}};
	const struct mount_plan_input in = {.volumes = twice, .n_volumes = 2};
	CHECK_INT(mount_plan_make(&in, &plan, &e), -1);
	CHECK_STR(e.msg, "mount target '/srv' is given twice");
}

TEST(content_of_hosts)
{
	const struct etc_host hosts[] = {
		{"10.0.0.2", "web1 web1.example"}, {"10.0.0.1", "gateway"}};
	struct err e = {0};
	autofree char *named = etc_hosts_content("web1", hosts, 2, &e);
	CHECK_STR(named, ETC_MARKER "127.0.0.1\tlocalhost\n"
				    "::1\tlocalhost ip6-localhost ip6-loopback\n"
				    "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
				    "10.0.0.2\tweb1 web1.example\n10.0.0.1\tgateway\n");
	autofree char *alone = etc_hosts_content("web", hosts, 2, &e);
	CHECK(alone && strstr(alone, "127.0.1.1\tweb\n"));
	const struct etc_host evil = {"10.0.0.2", "a\n10.0.0.3\tbank"};
	CHECK(!etc_hosts_content("web", &evil, 1, &e));
	CHECK_INT(e.cls, ERR_USAGE);
	CHECK(!etc_hosts_content("we\nb", NULL, 0, &e));
	CHECK(!strchr(e.msg, '\n'));
}

TEST(content_of_resolv_conf)
{
	const char *const servers[] = {"10.0.0.1", "fd00::1"}, *const search[] = {"a.example", "b"};
	const char *const evil[] = {"1.1.1.1\noptions debug"};
	struct err e = {0};
	autofree char *all = etc_resolv_content(servers, 2, search, 2, &e);
	CHECK_STR(all, ETC_MARKER "search a.example b\nnameserver 10.0.0.1\nnameserver fd00::1\n");
	autofree char *none = etc_resolv_content(NULL, 0, NULL, 0, &e);
	CHECK_STR(none, ETC_MARKER);
	CHECK(!etc_resolv_content(evil, 1, NULL, 0, &e));
}

static struct strbuf opaque;

static int parse(const char *text, struct import_result *r, struct err *e)
{
	char copy[512];
	*e = (struct err){0};
	(void)snprintf(copy, sizeof copy, "%s", text);
	str_done(&opaque);
	return import_answer_parse(copy, r, &opaque, e);
}

#define SHA "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

TEST(answers_of_the_unpacker)
{
	struct import_result r = {0};
	struct err e;
	CHECK_INT(parse("entries 3\nbytes 10\nskipped_devices 1\nsha256 " SHA
			"\nwarning left\033[31m out\nend\n",
			  &r, &e),
		0);
	CHECK_INT(r.entries, 3);
	CHECK_INT(r.bytes, 10);
	CHECK_INT(r.skipped_devices, 1);
	CHECK_INT(r.n_warnings, 1);
	CHECK_INT(r.opaque_dirs, 0);
	CHECK(!strchr(r.warnings[0], '\033'));
	CHECK_INT(parse("error entry 'x': is a device\nhint try\nclass 1\nerrno 0\nend\n", &r, &e),
		-1);
	CHECK_STR(e.msg, "entry 'x': is a device");
	CHECK_STR(e.hint, "try");
	CHECK_INT(e.cls, ERR_FAILED);
	CHECK_INT(parse("error no\nclass 7\nerrno 28\nend\n", &r, &e), -1);
	CHECK_INT(e.cls, ERR_HOST);
	CHECK_INT(e.sys_errno, 28);
	CHECK_INT(parse("step cannot run\nerrno 2\nend\n", &r, &e), -1);
	CHECK_STR(e.msg, "cannot run: No such file or directory");
	CHECK_INT(parse("opaque .\nopaque a%20%0a%ff%25/b\nsha256 " SHA "\nend\n", &r, &e), 0);
	CHECK_INT(r.opaque_dirs, 2);
	CHECK_INT(opaque.len, 10);
	CHECK(!memcmp(opaque.buf, ".\0a \n\xff%/b", 10));
	str_done(&opaque);
}

TEST(answers_that_make_no_sense)
{
	static const char *const bad[] = {"", "\n", "end\nend\n", "entries x\nend\n",
		"entries -1\nend\n", "entries 99999999999999999999\nend\n", "sha256 AAAA\nend\n",
		"what 1\nend\n", "entries 1\nsha256 " SHA "\n", "entries 1\nend\n",
		"end\nentries 1\n", "sha256 " SHA "x\nend\n", "error", "entries\nend\n",
		"opaque \nend\n", "opaque %\nend\n", "opaque a%0\nend\n", "opaque %00\nend\n",
		"opaque %zz\nend\n", "opaque %2G\nend\n"};
	struct import_result r = {.entries = 77};
	struct err e;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK_INT(parse(bad[i], &r, &e), -1);
		CHECK_INT(e.cls, ERR_FAILED);
		CHECK(e.msg[0]);
	}
	CHECK_INT(r.entries, 77);
	str_done(&opaque);
}

TEST_MAIN()
