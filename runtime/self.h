/* self.h: which program we are, and how a zone that shares the host's user namespace is kept from
 * overwriting it (S01, CVE-2019-5736): what runs inside such a zone before exec runs from a sealed
 * copy in memory. A zone with ids of its own cannot write files of the host's root, so the copy is
 * made for `userns: none` only. */
#pragma once
#include "base/err.h"
#include <stdbool.h>

/* Absolute path of the installed program, also when we run from a sealed copy. "" if unknown. */
const char *self_path(void);
bool self_is_sealed(void);
/* Run this command again, from the start, out of a sealed memfd. Returns 0 at once when we are that
 * already; otherwise only on failure. Call it before anything is done that must not be done twice.
 */
int self_seal(struct err *e);
/* A sealed copy in memory of a program of ours, `name` for messages: mode, owner and content of the
 * file on disk cannot be reached through /proc/PID/exe of a process that runs it. CLOEXEC
 * descriptor, or -1 + *e. */
int self_copy_sealed(int program_fd, const char *name, struct err *e);
