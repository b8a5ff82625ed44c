/* Parsers of the kernel's control group files. */
#include "isolation/cgroups/cg_internal.h"
#include "tests/unit/test.h"

TEST(mountinfo_v1)
{
	struct cg_mount m;
	CHECK(cg_parse_mountinfo(
		"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 master:2 - cgroup "
		"cgroup rw,cpu,cpuacct\n",
		&m));
	CHECK_INT(m.mnt_id, 32);
	CHECK(!m.v2);
	CHECK_STR(m.root, "/");
	CHECK_STR(m.mount_point, "/sys/fs/cgroup/cpu,cpuacct");
	CHECK_STR(m.title, "cpu,cpuacct");
	CHECK(cg_parse_mountinfo("40 31 0:37 /a /sys/fs/cgroup/systemd rw - cgroup cgroup "
				 "rw,xattr,release_agent=/x,name=systemd",
		&m));
	CHECK_STR(m.title, "name=systemd");
	CHECK_STR(m.root, "/a");
}

TEST(mountinfo_v2_and_escapes)
{
	struct cg_mount m;
	CHECK(cg_parse_mountinfo(
		"41 31 0:38 / /mnt/a\\040b\\134 rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n",
		&m));
	CHECK(m.v2);
	CHECK_STR(m.mount_point, "/mnt/a b\\");
	CHECK_STR(m.title, "cgroup2");
}

TEST(mountinfo_garbage)
{
	static const char *const bad[] = {"", "\n", "1", "1 2 3:4 / /x rw", "1 2 3:4 / /x rw -",
		"1 2 3:4 / /x rw - cgroup2", "1 2 3:4 / /x rw - tmpfs tmpfs rw",
		"x 2 3:4 / /x rw - cgroup2 c rw", "01 2 3:4 / /x rw - cgroup2 c rw",
		"99999999999999999999999 2 3:4 / /x rw - cgroup2 c rw"};
	struct cg_mount m;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK(!cg_parse_mountinfo(bad[i], &m));
	char longer[1000] = "1 2 3:4 / /";
	memset(longer + 11, 'a', 400);
	(void)strcpy(longer + 411, " rw - cgroup2 c rw");
	CHECK(!cg_parse_mountinfo(longer, &m));
}

TEST(controllers)
{
	CHECK_INT(cg_parse_controller("blkio"), CG_IO);
	CHECK_INT(cg_parse_controller("io"), CG_IO);
	CHECK_INT(cg_parse_controller("name=systemd"), CG_SYSTEMD);
	CHECK_INT(cg_parse_controller("nonsense"), 0);
	CHECK_INT(cg_parse_controller(""), 0);
	CHECK_STR(cg_controller_name(CG_IO, false), "blkio");
	CHECK_STR(cg_controller_name(CG_IO, true), "io");
	CHECK_STR(cg_controller_name(CG_DEVICES, true), "devices");
}

TEST(oom_count)
{
	CHECK_INT(cg_oom_parse("low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 9\n"), 2);
	CHECK_INT(cg_oom_parse("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n"), 7);
	CHECK_INT(cg_oom_parse("oom_kill_disable 1\nunder_oom 0\n"), 0);
	CHECK_INT(cg_oom_parse("oom_kill 5"), 5);
	CHECK_INT(cg_oom_parse("xoom_kill 5"), 0);
	CHECK_INT(cg_oom_parse("oom_kill "), 0);
	CHECK_INT(cg_oom_parse("oom_kill -1\n"), 0);
	CHECK_INT(cg_oom_parse(""), 0);
	CHECK(cg_oom_parse("oom_kill 99999999999999999999999\n") > 0);
}

TEST(numbers)
{
	uint64_t v;
	CHECK(cg_parse_number("123\n", &v) && v == 123);
	CHECK(cg_parse_number("0", &v) && v == 0);
	CHECK(cg_parse_number("max\n", &v) && v == CG_MAX);
	CHECK(cg_parse_number("-1\n", &v) && v == CG_MAX);
	CHECK(cg_parse_number("9223372036854771712\n", &v) && v == CG_MAX);
	CHECK(cg_parse_number("9223372036854710272\n", &v) && v == CG_MAX); /* 64K pages */
	CHECK(!cg_parse_number("", &v));
	CHECK(!cg_parse_number("12x\n", &v));
	CHECK(!cg_parse_number("-2\n", &v));
}

