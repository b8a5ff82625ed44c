/* ns.h: the namespaces by name, which of them a zone makes, shares or joins, and entering them. */
#pragma once
#include "base/err.h"
#include "base/fault.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* In the order in which they are joined one by one: the user namespace first, as it gives the
 * capabilities that the others ask for. */
enum ns_kind {
	NS_USER,
	NS_MNT,
	NS_PID,
	NS_NET,
	NS_IPC,
	NS_UTS,
	NS_CGROUP,
	NS_TIME,
	NS_COUNT
};

struct ns_type {
	const char *name;     /* as in /proc/PID/ns: "mnt", "net" */
	const char *oci_name; /* as in an OCI config: "mount", "network" */
	uint64_t flag;	      /* CLONE_NEW... */
	const char *config;   /* kernel option, for messages */
};
extern const struct ns_type ns_types[NS_COUNT];

enum ns_mode {
	NS_HOST, /* stay in the caller's */
	NS_NEW,
	NS_JOIN, /* of[].fd is an open namespace, borrowed */
};
struct ns_plan {
	struct {
		enum ns_mode mode;
		int fd;
	} of[NS_COUNT];
};

/* By either name; false if there is no such namespace. */
bool ns_kind_from_name(const char *name, enum ns_kind *ret);

/* Flags for clone3: every NS_NEW, but never CLONE_NEWTIME: a child that clone3 puts into a new time
 * namespace freezes its offsets at zero in the same moment. See ns_time_prepare. */
uint64_t ns_clone_flags(const struct ns_plan *plan);

/* Does this kernel have it (/proc/self/ns/NAME)? */
bool ns_is_supported(enum ns_kind kind);
/* ERR_HOST naming the first namespace to be made that the kernel lacks, with its option. The time
 * namespace is left out: whether to go on without it is the caller's decision (ns_is_supported). */
int ns_check_supported(const struct ns_plan *plan, struct err *e);

/* O_CLOEXEC fd of /proc/PID/ns/NAME, or -1 + errno (ESRCH/ENOENT gone, EACCES not ours). */
int ns_open(pid_t pid, enum ns_kind kind);
/* Inode number of the caller's (pid 0) or a process's namespace; equal numbers = same namespace. */
int ns_inode(pid_t pid, enum ns_kind kind, uint64_t *ret);

/* ZONE SIDE. Enter the namespaces `flags` (CLONE_NEW...) of the process behind `pidfd`, all at once
 * or not at all. A pid namespace (and, with other threads' clocks, a time namespace) holds for
 * children only: the caller forks afterwards. */
int ns_enter(int pidfd, uint64_t flags, struct fault *f);
/* ZONE SIDE. Enter every NS_JOIN of a plan, one by one in the order of enum ns_kind. */
int ns_join(const struct ns_plan *plan, struct fault *f);

/* Host side, before clone3: make a time namespace in which the uptime starts at about a second, and
 * have the *next children* of this process born in it. unshare(CLONE_NEWTIME) is the only way: its
 * offsets stay writable until the first process is inside.
 * *ret_home_fd is the namespace to come back to: call ns_time_restore right after clone3. Without
 * that, every later child and (since Linux 6.0) the next exec of this very process would be in the
 * zone's time as well, and see other start times in /proc/PID/stat than the rest of the host.
 * ERR_HOST if the kernel has no time namespaces. The caller must have one thread. */
int ns_time_prepare(int *ret_home_fd, struct err *e);
int ns_time_restore(int home_fd, struct err *e);
