/* mount_plan.h: which mounts a zone gets, as an ordered list of operations. Pure: decided on the
 * host side before the clone, executed without further decisions by fsroot/apply on the zone side.
 */
#pragma once
#include "base/err.h"
#include "fsroot/tree.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Index into apply_plan.fds. Volumes follow from MOUNT_SLOT_VOLUMES on. */
enum mount_slot {
	MOUNT_SLOT_ROOT,
	MOUNT_SLOT_DEV,
	MOUNT_SLOT_MASK, /* dev_build_mask() */
	MOUNT_SLOT_SYS,	 /* only without a network namespace of its own: tree_clone(-1, "/sys",
			    false) */
	MOUNT_SLOT_VOLUMES,
};

enum mount_op_kind {
	MOUNT_OP_ATTACH,    /* attach the tree in `slot` on `target` */
	MOUNT_OP_NEW_FS,    /* new file system `fstype` with `options` on `target` */
	MOUNT_OP_SELF,	    /* bind `target` on itself, then change flags (read-only paths) */
	MOUNT_OP_MASK,	    /* cover `target` with the empty file or directory of MOUNT_SLOT_MASK */
	MOUNT_OP_SET_ATTRS, /* change flags of the mount that is on `target` */
	MOUNT_OP_SYMLINK,   /* make a link `target` -> options[0].value; for /sys/fs/cgroup/cpu */
};

enum {
	MOUNT_OP_OPTIONS_MAX = 8,
	/* mount_op.flags */
	MOUNT_OP_STRICT = 1,   /* no symbolic link in any component: /proc, /sys, /dev (S07, S09) */
	MOUNT_OP_OPTIONAL = 2, /* an absent target is not an error */
	MOUNT_OP_MAKE_DIR = 4, /* a missing target is made, component by component (S10) */
	MOUNT_OP_MAKE_FILE = 8, /* the same, the last one as an empty file */
	MOUNT_OP_RECURSIVE = 16,
};

struct mount_op {
	enum mount_op_kind kind;
	unsigned flags;
	unsigned slot;
	const char *target; /* absolute in the zone */
	const char *fstype; /* ATTACH of a volume: its source, to be shown */
	struct tree_option options[MOUNT_OP_OPTIONS_MAX];
	size_t n_options;
	uint64_t attr_set, attr_clr; /* MOUNT_ATTR_* */
	uint64_t shown;		     /* flags that the tree has already, for mount_op_describe */
};

/* How /sys/fs/cgroup looks inside. */
enum mount_cgroup {
	MOUNT_CGROUP_NONE,
	MOUNT_CGROUP_V2, /* one cgroup2 mount */
	MOUNT_CGROUP_V1, /* tmpfs with one mount per `v1` entry */
};
struct mount_cgroup_v1 {
	const char *dir;     /* "cpu,cpuacct", "systemd": directory beneath /sys/fs/cgroup */
	const char *options; /* "cpu,cpuacct" or "name=systemd": as the host has them */
	bool is_writable;
};

struct mount_volume {
	const char *target; /* absolute */
	const char *source; /* for mount_op_describe */
	bool is_tmpfs;	  /* else a tree the host side has cloned, mapped and flagged, in a slot */
	bool is_dir;	  /* what the tree is */
	const char *size; /* tmpfs: "64M" or NULL */
	const char *mode; /* tmpfs: "1777" or NULL (755) */
	uint64_t
		attrs; /* MOUNT_ATTR_*; tmpfs: nosuid and nodev are always added; else shown only */
};

struct mount_plan_input {
	bool is_system; /* runs a system init: /run, /run/lock, writable cgroup */
	bool has_userns;
	bool has_netns;	  /* a network namespace of its own; else /sys is the host's, read-only */
	bool has_ipcns;	  /* own IPC namespace: /dev/mqueue */
	bool is_readonly; /* read-only root */
	bool tmpfs_tmp;	  /* /tmp in memory */
	const char *tty_gid; /* "5", or NULL where that id is not mapped */
	enum mount_cgroup cgroup;
	bool cgroup_writable; /* v2 */
	const struct mount_cgroup_v1 *v1;
	size_t n_v1;
	const struct mount_volume *volumes; /* slots are given in this order to those with a tree */
	size_t n_volumes;
	const char *const *masked; /* absolute paths; from isolation/privileges/paths.h */
	size_t n_masked;
	const char *const *readonly;
	size_t n_readonly;
	const char *const *writable; /* exceptions beneath the read-only ones, e.g. /proc/sys/net */
	size_t n_writable;
};

struct mount_plan {
	struct mount_op *ops;
	size_t n_ops;
	size_t n_slots; /* how many fds apply_plan needs; unused slots are -1 */
	char *strings;	/* memory that ops point into, beside the input's own strings */
};

/* The input's strings must live as long as the plan. -1 + *e (ERR_USAGE for a bad or duplicate
 * target). Free with mount_plan_done. */
int mount_plan_make(const struct mount_plan_input *in, struct mount_plan *ret, struct err *e);
void mount_plan_done(struct mount_plan *plan);
/* One line for `cella plan`: "proc on /proc (nosuid,nodev,noexec)". Appended, no newline. */
struct strbuf;
void mount_op_describe(const struct mount_op *op, struct strbuf *out);
