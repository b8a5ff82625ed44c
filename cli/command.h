/* command.h: what exec, shell and run have in common: the options for a terminal, carrying bytes,
 * and exit codes as env(1) and podman have them. */
#pragma once
#include "cli/cli.h"
#include "cli/relay.h"
#include "runtime/enter.h"

enum {
	COMMAND_TOOL_FAILED = 125,
	COMMAND_NOT_EXECUTABLE = 126,
	COMMAND_NOT_FOUND = 127,
	COMMAND_SIGNAL = 128, /* + its number */
};
enum command_tty {
	COMMAND_TTY_AUTO, /* if stdin and stdout are terminals */
	COMMAND_TTY_YES,
	COMMAND_TTY_NO,
};
bool command_wants_pty(int tty);

/* Run a command in a zone, carry its bytes, and return its exit code; reports what goes wrong. */
int command_exec(struct cli *c, const char *zone, struct exec_options *o);
/* From waitid: si_code and si_status. Pure. */
int command_code(int how, int status);
