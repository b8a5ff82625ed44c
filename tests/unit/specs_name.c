#include "specs/name.h"
#include "base/mem.h"
#include "tests/unit/test.h"

#include <signal.h>

/* B07 */
TEST(zone_names)
{
	static const char *const good[] = {"a", "0", "web1", "a-b_c.d", "a..b", "1.2.3",
		"a23456789012345678901234567890123456789012345678901234567890123"};
	static const char *const bad[] = {"", ".", "..", "a/b", "-x", "_x", ".x", "A", "webA",
		"CON ", "a b", " a", "a ", "*", "a*", "a\n", "a\t", "\033", "a\x7f", "w\xc3\xa9-",
		"\xd0\xb0", "a\xe2\x80\xae", "e\xcc\x81", "\xf0\x9f\x98\x80", "a\xff", "a:b",
		"a\\b", "a2345678901234567890123456789012345678901234567890123456789012345"};
	struct err e;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		CHECK(name_is_valid(good[i]) && name_check("zone", good[i], &e) == 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		err_clear(&e);
		CHECK(!name_is_valid(bad[i]));
		CHECK(name_check("zone", bad[i], &e) == -1);
		CHECK_INT(e.cls, ERR_USAGE);
		CHECK(strstr(e.msg, "[a-z0-9][a-z0-9_.-]{0,62}"));
		CHECK(!strpbrk(e.msg, "\n\t\033\x7f\xff"));
	}
	CHECK(!name_is_valid(NULL));
	CHECK(name_check("zone", NULL, NULL) == -1);
}

/* B17 */
TEST(signals)
{
	static const struct {
		const char *text;
		int sig; /* 0: refused */
		const char *printed;
	} t[] = {{"SIGTERM", SIGTERM, "SIGTERM"}, {"TERM", SIGTERM, "SIGTERM"},
		{"15", SIGTERM, "SIGTERM"}, {"SIGPWR", SIGPWR, "SIGPWR"},
		{"SIGIOT", SIGABRT, "SIGABRT"}, {"SIGPOLL", SIGIO, NULL},
		{"SIGCLD", SIGCHLD, "SIGCHLD"}, {"SIGRTMIN", 34, "SIGRTMIN"},
		{"SIGRTMIN+3", 37, "SIGRTMIN+3"}, {"RTMIN+3", 37, "SIGRTMIN+3"},
		{"37", 37, "SIGRTMIN+3"}, {"SIGRTMAX", 64, "SIGRTMIN+30"},
		{"SIGRTMAX-1", 63, "SIGRTMIN+29"}, {"SIGRTMIN+30", 64, "SIGRTMIN+30"},
		{"SIGRTMIN+31", 0, NULL}, {"SIGRTMIN+99", 0, NULL}, {"SIGRTMIN-1", 0, NULL},
		{"SIGRTMAX+1", 0, NULL}, {"SIGRTMIN+", 0, NULL}, {"SIGRTMIN+03", 0, NULL},
		{"SIGRTMIN+4294967296", 0, NULL}, {"SIGFOO", 0, NULL}, {"sigterm", 0, NULL},
		{"SIGSIGTERM", 0, NULL}, {"SIG", 0, NULL}, {"", 0, NULL}, {"0", 0, NULL},
		{"-1", 0, NULL}, {"+9", 0, NULL}, {"09", 0, NULL}, {"9 ", 0, NULL}, {"32", 0, NULL},
		{"33", 0, NULL}, {"65", 0, NULL}, {"4294967305", 0, NULL}};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct err e = {0};
		char out[SIGNAL_NAME_SIZE];
		int sig = -7, again;
		CHECK_INT(signal_parse(t[i].text, &sig, &e), t[i].sig ? 0 : -1);
		CHECK_INT(sig, t[i].sig ? t[i].sig : -7);
		CHECK_INT(e.cls, t[i].sig ? ERR_NONE : ERR_USAGE);
		if (t[i].printed)
			CHECK_STR(signal_print(out, sig), t[i].printed);
		if (t[i].sig)
			CHECK(signal_parse(signal_print(out, sig), &again, NULL) == 0 &&
				again == sig);
	}
}

/* S14 */
TEST(user_ids)
{
	static const struct {
		const char *text;
		bool ok;
		uint32_t uid, gid;
	} t[] = {{"0", true, 0, 0}, {"1", true, 1, 0}, {"1:2", true, 1, 2},
		{"65536", true, 65536, 0}, {"2147483648", true, 2147483648u, 0},
		{"4294967294:4294967294", true, 4294967294u, 4294967294u},
		{"4294967295", false, 0, 0}, {"4294967296", false, 0, 0},
		{"1:4294967295", false, 0, 0}, {"18446744073709551616", false, 0, 0},
		{"", false, 0, 0}, {":", false, 0, 0}, {"1:", false, 0, 0}, {":1", false, 0, 0},
		{"-1", false, 0, 0}, {"+1", false, 0, 0}, {" 1", false, 0, 0}, {"1 ", false, 0, 0},
		{"0x1", false, 0, 0}, {"1a", false, 0, 0}, {"01", false, 0, 0},
		{"1:2:3", false, 0, 0}, {"1.0", false, 0, 0}, {"1\n", false, 0, 0},
		{"root", false, 0, 0}, {"0:root", false, 0, 0}};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct err e = {0};
		uint32_t uid = 77, gid = 77;
		CHECK_INT(user_parse_ids(t[i].text, &uid, &gid, &e), t[i].ok ? 0 : -1);
		CHECK_INT(uid, t[i].ok ? t[i].uid : 77);
		CHECK_INT(gid, t[i].ok ? t[i].gid : 77);
		CHECK_INT(e.cls, t[i].ok ? ERR_NONE : ERR_USAGE);
	}
}

TEST(user_names)
{
	struct user_ref u;
	CHECK(user_parse("www-data", &u, NULL) == 0);
	CHECK_STR(u.user, "www-data");
	CHECK(!u.has_group);
	CHECK(user_parse("1000:staff", &u, NULL) == 0);
	CHECK_STR(u.user, "");
	CHECK_STR(u.group, "staff");
	CHECK(u.has_group && u.uid == 1000);
	CHECK(user_parse("_apt:0", &u, NULL) == 0);
	CHECK(u.gid == 0 && u.has_group && !u.group[0]);
	static const char *const bad[] = {"1abc", "-x", "a b", "a\n", "a/b", "a:b:c", "root:", ".x",
		"\xc3\xa9", "a23456789012345678901234567890123"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(user_parse(bad[i], &u, NULL) == -1);
}

TEST_MAIN()
