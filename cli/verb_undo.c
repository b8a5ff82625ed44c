#include "cli/bulk.h"
#include "cli/confirm.h"
#include "cli/report.h"
#include "base/str.h"
#include "runtime/undo.h"

struct discard_values {
	bool force;
};

static const struct opt discard_options[] = {
	{"force", 'f', OPT_FLAG, NULL, "do not ask; what the run wrote is lost",
		offsetof(struct discard_values, force), 0, NULL},
	{0},
};

static int commit_one(struct cli *c, const char *name, json_t *result, struct err *e)
{
	const struct store *s = cli_store(c, e);
	(void)result;
	return s ? zone_undo(s, name, UNDO_COMMIT, e) : -1;
}

static int discard_one(struct cli *c, const char *name, json_t *result, struct err *e)
{
	const struct store *s = cli_store(c, e);
	(void)result;
	return s ? zone_undo(s, name, UNDO_DISCARD, e) : -1;
}

static int run_commit(struct cli *c)
{
	return bulk_run(c, commit_one);
}

static int run_discard(struct cli *c)
{
	const struct discard_values *v = c->values;
	struct err e = {0};
	autonames struct names names = {0};
	if (names_resolve(c, c->words.operands, c->words.n_operands, &names, &e) < 0)
		return e.cls == ERR_USAGE ? report_usage(c, &e) : report_error(c, NULL, &e);
	if (!v->force && names.n) {
		autostr struct strbuf s = {0};
		str_add(&s, "give up what the last run wrote of");
		for (size_t i = 0; i < names.n; i++)
			str_addf(&s, "%s '%s'", i ? "," : "", names.items[i]);
		if (s.failed ? err_nomem(&e) : confirm(s.buf, &e) < 0)
			return report_error(c, NULL, &e);
	}
	return bulk_run_names(c, &names, discard_one);
}

static const struct verb_example commit_examples[] = {
	{"cella undo commit web1", "the upgrade went well"},
	{0},
};
static const struct verb_example discard_examples[] = {
	{"cella undo discard web1", "asks first"},
	{0},
};

const struct verb verb_undo_commit = {
	.name = "undo commit",
	.synopsis = "[OPTIONS] NAME...",
	.summary = "keep what a run with --undo wrote",
	.description =
		"For a stopped zone that was started with `cella start --undo`. One write of "
		"one file, whatever the run wrote.",
	.exit_notes = "4 if there is no such run, or if it still runs.",
	.examples = commit_examples,
	.topic = TOPIC_RUNNING,
	.flags = VERB_SELECTS,
	.min_operands = 1,
	.max_operands = VERB_ANY,
	.run = run_commit,
};

const struct verb verb_undo_discard = {
	.name = "undo discard",
	.synopsis = "[OPTIONS] NAME...",
	.summary = "give up what a run with --undo wrote",
	.description =
		"For a stopped zone that was started with `cella start --undo`: its files are again "
		"as they were before that start. Asks on a terminal; without one it refuses unless "
		"--force is given.",
	.exit_notes = "2 without --force and without a terminal; 4 if there is no such run, or if "
		      "it still runs.",
	.examples = discard_examples,
	.options = discard_options,
	.values_size = sizeof(struct discard_values),
	.topic = TOPIC_RUNNING,
	.flags = VERB_SELECTS,
	.min_operands = 1,
	.max_operands = VERB_ANY,
	.run = run_discard,
};
