/* The zone side's last steps for real: in a child with its own user namespace, what is in force
 * afterwards, and what real calls answer. */
#include "isolation/privileges/drop.h"
#include "base/mem.h"
#include "base/sys.h"
#include "isolation/privileges/paths.h"
#include "isolation/privileges/process.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIT(cap) (UINT64_C(1) << (cap))

/* Shared with the child, so that its CHECKs can be counted here. */
struct zone {
	struct drop_plan plan;
	void (*check)(const struct zone *z);
};

static int write_map(pid_t pid, const char *file)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, "0 1879048192 65536\n", 19);
	close(fd);
	return n == 19 ? 0 : -1;
}

/* In a child with a user namespace: wait for the maps, become its root, drop, check. */
static void in_zone(const struct zone *z, int gate)
{
	struct fault f = {0};
	char c;
	if (read(gate, &c, 1) != 0 || process_set_groups(NULL, 0, &f) < 0 ||
		process_set_ids(0, 0, true, &f) < 0) {
		printf("# cannot become the zone's root: %s\n", strerror(errno));
		_exit(1);
	}
	int before = test_failures;
	if (drop_apply(&z->plan, &f) < 0) {
		printf("# drop: %s: %s\n", f.object, strerror(f.errnum));
		test_failures++;
	} else {
		z->check(z);
	}
	fflush(stdout);
	_exit(test_failures != before);
}

static void run_zone(const struct zone *z)
{
	int gate[2], status = -1;
	if (geteuid() != 0) {
		printf("# skipped: not root\n");
		return;
	}
	CHECK(pipe2(gate, O_CLOEXEC) == 0);
	fflush(stdout);
	struct clone_args args = {.flags = CLONE_NEWUSER | CLONE_NEWIPC, .exit_signal = SIGCHLD};
	pid_t pid = sys_clone3(&args);
	if (pid == 0) {
		close(gate[1]);
		in_zone(z, gate[0]);
	}
	if (pid < 0) {
		printf("# skipped: no user namespace: %s\n", strerror(errno));
		return;
	}
	CHECK(write_map(pid, "gid_map") == 0 && write_map(pid, "uid_map") == 0);
	close(gate[0]);
	close(gate[1]);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void plan_make(struct zone *z, enum caps_profile profile, struct filter_options options)
{
	struct err e = {0};
	CHECK_INT(caps_plan_make(profile, NULL, 0, NULL, 0, &z->plan.caps, &e), 0);
	options.capabilities = z->plan.caps.bounding;
	CHECK_INT(filter_get(&options, -1, &z->plan.filter, &e), 0);
}

#define CHECK_FAILS(call, errnum)                                                                  \
	do {                                                                                       \
		errno = 0;                                                                         \
		long check_r = (long)(call);                                                       \
		if (check_r != -1 || errno != (errnum)) {                                          \
			test_failures++;                                                           \
			printf("# %s:%d: %s: %ld, %s\n", __FILE__, __LINE__, #call, check_r,       \
				strerror(errno));                                                  \
		}                                                                                  \
	} while (0)

static void check_sets(const struct zone *z)
{
	const struct caps_plan *want = &z->plan.caps;
	uint64_t effective = 1, permitted = 1, inheritable = 1;
	CHECK(sys_capget(&effective, &permitted, &inheritable) == 0);
	CHECK(effective == want->effective && permitted == want->permitted);
	CHECK(inheritable == want->inheritable);
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		CHECK_INT(prctl(PR_CAPBSET_READ, cap, 0, 0, 0), (want->bounding & BIT(cap)) != 0);
		CHECK_INT(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0),
			(want->ambient & BIT(cap)) != 0);
	}
	CHECK_INT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), z->plan.no_new_privs);
	CHECK_INT(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), z->plan.filter.n ? 2 : 0);
	CHECK_INT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
	CHECK(getuid() == z->plan.uid && geteuid() == z->plan.uid && getegid() == z->plan.gid);
	CHECK_INT(getgroups(0, NULL), z->plan.n_groups);
	CHECK_INT(umask(0), 0022);
}

