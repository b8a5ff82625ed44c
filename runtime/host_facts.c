#include "runtime/host_facts.h"

#include <stdio.h>
#include <unistd.h>

int host_facts_cgroups(const struct store *s, struct cg_host *ret, struct err *e)
{
	char path[4096];
	if (snprintf(path, sizeof path, "%s/cache/cgroups", s->root) >= (int)sizeof path)
		return cg_host_load(NULL, ret, e);
	return cg_host_load(path, ret, e);
}

uint64_t host_facts_memory(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}
