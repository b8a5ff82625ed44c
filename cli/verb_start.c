#include "cli/bulk.h"
#include "cli/report.h"
#include "base/fd.h"
#include "runtime/start.h"

static int start_one(struct cli *c, const char *name, json_t *result, struct err *e)
{
	struct start_result done;
	struct start_options o = {.lock_timeout_ms = CLI_LOCK_MS};
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
	return bulk_run(c, start_one);
}

static const char *const aliases[] = {"boot", NULL};
static const struct verb_example examples[] = {
	{"cella start web1", "start one zone"},
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
		"does.",
	.examples = examples,
	.topic = TOPIC_RUNNING,
	.flags = VERB_SELECTS,
	.min_operands = 1,
	.max_operands = VERB_ANY,
	.run = run,
};
