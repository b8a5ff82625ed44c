/* What cella-keeper becomes when its zone has ended (runtime/ended.h). In no list, for nobody to
 * type. */
#include "cli/report.h"
#include "base/str.h"
#include "runtime/ended.h"

struct ended_values {
	const char *uuid, *init_start;
	uint64_t restarts;
};
#define AT(member) offsetof(struct ended_values, member)

static const struct opt options[] = {
	{"uuid", 0, OPT_TEXT, "UUID", "of the zone", AT(uuid), 0, NULL},
	{"init-start", 0, OPT_TEXT, "TICKS", "start time of the init that has ended",
		AT(init_start), 0, NULL},
	{"restarts", 0, OPT_COUNT, "N", "start it again, for the Nth time; 0: do not", AT(restarts),
		0, NULL},
	{0},
};

static int run(struct cli *c)
{
	const struct ended_values *v = c->values;
	struct err e = {0};
	uint64_t init_start;
	const char *name = c->words.operands[0];
	if (!v->uuid || !v->init_start || !str_to_u64(v->init_start, &init_start) ||
		v->restarts > UINT32_MAX) {
		err_set(&e, ERR_USAGE, "_ended is for cella-keeper");
		return report_usage(c, &e);
	}
	const struct store *s = cli_store(c, &e);
	if (!s || zone_ended(s, name, v->uuid, init_start, (uint32_t)v->restarts, &e) < 0)
		return report_error(c, name, &e);
	return 0;
}

const struct verb verb_ended = {
	.name = "_ended",
	.synopsis = "--uuid UUID --init-start TICKS --restarts N NAME",
	.summary = "sweep a zone that has ended",
	.description = "For cella-keeper only.",
	.options = options,
	.values_size = sizeof(struct ended_values),
	.topic = TOPIC_RUNNING,
	.flags = VERB_HIDDEN,
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
