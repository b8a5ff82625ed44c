#include "cli/bulk.h"
#include "cli/confirm.h"
#include "cli/report.h"
#include "base/str.h"
#include "runtime/lifecycle.h"

struct destroy_values {
	bool force;
};

static const struct opt options[] = {
	{"force", 'f', OPT_FLAG, NULL, "do not ask; running, broken and half-made zones as well",
		offsetof(struct destroy_values, force), 0, NULL},
	{0},
};

static int destroy_one(struct cli *c, const char *name, json_t *result, struct err *e)
{
	const struct destroy_values *v = c->values;
	const struct store *s = cli_store(c, e);
	(void)result;
	return s ? zone_destroy(s, name, v->force, e) : -1;
}

/* Nobody is asked about a zone that is not there. */
static int check_there(struct cli *c, const char *name, struct err *e)
{
	struct zone z;
	const struct store *s = cli_store(c, e);
	if (!s || zone_open(s, name, ZONE_ALLOW_BROKEN, 0, &z, e) < 0)
		return -1;
	zone_close(&z);
	return 0;
}

static int ask(const struct names *names, struct err *e)
{
	autostr struct strbuf s = {0};
	str_add(&s, names->n == 1 ? "destroy zone " : "destroy zones ");
	for (size_t i = 0; i < names->n; i++)
		str_addf(&s, "%s'%s'", i ? ", " : "", names->items[i]);
	str_add(&s, names->n == 1 ? " and all its data" : " and all their data");
	return s.failed ? err_nomem(e) : confirm(s.buf, e);
}

static int run(struct cli *c)
{
	const struct destroy_values *v = c->values;
	struct err e = {0};
	autonames struct names names = {0};
	if (c->all && !v->force) {
		err_set(&e, ERR_USAGE, "destroy --all needs --force");
		return report_usage(c, &e);
	}
	if (names_resolve(c, c->words.operands, c->words.n_operands, &names, &e) < 0)
		return e.cls == ERR_USAGE ? report_usage(c, &e) : report_error(c, NULL, &e);
	if (names.is_single && !v->force && check_there(c, names.items[0], &e) < 0)
		return report_error(c, NULL, &e);
	if (names.n && !v->force && ask(&names, &e) < 0)
		return report_error(c, NULL, &e);
	return bulk_run_names(c, &names, destroy_one);
}

static const char *const aliases[] = {"rm", NULL};
static const struct verb_example examples[] = {
	{"cella destroy web1", "asks first"},
	{"cella destroy --force 'test-*'", "does not, and stops those that run"},
	{0},
};

const struct verb verb_destroy = {
	.name = "destroy",
	.aliases = aliases,
	.synopsis = "[OPTIONS] NAME...",
	.summary = "remove zones with all their data",
	.description =
		"Removes each zone: its files, its spec, its log, and what was assigned to it. Layers "
		"that other zones share stay. Asks on a terminal; without one it refuses unless "
		"--force is given. A running zone is only destroyed with --force, and one whose spec "
		"has protect: [\"destroy\"] not even then.",
	.exit_notes = "2 without --force and without a terminal; 4 if it runs or is protected.",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct destroy_values),
	.topic = TOPIC_ZONES,
	.flags = VERB_SELECTS,
	.min_operands = 1,
	.max_operands = VERB_ANY,
	.run = run,
};
