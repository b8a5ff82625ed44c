/* Waiting for the kernel to open a zone's port. An interface that comes up is made to work by a
 * worker of the kernel's, link watch, some time after the call that brought it up has returned:
 * until then the bridge drops what passes, and what was dropped is sent again after a second. */
#include "netns/link.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/proc.h"
#include "netns/link_query.h"
#include "netns/nl.h"

/* 1, 0 for not yet, or -1. Since Linux 6.8 the question itself does the worker's work. */
static int is_open(int fd, const char *host_if, const char *bridge, struct err *e)
{
	struct link_info port, above;
	int found = link_query_name(fd, host_if, &port, e);
	if (found <= 0)
		return found < 0 ? -1 : err_set(e, ERR_FAILED, "interface '%s' is gone", host_if);
	/* Somebody has turned on spanning tree: its delays are not the worker's. */
	if (port.port_state == BR_STATE_LISTENING || port.port_state == BR_STATE_LEARNING)
		return 1;
	if (port.port_state != BR_STATE_FORWARDING)
		return 0;
	/* The first port makes the bridge itself an interface that works. */
	if ((found = link_query_name(fd, bridge, &above, e)) < 0)
		return -1;
	return !found || above.operstate == IF_OPER_UP || above.operstate == IF_OPER_UNKNOWN;
}

/* Something has changed, or the time is over. What it was is asked for anew, so messages are thrown
 * away, and one that is lost for want of room is as good as one that came. */
static int wait_change(int fd, int64_t deadline, struct err *e)
{
	char buf[8192];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t left = deadline - clock_mono_ms();
	if (left <= 0)
		return 0;
	if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
		return err_sys(e, errno, "wait for the kernel's word on interfaces");
	while (recv(fd, buf, sizeof buf, MSG_DONTWAIT | MSG_TRUNC) >= 0)
		;
	return 1;
}

int net_zone_wait(const char *host_if, const char *bridge, int timeout_ms, struct err *e)
{
	int64_t deadline = clock_mono_ms() + timeout_ms;
	int group = RTNLGRP_LINK;
	autofd int fd = nl_open(NETLINK_ROUTE, e);
	if (fd < 0)
		return -1;
	int r = is_open(fd, host_if, bridge, e);
	if (r)
		return r;
	/* Another socket, since answers and news would mix; and a second look, since something may
	 * have happened before it listened. */
	autofd int news = nl_open(NETLINK_ROUTE, e);
	if (news < 0)
		return -1;
	struct sockaddr_nl self = {.nl_family = AF_NETLINK};
	if (bind(news, (struct sockaddr *)&self, sizeof self) < 0 ||
		setsockopt(news, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
		return err_sys(e, errno, "listen for changes of interfaces");
	while ((r = is_open(fd, host_if, bridge, e)) == 0)
		if ((r = wait_change(news, deadline, e)) <= 0)
			return r;
	return r;
}
