/* merge.h: HOST SIDE. Merge a stack of overlay layers into one directory that shows what the stack
 * shows.
 *
 * The layers are walked one after the other, the uppermost first, in step with the result, which
 * takes from each what it does not have yet. Whiteouts and opaque marks are carried over like files
 * and hide what is beneath them there as they do in an overlay; in the end those that hide nothing
 * any more are taken out. So the memory, the descriptors and the C stack that it needs depend
 * neither on the number of layers nor on their depth. */
#pragma once
#include "fsroot/copy.h"

struct merge_options {
	/* Layers remain beneath the result: keep the marks that act on them. */
	bool keep_marks;
	/* For each layer: its files are hard-linked, not copied. For layers that never change again
	 * (what is in layers/). NULL: none. */
	const bool *link_from;
	void (*tick)(void *arg, const struct copy_result *so_far); /* may be NULL */
	void *tick_arg;
};

/* dst_dir_fd: an existing empty directory on the file system of the layers, or another one (then
 * nothing is linked). The end is synced to disk. On failure the destination is partial. *ret (may
 * be NULL): entries taken, bytes copied or shared by reflink; linked ones count 0 bytes. */
int merge_layers(const int *layer_fds, size_t n, int dst_dir_fd, const struct merge_options *o,
	struct copy_result *ret, struct err *e);
