/* filter_table.h: which system calls the filter allows and which it refuses, by name, over all
 * architectures. Names that a version of libseccomp does not know are skipped, so they stay
 * unknown: ENOSYS. Internal to filter*.c and its tests. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* NULL-terminated. */
extern const char *const filter_allowed[];
/* EPERM. Everything in neither list, or not yet invented, is ENOSYS. NULL-terminated. */
extern const char *const filter_refused[];
/* Refused unless filter_options.keyring. NULL-terminated. */
extern const char *const filter_keyring[];

/* Refused unless the zone has the capability; see filter_options.capabilities, host_userns. */
struct filter_unlock {
	int cap;
	bool needs_host_userns;
	const char *name;
};
extern const struct filter_unlock filter_unlocks[];
extern const size_t filter_unlocks_n;

struct filter_options;
bool filter_is_unlocked(const struct filter_options *options, const struct filter_unlock *unlock);
