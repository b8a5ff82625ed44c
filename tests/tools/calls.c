/* calls: make system calls inside a zone, through every door that x86-64 has, and hold the answers
 * against what a zone is promised (tests S26, S27, H04, H12). Static: it runs in any root.
 *
 *     calls table KIND        KIND: sys, app, bare. One line for each answer that is not the
 *                             promised one, then "asked N" (and "asked N i386 0" without int 0x80)
 *     calls handle PATH       open inode 2 of PATH's file system by its number; prints what it got
 *     calls session           the serial number of the session keyring
 *     calls key NAME          the serial number of the key "user" NAME, found from here
 *     calls settime           may the clock be set? EPERM: no. EINVAL: yes; nothing is set
 *     calls with-key NAME COMMAND  run it in a new session keyring that has the key NAME
 *     calls watch MILLISECONDS  look at processes named cella* that come up, and try to read them,
 *                            until WATCH_ENOUGH were met or the time is over. One line for each
 *                            that can be read; then "seen N"
 *     calls status KEY       one value of /proc/self/status
 *     calls cgroupns COMMAND run it in a user, mount and cgroup namespace of its own, as root there
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if !defined(__x86_64__)
int main(void)
{
	fprintf(stderr, "calls: the table has the numbers of x86 only\n");
	return 2;
}
#else

enum {
	NO = -1, /* not in this ABI */
	X32_BIT = 0x40000000,
	WATCH_ENOUGH = 12,
	/* A want that is not an errno: the filter lets it through. The arguments are such that the
	 * kernel itself says neither EPERM nor ENOSYS. */
	PASS = 0,
};
enum kinds {
	SYS = 1,
	APP = 2,
	BARE = 4,
	ALL = 7,
	/* needs a capability before its arguments are looked at, which an app zone has not */
	BIG = SYS | BARE
};
#define HIGH(x) (0xdead00000000L | (x))

/* Written from the promise (row H04 of docs/SECURITY.md's table), with the numbers of the kernel's
 * tables (syscall_64.tbl, syscall_32.tbl); not from Cella's own. Where it says EPERM the kernel,
 * without a filter, would say something else to a caller with all capabilities. */
