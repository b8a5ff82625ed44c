/* merge_layers: what it makes of a stack is what the kernel's overlay shows of it. Needs root. */
#include "fsroot/merge.h"
#include "tests/unit/fsroot_stack.h"

#include <sys/resource.h>

static int merge(char names[][16], size_t n, const char *dst, const struct merge_options *o,
	struct copy_result *ret)
{
	int fds[STACK_MAX];
	struct err e = {0};
	for (size_t i = 0; i < n; i++)
		fds[i] = openat(base_fd, names[i], OPEN_DIR);
	autofd int to = make_dir(dst);
	int r = merge_layers(fds, n, to, o, ret, &e);
	if (r < 0)
		printf("# %s\n", e.msg);
	for (size_t i = 0; i < n; i++)
		fd_close(&fds[i]);
	return r;
}

static char *list_stack(char names[][16], size_t n)
{
	int fd = view(names, n, NULL, NULL);
	char *text = listing(fd);
	unview(&fd);
	return text;
}

static void show_difference(const char *got, const char *want)
{
	size_t same = 0, line = 0;
	for (; got[same] && got[same] == want[same]; same++)
		if (got[same] == '\n')
			line = same + 1;
	printf("# got  %.*s\n# want %.*s\n", (int)strcspn(got + line, "\n"), got + line,
		(int)strcspn(want + line, "\n"), want + line);
}

static void check_same(const char *got, const char *want, const char *what, unsigned round)
{
	if (!strcmp(got, want))
		return;
	test_failures++;
	printf("# %s, round %u:\n", what, round);
	show_difference(got, want);
}

/* The whole stack, and any part of it in its place, copied or linked. */
static void one_round(unsigned round)
{
	char names[STACK_MAX][16], parted[STACK_MAX][16];
	size_t n = 1 + pick(6), from = pick((unsigned)n),
	       to = from + 1 + pick((unsigned)(n - from));
	bool link[STACK_MAX];
	struct copy_result r;
	random_stack(names, n);
	ghosts_seen = 0;
	autofree char *want = list_stack(names, n);
	unsigned ghosts = ghosts_seen;
	struct merge_options o = {0};
	CHECK_INT(merge(names, n, "all", &o, &r), 0);
	autofd int all = openat(base_fd, "all", OPEN_DIR);
	opaque_seen = 0;
	autofree char *got = listing(all);
	check_same(got, want, "all", round);
	CHECK_INT(opaque_seen, 0);
	for (size_t i = 0; i < n; i++)
		link[i] = pick(2);
	o = (struct merge_options){.keep_marks = to < n, .link_from = link + from};
	CHECK_INT(merge(names + from, to - from, "part", &o, &r), 0);
	size_t k = 0;
	for (size_t i = 0; i < from; i++)
		memcpy(parted[k++], names[i], 16);
	memcpy(parted[k++], "part", 5);
	for (size_t i = to; i < n; i++)
		memcpy(parted[k++], names[i], 16);
	ghosts_seen = 0;
	autofree char *again = list_stack(parted, k);
	CHECK(ghosts_seen <= ghosts);
	check_same(again, want, "part", round);
	remove_dir("all");
	remove_dir("part");
	for (size_t i = 0; i < n; i++)
		remove_dir(names[i]);
}

TEST(random_stacks_are_what_the_kernel_shows)
{
	const char *given = getenv("SEED"), *rounds = getenv("ROUNDS");
	unsigned first = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();
	unsigned n = rounds ? (unsigned)strtoul(rounds, NULL, 10) : 40;
	for (unsigned i = 0; i < n && !test_failures; i++) {
		seed = first + i;
		one_round(first + i);
	}
	printf("# %u rounds from SEED=%u\n", n, first);
}

