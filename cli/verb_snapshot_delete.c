#include "cli/confirm.h"
#include "cli/report.h"
#include "base/str.h"
#include "runtime/snapshot_verbs.h"

struct delete_values {
	bool force;
};

static const struct opt options[] = {
	{"force", 'f', OPT_FLAG, NULL, "do not ask", offsetof(struct delete_values, force), 0,
		NULL},
	{0},
};

static int ask(const struct cli *c, struct err *e)
{
	autostr struct strbuf s = {0};
	size_t n = c->words.n_operands;
	str_add(&s, n == 2 ? "delete snapshot " : "delete snapshots ");
	for (size_t i = 1; i < n; i++) {
		str_add(&s, i > 1 ? ", '" : "'");
		str_add_escaped(&s, c->words.operands[i], 80);
		str_add(&s, "'");
	}
	str_add(&s, " of zone '");
	str_add_escaped(&s, c->words.operands[0], 80);
	str_add(&s, "'");
	return s.failed ? err_nomem(e) : confirm(s.buf, e);
}

static int run(struct cli *c)
{
	const struct delete_values *v = c->values;
	struct err e = {0};
	const char *zone = c->words.operands[0];
	const struct store *s = cli_store(c, &e);
	size_t done = 0, n = c->words.n_operands - 1;
	int code = 0;
	if (!s || (!v->force && ask(c, &e) < 0))
		return report_error(c, zone, &e);
	for (size_t i = 0; i < n; i++)
		if (zone_snapshot_delete(s, zone, c->words.operands[i + 1], &e) < 0)
			code = report_error(c, zone, &e);
		else
			done++;
	return code && n > 1 && done ? (int)ERR_PARTLY : code;
}

static const struct verb_example examples[] = {
	{"cella snapshot delete web1 before-upgrade", "asks first"},
	{"cella snapshot delete --force web1 v1 v2", "several, without asking"},
	{0},
};

const struct verb verb_snapshot_delete = {
	.name = "snapshot delete",
	.synopsis = "[OPTIONS] ZONE NAME...",
	.summary = "forget snapshots of a zone",
	.description =
		"What grew from a deleted snapshot now stands below that one's parent; nothing but "
		"the name and what only it held is lost. Neither the zone, which may run, nor its "
		"clones nor other snapshots notice. Asks on a terminal; without one it refuses "
		"unless --force is given.",
	.exit_notes = "2 without --force and without a terminal; 9 if some of several failed.",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct delete_values),
	.topic = TOPIC_ZONES,
	.min_operands = 2,
	.max_operands = VERB_ANY,
	.run = run,
};
