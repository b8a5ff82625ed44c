/* cg.h: control groups of a zone, the same calls for cgroup v1, hybrid and v2.
 *
 *   HIERARCHY/cella/NAME        limit group: root's, holds every limit; a process only where
 *                               there is no zone group (cg_create)
 *                               (with systemd: in a scope, see cg_scope.h)
 *   HIERARCHY/cella/NAME/zone   zone group: the zone's processes; delegated to the zone's root
 *
 * NAME is a zone name, or zone name "." store id. Directories are made and removed by mkdirat and
 * unlinkat on descriptors; libcgroup finds the layout (cg_discover.c, the only file that knows it).
 * Everything here may be repeated after a crash: create refuses what it finds, destroy takes
 * whatever is left in any hierarchy, and "it is not there" is success for destroy.
 *
 * Deadlines are CLOCK_MONOTONIC milliseconds (clock_mono_ms() + timeout); INT64_MAX is never.
 * No function here sleeps in a loop; the one exception is the v1 freezer, which has no event. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- the host ---- */

enum cg_layout {
	CG_LAYOUT_NONE = 0, /* an empty struct; never the result of a successful cg_host_load */
	CG_LAYOUT_V1,	    /* controllers on v1, no cgroup2 mount */
	CG_LAYOUT_HYBRID,   /* v1 controllers and a cgroup2 mount (with or without controllers) */
	CG_LAYOUT_V2,	    /* cgroup2 only */
};

/* Controllers, by their v2 names. Bits, since v1 mounts several on one hierarchy. */
enum cg_controller {
	CG_CPU = 1 << 0,
	CG_CPUACCT = 1 << 1, /* v1 only; v2 accounts without a controller */
	CG_CPUSET = 1 << 2,
	CG_MEMORY = 1 << 3,
	CG_PIDS = 1 << 4,
	CG_IO = 1 << 5,	     /* v1: blkio */
	CG_DEVICES = 1 << 6, /* v1 only; v2 has eBPF */
	CG_FREEZER = 1 << 7, /* v1 only; v2 has cgroup.freeze */
	CG_HUGETLB = 1 << 8,
	CG_RDMA = 1 << 9,
	CG_MISC = 1 << 10,
	CG_NET_CLS = 1 << 11,
	CG_NET_PRIO = 1 << 12,
	CG_PERF_EVENT = 1 << 13,
	CG_SYSTEMD = 1 << 14, /* v1 name=systemd: no controller, but systemd in a zone wants it */
};

enum {
	CG_HIER_MAX = 20,
	CG_MOUNT_SIZE = 256,
	CG_TITLE_SIZE = 64,
	CG_NAME_MAX = 96
};

struct cg_hier {
	bool v2;
	bool memsw;	      /* v1 memory: swap can be limited (memory.memsw.*) */
	uint32_t controllers; /* enum cg_controller; v2: those of its root's cgroup.controllers */
	int root_fd;	      /* directory fd of the mount point; owned by struct cg_host */
	uint64_t mnt_id, dev; /* what the mount point was when this was found out */
	char title[CG_TITLE_SIZE];	 /* "memory", "cpu,cpuacct", "name=systemd", "cgroup2" */
	char mount_point[CG_MOUNT_SIZE]; /* for mounts in the zone and for messages */
};

/* Who makes the group that a zone's groups lie in. Groups that exist are found either way. */
enum cg_manager {
	CG_MANAGER_CGROUPFS, /* we do: "cella/NAME" */
	CG_MANAGER_SYSTEMD,  /* systemd does: cg_scope.h */
};

/* Host facts. {0} is a valid empty one. */
struct cg_host {
	enum cg_layout layout;
	int v2;			 /* index in hier of the cgroup2 mount, or -1 */
	uint32_t controllers;	 /* union over all hierarchies */
	bool from_cache;	 /* libcgroup was not needed */
	bool borrowed;		 /* its descriptors are those of another one, which lives longer */
	enum cg_manager manager; /* for new groups; CG_MANAGER_CGROUPFS after a load */
	/* Path of our groups beneath each hierarchy's root, without systemd: "cella" unless set
	 * after the load. Relative, no "..". */
	char base[CG_MOUNT_SIZE];
	size_t n;
	struct cg_hier hier[CG_HIER_MAX];
};

/* Find the layout, without side effect on the cgroup trees. `cache_file` (absolute, in a private
 * directory of ours; may be NULL) keeps the facts, keyed by boot id, hierarchy ids and mount ids; a
 * stale, corrupt or foreign one is ignored and rewritten. Failure to write it is no error. */
int cg_host_load(const char *cache_file, struct cg_host *ret, struct err *e);
void cg_host_done(struct cg_host *h);
#define autocg_host __attribute__((cleanup(cg_host_done)))

