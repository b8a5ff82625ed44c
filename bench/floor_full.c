/* floor_full.c: what the kernel itself takes for a container with everything on: floor.c, and a
 * group with limits in every cgroup hierarchy, id-mapped layers under an overlay in memory, real
 * devices, read-only and covered paths, a loopback that is up, dropped capabilities, a filter of
 * system calls. The calls of `cella run`, from constants: no command line, no store, no record, no
 * checks, nobody who watches or sweeps. What `cella run` takes above this is Cella's.
 *
 *	floor_full FILTER ROOT COMMAND [ARG...]
 *
 * FILTER is a program that Cella has compiled (CELLA_ROOT/cache/filter-*.bpf). */
#include "bench/floor.h"
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

enum {
	GROUPS_MAX = 24,
	FILTER_HEADER = 24, /* isolation/privileges/filter.c, struct cache_header */
	FIRST_ID = 1500000000,
	ROOT_FD = 0,
	DEV_FD,
	MASK_FD,
	TREES
};

static struct group {
	char path[160];
	int tasks_fd; /* v2: the group itself */
	bool is_v2;
} groups[GROUPS_MAX];
static size_t n_groups;
static struct sock_filter insns[BPF_MAXINSNS];
static struct sock_fprog program = {.filter = insns};

static void read_filter(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = pread(fd, insns, sizeof insns, FILTER_HEADER);
	must(n > 0, file);
	program.len = (unsigned short)((size_t)n / sizeof insns[0]);
	(void)close(fd);
}

static void set_limit(const char *group, const char *file, const char *value)
{
	char path[200];
	(void)snprintf(path, sizeof path, "%s/%s", group, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return; /* another controller's hierarchy */
	must(write(fd, value, strlen(value)) > 0, path);
	(void)close(fd);
}

/* A cpuset of v1 takes nobody in before it has what its parent has. */
static void inherit(const char *at, const char *group, const char *file)
{
	char path[200], value[256];
	(void)snprintf(path, sizeof path, "%s/%s", at, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, value, sizeof value - 1);
	if (n <= 0)
		return;
	value[n] = '\0';
	set_limit(group, file, value);
	(void)close(fd);
}

/* Mounted hierarchies, as Cella has them: a group, its limits, and the file to join by. */
static void make_groups(void)
{
	static char line[4096];
	char tasks[200];
	FILE *f = fopen("/proc/self/mountinfo", "re");
	must(f != NULL, "mountinfo");
	while (fgets(line, sizeof line, f) && n_groups < GROUPS_MAX) {
		struct group *g = &groups[n_groups];
		char at[64];
		bool v1 = strstr(line, " - cgroup ") != NULL;
		if ((!v1 && !strstr(line, " - cgroup2 ")) ||
			sscanf(line, "%*s %*s %*s %*s %63s", at) != 1)
			continue;
		(void)snprintf(g->path, sizeof g->path, "%s/cella-floor-%d", at, getpid());
		must(mkdir(g->path, 0755) == 0, g->path);
		inherit(at, g->path, "cpuset.cpus");
		inherit(at, g->path, "cpuset.mems");
		set_limit(g->path, "pids.max", "4096");
		set_limit(g->path, "memory.limit_in_bytes", "4294967296");
		set_limit(g->path, "memory.max", "4294967296");
		/* Into a group of v2 by clone3: to write to cgroup.procs waits for a grace period.
		 */
		(void)snprintf(tasks, sizeof tasks, "%s/%s", g->path, v1 ? "tasks" : "");
		g->tasks_fd = open(tasks, v1 ? O_WRONLY | O_CLOEXEC : O_RDONLY | O_CLOEXEC);
		must(g->tasks_fd >= 0, tasks);
		g->is_v2 = !v1;
		n_groups++;
	}
	(void)fclose(f);
}

static void remove_groups(void)
{
	for (size_t i = 0; i < n_groups; i++)
		must(rmdir(groups[i].path) == 0, groups[i].path);
}

static int make_overlay(const char *root, pid_t pid)
{
	char text[64];
	(void)snprintf(text, sizeof text, "/proc/%d/ns/user", pid);
	int userns = open(text, O_RDONLY | O_CLOEXEC);
	int lower = open_tree(AT_FDCWD, root, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	struct mount_attr map = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned)userns};
	must(userns >= 0 && lower >= 0, root);
	must(mount_setattr(lower, "", AT_EMPTY_PATH, &map, sizeof map) == 0, "map ids");
	int scratch = new_fs("tmpfs", "mode", "700");
	must(mkdirat(scratch, "upper", 0755) == 0 && mkdirat(scratch, "work", 0755) == 0, "upper");
	must(fchownat(scratch, "upper", FIRST_ID, FIRST_ID, 0) == 0, "upper");
	/* Until Linux 6.15 layers must be attached: on top of our own root they hide nothing. */
	must(move_mount(lower, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) == 0, "lower");
	must(move_mount(scratch, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) == 0, "scratch");
	int fs = fsopen("overlay", FSOPEN_CLOEXEC);
	char upper[64];
	(void)snprintf(text, sizeof text, "/proc/self/fd/%d", lower);
	must(fs >= 0 && fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir", text, 0) == 0, "lowerdir");
	(void)snprintf(upper, sizeof upper, "/proc/self/fd/%d/upper", scratch);
	must(fsconfig(fs, FSCONFIG_SET_STRING, "upperdir", upper, 0) == 0, "upperdir");
	(void)snprintf(upper, sizeof upper, "/proc/self/fd/%d/work", scratch);
	must(fsconfig(fs, FSCONFIG_SET_STRING, "workdir", upper, 0) == 0, "workdir");
	must(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0, "overlay");
	int mnt = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV);
	must(mnt >= 0, "fsmount");
	(void)close(fs);
	(void)close(userns);
	return mnt;
}