static const struct row {
	const char *name;
	int nr64, nr32;
	int want;
	enum kinds kinds;
	long args[4];
} rows[] = {
	/* what a server lives on */
	{"read", 0, 3, PASS, ALL, {-1}},
	{"openat", 257, 295, PASS, ALL, {-1, 0}},
	{"openat2", 437, 437, PASS, ALL, {-1, 0, 0, 0}},
	{"clone3", 435, 435, PASS, ALL, {0, 0}},
	{"execve", 59, 11, PASS, ALL, {1, 0, 0}},
	{"execveat", 322, 358, PASS, ALL, {-1, 1, 0, 0}},
	{"unshare", 272, 310, PASS, ALL, {0}},
	{"setns", 308, 346, PASS, ALL, {-1, 0}},
	{"mount", 165, 21, PASS, ALL, {0, 1, 0, 0}},
	{"umount2", 166, 52, PASS, ALL, {1, 0}},
	{"fsconfig", 431, 431, PASS, ALL, {-1, 0, 0, 0}},
	{"fsopen", 430, 430, PASS, BIG, {1, 0}},
	{"reboot", 169, 88, PASS, BIG, {0, 0, 0}},
	{"chroot", 161, 61, PASS, ALL, {1}},
	{"ptrace", 101, 26, PASS, ALL, {0x4200, -1, 0, 0}},
	{"seccomp", 317, 354, PASS, ALL, {99, 0, 0}},
	{"prctl", 157, 172, PASS, ALL, {9999, 0, 0, 0}},
	{"name_to_handle_at", 303, 341, PASS, ALL, {-1, 1, 1, 0}},
	{"memfd_create", 319, 356, PASS, ALL, {1, 0}},
	{"getrandom", 318, 355, PASS, ALL, {0, 0, 0xff}},
	{"epoll_create1", 291, 329, PASS, ALL, {-1}},
	{"inotify_init1", 294, 332, PASS, ALL, {-1}},
	{"timerfd_create", 283, 322, PASS, ALL, {-1, -1}},
	{"eventfd2", 290, 328, PASS, ALL, {0, -1}},
	{"io_setup", 206, 245, PASS, ALL, {0, 0}},
	{"setxattr", 188, 226, PASS, ALL, {1, 1, 0, 0}},
	{"copy_file_range", 326, 377, PASS, ALL, {-1, 0, -1, 0}},
	{"clock_adjtime", 305, 343, PASS, ALL, {0, 0}},
	{"ioctl TIOCGWINSZ", 16, 54, PASS, ALL, {-1, 0x5413, 0}},
	{"socket AF_UNIX", 41, 359, PASS, ALL, {1, 99, 0}},
	{"socketcall bind", NO, 102, PASS, ALL, {2, 0}},
	{"personality 0", 135, 136, PASS, ALL, {0}},
	{"personality ask", 135, 136, PASS, ALL, {0xffffffff}},
	/* past the mount namespace (S26) */
	{"open_by_handle_at", 304, 342, EPERM, ALL, {-1, 1, 0}},
	/* keyrings: no namespaces (CVE-2016-0728) */
	{"add_key", 248, 286, EPERM, ALL, {0, 0, 0, 0}},
	{"request_key", 249, 287, EPERM, ALL, {0, 0, 0, 0}},
	{"keyctl", 250, 288, EPERM, ALL, {-1, 0, 0, 0}},
	/* emulation of old processors */
	{"modify_ldt", 154, 123, EPERM, ALL, {-1, 0, 0}},
	{"vm86", NO, 166, EPERM, ALL, {0, 0}},
	{"vm86old", NO, 113, EPERM, ALL, {0}},
	/* obsolete, and in kernels of today */
	{"sysfs", 139, 135, EPERM, ALL, {99, 0, 0}},
	{"uselib", 134, 86, EPERM, ALL, {0}},
	{"ustat", 136, 62, EPERM, ALL, {0, 0}},
	{"_sysctl", 156, 149, EPERM, ALL, {0}},
	/* memory keys, swap, quota */
	{"pkey_alloc", 330, 381, EPERM, ALL, {-1, -1}},
	{"pkey_free", 331, 382, EPERM, ALL, {-1}},
	{"pkey_mprotect", 329, 380, EPERM, ALL, {1, 0, 0, -1}},
	{"swapon", 167, 87, EPERM, ALL, {1, 0}},
	{"swapoff", 168, 115, EPERM, ALL, {1}},
	{"quotactl", 179, 131, EPERM, ALL, {-1, 0, 0, 0}},
	{"quotactl_fd", 443, 443, EPERM, ALL, {-1, 0, 0, 0}},
	/* large parts of the kernel for few users */
	{"bpf", 321, 357, EPERM, ALL, {-1, 0, 0}},
	{"fanotify_init", 300, 338, EPERM, ALL, {-1, 0}},
	{"fanotify_mark", 301, 339, EPERM, ALL, {-1, -1, 0, -1}},
	{"perf_event_open", 298, 336, EPERM, ALL, {0, 0, 0, 0}},
	{"io_uring_setup", 425, 425, EPERM, ALL, {0, 0}},
	{"io_uring_enter", 426, 426, EPERM, ALL, {-1, 0, 0, 0}},
	{"io_uring_register", 427, 427, EPERM, ALL, {-1, 0, 0, 0}},
	{"userfaultfd", 323, 374, EPERM, ALL, {-1}},
	{"lookup_dcookie", 212, 253, EPERM, ALL, {0, 0, 0}},
	{"move_pages", 279, 317, EPERM, ALL, {-1, 0, 0, 0}},
	{"migrate_pages", 256, 294, EPERM, ALL, {-1, 0, 0, 0}},
	/* another kernel, parts of it */
	{"kexec_load", 246, 283, EPERM, ALL, {0, 0, 0, -1}},
	{"kexec_file_load", 320, NO, EPERM, ALL, {-1, -1, 0, 0}},
	{"init_module", 175, 128, EPERM, ALL, {0, 0, 0}},
	{"finit_module", 313, 350, EPERM, ALL, {-1, 0, 0}},
	{"delete_module", 176, 129, EPERM, ALL, {0, 0}},
	/* the machine's, not the zone's */
	{"acct", 163, 51, EPERM, ALL, {1}},
	{"settimeofday", 164, 79, EPERM, ALL, {1, 0}},
	{"clock_settime", 227, 264, EPERM, ALL, {99, 1}},
	{"clock_settime64", NO, 404, EPERM, ALL, {99, 1}},
	{"stime", NO, 25, EPERM, ALL, {1}},
	{"adjtimex", 159, 124, EPERM, ALL, {1}},
	{"iopl", 172, 110, EPERM, ALL, {99}},
	{"ioperm", 173, 101, EPERM, ALL, {-1, -1, 1}},
	{"syslog", 103, 103, EPERM, ALL, {99, 0, 0}},
	/* by argument; the kernel looks at the low 32 bits (CVE-2019-10063) */
	{"ioctl TIOCSTI", 16, 54, EPERM, ALL, {-1, 0x5412, 0}},
	{"ioctl TIOCSTI high", 16, NO, EPERM, ALL, {-1, HIGH(0x5412), 0}},
	{"ioctl TIOCLINUX", 16, 54, EPERM, ALL, {-1, 0x541c, 0}},
	{"socket AF_VSOCK", 41, 359, EAFNOSUPPORT, ALL, {40, 1, 0}},
	{"socket AF_VSOCK high", 41, NO, EAFNOSUPPORT, ALL, {HIGH(40), 1, 0}},
	{"socket NETLINK_AUDIT", 41, 359, EAFNOSUPPORT, ALL, {16, 3, 9}},
	{"socketcall socket", NO, 102, EPERM, ALL, {1, 0}},
	{"personality NO_RANDOMIZE", 135, 136, EPERM, ALL, {0x40000}},
	{"personality READ_EXEC", 135, 136, EPERM, ALL, {0x400000}},
	{"personality high", 135, NO, EPERM, ALL, {HIGH(0x40000)}},
	/* what no kernel has */
	{"create_module", 174, 127, ENOSYS, ALL, {0}},
	{"afs_syscall", 183, 137, ENOSYS, ALL, {0}},
	{"vserver", 236, 273, ENOSYS, ALL, {0}},
	{"number 600", 600, 600, ENOSYS, ALL, {0}},
	{"number 1023", 1023, 1023, ENOSYS, ALL, {0}},
	{"number 100000", 100000, 100000, ENOSYS, ALL, {0}},
};

