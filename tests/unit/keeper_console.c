/* The console: log, rotation, clients that read, that do not, and far too many of them. The zone
 * never waits for any of them, and the keeper does not grow (S41, S42). */
#include "keeper_fake.h"
#include "relro.h"

enum {
	PRIVATE_MAX_KIB = 100,
	HALF_OPEN = 5000
};

TEST(root)
{
	fake_skip_unless_root();
}

static int attach(const struct fake *f)
{
	struct err e = {0};
	int fd = keeper_connect(&f->store, "web", &e);
	CHECK(fd >= 0 && keeper_send(fd, 'c', NULL, 0) == 0);
	return fd;
}

/* Read console output until `want` has come, or an end. */
static bool reads(int fd, const char *want)
{
	static char all[1 << 20];
	size_t n = 0;
	char packet[KEEPER_PACKET];
	struct timeval patience = {.tv_sec = FAKE_PATIENCE_MS / 1000};
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	for (;;) {
		ssize_t len = recv(fd, packet, sizeof packet, 0);
		if (len <= 0 || packet[0] != 'o')
			return false;
		if (n + (size_t)len >= sizeof all)
			n = 0;
		memcpy(all + n, packet + 1, (size_t)len - 1);
		n += (size_t)len - 1;
		all[n] = '\0';
		if (strstr(all, want))
			return true;
	}
}

static void print(const struct fake *f, const char *text)
{
	CHECK(fd_write_all(f->slave, text, strlen(text)) == 0);
}

static char *log_text(const struct fake *f, const char *name)
{
	char *text = NULL;
	struct err e = {0};
	return path_read_file(f->log_fd, name, 1 << 26, &text, NULL, &e) == 0 ? text : strdup("");
}

static bool log_has(const struct fake *f, const char *want)
{
	autofree char *text = log_text(f, "web.console");
	return strstr(text, want) != NULL;
}

/* What it has written: its program is shared by all keepers of a host. */
static long own_kib(pid_t pid)
{
	char path[64], line[256];
	long kib = 0, v;
	(void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
	FILE *in = fopen(path, "re");
	while (in && fgets(line, sizeof line, in))
		if (sscanf(line, "Anonymous: %ld", &v) == 1)
			kib += v;
	if (in)
		(void)fclose(in);
	return kib;
}

static void check_memory(const struct fake *f, const char *when)
{
	long kib = own_kib(f->keeper);
	printf("# keeper, %s: %ld KiB of its own\n", when, kib);
	CHECK(kib > 0);
#if !defined(__SANITIZE_ADDRESS__)
	CHECK(kib <= PRIVATE_MAX_KIB);
#endif
}

static uint64_t cpu_ticks(pid_t pid)
{
	char path[64], buf[1024];
	unsigned long long user = 0, sys = 0;
	(void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
	CHECK(path_read_virtual(AT_FDCWD, path, buf, sizeof buf) > 0);
	char *p = strrchr(buf, ')');
	CHECK(p && sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
			   &sys) == 2);
	return user + sys;
}

TEST(output_goes_to_the_log_and_to_clients)
{
	struct fake f;
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){0});
	autofd int a = attach(&f), b = attach(&f);
	/* what is attached is known once something comes back */
	CHECK(keeper_send(a, 'i', "hello", 5) == 0);
	char in[16] = "";
	CHECK(read(f.slave, in, sizeof in) == 5 && !memcmp(in, "hello", 5));
	CHECK(keeper_send(b, 'i', "again", 5) == 0);
	CHECK(read(f.slave, in, sizeof in) == 5 && !memcmp(in, "again", 5));
	print(&f, "line of the zone\r\n");
	CHECK(reads(a, "line of the zone\r\n"));
	CHECK(reads(b, "line of the zone\r\n"));
	EVENTUALLY(log_has(&f, "line of the zone\r\n"));
	struct stat st;
	CHECK(fstatat(f.log_fd, "web.console", &st, 0) == 0 && (st.st_mode & 07777) == 0600);
	/* leaving and coming back */
	fd_close(&a);
	print(&f, "second\r\n");
	CHECK(reads(b, "second\r\n"));
	fake_end(&f);
}

TEST(what_relocation_wrote_is_read_only)
{
	struct fake f;
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){0});
	autofd int c = attach(&f);
	char in[16] = "";
	CHECK(keeper_send(c, 'i', "hello", 5) == 0);
	CHECK(read(f.slave, in, sizeof in) == 5);
	CHECK_INT(relro_holds(f.keeper, KEEPER), 1);
	fake_end(&f);
}

