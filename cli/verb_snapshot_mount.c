#include "cli/report.h"
#include "runtime/snapshot_verbs.h"

static int run_mount(struct cli *c)
{
	struct err e = {0};
	const struct store *s = cli_store(c, &e);
	const char *const *w = c->words.operands;
	if (!s || zone_snapshot_mount(s, w[0], w[1], w[2], &e) < 0)
		return report_error(c, w[0], &e);
	return 0;
}

static int run_umount(struct cli *c)
{
	struct err e = {0};
	if (zone_snapshot_umount(c->words.operands[0], &e) < 0)
		return report_error(c, NULL, &e);
	return 0;
}

static const struct verb_example mount_examples[] = {
	{"cella snapshot mount web1 v1 /mnt", "look at it, or copy files out of it"},
	{0},
};
static const struct verb_example umount_examples[] = {
	{"cella snapshot umount /mnt", "take it away again"},
	{0},
};

const struct verb verb_snapshot_mount = {
	.name = "snapshot mount",
	.synopsis = "[OPTIONS] ZONE NAME DIRECTORY",
	.summary = "show a snapshot's files on a directory",
	.description =
		"Read-only, and nosuid, nodev, noexec: nothing in it acts on the host. Files have the "
		"owners that the zone sees (its root is 0). It stays, in this mount namespace, until "
		"`cella snapshot umount`; a snapshot that is deleted meanwhile loses its files there "
		"too.",
	.exit_notes = "3 if zone, snapshot or directory is missing.",
	.examples = mount_examples,
	.topic = TOPIC_ZONES,
	.min_operands = 3,
	.max_operands = 3,
	.run = run_mount,
};

const struct verb verb_snapshot_umount = {
	.name = "snapshot umount",
	.synopsis = "[OPTIONS] DIRECTORY",
	.summary = "take away what `snapshot mount` has mounted",
	.description = "Refuses what is no mounted snapshot.",
	.exit_notes = "4 if no snapshot is mounted there, 5 if it is in use.",
	.examples = umount_examples,
	.topic = TOPIC_ZONES,
	.min_operands = 1,
	.max_operands = 1,
	.run = run_umount,
};
