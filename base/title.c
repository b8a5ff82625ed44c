#include "base/title.h"

#include <stddef.h>
#include <string.h>

static char *begin;
static size_t size;

void title_remember(char *const *argv)
{
	if (!argv[0])
		return;
	begin = argv[0];
	/* The kernel lays them out one behind the other. */
	const char *end = begin;
	for (char *const *p = argv; *p == end; p++)
		end += strlen(*p) + 1;
	size = (size_t)(end - begin);
}

void title_blank(void)
{
	if (begin)
		memset(begin, 0, size);
}
