/* stack_diff: the same as comparing what the kernel shows of the two stacks. Needs root. */
#include "fsroot/stack_diff.h"
#include "tests/unit/fsroot_stack.h"

static int print(void *arg, enum stack_change what, const char *path, struct err *e)
{
	(void)e;
	str_addf(arg, "%c %s\n", what, path);
	return 0;
}

static char *diff(char a[][16], size_t n, char b[][16], size_t m)
{
	int fds[2][STACK_MAX];
	struct err e = {0};
	autostr struct strbuf out = {0};
	for (size_t i = 0; i < n; i++)
		fds[0][i] = openat(base_fd, a[i], OPEN_DIR);
	for (size_t i = 0; i < m; i++) {
		fds[1][i] = -1;
		for (size_t k = 0; k < n; k++)
			if (!strcmp(a[k], b[i]))
				fds[1][i] = fds[0][k];
		if (fds[1][i] < 0)
			fds[1][i] = openat(base_fd, b[i], OPEN_DIR);
	}
	const struct layer_stack from = {fds[0], n}, to = {fds[1], m};
	CHECK_INT(stack_diff(&from, &to, print, &out, &e), 0);
	if (e.cls)
		printf("# %s\n", e.msg);
	for (int fd = 3; fd < 64; fd++)
		for (size_t i = 0; i < STACK_MAX; i++)
			if (fd != base_fd &&
				((i < n && fds[0][i] == fd) || (i < m && fds[1][i] == fd))) {
				close(fd);
				break;
			}
	return str_finish(&out, NULL);
}

/* ---- what it must be: two listings of the kernel's views compared line by line ---- */

static char *lines_of(char names[][16], size_t n)
{
	int fd = view(names, n, NULL, NULL);
	with_numbers = with_dir_times = false;
	char *text = listing(fd);
	with_numbers = with_dir_times = true;
	unview(&fd);
	return text;
}

static size_t split(char *text, char **lines)
{
	size_t n = 0;
	for (char *p = strtok(text, "\n"); p; p = strtok(NULL, "\n"))
		lines[n++] = p;
	return n;
}

static int by_path_of_line(const char *a, const char *b)
{
	for (; *a && *a == *b && *a != ' '; a++, b++)
		;
	int x = *a == ' ' ? 0 : *a == '/' ? 1 : *a + 1, y = *b == ' ' ? 0 : *b == '/' ? 1 : *b + 1;
	return x - y;
}

static char *expected(char *a, char *b)
{
	static char *la[8192], *lb[8192];
	size_t n = split(a, la), m = split(b, lb), i = 0, k = 0;
	autostr struct strbuf out = {0};
	while (i < n || k < m) {
		int order = i == n ? 1 : k == m ? -1 : by_path_of_line(la[i], lb[k]);
		const char *line = order > 0 ? lb[k] : la[i];
		int len = (int)strcspn(line, " ");
		if (order != 0)
			str_addf(&out, "%c %.*s\n", order > 0 ? 'A' : 'D', len, line);
		else if (strcmp(la[i], lb[k]) != 0)
			str_addf(&out, "M %.*s\n", len ? len : 1, len ? line : "/");
		i += order <= 0;
		k += order >= 0;
	}
	return str_finish(&out, NULL);
}

static void check_pair(char a[][16], size_t n, char b[][16], size_t m, unsigned round)
{
	autofree char *la = lines_of(a, n), *lb = lines_of(b, m);
	autofree char *want = expected(la, lb), *got = diff(a, n, b, m);
	if (!strcmp(got, want))
		return;
	test_failures++;
	printf("# round %u\n# got:\n%s# want:\n%s", round, got, want);
}

