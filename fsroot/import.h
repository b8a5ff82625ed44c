/* import.h: HOST SIDE. Unpack a hostile archive into a new directory (R10): starts the program
 * cella-unpack in namespaces of its own (user, mount, network, pid, ipc, uts, cgroup), with its ids
 * mapped so that what it writes is stored with canonical owners (R2), limits on memory and file
 * size, no privilege outside, and reads its answer. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define IMPORT_PROGRAM CELLA_LIBEXECDIR "/cella-unpack"

enum {
	IMPORT_ENTRIES_DEFAULT = 1000000,
	IMPORT_IDS = 65536,
	IMPORT_WARNINGS_MAX = 8,
};
#define IMPORT_BYTES_DEFAULT (UINT64_C(64) << 30)

/* Bytes that the caller looks at on their way, for instance to know their digest. */
struct import_feed {
	/* The next piece, valid until the next call: its length; 0 at the end, when there is
	 * nothing wrong with the whole; -1 + *e. It is asked to the end also when the unpacker has
	 * failed, and what it says then counts: a damaged file is named before its consequences. */
	ssize_t (*next)(void *arg, const void **ret_piece, struct err *e);
	void *arg;
};

struct import_plan {
	int archive_fd;			/* read from its present position; file, pipe or socket */
	const struct import_feed *feed; /* instead of archive_fd, if not NULL */
	int dest_dir_fd; /* empty directory, root:root 0755, on a file system that can map ids */
	uint32_t host_first;		 /* first of IMPORT_IDS host ids, claimed by the caller */
	uint64_t max_entries, max_bytes; /* 0: the defaults */
	const char *program;		 /* absolute path of cella-unpack; NULL: IMPORT_PROGRAM */
	bool is_layer; /* whiteouts become overlayfs's; in any other archive they are refused */
};
struct import_result {
	uint64_t entries, bytes; /* bytes of file content */
	uint64_t skipped_devices;
	uint64_t opaque_dirs; /* marked so, of a layer */
	char sha256[65];      /* of the uncompressed tar stream: the layer's id */
	char warnings[IMPORT_WARNINGS_MAX][256];
	size_t n_warnings;
};

/* Hostile or broken data and limits are ERR_FAILED with a message that names the entry; ERR_HOST if
 * ids cannot be mapped. The destination is partial after a failure: the caller removes it. Ends the
 * child in any case; a signal handler of the caller is not needed. */
int import_archive(const struct import_plan *plan, struct import_result *ret, struct err *e);
