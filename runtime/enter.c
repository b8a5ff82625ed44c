/* exec and shell: running a command in a zone that runs. The host part: find the zone, resolve the
 * user, make the streams, and follow the talk with the two processes of enter_zone.c. */
#include "runtime/enter.h"
#include "runtime/enter_zone.h"
#include "runtime/host_facts.h"
#include "runtime/keeper_start.h"
#include "runtime/self.h"
#include "runtime/start_host.h"
#include "runtime/state.h"
#include "base/defence.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/sys.h"
#include "isolation/privileges/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What one exec holds until the command runs. */
/* As in a start: who says nothing for so long hangs. */
enum {
	ANSWER_TIMEOUT_S = 60
};

struct enter {
	struct zone zone;
	struct zone_state state;
	struct cg_host cg_host;
	struct cg cg;
	struct plan plan;
	struct enter_side side;
	int init_fd, root_fd, group_fd;
	int sock; /* our end */
	char **env, **argv, *cwd, *argv_login[2], *own_env[2];
	char login_name[80];
	int code; /* 125, 126, 127 */
};

static void free_list(char **list)
{
	for (char **p = list; p && *p; p++)
		free(*p);
	free(list);
}

static void enter_done(struct enter *x)
{
	int *fds[] = {&x->init_fd, &x->root_fd, &x->group_fd, &x->sock, &x->side.sock,
		&x->side.stdio[0], &x->side.stdio[1], &x->side.stdio[2], &x->side.program_fd};
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fd_close(fds[i]);
	for (size_t i = 0; i < x->side.n_attach; i++)
		fd_close(&x->side.attach_fds[i]);
	filter_blob_done(&x->side.drop.filter);
	plan_done(&x->plan);
	cg_close(&x->cg);
	cg_host_done(&x->cg_host);
	free_list(x->env);
	free_list(x->argv);
	free(x->cwd);
	zone_close(&x->zone);
}

/* The init's root by descriptor. The pidfd was open before and is alive after: so it is its root.
 */
static int find_zone(struct enter *x, const struct store *s, const char *name, struct err *e)
{
	if (zone_open(s, name, 0, 0, &x->zone, e) < 0)
		return -1;
	enum zone_status status = zone_status(s, name, &x->state);
	if (status != ZONE_RUNNING && status != ZONE_UNWATCHED) {
		err_set(e, ERR_STATE, "zone '%s' is %s, not running", name,
			zone_status_name(status));
		return err_hint(e, "`cella start %s`", name);
	}
	char path[40];
	(void)snprintf(path, sizeof path, "/proc/%d/root", x->state.init.pid);
	x->init_fd = proc_open(&x->state.init);
	x->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (x->init_fd < 0 || x->root_fd < 0 || sys_pidfd_send_signal(x->init_fd, 0) < 0)
		return err_set(e, ERR_STATE, "zone '%s' has just ended", name);
	return 0;
}

/* The namespaces in which the zone's init differs from us. */
static int find_namespaces(struct enter *x, struct err *e)
{
	for (int k = 0; k < NS_COUNT; k++) {
		uint64_t theirs, ours;
		if (ns_inode(x->state.init.pid, (enum ns_kind)k, &theirs) < 0 ||
			ns_inode(0, (enum ns_kind)k, &ours) < 0) {
			if (k == NS_TIME)
				continue; /* a kernel without */
			return err_sys(e, errno, "look at the %s namespace of pid %d",
				ns_types[k].name, x->state.init.pid);
		}
		if (theirs != ours)
			x->side.ns_flags |= ns_types[k].flag;
	}
	return 0;
}

