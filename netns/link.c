#include "netns/link.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>

#include "base/defence.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "netns/link_query.h"
#include "netns/nl.h"
#include "netns/sysctl.h"

/* --- the pair ------------------------------------------------------------------------------- */

/* One queue each, said so: veth uses one in any case, but else makes as many as there may be
 * processors and gives all but one back, with a grace period of the kernel for each end. */
static void put_one_queue(struct nl_batch *b)
{
	nl_put_u32(b, IFLA_NUM_TX_QUEUES, 1);
	nl_put_u32(b, IFLA_NUM_RX_QUEUES, 1);
}

/* Neither end is up: the peer cannot be before the pair is tied together (ENOTCONN). */
static int make_pair(int fd, const struct net_zone_plan *p, int *ret_errno, struct err *e)
{
	autobatch struct nl_batch b = {0};
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
	uint32_t mtu = p->mtu ? p->mtu : p->network->mtu;

	nl_batch_add(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof head,
		"make interface '%s' with '%s' in the zone", p->host_if, p->zone_if);
	nl_put_str(&b, IFLA_IFNAME, p->host_if);
	nl_put_u32(&b, IFLA_MTU, mtu);
	put_one_queue(&b);
	void *info = nl_nest(&b, IFLA_LINKINFO);
	nl_put_str(&b, IFLA_INFO_KIND, "veth");
	void *data = nl_nest(&b, IFLA_INFO_DATA);
	void *peer = nl_nest(&b, VETH_INFO_PEER);
	nl_put_raw(&b, &head, sizeof head);
	nl_put_str(&b, IFLA_IFNAME, p->zone_if);
	nl_put_u32(&b, IFLA_NET_NS_FD, (uint32_t)p->netns_fd);
	nl_put_u32(&b, IFLA_MTU, mtu);
	put_one_queue(&b);
	nl_put(&b, IFLA_ADDRESS, p->mac.bytes, sizeof p->mac.bytes);
	nl_nest_end(&b, peer);
	nl_nest_end(&b, data);
	nl_nest_end(&b, info);
	return nl_batch_run(fd, &b, ret_errno, e);
}

static void add_rename(struct nl_batch *b, unsigned index, const char *from, const char *to)
{
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index};
	nl_batch_add(b, RTM_SETLINK, 0, &head, sizeof head, "rename interface '%s'", from);
	nl_put_str(b, IFLA_IFNAME, to);
}

static int delete_index(int fd, unsigned index, const char *name, struct err *e)
{
	autobatch struct nl_batch b = {0};
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index};
	nl_batch_add(&b, RTM_DELLINK, 0, &head, sizeof head, "delete interface '%s'", name);
	nl_batch_tolerate(&b, ENODEV);
	return nl_batch_run(fd, &b, NULL, e);
}

/* Mark an ended zone's port, and make the bridge drop whatever it sends: until the kernel has taken
 * its namespace down, the old stack would go on answering for an address that may be in use again.
 */
static int mark_gone(int fd, struct link_info *l, struct err *e)
{
	autobatch struct nl_batch b = {0};
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC, .ifi_index = (int)l->index};

	link_alias_to_gone(l->alias);
	nl_batch_add(&b, RTM_SETLINK, 0, &head, sizeof head, "mark interface '%s'", l->name);
	nl_put_str(&b, IFLA_IFALIAS, l->alias);
	nl_batch_tolerate(&b, ENODEV);
	if (l->master) {
		head.ifi_family = AF_BRIDGE;
		nl_batch_add(
			&b, RTM_SETLINK, 0, &head, sizeof head, "silence interface '%s'", l->name);
		void *port = nl_nest(&b, IFLA_PROTINFO);
		nl_put_u8(&b, IFLA_BRPORT_STATE, BR_STATE_DISABLED);
		nl_nest_end(&b, port);
		nl_batch_tolerate(&b, ENODEV);
		nl_batch_tolerate(&b, EOPNOTSUPP); /* the bridge went just now */
	}
	return nl_batch_run(fd, &b, NULL, e);
}

