/* network_addr.c: addresses of zones. One file per address, made by link(2) with its content in
 * place: it is there whole or not at all, and only one zone can make it. */
#include "netns/network.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "netns/network_hash.h"

enum {
	UUID_TEXT_MAX = 64,
	DIR_NAME_SIZE = NETWORK_NAME_MAX + 8
};
static const char temporary_prefix[] = ".claim-";

/* A directory of claims, a zone, and the file that will be linked into place. */
struct claims {
	int dir_fd;
	const char *uuid;
	char temporary[32]; /* "" as long as there is none */
};

static void claims_done(struct claims *c)
{
	if (c->temporary[0])
		(void)unlinkat(c->dir_fd, c->temporary, 0);
	fd_close(&c->dir_fd);
}
#define autoclaims __attribute__((cleanup(claims_done)))

static int open_claims(int networks_fd, const struct network *n, struct claims *c, struct err *e)
{
	char name[DIR_NAME_SIZE];
	(void)snprintf(name, sizeof name, "%s.addrs", n->name);
	c->dir_fd = path_open_private_dir_at(networks_fd, name, e);
	return c->dir_fd < 0 ? -1 : 0;
}

/* The zone that holds an address: 1, 0 if nobody does. "" stands for a claim that says nothing. */
static int read_holder(int dir_fd, const char *name, char ret[UUID_TEXT_MAX], struct err *e)
{
	char text[UUID_TEXT_MAX];
	autofd int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return 0;
	ssize_t len = fd < 0 ? -1 : fd_read_all(fd, text, sizeof text - 1);
	if (len < 0)
		return err_sys(e, errno, "read the claim on address '%s'", name);
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	(void)snprintf(ret, UUID_TEXT_MAX, "%s", str_is_printable(text, strlen(text)) ? text : "");
	return 1;
}

static int make_temporary(struct claims *c, struct err *e)
{
	char name[sizeof c->temporary];
	int len = snprintf(name, sizeof name, "%s", temporary_prefix);
	random_hex(name + len, 16);
	name[len + 16] = '\0';
	autofd int fd = openat(c->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "make a claim on an address");
	memcpy(c->temporary, name, sizeof name);
	autofree char *text = str_format("%s\n", c->uuid);
	if (!text)
		return err_nomem(e);
	if (fd_write_all(fd, text, strlen(text)) < 0 || fsync(fd) < 0)
		return err_sys(e, errno, "write a claim on an address");
	return 0;
}

/* 2: claimed now; 1: it was ours before; 0: `holder` has it. */
static int claim(
	struct claims *c, const struct addr_ip *ip, char holder[UUID_TEXT_MAX], struct err *e)
{
	char name[ADDR_IP_SIZE];
	addr_print_ip(name, ip);
	for (;;) {
		int found = read_holder(c->dir_fd, name, holder, e);
		if (found)
			return found < 0 ? -1 : str_eq(holder, c->uuid);
		if (!c->temporary[0] && make_temporary(c, e) < 0)
			return -1;
		if (linkat(c->dir_fd, c->temporary, c->dir_fd, name, 0) == 0)
			return 2;
		if (errno == ENOENT)
			c->temporary[0] = '\0'; /* swept by a repair just now: another one */
		else if (errno != EEXIST)
			return err_sys(e, errno, "claim address '%s'", name);
	}
}

