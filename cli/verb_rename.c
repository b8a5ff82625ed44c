#include "cli/report.h"
#include "runtime/lifecycle.h"

static int run(struct cli *c)
{
	struct err e = {0};
	const struct store *s = cli_store(c, &e);
	if (!s || zone_rename(s, c->words.operands[0], c->words.operands[1], &e) < 0)
		return report_error(c, c->words.operands[0], &e);
	return 0;
}

static const struct verb_example examples[] = {
	{"cella rename web1 web-old", "the zone, its log and its host name"},
	{0},
};

const struct verb verb_rename = {
	.name = "rename",
	.synopsis = "[OPTIONS] OLD NEW",
	.summary = "give a zone another name",
	.description =
		"Renames a stopped zone. Everything that was assigned to it stays: addresses, "
		"ids, clones of it.",
	.exit_notes = "4 if the zone runs or NEW exists.",
	.examples = examples,
	.topic = TOPIC_ZONES,
	.min_operands = 2,
	.max_operands = 2,
	.run = run,
};
