/* The host side of a start, in order. Whatever fails, undo() takes back what was made: it is the
 * same zone_sweep that destroy and repair use, fed with the same state. */
#include "runtime/start_host.h"
#include "runtime/events.h"
#include "runtime/keeper.h"
#include "runtime/keeper_start.h"
#include "runtime/start_lock.h"
#include "runtime/self.h"
#include "runtime/stop.h"
#include "runtime/volumes.h"
#include "base/defence.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/sys.h"
#include "fsroot/tree.h"
#include "isolation/cgroups/cg_scope.h"
#include "isolation/namespaces/idmap.h"
#include "isolation/privileges/process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* A zone side that says nothing for so long hangs, on a dead network file system perhaps. */
enum {
	ANSWER_TIMEOUT_S = 60,
	PORT_TIMEOUT_MS = 200 /* later than that, a zone's first packets are sent again */
};

static int leave_the_command(struct start *s, struct err *e);
static int make_groups(struct start *s, struct err *e);
static int load_filter(struct start *s, struct err *e);
static int make_socket(struct start *s, struct err *e);
static int spawn(struct start *s, struct err *e);
static int map_ids(struct start *s, struct err *e);
static int tell_ids(struct start *s, struct err *e);
static int send_root(struct start *s, struct err *e);
static int make_network(struct start *s, struct err *e);
static int note_first_start(struct start *s, struct err *e);
static int wait_ready(struct start *s, struct err *e);
static int open_gate(struct start *s, struct err *e);
static int commit(struct start *s, struct err *e);
static void undo(struct start *s);
static void answer(struct start *s, const struct err *e);

void start_host(struct start *s)
{
	static int (*const steps[])(struct start *, struct err *) = {
		leave_the_command,
		make_groups,
		load_filter,
		make_socket,
		spawn,
		map_ids,
		tell_ids,
		send_root,
		make_network,
		note_first_start,
		wait_ready,
		open_gate,
		commit,
	};
	struct err e = {0};
	s->sock = s->store_tree = s->old_mount_ns = s->listen_fd = s->oom_fd = -1;
	s->userns_fd = s->root_fd = s->dev_fd = s->mask_fd = s->sys_fd = -1;
	s->pty_master = s->pty_slave = s->pidfd = -1;
	for (size_t i = 0; i < ARRAY_LEN(s->volume_fds); i++)
		s->volume_fds[i] = -1;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (steps[i](s, &e) < 0) {
			start_prefer_their_reason(s, &e);
			undo(s);
			answer(s, &e);
			_exit(1);
		}
	answer(s, NULL);
	keeper_become(s);
}

/* S01: /proc/1/exe leads a zone to the file that it runs from. With the host's ids root could
 * change that file's mode, or write to it, so there cella-init runs from a sealed copy; and a
 * system init is started by way of it, so that /proc/self/exe is never the runtime. */
static int open_init(struct start *s, struct err *e)
{
	autofd int fd = keeper_open_program(s->zone->store, "cella-init", e);
	if (fd < 0)
		return -1;
	if (s->plan.has_userns || defence_is_off("S01i"))
		s->init_fd = fd_steal(&fd);
	else
		s->init_fd = self_copy_sealed(fd, "cella-init", e);
	return s->init_fd < 0 ? -1 : 0;
}

/* Own session, own mount namespace. The state file comes before the first change of the host, and
 * names all that will be made: whoever finds it after a crash can sweep. */
static int leave_the_command(struct start *s, struct err *e)
{
	const struct store *st = s->zone->store;
	if (setsid() < 0 || chdir("/") < 0)
		return err_sys(e, errno, "leave the session");
	process_reset_scheduling();
	if (keeper_hold_stop_signal() < 0)
		return err_sys(e, errno, "block a signal");
	if (proc_start_time(getpid(), &s->state.keeper.start_time) < 0)
		return err_sys(e, errno, "read /proc/self/stat");
	s->state.keeper.pid = getpid();
	if (keeper_check(st, e) < 0 || state_write(st, s->plan.name, &s->state, e) < 0)
		return -1;
	s->init_fd = -1;
	bool by_init = !s->plan.system || (!s->plan.has_userns && !defence_is_off("S01s"));
	if (by_init && open_init(s, e) < 0)
		return -1;
	/* Before Linux 6.15 only what is attached in our own namespace can be cloned. */
	if ((s->store_tree = tree_clone(st->root_fd, "", true)) < 0)
		return err_sys(e, errno, "clone the mount of '%s'", st->root);
	if (s->plan.ns.of[NS_NET].mode == NS_HOST &&
		(s->sys_fd = tree_clone(-1, "/sys", false)) < 0)
		return err_sys(e, errno, "clone the mount of /sys");
	if (volumes_open(s, e) < 0)
		return -1;
	return tree_private_mountns(&s->old_mount_ns, e);
}

