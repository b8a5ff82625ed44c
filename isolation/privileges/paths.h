/* paths.h: what of /proc and /sys a zone does not see (H06) or cannot write (H07). Absolute paths
 * inside the zone; one that is missing is skipped. The mounting is fsroot's. */
#pragma once

/* Covered by an empty read-only file or directory. NULL-terminated. */
extern const char *const paths_masked[];
/* The same for every CPU: "PREFIX<number>SUFFIX" of each directory cpuN in the prefix's parent. */
extern const char paths_masked_cpu_prefix[], paths_masked_cpu_suffix[];
/* Bind-mounted onto themselves read-only, recursively, before the exceptions. NULL-terminated. */
extern const char *const paths_readonly[];
/* Exceptions below /proc/sys: namespaced, so the zone's own root may write them. NULL-terminated.
 */
extern const char *const paths_writable[];
enum {
	PATHS_WRITABLE_NET = 1 /* that many at its beginning need a network namespace of its own */
};