static void put(int dir_fd, const char *name, const char *text)
{
	autofd int fd = openat(dir_fd, name, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
	CHECK(fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0);
}

/* The kernel hides a whiteout only where it expects one, and there it is a name that cannot be
 * looked up. So none may be left where it acts on nothing. */
TEST(whiteouts_stay_hidden)
{
	char names[3][16] = {"l0", "l1", "l2"}, parted[2][16] = {"part", "l2"};
	autofd int l0 = make_dir("l0");
	autofd int l1 = make_dir("l1");
	autofd int l2 = make_dir("l2");
	CHECK(mkdirat(l0, "d", 0755) == 0 && mkdirat(l1, "d", 0755) == 0);
	CHECK(mkdirat(l0, "o", 0755) == 0 && mkdirat(l1, "o", 0755) == 0);
	CHECK(mkdirat(l0, "o/sub", 0755) == 0 && mkdirat(l1, "o/sub", 0755) == 0);
	CHECK(mkdirat(l2, "o", 0755) == 0);
	CHECK(mknodat(l0, "d/x", S_IFCHR, 0) == 0 && mknodat(l0, "o/x", S_IFCHR, 0) == 0);
	CHECK(mknodat(l0, "o/sub/x", S_IFCHR, 0) == 0);
	put(l1, "d/x", "1");
	put(l1, "o/x", "1");
	put(l1, "o/sub/x", "1");
	put(l2, "o/below", "2");
	autofd int o = openat(l1, "o", OPEN_DIR);
	CHECK(fsetxattr(o, "trusted.overlay.opaque", "y", 1, 0) == 0);
	ghosts_seen = 0;
	autofree char *want = list_stack(names, 3);
	CHECK_INT(ghosts_seen, 0);
	const struct merge_options keep = {.keep_marks = true};
	CHECK_INT(merge(names, 2, "part", &keep, NULL), 0);
	autofree char *got = list_stack(parted, 2);
	check_same(got, want, "part", 0);
	CHECK_INT(ghosts_seen, 0);
	CHECK(faccessat(base_fd, "part/o/x", F_OK, AT_SYMLINK_NOFOLLOW) < 0);
	CHECK(faccessat(base_fd, "part/o/sub/x", F_OK, AT_SYMLINK_NOFOLLOW) < 0);
	CHECK(faccessat(base_fd, "part/d/x", F_OK, AT_SYMLINK_NOFOLLOW) == 0);
	remove_dir("part");
	for (size_t i = 0; i < 3; i++)
		remove_dir(names[i]);
}

TEST(linking_copies_no_bytes_and_keeps_one_inode)
{
	char names[2][16] = {"l0", "l1"};
	const bool link[2] = {true, false};
	struct copy_result r = {0};
	struct stat a, b;
	autofd int up = make_dir("l0");
	autofd int low = make_dir("l1");
	put(up, "linked", "12345");
	put(low, "copied", "123");
	CHECK(linkat(up, "linked", up, "again", 0) == 0);
	const struct merge_options o = {.link_from = link};
	CHECK_INT(merge(names, 2, "all", &o, &r), 0);
	CHECK_INT(r.bytes, 3);
	CHECK_INT(r.entries, 3);
	CHECK(fstatat(base_fd, "l0/linked", &a, 0) == 0 &&
		fstatat(base_fd, "all/again", &b, 0) == 0 && a.st_ino == b.st_ino &&
		a.st_nlink == 4);
	CHECK(fstatat(base_fd, "l1/copied", &a, 0) == 0 &&
		fstatat(base_fd, "all/copied", &b, 0) == 0 && a.st_ino != b.st_ino);
	remove_dir("all");
	remove_dir("l0");
	remove_dir("l1");
}

TEST(holes_stay_holes)
{
	char names[1][16] = {"l0"};
	const struct merge_options o = {0};
	struct stat st;
	autofd int up = make_dir("l0");
	autofd int fd = openat(up, "f", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	CHECK(ftruncate(fd, (off_t)1 << 40) == 0 && pwrite(fd, "x", 1, (off_t)1 << 39) == 1);
	CHECK_INT(merge(names, 1, "all", &o, NULL), 0);
	CHECK(fstatat(base_fd, "all/f", &st, 0) == 0 && st.st_size == (off_t)1 << 40 &&
		st.st_blocks < 64);
	remove_dir("all");
	remove_dir("l0");
}

/* What an overlay cannot honour here was never made by us. */
TEST(marks_of_other_mount_options_are_refused)
{
	int fds[1];
	struct err e = {0};
	const struct merge_options o = {.keep_marks = true};
	autofd int up = make_dir("l0");
	CHECK(mkdirat(up, "d", 0755) == 0);
	autofd int d = openat(up, "d", OPEN_DIR);
	CHECK(fsetxattr(d, "trusted.overlay.redirect", "/etc", 4, 0) == 0);
	autofd int to = make_dir("all");
	fds[0] = up;
	CHECK_INT(merge_layers(fds, 1, to, &o, NULL, &e), -1);
	CHECK_STR(e.step, "merge");
	CHECK(strstr(e.msg, "trusted.overlay.redirect"));
	remove_dir("all");
	remove_dir("l0");
}

/* Deeper than PATH_MAX, with fewer descriptors than levels or layers would need. */
TEST(deep_trees)
{
	char names[3][16] = {"l0", "l1", "l2"};
	enum {
		DEPTH = 2500
	};
	for (size_t i = 0; i < 3; i++) {
		int at = make_dir(names[i]);
		for (int k = 0; k < DEPTH; k++) {
			CHECK(mkdirat(at, "deep", 0755) == 0);
			int next = openat(at, "deep", OPEN_DIR);
			if (k % 500 == 0)
				put(at, names[i], "x");
			fd_close(&at);
			at = next;
		}
		put(at, "bottom", names[i]);
		fd_close(&at);
	}
	struct rlimit before, few = {.rlim_cur = 96};
	CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
	few.rlim_max = before.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	const struct merge_options o = {0};
	struct copy_result r;
	CHECK_INT(merge(names, 3, "all", &o, &r), 0);
	CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
	CHECK_INT(r.entries, DEPTH + 1 + 15);
	int at = openat(base_fd, "all", OPEN_DIR), depth = 0;
	for (int next; (next = openat(at, "deep", OPEN_DIR)) >= 0; depth++) {
		fd_close(&at);
		at = next;
	}
	char text[8] = "";
	autofd int bottom = openat(at, "bottom", O_RDONLY | O_CLOEXEC);
	CHECK(read(bottom, text, 7) == 2);
	CHECK_STR(text, "l0");
	CHECK_INT(depth, DEPTH);
	fd_close(&at);
	remove_dir("all");
	for (size_t i = 0; i < 3; i++)
		remove_dir(names[i]);
}

TEST_MAIN()
