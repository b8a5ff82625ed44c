/* spec_where.h: lines and columns of a JSON text: what jansson does not tell. Inside specs/ only.
 */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

/* The limits that hold before a parser sees the text: not empty, size, no byte order mark, no NUL,
 * depth. ERR_USAGE as "FILE:LINE:COL: ...". */
int spec_where_scan(const char *text, size_t len, const char *file, struct err *e);
/* Offset of the member or entry that a JSON pointer names, or of the innermost one of its parents
 * that is there. The text must be valid JSON; anything else gives some offset within it. */
size_t spec_where_find(const char *text, size_t len, const char *pointer);
/* Put "FILE:LINE:COL" of an offset in front of the message. */
int spec_where_prefix(struct err *e, const char *file, const char *text, size_t len, size_t offset);
/* The same with a line and column, or "FILE" alone for line 0; nothing at all without a file. */
int spec_where_prefix_at(struct err *e, const char *file, size_t line, size_t column);
