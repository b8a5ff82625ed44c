#include "base/defence.h"

#ifdef CELLA_TEST_SWITCHES
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
#endif
