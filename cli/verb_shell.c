#include "cli/command.h"

struct shell_values {
	const char *user, *cwd;
	struct opt_list env;
	int tty;
};
#define AT(member) offsetof(struct shell_values, member)

static const struct opt options[] = {
	{"user", 'u', OPT_TEXT, "USER[:GROUP]", "whose shell: ids, or names of the zone; 0:0",
		AT(user), 0, NULL},
	{"workdir", 'w', OPT_TEXT, "DIR", "where, in the zone; the user's home", AT(cwd), 0, NULL},
	{"env", 'e', OPT_LIST, "NAME=VALUE", "a variable more", AT(env), 0, NULL},
	{"tty", 't', OPT_CONST, NULL, "give it a terminal", AT(tty), COMMAND_TTY_YES, NULL},
	{"no-tty", 'T', OPT_CONST, NULL, "give it three pipes", AT(tty), COMMAND_TTY_NO, NULL},
	{0},
};

static int run(struct cli *c)
{
	const struct shell_values *v = c->values;
	struct exec_options o = {
		.env = v->env.items,
		.user = v->user,
		.cwd = v->cwd,
		.pty = command_wants_pty(v->tty),
		.login = true,
	};
	return command_exec(c, c->words.operands[0], &o);
}

static const char *const aliases[] = {"login", NULL};
static const struct verb_example examples[] = {
	{"cella shell web1", "root's shell in the zone"},
	{"cella shell -u ana web1", "ana's, in her home"},
	{0},
};

const struct verb verb_shell = {
	.name = "shell",
	.aliases = aliases,
	.synopsis = "[OPTIONS] NAME",
	.summary = "open a login shell in a running zone",
	.description =
		"Starts the login shell that the zone's passwd file has for the user, or /bin/sh, in the "
		"user's home. Unlike `cella console` this needs no password and no getty in the zone.",
	.exit_notes = "That of the shell, as with `cella exec`.",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct shell_values),
	.topic = TOPIC_INSIDE,
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
