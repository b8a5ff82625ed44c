/* The option parser, over tables (B40). */
#include "cli/opts.h"
#include "base/mem.h"
#include "tests/unit/test.h"

struct values {
	bool force;
	int mode, word;
	const char *name;
	int64_t time;
	uint64_t count;
	struct opt_list list;
};
#define AT(member) offsetof(struct values, member)
static const char *const words[] = {"red", "green", NULL};
static const struct opt options[] = {
	{"force", 'f', OPT_FLAG, NULL, "h", AT(force), 0, NULL},
	{"tty", 't', OPT_CONST, NULL, "h", AT(mode), 1, NULL},
	{"no-tty", 'T', OPT_CONST, NULL, "h", AT(mode), 2, NULL},
	{"name", 'n', OPT_TEXT, "NAME", "h", AT(name), 0, NULL},
	{"colour", 'c', OPT_WORD, "COLOUR", "h", AT(word), 0, words},
	{"timeout", 0, OPT_TIME, "TIME", "h", AT(time), 0, NULL},
	{"lines", 'l', OPT_COUNT, "N", "h", AT(count), 0, NULL},
	{"env", 'e', OPT_LIST, "K=V", "h", AT(list), 0, NULL},
	{0},
};
enum {
	MAX_ARGS = 8
};

struct result {
	struct values v;
	struct opts_words words;
	struct err e;
	int r;
};

static struct result parse_command(bool command, size_t before, const char *const *argv)
{
	static struct values v;
	struct result res = {0};
	struct opt_group group = {"", options, &v};
	struct opts_grammar g = {&group, 1, command, before};
	size_t n = 0;
	while (argv[n])
		n++;
	v = (struct values){0};
	res.r = opts_parse(&g, argv, n, &res.words, &res.e);
	res.v = v;
	return res;
}

static void drop(struct result *res)
{
	struct opt_group group = {"", options, &res->v};
	struct opts_grammar g = {&group, 1, false, 0};
	opts_release(&g, &res->words);
}

#define PARSE(...) parse_command(false, 0, (const char *[]){__VA_ARGS__, NULL})