TEST(window_size)
{
	struct fake f;
	uint16_t size[2] = {50, 132};
	struct winsize w = {0};
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){0});
	autofd int c = attach(&f);
	CHECK(keeper_send(c, 'w', size, 3) == 0); /* too short: no effect */
	CHECK(keeper_send(c, 'w', size, sizeof size) == 0);
	EVENTUALLY(ioctl(f.master, TIOCGWINSZ, &w) == 0 && w.ws_row == 50 && w.ws_col == 132);
	fake_end(&f);
}

TEST(unknown_letters_and_empty_packets)
{
	struct fake f;
	char big[KEEPER_PACKET - 1];
	memset(big, 'x', sizeof big);
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){0});
	autofd int c = attach(&f), d = attach(&f);
	CHECK(keeper_send(c, 'Z', "?", 1) == 0);
	CHECK(keeper_send(c, '\0', big, sizeof big) == 0);
	CHECK(keeper_send(c, 'i', NULL, 0) == 0);
	CHECK(send(d, "", 0, MSG_NOSIGNAL) == 0); /* as good as an end of file */
	CHECK(keeper_send(c, 'i', "k", 1) == 0);
	char in[4];
	CHECK(read(f.slave, in, sizeof in) == 1 && in[0] == 'k');
	print(&f, "alive");
	CHECK(reads(c, "alive"));
	fake_end(&f);
}

/* Last words are in the log, and the exit record comes after them. */
TEST(last_words)
{
	struct fake f;
	char packet[KEEPER_PACKET];
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){0});
	autofd int c = attach(&f);
	CHECK(keeper_send(c, 'i', "k", 1) == 0);
	CHECK(read(f.slave, packet, 1) == 1);
	/* while it is stopped both happen */
	CHECK(kill(f.keeper, SIGSTOP) == 0);
	print(&f, "last words");
	fake_exit_init(&f, 0);
	autofd int init = sys_pidfd_open(f.init, 0);
	struct pollfd p = {.fd = init, .events = POLLIN};
	CHECK(poll(&p, 1, FAKE_PATIENCE_MS) == 1);
	/* and a client that still types */
	CHECK(keeper_send(c, 'i', "unread", 6) == 0);
	CHECK(kill(f.keeper, SIGCONT) == 0);
	CHECK(reads(c, "last words"));
	struct keeper_exit x = {0};
	struct err e = {0};
	CHECK_INT(keeper_wait_exit(c, clock_mono_ms() + FAKE_PATIENCE_MS, &x, &e), 0);
	CHECK_INT(fake_wait(&f), 0);
	CHECK(log_has(&f, "last words"));
	fake_end(&f);
}

TEST(log_rotates_and_stays_small)
{
	struct fake f;
	enum {
		MAX = 16384
	};
	static char chunk[1000];
	memset(chunk, 'a', sizeof chunk);
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){.log_max = "16384"});
	for (int i = 0; i < 200; i++)
		CHECK(fd_write_all(f.slave, chunk, sizeof chunk) == 0);
	print(&f, "the end");
	EVENTUALLY(log_has(&f, "the end"));
	struct stat now, old;
	CHECK(fstatat(f.log_fd, "web.console", &now, 0) == 0 && now.st_size <= MAX);
	CHECK(fstatat(f.log_fd, "web.console.1", &old, 0) == 0 && old.st_size <= MAX);
	CHECK(old.st_size > MAX / 2);
	/* somebody else's logrotate */
	CHECK(unlinkat(f.log_fd, "web.console", 0) == 0);
	print(&f, "after it was removed");
	EVENTUALLY(log_has(&f, "after it was removed"));
	CHECK(!log_has(&f, "the end"));
	fake_end(&f);
}

/* A symbolic link or a directory in the place of the log is not followed, and stops nothing. */
TEST(log_that_cannot_be_written)
{
	struct fake f;
	fake_begin(&f);
	CHECK(symlinkat("../oom", f.log_fd, "web.console") == 0);
	fake_start(&f, &(struct fake_options){0});
	autofd int c = attach(&f);
	CHECK(keeper_send(c, 'i', "k", 1) == 0);
	char in[4];
	CHECK(read(f.slave, in, sizeof in) == 1);
	print(&f, "heard");
	CHECK(reads(c, "heard"));
	char oom[128] = "";
	CHECK(pread(f.oom_fd, oom, sizeof oom - 1, 0) > 0 && !strstr(oom, "heard"));
	fake_end(&f);
}

