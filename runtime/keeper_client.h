/* keeper_client.h: talking to a zone's keeper. The words are in keeper.h. */
#pragma once
#include "runtime/keeper.h"
#include "runtime/store.h"
#include <stdint.h>
#include <sys/types.h>

/* Connect. The peer must be root. ERR_STATE if there is no keeper (stopped, or unwatched);
 * ERR_TIMEOUT if it is stopped and others wait for it already. A send that it does not take within
 * 10 seconds fails with EAGAIN. */
int keeper_connect(const struct store *s, const char *zone, struct err *e);
/* One letter and its bytes. 0, or -1 + errno. */
int keeper_send(int fd, char letter, const void *bytes, size_t n);
/* "Tell me when it ends", and "I will sweep". 0, or -1 + errno. */
int keeper_notify(int fd);
int keeper_sweeping(int fd);
int keeper_swept(int fd);
/* Wait for the exit record. deadline (CLOCK_MONOTONIC ms) < 0: for ever. ERR_TIMEOUT; ERR_FAILED if
 * the keeper died without one. Console output that arrives meanwhile is dropped. */
int keeper_wait_exit(int fd, int64_t deadline, struct keeper_exit *ret, struct err *e);
