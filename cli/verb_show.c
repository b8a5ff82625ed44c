#include "cli/names.h"
#include "cli/report.h"
#include "cli/zone_columns.h"
#include "base/mem.h"
#include "runtime/inspect.h"
#include "specs/spec_json.h"

struct show_values {
	bool spec, expanded;
};
#define AT(member) offsetof(struct show_values, member)

static const struct opt options[] = {
	{"spec", 0, OPT_FLAG, NULL, "the spec as it was asked for, as JSON", AT(spec), 0, NULL},
	{"expanded", 0, OPT_FLAG, NULL, "the spec with every default filled in, as JSON",
		AT(expanded), 0, NULL},
	{0},
};

/* The specs themselves, one document after the other. */
static int print_specs(const json_t *rows, struct err *e)
{
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i), *spec = json_object_get(row, "spec");
		if (!spec) {
			const char *why = json_string_value(json_object_get(row, "error"));
			return err_set(e, ERR_FAILED, "zone '%s' has no readable spec: %s",
				json_string_value(json_object_get(row, "name")), why ? why : "");
		}
		autofree char *text = spec_text(spec, e);
		if (!text)
			return -1;
		(void)fputs(text, stdout);
	}
	return 0;
}

static int show(struct cli *c, const struct output_query *q, struct err *e)
{
	const struct show_values *v = c->values;
	autonames struct names names = {0};
	const struct store *s = cli_store(c, e);
	unsigned want = INSPECT_BASIC | INSPECT_DETAILS | INSPECT_RESOURCES | output_query_wants(q);
	want |= v->expanded ? (unsigned)INSPECT_EXPANDED : v->spec ? (unsigned)INSPECT_SPEC : 0;
	if (!s || names_resolve(c, c->words.operands, c->words.n_operands, &names, e) < 0)
		return -1;
	json_t *rows = json_array();
	int r = rows ? 0 : err_nomem(e);
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		json_t *row = NULL;
		r = inspect_zone(s, names.items[i], want, &row, e);
		if (r == 0 && json_array_append_new(rows, row) < 0)
			r = err_nomem(e);
	}
	if (r == 0 && (v->spec || v->expanded) && c->out.format == OUTPUT_TABLE)
		r = print_specs(rows, e);
	else if (r == 0)
		r = output_print_records(q, rows, names.is_single, stdout, e);
	json_decref(rows);
	return r;
}

static int run(struct cli *c)
{
	const struct show_values *v = c->values;
	struct err e = {0};
	struct output_query *q = NULL;
	if (v->spec && v->expanded) {
		err_set(&e, ERR_USAGE, "--spec and --expanded exclude each other");
		return report_usage(c, &e);
	}
	if (output_query_make(&c->out, zone_columns_show, &q, &e) < 0)
		return report_usage(c, &e);
	int code = show(c, q, &e) < 0 ? report_error(c, NULL, &e) : 0;
	output_query_free(q);
	return code;
}

static const char *const aliases[] = {"info", NULL};
static const struct verb_example examples[] = {
	{"cella show web1", "everything about one zone"},
	{"cella show --spec web1 >web.json", "its spec, to keep or to copy"},
	{"cella show --expanded web1", "its spec with every default"},
	{"cella show -H -o address4 web1", "one value"},
	{0},
};

const struct verb verb_show = {
	.name = "show",
	.aliases = aliases,
	.synopsis = "[OPTIONS] NAME...",
	.summary = "show everything about a zone",
	.description =
		"What was asked for, what was assigned and what is now, a line each. As JSON one zone "
		"that is named plainly is an object; several, or a glob, are an array. With --spec or "
		"--expanded and -j the spec is the member \"spec\".",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct show_values),
	.topic = TOPIC_LOOK,
	.flags = VERB_READS | VERB_SELECTS,
	.min_operands = 1,
	.max_operands = VERB_ANY,
	.run = run,
};
