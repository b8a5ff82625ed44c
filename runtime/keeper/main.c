/* cella-keeper: the parent of one running zone. libc alone, no allocation. Two processes, since
 * what hands over to `cella _ended` at the end must be root with all rights, and a confined process
 * can never become that (H27):
 *
 *   the keeper   parent of the zone's init. Reads nothing that a zone or a client writes: it waits
 *                for init to end, writes down how, tells the clerk, and when the clerk is gone
 *                hands over to `cella _ended`, which has the libraries for sweeping and starting
 *                again.
 *   the clerk    its child. Holds and logs the console and serves a few clients: one poll loop,
 *                confined (confine.c). If one of the two dies, so does the other; the zone goes
 *                on. */
#include "runtime/keeper/state.h"
#include "base/defence.h"
#include "base/relro.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int64_t keeper_now_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool is_present(int fd)
{
	struct stat st, null;
	return fstat(fd, &st) == 0 && stat("/dev/null", &null) == 0 &&
	       !(S_ISCHR(st.st_mode) && st.st_rdev == null.st_rdev);
}

/* Nothing of a terminal, a session or a user's ^C concerns a keeper; it ends when the zone does. */
static void ignore_signals(void)
{
	static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGTTIN, SIGTTOU,
		SIGTSTP, SIGUSR1, SIGUSR2, SIGALRM, SIGXCPU, SIGXFSZ};
	struct sigaction ignore = {.sa_handler = SIG_IGN}, normal = {.sa_handler = SIG_DFL};
	sigset_t held;
	for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
		(void)sigaction(ignored[i], &ignore, NULL);
	(void)sigaction(SIGCHLD, &normal, NULL);
	(void)sigemptyset(&held);
	(void)sigaddset(&held, KEEPER_STOP_SIGNAL); /* it may have come during the start */
	(void)sigprocmask(SIG_SETMASK, &held, NULL);
}

/* The shell that started the zone may have had limits; they are not the zone's, nor ours. */
static void lift_limits(void)
{
	static const int kinds[] = {RLIMIT_CPU, RLIMIT_FSIZE};
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		struct rlimit l = {RLIM_INFINITY, RLIM_INFINITY};
		if (setrlimit(kinds[i], &l) == 0)
			continue;
		if (getrlimit(kinds[i], &l) == 0) {
			l.rlim_cur = l.rlim_max;
			(void)setrlimit(kinds[i], &l);
		}
	}
}

static void setup(struct keeper *k, char **argv)
{
	k->argv = (const char *const *)argv;
	k->name = argv[KEEPER_ARG_NAME];
	k->adopted = argv[KEEPER_ARG_ADOPTED][0] == '1';
	k->restarts = strtoull(argv[KEEPER_ARG_RESTARTS], NULL, 10);
	k->log_max = strtoull(argv[KEEPER_ARG_LOG_MAX], NULL, 10);
	k->started_ms = keeper_now_ms();
	k->log_fd = k->backoff_fd = -1;
	for (int i = 0; i < CLIENTS_ROOM; i++)
		k->clients[i].fd = -1;
	/* 0, 1, 2 and ours; nothing else of the host side. */
	if (!defence_is_off("H13"))
		(void)syscall(SYS_close_range, KEEPER_FD_COUNT, ~0u, 0);
	for (int fd = KEEPER_FD_INIT; fd < KEEPER_FD_COUNT; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	k->has_socket = is_present(KEEPER_FD_LISTEN);
	k->has_pty = is_present(KEEPER_FD_PTY);
	if (k->has_pty) {
		(void)fcntl(KEEPER_FD_PTY, F_SETFL, O_RDWR | O_NONBLOCK);
		console_open_log(k);
	}
	if (is_present(KEEPER_FD_FIRST_CLIENT))
		k->clients[0] = (struct client){
			.fd = KEEPER_FD_FIRST_CLIENT, .kind = CLIENT_NOTIFY, .since = k->serial++};
	/* A new zone's group counts from 0, and its command may be dead before we get here. */
	k->oom_before = k->adopted ? ending_oom_count() : 0;
	ignore_signals();
	lift_limits();
	/* What the keeper still does needs none. `cella _ended` gets root's back by its exec. */
	confine_drop_capabilities();
}

/* Stopped or destroyed before the watch was there, or later: nothing to start again. */
static void begin_backoff(struct keeper *k)
{
	ending_begin_backoff(k);
	if (ending_is_swept(k))
		_exit(0);
}

/* What the keeper has found out. It writes as soon as init has ended. */
static void take_verdict(struct keeper *k)
{
	struct verdict v;
	ssize_t n;
	do
		n = read(k->verdict_fd, &v, sizeof v);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof v)
		v = (struct verdict){.exit = {.type = 'x', .reason = KEEPER_UNKNOWN}};
	k->exit = v.exit;
	k->restart = v.restart;
	k->restart_at_ms = v.restart_at_ms;
}

