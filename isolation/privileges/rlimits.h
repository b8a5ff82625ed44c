/* rlimits.h: resource limits (H17). A zone gets a fixed table, never what the caller happens to
 * have. */
#pragma once
#include "base/err.h"
#include "base/fault.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

enum {
	RLIMITS_COUNT = 16 /* RLIM_NLIMITS; also an assertion in the code */
};

struct rlimits_plan {
	struct rlimit of[RLIMITS_COUNT]; /* by RLIMIT_...; RLIM_INFINITY = unlimited */
};

/* What the spec asks for. UINT64_MAX = unlimited; units are the kernel's (bytes, seconds, ...). */
struct rlimits_ask {
	const char *name;
	uint64_t soft, hard;
};

/* "nofile" or "RLIMIT_NOFILE" -> RLIMIT_NOFILE; -1 if there is none. */
int rlimits_from_name(const char *name);
/* "nofile". NULL for a number that is none. */
const char *rlimits_to_name(int resource);

/* The table with the asked values merged in. ERR_USAGE: unknown or repeated name, soft above hard.
 * A hard limit above our own needs CAP_SYS_RESOURCE: without it a default is lowered to ours, an
 * asked one is ERR_HOST. Also ERR_HOST: nofile above fs.nr_open. */
int rlimits_plan_make(
	const struct rlimits_ask *asks, size_t n, struct rlimits_plan *ret, struct err *e);

/* HOST SIDE: set them on a waiting child (prlimit). This is the way for a zone with its own user
 * namespace: raising is up to CAP_SYS_RESOURCE of the *initial* namespace, which the child gave up.
 */
int rlimits_set(pid_t pid, const struct rlimits_plan *plan, struct err *e);
/* ZONE SIDE: set them on itself. Enough where nothing is raised, or without a user namespace. */
int rlimits_apply(const struct rlimits_plan *plan, struct fault *f);
