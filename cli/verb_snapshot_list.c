#include "cli/report.h"
#include "cli/snapshot_columns.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "runtime/snapshot_verbs.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* The first is what -q prints. */
static const struct column list_items[] = {
	{"name", "NAME", COLUMN_TEXT, false, 0},
	{"tree", "SNAPSHOT", COLUMN_TEXT, true, 0},
	{"age", "AGE", COLUMN_TEXT, true, 0},
	{"bytes", "SIZE", COLUMN_BYTES, true, SNAPSHOT_SIZES},
	{"description", "DESCRIPTION", COLUMN_TEXT, true, 0},
	{"parent", "PARENT", COLUMN_TEXT, false, 0},
	{"created", "CREATED", COLUMN_TIME, false, 0},
	{"present", "PRESENT", COLUMN_TEXT, false, 0},
	{"of_running", "OF_RUNNING", COLUMN_TEXT, false, 0},
	{"depth", "DEPTH", COLUMN_NUMBER, false, 0},
	{"state", "STATE", COLUMN_TEXT, false, 0},
	{"layers", "LAYERS", COLUMN_TEXT, false, 0},
	{"zone", "ZONE", COLUMN_TEXT, false, 0},
};
const struct columns snapshot_columns_list = {list_items, ARRAY_LEN(list_items)};
static const struct column show_items[] = {
	{"name", "Name", COLUMN_TEXT, true, 0},
	{"zone", "Zone", COLUMN_TEXT, true, 0},
	{"parent", "Parent", COLUMN_TEXT, true, 0},
	{"created", "Created", COLUMN_TIME, true, 0},
	{"present", "Present", COLUMN_TEXT, true, 0},
	{"bytes", "Size", COLUMN_BYTES, true, SNAPSHOT_SIZES},
	{"of_running", "Of running", COLUMN_TEXT, true, 0},
	{"description", "Description", COLUMN_TEXT, true, 0},
	{"state", "State", COLUMN_TEXT, true, 0},
	{"layers", "Layers", COLUMN_TEXT, true, 0},
	{"depth", "Depth", COLUMN_NUMBER, false, 0},
};
const struct columns snapshot_columns_show = {show_items, ARRAY_LEN(show_items)};

/* ---- the tree ---- */

static size_t depth_of(const json_t *row)
{
	return (size_t)json_integer_value(json_object_get(row, "depth"));
}

/* Is there another child of the same parent below? Of the ancestor at `depth` on the way to `i`. */
static bool goes_on(const json_t *rows, size_t i, size_t depth)
{
	for (size_t k = i + 1; k < json_array_size(rows); k++) {
		size_t d = depth_of(json_array_get(rows, k));
		if (d <= depth)
			return d == depth;
	}
	return false;
}

static char *draw(const json_t *rows, size_t i, struct err *e)
{
	autostr struct strbuf s = {0};
	const json_t *row = json_array_get(rows, i);
	size_t depth = depth_of(row);
	for (size_t d = 1; d < depth; d++)
		str_add(&s, goes_on(rows, i, d) ? "|  " : "   ");
	if (depth)
		str_add(&s, goes_on(rows, i, depth) ? "|- " : "`- ");
	str_add(&s, json_string_value(json_object_get(row, "name")));
	if (json_is_true(json_object_get(row, "present")))
		str_add(&s, " *");
	if (!str_eq(json_string_value(json_object_get(row, "state")), "ok"))
		str_add(&s, " (broken)");
	return str_finish(&s, e);
}

/* "3m", "5h", "12d" */
static void age_of(const json_t *row, char out[24])
{
	struct tm t = {0};
	const char *created = json_string_value(json_object_get(row, "created"));
	int64_t now = clock_real_ns() / 1000000000, age;
	out[0] = '\0';
	if (!created || !strptime(created, "%Y-%m-%dT%H:%M:%S", &t))
		return;
	age = now - (int64_t)timegm(&t);
	if (age < 0)
		age = 0;
	if (age < 60)
		(void)snprintf(out, 24, "%llds", (long long)age);
	else if (age < 3600)
		(void)snprintf(out, 24, "%lldm", (long long)age / 60);
	else if (age < 86400)
		(void)snprintf(out, 24, "%lldh", (long long)age / 3600);
	else
		(void)snprintf(out, 24, "%lldd", (long long)age / 86400);
}

/* For people only: programs have parent and created. */
static int add_for_people(json_t *rows, struct err *e)
{
	for (size_t i = 0; i < json_array_size(rows); i++) {
		char age[24];
		json_t *row = json_array_get(rows, i);
		autofree char *tree = draw(rows, i, e);
		if (!tree)
			return -1;
		age_of(row, age);
		if (json_object_set_new(row, "tree", json_string(tree)) < 0 ||
			json_object_set_new(row, "age", json_string(age)) < 0)
			return err_nomem(e);
	}
	return 0;
}

static int run(struct cli *c)
{
	struct err e = {0};
	struct output_query *q = NULL;
	json_t *rows = NULL;
	const char *zone = c->words.operands[0];
	if (output_query_make(&c->out, snapshot_columns_list, &q, &e) < 0)
		return report_usage(c, &e);
	const struct store *s = cli_store(c, &e);
	bool sizes = output_query_wants(q) & SNAPSHOT_SIZES;
	int r = s ? snapshot_rows(s, zone, sizes, &rows, &e) : -1;
	if (r == 0 && c->out.format == OUTPUT_TABLE)
		r = add_for_people(rows, &e);
	if (r == 0)
		r = output_print(q, rows, stdout, &e);
	json_decref(rows);
	output_query_free(q);
	return r < 0 ? report_error(c, zone, &e) : 0;
}

static const struct verb_example examples[] = {
	{"cella snapshot list web1", "the tree; * is where the zone is now"},
	{"cella snapshot list web1 -q", "names only"},
	{"cella snapshot list web1 --json | jq '.[] | select(.present)'", "for programs"},
	{0},
};

const struct verb verb_snapshot_list = {
	.name = "snapshot list",
	.synopsis = "[OPTIONS] ZONE",
	.summary = "show a zone's snapshots as a tree",
	.description =
		"Every snapshot stands below the one that it grew from; * marks the one that the "
		"zone's present state grew from. SIZE is what a snapshot holds that its parent does "
		"not. In JSON and CSV there are parent, created and bytes instead of the drawing.",
	.examples = examples,
	.topic = TOPIC_ZONES,
	.flags = VERB_READS,
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