static int confine(struct enter *x, const struct exec_options *o, struct err *e)
{
	const struct store *s = x->zone.store;
	if (host_facts_cgroups(s, &x->cg_host, e) < 0 ||
		plan_make_process(&x->zone, x->side.ns_flags & CLONE_NEWUSER, &x->plan, e) < 0)
		return -1;
	/* S01: a zone that shares our ids must not get at our program file. */
	if (!x->plan.has_userns && !defence_is_off("H14") && self_seal(e) < 0)
		return -1;
	uint32_t n_ids = x->plan.has_userns ? x->plan.map.count : UINT32_MAX;
	struct user_ids *u = &x->side.user;
	if (user_resolve(x->root_fd, o->user, n_ids, u, e) < 0)
		return -1;
	x->side.drop = (struct drop_plan){
		.caps = x->plan.caps,
		.uid = u->uid,
		.gid = u->gid,
		.groups = u->groups,
		.n_groups = u->n_groups,
		.no_new_privs = x->plan.no_new_privs,
	};
	if (caps_plan_for_uid(&x->side.drop.caps, u->uid, 0, e) < 0 ||
		filter_get(&x->plan.filter, s->cache_fd, &x->side.drop.filter, e) < 0 ||
		cg_open(&x->cg_host, x->state.cgroup, &x->cg, e) < 0 ||
		cg_exec_fd(&x->cg, &x->group_fd, e) < 0 ||
		cg_attach_files(&x->cg, x->side.attach_fds, &x->side.n_attach, e) < 0)
		return -1;
	x->side.rlimits = &x->plan.rlimits;
	(void)snprintf(x->side.oom_score, sizeof x->side.oom_score, "%d", x->plan.oom_score);
	return 0;
}

static bool env_has(char *const *env, size_t n, const char *assignment)
{
	size_t len = strcspn(assignment, "=");
	for (size_t i = 0; i < n; i++)
		if (!strncmp(env[i], assignment, len) && env[i][len] == '=')
			return true;
	return false;
}

/* What was asked for, then what belongs to the user, then the zone's own. First one wins. */
static int build_env(struct enter *x, const struct exec_options *o, struct err *e)
{
	const struct user_ids *u = &x->side.user;
	char home[300], shell[300], user[120], term[80];
	(void)snprintf(home, sizeof home, "HOME=%s", u->home[0] ? u->home : "/");
	(void)snprintf(shell, sizeof shell, "SHELL=%s", u->shell[0] ? u->shell : "/bin/sh");
	(void)snprintf(user, sizeof user, "USER=%.64s", o->user && o->user[0] ? o->user : "root");
	(void)snprintf(term, sizeof term, "TERM=%.60s", o->term && o->term[0] ? o->term : "dumb");
	user[strcspn(user, ":")] = '\0';
	const char *mine[] = {home, shell, user, term};
	size_t n_asked = 0, n_plan = 0, n = 0;
	while (o->env && o->env[n_asked])
		n_asked++;
	while (x->plan.env[n_plan])
		n_plan++;
	if (!(x->env = calloc(n_asked + n_plan + ARRAY_LEN(mine) + 1, sizeof *x->env)))
		return err_nomem(e);
	for (size_t i = n_asked; i-- > 0;) { /* the last -e of a name counts */
		if (!strchr(o->env[i], '=') || o->env[i][0] == '=')
			return err_set(e, ERR_USAGE, "'%.60s' is not NAME=VALUE", o->env[i]);
		if (!env_has(x->env, n, o->env[i]) && !(x->env[n++] = strdup(o->env[i])))
			return err_nomem(e);
	}
	for (size_t i = 0; i < ARRAY_LEN(mine); i++)
		if (!env_has(x->env, n, mine[i]) && !(x->env[n++] = strdup(mine[i])))
			return err_nomem(e);
	for (size_t i = 0; i < n_plan; i++)
		if (!env_has(x->env, n, x->plan.env[i]) && !(x->env[n++] = strdup(x->plan.env[i])))
			return err_nomem(e);
	return 0;
}

static int copy_list(const char *const *from, char ***ret, struct err *e)
{
	size_t n = 0;
	while (from[n])
		n++;
	if (!(*ret = calloc(n + 1, sizeof **ret)))
		return err_nomem(e);
	for (size_t i = 0; i < n; i++)
		if (!((*ret)[i] = strdup(from[i])))
			return err_nomem(e);
	return 0;
}

