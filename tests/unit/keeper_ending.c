/* How a zone ended, what the keeper tells whom, and what it does next. */
#include "keeper_fake.h"

TEST(root)
{
	fake_skip_unless_root();
}

static json_int_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

struct outcome {
	const char *restart, *restarts, *asked;
	unsigned char code; /* exit code, or */
	int sig;
	unsigned oom; /* the counter at the end; it was 0 */
	enum keeper_reason reason;
	int want_code;
	const char *want_restarts; /* of _ended */
};

static void check_event(const struct fake *f, const struct outcome *o, const struct keeper_exit *x)
{
	static const char *const reasons[] = {[KEEPER_EXITED] = "exited",
		[KEEPER_SIGNALED] = "signaled",
		[KEEPER_REBOOT] = "reboot",
		[KEEPER_POWEROFF] = "poweroff",
		[KEEPER_OOM] = "oom",
		[KEEPER_UNKNOWN] = "unknown"};
	json_t *ev = fake_event(f), *by = json_object_get(ev, "asked_by");
	CHECK_STR(json_string_value(json_object_get(ev, "event")), "ended");
	CHECK_STR(json_string_value(json_object_get(ev, "reason")), reasons[o->reason]);
	CHECK_INT(number(ev, "code"), o->want_code);
	CHECK_INT(number(ev, "oom_kills"), x->oom_kills);
	CHECK(json_is_boolean(json_object_get(ev, "restart")));
	if (o->reason == KEEPER_OOM)
		CHECK_STR(json_string_value(json_object_get(ev, "signal")), "SIGKILL");
	if (o->asked) {
		CHECK_STR(json_string_value(json_object_get(by, "verb")), "stop");
		CHECK_INT(number(by, "uid"), 1000);
		CHECK_INT(number(by, "pid"), 77);
	} else {
		CHECK(json_is_null(by));
	}
	json_decref(ev);
}

static void run(const struct outcome *o)
{
	struct fake f;
	char want[200];
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){.restart = o->restart, .restarts = o->restarts});
	if (o->asked)
		fake_ask(&f, o->asked);
	if (o->oom)
		fake_set_oom(&f, o->oom);
	if (o->sig)
		CHECK(kill(f.init, o->sig) == 0);
	else
		fake_exit_init(&f, o->code);
	struct keeper_exit x = fake_exit_record(&f);
	CHECK_INT(x.reason, o->reason);
	CHECK_INT(x.code, o->want_code);
	CHECK_INT(x.oom_kills, o->oom);
	CHECK_INT(x.asked, o->asked != NULL);
	CHECK_INT(fake_wait(&f), 0);
	check_event(&f, o, &x);
	autofree char *called = fake_called(&f);
	(void)snprintf(want, sizeof want,
		"cella _ended --uuid uuid --init-start 4711 --restarts %s -- web \n",
		o->want_restarts);
	CHECK(called && !strncmp(called, want, strlen(want)));
	fake_end(&f);
}

