/* mem.h: cleanup attributes and ownership helpers. A local that owns memory says `autofree`; giving
 * it away is visible as ptr_steal(&p). */
#pragma once
#include <stdlib.h>

static inline void autofree_done(void *p)
{
	free(*(void **)p);
}
#define autofree __attribute__((cleanup(autofree_done)))

/* Take the value out of *p and leave NULL. */
#define ptr_steal(p)                                                                               \
	({                                                                                         \
		__typeof__(*(p)) ptr_steal_value = *(p);                                           \
		*(p) = NULL;                                                                       \
		ptr_steal_value;                                                                   \
	})

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