static bool is_of_zone(const struct link_info *l, const struct net_zone_plan *p)
{
	const char *uuid = strrchr(l->alias, ' ');
	return link_is_zone(l) && uuid && str_eq(uuid + 1, p->zone_uuid);
}

/* A pair is told whose it is only when it is there (the kernel takes an alias from RTM_SETLINK
 * alone). A start that was killed between the two has left it like this: by the name that its state
 * file has, on no bridge, and never up. It goes with its namespace, but that takes the kernel a
 * while. */
static bool is_half_made(const struct link_info *l)
{
	return !l->alias[0] && str_eq(l->kind, "veth") && !l->master && !(l->flags & IFF_UP);
}

static int not_of_zone(const struct net_zone_plan *p, struct err *e)
{
	return err_set(
		e, ERR_HOST, "interface '%s' exists and does not belong to this zone", p->host_if);
}

/* The name is taken: by this zone's last run, whose namespace the kernel is still taking down, or
 * by somebody else. The former is renamed, which costs nothing; kernels before 6.2 cannot rename
 * what is up, there it is deleted. */
static int push_aside(int fd, const struct net_zone_plan *p, struct err *e)
{
	struct link_info l;
	int found = link_query_name(fd, p->host_if, &l, e);
	if (found <= 0)
		return found;
	if (is_half_made(&l))
		return delete_index(fd, l.index, l.name, e);
	if (!is_of_zone(&l, p))
		return not_of_zone(p, e);
	if (mark_gone(fd, &l, e) < 0)
		return -1;

	autobatch struct nl_batch b = {0};
	char aside[IFNAMSIZ] = "cg";
	random_hex(aside + 2, 12);
	add_rename(&b, l.index, l.name, aside);
	nl_batch_tolerate(&b, ENODEV);
	if (nl_batch_run(fd, &b, NULL, e) == 0)
		return 0;
	err_clear(e);
	return delete_index(fd, l.index, l.name, e);
}

/* --- the zone's end -------------------------------------------------------------------------- */

static void add_up(struct nl_batch *b, unsigned index, const char *name)
{
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC,
		.ifi_index = (int)index,
		.ifi_flags = IFF_UP,
		.ifi_change = IFF_UP};
	nl_batch_add(b, RTM_SETLINK, 0, &head, sizeof head, "bring '%s' up in the zone", name);
}

static void add_address(struct nl_batch *b, unsigned index, const struct addr_cidr *cidr)
{
	char text[ADDR_CIDR_SIZE];
	struct ifaddrmsg head = {.ifa_family = (uint8_t)cidr->ip.family,
		.ifa_prefixlen = cidr->prefix,
		.ifa_index = index};
	if (cidr->ip.family == AF_INET6)
		head.ifa_flags = IFA_F_NODAD; /* ours alone by the claim: usable at once */
	nl_batch_add(b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof head,
		"add address %s in the zone", addr_print_cidr(text, cidr));
	nl_put(b, IFA_LOCAL, cidr->ip.bytes, addr_len(&cidr->ip));
	nl_put(b, IFA_ADDRESS, cidr->ip.bytes, addr_len(&cidr->ip));
	if (cidr->ip.family == AF_INET && cidr->prefix < 31) {
		struct addr_ip broadcast = addr_mask(cidr, true);
		nl_put(b, IFA_BROADCAST, broadcast.bytes, 4);
	}
}

static void add_default_route(struct nl_batch *b, unsigned index, const struct addr_ip *gateway)
{
	char text[ADDR_IP_SIZE];
	struct rtmsg head = {.rtm_family = (uint8_t)gateway->family,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST};
	nl_batch_add(b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof head,
		"add the default route by %s in the zone", addr_print_ip(text, gateway));
	nl_put(b, RTA_GATEWAY, gateway->bytes, addr_len(gateway));
	nl_put_u32(b, RTA_OIF, index);
}

