#include "cli/report.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/units.h"
#include "runtime/host_layers.h"

#include <string.h>

static bool has(const json_t *row, const char *key, const char *value)
{
	return str_eq(json_string_value(json_object_get(row, key)), value);
}

/* ---- gc ---- */

struct gc_values {
	bool dry_run;
};
static const struct opt gc_options[] = {
	{"dry-run", 'n', OPT_FLAG, NULL, "say what would be removed, and remove nothing",
		offsetof(struct gc_values, dry_run), 0, NULL},
	{0},
};

static const struct column gc_items[] = {
	{"kind", "KIND", COLUMN_TEXT, true, 0},
	{"name", "NAME", COLUMN_TEXT, true, 0},
	{"bytes", "SIZE", COLUMN_BYTES, true, 0},
	{"removed", "REMOVED", COLUMN_TEXT, true, 0},
};
static const struct columns gc_columns = {gc_items, ARRAY_LEN(gc_items)};

static void sum_up(const struct cli *c, const json_t *rows, bool dry_run)
{
	char size[UNITS_SIZE];
	size_t i, n = 0;
	json_t *row;
	uint64_t bytes = 0;
	json_array_foreach(rows, i, row)
	{
		if (!dry_run && !json_is_true(json_object_get(row, "removed")))
			continue;
		n++;
		bytes += (uint64_t)json_integer_value(json_object_get(row, "bytes"));
	}
	if (c->out.format == OUTPUT_TABLE && !c->out.quiet)
		report_note(c, "%s %zu things, %s", dry_run ? "would remove" : "removed", n,
			units_print_human(size, bytes));
}

static int run_gc(struct cli *c)
{
	const struct gc_values *v = c->values;
	struct err e = {0};
	struct output_query *q = NULL;
	json_t *rows = NULL;
	if (output_query_make(&c->out, gc_columns, &q, &e) < 0)
		return report_usage(c, &e);
	const struct store *s = cli_store(c, &e);
	int code = 0;
	if (!s || host_gc(s, v->dry_run, &rows, &e) < 0 || output_print(q, rows, stdout, &e) < 0)
		code = report_error(c, NULL, &e);
	else
		sum_up(c, rows, v->dry_run);
	json_decref(rows);
	output_query_free(q);
	return code;
}

static const struct verb_example gc_examples[] = {
	{"cella host gc --dry-run", "what is there that nothing uses"},
	{"cella host gc", "remove it"},
	{0},
};

const struct verb verb_host_gc = {
	.name = "host gc",
	.synopsis = "[OPTIONS]",
	.summary = "remove what nothing in the store uses",
	.description =
		"Layers go with the last zone, snapshot or image that uses them, so there is mostly "
		"nothing to do. What a command that was killed has left is found here: directories "
		"in staging that no process owns, layers without an owner, and claims of ids and "
		"addresses whose zone is gone. What belongs to a command at work is left alone, so "
		"it may run at any time. SIZE is what it takes on the disk.\n\n"
		"`cella repair` does the same and mends zones as well.",
	.exit_notes = "1 if the record of a zone or an image cannot be read: then nobody can say "
		      "whose things are, and nothing is removed.",
	.examples = gc_examples,
	.options = gc_options,
	.values_size = sizeof(struct gc_values),
	.topic = TOPIC_HOST,
	.flags = VERB_READS,
	.run = run_gc,
};

/* ---- verify ---- */

static const struct column verify_items[] = {
	{"layer", "LAYER", COLUMN_TEXT, true, 0},
	{"state", "STATE", COLUMN_TEXT, true, 0},
	{"found", "FOUND", COLUMN_TEXT, true, 0},
	{"kind", "KIND", COLUMN_TEXT, false, 0},
	{"source", "SOURCE", COLUMN_TEXT, true, 0},
	{"bytes", "SIZE", COLUMN_BYTES, false, 0},
	{"created", "CREATED", COLUMN_TIME, false, 0},
};
static const struct columns verify_columns = {verify_items, ARRAY_LEN(verify_items)};

/* The first that is not what it was, as an error; 0 when there is none. */
static int judge(const json_t *rows, struct err *e)
{
	size_t i, bad = 0;
	json_t *row;
	const json_t *first = NULL;
	json_array_foreach(rows, i, row)
	{
		if (!has(row, "state", "changed") && !has(row, "state", "unreadable"))
			continue;
		first = first ? first : row;
		bad++;
	}
	if (!first)
		return 0;
	const char *found = json_string_value(json_object_get(first, "found"));
	err_set(e, ERR_FAILED, "layer '%s': %s", json_string_value(json_object_get(first, "layer")),
		found ? found : "");
	if (bad > 1)
		err_hint(e, "%zu layers in all are not what they were", bad);
	return -1;
}

static int run_verify(struct cli *c)
{
	struct err e = {0};
	struct output_query *q = NULL;
	json_t *rows = NULL;
	if (output_query_make(&c->out, verify_columns, &q, &e) < 0)
		return report_usage(c, &e);
	const struct store *s = cli_store(c, &e);
	int r = s ? host_verify(s, c->words.operands, c->words.n_operands, &rows, &e) : -1;
	if (r == 0)
		r = output_print(q, rows, stdout, &e);
	if (r == 0)
		r = judge(rows, &e);
	json_decref(rows);
	output_query_free(q);
	return r < 0 ? report_error(c, NULL, &e) : 0;
}

static const struct verb_example verify_examples[] = {
	{"cella host verify", "every layer"},
	{"cella host verify 8a3a6263", "one, by the first digits of its id"},
	{"cella host verify -q --filter state!=ok", "those that are not known to be sound"},
	{0},
};

const struct verb verb_host_verify = {
	.name = "host verify",
	.synopsis = "[OPTIONS] [LAYER...]",
	.summary = "check layers against their digests",
	.description =
		"Reads layers and compares them with the digests that were made when they were "
		"imported: names and types, owners and modes, content, extended attributes. For one "
		"that has changed the first of these that differs is told. Layers that were a zone's "
		"writable directory (clones, snapshots, published images) were never digested and "
		"are \"unknown\".",
	.exit_notes = "1 if a layer is not what it was; 3 if there is no such layer.",
	.examples = verify_examples,
	.topic = TOPIC_HOST,
	.flags = VERB_READS,
	.max_operands = VERB_ANY,
	.run = run_verify,
};
