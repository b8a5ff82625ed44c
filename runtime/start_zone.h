/* start_zone.h: the zone side of a start: what runs in the child between clone3 and exec. No
 * malloc, no stdio, no library but libc's system calls: everything is ready in this struct before
 * the clone, except what can only be known after it, which arrives with the ROOT message. */
#pragma once
#include "runtime/plan.h"
#include "runtime/start_protocol.h"
#include "isolation/privileges/drop.h"

enum {
	START_GROUPS_MAX = 64
};
/* Descriptors of the ROOT message are the slots of fsroot/mount_plan.h, in that order, those that
 * are used; `slots` says which. */
struct start_root {
	struct start_msg msg;
	uint32_t slots; /* bit per slot */
	uint32_t uid, gid, n_groups, groups[START_GROUPS_MAX];
};

struct zone_side {
	const struct plan *plan;
	int sock;
	int attach_fds[CG_HIER_MAX]; /* v1 groups to join */
	size_t n_attach;
	bool late_cgroup_ns; /* v1: its namespace can be made only after joining */
	bool own_netns;	     /* made here, while the host side goes on: it takes long */
	struct drop_plan drop;
	bool has_console;
	int stdio[3];	    /* without a console */
	int init_fd;	    /* cella-init, or -1: argv[0] is exec'ed itself */
	char **init_argv;   /* for cella-init */
	char report_fd[12]; /* its --report-fd: `sock` in digits */
};

__attribute__((noreturn)) void start_zone(struct zone_side *z);
