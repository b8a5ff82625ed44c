/* opts.h: command line options as data. One table of `struct opt` is the parser, the help text, the
 * man page and the completion of a verb, so that they cannot disagree. Pure: nothing is printed,
 * nothing exits. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opt_kind {
	OPT_FLAG,  /* bool: true when given */
	OPT_CONST, /* int: `value` when given; several options may share a target, the last wins */
	OPT_TEXT,  /* const char * */
	OPT_WORD,  /* int: index in `words` */
	OPT_TIME,  /* int64_t, milliseconds; "30s" */
	OPT_COUNT, /* uint64_t */
	OPT_LIST,  /* struct opt_list; the only kind with a value that may be given again */
};

/* A table ends with an all-zero row. */
struct opt {
	const char *long_name; /* without "--" */
	char short_name;       /* or 0 */
	enum opt_kind kind;
	const char *arg;  /* name of the value in help: "TIME"; NULL for OPT_FLAG, OPT_CONST */
	const char *help; /* no capital, no full stop */
	size_t offset;	  /* of the target in its group's base */
	int value;
	const char *const *words; /* NULL-terminated */
};

/* Borrowed from argv; `items` is NULL-terminated when n > 0, else NULL. */
struct opt_list {
	const char **items;
	size_t n;
};

struct opt_group {
	const char *title; /* heading in help */
	const struct opt *opts;
	void *base; /* what the offsets count from; not used by help */
};

struct opts_grammar {
	const struct opt_group *groups;
	size_t n_groups;
	/* Everything behind that many operands is a command line of somebody else (exec, run),
	 * options included; one "--" in front of it is taken away. */
	bool takes_command;
	size_t operands_before_command;
};

/* Words that are no options. Both arrays are NULL-terminated; strings are argv's. */
struct opts_words {
	const char **operands;
	size_t n_operands;
	const char **command;
	size_t n_command;
};

/* Parse argv[0..argc). ERR_USAGE names the option; what was filled before it still wants
 * opts_release. */
int opts_parse(const struct opts_grammar *g, const char *const *argv, size_t argc,
	struct opts_words *ret, struct err *e);
/* Release the lists that the parser made, and the words. */
void opts_release(const struct opts_grammar *g, struct opts_words *words);

static inline bool opt_takes_value(const struct opt *o)
{
	return o->kind != OPT_FLAG && o->kind != OPT_CONST;
}
