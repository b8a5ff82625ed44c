/* network.h: a named segment of the host: one bridge, one IPv4 subnet, one IPv6 ULA /64. What is
 * persistent lives in the store's networks/ directory:
 *     NAME.json           the network
 *     NAME.addrs/ADDRESS  one claim file per address given out, content: the zone's uuid
 * What two stores of one host must share lives in the host-wide lock directory:
 *     net.lock            held while a subnet is picked (first use of a network only)
 *     net-SUBNET          claim on a subnet, content: the store's networks/NAME.json
 *     bridge-NAME.lock    see link.h */
#pragma once
#include "base/err.h"
#include "netns/addr.h"

enum {
	NETWORK_NAME_MAX = 63,
	NETWORK_STORE_ID_LEN = 8
};

struct network {
	char name[NETWORK_NAME_MAX + 1];
	char store_id[NETWORK_STORE_ID_LEN + 1]; /* "" is the default store */
	char bridge[IFNAMSIZ];			 /* "cella0", or "cb-" and 8 hex digits */
	struct addr_mac bridge_mac;		 /* derived, so that it is stable */
	struct addr_cidr subnet4;		 /* network address, e.g. 10.207.0.0/20 */
	struct addr_cidr
		subnet6; /* fd..::/64; family 0 when the host had no IPv6 when it was made */
	struct addr_ip gateway4, gateway6; /* the bridge's own: host part 1 */
	uint32_t mtu;			   /* at most the uplink's when it was made */
	bool nat;			   /* hide the zones behind the host's address */
};

/* Read networks/NAME.json, or make it on first use: then a subnet is picked that meets no route of
 * the host and no other store's claim. `networks_fd` and `host_lock_fd` are private directories
 * (path_open_private_dir). After a reboot the subnet is claimed again. Cheap when it exists: two
 * small reads.
 * Errors: HOST a corrupt file (named) or no free subnet; BUSY another store holds our subnet. */
int network_load_or_make(int networks_fd, int host_lock_fd, const char *store_id, const char *name,
	struct network *ret, struct err *e);
/* The same but never makes one: NOT_FOUND. Does not claim. For show and repair. */
int network_load(int networks_fd, const char *store_id, const char *name, struct network *ret,
	struct err *e);
/* Give the subnet back to other stores and remove NAME.json and the address claims. The bridge must
 * be gone. For `network delete` and for throwing a whole store away. */
int network_delete(int networks_fd, int host_lock_fd, const struct network *n, struct err *e);

/* What one interface of one zone was given. */
struct network_addr {
	struct addr_cidr v4;
	struct addr_cidr v6; /* family 0 if the network has no IPv6 */
	struct addr_mac
		mac; /* what "auto" means; unique in the network since it ends in v4's end */
};

/* Claim addresses for a zone's interface. `want4`/`want6`: NULL or "auto", or a CIDR in the subnet,
 * which is how what zone.json remembers is claimed again. A claim that this zone already holds
 * succeeds. "auto" starts at a place that follows from the uuid and probes; IPv6 has the host part
 * of IPv4. The claim lasts until network_release_address: keep it across stop and start, and
 * across reboots. Errors: USAGE not an address of this network; BUSY held by another zone (object =
 * the address, message names the uuid); HOST the network is full. */
int network_claim_address(int networks_fd, const struct network *n, const char *zone_uuid,
	const char *want4, const char *want6, struct network_addr *ret, struct err *e);
/* Give back; only files that name this zone are removed; nothing to remove is success. */
int network_release_address(int networks_fd, const struct network *n, const char *zone_uuid,
	const struct network_addr *addr, struct err *e);
/* Give back every address of zones that `is_known(uuid, arg)` denies ("" for an unreadable claim):
 * for repair, which must know zones that are being made as well. The number removed, or -1. */
int network_sweep_addresses(int networks_fd, const struct network *n,
	bool (*is_known)(const char *zone_uuid, void *arg), void *arg, struct err *e);

/* The host end's name for interface number `index` of a zone: "cv", 8 digits of the uuid, 4 digits
 * of a hash of store, uuid and index: different stores never share one. Pure. */
const char *network_host_if(
	char out[IFNAMSIZ], const char *store_id, const char *zone_uuid, unsigned index);
