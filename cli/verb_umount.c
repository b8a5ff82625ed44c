#include "cli/report.h"
#include "runtime/live_mount.h"

struct umount_values {
	bool lazy, persist;
};
#define AT(member) offsetof(struct umount_values, member)

static const struct opt options[] = {
	{"lazy", 'l', OPT_FLAG, NULL, "also while it is in use", AT(lazy), 0, NULL},
	{"persist", 0, OPT_FLAG, NULL, "out of the spec as well", AT(persist), 0, NULL},
	{0},
};

static int run(struct cli *c)
{
	const struct umount_values *v = c->values;
	const char *name = c->words.operands[0], *target = c->words.operands[1];
	struct err e = {0};
	bool in_spec = false;
	const struct store *s = cli_store(c, &e);
	if (!s || zone_umount(s, name, target, v->lazy, v->persist, &in_spec, &e) < 0)
		return report_error(c, name, &e);
	if (in_spec)
		report_note(
			c, "it is in the spec still, for the next start: --persist takes it out");
	return 0;
}

static const struct verb_example examples[] = {
	{"cella umount web1 /data", "what `cella mount` has put there"},
	{0},
};

const struct verb verb_umount = {
	.name = "umount",
	.synopsis = "[OPTIONS] NAME TARGET",
	.summary = "take away what `cella mount` has mounted",
	.description =
		"Only what cella has mounted in the running zone by `cella mount`: mounts of the spec "
		"are locked until it stops, and what the zone has mounted itself is its own.",
	.exit_notes = "3 if nothing was mounted there; 4 if it is not there any more; 5 if it is "
		      "in use.",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct umount_values),
	.topic = TOPIC_INSIDE,
	.min_operands = 2,
	.max_operands = 2,
	.run = run,
};
