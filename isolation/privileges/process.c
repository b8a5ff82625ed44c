#include "isolation/privileges/process.h"

#include "base/defence.h"
#include "base/path.h"
#include "base/sys.h"
#include <errno.h>
#include <sys/resource.h>
#include <string.h>
#include <sched.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	KERNEL_SIGSET_SIZE = 8,
	KERNEL_NSIG = 64,
};

int process_new_keyring(struct fault *f)
{
	if (!defence_is_off("H12") && sys_new_session_keyring() < 0 && errno != ENOSYS)
		return fault_set(f, "session keyring");
	return 0;
}

int process_set_undumpable(struct fault *f)
{
	/* The kernel takes it away by itself at a change of ids: without the defence it is given
	 * back. */
	if (prctl(PR_SET_DUMPABLE, defence_is_off("H15") ? 1 : 0, 0, 0, 0) < 0)
		return fault_set(f, "PR_SET_DUMPABLE");
	return 0;
}

void process_set_umask(void)
{
	if (!defence_is_off("H16"))
		umask(0022);
}

int process_set_no_new_privs(struct fault *f)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fault_set(f, "PR_SET_NO_NEW_PRIVS");
	return 0;
}

int process_set_groups(const uint32_t *gids, size_t n, struct fault *f)
{
	if (!defence_is_off("H16") && sys_setgroups(n, gids) < 0)
		return fault_set(f, "setgroups");
	return 0;
}

int process_set_ids(uint32_t uid, uint32_t gid, bool keep_caps, struct fault *f)
{
	if (prctl(PR_SET_KEEPCAPS, keep_caps ? 1 : 0, 0, 0, 0) < 0)
		return fault_set(f, "PR_SET_KEEPCAPS");
	if (sys_setresgid(gid) < 0)
		return fault_set(f, "setresgid");
	if (sys_setresuid(uid) < 0)
		return fault_set(f, "setresuid");
	return 0;
}

static int close_between(unsigned first, unsigned last, struct fault *f)
{
	if (first <= last && !defence_is_off("H13") && sys_close_range(first, last, 0) < 0)
		return fault_set(f, "close_range");
	return 0;
}

int process_close_fds(const int *keep, size_t n_keep, struct fault *f)
{
	unsigned first = 3;
	for (size_t i = 0; i < n_keep; i++) {
		if (keep[i] < 0 || (unsigned)keep[i] < first) {
			errno = EINVAL; /* not ascending: would close what must stay */
			return fault_set(f, "list of kept descriptors");
		}
		if (keep[i] > 3 && close_between(first, (unsigned)keep[i] - 1, f) < 0)
			return -1;
		first = (unsigned)keep[i] + 1;
	}
	return close_between(first, UINT_MAX, f);
}

int process_cloexec_from(int first, struct fault *f)
{
	if (!defence_is_off("H13") &&
		sys_close_range((unsigned)first, UINT_MAX, CLOSE_RANGE_CLOEXEC) < 0)
		return fault_set(f, "close_range");
	return 0;
}

int process_reset_signals(struct fault *f)
{
	/* All zero is SIG_DFL, no flags, empty mask, whatever the architecture's order of members.
	 * The raw call, as glibc hides two real-time signals that a caller may well have ignored.
	 */
	static const uint64_t default_action[8];
	static const uint64_t empty_set;
	for (int sig = 1; sig <= KERNEL_NSIG; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP)
			continue;
		if (syscall(SYS_rt_sigaction, sig, default_action, NULL, KERNEL_SIGSET_SIZE) < 0)
			return fault_set(f, "sigaction");
	}
	if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &empty_set, NULL, KERNEL_SIGSET_SIZE) < 0)
		return fault_set(f, "sigprocmask");
	return 0;
}

void process_reset_scheduling(void)
{
	static const struct sched_param none;
	cpu_set_t all;
	memset(&all, 0xff, sizeof all);
	(void)sched_setaffinity(0, sizeof all, &all);
	(void)sched_setscheduler(0, SCHED_OTHER, &none);
	(void)setpriority(PRIO_PROCESS, 0, 0);
}

int process_set_oom_score(pid_t pid, int adj, struct err *e)
{
	char path[48], text[16];
	if (defence_is_off("H18"))
		return 0;
	if (adj < -1000 || adj > 1000)
		return err_set(e, ERR_USAGE, "oom_score_adj %d is not within -1000..1000", adj);
	if (pid == 0)
		snprintf(path, sizeof path, "/proc/self/oom_score_adj");
	else
		snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)pid);
	snprintf(text, sizeof text, "%d", adj);
	if (path_write_virtual(AT_FDCWD, path, text) == 0)
		return 0;
	if (errno != EACCES && errno != EPERM)
		return err_sys(e, errno, "write '%s' to '%s'", text, path);
	err_sys(e, errno, "write '%s' to '%s'", text, path);
	err_class_set(e, ERR_HOST);
	return err_hint(e, "lowering it needs CAP_SYS_RESOURCE, which this host does not give us");
}