static void check_calls(const struct zone *z)
{
	check_sets(z);
	CHECK_FAILS(syscall(SYS_open_by_handle_at, -1, NULL, 0), EPERM);
	CHECK_FAILS(syscall(SYS_bpf, 0, NULL, 0), EPERM);
	CHECK_FAILS(syscall(SYS_keyctl, 0, 0, 0, 0, 0), EPERM);
	CHECK_FAILS(syscall(SYS_io_uring_setup, 1, NULL), EPERM);
	CHECK_FAILS(syscall(SYS_userfaultfd, 0), EPERM);
	CHECK_FAILS(syscall(SYS_syslog, 3, NULL, 0), EPERM);
	CHECK_FAILS(syscall(999, 0), ENOSYS);
	CHECK_FAILS(ioctl(0, TIOCSTI, "x"), EPERM);
	CHECK_FAILS(syscall(SYS_ioctl, 0, TIOCSTI | UINT64_C(1) << 32, "x"), EPERM);
	CHECK_FAILS(ioctl(0, TIOCLINUX, "\2"), EPERM);
	CHECK_FAILS(socket(AF_VSOCK, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_FAILS(socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT), EAFNOSUPPORT);
	CHECK_FAILS(personality(ADDR_NO_RANDOMIZE), EPERM);
	CHECK(personality(0xffffffff) >= 0);
#ifdef __x86_64__
	CHECK_FAILS(syscall(SYS_getpid | 0x40000000), ENOSYS);
#endif
	/* And what an init needs, works. */
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	CHECK(fd >= 0);
	close(fd);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	close(fd);
	int status = -1;
	pid_t pid = fork();
	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 ? 0 : errno == ENOSPC ? 0 : 1);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

#ifdef __x86_64__
static long int80(long nr, long a, long b, long c)
{
	long r;
	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(nr), "b"(a), "c"(b), "d"(c)
			 : "memory", "r8", "r9", "r10", "r11");
	return r;
}

/* The 32-bit entry of a 64-bit process. SIGSEGV: the kernel has no such entry. */
static void check_int80(const struct zone *z)
{
	(void)z;
	if (int80(20, 0, 0, 0) != getpid()) {
		printf("# skipped: no 32-bit system calls\n");
		return;
	}
	CHECK_INT(int80(342, -1, 0, 0), -EPERM); /* open_by_handle_at */
	CHECK_INT(int80(999, 0, 0, 0), -ENOSYS);
	CHECK_INT(int80(54, 0, TIOCSTI, 0), -EPERM); /* ioctl */
	CHECK_INT(int80(359, AF_VSOCK, SOCK_STREAM, 0), -EAFNOSUPPORT);
	CHECK_INT(int80(359, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT), -EAFNOSUPPORT);
	CHECK_INT(int80(102, 1, 0, 0), -EPERM);			/* socketcall */
	CHECK_INT(int80(136, ADDR_NO_RANDOMIZE, 0, 0), -EPERM); /* personality */
}

TEST(the_32_bit_entry_is_filtered_too)
{
	struct zone z = {.check = check_int80};
	plan_make(&z, CAPS_SYSTEM, (struct filter_options){0});
	run_zone(&z);
	filter_blob_done(&z.plan.filter);
}
#endif

TEST(system_zone)
{
	struct zone z = {.check = check_calls};
	plan_make(&z, CAPS_SYSTEM, (struct filter_options){0});
	run_zone(&z);
	filter_blob_done(&z.plan.filter);
}

TEST(app_zone_with_no_new_privs)
{
	struct zone z = {.plan.no_new_privs = true, .check = check_calls};
	plan_make(&z, CAPS_APP, (struct filter_options){0});
	run_zone(&z);
	filter_blob_done(&z.plan.filter);
}

TEST(app_zone_without_no_new_privs)
{
	struct zone z = {.check = check_calls};
	plan_make(&z, CAPS_APP, (struct filter_options){0});
	run_zone(&z);
	filter_blob_done(&z.plan.filter);
}

TEST(another_user_has_nothing)
{
	static const uint32_t groups[] = {10, 20, 65535};
	for (int nnp = 0; nnp < 2; nnp++) {
		struct err e = {0};
		struct zone z = {.plan = {.uid = 1000,
					 .gid = 1001,
					 .groups = groups,
					 .n_groups = 3,
					 .no_new_privs = nnp},
			.check = check_sets};
		plan_make(&z, CAPS_SYSTEM, (struct filter_options){0});
		CHECK_INT(caps_plan_for_uid(&z.plan.caps, 1000, 0, &e), 0);
		run_zone(&z);
		filter_blob_done(&z.plan.filter);
	}
}

TEST(another_user_with_an_ambient_capability)
{
	struct err e = {0};
	struct zone z = {.plan = {.uid = 1000, .gid = 1000}, .check = check_sets};
	plan_make(&z, CAPS_APP, (struct filter_options){0});
	CHECK_INT(caps_plan_for_uid(&z.plan.caps, 1000, BIT(CAP_NET_BIND_SERVICE), &e), 0);
	run_zone(&z);
	filter_blob_done(&z.plan.filter);
}

static void check_logged(const struct zone *z)
{
	check_sets(z);
	/* Let through to the kernel's own answers. */
	CHECK_FAILS(syscall(SYS_userfaultfd, -1), EINVAL);
	CHECK_FAILS(syscall(999, 0), ENOSYS);
}

TEST(log_mode_and_unconfined_let_calls_through)
{
	static const enum filter_mode modes[] = {FILTER_LOG, FILTER_UNCONFINED};
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		struct zone z = {.check = check_logged};
		plan_make(&z, CAPS_SYSTEM, (struct filter_options){.mode = modes[i]});
		run_zone(&z);
		filter_blob_done(&z.plan.filter);
	}
}

