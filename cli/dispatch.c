/* From argv to a verb. */
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/report.h"
#include "base/mem.h"
#include "specs/schema.h"

#include <stdio.h>
#include <string.h>

const struct opt cli_global_options[] = {
	{"format", 0, OPT_WORD, "FORMAT", "table, json, jsonl or csv; JSON also for errors",
		offsetof(struct cli, out.format), 0, output_format_words},
	{"json", 'j', OPT_CONST, NULL, "the same as --format json",
		offsetof(struct cli, out.format), OUTPUT_JSON, NULL},
	{"quiet", 'q', OPT_FLAG, NULL, "names only, no remarks", offsetof(struct cli, out.quiet), 0,
		NULL},
	{"root", 0, OPT_TEXT, "DIR", "where zones are kept; CELLA_ROOT, /var/lib/cella",
		offsetof(struct cli, paths.root), 0, NULL},
	{"run", 0, OPT_TEXT, "DIR", "what is lost at reboot; CELLA_RUN, /run/cella",
		offsetof(struct cli, paths.run), 0, NULL},
	{"log", 0, OPT_TEXT, "DIR", "console logs; CELLA_LOG, /var/log/cella",
		offsetof(struct cli, paths.log), 0, NULL},
	{"cgroup-manager", 0, OPT_TEXT, "WORD",
		"who makes the control groups: auto, systemd, cgroupfs; CELLA_CGROUP_MANAGER, auto",
		offsetof(struct cli, paths.cgroup_manager), 0, NULL},
	{"help", 'h', OPT_FLAG, NULL, "explain and exit", offsetof(struct cli, help), 0, NULL},
	{"version", 0, OPT_FLAG, NULL, "print the version and exit", offsetof(struct cli, version),
		0, NULL},
	{0},
};

const struct opt cli_read_options[] = {
	{"columns", 'o', OPT_TEXT, "COLUMNS",
		"which, by commas; with + in front: more than the usual ones",
		offsetof(struct cli, out.columns), 0, NULL},
	{"sort", 's', OPT_TEXT, "COLUMNS", "by these, with - in front: downwards",
		offsetof(struct cli, out.sort), 0, NULL},
	{"filter", 0, OPT_LIST, "KEY=VALUE",
		"only rows that match; also !=, ~REGEX, !~REGEX; commas mean or, another "
		"--filter means and",
		offsetof(struct cli, out.filters), 0, NULL},
	{"no-header", 'H', OPT_FLAG, NULL, "no heading in tables and CSV",
		offsetof(struct cli, out.no_header), 0, NULL},
	{0},
};

const struct opt cli_select_options[] = {
	{"group", 0, OPT_LIST, "GROUP", "the zones of this group as well",
		offsetof(struct cli, groups), 0, NULL},
	{"all", 0, OPT_FLAG, NULL, "every zone", offsetof(struct cli, all), 0, NULL},
	{0},
};

size_t verb_groups(const struct verb *v, struct cli *c, struct opt_group out[VERB_GROUPS])
{
	size_t n = 0;
	if (v->options)
		out[n++] = (struct opt_group){"Options", v->options, c ? c->values : NULL};
	if (v->flags & VERB_SELECTS)
		out[n++] = (struct opt_group){"Choosing zones", cli_select_options, c};
	if (v->flags & VERB_READS)
		out[n++] = (struct opt_group){"Output", cli_read_options, c};
	out[n++] = (struct opt_group){"Options of every verb", cli_global_options, c};
	return n;
}

static bool is_called(const char *name, const char *const *words, size_t n, size_t *ret_used)
{
	const char *space = strchr(name, ' ');
	size_t head = space ? (size_t)(space - name) : strlen(name);
	if (strlen(words[0]) != head || memcmp(words[0], name, head) != 0)
		return false;
	if (space && (n < 2 || strcmp(words[1], space + 1) != 0))
		return false;
	*ret_used = space ? 2 : 1;
	return true;
}

const struct verb *verb_find(const char *const *words, size_t n, size_t *ret_used)
{
	for (const struct verb *const *v = verbs; n && *v; v++) {
		if (is_called((*v)->name, words, n, ret_used))
			return *v;
		for (const char *const *a = (*v)->aliases; a && *a; a++)
			if (is_called(*a, words, n, ret_used))
				return *v;
	}
	return NULL;
}

