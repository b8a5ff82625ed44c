#include "cli/report.h"
#include "base/mem.h"
#include "runtime/plan.h"

static int run(struct cli *c)
{
	struct err e = {0};
	const char *name = c->words.operands[0];
	json_t *json = NULL;
	autofree char *text = NULL;
	const struct store *s = cli_store(c, &e);
	if (!s || plan_show(s, name, &json, &text, &e) < 0)
		return report_error(c, name, &e);
	int r = 0;
	if (output_is_json(&c->out))
		r = output_print_json(json, stdout, &e);
	else
		(void)fputs(text, stdout);
	json_decref(json);
	return r < 0 ? report_error(c, name, &e) : 0;
}

static const struct verb_example examples[] = {
	{"cella plan web1", "as text, in the order of a start"},
	{"cella plan -j web1 | jq .mounts", "as JSON"},
	{0},
};

const struct verb verb_plan = {
	.name = "plan",
	.synopsis = "[OPTIONS] NAME",
	.summary = "show what a start would do",
	.description = "Resolves the spec against this host and prints every decision: namespaces, "
		       "ids, mounts, capabilities, limits, network, init. Changes nothing; a start "
		       "does exactly this.",
	.exit_notes = "2 or 7 if the zone could not be started as its spec asks, naming the field.",
	.examples = examples,
	.topic = TOPIC_SPEC,
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
