/* The ends of a copy that are not in a running zone: on the host, and in the root of a stopped
 * zone.
 */
#include "runtime/transfer.h"
#include "runtime/claims.h"
#include "runtime/host_facts.h"
#include "runtime/keeper_start.h"
#include "runtime/start_host.h"
#include "runtime/volumes.h"
#include "base/defence.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/sys.h"
#include "fsroot/apply.h"
#include "fsroot/tree.h"
#include "isolation/namespaces/idmap.h"
#include "isolation/privileges/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Everything the child needs, made before the clone. */
struct end {
	int sock; /* the child's end */
	int stdio[3], ours[3];
	int program_fd;
	int lock_fd;		 /* kept open as long as it runs; -1: none */
	const struct plan *plan; /* of the stopped zone; NULL on the host */
	struct mount_op *ops;
	size_t n_ops;
	struct drop_plan drop;
	char *const *argv;
	char *env[2];
};

static void end_done(struct end *x)
{
	fd_close(&x->sock);
	fd_close(&x->program_fd);
	for (int i = 0; i < 3; i++) {
		fd_close(&x->stdio[i]);
		fd_close(&x->ours[i]);
	}
	filter_blob_done(&x->drop.filter);
	free(x->ops);
}

/* ---- the child: no malloc, no stdio ---- */

/* The root, and what the spec mounts below it, as the host side sent them. */
static int enter_root(struct end *x, struct fault *f)
{
	int got[FD_PASS_MAX], fds[FD_PASS_MAX];
	size_t n = FD_PASS_MAX, next = 0;
	uint32_t slots = 0;
	if (fd_recv(x->sock, &slots, sizeof slots, got, &n) != (ssize_t)sizeof slots)
		_exit(125);
	for (unsigned i = 0; i < FD_PASS_MAX; i++)
		fds[i] = slots & 1u << i && next < n ? got[next++] : -1;
	if (process_set_groups(NULL, 0, f) < 0 || process_set_ids(0, 0, 1, f) < 0 ||
		process_set_undumpable(f) < 0)
		return -1;
	const struct apply_plan plan = {
		.fds = fds, .n_fds = FD_PASS_MAX, .ops = x->ops, .n_ops = x->n_ops};
	if (apply_mounts(&plan, f) < 0)
		return -1;
	return apply_pivot(fds[MOUNT_SLOT_ROOT], f);
}

static int close_descriptors(struct end *x, struct fault *f)
{
	int keep[3], n = 0;
	const int wanted[3] = {x->sock, x->program_fd, x->lock_fd};
	for (int i = 0; i < 3; i++) {
		if (wanted[i] < 0)
			continue;
		int at = n++;
		for (; at > 0 && keep[at - 1] > wanted[i]; at--)
			keep[at] = keep[at - 1];
		keep[at] = wanted[i];
	}
	return process_close_fds(keep, (size_t)n, f);
}

static int become(struct end *x, struct fault *f)
{
	if (setsid() < 0)
		return fault_set(f, "session"); /* ^C is for the command, which then cleans up */
	if (x->plan && enter_root(x, f) < 0)
		return -1;
	for (int i = 0; i < 3; i++)
		if (dup2(x->stdio[i], i) < 0)
			return fault_set(f, "standard streams");
	if (close_descriptors(x, f) < 0 || drop_apply(&x->drop, f) < 0)
		return -1;
	if (process_cloexec_from(3, f) < 0)
		return -1;
	if (x->lock_fd >= 0 && fcntl(x->lock_fd, F_SETFD, 0) < 0)
		return fault_set(f, "lock");
	(void)execveat(x->program_fd, "", x->argv, x->env, AT_EMPTY_PATH);
	return fault_set(f, "cella-copy");
}

__attribute__((noreturn)) static void child(struct end *x)
{
	struct fault f = {0};
	if (become(x, &f) < 0)
		(void)fd_send(x->sock, &f, sizeof f, NULL, 0);
	_exit(125);
}

/* ---- both ---- */

static int prepare(const struct store *s, const char *const *argv, struct end *x, struct err *e)
{
	*x = (struct end){.sock = -1,
		.program_fd = -1,
		.lock_fd = -1,
		.stdio = {-1, -1, -1},
		.ours = {-1, -1, -1}};
	x->argv = (char *const *)(uintptr_t)argv;
	x->env[0] = defence_environment();
	if ((x->program_fd = keeper_open_program(s, "cella-copy", e)) < 0)
		return -1;
	for (int i = 0; i < 3; i++) {
		int ends[2];
		if (pipe2(ends, O_CLOEXEC) < 0)
			return err_sys(e, errno, "make a pipe");
		x->ours[i] = ends[i == 0];
		x->stdio[i] = ends[i != 0];
	}
	return 0;
}

