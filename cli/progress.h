/* progress.h: how far a long piece of work is, in one line on a terminal; nothing off one, nor with
 * -q or in JSON. */
#pragma once
#include "cli/cli.h"
#include "runtime/lifecycle.h"

struct progress_line {
	const char *what; /* "copying" */
	bool is_shown, has_written;
	int64_t next_ms;
	struct progress watch; /* to hand on */
};
void progress_begin(struct progress_line *p, const struct cli *c, const char *what);
/* Takes the line away, before anything else is said. Repeatable. */
void progress_end(struct progress_line *p);
