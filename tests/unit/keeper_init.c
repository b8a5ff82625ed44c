/* cella-init as pid 1 of a pid namespace: exit codes, failures to execute, signals, orphans,
 * streams, terminal. */
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/sys.h"
#include "runtime/start_protocol.h"
#include "relro.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum {
	PATIENCE_MS = 20000
};
static char dir[] = "/tmp/cella-init-XXXXXX";

struct run {
	pid_t pid;
	int report; /* our end */
	int in, out;
	struct start_msg fail;
	bool has_failed;
};

TEST(root)
{
	if (geteuid() != 0) {
		printf("1..0 # SKIP root only\n");
		exit(0);
	}
	CHECK(mkdtemp(dir) != NULL && chmod(dir, 0755) == 0);
}

static char *path_env(void)
{
	static char path[200];
	(void)snprintf(path, sizeof path, "PATH=%s/first:%s/second:/usr/bin:/bin", dir, dir);
	return path;
}

/* `pty` >= 0: the streams; else pipes. */
static void start(struct run *r, int pty, const char *const *command)
{
	int pair[2], in[2], out[2];
	char number[12];
	const char *argv[16] = {"cella-init", "--report-fd", number, "--"};
	size_t n = 4;
	while (*command && n < ARRAY_LEN(argv) - 1)
		argv[n++] = *command++;
	*r = (struct run){0};
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	(void)snprintf(number, sizeof number, "%d", pair[1]);
	struct clone_args a = {.flags = CLONE_NEWPID, .exit_signal = SIGCHLD};
	r->pid = sys_clone3(&a);
	if (r->pid == 0) {
		char *env[] = {path_env(), NULL};
		(void)setsid();
		(void)fcntl(pair[1], F_SETFD, 0);
		(void)dup2(pty >= 0 ? pty : in[0], 0);
		(void)dup2(pty >= 0 ? pty : out[1], 1);
		(void)execve(INIT, (char *const *)(uintptr_t)argv, env);
		_exit(99);
	}
	CHECK(r->pid > 0);
	r->report = pair[0], r->in = in[1], r->out = out[0];
	close(pair[1]), close(in[0]), close(out[1]);
}

/* True when the command runs; else its failure is in r->fail. */
static bool runs(struct run *r)
{
	struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
	(void)setsockopt(r->report, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	ssize_t n = fd_recv(r->report, &r->fail, sizeof r->fail, NULL, NULL);
	return n == 0;
}

static int finish(struct run *r)
{
	int status = -1;
	autofd int fd = sys_pidfd_open(r->pid, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	if (poll(&p, 1, PATIENCE_MS) != 1) {
		(void)kill(r->pid, SIGKILL);
		CHECK(false); // it must have ended
	}
	(void)waitpid(r->pid, &status, 0);
	fd_close(&r->report), fd_close(&r->in), fd_close(&r->out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int sh(const char *script)
{
	struct run r;
	start(&r, -1, (const char *const[]){"sh", "-c", script, NULL});
	CHECK(runs(&r));
	return finish(&r);
}

TEST(exit_codes)
{
	CHECK_INT(sh("exit 0"), 0);
	CHECK_INT(sh("exit 7"), 7);
	CHECK_INT(sh("exit 255"), 255);
	CHECK_INT(sh("kill -9 $$"), 128 + 9);
	CHECK_INT(sh("kill -TERM $$"), 128 + 15);
	CHECK_INT(sh("kill -SEGV $$"), 128 + 11);
	/* the command is not pid 1, and what it leaves behind dies with the zone */
	CHECK_INT(sh("test $$ -ne 1 && (sleep 1000 &) && exit 3"), 3);
}

static void file(const char *name, mode_t mode, const char *text)
{
	char path[200];
	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
	CHECK(fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0 && fchmod(fd, mode) == 0);
	fd_close(&fd);
}

static void fails(const char *program, int code, int errnum, enum fault_hint hint)
{
	struct run r;
	start(&r, -1, (const char *const[]){program, NULL});
	CHECK(!runs(&r));
	CHECK_INT(r.fail.kind, START_MSG_FAIL);
	CHECK_INT(r.fail.step, STEP_EXEC);
	CHECK_INT(r.fail.fault.errnum, errnum);
	CHECK_INT(r.fail.fault.hint, hint);
	CHECK_STR(r.fail.fault.object, program);
	CHECK_INT(finish(&r), code);
}

TEST(exec_failures)
{
	char path[200];
	(void)snprintf(path, sizeof path, "%s/first", dir);
	CHECK(mkdir(path, 0755) == 0);
	(void)snprintf(path, sizeof path, "%s/second", dir);
	CHECK(mkdir(path, 0755) == 0);
	file("first/plain", 0644, "not executable");
	file("first/data", 0755, "\1\2\3\4 no program");
	file("first/orphan", 0755, "#!/nonexistent/interpreter\n");
	file("first/both", 0644, "not executable");
	file("second/both", 0755, "#!/bin/sh\nexit 21\n");
	fails("nowhere-at-all", 127, ENOENT, FAULT_HINT_INIT_MISSING);
	fails("/nowhere/at/all", 127, ENOENT, FAULT_HINT_INIT_MISSING);
	fails("/dev/null/x", 127, ENOTDIR, FAULT_HINT_NONE);
	fails("", 127, ENOENT, FAULT_HINT_INIT_MISSING);
	fails("plain", 126, EACCES, FAULT_HINT_NONE);
	fails("/", 126, EACCES, FAULT_HINT_NONE);
	fails("data", 126, ENOEXEC, FAULT_HINT_INIT_FORMAT);
	fails("orphan", 126, ENOENT, FAULT_HINT_INIT_LOADER);
	(void)snprintf(path, sizeof path, "%s/first/orphan", dir);
	fails(path, 126, ENOENT, FAULT_HINT_INIT_LOADER);
	/* one that cannot be run does not hide one that can */
	CHECK_INT(sh("exec both"), 21);
	struct run r;
	start(&r, -1, (const char *const[]){"both", NULL});
	CHECK(runs(&r));
	CHECK_INT(finish(&r), 21);
}

TEST(usage)
{
	pid_t pid = fork();
	if (pid == 0) {
		(void)execl(INIT, "cella-init", "--report-fd", "3", "--", (char *)NULL);
		_exit(99);
	}
	int status = 0;
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 125);
}

/* The channel closes when the command runs, not when it ends. */
TEST(channel_closes_at_exec)
{
	struct run r;
	start(&r, -1, (const char *const[]){"sh", "-c", "read x; exit 4", NULL});
	CHECK(runs(&r));
	CHECK(waitpid(r.pid, NULL, WNOHANG) == 0);
	CHECK(write(r.in, "x\n", 2) == 2);
	CHECK_INT(finish(&r), 4);
}

TEST(what_relocation_wrote_is_read_only)
{
	struct run r;
	start(&r, -1, (const char *const[]){"sh", "-c", "read x", NULL});
	CHECK(runs(&r));
	CHECK_INT(relro_holds(r.pid, INIT), 1);
	CHECK(write(r.in, "x\n", 2) == 2);
	CHECK_INT(finish(&r), 0);
}

TEST(signals_are_passed_on)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH,
		SIGCONT, SIGALRM, 34, 37,
		64}; /* 34: the first real-time signal, which musl keeps for itself */
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		struct run r;
		char script[160], ready = 0;
		(void)snprintf(script, sizeof script,
			"trap 'exit %d' %d; echo; while :; do read x || :; done", 50 + signals[i],
			signals[i]);
		start(&r, -1, (const char *const[]){"sh", "-c", script, NULL});
		CHECK(runs(&r));
		CHECK(read(r.out, &ready, 1) == 1);
		CHECK(kill(r.pid, signals[i]) == 0);
		CHECK_INT(finish(&r), 50 + signals[i]);
	}
}

