/* inject: make a running process call the kernel, as an attacker would who has taken it over.
 *
 *     inject PID open PATH | create PATH | socket FAMILY | exec PATH | kill PID
 *
 * Prints the error's name, or "done". What it opened it closes; the process goes on as it was. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if !defined(__x86_64__)
int main(void)
{
	fprintf(stderr, "inject: written for x86-64\n");
	return 2;
}
#else

static pid_t pid;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void stopped(void)
{
	int status;
	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
		die("wait");
}

/* One instruction, "syscall", in the place of what it would run next. */
static long call(const struct user_regs_struct *at, long nr, long a, long b, long c, long d)
{
	struct user_regs_struct r = *at;
	errno = 0;
	long code = ptrace(PTRACE_PEEKTEXT, pid, r.rip, NULL);
	if (errno || ptrace(PTRACE_POKETEXT, pid, r.rip, (code & ~0xffffL) | 0x050f))
		die("code");
	r.rax = (unsigned long)nr;
	r.rdi = (unsigned long)a;
	r.rsi = (unsigned long)b;
	r.rdx = (unsigned long)c;
	r.r10 = (unsigned long)d;
	r.orig_rax = (unsigned long)-1; /* what it waits in is not restarted before that */
	if (ptrace(PTRACE_SETREGS, pid, NULL, &r) || ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL))
		die("step");
	stopped();
	if (ptrace(PTRACE_GETREGS, pid, NULL, &r) || ptrace(PTRACE_POKETEXT, pid, at->rip, code))
		die("restore");
	return (long)r.rax;
}

static long put(const struct user_regs_struct *at, const char *text)
{
	long where = (long)(at->rsp - 4096) & ~15L;
	char bytes[512] = "";
	snprintf(bytes, sizeof bytes, "%s", text);
	for (size_t i = 0; i < sizeof bytes; i += sizeof(long)) {
		long word;
		memcpy(&word, bytes + i, sizeof word);
		if (ptrace(PTRACE_POKEDATA, pid, where + (long)i, word))
			die("data");
	}
	return where;
}

static long run(const struct user_regs_struct *at, const char *what, const char *on)
{
	long n = strtol(on, NULL, 10);
	if (!strcmp(what, "open"))
		return call(at, SYS_openat, AT_FDCWD, put(at, on), O_RDONLY | O_CLOEXEC, 0);
	if (!strcmp(what, "create"))
		return call(at, SYS_openat, AT_FDCWD, put(at, on), O_WRONLY | O_CREAT | O_CLOEXEC,
			0600);
	if (!strcmp(what, "socket"))
		return call(at, SYS_socket, n, 1 | 02000000, 0, 0);
	if (!strcmp(what, "kill"))
		return call(at, SYS_kill, n, 0, 0, 0);
	if (!strcmp(what, "exec")) /* a program that is not there: who may, is told so */
		return call(at, SYS_execve, put(at, on), 0, 0, 0);
	fprintf(stderr, "inject: %s?\n", what);
	exit(2);
}

int main(int argc, char **argv)
{
	struct user_regs_struct at;
	if (argc != 4)
		return 2;
	pid = (pid_t)strtol(argv[1], NULL, 10);
	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL))
		die("attach");
	stopped();
	if (ptrace(PTRACE_GETREGS, pid, NULL, &at))
		die("registers");
	long got = run(&at, argv[2], argv[3]);
	if (got >= 0 && strcmp(argv[2], "kill"))
		(void)call(&at, SYS_close, got, 0, 0, 0);
	if (ptrace(PTRACE_SETREGS, pid, NULL, &at) || ptrace(PTRACE_DETACH, pid, NULL, NULL))
		die("leave");
	printf("%s\n", got < 0 ? strerrorname_np((int)-got) : "done");
	return 0;
}
#endif
