/* log_file.h: reading a zone's console log: LOG/NAME.console and the older NAME.console.1. */
#pragma once
#include "base/str.h"
#include "runtime/store.h"

enum {
	LOG_ALL = -1
};
/* The last `lines` lines (LOG_ALL: everything) of both parts. *ret_fd, if not NULL, gets the newer
 * part, positioned at its end, or -1 if there is none yet; caller closes. No log is no error. */
int log_read_tail(const struct store *s, const char *zone, int64_t lines, struct strbuf *out,
	int *ret_fd, struct err *e);
/* Offset in `text` where its last `lines` lines begin. An end without line end counts as a line.
 * Pure. */
size_t log_tail_offset(const char *text, size_t len, int64_t lines);
/* Add console bytes in a form that is safe on a terminal: whole lines escaped, tabs and line ends
 * kept, carriage returns beside them dropped. `rest` keeps an unfinished line between calls.
 */
void log_add_escaped(struct strbuf *out, struct strbuf *rest, const char *bytes, size_t n);
