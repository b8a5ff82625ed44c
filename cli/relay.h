/* relay.h: carrying bytes between our stdin, stdout and stderr and a command: a pty's master or
 * three pipes. */
#pragma once
#include "base/err.h"
#include <stdbool.h>

struct relay {
	/* The command's side; -1: none. All stay the caller's, but are closed (and set to -1) when
	 * their direction has ended, so that the command sees it. */
	int *pty_fd;
	int *in_fd, *out_fd, *err_fd;
	/* Readable when the command has ended: a pidfd, or a socket. What it has written until then
	 * is still delivered; what its children hold open is not waited for. */
	int end_fd;
	/* INT, TERM, HUP or QUIT came to us. */
	void (*on_signal)(void *arg, int sig);
	/* It has ended; what it has written may take its time. May be NULL. */
	void (*on_end)(void *arg);
	void *arg;
};

/* Until the end of the command. Our terminal, if stdin is one and there is a pty, is in raw mode
 * meanwhile. No polling: sleeps in poll(2). */
int relay_run(struct relay *r, struct err *e);
