/* help.h: what `--help` and `cella help` print, made from the list of verbs. */
#pragma once
#include "cli/verb.h"
#include <stdio.h>

/* "usage: cella start [OPTIONS] NAME..."; without a verb that of the whole program. */
void help_print_usage(const struct verb *v, FILE *to);
/* Everything about a verb. */
void help_print_verb(const struct verb *v, FILE *to);
/* All verbs by topic. */
void help_print_overview(FILE *to);

extern const char *const help_topics[TOPIC_COUNT];
/* Print `text` (one paragraph) in lines of at most 78 columns, each after `indent` spaces; the
 * first line is taken to have `used` columns already. */
void help_print_wrapped(const char *text, int indent, int used, FILE *to);