static int call64(const struct row *r, int bit)
{
	const long *a = r->args;
	errno = 0;
	return syscall(r->nr64 | bit, a[0], a[1], a[2], a[3]) < 0 ? errno : 0;
}

static int call32(const struct row *r)
{
	const long *a = r->args;
	long ret = r->nr32;
	__asm__ volatile("int $0x80"
			 : "+a"(ret)
			 : "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3])
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)ret < 0 ? -(int)ret : 0;
}

/* In a child: a kernel without the 32-bit door ends who knocks. */
static bool has_int80(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		struct row getpid_row = {"getpid", 39, 20, PASS, ALL, {0}};
		_exit(call32(&getpid_row) == ENOSYS);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static void judge(const struct row *r, const char *abi, int got, int want)
{
	bool good = want == PASS ? got != EPERM && got != ENOSYS : got == want;
	if (!good)
		printf("%s by %s: %s, want %s\n", r->name, abi, strerrorname_np(got),
			want == PASS ? "any answer of the kernel" : strerrorname_np(want));
}

static int table(const char *kind)
{
	const enum kinds here = !strcmp(kind, "sys") ? SYS : !strcmp(kind, "app") ? APP : BARE;
	const bool int80 = has_int80();
	unsigned asked = 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct row *r = &rows[i];
		if (!(r->kinds & here))
			continue;
		if (r->nr64 != NO) {
			judge(r, "syscall", call64(r, 0), r->want);
			judge(r, "x32", call64(r, X32_BIT), ENOSYS);
			asked += 2;
		}
		if (r->nr32 != NO && int80) {
			judge(r, "int 0x80", call32(r), r->want);
			asked++;
		}
	}
	printf("asked %u%s\n", asked, int80 ? "" : " i386 0");
	return 0;
}

/* "Shocker": a directory is opened by a handle that was made up: inode 2, as a root has it. */
static int handle(const char *path)
{
	struct {
		struct file_handle h;
		uint32_t id[2];
	} h = {.h = {.handle_bytes = 8, .handle_type = 1}, .id = {2, 0}};
	int at = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return perror(path), 2;
	int fd = open_by_handle_at(at, &h.h, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return printf("%s\n", strerrorname_np(errno)), 1;
	char name[] = "etc/shadow";
	printf("opened%s\n", faccessat(fd, name, F_OK, 0) == 0 ? ", /etc/shadow is in it" : "");
	return 0;
}

static int answer(long serial)
{
	if (serial < 0)
		return printf("%s\n", strerrorname_np(errno)), 1;
	printf("%ld\n", serial);
	return 0;
}

/* The permission is looked at first, then the time zone, which is no possible one. */
static int settime(void)
{
	struct timezone beyond = {.tz_minuteswest = 16 * 60};
	(void)syscall(SYS_settimeofday, NULL, &beyond);
	printf("%s\n", strerrorname_np(errno));
	return 0;
}

/* Each child stays for a moment, so that all are there at once. */
static int bomb(unsigned n, size_t mib)
{
	unsigned forked = 0;
	int gate[2], status;
	char c;
	if (pipe2(gate, O_CLOEXEC) < 0)
		return perror("pipe"), 2;
	for (unsigned i = 0; i < n; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			close(gate[1]);
			_exit(read(gate[0], &c, 1) < 0);
		}
		forked += pid > 0;
	}
	printf("forked %u\n", forked);
	fflush(stdout);
	close(gate[1]);
	for (unsigned i = 0; i < forked; i++)
		(void)wait(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		char *hog = malloc(mib << 20);
		for (size_t i = 0; hog && i < mib << 20; i += 4096)
			((volatile char *)hog)[i] = 1;
		_exit(hog ? 0 : 1);
	}
	bool died = pid > 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status);
	printf("hog %s\n", died ? "died" : "lives");
	return 0;
}