static int make_dev(void)
{
	static const struct {
		const char *name;
		unsigned major, minor;
	} nodes[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8},
		{"urandom", 1, 9}, {"tty", 5, 0}};
	static const char *const dirs[] = {"pts", "shm", "mqueue"};
	int dev = new_fs("tmpfs", "mode", "755");
	for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++) {
		must(mknodat(dev, nodes[i].name, S_IFCHR | 0666,
			     makedev(nodes[i].major, nodes[i].minor)) == 0,
			nodes[i].name);
		must(fchownat(dev, nodes[i].name, FIRST_ID, FIRST_ID, 0) == 0, nodes[i].name);
	}
	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++)
		must(mkdirat(dev, dirs[i], 0755) == 0, dirs[i]);
	return dev;
}

static int make_mask(void)
{
	int mask = new_fs("tmpfs", "mode", "555");
	int fd = openat(mask, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0444);
	must(fd >= 0 && mkdirat(mask, "dir", 0555) == 0, "mask");
	(void)close(fd);
	return mask;
}

static void send_trees(int sock, const int trees[TREES])
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int) * TREES)];
	} control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int) * TREES),
			     .cmsg_level = SOL_SOCKET,
			     .cmsg_type = SCM_RIGHTS}};
	char byte = 'r';
	struct iovec io = {&byte, 1};
	struct msghdr m = {.msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control};
	memcpy(CMSG_DATA(&control.head), trees, sizeof(int) * TREES);
	must(sendmsg(sock, &m, 0) == 1, "send the root");
}

static void receive_trees(int sock, int trees[TREES])
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int) * TREES)];
	} control;
	char byte;
	struct iovec io = {&byte, 1};
	struct msghdr m = {.msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control};
	must(recvmsg(sock, &m, MSG_CMSG_CLOEXEC) == 1, "receive the root");
	memcpy(trees, CMSG_DATA(&control.head), sizeof(int) * TREES);
}

/* `from` ("" for what is at `path` itself) on `path`, with a flag set or cleared. */
static void cover(
	int root, int from_fd, const char *from, const char *path, uint64_t set, uint64_t clear)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
	struct mount_attr attr = {.attr_set = set, .attr_clr = clear};
	int tree = open_tree(from_fd, from, flags);
	if (tree < 0)
		return; /* not on this kernel */
	must(mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof attr) == 0, path);
	attach(tree, root, path);
}

static void restrict_paths(int root, int mask)
{
	static const char *const readonly[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys"};
	static const char *const writable[] = {"proc/sys/net", "proc/sys/fs/mqueue",
		"proc/sys/kernel/msgmax", "proc/sys/kernel/msgmnb", "proc/sys/kernel/msgmni",
		"proc/sys/kernel/msg_next_id", "proc/sys/kernel/auto_msgmni", "proc/sys/kernel/sem",
		"proc/sys/kernel/sem_next_id", "proc/sys/kernel/shmall", "proc/sys/kernel/shmmax",
		"proc/sys/kernel/shmmni", "proc/sys/kernel/shm_next_id",
		"proc/sys/kernel/shm_rmid_forced", "proc/sys/kernel/hostname",
		"proc/sys/kernel/domainname", "proc/sys/kernel/ns_last_pid"};
	static const char *const masked[] = {"proc/kcore", "proc/keys", "proc/kallsyms",
		"proc/sysrq-trigger", "proc/config.gz", "proc/timer_list", "proc/timer_stats",
		"proc/sched_debug", "proc/latency_stats", "proc/interrupts", "proc/acpi",
		"proc/asound", "proc/scsi", "sys/firmware", "sys/devices/virtual/powercap",
		"sys/fs/selinux", "sys/fs/pstore", "sys/kernel/debug", "sys/kernel/tracing",
		"sys/kernel/security", "sys/kernel/slab"};
	struct stat st;
	for (size_t i = 0; i < sizeof readonly / sizeof readonly[0]; i++)
		cover(root, root, readonly[i], readonly[i], MOUNT_ATTR_RDONLY, 0);
	for (size_t i = 0; i < sizeof writable / sizeof writable[0]; i++)
		cover(root, root, writable[i], writable[i], 0, MOUNT_ATTR_RDONLY);
	for (size_t i = 0; i < sizeof masked / sizeof masked[0]; i++)
		if (fstatat(root, masked[i], &st, 0) == 0)
			cover(root, mask, S_ISDIR(st.st_mode) ? "dir" : "file", masked[i],
				MOUNT_ATTR_RDONLY, 0);
}

static void loopback_up(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	must(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &r) == 0, "lo");
	(void)close(fd);
}

