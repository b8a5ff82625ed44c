/* copy.h: HOST SIDE. Copy a directory tree by descriptors: owners, modes, times, extended
 * attributes, hard links, holes. Links are copied as links and never followed; other mounts are
 * never entered; the number of open descriptors does not grow with depth. Reflinks where the file
 * system can. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct copy_result;
struct copy_options {
	uint64_t max_entries, max_bytes; /* 0: no limit */
	uint64_t max_id;		 /* owners must be below it (65536); 0: no check */
	/* Copy overlayfs whiteouts and trusted.overlay.* marks, and sockets and device nodes: for
	 * the writable directory of a zone and for layers, where one may hide what lies beneath it.
	 * Without it they are refused (a hostile layer could use them to reach other layers), and
	 * nodes are skipped. */
	bool keep_overlay_marks;
	bool no_sync; /* the caller does it: a frozen zone need not wait for the disk */
	/* Called now and then while it works; may be NULL. */
	void (*tick)(void *arg, const struct copy_result *so_far);
	void *tick_arg;
	const char *limit_entries_name, *limit_bytes_name; /* for messages: "--max-entries" */
};
struct copy_result {
	uint64_t entries, bytes;
	uint64_t skipped_devices, skipped_sockets, skipped_mounts;
};

/* Copy the content and attributes of src_dir_fd into dst_dir_fd, an existing empty directory. The
 * end is synced to disk (syncfs). On failure the destination is partial: the caller removes it. A
 * source that changes meanwhile is an error (ERR_FAILED) naming the file. *ret is filled on
 * success. */
int copy_tree(int src_dir_fd, int dst_dir_fd, const struct copy_options *options,
	struct copy_result *ret, struct err *e);
