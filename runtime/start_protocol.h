/* start_protocol.h: what the two sides of a start say to each other, over one SEQPACKET pair, one
 * fixed-size packet per message. Pure; the unit test walks every state with every message.
 *
 *   host side (start_host.c)                     zone side (start_zone.c)
 *   ------------------------                     ------------------------
 *   clone3                             --->      [SPAWNED] joins its groups
 *   writes the id maps
 *   IDS                                --->      [MAPPED] becomes root of its namespaces
 *   builds /dev and the root with the  <---      NETNS            if it makes one
 *   zone's ids                                   makes file systems
 *   ROOT {root, dev, ...}              --->      [ROOTED] mounts
 *   reads NETNS, configures the network          [NETTED]
 *                                      <---      MOUNTED {tree}   if its root could undo mounts
 *   has the tree locked (start_lock.h)           [MOUNTED]
 *   LOCKED {mount namespace}           --->      [LOCKED] enters it
 *                                                pivots, sets the host name
 *                                      <---      CONSOLE {pty master, slave}   unless it has pipes
 *   keeps the master for the keeper              [CONSOLED]
 *                                      <---      READY: everything that can fail is done but the
 *                                                drop of privileges and exec
 *   writes the state                             [READY] waits at the gate
 *   GO                                 --->      [GOING] rlimits, capabilities, seccomp, exec
 *   end of file: exec has happened     <---      [RUNNING]
 *
 *   NETNS is sent early, while the host side works, and read when it is needed.
 *   FAIL {step, object, errno} may come from the zone side in any state but RUNNING; it is the
 *   zone side's last word. End of file before GO means that it died without a word. Whatever the
 *   tables below do not allow is a broken peer, and the start is undone.
 *
 * `cella-oci create` stops at READY and `cella-oci start` opens the gate: nothing else differs. */
#pragma once
#include "base/fault.h"
#include <stdbool.h>

enum start_state {
	START_SPAWNED,
	START_MAPPED,
	START_ROOTED,
	START_NETTED,
	START_MOUNTED,
	START_LOCKED,
	START_CONSOLED,
	START_READY,
	START_GOING,
	START_RUNNING,
	START_FAILED,
	START_STATES
};
enum start_kind {
	START_MSG_ROOT = 1, /* host: with descriptors, order in enum start_root_fd */
	START_MSG_CONSOLE,  /* zone: with descriptors, pty master and slave */
	START_MSG_READY,    /* zone */
	START_MSG_GO,	    /* host */
	START_MSG_EOF,	    /* zone: not sent, but what end of file means */
	START_MSG_FAIL,	    /* zone */
	START_MSG_PROCESS,  /* zone, exec only: step is the pid, with a pidfd */
	START_MSG_MOUNTED,  /* zone: with its tree */
	START_MSG_LOCKED,   /* host: with a mount namespace */
	START_MSG_IDS,	    /* host: the id maps are written */
	START_MSG_NETNS,    /* zone: its network namespace is there */
	START_KINDS
};
/* The zone side's steps. Their names are what an admin reads after "step". */
enum start_step {
	STEP_NONE,
	STEP_WAIT_ROOT,
	STEP_CGROUP,
	STEP_NETNS,
	STEP_IDS,
	STEP_MOUNTS,
	STEP_LOCK,
	STEP_CONSOLE,
	STEP_HOSTNAME,
	STEP_SYSCTL,
	STEP_KEYRING,
	STEP_GATE,
	STEP_STDIO,
	STEP_RLIMITS,
	STEP_PRIVILEGES,
	STEP_SECCOMP,
	STEP_CWD,
	STEP_EXEC,
	STEP_ENTER,
	STEP_FORK,
	START_STEPS
};
/* Exec into a running zone is a shorter talk on the same kind of channel. Two processes speak on
 * the zone's end, one that enters the namespaces and one that becomes the command, so PROCESS (with
 * a pidfd) and CONSOLE (with a pty master, if one was asked for) come in either order:
 *
 *   PROCESS, CONSOLE  --->  end of file: exec has happened. FAIL as above. */
enum exec_state {
	EXEC_SPAWNED,
	EXEC_HAS_PROCESS,
	EXEC_HAS_CONSOLE,
	EXEC_HAS_BOTH,
	EXEC_RUNNING,
	EXEC_FAILED,
	EXEC_STATES
};
struct start_msg {
	uint32_t kind; /* enum start_kind */
	uint32_t step; /* enum start_step, for FAIL */
	struct fault fault;
};

/* The state after `kind` in state `s`, or -1 if that is not allowed. Pure. */
int start_next(enum start_state s, uint32_t kind);
int exec_next(enum exec_state s, uint32_t kind);
/* "mounts"; "?" for a number out of range. */
const char *start_step_name(uint32_t step);
const char *start_state_name(enum start_state s);