TEST(reasons)
{
	static const struct outcome table[] = {
		{.code = 0, .reason = KEEPER_EXITED, .want_code = 0, .want_restarts = "0"},
		{.code = 3, .reason = KEEPER_EXITED, .want_code = 3, .want_restarts = "0"},
		{.sig = SIGTERM,
			.reason = KEEPER_SIGNALED,
			.want_code = SIGTERM,
			.want_restarts = "0"},
		{.sig = SIGKILL,
			.reason = KEEPER_SIGNALED,
			.want_code = SIGKILL,
			.want_restarts = "0"},
		{.sig = SIGINT,
			.reason = KEEPER_POWEROFF,
			.want_code = SIGINT,
			.want_restarts = "0"},
		{.sig = SIGKILL,
			.oom = 2,
			.reason = KEEPER_OOM,
			.want_code = SIGKILL,
			.want_restarts = "0"},
		/* cella-init says so for the command that was killed */
		{.code = 137,
			.oom = 1,
			.reason = KEEPER_OOM,
			.want_code = SIGKILL,
			.want_restarts = "0"},
		{.code = 137, .reason = KEEPER_EXITED, .want_code = 137, .want_restarts = "0"},
		/* another process was killed, and init ended well */
		{.code = 0,
			.oom = 1,
			.reason = KEEPER_EXITED,
			.want_code = 0,
			.want_restarts = "0"},
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		run(&table[i]);
}

TEST(restarts)
{
	static const struct outcome table[] = {
		/* a reboot inside is always done, the first at once */
		{.sig = SIGHUP, .reason = KEEPER_REBOOT, .want_code = SIGHUP, .want_restarts = "1"},
		/* unless a command asked for the end */
		{.sig = SIGHUP,
			.asked = "stop 1000 77\n",
			.reason = KEEPER_REBOOT,
			.want_code = SIGHUP,
			.want_restarts = "0"},
		{.restart = "always",
			.code = 0,
			.reason = KEEPER_EXITED,
			.want_code = 0,
			.want_restarts = "1"},
		{.restart = "always",
			.code = 0,
			.asked = "stop 1000 77\n",
			.reason = KEEPER_EXITED,
			.want_code = 0,
			.want_restarts = "0"},
		{.restart = "always",
			.sig = SIGINT,
			.reason = KEEPER_POWEROFF,
			.want_code = SIGINT,
			.want_restarts = "0"},
		{.restart = "on-failure",
			.code = 0,
			.reason = KEEPER_EXITED,
			.want_code = 0,
			.want_restarts = "0"},
		{.restart = "on-failure",
			.code = 9,
			.reason = KEEPER_EXITED,
			.want_code = 9,
			.want_restarts = "1"},
		{.restart = "on-failure",
			.sig = SIGABRT,
			.restarts = "1",
			.reason = KEEPER_SIGNALED,
			.want_code = SIGABRT,
			.want_restarts = "2"},
		/* the twentieth short run in a row was the last */
		{.restart = "always",
			.restarts = "20",
			.code = 1,
			.reason = KEEPER_EXITED,
			.want_code = 1,
			.want_restarts = "0"},
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		run(&table[i]);
}

TEST(giving_up_is_written_down)
{
	struct fake f;
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){.restart = "always", .restarts = "20"});
	fake_exit_init(&f, 1);
	CHECK_INT(fake_wait(&f), 0);
	json_t *ev = fake_event(&f);
	CHECK(json_is_true(json_object_get(ev, "gave_up")));
	CHECK(json_is_false(json_object_get(ev, "restart")));
	json_decref(ev);
	fake_end(&f);
}

/* A file that is not "verb uid pid" asks for nothing, and cannot break the event. */
TEST(asked_is_parsed_strictly)
{
	static const char *const bad[] = {"", "\n", "stop", "stop x y", "sto\"p 0 1\n", "stop -1 2",
		"averyveryverylongverb 0 1", "stop 1000  77"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct fake f;
		fake_begin(&f);
		fake_start(&f, &(struct fake_options){0});
		fake_ask(&f, bad[i]);
		fake_exit_init(&f, 0);
		struct keeper_exit x = fake_exit_record(&f);
		CHECK_INT(x.asked, 0);
		CHECK_INT(fake_wait(&f), 0);
		json_t *ev = fake_event(&f);
		CHECK(json_is_null(json_object_get(ev, "asked_by")));
		json_decref(ev);
		fake_end(&f);
	}
}

TEST(event_time_is_now)
{
	struct fake f;
	char now[CLOCK_RFC3339_SIZE], then[CLOCK_RFC3339_SIZE];
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){0});
	(void)clock_rfc3339(then, clock_real_ns());
	fake_exit_init(&f, 0);
	CHECK_INT(fake_wait(&f), 0);
	(void)clock_rfc3339(now, clock_real_ns());
	json_t *ev = fake_event(&f);
	const char *time = json_string_value(json_object_get(ev, "time"));
	CHECK(time && strlen(time) == strlen(now));
	CHECK(time && strcmp(then, time) <= 0 && strcmp(time, now) <= 0);
	json_decref(ev);
	fake_end(&f);
}

