/* link.h: interfaces and bridges by rtnetlink. All calls act on the network namespace of the
 * calling process, which must be single-threaded where a `netns_fd` is entered.
 *
 * The life of a bridge is guarded by flock(2) on bridge-NAME.lock in the host-wide lock directory:
 * a start holds it shared from net_bridge_ensure until its port has joined, who makes or removes
 * the bridge holds it exclusively. A start does, in this order: net_bridge_ensure(...&lock_fd)
 * net_zone_attach(...)  close(lock_fd) and whoever sees a zone's end (or undoes a start) does
 *     net_zone_detach(host_if)        net_bridge_release(...)
 * A veth pair is never deleted on that way: deleting costs 17 ms, dying with the zone's namespace
 * nothing. Since that death comes a little late, net_zone_detach marks and silences the port at
 * once. */
#pragma once
#include "netns/network.h"

/* Make sure that the bridge is there, configured, up, and with its firewall table; the kernel
 * forwards IPv4 and IPv6 afterwards. (Where IPv6 forwarding was off, interfaces of the host that
 * accepted router advertisements get accept_ra 2, or the host would lose its own routes.)
 * *ret_lock_fd: the shared lock, O_CLOEXEC, to be closed when the port has joined.
 * Errors: HOST an interface with this name exists and is not ours; it is not touched. */
int net_bridge_ensure(int host_lock_fd, const struct network *n, int *ret_lock_fd, struct err *e);
/* Remove bridge and firewall table unless a port is left or a start is under way. No bridge is
 * success. `ret_removed` may be NULL. */
int net_bridge_release(int host_lock_fd, const struct network *n, bool *ret_removed, struct err *e);

/* One veth interface of a zone. */
struct net_zone_plan {
	const struct network *network;
	const char *host_if;   /* network_host_if() */
	const char *zone_if;   /* "eth0" */
	const char *zone_name; /* for the alias `ip link` shows on the host end */
	const char *zone_uuid;
	struct addr_mac mac;
	struct addr_cidr v4, v6;	   /* family 0: none */
	struct addr_ip gateway4, gateway6; /* family 0: no default route */
	uint32_t mtu;			   /* 0: the network's */
	int netns_fd;			   /* the zone's network namespace */
};

/* Make the pair, join the host end to the bridge, give the zone's end its addresses and routes,
 * bring lo and it up. No duplicate address detection. If a leftover of the same zone has the name,
 * it is pushed aside. On failure nothing is left. The namespace's default of accept_ra is to be 0:
 * any neighbour could send router advertisements. */
int net_zone_attach(const struct net_zone_plan *plan, struct err *e);
/* Wait until the bridge carries the zone's packets, which the kernel does some time after attach;
 * as a rule it is so already. The time being over is success: what is sent too early is sent again.
 */
int net_zone_wait(const char *host_if, const char *bridge, int timeout_ms, struct err *e);
/* The zone has ended: its port neither sends nor receives from now on and does not keep the bridge.
 * A port that is gone is success; an interface that is not ours is left alone (HOST). */
int net_zone_detach(const char *host_if, struct err *e);
/* For repair: join the port of a living zone again after somebody took the bridge away and
 * net_bridge_ensure made it anew. Of the plan, network, host_if, zone_name and zone_uuid are used.
 * Errors: NOT_FOUND the port is gone too. */
int net_zone_rejoin(const struct net_zone_plan *plan, struct err *e);

/* Bring lo up in a zone's namespace: network.mode none, or no interface. */
int net_loopback_up(int netns_fd, struct err *e);
/* Delete an interface of ours by name: for repair only (slow). None is success. */
int net_link_delete(const char *name, struct err *e);
