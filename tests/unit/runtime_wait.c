/* events.jsonl, and waiting for a zone: with a state file whose init and keeper are children of
 * ours. */
#include "base/fd.h"
#include "base/mem.h"
#include "runtime/events.h"
#include "runtime/inspect.h"
#include "runtime/state.h"
#include "runtime/zone.h"
#include "runtime_store.h"
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

enum {
	PATIENCE_MS = 20000
};
static int zone_dir = -1;

TEST(open_store)
{
	test_store_open();
	CHECK(mkdirat(test_store.zones_fd, "web", 0700) == 0);
	zone_dir = openat(test_store.zones_fd, "web", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(zone_dir >= 0);
}

/* ---- events ---- */

TEST(events_are_appended_and_read)
{
	struct err e = {0};
	json_t *all = NULL;
	CHECK_INT(event_append(zone_dir, "created", NULL), 0);
	CHECK_INT(
		event_append(zone_dir, "started", json_pack("{s:i, s:s}", "pid", 7, "by", "x\"\n")),
		0);
	/* a line that a crash has cut, and one of a keeper's */
	autofd int fd = openat(zone_dir, "events.jsonl", O_WRONLY | O_APPEND | O_CLOEXEC);
	CHECK(dprintf(fd, "{\"time\":\"2026\n") > 0);
	CHECK(dprintf(fd, "{\"time\":\"t\",\"event\":\"ended\"}\n") > 0);
	CHECK_INT(inspect_events(&test_store, "web", 0, &all, &e), 0);
	CHECK_INT(json_array_size(all), 3);
	json_t *second = json_array_get(all, 1);
	CHECK_STR(json_string_value(json_object_get(second, "by")), "x\"\n");
	CHECK_INT(json_integer_value(json_object_get(second, "pid")), 7);
	CHECK(json_string_length(json_object_get(second, "time")) == 24);
	json_decref(all);
	CHECK_INT(inspect_events(&test_store, "web", 1, &all, &e), 0);
	CHECK_INT(json_array_size(all), 1);
	CHECK_STR(json_string_value(json_object_get(json_array_get(all, 0), "event")), "ended");
	json_decref(all);
	CHECK_INT(inspect_events(&test_store, "none", 0, &all, &e), -1);
	CHECK_INT(e.cls, ERR_NOT_FOUND);
}

/* S42: the file is capped; the older half stays readable. */
TEST(events_are_capped)
{
	struct err e = {0};
	static char text[4096];
	memset(text, 'a', sizeof text - 1);
	for (int i = 0; i < 600; i++)
		CHECK(event_append(zone_dir, "noise", json_pack("{s:s}", "text", text)) == 0);
	struct stat now, old;
	CHECK(fstatat(zone_dir, "events.jsonl", &now, 0) == 0 && now.st_size <= (1 << 20) + 8192);
	CHECK(fstatat(zone_dir, "events.jsonl.1", &old, 0) == 0 && old.st_size <= (1 << 20) + 8192);
	CHECK_INT(event_append(zone_dir, "last", NULL), 0);
	json_t *all = NULL;
	CHECK_INT(inspect_events(&test_store, "web", 1, &all, &e), 0);
	CHECK_STR(json_string_value(json_object_get(json_array_get(all, 0), "event")), "last");
	json_decref(all);
}

/* Many writers, no line mixed with another. */
TEST(events_of_many_writers)
{
	struct err e = {0};
	json_t *all = NULL;
	CHECK(unlinkat(zone_dir, "events.jsonl", 0) == 0);
	CHECK(unlinkat(zone_dir, "events.jsonl.1", 0) == 0);
	for (int i = 0; i < 8; i++)
		if (fork() == 0) {
			for (int j = 0; j < 100; j++)
				(void)event_append(zone_dir, "x", json_pack("{s:i}", "n", j));
			_exit(0);
		}
	while (waitpid(-1, NULL, 0) > 0)
		;
	CHECK_INT(inspect_events(&test_store, "web", 0, &all, &e), 0);
	CHECK_INT(json_array_size(all), 800);
	json_decref(all);
}

/* ---- waiting ---- */

static pid_t child(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	return pid;
}

static void stop_child(pid_t pid)
{
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
}

static struct proc_id identify(pid_t pid)
{
	struct proc_id id = {.pid = pid};
	CHECK(proc_start_time(pid, &id.start_time) == 0);
	return id;
}

static struct zone_state running(pid_t init, pid_t keeper)
{
	struct zone_state st = {.phase = PHASE_RUNNING, .init = identify(init)};
	if (keeper)
		st.keeper = identify(keeper);
	memset(st.uuid, 'a', UUID_LEN);
	(void)snprintf(st.boot_id, sizeof st.boot_id, "%s", proc_boot_id());
	return st;
}

static void write_state(const struct zone_state *st)
{
	struct err e = {0};
	CHECK_INT(state_write(&test_store, "web", st, &e), 0);
}

/* A waiter in a process of its own; it is asleep when this returns. */
static pid_t waiter(enum wait_for what, int64_t timeout_ms)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct err e = {0};
		int r = inspect_wait(&test_store, "web", what, timeout_ms, &e);
		_exit(r == 0 ? 0 : (int)e.cls);
	}
	char path[64], text[1024];
	(void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
	int64_t until = clock_mono_ms() + PATIENCE_MS;
	int asleep = 0;
	while (asleep < 3 && clock_mono_ms() < until) {
		usleep(10000);
		bool is = path_read_virtual(AT_FDCWD, path, text, sizeof text) > 0 &&
			  strstr(text, ") S ");
		asleep = is ? asleep + 1 : 0;
	}
	CHECK(asleep == 3);
	return pid;
}

