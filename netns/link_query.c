#include "netns/link_query.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "netns/nl.h"

#define ALIAS_ZONE "cella zone "
#define ALIAS_GONE "cella gone "
_Static_assert(sizeof ALIAS_ZONE == sizeof ALIAS_GONE, "one is written over the other");

static void parse_port(struct nlattr *info[], struct link_info *ret)
{
	struct nlattr *port[IFLA_BRPORT_MAX + 1];
	if (!info[IFLA_INFO_SLAVE_KIND] || !info[IFLA_INFO_SLAVE_DATA] ||
		nla_strcmp(info[IFLA_INFO_SLAVE_KIND], "bridge") != 0 ||
		nla_parse_nested(port, IFLA_BRPORT_MAX, info[IFLA_INFO_SLAVE_DATA], NULL) < 0)
		return;
	if (port[IFLA_BRPORT_STATE] && nla_len(port[IFLA_BRPORT_STATE]) == sizeof(uint8_t))
		ret->port_state = nla_get_u8(port[IFLA_BRPORT_STATE]);
}

bool link_query_parse(const struct nlmsghdr *h, struct link_info *ret)
{
	struct nlattr *tb[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];
	struct ifinfomsg head;
	if (h->nlmsg_type != RTM_NEWLINK ||
		nlmsg_parse((struct nlmsghdr *)(uintptr_t)h, sizeof head, tb, IFLA_MAX, NULL) < 0)
		return false;
	memcpy(&head, nlmsg_data(h), sizeof head);
	*ret = (struct link_info){.index = (unsigned)head.ifi_index, .flags = head.ifi_flags};
	if (tb[IFLA_IFNAME])
		(void)nla_strlcpy(ret->name, tb[IFLA_IFNAME], sizeof ret->name);
	if (tb[IFLA_IFALIAS])
		(void)nla_strlcpy(ret->alias, tb[IFLA_IFALIAS], sizeof ret->alias);
	if (tb[IFLA_MASTER] && nla_len(tb[IFLA_MASTER]) == sizeof(uint32_t))
		ret->master = nla_get_u32(tb[IFLA_MASTER]);
	if (tb[IFLA_MTU] && nla_len(tb[IFLA_MTU]) == sizeof(uint32_t))
		ret->mtu = nla_get_u32(tb[IFLA_MTU]);
	if (tb[IFLA_OPERSTATE] && nla_len(tb[IFLA_OPERSTATE]) == sizeof(uint8_t))
		ret->operstate = nla_get_u8(tb[IFLA_OPERSTATE]);
	if (tb[IFLA_ADDRESS] && nla_len(tb[IFLA_ADDRESS]) == sizeof ret->mac.bytes)
		memcpy(ret->mac.bytes, nla_data(tb[IFLA_ADDRESS]), sizeof ret->mac.bytes);
	if (tb[IFLA_LINKINFO] &&
		nla_parse_nested(info, IFLA_INFO_MAX, tb[IFLA_LINKINFO], NULL) >= 0) {
		if (info[IFLA_INFO_KIND])
			(void)nla_strlcpy(ret->kind, info[IFLA_INFO_KIND], sizeof ret->kind);
		parse_port(info, ret);
	}
	return true;
}

struct found {
	struct link_info *info;
	bool is_found;
};

static void visit_one(const struct nlmsghdr *h, void *arg)
{
	struct found *f = arg;
	if (link_query_parse(h, f->info))
		f->is_found = true;
}

static int query(int fd, struct nl_batch *b, struct link_info *ret, struct err *e)
{
	int errnum = 0;
	struct link_info info;
	struct found f = {.info = &info};
	nl_put_u32(b, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (nl_query(fd, b, visit_one, &f, &errnum, e) < 0) {
		if (errnum != ENODEV)
			return -1;
		err_clear(e);
		return 0;
	}
	if (!f.is_found)
		return 0;
	*ret = info;
	return 1;
}

int link_query_name(int fd, const char *name, struct link_info *ret, struct err *e)
{
	autobatch struct nl_batch b = {0};
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
	nl_batch_add(&b, RTM_GETLINK, 0, &head, sizeof head, "look up interface '%s'", name);
	nl_put_str(&b, IFLA_IFNAME, name);
	return query(fd, &b, ret, e);
}

int link_query_index(int fd, unsigned index, struct link_info *ret, struct err *e)
{
	autobatch struct nl_batch b = {0};
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index};
	nl_batch_add(&b, RTM_GETLINK, 0, &head, sizeof head, "look up interface %u", index);
	return query(fd, &b, ret, e);
}

