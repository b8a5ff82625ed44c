/* test.h: the whole unit-test harness. A test file is
 *     TEST(name) { CHECK(...); CHECK_STR(a, b); CHECK_INT(a, b); }
 *     TEST_MAIN()
 * It prints one TAP line per test and exits 1 if any check failed. */
#pragma once
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct test_case {
	const char *name;
	void (*run)(void);
	struct test_case *next;
};
static struct test_case *test_first, **test_last = &test_first;
static int test_failures;

#define TEST(id)                                                                                   \
	static void test_##id(void);                                                               \
	static struct test_case case_##id = {#id, test_##id, NULL};                                \
	__attribute__((constructor)) static void register_##id(void)                               \
	{                                                                                          \
		*test_last = &case_##id;                                                           \
		test_last = &case_##id.next;                                                       \
	}                                                                                          \
	static void test_##id(void)

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			test_failures++;                                                           \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond);                        \
		}                                                                                  \
	} while (0)
#define CHECK_STR(got, want)                                                                       \
	do {                                                                                       \
		const char *check_g = (got), *check_w = (want);                                    \
		if (!check_g || !check_w || strcmp(check_g, check_w) != 0) {                       \
			test_failures++;                                                           \
			printf("# %s:%d: got '%s', want '%s'\n", __FILE__, __LINE__,               \
				check_g ? check_g : "(null)", check_w ? check_w : "(null)");       \
		}                                                                                  \
	} while (0)
#define CHECK_INT(got, want)                                                                       \
	do {                                                                                       \
		intmax_t check_gi = (intmax_t)(got), check_wi = (intmax_t)(want);                  \
		if (check_gi != check_wi) {                                                        \
			test_failures++;                                                           \
			printf("# %s:%d: got %jd, want %jd\n", __FILE__, __LINE__, check_gi,       \
				check_wi);                                                         \
		}                                                                                  \
	} while (0)

#define TEST_MAIN()                                                                                \
	int main(void)                                                                             \
	{                                                                                          \
		int n = 0, bad = 0;                                                                \
		/* A shell ignores them for what it runs in the background, nohup(1) the third,    \
		 * and all would inherit. */                                                       \
		(void)signal(SIGINT, SIG_DFL);                                                     \
		(void)signal(SIGQUIT, SIG_DFL);                                                    \
		(void)signal(SIGHUP, SIG_DFL);                                                     \
		for (struct test_case *t = test_first; t; t = t->next) {                           \
			int before = test_failures;                                                \
			t->run();                                                                  \
			n++;                                                                       \
			bad += test_failures != before;                                            \
			printf("%sok %d %s\n", test_failures == before ? "" : "not ", n, t->name); \
		}                                                                                  \
		printf("1..%d\n", n);                                                              \
		return bad ? 1 : 0;                                                                \
	}
