/* fsroot_zone.h: the smallest possible start, for tests of fsroot alone: a store in /tmp, a host
 * side in a process of its own, one clone3, the mount plan applied, and a shell script run as the
 * zone's init. Nothing is kept and nothing is shared with runtime/. */
#pragma once
#include "base/fd.h"
#include "base/path.h"
#include "base/sys.h"
#include "fsroot/apply.h"
#include "fsroot/dev.h"
#include "fsroot/etc.h"
#include "fsroot/overlay.h"
#include "fsroot/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	ZONE_FIRST_ID = 1879048192,
	ZONE_SLOTS = 8
};

struct zone_case {
	int store_fd;
	const char *layers[OVERLAY_LAYERS_MAX];
	size_t n_layers;
	bool no_userns, no_netns, readonly_root, with_console, prepares;
	enum overlay_method method;
	const char *script;
	struct mount_plan_input mounts; /* flags above are filled in */
	int volume_fd;			/* slot of the only volume, or 0 */
	bool write_etc;
};
struct zone_outcome {
	int status;	    /* exit code of the script; -1: it did not run */
	struct fault fault; /* of the zone side */
	struct err err;	    /* of the host side */
	char output[4096];
};

static inline void zone_fail(int sock, const struct fault *f)
{
	(void)fd_send(sock, f, sizeof *f, NULL, 0);
	_exit(120);
}

static inline void __attribute__((noreturn))
zone_side(const struct zone_case *c, int sock, int out_fd, const struct mount_plan *plan)
{
	struct fault f = {0};
	int fds[ZONE_SLOTS];
	size_t n = ZONE_SLOTS;
	char byte;
	memset(fds, -1, sizeof fds);
	if (fd_recv(sock, &byte, 1, fds, &n) <= 0)
		_exit(121);
	/* Only what is there travels; 'r' for root, in slot order. */
	int slots[ZONE_SLOTS] = {-1, -1, -1, -1, -1, -1, -1, -1};
	size_t at = 0;
	slots[MOUNT_SLOT_ROOT] = fds[at++];
	slots[MOUNT_SLOT_DEV] = fds[at++];
	slots[MOUNT_SLOT_MASK] = fds[at++];
	if (c->no_netns)
		slots[MOUNT_SLOT_SYS] = fds[at++];
	if (c->volume_fd)
		slots[MOUNT_SLOT_VOLUMES] = fds[at++];
	if (setresgid(0, 0, 0) < 0 || setgroups(0, NULL) < 0 || setresuid(0, 0, 0) < 0)
		_exit(122);
	umask(022);
	struct apply_made made;
	memset(&made, -1, sizeof made);
	const struct apply_plan ap = {.fds = slots,
		.n_fds = ZONE_SLOTS,
		.ops = plan->ops,
		.n_ops = plan->n_ops,
		.made = c->prepares ? &made : NULL};
	struct apply_console console = {-1, -1};
	/* One of them first, as a start does with /proc. */
	if ((c->prepares &&
		    (apply_prepare(&ap, "/proc", &f) < 0 || apply_prepare(&ap, NULL, &f) < 0)) ||
		apply_mounts(&ap, &f) < 0 ||
		(c->with_console && apply_console(slots[0], 5, &console, &f) < 0) ||
		apply_pivot(slots[0], &f) < 0)
		zone_fail(sock, &f);
	if (dup2(out_fd, 1) < 0 || dup2(out_fd, 2) < 0)
		_exit(123);
	close(0);
	if (open("/dev/null", O_RDWR) != 0)
		_exit(124);
	sys_close_range(3, ~0U, 0);
	char *const argv[] = {(char *)"sh", (char *)"-c", (char *)(uintptr_t)c->script, NULL};
	char *const envp[] = {(char *)"PATH=/bin:/sbin:/usr/bin:/usr/sbin", NULL};
	execve("/bin/sh", argv, envp);
	_exit(127);
}

static inline int zone_write_map(pid_t pid, const char *file)
{
	char path[64], map[64];
	(void)snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
	int n = snprintf(map, sizeof map, "0 %u 65536", (unsigned)ZONE_FIRST_ID);
	autofd int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, map, (size_t)n) == n ? 0 : -1;
}

