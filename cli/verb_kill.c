#include "cli/bulk.h"
#include "cli/report.h"
#include "runtime/stop.h"
#include "specs/name.h"

struct kill_values {
	const char *signal;
};

static const struct opt options[] = {
	{"signal", 's', OPT_TEXT, "SIGNAL", "send this to the zone's init, and nothing else",
		offsetof(struct kill_values, signal), 0, NULL},
	{0},
};

static int kill_one(struct cli *c, const char *name, json_t *result, struct err *e)
{
	const struct kill_values *v = c->values;
	const struct store *s = cli_store(c, e);
	bool changed;
	int sig;
	struct stop_options o = {
		.kill_at_once = true, .verb = "kill", .lock_timeout_ms = CLI_LOCK_MS};
	if (v->signal)
		return !s || signal_parse(v->signal, &sig, e) < 0 ? -1
								  : zone_signal(s, name, sig, e);
	if (!s || zone_stop(s, name, &o, &changed, e) < 0)
		return -1;
	if (!changed)
		report_note(c, "zone '%s' is stopped already", name);
	(void)json_object_set_new(result, "changed", json_boolean(changed));
	return 0;
}

static int run(struct cli *c)
{
	const struct kill_values *v = c->values;
	struct err e = {0};
	int sig;
	if (v->signal && signal_parse(v->signal, &sig, &e) < 0)
		return report_usage(c, &e);
	return bulk_run(c, kill_one);
}

static const char *const aliases[] = {"halt", NULL};
static const struct verb_example examples[] = {
	{"cella kill web1", "end everything in it at once"},
	{"cella kill -s HUP web1", "send SIGHUP to its init"},
	{0},
};

const struct verb verb_kill = {
	.name = "kill",
	.aliases = aliases,
	.synopsis = "[OPTIONS] NAME...",
	.summary = "end zones at once, or send a signal",
	.description =
		"Without --signal: kills every process of the zone, without asking, and removes what "
		"it leaves. The zone is not restarted by its own boot.restart. With --signal: sends "
		"that signal to the zone's init; names as in \"TERM\", \"SIGTERM\", \"SIGRTMIN+3\" or "
		"numbers.",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct kill_values),
	.topic = TOPIC_RUNNING,
	.flags = VERB_SELECTS,
	.min_operands = 1,
	.max_operands = VERB_ANY,
	.run = run,
};
