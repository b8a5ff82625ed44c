#include "netns/network.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "netns/network_hash.h"
#include "netns/network_subnet.h"
#include "netns/resolv.h"
#include "netns/sysctl.h"

enum {
	FILE_MAX = 64 * 1024,
	FILE_NAME_SIZE = NETWORK_NAME_MAX + 8,
	MTU_USUAL = 1500,
	MTU_MIN = 1280
};

static void json_done(json_t **j)
{
	json_decref(*j);
}
#define autojson __attribute__((cleanup(json_done)))

/* --- names and what follows from others --------------------------------------------------------
 */

static const char *file_name(char out[FILE_NAME_SIZE], const char *name)
{
	(void)snprintf(out, FILE_NAME_SIZE, "%s.json", name);
	return out;
}

static int check_names(const char *store_id, const char *name, struct err *e)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t len = strlen(name), id_len = strlen(store_id);
	if (!len || len > NETWORK_NAME_MAX || strspn(name, allowed) != len ||
		strchr("_.-", name[0]))
		return err_set(e, ERR_USAGE, "'%.80s' is not a name for a network", name);
	if (id_len &&
		(id_len != NETWORK_STORE_ID_LEN || strspn(store_id, "0123456789abcdef") != id_len))
		return err_set(e, ERR_USAGE, "'%.80s' is not a store id", store_id);
	return 0;
}

static void derive(struct network *n)
{
	uint64_t h = network_hash(n->store_id, n->name, "bridge-mac", 0);
	n->gateway4 = addr_host(&n->subnet4, 1);
	if (n->subnet6.ip.family)
		n->gateway6 = addr_host(&n->subnet6, 1);
	n->bridge_mac.bytes[0] = 0x02; /* locally administered, unicast */
	for (int i = 1; i < 6; i++)
		n->bridge_mac.bytes[i] = (uint8_t)(h >> (8 * i));
}

static void choose_bridge(struct network *n)
{
	if (!str_eq(n->name, "default"))
		(void)snprintf(n->bridge, sizeof n->bridge, "cb-%08x",
			(unsigned)(uint32_t)network_hash(n->store_id, n->name, "bridge", 0));
	else if (n->store_id[0])
		(void)snprintf(n->bridge, sizeof n->bridge, "cb-%s", n->store_id);
	else
		(void)snprintf(n->bridge, sizeof n->bridge, "cella0");
}

/* --- the file ------------------------------------------------------------------------------------
 */

static int bad_key(const char *key, const char *want, struct err *e)
{
	return err_set(e, ERR_HOST, "/%s: expected %s", key, want);
}

static int take_subnet4(struct network *n, const char *text, struct err *e)
{
	struct addr_cidr c;
	if (!addr_parse_cidr(text, &c) || c.ip.family != AF_INET || c.prefix < 8 || c.prefix > 29)
		return bad_key("ipv4", "an IPv4 subnet of 8 to 29 bits", e);
	struct addr_ip base = addr_mask(&c, false), first = addr_host(&c, 1);
	struct addr_cidr gateway = {.ip = first, .prefix = c.prefix};
	if (!addr_ip_eq(&base, &c.ip) || addr_why_unusable(&gateway))
		return bad_key("ipv4", "the address of an ordinary network, without host bits", e);
	n->subnet4 = c;
	return 0;
}

static int take_subnet6(struct network *n, const char *text, struct err *e)
{
	struct addr_cidr c;
	if (!addr_parse_cidr(text, &c) || c.ip.family != AF_INET6 || c.prefix != 64)
		return bad_key("ipv6", "an IPv6 /64 or null", e);
	struct addr_ip base = addr_mask(&c, false), first = addr_host(&c, 1);
	struct addr_cidr gateway = {.ip = first, .prefix = c.prefix};
	if (!addr_ip_eq(&base, &c.ip) || addr_why_unusable(&gateway))
		return bad_key("ipv6", "the address of an ordinary network, without host bits", e);
	n->subnet6 = c;
	return 0;
}

static int take_key(struct network *n, const char *key, json_t *v, struct err *e)
{
	const char *text = json_string_value(v);
	if (str_eq(key, "network"))
		return json_is_integer(v) && json_integer_value(v) == 1 ? 0 : bad_key(key, "1", e);
	if (str_eq(key, "name"))
		return str_eq(text, n->name) ? 0 : bad_key(key, "the name of the file", e);
	if (str_eq(key, "bridge")) {
		if (!text || addr_why_ifname_unusable(text))
			return bad_key(key, "the name of an interface", e);
		(void)snprintf(n->bridge, sizeof n->bridge, "%s", text);
		return 0;
	}
	if (str_eq(key, "ipv4"))
		return take_subnet4(n, text ? text : "", e);
	if (str_eq(key, "ipv6"))
		return json_is_null(v) ? 0 : take_subnet6(n, text ? text : "", e);
	if (str_eq(key, "mtu")) {
		json_int_t mtu = json_integer_value(v);
		if (mtu < MTU_MIN || mtu > 65535)
			return bad_key(key, "a number from 1280 to 65535", e);
		n->mtu = (uint32_t)mtu;
		return 0;
	}
	if (str_eq(key, "nat")) {
		if (!json_is_boolean(v))
			return bad_key(key, "true or false", e);
		n->nat = json_is_true(v);
		return 0;
	}
	return err_set(e, ERR_HOST, "/%.64s: unknown key", key);
}

