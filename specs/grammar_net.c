#include "base/str.h"
#include "specs/grammar.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

static const char OTHER[] = "";

const char *grammar_interface(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
	if (s[n] || !n || strchr("0123456789_.-", s[0]))
		return OTHER;
	if (n >= IF_NAMESIZE)
		return "is longer than 15 bytes";
	/* "all" and "default" are directories of /proc/sys/net/ipv4/conf, "lo" is always there. */
	if (str_eq(s, "lo") || str_eq(s, "all") || str_eq(s, "default"))
		return "is reserved";
	return NULL;
}

const char *grammar_mac(const char *s)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	if (str_eq(s, "auto"))
		return NULL;
	if (strlen(s) != 17)
		return OTHER;
	for (size_t i = 0; i < 17; i++)
		if (i % 3 == 2 ? s[i] != ':' : !strchr(hex, s[i]))
			return OTHER;
	if (strchr("13579bdfBDF", s[1]))
		return "is a multicast address";
	return strspn(s, "0:") == 17 ? "is all zeros" : NULL;
}

/* Why a host cannot have this address, or NULL. */
static const char *refuse_v4(uint32_t a)
{
	if (a >> 24 == 0)
		return "is in 0.0.0.0/8";
	if (a >> 24 == 127)
		return "is a loopback address";
	if (a >> 28 == 14)
		return "is a multicast address";
	if (a >> 28 == 15)
		return "is in the reserved 240.0.0.0/4";
	return NULL;
}

static const char *refuse_v6(const struct in6_addr *a)
{
	if (IN6_IS_ADDR_UNSPECIFIED(a))
		return "is the unspecified address";
	if (IN6_IS_ADDR_LOOPBACK(a))
		return "is the loopback address";
	if (IN6_IS_ADDR_MULTICAST(a))
		return "is a multicast address";
	if (IN6_IS_ADDR_LINKLOCAL(a))
		return "is link-local";
	if (IN6_IS_ADDR_V4MAPPED(a) || IN6_IS_ADDR_V4COMPAT(a))
		return "is an IPv4 address in IPv6 form";
	return NULL;
}

static const char *check_v4_prefix(uint32_t a, uint32_t prefix)
{
	if (!prefix || prefix > 32)
		return "has a prefix length outside 1..32";
	const char *why = refuse_v4(a);
	if (why || prefix > 30) /* RFC 3021: both addresses of a /31 are hosts */
		return why;
	uint32_t host = UINT32_MAX >> prefix;
	if (!(a & host))
		return "is the network's own address";
	return (a & host) == host ? "is the network's broadcast address" : NULL;
}

static const char *check_v6_prefix(const struct in6_addr *a, uint32_t prefix)
{
	if (!prefix || prefix > 128)
		return "has a prefix length outside 1..128";
	const char *why = refuse_v6(a);
	if (why || prefix > 126) /* RFC 6164 */
		return why;
	for (uint32_t bit = prefix; bit < 128; bit++)
		if (a->s6_addr[bit / 8] & (0x80u >> bit % 8))
			return NULL;
	return "is the network's own address (subnet-router anycast)";
}

const char *grammar_address(const char *s)
{
	char host[INET6_ADDRSTRLEN];
	struct in6_addr v6;
	struct in_addr v4;
	uint32_t prefix;
	if (str_eq(s, "auto"))
		return NULL;
	const char *slash = strchr(s, '/');
	if (!slash)
		return "has no prefix length";
	if ((size_t)(slash - s) >= sizeof host || !str_to_u32(slash + 1, &prefix))
		return OTHER;
	memcpy(host, s, (size_t)(slash - s));
	host[slash - s] = '\0';
	if (inet_pton(AF_INET, host, &v4) == 1)
		return check_v4_prefix(ntohl(v4.s_addr), prefix);
	if (inet_pton(AF_INET6, host, &v6) == 1)
		return check_v6_prefix(&v6, prefix);
	return OTHER;
}

static const char *check_ip(const char *s, bool loopback_ok)
{
	struct in6_addr v6;
	struct in_addr v4;
	if (inet_pton(AF_INET, s, &v4) == 1) {
		uint32_t a = ntohl(v4.s_addr);
		return loopback_ok && a >> 24 == 127 ? NULL : refuse_v4(a);
	}
	if (inet_pton(AF_INET6, s, &v6) == 1)
		return loopback_ok && IN6_IS_ADDR_LOOPBACK(&v6) ? NULL : refuse_v6(&v6);
	return OTHER;
}

const char *grammar_gateway(const char *s)
{
	return str_eq(s, "auto") ? NULL : check_ip(s, false);
}

/* A zone may run its own resolver, so its loopback is fine. */
const char *grammar_dns_server(const char *s)
{
	return check_ip(s, true);
}

const char *grammar_domain(const char *s)
{
	static const char accept[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	if (strlen(s) > 253)
		return "is longer than 253 bytes";
	for (;;) {
		size_t n = strspn(s, accept);
		if (!n || s[0] == '-' || s[n - 1] == '-')
			return OTHER;
		if (n > 63)
			return "has a label longer than 63 bytes";
		if (!s[n])
			return NULL;
		if (s[n] != '.')
			return OTHER;
		s += n + 1;
	}
}

const char *grammar_proto(const char *s)
{
	return str_eq(s, "tcp") || str_eq(s, "udp") ? NULL : OTHER;
}
