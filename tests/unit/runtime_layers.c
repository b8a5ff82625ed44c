#include "runtime/layers.h"
#include "base/fd.h"
#include "base/proc.h"
#include "runtime_store.h"
#include "test.h"

#include <sys/wait.h>

#define SUM "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
static const char zone_a[] = "0000000000000000000000000000000a";
static const char zone_b[] = "0000000000000000000000000000000b";
static const struct layer_info info = {.kind = "archive", .source = "test"};

static int make(const char *id, const char *zone, struct err *e)
{
	autostaging struct staging st = STAGING_EMPTY;
	autofd int fs = -1;
	if (layer_stage(&test_store, true, &st, &fs, e) < 0)
		return -1;
	autofd int file = openat(fs, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return file < 0 ? -1 : layer_commit(&st, id, &info, zone, e);
}

TEST(open_store)
{
	test_store_open();
}

TEST(ids)
{
	char id[LAYER_ID_SIZE];
	layer_id_random(id);
	CHECK(layer_id_is_valid(id));
	CHECK(layer_id_is_valid(SUM));
	CHECK(!layer_id_is_valid(""));
	CHECK(!layer_id_is_valid("d-"));
	CHECK(!layer_id_is_valid(".."));
	CHECK(!layer_id_is_valid(SUM "a"));
	CHECK(!layer_id_is_valid("d-0123456789abcdef0123456789abcde/"));
	CHECK(!layer_id_is_valid(
		"A0000000000000000000000000000000A0000000000000000000000000000000"));
}

TEST(same_digest_is_one_layer)
{
	struct err e = {0};
	CHECK_INT(make(SUM, zone_a, &e), 0);
	CHECK_INT(make(SUM, zone_b, &e), 0);
	CHECK_INT(test_count(test_store.layers_fd, "."), 1);
	CHECK_INT(test_count(test_store.layers_fd, SUM "/refs"), 2);
	CHECK_INT(test_count(test_store.staging_fd, "."), 0);
	int fs = layer_open_fs(&test_store, SUM, &e);
	CHECK(fs >= 0 && test_exists(fs, "file"));
	fd_close(&fs);
	/* giving up twice is fine; the last one takes the layer along */
	CHECK_INT(layer_unref(&test_store, SUM, zone_a, &e), 0);
	CHECK_INT(layer_unref(&test_store, SUM, zone_a, &e), 0);
	CHECK_INT(test_count(test_store.layers_fd, "."), 1);
	CHECK_INT(layer_ref(&test_store, SUM, zone_b, &e), 0);
	CHECK_INT(layer_unref(&test_store, SUM, zone_b, &e), 0);
	CHECK_INT(test_count(test_store.layers_fd, "."), 0);
	CHECK_INT(layer_ref(&test_store, SUM, zone_b, &e), -1);
	CHECK_INT(e.cls, ERR_NOT_FOUND);
	CHECK_INT(test_count(test_store.staging_fd, "."), 0);
}

TEST(what_was_imported_can_be_verified)
{
	struct err e = {0};
	enum layer_state state = LAYER_CHANGED;
	const char *what = "";
	CHECK_INT(make(SUM, zone_a, &e), 0);
	CHECK_INT(layer_verify(&test_store, SUM, &state, &what, &e), 0);
	CHECK_INT(state, LAYER_SOUND);
	CHECK(!what);
	int fd = openat(test_store.layers_fd, SUM "/fs/file", O_WRONLY | O_CLOEXEC);
	CHECK_INT(write(fd, "x", 1), 1);
	close(fd);
	CHECK_INT(layer_verify(&test_store, SUM, &state, &what, &e), 0);
	CHECK_INT(state, LAYER_CHANGED);
	CHECK(what && strstr(what, "content"));
	CHECK_INT(layer_unref(&test_store, SUM, zone_a, &e), 0);
	CHECK_INT(layer_verify(&test_store, SUM, &state, &what, &e), -1);
	CHECK_INT(e.cls, ERR_NOT_FOUND);
}

TEST(a_dead_layer_is_replaced)
{
	struct err e = {0};
	CHECK_INT(make(SUM, zone_a, &e), 0);
	/* died between rmdir(refs) and the move */
	CHECK_INT(
		unlinkat(test_store.layers_fd, SUM "/refs/0000000000000000000000000000000a", 0), 0);
	CHECK_INT(unlinkat(test_store.layers_fd, SUM "/refs", AT_REMOVEDIR), 0);
	CHECK_INT(make(SUM, zone_b, &e), 0);
	CHECK_INT(test_count(test_store.layers_fd, SUM "/refs"), 1);
	CHECK_INT(layer_unref(&test_store, SUM, zone_b, &e), 0);
	CHECK_INT(test_count(test_store.layers_fd, "."), 0);
}

/* Ten processes take and give up the same layer: it is there whenever somebody holds it, and
 * nothing is left. */
TEST(races)
{
	pid_t pids[10];
	for (int p = 0; p < 10; p++) {
		if ((pids[p] = fork()) != 0)
			continue;
		char zone[UUID_LEN + 1];
		struct err e = {0};
		random_hex(zone, UUID_LEN);
		zone[UUID_LEN] = '\0';
		for (int i = 0; i < 20; i++) {
			if (make(SUM, zone, &e) < 0 ||
				!test_exists(test_store.layers_fd, SUM "/fs/file") ||
				layer_unref(&test_store, SUM, zone, &e) < 0) {
				printf("# %s\n", e.msg);
				fflush(stdout);
				_exit(1);
			}
		}
		_exit(0);
	}
	for (int p = 0; p < 10; p++) {
		int status = -1;
		waitpid(pids[p], &status, 0);
		CHECK_INT(status, 0);
	}
	CHECK_INT(test_count(test_store.layers_fd, "."), 0);
	CHECK_INT(test_count(test_store.staging_fd, "."), 0);
}

static bool is_a(void *arg, const char *zone)
{
	(void)arg;
	return !strcmp(zone, zone_a);
}

TEST(sweep)
{
	struct err e = {0};
	char other[LAYER_ID_SIZE];
	unsigned n = 0;
	layer_id_random(other);
	CHECK_INT(make(SUM, zone_a, &e), 0);
	CHECK_INT(layer_ref(&test_store, SUM, zone_b, &e), 0);
	CHECK_INT(make(other, zone_b, &e), 0);
	CHECK_INT(layer_sweep(&test_store, is_a, NULL, &n, &e), 0);
	CHECK_INT(n, 1);
	CHECK_INT(test_count(test_store.layers_fd, "."), 1);
	CHECK_INT(test_count(test_store.layers_fd, SUM "/refs"), 1);
	CHECK_INT(layer_unref(&test_store, SUM, zone_a, &e), 0);
}

static int count_it(void *arg, struct staging *st, struct err *e)
{
	(void)st;
	(void)e;
	++*(int *)arg;
	return 0;
}

TEST(staging_of_the_living_is_not_swept)
{
	struct err e = {0};
	struct staging st = STAGING_EMPTY;
	int n = 0, ends[2];
	CHECK_INT(staging_make(&test_store, "test", &st, &e), 0);
	CHECK_INT(staging_sweep(&test_store, count_it, &n, &e), 0);
	CHECK_INT(n, 0);
	staging_drop(&st);
	CHECK_INT(test_count(test_store.staging_fd, "."), 0);
	/* a process that dies leaves its directory, but not its lock */
	CHECK_INT(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct staging mine = STAGING_EMPTY;
		_exit(staging_make(&test_store, "test", &mine, &e) == 0 ? 0 : 1);
	}
	int status = -1;
	waitpid(pid, &status, 0);
	CHECK_INT(status, 0);
	CHECK_INT(test_count(test_store.staging_fd, "."), 1);
	CHECK_INT(staging_sweep(&test_store, count_it, &n, &e), 0);
	CHECK_INT(n, 1);
	CHECK_INT(test_count(test_store.staging_fd, "."), 0);
	close(ends[0]);
	close(ends[1]);
}

TEST(close_store)
{
	test_store_close();
}

TEST_MAIN()
