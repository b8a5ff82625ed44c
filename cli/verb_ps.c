#include "cli/names.h"
#include "cli/report.h"
#include "base/mem.h"
#include "runtime/inspect.h"

static const struct column items[] = {
	{"pid", "PID", COLUMN_NUMBER, true, 0},
	{"zone", "ZONE", COLUMN_TEXT, true, 0},
	{"zone_pid", "ZPID", COLUMN_NUMBER, true, 0},
	{"uid", "UID", COLUMN_NUMBER, true, 0},
	{"state", "S", COLUMN_TEXT, true, 0},
	{"rss", "RSS", COLUMN_BYTES, true, 0},
	{"started", "STARTED", COLUMN_TIME, true, 0},
	{"comm", "COMM", COLUMN_TEXT, false, 0},
	{"args", "COMMAND", COLUMN_TEXT, true, 0},
};
static const struct columns columns = {items, ARRAY_LEN(items)};

static int add_zone(const struct store *s, const char *name, json_t *all, struct err *e)
{
	json_t *rows = NULL;
	if (inspect_processes(s, name, &rows, e) < 0)
		return -1;
	bool ok = true;
	for (size_t i = 0; ok && i < json_array_size(rows); i++) {
		json_t *row = json_array_get(rows, i);
		const char *args = json_string_value(json_object_get(row, "args"));
		ok = json_object_set_new(row, "zone", json_string(name)) == 0;
		/* As ps(1) has it: a process without arguments is shown by name. */
		if (ok && args && !args[0])
			ok = json_object_set(row, "args", json_object_get(row, "comm")) == 0;
		ok = ok && json_array_append(all, row) == 0;
	}
	json_decref(rows);
	return ok ? 0 : err_nomem(e);
}

/* Of several zones, one that does not run has no processes; of one alone that is an error. */
static int make_rows(struct cli *c, json_t *all, struct err *e)
{
	autonames struct names names = {0};
	const struct store *s = cli_store(c, e);
	if (!s || names_resolve(c, c->words.operands, c->words.n_operands, &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		if (add_zone(s, names.items[i], all, e) == 0)
			continue;
		if (names.is_single || e->cls != ERR_STATE)
			return -1;
		err_clear(e);
	}
	return 0;
}

static int run(struct cli *c)
{
	struct err e = {0};
	struct output_query *q = NULL;
	if (output_query_make(&c->out, columns, &q, &e) < 0)
		return report_usage(c, &e);
	json_t *rows = json_array();
	int r = rows ? make_rows(c, rows, &e) : err_nomem(&e);
	if (r == 0)
		r = output_print(q, rows, stdout, &e);
	json_decref(rows);
	output_query_free(q);
	return r < 0 ? report_error(c, NULL, &e) : 0;
}

static const struct verb_example examples[] = {
	{"cella ps web1", "its processes"},
	{"cella ps --all -s -rss", "those of every running zone, largest first"},
	{0},
};

const struct verb verb_ps = {
	.name = "ps",
	.synopsis = "[OPTIONS] NAME...",
	.summary = "show the processes of running zones",
	.description =
		"PID is the number on the host, ZPID the one in the zone; UID is the zone's. "
		"Names and arguments come from the zone: what could act on a terminal is "
		"written as \\xNN. -q prints host pids.",
	.exit_notes = "4 if the one zone that is named does not run.",
	.examples = examples,
	.topic = TOPIC_LOOK,
	.flags = VERB_READS | VERB_SELECTS,
	.min_operands = 1,
	.max_operands = VERB_ANY,
	.run = run,
};
