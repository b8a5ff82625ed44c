#include "cli/confirm.h"
#include "cli/report.h"
#include "base/str.h"
#include "runtime/snapshot_verbs.h"

struct restore_values {
	bool force;
};

static const struct opt options[] = {
	{"force", 'f', OPT_FLAG, NULL, "do not ask; what was written since is lost",
		offsetof(struct restore_values, force), 0, NULL},
	{0},
};

static int ask(const char *zone, struct err *e)
{
	autostr struct strbuf s = {0};
	str_addf(&s, "zone '%s' has changes that no snapshot holds: give them up", zone);
	return s.failed ? err_nomem(e) : confirm(s.buf, e);
}

static int run(struct cli *c)
{
	const struct restore_values *v = c->values;
	struct err e = {0};
	const char *zone = c->words.operands[0];
	const struct store *s = cli_store(c, &e);
	int changes = !s ? -1 : v->force ? 0 : zone_snapshot_changes(s, zone, &e);
	if (changes < 0 || (changes > 0 && ask(zone, &e) < 0) ||
		zone_snapshot_restore(s, zone, c->words.operands[1], v->force || changes > 0, &e) <
			0)
		return report_error(c, zone, &e);
	return 0;
}

static const struct verb_example examples[] = {
	{"cella snapshot restore web1 before-upgrade", "asks if that would lose anything"},
	{"cella snapshot create web1 && cella snapshot restore web1 v1",
		"keep the present state, and go back"},
	{0},
};

const struct verb verb_snapshot_restore = {
	.name = "snapshot restore",
	.synopsis = "[OPTIONS] ZONE NAME",
	.summary = "bring a zone's files back to a snapshot",
	.description =
		"To any of its snapshots, older or on another branch; all of them stay. What the "
		"zone has written since the last one is lost: asks on a terminal, and refuses "
		"without one, unless nothing was written or --force is given. The zone must be "
		"stopped. Its spec, addresses and id range stay as they are.",
	.exit_notes = "2 without --force and without a terminal; 4 if the zone runs.",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct restore_values),
	.topic = TOPIC_ZONES,
	.min_operands = 2,
	.max_operands = 2,
	.run = run,
};
