#include "netns/network_subnet.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "netns/link_query.h"
#include "netns/nl.h"

enum {
	CLAIM_NAME_SIZE = 32,
	CLAIM_TEXT_MAX = 4096,
	/* Routes wider than this are default routes in disguise (0.0.0.0/1 of a VPN). */
	PREFIX_MIN = 8,
};

static void keep_route(struct network_routes *r, const struct addr_cidr *net)
{
	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 64;
		struct addr_cidr *more = reallocarray(r->nets, cap, sizeof *more);
		if (!more) {
			r->failed = true;
			return;
		}
		r->nets = more;
		r->cap = cap;
	}
	r->nets[r->n++] = *net;
}

static void visit_route(const struct nlmsghdr *h, void *arg)
{
	struct network_routes *r = arg;
	struct nlattr *tb[RTA_MAX + 1];
	struct rtmsg head;
	if (h->nlmsg_type != RTM_NEWROUTE ||
		nlmsg_parse((struct nlmsghdr *)(uintptr_t)h, sizeof head, tb, RTA_MAX, NULL) < 0)
		return;
	memcpy(&head, nlmsg_data(h), sizeof head);
	if (head.rtm_family != AF_INET)
		return;
	if (head.rtm_dst_len == 0 && tb[RTA_OIF] && !r->uplink)
		r->uplink = nla_get_u32(tb[RTA_OIF]);
	if (head.rtm_dst_len < PREFIX_MIN || !tb[RTA_DST] || nla_len(tb[RTA_DST]) != 4)
		return;
	struct addr_cidr net = {.ip.family = AF_INET, .prefix = head.rtm_dst_len};
	memcpy(net.ip.bytes, nla_data(tb[RTA_DST]), 4);
	keep_route(r, &net);
}

int network_routes_load(struct network_routes *ret, uint32_t *ret_uplink_mtu, struct err *e)
{
	autobatch struct nl_batch b = {0};
	autofd int fd = nl_open(NETLINK_ROUTE, e);
	if (fd < 0)
		return -1;
	struct rtmsg head = {.rtm_family = AF_INET};
	nl_batch_add(&b, RTM_GETROUTE, NLM_F_DUMP, &head, sizeof head, "list the host's routes");
	if (nl_query(fd, &b, visit_route, ret, NULL, e) < 0)
		return -1;
	if (ret->failed)
		return err_nomem(e);
	struct link_info l = {0};
	if (ret->uplink && link_query_index(fd, ret->uplink, &l, e) < 0)
		return -1;
	*ret_uplink_mtu = l.mtu;
	return 0;
}

void network_routes_done(struct network_routes *r)
{
	free(r->nets);
	*r = (struct network_routes){0};
}

bool network_routes_meet(const struct network_routes *r, const struct addr_cidr *net)
{
	for (size_t i = 0; i < r->n; i++)
		if (addr_overlaps(&r->nets[i], net))
			return true;
	return false;
}

/* Ranges that are seldom met: the middle of 10.0.0.0/8 (the ends are where sites, clouds and
 * Kubernetes begin), then 172.31 downwards (Docker begins at 172.17), then 192.168 downwards. */
struct addr_cidr network_candidate(unsigned i)
{
	uint8_t block = (uint8_t)(i % 16 * 16);
	struct addr_cidr c = {.ip.family = AF_INET, .prefix = 20};
	uint8_t *b = c.ip.bytes;
	if (i < 48 * 16) {
		b[0] = 10;
		b[1] = (uint8_t)(192 + (i / 16 + 15) % 48);
		b[2] = block;
	} else if (i < 64 * 16) {
		b[0] = 172;
		b[1] = (uint8_t)(31 - (i / 16 - 48));
		b[2] = block;
	} else {
		b[0] = 192;
		b[1] = 168;
		b[2] = (uint8_t)(240 - block);
	}
	return c;
}

static const char *claim_name(char out[CLAIM_NAME_SIZE], const struct addr_cidr *net)
{
	char ip[ADDR_IP_SIZE];
	(void)snprintf(out, CLAIM_NAME_SIZE, "net-%s", addr_print_ip(ip, &net->ip));
	return out;
}

/* 1 and the owner's path, 0 if there is no claim. */
static int read_claim(int dir_fd, const char *name, char **ret, struct err *e)
{
	autofree char *text = NULL;
	if (path_read_file(dir_fd, name, CLAIM_TEXT_MAX, &text, NULL, e) < 0) {
		if (!e || e->cls != ERR_NOT_FOUND)
			return -1;
		err_clear(e);
		return 0;
	}
	text[strcspn(text, "\n")] = '\0';
	*ret = ptr_steal(&text);
	return 1;
}

static int write_claim(int dir_fd, const char *name, const char *owner, struct err *e)
{
	autofree char *text = str_format("%s\n", owner);
	return text ? path_write_volatile(dir_fd, name, text, strlen(text), 0600, e) : err_nomem(e);
}

/* Claims of a store that was deleted as a whole bind nobody. */
static bool is_stale(const char *owner)
{
	return owner[0] != '/' ||
	       (access(owner, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR));
}

int network_claim_subnet(int host_lock_fd, const struct addr_cidr *net, const char *owner,
	char *holder, size_t holder_size, struct err *e)
{
	char name[CLAIM_NAME_SIZE];
	autofree char *now = NULL;
	int found = read_claim(host_lock_fd, claim_name(name, net), &now, e);
	if (found < 0)
		return -1;
	if (found && str_eq(now, owner))
		return 1;
	if (found && !is_stale(now)) {
		if (holder_size)
			(void)str_escape(holder, holder_size, now);
		return 0;
	}
	return write_claim(host_lock_fd, name, owner, e) < 0 ? -1 : 1;
}

bool network_has_subnet(int host_lock_fd, const struct addr_cidr *net, const char *owner)
{
	char name[CLAIM_NAME_SIZE];
	autofree char *now = NULL;
	struct err ignored = {0};
	return read_claim(host_lock_fd, claim_name(name, net), &now, &ignored) > 0 &&
	       str_eq(now, owner);
}

int network_unclaim_subnet(
	int host_lock_fd, const struct addr_cidr *net, const char *owner, struct err *e)
{
	char name[CLAIM_NAME_SIZE];
	if (!network_has_subnet(host_lock_fd, net, owner))
		return 0;
	if (unlinkat(host_lock_fd, claim_name(name, net), 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove '%s'", name);
	return 0;
}
