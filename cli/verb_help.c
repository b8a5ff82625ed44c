#include "cli/help.h"
#include "cli/report.h"

static int run(struct cli *c)
{
	struct err e = {0};
	size_t used;
	const char *const *words = c->words.operands;
	if (!c->words.n_operands) {
		help_print_overview(stdout);
		return 0;
	}
	const struct verb *v = verb_find(words, c->words.n_operands, &used);
	if (v && used == c->words.n_operands) {
		help_print_verb(v, stdout);
		return 0;
	}
	if (v) {
		err_set(&e, ERR_USAGE, "help: one verb at a time");
		return report_usage(c, &e);
	}
	verb_unknown(words, c->words.n_operands, &e);
	return report_usage(c, &e);
}

static const struct verb_example examples[] = {
	{"cella help", "all verbs"},
	{"cella help start", "the same as cella start --help"},
	{0},
};

const struct verb verb_help = {
	.name = "help",
	.synopsis = "[VERB]",
	.summary = "explain a verb, or list all",
	.description = "Prints what `cella VERB --help` prints, or the list of verbs.",
	.examples = examples,
	.topic = TOPIC_HOST,
	.max_operands = 2,
	.run = run,
};
