/* start_host.h: the host side of a start, between start.c (which loads, plans, claims) and
 * start_zone.c (which runs in the zone). One process, single-threaded: it builds everything,
 * watches the zone side through the protocol, commits, and becomes the keeper by exec. */
#pragma once
#include "runtime/start.h"
#include "runtime/start_zone.h"
#include "runtime/state.h"
#include "netns/link.h"

struct start {
	struct zone *zone;
	const struct start_options *options;
	struct cg_host cg_host;
	struct plan plan;
	struct zone_state state; /* doubles as the undo list: what it names, zone_sweep removes */
	bool record_changed;

	/* network, claimed before the fork */
	struct network network;
	struct network_addr addr;

	int answer; /* to the command that waits: one struct start_answer */

	/* host side only */
	enum start_state proto;
	int sock;	/* to the zone side */
	int store_tree; /* detached clone of the store, made before the mount namespace */
	int old_mount_ns;
	int listen_fd, oom_fd;
	int userns_fd, root_fd, dev_fd, mask_fd, sys_fd;
	int volume_fds[SPEC_BINDS_MAX];
	int pty_master, pty_slave;
	int init_fd; /* cella-init */
	int pidfd;
	pid_t pid;
	struct cg cg;
	struct zone_side side;
};

/* Packet from the host side to the waiting command. With START_PTY the master comes along. */
struct start_answer {
	bool ok;
	pid_t pid;
	struct err e;
};

/* Runs in the forked child and never returns: answers, and becomes the keeper or exits. */
__attribute__((noreturn)) void start_host(struct start *s);

/* Build the zone's root and its files (start_root.c); fills *late and the slots' descriptors. */
int start_build_root(struct start *s, struct start_root *late, struct err *e);
/* Its first part: s->root_fd, from s->plan, s->store_tree and s->userns_fd. For `cella cp`, too. */
int start_build_overlay(struct start *s, struct err *e);
/* One message from the zone side (start_hear.c), held against the protocol: its kind. -1 with *e
 * for FAIL, a broken peer, a timeout, and an end of file that is not exec. Descriptors that came
 * with it are the caller's. */
int start_receive(struct start *s, int fds[2], struct err *e);
/* The zone side works at the same time. When it fails while we are at the network, what we find is
 * that it is gone; why, it has told before. What else it has said by then no longer matters. */
void start_prefer_their_reason(struct start *s, struct err *e);
/* Text for what the zone side reported. */
void start_explain(const struct start *s, const struct start_msg *m, struct err *e);