/* A socket in the zone's namespace. */
static int open_in_zone(int netns_fd, struct err *e)
{
	autofd int home = -1;
	if (nl_netns_enter(netns_fd, &home, e) < 0)
		return -1;
	autofd int fd = nl_open(NETLINK_ROUTE, e);
	struct err lost = {0};
	if (nl_netns_leave(home, &lost) < 0) {
		if (e)
			*e = lost;
		return -1;
	}
	return fd_steal(&fd);
}

static int configure_zone_end(const struct net_zone_plan *p, struct err *e)
{
	autofd int fd = open_in_zone(p->netns_fd, e);
	if (fd < 0)
		return -1;
	unsigned index = link_query_index_of(fd, p->zone_if);
	if (!index)
		return err_sys(e, errno, "find interface '%s' in the zone", p->zone_if);
	/* Each message builds on the one before; after a failure the rest fails harmlessly, since
	 * nobody lives in this namespace yet. */
	autobatch struct nl_batch b = {0};
	add_up(&b, 1, "lo"); /* the loopback interface has index 1 in every namespace */
	add_up(&b, index, p->zone_if);
	if (p->v4.ip.family)
		add_address(&b, index, &p->v4);
	if (p->v6.ip.family)
		add_address(&b, index, &p->v6);
	if (p->gateway4.family)
		add_default_route(&b, index, &p->gateway4);
	if (p->gateway6.family)
		add_default_route(&b, index, &p->gateway6);
	return nl_batch_run(fd, &b, NULL, e);
}

/* --- the host's end -------------------------------------------------------------------------- */

/* The bridge is told where the zone's address is, and learns nothing from the zone: each sender
 * address that it makes up would be an entry in the host's memory for five minutes, charged to
 * nobody. */
static void add_port(struct nl_batch *b, const struct net_zone_plan *p, unsigned index)
{
	struct ifinfomsg head = {.ifi_family = AF_BRIDGE, .ifi_index = (int)index};
	nl_batch_add(b, RTM_SETLINK, 0, &head, sizeof head, "stop learning on '%s'", p->host_if);
	void *port = nl_nest(b, IFLA_PROTINFO);
	nl_put_u8(b, IFLA_BRPORT_LEARNING, defence_is_off("S33l"));
	nl_nest_end(b, port);
	struct ndmsg entry = {.ndm_family = AF_BRIDGE,
		.ndm_ifindex = (int)index,
		.ndm_state = NUD_NOARP,
		.ndm_flags = NTF_MASTER};
	nl_batch_add(b, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &entry, sizeof entry,
		"tell the bridge the address of '%s'", p->host_if);
	nl_put(b, NDA_LLADDR, p->mac.bytes, sizeof p->mac.bytes);
}

/* The host has no business of its own on this end: no link-local address. */
static void put_no_link_local(struct nl_batch *b)
{
	void *af = nl_nest(b, IFLA_AF_SPEC);
	void *inet6 = nl_nest(b, AF_INET6);
	nl_put_u8(b, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	nl_nest_end(b, inet6);
	nl_nest_end(b, af);
}

static int join_bridge(int fd, const struct net_zone_plan *p, unsigned bridge_index, struct err *e)
{
	autobatch struct nl_batch b = {0};
	char alias[LINK_ALIAS_SIZE];
	int errnum = 0;
	unsigned index = link_query_index_of(fd, p->host_if);
	if (!index)
		return err_sys(e, errno, "find interface '%s'", p->host_if);
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index};
	nl_batch_add(&b, RTM_NEWLINK, 0, &head, sizeof head, "join '%s' to bridge '%s'", p->host_if,
		p->network->bridge);
	nl_put_str(&b, IFLA_IFALIAS, link_alias_zone(alias, p->zone_name, p->zone_uuid));
	nl_put_u32(&b, IFLA_MASTER, bridge_index);
	if (sysctl_has_ipv6())
		put_no_link_local(&b);
	add_port(&b, p, index);
	/* Last: nothing of the zone's passes before the port is as it shall be. */
	head.ifi_flags = head.ifi_change = IFF_UP;
	nl_batch_add(&b, RTM_SETLINK, 0, &head, sizeof head, "bring '%s' up", p->host_if);
	if (nl_batch_run(fd, &b, &errnum, e) == 0)
		return 0;
	if (errnum == EXFULL)
		(void)err_hint(e, "a Linux bridge has room for 1023 ports");
	return -1;
}

