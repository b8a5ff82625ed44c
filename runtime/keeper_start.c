#include "runtime/keeper_start.h"
#include "runtime/host_facts.h"
#include "runtime/keeper.h"
#include "runtime/self.h"
#include "runtime/start_host.h"
#include "base/defence.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "isolation/privileges/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	KEEPER_OOM_SCORE = -900
};

static void program_path(const struct store *s, const char *name, char *out, size_t size)
{
	(void)snprintf(out, size, "%s/%s", s->config.exe_dir, name);
}

int keeper_hold_stop_signal(void)
{
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, KEEPER_STOP_SIGNAL);
	return sigprocmask(SIG_BLOCK, &set, NULL);
}

bool keeper_stop_is_asked(void)
{
	sigset_t set;
	return sigpending(&set) == 0 && sigismember(&set, KEEPER_STOP_SIGNAL) == 1;
}

int keeper_open_program(const struct store *s, const char *name, struct err *e)
{
	char path[400];
	program_path(s, name, path, sizeof path);
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0) {
		err_sys(e, errno, "open '%s'", path);
		err_class_set(e, ERR_HOST);
		return err_hint(e, "is cella installed whole? `cmake --install build`");
	}
	return fd;
}

int keeper_check(const struct store *s, struct err *e)
{
	autofd int fd = keeper_open_program(s, "cella-keeper", e);
	return fd < 0 ? -1 : 0;
}

/* What a keeper is given: its descriptors in order, -1 for none, and its arguments. */
struct handover {
	int fds[KEEPER_FD_COUNT];
	char init_start[24], restarts[24], log_max[24];
	const char *argv[KEEPER_ARG_COUNT + 1];
};

static void fill_handover(struct handover *h, const struct zone *z, const struct zone_state *st,
	enum spec_restart restart, uint64_t log_max, bool adopted)
{
	static const char *const policies[] = {[SPEC_RESTART_NO] = "no",
		[SPEC_RESTART_ON_FAILURE] = "on-failure",
		[SPEC_RESTART_ALWAYS] = "always"};
	for (int i = 0; i < KEEPER_FD_COUNT; i++)
		h->fds[i] = -1;
	(void)snprintf(h->init_start, sizeof h->init_start, "%" PRIu64, st->init.start_time);
	(void)snprintf(h->restarts, sizeof h->restarts, "%u", st->restarts);
	(void)snprintf(h->log_max, sizeof h->log_max, "%" PRIu64,
		defence_is_off("S42") ? UINT64_MAX : log_max);
	const char *argv[KEEPER_ARG_COUNT + 1] = {
		[KEEPER_ARG_SELF] = "cella-keeper",
		[KEEPER_ARG_NAME] = z->name,
		[KEEPER_ARG_CELLA] = self_path(),
		[KEEPER_ARG_UUID] = st->uuid,
		[KEEPER_ARG_INIT_START] = h->init_start,
		[KEEPER_ARG_RESTART] = policies[restart],
		[KEEPER_ARG_RESTARTS] = h->restarts,
		[KEEPER_ARG_LOG_MAX] = h->log_max,
		[KEEPER_ARG_ADOPTED] = adopted ? "1" : "0",
	};
	memcpy(h->argv, argv, sizeof argv);
	h->fds[KEEPER_FD_ZONE_DIR] = z->dir_fd;
	h->fds[KEEPER_FD_RUN_DIR] = openat(
		z->store->run_zones_fd, z->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	h->fds[KEEPER_FD_LOG_DIR] = z->store->log_fd;
}

/* Put every descriptor on its number and exec. They are moved up first, so that none lies on
 * another's place. Returns only on failure. */
static void exec_keeper(const struct store *s, struct handover *h)
{
	char path[400], root[4200], run[4200], log[4200];
	struct err why = {0};
	/* H18: last of all for the OOM killer, and where that is not allowed not before others. */
	if (process_set_oom_score(0, KEEPER_OOM_SCORE, &why) < 0)
		(void)process_set_oom_score(0, 0, &why);
	for (int i = KEEPER_FD_INIT; i < KEEPER_FD_COUNT; i++) {
		if (h->fds[i] < 0)
			h->fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		h->fds[i] = fcntl(h->fds[i], F_DUPFD_CLOEXEC, 64);
	}
	for (int i = KEEPER_FD_INIT; i < KEEPER_FD_COUNT; i++)
		if (dup2(h->fds[i], i) < 0)
			return;
	autofd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < 3; i++)
		(void)dup2(null, i);
	program_path(s, "cella-keeper", path, sizeof path);
	/* What the keeper's `cella _ended` needs to find this store again, and nothing else. */
	(void)snprintf(root, sizeof root, "CELLA_ROOT=%s", s->root);
	(void)snprintf(run, sizeof run, "CELLA_RUN=%s", s->run);
	(void)snprintf(log, sizeof log, "CELLA_LOG=%s", s->log);
	const char *config = getenv("CELLA_CONFIG");
	autofree char *conf = config ? str_format("CELLA_CONFIG=%s", config) : NULL;
	char manager[40], *env[7] = {root, run, log, manager}, *off = defence_environment();
	size_t n = 4;
	(void)snprintf(
		manager, sizeof manager, "CELLA_CGROUP_MANAGER=%s", s->config.cgroup_manager);
	if (conf)
		env[n++] = conf;
	if (off)
		env[n++] = off;
	(void)execve(
		path, (char *const *)(uintptr_t)h->argv, defence_is_off("S34") ? environ : env);
}

