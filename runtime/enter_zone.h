/* enter_zone.h: the two processes of an exec between clone3 and exec: no malloc, no stdio, nothing
 * loaded from the zone (S03). */
#pragma once
#include "runtime/user.h"
#include "isolation/cgroups/cg.h"
#include "isolation/privileges/drop.h"
#include "isolation/privileges/rlimits.h"

struct enter_side {
	int sock;
	int init_fd; /* pidfd of the zone's init */
	uint64_t ns_flags;
	int attach_fds[CG_HIER_MAX];
	size_t n_attach;
	const struct rlimits_plan *rlimits;
	char oom_score[8]; /* in digits */
	struct user_ids user;
	struct drop_plan drop;
	bool pty;
	uint16_t rows, cols;
	int stdio[3];
	int program_fd;	     /* a program of ours, executed instead; -1: none */
	const char *program; /* looked up in `path` when it has no slash */
	const char *path;
	char *const *argv, *const *env;
	const char *cwd;
	bool cwd_may_fail;
};

/* Joins the zone's groups and namespaces, makes the command as a sibling of itself, and exits. */
__attribute__((noreturn)) void enter_zone(struct enter_side *s);
