/* The zone side of a start, in order. Each step is one function below, in the same order. What goes
 * wrong travels back as {step, object, errno}; docs/START.md tells why the order is as it is. */
#include "runtime/start_zone.h"
#include "base/defence.h"
#include "base/fd.h"
#include "base/sys.h"
#include "fsroot/apply.h"
#include "fsroot/tree.h"
#include "isolation/privileges/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
	START_KEEP_MAX = 64
};

struct side {
	struct zone_side *z;
	struct start_root root;
	int fds[FD_PASS_MAX];
	struct apply_console console;
	struct apply_made made;
	int ipv6_conf_fd;      /* net/ipv6/conf of our own /proc; -1: there is no interface */
	char default_ra[16];   /* what default/accept_ra is to be again, */
	const char *wanted_ra; /* unless the spec wants this */
};

static int wait_for_root(struct side *s, struct fault *f);
static int join_cgroup(struct side *s, struct fault *f);
static int become_root(struct side *s, struct fault *f);
static int make_netns(struct side *s, struct fault *f);
static int prepare_mounts(struct side *s, struct fault *f);
static int set_sysctls(struct side *s, struct fault *f);
static int make_mounts(struct side *s, struct fault *f);
static int lock_mounts(struct side *s, struct fault *f);
static int make_console(struct side *s, struct fault *f);
static int set_hostname(struct side *s, struct fault *f);
static int wait_at_gate(struct side *s, struct fault *f);
static int set_stdio(struct side *s, struct fault *f);
static int drop_privileges(struct side *s, struct fault *f);
static int enter_directory(struct side *s, struct fault *f);
static int exec_init(struct side *s, struct fault *f);