unsigned link_query_index_of(int fd, const char *name)
{
	struct ifreq r = {0};
	(void)snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	return ioctl(fd, SIOCGIFINDEX, &r) < 0 ? 0 : (unsigned)r.ifr_ifindex;
}

struct ports {
	unsigned master, n;
};

static void visit_port(const struct nlmsghdr *h, void *arg)
{
	struct ports *p = arg;
	struct link_info l;
	if (link_query_parse(h, &l) && l.master == p->master && !link_is_gone(&l))
		p->n++;
}

int link_query_ports(int fd, unsigned bridge_index, unsigned *ret, struct err *e)
{
	autobatch struct nl_batch b = {0};
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
	struct ports p = {.master = bridge_index};
	nl_batch_add(&b, RTM_GETLINK, NLM_F_DUMP, &head, sizeof head, "list the bridge's ports");
	nl_put_u32(&b, IFLA_MASTER, bridge_index);
	nl_put_u32(&b, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (nl_query(fd, &b, visit_port, &p, NULL, e) < 0)
		return -1;
	*ret = p.n;
	return 0;
}

bool link_query_has_port(int fd, const char *bridge, unsigned bridge_index)
{
	char path[64];
	/* Room for the first few: readdir(3) would have the kernel list all. */
	_Alignas(struct dirent64) char buffer[512];
	(void)snprintf(path, sizeof path, "/sys/class/net/%.15s/brif", bridge);
	autofd int dir =
		open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* banned-ok: host's mounts */
	bool found = false;
	for (ssize_t n; !found && dir >= 0 && (n = getdents64(dir, buffer, sizeof buffer)) > 0;)
		for (ssize_t at = 0; !found && at < n;) {
			const struct dirent64 *ent = (const void *)(buffer + at);
			struct link_info l;
			found = ent->d_name[0] != '.' &&
				link_query_name(fd, ent->d_name, &l, NULL) > 0 &&
				l.master == bridge_index && !link_is_gone(&l);
			at += ent->d_reclen;
		}
	return found;
}

const char *link_alias_bridge(char out[LINK_ALIAS_SIZE], const struct network *n)
{
	bool is_default = !n->store_id[0];
	(void)snprintf(out, LINK_ALIAS_SIZE, "cella network %s%s%s", n->name,
		is_default ? "" : " store ", n->store_id);
	return out;
}

const char *link_alias_zone(char out[LINK_ALIAS_SIZE], const char *zone_name, const char *zone_uuid)
{
	(void)snprintf(out, LINK_ALIAS_SIZE, ALIAS_ZONE "%.63s %.40s", zone_name, zone_uuid);
	return out;
}

bool link_is_zone(const struct link_info *l)
{
	return str_eq(l->kind, "veth") && (str_starts(l->alias, ALIAS_ZONE) || link_is_gone(l));
}

bool link_is_gone(const struct link_info *l)
{
	return str_starts(l->alias, ALIAS_GONE);
}

bool link_is_bridge_of(const struct link_info *l, const struct network *n)
{
	char want[LINK_ALIAS_SIZE];
	if (!str_eq(l->kind, "bridge"))
		return false;
	if (str_eq(l->alias, link_alias_bridge(want, n)))
		return true;
	/* Whoever made it may have died before the alias: then it is still down and has our MAC. */
	return !l->alias[0] && !(l->flags & IFF_UP) &&
	       memcmp(&l->mac, &n->bridge_mac, sizeof l->mac) == 0;
}

void link_alias_to_gone(char alias[LINK_ALIAS_SIZE])
{
	if (str_starts(alias, ALIAS_ZONE))
		memcpy(alias, ALIAS_GONE, strlen(ALIAS_GONE));
}
