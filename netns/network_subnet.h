/* network_subnet.h: picking the IPv4 subnet of a new network, so that it meets nothing the host
 * reaches and no other store's. Internal to netns/. */
#pragma once
#include "base/err.h"
#include "netns/addr.h"

/* What the host has: filled by one dump of all routing tables. */
struct network_routes {
	struct addr_cidr *nets; /* IPv4 destinations; default routes left out */
	size_t n, cap;
	uint32_t uplink; /* index of a default route's interface, 0: none */
	bool failed;	 /* out of memory */
};
int network_routes_load(struct network_routes *ret, uint32_t *ret_uplink_mtu, struct err *e);
void network_routes_done(struct network_routes *r);
#define autoroutes __attribute__((cleanup(network_routes_done)))
bool network_routes_meet(const struct network_routes *r, const struct addr_cidr *net);

/* Candidate number i of NETWORK_CANDIDATES; pure. 0 is 10.207.0.0/20. */
enum {
	NETWORK_CANDIDATES = 48 * 16 + 16 * 16 + 15
};
struct addr_cidr network_candidate(unsigned i);

/* Claim a subnet in the host-wide lock directory for `owner`, the path of a network's file. 1: ours
 * now (or before). 0: another owner, whose file exists, has it; its path is in `holder`. The caller
 * holds net.lock. */
int network_claim_subnet(int host_lock_fd, const struct addr_cidr *net, const char *owner,
	char *holder, size_t holder_size, struct err *e);
/* True if the claim names `owner`; no lock is needed. */
bool network_has_subnet(int host_lock_fd, const struct addr_cidr *net, const char *owner);
int network_unclaim_subnet(
	int host_lock_fd, const struct addr_cidr *net, const char *owner, struct err *e);
