#include "base/sys.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* 32-bit ARM and i386 have the wide ones under another name. */
#ifdef SYS_setresuid32
#define SETRESUID SYS_setresuid32
#define SETRESGID SYS_setresgid32
#define SETGROUPS SYS_setgroups32
#else
#define SETRESUID SYS_setresuid
#define SETRESGID SYS_setresgid
#define SETGROUPS SYS_setgroups
#endif

pid_t sys_clone3(struct clone_args *args)
{
	return (pid_t)syscall(SYS_clone3, args, sizeof *args);
}

int sys_openat2(int dirfd, const char *path, const struct open_how *how)
{
	long fd;
	/* EAGAIN: a rename raced with a `..` under RESOLVE_IN_ROOT; openat2(2) says to retry. */
	int tries = 0;
	do
		fd = syscall(SYS_openat2, dirfd, path, how, sizeof *how);
	while (fd < 0 && (errno == EINTR || (errno == EAGAIN && ++tries < 128)));
	return (int)fd;
}

int sys_close_range(unsigned first, unsigned last, unsigned flags)
{
	return (int)syscall(SYS_close_range, first, last, flags);
}

int sys_pivot_root(const char *new_root, const char *put_old)
{
	return (int)syscall(SYS_pivot_root, new_root, put_old);
}

int sys_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {
		{(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
		{(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
			(uint32_t)(inheritable >> 32)},
	};
	return (int)syscall(SYS_capset, &h, d);
}

int sys_capget(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {0};
	if (syscall(SYS_capget, &h, d) < 0)
		return -1;
	*effective = d[0].effective | (uint64_t)d[1].effective << 32;
	*permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
	*inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
	return 0;
}

int sys_setgroups(size_t n, const gid_t *gids)
{
	return (int)syscall(SETGROUPS, n, gids);
}

int sys_setresuid(uid_t uid)
{
	return (int)syscall(SETRESUID, uid, uid, uid);
}

int sys_setresgid(gid_t gid)
{
	return (int)syscall(SETRESGID, gid, gid, gid);
}

int sys_new_session_keyring(void)
{
	return (int)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0);
}

int sys_pidfd_open(pid_t pid, unsigned flags)
{
	return (int)syscall(SYS_pidfd_open, pid, flags);
}

int sys_pidfd_send_signal(int pidfd, int sig)
{
	return (int)syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0);
}

int sys_waitid_pidfd(int pidfd, siginfo_t *ret, int options)
{
	int r;
	do
		r = waitid(P_PIDFD, (id_t)pidfd, ret, options);
	while (r < 0 && errno == EINTR);
	return r;
}

int sys_quotactl_fd(int fd, int cmd, uint32_t id, void *data)
{
	return (int)syscall(SYS_quotactl_fd, fd, cmd, id, data);
}
