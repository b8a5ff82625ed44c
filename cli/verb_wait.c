#include "cli/bulk.h"
#include "base/proc.h"
#include "runtime/inspect.h"

struct wait_values {
	int what;
	int64_t timeout_ms;
};
static const struct wait_values defaults = {.what = WAIT_STOPPED, .timeout_ms = -1};
#define AT(member) offsetof(struct wait_values, member)

static const char *const words[] = {[WAIT_RUNNING] = "running", [WAIT_STOPPED] = "stopped", NULL};

static const struct opt options[] = {
	{"for", 0, OPT_WORD, "STATE", "running or stopped; stopped", AT(what), 0, words},
	{"timeout", 't', OPT_TIME, "TIME", "how long at most, for all together; for ever",
		AT(timeout_ms), 0, NULL},
	{0},
};

/* The time is the command's, not each zone's: a deadline, made by run(). */
static int wait_one(struct cli *c, const char *name, json_t *result, struct err *e)
{
	const struct wait_values *v = c->values;
	const struct store *s = cli_store(c, e);
	int64_t left = v->timeout_ms < 0 ? -1 : v->timeout_ms - clock_mono_ms();
	(void)json_object_del(result, "changed");
	(void)json_object_set_new(result, "state", json_string(words[v->what]));
	if (v->timeout_ms >= 0 && left < 0)
		left = 0;
	return s ? inspect_wait(s, name, (enum wait_for)v->what, left, e) : -1;
}

static int run(struct cli *c)
{
	struct wait_values *v = c->values;
	int64_t now = clock_mono_ms();
	if (v->timeout_ms >= 0)
		v->timeout_ms = v->timeout_ms > INT64_MAX - now ? -1 : v->timeout_ms + now;
	return bulk_run(c, wait_one);
}

static const struct verb_example examples[] = {
	{"cella wait web1", "until it has stopped"},
	{"cella wait --for running --timeout 30s web1", "until it runs, or 30 seconds"},
	{0},
};

const struct verb verb_wait = {
	.name = "wait",
	.synopsis = "[OPTIONS] NAME...",
	.summary = "wait until zones run or have stopped",
	.description = "Returns when every zone is in that state, at once if all are already.",
	.exit_notes = "8 when the time is over.",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct wait_values),
	.defaults = &defaults,
	.topic = TOPIC_RUNNING,
	.flags = VERB_SELECTS,
	.min_operands = 1,
	.max_operands = VERB_ANY,
	.run = run,
};
