#include "cli/bulk.h"
#include "cli/report.h"
#include "runtime/lifecycle.h"

#include <string.h>

struct set_values {
	bool dry_run;
};

static const struct opt options[] = {
	{"dry-run", 'n', OPT_FLAG, NULL, "only check", offsetof(struct set_values, dry_run), 0,
		NULL},
	{0},
};

/* Operands: names, then assignments: "PATH=VALUE" or "PATH-". A name has no "=", and the one who
 * removes a field writes a path with a dot or ends it with "-", which no zone needs to. */
static bool is_assignment(const char *word)
{
	size_t n = strlen(word);
	return strchr(word, '=') || (n > 1 && word[n - 1] == '-');
}

static size_t count_names(const struct cli *c)
{
	size_t n = 0;
	while (n < c->words.n_operands && !is_assignment(c->words.operands[n]))
		n++;
	/* A zone may be called "web-"; the first operand of all is always a zone. */
	return n || !c->words.n_operands || c->all || c->groups.n ? n : 1;
}

static int set_one(struct cli *c, const char *name, json_t *result, struct err *e)
{
	const struct set_values *v = c->values;
	const struct store *s = cli_store(c, e);
	size_t names = count_names(c);
	bool next_start = false;
	if (!s || zone_set(s, name, c->words.operands + names, c->words.n_operands - names,
			  v->dry_run, &next_start, e) < 0)
		return -1;
	if (next_start)
		report_note(c, "zone '%s' runs: part of this takes effect at its next start", name);
	(void)json_object_set_new(result, "changed", json_boolean(!v->dry_run));
	(void)json_object_set_new(result, "next_start", json_boolean(next_start));
	return 0;
}

static int run(struct cli *c)
{
	struct err e = {0};
	autonames struct names names = {0};
	size_t n = count_names(c);
	if (n == c->words.n_operands) {
		err_set(&e, ERR_USAGE, "set: no KEY=VALUE is given");
		return report_usage(c, &e);
	}
	if (names_resolve(c, c->words.operands, n, &names, &e) < 0)
		return e.cls == ERR_USAGE ? report_usage(c, &e) : report_error(c, NULL, &e);
	return bulk_run_names(c, &names, set_one);
}

static const struct verb_example examples[] = {
	{"cella set web1 resources.memory.max=1G", "at once, also when it runs"},
	{"cella set 'web*' labels.env=prod boot.auto=true", "several fields of several zones"},
	{"cella set web1 resources.cpu.max-", "back to the default"},
	{0},
};

const struct verb verb_set = {
	.name = "set",
	.synopsis = "[OPTIONS] NAME... KEY=VALUE...",
	.summary = "change fields of the spec",
	.description =
		"KEY is the path of a field with dots, such as network.interfaces.0.mac; KEY- or an "
		"empty value goes back to its default. All assignments take effect together or not at "
		"all, and only if the whole spec is good afterwards. Limits of a running zone change "
		"at once; what waits for the next start is said. cella-spec(5) has every field.",
	.exit_notes = "2 for a value or a spec that is not allowed; nothing has changed then.",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct set_values),
	.topic = TOPIC_SPEC,
	.flags = VERB_SELECTS,
	.min_operands = 1,
	.max_operands = VERB_ANY,
	.run = run,
};
