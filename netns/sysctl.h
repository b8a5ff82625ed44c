/* sysctl.h: the few switches of the host's network stack that a network needs. They belong to the
 * network namespace of the calling process. Internal to netns/. */
#pragma once
#include "base/err.h"
#include <stdbool.h>

/* False: a kernel without IPv6, or one that was told at boot to do without. */
bool sysctl_has_ipv6(void);
/* Write `value` to /proc/sys/net/KEY unless it is there already (so that a read-only /proc/sys with
 * the right value is good enough). -1 + *e with a hint. */
int sysctl_want(const char *key, const char *value, struct err *e);
/* Make the kernel forward IPv4, and IPv6 if wanted. Where IPv6 forwarding was off, every accept_ra
 * of 1 becomes 2 first: 1 means "only while not forwarding", and the host would lose the addresses
 * and routes it has from its router. */
int sysctl_forward(bool want_ipv6, struct err *e);
