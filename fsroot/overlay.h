/* overlay.h: HOST SIDE. The root of a zone: an overlay of read-only layers and one writable
 *directory, both with the zone's ids mapped in, as one detached mount (R1, R2).
 *
 * Order that works on Linux 6.1 and later:
 *	store = tree_clone(store_fd, "", true)	while still in the host's mount namespace
 *	tree_private_mountns()
 *	clone3, id maps written, userns_fd = /proc/PID/ns/user
 *	overlay_build() -> root fd, sent to the zone side */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/* The kernel takes 500; the names of so many fit the page of options of mount(2). */
	OVERLAY_LAYERS_MAX = 400,
};

/* How the kernel learns of the layers. All but AUTO are for tests. */
enum overlay_method {
	/* The first of these that works: */
	OVERLAY_METHOD_AUTO = 0,
	OVERLAY_METHOD_FD,     /* one by one; Linux 6.13 */
	OVERLAY_METHOD_STRING, /* all in one string of fsconfig, 255 bytes: some 60 layers */
	OVERLAY_METHOD_MOUNT,  /* mount(2) in the private mount namespace, a page of options */
};

struct overlay_plan {
	/* Detached recursive clone of the store's directory. Consumed: it is mapped, attached in
	 * the private mount namespace, and remains open for the caller to close. */
	int store_tree_fd;
	/* Paths beneath the store ("layers/ID/fs"), the uppermost first. At least one. */
	const char *const *layers;
	size_t n_layers;
	/* Paths beneath the store, both on one mount, e.g. "zones/web/upper" and "zones/web/work".
	 * Both NULL: a read-only root of layers only (then at least two layers, or it is a plain
	 * clone, which is done here too). Made by overlay_make_dirs(): `upper` carries the mode and
	 * owner that "/" has in the zone. */
	const char *upper, *work;
	/* They are relative to scratch_fd (scratch.h), not to the store, and not mapped. */
	bool on_scratch;
	int scratch_fd;
	/* They are relative to volume_fd, a detached mount (volume.h), consumed as the store's
	 * clone is. */
	bool on_volume;
	int volume_fd;
	int userns_fd;		     /* -1: the zone has no user namespace, nothing is mapped */
	uint32_t root_uid, root_gid; /* host ids of the zone's root; 0 without a user namespace */
	enum overlay_method method;
	const char *source; /* what mountinfo shows of an overlay; may be NULL */
};

/* *ret_root_fd: detached mount, nodev (the zone's devices live in its /dev only). Changes fsuid,
 * fsgid and (old kernels) the working directory for the duration, and restores them. */
int overlay_build(const struct overlay_plan *plan, int *ret_root_fd, struct err *e);

/* Make `upper` (root:root, mode of the uppermost layer's root given by the caller, normally 0755)
 * and `work` (0755) beneath a zone's directory. EEXIST is success. */
int overlay_make_dirs(
	int zone_dir_fd, const char *upper, const char *work, unsigned mode, struct err *e);
