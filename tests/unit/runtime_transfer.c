/* What of `cella cp` only thinks: the zone's name before a colon, the answers of the ends. */
#include "base/mem.h"
#include "runtime/transfer.h"
#include "runtime/transfer_answer.h"
#include "tests/unit/test.h"

TEST(the_zone_is_what_stands_before_the_first_colon)
{
	static const struct {
		const char *text;
		size_t want;
	} table[] = {
		{"web:/etc", 3},
		{"web:etc", 3},
		{"web:", 3},
		{"web-1:a:b", 5},
		{"a", 0},
		{"", 0},
		{":", 0},
		{":/etc", 0},
		{"./a:b", 0},
		{"/a:b", 0},
		{"a/b:c", 0},
		{"Web:/", 0},
		{"a b:/", 0},
		{"-", 0},
		{"..:/x", 0},
		{"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn:/x",
			0},
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		CHECK_INT(transfer_zone_part(table[i].text), table[i].want);
}

static int parse(const char *text, struct transfer_answer *a, struct err *e)
{
	char copy[4096];
	*e = (struct err){0};
	(void)snprintf(copy, sizeof copy, "%s", text);
	return transfer_answer_parse(copy, a, e);
}

TEST(answers_are_bounded_and_escaped)
{
	struct transfer_answer a;
	struct err e;
	CHECK_INT(parse("entries 3\nbytes 5\nstripped 1\nwarning a\x1b[31m\nend\n", &a, &e), 0);
	CHECK_INT(a.entries, 3);
	CHECK_INT(a.stripped, 1);
	CHECK_STR(a.warnings[0], "a\\x1b[31m");
	CHECK_INT(parse("error it\x07 failed\nhint do this\nclass 3\nerrno 2\nend\n", &a, &e), -1);
	CHECK_STR(e.msg, "it\\x07 failed");
	CHECK_STR(e.hint, "do this");
	CHECK_INT(e.cls, ERR_NOT_FOUND);
	CHECK_INT(e.sys_errno, 2);
	/* a class of the zone's choosing is not ours */
	CHECK_INT(parse("error x\nclass 2\nend\n", &a, &e), -1);
	CHECK_INT(e.cls, ERR_FAILED);
	static const char *const bad[] = {"", "entries 3\n", "end\nmore 1\n", "entries x\nend\n",
		"entries -1\nend\n", "what 1\nend\n", "entries 99999999999999999999\nend\n"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK_INT(parse(bad[i], &a, &e), -1);
		CHECK_INT(e.cls, ERR_FAILED);
	}
	CHECK_INT(
		parse("warning 1\nwarning 2\nwarning 3\nwarning 4\nwarning 5\nwarning 6\nwarning 7\n"
		      "warning 8\nwarning 9\nend\n",
			&a, &e),
		0);
	CHECK_INT(a.n_warnings, TRANSFER_WARNINGS_MAX);
}

TEST_MAIN()
