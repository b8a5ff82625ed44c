#include "isolation/namespaces/idrange.h"
#include "base/mem.h"
#include "base/path.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct idrange_pool default_pool = {IDRANGE_DEFAULT_BASE, IDRANGE_DEFAULT_COUNT};

/* ---- the check ---- */

TEST(default_pool_is_free_by_systemds_rules)
{
	struct err e = {0};
	CHECK_INT(idrange_check(&default_pool, NULL, 0, &e), 0);
}

TEST(pool_collisions_are_named)
{
	static const struct {
		struct idrange_pool pool;
		struct idrange_used used;
		enum err_class cls; /* ERR_NONE: good */
		const char *text;
	} cases[] = {
		{{0x70000000, 4000}, {100000, 65536, "/etc/subuid:1 (user 'ann')"}, ERR_NONE, ""},
		{{0x70000000, 1}, {0x70010000, 1, "after"}, ERR_NONE, ""},
		{{0x70010000, 1}, {0x7000ffff, 1, "before"}, ERR_NONE, ""},
		{{0x70000000, 1}, {0x70000000, 0, "empty"}, ERR_NONE, ""},
		{{0x70000000, 1}, {0x7000ffff, 1, "/etc/passwd:9 (user 'bob')"}, ERR_HOST,
			"overlaps /etc/passwd:9 (user 'bob')"},
		{{0x70000000, 4000}, {0x70000000, 1, "/etc/group:2 (group 'g')"}, ERR_HOST,
			"(1879048192-2141192191) overlaps /etc/group:2 (group 'g')"},
		{{0x70000000, 4000}, {1, 4294967294u, "/etc/subgid:3 (user 'all')"}, ERR_HOST,
			"/etc/subgid:3"},
		{{65536, 7}, {0}, ERR_NONE, ""},
		{{65536, 8}, {0}, ERR_HOST, "systemd's container range"},
		{{524288, 1}, {0}, ERR_HOST, "systemd's container range"},
		{{1878982656u, 1}, {0}, ERR_HOST, "systemd's container range"},
		{{0, 1}, {0}, ERR_HOST, "the host's own users"},
		{{0x70000000, 4095}, {0}, ERR_HOST, "foreign range"},
		{{0x70000000, 4094}, {0}, ERR_NONE, ""},
		{{0x7FFF0000, 1}, {0}, ERR_NONE, ""},
		{{0x7FFF0000, 2}, {0}, ERR_HOST, "above 2^31"},
		{{0x80000000u, 1}, {0}, ERR_HOST, "above 2^31"},
		{{0xFFFF0000u, 1}, {0}, ERR_HOST, "above 2^31"},
		{{0xFFFF0000u, 2}, {0}, ERR_USAGE, "ends above 2^32"},
		{{0x70000000, UINT32_MAX}, {0}, ERR_USAGE, "ends above 2^32"},
		{{0x70000000, 0}, {0}, ERR_USAGE, "empty"},
		{{0x70000001, 1}, {0}, ERR_USAGE, "multiple of 65536"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = {0};
		int r = idrange_check(&cases[i].pool, &cases[i].used, 1, &e);
		bool good = cases[i].cls == ERR_NONE ? r == 0
						     : r < 0 && e.cls == cases[i].cls &&
							       strstr(e.msg, cases[i].text);
		if (!good)
			printf("# case %zu: %d '%s'\n", i, r, e.msg);
		CHECK(good);
	}
}

/* ---- files and claims, in a directory of their own ---- */

struct place {
	char path[64];
	int fd;
};

static struct place place_make(void)
{
	struct place p = {.path = "/tmp/cella-unit-XXXXXX", .fd = -1};
	if (mkdtemp(p.path))
		p.fd = open(p.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(p.fd >= 0);
	return p;
}

static void place_done(struct place *p)
{
	struct err e = {0};
	int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK_INT(path_remove_tree(tmp, p->path + strlen("/tmp/"), &e), 0);
	close(tmp);
	close(p->fd);
}

static void write_file(const struct place *p, const char *name, const char *text)
{
	struct err e = {0};
	CHECK_INT(path_write_volatile(p->fd, name, text, strlen(text), 0644, &e), 0);
}

TEST(load_used_reads_the_four_files)
{
	struct place p = place_make();
	struct idrange_used *used = NULL;
	size_t n = 0;
	struct err e = {0};
	write_file(&p, "passwd",
		"root:x:0:0:root:/root:/bin/sh\n\nbroken\n# note:x:5:5\nann:x:1000:1000::/:/bin/sh\n"
		"bad:x:-1:1\nworse:x:4294967296:1\n+nis\nesc\033[1m:x:7:7::/:\n");
	write_file(&p, "group", "wheel:x:10:ann,bob\nlast:x:11:");
	write_file(&p, "subuid", "ann:100000:65536\n1000:200000:10\nx:1\n");
	CHECK_INT(idrange_load_used(p.path, &used, &n, &e), 0);
	CHECK_INT(n, 7);
	if (n == 7) {
		CHECK(used[0].first == 0 && used[0].count == 1);
		CHECK(used[1].first == 1000 && strstr(used[1].where, "/passwd:5 (user 'ann')"));
		CHECK(used[2].first == 7 && !strchr(used[2].where, '\033'));
		CHECK(used[3].first == 10 && strstr(used[3].where, "/group:1 (group 'wheel')"));
		CHECK(used[4].first == 11);
		CHECK(used[5].first == 100000 && used[5].count == 65536);
		CHECK(used[6].first == 200000 && used[6].count == 10);
	}
	free(used);
	place_done(&p);
}

TEST(load_used_refuses_what_is_no_file)
{
	struct place p = place_make();
	struct idrange_used *used = NULL;
	size_t n = 0;
	struct err e = {0};
	CHECK(mkfifoat(p.fd, "group", 0644) == 0);
	CHECK_INT(idrange_load_used(p.path, &used, &n, &e), -1);
	CHECK(strstr(e.msg, "group") && strstr(e.msg, "regular"));
	place_done(&p);
	CHECK_INT(idrange_load_used("/nonexistent", &used, &n, &e), -1);
}

TEST(claims_are_kept_given_back_and_not_reused_at_once)
{
	struct place p = place_make();
	struct err e = {0};
	struct idrange_pool pool = {0x70000000, 4};
	uint32_t a = 0, b = 0, c = 0;
	char owner[IDRANGE_OWNER_MAX] = "";
	CHECK_INT(idrange_claim(p.fd, &pool, 0, "uuid-a", &a, &e), 0);
	CHECK_INT(idrange_claim(p.fd, &pool, 0, "uuid-b", &b, &e), 0);
	CHECK(a == 0x70000000 && b == 0x70010000);
	CHECK_INT(idrange_owner(p.fd, a, owner, &e), 1);
	CHECK_STR(owner, "uuid-a");
	CHECK_INT(idrange_owner(p.fd, 0x70020000, owner, &e), 0);
	/* Ours already: kept. Somebody else's: another. Free: kept. Outside: another. */
	CHECK_INT(idrange_claim(p.fd, &pool, a, "uuid-a", &c, &e), 0);
	CHECK_INT(c, a);
	CHECK_INT(idrange_claim(p.fd, &pool, a, "uuid-c", &c, &e), 0);
	CHECK_INT(c, 0x70020000);
	/* Another's release of it touches nothing, twice is no error. */
	CHECK_INT(idrange_release(p.fd, c, "uuid-x", &e), 0);
	CHECK_INT(idrange_owner(p.fd, c, owner, &e), 1);
	CHECK_INT(idrange_release(p.fd, c, "uuid-c", &e), 0);
	CHECK_INT(idrange_release(p.fd, c, "uuid-c", &e), 0);
	CHECK_INT(idrange_owner(p.fd, c, owner, &e), 0);
	/* The cursor goes on: not the one that was just given back. */
	CHECK_INT(idrange_claim(p.fd, &pool, 0, "uuid-d", &c, &e), 0);
	CHECK_INT(c, 0x70030000);
	CHECK_INT(idrange_claim(p.fd, &pool, 1000, "uuid-e", &c, &e), 0);
	CHECK_INT(c, 0x70020000);
	CHECK_INT(idrange_claim(p.fd, &pool, 0, "uuid-f", &c, &e), -1);
	CHECK(e.cls == ERR_HOST && strstr(e.msg, "all 4 id ranges"));
	CHECK_INT(c, 0x70020000);
	place_done(&p);
}

TEST(a_damaged_cursor_does_no_harm)
{
	struct place p = place_make();
	struct err e = {0};
	struct idrange_pool pool = {0x70000000, 4};
	uint32_t a = 0;
	write_file(&p, "cursor", "abc");
	CHECK_INT(idrange_claim(p.fd, &pool, 0, "u1", &a, &e), 0);
	CHECK(a >= pool.base && a % IDRANGE_SIZE == 0);
	write_file(&p, "cursor", "a cursor that is much too long");
	CHECK_INT(idrange_claim(p.fd, &pool, 0, "u2", &a, &e), 0);
	CHECK(unlinkat(p.fd, "cursor", 0) == 0 && symlinkat("/etc/passwd", p.fd, "cursor") == 0);
	CHECK_INT(idrange_claim(p.fd, &pool, 0, "u3", &a, &e), -1);
	CHECK_INT(e.sys_errno, ELOOP);
	place_done(&p);
}

enum {
	RACERS = 50,
	CLAIMS_EACH = 4
};

static int race(const struct place *p, unsigned racer, int out_fd, int gate_fd)
{
	char owner[32], go;
	struct err e;
	snprintf(owner, sizeof owner, "racer-%u", racer);
	if (read(gate_fd, &go, 1) != 0) /* end of file: all are there */
		return 1;
	for (int i = 0; i < CLAIMS_EACH; i++) {
		uint32_t first;
		/* All want the same one first. */
		if (idrange_claim(
			    p->fd, &default_pool, i == 0 ? 0x70000000 : 0, owner, &first, &e) < 0 ||
			write(out_fd, &first, sizeof first) != sizeof first)
			return 1;
	}
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

TEST(fifty_processes_at_once_get_distinct_ranges)
{
	struct place p = place_make();
	int out[2], gate[2], failed = 0;
	static uint32_t got[RACERS * CLAIMS_EACH + 1];
	CHECK(pipe2(out, O_CLOEXEC) == 0 && pipe2(gate, O_CLOEXEC) == 0);
	fflush(stdout);
	for (unsigned i = 0; i < RACERS; i++) {
		if (fork() == 0) {
			close(gate[1]);
			_exit(race(&p, i, out[1], gate[0]));
		}
	}
	close(out[1]);
	close(gate[0]);
	close(gate[1]);
	size_t n = 0;
	while (n < ARRAY_LEN(got) && read(out[0], &got[n], sizeof got[n]) == sizeof got[n])
		n++;
	close(out[0]);
	for (int status, i = 0; i < RACERS; i++)
		failed += wait(&status) < 0 || status != 0;
	CHECK_INT(failed, 0);
	CHECK_INT(n, RACERS * CLAIMS_EACH);
	qsort(got, n, sizeof got[0], compare_ids);
	for (size_t i = 1; i < n; i++)
		CHECK(got[i] != got[i - 1]);
	place_done(&p);
}

TEST_MAIN()
