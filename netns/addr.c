#include "netns/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

bool addr_parse_ip(const char *s, struct addr_ip *ret)
{
	struct addr_ip ip = {.family = strchr(s, ':') ? AF_INET6 : AF_INET};
	if (inet_pton(ip.family, s, ip.bytes) != 1)
		return false;
	*ret = ip;
	return true;
}

bool addr_parse_cidr(const char *s, struct addr_cidr *ret)
{
	char text[ADDR_IP_SIZE];
	const char *slash = strchr(s, '/');
	if (!slash || (size_t)(slash - s) >= sizeof text)
		return false;
	memcpy(text, s, (size_t)(slash - s));
	text[slash - s] = '\0';

	struct addr_cidr cidr;
	uint32_t prefix;
	if (!addr_parse_ip(text, &cidr.ip) || !str_to_u32(slash + 1, &prefix) ||
		prefix > addr_len(&cidr.ip) * 8)
		return false;
	cidr.prefix = (uint8_t)prefix;
	*ret = cidr;
	return true;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool addr_parse_mac(const char *s, struct addr_mac *ret)
{
	struct addr_mac mac;
	if (strlen(s) != ADDR_MAC_SIZE - 1)
		return false;
	for (size_t i = 0; i < sizeof mac.bytes; i++) {
		int high = hex_value(s[3 * i]), low = hex_value(s[3 * i + 1]);
		char end = s[3 * i + 2];
		if (high < 0 || low < 0 || end != (i < 5 ? ':' : '\0'))
			return false;
		mac.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*ret = mac;
	return true;
}

const char *addr_print_ip(char out[ADDR_IP_SIZE], const struct addr_ip *ip)
{
	out[0] = '\0';
	if (ip->family)
		(void)inet_ntop(ip->family, ip->bytes, out, ADDR_IP_SIZE);
	return out;
}

const char *addr_print_cidr(char out[ADDR_CIDR_SIZE], const struct addr_cidr *cidr)
{
	char ip[ADDR_IP_SIZE];
	out[0] = '\0';
	if (cidr->ip.family)
		(void)snprintf(out, ADDR_CIDR_SIZE, "%s/%u", addr_print_ip(ip, &cidr->ip),
			(unsigned)cidr->prefix);
	return out;
}

const char *addr_print_mac(char out[ADDR_MAC_SIZE], const struct addr_mac *mac)
{
	const uint8_t *b = mac->bytes;
	(void)snprintf(out, ADDR_MAC_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3],
		b[4], b[5]);
	return out;
}

size_t addr_len(const struct addr_ip *ip)
{
	return ip->family == AF_INET ? 4 : ip->family == AF_INET6 ? 16 : 0;
}

bool addr_ip_eq(const struct addr_ip *a, const struct addr_ip *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, addr_len(a)) == 0;
}

/* The bits of byte `i` that belong to the network part. */
static uint8_t net_bits(unsigned prefix, size_t i)
{
	if (prefix >= (i + 1) * 8)
		return 0xff;
	if (prefix <= i * 8)
		return 0;
	return (uint8_t)(0xff00u >> (prefix - i * 8));
}

struct addr_ip addr_mask(const struct addr_cidr *cidr, bool ones)
{
	struct addr_ip ip = cidr->ip;
	for (size_t i = 0; i < addr_len(&ip); i++) {
		uint8_t net = net_bits(cidr->prefix, i);
		ip.bytes[i] = (uint8_t)((ip.bytes[i] & net) | (ones ? (uint8_t)~net : 0));
	}
	return ip;
}

bool addr_contains(const struct addr_cidr *net, const struct addr_ip *ip)
{
	if (net->ip.family != ip->family)
		return false;
	for (size_t i = 0; i < addr_len(ip); i++) {
		uint8_t bits = net_bits(net->prefix, i);
		if ((net->ip.bytes[i] & bits) != (ip->bytes[i] & bits))
			return false;
	}
	return true;
}

bool addr_overlaps(const struct addr_cidr *a, const struct addr_cidr *b)
{
	return a->prefix < b->prefix ? addr_contains(a, &b->ip) : addr_contains(b, &a->ip);
}

static uint32_t last32(const struct addr_ip *ip)
{
	const uint8_t *p = ip->bytes + addr_len(ip) - 4;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

struct addr_ip addr_host(const struct addr_cidr *net, uint32_t host)
{
	struct addr_ip ip = addr_mask(net, false);
	uint32_t v = last32(&ip) + host;
	uint8_t *p = ip.bytes + addr_len(&ip) - 4;
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
	return ip;
}

uint32_t addr_host_part(const struct addr_cidr *net, const struct addr_ip *ip)
{
	struct addr_cidr whole = {.ip = *ip, .prefix = net->prefix};
	struct addr_ip base = addr_mask(&whole, false);
	return last32(ip) - last32(&base);
}

static const char *why_unusable4(const uint8_t *b)
{
	if (b[0] == 0)
		return "is an unspecified address";
	if (b[0] == 127)
		return "is a loopback address";
	if (b[0] == 169 && b[1] == 254)
		return "is a link-local address";
	if (b[0] >= 224 && b[0] < 240)
		return "is a multicast address";
	if (b[0] >= 240)
		return "is a reserved or broadcast address";
	return NULL;
}

static const char *why_unusable6(const uint8_t *b)
{
	static const uint8_t zero[15], mapped[12] = {[10] = 0xff, [11] = 0xff};
	if (memcmp(b, zero, 15) == 0 && b[15] <= 1)
		return b[15] ? "is the loopback address" : "is the unspecified address";
	if (memcmp(b, mapped, sizeof mapped) == 0)
		return "is an IPv4 address in IPv6 form";
	if (b[0] == 0xfe && (b[1] & 0xc0) == 0x80)
		return "is a link-local address";
	if (b[0] == 0xff)
		return "is a multicast address";
	return NULL;
}

const char *addr_why_unusable(const struct addr_cidr *cidr)
{
	const struct addr_ip *ip = &cidr->ip;
	const char *why =
		ip->family == AF_INET ? why_unusable4(ip->bytes) : why_unusable6(ip->bytes);
	if (why)
		return why;
	if (cidr->prefix == 0)
		return "has the prefix length 0";
	/* Point-to-point prefixes (RFC 3021, RFC 6164) and single addresses have no network
	 * address. */
	if (cidr->prefix + 1u >= addr_len(ip) * 8)
		return NULL;
	struct addr_ip network = addr_mask(cidr, false), broadcast = addr_mask(cidr, true);
	if (addr_ip_eq(ip, &network))
		return "is the address of the network itself";
	if (ip->family == AF_INET && addr_ip_eq(ip, &broadcast))
		return "is the broadcast address of the network";
	return NULL;
}

const char *addr_why_mac_unusable(const struct addr_mac *mac)
{
	static const uint8_t zero[6];
	if (mac->bytes[0] & 1)
		return "is a multicast address";
	if (memcmp(mac->bytes, zero, sizeof zero) == 0)
		return "is all zero";
	return NULL;
}

const char *addr_why_ifname_unusable(const char *name)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	size_t len = strlen(name);
	if (len == 0)
		return "is empty";
	if (len >= IFNAMSIZ)
		return "is longer than 15 characters";
	if (strspn(name, allowed) != len)
		return "has characters other than letters, digits, '_', '-' and '.'";
	if (name[0] == '-' || name[0] == '.')
		return "starts with '-' or '.'";
	if (str_eq(name, "lo") || str_eq(name, "all") || str_eq(name, "default"))
		return "is reserved";
	return NULL;
}