TEST(what_ended_inherits)
{
	struct fake f;
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){0});
	/* the keeper itself has none */
	char path[64], status[4096];
	(void)snprintf(path, sizeof path, "/proc/%d/status", f.keeper);
	CHECK(path_read_virtual(AT_FDCWD, path, status, sizeof status) > 0);
	CHECK(strstr(status, "CapEff:\t0000000000000000") != NULL);
	CHECK(strstr(status, "CapPrm:\t0000000000000000") != NULL);
	fake_exit_init(&f, 0);
	CHECK_INT(fake_wait(&f), 0);
	/* root's capabilities are back, and no signal is ignored */
	autofree char *called = fake_called(&f);
	CHECK(strstr(called, "SigIgn:\t0000000000000000") != NULL);
	CHECK(strstr(called, "CapEff:\t0000000000000000") == NULL);
	fake_end(&f);
}

TEST(signals_do_not_end_it)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2,
		SIGALRM, SIGXCPU, SIGXFSZ, SIGTSTP, SIGTTIN};
	struct fake f;
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){0});
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		CHECK(kill(f.keeper, signals[i]) == 0);
	fake_exit_init(&f, 5);
	CHECK_INT(fake_exit_record(&f).code, 5);
	CHECK_INT(fake_wait(&f), 0);
	fake_end(&f);
}

/* ---- who sweeps ---- */

static struct keeper_exit end_with(struct fake *f, int client)
{
	struct keeper_exit x = {0};
	struct err e = {0};
	fake_exit_init(f, 0);
	CHECK_INT(keeper_wait_exit(client, clock_mono_ms() + FAKE_PATIENCE_MS, &x, &e), 0);
	return x;
}

TEST(a_sweeper_that_finishes)
{
	struct fake f;
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){.restart = "always"});
	autofd int c = keeper_connect(&f.store, "web", NULL);
	CHECK(c >= 0 && keeper_sweeping(c) == 0);
	fake_ask(&f, "stop 0 1\n");
	CHECK_INT(end_with(&f, c).asked, 1);
	CHECK(keeper_swept(c) == 0);
	CHECK_INT(fake_wait(&f), 0);
	autofree char *called = fake_called(&f);
	CHECK_STR(called, "");
	fake_end(&f);
}

TEST(a_sweeper_that_dies)
{
	struct fake f;
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){0});
	pid_t sweeper = fork();
	if (sweeper == 0) {
		int c = keeper_connect(&f.store, "web", NULL);
		(void)keeper_sweeping(c);
		pause();
		_exit(0);
	}
	usleep(50000); /* its "s" may come before or after the end: both are right */
	fake_exit_init(&f, 0);
	(void)fake_exit_record(&f);
	CHECK(kill(sweeper, SIGKILL) == 0 && waitpid(sweeper, NULL, 0) == sweeper);
	CHECK_INT(fake_wait(&f), 0);
	autofree char *called = fake_called(&f);
	CHECK(!strncmp(called, "cella _ended ", 13));
	fake_end(&f);
}

TEST(swept_says_nothing_while_the_zone_runs)
{
	struct fake f;
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){0});
	autofd int c = keeper_connect(&f.store, "web", NULL);
	CHECK(keeper_swept(c) == 0 && keeper_sweeping(c) == 0 && keeper_swept(c) == 0);
	(void)end_with(&f, c);
	fd_close(&c);
	CHECK_INT(fake_wait(&f), 0);
	autofree char *called = fake_called(&f);
	CHECK(!strncmp(called, "cella _ended ", 13));
	fake_end(&f);
}

/* ---- back-off ---- */

