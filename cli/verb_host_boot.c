/* `host start` and `host stop`: what the units in packaging/ call when the host boots and shuts
 * down. */
#include "cli/report.h"
#include "base/mem.h"
#include "runtime/boot.h"

#include <stdio.h>

struct tally {
	struct cli *cli;
	const char *did;
	int failed;
};

static void told(void *arg, const char *zone, bool changed, const struct err *e)
{
	struct tally *t = arg;
	if (e) {
		(void)report_error(t->cli, zone, e);
		t->failed++;
	} else if (changed) {
		report_note(t->cli, "zone '%s' %s", zone, t->did);
	}
}

static int all(struct cli *c, int (*run)(const struct store *, boot_told *, void *, struct err *),
	const char *did)
{
	struct err e = {0};
	struct tally t = {.cli = c, .did = did};
	const struct store *s = cli_store(c, &e);
	if (!s || run(s, told, &t, &e) < 0)
		return report_error(c, NULL, &e);
	return t.failed ? ERR_PARTLY : 0;
}

static int run_start(struct cli *c)
{
	return all(c, boot_start_all, "started");
}

static int run_stop(struct cli *c)
{
	return all(c, boot_stop_all, "stopped");
}

static const struct verb_example start_examples[] = {
	{"cella set web1 boot.auto=true boot.order=20", "have a zone come with the host"},
	{"systemctl enable cella-autostart", "do it at every boot"},
	{0},
};
const struct verb verb_host_start = {
	.name = "host start",
	.synopsis = "[OPTIONS]",
	.summary = "start the zones with boot.auto, in their order",
	.description =
		"Starts every zone with boot.auto and what those require, one after the other: first "
		"what a zone requires or comes after, then by boot.order, then by name; boot.delay "
		"passes after each. A zone that fails does not keep others from starting, but for "
		"those that require it. What runs already is left alone.",
	.exit_notes = "9 if a zone did not start.",
	.examples = start_examples,
	.topic = TOPIC_HOST,
	.run = run_start,
};

static const struct verb_example stop_examples[] = {
	{"cella host stop", "before taking the host down by hand"},
	{0},
};
const struct verb verb_host_stop = {
	.name = "host stop",
	.synopsis = "[OPTIONS]",
	.summary = "stop all zones, in reverse order",
	.description =
		"Stops every zone that runs, in the reverse of the order in which `cella host start` "
		"would start them; those between which there is no order at the same time. Each has "
		"its init.stop_timeout.",
	.exit_notes = "9 if a zone did not stop.",
	.examples = stop_examples,
	.topic = TOPIC_HOST,
	.run = run_stop,
};
