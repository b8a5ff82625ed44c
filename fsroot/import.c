#include "fsroot/import.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/defence.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/sys.h"
#include "fsroot/import_answer.h"
#include "fsroot/tree.h"

enum {
	ANSWER_MAX = 65536,
	LAYER_ANSWER_MAX = 4 << 20, /* with the names of opaque directories */
	CHILD_DEST_FD = 3,	    /* fsroot/unpack/main.c */
	CHILD_PROGRAM_FD = 4,
	CHILD_SPARE_FDS = 10, /* while descriptors are put in their places */
};
#define CHILD_MEMORY_MAX (UINT64_C(512) << 20)
#define CHILD_FILE_MAX (UINT64_C(16) << 40) /* a sparse disk image may be large */

#if defined(__SANITIZE_ADDRESS__)
#define CHILD_LIMITS_MEMORY false /* the shadow needs terabytes of addresses */
#else
#define CHILD_LIMITS_MEMORY true
#endif

/* Everything the child needs, made before the clone. */
struct child {
	int archive_fd, dest_fd, answer_fd, program_fd, null_fd;
	int go_fd; /* readable when the ids are mapped, at its end when the host side is gone */
	char entries[24], bytes[24];
	char *switches;	   /* base/defence.h */
	const char *layer; /* "--layer" or NULL */
};

/* CHILD: the answer for a failure before the program runs. No stdio. */
static void child_fail(int answer_fd, const char *step)
{
	int errnum = errno;
	char digits[12];
	size_t n = sizeof digits;
	do
		digits[--n] = (char)('0' + errnum % 10);
	while (errnum /= 10);
	(void)fd_write_all(answer_fd, "step ", 5);
	(void)fd_write_all(answer_fd, step, strlen(step));
	(void)fd_write_all(answer_fd, "\nerrno ", 7);
	(void)fd_write_all(answer_fd, digits + n, sizeof digits - n);
	(void)fd_write_all(answer_fd, "\nend\n", 5);
	_exit(2);
}

/* CHILD: fds 0 to 4 as the program expects them, all others closed. */
static int place_fds(struct child *c)
{
	int *fds[] = {&c->archive_fd, &c->answer_fd, &c->null_fd, &c->dest_fd, &c->program_fd};
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if ((*fds[i] = fcntl(*fds[i], F_DUPFD_CLOEXEC, CHILD_SPARE_FDS)) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		if (dup3(*fds[i], (int)i, i == CHILD_PROGRAM_FD ? O_CLOEXEC : 0) < 0)
			return -1;
		*fds[i] = (int)i;
	}
	return sys_close_range(CHILD_PROGRAM_FD + 1, ~0U, 0);
}

/* CHILD: root of its own user namespace with what unpacking needs, and nothing to gain by exec. */
static int drop_privileges(void)
{
	const uint64_t keep = UINT64_C(1) << CAP_CHOWN | UINT64_C(1) << CAP_DAC_OVERRIDE |
			      UINT64_C(1) << CAP_FOWNER | UINT64_C(1) << CAP_FSETID |
			      UINT64_C(1) << CAP_SETFCAP | UINT64_C(1) << CAP_SYS_CHROOT;
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!(keep >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return sys_capset(keep, keep, 0);
}

static int set_limits(void)
{
	static const struct {
		int what;
		rlim_t value;
	} limits[] = {
		{RLIMIT_CORE, 0},
		{RLIMIT_NOFILE, 64},
		{RLIMIT_FSIZE, CHILD_FILE_MAX},
		{RLIMIT_AS, CHILD_MEMORY_MAX},
	};
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		struct rlimit now;
		if (limits[i].what == RLIMIT_AS && !CHILD_LIMITS_MEMORY)
			continue;
		if (getrlimit((__rlimit_resource_t)limits[i].what, &now) < 0)
			return -1;
		rlim_t v = limits[i].value < now.rlim_max ? limits[i].value : now.rlim_max;
		const struct rlimit set = {v, v};
		if (setrlimit((__rlimit_resource_t)limits[i].what, &set) < 0)
			return -1;
	}
	return 0;
}