/* ---- the small steps ---- */

static int child_status(int (*run)(void))
{
	int status = -1;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		_exit(run());
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int close_all_but(void)
{
	static const int keep[] = {5, 9, 10, 40};
	static const int wrong[] = {9, 5};
	struct fault f;
	for (int fd = 3; fd < 60; fd++)
		dup2(1, fd);
	if (process_close_fds(wrong, 2, &f) == 0 || f.errnum != EINVAL)
		return 1;
	for (int fd = 3; fd < 60; fd++)
		dup2(1, fd);
	if (process_close_fds(keep, ARRAY_LEN(keep), &f) < 0)
		return 2;
	for (int fd = 0; fd < 64; fd++)
		if (is_open(fd) != (fd < 3 || fd == 5 || fd == 9 || fd == 10 || fd == 40))
			return 3;
	if (process_cloexec_from(9, &f) < 0 || fcntl(5, F_GETFD) != 0 ||
		fcntl(9, F_GETFD) != FD_CLOEXEC || fcntl(40, F_GETFD) != FD_CLOEXEC)
		return 4;
	if (process_close_fds(NULL, 0, &f) < 0 || is_open(5) || !is_open(2))
		return 5;
	static const int first[] = {3};
	dup2(1, 3);
	dup2(1, 4);
	return process_close_fds(first, 1, &f) == 0 && is_open(3) && !is_open(4) ? 0 : 6;
}

TEST(descriptors_are_closed_except_the_kept)
{
	CHECK_INT(child_status(close_all_but), 0);
}

static int reset_signals(void)
{
	struct fault f;
	sigset_t all, now;
	struct sigaction action;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (int sig = 1; sig < 65; sig++)
		signal(sig, SIG_IGN);
	if (process_reset_signals(&f) < 0 || sigprocmask(SIG_BLOCK, NULL, &now) < 0)
		return 1;
	for (int sig = 1; sig < 65; sig++) {
		if (sigismember(&now, sig) == 1)
			return 2;
		if (sigaction(sig, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
			return 3;
	}
	return 0;
}

TEST(signals_are_as_in_a_new_process)
{
	CHECK_INT(child_status(reset_signals), 0);
}

static int set_oom(void)
{
	struct err e = {0};
	char text[16] = "";
	if (process_set_oom_score(0, 1001, &e) == 0 || e.cls != ERR_USAGE)
		return 1;
	if (process_set_oom_score(getpid(), 500, &e) < 0)
		return 2;
	int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
	if (read(fd, text, sizeof text - 1) <= 0 || atoi(text) != 500)
		return 3;
	/* Down again is allowed or refused by name, never silent. */
	if (process_set_oom_score(0, -1000, &e) < 0 && e.cls != ERR_HOST)
		return 4;
	return 0;
}

TEST(oom_score)
{
	CHECK_INT(child_status(set_oom), 0);
}

TEST(masked_paths_of_each_cpu)
{
	char dir[] = "/tmp/cella-cpus.XXXXXX", path[200];
	static const char *const made[] = {"cpu0", "cpu0/thermal_throttle", "cpu11",
		"cpu11/thermal_throttle", "cpu2", "cpufreq", "cpufreq/thermal_throttle"};
	CHECK(mkdtemp(dir));
	for (size_t i = 0; i < ARRAY_LEN(made); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, made[i]);
		CHECK_INT(mkdir(path, 0700), 0);
	}
	char **list = paths_masked_here(dir, NULL);
	size_t n = 0, fixed = 0, cpus = 0;
	while (paths_masked[fixed])
		fixed++;
	for (; list && list[n]; n++)
		cpus += !strcmp(list[n], "/sys/devices/system/cpu/cpu0/thermal_throttle") ||
			!strcmp(list[n], "/sys/devices/system/cpu/cpu11/thermal_throttle");
	CHECK_INT(cpus, 2);
	CHECK_INT(n, fixed + 2);
	paths_free(list);
	for (size_t i = ARRAY_LEN(made); i-- > 0;) {
		snprintf(path, sizeof path, "%s/%s", dir, made[i]);
		CHECK_INT(rmdir(path), 0);
	}
	CHECK_INT(rmdir(dir), 0);
	/* a machine without them */
	list = paths_masked_here("/nowhere", NULL);
	for (n = 0; list && list[n]; n++)
		;
	CHECK_INT(n, fixed);
	paths_free(list);
}

TEST(path_tables_are_absolute_and_apart)
{
	for (size_t i = 0; paths_masked[i]; i++) {
		CHECK(paths_masked[i][0] == '/');
		for (size_t k = 0; paths_readonly[k]; k++)
			CHECK(strcmp(paths_masked[i], paths_readonly[k]) != 0);
	}
	for (size_t i = 0; paths_writable[i]; i++)
		CHECK(strncmp(paths_writable[i], "/proc/sys/", 10) == 0);
}

TEST_MAIN()