/* "cgroupfs", "systemd", or "auto": systemd where it runs the host and cgroup v2 is the only one.
 * ERR_USAGE for another word, ERR_HOST where systemd is asked for and cannot be had. */
int cg_host_set_manager(struct cg_host *h, const char *wanted, struct err *e);

/* The hierarchy that has this controller (v1 first), or NULL. */
const struct cg_hier *cg_host_find(const struct cg_host *h, enum cg_controller c);
/* Remove our base directory where no zone has a group any more; it is kept otherwise, since making
 * it anew (v2: enabling controllers) is the dearest part of a first start. For repair and
 * uninstall. */
void cg_host_prune(const struct cg_host *h);
const char *cg_layout_name(enum cg_layout l); /* "v1", "hybrid", "v2" */
const char *cg_controller_name(enum cg_controller c, bool v2);

/* ---- limits ---- */

#define CG_UNSET UINT64_MAX	/* not asked for: leave what is there */
#define CG_MAX (UINT64_MAX - 1) /* "max": no limit */

struct cg_limits {
	uint64_t memory_max, memory_high, memory_low, memory_min; /* bytes */
	uint64_t swap_max;	/* bytes of swap alone, as v2 has it */
	uint64_t pids_max;	/* processes and threads */
	uint64_t cpu_max_milli; /* thousandths of a core */
	uint64_t cpu_weight;	/* 1..10000, 100 is the default */
	const char *cpus;	/* "0-1,4"; NULL or "": unset. Borrowed */
	bool oom_group;		/* an OOM kill takes the whole zone (v2 only) */
};
/* Every number unset, nothing else asked. */
#define CG_LIMITS_UNSET                                                                            \
	{                                                                                          \
		CG_UNSET, CG_UNSET, CG_UNSET, CG_UNSET, CG_UNSET, CG_UNSET, CG_UNSET, CG_UNSET,    \
			NULL, false                                                                \
	}

/* Would these limits be honoured on this host? No side effect: for plan and validate. A controller
 * that is missing, or a field that v1 cannot express, is ERR_HOST and names the field. */
int cg_limits_check(const struct cg_host *h, const struct cg_limits *l, struct err *e);

/* ---- groups ---- */

/* The groups of one zone in every hierarchy. {0} is a valid empty one. `host` is borrowed and must
 * live longer. Descriptors are -1 where the hierarchy has no such group (left by a crash). */
struct cg {
	const struct cg_host *host;
	char name[CG_NAME_MAX];
	int limit_fd[CG_HIER_MAX];
	int zone_fd[CG_HIER_MAX];
	uint32_t flat; /* bit i: in hierarchy i both are the same group */
};

/* Make both groups in every hierarchy; a single one in those of v1 that an owner with ids of his
 * own could not write anyway. Apply limits to the limit group (v2: mirrored to the zone group, so
 * that tools inside see them), and hand the zone group to owner (`delegate`): the directory,
 * cgroup.procs, cgroup.threads and cgroup.subtree_control on v2, and name=systemd on v1. All or
 * nothing: on failure everything made by this call is gone again. If a group of that name exists:
 * ERR_BUSY when it has processes, ERR_STATE when it is an empty leftover, which cg_destroy sweeps;
 * *e has errno EEXIST in both cases. */
int cg_create(const struct cg_host *h, const char *name, const struct cg_limits *limits,
	uid_t owner_uid, gid_t owner_gid, bool delegate, struct cg *ret, struct err *e);
/* Open what is there. ERR_NOT_FOUND if no hierarchy has it. */
int cg_open(const struct cg_host *h, const char *name, struct cg *ret, struct err *e);
void cg_close(struct cg *c);
#define autocg __attribute__((cleanup(cg_close)))

/* True if any hierarchy has a group of this name. */
bool cg_exists(const struct cg_host *h, const char *name);
/* Every name under our base in any hierarchy, sorted, once each. `fn` returning non-zero stops and
 * is the result. Names are as given to cg_create. */
int cg_list(
	const struct cg_host *h, int (*fn)(const char *name, void *arg), void *arg, struct err *e);

/* ---- processes ---- */

/* The fd for CLONE_INTO_CGROUP: the zone group on v2 (borrowed), or -1 on pure v1. */
int cg_clone_fd(const struct cg *c);
/* True if there is a v1 hierarchy: after clone3 the process must join the v1 groups as well, and
 * unshare(CLONE_NEWCGROUP) comes after that. */
bool cg_needs_attach(const struct cg *c);
/* The way to join them. The host side opens the files before clone3 (owned by the caller,
 * O_CLOEXEC), the single-threaded child calls cg_attach_self. Measured on 6.18, nine hierarchies:
 * 0.1 ms, against 7 to 15 ms for cg_attach, since a thread that moves itself does not wait for a
 * grace period. */
