/* verb.h: a verb as data. From the one list `verbs` come dispatch, `cella VERB --help`, `cella
 * help`, the pages docs/man/cella-VERB.1 and completions/cella.bash. */
#pragma once
#include "cli/opts.h"

struct cli;

enum verb_flags {
	VERB_READS = 1 << 0,   /* prints rows: has -o, -s, --filter, -H */
	VERB_SELECTS = 1 << 1, /* operands are zones: names, globs, --group, --all */
	VERB_COMMAND = 1 << 2, /* what follows the last operand is a command line for the zone */
	VERB_HIDDEN = 1 << 3,  /* for our own use: in no list */
};

enum verb_topic {
	TOPIC_ZONES,
	TOPIC_IMAGES,
	TOPIC_RUNNING,
	TOPIC_INSIDE,
	TOPIC_LOOK,
	TOPIC_SPEC,
	TOPIC_HOST,
	TOPIC_COUNT,
};

enum {
	VERB_ANY = 1 << 20, /* operands: as many as one likes */
};

struct verb_example {
	const char *command, *what;
};

struct verb {
	const char *name;	    /* "start"; "host check" is two words */
	const char *const *aliases; /* NULL-terminated, or NULL */
	const char *synopsis;	    /* behind the name: "[OPTIONS] NAME..." */
	const char *summary;	    /* no capital, no full stop */
	const char *description;    /* paragraphs, parted by an empty line */
	const char *exit_notes;	    /* what the exit codes mean here beyond cella(1), or NULL */
	const struct verb_example *examples; /* ends with an all-zero row, or NULL */
	const struct opt *options;	     /* or NULL */
	size_t values_size;		     /* of what the options fill: c->values */
	const void *defaults;		     /* what that is before they do; NULL: zeros */
	enum verb_topic topic;
	unsigned flags;
	unsigned min_operands, max_operands;
	int (*run)(struct cli *c); /* returns the exit code; has printed its error */
};

extern const struct verb *const verbs[]; /* NULL-terminated */

/* The verb that the first word or two of `words` name, also by alias; *ret_used is their number. */
const struct verb *verb_find(const char *const *words, size_t n, size_t *ret_used);
/* "unknown verb", with what may have been meant. Returns -1. */
int verb_unknown(const char *const *words, size_t n, struct err *e);

enum {
	VERB_GROUPS = 4
};
/* The option tables of a verb, its own first; c may be NULL when only help is wanted. Returns how
 * many. */
size_t verb_groups(const struct verb *v, struct cli *c, struct opt_group out[VERB_GROUPS]);