void start_zone(struct zone_side *z)
{
	static const struct {
		enum start_step step;
		int (*run)(struct side *, struct fault *);
	} steps[] = {
		{STEP_CGROUP, join_cgroup},
		{STEP_IDS, become_root},
		{STEP_NETNS, make_netns},
		{STEP_MOUNTS, prepare_mounts},
		{STEP_WAIT_ROOT, wait_for_root},
		{STEP_SYSCTL, set_sysctls},
		{STEP_MOUNTS, make_mounts},
		{STEP_LOCK, lock_mounts},
		{STEP_CONSOLE, make_console},
		{STEP_HOSTNAME, set_hostname},
		{STEP_GATE, wait_at_gate},
		{STEP_STDIO, set_stdio},
		{STEP_PRIVILEGES, drop_privileges},
		{STEP_CWD, enter_directory},
		{STEP_EXEC, exec_init},
	};
	struct side s = {.z = z, .ipv6_conf_fd = -1};
	memset(&s.made, -1, sizeof s.made);
	struct start_msg fail = {.kind = START_MSG_FAIL};
	/* Until the gate opens we must not outlive the host side. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		if (steps[i].run(&s, &fail.fault) < 0) {
			fail.step = (uint32_t)steps[i].step;
			(void)fd_send(z->sock, &fail, sizeof fail, NULL, 0);
			break;
		}
	_exit(125);
}

/* Joining before anything else: what we use from here on is the zone's. */
static int join_cgroup(struct side *s, struct fault *f)
{
	size_t at = 0;
	if (cg_attach_self(s->z->attach_fds, s->z->n_attach, &at) < 0)
		return fault_set(f, "cgroup.procs");
	/* A cgroup namespace is rooted where its maker is at that moment. On pure v2 clone3 has put
	 * us there already; on v1 only now. */
	if (s->z->late_cgroup_ns && unshare(CLONE_NEWCGROUP) < 0)
		return fault_set(f, "cgroup namespace");
	return 0;
}

static int wait_for_ids(struct side *s, struct fault *f)
{
	struct start_msg m;
	ssize_t len = fd_recv(s->z->sock, &m, sizeof m, NULL, NULL);
	if (len == 0)
		_exit(125); /* the host side is gone: nobody to tell */
	if (len < 0)
		return fault_set(f, "message");
	if ((size_t)len != sizeof m || start_next(START_SPAWNED, m.kind) != START_MAPPED) {
		errno = EPROTO;
		return fault_set(f, "message");
	}
	return 0;
}

static int wait_for_root(struct side *s, struct fault *f)
{
	int got[FD_PASS_MAX];
	size_t n = FD_PASS_MAX, next = 0;
	ssize_t len = fd_recv(s->z->sock, &s->root, sizeof s->root, got, &n);
	if (len == 0)
		_exit(125);
	if (len < 0)
		return fault_set(f, "message");
	if ((size_t)len != sizeof s->root ||
		start_next(START_MAPPED, s->root.msg.kind) != START_ROOTED ||
		s->root.n_groups > START_GROUPS_MAX) {
		errno = EPROTO;
		return fault_set(f, "message");
	}
	for (unsigned slot = 0; slot < sizeof s->fds / sizeof s->fds[0]; slot++) {
		bool used = s->root.slots & 1u << slot;
		s->fds[slot] = used && next < n ? got[next++] : -1;
	}
	return 0;
}

static int become_root(struct side *s, struct fault *f)
{
	if (wait_for_ids(s, f) < 0)
		return -1;
	if (s->z->plan->join_any && ns_join(&s->z->plan->ns, f) < 0)
		return -1;
	if (process_set_groups(NULL, 0, f) < 0 || process_set_ids(0, 0, 1, f) < 0)
		return -1;
	/* S02, H15: nothing of the host side's memory is for the zone to read. */
	if (process_set_undumpable(f) < 0)
		return -1;
	/* A change of ids clears it: prctl(2). */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return fault_set(f, "parent death signal");
	process_set_umask();
	return 0;
}

static struct apply_plan mounts_of(struct side *s)
{
	return (struct apply_plan){
		.fds = s->fds,
		.n_fds = sizeof s->fds / sizeof s->fds[0],
		.ops = s->z->plan->mounts.ops,
		.n_ops = s->z->plan->mounts.n_ops,
		.made = &s->made,
	};
}

static int open_sys(struct side *s, struct fault *f)
{
	struct apply_plan mounts = mounts_of(s);
	int proc = apply_prepared(&mounts, "/proc");
	int fd = openat(proc, "sys", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return proc < 0 || fd < 0 ? fault_set(f, "/proc/sys") : fd;
}

static const char default_ra_key[] = "net/ipv6/conf/default/accept_ra";

static int open_default_ra(int ipv6_conf_fd)
{
	return openat(ipv6_conf_fd, "default/accept_ra", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
}

/* What the zone's interface has from its first moment: its addresses are ours to give, and any
 * neighbour could send router advertisements. Interfaces that the zone makes itself are its own
 * business: at the gate the default is again what it was. */
static int ignore_advertisements(struct side *s, struct fault *f)
{
	struct apply_plan mounts = mounts_of(s);
	if (apply_prepare(&mounts, "/proc", f) < 0)
		return -1;
	autofd int sys_fd = open_sys(s, f);
	if (sys_fd < 0)
		return -1;
	s->ipv6_conf_fd = openat(sys_fd, "net/ipv6/conf", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->ipv6_conf_fd < 0 && errno == ENOENT)
		return 0; /* a kernel without IPv6 */
	autofd int fd = open_default_ra(s->ipv6_conf_fd);
	if (fd < 0 || pread(fd, s->default_ra, sizeof s->default_ra - 1, 0) <= 0 ||
		pwrite(fd, "0", 1, 0) != 1)
		return fault_set(f, default_ra_key);
	return 0;
}

/* The interface is there. That it has what it should is looked at, not taken for granted. */
static int restore_advertisements(struct side *s, struct fault *f)
{
	autofd int conf_fd = fd_steal(&s->ipv6_conf_fd);
	if (conf_fd < 0)
		return 0;
	autofd int fd = open_default_ra(conf_fd);
	const char *value = s->wanted_ra ? s->wanted_ra : s->default_ra;
	ssize_t len = (ssize_t)strlen(value);
	if (fd < 0 || pwrite(fd, value, (size_t)len, 0) != len)
		return fault_set(f, default_ra_key);
	char now = '0';
	autofd int dir = openat(conf_fd, s->z->plan->eth.name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	autofd int own = openat(dir, "accept_ra", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (own >= 0 && (read(own, &now, 1) != 1 || now != '0')) {
		errno = EAGAIN;
		return fault_set(f, "accept_ra of the interface");
	}
	return 0;
}

/* Owned by the user namespace that we are in, as if clone3 had made it; but there the host side
 * would wait for it. After the maps are written: what it has in /proc and /sys is its root's then.
 */
static int make_netns(struct side *s, struct fault *f)
{
	struct start_msg m = {.kind = START_MSG_NETNS};
	if (!s->z->own_netns)
		return 0;
	if (unshare(CLONE_NEWNET) < 0)
		return fault_set_hint(
			f, "unshare", errno == ENOSPC ? FAULT_HINT_NS_LIMIT : FAULT_HINT_NONE);
	if (s->z->plan->eth.present && !defence_is_off("S33z") && ignore_advertisements(s, f) < 0)
		return -1;
	return fd_send(s->z->sock, &m, sizeof m, NULL, 0) < 0 ? fault_set(f, "message") : 0;
}

static int write_sysctl(
	struct side *s, int sys_fd, const char *key, const char *value, struct fault *f)
{
	struct open_how how = {
		.flags = O_WRONLY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	/* What the start takes care not to do: through the image's /proc. */
	autofd int image = defence_is_off("S07")
				   ? openat(s->fds[MOUNT_SLOT_ROOT], "proc/sys", O_PATH | O_CLOEXEC)
				   : -1;
	autofd int fd = sys_openat2(image < 0 ? sys_fd : image, key, &how);
	size_t len = strlen(value);
	return fd >= 0 && write(fd, value, len) == (ssize_t)len ? 0 : fault_set(f, key);
}

static bool is_integer(const char *s)
{
	s += *s == '-';
	return *s && strspn(s, "0123456789") == strlen(s);
}

/* H05: what a zone nests is charged to the host's root, who made its user namespace, and to all
 * zones with him. /proc/sys/user is read-only inside, so its root cannot raise them. */
static int limit_namespaces(struct side *s, int sys_fd, struct fault *f)
{
	static const char *const limits[][2] = {
		{"user/max_user_namespaces", "64"},
		{"user/max_mnt_namespaces", "1024"},
		{"user/max_net_namespaces", "128"},
		{"user/max_pid_namespaces", "128"},
		{"user/max_ipc_namespaces", "128"},
		{"user/max_uts_namespaces", "128"},
		{"user/max_cgroup_namespaces", "128"},
		{"user/max_time_namespaces", "128"},
	};
	if (!s->z->plan->has_userns || defence_is_off("H05"))
		return 0;
	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
		if (write_sysctl(s, sys_fd, limits[i][0], limits[i][1], f) < 0 &&
			f->errnum != ENOENT)
			return -1; /* no such file: a kernel without that namespace */
	return 0;
}

/* Before the mounts, through the zone's own /proc while it hangs nowhere: no path of the image is
 * involved (S07, S28). In the host's /proc/sys each namespace has entries of its own by the same
 * names, and the kernel goes through those of all zones for each name that is looked up. */
static int set_sysctls(struct side *s, struct fault *f)
{
	const struct plan *p = s->z->plan;
	autofd int sys_fd = open_sys(s, f);
	if (sys_fd < 0 || limit_namespaces(s, sys_fd, f) < 0)
		return -1;
	for (size_t i = 0; i < p->n_sysctls; i++) {
		const char *key = p->sysctl_keys[i], *value = p->sysctl_values[i];
		bool waits = s->ipv6_conf_fd >= 0 && !strcmp(key, default_ra_key);
		if (waits && is_integer(value)) {
			s->wanted_ra = value;
		} else if (waits) {
			errno = EINVAL;
			return fault_set(f, key);
		} else if (write_sysctl(s, sys_fd, key, value, f) < 0) {
			return -1;
		}
	}
	return 0;
}

/* While the host side builds the root. */
static int prepare_mounts(struct side *s, struct fault *f)
{
	struct apply_plan plan = mounts_of(s);
	return apply_prepare(&plan, NULL, f);
}

static int make_mounts(struct side *s, struct fault *f)
{
	struct apply_plan plan = mounts_of(s);
	return apply_mounts(&plan, f);
}

/* Hand the finished tree over, and enter the mount namespace that comes back: the same tree as its
 * root, nothing else, and everything locked (start_lock.h). */
static int lock_mounts(struct side *s, struct fault *f)
{
	struct start_msg m = {.kind = START_MSG_MOUNTED};
	if (!s->z->plan->lock_mounts)
		return 0;
	autofd int tree = tree_clone(s->fds[MOUNT_SLOT_ROOT], "", true);
	if (tree < 0)
		return fault_set(f, "clone of the tree");
	if (fd_send(s->z->sock, &m, sizeof m, &tree, 1) < 0)
		return fault_set(f, "message");
	int ns_fd = -1;
	size_t n = 1;
	ssize_t len = fd_recv(s->z->sock, &m, sizeof m, &ns_fd, &n);
	if (len == 0)
		_exit(125);
	autofd int ns = ns_fd;
	if (len != (ssize_t)sizeof m || n != 1 ||
		start_next(START_MOUNTED, m.kind) != START_LOCKED) {
		errno = EPROTO;
		return fault_set(f, "message");
	}
	if (setns(ns, CLONE_NEWNS) < 0)
		return fault_set(f, "locked mount namespace");
	fd_close(&s->fds[MOUNT_SLOT_ROOT]);
	s->fds[MOUNT_SLOT_ROOT] = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return s->fds[MOUNT_SLOT_ROOT] < 0 ? fault_set(f, "/") : 0;
}

static int make_console(struct side *s, struct fault *f)
{
	if (s->z->has_console) {
		if (apply_console(s->fds[MOUNT_SLOT_ROOT], 5, &s->console, f) < 0)
			return -1;
		struct start_msg m = {.kind = START_MSG_CONSOLE};
		int both[2] = {s->console.master_fd, s->console.slave_fd};
		if (fd_send(s->z->sock, &m, sizeof m, both, 2) < 0)
			return fault_set(f, "message");
		fd_close(&s->console.master_fd);
	}
	return s->z->plan->lock_mounts ? 0 : apply_pivot(s->fds[MOUNT_SLOT_ROOT], f);
}

static int set_hostname(struct side *s, struct fault *f)
{
	const char *name = s->z->plan->hostname;
	return sethostname(name, strlen(name)) < 0 ? fault_set(f, name) : 0;
}

static int wait_at_gate(struct side *s, struct fault *f)
{
	struct start_msg m = {.kind = START_MSG_READY};
	if (fd_send(s->z->sock, &m, sizeof m, NULL, 0) < 0)
		return fault_set(f, "message");
	ssize_t len = fd_recv(s->z->sock, &m, sizeof m, NULL, NULL);
	if (len == 0)
		_exit(125);
	if (len != (ssize_t)sizeof m || start_next(START_READY, m.kind) != START_GOING) {
		errno = EPROTO;
		return fault_set(f, "message");
	}
	if (restore_advertisements(s, f) < 0)
		return -1;
	/* From here on the zone outlives the host side: a keeper that dies takes nothing along. */
	return prctl(PR_SET_PDEATHSIG, 0) < 0 ? fault_set(f, "parent death signal") : 0;
}

/* A new session, so that nobody's terminal is ours (S24). A system init gets no controlling
 * terminal: with one, ^C on the console would be "reboot" to it. */
static int set_stdio(struct side *s, struct fault *f)
{
	if (setsid() < 0 && errno != EPERM)
		return fault_set(f, "session");
	for (int i = 0; i < 3; i++) {
		int fd = s->z->has_console ? s->console.slave_fd : s->z->stdio[i];
		if (dup2(fd, i) < 0)
			return fault_set(f, "standard streams");
	}
	return 0;
}

static int drop_privileges(struct side *s, struct fault *f)
{
	struct drop_plan *d = &s->z->drop;
	d->uid = s->root.uid;
	d->gid = s->root.gid;
	d->groups = s->root.groups;
	d->n_groups = s->root.n_groups;
	/* Not root: nothing but what is ambient, as caps_plan_for_uid has it. */
	if (d->uid != 0) {
		d->caps.effective = d->caps.permitted = d->caps.ambient;
		d->caps.inheritable = d->caps.ambient;
	}
	return drop_apply(d, f);
}

static int explain_exec(const char *program, struct fault *f)
{
	int errnum = errno;
	enum fault_hint hint = FAULT_HINT_INIT_MISSING;
	if (errnum == ENOEXEC)
		hint = FAULT_HINT_INIT_FORMAT;
	else if (errnum == ENOENT && access(program, F_OK) == 0)
		hint = FAULT_HINT_INIT_LOADER;
	else if (errnum != ENOENT)
		hint = FAULT_HINT_NONE;
	errno = errnum;
	return fault_set_hint(f, program, hint);
}

static void keep_in_order(int *keep, size_t *n, int fd)
{
	size_t at = (*n)++;
	for (; at > 0 && keep[at - 1] > fd; at--)
		keep[at] = keep[at - 1];
	keep[at] = fd;
}

/* S04: before the zone's paths are walked, and for good: CLOEXEC comes too late, namely after exec
 * has followed a link of the zone's to /proc/self/fd/N/... The channel is a socket and leads
 * nowhere; cella-init is a file. */
static int close_descriptors(struct side *s, struct fault *f)
{
	const struct plan *p = s->z->plan;
	int keep[START_KEEP_MAX];
	size_t n = 0;
	if (p->n_preserve_fds > START_KEEP_MAX - 2) {
		errno = EMFILE;
		return fault_set(f, "preserved descriptors");
	}
	for (size_t i = 0; i < p->n_preserve_fds; i++)
		keep_in_order(keep, &n, p->preserve_fds[i]);
	keep_in_order(keep, &n, s->z->sock);
	if (s->z->init_fd >= 0)
		keep_in_order(keep, &n, s->z->init_fd);
	return defence_is_off("S04") ? 0 : process_close_fds(keep, n, f);
}

/* S04: last of all, and it must be a place inside the root. A step of its own, as what goes wrong
 * in the next one is about the command: `cella run` says 126 or 127 then. */
static int enter_directory(struct side *s, struct fault *f)
{
	const char *to = s->z->plan->cwd;
	char cwd[4096];
	if (close_descriptors(s, f) < 0)
		return -1;
	if (chdir(to) < 0)
		return fault_set(f, to);
	if (defence_is_off("S04"))
		return 0;
	if (!getcwd(cwd, sizeof cwd))
		return fault_set(f, to);
	if (cwd[0] != '/') {
		errno = EXDEV;
		return fault_set(f, to);
	}
	return 0;
}

static int exec_init(struct side *s, struct fault *f)
{
	const struct plan *p = s->z->plan;
	char *const *env = defence_is_off("S34") ? environ : p->env;
	if (process_cloexec_from(3, f) < 0)
		return -1;
	for (size_t i = 0; i < p->n_preserve_fds; i++)
		if (fcntl(p->preserve_fds[i], F_SETFD, 0) < 0)
			return fault_set(f, "preserved descriptor");
	if (s->z->init_fd >= 0) {
		/* cella-init reports for the command, and closes the channel when it runs. */
		if (fcntl(s->z->sock, F_SETFD, 0) < 0)
			return fault_set(f, "channel");
		(void)execveat(s->z->init_fd, "", s->z->init_argv, env, AT_EMPTY_PATH);
		return fault_set(f, "cella-init");
	}
	(void)execve(p->argv[0], p->argv, env);
	return explain_exec(p->argv[0], f);
}
