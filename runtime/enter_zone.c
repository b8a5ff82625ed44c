#include "runtime/enter_zone.h"
#include "runtime/start_protocol.h"
#include "base/defence.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/title.h"
#include "base/sys.h"
#include "isolation/namespaces/ns.h"
#include "isolation/privileges/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

__attribute__((noreturn)) static void fail(
	struct enter_side *s, enum start_step step, struct fault *f)
{
	struct start_msg m = {.kind = START_MSG_FAIL, .step = (uint32_t)step, .fault = *f};
	(void)fd_send(s->sock, &m, sizeof m, NULL, 0);
	_exit(125);
}

/* Still the host's root: what needs its privileges comes first. */
static void prepare(struct enter_side *s, struct fault *f)
{
	size_t at = 0;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* H17, H18: nothing of the caller's. First his real-time priority: with one, a process is
	 * not let into a cpu group of v1. */
	process_reset_scheduling();
	if (cg_attach_self(s->attach_fds, s->n_attach, &at) < 0) {
		fault_set(f, "cgroup.procs");
		fail(s, STEP_CGROUP, f);
	}
	/* To lower the score takes what a container as host may not have. */
	static const char own_score[] = "/proc/self/oom_score_adj"; /* banned-ok: host's mounts */
	if (!defence_is_off("H18"))
		(void)path_write_virtual(AT_FDCWD, own_score, s->oom_score);
	if (rlimits_apply(s->rlimits, f) < 0)
		fail(s, STEP_RLIMITS, f);
	/* S02: before the first setns nothing of us may be readable. */
	if (process_set_undumpable(f) < 0 || ns_enter(s->init_fd, s->ns_flags, f) < 0)
		fail(s, STEP_ENTER, f);
}

/* A pty of the zone's devpts. The path is the zone's, so what is found there is checked: a devpts,
 * and its multiplexer (S06); the other end comes from the descriptor itself. */
static int open_pty(struct enter_side *s, int *ret_slave, struct fault *f)
{
	struct open_how how = {
		.flags = O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};
	autofd int master = sys_openat2(AT_FDCWD, "/dev/pts/ptmx", &how);
	struct statfs fs;
	int zero = 0;
	if (master < 0 || fstatfs(master, &fs) < 0)
		return fault_set(f, "/dev/pts/ptmx");
	if (fs.f_type != DEVPTS_SUPER_MAGIC) {
		errno = EXDEV;
		return fault_set(f, "/dev/pts/ptmx");
	}
	struct winsize w = {s->rows, s->cols, 0, 0};
	if (ioctl(master, TIOCSPTLCK, &zero) < 0 ||
		(w.ws_row && w.ws_col && ioctl(master, TIOCSWINSZ, &w) < 0) ||
		fcntl(master, F_SETFL, O_RDWR) < 0)
		return fault_set(f, "/dev/pts/ptmx");
	autofd int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || fchown(slave, s->drop.uid, 5) < 0 || fchmod(slave, 0620) < 0)
		return fault_set(f, "/dev/pts/ptmx");
	struct start_msg m = {.kind = START_MSG_CONSOLE};
	if (fd_send(s->sock, &m, sizeof m, &master, 1) < 0)
		return fault_set(f, "message");
	*ret_slave = fd_steal(&slave);
	return 0;
}

/* 0, 1 and 2 as the command gets them. */
static int set_streams(struct enter_side *s, struct fault *f)
{
	int slave = -1;
	if (s->pty && open_pty(s, &slave, f) < 0)
		return -1;
	for (int i = 0; i < 3; i++)
		if (dup2(s->pty ? slave : s->stdio[i], i) < 0)
			return fault_set(f, "standard streams");
	return 0;
}

static int enter_directory(const struct enter_side *s, struct fault *f)
{
	char cwd[4096];
	if (chdir(s->cwd) < 0 && (!s->cwd_may_fail || chdir("/") < 0))
		return fault_set(f, s->cwd);
	if (defence_is_off("S04"))
		return 0;
	if (!getcwd(cwd, sizeof cwd))
		return fault_set(f, s->cwd);
	if (cwd[0] != '/') { /* S04: "(unreachable)" is outside of the root */
		errno = EXDEV;
		return fault_set(f, s->cwd);
	}
	return 0;
}

