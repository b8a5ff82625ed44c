/* confirm.h: asking before something is lost. */
#pragma once
#include "cli/cli.h"

/* 0: go on. ERR_USAGE: there is no terminal to ask on (stdin and stderr must both be one), use
 * --force; ERR_FAILED: the answer was no. `question` without the question mark. */
int confirm(const char *question, struct err *e);
/* y, yes in any case; everything else, and nothing, is no. Pure. */
bool confirm_is_yes(const char *answer);