/* init closes its console, and vhangup(2)s it as getty does: with a slave of its own open the
 * keeper neither spins nor loses it. */
TEST(console_closed_hung_up_and_opened_again)
{
	struct fake f;
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){0});
	char name[64];
	(void)snprintf(name, sizeof name, "%s", ptsname(f.master));
	pid_t getty = fork();
	if (getty == 0) {
		if (setsid() < 0 || ioctl(f.slave, TIOCSCTTY, 1) < 0)
			_exit(1);
		(void)signal(SIGHUP, SIG_IGN);
		_exit(vhangup() == 0 ? 0 : 1);
	}
	int status = -1;
	CHECK(waitpid(getty, &status, 0) == getty && status == 0);
	fd_close(&f.slave);
	uint64_t before = cpu_ticks(f.keeper);
	usleep(200000);
	CHECK(cpu_ticks(f.keeper) - before <= 2);
	f.slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(f.slave >= 0);
	print(&f, "a new getty");
	EVENTUALLY(log_has(&f, "a new getty"));
	fake_end(&f);
}

TEST(without_a_slave_it_does_not_spin)
{
	struct fake f;
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){.no_slave = true});
	usleep(100000);
	uint64_t before = cpu_ticks(f.keeper);
	usleep(200000);
	CHECK(cpu_ticks(f.keeper) - before <= 2);
	fake_exit_init(&f, 2);
	CHECK_INT(fake_exit_record(&f).code, 2);
	fake_end(&f);
}

TEST(no_console_is_said)
{
	struct fake f;
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){.no_pty = true});
	autofd int c = attach(&f);
	CHECK(reads(c, "without a console"));
	struct stat st;
	CHECK(fstatat(f.log_fd, "web.console", &st, 0) < 0);
	fake_end(&f);
}

/* One client never reads, while the zone prints a lot (CELLA_TEST_FLOOD_MIB; 1 GiB is for the
 * thorough). */
TEST(a_client_that_never_reads)
{
	static char block[65536];
	const char *env = getenv("CELLA_TEST_FLOOD_MIB");
	size_t mib = env ? strtoul(env, NULL, 10) : 32;
	struct fake f;
	memset(block, 'z', sizeof block);
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){0});
	check_memory(&f, "at the start");
	autofd int lazy = attach(&f);
	CHECK(keeper_send(lazy, 'i', "k", 1) == 0);
	CHECK(read(f.slave, block, 1) == 1);
	for (size_t n = 0; n < mib * 16; n++)
		CHECK(fd_write_all(f.slave, block, sizeof block) == 0);
	print(&f, "flood over");
	EVENTUALLY(log_has(&f, "flood over"));
	check_memory(&f, "after the flood");
	/* it has lost output and is told so, but not its connection */
	CHECK(reads(lazy, "output was left out here"));
	print(&f, "live again");
	CHECK(reads(lazy, "live again"));
	fake_end(&f);
}

TEST(half_open_clients)
{
	struct rlimit lim, had;
	static int fds[HALF_OPEN];
	struct fake f;
	struct err e = {0};
	CHECK(getrlimit(RLIMIT_NOFILE, &had) == 0);
	lim = (struct rlimit){HALF_OPEN + 200, had.rlim_max};
	if (setrlimit(RLIMIT_NOFILE, &lim) < 0) {
		printf("# too few descriptors allowed\n");
		return;
	}
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){0});
	autofd int good = attach(&f);
	CHECK(keeper_send(good, 'i', "k", 1) == 0);
	char in[4];
	CHECK(read(f.slave, in, sizeof in) == 1);
	for (int i = 0; i < HALF_OPEN; i++)
		fds[i] = keeper_connect(&f.store, "web", &e);
	int bad = 0;
	for (int i = 0; i < HALF_OPEN; i++)
		bad += fds[i] < 0;
	CHECK_INT(bad, 0);
	/* who was in is served, and who comes to stop is let in */
	print(&f, "served");
	CHECK(reads(good, "served"));
	check_memory(&f, "with 5000 half-open clients");
	autofd int stop = keeper_connect(&f.store, "web", &e);
	CHECK(stop >= 0 && keeper_sweeping(stop) == 0);
	fake_exit_init(&f, 0);
	struct keeper_exit x = {0};
	CHECK_INT(keeper_wait_exit(stop, clock_mono_ms() + FAKE_PATIENCE_MS, &x, &e), 0);
	CHECK(keeper_swept(stop) == 0);
	CHECK_INT(fake_wait(&f), 0);
	for (int i = 0; i < HALF_OPEN; i++)
		fd_close(&fds[i]);
	CHECK(setrlimit(RLIMIT_NOFILE, &had) == 0);
	fake_end(&f);
}

