/* Columns, filters, sorting, and the four formats. */
#include "cli/output.h"
#include "base/mem.h"
#include "tests/unit/test.h"

#include <stdlib.h>

static const struct column items[] = {
	{"name", "NAME", COLUMN_TEXT, true, 0},
	{"state", "STATE", COLUMN_TEXT, true, 0},
	{"memory", "MEMORY", COLUMN_BYTES, true, 2},
	{"cpu", "CPU", COLUMN_USEC, false, 2},
	{"started", "STARTED", COLUMN_TIME, false, 0},
	{"labels", "LABELS", COLUMN_TEXT, false, 0},
	{"groups", "GROUPS", COLUMN_TEXT, false, 0},
	{"disk", "DISK", COLUMN_BYTES, false, 4},
};
static const struct columns columns = {items, ARRAY_LEN(items)};
static const char rows_text[] =
	"[{\"name\":\"web10\",\"state\":\"running\",\"memory\":1048576,\"cpu\":1500000,"
	"\"started\":\"2026-11-21T06:36:48.123Z\",\"labels\":{\"env\":\"prod\",\"a.b/c\":\"x\"},"
	"\"groups\":[\"shop\",\"edge\"]},"
	"{\"name\":\"web2\",\"state\":\"stopped\",\"memory\":null,\"labels\":{},\"groups\":[]},"
	"{\"name\":\"db\",\"state\":\"running\",\"memory\":999,\"labels\":{\"env\":\"a,\\\"b\\\"\"},"
	"\"groups\":[\"shop\"]}]";

/* What is printed, or the error's message. Static. */
static const char *print_rows(const struct output_options *o, const char *text, bool records)
{
	static char out[4096];
	struct err e = {0};
	struct output_query *q = NULL;
	json_t *rows = json_loads(text, 0, NULL);
	FILE *to = fmemopen(out, sizeof out, "w");
	out[0] = '\0';
	int r = output_query_make(o, columns, &q, &e);
	if (r == 0)
		r = records ? output_print_records(q, rows, true, to, &e)
			    : output_print(q, rows, to, &e);
	(void)fclose(to);
	output_query_free(q);
	json_decref(rows);
	if (r < 0)
		(void)snprintf(out, sizeof out, "%s|%s", e.msg, e.hint);
	return out;
}

#define PRINT(...) print_rows(&(struct output_options){__VA_ARGS__}, rows_text, false)

TEST(table)
{
	CHECK_STR(PRINT(.format = OUTPUT_TABLE), "NAME   STATE    MEMORY\n"
						 "web10  running    1.0M\n"
						 "web2   stopped       -\n"
						 "db     running     999\n");
	CHECK_STR(PRINT(.no_header = true, .columns = "state,name"), "running  web10\n"
								     "stopped  web2\n"
								     "running  db\n");
	CHECK_STR(PRINT(.columns = "cpu,started,labels.env"),
		"  CPU  STARTED               LABELS.ENV\n"
		"1.50s  2026-11-21T06:36:48Z  prod\n"
		"    -  -                     -\n"
		"    -  -                     a,\"b\"\n");
}

TEST(more_columns)
{
	CHECK_STR(PRINT(.columns = "+groups", .filters = {(const char *[]){"name=db", NULL}, 1}),
		"NAME  STATE    MEMORY  GROUPS\ndb    running     999  shop\n");
}

TEST(quiet_and_empty)
{
	CHECK_STR(PRINT(.quiet = true), "web10\nweb2\ndb\n");
	struct output_options o = {.format = OUTPUT_JSON};
	CHECK_STR(print_rows(&o, "[]", false), "[]\n");
	o.format = OUTPUT_JSONL;
	CHECK_STR(print_rows(&o, "[]", false), "");
	o.format = OUTPUT_TABLE;
	CHECK_STR(print_rows(&o, "[]", false), "NAME  STATE  MEMORY\n");
}

TEST(csv)
{
	CHECK_STR(PRINT(.format = OUTPUT_CSV, .columns = "name,memory,labels.env"),
		"name,memory,labels.env\n"
		"web10,1048576,prod\n"
		"web2,,\n"
		"db,999,\"a,\"\"b\"\"\"\n");
	CHECK_STR(PRINT(.format = OUTPUT_CSV, .columns = "groups", .no_header = true),
		"\"shop,edge\"\n\nshop\n");
}

TEST(json)
{
	CHECK_STR(PRINT(.format = OUTPUT_JSONL, .columns = "name,memory,labels.a.b/c"),
		"{\"name\":\"web10\",\"memory\":1048576,\"labels.a.b/c\":\"x\"}\n"
		"{\"name\":\"web2\",\"memory\":null,\"labels.a.b/c\":null}\n"
		"{\"name\":\"db\",\"memory\":999,\"labels.a.b/c\":null}\n");
	struct output_options o = {.format = OUTPUT_JSON};
	CHECK_STR(print_rows(&o, "[{\"name\":\"a\"}]", false),
		"[\n  {\n    \"name\": \"a\"\n  }\n]\n");
	CHECK_STR(print_rows(&o, "[{\"name\":\"a\"}]", true), "{\n  \"name\": \"a\"\n}\n");
}