static int parse(struct network *n, const char *text, size_t len, struct err *e)
{
	json_error_t where;
	autojson json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	if (!root)
		return err_set(e, ERR_HOST, "line %d: %s", where.line, where.text);
	if (!json_is_object(root))
		return err_set(e, ERR_HOST, "not a JSON object");
	static const char *const keys[] = {
		"network", "name", "bridge", "ipv4", "ipv6", "mtu", "nat"};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (!json_object_get(root, keys[i]))
			return err_set(e, ERR_HOST, "/%s: missing", keys[i]);
	const char *key;
	json_t *value;
	json_object_foreach(root, key, value) if (take_key(n, key, value, e) < 0) return -1;
	return 0;
}

static int load(
	int networks_fd, const char *store_id, const char *name, struct network *ret, struct err *e)
{
	char file[FILE_NAME_SIZE], shown[2 * FILE_NAME_SIZE];
	autofree char *text = NULL;
	size_t len;
	struct network n = {0};
	(void)snprintf(n.name, sizeof n.name, "%s", name);
	(void)snprintf(n.store_id, sizeof n.store_id, "%s", store_id);

	if (path_read_file(networks_fd, file_name(file, name), FILE_MAX, &text, &len, e) < 0)
		return -1;
	if (parse(&n, text, len, e) < 0) {
		(void)snprintf(shown, sizeof shown, "networks/%s", file);
		(void)err_prefix(e, "%s", shown);
		(void)err_at(e, "network", shown);
		return err_hint(e,
			"correct the file; if it is removed, the network is made anew with "
			"other addresses");
	}
	derive(&n);
	*ret = n;
	return 0;
}

static int save(int networks_fd, const struct network *n, struct err *e)
{
	char file[FILE_NAME_SIZE], subnet4[ADDR_CIDR_SIZE], subnet6[ADDR_CIDR_SIZE];
	addr_print_cidr(subnet4, &n->subnet4);
	addr_print_cidr(subnet6, &n->subnet6);
	/* s?: NULL becomes null */
	autojson json_t *root = json_pack("{s:i, s:s, s:s, s:s, s:s?, s:i, s:b}", "network", 1,
		"name", n->name, "bridge", n->bridge, "ipv4", subnet4, "ipv6",
		subnet6[0] ? subnet6 : NULL, "mtu", (int)n->mtu, "nat", (int)n->nat);
	autofree char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
	autofree char *line = text ? str_format("%s\n", text) : NULL;
	if (!line)
		return err_nomem(e);
	return path_write_atomic(
		networks_fd, file_name(file, n->name), line, strlen(line), 0600, e);
}

/* --- first use ------------------------------------------------------------------------------- */

/* The path that a claim names: whoever doubts a claim looks whether this file is there. */
static char *owner_path(int networks_fd, const char *name, struct err *e)
{
	char dir[4096];
	ssize_t n = readlink(fd_path(networks_fd).s, dir, sizeof dir - 1);
	if (n < 0 || (size_t)n >= sizeof dir - 1) {
		(void)err_sys(
			e, n < 0 ? errno : ENAMETOOLONG, "find the path of the networks directory");
		return NULL;
	}
	dir[n] = '\0';
	char *path = str_format("%s/%s.json", dir, name);
	if (!path)
		(void)err_nomem(e);
	return path;
}

