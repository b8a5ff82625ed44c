#include "cli/report.h"
#include "base/mem.h"
#include "base/str.h"
#include "runtime/inspect.h"

static const struct column items[] = {
	{"check", "CHECK", COLUMN_TEXT, true, 0},
	{"state", "STATE", COLUMN_TEXT, true, 0},
	{"found", "FOUND", COLUMN_TEXT, true, 0},
	{"needed", "NEEDED", COLUMN_TEXT, true, 0},
	{"hint", "HINT", COLUMN_TEXT, true, 0},
};
static const struct columns columns = {items, ARRAY_LEN(items)};

static bool is_missing(const json_t *rows)
{
	for (size_t i = 0; i < json_array_size(rows); i++)
		if (str_eq(json_string_value(json_object_get(json_array_get(rows, i), "state")),
			    "missing"))
			return true;
	return false;
}

static int run(struct cli *c)
{
	struct err e = {0};
	struct output_query *q = NULL;
	json_t *rows = NULL;
	if (output_query_make(&c->out, columns, &q, &e) < 0)
		return report_usage(c, &e);
	const struct store *s = cli_store(c, &e);
	int r = s ? inspect_host(s, &rows, &e) : -1;
	if (r == 0)
		r = output_print(q, rows, stdout, &e);
	int code = r < 0 ? report_error(c, NULL, &e) : is_missing(rows) ? (int)ERR_HOST : 0;
	json_decref(rows);
	output_query_free(q);
	return code;
}

static const struct verb_example examples[] = {
	{"cella host check", "everything"},
	{"cella host check --filter state!=ok", "what needs attention"},
	{0},
};

const struct verb verb_host_check = {
	.name = "host check",
	.synopsis = "[OPTIONS]",
	.summary = "see whether this host can run zones",
	.description =
		"Tries what zones need of the kernel and the host, and says what is missing and what "
		"to do about it. \"warn\" is something that works less well or that only some zones "
		"need.",
	.exit_notes = "7 if something that every zone needs is missing.",
	.examples = examples,
	.topic = TOPIC_HOST,
	.flags = VERB_READS,
	.run = run,
};
