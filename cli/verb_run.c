#include "cli/assign.h"
#include "cli/command.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "base/fd.h"
#include "base/proc.h"
#include "runtime/keeper_client.h"
#include "runtime/lifecycle.h"
#include "runtime/start.h"
#include "runtime/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct run_values {
	const char *from, *name, *spec, *user, *cwd;
	struct opt_list env, set;
	int tty;
	bool interactive, remove, disk;
};
#define AT(member) offsetof(struct run_values, member)

static const struct opt options[] = {
	{"from", 0, OPT_TEXT, "SOURCE", "what is in it, as for `cella create`; default", AT(from),
		0, NULL},
	{"name", 0, OPT_TEXT, "NAME", "what it is called; run- and eight digits", AT(name), 0,
		NULL},
	{"spec", 0, OPT_TEXT, "FILE", "the spec to begin with, cella-spec(5)", AT(spec), 0, NULL},
	{"set", 0, OPT_LIST, "KEY=VALUE", "set a field of the spec", AT(set), 0, NULL},
	{"user", 'u', OPT_TEXT, "USER[:GROUP]", "who runs it: ids, or names of the zone; 0:0",
		AT(user), 0, NULL},
	{"workdir", 'w', OPT_TEXT, "DIR", "where, in the zone; /", AT(cwd), 0, NULL},
	{"env", 'e', OPT_LIST, "NAME=VALUE", "a variable more", AT(env), 0, NULL},
	{"disk", 0, OPT_FLAG, NULL, "what it writes goes to disk, not to memory", AT(disk), 0,
		NULL},
	{"tty", 't', OPT_CONST, NULL, "give it a terminal", AT(tty), COMMAND_TTY_YES, NULL},
	{"no-tty", 'T', OPT_CONST, NULL, "give it three pipes", AT(tty), COMMAND_TTY_NO, NULL},
	{"interactive", 'i', OPT_FLAG, NULL,
		"pass stdin on: always so, taken for those who are used to -it", AT(interactive), 0,
		NULL},
	{"rm", 0, OPT_FLAG, NULL, "remove it at the end: always so, taken for the same reason",
		AT(remove), 0, NULL},
	{0},
};

/* One run. */
struct session {
	struct cli *cli;
	const struct store *store;
	const char *name;
	struct start_result started;
	int ours[3], theirs[3]; /* pipes */
	char uuid[UUID_LEN + 1];
	struct keeper_exit how;
	bool has_ended, is_removed;
};

static void warn(void *arg, const char *text)
{
	report_note(arg, "%s", text);
}

static int create(struct session *s, struct err *e)
{
	const struct run_values *v = s->cli->values;
	autoassign struct assign set = {0};
	for (size_t i = 0; i < v->set.n; i++)
		if (assign_add(&set, v->set.items[i], e) < 0)
			return -1;
	if (assign_add_pairs(&set, "--env", "init.env", &v->env, e) < 0 ||
		(v->user && assign_add_text(&set, "init.user", v->user, e) < 0) ||
		(v->cwd && assign_add_text(&set, "init.cwd", v->cwd, e) < 0))
		return -1;
	struct create_options o = {
		.name = s->name,
		.source = v->from,
		.spec_file = v->spec,
		.set = (const char *const *)set.items,
		.n_set = set.n,
		.init_args = s->cli->words.command,
		.n_init_args = s->cli->words.n_command,
		.ephemeral = true,
		.in_memory = !v->disk,
		.ret_uuid = s->uuid,
		.warn = warn,
		.warn_arg = s->cli,
	};
	return zone_create(s->store, &o, e);
}

static int make_pipes(struct session *s, struct err *e)
{
	for (int i = 0; i < 3; i++) {
		int ends[2];
		if (pipe2(ends, O_CLOEXEC) < 0)
			return err_sys(e, errno, "make a pipe");
		s->ours[i] = ends[i == 0];
		s->theirs[i] = ends[i != 0];
	}
	return 0;
}

static int start(struct session *s, bool pty, struct err *e)
{
	struct start_options o = {
		.lock_timeout_ms = CLI_LOCK_MS,
		.stdio = pty ? START_PTY : START_PIPES,
	};
	if (pty)
		(void)terminal_size(&o.rows, &o.cols);
	else if (make_pipes(s, e) < 0)
		return -1;
	memcpy(o.stdio_fds, s->theirs, sizeof o.stdio_fds);
	int r = zone_start(s->store, s->name, &o, &s->started, e);
	for (int i = 0; i < 3; i++)
		fd_close(&s->theirs[i]);
	return r;
}

static void forward(void *arg, int sig)
{
	const struct session *s = arg;
	(void)zone_signal(s->store, s->name, sig, NULL);
}

