/* sys.h: system calls that glibc 2.36 has no usable wrapper for, and nothing else. All return as
 * the kernel does through syscall(2): -1 with errno. All are async-signal-safe. */
#pragma once
#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* clone3(2). Like fork: the child gets a copy of the address space and returns 0. The caller must
 * be single-threaded, and the child must not use stdio or malloc until it execs. */
pid_t sys_clone3(struct clone_args *args);
int sys_openat2(int dirfd, const char *path, const struct open_how *how);
int sys_close_range(unsigned first, unsigned last, unsigned flags);
int sys_pivot_root(const char *new_root, const char *put_old);
int sys_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable);
int sys_capget(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable);
/* All three ids. Not glibc's set*id, which would look for other threads to tell. */
int sys_setgroups(size_t n, const gid_t *gids);
int sys_setresuid(uid_t uid);
int sys_setresgid(gid_t gid);
/* A new anonymous session keyring (KEYCTL_JOIN_SESSION_KEYRING). */
int sys_new_session_keyring(void);
/* getppid and friends are cached nowhere in glibc; gettid for completeness. */
int sys_pidfd_open(pid_t pid, unsigned flags);
int sys_pidfd_send_signal(int pidfd, int sig);
/* waitid(P_PIDFD); retries EINTR. */
int sys_waitid_pidfd(int pidfd, siginfo_t *ret, int options);
/* quotactl_fd(2): quotas of the file system that `fd` is on. Linux 5.14. */
int sys_quotactl_fd(int fd, int cmd, uint32_t id, void *data);
