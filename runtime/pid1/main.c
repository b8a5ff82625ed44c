/* cella-init: pid 1 of a zone that runs a plain command. Starts the command, passes signals on to
 * it, reaps whatever is orphaned, and ends with the command's exit code (128 + signal if one killed
 * it). Static, since the zone's root may have no libraries; executed from a descriptor of the
 * host's.
 *
 *     cella-init [--exec | --stay] --report-fd N -- COMMAND [ARGUMENT...]
 *
 * With --stay the terminal is one that a keeper holds: should that die, the command goes on.
 * With --exec it becomes the command at once: the last step of a start with the host's ids, where a
 * zone's program that is a script for /proc/self/exe (CVE-2019-5736) is to find this program's
 * sealed copy and not the runtime itself.
 *
 * N is the start's channel (runtime/start_protocol.h): a failure to execute the command goes there;
 * when it closes without a word, the command runs. */
#include "base/relro.h"
#include "runtime/start_protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char *path_variable(void)
{
	for (char **e = environ; *e; e++)
		if (!strncmp(*e, "PATH=", 5))
			return *e + 5;
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* Failures that say something about the file itself, rather than that there is none. */
static bool is_absent(int errnum)
{
	return errnum == ENOENT || errnum == ENOTDIR;
}

/* Returns only on failure, with errno: of what was found and could not be run, else ENOENT.
 * *ret_found: a file is there, but what should load it (ld.so, the program behind #!) is not. */
static void exec_command(char **argv, bool *ret_found)
{
	char buf[4096];
	int seen = ENOENT;
	size_t name = strlen(argv[0]);
	*ret_found = false;
	if (strchr(argv[0], '/')) {
		(void)execve(argv[0], argv, environ);
		seen = errno;
		*ret_found = access(argv[0], F_OK) == 0;
		errno = seen;
		return;
	}
	/* An empty component would be the working directory: what lies there is not run by mistake.
	 */
	for (const char *p = path_variable(); name && *p;) {
		size_t n = strcspn(p, ":");
		if (n && n + name + 2 < sizeof buf) {
			memcpy(buf, p, n);
			buf[n] = '/';
			memcpy(buf + n + 1, argv[0], name + 1);
			(void)execve(buf, argv, environ);
			if (!is_absent(errno))
				seen = errno;
			else if (access(buf, F_OK) == 0)
				*ret_found = true;
		}
		p += n + (p[n] == ':');
	}
	errno = seen;
}

static void report(int fd, enum start_step step, const char *program, enum fault_hint hint)
{
	struct start_msg m = {.kind = START_MSG_FAIL, .step = (uint32_t)step};
	fault_set_hint(&m.fault, program, hint);
	if (fd >= 0)
		(void)send(fd, &m, sizeof m, MSG_NOSIGNAL);
}

static enum fault_hint explain(int errnum, bool found)
{
	if (errnum == ENOEXEC)
		return FAULT_HINT_INIT_FORMAT;
	if (errnum == ENOENT)
		return found ? FAULT_HINT_INIT_LOADER : FAULT_HINT_INIT_MISSING;
	return FAULT_HINT_NONE;
}

__attribute__((noreturn)) static void become(char **argv, int report_fd)
{
	bool found;
	exec_command(argv, &found);
	int code = is_absent(errno) && !found ? 127 : 126;
	report(report_fd, STEP_EXEC, argv[0], explain(errno, found));
	_exit(code);
}

/* The terminal, if that is what it has, is the command's. A hangup is told to the leader of the
 * session: with `stay` that is us, and the command is only its foreground job. Signals are blocked,
 * so that taking the foreground does not stop us. */
static void take_terminal(bool stay)
{
	if (!stay)
		(void)setsid();
	else
		(void)setpgid(0, 0);
	if (!isatty(0))
		return;
	if (stay)
		(void)tcsetpgrp(0, getpid());
	else
		(void)ioctl(0, TIOCSCTTY, 0);
}

static pid_t start(char **argv, int report_fd, bool stay, const sigset_t *old)
{
	if (stay && isatty(0))
		(void)ioctl(0, TIOCSCTTY, 0);
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	take_terminal(stay);
	(void)sigprocmask(SIG_SETMASK, old, NULL);
	become(argv, report_fd);
}

/* Reap all there is. True when the command itself has ended. */
static bool reap(pid_t command, int *status)
{
	bool ended = false;
	for (;;) {
		int st;
		pid_t pid = waitpid(-1, &st, WNOHANG);
		if (pid <= 0)
			return ended;
		if (pid == command) {
			*status = st;
			ended = true;
		}
	}
}

static int watch(pid_t command, bool stay, const sigset_t *all)
{
	int status = 0;
	for (;;) {
		siginfo_t si;
		int sig = sigwaitinfo(all, &si);
		if (sig == SIGCHLD) {
			if (!reap(command, &status))
				continue;
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		}
		/* The keeper is gone, which is no reason to end. */
		if (stay && sig == SIGHUP && si.si_code == SI_KERNEL)
			continue;
		/* Stopping the command is for who has its terminal; the rest is for it. */
		if (sig > 0 && sig != SIGTTIN && sig != SIGTTOU && sig != SIGTSTP)
			(void)kill(command, sig);
	}
}

static int parse_fd(const char *s)
{
	int v = 0;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || v > 100000)
			return -1;
		v = v * 10 + (*s - '0');
	}
	return v;
}

int main(int argc, char **argv)
{
	relro_protect();
	int report_fd = -1, at = 1;
	/* The command may share our ids: the channel is not for it to reach. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	bool exec_only = argc > 1 && !strcmp(argv[1], "--exec");
	bool stay = argc > 1 && !strcmp(argv[1], "--stay");
	at += exec_only || stay;
	if (argc > at + 1 && !strcmp(argv[at], "--report-fd")) {
		report_fd = parse_fd(argv[at + 1]);
		at += 2;
	}
	if (at < argc && !strcmp(argv[at], "--"))
		at++;
	if (at >= argc)
		return 125;
	if (report_fd >= 0)
		(void)fcntl(report_fd, F_SETFD, FD_CLOEXEC);
	if (exec_only)
		become(argv + at, report_fd);
	sigset_t all, old;
	/* sigfillset() leaves out what a libc keeps for itself, and each libc another: what is left
	 * out would reach us with its default action, which the kernel ignores for an init. */
	memset(&all, 0xff, sizeof all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	pid_t command = start(argv + at, report_fd, stay, &old);
	if (command < 0) {
		report(report_fd, STEP_FORK, argv[at], FAULT_HINT_NONE);
		return 125;
	}
	if (report_fd >= 0)
		(void)close(report_fd);
	/* The streams are the command's: a pipe must close when it closes it. */
	for (int fd = 0; fd < 3; fd++)
		(void)close(fd);
	return watch(command, stay, &all);
}
