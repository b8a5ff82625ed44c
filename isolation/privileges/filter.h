/* filter.h: the system call filter (H04). An allow-list; what is unknown answers ENOSYS, so that
 * programs fall back, what is known and refused answers EPERM. libseccomp needs milliseconds to
 * compile it, seven times a whole start, so compiled programs are kept in files. */
#pragma once
#include "base/err.h"
#include "base/fault.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sock_filter;

enum filter_mode {
	FILTER_DEFAULT,
	FILTER_LOG, /* refuse nothing, log what would be refused (audit, or the kernel log) */
	FILTER_UNCONFINED, /* no filter */
};

struct filter_options {
	enum filter_mode mode;
	bool keyring; /* allow keyctl, add_key, request_key */
	/* Let 32-bit programs use socketcall(2) to make sockets. Its arguments cannot be looked at,
	 * so this opens AF_VSOCK and NETLINK_AUDIT to whoever issues int 0x80. Off: such a socket()
	 * is EPERM (the direct 32-bit socket(2) works either way). */
	bool socketcall;
	/* The plan's bounding set. A capability that no profile has and that is good for nothing
	 * but some refused calls allows them, as it can only be there because it was asked for:
	 * SYS_TIME, SYS_MODULE, SYS_RAWIO, BPF, PERFMON. Never open_by_handle_at (S26). */
	uint64_t capabilities;
	/* The zone shares the host's user namespace. Only there SYSLOG and SYS_PACCT are worth
	 * anything, and are not in the profile, so the same holds for them. */
	bool host_userns;
};

/* Instructions in memory, owned. {0} is no filter. */
struct filter_blob {
	struct sock_filter *insns;
	uint16_t n;
};
void filter_blob_done(struct filter_blob *blob);
#define autofilter __attribute__((cleanup(filter_blob_done)))

/* The program for these options: from the cache, or compiled and put there. `cache_dirfd` is a
 * private directory of ours (best below the run directory: then a rebooted host compiles once, with
 * the library it has by then), or -1 for no cache. A damaged cache file is replaced; one that
 * cannot be written is no error, as it costs time only. FILTER_UNCONFINED gives an empty blob. */
int filter_get(const struct filter_options *options, int cache_dirfd, struct filter_blob *ret,
	struct err *e);
/* The same without any cache. */
int filter_compile(const struct filter_options *options, struct filter_blob *ret, struct err *e);

/* ZONE SIDE. Install the program (nothing if empty). Needs no_new_privs or CAP_SYS_ADMIN in the
 * caller's user namespace: see drop.h for when. */
int filter_apply(const struct filter_blob *blob, struct fault *f);
