#include "isolation/namespaces/ns.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/sys.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

TEST(names_of_both_kinds)
{
	static const struct {
		const char *name;
		int kind; /* -1: unknown */
	} cases[] = {{"user", NS_USER}, {"mnt", NS_MNT}, {"mount", NS_MNT}, {"pid", NS_PID},
		{"net", NS_NET}, {"network", NS_NET}, {"ipc", NS_IPC}, {"uts", NS_UTS},
		{"cgroup", NS_CGROUP}, {"time", NS_TIME}, {"", -1}, {"Net", -1}, {"mounts", -1}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum ns_kind kind = NS_COUNT;
		CHECK_INT(ns_kind_from_name(cases[i].name, &kind), cases[i].kind >= 0);
		if (cases[i].kind >= 0)
			CHECK_INT(kind, cases[i].kind);
	}
}

TEST(clone_flags_leave_the_time_namespace_out)
{
	struct ns_plan plan = {0};
	CHECK_INT(ns_clone_flags(&plan), 0);
	for (int k = 0; k < NS_COUNT; k++)
		plan.of[k].mode = NS_NEW;
	CHECK_INT(ns_clone_flags(&plan), CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
						 CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP);
	plan.of[NS_NET].mode = NS_JOIN;
	plan.of[NS_USER].mode = NS_HOST;
	CHECK_INT(ns_clone_flags(&plan),
		CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP);
}

TEST(own_namespaces_open)
{
	uint64_t a = 0, b = 1;
	int fd = ns_open(getpid(), NS_MNT);
	CHECK(fd >= 0);
	CHECK(ns_inode(0, NS_MNT, &a) == 0 && ns_inode(getpid(), NS_MNT, &b) == 0 && a == b);
	CHECK(ns_is_supported(NS_MNT));
	close(fd);
}

static int64_t uptime_s(void)
{
	struct timespec now;
	return clock_gettime(CLOCK_BOOTTIME, &now) < 0 ? -1 : now.tv_sec;
}

/* In a process of its own, as it plays with the process's namespaces. Returns its exit status. */
static int in_child(int (*run)(void))
{
	int status = -1;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		_exit(run());
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int zone_clock_is_young(void)
{
	struct err e = {0};
	int home = -1, status = -1;
	int64_t before = uptime_s();
	uint64_t start_before = 0, start_after = 1, ns_before = 0, ns_after = 1;
	if (proc_start_time(getpid(), &start_before) < 0 || ns_inode(0, NS_TIME, &ns_before) < 0)
		return 1;
	if (ns_time_prepare(&home, &e) < 0) {
		printf("# %s\n", e.msg);
		return 77;
	}
	struct clone_args args = {.flags = CLONE_NEWUSER | CLONE_NEWPID, .exit_signal = SIGCHLD};
	pid_t pid = sys_clone3(&args);
	if (pid == 0)
		_exit(uptime_s() >= 1 && uptime_s() <= 5 ? 0 : 1);
	if (pid < 0 || ns_time_restore(home, &e) < 0)
		return 2;
	waitpid(pid, &status, 0);
	if (status != 0)
		return 3;
	/* We are where we were, and so is the next child. */
	if (uptime_s() < before || ns_inode(0, NS_TIME, &ns_after) < 0 || ns_after != ns_before)
		return 4;
	if (proc_start_time(getpid(), &start_after) < 0 || start_after != start_before)
		return 5;
	pid = fork();
	if (pid == 0)
		_exit(uptime_s() >= before ? 0 : 1);
	waitpid(pid, &status, 0);
	return status == 0 ? 0 : 6;
}

TEST(a_zone_is_born_with_a_young_clock)
{
	if (geteuid() != 0 || !ns_is_supported(NS_TIME)) {
		printf("# skipped: %s\n", geteuid() ? "not root" : "no time namespaces");
		return;
	}
	int status = in_child(zone_clock_is_young);
	if (status == 77)
		printf("# skipped: see above\n");
	else
		CHECK_INT(status, 0);
}

/* Enter the user and uts namespaces of a child by its pidfd. */
static int enter_by_pidfd(void)
{
	struct fault f;
	uint64_t theirs = 0, ours = 1;
	struct clone_args args = {.flags = CLONE_NEWUSER | CLONE_NEWUTS, .exit_signal = SIGCHLD};
	pid_t pid = sys_clone3(&args);
	if (pid == 0)
		for (;;)
			pause();
	int pidfd = sys_pidfd_open(pid, 0);
	int result = 1;
	if (pid > 0 && pidfd >= 0 && ns_inode(pid, NS_UTS, &theirs) == 0 &&
		ns_enter(pidfd, CLONE_NEWUSER | CLONE_NEWUTS, &f) == 0 &&
		ns_inode(0, NS_UTS, &ours) == 0 && ours == theirs)
		result = 0;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	/* Gone: a fault that names the step. */
	if (ns_enter(pidfd, CLONE_NEWUTS, &f) == 0 || f.errnum != ESRCH)
		result = 2;
	return result;
}

TEST(enter_by_pidfd_takes_all_at_once)
{
	if (geteuid() != 0) {
		printf("# skipped: not root\n");
		return;
	}
	CHECK_INT(in_child(enter_by_pidfd), 0);
}

TEST_MAIN()
