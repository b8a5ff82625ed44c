/* cli.h: what one invocation of `cella` knows: its options, its operands, the store. */
#pragma once
#include "cli/opts.h"
#include "cli/output.h"
#include "cli/verb.h"
#include "runtime/store.h"

enum {
	CLI_LOCK_MS = 5000, /* how long a verb waits for another one that works on the same zone */
};

struct cli {
	const struct verb *verb; /* NULL before it is known */
	struct store_paths paths;
	struct output_options out;
	struct opt_list groups; /* --group */
	bool all;		/* --all */
	bool help, version;
	void *values; /* the verb's own options */
	struct opts_words words;
	struct store store;
	bool store_is_open;
};

/* The whole program. Returns the exit code. */
int cli_main(int argc, const char *const *argv);

/* The store, opened once. NULL + *e. */
const struct store *cli_store(struct cli *c, struct err *e);

/* The tables that every verb, or every verb of a kind, has (dispatch.c). */
extern const struct opt cli_global_options[], cli_read_options[], cli_select_options[];
