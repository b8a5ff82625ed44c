#include "isolation/namespaces/ns.h"

#include "base/fd.h"
#include "base/str.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

const struct ns_type ns_types[NS_COUNT] = {
	[NS_USER] = {"user", "user", CLONE_NEWUSER, "CONFIG_USER_NS"},
	[NS_MNT] = {"mnt", "mount", CLONE_NEWNS, "CONFIG_NAMESPACES"},
	[NS_PID] = {"pid", "pid", CLONE_NEWPID, "CONFIG_PID_NS"},
	[NS_NET] = {"net", "network", CLONE_NEWNET, "CONFIG_NET_NS"},
	[NS_IPC] = {"ipc", "ipc", CLONE_NEWIPC, "CONFIG_IPC_NS"},
	[NS_UTS] = {"uts", "uts", CLONE_NEWUTS, "CONFIG_UTS_NS"},
	[NS_CGROUP] = {"cgroup", "cgroup", CLONE_NEWCGROUP, "CONFIG_CGROUPS"},
	[NS_TIME] = {"time", "time", CLONE_NEWTIME, "CONFIG_TIME_NS"},
};

bool ns_kind_from_name(const char *name, enum ns_kind *ret)
{
	for (unsigned k = 0; k < NS_COUNT; k++) {
		if (!str_eq(name, ns_types[k].name) && !str_eq(name, ns_types[k].oci_name))
			continue;
		*ret = (enum ns_kind)k;
		return true;
	}
	return false;
}

uint64_t ns_clone_flags(const struct ns_plan *plan)
{
	uint64_t flags = 0;
	for (unsigned k = 0; k < NS_COUNT; k++)
		if (k != NS_TIME && plan->of[k].mode == NS_NEW)
			flags |= ns_types[k].flag;
	return flags;
}

/* pid 0 is the calling process. */
static void ns_path(char *buf, size_t size, pid_t pid, enum ns_kind kind)
{
	if (pid == 0)
		snprintf(buf, size, "/proc/self/ns/%s", ns_types[kind].name);
	else
		snprintf(buf, size, "/proc/%d/ns/%s", (int)pid, ns_types[kind].name);
}

bool ns_is_supported(enum ns_kind kind)
{
	char path[64];
	ns_path(path, sizeof path, 0, kind);
	return access(path, F_OK) == 0;
}

int ns_check_supported(const struct ns_plan *plan, struct err *e)
{
	for (unsigned k = 0; k < NS_COUNT; k++) {
		if (k == NS_TIME || plan->of[k].mode != NS_NEW || ns_is_supported((enum ns_kind)k))
			continue;
		err_set(e, ERR_HOST, "this kernel has no %s namespaces", ns_types[k].oci_name);
		return err_hint(e, "it needs %s=y", ns_types[k].config);
	}
	return 0;
}

int ns_open(pid_t pid, enum ns_kind kind)
{
	char path[64];
	ns_path(path, sizeof path, pid, kind);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int ns_inode(pid_t pid, enum ns_kind kind, uint64_t *ret)
{
	char path[64];
	struct stat st;
	ns_path(path, sizeof path, pid, kind);
	if (stat(path, &st) < 0)
		return -1;
	*ret = st.st_ino;
	return 0;
}

int ns_enter(int pidfd, uint64_t flags, struct fault *f)
{
	/* setns with a pidfd (Linux 5.8) takes all or nothing, so there is no moment in which we
	 * are half in the zone. */
	if (setns(pidfd, (int)flags) < 0)
		return fault_set(f, "setns");
	return 0;
}

int ns_join(const struct ns_plan *plan, struct fault *f)
{
	for (unsigned k = 0; k < NS_COUNT; k++)
		if (plan->of[k].mode == NS_JOIN && setns(plan->of[k].fd, (int)ns_types[k].flag) < 0)
			return fault_set(f, ns_types[k].oci_name);
	return 0;
}

/* "monotonic -SEC 0": what has to be added to the host's clock for it to be about one second now.
 * Not zero: programs (systemd among them) take a time stamp of 0 for "never". Full seconds, so that
 * it cannot come out negative, which the kernel refuses. */
static int write_offset(int fd, clockid_t clock, const char *name, struct err *e)
{
	struct timespec now;
	char line[64];
	if (clock_gettime(clock, &now) < 0)
		return err_sys(e, errno, "read the %s clock", name);
	long long back = now.tv_sec > 1 ? (long long)now.tv_sec - 1 : 0;
	int len = snprintf(line, sizeof line, "%s %lld 0\n", name, -back);
	if (write(fd, line, (size_t)len) != len)
		return err_sys(
			e, errno, "write '%s %lld' to /proc/self/timens_offsets", name, -back);
	return 0;
}

static int write_offsets(struct err *e)
{
	autofd int fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "open /proc/self/timens_offsets");
	if (write_offset(fd, CLOCK_MONOTONIC, "monotonic", e) < 0)
		return -1;
	return write_offset(fd, CLOCK_BOOTTIME, "boottime", e);
}

int ns_time_prepare(int *ret_home_fd, struct err *e)
{
	autofd int home = ns_open(0, NS_TIME);
	if (home < 0 && errno == ENOENT) {
		err_set(e, ERR_HOST, "this kernel has no time namespaces");
		return err_hint(e, "it needs Linux 5.6 and CONFIG_TIME_NS=y");
	}
	if (home < 0)
		return err_sys(e, errno, "open /proc/self/ns/time");
	if (unshare(CLONE_NEWTIME) < 0)
		return err_sys(e, errno, "make a time namespace");
	if (write_offsets(e) < 0) {
		/* The caller must not go on half way, and the first error is the one to report. */
		struct err ignored;
		(void)ns_time_restore(home, &ignored);
		return -1;
	}
	*ret_home_fd = fd_steal(&home);
	return 0;
}

int ns_time_restore(int home_fd, struct err *e)
{
	if (setns(home_fd, CLONE_NEWTIME) < 0)
		return err_sys(e, errno, "return to the host's time namespace");
	return 0;
}
