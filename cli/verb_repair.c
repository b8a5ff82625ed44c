#include "cli/bulk.h"
#include "cli/report.h"
#include "runtime/lifecycle.h"

static void say(void *arg, const char *text)
{
	report_note(arg, "%s", text);
}

static int repair_one(struct cli *c, const char *name, json_t *result, struct err *e)
{
	const struct store *s = cli_store(c, e);
	(void)json_object_del(result, "changed");
	return s ? zone_repair(s, name, say, c, e) : -1;
}

static int run(struct cli *c)
{
	struct err e = {0};
	if (c->words.n_operands || c->groups.n)
		return bulk_run(c, repair_one);
	const struct store *s = cli_store(c, &e);
	if (!s || zone_repair(s, NULL, say, c, &e) < 0)
		return report_error(c, NULL, &e);
	return 0;
}

static const struct verb_example examples[] = {
	{"cella repair", "the whole store"},
	{"cella repair web1", "one zone"},
	{0},
};

const struct verb verb_repair = {
	.name = "repair",
	.synopsis = "[OPTIONS] [NAME...]",
	.summary = "clean up after a crash",
	.description =
		"Finishes or undoes what an interrupted command left, removes what a zone left that "
		"did not end in good order, and takes care again of a running zone whose keeper is "
		"gone. Without names, or with --all, also of what belongs to no zone: half-made "
		"zones, unused layers, claims. Says what it does on stderr. A zone that is fine is "
		"left alone.",
	.examples = examples,
	.topic = TOPIC_RUNNING,
	.flags = VERB_SELECTS,
	.max_operands = VERB_ANY,
	.run = run,
};