static int unclaim(struct claims *c, const struct addr_ip *ip, struct err *e)
{
	char name[ADDR_IP_SIZE], holder[UUID_TEXT_MAX];
	if (!ip->family)
		return 0;
	int found = read_holder(c->dir_fd, addr_print_ip(name, ip), holder, e);
	if (found <= 0 || !str_eq(holder, c->uuid))
		return found < 0 ? -1 : 0;
	if (unlinkat(c->dir_fd, name, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "release address '%s'", name);
	return 0;
}

/* The number of addresses between the gateway and the broadcast address. */
static uint32_t room(const struct network *n)
{
	return (UINT32_C(1) << (32 - n->subnet4.prefix)) - 3;
}

static int claim_any(struct claims *c, const struct network *n, struct addr_ip *ret, struct err *e)
{
	char holder[UUID_TEXT_MAX], text[ADDR_CIDR_SIZE];
	uint32_t size = room(n);
	uint32_t start = (uint32_t)(network_hash(c->uuid, "", "address", 0) % size);
	for (uint32_t i = 0; i < size; i++) {
		struct addr_ip ip = addr_host(&n->subnet4, 2 + (start + i) % size);
		int r = claim(c, &ip, holder, e);
		if (r < 0)
			return -1;
		if (r) {
			*ret = ip;
			return r;
		}
	}
	addr_print_cidr(text, &n->subnet4);
	(void)err_set(e, ERR_HOST, "network '%s' is full: all %u addresses of %s are taken",
		n->name, (unsigned)size, text);
	(void)err_at(e, "network", n->name);
	return err_hint(
		e, "destroy zones that are not needed; 'repair' gives back what lost zones hold");
}

static int bad_wish(const char *want, const char *why, const struct network *n,
	const struct addr_cidr *subnet, struct err *e)
{
	char shown[100], text[ADDR_CIDR_SIZE];
	str_escape(shown, sizeof shown, want);
	if (!subnet->ip.family) {
		(void)err_set(e, ERR_USAGE, "address '%s' cannot be had: network '%s' has no IPv6",
			shown, n->name);
		return err_at(e, "network", shown);
	}
	(void)err_set(e, ERR_USAGE, "address '%s' %s", shown, why);
	(void)err_hint(e, "network '%s' is %s", n->name, addr_print_cidr(text, subnet));
	return err_at(e, "network", shown);
}

static int parse_wish(const char *want, const struct network *n, const struct addr_cidr *subnet,
	const struct addr_ip *gateway, struct addr_cidr *ret, struct err *e)
{
	struct addr_cidr c;
	if (!addr_parse_cidr(want, &c))
		return bad_wish(want, "is not of the form ADDRESS/PREFIX", n, subnet, e);
	const char *why = addr_why_unusable(&c);
	if (why)
		return bad_wish(want, why, n, subnet, e);
	if (!addr_contains(subnet, &c.ip))
		return bad_wish(want, "is not in the network", n, subnet, e);
	if (c.prefix != subnet->prefix)
		return bad_wish(want, "has another prefix length than the network", n, subnet, e);
	if (addr_ip_eq(&c.ip, gateway))
		return bad_wish(want, "is the network's gateway", n, subnet, e);
	*ret = c;
	return 0;
}

static bool is_auto(const char *want)
{
	return !want || str_eq(want, "auto");
}

static int taken(const char *want, const char *holder, struct err *e)
{
	(void)err_set(e, ERR_BUSY, "address '%s' is held by zone %s", want,
		holder[0] ? holder : "(unreadable claim)");
	return err_at(e, "network", want);
}

/* The addresses ::0 to ::HOSTPART-MAX come with IPv4 addresses, without a claim of their own. */
static bool is_host_part(const struct network *n, const struct addr_ip *v6)
{
	uint32_t host = addr_host_part(&n->subnet6, v6);
	struct addr_ip plain = addr_host(&n->subnet6, host);
	return addr_ip_eq(&plain, v6) && host >> (32 - n->subnet4.prefix) == 0;
}

/* 2: a claim was made; 1: none was needed. */
static int claim_v6(struct claims *c, const struct network *n, const char *want,
	const struct addr_ip *v4, struct addr_cidr *ret, struct err *e)
{
	char holder[UUID_TEXT_MAX];
	struct addr_cidr c6 = {.prefix = n->subnet6.prefix};
	struct addr_ip derived = {0};
	if (is_auto(want) && !n->subnet6.ip.family) {
		*ret = (struct addr_cidr){0};
		return 1;
	}
	if (n->subnet6.ip.family)
		derived = c6.ip = addr_host(&n->subnet6, addr_host_part(&n->subnet4, v4));
	if (!is_auto(want) && parse_wish(want, n, &n->subnet6, &n->gateway6, &c6, e) < 0)
		return -1;
	int r = 1;
	if (!addr_ip_eq(&c6.ip, &derived)) {
		if (is_host_part(n, &c6.ip))
			return bad_wish(want,
				"belongs to the zone with the same end of its IPv4 address", n,
				&n->subnet6, e);
		r = claim(c, &c6.ip, holder, e);
	}
	if (r == 0)
		return taken(want, holder, e);
	if (r > 0)
		*ret = c6;
	return r;
}

/* 02, 24 bits of the uuid's hash, and the last 16 bits of the IPv4 address: no two zones of a
 * network can have the same one, and a zone keeps it as long as it keeps its address. */
static struct addr_mac make_mac(const struct network *n, const char *uuid, const struct addr_ip *v4)
{
	uint64_t h = network_hash(n->store_id, uuid, "mac", 0);
	return (struct addr_mac){{0x02, (uint8_t)h, (uint8_t)(h >> 8), (uint8_t)(h >> 16),
		v4->bytes[2], v4->bytes[3]}};
}

static int check_uuid(const char *uuid, struct err *e)
{
	size_t len = strlen(uuid);
	if (!len || len > 40 || strspn(uuid, "0123456789abcdefABCDEF-") != len)
		return err_set(e, ERR_FAILED, "a zone has no usable uuid");
	return 0;
}

int network_claim_address(int networks_fd, const struct network *n, const char *zone_uuid,
	const char *want4, const char *want6, struct network_addr *ret, struct err *e)
{
	autoclaims struct claims c = {.dir_fd = -1, .uuid = zone_uuid};
	struct network_addr a = {.v4.prefix = n->subnet4.prefix};
	char holder[UUID_TEXT_MAX];
	if (check_uuid(zone_uuid, e) < 0 || open_claims(networks_fd, n, &c, e) < 0)
		return -1;

	int made4;
	if (is_auto(want4)) {
		made4 = claim_any(&c, n, &a.v4.ip, e);
	} else {
		if (parse_wish(want4, n, &n->subnet4, &n->gateway4, &a.v4, e) < 0)
			return -1;
		made4 = claim(&c, &a.v4.ip, holder, e);
		if (made4 == 0)
			return taken(want4, holder, e);
	}
	if (made4 < 0)
		return -1;
	int made6 = claim_v6(&c, n, want6, &a.v4.ip, &a.v6, e);
	if (made6 < 0) {
		if (made4 == 2)
			(void)unclaim(&c, &a.v4.ip, NULL);
		return -1;
	}
	if ((made4 == 2 || made6 == 2) && fsync(c.dir_fd) < 0)
		return err_sys(e, errno, "write the claim on an address");
	a.mac = make_mac(n, zone_uuid, &a.v4.ip);
	*ret = a;
	return 0;
}

int network_release_address(int networks_fd, const struct network *n, const char *zone_uuid,
	const struct network_addr *addr, struct err *e)
{
	autoclaims struct claims c = {.dir_fd = -1, .uuid = zone_uuid};
	if (open_claims(networks_fd, n, &c, e) < 0)
		return -1;
	int r4 = unclaim(&c, &addr->v4.ip, e);
	int r6 = unclaim(&c, &addr->v6.ip, r4 < 0 ? NULL : e);
	return r4 < 0 || r6 < 0 ? -1 : 0;
}

static void closedir_done(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

int network_sweep_addresses(int networks_fd, const struct network *n,
	bool (*is_known)(const char *zone_uuid, void *arg), void *arg, struct err *e)
{
	autoclaims struct claims c = {.dir_fd = -1, .uuid = ""};
	if (open_claims(networks_fd, n, &c, e) < 0)
		return -1;
	int copy = fcntl(c.dir_fd, F_DUPFD_CLOEXEC, 0);
	__attribute__((cleanup(closedir_done))) DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		int errnum = errno;
		fd_close(&copy);
		return err_sys(e, errnum, "list the claims on addresses");
	}
	int removed = 0;
	struct dirent *entry;
	while ((entry = readdir(dir))) {
		char holder[UUID_TEXT_MAX];
		struct addr_ip ip;
		bool is_leftover = str_starts(entry->d_name, temporary_prefix);
		if (!is_leftover && !addr_parse_ip(entry->d_name, &ip))
			continue; /* ".", "..", and what is not ours */
		int found = read_holder(c.dir_fd, entry->d_name, holder, e);
		if (found < 0)
			return -1;
		if (!found || is_known(holder, arg))
			continue;
		if (unlinkat(c.dir_fd, entry->d_name, 0) < 0 && errno != ENOENT)
			return err_sys(e, errno, "release address '%s'", entry->d_name);
		removed += !is_leftover;
	}
	return removed;
}

const char *network_host_if(
	char out[IFNAMSIZ], const char *store_id, const char *zone_uuid, unsigned index)
{
	uint64_t h = network_hash(store_id, zone_uuid, "host-if", index);
	(void)snprintf(out, IFNAMSIZ, "cv%.8s%04x", zone_uuid, (unsigned)(h & 0xffff));
	return out;
}
