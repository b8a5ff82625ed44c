/* tree.h: the new mount API, one small helper per thing. Host side and zone side alike work on
 * detached trees (open_tree, fsmount) and attach them by descriptor; nothing here takes a path of
 * the zone. A helper that fails leaves errno; the `struct err` versions add the kernel's own
 * reason, which the fs context descriptor holds after a failed fsconfig(2). */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One option of a new file system; value NULL is a flag ("ro"). */
struct tree_option {
	const char *key, *value;
};

/* fsopen + fsconfig + fsmount. `attrs` are MOUNT_ATTR_*. Async-signal-safe. Detached mount fd, or
 * -1 with errno. `reason` (may be NULL) receives the kernel's last message without its "e " prefix,
 * "" when it said nothing; `reason_size` includes the NUL. */
int tree_new_fs(const char *fstype, const struct tree_option *options, size_t n_options,
	uint64_t attrs, char *reason, size_t reason_size);
/* The same for the host side. */
int tree_new_fs_err(const char *fstype, const struct tree_option *options, size_t n_options,
	uint64_t attrs, struct err *e);
/* The kernel's last message for a context fd, "" when there is none. Async-signal-safe. */
void tree_read_reason(int fs_fd, char *reason, size_t size);

/* A detached, private copy of the mount at dirfd/path (path "" is dirfd itself; a last symbolic
 * link is not followed). Before Linux 6.15 the source must be attached in the caller's own mount
 * namespace: clone what you need before tree_private_mountns(). -1 with errno. Async-signal-safe.
 */
int tree_clone(int dirfd, const char *path, bool recursive);
/* The same with attributes (MOUNT_ATTR_*) set and cleared, on all of it if recursive. */
int tree_clone_with(
	int dirfd, const char *path, bool recursive, uint64_t attr_set, uint64_t attr_clr);
/* The same of what `fd` is, but a peer of the mount that it lies on, if that is shared: what is
 * attached on the copy appears there as well. -1 with errno. */
int tree_clone_peer(int fd);
/* MS_SHARED, MS_PRIVATE, MS_SLAVE, MS_UNBINDABLE of one mount, by its root. 0, or -1 with errno. */
int tree_set_propagation(int tree_fd, uint64_t how);
/* mount_setattr on the root of a tree. Async-signal-safe. 0, or -1 with errno. */
int tree_set_attrs(int tree_fd, bool recursive, uint64_t attr_set, uint64_t attr_clr);
/* Map ids of a detached tree (its root mount only) with the maps of `userns_fd`, and in the same
 * call clear and set other flags (R9: nosuid and nodev of the store are cleared for the zone). -1 +
 * *e, ERR_HOST naming the file system if it cannot be mapped. */
int tree_idmap(int tree_fd, int userns_fd, uint64_t attr_set, uint64_t attr_clr, struct err *e);

/* Attach a detached tree on dirfd/path ("" is dirfd itself). Symbolic links are not followed.
 * Async-signal-safe. 0, or -1 with errno. */
int tree_attach(int tree_fd, int dirfd, const char *path);
/* Attach it on top of the caller's "/" without hiding anything from the caller: a place that always
 * exists, for trees that only have to be attached somewhere. Async-signal-safe. */
int tree_attach_anywhere(int tree_fd);

/* Give this process a mount namespace of its own that receives unmounts of the host but sends
 * nothing back (R1). *ret_old_ns_fd (may be NULL) is the former one, for setns() when the mounts
 * have been handed on: a process that stays resident must not hold copies of the host's mounts.
 * Descriptors opened before stay usable for reading and writing, but cannot be cloned or attached
 * to. */
int tree_private_mountns(int *ret_old_ns_fd, struct err *e);
/* Zone side: make every mount private, so that nothing the zone mounts leaves its namespace. */
int tree_make_private(void);

/* Name of the file system that an fd is on ("ext4", "nfs", "0x..."), for messages. */
const char *tree_fs_name(int fd, char out[24]);
