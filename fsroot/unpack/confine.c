/* The destination becomes the root, so that even a mistake of the writer has nowhere else to go.
 * But then what the C library looks for by name is looked for in what the archive has just brought:
 * its iconv, which libarchive calls for names in pax headers, reads /usr/lib/.../gconv-modules and
 * loads the shared objects that are named there. So opening by name is over as well, and so are
 * executable pages. Landlock is a second line: a kernel without it is no reason not to unpack. */
#include "fsroot/unpack/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/defence.h"
#include "base/sys.h"

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
	FS_EXECUTE = 1 << 0,
	FS_MAKE_SOCKET = 1 << 9,
	FS_MAKE_BLOCK = 1 << 11,
	FS_FIRST = (1 << 13) - 1, /* all rights of version 1 */
	FS_REFER = 1 << 13,	  /* rename and link between directories */
	FS_TRUNCATE = 1 << 14,
	FS_IOCTL_DEVICE = 1 << 15,
};
struct landlock_attr {
	uint64_t fs, net, scoped;
};
struct landlock_beneath {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

static void confine_files(int dest_fd)
{
	long version = syscall(LANDLOCK_CREATE, NULL, 0, LANDLOCK_VERSION_FLAG);
	/* Version 1 knows no way to allow a hard link into another directory. */
	if (version < 2)
		return;
	struct landlock_attr all = {.fs = FS_FIRST | FS_REFER};
	if (version >= 3)
		all.fs |= FS_TRUNCATE;
	if (version >= 4)
		all.net = 3; /* bind and connect TCP */
	if (version >= 5)
		all.fs |= FS_IOCTL_DEVICE;
	if (version >= 6)
		all.scoped = 3; /* abstract sockets and signals of others */
	long rules = syscall(LANDLOCK_CREATE, &all, sizeof all, 0);
	if (rules < 0)
		return;
	struct landlock_beneath b = {
		.allowed = all.fs & ~(uint64_t)(FS_EXECUTE | FS_MAKE_SOCKET | FS_MAKE_BLOCK |
						FS_IOCTL_DEVICE),
		.fd = dest_fd,
	};
	if (syscall(LANDLOCK_ADD_RULE, rules, LANDLOCK_PATH_BENEATH, &b, 0) == 0)
		(void)syscall(LANDLOCK_RESTRICT_SELF, rules, 0);
	(void)close((int)rules);
}

/* ---- seccomp ---- */

#define LOW_HALF(arg) offsetof(struct seccomp_data, args[arg])
#define NUMBER BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, what)
#define REFUSE(err) RETURN(SECCOMP_RET_ERRNO | (err))
#define ALLOW(name)                                                                                \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 1), RETURN(SECCOMP_RET_ALLOW)
/* Beneath a descriptor only. */
#define ALLOW_AT(name)                                                                             \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 4),                                    \
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_HALF(0)),                                   \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)AT_FDCWD, 0, 1), REFUSE(ENOENT),     \
		RETURN(SECCOMP_RET_ALLOW)
/* Only if none of these bits is set in that argument. */
#define ALLOW_WITHOUT(name, arg, bits)                                                             \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 4),                                    \
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_HALF(arg)),                                 \
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 0, 1), REFUSE(EPERM),                 \
		RETURN(SECCOMP_RET_ALLOW)

/* EPERM for the rest, not death: it becomes a message that names the entry. */
static const struct sock_filter calls[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0),
	RETURN(SECCOMP_RET_KILL_PROCESS),
	NUMBER,
	/* the archive, and what is written of it */
	ALLOW(read),
	ALLOW(write),
	ALLOW(pwrite64),
	ALLOW(lseek),
	ALLOW(ftruncate),
	ALLOW_AT(openat),
	ALLOW_AT(openat2),
	ALLOW_AT(newfstatat),
	ALLOW(fstat),
	ALLOW(fstatfs),
	ALLOW(close),
	ALLOW(fcntl),
	ALLOW(mkdirat),
	ALLOW(symlinkat),
	ALLOW(linkat),
	ALLOW(unlinkat),
	ALLOW(renameat),
	ALLOW(renameat2),
	/* FIFOs and whiteouts: no device has a number */
	ALLOW_WITHOUT(mknodat, 3, UINT32_MAX),
	ALLOW(fchown),
	ALLOW(fchownat),
	ALLOW(fchmod),
	ALLOW(fchmodat),
	ALLOW(fsetxattr),
	ALLOW(fgetxattr),
	ALLOW(flistxattr),
	ALLOW(fremovexattr),
	ALLOW(utimensat),
	ALLOW(getdents64),
	ALLOW(syncfs),
	/* the C library's */
	ALLOW(brk),
	ALLOW_WITHOUT(mmap, 2, PROT_EXEC),
	ALLOW_WITHOUT(mprotect, 2, PROT_EXEC),
	ALLOW(mremap),
	ALLOW(munmap),
	ALLOW(madvise),
	ALLOW(futex),
	ALLOW(sysinfo),
	ALLOW(getrandom),
	ALLOW(clock_gettime),
	ALLOW(rt_sigprocmask),
	ALLOW(rt_sigreturn),
	ALLOW(restart_syscall),
	ALLOW(getpid),
	ALLOW(gettid),
	ALLOW(tgkill),
	ALLOW(exit_group),
	REFUSE(EPERM),
};

static int confine_calls(struct err *e)
{
/* The sanitizers' libraries map memory and open files whenever they like. */
#if defined(__SANITIZE_ADDRESS__)
	(void)calls;
	(void)e;
	return 0;
#else
	struct sock_fprog program = {
		.len = sizeof calls / sizeof calls[0],
		.filter = (struct sock_filter *)(uintptr_t)calls,
	};
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0)
		return 0;
	return err_sys(e, errno, "cannot filter the unpacker's system calls");
#endif
}

int confine_unpacker(int dest_fd, struct err *e)
{
	const uint64_t keep = UINT64_C(1) << CAP_CHOWN | UINT64_C(1) << CAP_DAC_OVERRIDE |
			      UINT64_C(1) << CAP_FOWNER | UINT64_C(1) << CAP_FSETID |
			      UINT64_C(1) << CAP_SETFCAP;
	const struct rlimit none = {0, 0};
	uint64_t effective, permitted, inheritable;
	struct stat st;
	if (fstat(dest_fd, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(e, ERR_USAGE, "fd %d is not the directory to unpack into", dest_fd);
	if (fchdir(dest_fd) < 0 || (!defence_is_off("S20") && chroot(".") < 0))
		return err_sys(e, errno, "cannot change the root to the destination");
	if (sys_capget(&effective, &permitted, &inheritable) < 0 ||
		sys_capset(permitted & keep, permitted & keep, 0) < 0)
		return err_sys(e, errno, "cannot drop capabilities");
	/* No program is run from here, least of all a decompressor. */
	if (setrlimit(RLIMIT_NPROC, &none) < 0)
		return err_sys(e, errno, "cannot set a limit");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, errno, "cannot set no_new_privs");
	if (defence_is_off("S20calls") || defence_is_off("S20"))
		return 0;
	confine_files(dest_fd);
	return confine_calls(e);
}
