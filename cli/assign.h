/* assign.h: key=value lists for the spec, put together from several options. */
#pragma once
#include "cli/opts.h"

struct assign {
	char **items; /* NULL-terminated once not empty */
	size_t n;
};
/* Append "PATH=VALUE" as the admin wrote it. Takes a copy. */
int assign_add(struct assign *a, const char *text, struct err *e);
/* Append PATH="VALUE" so that VALUE is taken as a text, whatever it looks like. */
int assign_add_text(struct assign *a, const char *path, const char *value, struct err *e);
/* For "KEY=VALUE" in each item: PREFIX.KEY="VALUE". ERR_USAGE, naming `option`, without "=". */
int assign_add_pairs(struct assign *a, const char *option, const char *prefix,
	const struct opt_list *list, struct err *e);
void assign_done(struct assign *a);
#define autoassign __attribute__((cleanup(assign_done)))
