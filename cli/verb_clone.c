#include "cli/report.h"
#include "runtime/lifecycle.h"

struct clone_values {
	struct opt_list set;
};

static const struct opt options[] = {
	{"set", 0, OPT_LIST, "KEY=VALUE", "set a field of the clone's spec",
		offsetof(struct clone_values, set), 0, NULL},
	{0},
};

static int run(struct cli *c)
{
	const struct clone_values *v = c->values;
	struct err e = {0};
	const struct store *s = cli_store(c, &e);
	struct clone_options o = {
		.source = c->words.operands[0],
		.name = c->words.operands[1],
		.set = (const char *const *)v->set.items,
		.n_set = v->set.n,
	};
	if (!s || zone_clone(s, &o, &e) < 0)
		return report_error(c, o.source, &e);
	return 0;
}

static const struct verb_example examples[] = {
	{"cella clone web1 web2", "a second one like it"},
	{"cella clone base shop --set labels.env=prod", "with a label of its own"},
	{0},
};

const struct verb verb_clone = {
	.name = "clone",
	.synopsis = "[OPTIONS] SOURCE NEW",
	.summary = "make a zone that begins as another one is now",
	.description =
		"A linked clone: what SOURCE holds becomes a layer that both share, so it takes no "
		"time and no space however large it is; each writes above it on its own. SOURCE must "
		"be stopped. The clone gets an identity of its own as the spec's \"clone\" says: "
		"addresses, MAC, host name, machine-id, ssh host keys.",
	.exit_notes = "4 if SOURCE runs or NEW exists.",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct clone_values),
	.topic = TOPIC_ZONES,
	.min_operands = 2,
	.max_operands = 2,
	.run = run,
};
