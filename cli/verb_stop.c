#include "cli/bulk.h"
#include "cli/report.h"
#include "runtime/stop.h"

struct stop_values {
	int64_t timeout_ms;
	bool no_kill, commit, discard;
};
static const struct stop_values defaults = {.timeout_ms = -1}; /* by the spec */
#define AT(member) offsetof(struct stop_values, member)

static const struct opt options[] = {
	{"timeout", 't', OPT_TIME, "TIME",
		"how long it may take; init.stop_timeout of the spec, 60s", AT(timeout_ms), 0,
		NULL},
	{"no-kill", 0, OPT_FLAG, NULL, "give up at the end of that time instead of killing it",
		AT(no_kill), 0, NULL},
	{"commit", 0, OPT_FLAG, NULL, "of a run with --undo: keep what it wrote", AT(commit), 0,
		NULL},
	{"discard", 0, OPT_FLAG, NULL, "of a run with --undo: give up what it wrote", AT(discard),
		0, NULL},
	{0},
};

static int stop_one(struct cli *c, const char *name, json_t *result, struct err *e)
{
	const struct stop_values *v = c->values;
	const struct store *s = cli_store(c, e);
	bool changed;
	struct stop_options o = {
		.timeout_ms = v->timeout_ms,
		.no_kill = v->no_kill,
		.verb = "stop",
		.lock_timeout_ms = CLI_LOCK_MS,
		.choose_undo = v->commit || v->discard,
		.undo_mode = v->commit ? UNDO_COMMIT : UNDO_DISCARD,
	};
	if (!s || zone_stop(s, name, &o, &changed, e) < 0)
		return -1;
	if (!changed)
		report_note(c, "zone '%s' is stopped already", name);
	(void)json_object_set_new(result, "changed", json_boolean(changed));
	return 0;
}

static int run(struct cli *c)
{
	const struct stop_values *v = c->values;
	struct err e = {0};
	if (v->commit && v->discard) {
		err_set(&e, ERR_USAGE, "--commit and --discard exclude each other");
		return report_usage(c, &e);
	}
	return bulk_run(c, stop_one);
}

static const struct verb_example examples[] = {
	{"cella stop web1", "ask its init, wait, kill what is left"},
	{"cella stop --timeout 10s --all", "every zone, ten seconds each"},
	{0},
};

const struct verb verb_stop = {
	.name = "stop",
	.synopsis = "[OPTIONS] NAME...",
	.summary = "shut zones down in good order",
	.description =
		"Asks the zone's init to shut down, with the signal that this init knows or that the "
		"spec names, waits until no process is left, and after the time limit kills what is. "
		"A zone that is stopped already is success. `cella kill` does not ask.",
	.exit_notes = "8 with --no-kill if the zone still runs at the end of the time.",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct stop_values),
	.defaults = &defaults,
	.topic = TOPIC_RUNNING,
	.flags = VERB_SELECTS,
	.min_operands = 1,
	.max_operands = VERB_ANY,
	.run = run,
};
