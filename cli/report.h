/* report.h: everything that `cella` says on stderr (R7): each failure once, as text or, with -j or
 * --format json, as one JSON object. */
#pragma once
#include "base/str.h"
#include "cli/cli.h"

/* "cella: zone 'web1': step mounts: ..." and a hint line. `zone` may be NULL. Returns the exit
 * code. */
int report_error(const struct cli *c, const char *zone, const struct err *e);
/* The same, and the usage line of the verb. For mistakes on the command line. */
int report_usage(const struct cli *c, const struct err *e);
/* A remark that is no failure; silent with -q and in JSON. */
void report_note(const struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The text form, without "cella: " and the hint. Pure. */
void report_add_text(struct strbuf *s, const char *zone, const struct err *e);
/* The JSON form. NULL without memory. */
json_t *report_to_json(const char *zone, const struct err *e);
