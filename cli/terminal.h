/* terminal.h: the caller's own terminal: raw mode that is always taken back, its size, and signals
 * as a descriptor. */
#pragma once
#include "base/err.h"
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* Put the terminal on `fd` into raw mode. It is restored by terminal_restore(), at exit, and around
 * a stop by SIGTSTP (terminal_suspend). Not a terminal: does nothing. */
int terminal_raw(int fd, struct err *e);
/* Back to what it was; safe at any time and from anywhere. */
void terminal_restore(void);
/* Stop ourselves as SIGTSTP would, with the terminal restored; raw again when continued. */
void terminal_suspend(void);

/* Size of the terminal on any of the descriptors 0 to 2. False (and 24 x 80) if none is one. */
bool terminal_size(uint16_t *rows, uint16_t *cols);
void terminal_set_size(int pty_fd, uint16_t rows, uint16_t cols);

/* Block what a relay has to see (INT, TERM, HUP, QUIT, WINCH, TSTP) and ignore PIPE; returns a
 * signalfd, CLOEXEC. `old` gets the mask from before, for terminal_signals_end. -1 + *e. Call it
 * *after* the command was made, or it would inherit the mask. */
struct terminal_signals {
	int fd;
	sigset_t old_mask;
	struct sigaction old_pipe;
};
int terminal_signals_begin(struct terminal_signals *s, struct err *e);
void terminal_signals_end(struct terminal_signals *s);
/* The next signal, or 0 when there is none. */
int terminal_signals_next(const struct terminal_signals *s);
