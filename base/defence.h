/* defence.h: negative controls for the tests of docs/SECURITY.md. A test of a defence proves
 * nothing unless it fails when the defence is gone; so the test build (CMake
 * -DCELLA_TEST_SWITCHES=ON) can take single ones away: CELLA_TEST_OFF="S08 S20" in the environment.
 * A release build has neither the function nor the name of the variable in it, and tests/source
 * checks that.
 *
 *     if (!defence_is_off("S08"))
 *             how.resolve |= RESOLVE_NO_SYMLINKS; */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#ifdef CELLA_TEST_SWITCHES
/* Async-signal-safe: also between clone3 and exec. */
bool defence_is_off(const char *id);
/* "CELLA_TEST_OFF=...", for an environment that is built from nothing. NULL: nothing is off. */
char *defence_environment(void);
#else
static inline bool defence_is_off(const char *id)
{
	(void)id;
	return false;
}
static inline char *defence_environment(void)
{
	return NULL;
}
#endif
