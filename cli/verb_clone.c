#include "cli/progress.h"
#include "cli/report.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct clone_values {
	struct opt_list set;
	bool linked, full;
};
#define AT(member) offsetof(struct clone_values, member)

static const struct opt options[] = {
	{"linked", 0, OPT_FLAG, NULL, "share the source's layers; the default", AT(linked), 0,
		NULL},
	{"full", 0, OPT_FLAG, NULL, "share nothing with the source", AT(full), 0, NULL},
	{"set", 0, OPT_LIST, "KEY=VALUE", "set a field of the clone's spec", AT(set), 0, NULL},
	{0},
};

/* "ZONE" or "ZONE@SNAPSHOT" */
static int clone(struct cli *c, char *source, struct clone_result *ret, struct err *e)
{
	const struct clone_values *v = c->values;
	const struct store *s = cli_store(c, e);
	struct progress_line line;
	char *at = strchr(source, '@');
	if (at)
		*at++ = '\0';
	if (!s)
		return -1;
	progress_begin(&line, c, "copying");
	const struct clone_options o = {
		.source = source,
		.name = c->words.operands[1],
		.snapshot = at,
		.full = v->full,
		.set = (const char *const *)v->set.items,
		.n_set = v->set.n,
		.watch = &line.watch,
	};
	int r = zone_clone(s, &o, ret, e);
	progress_end(&line);
	return r;
}

static int run(struct cli *c)
{
	const struct clone_values *v = c->values;
	struct err e = {0};
	struct clone_result result;
	autofree char *source = strdup(c->words.operands[0]);
	if (v->full && v->linked) {
		err_set(&e, ERR_USAGE, "--linked and --full exclude each other");
		return report_usage(c, &e);
	}
	if (!source) {
		(void)err_nomem(&e);
		return report_error(c, NULL, &e);
	}
	if (clone(c, source, &result, &e) < 0)
		return report_error(c, source, &e);
	if (result.pause_us >= 0)
		report_note(c, "zone '%s' was paused for %.1f ms", source,
			(double)result.pause_us / 1000);
	return 0;
}

static const struct verb_example examples[] = {
	{"cella clone web1 web2", "a second one like it"},
	{"cella clone base shop --set labels.env=prod", "with a label of its own"},
	{"cella clone web1@before-upgrade trial", "one that begins where a snapshot is"},
	{"cella clone --full web1 web3", "one that shares nothing with it"},
	{0},
};

const struct verb verb_clone = {
	.name = "clone",
	.synopsis = "[OPTIONS] SOURCE[@SNAPSHOT] NEW",
	.summary = "make a zone that begins as another one is now",
	.description =
		"A linked clone: what SOURCE holds becomes a layer that both share, so it takes no "
		"time and no space however large it is; each writes above it on its own. Of a "
		"running SOURCE, what it has written is copied while it is paused, and for how long "
		"is said; of one of its snapshots nothing has to be done at all.\n\n"
		"With --full the clone gets one layer of its own, copied by reference where the file "
		"system can (btrfs, xfs), else inside the kernel; on a terminal it shows how far it "
		"is. A running SOURCE is paused only while what it has written is copied.\n\n"
		"The clone gets an identity of its own as the spec's \"clone\" says: addresses, MAC, "
		"host name, machine-id, ssh host keys.",
	.exit_notes = "3 if there is no such zone or snapshot, 4 if NEW exists or SOURCE has an "
		      "open run with --undo and is stopped.",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct clone_values),
	.topic = TOPIC_ZONES,
	.min_operands = 2,
	.max_operands = 2,
	.run = run,
};
