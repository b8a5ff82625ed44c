/* Translation of limits for each layout, as a table of "FILE=VALUE" lines. */
#include "isolation/cgroups/cg_internal.h"
#include "tests/unit/test.h"

static struct cg_host v1_host(bool memsw)
{
	struct cg_host h = {.layout = CG_LAYOUT_V1, .v2 = -1, .n = 4};
	h.hier[0] = (struct cg_hier){.controllers = CG_MEMORY, .memsw = memsw, .root_fd = -1};
	h.hier[1] = (struct cg_hier){.controllers = CG_CPU | CG_CPUACCT, .root_fd = -1};
	h.hier[2] = (struct cg_hier){.controllers = CG_CPUSET, .root_fd = -1};
	h.hier[3] = (struct cg_hier){.controllers = CG_PIDS, .root_fd = -1};
	return h;
}

static struct cg_host v2_host(uint32_t controllers)
{
	struct cg_host h = {.layout = CG_LAYOUT_V2, .v2 = 0, .n = 1};
	h.hier[0] = (struct cg_hier){.v2 = true, .controllers = controllers, .root_fd = -1};
	return h;
}

/* "0:memory.max=5* " ...: hierarchy, file, value, "*" when mirrored. Or "CLASS message". */
static const char *translate(const struct cg_host *h, struct cg_limits l)
{
	static char out[2048];
	struct cg_setting s[CG_SETTINGS_MAX];
	struct err e = {0};
	size_t n, o = 0;
	out[0] = '\0';
	if (cg_limits_translate(h, &l, s, &n, &e) < 0) {
		(void)snprintf(out, sizeof out, "%d %s", e.cls, e.msg);
		return out;
	}
	for (size_t i = 0; i < n; i++)
		o += (size_t)snprintf(out + o, sizeof out - o, "%s%zu:%s=%s%s", i ? " " : "",
			s[i].hier, s[i].file, s[i].value, s[i].mirror ? "*" : "");
	return out;
}

#define LIMITS(...)                                                                                \
	({                                                                                         \
		struct cg_limits limits_value = CG_LIMITS_UNSET;                                   \
		struct cg_limits *l = &limits_value;                                               \
		(void)l;                                                                           \
		__VA_ARGS__;                                                                       \
		limits_value;                                                                      \
	})

enum {
	ALL_V2 = CG_CPU | CG_CPUSET | CG_MEMORY | CG_PIDS | CG_IO
};

TEST(nothing_asked)
{
	struct cg_host v1 = v1_host(true), v2 = v2_host(ALL_V2), bare = v2_host(0);
	CHECK_STR(translate(&v1, LIMITS()), "");
	CHECK_STR(translate(&v2, LIMITS()), "");
	CHECK_STR(translate(&bare, LIMITS()), "");
}

TEST(memory_v2)
{
	struct cg_host h = v2_host(ALL_V2);
	CHECK_STR(translate(&h, LIMITS(l->memory_max = 1 << 20)), "0:memory.max=1048576*");
	CHECK_STR(translate(&h, LIMITS(l->memory_max = CG_MAX)), "0:memory.max=max*");
	CHECK_STR(translate(&h, LIMITS(l->memory_min = 1; l->memory_low = 2; l->memory_high = 3;
					l->memory_max = 4; l->swap_max = 0; l->oom_group = true)),
		"0:memory.min=1* 0:memory.low=2* 0:memory.high=3* 0:memory.max=4* "
		"0:memory.swap.max=0* 0:memory.oom.group=1*");
}

TEST(memory_v1)
{
	struct cg_host h = v1_host(true);
	CHECK_STR(
		translate(&h, LIMITS(l->memory_max = 1 << 20)), "0:memory.limit_in_bytes=1048576");
	CHECK_STR(translate(&h, LIMITS(l->memory_max = CG_MAX)), "0:memory.limit_in_bytes=-1");
	CHECK_STR(translate(&h, LIMITS(l->memory_max = 100; l->swap_max = 50)),
		"0:memory.limit_in_bytes=100 0:memory.memsw.limit_in_bytes=150");
	CHECK_STR(translate(&h, LIMITS(l->memory_max = 100; l->swap_max = 0)),
		"0:memory.limit_in_bytes=100 0:memory.memsw.limit_in_bytes=100");
	CHECK_STR(translate(&h, LIMITS(l->swap_max = CG_MAX)), "0:memory.memsw.limit_in_bytes=-1");
	CHECK_STR(translate(&h, LIMITS(l->memory_low = 7)), "0:memory.soft_limit_in_bytes=7");
	CHECK_STR(translate(&h, LIMITS(l->memory_low = 0)), "0:memory.soft_limit_in_bytes=-1");
	/* Defaults are satisfied by what v1 cannot do. */
	CHECK_STR(translate(&h, LIMITS(l->memory_min = 0; l->memory_high = CG_MAX)), "");
}