TEST(pressure)
{
	struct cg_psi p = {0};
	CHECK(cg_parse_psi("some avg10=12.34 avg60=0.00 avg300=0.00 total=567\n"
			   "full avg10=1.05 avg60=0.00 avg300=0.00 total=89\n",
		&p));
	CHECK(p.present);
	CHECK_INT(p.some_avg10, 1234);
	CHECK_INT(p.full_avg10, 105);
	CHECK_INT(p.some_total, 567);
	CHECK_INT(p.full_total, 89);
	CHECK(!cg_parse_psi("", &p));
	CHECK(!cg_parse_psi("some avg10=x total=1\n", &p));
	CHECK(!cg_parse_psi("some avg10=1.00\nfull avg10=1.00 total=3\n", &p));
	CHECK(cg_parse_psi("some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n", &p));
}

TEST(io)
{
	const char *v2 = "8:0 rbytes=100 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n"
			 "8:16 rbytes=1 wbytes=2 rios=1 wios=2\n254:0 \n";
	CHECK_INT(cg_parse_io_stat(v2, "rbytes"), 101);
	CHECK_INT(cg_parse_io_stat(v2, "wbytes"), 22);
	CHECK_INT(cg_parse_io_stat("", "wbytes"), 0);
	const char *v1 = "8:0 Read 100\n8:0 Write 5\n8:0 Sync 1\n8:0 Total 105\n"
			 "8:16 Read 1\nTotal 106\nRead 7\n";
	CHECK_INT(cg_parse_blkio(v1, "Read"), 101);
	CHECK_INT(cg_parse_blkio(v1, "Write"), 5);
}

static bool same_cpus(const char *a, const char *b)
{
	struct cg_cpus x, y;
	return cg_parse_cpus(a, &x) && cg_parse_cpus(b, &y) && memcmp(&x, &y, sizeof x) == 0;
}

TEST(cpus)
{
	struct cg_cpus c;
	CHECK(same_cpus("0-3", "3,2,1,0\n"));
	CHECK(same_cpus("0-1,64", "64,0,1"));
	CHECK(!same_cpus("0-3", "0-2"));
	static const char *const bad[] = {"", "\n", "a", "0-", "-1", "3-1", "0,,1", "0,", "8192",
		"0-99999999999999999999", "0 1", "1\n2"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK(!cg_parse_cpus(bad[i], &c));
}

TEST(names)
{
	static const struct {
		const char *name, *dir;
	} table[] = {{"web1", "web1"}, {"web1.ab12cd34", "web1.ab12cd34"}, {"a.b.c", "a.b.c"},
		{"tasks", "_tasks"}, {"memory.max", "_memory.max"}, {"memory", "memory"},
		{"cgroup.procs", "_cgroup.procs"}, {"io.ab12cd34", "_io.ab12cd34"},
		{"cpus.x", "cpus.x"}, {"release_agent", "_release_agent"}, {"zone", "zone"}};
	char dir[CG_NAME_MAX];
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		CHECK(cg_name_is_valid(table[i].name));
		cg_name_to_dir(dir, table[i].name);
		CHECK_STR(dir, table[i].dir);
		CHECK_STR(cg_name_from_dir(dir), table[i].name);
	}
	CHECK(!cg_name_from_dir("_web1"));
	CHECK(!cg_name_from_dir("memory.max"));
	static const char *const bad[] = {
		"", ".", "..", "../x", "a/b", "_x", "-x", ".x", "A", "a b", "a\n", "\xff"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK(!cg_name_is_valid(bad[i]));
	char longest[200];
	memset(longest, 'a', sizeof longest);
	longest[CG_NAME_MAX - 2] = '\0';
	CHECK(cg_name_is_valid(longest));
	longest[CG_NAME_MAX - 2] = 'a';
	longest[CG_NAME_MAX - 1] = '\0';
	CHECK(!cg_name_is_valid(longest));
}

TEST_MAIN()