/* The zone has ended: what comes next depends on who asked. */
static void end(struct keeper *k)
{
	clients_catch_up(k);
	console_drain(k);
	take_verdict(k);
	clients_send_exit(k);
	k->phase = KEEPER_BACKOFF;
	if (clients_find(k, CLIENT_SWEEPER))
		k->phase = KEEPER_SWEPT_BY;
	else if (!k->restart || k->restart_at_ms <= keeper_now_ms())
		k->phase = KEEPER_ENDING;
	else
		begin_backoff(k);
}

/* Phases change by what was read, and by time. */
static void advance(struct keeper *k)
{
	bool has_sweeper = clients_find(k, CLIENT_SWEEPER) != NULL;
	/* The sweeper died before it was done: then it is ours to do. */
	if (k->phase == KEEPER_SWEPT_BY && !has_sweeper)
		k->phase = KEEPER_ENDING;
	else if (k->phase == KEEPER_BACKOFF && has_sweeper)
		k->phase = KEEPER_SWEPT_BY;
	else if (k->phase == KEEPER_BACKOFF && k->restart_at_ms <= keeper_now_ms())
		k->phase = KEEPER_ENDING;
}

enum {
	POLL_INIT,
	POLL_PTY,
	POLL_LISTEN,
	POLL_BACKOFF,
	POLL_CLIENTS,
	POLL_COUNT = POLL_CLIENTS + CLIENTS_ROOM
};

/* Milliseconds until something is due, -1 for never. */
static int next_timer(struct keeper *k, int64_t now)
{
	int64_t at = k->phase == KEEPER_BACKOFF ? k->restart_at_ms : 0;
	if (k->accept_again_ms && k->accept_again_ms <= now)
		k->accept_again_ms = 0;
	if (k->accept_again_ms && (!at || k->accept_again_ms < at))
		at = k->accept_again_ms;
	return !at ? -1 : at > now ? (int)(at - now) : 0;
}

static int wait_for_something(struct keeper *k, struct pollfd p[POLL_COUNT])
{
	bool watching = k->phase == KEEPER_WATCHING;
	int timeout = next_timer(k, keeper_now_ms());
	bool accepts = k->has_socket && !k->accept_again_ms;
	p[POLL_INIT] = (struct pollfd){watching ? KEEPER_FD_INIT : -1, POLLIN, 0};
	p[POLL_PTY] = (struct pollfd){watching && k->has_pty ? KEEPER_FD_PTY : -1, POLLIN, 0};
	p[POLL_LISTEN] = (struct pollfd){accepts ? KEEPER_FD_LISTEN : -1, POLLIN, 0};
	p[POLL_BACKOFF] = (struct pollfd){k->backoff_fd, POLLIN, 0};
	for (int i = 0; i < CLIENTS_ROOM; i++) {
		const struct client *c = &k->clients[i];
		p[POLL_CLIENTS + i] =
			(struct pollfd){c->fd, (short)(c->lost ? POLLIN | POLLOUT : POLLIN), 0};
	}
	return poll(p, POLL_COUNT, timeout);
}

static void serve(struct keeper *k, const struct pollfd p[POLL_COUNT])
{
	for (int i = 0; i < CLIENTS_ROOM; i++) {
		struct client *c = &k->clients[i];
		short what = p[POLL_CLIENTS + i].revents;
		/* One that came into the place of another has not been polled. */
		if (!what || c->fd != p[POLL_CLIENTS + i].fd)
			continue;
		if (what & POLLOUT)
			clients_resume(c);
		if (c->fd >= 0 && what & ~POLLOUT)
			(void)clients_read(k, c);
	}
	if (p[POLL_PTY].revents)
		(void)console_pump(k);
	if (p[POLL_LISTEN].revents)
		(void)clients_accept(k);
	if (p[POLL_BACKOFF].revents && k->phase == KEEPER_BACKOFF && ending_is_swept(k))
		_exit(0); /* stopped or destroyed meanwhile: nothing to start again */
	if (p[POLL_INIT].revents)
		end(k);
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)close(fds[i]);
}