void keeper_become(struct start *s)
{
	struct handover h;
	fill_handover(&h, s->zone, &s->state, s->plan.restart, s->plan.log_max, false);
	h.fds[KEEPER_FD_INIT] = s->pidfd;
	h.fds[KEEPER_FD_PTY] = s->pty_master;
	h.fds[KEEPER_FD_PTY_SLAVE] = s->pty_master >= 0 ? s->pty_slave : -1;
	h.fds[KEEPER_FD_LISTEN] = s->listen_fd;
	h.fds[KEEPER_FD_OOM] = s->oom_fd;
	h.fds[KEEPER_FD_FIRST_CLIENT] = s->answer;
	exec_keeper(s->zone->store, &h);
	_exit(1);
}

static int listen_again(const struct zone *z, struct err *e)
{
	autofd int dir = openat(
		z->store->run_zones_fd, z->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autofd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (dir < 0 || fd < 0)
		return err_sys(e, errno, "make the keeper's socket");
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s/keeper.sock", fd_path(dir).s);
	(void)unlinkat(dir, "keeper.sock", 0);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 16) < 0)
		return err_sys(e, errno, "make the keeper's socket");
	return fd_steal(&fd);
}

int keeper_adopt(struct zone *z, struct zone_state *st, struct err *e)
{
	struct handover h;
	autocg_host struct cg_host host = {0};
	autocg struct cg c = {0};
	autofd int init = proc_open(&st->init);
	if (init < 0)
		return err_set(e, ERR_STATE, "zone '%s' has ended", z->name);
	if (keeper_check(z->store, e) < 0 || host_facts_cgroups(z->store, &host, e) < 0 ||
		cg_open(&host, st->cgroup, &c, e) < 0)
		return -1;
	autofd int listen_fd = listen_again(z, e);
	autofd int oom = cg_oom_open(&c);
	if (listen_fd < 0)
		return -1;
	fill_handover(&h, z, st, z->spec->boot.restart, z->spec->console_log_max, true);
	h.fds[KEEPER_FD_INIT] = init;
	h.fds[KEEPER_FD_LISTEN] = listen_fd;
	h.fds[KEEPER_FD_OOM] = oom;
	/* The child waits on the pipe until its pid is in the state file. */
	int gate[2];
	if (pipe2(gate, O_CLOEXEC) < 0)
		return err_sys(e, errno, "make a pipe");
	autofd int hold = gate[0], release = gate[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "fork");
	if (pid == 0) {
		char go;
		fd_close(&release);
		if (setsid() < 0 || chdir("/") < 0 || read(hold, &go, 1) != 1)
			_exit(1);
		exec_keeper(z->store, &h);
		_exit(1);
	}
	fd_close(&h.fds[KEEPER_FD_RUN_DIR]);
	st->keeper.pid = pid;
	if (proc_start_time(pid, &st->keeper.start_time) < 0)
		return err_sys(e, errno, "read the start time of the new keeper");
	if (state_write(z->store, z->name, st, e) < 0)
		return -1; /* the pipe closes, the child ends */
	return write(release, "g", 1) == 1 ? 0 : err_sys(e, errno, "release the new keeper");
}
