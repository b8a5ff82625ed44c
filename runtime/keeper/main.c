/* cella-keeper: the parent of one running zone. Watches its init, holds and logs its console,
 * serves a few clients, writes down how it ended, and hands over to `cella _ended`, which has the
 * libraries for sweeping and starting again. libc alone, no allocation, one poll loop. */
#include "runtime/keeper/state.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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
		SIGTSTP, SIGUSR1, SIGUSR2, SIGALRM};
	struct sigaction ignore = {.sa_handler = SIG_IGN}, normal = {.sa_handler = SIG_DFL};
	sigset_t none;
	for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
		(void)sigaction(ignored[i], &ignore, NULL);
	(void)sigaction(SIGCHLD, &normal, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* H27: what it still does needs no capability. `cella _ended` gets root's back by its exec. */
static void drop_capabilities(void)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {{0}};
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)syscall(SYS_capset, &h, d);
}

static void setup(struct keeper *k, char **argv)
{
	k->argv = (const char *const *)argv;
	k->name = argv[KEEPER_ARG_NAME];
	k->adopted = argv[KEEPER_ARG_ADOPTED][0] == '1';
	k->restarts = strtoull(argv[KEEPER_ARG_RESTARTS], NULL, 10);
	k->log_max = strtoull(argv[KEEPER_ARG_LOG_MAX], NULL, 10);
	k->started_ms = keeper_now_ms();
	for (int i = 0; i < KEEPER_CLIENTS; i++)
		k->clients[i].fd = -1;
	/* 0, 1, 2 and ours; nothing else of the host side. */
	(void)syscall(SYS_close_range, KEEPER_FD_COUNT, ~0u, 0);
	for (int fd = KEEPER_FD_INIT; fd < KEEPER_FD_COUNT; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	k->has_pty = is_present(KEEPER_FD_PTY);
	if (k->has_pty) {
		(void)fcntl(KEEPER_FD_PTY, F_SETFL, O_RDWR | O_NONBLOCK);
		console_open_log(k);
	}
	if (is_present(KEEPER_FD_FIRST_CLIENT))
		k->clients[0] = (struct client){KEEPER_FD_FIRST_CLIENT, CLIENT_NOTIFY, k->serial++};
	k->oom_before = ending_oom_count();
	ignore_signals();
	drop_capabilities();
}

/* The zone has ended: what comes next depends on who asked. */
static void end(struct keeper *k)
{
	if (k->has_pty)
		console_drain(k);
	ending_record(k);
	clients_send_exit(k);
	if (clients_find(k, CLIENT_SWEEPER))
		k->phase = KEEPER_SWEPT_BY;
	else if (k->restart && k->restart_at_ms > keeper_now_ms())
		k->phase = KEEPER_BACKOFF;
	else
		k->phase = KEEPER_ENDING;
}

enum {
	POLL_INIT,
	POLL_PTY,
	POLL_LISTEN,
	POLL_CLIENTS,
	POLL_COUNT = POLL_CLIENTS + KEEPER_CLIENTS
};

static void wait_and_serve(struct keeper *k)
{
	struct pollfd p[POLL_COUNT];
	bool watching = k->phase == KEEPER_WATCHING;
	p[POLL_INIT] = (struct pollfd){watching ? KEEPER_FD_INIT : -1, POLLIN, 0};
	p[POLL_PTY] = (struct pollfd){watching && k->has_pty ? KEEPER_FD_PTY : -1, POLLIN, 0};
	p[POLL_LISTEN] = (struct pollfd){KEEPER_FD_LISTEN, POLLIN, 0};
	for (int i = 0; i < KEEPER_CLIENTS; i++)
		p[POLL_CLIENTS + i] = (struct pollfd){k->clients[i].fd, POLLIN, 0};
	int64_t left = -1;
	if (k->phase == KEEPER_BACKOFF) {
		left = k->restart_at_ms - keeper_now_ms();
		if (left <= 0) {
			k->phase = KEEPER_ENDING;
			return;
		}
	}
	if (poll(p, POLL_COUNT, (int)left) < 0)
		return;
	for (int i = 0; i < KEEPER_CLIENTS; i++)
		if (p[POLL_CLIENTS + i].revents && k->clients[i].fd == p[POLL_CLIENTS + i].fd)
			clients_read(k, &k->clients[i]);
	if (p[POLL_PTY].revents && !console_pump(k))
		k->has_pty = false;
	if (p[POLL_LISTEN].revents)
		clients_accept(k);
	if (p[POLL_INIT].revents)
		end(k);
}

int main(int argc, char **argv)
{
	static struct keeper k;
	if (argc != KEEPER_ARG_COUNT)
		return 2; /* started by the host side only */
	setup(&k, argv);
	while (k.phase != KEEPER_ENDING) {
		wait_and_serve(&k);
		if (k.phase == KEEPER_BACKOFF && clients_find(&k, CLIENT_SWEEPER))
			k.phase = KEEPER_SWEPT_BY; /* stop, while we wait to start it again */
		/* The sweeper died before it was done: then it is ours to do. */
		if (k.phase == KEEPER_SWEPT_BY && !clients_find(&k, CLIENT_SWEEPER))
			k.phase = KEEPER_ENDING;
	}
	ending_exec(&k);
	return 1;
}