/* S01: as cella-init in a start. A zone with ids of its own cannot write a file of the host's. */
static int choose_own_program(struct enter *x, const struct exec_options *o, struct err *e)
{
	struct enter_side *side = &x->side;
	autofd int fd = keeper_open_program(x->zone.store, o->own_program, e);
	if (fd < 0)
		return -1;
	side->program_fd =
		x->plan.has_userns ? fd_steal(&fd) : self_copy_sealed(fd, o->own_program, e);
	if (side->program_fd < 0)
		return -1;
	side->program = o->own_program;
	side->argv = x->argv;
	side->cwd = "/";
	x->own_env[0] = defence_environment();
	side->env = x->own_env;
	return 0;
}

static int choose_command(struct enter *x, const struct exec_options *o, struct err *e)
{
	struct enter_side *side = &x->side;
	/* What came with our own arguments is gone when they are blanked (title.h). */
	if (o->argv && copy_list(o->argv, &x->argv, e) < 0)
		return -1;
	if (o->cwd && !(x->cwd = strdup(o->cwd)))
		return err_nomem(e);
	if (o->own_program)
		return choose_own_program(x, o, e);
	side->argv = x->argv;
	side->program = o->login ? NULL : x->argv[0];
	side->cwd = x->cwd ? x->cwd : "/";
	if (o->login) {
		side->program = side->user.shell[0] == '/' ? side->user.shell : "/bin/sh";
		const char *slash = strrchr(side->program, '/');
		(void)snprintf(x->login_name, sizeof x->login_name, "-%.70s", slash + 1);
		x->argv_login[0] = x->login_name;
		side->argv = x->argv_login;
		if (!o->cwd)
			side->cwd = side->user.home[0] == '/' ? side->user.home : "/";
		side->cwd_may_fail = !o->cwd; /* a home that is not there, as login(1) has it */
	}
	if (side->cwd[0] != '/')
		return err_set(e, ERR_USAGE,
			"working directory '%.80s': an absolute path is needed", side->cwd);
	side->path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	for (char **v = x->env; *v; v++)
		if (str_starts(*v, "PATH="))
			side->path = *v + 5;
	side->env = defence_is_off("S34") ? environ : x->env;
	return 0;
}

static int make_streams(
	struct enter *x, const struct exec_options *o, struct exec_process *p, struct err *e)
{
	x->side.pty = o->pty;
	x->side.rows = o->rows;
	x->side.cols = o->cols;
	if (o->pty)
		return 0;
	int *ours[] = {&p->in_fd, &p->out_fd, &p->err_fd};
	for (int i = 0; i < 3; i++) {
		int ends[2];
		if (pipe2(ends, O_CLOEXEC) < 0)
			return err_sys(e, errno, "make a pipe");
		*ours[i] = ends[i == 0];
		x->side.stdio[i] = ends[i != 0];
	}
	return 0;
}

/* The process that will enter; it makes the command as a child of *ours* (CLONE_PARENT). */
static pid_t spawn(struct enter *x, struct err *e)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "make a socket pair");
	x->sock = pair[0];
	struct timeval limit = {.tv_sec = ANSWER_TIMEOUT_S};
	(void)setsockopt(x->sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	x->side.sock = pair[1];
	x->side.init_fd = x->init_fd;
	struct clone_args a = {
		.flags = x->group_fd >= 0 ? CLONE_INTO_CGROUP : 0ULL,
		.exit_signal = SIGCHLD,
		.cgroup = x->group_fd >= 0 ? (unsigned)x->group_fd : 0u,
	};
	pid_t pid = sys_clone3(&a);
	if (pid == 0)
		enter_zone(&x->side);
	if (pid < 0) {
		err_sys(e, errno, "clone3");
		return errno == EAGAIN
			       ? err_hint(e, "the zone has as many processes as it may have "
					     "(resources.pids.max)")
			       : -1;
	}
	fd_close(&x->side.sock);
	for (int i = 0; i < 3; i++)
		fd_close(&x->side.stdio[i]);
	return pid;
}