static pid_t spawn(struct end *x, uint64_t flags, int *ret_sock, int *ret_pidfd, struct err *e)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "make a socket pair");
	x->sock = pair[1];
	struct clone_args a = {
		.flags = flags | CLONE_PIDFD,
		.pidfd = (uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
	};
	pid_t pid = sys_clone3(&a);
	if (pid == 0) {
		fd_close(&pair[0]);
		child(x);
	}
	if (pid < 0) {
		err_sys(e, errno, "clone3");
		fd_close(&pair[0]);
		return -1;
	}
	fd_close(&x->sock);
	*ret_sock = pair[0];
	return pid;
}

/* End of file is exec. */
static int wait_for_exec(int sock, struct err *e)
{
	struct fault f;
	ssize_t n = fd_recv(sock, &f, sizeof f, NULL, NULL);
	if (n == 0)
		return 0;
	if (n != (ssize_t)sizeof f)
		return err_sys(e, n < 0 ? errno : EPROTO, "message of cella-copy");
	f.object[sizeof f.object - 1] = '\0';
	return err_sys(e, f.errnum, "%s", f.object);
}

static void take(struct end *x, pid_t pid, int *pidfd, struct exec_process *ret)
{
	*ret = (struct exec_process){.pid = pid,
		.pidfd = fd_steal(pidfd),
		.pty_fd = -1,
		.in_fd = fd_steal(&x->ours[0]),
		.out_fd = fd_steal(&x->ours[1]),
		.err_fd = fd_steal(&x->ours[2])};
}

