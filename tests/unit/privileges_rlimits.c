#include "isolation/privileges/rlimits.h"
#include "base/mem.h"
#include "tests/unit/test.h"
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(names)
{
	for (int i = 0; i < RLIMITS_COUNT; i++) {
		CHECK(rlimits_to_name(i) != NULL);
		CHECK_INT(rlimits_from_name(rlimits_to_name(i)), i);
	}
	CHECK_INT(rlimits_from_name("RLIMIT_NOFILE"), RLIMIT_NOFILE);
	CHECK_INT(rlimits_from_name("Nofile"), RLIMIT_NOFILE);
	CHECK_INT(rlimits_from_name("RLIMIT_"), -1);
	CHECK_INT(rlimits_from_name(""), -1);
	CHECK_INT(rlimits_from_name("files"), -1);
	CHECK(rlimits_to_name(-1) == NULL && rlimits_to_name(RLIMITS_COUNT) == NULL);
}

static bool is_at_most(rlim_t value, rlim_t want)
{
	return value <= want;
}

TEST(defaults_are_the_table_or_less)
{
	struct rlimits_plan plan;
	struct rlimit own;
	struct err e = {0};
	CHECK_INT(rlimits_plan_make(NULL, 0, &plan, &e), 0);
	CHECK_INT(plan.of[RLIMIT_NOFILE].rlim_cur, 1024);
	CHECK(is_at_most(plan.of[RLIMIT_NOFILE].rlim_max, 524288));
	CHECK_INT(plan.of[RLIMIT_CORE].rlim_cur, 0);
	CHECK(is_at_most(plan.of[RLIMIT_MEMLOCK].rlim_max, 8 << 20));
	CHECK_INT(plan.of[RLIMIT_STACK].rlim_cur, 8 << 20);
	CHECK_INT(plan.of[RLIMIT_NICE].rlim_max, 0);
	for (int i = 0; i < RLIMITS_COUNT; i++)
		CHECK(plan.of[i].rlim_cur <= plan.of[i].rlim_max);
	/* Whatever we have, the caller's soft limits do not shine through. */
	CHECK(getrlimit(RLIMIT_CORE, &own) == 0);
	struct rlimit other = {own.rlim_max < 4096 ? own.rlim_max : 4096, own.rlim_max};
	CHECK(setrlimit(RLIMIT_CORE, &other) == 0);
	CHECK_INT(rlimits_plan_make(NULL, 0, &plan, &e), 0);
	CHECK_INT(plan.of[RLIMIT_CORE].rlim_cur, 0);
	CHECK(setrlimit(RLIMIT_CORE, &own) == 0);
}

TEST(asked_values)
{
	static const struct {
		struct rlimits_ask asks[2];
		size_t n;
		enum err_class cls;
		const char *text;
	} cases[] = {
		{{{"nofile", 100, 200}}, 1, ERR_NONE, ""},
		{{{"core", 0, 0}, {"nproc", 10, 10}}, 2, ERR_NONE, ""},
		{{{"nofile", 300, 200}}, 1, ERR_USAGE,
			"the soft limit 300 is above the hard one 200"},
		{{{"cpu", UINT64_MAX, 5}}, 1, ERR_USAGE, "unlimited is above"},
		{{{"nofile", 1, 1}, {"RLIMIT_NOFILE", 1, 1}}, 2, ERR_USAGE, "given twice"},
		{{{"nofiles", 1, 1}}, 1, ERR_USAGE, "unknown limit 'nofiles'"},
		{{{"x\n", 1, 1}}, 1, ERR_USAGE, "unknown limit 'x\\x0a'"},
		{{{"nofile", 1, UINT64_MAX}}, 1, ERR_HOST, "nofile: a hard limit of unlimited"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = {0};
		struct rlimits_plan plan = {0};
		int r = rlimits_plan_make(cases[i].asks, cases[i].n, &plan, &e);
		bool good = cases[i].cls == ERR_NONE ? r == 0
						     : r < 0 && e.cls == cases[i].cls &&
							       strstr(e.msg, cases[i].text);
		if (!good)
			printf("# case %zu: %d '%s'\n", i, r, e.msg);
		CHECK(good);
		if (r == 0) {
			int which = rlimits_from_name(cases[i].asks[0].name);
			CHECK_INT(plan.of[which].rlim_max, cases[i].asks[0].hard);
		}
	}
}

/* Without the capability, with a low hard limit of our own. */
static int lowered(void)
{
	struct rlimit low = {16, 64};
	struct rlimits_plan plan;
	struct rlimits_ask more = {"nofile", 65, 65}, fits = {"nofile", 64, 64};
	struct err e = {0};
	struct fault f;
	if (setrlimit(RLIMIT_NOFILE, &low) < 0 || rlimits_plan_make(&fits, 1, &plan, &e) < 0)
		return 1;
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	if (setresuid(65534, 65534, 65534) < 0)
		return 77;
	if (rlimits_plan_make(NULL, 0, &plan, &e) < 0 || plan.of[RLIMIT_NOFILE].rlim_max != 64 ||
		plan.of[RLIMIT_NOFILE].rlim_cur != 64)
		return 2;
	if (rlimits_plan_make(&more, 1, &plan, &e) == 0 || e.cls != ERR_HOST || !e.hint[0])
		return 3;
	if (rlimits_plan_make(&fits, 1, &plan, &e) < 0 || rlimits_apply(&plan, &f) < 0)
		return 4;
	for (int i = 0; i < RLIMITS_COUNT; i++) {
		struct rlimit is;
		if (prlimit(0, (__rlimit_resource_t)i, NULL, &is) < 0 ||
			is.rlim_cur != plan.of[i].rlim_cur || is.rlim_max != plan.of[i].rlim_max)
			return 5;
	}
	plan.of[RLIMIT_NOFILE].rlim_max = 65;
	if (rlimits_apply(&plan, &f) == 0 || strcmp(f.object, "nofile") != 0)
		return 6;
	return 0;
}

TEST(without_the_capability_defaults_are_lowered_and_wishes_refused)
{
	int status = -1;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		_exit(lowered());
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		printf("# skipped: not root\n");
	else
		CHECK_INT(WEXITSTATUS(status), 0);
}

TEST(set_on_a_waiting_child)
{
	struct rlimits_plan plan;
	struct err e = {0};
	struct rlimit is = {0};
	int gate[2];
	CHECK_INT(rlimits_plan_make(NULL, 0, &plan, &e), 0);
	CHECK(pipe(gate) == 0);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		char c;
		close(gate[1]);
		_exit(read(gate[0], &c, 1) != 0);
	}
	CHECK_INT(rlimits_set(pid, &plan, &e), 0);
	CHECK(prlimit(pid, RLIMIT_NOFILE, NULL, &is) == 0 && is.rlim_cur == 1024);
	close(gate[0]);
	close(gate[1]);
	waitpid(pid, NULL, 0);
	CHECK_INT(rlimits_set(pid, &plan, &e), -1);
	CHECK(strstr(e.msg, "set limit"));
}

TEST_MAIN()
