/* Carrying bytes: half-close, big streams, a reader who leaves, the end of the command. Runs real
 * commands of this machine behind pipes and ptys; descriptors 0 to 2 are put in place for each. */
#include "cli/relay.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/sys.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct job {
	pid_t pid;
	int pidfd, pty_fd, in_fd, out_fd, err_fd;
};

static void on_signal(void *arg, int sig)
{
	const struct job *j = arg;
	(void)kill(j->pid, sig);
}

static void start_pipes(struct job *j, const char *script)
{
	int in[2], out[2], err[2];
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		_exit(99);
	*j = (struct job){.pty_fd = -1, .in_fd = in[1], .out_fd = out[0], .err_fd = err[0]};
	j->pid = fork();
	if (j->pid == 0) {
		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		(void)dup2(err[1], 2);
		(void)signal(SIGPIPE, SIG_DFL);
		(void)execl("/bin/sh", "sh", "-c", script, (char *)NULL);
		_exit(99);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	(void)close(err[1]);
	j->pidfd = sys_pidfd_open(j->pid, 0);
}

static void start_pty(struct job *j, const char *script)
{
	*j = (struct job){.in_fd = -1, .out_fd = -1, .err_fd = -1};
	j->pid = forkpty(&j->pty_fd, NULL, NULL, NULL);
	if (j->pid == 0) {
		(void)execl("/bin/sh", "sh", "-c", script, (char *)NULL);
		_exit(99);
	}
	j->pidfd = sys_pidfd_open(j->pid, 0);
}

/* Exit code of the command, or 1000 + what went wrong. */
static int finish(struct job *j)
{
	struct err e = {0};
	siginfo_t info = {0};
	struct relay r = {
		.pty_fd = j->pty_fd >= 0 ? &j->pty_fd : NULL,
		.in_fd = &j->in_fd,
		.out_fd = &j->out_fd,
		.err_fd = &j->err_fd,
		.end_fd = j->pidfd,
		.on_signal = on_signal,
		.arg = j,
	};
	if (relay_run(&r, &e) < 0)
		return 1000;
	if (sys_waitid_pidfd(j->pidfd, &info, WEXITED) < 0)
		return 1001;
	fd_close(&j->pty_fd);
	fd_close(&j->in_fd);
	fd_close(&j->out_fd);
	fd_close(&j->err_fd);
	fd_close(&j->pidfd);
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

/* A process of its own, since the descriptors 0 to 2 are the relay's. What it gets on stdin is
 * `in_bytes` times 'x' and then end of file; `out_limit` bytes of its output are read, then the
 * pipe is closed. */
struct outcome {
	int code;
	size_t n_out, n_err;
	char out[256], err[256];
};

static void relay_process(bool pty, const char *script)
{
	struct job j;
	if (pty)
		start_pty(&j, script);
	else
		start_pipes(&j, script);
	_exit(finish(&j));
}

static void feed(int fd, const char *text, size_t zeros)
{
	static char block[65536];
	(void)signal(SIGPIPE, SIG_IGN);
	(void)fd_write_all(fd, text, strlen(text));
	for (size_t at = 0; at < zeros; at += sizeof block)
		if (fd_write_all(fd, block, sizeof block) < 0)
			break;
	_exit(0);
}

static size_t drain(int fd, size_t limit, char *first, size_t size)
{
	char buf[65536];
	size_t total = 0;
	ssize_t n;
	first[0] = '\0';
	while (total < limit && (n = read(fd, buf, sizeof buf)) > 0) {
		for (ssize_t i = 0; i < n && total + (size_t)i + 1 < size; i++) {
			first[total + (size_t)i] = buf[i];
			first[total + (size_t)i + 1] = '\0';
		}
		total += (size_t)n;
	}
	(void)close(fd);
	return total;
}

static struct outcome carry(
	bool pty, const char *script, const char *text, size_t zeros, size_t out_limit)
{
	struct outcome o = {0};
	int in[2], out[2], err[2], status;
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		return o;
	(void)fflush(NULL);
	pid_t feeder = fork();
	if (feeder == 0) {
		(void)close(in[0]);
		feed(in[1], text, zeros);
	}
	pid_t relay = fork();
	if (relay == 0) {
		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		(void)dup2(err[1], 2);
		/* Nothing is exec'ed here: our copies of the other ends would hold them open. */
		(void)sys_close_range(3, ~0U, 0);
		relay_process(pty, script);
	}
	(void)close(in[0]);
	(void)close(in[1]);
	(void)close(out[1]);
	(void)close(err[1]);
	o.n_out = drain(out[0], out_limit, o.out, sizeof o.out);
	o.n_err = drain(err[0], SIZE_MAX, o.err, sizeof o.err);
	(void)waitpid(relay, &status, 0);
	(void)waitpid(feeder, NULL, 0);
	o.code = WIFEXITED(status) ? WEXITSTATUS(status) : 2000 + WTERMSIG(status);
	return o;
}

TEST(three_streams)
{
	struct outcome o = carry(false, "cat; echo err >&2; exit 7", "hello\n", 0, SIZE_MAX);
	CHECK_INT(o.code, 7);
	CHECK_STR(o.out, "hello\n");
	CHECK_STR(o.err, "err\n");
}

TEST(signal_code)
{
	CHECK_INT(carry(false, "kill -TERM $$", "", 0, SIZE_MAX).code, 128 + SIGTERM);
}

/* stdin's end is passed on while output goes on. */
TEST(half_close)
{
	struct outcome o = carry(false, "wc -c; echo done", "12345", 0, SIZE_MAX);
	CHECK_INT(o.code, 0);
	CHECK_STR(o.out, "5\ndone\n");
}

TEST(large)
{
	size_t n = 8 << 20;
	struct outcome o = carry(false, "cat", "", n, SIZE_MAX);
	CHECK_INT(o.code, 0);
	CHECK_INT(o.n_out, n);
	/* Everything that was written before the end arrives. */
	o = carry(false, "head -c 3000000 /dev/zero", "", 0, SIZE_MAX);
	CHECK_INT(o.n_out, 3000000);
}

/* `cella exec web yes | head`: the command sees the broken pipe. */
TEST(reader_leaves)
{
	CHECK_INT(carry(false, "yes", "", 0, 1000).code, 128 + SIGPIPE);
}

/* A command that does not read its stdin does not hold us. */
TEST(stdin_ignored)
{
	struct outcome o = carry(false, "exec <&-; echo x", "", 8 << 20, SIZE_MAX);
	CHECK_INT(o.code, 0);
	CHECK_STR(o.out, "x\n");
}

/* A child in the background that holds the pipes is not waited for. */
TEST(background_child)
{
	struct outcome o = carry(false, "sleep 3 & echo $!; exit 4", "", 0, 1);
	CHECK_INT(o.code, 4);
	pid_t pid = (pid_t)strtol(o.out, NULL, 10);
	CHECK(pid > 1 && kill(pid, SIGKILL) == 0);
}

TEST(pty)
{
	struct outcome o = carry(
		true, "test -t 0 && test -t 1 && test -t 2 && stty -echo && cat", "", 0, SIZE_MAX);
	CHECK_INT(o.code, 0);
	/* End of stdin is ^D; an unfinished line arrives before. */
	o = carry(true,
		"stty -echo; echo ready; while read x; do echo \"<$x>\"; done; echo \"[$x]\"", "",
		0, SIZE_MAX);
	CHECK_INT(o.code, 0);
	CHECK(strstr(o.out, "[]"));
	o = carry(true, "stty -echo; cat >/dev/null; head -c 100000 /dev/zero | tr '\\0' x", "a", 0,
		SIZE_MAX);
	CHECK_INT(o.code, 0);
	CHECK(o.n_out >= 100000);
}

/* Signals to us go to the command; nothing is left blocked for it. */
TEST(forwards)
{
	int status, ready[2];
	char byte;
	(void)fflush(NULL);
	if (pipe2(ready, O_CLOEXEC) < 0)
		return;
	pid_t pid = fork();
	if (pid == 0) {
		(void)dup2(open("/dev/null", O_RDWR), 0);
		(void)dup2(ready[1], 1);
		(void)sys_close_range(3, ~0U, 0);
		relay_process(false, "trap 'exit 33' TERM; echo r; while :; do sleep 0.05; done");
	}
	(void)close(ready[1]);
	CHECK_INT(read(ready[0], &byte, 1), 1);
	CHECK_INT(kill(pid, SIGTERM), 0);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 33);
	(void)close(ready[0]);
}

TEST_MAIN()