/* Number of children that the kernel knows of pid 1. */
static int children(pid_t pid)
{
	char path[64], text[65536];
	int n = 0;
	(void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
	if (path_read_virtual(AT_FDCWD, path, text, sizeof text) < 0)
		return -1;
	for (const char *p = text; *p; p++)
		n += *p == ' ';
	return n;
}

TEST(a_thousand_orphans_are_reaped)
{
	struct run r;
	char ready = 0;
	start(&r, -1,
		(const char *const[]){"sh", "-c",
			"i=0; while [ $i -lt 1000 ]; do (: &); i=$((i+1)); done; echo; read x; "
			"exit 5",
			NULL});
	CHECK(runs(&r));
	CHECK(read(r.out, &ready, 1) == 1);
	int64_t until = clock_mono_ms() + PATIENCE_MS;
	while (children(r.pid) > 1 && clock_mono_ms() < until)
		usleep(5000);
	CHECK(children(r.pid) <= 1);
	CHECK(write(r.in, "x\n", 2) == 2);
	CHECK_INT(finish(&r), 5);
}

/* Nobody but the command holds its streams. */
TEST(streams_are_the_commands)
{
	struct run r;
	char c;
	start(&r, -1, (const char *const[]){"sh", "-c", "exec >&-; read x; exit 6", NULL});
	CHECK(runs(&r));
	CHECK(read(r.out, &c, 1) == 0);
	CHECK(write(r.in, "x\n", 2) == 2);
	CHECK_INT(finish(&r), 6);
}

TEST(terminal_is_the_commands)
{
	struct run r;
	autofd int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	autofd int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	char c = 0;
	start(&r, slave,
		(const char *const[]){"sh", "-c", ": </dev/tty && echo && exec sleep 1000", NULL});
	CHECK(runs(&r));
	CHECK(read(master, &c, 1) == 1);
	/* ^C, once sleep is what it reaches: sh would do as well */
	CHECK(write(master, "\3", 1) == 1);
	CHECK_INT(finish(&r), 128 + SIGINT);
}

/* What one more zone costs: the text is shared by all of them. */
TEST(memory)
{
	struct run r;
	char path[64], line[256], ready = 0;
	long kib = 0;
	start(&r, -1, (const char *const[]){"sh", "-c", "echo; read x", NULL});
	CHECK(runs(&r) && read(r.out, &ready, 1) == 1);
	(void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", r.pid);
	FILE *in = fopen(path, "re");
	while (in && fgets(line, sizeof line, in))
		if (sscanf(line, "Anonymous: %ld", &kib) == 1)
			break;
	if (in)
		(void)fclose(in);
	printf("# cella-init: %ld KiB of its own\n", kib);
	CHECK(kib > 0 && kib <= 100);
	CHECK(write(r.in, "x\n", 2) == 2);
	CHECK_INT(finish(&r), 0);
}

TEST(clean_up)
{
	autofd int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(path_remove_tree(tmp, dir + strlen("/tmp/"), NULL) == 0);
}

TEST_MAIN()