/* CHILD */
static void reset_signals(void)
{
	sigset_t none;
	struct sigaction normal = {.sa_handler = SIG_DFL}, ignored = {.sa_handler = SIG_IGN};
	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &normal, NULL);
	(void)sigaction(SIGXFSZ, &ignored, NULL); /* EFBIG says it better */
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* CHILD: from clone to exec; nothing here may allocate. */
static void __attribute__((noreturn)) run_child(struct child *c)
{
	char byte;
	const char *const argv[] = {
		"cella-unpack", "--entries", c->entries, "--bytes", c->bytes, c->layer, NULL};
	const char *const envp[] = {c->switches, NULL};
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		child_fail(c->answer_fd, "cannot bind the unpacker to its parent");
	if (fd_read_all(c->go_fd, &byte, 1) != 1)
		_exit(2); /* the host side is gone, or could not map the ids */
	if (sys_setgroups(0, NULL) < 0 || sys_setresgid(0) < 0 || sys_setresuid(0) < 0)
		child_fail(c->answer_fd, "cannot become root of the unpacker's namespace");
	/* Changing ids has cleared it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		child_fail(c->answer_fd, "cannot bind the unpacker to its parent");
	if (setsid() < 0 || (sys_new_session_keyring() < 0 && errno != ENOSYS))
		child_fail(c->answer_fd, "cannot make a session for the unpacker");
	reset_signals();
	if (place_fds(c) < 0)
		child_fail(c->answer_fd, "cannot place the unpacker's descriptors");
	if (set_limits() < 0)
		child_fail(c->answer_fd, "cannot set the unpacker's limits");
	if (drop_privileges() < 0)
		child_fail(c->answer_fd, "cannot drop the unpacker's privileges");
	(void)syscall(SYS_execveat, c->program_fd, "", argv, envp, AT_EMPTY_PATH);
	child_fail(c->answer_fd, "cannot run cella-unpack");
	_exit(2);
}

static int write_map(pid_t pid, const char *file, uint32_t first, struct err *e)
{
	char path[48], map[48];
	(void)snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
	int len = snprintf(map, sizeof map, "0 %u %d", first, IMPORT_IDS);
	autofd int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, map, (size_t)len) != len)
		return err_sys(e, errno, "cannot map ids from %u for the unpacker", first);
	return 0;
}

static int map_child(pid_t pid, const struct import_plan *plan, int tree_fd, struct err *e)
{
	char path[48];
	if (write_map(pid, "gid_map", plan->host_first, e) < 0 ||
		write_map(pid, "uid_map", plan->host_first, e) < 0)
		return -1;
	(void)snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
	autofd int userns = open(path, O_RDONLY | O_CLOEXEC);
	if (userns < 0)
		return err_sys(e, errno, "cannot open the unpacker's user namespace");
	return tree_idmap(tree_fd, userns, 0, 0, e);
}

/* What a user namespace may not set. The names are the child's words: nothing outside of the
 * destination can be meant by them. */
static int mark_opaque(int dest_fd, const struct strbuf *names, struct err *e)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_XDEV,
	};
	for (size_t at = 0; at < names->len; at += strlen(names->buf + at) + 1) {
		char shown[160];
		autofd int fd = sys_openat2(dest_fd, names->buf + at, &how);
		if (fd < 0 || fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) < 0)
			return err_sys(e, errno, "cannot mark '%s' as opaque",
				str_escape(shown, sizeof shown, names->buf + at));
	}
	return 0;
}

static int finish_child(const struct import_plan *plan, int pidfd, int *answer_fd,
	struct import_result *ret, struct err *e)
{
	size_t room = plan->is_layer ? LAYER_ANSWER_MAX : ANSWER_MAX;
	autostr struct strbuf opaque = {0};
	autofree char *answer = malloc(room);
	if (!answer)
		return err_nomem(e);
	ssize_t n = fd_read_all(*answer_fd, answer, room - 1);
	int errnum = errno;
	/* More than the bound: it would wait for us, and we for it. */
	fd_close(answer_fd);
	siginfo_t info = {0};
	if (sys_waitid_pidfd(pidfd, &info, WEXITED) < 0)
		return err_sys(e, errno, "cannot wait for cella-unpack");
	if (n < 0)
		return err_sys(e, errnum, "cannot read cella-unpack's answer");
	answer[n] = '\0';
	if (info.si_code != CLD_EXITED) {
		err_set(e, ERR_FAILED, "cella-unpack was ended by signal %d (%s)", info.si_status,
			sigabbrev_np(info.si_status) ?: "?");
		return err_hint(e, "the archive may need more than %llu MiB of memory to unpack",
			(unsigned long long)(CHILD_MEMORY_MAX >> 20));
	}
	if (import_answer_parse(answer, ret, &opaque, e) < 0)
		return -1;
	return mark_opaque(plan->dest_dir_fd, &opaque, e);
}

