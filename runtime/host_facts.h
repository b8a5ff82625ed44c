/* host_facts.h: what the plan needs to know about the host, found without side effects and cached
 * where finding out is slow. */
#pragma once
#include "runtime/store.h"
#include "isolation/cgroups/cg.h"

/* Control groups of this host, cached in ROOT/cache/cgroups, and in memory: found out once in the
 * life of a process. *ret is to be given to cg_host_done as any other. */
int host_facts_cgroups(const struct store *s, struct cg_host *ret, struct err *e);
/* Bytes of memory this host has. */
uint64_t host_facts_memory(void);
