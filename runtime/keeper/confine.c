/* H27: what the clerk may still do. It reads what a zone's terminal prints and what clients send,
 * so it gets no capability, no way to gain one, no file but its log and the marks in its run
 * directory, no network, no program, and some twenty system calls. Landlock is a second line: a
 * kernel without it is no reason not to start. */
#include "base/defence.h"
#include "runtime/keeper/state.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "which AUDIT_ARCH_ is this?"
#endif

/* ---- Landlock, by its numbers: our headers are older than some of them ---- */

enum {
	LANDLOCK_CREATE = 444,
	LANDLOCK_ADD_RULE = 445,
	LANDLOCK_RESTRICT_SELF = 446,
	LANDLOCK_VERSION_FLAG = 1,
	LANDLOCK_PATH_BENEATH = 1,
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_REMOVE_FILE = 1 << 5,
	FS_MAKE_REG = 1 << 8,
	FS_FIRST = (1 << 13) - 1, /* all rights of version 1 */
};
struct landlock_attr {
	uint64_t fs, net, scoped;
};
struct landlock_beneath {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

/* Everything that this kernel's version knows, so that everything is refused that is not allowed.
 */
static struct landlock_attr landlock_all(long version)
{
	struct landlock_attr a = {.fs = FS_FIRST};
	if (version >= 2)
		a.fs |= 1 << 13; /* rename and link between directories */
	if (version >= 3)
		a.fs |= 1 << 14; /* truncate */
	if (version >= 4)
		a.net = 3; /* bind and connect TCP */
	if (version >= 5)
		a.fs |= 1 << 15; /* ioctl of devices that are opened from here on */
	if (version >= 6)
		a.scoped = 3; /* abstract sockets and signals of others */
	return a;
}

static void allow_beneath(long rules, int dir_fd, uint64_t allowed)
{
	struct landlock_beneath b = {.allowed = allowed, .fd = dir_fd};
	(void)syscall(LANDLOCK_ADD_RULE, rules, LANDLOCK_PATH_BENEATH, &b, 0);
}

static void confine_files(void)
{
	long version = syscall(LANDLOCK_CREATE, NULL, 0, LANDLOCK_VERSION_FLAG);
	if (version < 1)
		return;
	struct landlock_attr all = landlock_all(version);
	long rules = syscall(LANDLOCK_CREATE, &all, sizeof all, 0);
	if (rules < 0)
		return;
	/* Rotating replaces NAME.console.1. `restarting` is made, but the state file beside it,
	 * which tells the host's root whom to signal and what to sweep, is not the clerk's to
	 * write. */
	allow_beneath(rules, KEEPER_FD_LOG_DIR, FS_WRITE_FILE | FS_MAKE_REG | FS_REMOVE_FILE);
	allow_beneath(rules, KEEPER_FD_RUN_DIR, FS_READ_FILE | FS_MAKE_REG);
	(void)syscall(LANDLOCK_RESTRICT_SELF, rules, 0);
	(void)close((int)rules);
}

/* ---- seccomp ---- */

#define ALLOW(name)                                                                                \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 1),                                    \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* EPERM for the rest, not death: a libc that does something in another way costs a feature then,
 * not the console. */
static const struct sock_filter calls[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	ALLOW(read),
	ALLOW(write),
	ALLOW(close),
	ALLOW(recvfrom),
	ALLOW(sendto),
	ALLOW(accept4),
	ALLOW(getsockopt),
	ALLOW(ppoll),
	ALLOW(ioctl),
	ALLOW(openat),
	ALLOW(fstat),
	ALLOW(newfstatat),
	ALLOW(renameat),
	ALLOW(clock_gettime),
	ALLOW(inotify_init1),
	ALLOW(inotify_add_watch),
	ALLOW(exit_group),
	ALLOW(rt_sigreturn),
	ALLOW(restart_syscall),
#ifdef __NR_poll
	ALLOW(poll),
#endif
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
};

static void confine_calls(void)
{
	struct sock_fprog program = {
		.len = sizeof calls / sizeof calls[0],
		.filter = (struct sock_filter *)(uintptr_t)calls,
	};
/* The sanitizers' libraries map memory whenever they like. */
#if defined(__SANITIZE_ADDRESS__)
	(void)program;
#else
	(void)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
#endif
}

void confine_drop_capabilities(void)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {{0}};
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)syscall(SYS_capset, &h, d);
}

void confine_clerk(void)
{
	if (defence_is_off("H27"))
		return;
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	confine_files();
	confine_drop_capabilities();
	confine_calls();
}
