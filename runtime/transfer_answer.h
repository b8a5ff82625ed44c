/* transfer_answer.h: the answer of cella-copy, "key value" lines (fsroot/cp/answer.h). One end may
 * be in a zone, so its words are bounded and escaped, and prove nothing. Pure. */
#pragma once
#include "base/err.h"
#include <stdint.h>

enum {
	TRANSFER_ANSWER_MAX = 16384,
	TRANSFER_WARNINGS_MAX = 8,
};
struct transfer_answer {
	uint64_t entries, bytes, devices, sockets, mounts, stripped;
	char warnings[TRANSFER_WARNINGS_MAX][256];
	size_t n_warnings;
};
/* `text` is cut into pieces. -1 with the error that it carries, or one about the answer itself. */
int transfer_answer_parse(char *text, struct transfer_answer *ret, struct err *e);
