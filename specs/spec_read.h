/* spec_read.h: a JSON document into the structures of schema.h. Inside specs/ only.
 *
 * An error carries the JSON pointer of what is wrong in e->object (cut at its size), and in e->msg
 * in front of the text; the caller puts file, line and column before that (spec_where.h). */
#pragma once
#include "base/err.h"
#include "specs/schema.h"
#include <jansson.h>

/* Every member of `doc` into `base`, which holds the defaults. Structure, types, ranges and
 * grammars; neither required top-level members nor rules across fields. */
int spec_read_document(const json_t *doc, struct zone_spec *base, struct err *e);
/* That the required top-level members are there. */
int spec_read_required(const json_t *doc, struct err *e);
/* ERR_USAGE with pointer and message, as the reader makes them. Returns -1. */
int spec_read_fail(struct err *e, const char *pointer, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
