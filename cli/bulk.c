#include "cli/bulk.h"
#include "cli/report.h"
#include "base/mem.h"

static const struct column result_columns[] = {
	{"name", "NAME", COLUMN_TEXT, true, 0},
	{"changed", "CHANGED", COLUMN_TEXT, true, 0},
};

/* A table of what went well would tell nothing new: only the formats for programs print results. */
static int print_results(struct cli *c, json_t *results, struct err *e)
{
	struct output_query *q;
	struct output_options o = {.format = c->out.format};
	if (c->out.format == OUTPUT_TABLE)
		return 0;
	if (output_query_make(
		    &o, (struct columns){result_columns, ARRAY_LEN(result_columns)}, &q, e) < 0)
		return -1;
	int r = output_print(q, results, stdout, e);
	output_query_free(q);
	return r;
}

int bulk_run_names(struct cli *c, const struct names *names, bulk_fn each)
{
	struct err e = {0};
	int code = 0;
	json_t *results = json_array();
	for (size_t i = 0; results && i < names->n; i++) {
		struct err why = {0};
		json_t *result = json_pack("{s:s, s:b}", "name", names->items[i], "changed", 1);
		int r = result ? each(c, names->items[i], result, &why) : err_nomem(&why);
		if (r < 0) {
			int own = report_error(c, names->items[i], &why);
			code = names->n == 1 ? own : ERR_PARTLY;
			json_decref(result);
		} else if (json_array_append_new(results, result) < 0) {
			code = ERR_FAILED;
		}
	}
	if (!results)
		err_nomem(&e);
	if ((!results || print_results(c, results, &e) < 0) && code == 0)
		code = report_error(c, NULL, &e);
	json_decref(results);
	return code;
}

int bulk_run(struct cli *c, bulk_fn each)
{
	struct err e = {0};
	autonames struct names names = {0};
	if (names_resolve(c, c->words.operands, c->words.n_operands, &names, &e) < 0)
		return e.cls == ERR_USAGE ? report_usage(c, &e) : report_error(c, NULL, &e);
	return bulk_run_names(c, &names, each);
}