/* 0: all of it is sent, or the child takes no more; -1: there is something wrong with it. */
static int send_feed(const struct import_feed *feed, int *fd, struct err *e)
{
	const char *piece = NULL;
	ssize_t n;
	while ((n = feed->next(feed->arg, (const void **)&piece, e)) > 0)
		while (n && *fd >= 0) {
			/* Without a signal where a pipe would send one. */
			ssize_t sent = send(*fd, piece, (size_t)n, MSG_NOSIGNAL);
			if (sent < 0 && errno != EINTR)
				fd_close(fd); /* it has ended, and will say why */
			if (sent > 0) {
				piece += sent;
				n -= sent;
			}
		}
	fd_close(fd);
	return n < 0 ? -1 : 0;
}

static void kill_child(int pidfd)
{
	siginfo_t info;
	(void)sys_pidfd_send_signal(pidfd, SIGKILL);
	(void)sys_waitid_pidfd(pidfd, &info, WEXITED);
}

/* The host side's ends of what the child has. */
struct ends {
	int go_fd, answer_fd, feed_fd;
};

static int run(const struct import_plan *plan, struct child *c, int tree_fd, struct ends *ends,
	struct import_result *ret, struct err *e)
{
	autofd int pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC |
			 CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	pid_t pid = sys_clone3(&args);
	if (pid < 0) {
		err_sys(e, errno, "cannot start the unpacker");
		return errno == ENOSPC || errno == EUSERS
			       ? err_hint(e, "sysctl user.max_*_namespaces may be too low")
			       : -1;
	}
	if (pid == 0) {
		/* Its end of the pipe would keep the child waiting for itself. */
		fd_close(&ends->go_fd);
		fd_close(&ends->answer_fd);
		fd_close(&ends->feed_fd);
		run_child(c);
	}
	fd_close(&c->answer_fd);
	fd_close(&c->go_fd);
	if (plan->feed)
		fd_close(&c->archive_fd);
	if (map_child(pid, plan, tree_fd, e) < 0 || fd_write_all(ends->go_fd, "g", 1) < 0) {
		if (!e->cls)
			err_sys(e, errno, "cannot start the unpacker");
		kill_child(pidfd);
		return -1;
	}
	if (plan->feed && send_feed(plan->feed, &ends->feed_fd, e) < 0) {
		kill_child(pidfd);
		return -1;
	}
	return finish_child(plan, pidfd, &ends->answer_fd, ret, e);
}

static int import_checked(const struct import_plan *plan, struct import_result *ret, struct err *e)
{
	const char *program = plan->program ? plan->program : IMPORT_PROGRAM;
	autofd int program_fd = open(program, O_PATH | O_CLOEXEC);
	if (program_fd < 0)
		return err_sys(e, errno, "cannot run '%s'", program);
	autofd int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0)
		return err_sys(e, errno, "cannot open /dev/null");
	autofd int tree_fd = tree_clone(plan->dest_dir_fd, "", false);
	if (tree_fd < 0)
		return err_sys(e, errno, "cannot clone the mount of the destination");
	int pipes[2];
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	autofd int answer_fd = pipes[0];
	autofd int answer_write_fd = pipes[1];
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	autofd int go_read_fd = pipes[0];
	autofd int go_fd = pipes[1];
	pipes[0] = pipes[1] = -1;
	if (plan->feed && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pipes) < 0)
		return err_sys(e, errno, "socket");
	struct ends ends = {fd_steal(&go_fd), fd_steal(&answer_fd), pipes[0]};
	struct child c = {
		.archive_fd = plan->feed ? pipes[1] : plan->archive_fd,
		.dest_fd = tree_fd,
		.answer_fd = fd_steal(&answer_write_fd),
		.program_fd = program_fd,
		.null_fd = null_fd,
		.go_fd = fd_steal(&go_read_fd),
		.switches = defence_environment(),
		.layer = plan->is_layer ? "--layer" : NULL,
	};
	(void)snprintf(c.entries, sizeof c.entries, "%llu",
		(unsigned long long)(plan->max_entries ?: IMPORT_ENTRIES_DEFAULT));
	(void)snprintf(c.bytes, sizeof c.bytes, "%llu",
		(unsigned long long)(plan->max_bytes ?: IMPORT_BYTES_DEFAULT));
	struct err seen = {0};
	int r = run(plan, &c, tree_fd, &ends, ret, &seen);
	int *owned[] = {&c.answer_fd, &c.go_fd, plan->feed ? &c.archive_fd : &ends.feed_fd,
		&ends.go_fd, &ends.answer_fd, &ends.feed_fd};
	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		fd_close(owned[i]);
	if (r < 0 && e)
		*e = seen;
	return r;
}

int import_archive(const struct import_plan *plan, struct import_result *ret, struct err *e)
{
	struct import_result result = {0};
	if (import_checked(plan, &result, e) < 0)
		return err_at(e, "import", NULL);
	*ret = result;
	return 0;
}
