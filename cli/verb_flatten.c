#include "cli/bulk.h"
#include "cli/progress.h"
#include "cli/report.h"

static int flatten_one(struct cli *c, const char *name, json_t *result, struct err *e)
{
	const struct store *s = cli_store(c, e);
	struct progress_line line;
	bool changed = false;
	if (!s)
		return -1;
	progress_begin(&line, c, "merging");
	int r = zone_flatten(s, name, &line.watch, &changed, e);
	progress_end(&line);
	if (r < 0)
		return -1;
	if (!changed)
		report_note(c, "zone '%s' is one layer of its own already", name);
	(void)json_object_set_new(result, "changed", json_boolean(changed));
	return 0;
}

static int run(struct cli *c)
{
	return bulk_run(c, flatten_one);
}

static const struct verb_example examples[] = {
	{"cella flatten web1", "a linked clone becomes a full one"},
	{"cella snapshot delete --force web1 old && cella flatten web1",
		"forget a snapshot, then keep one layer in place of many"},
	{0},
};

const struct verb verb_flatten = {
	.name = "flatten",
	.synopsis = "[OPTIONS] NAME...",
	.summary = "merge all layers of a zone into one of its own",
	.description =
		"Afterwards the zone shares nothing with other zones, and what lay in lower layers "
		"only to be hidden is gone. Files of layers that others or the zone's own snapshots "
		"still use are copied, by reference where the file system can (btrfs, xfs); those of "
		"the others are linked, which takes no space. Snapshots stay as they are and keep "
		"their layers. The zone must be stopped. A zone that is one layer already is "
		"success.",
	.exit_notes = "4 if it runs, is a template, or has an open run with --undo.",
	.examples = examples,
	.topic = TOPIC_ZONES,
	.flags = VERB_SELECTS,
	.min_operands = 1,
	.max_operands = VERB_ANY,
	.run = run,
};