__attribute__((noreturn)) static void be_clerk(struct keeper *k, pid_t keeper)
{
	static const int others[] = {KEEPER_FD_ZONE_DIR, KEEPER_FD_OOM};
	struct pollfd p[POLL_COUNT];
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != keeper)
		_exit(1);
	close_all(others, sizeof others / sizeof others[0]);
	confine_clerk();
	while (k->phase != KEEPER_ENDING) {
		if (wait_for_something(k, p) > 0)
			serve(k, p);
		advance(k);
	}
	clients_flush(k);
	_exit(CLERK_OVER);
}

static void tell_verdict(const struct keeper *k, int fd)
{
	struct verdict v = {k->exit, k->restart, k->restart_at_ms};
	(void)!write(fd, &v, sizeof v);
}

static volatile sig_atomic_t stop_asked;

static void on_stop(int sig)
{
	(void)sig;
	stop_asked = 1;
}

/* KEEPER_STOP_SIGNAL, or a SIGTERM by anybody. What an orderly stop is `cella stop` knows. It
 * interrupts the poll and nothing else. */
static void hear_stop(sigset_t *unblocked)
{
	static const int both[] = {SIGTERM, KEEPER_STOP_SIGNAL};
	struct sigaction act = {.sa_handler = on_stop};
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, both[0]);
	(void)sigaddset(&set, both[1]);
	(void)sigprocmask(SIG_BLOCK, &set, unblocked);
	for (size_t i = 0; i < sizeof both / sizeof both[0]; i++) {
		(void)sigdelset(unblocked, both[i]);
		(void)sigaction(both[i], &act, NULL);
	}
}

/* Wait for init and for the clerk; the clerk's exit code when it is gone, 1 if it died. */
static int watch(struct keeper *k, int clerk_fd, int verdict_fd)
{
	struct pollfd p[2] = {{KEEPER_FD_INIT, POLLIN, 0}, {clerk_fd, POLLIN, 0}};
	siginfo_t si = {0};
	sigset_t unblocked;
	hear_stop(&unblocked);
	while (!p[1].revents) {
		int r = ppoll(p, 2, NULL, &unblocked);
		/* Also when it waits to start again, to call that off. */
		if (stop_asked && (!k->has_ended || k->restart))
			ending_ask_for_stop(k);
		stop_asked = 0;
		if (r < 0)
			continue;
		if (p[0].revents) {
			ending_record(k);
			tell_verdict(k, verdict_fd);
			k->has_ended = true;
			p[0] = (struct pollfd){.fd = -1};
		}
	}
	if (waitid(P_PIDFD, (id_t)clerk_fd, &si, WEXITED) < 0 || si.si_code != CLD_EXITED)
		return 1;
	return si.si_status;
}

static int be_keeper(struct keeper *k, pid_t clerk, int verdict_fd)
{
	const int others[] = {KEEPER_FD_PTY, KEEPER_FD_PTY_SLAVE, KEEPER_FD_LISTEN,
		KEEPER_FD_LOG_DIR, KEEPER_FD_FIRST_CLIENT, k->verdict_fd, k->log_fd};
	int clerk_fd = (int)syscall(SYS_pidfd_open, clerk, 0);
	close_all(others, sizeof others / sizeof others[0]);
	if (clerk_fd < 0)
		return 1;
	int code = watch(k, clerk_fd, verdict_fd);
	if (code == CLERK_SWEPT)
		return 0;
	/* The zone goes on without us: unwatched. */
	if (!k->has_ended)
		return 1;
	/* It died before the time to start again had come: only sweep. */
	if (code != CLERK_OVER)
		k->restart = false;
	ending_exec(k);
	return 1;
}

int main(int argc, char **argv)
{
	static struct keeper k;
	int verdict[2];
	pid_t keeper = getpid();
	relro_protect();
	if (argc != KEEPER_ARG_COUNT)
		return 2; /* started by the host side only */
	setup(&k, argv);
	if (pipe2(verdict, O_CLOEXEC) < 0)
		return 1;
	k.verdict_fd = verdict[0];
	pid_t clerk = fork();
	if (clerk < 0)
		return 1;
	if (clerk == 0) {
		(void)close(verdict[1]);
		be_clerk(&k, keeper);
	}
	return be_keeper(&k, clerk, verdict[1]);
}
