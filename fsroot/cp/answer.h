/* answer.h: what cella-copy says on fd 2 when it is done: lines of "key value", the last one "end".
 * Whoever reads them does not trust an end that ran in a zone. */
#pragma once
#include "base/err.h"
#include <stdint.h>

enum {
	ANSWER_WARNINGS_MAX = 8
};
struct answer {
	uint64_t entries, bytes;	   /* bytes of content */
	uint64_t devices, sockets, mounts; /* left out */
	uint64_t stripped;		   /* files that lost setuid, setgid */
	char warnings[ANSWER_WARNINGS_MAX][256];
	size_t n_warnings;
};

void answer_warn(struct answer *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Write it. Returns the exit code. */
int answer_result(const struct answer *a);
int answer_error(const struct err *e);
