/* err.h: the one error value. A fixed-size value owned by the caller, filled exactly once where the
 * failure is seen, added to by callers that know more (zone name, step), and printed exactly once
 * by cli/. Library code never prints and never exits. No allocation, so it works when memory is
 * out.
 *
 * Convention of every fallible function in the tree: last parameter `struct err *e`, result 0 (or
 * >= 0) on success and -1 with *e filled on failure; outputs (`ret_*`) are untouched on failure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* The exit codes of the command line (docs/man/cella.1). */
enum err_class {
	ERR_NONE = 0,
	ERR_FAILED = 1,	   /* it was tried and went wrong */
	ERR_USAGE = 2,	   /* bad arguments or bad spec */
	ERR_NOT_FOUND = 3, /* no such zone, layer, network... */
	ERR_STATE = 4,	   /* wrong state for this verb */
	ERR_BUSY = 5,	   /* somebody else holds the lock */
	ERR_DENIED = 6,	   /* not permitted */
	ERR_HOST = 7,	   /* this host or kernel cannot do it */
	ERR_TIMEOUT = 8,   /* deadline passed */
	ERR_PARTLY = 9,	   /* bulk verb: some names failed */
};

struct err {
	enum err_class cls;
	int sys_errno;	  /* errno of the failing call, or 0 */
	char step[32];	  /* named step, e.g. "mounts"; "" when there is none */
	char object[256]; /* what the step worked on: path, key, interface; "" when there is none */
	char msg[768];	  /* one sentence, no capital, no full stop, no newline */
	char hint[384];	  /* what the admin can do about it, or "" */
};

/* Fill *e; returns -1, so that `return err_set(e, ...)` reads well. An `e` of NULL is allowed. */
int err_set(struct err *e, enum err_class cls, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* As err_set, with ": strerror(errnum)" appended and the class derived from errnum: EPERM, EACCES
 * -> DENIED; ENOSYS -> HOST; ETIMEDOUT -> TIMEOUT; others -> FAILED. */
int err_sys(struct err *e, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Out of memory, from any place. */
int err_nomem(struct err *e);

/* Put "text: " in front of the message. Keeps class, errno, step, hint. Returns -1. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Set the hint if none is set yet. Returns -1. */
int err_hint(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Set step and object if not set yet (object may be NULL). Returns -1. */
int err_at(struct err *e, const char *step, const char *object);
/* Change the class. Returns -1. */
int err_class_set(struct err *e, enum err_class cls);

void err_clear(struct err *e);
/* "usage", "not_found", ...: the stable word for JSON output. */
const char *err_class_name(enum err_class cls);
/* Name of an errno ("ENOENT"), or NULL if the libc has none. */
const char *err_errno_name(int errnum);
