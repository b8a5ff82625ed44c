#include "netns/link.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/defence.h"
#include "base/fd.h"
#include "base/str.h"
#include "netns/link_query.h"
#include "netns/nft.h"
#include "netns/nl.h"
#include "netns/sysctl.h"

/* How often a start begins anew because a remover was faster. Each round needs another zone to have
 * ended in between, so more than a few mean that something is wrong. */
enum {
	ENSURE_ROUNDS_MAX = 32
};

static int open_lock(int host_lock_fd, const char *prefix, const struct network *n, struct err *e)
{
	char name[64];
	(void)snprintf(name, sizeof name, "%s-%s.lock", prefix, n->bridge);
	int flags = O_RDWR | O_CREAT | O_CLOEXEC;
	if (!defence_is_off("S48"))
		flags |= O_NOFOLLOW;
	int fd = openat(host_lock_fd, name, flags, 0600);
	struct stat st;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	int errnum = errno;
	bool is_other = fd >= 0 || errnum == ELOOP || errnum == EISDIR;
	fd_close(&fd);
	return is_other ? err_set(e, ERR_HOST, "lock file '%s' is not a regular file", name)
			: err_sys(e, errnum, "open lock file '%s'", name);
}

static int lock(int fd, int how, struct err *e)
{
	int r;
	do
		r = flock(fd, how);
	while (r < 0 && errno == EINTR);
	return r < 0 ? err_sys(e, errno, "lock the network's bridge") : 0;
}

/* 1 and *ret if our bridge is there, 0 if no such interface; a foreign one is an error (B43). */
static int find_bridge(int fd, const struct network *n, struct link_info *ret, struct err *e)
{
	struct link_info l;
	int found = link_query_name(fd, n->bridge, &l, e);
	if (found <= 0)
		return found;
	if (!link_is_bridge_of(&l, n)) {
		(void)err_set(e, ERR_HOST,
			"interface '%s' exists and is not the bridge of network '%s'", n->bridge,
			n->name);
		return err_hint(e,
			"remove or rename that interface, or change \"bridge\" in "
			"networks/%s.json",
			n->name);
	}
	*ret = l;
	return 1;
}

/* The bridge is brought up last, so up means complete; the table may be flushed by others. 1 or 0.
 */
static int is_complete(int fd, const struct network *n, struct err *e)
{
	struct link_info l;
	int found = find_bridge(fd, n, &l, e);
	if (found <= 0 || !(l.flags & IFF_UP))
		return found < 0 ? -1 : 0;
	return nft_present(n, e);
}

static void add_address(struct nl_batch *b, unsigned index, const struct addr_cidr *subnet,
	const struct addr_ip *ip)
{
	char text[ADDR_IP_SIZE];
	struct ifaddrmsg head = {.ifa_family = (uint8_t)ip->family,
		.ifa_prefixlen = subnet->prefix,
		.ifa_index = index};
	if (ip->family == AF_INET6)
		head.ifa_flags = IFA_F_NODAD;
	nl_batch_add(b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof head,
		"add address %s to the bridge", addr_print_ip(text, ip));
	nl_put(b, IFA_LOCAL, ip->bytes, addr_len(ip));
	nl_put(b, IFA_ADDRESS, ip->bytes, addr_len(ip));
	if (ip->family == AF_INET) {
		struct addr_ip broadcast = addr_mask(subnet, true);
		nl_put(b, IFA_BROADCAST, broadcast.bytes, 4);
	}
	nl_batch_tolerate(b, EEXIST); /* whoever began before us died half-way */
}

static int make_bridge(int fd, const struct network *n, struct err *e)
{
	autobatch struct nl_batch b = {0};
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
	nl_batch_add(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof head,
		"make bridge '%s'", n->bridge);
	nl_put_str(&b, IFLA_IFNAME, n->bridge);
	nl_put_u32(&b, IFLA_MTU, n->mtu);
	/* A MAC of its own: a bridge without one takes the lowest of its ports, which come and go.
	 */
	nl_put(&b, IFLA_ADDRESS, n->bridge_mac.bytes, sizeof n->bridge_mac.bytes);
	void *info = nl_nest(&b, IFLA_LINKINFO);
	nl_put_str(&b, IFLA_INFO_KIND, "bridge");
	nl_nest_end(&b, info);
	return nl_batch_run(fd, &b, NULL, e);
}

static int bridge_sysctl(const struct network *n, const char *key, const char *value, struct err *e)
{
	char full[96];
	(void)snprintf(full, sizeof full, "ipv6/conf/%s/%s", n->bridge, key);
	return sysctl_want(full, value, e);
}

/* The stack of the host takes no advice from zones: no router advertisements, no redirects. Without
 * IPv6 in the network there is none on the bridge: an interface that is new takes "default"'s,
 * which may well be to believe whoever says that he is a router. */
static int set_bridge_sysctls(const struct network *n, struct err *e)
{
	bool has_ipv6 = n->subnet6.ip.family;
	if (!has_ipv6 && !sysctl_has_ipv6())
		return 0;
	if (bridge_sysctl(n, "disable_ipv6", has_ipv6 || defence_is_off("S33r") ? "0" : "1", e) < 0)
		return -1;
	if (!has_ipv6 && defence_is_off("S33r"))
		return 0;
	if (bridge_sysctl(n, "accept_ra", "0", e) < 0)
		return -1;
	return bridge_sysctl(n, "accept_redirects", "0", e);
}