/* Where systemd runs the host it is asked for a scope, with us in it: the keeper that we become is
 * then no part of the session or service that the command was typed in. */
static int enter_scope(struct start *s, struct err *e)
{
	enum {
		AFTER_STOP_MS = 10000 /* for what follows the zone's own time to stop */
	};
	char description[ZONE_NAME_MAX + 16];
	if (s->cg_host.manager != CG_MANAGER_SYSTEMD)
		return 0;
	(void)snprintf(description, sizeof description, "Cella zone %s", s->plan.name);
	const struct cg_scope scope = {
		description, KEEPER_STOP_SIGNAL, s->plan.stop_timeout_ms + AFTER_STOP_MS};
	return cg_scope_enter(&s->cg_host, s->plan.group, &scope, e);
}

static int make_groups(struct start *s, struct err *e)
{
	if (enter_scope(s, e) < 0)
		return -1;
	uint32_t root = s->plan.has_userns ? s->plan.map.host_first : 0;
	if (cg_create(&s->cg_host, s->plan.group, &s->plan.limits, root, root, s->plan.system,
		    &s->cg, e) < 0) {
		if (e->cls == ERR_BUSY)
			err_hint(e, "processes that no state file tells of: `cella repair %s`",
				s->plan.name);
		if (e->cls != ERR_STATE || e->sys_errno != EEXIST)
			return err_at(e, "cgroup", s->plan.group);
		/* An empty leftover that no state file told of. */
		err_clear(e);
		if (cg_destroy(&s->cg_host, s->plan.group, clock_mono_ms() + 10000, e) < 0 ||
			cg_create(&s->cg_host, s->plan.group, &s->plan.limits, root, root,
				s->plan.system, &s->cg, e) < 0)
			return err_at(e, "cgroup", s->plan.group);
	}
	if (cg_devices_apply(&s->cg, cg_devices_default, cg_devices_default_n, e) < 0 ||
		cg_attach_files(&s->cg, s->side.attach_fds, &s->side.n_attach, e) < 0)
		return err_at(e, "cgroup", s->plan.group);
	s->oom_fd = cg_oom_open(&s->cg);
	return 0;
}

static int load_filter(struct start *s, struct err *e)
{
	if (filter_get(&s->plan.filter, s->zone->store->cache_fd, &s->side.drop.filter, e) < 0)
		return err_at(e, "seccomp", NULL);
	return 0;
}

/* RUN/zones/NAME/keeper.sock. The path is given through the directory's descriptor: sun_path has
 * 108 bytes. */