static void kill_child(pid_t pid, int pidfd)
{
	if (pid <= 0)
		return;
	(void)sys_pidfd_send_signal(pidfd, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

/* ---- on the host ---- */

static int plan_host(const struct store *s, struct end *x, struct err *e)
{
	const uint64_t caps = UINT64_C(1) << CAP_CHOWN | UINT64_C(1) << CAP_DAC_OVERRIDE |
			      UINT64_C(1) << CAP_FOWNER | UINT64_C(1) << CAP_FSETID |
			      UINT64_C(1) << CAP_SETFCAP | UINT64_C(1) << CAP_SYS_CHROOT;
	x->drop = (struct drop_plan){
		.caps = {.bounding = caps, .permitted = caps, .effective = caps},
		.no_new_privs = true,
	};
	const struct filter_options filter = {.capabilities = caps};
	return filter_get(&filter, s->cache_fd, &x->drop.filter, e);
}

int transfer_host_end(
	const struct store *s, const char *const *argv, struct exec_process *ret, struct err *e)
{
	struct end x;
	autofd int sock = -1, pidfd = -1;
	pid_t pid = -1;
	int r = prepare(s, argv, &x, e);
	if (r == 0)
		r = plan_host(s, &x, e);
	if (r == 0)
		r = pid = spawn(&x, CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC, &sock, &pidfd, e);
	if (r >= 0)
		r = wait_for_exec(sock, e);
	if (r < 0)
		kill_child(pid, pidfd);
	else
		take(&x, pid, &pidfd, ret);
	end_done(&x);
	return r < 0 ? err_at(e, "host end", NULL) : 0;
}

/* ---- a stopped zone ---- */

/* As in a start: ids are claimed while they are in use. */
static int claim_ids(struct zone *z, struct plan *p, struct err *e)
{
	uint32_t first;
	if (!p->has_userns)
		return 0;
	if (claims_take_ids(z->store, z->record.uuid, z->record.id_first, &first, e) < 0)
		return -1;
	p->map.host_first = first;
	if (first == z->record.id_first)
		return 0;
	z->record.id_first = first;
	return zone_write_record(z->dir_fd, &z->record, e);
}

/* Of the plan's mounts: those with a tree of the host's. A place to mount them that the root does
 * not have is not made. */
static int choose_mounts(struct end *x, const struct plan *p, struct err *e)
{
	if (!(x->ops = calloc(p->mounts.n_ops + 1, sizeof *x->ops)))
		return err_nomem(e);
	for (size_t i = 0; i < p->mounts.n_ops; i++) {
		struct mount_op op = p->mounts.ops[i];
		if (op.kind != MOUNT_OP_ATTACH || op.slot < MOUNT_SLOT_VOLUMES)
			continue;
		op.flags = (op.flags & ~(unsigned)(MOUNT_OP_MAKE_DIR | MOUNT_OP_MAKE_FILE)) |
			   MOUNT_OP_OPTIONAL;
		x->ops[x->n_ops++] = op;
	}
	return 0;
}

static int plan_stopped(struct zone *z, struct start *s, struct end *x, struct err *e)
{
	if (host_facts_cgroups(z->store, &s->cg_host, e) < 0 ||
		plan_make(z, &s->cg_host, &s->plan, e) < 0 || claim_ids(z, &s->plan, e) < 0 ||
		choose_mounts(x, &s->plan, e) < 0)
		return -1;
	x->plan = &s->plan;
	x->lock_fd = z->lock_fd;
	x->drop = (struct drop_plan){.caps = s->plan.caps, .no_new_privs = true};
	return filter_get(&s->plan.filter, z->store->cache_fd, &x->drop.filter, e);
}

/* In our own mount namespace for a moment, which nothing outlives (R1). */
static int send_root(struct start *s, int sock, struct err *e)
{
	if (s->plan.has_userns) {
		if (idmap_write(s->pid, &s->plan.map, 1, &s->plan.map, 1, e) < 0)
			return -1;
		if ((s->userns_fd = ns_open(s->pid, NS_USER)) < 0)
			return err_sys(e, errno, "open the user namespace");
	}
	if (start_build_overlay(s, e) < 0 || volumes_map(s, e) < 0)
		return -1;
	int fds[FD_PASS_MAX];
	size_t n = 0;
	uint32_t slots = 1u << MOUNT_SLOT_ROOT;
	fds[n++] = s->root_fd;
	for (size_t i = 0; i < s->plan.n_volumes; i++) {
		slots |= 1u << (MOUNT_SLOT_VOLUMES + i);
		fds[n++] = s->volume_fds[i];
	}
	if (fd_send(sock, &slots, sizeof slots, fds, n) < 0)
		return err_sys(e, errno, "send the zone's root");
	return 0;
}

static pid_t run_stopped(
	struct zone *z, struct start *s, struct end *x, int *ret_pidfd, struct err *e)
{
	uint64_t flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
			 CLONE_NEWCGROUP | (s->plan.has_userns ? (uint64_t)CLONE_NEWUSER : 0);
	autofd int sock = -1, cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (cwd < 0)
		return err_sys(e, errno, "open the working directory");
	if ((s->store_tree = tree_clone(z->store->root_fd, "", true)) < 0)
		return err_sys(e, errno, "clone the mount of '%s'", z->store->root);
	if (volumes_open(s, e) < 0 || (s->pid = spawn(x, flags, &sock, ret_pidfd, e)) < 0)
		return -1;
	int r = tree_private_mountns(&s->old_mount_ns, e);
	if (r == 0)
		r = send_root(s, sock, e);
	if (s->old_mount_ns >= 0 && (setns(s->old_mount_ns, CLONE_NEWNS) < 0 || fchdir(cwd) < 0) &&
		r == 0)
		r = err_sys(e, errno, "come back from a private mount namespace");
	if (r == 0)
		r = wait_for_exec(sock, e);
	if (r < 0) {
		kill_child(s->pid, *ret_pidfd);
		return -1;
	}
	return s->pid;
}

static void start_release(struct start *s)
{
	int *fds[] = {&s->store_tree, &s->old_mount_ns, &s->userns_fd, &s->root_fd};
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fd_close(fds[i]);
	for (size_t i = 0; i < ARRAY_LEN(s->volume_fds); i++)
		fd_close(&s->volume_fds[i]);
	plan_done(&s->plan);
	cg_host_done(&s->cg_host);
}

int transfer_stopped_end(
	struct zone *z, const char *const *argv, struct exec_process *ret, struct err *e)
{
	struct end x;
	struct start s = {
		.zone = z, .store_tree = -1, .old_mount_ns = -1, .userns_fd = -1, .root_fd = -1};
	autofd int pidfd = -1;
	for (size_t i = 0; i < ARRAY_LEN(s.volume_fds); i++)
		s.volume_fds[i] = -1;
	int r = prepare(z->store, argv, &x, e);
	if (r == 0)
		r = plan_stopped(z, &s, &x, e);
	if (r == 0)
		r = run_stopped(z, &s, &x, &pidfd, e);
	if (r > 0)
		take(&x, s.pid, &pidfd, ret);
	start_release(&s);
	end_done(&x);
	return r < 0 ? err_at(e, "zone end", z->name) : 0;
}
