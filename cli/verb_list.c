#include "cli/names.h"
#include "cli/report.h"
#include "cli/zone_columns.h"
#include "runtime/inspect.h"

/* Rows of the zones that the operands mean; without any, all of them. */
static int make_rows(struct cli *c, unsigned want, json_t **ret, struct err *e)
{
	autonames struct names names = {0};
	const struct store *s = cli_store(c, e);
	if (!s)
		return -1;
	if (!c->words.n_operands && !c->groups.n)
		return inspect_all(s, want, ret, e);
	if (names_resolve(c, c->words.operands, c->words.n_operands, &names, e) < 0)
		return -1;
	json_t *rows = json_array();
	for (size_t i = 0; rows && i < names.n; i++) {
		json_t *row = NULL;
		if (inspect_zone(s, names.items[i], want, &row, e) < 0) {
			json_decref(rows);
			return -1;
		}
		(void)json_array_append_new(rows, row);
	}
	*ret = rows;
	return rows ? 0 : err_nomem(e);
}

/* A broken zone shows no more than that in the table; why is said beside it. */
static void explain_broken(const struct cli *c, json_t *rows)
{
	for (size_t i = 0; c->out.format == OUTPUT_TABLE && i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const char *why = json_string_value(json_object_get(row, "error"));
		if (why)
			report_note(c, "zone '%s' is %s: %s",
				json_string_value(json_object_get(row, "name")),
				json_string_value(json_object_get(row, "state")), why);
	}
}

static int run(struct cli *c)
{
	struct err e = {0};
	struct output_query *q = NULL;
	json_t *rows = NULL;
	int code = 0;
	if (output_query_make(&c->out, zone_columns_list, &q, &e) < 0)
		return report_usage(c, &e);
	unsigned want = INSPECT_BASIC | output_query_wants(q);
	/* Without a choice these formats tell all that costs no walk. */
	if (output_is_json(&c->out) && !c->out.columns)
		want |= INSPECT_DETAILS | INSPECT_RESOURCES;
	if (make_rows(c, want, &rows, &e) < 0 || output_print(q, rows, stdout, &e) < 0)
		code = report_error(c, NULL, &e);
	else
		explain_broken(c, rows);
	json_decref(rows);
	output_query_free(q);
	return code;
}

static const char *const aliases[] = {"ls", NULL};
static const struct verb_example examples[] = {
	{"cella list", "every zone, stopped ones too"},
	{"cella list -q --filter state=running", "names of those that run"},
	{"cella list -o name,memory_current,labels.env -s -memory_current",
		"who needs most memory"},
	{"cella list --json | jq '.[].address4'", "for programs"},
	{0},
};

const struct verb verb_list = {
	.name = "list",
	.aliases = aliases,
	.synopsis = "[OPTIONS] [NAME...]",
	.summary = "show zones in a table",
	.description =
		"One row per zone. A zone whose files are damaged is in the list as \"broken\", one "
		"whose making was interrupted as \"incomplete\"; neither hides the others. States: "
		"stopped, starting, running, unwatched (running, its keeper is gone), stopping, restarting, "
		"crashed, broken, incomplete.\n\n"
		"Columns: every member of the JSON form, and paths into it such as labels.env. "
		"disk_bytes walks the zone's files unless it has root.quota, so it is only found out when asked for. In JSON "
		"and CSV sizes are bytes and times RFC 3339 in UTC.",
	.examples = examples,
	.topic = TOPIC_LOOK,
	.flags = VERB_READS | VERB_SELECTS,
	.max_operands = VERB_ANY,
	.run = run,
};
