#include "cli/bulk.h"
#include "cli/report.h"
#include "base/fd.h"
#include "runtime/start.h"

struct start_values {
	bool undo, commit, discard;
};
#define AT(member) offsetof(struct start_values, member)

static const struct opt options[] = {
	{"undo", 0, OPT_FLAG, NULL,
		"what this run writes can be discarded afterwards: `cella undo`", AT(undo), 0,
		NULL},
	{"commit", 0, OPT_FLAG, NULL, "with --undo: keep it at the end", AT(commit), 0, NULL},
	{"discard", 0, OPT_FLAG, NULL, "with --undo: discard it at the end", AT(discard), 0, NULL},
	{0},
};

static int start_one(struct cli *c, const char *name, json_t *result, struct err *e)
{
	struct start_result done;
	const struct start_values *v = c->values;
	struct start_options o = {
		.lock_timeout_ms = CLI_LOCK_MS,
		.undo = v->undo,
		.undo_mode = v->commit	  ? UNDO_COMMIT
			     : v->discard ? UNDO_DISCARD
					  : UNDO_ASK,
	};
	const struct store *s = cli_store(c, e);
	if (!s || zone_start(s, name, &o, &done, e) < 0)
		return -1;
	fd_close(&done.exit_fd);
	fd_close(&done.pty_fd);
	if (!done.changed)
		report_note(c, "zone '%s' is running already", name);
	(void)json_object_set_new(result, "changed", json_boolean(done.changed));
	(void)json_object_set_new(result, "pid", json_integer(done.pid));
	return 0;
}

static int run(struct cli *c)
{
	const struct start_values *v = c->values;
	struct err e = {0};
	if ((v->commit || v->discard) && !v->undo)
		err_set(&e, ERR_USAGE, "--%s goes with --undo", v->commit ? "commit" : "discard");
	else if (v->commit && v->discard)
		err_set(&e, ERR_USAGE, "--commit and --discard exclude each other");
	return e.cls ? report_usage(c, &e) : bulk_run(c, start_one);
}

static const char *const aliases[] = {"boot", NULL};
static const struct verb_example examples[] = {
	{"cella start web1", "start one zone"},
	{"cella start --undo web1", "try something; keep it or not when it has stopped"},
	{"cella start --undo --discard kiosk", "every run begins alike"},
	{"cella start 'web*' --group shop", "several; goes on when one of them fails"},
	{0},
};

const struct verb verb_start = {
	.name = "start",
	.aliases = aliases,
	.synopsis = "[OPTIONS] NAME...",
	.summary = "start zones",
	.description =
		"Starts each zone and returns when its init runs. A zone that runs already is success. "
		"When a start fails, everything it made is taken back, and the message names the step, "
		"what it worked on and the reason. `cella plan NAME` shows beforehand what a start "
		"does.\n\n"
		"With --undo the zone's files as they are now are kept, and what this run writes can "
		"be given up: after the zone has stopped, `cella undo commit` or `cella undo discard` "
		"decides, or --commit or --discard here decides beforehand. A restart belongs to the "
		"run. Until it is decided the zone cannot be started again.",
	.exit_notes = "4 if what an earlier run with --undo wrote is still to be decided on.",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct start_values),
	.topic = TOPIC_RUNNING,
	.flags = VERB_SELECTS,
	.min_operands = 1,
	.max_operands = VERB_ANY,
	.run = run,
};
