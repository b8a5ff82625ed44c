#include "cli/console_client.h"
#include "cli/log_file.h"
#include "cli/report.h"
#include "base/fd.h"
#include "runtime/inspect.h"
#include "runtime/keeper_client.h"
#include "specs/name.h"

#include <errno.h>

#include <stdio.h>
#include <unistd.h>

struct console_values {
	const char *escape;
	uint64_t lines;
};
static const struct console_values defaults = {.escape = "^]", .lines = 10};
#define AT(member) offsetof(struct console_values, member)

enum {
	REBOOT_WAIT_MS = 60000, /* a zone that reboots is back by then, or has failed to start */
};

static const struct opt options[] = {
	{"escape", 'e', OPT_TEXT, "KEY", "another escape key: ^a, one character, or none; ^]",
		AT(escape), 0, NULL},
	{"lines", 'n', OPT_COUNT, "N", "show the last N lines of the log first; 10", AT(lines), 0,
		NULL},
	{0},
};

static int show_past(const struct store *s, const char *name, uint64_t lines, struct err *e)
{
	autostr struct strbuf text = {0}, shown = {0}, rest = {0};
	if (!lines)
		return 0;
	if (log_read_tail(s, name, lines > INT64_MAX ? LOG_ALL : (int64_t)lines, &text, NULL, e) <
		0)
		return -1;
	/* Escaped, unlike what comes live: an old question to the terminal would be answered now,
	 * and the answer typed into the zone. */
	log_add_escaped(&shown, &rest, text.buf ? text.buf : "", text.len);
	if (rest.len)
		log_add_escaped(&shown, &rest, "\n", 1);
	if (shown.failed || rest.failed)
		return err_nomem(e);
	if (shown.len && fd_write_all(STDOUT_FILENO, shown.buf, shown.len) < 0)
		return err_sys(e, errno, "write the output");
	return 0;
}

static int check_running(const struct store *s, const char *name, struct err *e)
{
	json_t *row = NULL;
	if (inspect_zone(s, name, INSPECT_BASIC, &row, e) < 0)
		return -1;
	const char *state = json_string_value(json_object_get(row, "state"));
	bool is_unwatched = str_eq(state, "unwatched"), is_running = str_eq(state, "running");
	if (is_unwatched) {
		err_set(e, ERR_STATE, "zone '%s' has lost its console: its keeper is gone", name);
		err_hint(e, "`cella shell %s` works; a restart brings the console back", name);
	} else if (!is_running) {
		err_set(e, ERR_STATE, "zone '%s' is %s, not running", name, state ? state : "gone");
		err_hint(e, "`cella start %s`; `cella log %s` has what it printed", name, name);
	}
	json_decref(row);
	return is_running ? 0 : -1;
}

/* One stay. 1: the zone reboots, come again; 0: over. */
static int attach_once(struct cli *c, const struct store *s, const char *name,
	struct escape *escape, struct err *e)
{
	struct keeper_exit how = {0};
	char text[80];
	autofd int fd = keeper_connect(s, name, e);
	if (fd < 0)
		return -1;
	int r = console_attach(fd, escape, &how, e);
	if (r < 0)
		return -1;
	if (r == CONSOLE_LOST)
		return err_set(
			e, ERR_FAILED, "zone '%s': the connection to its console is lost", name);
	if (isatty(STDOUT_FILENO) && !c->out.quiet)
		(void)fputc('\n', stderr);
	if (r == CONSOLE_ENDED)
		report_note(c, "zone '%s' %s", name, console_ending(&how, text, sizeof text));
	return r == CONSOLE_ENDED && how.reason == KEEPER_REBOOT && !how.asked;
}

static int stay(struct cli *c, const char *name, struct escape *escape, struct err *e)
{
	const struct console_values *v = c->values;
	const struct store *s = cli_store(c, e);
	char key[ESCAPE_NAME_SIZE];
	if (!s || check_running(s, name, e) < 0)
		return -1;
	if (isatty(STDIN_FILENO) && escape->key != ESCAPE_NONE)
		report_note(c, "console of '%s'; %s and then q leaves it", name,
			escape_name(key, escape->key));
	if (show_past(s, name, v->lines, e) < 0)
		return -1;
	for (;;) {
		int r = attach_once(c, s, name, escape, e);
		if (r <= 0)
			return r;
		if (inspect_wait(s, name, WAIT_RUNNING, REBOOT_WAIT_MS, e) < 0)
			return -1;
	}
}

static int run(struct cli *c)
{
	const struct console_values *v = c->values;
	struct err e = {0};
	struct escape escape = {0};
	const char *name = c->words.operands[0];
	if (escape_parse(v->escape, &escape.key, &e) < 0 || name_check("zone", name, &e) < 0)
		return report_usage(c, &e);
	return stay(c, name, &escape, &e) < 0 ? report_error(c, name, &e) : 0;
}

static const struct verb_example examples[] = {
	{"cella console web1", "Ctrl-] and then q to leave"},
	{"cella console -e ^a -n 100 web1", "another key, and more of what was before"},
	{0},
};

const struct verb verb_console = {
	.name = "console",
	.synopsis = "[OPTIONS] NAME",
	.summary = "use a running zone's console",
	.description =
		"Connects the terminal to the console on which the zone's init prints and, usually, a "
		"getty asks for a login. Any number of people, up to 16, share it.\n\n"
		"Ctrl-] and then q leaves; the zone goes on. Ctrl-] twice sends one Ctrl-] to the "
		"zone; Ctrl-] and any other key sends both. When the zone reboots the console comes "
		"back by itself. `cella shell` is the way in that needs no login.",
	.exit_notes = "0 when it was left or the zone ended; 4 if the zone does not run.",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct console_values),
	.defaults = &defaults,
	.topic = TOPIC_INSIDE,
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
