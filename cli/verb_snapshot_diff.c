#include "cli/report.h"
#include "runtime/snapshot_verbs.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

static const struct column items[] = {
	{"path", "PATH", COLUMN_TEXT, false, 0}, /* the first is what -q prints */
	{"change", "CHANGE", COLUMN_TEXT, true, 0},
	{"path", "PATH", COLUMN_TEXT, true, 0},
};
static const struct columns known = {items, ARRAY_LEN(items)};

/* A name need not be UTF-8, which JSON must be: such bytes become \xNN, as in a table. */
static json_t *path_to_json(const char *path)
{
	autostr struct strbuf s = {0};
	json_t *plain = json_string(path);
	if (plain)
		return plain;
	str_add_escaped(&s, path, strlen(path));
	return s.failed ? NULL : json_string(s.buf);
}

static int add_row(void *arg, char change, const char *path, struct err *e)
{
	const char word[2] = {change, '\0'};
	json_t *text = path_to_json(path);
	json_t *row = text ? json_pack("{s:s, s:o}", "change", word, "path", text) : NULL;
	if (!row || json_array_append_new(arg, row) < 0)
		return err_nomem(e);
	return 0;
}

static int run(struct cli *c)
{
	struct err e = {0};
	struct output_query *q = NULL;
	const char *zone = c->words.operands[0];
	if (output_query_make(&c->out, known, &q, &e) < 0)
		return report_usage(c, &e);
	const struct store *s = cli_store(c, &e);
	const char *to = c->words.n_operands > 2 ? c->words.operands[2] : NULL;
	json_t *rows = json_array();
	int r = s ? zone_snapshot_diff(s, zone, c->words.operands[1], to, add_row, rows, &e) : -1;
	if (r == 0)
		r = output_print(q, rows, stdout, &e);
	json_decref(rows);
	output_query_free(q);
	return r < 0 ? report_error(c, zone, &e) : 0;
}

static const struct verb_example examples[] = {
	{"cella snapshot diff web1 before-upgrade", "what changed since"},
	{"cella snapshot diff web1 v1 v2", "what changed between"},
	{"cella snapshot diff web1 v1 --filter change=D -q", "what was deleted, paths only"},
	{0},
};

const struct verb verb_snapshot_diff = {
	.name = "snapshot diff",
	.synopsis = "[OPTIONS] ZONE FROM [TO]",
	.summary = "show what changed since a snapshot, or between two",
	.description =
		"One row per path: A added, M changed, D deleted, on the way from snapshot FROM to "
		"snapshot TO, or to the zone as it is now, which may run. M means content, owner, "
		"mode, attributes, kind, or the time of a file; the times of directories do not "
		"count. Of a directory that came or went everything in it is listed too. Only layers "
		"that the two do not share are read, so the cost grows with what changed.",
	.exit_notes = "3 if there is no such snapshot.",
	.examples = examples,
	.topic = TOPIC_ZONES,
	.flags = VERB_READS,
	.min_operands = 2,
	.max_operands = 3,
	.run = run,
};
