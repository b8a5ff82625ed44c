/* link_query.h: looking at interfaces, and whose they are. Our interfaces are told from foreign
 * ones by their alias: bridge                  "cella network NAME" or "cella network NAME store
 * STOREID" host end of a zone      "cella zone NAME UUID" the same after its end  "cella gone NAME
 * UUID" Internal to netns/. */
#pragma once
#include "base/err.h"
#include "netns/network.h"
#include <linux/netlink.h>

enum {
	LINK_ALIAS_SIZE = 256
};
struct link_info {
	unsigned index, flags, master, mtu; /* flags: IFF_*; master 0: none */
	uint8_t operstate;		    /* IF_OPER_* */
	uint8_t port_state;		    /* BR_STATE_*, of a bridge's port */
	char name[IFNAMSIZ];
	char kind[16]; /* "bridge", "veth", "" */
	char alias[LINK_ALIAS_SIZE];
	struct addr_mac mac;
};

/* 1 and *ret, 0 if there is none, -1 + *e. `fd` is a NETLINK_ROUTE socket. */
int link_query_name(int fd, const char *name, struct link_info *ret, struct err *e);
int link_query_index(int fd, unsigned index, struct link_info *ret, struct err *e);
/* Its index alone; 0 + errno, ENODEV if there is none. What else an answer tells costs the kernel a
 * look at every namespace of the host. `fd` is a socket of any kind: it says in which namespace. */
unsigned link_query_index_of(int fd, const char *name);
/* How many ports of zones that live (or of others, but not of ended zones) a bridge has. */
int link_query_ports(int fd, unsigned bridge_index, unsigned *ret, struct err *e);
/* Has it a port at all, of a zone that runs? True is certain, and takes no list of all interfaces,
 * which for a thousand zones costs the kernel a million steps; false means: count. */
bool link_query_has_port(int fd, const char *bridge, unsigned bridge_index);

/* What an RTM_NEWLINK message says. False if it is none. Pure. */
bool link_query_parse(const struct nlmsghdr *h, struct link_info *ret);
/* Aliases. Pure. */
const char *link_alias_bridge(char out[LINK_ALIAS_SIZE], const struct network *n);
const char *link_alias_zone(
	char out[LINK_ALIAS_SIZE], const char *zone_name, const char *zone_uuid);
bool link_is_zone(const struct link_info *l); /* of any zone, living or gone */
bool link_is_gone(const struct link_info *l);
bool link_is_bridge_of(const struct link_info *l, const struct network *n);
/* Turn the alias of a living zone's interface into that of an ended one. */
void link_alias_to_gone(char alias[LINK_ALIAS_SIZE]);