static inline int zone_build_root(
	const struct zone_case *c, pid_t pid, int store_tree, int *fds, size_t *n, struct err *e)
{
	char path[64];
	uint32_t id = c->no_userns ? 0 : ZONE_FIRST_ID;
	(void)snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
	autofd int userns = c->no_userns ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	const struct overlay_plan plan = {
		.store_tree_fd = store_tree,
		.layers = c->layers,
		.n_layers = c->n_layers,
		.upper = c->readonly_root ? NULL : "zones/z/upper",
		.work = c->readonly_root ? NULL : "zones/z/work",
		.userns_fd = userns,
		.root_uid = id,
		.root_gid = id,
		.method = c->method,
	};
	const struct dev_plan dev = {.root_uid = id, .root_gid = id, .tty_gid = id + 5};
	if (overlay_build(&plan, &fds[0], e) < 0 || dev_build(&dev, &fds[1], e) < 0 ||
		dev_build_mask(&fds[2], e) < 0)
		return -1;
	*n = 3;
	if (c->no_netns && (fds[(*n)++] = tree_clone(AT_FDCWD, "/sys", false)) < 0)
		return err_sys(e, errno, "sys");
	if (c->volume_fd)
		fds[(*n)++] = c->volume_fd;
	if (c->write_etc) {
		const struct etc_plan etc = {
			.root_fd = fds[0],
			.root_uid = id,
			.root_gid = id,
			.is_first_start = true,
			.hostname = "zone1",
			.hosts = ETC_MARKER "127.0.0.1\tlocalhost\n",
			.resolv_conf = ETC_MARKER "nameserver 192.0.2.1\n",
			.machine_id = "0123456789abcdef0123456789abcdef",
		};
		struct etc_report report;
		if (etc_write_files(&etc, &report, e) < 0)
			return -1;
	}
	return 0;
}

static inline void zone_host_side(const struct zone_case *c, int out_fd, struct zone_outcome *o)
{
	struct mount_plan plan = {0};
	struct mount_plan_input in = c->mounts;
	int sp[2], fds[ZONE_SLOTS];
	size_t n = 0;
	memset(fds, -1, sizeof fds);
	in.has_userns = !c->no_userns;
	in.has_netns = !c->no_netns;
	in.tty_gid = "5";
	o->status = -1;
	autofd int store_tree = tree_clone(c->store_fd, "", true);
	if (store_tree < 0 || mount_plan_make(&in, &plan, &o->err) < 0 ||
		tree_private_mountns(NULL, &o->err) < 0 ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sp) < 0)
		return;
	struct clone_args args = {
		.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
			 CLONE_NEWCGROUP | (c->no_userns ? 0 : CLONE_NEWUSER) |
			 (c->no_netns ? 0 : CLONE_NEWNET),
		.exit_signal = SIGCHLD,
	};
	pid_t pid = sys_clone3(&args);
	if (pid < 0)
		return;
	if (pid == 0) {
		close(sp[0]);
		zone_side(c, sp[1], out_fd, &plan);
	}
	close(sp[1]);
	if (!c->no_userns &&
		(zone_write_map(pid, "gid_map") < 0 || zone_write_map(pid, "uid_map") < 0))
		return;
	int wstatus;
	if (zone_build_root(c, pid, store_tree, fds, &n, &o->err) == 0 &&
		fd_send(sp[0], "r", 1, fds, n) == 0) {
		ssize_t got = fd_recv(sp[0], &o->fault, sizeof o->fault, NULL, NULL);
		(void)got;
	}
	close(sp[0]);
	if (waitpid(pid, &wstatus, 0) == pid && WIFEXITED(wstatus) && !o->fault.errnum &&
		!o->err.cls)
		o->status = WEXITSTATUS(wstatus);
}

/* Run the case in a process of its own; what it did to namespaces dies with that. */
static inline void zone_run(const struct zone_case *c, struct zone_outcome *o)
{
	int out[2], res[2];
	*o = (struct zone_outcome){.status = -1};
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(res, O_CLOEXEC) < 0)
		abort();
	pid_t pid = fork();
	if (pid == 0) {
		close(out[0]);
		zone_host_side(c, out[1], o);
		(void)fd_write_all(res[1], o, sizeof *o);
		_exit(0);
	}
	close(out[1]);
	close(res[1]);
	ssize_t n = fd_read_all(res[0], o, sizeof *o);
	if (n != sizeof *o)
		o->status = -1;
	n = fd_read_all(out[0], o->output, sizeof o->output - 1);
	o->output[n < 0 ? 0 : n] = '\0';
	close(out[0]);
	close(res[0]);
	(void)waitpid(pid, NULL, 0);
}
