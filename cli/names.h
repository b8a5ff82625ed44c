/* names.h: which zones the operands mean: names, globs, --group, --all. */
#pragma once
#include "cli/cli.h"

struct names {
	char **items;
	size_t n;
	bool is_single; /* one zone, by its plain name: a failure is that zone's, not "partly" */
};

/* Sorted as the store has them, plain names where they were typed, each once. A plain name is not
 * looked up here; a glob or group without any zone is ERR_NOT_FOUND; --all may be empty. */
int names_resolve(
	struct cli *c, const char *const *words, size_t n, struct names *ret, struct err *e);
void names_done(struct names *names);
#define autonames __attribute__((cleanup(names_done)))

/* True if it has a wildcard of fnmatch(3). */
bool names_is_glob(const char *word);
