#include "base/defence.h"

#ifdef CELLA_TEST_SWITCHES
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool defence_is_off(const char *id)
{
	const char *list = getenv("CELLA_TEST_OFF");
	size_t n = strlen(id);
	for (const char *p = list; p && *p; p += strcspn(p, " "), p += strspn(p, " "))
		if (!strncmp(p, id, n) && (p[n] == ' ' || p[n] == '\0'))
			return true;
	return false;
}

char *defence_environment(void)
{
	static char assignment[256];
	const char *list = getenv("CELLA_TEST_OFF");
	if (!list)
		return NULL;
	(void)snprintf(assignment, sizeof assignment, "CELLA_TEST_OFF=%s", list);
	return assignment;
}
#endif
