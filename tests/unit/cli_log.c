/* The console log: the last lines, and making hostile bytes harmless. */
#include "cli/log_file.h"
#include "base/mem.h"
#include "tests/unit/test.h"

TEST(tail)
{
	static const struct {
		const char *text;
		int64_t lines;
		const char *want;
	} rows[] = {
		{"a\nb\nc\n", 1, "c\n"},
		{"a\nb\nc\n", 2, "b\nc\n"},
		{"a\nb\nc\n", 3, "a\nb\nc\n"},
		{"a\nb\nc\n", 9, "a\nb\nc\n"},
		{"a\nb\nc\n", 0, ""},
		{"a\nb\nc\n", LOG_ALL, "a\nb\nc\n"},
		{"a\nb", 1, "b"},
		{"a\n\n", 1, "\n"},
		{"\n", 1, "\n"},
		{"", 5, ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_STR(rows[i].text + log_tail_offset(
						 rows[i].text, strlen(rows[i].text), rows[i].lines),
			rows[i].want);
}

/* In pieces of every size the result is the same. */
TEST(escaped)
{
	static const char in[] =
		"one\r\ntwo\tx\r\n\033[31mred\033[0m\n\x9b nul:\0:\n\xc3\xa4\nrest";
	static const char want[] =
		"one\ntwo\tx\n\\x1b[31mred\\x1b[0m\n\\x9b nul:\\x00:\n\xc3\xa4\n";
	for (size_t step = 1; step < sizeof in; step++) {
		struct strbuf out = {0}, rest = {0};
		for (size_t at = 0; at < sizeof in - 1; at += step) {
			size_t left = sizeof in - 1 - at;
			log_add_escaped(&out, &rest, in + at, left < step ? left : step);
		}
		CHECK_STR(out.buf, want);
		CHECK_STR(rest.buf, "rest");
		str_done(&out);
		str_done(&rest);
	}
}

TEST_MAIN()