TEST(backoff_is_served_seen_and_ends)
{
	struct fake f;
	struct stat st;
	struct keeper_exit x;
	struct err e = {0};
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){.restart = "always"});
	int64_t begin = clock_mono_ms();
	fake_exit_init(&f, 1);
	(void)fake_exit_record(&f);
	EVENTUALLY(fstatat(f.run_fd, "restarting", &st, 0) == 0);
	autofd int c = keeper_connect(&f.store, "web", &e);
	CHECK(keeper_notify(c) == 0);
	CHECK_INT(keeper_wait_exit(c, clock_mono_ms() + FAKE_PATIENCE_MS, &x, &e), 0);
	CHECK_INT(x.code, 1);
	json_t *ev = fake_event(&f);
	CHECK_INT(number(ev, "delay_seconds"), 1);
	CHECK_INT(number(ev, "restarts"), 1);
	json_decref(ev);
	CHECK_INT(fake_wait(&f), 0);
	int64_t took = clock_mono_ms() - begin;
	CHECK(took >= 1000 && took < FAKE_PATIENCE_MS);
	fake_end(&f);
}

TEST(a_stop_during_backoff)
{
	struct fake f;
	struct stat st;
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){.restart = "always", .restarts = "7"});
	fake_exit_init(&f, 1);
	(void)fake_exit_record(&f);
	EVENTUALLY(fstatat(f.run_fd, "restarting", &st, 0) == 0);
	/* a minute to go; whoever sweeps removes the run directory, the state with it */
	CHECK(unlinkat(f.run_fd, "restarting", 0) == 0);
	CHECK(unlinkat(f.run_fd, "state.json", 0) == 0);
	CHECK_INT(fake_wait(&f), 0);
	autofree char *called = fake_called(&f);
	CHECK_STR(called, "");
	fake_end(&f);
}

/* ---- adopted ---- */

TEST(adopted)
{
	static const struct {
		int code, sig;
		enum keeper_reason reason;
	} table[] = {
		{7, 0, KEEPER_EXITED}, {0, SIGTERM, KEEPER_SIGNALED}, {0, SIGHUP, KEEPER_REBOOT}};
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct fake f;
		fake_begin(&f);
		fake_start(&f, &(struct fake_options){.adopted = true, .no_pty = true});
		if (table[i].sig)
			CHECK(kill(f.init, table[i].sig) == 0);
		else
			fake_exit_init(&f, (unsigned char)table[i].code);
		CHECK(waitpid(f.init, NULL, 0) == f.init);
		struct keeper_exit x = fake_exit_record(&f);
		/* before Linux 6.15 nobody but the parent is told */
		CHECK(x.reason == table[i].reason || x.reason == KEEPER_UNKNOWN);
		if (x.reason == KEEPER_UNKNOWN)
			printf("# exit status of an adopted init: this kernel does not tell\n");
		else
			CHECK_INT(x.code, table[i].sig ? table[i].sig : table[i].code);
		CHECK_INT(fake_wait(&f), 0);
		fake_end(&f);
	}
}

/* Its reaper hangs: it is not waited for long, and how it ended stays unknown. */
TEST(adopted_and_never_reaped)
{
	struct fake f;
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){.adopted = true, .no_pty = true});
	fake_exit_init(&f, 7);
	CHECK_INT(fake_exit_record(&f).reason, KEEPER_UNKNOWN);
	CHECK_INT(fake_wait(&f), 0);
	CHECK(waitpid(f.init, NULL, 0) == f.init);
	fake_end(&f);
}

/* F11: the run directory is removed under it, and it works on. */
TEST(run_directory_removed)
{
	struct fake f;
	struct err e = {0};
	fake_begin(&f);
	fake_start(&f, &(struct fake_options){0});
	CHECK_INT(path_remove_tree(f.store.run_zones_fd, "web", &e), 0);
	CHECK(keeper_connect(&f.store, "web", &e) == -1 && e.cls == ERR_STATE);
	fake_exit_init(&f, 4);
	CHECK_INT(fake_exit_record(&f).code, 4);
	CHECK_INT(fake_wait(&f), 0);
	fake_end(&f);
}

TEST_MAIN()
