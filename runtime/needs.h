/* needs.h: the system calls that a zone's start, or what comes after it, cannot do without. */
#pragma once
#include "base/err.h"

/* -1 and ERR_HOST with the names of all that this kernel lacks. Asks the kernel with arguments that
 * it must refuse: nothing happens, and it costs a few microseconds. */
int needs_check(struct err *e);
