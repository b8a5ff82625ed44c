/* addr.h: addresses as plain data: strict parsing, canonical printing, arithmetic. Pure. */
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* An IP address. `family` is AF_INET (4 bytes used), AF_INET6 (16), or 0 for "none". */
struct addr_ip {
	int family;
	uint8_t bytes[16];
};
/* An address with the length of its network part; ip.family 0 is "none". */
struct addr_cidr {
	struct addr_ip ip;
	uint8_t prefix;
};
struct addr_mac {
	uint8_t bytes[6];
};

enum {
	ADDR_IP_SIZE = 46,
	ADDR_CIDR_SIZE = 50,
	ADDR_MAC_SIZE = 18
};

/* Any well-formed address, canonical or not as inet_pton(3) accepts it: no leading zeros, no zone
 * id
 * ("%eth0"), no space. False and *ret untouched otherwise. */
bool addr_parse_ip(const char *s, struct addr_ip *ret);
/* "ADDRESS/PREFIX", prefix decimal without leading zero, 0..32 or 0..128. Host bits may be set. */
bool addr_parse_cidr(const char *s, struct addr_cidr *ret);
/* "aa:bb:cc:dd:ee:ff", either case, exactly two digits each. */
bool addr_parse_mac(const char *s, struct addr_mac *ret);
/* Canonical text (RFC 5952 for IPv6, lower case); "" for family 0. Returns `out`. */
const char *addr_print_ip(char out[ADDR_IP_SIZE], const struct addr_ip *ip);
const char *addr_print_cidr(char out[ADDR_CIDR_SIZE], const struct addr_cidr *cidr);
const char *addr_print_mac(char out[ADDR_MAC_SIZE], const struct addr_mac *mac);

size_t addr_len(const struct addr_ip *ip); /* 4, 16 or 0 */
bool addr_ip_eq(const struct addr_ip *a, const struct addr_ip *b);
/* The address with all host bits zero (`ones` false) or one. */
struct addr_ip addr_mask(const struct addr_cidr *cidr, bool ones);
bool addr_contains(const struct addr_cidr *net, const struct addr_ip *ip);
bool addr_overlaps(const struct addr_cidr *a, const struct addr_cidr *b);
/* Network address plus `host`, added to the last 32 bits. */
struct addr_ip addr_host(const struct addr_cidr *net, uint32_t host);
/* The last 32 bits below the prefix. */
uint32_t addr_host_part(const struct addr_cidr *net, const struct addr_ip *ip);

/* NULL if an interface can carry the address, else why not ("is a multicast address", ...): refuses
 * unspecified, loopback, link-local, multicast, v4-mapped, broadcast, and the network's own and its
 * broadcast address, and a prefix of 0. */
const char *addr_why_unusable(const struct addr_cidr *cidr);
/* NULL if a zone's interface can have it, else why not: multicast, all zero. */
const char *addr_why_mac_unusable(const struct addr_mac *mac);
/* NULL if the name can be an interface of a zone, else why not. Stricter than the kernel: letters,
 * digits, '_', '-', '.', not first '-' or '.', at most 15, not "lo", "all", "default". */
const char *addr_why_ifname_unusable(const char *name);
