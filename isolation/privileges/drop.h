/* drop.h: ZONE SIDE: all privilege steps in their one right order. The last thing before the file
 * descriptors are closed and the init program is executed.
 *
 *   umask, signals, keyring
 *   groups                 needs CAP_SETGID
 *   bounding set           needs CAP_SETPCAP; changes nothing yet, it acts at exec
 *   filter, if !no_new_privs: needs CAP_SYS_ADMIN in the zone's user namespace, so before the
 *                          next two; the filter allows the calls that still follow
 *   gid, uid               needs CAP_SETGID, CAP_SETUID; leaving root empties the sets
 *   capset, ambient
 *   no_new_privs
 *   filter, if no_new_privs: needs nothing more, so it comes last
 *
 * After it: process_cloexec_from or process_close_fds, then execve. */
#pragma once
#include "base/fault.h"
#include "isolation/privileges/caps.h"
#include "isolation/privileges/filter.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct drop_plan {
	struct caps_plan caps; /* already for `uid`: caps_plan_for_uid */
	struct filter_blob filter;
	uint32_t uid, gid; /* as seen in the zone */
	const uint32_t *groups;
	size_t n_groups;
	bool no_new_privs;
};

int drop_apply(const struct drop_plan *plan, struct fault *f);
