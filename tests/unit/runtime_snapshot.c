/* Snapshot files: what is written is read again, damage hides nothing, the tree is drawn in order.
 */
#include "runtime/snapshot.h"
#include "base/fd.h"
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LAYER_A "d-0123456789abcdef0123456789abcdef"
#define LAYER_B "d-fedcba9876543210fedcba9876543210"

static char dir_name[64];

static int make_dir(void)
{
	snprintf(dir_name, sizeof dir_name, "/tmp/cella-snapshot-XXXXXX");
	if (!mkdtemp(dir_name))
		return -1;
	return open(dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void drop_dir(int fd)
{
	struct err e = {0};
	struct snapshots all = {0};
	CHECK_INT(snapshots_read(fd, &all, &e), 0);
	for (size_t i = 0; i < all.n; i++)
		CHECK_INT(snapshot_remove(fd, all.items[i].name, &e), 0);
	snapshots_done(&all);
	CHECK_INT(unlinkat(fd, "snapshots", AT_REMOVEDIR), 0);
	close(fd);
	rmdir(dir_name);
}

static void put(int dir, const char *name, const char *parent, const char *created)
{
	struct err e = {0};
	char a[] = LAYER_A, b[] = LAYER_B, text[] = "before the \"upgrade\"";
	char *layers[] = {a, b};
	struct snapshot s = {.description = text,
		.layers = layers,
		.n_layers = 2,
		.of_running = true,
		.has_started = true,
		.etc_hostname = "web1"};
	snprintf(s.name, sizeof s.name, "%s", name);
	snprintf(s.parent, sizeof s.parent, "%s", parent);
	snprintf(s.created, sizeof s.created, "%s", created);
	CHECK_INT(snapshot_write(dir, &s, &e), 0);
}

TEST(write_and_read)
{
	int dir = make_dir();
	struct err e = {0};
	struct snapshot s = {0};
	CHECK_INT(snapshot_read(dir, "web", "first", &s, &e), -1);
	CHECK_INT(e.cls, ERR_NOT_FOUND);
	put(dir, "first", "", "2026-01-01T00:00:00Z");
	CHECK(snapshot_exists(dir, "first") && !snapshot_exists(dir, "second"));
	CHECK_INT(snapshot_read(dir, "web", "first", &s, &e), 0);
	CHECK_STR(s.name, "first");
	CHECK_STR(s.parent, "");
	CHECK_STR(s.description, "before the \"upgrade\"");
	CHECK_INT(s.n_layers, 2);
	CHECK_STR(s.layers[0], LAYER_A);
	CHECK_STR(s.layers[1], LAYER_B);
	CHECK(s.of_running && s.has_started && !s.identity_pending && !s.is_broken);
	CHECK_STR(s.etc_hostname, "web1");
	snapshot_done(&s);
	CHECK_INT(snapshot_read(dir, "web", "second", &s, &e), -1);
	CHECK_INT(e.cls, ERR_NOT_FOUND);
	CHECK_INT(snapshot_read(dir, "web", "../first", &s, &e), -1);
	CHECK_INT(e.cls, ERR_USAGE);
	drop_dir(dir);
}

TEST(tree_order)
{
	/* a -> b -> d, a -> c; e, whose parent is gone; g and h, each the other's parent */
	int dir = make_dir();
	struct err e = {0};
	struct snapshots all = {0};
	size_t order[8];
	unsigned depth[8];
	put(dir, "d", "b", "2026-01-04T00:00:00Z");
	put(dir, "c", "a", "2026-01-03T00:00:00Z");
	put(dir, "b", "a", "2026-01-02T00:00:00Z");
	put(dir, "a", "", "2026-01-01T00:00:00Z");
	put(dir, "e", "lost", "2026-01-05T00:00:00Z");
	put(dir, "g", "h", "2026-01-06T00:00:00Z");
	put(dir, "h", "g", "2026-01-07T00:00:00Z");
	CHECK_INT(snapshots_read(dir, &all, &e), 0);
	CHECK_INT(all.n, 7);
	snapshots_order(&all, order, depth);
	char text[64] = "";
	for (size_t i = 0; i < all.n; i++) {
		char one[ZONE_NAME_MAX + 16];
		int n = snprintf(one, sizeof one, "%s%u ", all.items[order[i]].name, depth[i]);
		CHECK(strlen(text) + (size_t)n < sizeof text);
		strcat(text, one);
	}
	CHECK_STR(text, "a0 b1 d2 c1 e0 g0 h0 ");
	CHECK(snapshots_use_layer(&all, LAYER_B));
	CHECK(!snapshots_use_layer(&all, "d-00000000000000000000000000000000"));
	CHECK(snapshots_find(&all, "c") && !snapshots_find(&all, "x"));
	snapshots_done(&all);
	drop_dir(dir);
}

TEST(damage_hides_nothing)
{
	static const char *const bad[] = {"", "{}", "[]", "{\"snapshot\":2}",
		"{\"snapshot\":1,\"name\":\"bad\",\"parent\":\"\",\"created\":\"\",\"description\":"
		"\"\",\"layers\":[\"../../etc\"],\"of_running\":false,\"has_started\":false,"
		"\"identity_pending\":false,\"etc_hostname\":\"\"}",
		"{\"snapshot\":1,\"name\":\"bad\",\"parent\":\"../x\",\"created\":\"\","
		"\"description\":\"\",\"layers\":[\"" LAYER_A "\"],\"of_running\":false,"
		"\"has_started\":false,\"identity_pending\":false,\"etc_hostname\":\"\"}"};
	int dir = make_dir();
	put(dir, "good", "", "2026-01-01T00:00:00Z");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err e = {0};
		struct snapshot s;
		struct snapshots all = {0};
		int fd = openat(dir, "snapshots/bad.json", O_WRONLY | O_CREAT | O_TRUNC, 0600);
		CHECK(fd >= 0 && fd_write_all(fd, bad[i], strlen(bad[i])) == 0);
		close(fd);
		CHECK_INT(snapshot_read(dir, "web", "bad", &s, &e), -1);
		CHECK_INT(e.cls, ERR_FAILED);
		CHECK_INT(snapshots_read(dir, &all, &e), 0);
		CHECK_INT(all.n, 2);
		CHECK_INT(all.n_broken, 1);
		const struct snapshot *b = snapshots_find(&all, "bad");
		CHECK(b && b->is_broken);
		snapshots_done(&all);
	}
	drop_dir(dir);
}

TEST_MAIN()
