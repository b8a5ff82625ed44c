/* start_lock.h: HOST SIDE. Mounts that the zone's root cannot take off or change.
 *
 * What a zone side mounts in a mount namespace of its own user namespace, its root may unmount and
 * remount: masks, read-only paths, flags of volumes. The kernel locks all of them when a mount
 * namespace is copied for a less privileged owner (mount_namespaces(7)), and then a new proc cannot
 * be mounted beside the masked one either. So the zone side hands over a clone of its finished
 * tree; a short-lived child of the host side makes it the root of a mount namespace that belongs to
 * the host, with nothing of the host in it, then becomes the zone's root and copies that namespace;
 * the zone side enters the copy. */
#pragma once
#include "runtime/start_host.h"

/* `tree_fd`: the zone's whole tree, detached. *ret_ns: descriptor of the locked mount namespace. */
int start_lock_mounts(struct start *s, int tree_fd, int *ret_ns, struct err *e);
