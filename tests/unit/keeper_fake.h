/* keeper_fake.h: cella-keeper with everything around it faked: a child that stands for the zone's
 * init, a pty of the host's, a program that writes down how it was called in the place of `cella`,
 * and one private directory. */
#pragma once
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/sys.h"
#include "runtime/keeper_client.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum {
	FAKE_PATIENCE_MS = 20000, /* machines under test are slow; nothing here takes so long */
};

struct fake {
	char dir[64];
	int dir_fd, zone_fd, run_fd, log_fd, oom_fd;
	int master, slave;
	int listen_fd;
	int first; /* our end of the client that is connected from the beginning */
	int tell;  /* one byte: the fake init exits with it */
	pid_t keeper, init;
	struct store store; /* enough of it for keeper_connect */
};
struct fake_options {
	const char *restart; /* NULL: "no" */
	const char *restarts, *log_max;
	bool adopted, no_pty, no_slave, no_first;
};

static inline void fake_skip_unless_root(void)
{
	if (geteuid() != 0) {
		printf("1..0 # SKIP root only\n");
		exit(0);
	}
}

static inline int fake_subdir(const struct fake *f, const char *name)
{
	(void)mkdirat(f->dir_fd, name, 0700);
	return openat(f->dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static inline void fake_set_oom(const struct fake *f, unsigned n)
{
	char text[64];
	int len = snprintf(text, sizeof text, "low 0\nhigh 0\noom 9\noom_kill %u\n", n);
	CHECK(pwrite(f->oom_fd, text, (size_t)len, 0) == len);
}

static inline void fake_listen(struct fake *f)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	f->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s/keeper.sock", fd_path(f->run_fd).s);
	CHECK(bind(f->listen_fd, (struct sockaddr *)&a, sizeof a) == 0);
	CHECK(listen(f->listen_fd, 16) == 0);
}

static inline void fake_begin(struct fake *f)
{
	*f = (struct fake){.dir = "/tmp/cella-keeper-XXXXXX", .master = -1, .slave = -1};
	CHECK(mkdtemp(f->dir) != NULL);
	f->dir_fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->zone_fd = fake_subdir(f, "zone");
	f->store.run_zones_fd = fake_subdir(f, "run");
	f->run_fd = fake_subdir(f, "run/web");
	f->log_fd = fake_subdir(f, "log");
	f->oom_fd = openat(f->dir_fd, "oom", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	f->first = f->tell = f->listen_fd = -1;
	fake_set_oom(f, 0); /* as in a group that was just made */
	close(openat(f->run_fd, "state.json", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	fake_listen(f);
	f->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(f->master >= 0 && grantpt(f->master) == 0 && unlockpt(f->master) == 0);
	f->slave = open(ptsname(f->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios t;
	CHECK(tcgetattr(f->slave, &t) == 0);
	cfmakeraw(&t);
	CHECK(tcsetattr(f->slave, TCSANOW, &t) == 0);
}

static inline pid_t fake_init(int tell)
{
	pid_t pid = fork();
	if (pid == 0) {
		unsigned char code = 255;
		(void)dup2(tell, 0);
		(void)sys_close_range(3, ~0u, 0);
		(void)!read(0, &code, 1);
		_exit(code);
	}
	return pid;
}

static inline void fake_exec(const struct fake *f, const struct fake_options *o, int first)
{
	int fds[KEEPER_FD_COUNT] = {
		[KEEPER_FD_INIT] = sys_pidfd_open(f->init, 0),
		[KEEPER_FD_PTY] = o->no_pty ? -1 : f->master,
		[KEEPER_FD_PTY_SLAVE] = o->no_pty || o->no_slave ? -1 : f->slave,
		[KEEPER_FD_LISTEN] = f->listen_fd,
		[KEEPER_FD_ZONE_DIR] = f->zone_fd,
		[KEEPER_FD_RUN_DIR] = f->run_fd,
		[KEEPER_FD_LOG_DIR] = f->log_fd,
		[KEEPER_FD_OOM] = f->oom_fd,
		[KEEPER_FD_FIRST_CLIENT] = o->no_first ? -1 : first,
	};
	for (int i = KEEPER_FD_INIT; i < KEEPER_FD_COUNT; i++) {
		if (fds[i] < 0)
			fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 100);
	}
	for (int i = KEEPER_FD_INIT; i < KEEPER_FD_COUNT; i++)
		(void)dup2(fds[i], i);
	char root[100];
	(void)snprintf(root, sizeof root, "CELLA_ROOT=%s", f->dir);
	const char *argv[] = {"cella-keeper", "web", RECORDER, "uuid", "4711",
		o->restart ? o->restart : "no", o->restarts ? o->restarts : "0",
		o->log_max ? o->log_max : "1048576", o->adopted ? "1" : "0", NULL};
	char *env[] = {root, NULL};
	(void)execve(KEEPER, (char *const *)(uintptr_t)argv, env);
	_exit(99);
}

static inline void fake_start(struct fake *f, const struct fake_options *o)
{
	int pair[2], tell[2], says[2];
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	CHECK(pipe2(tell, O_CLOEXEC) == 0 && pipe2(says, O_CLOEXEC) == 0);
	f->first = pair[0];
	f->tell = tell[1];
	if (o->adopted)
		f->init = fake_init(tell[0]);
	f->keeper = fork();
	if (f->keeper == 0) {
		if (!o->adopted)
			f->init = fake_init(tell[0]);
		(void)!write(says[1], &f->init, sizeof f->init);
		fake_exec(f, o, pair[1]);
	}
	CHECK(read(says[0], &f->init, sizeof f->init) == sizeof f->init);
	close(pair[1]), close(tell[0]), close(says[0]), close(says[1]);
	/* A client that is served: the keeper has finished its preparations. */
	autofd int c = keeper_connect(&f->store, "web", NULL);
	char hello[KEEPER_PACKET];
	CHECK(c >= 0 && keeper_send(c, 'c', NULL, 0) == 0 && keeper_send(c, 'i', "k", 1) == 0);
	CHECK((o->no_pty ? recv(c, hello, sizeof hello, 0) : read(f->slave, hello, 1)) > 0);
	if (o->no_slave)
		fd_close(&f->slave);
}

/* Wait for the fact, without a fixed delay. */
#define EVENTUALLY(cond)                                                                           \
	do {                                                                                       \
		int64_t until = clock_mono_ms() + FAKE_PATIENCE_MS;                                \
		while (!(cond) && clock_mono_ms() < until)                                         \
			usleep(2000);                                                              \
		CHECK(cond);                                                                       \
	} while (0)

/* Exit status of the keeper, or of what it became; -1 if it does not end. */
static inline int fake_wait(struct fake *f)
{
	int status = -1;
	autofd int fd = sys_pidfd_open(f->keeper, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	if (poll(&p, 1, FAKE_PATIENCE_MS) != 1)
		return -1;
	(void)waitpid(f->keeper, &status, 0);
	f->keeper = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static inline void fake_end(struct fake *f)
{
	if (f->keeper > 0) {
		(void)kill(f->keeper, SIGKILL);
		(void)waitpid(f->keeper, NULL, 0);
	}
	int *fds[] = {&f->dir_fd, &f->zone_fd, &f->run_fd, &f->log_fd, &f->oom_fd, &f->master,
		&f->slave, &f->listen_fd, &f->first, &f->tell, &f->store.run_zones_fd};
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fd_close(fds[i]);
	autofd int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(path_remove_tree(tmp, f->dir + strlen("/tmp/"), NULL) == 0);
}

static inline void fake_exit_init(const struct fake *f, unsigned char code)
{
	CHECK(write(f->tell, &code, 1) == 1);
}

static inline void fake_ask(const struct fake *f, const char *text)
{
	CHECK(path_write_volatile(f->run_fd, "asked", text, strlen(text), 0600, NULL) == 0);
}

/* The exit record that the first client gets. */
static inline struct keeper_exit fake_exit_record(const struct fake *f)
{
	struct keeper_exit x = {0};
	struct err e = {0};
	CHECK_INT(keeper_wait_exit(f->first, clock_mono_ms() + FAKE_PATIENCE_MS, &x, &e), 0);
	return x;
}

/* The last event; the caller decrefs. */
static inline json_t *fake_event(const struct fake *f)
{
	autofree char *text = NULL;
	struct err e = {0};
	if (path_read_file(f->zone_fd, "events.jsonl", 1 << 22, &text, NULL, &e) < 0)
		return NULL;
	size_t n = strlen(text);
	if (n && text[n - 1] == '\n')
		text[n - 1] = '\0';
	const char *line = strrchr(text, '\n');
	return json_loads(line ? line + 1 : text, JSON_REJECT_DUPLICATES, NULL);
}

/* What the recorder wrote, or "". The caller frees. */
static inline char *fake_called(const struct fake *f)
{
	char *text = NULL;
	struct err e = {0};
	if (path_read_file(f->dir_fd, "called", 4096, &text, NULL, &e) < 0)
		return strdup("");
	return text;
}
