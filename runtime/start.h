/* start.h: starting a zone. docs/START.md tells the story; start_host.c and start_zone.c are it. */
#pragma once
#include "runtime/store.h"
#include "runtime/zone.h"

enum start_stdio {
	START_CONSOLE, /* a pty, held and logged by the keeper */
	START_PIPES,   /* init gets options.stdio_fds as 0, 1, 2 */
	START_PTY,     /* a pty, its master goes to the caller */
};
struct start_options {
	int64_t lock_timeout_ms;
	enum start_stdio stdio;
	int stdio_fds[3];    /* for START_PIPES; stay the caller's */
	uint16_t rows, cols; /* first size of a START_PTY */
	uint32_t restarts;   /* how many automatic restarts came before this one */
	bool undo;	     /* what the run writes can be discarded afterwards (undo.h) */
	enum undo_mode undo_mode;
	bool keep_undo; /* part of a restart: an open run goes on, also if `restarts` is not 0 */
};
struct start_result {
	bool changed; /* false: it was running already */
	pid_t pid;
	int pty_fd;  /* for START_PTY, else -1; caller closes */
	int exit_fd; /* SEQPACKET to the keeper: one struct keeper_exit (keeper.h) arrives when the
		      * zone has ended; caller closes */
};
/* Start by name: takes the lock, sweeps leftovers, starts, commits. */
int zone_start(const struct store *s, const char *name, const struct start_options *o,
	struct start_result *ret, struct err *e);
/* The same for a zone that is open and locked. */
int zone_start_locked(
	struct zone *z, const struct start_options *o, struct start_result *ret, struct err *e);