TEST(good_forms)
{
	static const struct {
		const char *argv[MAX_ARGS];
		const char *name;
	} rows[] = {
		{{"--name", "x"}, "x"},
		{{"--name=x"}, "x"},
		{{"--name="}, ""},
		{{"--name=a=b"}, "a=b"},
		{{"-n", "x"}, "x"},
		{{"-nx"}, "x"},
		{{"-fnx"}, "x"},
		{{"-fn", "-x"}, "-x"},
		{{"--name", "--force"}, "--force"},
		{{"--name", "--"}, "--"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct result res = parse_command(false, 0, rows[i].argv);
		CHECK_INT(res.r, 0);
		CHECK_STR(res.v.name, rows[i].name);
		drop(&res);
	}
}

TEST(values)
{
	struct result res = PARSE("-f", "-c", "green", "--timeout", "90s", "-l7", "-e", "A=1",
		"web", "--env=B=2", "-tT");
	CHECK_INT(res.r, 0);
	CHECK(res.v.force);
	CHECK_INT(res.v.word, 1);
	CHECK_INT(res.v.time, 90000);
	CHECK_INT(res.v.count, 7);
	CHECK_INT(res.v.mode, 2); /* the last one wins */
	CHECK_INT(res.v.list.n, 2);
	CHECK_STR(res.v.list.items[0], "A=1");
	CHECK_STR(res.v.list.items[1], "B=2");
	CHECK(res.v.list.items[2] == NULL);
	CHECK_INT(res.words.n_operands, 1);
	CHECK_STR(res.words.operands[0], "web");
	drop(&res);
}

TEST(operands)
{
	struct result res = PARSE("a", "-f", "-", "--", "-f", "--name", "--");
	CHECK_INT(res.r, 0);
	CHECK_INT(res.words.n_operands, 5);
	CHECK_STR(res.words.operands[1], "-");
	CHECK_STR(res.words.operands[2], "-f");
	CHECK_STR(res.words.operands[4], "--");
	drop(&res);
}

TEST(errors)
{
	static const struct {
		const char *argv[MAX_ARGS];
		const char *msg, *hint;
	} rows[] = {
		{{"--nam", "x"}, "unknown option '--nam'",
			"options are not abbreviated: did you mean '--name'?"},
		{{"--forse"}, "unknown option '--forse'", "did you mean '--force'?"},
		{{"--zzz=1"}, "unknown option '--zzz'", ""},
		{{"--=x"}, "unknown option '--'", ""},
		{{"-x"}, "unknown option '-x'", ""},
		{{"-fx"}, "unknown option '-x'", ""},
		{{"-f=1"}, "unknown option '-='", ""},
		{{"-\033"}, "unknown option '-\\x1b'", ""},
		{{"--\033[m"}, "unknown option '--\\x1b[m'", ""},
		{{"--name"}, "option '--name' needs a value: NAME", ""},
		{{"-fn"}, "option '-n' needs a value: NAME", ""},
		{{"--force=yes"}, "option '--force' takes no value", ""},
		{{"--name=a", "-nb"}, "option '-n' is given twice", ""},
		{{"-l1", "--lines=2"}, "option '--lines' is given twice", ""},
		{{"-c", "blue"}, "option '-c': 'blue' is not one of red, green", ""},
		{{"-c", "re"}, "option '-c': 're' is not one of red, green", ""},
		{{"--timeout", "5"},
			"option '--timeout': '5' is not a time such as 30s, 500ms or 5m", ""},
		{{"--timeout=-5s"},
			"option '--timeout': '-5s' is not a time such as 30s, 500ms or 5m", ""},
		{{"-l", "-1"}, "option '-l': '-1' is not a number", ""},
		{{"-l18446744073709551616"}, "option '-l': '18446744073709551616' is not a number",
			""},
		{{"-l", ""}, "option '-l': '' is not a number", ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct result res = parse_command(false, 0, rows[i].argv);
		CHECK_INT(res.r, -1);
		CHECK_INT(res.e.cls, ERR_USAGE);
		CHECK_STR(res.e.msg, rows[i].msg);
		CHECK_STR(res.e.hint, rows[i].hint);
		drop(&res);
	}
}

/* Everything behind the name is the command's. */
TEST(command_behind_operand)
{
	static const struct {
		const char *argv[MAX_ARGS];
		bool force;
		const char *command[MAX_ARGS];
	} rows[] = {
		{{"-f", "web", "ls", "-f"}, true, {"ls", "-f"}},
		{{"web", "--", "ls", "--", "-f"}, false, {"ls", "--", "-f"}},
		{{"web", "-f", "x"}, false, {"-f", "x"}},
		{{"--", "web", "ls"}, false, {"ls"}},
		{{"--", "web", "--", "ls"}, false, {"ls"}},
		{{"web", "--"}, false, {NULL}},
		{{"web"}, false, {NULL}},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct result res = parse_command(true, 1, rows[i].argv);
		size_t n = 0;
		CHECK_INT(res.r, 0);
		CHECK_INT(res.v.force, rows[i].force);
		CHECK_INT(res.words.n_operands, 1);
		CHECK_STR(res.words.operands[0], "web");
		for (; rows[i].command[n]; n++)
			CHECK_STR(res.words.command[n], rows[i].command[n]);
		CHECK_INT(res.words.n_command, n);
		drop(&res);
	}
}

TEST(command_without_operand)
{
	static const struct {
		const char *argv[MAX_ARGS];
		bool force;
		const char *command[MAX_ARGS];
	} rows[] = {
		{{"-f", "ls", "-f"}, true, {"ls", "-f"}},
		{{"-f", "--", "-f"}, true, {"-f"}},
		{{"--", "--", "x"}, false, {"--", "x"}},
		{{"-n", "a", "b"}, false, {"b"}},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct result res = parse_command(true, 0, rows[i].argv);
		size_t n = 0;
		CHECK_INT(res.r, 0);
		CHECK_INT(res.v.force, rows[i].force);
		CHECK_INT(res.words.n_operands, 0);
		for (; rows[i].command[n]; n++)
			CHECK_STR(res.words.command[n], rows[i].command[n]);
		CHECK_INT(res.words.n_command, n);
		drop(&res);
	}
}

TEST_MAIN()
