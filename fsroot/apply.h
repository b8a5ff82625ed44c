/* apply.h: ZONE SIDE. Executes a mount plan beneath the new root, makes the console, and pivots. No
 * malloc, no stdio: everything was decided by fsroot/mount_plan. Call in this order, as root of the
 * zone's namespaces, after the id maps are written, after setresuid(0) and, with cgroup v1, after
 * unshare(CLONE_NEWCGROUP):
 *
 *	apply_prepare()	 optional: new file systems, not attached yet; needs no root
 *	apply_mounts()	 root attached; proc and sysfs while the old ones are still visible, or the
 *			 kernel refuses them; dev; everything else
 *	apply_console()	 a terminal of the zone's own devpts
 *	apply_pivot()	 old root gone, cwd and root are the zone's
 *
 * Every target is resolved by openat2 from the root's descriptor and attached to by descriptor
 *(R3), so the image decides nothing about where a mount lands. */
#pragma once
#include "base/fault.h"
#include "fsroot/mount_plan.h"

struct apply_plan {
	const int *fds; /* by slot; -1 = none. Not closed here */
	size_t n_fds;
	const struct mount_op *ops;
	size_t n_ops;
	struct apply_made *made; /* NULL: nothing is prepared */
};

enum {
	APPLY_MADE_MAX = 32 /* the rest is made when its turn comes */
};
/* New file systems by the index of their operation; -1 = none. */
struct apply_made {
	int fds[APPLY_MADE_MAX];
};

/* Make the new file systems of the plan that every zone has, while the host side is still at the
 * root: the one for the target `only`, or all that are not made yet. Into *plan->made, all -1 at
 * first, which apply_mounts() closes. */
int apply_prepare(const struct apply_plan *plan, const char *only, struct fault *f);
/* The prepared file system for `target`, still *plan->made's; -1: none. */
int apply_prepared(const struct apply_plan *plan, const char *target);
int apply_mounts(const struct apply_plan *plan, struct fault *f);

struct apply_console {
	int master_fd; /* for the host side (keeper), CLOEXEC */
	int slave_fd;  /* for stdin, stdout, stderr of the zone's init, CLOEXEC, no controlling tty
			  yet */
};
/* A new pty of the zone's own devpts, its slave bound on /dev/console (S06). The slave's owner is
 * 0:`tty_gid` (5; -1 keeps), mode 0620. */
int apply_console(int root_fd, uint32_t tty_gid, struct apply_console *ret, struct fault *f);

/* pivot_root(".", "."), lazy unmount of the old root, chdir("/"). */
int apply_pivot(int root_fd, struct fault *f);