TEST(random_stacks_differ_as_the_kernel_shows_them)
{
	const char *given = getenv("SEED"), *rounds = getenv("ROUNDS");
	unsigned first = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();
	unsigned n_rounds = rounds ? (unsigned)strtoul(rounds, NULL, 10) : 40;
	for (unsigned i = 0; i < n_rounds && !test_failures; i++) {
		char names[STACK_MAX][16], other[STACK_MAX][16];
		seed = first + i;
		size_t n = 2 + pick(5);
		random_stack(names, n);
		/* A snapshot and what came after it; then two branches of one history. */
		size_t above = pick((unsigned)n);
		check_pair(names + above, n - above, names, n, seed);
		check_pair(names, n, names + above, n - above, seed);
		size_t m = 0, tail = 1 + pick((unsigned)n - 1);
		for (size_t k = 0; k < tail; k += 1 + pick(2))
			memcpy(other[m++], names[k], 16);
		for (size_t k = tail; k < n; k++)
			memcpy(other[m++], names[k], 16);
		check_pair(names, n, other, m, seed);
		check_pair(names, n, names, n, seed);
		for (size_t k = 0; k < n; k++)
			remove_dir(names[k]);
	}
	printf("# %u rounds from SEED=%u\n", n_rounds, first);
}

/* What is only in layers of both is not read: it could not be, here. */
TEST(common_layers_are_only_asked_for_single_names)
{
	char a[2][16] = {"l1", "l2"}, b[3][16] = {"l0", "l1", "l2"};
	autofd int l0 = make_dir("l0");
	autofd int l1 = make_dir("l1");
	autofd int l2 = make_dir("l2");
	struct stat st;
	const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	CHECK(mkdirat(l1, "big", 0755) == 0 && mkdirat(l2, "big", 0755) == 0);
	CHECK(mkdirat(l2, "d", 0755) == 0 && mkdirat(l0, "d", 0755) == 0);
	write_file(l2, "big/x");
	write_file(l2, "d/x");
	write_file(l0, "d/y");
	CHECK(mknodat(l0, "d/x", S_IFCHR, 0) == 0);
	CHECK(utimensat(l2, "big", long_ago, 0) == 0 && utimensat(l2, "d", long_ago, 0) == 0);
	autofree char *got = diff(a, 2, b, 3);
	CHECK_STR(got, "D /d/x\nA /d/y\n");
	CHECK(fstatat(l2, "big", &st, 0) == 0 && st.st_atim.tv_sec == 1000);
	CHECK(fstatat(l2, "d", &st, 0) == 0 && st.st_atim.tv_sec == 1000);
	remove_dir("l0");
	remove_dir("l1");
	remove_dir("l2");
}

static int stop(void *arg, enum stack_change what, const char *path, struct err *e)
{
	(void)what;
	(void)path;
	(void)e;
	return ++*(int *)arg == 2 ? 7 : 0;
}

TEST(it_stops_when_told)
{
	autofd int l0 = make_dir("l0");
	autofd int l1 = make_dir("l1");
	int fds[] = {l0, l1}, n = 0;
	write_file(l0, "a");
	write_file(l0, "b");
	write_file(l0, "c");
	const struct layer_stack from = {fds + 1, 1}, to = {fds, 2};
	CHECK_INT(stack_diff(&from, &to, stop, &n, NULL), 7);
	CHECK_INT(n, 2);
	remove_dir("l0");
	remove_dir("l1");
}

/* Paths longer than PATH_MAX. */
TEST(deep_trees)
{
	autofd int l0 = make_dir("l0");
	autofd int l1 = make_dir("l1");
	int fds[] = {l0, l1}, at = fcntl(l0, F_DUPFD_CLOEXEC, 3);
	autostr struct strbuf out = {0};
	struct err e = {0};
	enum {
		DEPTH = 2500
	};
	for (int i = 0; i < DEPTH; i++) {
		CHECK(mkdirat(at, "deep", 0755) == 0);
		int next = openat(at, "deep", OPEN_DIR);
		fd_close(&at);
		at = next;
	}
	write_file(at, "bottom");
	fd_close(&at);
	const struct layer_stack from = {fds + 1, 1}, to = {fds, 2};
	CHECK_INT(stack_diff(&from, &to, print, &out, &e), 0);
	CHECK(str_ends(out.buf, "/deep/bottom\n"));
	size_t n = 0;
	for (const char *p = out.buf; (p = strchr(p, '\n')); p++)
		n++;
	CHECK_INT(n, DEPTH + 1);
	remove_dir("l0");
	remove_dir("l1");
}

TEST_MAIN()
