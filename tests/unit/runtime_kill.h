/* runtime_kill.h: a verb killed at any of its system calls that change something. */
#pragma once
#include "base/err.h"
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/ptrace.h>

/* Does the call change something that outlives the process? Dying at any other one is the same as
 * dying before the next of these. */
static inline bool is_change(const struct ptrace_syscall_info *i)
{
	switch (i->entry.nr) {
	case SYS_mkdirat:
	case SYS_renameat:
	case SYS_renameat2:
	case SYS_linkat:
	case SYS_unlinkat:
	case SYS_symlinkat:
	case SYS_ftruncate:
	case SYS_fchmod:
	case SYS_fchown:
	case SYS_copy_file_range:
	case SYS_ioctl:
	case SYS_fsetxattr:
	case SYS_write:
	case SYS_pwrite64:
		return true;
	case SYS_openat:
		return i->entry.args[2] & (O_CREAT | O_TRUNC);
	default:
		return false;
	}
}

/* Run `verb` in a child and kill it as it enters its k-th changing system call. False if it came to
 * its end before. */
static inline bool kill_at(int (*verb)(struct err *e), int k)
{
	int status = 0, seen = 0;
	pid_t pid = fork();
	if (pid == 0) {
		struct err e = {0};
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		(void)raise(SIGSTOP);
		_exit(verb(&e) < 0);
	}
	(void)waitpid(pid, &status, 0);
	(void)ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	while (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) == 0 && waitpid(pid, &status, 0) == pid) {
		struct ptrace_syscall_info info = {0};
		if (WIFEXITED(status) || WIFSIGNALED(status))
			break;
		if (WSTOPSIG(status) != (SIGTRAP | 0x80))
			continue;
		(void)ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info);
		if (info.op != PTRACE_SYSCALL_INFO_ENTRY || !is_change(&info) || ++seen < k)
			continue;
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
		break;
	}
	if (WIFEXITED(status))
		CHECK_INT(WEXITSTATUS(status), 0);
	return WIFSIGNALED(status);
}