int cg_attach_files(const struct cg *c, int fds[CG_HIER_MAX], size_t *n, struct err *e);
/* ZONE SIDE. Async-signal-safe. 0, or -1 + errno and *at is the index that failed. */
int cg_attach_self(const int *fds, size_t n, size_t *at);
/* Move another process, already in cg_clone_fd() on v2, to the v1 groups. Slow, see above. */
int cg_attach(const struct cg *c, pid_t pid, struct err *e);
/* For exec: move a process to every group, v2 included. If the zone has made its group an inner
 * node (systemd does), the process joins the child "cella-exec" of it, made when missing. */
int cg_attach_all(const struct cg *c, pid_t pid, struct err *e);
/* For exec with CLONE_INTO_CGROUP: an owned v2 directory fd chosen as cg_attach_all does; *ret is
 * -1 on pure v1. cg_attach is still needed for v1. */
int cg_exec_fd(const struct cg *c, int *ret, struct err *e);

/* All processes of the zone, sub groups included, over all hierarchies, sorted. Caller frees. */
int cg_pids(const struct cg *c, pid_t **ret, size_t *ret_n, struct err *e);
/* True if there is any process. */
int cg_is_populated(const struct cg *c, bool *ret, struct err *e);

/* Change limits of a live group; CG_UNSET and NULL leave a value, oom_group is taken as given.
 * Values are read back: one the kernel took differently (other than rounding to pages) is an error.
 * The old values of what was already written are put back on failure. */
int cg_set(const struct cg *c, const struct cg_limits *limits, struct err *e);

/* Freeze or thaw, and wait until it is so. A timeout of freeze thaws again. */
int cg_freeze(const struct cg *c, int64_t deadline_mono_ms, struct err *e);
int cg_thaw(const struct cg *c, int64_t deadline_mono_ms, struct err *e);
int cg_is_frozen(const struct cg *c, bool *ret, struct err *e);

/* SIGKILL for everything inside, frozen or not, forking or not. Does not wait for them to be gone.
 */
int cg_kill(const struct cg *c, struct err *e);
/* Wait until no process is left. ERR_TIMEOUT names some of those that are, with state and wchan. */
int cg_wait_empty(const struct cg *c, int64_t deadline_mono_ms, struct err *e);
/* Kill, wait, remove, deepest first, groups that the zone made included. Nothing there: success. */
int cg_destroy(const struct cg_host *h, const char *name, int64_t deadline_mono_ms, struct err *e);

/* ---- devices ---- */

/* One entry of the allow-list. major, minor: -1 is any. access: some of "rwm" (m: mknod). */
struct cg_dev_rule {
	char type; /* 'c', 'b', or 'a' (both; major and minor must be -1) */
	int major, minor;
	const char *access;
};
/* null zero full random urandom tty console ptmx rw, pts/N rw; mknod of none. */
extern const struct cg_dev_rule cg_devices_default[];
extern const size_t cg_devices_default_n;

/* Allow these and nothing else: after cg_create and before the first process, or live; then what is
 * no longer allowed goes first (v2: replaced in one step). v1: devices controller, which cg_create
 * has left with an empty list, so that a zone without this call can open no device at all;
 * otherwise an eBPF program on the limit group. An open for rw needs one rule that grants both. */
int cg_devices_apply(const struct cg *c, const struct cg_dev_rule *rules, size_t n, struct err *e);

/* ---- statistics ---- */

struct cg_psi {
	uint32_t some_avg10, full_avg10; /* hundredths of a percent */
	uint64_t some_total, full_total; /* microseconds */
	bool present;
};

/* CG_UNSET where this host has no such value. */
struct cg_stats {
	uint64_t memory_current, memory_peak, memory_max, swap_current; /* bytes; max: CG_MAX */
	uint64_t oom_kills;
	uint64_t pids_current, pids_max;
	uint64_t cpu_usage_usec, cpu_user_usec, cpu_system_usec;
	uint64_t cpu_nr_throttled, cpu_throttled_usec;
	uint64_t io_read_bytes, io_write_bytes;
	struct cg_psi psi_cpu, psi_memory, psi_io;
};
int cg_stats(const struct cg *c, struct cg_stats *ret, struct err *e);
/* What a table of all zones shows: memory_current and pids_current, by name, two files. CG_UNSET as
 * above, and where there is no such group. */
void cg_usage(const struct cg_host *h, const char *name, uint64_t *ret_memory, uint64_t *ret_pids);

/* A file whose text cg_oom_parse understands, for the keeper to keep open and pread at the zone's
 * end (before the group is removed: then it reads ENODEV). Owned fd; -1 if the host cannot tell. */
int cg_oom_open(const struct cg *c);
/* Number of OOM kills in the text of that file; 0 if there is none. Pure. */
uint64_t cg_oom_parse(const char *text);