/* Not with a shell's tools: busybox gives a setuid bit's ids back before it does anything. */
static int status(const char *key)
{
	char line[512];
	size_t n = strlen(key);
	FILE *f = fopen("/proc/self/status", "re");
	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, key, n) && line[n] == ':')
			return printf("%s", line + n + 1 + strspn(line + n + 1, "\t ")), 0;
	return 1;
}

/* "unshare -UrmC", which busybox cannot. */
static int in_new_namespaces(char **argv)
{
	const struct {
		const char *path, *text;
	} maps[] = {
		{"/proc/self/setgroups", "deny"},
		{"/proc/self/uid_map", "0 0 1"},
		{"/proc/self/gid_map", "0 0 1"},
	};
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP) < 0)
		return perror("unshare"), 2;
	for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
		int fd = open(maps[i].path, O_WRONLY | O_CLOEXEC);
		if (write(fd, maps[i].text, strlen(maps[i].text)) < 0)
			return perror(maps[i].path), 2;
		close(fd);
	}
	execvp(argv[0], argv);
	return perror(argv[0]), 127;
}

static int with_key(const char *name, char **argv)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 ||
		syscall(SYS_add_key, "user", name, "x", 1, KEY_SPEC_SESSION_KEYRING) < 0)
		return perror("keyring"), 2;
	execvp(argv[0], argv);
	return perror(argv[0]), 127;
}

static bool opens(const char *pid, const char *file)
{
	char path[300];
	snprintf(path, sizeof path, "/proc/%s/%s", pid, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* What comes into a zone carries cella's name until it executes; the check of the name follows the
 * attempt too, so that a program of the zone's own is not taken for it. */
static bool is_entering(const char *pid)
{
	char path[300], comm[32] = "";
	snprintf(path, sizeof path, "/proc/%s/comm", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, comm, sizeof comm - 1);
	close(fd);
	return n > 0 && !strncmp(comm, "cella", 5) && strncmp(comm, "cella-init", 10);
}

static long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int watch(long ms)
{
	static const char *const secrets[] = {"environ", "mem", "maps", "auxv"};
	char last[32] = "";
	unsigned seen = 0;
	for (long end = now_ms() + ms; seen < WATCH_ENOUGH && now_ms() < end;) {
		DIR *d = opendir("/proc");
		for (struct dirent *e; d && (e = readdir(d));) {
			if (e->d_name[0] < '2' || e->d_name[0] > '9' || !is_entering(e->d_name))
				continue;
			seen += strcmp(last, e->d_name) != 0;
			snprintf(last, sizeof last, "%.30s", e->d_name);
			for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
				if (opens(e->d_name, secrets[i]) && is_entering(e->d_name))
					printf("opens %s of what enters\n", secrets[i]);
		}
		if (d)
			closedir(d);
	}
	printf("seen %u\n", seen);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "bomb"))
		return bomb((unsigned)strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
	if (argc > 3 && !strcmp(argv[1], "with-key"))
		return with_key(argv[2], argv + 3);
	if (argc == 3 && !strcmp(argv[1], "watch"))
		return watch(strtol(argv[2], NULL, 10));
	if (argc > 2 && !strcmp(argv[1], "cgroupns"))
		return in_new_namespaces(argv + 2);
	if (argc == 3 && !strcmp(argv[1], "table"))
		return table(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "handle"))
		return handle(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "status"))
		return status(argv[2]);
	if (argc == 2 && !strcmp(argv[1], "settime"))
		return settime();
	if (argc == 2 && !strcmp(argv[1], "session"))
		return answer(
			syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
	if (argc == 3 && !strcmp(argv[1], "key"))
		return answer(syscall(SYS_request_key, "user", argv[2], NULL, 0));
	fprintf(stderr, "usage: calls table KIND | handle PATH | session | key NAME | add NAME\n");
	return 2;
}
#endif
