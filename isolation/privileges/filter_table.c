#include "isolation/privileges/filter_table.h"

#include "base/mem.h"
#include "isolation/privileges/filter.h"
#include <linux/capability.h>

/* clang-format off */
const char *const filter_allowed[] = {
	/* memory */
	"brk", "madvise", "map_shadow_stack", "membarrier", "memfd_create", "memfd_secret", "mincore",
	"mlock", "mlock2", "mlockall", "mmap", "mmap2", "mprotect", "mremap", "mseal", "msync",
	"munlock", "munlockall", "munmap", "process_madvise", "process_mrelease", "remap_file_pages",
	/* memory policy of the caller's own pages; moving other processes' is refused */
	"get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node",

	/* opening, reading, writing */
	"_llseek", "cachestat", "close", "close_range", "copy_file_range", "creat", "dup", "dup2",
	"dup3", "fadvise64", "fadvise64_64", "arm_fadvise64_64", "fallocate", "fcntl", "fcntl64",
	"flock", "ftruncate", "ftruncate64", "lseek", "open", "openat", "openat2", "pread64", "preadv",
	"preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readv", "sendfile",
	"sendfile64", "splice", "tee", "truncate", "truncate64", "vmsplice", "write", "writev",
	"fdatasync", "fsync", "sync", "sync_file_range", "sync_file_range2", "arm_sync_file_range",
	"syncfs",
	/* TIOCSTI and TIOCLINUX are taken out by filter_compile.c */
	"ioctl",

	/* names, directories, attributes */
	"access", "chdir", "chmod", "chown", "chown32", "faccessat", "faccessat2", "fchdir", "fchmod",
	"fchmodat", "fchmodat2", "fchown", "fchown32", "fchownat", "fgetxattr", "file_getattr",
	"file_setattr", "flistxattr", "fremovexattr", "fsetxattr", "fstat", "fstat64", "fstatat64",
	"fstatfs", "fstatfs64", "futimesat", "getcwd", "getdents", "getdents64", "getxattr",
	"getxattrat", "lchown", "lchown32", "lgetxattr", "link", "linkat", "listxattr", "listxattrat",
	"llistxattr", "lremovexattr", "lsetxattr", "lstat", "lstat64", "mkdir", "mkdirat", "newfstatat",
	"oldfstat", "oldlstat", "oldstat", "readdir", "readlink", "readlinkat", "removexattr",
	"removexattrat", "rename", "renameat", "renameat2", "rmdir", "setxattr", "setxattrat", "stat",
	"stat64", "statfs", "statfs64", "statx", "symlink", "symlinkat", "umask", "unlink", "unlinkat",
	"utime", "utimensat", "utimensat_time64", "utimes",
	/* whiteouts and FIFOs; the user namespace, nodev and the device filter keep real nodes out */
	"mknod", "mknodat",
	/* systemd asks for mount ids with it; turning a handle back into a file is refused */
	"name_to_handle_at",
	"inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch",

	/* mounts: a zone may make namespaces and mount in its own */
	"chroot", "fsconfig", "fsmount", "fsopen", "fspick", "listmount", "mount", "mount_setattr",
	"move_mount", "open_tree", "open_tree_attr", "pivot_root", "statmount", "umount", "umount2",

	/* events, pipes, asynchronous i/o of the old kind */
	"_newselect", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait",
	"epoll_pwait2", "epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "pipe", "pipe2", "poll",
	"ppoll", "ppoll_time64", "pselect6", "pselect6_time64", "select", "signalfd", "signalfd4",
	"io_cancel", "io_destroy", "io_getevents", "io_pgetevents", "io_pgetevents_time64", "io_setup",
	"io_submit",

	/* processes and threads; namespaces may be made inside (H05) */
	"arch_prctl", "clone", "clone3", "execve", "execveat", "exit", "exit_group", "fork", "futex",
	"futex_requeue", "futex_time64", "futex_wait", "futex_waitv", "futex_wake", "get_robust_list",
	"get_thread_area", "getcpu", "getpgid", "getpgrp", "getpid", "getppid", "getsid", "gettid",
	"getrusage", "kcmp", "pause", "pidfd_getfd", "pidfd_open", "prctl", "process_vm_readv",
	"process_vm_writev", "ptrace", "restart_syscall", "rseq", "set_robust_list", "set_thread_area",
	"set_tid_address", "setns", "setpgid", "setsid", "times", "unshare", "uretprobe", "vfork",
	"wait4", "waitid", "waitpid",
	/* 32-bit ARM's own */
	"breakpoint", "cacheflush", "get_tls", "set_tls",

	/* signals */
	"kill", "pidfd_send_signal", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
	"rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64",
	"rt_tgsigqueueinfo", "sigaction", "sigaltstack", "signal", "sigpending", "sigprocmask",
	"sigreturn", "sigsuspend", "tgkill", "tkill",

	/* ids, capabilities, sandboxes of the zone's own programs */
	"capget", "capset", "getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32",
	"getgroups", "getgroups32", "getresgid", "getresgid32", "getresuid", "getresuid32", "getuid",
	"getuid32", "setfsgid", "setfsgid32", "setfsuid", "setfsuid32", "setgid", "setgid32",
	"setgroups", "setgroups32", "setregid", "setregid32", "setresgid", "setresgid32", "setresuid",
	"setresuid32", "setreuid", "setreuid32", "setuid", "setuid32",
	"landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "lsm_get_self_attr",
	"lsm_list_modules", "lsm_set_self_attr", "seccomp",

	/* scheduling and limits */
	"getpriority", "getrlimit", "ioprio_get", "ioprio_set", "nice", "prlimit64",
	"sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr",
	"sched_getparam", "sched_getscheduler", "sched_rr_get_interval", "sched_rr_get_interval_time64",
	"sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield",
	"setpriority", "setrlimit", "ugetrlimit",

	/* time; clock_adjtime is how glibc reads the state of synchronisation, setting by it needs a
	 * capability that no zone has by default */
	"alarm", "clock_adjtime", "clock_adjtime64", "clock_getres", "clock_getres_time64",
	"clock_gettime", "clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64", "getitimer",
	"gettimeofday", "nanosleep", "setitimer", "time", "timer_create", "timer_delete",
	"timer_getoverrun", "timer_gettime", "timer_gettime64", "timer_settime", "timer_settime64",
	"timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime",
	"timerfd_settime64",

	/* network; AF_VSOCK and NETLINK_AUDIT are taken out by filter_compile.c */
	"accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen",
	"recv", "recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg", "send", "sendmmsg", "sendmsg",
	"sendto", "setsockopt", "shutdown", "socket", "socketcall", "socketpair",

	/* inter-process communication: all of it lives in the zone's ipc namespace */
	"ipc", "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedreceive_time64",
	"mq_timedsend", "mq_timedsend_time64", "mq_unlink", "msgctl", "msgget", "msgrcv", "msgsnd",
	"semctl", "semget", "semop", "semtimedop", "semtimedop_time64", "shmat", "shmctl", "shmdt",
	"shmget",

	/* the system as a whole, as far as it is the zone's; reboot ends the pid namespace;
	 * personality is narrowed to a few values by filter_compile.c */
	"getrandom", "oldolduname", "olduname", "personality", "reboot", "setdomainname", "sethostname",
	"sysinfo", "uname", "vhangup",
	NULL,
};

