/* man.h: manual pages and shell completion, made from the list of verbs. */
#pragma once
#include "cli/verb.h"
#include <stdio.h>

enum {
	MAN_NAME_SIZE = 64
};
/* "cella-host-check" */
const char *man_page_name(const struct verb *v, char out[MAN_NAME_SIZE]);
/* The page in man(7). No date and no version: the same verbs give the same bytes. */
void man_print_page(const struct verb *v, FILE *to);
/* Text for roff: backslashes, dashes, and a dot or quote at the start of a line are escaped. */
void man_print_text(const char *text, FILE *to);
/* completions/cella.bash */
void completion_print_bash(FILE *to);