static int lock_subnets(int host_lock_fd, struct err *e)
{
	autofd int fd =
		openat(host_lock_fd, "net.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(e, errno, "open lock file 'net.lock'");
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_sys(e, errno, "lock 'net.lock'");
	return fd_steal(&fd);
}

static bool hides_server(const struct addr_cidr *net, const struct resolv *servers)
{
	for (size_t i = 0; i < servers->n_servers; i++)
		if (addr_contains(net, &servers->servers[i]))
			return true;
	return false;
}

static int pick_subnet(int host_lock_fd, const struct network_routes *routes, const char *owner,
	struct network *n, struct err *e)
{
	struct resolv servers;
	if (resolv_load_host(&servers, e) < 0)
		return -1;
	/* Everybody's first network is 10.207.0.0/20; other stores start elsewhere, since most of
	 * them live beside the default one. */
	bool is_first = !n->store_id[0] && str_eq(n->name, "default");
	unsigned start = is_first ? 0
				  : (unsigned)(network_hash(n->store_id, n->name, "subnet", 0) %
					       NETWORK_CANDIDATES);
	for (unsigned i = 0; i < NETWORK_CANDIDATES; i++) {
		struct addr_cidr c = network_candidate((start + i) % NETWORK_CANDIDATES);
		if (network_routes_meet(routes, &c) || hides_server(&c, &servers))
			continue;
		int claimed = network_claim_subnet(host_lock_fd, &c, owner, NULL, 0, e);
		if (claimed < 0)
			return -1;
		if (claimed) {
			n->subnet4 = c;
			return 0;
		}
	}
	return err_set(e, ERR_HOST,
		"no free IPv4 subnet for network '%s': all %d candidates meet a "
		"route of the host or belong to other stores",
		n->name, (int)NETWORK_CANDIDATES);
}

/* A unique local prefix as RFC 4193 wants it: 40 random bits, made once. */
static void pick_subnet6(struct network *n)
{
	char digits[11] = {0}, text[ADDR_CIDR_SIZE];
	if (!sysctl_has_ipv6())
		return;
	random_hex(digits, 10);
	(void)snprintf(text, sizeof text, "fd%.2s:%.4s:%.4s::/64", digits, digits + 2, digits + 6);
	(void)addr_parse_cidr(text, &n->subnet6);
}

static int make(
	int networks_fd, int host_lock_fd, const char *owner, struct network *n, struct err *e)
{
	uint32_t uplink_mtu = 0;
	autoroutes struct network_routes routes = {0};
	if (network_routes_load(&routes, &uplink_mtu, e) < 0 ||
		pick_subnet(host_lock_fd, &routes, owner, n, e) < 0)
		return -1;
	pick_subnet6(n);
	choose_bridge(n);
	n->nat = true;
	n->mtu = uplink_mtu >= MTU_MIN && uplink_mtu < MTU_USUAL ? uplink_mtu : MTU_USUAL;
	derive(n);
	if (save(networks_fd, n, e) == 0)
		return 0;
	(void)network_unclaim_subnet(host_lock_fd, &n->subnet4, owner, NULL);
	return -1;
}

static int claim_again(int host_lock_fd, const char *owner, const struct network *n, struct err *e)
{
	char text[ADDR_CIDR_SIZE], holder[300];
	int claimed =
		network_claim_subnet(host_lock_fd, &n->subnet4, owner, holder, sizeof holder, e);
	if (claimed)
		return claimed < 0 ? -1 : 0;
	addr_print_cidr(text, &n->subnet4);
	(void)err_set(
		e, ERR_BUSY, "subnet %s of network '%s' is in use by %s", text, n->name, holder);
	(void)err_at(e, "network", text);
	return err_hint(e,
		"two stores on one host need different subnets: change \"ipv4\" (and \"bridge\") "
		"in %s",
		owner);
}

int network_load(
	int networks_fd, const char *store_id, const char *name, struct network *ret, struct err *e)
{
	if (check_names(store_id, name, e) < 0)
		return -1;
	return load(networks_fd, store_id, name, ret, e);
}

int network_load_or_make(int networks_fd, int host_lock_fd, const char *store_id, const char *name,
	struct network *ret, struct err *e)
{
	struct err local = {0};
	struct network n = {0};
	if (!e)
		e = &local;
	if (check_names(store_id, name, e) < 0)
		return -1;
	autofree char *owner = owner_path(networks_fd, name, e);
	if (!owner)
		return -1;
	if (load(networks_fd, store_id, name, &n, e) == 0 &&
		network_has_subnet(host_lock_fd, &n.subnet4, owner)) {
		*ret = n;
		return 0;
	}
	if (e->cls != ERR_NONE && e->cls != ERR_NOT_FOUND)
		return -1;

	/* First use, or first use since the host booted. */
	err_clear(e);
	autofd int lock_fd = lock_subnets(host_lock_fd, e);
	if (lock_fd < 0)
		return -1;
	if (load(networks_fd, store_id, name, &n, e) == 0) {
		if (claim_again(host_lock_fd, owner, &n, e) < 0)
			return -1;
		*ret = n;
		return 0;
	}
	if (e->cls != ERR_NOT_FOUND)
		return -1;
	err_clear(e);
	n = (struct network){0};
	(void)snprintf(n.name, sizeof n.name, "%s", name);
	(void)snprintf(n.store_id, sizeof n.store_id, "%s", store_id);
	if (make(networks_fd, host_lock_fd, owner, &n, e) < 0)
		return -1;
	*ret = n;
	return 0;
}

int network_delete(int networks_fd, int host_lock_fd, const struct network *n, struct err *e)
{
	char file[FILE_NAME_SIZE], addrs[FILE_NAME_SIZE];
	autofree char *owner = owner_path(networks_fd, n->name, e);
	if (!owner)
		return -1;
	(void)snprintf(addrs, sizeof addrs, "%s.addrs", n->name);
	if (path_remove_tree(networks_fd, addrs, e) < 0)
		return -1;
	if (unlinkat(networks_fd, file_name(file, n->name), 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove 'networks/%s'", file);
	return network_unclaim_subnet(host_lock_fd, &n->subnet4, owner, e);
}
