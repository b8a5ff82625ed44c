/* paths.h: what of /proc and /sys a zone does not see (H06) or cannot write (H07). Absolute paths
 * inside the zone; one that is missing is skipped. The mounting is fsroot's. */
#pragma once
#include "base/err.h"

/* Covered by an empty read-only file or directory. NULL-terminated. */
extern const char *const paths_masked[];
/* All that is masked on this host: those, and what each CPU has of its own below `cpu_dir`, which
 * is /sys/devices/system/cpu but in tests. NULL-terminated; caller frees with paths_free. */
char **paths_masked_here(const char *cpu_dir, struct err *e);
void paths_free(char **list);
/* Bind-mounted onto themselves read-only, recursively, before the exceptions. NULL-terminated. */
extern const char *const paths_readonly[];
/* Exceptions below /proc/sys: namespaced, so the zone's own root may write them. NULL-terminated.
 */
extern const char *const paths_writable[];
enum {
	PATHS_WRITABLE_NET = 1 /* that many at its beginning need a network namespace of its own */
};
