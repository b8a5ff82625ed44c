#include "cli/command.h"

struct exec_values {
	const char *user, *cwd;
	struct opt_list env;
	int tty;
	bool interactive;
};
#define AT(member) offsetof(struct exec_values, member)

static const struct opt options[] = {
	{"user", 'u', OPT_TEXT, "USER[:GROUP]", "who runs it: ids, or names of the zone; 0:0",
		AT(user), 0, NULL},
	{"workdir", 'w', OPT_TEXT, "DIR", "where, in the zone; /", AT(cwd), 0, NULL},
	{"env", 'e', OPT_LIST, "NAME=VALUE", "a variable more", AT(env), 0, NULL},
	{"tty", 't', OPT_CONST, NULL, "give it a terminal", AT(tty), COMMAND_TTY_YES, NULL},
	{"no-tty", 'T', OPT_CONST, NULL, "give it three pipes", AT(tty), COMMAND_TTY_NO, NULL},
	{"interactive", 'i', OPT_FLAG, NULL,
		"pass stdin on: always so, taken for those who are used to -it", AT(interactive), 0,
		NULL},
	{0},
};

static int run(struct cli *c)
{
	const struct exec_values *v = c->values;
	struct exec_options o = {
		.argv = c->words.command,
		.env = v->env.items,
		.user = v->user,
		.cwd = v->cwd,
		.pty = command_wants_pty(v->tty),
	};
	return command_exec(c, c->words.operands[0], &o);
}

static const struct verb_example examples[] = {
	{"cella exec web1 ps aux", "look at its processes from inside"},
	{"tar c . | cella exec -w /srv web1 -- tar x", "stdin goes through, byte by byte"},
	{"cella exec -u www-data -e LANG=C web1 id", "as another user of the zone"},
	{0},
};

const struct verb verb_exec = {
	.name = "exec",
	.synopsis = "[OPTIONS] NAME [--] COMMAND [ARGUMENT...]",
	.summary = "run a command in a running zone",
	.description =
		"Runs COMMAND in the zone, with the zone's limits, ids and restrictions, and waits for "
		"it. Options come before NAME; everything behind it belongs to the command.\n\n"
		"If stdin and stdout are both terminals the command gets a terminal of its own; "
		"otherwise three pipes, so that its bytes arrive unchanged and stderr stays apart. "
		"SIGINT, SIGTERM, SIGHUP and SIGQUIT are passed on to it. Nothing of the caller's "
		"environment is.",
	.exit_notes =
		"That of the command; 128 + N when signal N ended it; 127 if it is not found, "
		"126 if it cannot be executed, 125 if cella itself failed.",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct exec_values),
	.topic = TOPIC_INSIDE,
	.flags = VERB_COMMAND,
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