static int result(pid_t pid)
{
	int status = 0;
	int64_t until = clock_mono_ms() + PATIENCE_MS;
	pid_t done;
	while ((done = waitpid(pid, &status, WNOHANG)) == 0 && clock_mono_ms() < until)
		usleep(2000);
	if (done == 0) {
		stop_child(pid);
		return -1;
	}
	return WEXITSTATUS(status);
}

TEST(already_there)
{
	struct err e = {0};
	CHECK_INT(inspect_wait(&test_store, "web", WAIT_STOPPED, 0, &e), 0);
	CHECK_INT(inspect_wait(&test_store, "web", WAIT_RUNNING, 0, &e), -1);
	CHECK_INT(e.cls, ERR_TIMEOUT);
	CHECK_INT(inspect_wait(&test_store, "none", WAIT_STOPPED, -1, &e), -1);
	CHECK_INT(e.cls, ERR_NOT_FOUND);
}

TEST(until_it_runs)
{
	struct err e = {0};
	pid_t init = child(), keeper = child();
	struct zone_state st = running(init, keeper), starting = st;
	starting.phase = PHASE_STARTING;
	autofd int lock = zone_lock(&test_store, "web", 0, &e);
	CHECK(lock >= 0);
	pid_t w = waiter(WAIT_RUNNING, -1);
	write_state(&starting);
	usleep(20000);
	CHECK(waitpid(w, NULL, WNOHANG) == 0);
	write_state(&st);
	CHECK_INT(result(w), 0);
	stop_child(init);
	stop_child(keeper);
	CHECK_INT(state_remove(&test_store, "web", &e), 0);
}

TEST(until_it_has_stopped)
{
	struct err e = {0};
	pid_t init = child(), keeper = child();
	struct zone_state st = running(init, keeper);
	write_state(&st);
	CHECK_INT(inspect_wait(&test_store, "web", WAIT_STOPPED, 20, &e), -1);
	CHECK_INT(e.cls, ERR_TIMEOUT);
	pid_t w = waiter(WAIT_STOPPED, -1);
	stop_child(init);
	usleep(20000);
	CHECK(waitpid(w, NULL, WNOHANG) == 0); /* its keeper has still to sweep */
	CHECK_INT(state_remove(&test_store, "web", &e), 0);
	CHECK_INT(result(w), 0);
	stop_child(keeper);
}

TEST(until_an_unwatched_one_has_ended)
{
	struct err e = {0};
	pid_t init = child();
	struct zone_state st = running(init, 0);
	write_state(&st);
	pid_t w = waiter(WAIT_STOPPED, -1);
	stop_child(init);
	CHECK_INT(result(w), 0); /* crashed: nobody sweeps it */
	CHECK_INT(state_remove(&test_store, "web", &e), 0);
}

/* The one who starts it dies, with all that would tell: only its lock is let go. */
TEST(until_a_starter_has_died)
{
	struct err e = {0};
	pid_t dead = child();
	struct zone_state st = running(dead, 0);
	st.phase = PHASE_STARTING;
	stop_child(dead);
	pid_t starter = fork();
	if (starter == 0) {
		int lock = zone_lock(&test_store, "web", 0, &e);
		pause();
		_exit(lock);
	}
	write_state(&st);
	int64_t until = clock_mono_ms() + PATIENCE_MS;
	while (zone_status(&test_store, "web", NULL) != ZONE_STARTING && clock_mono_ms() < until)
		usleep(2000);
	pid_t w = waiter(WAIT_STOPPED, -1);
	stop_child(starter);
	CHECK_INT(result(w), 0);
	CHECK_INT(state_remove(&test_store, "web", &e), 0);
}

TEST(restarting_is_a_state)
{
	struct err e = {0};
	pid_t init = child(), keeper = child();
	struct zone_state st = running(init, keeper);
	write_state(&st);
	stop_child(init);
	CHECK_INT(zone_status(&test_store, "web", NULL), ZONE_STOPPING);
	close(openat(
		test_store.run_zones_fd, "web/restarting", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	CHECK_INT(zone_status(&test_store, "web", NULL), ZONE_RESTARTING);
	CHECK_STR(zone_status_name(ZONE_RESTARTING), "restarting");
	CHECK_INT(inspect_wait(&test_store, "web", WAIT_STOPPED, 20, &e), -1);
	CHECK_INT(e.cls, ERR_TIMEOUT);
	stop_child(keeper);
	CHECK_INT(zone_status(&test_store, "web", NULL), ZONE_CRASHED);
	CHECK_INT(state_remove(&test_store, "web", &e), 0);
}

TEST(destroyed_meanwhile)
{
	struct err e = {0};
	pid_t init = child(), keeper = child();
	struct zone_state st = running(init, keeper);
	write_state(&st);
	pid_t w = waiter(WAIT_STOPPED, -1);
	stop_child(init);
	CHECK_INT(path_remove_tree(test_store.zones_fd, "web", &e), 0);
	CHECK_INT(result(w), 0);
	CHECK_INT(state_remove(&test_store, "web", &e), 0);
	stop_child(keeper);
}

TEST(close_store)
{
	fd_close(&zone_dir);
	test_store_close();
}

TEST_MAIN()
