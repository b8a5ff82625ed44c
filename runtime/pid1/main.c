/* cella-init: pid 1 of a zone that runs a plain command. Starts the command, passes signals on to
 * it, reaps whatever is orphaned, and ends with the command's exit code (128 + signal if one killed
 * it). Static, since the zone's root may have no libraries; executed from a descriptor of the
 * host's.
 *
 *     cella-init --report-fd N -- COMMAND [ARGUMENT...]
 *
 * N is the start's channel (runtime/start_protocol.h): a failure to execute the command goes there;
 * when it closes without a word, the command runs. */
#include "runtime/start_protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
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

/* Returns only on failure, with errno: what was found and could not be run, else ENOENT. */
static void exec_command(char **argv)
{
	char buf[4096];
	int seen = ENOENT;
	size_t name = strlen(argv[0]);
	if (strchr(argv[0], '/')) {
		(void)execve(argv[0], argv, environ);
		return;
	}
	for (const char *p = path_variable(); name && *p;) {
		size_t n = strcspn(p, ":");
		if (n && n + name + 2 < sizeof buf) {
			memcpy(buf, p, n);
			buf[n] = '/';
			memcpy(buf + n + 1, argv[0], name + 1);
			(void)execve(buf, argv, environ);
			if (errno != ENOENT && errno != ENOTDIR)
				seen = errno;
		}
		p += n + (p[n] == ':');
	}
	errno = seen;
}

static void report(int fd, const char *program)
{
	struct start_msg m = {.kind = START_MSG_FAIL, .step = STEP_EXEC};
	int errnum = errno;
	enum fault_hint hint = FAULT_HINT_NONE;
	if (errnum == ENOEXEC)
		hint = FAULT_HINT_INIT_FORMAT;
	else if (errnum == ENOENT)
		hint = access(program, F_OK) == 0 ? FAULT_HINT_INIT_LOADER
						  : FAULT_HINT_INIT_MISSING;
	errno = errnum;
	fault_set_hint(&m.fault, program, hint);
	if (fd >= 0)
		(void)send(fd, &m, sizeof m, MSG_NOSIGNAL);
}

static pid_t start(char **argv, int report_fd, const sigset_t *old)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	(void)sigprocmask(SIG_SETMASK, old, NULL);
	/* The command leads a session of its own; a terminal, if that is what it has, is its. */
	(void)setsid();
	if (isatty(0))
		(void)ioctl(0, TIOCSCTTY, 0);
	exec_command(argv);
	int code = errno == ENOENT || errno == ENOTDIR ? 127 : 126;
	report(report_fd, argv[0]);
	_exit(code);
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

static int watch(pid_t command, const sigset_t *all)
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
	int report_fd = -1, at = 1;
	if (argc > 2 && !strcmp(argv[1], "--report-fd")) {
		report_fd = parse_fd(argv[2]);
		at = 3;
	}
	if (at < argc && !strcmp(argv[at], "--"))
		at++;
	if (at >= argc)
		return 125;
	if (report_fd >= 0)
		(void)fcntl(report_fd, F_SETFD, FD_CLOEXEC);
	sigset_t all, old;
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	pid_t command = start(argv + at, report_fd, &old);
	if (command < 0) {
		report(report_fd, argv[at]);
		return 125;
	}
	if (report_fd >= 0)
		(void)close(report_fd);
	/* The streams are the command's: a pipe must close when it closes it. */
	for (int fd = 0; fd < 3; fd++)
		(void)close(fd);
	return watch(command, &all);
}