/* The seventeenth is refused, unless one of the sixteen sleeps; a stop never is. */
TEST(too_many_clients)
{
	int in[KEEPER_CLIENTS];
	struct fake f;
	struct err e = {0};
	struct keeper_exit x = {0};
	char c;
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){.no_first = true});
	for (int i = 0; i < KEEPER_CLIENTS; i++) {
		in[i] = attach(&f);
		CHECK(keeper_send(in[i], 'i', "k", 1) == 0);
		CHECK(read(f.slave, &c, 1) == 1);
	}
	autofd int more = keeper_connect(&f.store, "web", &e);
	CHECK(keeper_notify(more) == 0);
	CHECK_INT(keeper_wait_exit(more, clock_mono_ms() + FAKE_PATIENCE_MS, &x, &e), -1);
	CHECK_INT(e.cls, ERR_BUSY);
	/* the first fifteen read, the last does not */
	static char block[4096];
	memset(block, 'y', sizeof block);
	for (int i = 0; i < 256; i++) {
		CHECK(fd_write_all(f.slave, block, sizeof block) == 0);
		for (int j = 0; j < KEEPER_CLIENTS - 1; j++)
			while (recv(in[j], block, sizeof block, MSG_DONTWAIT) > 0)
				memset(block, 'y', sizeof block);
	}
	fd_close(&more);
	more = attach(&f);
	CHECK(keeper_send(more, 'i', "m", 1) == 0);
	CHECK(read(f.slave, &c, 1) == 1 && c == 'm');
	print(&f, "let in");
	CHECK(reads(more, "let in"));
	autofd int stop = keeper_connect(&f.store, "web", &e);
	CHECK(keeper_sweeping(stop) == 0);
	fake_exit_init(&f, 0);
	CHECK_INT(keeper_wait_exit(stop, clock_mono_ms() + FAKE_PATIENCE_MS, &x, &e), 0);
	CHECK(keeper_swept(stop) == 0);
	CHECK_INT(fake_wait(&f), 0);
	for (int i = 0; i < KEEPER_CLIENTS; i++)
		fd_close(&in[i]);
	fake_end(&f);
}

/* F11: a stopped keeper is found out by a deadline, and goes on when it is continued. */
TEST(stopped_keeper)
{
	struct fake f;
	struct err e = {0};
	struct keeper_exit x = {0};
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){0});
	CHECK(kill(f.keeper, SIGSTOP) == 0);
	autofd int c = keeper_connect(&f.store, "web", &e);
	CHECK(c >= 0 && keeper_notify(c) == 0);
	fake_exit_init(&f, 6);
	CHECK_INT(keeper_wait_exit(c, clock_mono_ms() + 50, &x, &e), -1);
	CHECK_INT(e.cls, ERR_TIMEOUT);
	CHECK(kill(f.keeper, SIGCONT) == 0);
	CHECK_INT(keeper_wait_exit(c, clock_mono_ms() + FAKE_PATIENCE_MS, &x, &e), 0);
	CHECK_INT(x.code, 6);
	fake_end(&f);
}

/* Killed: the clients see it at once. */
TEST(killed_keeper)
{
	struct fake f;
	struct err e = {0};
	struct keeper_exit x = {0};
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){0});
	autofd int c = keeper_connect(&f.store, "web", &e);
	CHECK(keeper_sweeping(c) == 0);
	CHECK(kill(f.keeper, SIGKILL) == 0);
	fd_close(&f.listen_fd);
	CHECK_INT(keeper_wait_exit(c, clock_mono_ms() + FAKE_PATIENCE_MS, &x, &e), -1);
	CHECK_INT(e.cls, ERR_FAILED);
	CHECK(keeper_swept(c) == -1);
	CHECK_INT(fake_wait(&f), 1000 + SIGKILL);
	CHECK(kill(f.init, SIGKILL) == 0);
	fake_end(&f);
}

TEST_MAIN()
