/* host_probe.h: finding out by doing, in a child that takes everything it made with it. For `host
 * check` only; single-threaded callers. */
#pragma once
#include "runtime/store.h"

/* Map the ids of a tree on the store's own file system. */
int host_probe_idmap(const struct store *s, struct err *e);
/* Mount an overlay of id-mapped directories of the store and write a file in it. */
int host_probe_overlay(const struct store *s, struct err *e);
/* Make an interface of this kind ("veth", "bridge") in a network namespace of its own. */
int host_probe_link(const char *kind, struct err *e);
/* Does the kernel answer nf_tables requests? */
int host_probe_nftables(struct err *e);
/* Load a device filter. 0, or -1 + errno. */
int host_probe_device_filter(void);