/* `cella _ended` may have been faster, or another command, and the name another zone's by now. */
static void remove_zone(struct session *s)
{
	struct err why = {0};
	if (s->is_removed)
		return;
	s->is_removed = true;
	if (zone_destroy_this(s->store, s->name, s->uuid, &why) < 0 && why.cls != ERR_NOT_FOUND)
		(void)report_error(s->cli, s->name, &why);
	else if (s->started.exit_fd >= 0)
		(void)keeper_swept(s->started.exit_fd);
}

/* At once: who reads our output may let it wait for hours. */
static void zone_has_ended(void *arg)
{
	struct session *s = arg;
	s->has_ended = keeper_wait_exit(s->started.exit_fd, -1, &s->how, NULL) == 0;
	if (s->has_ended)
		remove_zone(s);
}

static int code_of(const struct keeper_exit *x)
{
	switch (x->reason) {
	case KEEPER_EXITED:
		return x->code;
	case KEEPER_SIGNALED:
	case KEEPER_OOM:
		return COMMAND_SIGNAL + x->code;
	case KEEPER_REBOOT:
	case KEEPER_POWEROFF:
		return 0;
	default:
		return COMMAND_TOOL_FAILED;
	}
}

static int carry(struct session *s, struct err *e)
{
	struct relay r = {
		.pty_fd = s->started.pty_fd >= 0 ? &s->started.pty_fd : NULL,
		.in_fd = &s->ours[0],
		.out_fd = &s->ours[1],
		.err_fd = &s->ours[2],
		.end_fd = s->started.exit_fd,
		.on_signal = forward,
		.on_end = zone_has_ended,
		.arg = s,
	};
	/* Removing it is ours, the keeper's only if we die, or if it is there already. */
	(void)keeper_sweeping(s->started.exit_fd);
	if (relay_run(&r, e) < 0 ||
		(!s->has_ended && keeper_wait_exit(s->started.exit_fd, -1, &s->how, e) < 0))
		return -1;
	if (s->how.reason == KEEPER_OOM)
		report_note(s->cli, "zone '%s' was ended by its memory limit", s->name);
	return code_of(&s->how);
}

/* As env(1) has it, when it was the command that could not be executed. */
static int failure_code(const struct err *e)
{
	if (strcmp(e->step, "exec") != 0)
		return COMMAND_TOOL_FAILED;
	return e->sys_errno == ENOENT || e->sys_errno == ENOTDIR ? COMMAND_NOT_FOUND
								 : COMMAND_NOT_EXECUTABLE;
}

/* Created: whatever happens now, it goes again. */
static int run_created(struct session *s)
{
	const struct run_values *v = s->cli->values;
	struct err e = {0};
	int code = start(s, command_wants_pty(v->tty), &e);
	if (code < 0)
		code = failure_code(&e);
	else if ((code = carry(s, &e)) < 0)
		code = COMMAND_TOOL_FAILED;
	if (e.cls)
		(void)report_error(s->cli, s->name, &e);
	fd_close(&s->started.pty_fd);
	for (int i = 0; i < 3; i++)
		fd_close(&s->ours[i]);
	remove_zone(s);
	fd_close(&s->started.exit_fd);
	return code;
}

static int run(struct cli *c)
{
	const struct run_values *v = c->values;
	struct err e = {0};
	char name[ZONE_NAME_MAX + 1] = "run-";
	random_hex(name + 4, 8);
	name[12] = '\0';
	struct session s = {
		.cli = c,
		.store = cli_store(c, &e),
		.name = v->name ? v->name : name,
		.started = {.pty_fd = -1, .exit_fd = -1},
		.ours = {-1, -1, -1},
		.theirs = {-1, -1, -1},
	};
	if (!s.store || create(&s, &e) < 0) {
		(void)report_error(c, s.name, &e);
		return COMMAND_TOOL_FAILED;
	}
	return run_created(&s);
}

static const struct verb_example examples[] = {
	{"cella run -- uname -a", "in the default image"},
	{"cella run --from debian.tar.zst -- bash", "look around in an archive"},
	{"cella run --set network.mode=none --set resources.memory.max=64M -- ./job",
		"with limits"},
	{0},
};

const struct verb verb_run = {
	.name = "run",
	.synopsis = "[OPTIONS] [--] COMMAND [ARGUMENT...]",
	.summary = "make a zone, run one command in it, remove it",
	.description =
		"Makes a zone whose init is COMMAND, starts it in the foreground, passes stdin, stdout "
		"and stderr, and removes the zone when the command has ended. Everything behind the "
		"first word that is no option belongs to the command. Terminal or pipes, and signals, "
		"as with `cella exec`.\n\n"
		"What the command writes goes to memory, at most root.quota of the spec, else half of "
		"resources.memory.max, else half of the host's memory; it counts as the zone's own. "
		"With --disk it goes to the store.",
	.exit_notes =
		"That of the command; 128 + N when signal N ended it; 127 if it is not found, "
		"126 if it cannot be executed, 125 if cella itself failed.",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct run_values),
	.topic = TOPIC_INSIDE,
	.flags = VERB_COMMAND,
	.run = run,
};