TEST(memory_v1_refused)
{
	struct cg_host h = v1_host(true), no_swap = v1_host(false);
	CHECK_STR(translate(&h, LIMITS(l->memory_min = 1)),
		"7 memory.min: cgroup v1 cannot do this: it has no guaranteed memory");
	CHECK_STR(translate(&h, LIMITS(l->memory_high = 1)),
		"7 memory.high: cgroup v1 cannot do this: it has no throttling, only a hard limit");
	CHECK_STR(translate(&h, LIMITS(l->oom_group = true)),
		"7 memory.oom_group: cgroup v1 cannot do this: it kills single processes only");
	CHECK_STR(translate(&h, LIMITS(l->swap_max = 5)),
		"7 memory.swap_max: cgroup v1 cannot do this: swap is limited only together with "
		"memory.max");
	CHECK_STR(translate(&no_swap, LIMITS(l->memory_max = 5; l->swap_max = 0)),
		"7 memory.swap_max: cgroup v1 cannot do this: this kernel does not account swap "
		"(swapaccount=1)");
	CHECK_STR(translate(&no_swap, LIMITS(l->swap_max = CG_MAX)), "");
	CHECK_STR(translate(&h, LIMITS(l->memory_max = UINT64_MAX - 4; l->swap_max = 100)),
		"2 memory.swap_max: too large");
}

TEST(cpu_max)
{
	struct cg_host v1 = v1_host(true), v2 = v2_host(ALL_V2);
	static const struct {
		uint64_t milli;
		const char *v2, *v1;
	} table[] = {
		{1500, "0:cpu.max=150000 100000*",
			"1:cpu.cfs_quota_us=-1 1:cpu.cfs_period_us=100000 "
			"1:cpu.cfs_quota_us=150000"},
		{10, "0:cpu.max=1000 100000*",
			"1:cpu.cfs_quota_us=-1 1:cpu.cfs_period_us=100000 1:cpu.cfs_quota_us=1000"},
		{9, "0:cpu.max=9000 1000000*",
			"1:cpu.cfs_quota_us=-1 1:cpu.cfs_period_us=1000000 "
			"1:cpu.cfs_quota_us=9000"},
		{1, "0:cpu.max=1000 1000000*",
			"1:cpu.cfs_quota_us=-1 1:cpu.cfs_period_us=1000000 "
			"1:cpu.cfs_quota_us=1000"},
		{CG_MAX, "0:cpu.max=max 100000*",
			"1:cpu.cfs_quota_us=-1 1:cpu.cfs_period_us=100000"},
		{0, "2 cpu.max: must be from 0.001 to 1000000 cores",
			"2 cpu.max: must be from 0.001 to 1000000 cores"},
		{UINT64_MAX - 2, "2 cpu.max: must be from 0.001 to 1000000 cores",
			"2 cpu.max: must be from 0.001 to 1000000 cores"},
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		CHECK_STR(translate(&v2, LIMITS(l->cpu_max_milli = table[i].milli)), table[i].v2);
		CHECK_STR(translate(&v1, LIMITS(l->cpu_max_milli = table[i].milli)), table[i].v1);
	}
}

TEST(cpu_weight)
{
	struct cg_host v1 = v1_host(true), v2 = v2_host(ALL_V2);
	static const struct {
		uint64_t weight;
		const char *shares;
	} table[] = {{1, "1:cpu.shares=10"}, {39, "1:cpu.shares=399"}, {100, "1:cpu.shares=1024"},
		{200, "1:cpu.shares=2048"}, {10000, "1:cpu.shares=102400"},
		{0, "2 cpu.weight: must be from 1 to 10000"},
		{10001, "2 cpu.weight: must be from 1 to 10000"},
		{CG_MAX, "2 cpu.weight: must be from 1 to 10000"}};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		CHECK_STR(translate(&v1, LIMITS(l->cpu_weight = table[i].weight)), table[i].shares);
	CHECK_STR(translate(&v2, LIMITS(l->cpu_weight = 250)), "0:cpu.weight=250");
}

