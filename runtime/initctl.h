/* initctl.h: asking sysvinit for another runlevel. It has no signal for "shut down": SIGPWR runs
 * what inittab has for a power failure, on Debian a script that does not exist. telinit(8) writes a
 * request into the FIFO /run/initctl; so do we. */
#pragma once
#include "base/err.h"
#include <sys/types.h>

/* `init` is the zone's pid 1 and `init_fd` its pidfd, `runlevel` '0' (halt) or '6' (reboot). The
 * FIFO is the zone's: it is looked up in the zone's root (R3), must be a FIFO, and is never waited
 * for. */
int initctl_request(pid_t init, int init_fd, char runlevel, struct err *e);
