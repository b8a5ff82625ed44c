#include "base/err.h"
#include "base/str.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <stdlib.h>

TEST(numbers_are_strict)
{
	uint64_t v = 7;
	CHECK(str_to_u64("0", &v) && v == 0);
	CHECK(str_to_u64("18446744073709551615", &v) && v == UINT64_MAX);
	static const char *const bad[] = {
		"", "-1", "+1", " 1", "1 ", "0x1", "1a", "01", "18446744073709551616"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK(!str_to_u64(bad[i], &v));
	uint32_t w;
	CHECK(str_to_u32("4294967295", &w) && !str_to_u32("4294967296", &w));
}

TEST(escape_of_a_name_is_short_and_of_a_message_whole)
{
	char text[301], out[1300];
	memset(text, 'a', sizeof text - 1);
	text[300] = '\0';
	CHECK_INT(strlen(str_escape(out, sizeof out, text)), 83);
	CHECK_STR(str_escape_all(out, sizeof out, text), text);
	text[299] = '\n';
	CHECK_STR(str_escape_all(out, sizeof out, text) + 299, "\\x0a");
	CHECK_INT(strlen(str_escape_all(out, 20, text)), 19);
}

TEST(escape_leaves_no_control_byte)
{
	static const struct {
		const char *in, *out;
	} t[] = {
		{"plain", "plain"},
		{"a\nb", "a\\x0ab"},
		{"\033]52;c", "\\x1b]52;c"},
		{"\xc2\x9b"
		 "1m",
			"\\xc2\\x9b1m"},
		{"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
		{"\xff\xfe", "\\xff\\xfe"},
		{"\xe2\x80\xa8", "\\xe2\\x80\\xa8"},
		{"\xc0\x80", "\\xc0\\x80"},
		{"\xed\xa0\x80", "\\xed\\xa0\\x80"},
		{"\xe2\x80\xae", "\\xe2\\x80\\xae"},
		{"\x7f", "\\x7f"},
	};
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		char out[200];
		CHECK_STR(str_escape(out, sizeof out, t[i].in), t[i].out);
		CHECK_INT(str_is_printable(t[i].in, strlen(t[i].in)), !strcmp(t[i].in, t[i].out));
	}
}

TEST(strbuf_grows_and_hands_over)
{
	struct strbuf s = {0};
	for (int i = 0; i < 1000; i++)
		str_addf(&s, "%d,", i);
	struct err e = {0};
	char *out = str_finish(&s, &e);
	CHECK(out && strlen(out) == 3890 && str_starts(out, "0,1,2,") && str_ends(out, "998,999,"));
	free(out);
	char *empty = str_finish(&s, &e);
	CHECK_STR(empty, "");
	free(empty);
}

TEST(errors_say_it_once)
{
	struct err e = {0};
	CHECK_INT(err_sys(&e, EACCES, "open '%s'", "/x"), -1);
	CHECK_INT(e.cls, ERR_DENIED);
	CHECK_INT(e.sys_errno, EACCES);
	err_prefix(&e, "zone '%s'", "web");
	err_hint(&e, "first");
	err_hint(&e, "second");
	err_at(&e, "mounts", "/proc");
	err_at(&e, "later", NULL);
	CHECK_STR(e.msg, "zone 'web': open '/x': Permission denied");
	CHECK_STR(e.hint, "first");
	CHECK_STR(e.step, "mounts");
	CHECK_STR(e.object, "/proc");
	CHECK_STR(err_errno_name(ENOENT), "ENOENT");
	err_sys(&e, ENOSYS, "clone3");
	CHECK_INT(e.cls, ERR_HOST);
	CHECK_STR(e.hint, "");
	err_set(&e, ERR_BUSY, "again: %s", e.msg);
	CHECK_STR(e.msg, "again: clone3: Function not implemented");
	CHECK_INT(err_set(NULL, ERR_FAILED, "x"), -1);
}

TEST_MAIN()