/* Nothing that a zone says acts on the terminal. */
TEST(hostile)
{
	static const char rows[] = "[{\"name\":\"a\\u001b[2J\\u009b\\u202e\\n\"}]";
	struct output_options o = {.columns = "name", .no_header = true};
	CHECK_STR(print_rows(&o, rows, false), "a\\x1b[2J\\xc2\\x9b\\xe2\\x80\\xae\\x0a\n");
	o.format = OUTPUT_CSV;
	CHECK_STR(print_rows(&o, rows, false), "a\\x1b[2J\\xc2\\x9b\\xe2\\x80\\xae\\x0a\n");
	o.format = OUTPUT_JSONL;
	CHECK_STR(print_rows(&o, rows, false), "{\"name\":\"a\\u001B[2J\\u009B\\u202E\\n\"}\n");
}

TEST(sort)
{
	static const struct {
		const char *sort, *want;
	} rows[] = {
		{"name", "db\nweb2\nweb10\n"}, {"-name", "web10\nweb2\ndb\n"},
		{"memory", "db\nweb10\nweb2\n"},
		{"-memory", "web10\ndb\nweb2\n"}, /* what is absent comes last both ways */
		{"state,-name", "web10\ndb\nweb2\n"},
		{"state", "web10\ndb\nweb2\n"}, /* equals keep their order */
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_STR(PRINT(.quiet = true, .sort = rows[i].sort), rows[i].want);
}

TEST(filter)
{
	static const struct {
		const char *filters[3], *want;
	} rows[] = {
		{{"state=running"}, "web10\ndb\n"},
		{{"state=running,stopped"}, "web10\nweb2\ndb\n"},
		{{"state!=running"}, "web2\n"},
		{{"name~^web"}, "web10\nweb2\n"},
		{{"name!~^web"}, "db\n"},
		{{"name~^web", "state=running"}, "web10\n"},
		{{"labels.env=prod"}, "web10\n"},
		{{"labels.env="}, "web2\n"},
		{{"labels.a.b/c=x"}, "web10\n"},
		{{"groups=edge"}, "web10\n"},
		{{"groups!=edge"}, "web2\ndb\n"},
		{{"memory=999"}, "db\n"},
		{{"name~a=b"}, ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct output_options o = {.quiet = true, .filters = {.n = 0}};
		const char *list[3];
		for (; rows[i].filters[o.filters.n]; o.filters.n++)
			list[o.filters.n] = rows[i].filters[o.filters.n];
		o.filters.items = list;
		CHECK_STR(print_rows(&o, rows_text, false), rows[i].want);
	}
}

TEST(errors)
{
	CHECK_STR(PRINT(.columns = "nmae"), "no column 'nmae'|did you mean 'name'?");
	CHECK_STR(PRINT(.columns = "name,"),
		"no column ''|columns: name, state, memory, cpu, started, labels, groups, disk");
	CHECK_STR(PRINT(.sort = "-zzz"),
		"no column 'zzz'|columns: name, state, memory, cpu, started, labels, groups, disk");
	CHECK(strstr(PRINT(.filters = {(const char *[]){"state", NULL}, 1}),
		"'state' is not a filter|"));
	CHECK(strstr(PRINT(.filters = {(const char *[]){"=x", NULL}, 1}), "'=x' is not a filter|"));
	CHECK(strstr(PRINT(.filters = {(const char *[]){"name~[", NULL}, 1}),
		"'[' is not a regular expression: "));
}

/* Only what is needed is found out. */
TEST(wants)
{
	static const struct {
		struct output_options o;
		unsigned want;
	} rows[] = {
		{{.columns = "name"}, 0},
		{{.columns = NULL}, 2},
		{{.columns = "name", .sort = "-disk"}, 4},
		{{.columns = "+disk"}, 6},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = {0};
		struct output_query *q = NULL;
		CHECK_INT(output_query_make(&rows[i].o, columns, &q, &e), 0);
		CHECK_INT(output_query_wants(q), rows[i].want);
		output_query_free(q);
	}
}

TEST(full_disk)
{
	struct err e = {0};
	FILE *full = fopen("/dev/full", "w");
	if (!full)
		return;
	(void)fputs("x", full);
	CHECK_INT(output_finish(full, &e), -1);
	CHECK_STR(e.msg, "write the output: No space left on device");
	(void)fclose(full);
}

TEST_MAIN()