/* execvp(3) would do, but for its malloc and for what it makes of EACCES. */
static void exec_command(const struct enter_side *s, struct fault *f)
{
	char buf[4096];
	int seen = ENOENT;
	if (s->program_fd >= 0) {
		(void)execveat(s->program_fd, "", s->argv, s->env, AT_EMPTY_PATH);
		fault_set(f, s->program);
		return;
	}
	if (strchr(s->program, '/')) {
		(void)execve(s->program, s->argv, s->env);
		fault_set(f, s->program);
		if (errno == ENOENT && access(s->program, F_OK) == 0)
			fault_set_hint(f, s->program, FAULT_HINT_INIT_LOADER);
		return;
	}
	size_t name = strlen(s->program);
	for (const char *p = s->path; name && *p;) {
		size_t n = strcspn(p, ":");
		if (n && n + name + 2 < sizeof buf) {
			memcpy(buf, p, n);
			buf[n] = '/';
			memcpy(buf + n + 1, s->program, name + 1);
			(void)execve(buf, s->argv, s->env);
			if (errno != ENOENT && errno != ENOTDIR)
				seen = errno;
		}
		p += n + (p[n] == ':');
	}
	errno = seen;
	fault_set(f, s->program);
}

/* In the zone's namespaces but for its pids, so that nobody in the zone can see this process yet:
 * everything the zone might want of us goes now. Its root may look into each process that it sees,
 * and with the host's ids (userns none) being undumpable is no protection (S02). */
static void give_up_all(struct enter_side *s, struct fault *f)
{
	if (process_set_groups(NULL, 0, f) < 0 || process_set_ids(0, 0, 1, f) < 0 ||
		process_set_undumpable(f) < 0)
		fail(s, STEP_IDS, f);
	/* Being undumpable does not hide them: the host's paths, and what `-e` says. */
	if (!defence_is_off("S02t"))
		title_blank();
	if (set_streams(s, f) < 0)
		fail(s, STEP_STDIO, f);
	/* S04: CLOEXEC comes too late, namely after exec has walked the zone's path; a link of the
	 * zone's to /proc/self/fd/N would lead through a directory of the host. The channel is a
	 * socket: it leads nowhere. A program of ours is a sealed file in memory. */
	int keep[2] = {s->sock, s->program_fd};
	size_t n_keep = s->program_fd < 0 ? 1 : 2;
	if (n_keep == 2 && keep[0] > keep[1]) {
		keep[0] = s->program_fd;
		keep[1] = s->sock;
	}
	if (!defence_is_off("S04") && process_close_fds(keep, n_keep, f) < 0)
		fail(s, STEP_EXEC, f);
	if (drop_apply(&s->drop, f) < 0)
		fail(s, STEP_PRIVILEGES, f);
}

__attribute__((noreturn)) static void become_command(struct enter_side *s)
{
	struct fault f;
	/* Until exec we go with the one who asked. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (defence_is_off("S02"))
		give_up_all(s, &f);
	if ((!defence_is_off("S24b") && setsid() < 0) || (s->pty && ioctl(0, TIOCSCTTY, 0) < 0)) {
		fault_set(&f, "session");
		fail(s, STEP_STDIO, &f);
	}
	if (enter_directory(s, &f) < 0)
		fail(s, STEP_CWD, &f);
	if (process_cloexec_from(3, &f) < 0 || prctl(PR_SET_PDEATHSIG, 0) < 0)
		fail(s, STEP_EXEC, &f);
	exec_command(s, &f);
	fail(s, STEP_EXEC, &f);
}

void enter_zone(struct enter_side *s)
{
	struct fault f;
	int pidfd = -1;
	prepare(s, &f);
	if (!defence_is_off("S02"))
		give_up_all(s, &f);
	/* The pid namespace holds for children only. CLONE_PARENT: the command is the caller's
	 * child, so that its exit status needs nobody in between. */
	struct clone_args a = {
		.flags = CLONE_PARENT | CLONE_PIDFD,
		.pidfd = (uintptr_t)&pidfd,
	};
	pid_t pid = sys_clone3(&a);
	if (pid == 0)
		become_command(s);
	if (pid < 0) {
		fault_set(&f, "clone3");
		fail(s, STEP_FORK, &f);
	}
	/* The number is the host's: we are still in the host's pid namespace ourselves. */
	struct start_msg m = {.kind = START_MSG_PROCESS, .step = (uint32_t)pid};
	if (fd_send(s->sock, &m, sizeof m, &pidfd, 1) < 0)
		_exit(125);
	_exit(0);
}
