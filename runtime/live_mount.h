/* live_mount.h: `cella mount` and `cella umount`: directories and files of the host in a zone that
 * runs, until it stops.
 *
 * What a zone's own root mounts it may also remount; what comes in here it must not, or "ro" and
 * "nodev" would be the zone's to take off. The kernel locks the flags of a mount that *propagates*
 * into a mount namespace of another user namespace. So that is how it gets in:
 *
 *     zone:  B, the mount that the target lies on, becomes shared
 *            C = clone of the target's directory: of B's peer group
 *     ours:  C is attached in a mount namespace of our own, and the volume on top of it
 *            -> the kernel puts a copy on the target in the zone, its flags locked
 *     zone:  copy and B get the propagation that they had
 *
 * The target is looked up in the zone's root once, and used by descriptor (S08). */
#pragma once
#include "runtime/store.h"

struct live_mount_options {
	const char *source; /* absolute */
	const char *target;
	const char *const *options; /* "ro,noexec" */
	size_t n_options;
	bool no_idmap;
	bool persist; /* into the spec as well */
};
/* The same checks as for the spec's mounts. */
int zone_mount(
	const struct store *s, const char *name, const struct live_mount_options *o, struct err *e);

/* Only what zone_mount has mounted. `lazy`: also when it is in use (MNT_DETACH). `persist`: out of
 * the spec as well; *ret_in_spec says that it is there still. */
int zone_umount(const struct store *s, const char *name, const char *target, bool lazy,
	bool persist, bool *ret_in_spec, struct err *e);
