/* bootstrap.h: a distribution's minimal system, made by its own tool from its own archive:
 * mmdebstrap, or else debootstrap. The tool runs with the host's privileges, as it would if the
 * admin ran it, but in namespaces of its own: its mounts never show on the host (R1), its /tmp is a
 * directory of our staging, and all of it dies with us. */
#pragma once
#include "base/err.h"
#include <limits.h>
#include <stdbool.h>

#define BOOTSTRAP_ROOT "root" /* in the directory that it got for /tmp */

struct bootstrap {
	const char *distribution; /* "debian", "ubuntu" */
	char release[64];	  /* as the distribution's archive calls it: "bookworm" */
	char program[PATH_MAX];	  /* mmdebstrap or debootstrap, found along PATH */
	bool writes_tar;	  /* mmdebstrap: to its standard output; else to BOOTSTRAP_ROOT */
};

/* "debian:12", "debian:bookworm", "ubuntu:24.04". 1 and *ret, 0 if the text is not of this form or
 * no distribution that we know, -1 + ERR_HOST neither program is installed, ERR_USAGE no release of
 * that number. */
int bootstrap_parse(const char *text, struct bootstrap *ret, struct err *e);

/* One that runs. */
struct bootstrap_run {
	int pidfd;
	int tar_fd; /* its standard output; -1 if it writes no tar */
	int log_fd; /* what it says, a file without a name */
};
#define BOOTSTRAP_RUN_EMPTY                                                                        \
	{                                                                                          \
		.pidfd = -1, .tar_fd = -1, .log_fd = -1                                            \
	}
/* Start it with an empty directory, mode 1777, for its /tmp. */
int bootstrap_start(
	const struct bootstrap *b, int tmp_fd, struct bootstrap_run *ret, struct err *e);
/* By itself; looked at for a second, since its output ends a little before it does. */
bool bootstrap_has_ended(const struct bootstrap_run *run);
/* Wait for its end. Failure is ERR_FAILED with the last things it said. */
int bootstrap_finish(const struct bootstrap *b, struct bootstrap_run *run, struct err *e);
/* Kill what still runs. */
void bootstrap_drop(struct bootstrap_run *run);
#define autobootstrap __attribute__((cleanup(bootstrap_drop)))