static int name_bridge(int fd, const struct network *n, const struct link_info *l, struct err *e)
{
	autobatch struct nl_batch b = {0};
	char alias[LINK_ALIAS_SIZE];
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC, .ifi_index = (int)l->index};
	nl_batch_add(
		&b, RTM_SETLINK, 0, &head, sizeof head, "set the alias of bridge '%s'", n->bridge);
	nl_put_str(&b, IFLA_IFALIAS, link_alias_bridge(alias, n));
	add_address(&b, l->index, &n->subnet4, &n->gateway4);
	if (n->subnet6.ip.family)
		add_address(&b, l->index, &n->subnet6, &n->gateway6);
	return nl_batch_run(fd, &b, NULL, e);
}

static int bring_up(int fd, const struct network *n, const struct link_info *l, struct err *e)
{
	autobatch struct nl_batch b = {0};
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC,
		.ifi_index = (int)l->index,
		.ifi_flags = IFF_UP,
		.ifi_change = IFF_UP};
	nl_batch_add(&b, RTM_SETLINK, 0, &head, sizeof head, "bring bridge '%s' up", n->bridge);
	return nl_batch_run(fd, &b, NULL, e);
}

/* Under the exclusive lock. Goes on where somebody left off: every step may have been done. */
static int complete(int fd, const struct network *n, struct err *e)
{
	struct link_info l;
	int found = find_bridge(fd, n, &l, e);
	if (found < 0)
		return -1;
	if (!found && (make_bridge(fd, n, e) < 0 || find_bridge(fd, n, &l, e) <= 0))
		return -1;
	/* disable_ipv6 comes before the addresses, the firewall before the first packet. */
	if (set_bridge_sysctls(n, e) < 0 || name_bridge(fd, n, &l, e) < 0 ||
		sysctl_forward(n->subnet6.ip.family != 0, e) < 0 || nft_ensure(n, e) < 0)
		return -1;
	return bring_up(fd, n, &l, e);
}

static int remove_bridge(int fd, const struct network *n, struct err *e)
{
	struct link_info l;
	int found = find_bridge(fd, n, &l, e);
	if (found < 0)
		return -1;
	if (found) {
		autobatch struct nl_batch b = {0};
		struct ifinfomsg head = {.ifi_family = AF_UNSPEC, .ifi_index = (int)l.index};
		nl_batch_add(
			&b, RTM_DELLINK, 0, &head, sizeof head, "delete bridge '%s'", n->bridge);
		nl_batch_tolerate(&b, ENODEV);
		if (nl_batch_run(fd, &b, NULL, e) < 0)
			return -1;
	}
	return nft_remove(n, e);
}

int net_bridge_ensure(int host_lock_fd, const struct network *n, int *ret_lock_fd, struct err *e)
{
	autofd int fd = nl_open(NETLINK_ROUTE, e);
	if (fd < 0)
		return -1;
	autofd int lock_fd = open_lock(host_lock_fd, "bridge", n, e);
	if (lock_fd < 0)
		return -1;
	for (int round = 0; round < ENSURE_ROUNDS_MAX; round++) {
		if (lock(lock_fd, LOCK_SH, e) < 0)
			return -1;
		int done = is_complete(fd, n, e);
		if (done < 0)
			return err_at(e, "network", n->bridge);
		if (done) {
			*ret_lock_fd = fd_steal(&lock_fd);
			return 0;
		}
		/* flock(2) gives the shared lock up before it waits for the exclusive one, and the
		 * other way round; so everything is looked at again each time. */
		if (lock(lock_fd, LOCK_EX, e) < 0)
			return -1;
		done = is_complete(fd, n, e);
		if (done < 0)
			return err_at(e, "network", n->bridge);
		if (done || complete(fd, n, e) == 0)
			continue;
		/* Half a bridge helps nobody; ports of others keep it. */
		struct link_info l;
		unsigned ports = 1;
		if (find_bridge(fd, n, &l, NULL) > 0 &&
			link_query_ports(fd, l.index, &ports, NULL) == 0 && !ports)
			(void)remove_bridge(fd, n, NULL);
		return err_at(e, "network", n->bridge);
	}
	return err_set(e, ERR_BUSY, "bridge '%s' is removed again and again by others", n->bridge);
}

int net_bridge_release(int host_lock_fd, const struct network *n, bool *ret_removed, struct err *e)
{
	struct link_info l;
	unsigned ports = 0;
	bool removed = false;
	autofd int fd = nl_open(NETLINK_ROUTE, e);
	if (fd < 0)
		return -1;
	/* Removers wait for each other: when two zones end at once, the later one must look after
	 * the earlier has looked, or each would leave the bridge to the other. They never wait for
	 * starts. */
	autofd int queue_fd = open_lock(host_lock_fd, "release", n, e);
	if (queue_fd < 0 || lock(queue_fd, LOCK_EX, e) < 0)
		return -1;
	autofd int lock_fd = open_lock(host_lock_fd, "bridge", n, e);
	if (lock_fd < 0)
		return -1;
	if (flock(lock_fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(e, errno, "lock the network's bridge");
		goto out; /* a start is under way, and will need the bridge */
	}
	int found = find_bridge(fd, n, &l, e);
	if (found > 0 && link_query_has_port(fd, n->bridge, l.index))
		goto out;
	if (found < 0 || (found && link_query_ports(fd, l.index, &ports, e) < 0))
		return err_at(e, "network", n->bridge);
	if (!ports) {
		if (remove_bridge(fd, n, e) < 0)
			return err_at(e, "network", n->bridge);
		removed = found;
	}
out:
	if (ret_removed)
		*ret_removed = removed;
	return 0;
}
