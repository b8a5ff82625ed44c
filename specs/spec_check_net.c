#include "base/str.h"
#include "specs/spec_check.h"
#include "specs/spec_read.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* An address of either family; `prefix` is that of the CIDR form, or the whole length. */
struct ip {
	int family;
	unsigned char bytes[16];
	uint32_t prefix;
};

struct pointer {
	char s[96];
};

static struct pointer at_interface(size_t i, const char *key)
{
	struct pointer p;
	(void)snprintf(p.s, sizeof p.s, "/network/interfaces/%zu/%s", i, key);
	return p;
}

static struct pointer at_entry(size_t i, const char *key, size_t j)
{
	struct pointer p;
	(void)snprintf(p.s, sizeof p.s, "/network/interfaces/%zu/%s/%zu", i, key, j);
	return p;
}

/* False for "auto"; everything else has passed its grammar. */
static bool parse_ip(const char *s, struct ip *ret)
{
	char host[INET6_ADDRSTRLEN];
	struct ip ip = {0};
	size_t n = strcspn(s, "/");
	if (n >= sizeof host)
		return false;
	memcpy(host, s, n);
	host[n] = '\0';
	ip.family = strchr(host, ':') ? AF_INET6 : AF_INET;
	ip.prefix = ip.family == AF_INET ? 32 : 128;
	if (inet_pton(ip.family, host, ip.bytes) != 1 ||
		(s[n] && !str_to_u32(s + n + 1, &ip.prefix)))
		return false;
	*ret = ip;
	return true;
}

static bool same_address(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && !memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

static bool is_within(const struct ip *a, const struct ip *net)
{
	if (a->family != net->family)
		return false;
	for (uint32_t bit = 0; bit < net->prefix; bit++)
		if ((a->bytes[bit / 8] ^ net->bytes[bit / 8]) & (0x80u >> bit % 8))
			return false;
	return true;
}

/* What "auto" beside an explicit value would mean is nobody's guess. */
static int check_auto_alone(
	const struct spec_strings *list, size_t i, const char *key, struct err *e)
{
	for (size_t j = 0; list->n > 1 && j < list->n; j++)
		if (str_eq(list->items[j], "auto"))
			return spec_read_fail(
				e, at_entry(i, key, j).s, "\"auto\" must stand alone");
	return 0;
}

/* The same address earlier in the spec, on this interface or another. */
static bool is_repeated(const struct zone_spec *s, size_t i, size_t j, const struct ip *ip)
{
	for (size_t k = 0; k <= i; k++) {
		const struct spec_strings *list = &s->network.interfaces[k].addresses;
		for (size_t l = 0; l < (k == i ? j : list->n); l++) {
			struct ip other;
			if (parse_ip(list->items[l], &other) && same_address(ip, &other))
				return true;
		}
	}
	return false;
}

static int check_gateway(const struct spec_interface *dev, size_t i, size_t j, struct err *e)
{
	struct ip gateway, address;
	bool any = false, reachable = false;
	if (!parse_ip(dev->gateway.items[j], &gateway))
		return 0;
	for (size_t k = 0; k < dev->addresses.n; k++) {
		if (!parse_ip(dev->addresses.items[k], &address))
			return 0; /* "auto": the plan knows */
		if (same_address(&gateway, &address))
			return spec_read_fail(
				e, at_entry(i, "gateway", j).s, "is the interface's own address");
		any = true;
		reachable |= is_within(&gateway, &address);
	}
	if (any && !reachable)
		return spec_read_fail(e, at_entry(i, "gateway", j).s,
			"is in the network of none of the interface's addresses");
	for (size_t k = 0; k < j; k++)
		if (parse_ip(dev->gateway.items[k], &address) && address.family == gateway.family)
			return spec_read_fail(e, at_entry(i, "gateway", j).s,
				"is a second gateway of the same family");
	return 0;
}

static int check_interface(const struct zone_spec *s, size_t i, struct err *e)
{
	const struct spec_interface *dev = &s->network.interfaces[i];
	for (size_t j = 0; j < i; j++) {
		const struct spec_interface *other = &s->network.interfaces[j];
		if (str_eq(other->name, dev->name))
			return spec_read_fail(e, at_interface(i, "name").s,
				"\"%s\" is already the name of entry %zu", dev->name, j);
		if (!str_eq(dev->mac, "auto") && str_eq(other->mac, dev->mac))
			return spec_read_fail(e, at_interface(i, "mac").s,
				"%s is already the address of entry %zu", dev->mac, j);
	}
	if (check_auto_alone(&dev->addresses, i, "addresses", e) < 0 ||
		check_auto_alone(&dev->gateway, i, "gateway", e) < 0)
		return -1;
	for (size_t j = 0; j < dev->addresses.n; j++) {
		struct ip ip;
		if (parse_ip(dev->addresses.items[j], &ip) && is_repeated(s, i, j, &ip))
			return spec_read_fail(
				e, at_entry(i, "addresses", j).s, "is given a second time");
	}
	for (size_t j = 0; j < dev->gateway.n; j++)
		if (check_gateway(dev, i, j, e) < 0)
			return -1;
	return 0;
}

static int check_publish(const struct zone_spec *s, struct err *e)
{
	for (size_t i = 0; i < s->network.n_publish; i++) {
		const struct spec_publish *p = &s->network.publish[i];
		for (size_t j = 0; j < i; j++) {
			const struct spec_publish *other = &s->network.publish[j];
			char pointer[64];
			(void)snprintf(pointer, sizeof pointer, "/network/publish/%zu/host", i);
			if (p->host == other->host && str_eq(p->proto, other->proto))
				return spec_read_fail(e, pointer,
					"host port %u/%s is already published by entry %zu",
					(unsigned)p->host, p->proto, j);
		}
	}
	return 0;
}

int spec_check_network(const struct zone_spec *s, struct err *e)
{
	const char *mode = s->network.mode == SPEC_NET_HOST ? "host" : "none";
	if (s->network.mode != SPEC_NET_PRIVATE) {
		if (s->network.n_interfaces)
			return spec_read_fail(e, "/network/interfaces",
				"a zone with network.mode \"%s\" has no interfaces of its own",
				mode);
		if (s->network.n_publish)
			return spec_read_fail(e, "/network/publish",
				"nothing can be published with network.mode \"%s\"", mode);
	}
	if (s->network.n_publish && !s->network.n_interfaces)
		return spec_read_fail(e, "/network/publish", "the zone has no interface");
	for (size_t i = 0; i < s->network.n_interfaces; i++)
		if (check_interface(s, i, e) < 0)
			return -1;
	return check_publish(s, e);
}
