/* How a zone ended, and what follows. */
#include "runtime/keeper/state.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	BACKOFF_MAX_S = 60,
	/* A run this long was a success: counting starts again. */
	GOOD_RUN_MS = 60000,
	RESTARTS_MAX = 20,
	/* How long the host's init may take to reap an adopted zone's. */
	REAP_MS = 1000,
};

extern char **environ;

/* v2 memory.events and v1 memory.oom_control both have a line "oom_kill N". */
uint64_t ending_oom_count(void)
{
	static const char key[] = "oom_kill ";
	char buf[1024];
	ssize_t n = pread(KEEPER_FD_OOM, buf, sizeof buf - 1, 0);
	buf[n > 0 ? n : 0] = '\0';
	for (const char *p = buf; p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
		if (!strncmp(p, key, sizeof key - 1))
			return strtoull(p + sizeof key - 1, NULL, 10);
	return 0;
}

/* PIDFD_GET_INFO (Linux 6.15): a process's wait status for who is not its parent, once it is
 * reaped. Not in the headers that we build with. */
struct pidfd_info_v0 {
	uint64_t mask, cgroupid;
	uint32_t ids[11];
	int32_t exit_code;
};
#define PIDFD_INFO_EXIT_BIT (UINT64_C(1) << 3)
#define PIDFD_GET_INFO_V0 _IOWR(0xFF, 11, struct pidfd_info_v0)

static bool ask_wait_status(int *ret)
{
	struct pidfd_info_v0 info = {.mask = PIDFD_INFO_EXIT_BIT};
	/* By its number: libcs differ in the type of ioctl()'s request. */
	if (syscall(SYS_ioctl, KEEPER_FD_INIT, PIDFD_GET_INFO_V0, &info) < 0 ||
		!(info.mask & PIDFD_INFO_EXIT_BIT))
		return false;
	*ret = info.exit_code;
	return true;
}

static bool adopted_wait_status(int *ret)
{
	if (ask_wait_status(ret))
		return true;
	struct pollfd reaped = {KEEPER_FD_INIT, 0, 0}; /* POLLHUP is not asked for, but given */
	return poll(&reaped, 1, REAP_MS) > 0 && ask_wait_status(ret);
}

static bool own_wait_status(int *ret)
{
	siginfo_t si = {0};
	if (waitid(P_PIDFD, KEEPER_FD_INIT, &si, WEXITED) < 0)
		return false;
	*ret = si.si_code == CLD_EXITED ? (si.si_status & 255) << 8 : si.si_status & 127;
	return true;
}

/* reboot(2) in a pid namespace ends its init by SIGHUP for a restart and by SIGINT for halt and
 * power off: pid_namespaces(7). Nobody inside can send these two to init otherwise. A command that
 * the OOM killer took makes cella-init exit with 128 + SIGKILL. */
static void classify(struct keeper_exit *x, int status)
{
	int sig = WTERMSIG(status);
	bool exited = WIFEXITED(status);
	bool killed = exited ? WEXITSTATUS(status) == 128 + SIGKILL : sig == SIGKILL;
	x->code = exited ? WEXITSTATUS(status) : sig;
	if (killed && x->oom_kills) {
		x->reason = KEEPER_OOM;
		x->code = SIGKILL;
	} else if (exited) {
		x->reason = KEEPER_EXITED;
	} else if (sig == SIGHUP) {
		x->reason = KEEPER_REBOOT;
	} else if (sig == SIGINT) {
		x->reason = KEEPER_POWEROFF;
	} else {
		x->reason = KEEPER_SIGNALED;
	}
}

static void find_out(struct keeper *k)
{
	uint64_t now = ending_oom_count();
	int status;
	k->exit = (struct keeper_exit){.type = 'x', .reason = KEEPER_UNKNOWN};
	k->exit.oom_kills = now > k->oom_before ? (uint32_t)(now - k->oom_before) : 0;
	if (k->adopted ? adopted_wait_status(&status) : own_wait_status(&status))
		classify(&k->exit, status);
}

static bool parse_number(const char **at, uint64_t *ret)
{
	char *end;
	if (**at != ' ' || (*at)[1] < '0' || (*at)[1] > '9')
		return false;
	*ret = strtoull(*at + 1, &end, 10);
	*at = end;
	return true;
}

/* RUN/zones/NAME/asked: "verb uid pid". Nobody asked if it is not exactly that. */
static void read_asked(struct keeper_asked *by)
{
	char buf[80];
	*by = (struct keeper_asked){0};
	int fd = openat(KEEPER_FD_RUN_DIR, "asked", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t n = read(fd, buf, sizeof buf - 1);
	(void)close(fd);
	buf[n > 0 ? n : 0] = '\0';
	size_t len = strspn(buf, "abcdefghijklmnopqrstuvwxyz");
	const char *at = buf + len;
	if (len == 0 || len >= sizeof by->verb || !parse_number(&at, &by->uid) ||
		!parse_number(&at, &by->pid))
		return;
	memcpy(by->verb, buf, len);
}

static bool wants_restart(const struct keeper *k)
{
	const char *policy = k->argv[KEEPER_ARG_RESTART];
	if (k->exit.asked)
		return false;
	if (k->exit.reason == KEEPER_REBOOT)
		return true;
	if (k->exit.reason == KEEPER_POWEROFF)
		return false; /* somebody inside said so */
	if (!strcmp(policy, "always"))
		return true;
	bool good = k->exit.reason == KEEPER_EXITED && k->exit.code == 0;
	return !strcmp(policy, "on-failure") && !good;
}

/* 1, 2, 4 ... 60 s after runs that were short; at once after a long one, and for the first reboot
 * that was asked for inside. */
static void plan_restart(struct keeper *k)
{
	bool good = keeper_now_ms() - k->started_ms >= GOOD_RUN_MS;
	if (good)
		k->restarts = 0;
	k->restart = wants_restart(k);
	k->gave_up = k->restart && k->restarts >= RESTARTS_MAX;
	if (k->gave_up)
		k->restart = false;
	bool at_once = good || (k->exit.reason == KEEPER_REBOOT && k->restarts == 0);
	int64_t delay = k->restarts >= 6 ? BACKOFF_MAX_S : INT64_C(1) << k->restarts;
	k->restart_at_ms = keeper_now_ms() + (at_once ? 0 : delay * 1000);
}

void ending_record(struct keeper *k)
{
	struct keeper_asked by;
	find_out(k);
	read_asked(&by);
	k->exit.asked = by.verb[0] != '\0';
	plan_restart(k);
	event_write_ended(k, &by);
}

void ending_begin_backoff(struct keeper *k)
{
	char path[] = "/proc/self/fd/0";
	_Static_assert((int)KEEPER_FD_RUN_DIR < 10, "one digit");
	path[sizeof path - 2] = (char)('0' + KEEPER_FD_RUN_DIR);
	/* The watch first: whoever sees the file may sweep at once. */
	k->backoff_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (k->backoff_fd >= 0)
		(void)inotify_add_watch(k->backoff_fd, path, IN_DELETE);
	/* Not to write: that it may not do there (confine.c). */
	int fd = openat(KEEPER_FD_RUN_DIR, "restarting",
		O_RDONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)close(fd);
}

bool ending_is_swept(struct keeper *k)
{
	char drain[1024];
	struct stat st;
	(void)!read(k->backoff_fd, drain, sizeof drain);
	return fstatat(KEEPER_FD_RUN_DIR, "state.json", &st, AT_SYMLINK_NOFOLLOW) < 0;
}

/* What the command would inherit of us: ignored and blocked signals. `held` (0: none) it does
 * inherit: its action is left to exec, since setting it would forget one that has come. */
static void normal_signals(int held)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, normal = {.sa_handler = SIG_DFL};
	for (int sig = 1; sig < NSIG; sig++) {
		if (sig == held)
			continue;
		/* First forget one that is pending: a SIGTERM that came when init had ended, so
		 * that poll did not let it in, would end us as soon as it is unblocked. */
		(void)sigaction(sig, &ignore, NULL);
		(void)sigaction(sig, &normal, NULL);
	}
	sigset_t mask;
	(void)sigemptyset(&mask);
	if (held)
		(void)sigaddset(&mask, held);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
}

/* In a process of its own: this one must see how init ends. */
void ending_ask_for_stop(struct keeper *k)
{
	const char *argv[] = {"cella", "stop", "--quiet", "--", k->name, NULL};
	if (fork() != 0)
		return; /* it is reaped with us; without it the manager's SIGKILL comes in the end
			 */
	normal_signals(0);
	(void)execve(k->argv[KEEPER_ARG_CELLA], (char *const *)(uintptr_t)argv, environ);
	_exit(1);
}

void ending_exec(struct keeper *k)
{
	char digits[24], *restarts = digits + sizeof digits - 1;
	uint64_t n = k->restart ? k->restarts + 1 : 0;
	*restarts = '\0';
	do
		*--restarts = (char)('0' + n % 10);
	while ((n /= 10));
	const char *argv[] = {"cella", "_ended", "--uuid", k->argv[KEEPER_ARG_UUID], "--init-start",
		k->argv[KEEPER_ARG_INIT_START], "--restarts", restarts, "--", k->name, NULL};
	normal_signals(KEEPER_STOP_SIGNAL);
	(void)execve(k->argv[KEEPER_ARG_CELLA], (char *const *)(uintptr_t)argv, environ);
}