static int make_socket(struct start *s, struct err *e)
{
	autofd int dir = openat(s->zone->store->run_zones_fd, s->plan.name,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return err_sys(e, errno, "open the run directory");
	s->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s/keeper.sock", fd_path(dir).s);
	if (s->listen_fd < 0 || bind(s->listen_fd, (struct sockaddr *)&a, sizeof a) < 0 ||
		listen(s->listen_fd, 16) < 0)
		return err_sys(e, errno, "make the keeper's socket");
	return 0;
}

/* cella-init [--exec | --stay] --report-fd N -- COMMAND */
static int init_arguments(struct start *s, struct err *e)
{
	size_t n = 0;
	while (s->plan.argv[n])
		n++;
	char **argv = calloc(n + 6, sizeof *argv), **at = argv;
	if (!argv)
		return err_nomem(e);
	(void)snprintf(s->side.report_fd, sizeof s->side.report_fd, "%d", s->side.sock);
	static char name[] = "cella-init", become[] = "--exec", stay[] = "--stay",
		    option[] = "--report-fd", end[] = "--";
	*at++ = name;
	if (s->plan.system)
		*at++ = become;
	else if (s->options->stdio == START_CONSOLE)
		*at++ = stay;
	*at++ = option;
	*at++ = s->side.report_fd;
	*at++ = end;
	memcpy(at, s->plan.argv, n * sizeof *argv);
	s->side.init_argv = argv;
	return 0;
}

static int fill_zone_side(struct start *s, int sock, struct err *e)
{
	struct zone_side *z = &s->side;
	z->plan = &s->plan;
	z->sock = sock;
	z->late_cgroup_ns = cg_needs_attach(&s->cg) && s->plan.ns.of[NS_CGROUP].mode == NS_NEW;
	z->own_netns = s->plan.ns.of[NS_NET].mode == NS_NEW;
	z->drop.caps = s->plan.caps;
	z->drop.no_new_privs = s->plan.no_new_privs;
	z->has_console = s->options->stdio != START_PIPES;
	memcpy(z->stdio, s->options->stdio_fds, sizeof z->stdio);
	z->init_fd = s->init_fd;
	return z->init_fd >= 0 ? init_arguments(s, e) : 0;
}

static int explain_clone(int errnum, struct err *e)
{
	err_sys(e, errnum, "clone3");
	switch (errnum) {
	case EAGAIN:
		return err_hint(e,
			"the process limit is reached: of the zone (resources.pids.max), of "
			"this user, or of the host (kernel.pid_max)");
	case ENOSPC:
		return err_hint(e, "the limit of namespaces is reached: see user.max_*_namespaces");
	case ENOSYS:
		return err_hint(e, "Linux 5.19 or newer is needed");
	default:
		return -1;
	}
}

static int spawn(struct start *s, struct err *e)
{
	int pair[2], home = -1;
	/* Where IPv6 is a module it is loaded now or not at all: the zone side goes by what it
	 * finds. */
	if (s->plan.eth.present)
		(void)close(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "make a socket pair");
	s->sock = pair[0];
	autofd int theirs = pair[1];
	struct timeval limit = {.tv_sec = ANSWER_TIMEOUT_S};
	(void)setsockopt(s->sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (fill_zone_side(s, theirs, e) < 0)
		return -1;
	if (s->plan.ns.of[NS_TIME].mode == NS_NEW && ns_time_prepare(&home, e) < 0)
		return err_at(e, "spawn", "time namespace");
	uint64_t flags = ns_clone_flags(&s->plan.ns);
	if (s->side.late_cgroup_ns)
		flags &= ~(uint64_t)CLONE_NEWCGROUP;
	if (s->side.own_netns)
		flags &= ~(uint64_t)CLONE_NEWNET;
	int group = cg_clone_fd(&s->cg);
	struct clone_args a = {
		.flags = flags | CLONE_PIDFD | (group >= 0 ? CLONE_INTO_CGROUP : 0ULL),
		.pidfd = (uintptr_t)&s->pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = group >= 0 ? (unsigned)group : 0u,
	};
	s->pid = sys_clone3(&a);
	if (s->pid == 0) {
		fd_close(&s->sock);
		start_zone(&s->side);
	}
	int errnum = errno;
	if (home >= 0) {
		int r = ns_time_restore(home, s->pid < 0 ? NULL : e);
		fd_close(&home);
		if (r < 0 && s->pid >= 0)
			return -1;
	}
	if (s->pid < 0) {
		explain_clone(errnum, e);
		return err_at(e, "spawn", NULL);
	}
	s->proto = START_SPAWNED;
	return 0;
}

static int map_ids(struct start *s, struct err *e)
{
	struct plan *p = &s->plan;
	if (p->has_userns) {
		if (idmap_write(s->pid, &p->map, 1, &p->map, 1, e) < 0)
			return err_at(e, "ids", NULL);
		if ((s->userns_fd = ns_open(s->pid, NS_USER)) < 0)
			return err_sys(e, errno, "open the zone's user namespace");
	}
	/* The zone's own 0, whatever the caller has (H18). */
	struct err why = {0};
	if (process_set_oom_score(s->pid, p->oom_score, &why) < 0 && why.cls != ERR_HOST) {
		*e = why;
		return err_at(e, "oom score", NULL);
	}
	return 0;
}

/* `m` may be the beginning of a longer message. `what` for the error. */
static int tell(struct start *s, const struct start_msg *m, size_t size, const int *fds, size_t n,
	const char *what, struct err *e)
{
	int next = start_next(s->proto, m->kind);
	if (next < 0 || fd_send(s->sock, m, size, fds, n) < 0)
		return err_sys(e, errno, "%s", what);
	s->proto = (enum start_state)next;
	return 0;
}

static int tell_ids(struct start *s, struct err *e)
{
	const struct start_msg m = {.kind = START_MSG_IDS};
	return tell(s, &m, sizeof m, NULL, 0, "tell the zone side of its ids", e);
}

static int send_root(struct start *s, struct err *e)
{
	struct start_root root = {.msg = {.kind = START_MSG_ROOT}};
	if (start_build_root(s, &root, e) < 0)
		return -1;
	if (volumes_map(s, e) < 0)
		return -1;
	int slots[FD_PASS_MAX] = {
		[MOUNT_SLOT_ROOT] = s->root_fd,
		[MOUNT_SLOT_DEV] = s->dev_fd,
		[MOUNT_SLOT_MASK] = s->mask_fd,
		[MOUNT_SLOT_SYS] = s->sys_fd,
	};
	size_t n_slots = MOUNT_SLOT_VOLUMES;
	for (size_t i = 0; i < s->plan.n_volumes; i++)
		slots[n_slots++] = s->volume_fds[i];
	int fds[FD_PASS_MAX];
	size_t n = 0;
	for (unsigned i = 0; i < n_slots; i++)
		if (slots[i] >= 0) {
			root.slots |= 1u << i;
			fds[n++] = slots[i];
		}
	return tell(
		s, (const void *)&root, sizeof root, fds, n, "send the root to the zone side", e);
}

/* It was made long ago, while the root was built. */
static int wait_for_netns(struct start *s, struct err *e)
{
	int fds[2] = {-1, -1};
	int kind = start_receive(s, fds, e);
	if (kind >= 0 && kind != START_MSG_NETNS)
		return err_set(e, ERR_FAILED, "the zone side broke the protocol: message %d", kind);
	return kind < 0 ? -1 : 0;
}

/* While the zone side mounts: both work at the same time. */
static int make_network(struct start *s, struct err *e)
{
	struct plan *p = &s->plan;
	if (p->net_mode == SPEC_NET_HOST)
		return 0;
	if (s->side.own_netns && wait_for_netns(s, e) < 0)
		return -1;
	autofd int netns = ns_open(s->pid, NS_NET);
	if (netns < 0)
		return err_sys(e, errno, "open the zone's network namespace");
	if (!p->eth.present)
		return net_loopback_up(netns, e) < 0 ? err_at(e, "network", "lo") : 0;
	struct net_zone_plan n = {
		.network = &s->network,
		.host_if = s->state.host_if,
		.zone_if = p->eth.name,
		.zone_name = p->name,
		.zone_uuid = p->uuid,
		.mac = s->addr.mac,
		.v4 = s->addr.v4,
		.v6 = s->addr.v6,
		.mtu = p->eth.mtu,
		.netns_fd = netns,
	};
	if (p->eth.gateway4) {
		if (!strcmp(p->eth.gateway4, "auto"))
			n.gateway4 = s->network.gateway4;
		else
			(void)addr_parse_ip(p->eth.gateway4, &n.gateway4);
	}
	if (p->eth.gateway6 && n.v6.ip.family) {
		if (!strcmp(p->eth.gateway6, "auto"))
			n.gateway6 = s->network.gateway6;
		else
			(void)addr_parse_ip(p->eth.gateway6, &n.gateway6);
	}
	autofd int bridge_lock = -1;
	if (net_bridge_ensure(s->zone->store->lock_fd, &s->network, &bridge_lock, e) < 0 ||
		net_zone_attach(&n, e) < 0)
		return err_at(e, "network", p->eth.name);
	return 0;
}

/* What a first start writes into the root is written by now. Here, since it waits for the disk, and
 * the zone side mounts meanwhile. What is in memory begins anew every time. */
static int note_first_start(struct start *s, struct err *e)
{
	struct zone_record *r = &s->zone->record;
	if (r->in_memory || (r->has_started && !r->identity_pending &&
				    strcmp(r->etc_hostname, s->plan.hostname) == 0))
		return 0;
	char *name = strdup(s->plan.hostname);
	if (!name)
		return err_nomem(e);
	free(r->etc_hostname);
	r->etc_hostname = name;
	r->has_started = true;
	r->identity_pending = false;
	return zone_write_record(s->zone->dir_fd, r, e);
}

/* The zone side's finished tree comes back as a mount namespace that its root cannot undo. */
static int lock_mounts(struct start *s, int tree_fd, struct err *e)
{
	autofd int tree = tree_fd;
	int ns_fd = -1;
	const struct start_msg m = {.kind = START_MSG_LOCKED};
	if (start_lock_mounts(s, tree, &ns_fd, e) < 0)
		return -1;
	autofd int ns = ns_fd;
	return tell(s, &m, sizeof m, &ns, 1, "send the mount namespace to the zone side", e);
}

static int wait_ready(struct start *s, struct err *e)
{
	while (s->proto != START_READY) {
		int fds[2] = {-1, -1};
		int kind = start_receive(s, fds, e);
		if (kind < 0)
			return -1;
		if (kind == START_MSG_MOUNTED && lock_mounts(s, fds[0], e) < 0)
			return -1;
		if (kind == START_MSG_CONSOLE) {
			s->pty_master = fds[0];
			s->pty_slave = fds[1];
			struct winsize w = {s->options->rows, s->options->cols, 0, 0};
			if (w.ws_row && w.ws_col)
				(void)ioctl(s->pty_master, TIOCSWINSZ, &w);
		}
	}
	return 0;
}

/* The keeper is to hold no copy of the host's mounts, and no tree. Giving them up waits for the
 * kernel, for a grace period each: here, while the zone side executes its init. */
static int give_up_mounts(struct start *s, struct err *e)
{
	int *fds[] = {&s->store_tree, &s->root_fd, &s->dev_fd, &s->mask_fd, &s->sys_fd};
	if (s->old_mount_ns >= 0 && setns(s->old_mount_ns, CLONE_NEWNS) < 0)
		return err_sys(e, errno, "return to the host's mount namespace");
	fd_close(&s->old_mount_ns);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fd_close(fds[i]);
	for (size_t i = 0; i < ARRAY_LEN(s->volume_fds); i++)
		fd_close(&s->volume_fds[i]);
	return 0;
}

/* Let it go, and wait until exec has happened: the channel closes by itself then. */
static int open_gate(struct start *s, struct err *e)
{
	const struct start_msg go = {.kind = START_MSG_GO};
	s->state.init.pid = s->pid;
	if (proc_start_time(s->pid, &s->state.init.start_time) < 0)
		return err_sys(e, errno, "read the start time of pid %d", s->pid);
	if (s->plan.eth.present &&
		net_zone_wait(s->state.host_if, s->network.bridge, PORT_TIMEOUT_MS, e) < 0)
		return err_at(e, "network", s->plan.eth.name);
	/* Last: they are for what the zone runs, not for those who make it. */
	if (rlimits_set(s->pid, &s->plan.rlimits, e) < 0)
		return err_at(e, "rlimits", NULL);
	if (tell(s, &go, sizeof go, NULL, 0, "open the gate", e) < 0 || give_up_mounts(s, e) < 0)
		return -1;
	int fds[2];
	return start_receive(s, fds, e) < 0 ? -1 : 0;
}

static int commit(struct start *s, struct err *e)
{
	struct zone *z = s->zone;
	s->state.phase = PHASE_RUNNING;
	(void)clock_rfc3339(s->state.started, clock_real_ns());
	char record[ZONE_STAMP_SIZE];
	zone_stamp_file(z->dir_fd, "zone.json", record);
	(void)snprintf(s->state.files, sizeof s->state.files, "%s %s", z->spec_stamp, record);
	if (state_write(z->store, z->name, &s->state, e) < 0)
		return -1;
	json_t *fields =
		json_pack("{s:i, s:I}", "pid", s->pid, "restarts", (json_int_t)s->state.restarts);
	(void)event_append(z->dir_fd, "started", fields);
	return 0;
}

static void undo(struct start *s)
{
	if (s->pid > 0) {
		(void)sys_pidfd_send_signal(s->pidfd, SIGKILL);
		(void)waitpid(s->pid, NULL, 0);
	}
	/* Detached trees and the private namespace go with this process. The network namespace
	 * went with its last process, unless we still hold a descriptor of it: none is kept. */
	cg_close(&s->cg);
	struct err why = {0};
	if (zone_sweep(s->zone->store, s->plan.name, &s->state, &why) < 0)
		(void)event_append(
			s->zone->dir_fd, "sweep_failed", json_pack("{s:s}", "error", why.msg));
}

static void answer(struct start *s, const struct err *e)
{
	struct start_answer a = {.ok = !e, .pid = s->pid};
	if (e)
		a.e = *e;
	bool give_pty = !e && s->options->stdio == START_PTY;
	(void)fd_send(s->answer, &a, sizeof a, &s->pty_master, give_pty ? 1 : 0);
	if (give_pty)
		fd_close(&s->pty_master);
}
