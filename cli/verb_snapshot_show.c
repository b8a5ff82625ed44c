#include "cli/report.h"
#include "cli/snapshot_columns.h"
#include "base/str.h"
#include "runtime/snapshot_verbs.h"

#include <stdio.h>

/* Leaves only the row of that name. */
static int select_one(json_t *rows, const char *zone, const char *name, struct err *e)
{
	for (size_t i = json_array_size(rows); i-- > 0;)
		if (!str_eq(json_string_value(json_object_get(json_array_get(rows, i), "name")),
			    name))
			(void)json_array_remove(rows, i);
	if (json_array_size(rows))
		return 0;
	err_set(e, ERR_NOT_FOUND, "zone '%s' has no snapshot '%.80s'", zone, name);
	return err_hint(e, "`cella snapshot list %s` shows those that it has", zone);
}

static int run(struct cli *c)
{
	struct err e = {0};
	struct output_query *q = NULL;
	json_t *rows = NULL;
	const char *zone = c->words.operands[0];
	if (output_query_make(&c->out, snapshot_columns_show, &q, &e) < 0)
		return report_usage(c, &e);
	const struct store *s = cli_store(c, &e);
	int r = s ? snapshot_rows(s, zone, !c->out.quiet, &rows, &e) : -1;
	if (r == 0)
		r = select_one(rows, zone, c->words.operands[1], &e);
	if (r == 0)
		r = output_print_records(q, rows, true, stdout, &e);
	json_decref(rows);
	output_query_free(q);
	return r < 0 ? report_error(c, zone, &e) : 0;
}

static const struct verb_example examples[] = {
	{"cella snapshot show web1 before-upgrade", "all that is known of it"},
	{0},
};

const struct verb verb_snapshot_show = {
	.name = "snapshot show",
	.synopsis = "[OPTIONS] ZONE NAME",
	.summary = "show one snapshot of a zone",
	.description =
		"Parent, time, description, own size and layers. `cella snapshot diff` lists "
		"its files, `cella snapshot mount` shows them.",
	.examples = examples,
	.topic = TOPIC_ZONES,
	.flags = VERB_READS,
	.min_operands = 2,
	.max_operands = 2,
	.run = run,
};