int verb_unknown(const char *const *words, size_t n, struct err *e)
{
	const char *names[128];
	char shown[256];
	size_t count = 0;
	for (const struct verb *const *v = verbs; *v; v++) {
		const char *space = strchr((*v)->name, ' ');
		if ((*v)->flags & VERB_HIDDEN)
			continue;
		/* "host", or "host" with something that is not "check". */
		if (space && strlen(words[0]) == (size_t)(space - (*v)->name) &&
			str_starts((*v)->name, words[0])) {
			if (n < 2)
				err_set(e, ERR_USAGE, "%s: another word is missing", words[0]);
			else
				err_set(e, ERR_USAGE, "%s: unknown verb '%s'", words[0],
					str_escape(shown, sizeof shown, words[1]));
			return err_hint(e, "did you mean `cella %s`?", (*v)->name);
		}
		if (count < ARRAY_LEN(names) - 1)
			names[count++] = (*v)->name;
		for (const char *const *a = (*v)->aliases; a && *a; a++)
			if (count < ARRAY_LEN(names) - 1)
				names[count++] = *a;
	}
	names[count] = NULL;
	err_set(e, ERR_USAGE, "unknown verb '%s'", str_escape(shown, sizeof shown, words[0]));
	const char *near = schema_nearest(names, words[0]);
	return near ? err_hint(e, "did you mean `cella %s`?", near) : -1;
}

const struct store *cli_store(struct cli *c, struct err *e)
{
	const struct {
		const char *option, *given;
	} dirs[] = {{"--root", c->paths.root}, {"--run", c->paths.run}, {"--log", c->paths.log}};
	/* A variable that is not set must not lead to the host's own store. */
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (dirs[i].given && !*dirs[i].given) {
			err_set(e, ERR_USAGE, "option '%s' is empty", dirs[i].option);
			return NULL;
		}
	if (!c->store_is_open) {
		if (store_open(&c->paths, &c->store, e) < 0)
			return NULL;
		c->store_is_open = true;
	}
	return &c->store;
}

static int check_operands(const struct cli *c, struct err *e)
{
	const struct verb *v = c->verb;
	char shown[256];
	size_t n = c->words.n_operands;
	bool chosen = (v->flags & VERB_SELECTS) && (c->all || c->groups.n);
	if (n < v->min_operands && !chosen)
		return err_set(e, ERR_USAGE, "%s: an operand is missing", v->name);
	if ((v->flags & VERB_COMMAND) && !c->words.n_command)
		return err_set(e, ERR_USAGE, "%s: the command is missing", v->name);
	if (n > v->max_operands)
		return err_set(e, ERR_USAGE, "%s: '%s' is one operand too many", v->name,
			str_escape(shown, sizeof shown, c->words.operands[v->max_operands]));
	return 0;
}

static int run_verb(struct cli *c, const char *const *argv, size_t argc)
{
	struct opt_group groups[VERB_GROUPS];
	struct err e = {0};
	autofree void *values = calloc(1, c->verb->values_size + 1);
	if (!values) {
		err_nomem(&e);
		return report_error(c, NULL, &e);
	}
	if (c->verb->defaults)
		memcpy(values, c->verb->defaults, c->verb->values_size);
	c->values = values;
	struct opts_grammar g = {
		.groups = groups,
		.n_groups = verb_groups(c->verb, c, groups),
		.takes_command = c->verb->flags & VERB_COMMAND,
		.operands_before_command = c->verb->max_operands,
	};
	int code = 0;
	int r = opts_parse(&g, argv, argc, &c->words, &e);
	if (r == 0 && c->help)
		help_print_verb(c->verb, stdout);
	else if (r < 0 || check_operands(c, &e) < 0)
		code = report_usage(c, &e);
	else
		code = c->verb->run(c);
	opts_release(&g, &c->words);
	return code;
}

/* What is before the verb; the rest is left in words->command. */
static int parse_head(
	struct cli *c, int argc, const char *const *argv, struct opts_words *words, struct err *e)
{
	struct opt_group head = {"", cli_global_options, c};
	struct opts_grammar g = {.groups = &head, .n_groups = 1, .takes_command = true};
	return opts_parse(&g, argv + 1, argc > 0 ? (size_t)argc - 1 : 0, words, e);
}

static int dispatch(struct cli *c, int argc, const char *const *argv, struct opts_words *words)
{
	struct err e = {0};
	size_t used = 0;
	if (parse_head(c, argc, argv, words, &e) < 0)
		return report_usage(c, &e);
	if (c->version) {
		(void)printf("cella %s\n", CELLA_VERSION);
		return 0;
	}
	if (!words->n_command && c->help) {
		help_print_overview(stdout);
		return 0;
	}
	if (!words->n_command) {
		err_set(&e, ERR_USAGE, "no verb given");
		return report_usage(c, &e);
	}
	c->verb = verb_find(words->command, words->n_command, &used);
	if (!c->verb) {
		verb_unknown(words->command, words->n_command, &e);
		return report_usage(c, &e);
	}
	size_t rest = words->n_command - used;
	return run_verb(c, argv + ((size_t)argc - rest), rest);
}

int cli_main(int argc, const char *const *argv)
{
	struct cli c = {0};
	struct opts_words words = {0};
	struct err e = {0};
	int code = dispatch(&c, argc, argv, &words);
	if (c.store_is_open)
		store_close(&c.store);
	free(words.operands);
	free(words.command);
	/* A result that did not arrive is a failure, also when everything before it went well. */
	if (output_finish(stdout, &e) < 0 && code == 0)
		code = report_error(&c, NULL, &e);
	return code;
}
