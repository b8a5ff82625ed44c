/* import_answer.h: the answer of cella-unpack, "key value" lines. It has read a hostile archive, so
 * its words are not trusted either: bounded, and nothing in them can act on a terminal. Pure. */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "fsroot/import.h"

/* `text` is modified. 0 with *ret filled; -1 with the error that the answer carries, or one about
 * the answer itself. To *ret_opaque the names of opaque directories are added, each with its NUL.
 */
int import_answer_parse(
	char *text, struct import_result *ret, struct strbuf *ret_opaque, struct err *e);
