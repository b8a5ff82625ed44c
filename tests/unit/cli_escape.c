/* The escape key of `cella console`. */
#include "cli/escape.h"
#include "base/mem.h"
#include "tests/unit/test.h"

struct row {
	int key;
	const char *in, *out;
	bool leaves;
};
static const struct row rows[] = {
	{0x1d, "abc", "abc", false},
	{0x1d, "a\x1dq", "a", true},
	{0x1d, "\x1dqrest", "", true},
	{0x1d, "\x1d\x1dq", "\x1dq", false},
	{0x1d, "\x1d\x1d\x1dq", "\x1d", true},
	{0x1d, "\x1dx", "\x1dx", false},
	{0x1d, "q", "q", false},
	{0x1d, "\x1d", "", false}, /* waits for the next one */
	{'a', "aq", "", true},
	{'a', "bab", "bab", false},
	{ESCAPE_NONE, "\x1dq", "\x1dq", false},
};

/* Cut at every place: the state is carried over. */
TEST(feed)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		size_t len = strlen(r->in);
		for (size_t cut = 0; cut <= len; cut++) {
			struct escape s = {.key = r->key};
			unsigned char out[32];
			size_t n = 0, m = 0;
			const unsigned char *in = (const unsigned char *)r->in;
			bool leaves = escape_feed(&s, in, cut, out, &n);
			if (!leaves)
				leaves = escape_feed(&s, in + cut, len - cut, out + n, &m);
			CHECK_INT(leaves, r->leaves);
			CHECK_INT(n + m, strlen(r->out));
			CHECK(!memcmp(out, r->out, n + m));
		}
	}
}

TEST(parse)
{
	static const struct {
		const char *text;
		int key;
		const char *name;
	} good[] = {
		{"^]", 0x1d, "Ctrl-]"},
		{"^a", 1, "Ctrl-a"},
		{"^A", 1, "Ctrl-a"},
		{"^_", 0x1f, "Ctrl-_"},
		{"^@", 0, "Ctrl-@"},
		{"~", '~', "~"},
		{"^", '^', "^"},
		{"none", ESCAPE_NONE, "none"},
	};
	static const char *const bad[] = {
		"", "q", "ab", "^]x", "^1", " ", "\033", "\xc3\xa4", "^\033"};
	char name[ESCAPE_NAME_SIZE];
	struct err e = {0};
	int key;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CHECK_INT(escape_parse(good[i].text, &key, &e), 0);
		CHECK_INT(key, good[i].key);
		CHECK_STR(escape_name(name, key), good[i].name);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK_INT(escape_parse(bad[i], &key, &e), -1);
		CHECK_INT(e.cls, ERR_USAGE);
	}
}

TEST_MAIN()