const char *const filter_refused[] = {
	/* past the mount namespace, by inode number (S26) */
	"open_by_handle_at",
	/* another kernel */
	"kexec_file_load", "kexec_load",
	/* large, young or much exploited parts of the kernel */
	"io_uring_enter", "io_uring_register", "io_uring_setup", "userfaultfd",
	"fanotify_init", "fanotify_mark", "pkey_alloc", "pkey_free", "pkey_mprotect",
	/* the machine's, not the zone's */
	"lookup_dcookie", "migrate_pages", "move_pages", "quotactl", "quotactl_fd", "swapoff", "swapon",
	/* 16-bit segments and virtual 8086 mode */
	"modify_ldt", "vm86", "vm86old",
	/* obsolete, and still in some kernels; what no kernel ever had is simply unknown */
	"_sysctl", "bdflush", "nfsservctl", "sysfs", "uselib", "ustat",
	"pciconfig_iobase", "pciconfig_read", "pciconfig_write",
	NULL,
};

const char *const filter_keyring[] = {"add_key", "keyctl", "request_key", NULL};

const struct filter_unlock filter_unlocks[] = {
	{CAP_SYS_TIME, false, "adjtimex"},
	{CAP_SYS_TIME, false, "clock_settime"},
	{CAP_SYS_TIME, false, "clock_settime64"},
	{CAP_SYS_TIME, false, "settimeofday"},
	{CAP_SYS_TIME, false, "stime"},
	{CAP_SYS_MODULE, false, "delete_module"},
	{CAP_SYS_MODULE, false, "finit_module"},
	{CAP_SYS_MODULE, false, "init_module"},
	{CAP_SYS_RAWIO, false, "ioperm"},
	{CAP_SYS_RAWIO, false, "iopl"},
	{CAP_SYS_PACCT, true, "acct"},
	/* the host's kernel log, which everybody may read where kernel.dmesg_restrict is 0 */
	{CAP_SYSLOG, true, "syslog"},
	{CAP_BPF, false, "bpf"},
	{CAP_PERFMON, false, "perf_event_open"},
};
/* clang-format on */
const size_t filter_unlocks_n = ARRAY_LEN(filter_unlocks);

bool filter_is_unlocked(const struct filter_options *options, const struct filter_unlock *unlock)
{
	return (options->capabilities & (UINT64_C(1) << unlock->cap)) &&
	       (options->host_userns || !unlock->needs_host_userns);
}
