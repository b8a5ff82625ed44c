/* console_client.h: our terminal on a zone's console, by way of its keeper. */
#pragma once
#include "cli/cli.h"
#include "cli/escape.h"
#include "runtime/keeper.h"

enum console_end {
	CONSOLE_LEFT,  /* the escape key, or end of stdin */
	CONSOLE_ENDED, /* the zone has ended: *ret_exit says how */
	CONSOLE_LOST,  /* the keeper is gone */
};
/* `keeper_fd` is connected (keeper_client.h). Raw terminal meanwhile. enum console_end, or -1. */
int console_attach(
	int keeper_fd, struct escape *escape, struct keeper_exit *ret_exit, struct err *e);
/* "exited with code 0", "was ended by signal 9". For people. */
const char *console_ending(const struct keeper_exit *x, char *out, size_t size);
