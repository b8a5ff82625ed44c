/* project.h: HOST SIDE. Project quotas (ext4 and xfs mounted with prjquota): a directory and all
 * that is made in it counts to a number, and the number has a limit. All by descriptor: the file
 * system is the one that `fd` is on. Only a process in the host's own user namespace can change
 * which project a file belongs to: a zone with ids of its own cannot (the kernel, vfs). */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

enum project_support {
	PROJECT_NONE,	  /* the file system, the kernel, or how it is mounted: none */
	PROJECT_COUNTS,	  /* it counts, but no limit is enforced */
	PROJECT_ENFORCES, /* it does all of it */
};
/* By asking the kernel, not by reading mount options. */
enum project_support project_support(int fd);

struct project_usage {
	uint64_t bytes, files, limit; /* limit in bytes; 0: none */
};
int project_usage(int fd, uint32_t id, struct project_usage *ret, struct err *e);
/* Blocks and, so that a zone cannot take all inodes of a file system, one file for every 4 KiB. 0:
 * no limit. Less than is in use is possible: then nothing can be added. */
int project_limit(int fd, uint32_t id, uint64_t bytes, struct err *e);

/* Of a directory. 0: none. -1 + errno where the file system has no projects. */
int project_get(int dir_fd, uint32_t *ret);
/* Count an empty directory, and what will be made in it, to a project. */
int project_put(int dir_fd, uint32_t id, struct err *e);
