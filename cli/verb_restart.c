#include "cli/bulk.h"
#include "cli/report.h"
#include "base/fd.h"
#include "runtime/start.h"
#include "runtime/stop.h"

struct restart_values {
	int64_t timeout_ms;
};
static const struct restart_values defaults = {.timeout_ms = -1}; /* by the spec */

static const struct opt options[] = {
	{"timeout", 't', OPT_TIME, "TIME",
		"how long stopping may take; init.stop_timeout of the spec, 60s",
		offsetof(struct restart_values, timeout_ms), 0, NULL},
	{0},
};

static int restart_one(struct cli *c, const char *name, json_t *result, struct err *e)
{
	const struct restart_values *v = c->values;
	const struct store *s = cli_store(c, e);
	struct zone z;
	bool was_running = false;
	struct start_result done = {.exit_fd = -1, .pty_fd = -1};
	struct stop_options stop = {
		.timeout_ms = v->timeout_ms, .verb = "restart", .keep_undo = true};
	struct start_options start = {.stdio = START_CONSOLE, .keep_undo = true};
	/* One lock over both, so that nobody starts or changes it in between. */
	if (!s || zone_open(s, name, ZONE_LOCK, CLI_LOCK_MS, &z, e) < 0)
		return -1;
	int r = zone_stop_locked(&z, &stop, &was_running, e);
	if (r == 0)
		r = zone_start_locked(&z, &start, &done, e);
	zone_close(&z);
	if (r < 0)
		return -1;
	fd_close(&done.exit_fd);
	if (!was_running)
		report_note(c, "zone '%s' was not running", name);
	(void)json_object_set_new(result, "pid", json_integer(done.pid));
	return 0;
}

static int run(struct cli *c)
{
	return bulk_run(c, restart_one);
}

static const char *const aliases[] = {"reboot", NULL};
static const struct verb_example examples[] = {
	{"cella restart web1", "stop it in good order and start it again"},
	{0},
};

const struct verb verb_restart = {
	.name = "restart",
	.aliases = aliases,
	.synopsis = "[OPTIONS] NAME...",
	.summary = "stop zones and start them again",
	.description = "Stops each zone as `cella stop` does and starts it with what its spec says "
		       "now. A zone that does not run is started.",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct restart_values),
	.defaults = &defaults,
	.topic = TOPIC_RUNNING,
	.flags = VERB_SELECTS,
	.min_operands = 1,
	.max_operands = VERB_ANY,
	.run = run,
};