static void drop_privileges(void)
{
	static const unsigned keep = 1U << CAP_CHOWN | 1U << CAP_DAC_OVERRIDE | 1U << CAP_FOWNER |
				     1U << CAP_FSETID | 1U << CAP_KILL | 1U << CAP_SETGID |
				     1U << CAP_SETUID | 1U << CAP_SETPCAP |
				     1U << CAP_NET_BIND_SERVICE | 1U << CAP_SYS_CHROOT;
	for (int c = 0; prctl(PR_CAPBSET_READ, c) >= 0; c++)
		if (c > 31 || (c != CAP_SETFCAP && !(keep & 1U << c)))
			must(prctl(PR_CAPBSET_DROP, c) == 0, "bounding set");
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	unsigned set = keep | 1U << CAP_SETFCAP;
	struct __user_cap_data_struct d[2] = {{set, set, 0}, {0, 0, 0}};
	must(syscall(SYS_capset, &h, d) == 0, "capset");
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
	must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0, "seccomp");
}

static void child(char **argv, int sock)
{
	int trees[TREES];
	for (size_t i = 0; i < n_groups; i++)
		must(groups[i].is_v2 || write(groups[i].tasks_fd, "0", 1) == 1, groups[i].path);
	must(unshare(CLONE_NEWCGROUP) == 0, "cgroup namespace");
	receive_trees(sock, trees);
	must(setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0, "setresuid");
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "make mounts private");
	int root = trees[ROOT_FD];
	must(move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) == 0, "root");
	must(move_mount(trees[MASK_FD], "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) == 0, "mask");
	attach(new_fs("proc", NULL, NULL), root, "proc");
	attach(new_fs("sysfs", NULL, NULL), root, "sys");
	attach(trees[DEV_FD], root, "dev");
	attach(new_fs("devpts", "newinstance", NULL), root, "dev/pts");
	attach(new_fs("tmpfs", "mode", "1777"), root, "dev/shm");
	attach(new_fs("mqueue", NULL, NULL), root, "dev/mqueue");
	attach(new_fs("cgroup2", NULL, NULL), root, "sys/fs/cgroup");
	restrict_paths(root, trees[MASK_FD]);
	must(fchdir(trees[MASK_FD]) == 0 && umount2(".", MNT_DETACH) == 0, "mask");
	must(fchdir(root) == 0 && syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
	must(umount2(".", MNT_DETACH) == 0 && chdir("/") == 0, "old root");
	loopback_up();
	drop_privileges();
	execv(argv[0], argv);
	must(0, argv[0]);
}

int main(int argc, char **argv)
{
	int pair[2], status, trees[TREES];
	if (argc < 4) {
		(void)fputs("usage: floor_full FILTER ROOT COMMAND [ARG...]\n", stderr);
		return 2;
	}
	read_filter(argv[1]);
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
	must(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0,
		"mount namespace");
	make_groups();
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
			 CLONE_NEWUTS,
		.exit_signal = SIGCHLD,
	};
	for (size_t i = 0; i < n_groups; i++)
		if (groups[i].is_v2) {
			args.flags |= CLONE_INTO_CGROUP;
			args.cgroup = (unsigned)groups[i].tasks_fd;
		}
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
	must(pid >= 0, "clone3");
	if (pid == 0)
		child(argv + 3, pair[1]);
	put(pid, "uid_map", "0 1500000000 65536");
	put(pid, "gid_map", "0 1500000000 65536");
	trees[ROOT_FD] = make_overlay(argv[2], pid);
	trees[DEV_FD] = make_dev();
	trees[MASK_FD] = make_mask();
	send_trees(pair[0], trees);
	must(waitpid(pid, &status, 0) == pid, "wait");
	remove_groups();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