static int find_bridge(int fd, const struct net_zone_plan *p, struct link_info *ret, struct err *e)
{
	struct link_info l;
	int found = link_query_name(fd, p->network->bridge, &l, e);
	if (found < 0)
		return -1;
	if (!found || !link_is_bridge_of(&l, p->network))
		return err_set(e, ERR_HOST, "bridge '%s' of network '%s' is not there",
			p->network->bridge, p->network->name);
	*ret = l;
	return 0;
}

static int attach(int fd, const struct net_zone_plan *p, struct err *e)
{
	struct link_info bridge;
	if (find_bridge(fd, p, &bridge, e) < 0)
		return -1;
	int errnum = 0;
	int made = make_pair(fd, p, &errnum, e);
	if (made < 0 && errnum == EEXIST) {
		err_clear(e);
		if (push_aside(fd, p, e) < 0)
			return -1;
		made = make_pair(fd, p, &errnum, e);
	}
	if (made < 0)
		return -1;
	/* The end that comes up last can send at once, the other one when a worker of the kernel's
	 * has seen it: that is to be the port, which net_zone_wait looks at. */
	if (join_bridge(fd, p, bridge.index, e) == 0 && configure_zone_end(p, e) == 0)
		return 0;

	unsigned index = link_query_index_of(fd, p->host_if);
	if (index)
		(void)delete_index(fd, index, p->host_if, NULL);
	return -1;
}

int net_zone_attach(const struct net_zone_plan *plan, struct err *e)
{
	autofd int fd = nl_open(NETLINK_ROUTE, e);
	if (fd < 0 || attach(fd, plan, e) < 0)
		return err_at(e, "network", plan->host_if);
	return 0;
}

int net_zone_detach(const char *host_if, struct err *e)
{
	struct link_info l;
	autofd int fd = nl_open(NETLINK_ROUTE, e);
	if (fd < 0)
		return -1;
	int found = link_query_name(fd, host_if, &l, e);
	if (found <= 0)
		return found;
	if (is_half_made(&l))
		return delete_index(fd, l.index, l.name, e);
	if (!link_is_zone(&l)) {
		(void)err_set(e, ERR_HOST, "interface '%s' does not belong to a zone", host_if);
		return err_at(e, "network", host_if);
	}
	return mark_gone(fd, &l, e);
}

int net_zone_rejoin(const struct net_zone_plan *plan, struct err *e)
{
	struct link_info l, bridge;
	autofd int fd = nl_open(NETLINK_ROUTE, e);
	if (fd < 0 || find_bridge(fd, plan, &bridge, e) < 0)
		return -1;
	int found = link_query_name(fd, plan->host_if, &l, e);
	if (found < 0)
		return -1;
	if (!found)
		return err_set(e, ERR_NOT_FOUND, "interface '%s' is gone", plan->host_if);
	if (!is_of_zone(&l, plan))
		return not_of_zone(plan, e);
	return join_bridge(fd, plan, bridge.index, e);
}

int net_loopback_up(int netns_fd, struct err *e)
{
	autobatch struct nl_batch b = {0};
	autofd int fd = open_in_zone(netns_fd, e);
	if (fd < 0)
		return -1;
	add_up(&b, 1, "lo");
	return nl_batch_run(fd, &b, NULL, e);
}

int net_link_delete(const char *name, struct err *e)
{
	struct link_info l;
	autofd int fd = nl_open(NETLINK_ROUTE, e);
	if (fd < 0)
		return -1;
	int found = link_query_name(fd, name, &l, e);
	if (found <= 0)
		return found;
	if (!link_is_zone(&l) && !str_starts(l.alias, "cella network "))
		return err_set(e, ERR_HOST, "interface '%s' is not one of Cella's", name);
	return delete_index(fd, l.index, l.name, e);
}
