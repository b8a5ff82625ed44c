/* bulk.h: doing one thing to several zones. */
#pragma once
#include "cli/names.h"
#include <jansson.h>

/* Does it to one zone. `result` is what JSON and CSV output will say of it: "name" is in it, and
 * "changed": true, which the function may replace; it may add members. */
typedef int (*bulk_fn)(struct cli *c, const char *name, json_t *result, struct err *e);

/* Every zone that the operands mean, one after the other; goes on after a failure, each of which is
 * reported at once. Returns the exit code: 9 if one of several failed, else the failure's own. */
int bulk_run(struct cli *c, bulk_fn each);
/* The same for names that are known already. */
int bulk_run_names(struct cli *c, const struct names *names, bulk_fn each);