TEST(pids_and_cpus)
{
	struct cg_host v1 = v1_host(true), v2 = v2_host(ALL_V2);
	CHECK_STR(translate(&v1, LIMITS(l->pids_max = 20)), "3:pids.max=20");
	CHECK_STR(translate(&v2, LIMITS(l->pids_max = 20)), "0:pids.max=20*");
	CHECK_STR(translate(&v2, LIMITS(l->pids_max = CG_MAX)), "0:pids.max=max*");
	CHECK_STR(translate(&v1, LIMITS(l->cpus = "0-1")), "2:cpuset.cpus=0-1*");
	CHECK_STR(translate(&v2, LIMITS(l->cpus = "0-1")), "0:cpuset.cpus=0-1");
	CHECK_STR(translate(&v2, LIMITS(l->cpus = "")), "");
	CHECK_STR(translate(&v2, LIMITS(l->cpus = "1-0")),
		"2 cpu.cpus: not a list of cpus such as \"0-2,5\"");
	CHECK_STR(translate(&v2, LIMITS(l->cpus = "0\n")),
		"2 cpu.cpus: not a list of cpus such as \"0-2,5\"");
}

TEST(controller_missing)
{
	struct cg_host v2 = v2_host(CG_CPU);
	CHECK_STR(translate(&v2, LIMITS(l->memory_max = 5)),
		"7 memory.max: this host has no memory controller");
	CHECK_STR(translate(&v2, LIMITS(l->memory_low = 5)),
		"7 memory.low: this host has no memory controller");
	CHECK_STR(translate(&v2, LIMITS(l->oom_group = true)),
		"7 memory.oom_group: this host has no memory controller");
	CHECK_STR(translate(&v2, LIMITS(l->pids_max = 5)),
		"7 pids.max: this host has no pids controller");
	CHECK_STR(translate(&v2, LIMITS(l->cpus = "0")),
		"7 cpu.cpus: this host has no cpuset controller");
	CHECK_STR(translate(&v2, LIMITS(l->memory_max = CG_MAX; l->pids_max = CG_MAX)), "");
	CHECK_STR(translate(&v2, LIMITS(l->cpu_max_milli = 500)), "0:cpu.max=50000 100000*");
}

TEST(hybrid_prefers_v1)
{
	struct cg_host h = v1_host(true);
	h.layout = CG_LAYOUT_HYBRID;
	h.v2 = 4;
	h.n = 5;
	h.hier[4] = (struct cg_hier){.v2 = true, .controllers = CG_IO, .root_fd = -1};
	CHECK_STR(translate(&h, LIMITS(l->memory_max = 5)), "0:memory.limit_in_bytes=5");
	CHECK_INT(cg_host_index(&h, CG_IO), 4);
	CHECK_INT(cg_host_index(&h, CG_FREEZER), -1);
}

TEST(read_back)
{
	struct cg_setting s = {.kind = CG_VALUE_BYTES, .value = "10000"};
	CHECK(cg_setting_matches(&s, "8192\n", 4096));
	CHECK(!cg_setting_matches(&s, "10000\n", 4096));
	CHECK(!cg_setting_matches(&s, "max\n", 4096));
	s = (struct cg_setting){.kind = CG_VALUE_BYTES, .value = "-1"};
	CHECK(cg_setting_matches(&s, "9223372036854771712\n", 4096));
	CHECK(!cg_setting_matches(&s, "4096\n", 4096));
	s = (struct cg_setting){.kind = CG_VALUE_TEXT, .value = "1000 100000"};
	CHECK(cg_setting_matches(&s, "1000 100000\n", 4096));
	CHECK(!cg_setting_matches(&s, "1000 1000000\n", 4096));
	CHECK(!cg_setting_matches(&s, "1000", 4096));
	s = (struct cg_setting){.kind = CG_VALUE_CPUS, .value = "0,1"};
	CHECK(cg_setting_matches(&s, "0-1\n", 4096));
	CHECK(!cg_setting_matches(&s, "0\n", 4096));
	CHECK(!cg_setting_matches(&s, "\n", 4096));
}

TEST_MAIN()