static int failed(struct enter *x, const struct start_msg *m, struct err *e)
{
	start_explain(NULL, m, e);
	if (m->step != STEP_EXEC)
		return -1;
	/* As env(1) has it. A command that is not there is not a failure of ours to enter. */
	x->code = m->fault.errnum == ENOENT || m->fault.errnum == ENOTDIR ? 127 : 126;
	return -1;
}

/* Follow the talk until exec has happened. */
static int follow(struct enter *x, struct exec_process *p, struct err *e)
{
	enum exec_state state = EXEC_SPAWNED;
	while (state != EXEC_RUNNING) {
		struct start_msg m = {0};
		int fd = -1;
		size_t n = 1;
		ssize_t len = fd_recv(x->sock, &m, sizeof m, &fd, &n);
		if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return err_set(e, ERR_TIMEOUT,
				"the command does not come to run: does the zone stop or freeze "
				"what enters it?");
		if (len == 0)
			m.kind = START_MSG_EOF;
		else if (len != (ssize_t)sizeof m)
			return err_sys(e, len < 0 ? errno : EPROTO, "message from the zone");
		int next = exec_next(state, m.kind);
		if (next < 0)
			return err_set(e, ERR_FAILED, "message %u out of order", m.kind);
		state = (enum exec_state)next;
		if (m.kind == START_MSG_PROCESS) {
			p->pidfd = fd;
			p->pid = (pid_t)m.step;
		} else if (m.kind == START_MSG_CONSOLE) {
			p->pty_fd = fd;
		}
		if (state == EXEC_FAILED && m.kind == START_MSG_FAIL)
			return failed(x, &m, e);
		if (state == EXEC_FAILED)
			return err_set(e, ERR_FAILED,
				"the entering process died: the zone has ended, or "
				"its memory limit is reached");
	}
	return 0;
}

static int enter(struct enter *x, const struct store *s, const char *name,
	const struct exec_options *o, struct exec_process *p, struct err *e)
{
	if (find_zone(x, s, name, e) < 0 || find_namespaces(x, e) < 0 || confine(x, o, e) < 0 ||
		build_env(x, o, e) < 0 || choose_command(x, o, e) < 0 ||
		make_streams(x, o, p, e) < 0)
		return -1;
	pid_t first = spawn(x, e);
	if (first < 0)
		return -1;
	int r = follow(x, p, e);
	/* Without an exec neither of them has anything left to do; one may be stopped. */
	if (r < 0)
		(void)kill(first, SIGKILL);
	if (r < 0 && p->pidfd >= 0)
		(void)sys_pidfd_send_signal(p->pidfd, SIGKILL);
	(void)waitpid(first, NULL, 0);
	if (r < 0 && p->pid > 0)
		(void)waitpid(p->pid, NULL, 0); /* it has said FAIL, and ends by itself */
	return r;
}

int zone_exec(const struct store *s, const char *name, const struct exec_options *o,
	struct exec_process *ret, int *ret_code, struct err *e)
{
	struct enter x = {
		.zone = {.dir_fd = -1, .lock_fd = -1},
		.side = {.sock = -1, .stdio = {-1, -1, -1}, .program_fd = -1},
		.init_fd = -1,
		.root_fd = -1,
		.group_fd = -1,
		.sock = -1,
		.code = 125,
	};
	struct exec_process p = {
		.pidfd = -1, .pty_fd = -1, .in_fd = -1, .out_fd = -1, .err_fd = -1};
	int r = enter(&x, s, name, o, &p, e);
	*ret_code = x.code;
	if (r < 0) {
		exec_process_done(&p);
		err_prefix(e, "exec in zone '%s'", name);
	} else {
		*ret = p;
	}
	enter_done(&x);
	return r;
}

void exec_process_done(struct exec_process *p)
{
	int *fds[] = {&p->pidfd, &p->pty_fd, &p->in_fd, &p->out_fd, &p->err_fd};
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fd_close(fds[i]);
}
