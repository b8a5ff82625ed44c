/* Bridges, zones' interfaces and NAT, for real: in a network namespace of its own, so that the
 * host's network is never touched. Needs root; skips (77) otherwise. */
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "netns/link.h"
#include "netns/link_query.h"
#include "netns/nft.h"
#include "netns/nl.h"
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char root[] = "/tmp/cella-netns-XXXXXX";
static int networks_fd = -1, lock_fd = -1, host_fd = -1;
static pid_t main_pid;

static int open_here(void)
{
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

__attribute__((constructor)) static void set_up(void)
{
	char path[64];
	struct err e = {0};
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
		puts("1..0 # SKIP needs root and a network namespace of its own");
		(void)fflush(stdout);
		_exit(77);
	}
	main_pid = getpid();
	host_fd = open_here();
	if (host_fd < 0 || !mkdtemp(root))
		_exit(99);
	(void)snprintf(path, sizeof path, "%s/networks", root);
	networks_fd = path_open_private_dir(path, &e);
	(void)snprintf(path, sizeof path, "%s/lock", root);
	lock_fd = path_open_private_dir(path, &e);
	if (networks_fd < 0 || lock_fd < 0 || net_loopback_up(host_fd, &e) < 0)
		_exit(99);
}

__attribute__((destructor)) static void tear_down(void)
{
	struct err e = {0};
	if (getpid() != main_pid)
		return;
	autofd int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (path_remove_tree(tmp, strrchr(root, '/') + 1, &e) < 0)
		printf("# %s stays: %s\n", root, e.msg);
}

#define OK(call)                                                                                   \
	do {                                                                                       \
		err_clear(&e);                                                                     \
		int ok_r = (call);                                                                 \
		CHECK_INT(ok_r, 0);                                                                \
		if (ok_r)                                                                          \
			printf("# %s: %s [%s] %s\n", #call, e.msg, e.object, e.hint);              \
	} while (0)

/* --- zones ----------------------------------------------------------------------------------- */

struct zone {
	char name[16], uuid[40], host_if[IFNAMSIZ];
	int netns_fd;
	struct network_addr addr;
	struct net_zone_plan plan;
};

static int new_netns(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	int fd = open_here();
	if (setns(host_fd, CLONE_NEWNET) < 0)
		_exit(99);
	return fd;
}

static void zone_init(struct zone *z, const struct network *n, const char *name)
{
	struct err e = {0};
	char digits[33] = {0};
	*z = (struct zone){.netns_fd = new_netns()};
	random_hex(digits, 32);
	(void)snprintf(z->name, sizeof z->name, "%s", name);
	(void)snprintf(z->uuid, sizeof z->uuid, "%.8s-%.4s-%.4s-%.4s-%.12s", digits, digits + 8,
		digits + 12, digits + 16, digits + 20);
	network_host_if(z->host_if, n->store_id, z->uuid, 0);
	CHECK(z->netns_fd >= 0);
	OK(network_claim_address(networks_fd, n, z->uuid, "auto", "auto", &z->addr, &e));
	z->plan = (struct net_zone_plan){.network = n,
		.host_if = z->host_if,
		.zone_if = "eth0",
		.zone_name = z->name,
		.zone_uuid = z->uuid,
		.mac = z->addr.mac,
		.v4 = z->addr.v4,
		.v6 = z->addr.v6,
		.gateway4 = n->gateway4,
		.gateway6 = n->gateway6,
		.netns_fd = z->netns_fd};
}

static int zone_start(struct zone *z, struct err *e)
{
	autofd int held = -1;
	if (net_bridge_ensure(lock_fd, z->plan.network, &held, e) < 0)
		return -1;
	if (net_zone_attach(&z->plan, e) < 0)
		return -1;
	return net_zone_wait(z->host_if, z->plan.network->bridge, 5000, e) == 1 ? 0 : -1;
}

static void get_network(struct network *n, const char *store, const char *name)
{
	struct err e = {0};
	OK(network_load_or_make(networks_fd, lock_fd, store, name, n, &e));
}

static bool find(const char *name, struct link_info *ret)
{
	struct err e = {0};
	autofd int fd = nl_open(NETLINK_ROUTE, &e);
	return link_query_name(fd, name, ret, &e) == 1;
}

static bool find_in(int netns_fd, const char *name, struct link_info *ret)
{
	CHECK_INT(setns(netns_fd, CLONE_NEWNET), 0);
	bool r = find(name, ret);
	CHECK_INT(setns(host_fd, CLONE_NEWNET), 0);
	return r;
}

/* --- TCP from one namespace to another -----------------------------------------------------------
 */

static socklen_t to_sockaddr(const struct addr_ip *ip, uint16_t port, struct sockaddr_storage *ret)
{
	*ret = (struct sockaddr_storage){0};
	if (ip->family == AF_INET) {
		struct sockaddr_in *in = (void *)ret;
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, ip->bytes, 4);
		return sizeof *in;
	}
	struct sockaddr_in6 *in6 = (void *)ret;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, ip->bytes, 16);
	return sizeof *in6;
}

static int socket_in(int netns_fd, int family)
{
	CHECK_INT(setns(netns_fd, CLONE_NEWNET), 0);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	CHECK_INT(setns(host_fd, CLONE_NEWNET), 0);
	return fd;
}

/* Connect from `from` to `ip` in `to`; the address the server sees, "" if nothing arrives. */
static const char *seen_by(int to, const struct addr_ip *ip, int from, int wait_ms)
{
	static char out[ADDR_IP_SIZE];
	struct sockaddr_storage a, peer = {0};
	socklen_t len = to_sockaddr(ip, 4711, &a), peer_len = sizeof peer;
	out[0] = '\0';
	autofd int server = socket_in(to, ip->family);
	autofd int client = socket_in(from, ip->family);
	int on = 1;
	CHECK_INT(setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
	if (bind(server, (void *)&a, len) < 0 || listen(server, 5) < 0) {
		printf("# bind: %s\n", strerror(errno));
		return out;
	}
	if (connect(client, (void *)&a, len) < 0 && errno != EINPROGRESS)
		return out;
	struct pollfd p = {.fd = server, .events = POLLIN};
	if (poll(&p, 1, wait_ms) != 1)
		return out;
	autofd int conn = accept4(server, (void *)&peer, &peer_len, SOCK_CLOEXEC);
	if (conn < 0)
		return out;
	const void *bytes =
		peer.ss_family == AF_INET
			? (const void *)&((struct sockaddr_in *)(void *)&peer)->sin_addr
			: (const void *)&((struct sockaddr_in6 *)(void *)&peer)->sin6_addr;
	(void)inet_ntop(peer.ss_family, bytes, out, sizeof out);
	return out;
}

static const char *print(const struct addr_ip *ip)
{
	static char out[4][ADDR_IP_SIZE];
	static unsigned i;
	return addr_print_ip(out[i++ % 4], ip);
}

static double now_us(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* --- tests -------------------------------------------------------------------------------------
 */

TEST(zones_reach_each_other_and_the_host)
{
	struct err e = {0};
	struct network n;
	struct zone a, b;
	get_network(&n, "", "default");
	zone_init(&a, &n, "a");
	zone_init(&b, &n, "b");
	OK(zone_start(&a, &e));
	/* At once, without any pause: what DAD or a port that is not forwarding would spoil. */
	int64_t t0 = clock_mono_ms();
	CHECK_STR(seen_by(host_fd, &n.gateway4, a.netns_fd, 5000), print(&a.addr.v4.ip));
	printf("# first TCP connection zone to host after %d ms\n", (int)(clock_mono_ms() - t0));
	t0 = clock_mono_ms();
	CHECK_STR(seen_by(host_fd, &n.gateway6, a.netns_fd, 5000), print(&a.addr.v6.ip));
	printf("# by IPv6 after %d ms\n", (int)(clock_mono_ms() - t0));
	OK(zone_start(&b, &e));
	t0 = clock_mono_ms();
	CHECK_STR(seen_by(b.netns_fd, &b.addr.v4.ip, a.netns_fd, 5000), print(&a.addr.v4.ip));
	printf("# zone to a zone just started: %d ms\n", (int)(clock_mono_ms() - t0));
	CHECK_STR(seen_by(b.netns_fd, &b.addr.v6.ip, a.netns_fd, 5000), print(&a.addr.v6.ip));
	CHECK_STR(seen_by(a.netns_fd, &a.addr.v4.ip, host_fd, 5000), print(&n.gateway4));
	CHECK_STR(seen_by(a.netns_fd, &a.addr.v6.ip, host_fd, 5000), print(&n.gateway6));
	struct addr_ip lo;
	CHECK(addr_parse_ip("127.0.0.1", &lo));
	CHECK_STR(seen_by(a.netns_fd, &lo, a.netns_fd, 1000), "127.0.0.1");

	struct link_info l, bridge;
	char alias[LINK_ALIAS_SIZE];
	CHECK(find(n.bridge, &bridge));
	CHECK_STR(bridge.alias, "cella network default");
	CHECK(memcmp(&bridge.mac, &n.bridge_mac, sizeof bridge.mac) == 0);
	CHECK(find(a.host_if, &l));
	(void)snprintf(alias, sizeof alias, "cella zone a %s", a.uuid);
	CHECK_STR(l.alias, alias);
	CHECK_INT(l.master, bridge.index);
	CHECK(find_in(a.netns_fd, "eth0", &l));
	CHECK(memcmp(&l.mac, &a.addr.mac, sizeof l.mac) == 0);
	CHECK_INT(l.mtu, n.mtu);

	/* With ports the bridge stays; a held namespace does not keep it once its zone has ended.
	 */
	bool removed = true;
	OK(net_bridge_release(lock_fd, &n, &removed, &e));
	CHECK(!removed);
	OK(net_zone_detach(a.host_if, &e));
	OK(net_bridge_release(lock_fd, &n, &removed, &e));
	CHECK(!removed);
	CHECK_STR(seen_by(host_fd, &n.gateway4, a.netns_fd, 300), ""); /* silenced at once */
	CHECK_STR(seen_by(host_fd, &n.gateway4, b.netns_fd, 3000), print(&b.addr.v4.ip));
	OK(net_zone_detach(b.host_if, &e));
	CHECK_INT(nft_present(&n, &e), 1);
	OK(net_bridge_release(lock_fd, &n, &removed, &e));
	CHECK(removed);
	CHECK(!find(n.bridge, &l));
	CHECK_INT(nft_present(&n, &e), 0);
	OK(net_bridge_release(lock_fd, &n, &removed, &e));
	CHECK(!removed);
	close(a.netns_fd);
	close(b.netns_fd);
	OK(net_zone_detach("cvnothing", &e));
}

/* A packet that a port drops because it is not open yet comes again after a second. */
TEST(the_first_packet_of_a_zone_arrives)
{
	struct err e = {0};
	struct network n;
	int worst = 0;
	get_network(&n, "", "default");
	for (int i = 0; i < 20; i++) {
		struct zone a;
		zone_init(&a, &n, "a");
		OK(zone_start(&a, &e));
		int64_t begin = clock_mono_ms();
		CHECK_STR(seen_by(host_fd, &n.gateway4, a.netns_fd, 5000), print(&a.addr.v4.ip));
		int ms = (int)(clock_mono_ms() - begin);
		worst = ms > worst ? ms : worst;
		OK(net_zone_detach(a.host_if, &e));
		/* Every other time with a bridge that is new as well. */
		if (i % 2)
			OK(net_bridge_release(lock_fd, &n, NULL, &e));
		close(a.netns_fd);
	}
	printf("# the slowest first connection: %d ms\n", worst);
	CHECK(worst < 500);
	OK(net_bridge_release(lock_fd, &n, NULL, &e));
}

static int rules_present(const char *needle)
{
	char line[512];
	int found = 0;
	FILE *f = popen("nft list ruleset 2>/dev/null", "re"); /* a look from outside */
	if (!f)
		return -1;
	while (fgets(line, sizeof line, f))
		found |= strstr(line, needle) != NULL;
	return pclose(f) == 0 ? found : -1;
}

TEST(nat_hides_the_zone)
{
	struct err e = {0};
	struct network inner, outer;
	struct zone a, out;
	get_network(&inner, "", "default");
	get_network(&outer, "", "outside");
	outer.nat = false;
	zone_init(&a, &inner, "a");
	zone_init(&out, &outer, "out");
	/* The outside has no way back to the zone but by the host's address. */
	out.plan.gateway4.family = out.plan.gateway6.family = 0;
	OK(zone_start(&a, &e));
	OK(zone_start(&out, &e));
	CHECK_STR(seen_by(out.netns_fd, &out.addr.v4.ip, a.netns_fd, 5000), print(&outer.gateway4));
	CHECK_STR(seen_by(out.netns_fd, &out.addr.v6.ip, a.netns_fd, 5000), print(&outer.gateway6));
	CHECK_STR(seen_by(a.netns_fd, &a.addr.v4.ip, out.netns_fd, 300), "");
	if (rules_present("table") >= 0) {
		CHECK_INT(rules_present("oifname != \"cella0\" masquerade"), 1);
		CHECK_INT(rules_present("table inet cella {"), 1);
	}
	/* Flushed by somebody: without it nothing comes back; the next start restores it. */
	OK(nft_remove(&inner, &e));
	CHECK_STR(seen_by(out.netns_fd, &out.addr.v4.ip, a.netns_fd, 300), "");
	autofd int held = -1;
	OK(net_bridge_ensure(lock_fd, &inner, &held, &e));
	CHECK_INT(nft_present(&inner, &e), 1);
	OK(nft_ensure(&inner, &e));
	CHECK_STR(seen_by(out.netns_fd, &out.addr.v4.ip, a.netns_fd, 5000), print(&outer.gateway4));
	fd_close(&held);
	OK(net_zone_detach(a.host_if, &e));
	OK(net_zone_detach(out.host_if, &e));
	bool removed;
	OK(net_bridge_release(lock_fd, &inner, &removed, &e));
	CHECK(removed);
	CHECK_INT(nft_present(&outer, &e), 1);
	OK(net_bridge_release(lock_fd, &outer, &removed, &e));
	CHECK(removed);
	close(a.netns_fd);
	close(out.netns_fd);
}

TEST(restart_while_the_old_namespace_lives)
{
	struct err e = {0};
	struct network n;
	struct zone a, b;
	get_network(&n, "", "default");
	zone_init(&a, &n, "a");
	OK(zone_start(&a, &e));
	autofd int old = a.plan.netns_fd;
	struct link_info before, after;
	CHECK(find(a.host_if, &before));
	for (int detach_first = 1; detach_first >= 0; detach_first--) {
		if (detach_first)
			OK(net_zone_detach(a.host_if, &e));
		autofd int fresh = new_netns();
		a.plan.netns_fd = fresh;
		OK(zone_start(&a, &e));
		CHECK(find(a.host_if, &after) && after.index != before.index);
		CHECK_STR(seen_by(fresh, &a.addr.v4.ip, host_fd, 3000), print(&n.gateway4));
	}
	/* Another zone's interface is not pushed aside. */
	zone_init(&b, &n, "b");
	b.plan.netns_fd = old;
	b.plan.host_if = a.host_if;
	err_clear(&e);
	CHECK_INT(net_zone_attach(&b.plan, &e), -1);
	CHECK_INT(e.cls, ERR_HOST);
	CHECK_STR(e.object, a.host_if);
	CHECK(find(a.host_if, &after));
	close(b.netns_fd);
	OK(net_zone_detach(a.host_if, &e));
	OK(net_bridge_release(lock_fd, &n, NULL, &e));
	CHECK(!find(n.bridge, &after));
}

static void delete_link(const char *name);

TEST(a_bridge_taken_away_can_be_repaired)
{
	struct err e = {0};
	struct network n;
	struct zone a;
	autofd int held = -1;
	get_network(&n, "", "default");
	zone_init(&a, &n, "a");
	OK(zone_start(&a, &e));
	delete_link("cella0");
	CHECK_INT(net_zone_rejoin(&a.plan, &e), -1);
	CHECK_INT(e.cls, ERR_HOST);
	OK(net_bridge_ensure(lock_fd, &n, &held, &e));
	OK(net_zone_rejoin(&a.plan, &e));
	CHECK_STR(seen_by(a.netns_fd, &a.addr.v4.ip, host_fd, 3000), print(&n.gateway4));
	fd_close(&held);
	OK(net_zone_detach(a.host_if, &e));
	double t0 = now_us();
	OK(net_bridge_release(lock_fd, &n, NULL, &e));
	printf("# release of a bridge with one dying port: %.0f us\n", now_us() - t0);
	close(a.netns_fd);
	CHECK_INT(net_zone_rejoin(&a.plan, &e), -1);
}

static int make_link(const char *name, const char *kind, const struct addr_mac *mac)
{
	struct err e = {0};
	autobatch struct nl_batch b = {0};
	struct ifinfomsg head = {0};
	nl_batch_add(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof head, "make");
	nl_put_str(&b, IFLA_IFNAME, name);
	if (mac)
		nl_put(&b, IFLA_ADDRESS, mac->bytes, sizeof mac->bytes);
	void *info = nl_nest(&b, IFLA_LINKINFO);
	nl_put_str(&b, IFLA_INFO_KIND, kind);
	nl_nest_end(&b, info);
	autofd int fd = nl_open(NETLINK_ROUTE, &e);
	return nl_batch_run(fd, &b, NULL, &e);
}

static void delete_link(const char *name)
{
	struct err e = {0};
	struct link_info l;
	autobatch struct nl_batch b = {0};
	CHECK(find(name, &l));
	struct ifinfomsg head = {.ifi_index = (int)l.index};
	nl_batch_add(&b, RTM_DELLINK, 0, &head, sizeof head, "delete");
	autofd int fd = nl_open(NETLINK_ROUTE, &e);
	CHECK_INT(nl_batch_run(fd, &b, NULL, &e), 0);
}

TEST(foreign_interfaces_are_never_touched)
{
	struct err e = {0};
	struct network n;
	struct zone a;
	struct link_info before, after;
	autofd int held = -1;
	get_network(&n, "", "default");
	CHECK_INT(make_link("cella0", "bridge", NULL), 0);
	CHECK(find("cella0", &before));
	CHECK_INT(net_bridge_ensure(lock_fd, &n, &held, &e), -1);
	CHECK_INT(e.cls, ERR_HOST);
	CHECK_STR(e.object, "cella0");
	CHECK(strstr(e.msg, "is not the bridge of network 'default'") != NULL);
	err_clear(&e);
	CHECK_INT(net_bridge_release(lock_fd, &n, NULL, &e), -1);
	CHECK_INT(e.cls, ERR_HOST);
	err_clear(&e);
	CHECK_INT(net_link_delete("cella0", &e), -1);
	err_clear(&e);
	CHECK_INT(net_zone_detach("cella0", &e), -1);
	zone_init(&a, &n, "a");
	err_clear(&e);
	CHECK_INT(net_zone_attach(&a.plan, &e), -1);
	CHECK(find("cella0", &after) && after.flags == before.flags && after.index == before.index);
	CHECK(!find(a.host_if, &after));
	delete_link("cella0");
	close(a.netns_fd);
	CHECK_INT(nft_present(&n, &e), 0);
}

/* A start was killed between making the pair and saying whose it is. */
TEST(half_made_pair_is_removed)
{
	struct err e = {0};
	struct network n;
	struct zone a;
	struct link_info l;
	autofd int held = -1;
	get_network(&n, "", "default");
	zone_init(&a, &n, "a");
	CHECK_INT(make_link(a.host_if, "veth", NULL), 0);
	OK(net_zone_detach(a.host_if, &e));
	CHECK(!find(a.host_if, &l));
	/* a new start does not wait for a sweep */
	CHECK_INT(make_link(a.host_if, "veth", NULL), 0);
	OK(net_bridge_ensure(lock_fd, &n, &held, &e));
	OK(net_zone_attach(&a.plan, &e));
	CHECK(find(a.host_if, &l) && strstr(l.alias, "cella zone a"));
	OK(net_zone_detach(a.host_if, &e));
	delete_link(a.host_if);
	/* of another kind it is none of ours */
	CHECK_INT(make_link(a.host_if, "bridge", NULL), 0);
	CHECK_INT(net_zone_detach(a.host_if, &e), -1);
	err_clear(&e);
	CHECK_INT(net_zone_attach(&a.plan, &e), -1);
	err_clear(&e);
	CHECK(find(a.host_if, &l));
	delete_link(a.host_if);
	close(a.netns_fd);
	fd_close(&held);
	OK(net_bridge_release(lock_fd, &n, NULL, &e));
}

TEST(half_made_bridge_is_completed)
{
	struct err e = {0};
	struct network n;
	struct link_info l;
	autofd int held = -1;
	get_network(&n, "", "default");
	CHECK_INT(make_link("cella0", "bridge", &n.bridge_mac), 0);
	OK(net_bridge_ensure(lock_fd, &n, &held, &e));
	CHECK(find("cella0", &l) && (l.flags & IFF_UP));
	CHECK_STR(l.alias, "cella network default");
	CHECK_INT(nft_present(&n, &e), 1);
	/* A remover does not disturb a start that has not joined yet. */
	bool removed = true;
	OK(net_bridge_release(lock_fd, &n, &removed, &e));
	CHECK(!removed);
	fd_close(&held);
	/* Ports of others count. */
	CHECK_INT(make_link("foreign0", "veth", NULL), 0);
	struct link_info f;
	CHECK(find("foreign0", &f));
	autobatch struct nl_batch b = {0};
	struct ifinfomsg head = {.ifi_index = (int)f.index};
	nl_batch_add(&b, RTM_SETLINK, 0, &head, sizeof head, "join");
	nl_put_u32(&b, IFLA_MASTER, l.index);
	autofd int fd = nl_open(NETLINK_ROUTE, &e);
	OK(nl_batch_run(fd, &b, NULL, &e));
	OK(net_bridge_release(lock_fd, &n, &removed, &e));
	CHECK(!removed);
	delete_link("foreign0");
	OK(net_bridge_release(lock_fd, &n, &removed, &e));
	CHECK(removed);
}

TEST(errors_carry_the_kernels_words_and_leave_nothing)
{
	struct err e = {0};
	struct network n;
	struct zone a;
	struct link_info l;
	get_network(&n, "", "default");
	zone_init(&a, &n, "a");
	CHECK(addr_parse_ip("192.0.2.1", &a.plan.gateway4)); /* not on the link */
	CHECK_INT(zone_start(&a, &e), -1);
	CHECK_STR(e.step, "network");
	CHECK_STR(e.object, a.host_if);
	CHECK(strstr(e.msg, "default route by 192.0.2.1") && strstr(e.msg, "invalid gateway"));
	CHECK(!find(a.host_if, &l));
	CHECK(!find_in(a.netns_fd, "eth0", &l));
	a.plan.gateway4 = n.gateway4;
	a.plan.mtu = 20; /* below what the kernel allows */
	err_clear(&e);
	CHECK_INT(zone_start(&a, &e), -1);
	CHECK(!find(a.host_if, &l));
	a.plan.mtu = 0;
	a.plan.netns_fd = lock_fd; /* no namespace at all */
	err_clear(&e);
	CHECK_INT(zone_start(&a, &e), -1);
	CHECK(!find(a.host_if, &l));
	OK(net_bridge_release(lock_fd, &n, NULL, &e));
	close(a.netns_fd);
}

/* Each process starts and ends zones as fast as it can; while it has one, the bridge is there. */
static int hammer(int rounds)
{
	struct err e = {0};
	int before = test_failures;
	for (int i = 0; i < rounds; i++) {
		struct network n;
		struct zone z;
		struct link_info l;
		get_network(&n, "", "default");
		zone_init(&z, &n, "z");
		if (zone_start(&z, &e) < 0)
			goto bad;
		if (!find(n.bridge, &l) || !find(z.host_if, &l) || !l.master ||
			nft_present(&n, &e) != 1)
			goto bad;
		close(z.netns_fd);
		if (net_zone_detach(z.host_if, &e) < 0 ||
			net_bridge_release(lock_fd, &n, NULL, &e) < 0 ||
			network_release_address(networks_fd, &n, z.uuid, &z.addr, &e) < 0)
			goto bad;
		continue;
	bad:
		printf("# round %d: %s\n", i, e.msg);
		(void)fflush(stdout);
		return 1;
	}
	return test_failures != before;
}

enum {
	HAMMERS = 10
};
TEST(ten_processes_share_the_bridge)
{
	struct network n;
	struct link_info l;
	struct err e = {0};
	pid_t pids[HAMMERS];
	(void)fflush(stdout);
	for (int i = 0; i < HAMMERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(hammer(5));
	}
	for (int i = 0; i < HAMMERS; i++) {
		int status = -1;
		CHECK(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
	}
	/* The last one took everything away, although dying ports were still there. */
	get_network(&n, "", "default");
	CHECK(!find(n.bridge, &l));
	CHECK_INT(nft_present(&n, &e), 0);
}

TEST(network_mode_none_has_loopback_only)
{
	struct err e = {0};
	struct link_info l;
	struct addr_ip lo;
	autofd int ns = new_netns();
	OK(net_loopback_up(ns, &e));
	CHECK(find_in(ns, "lo", &l) && (l.flags & IFF_UP));
	CHECK(addr_parse_ip("::1", &lo));
	CHECK_STR(seen_by(ns, &lo, ns, 1000), "::1");
}

TEST(router_advertisements_survive_forwarding)
{
	struct err e = {0};
	struct network n;
	char text[8];
	autofd int held = -1;
	autofd int ns = new_netns();
	get_network(&n, "", "default");
	CHECK_INT(setns(ns, CLONE_NEWNET), 0);
	CHECK_INT(make_link("up0", "veth", NULL), 0);
	OK(net_bridge_ensure(lock_fd, &n, &held, &e));
	CHECK(path_read_virtual(
		      AT_FDCWD, "/proc/sys/net/ipv6/conf/up0/accept_ra", text, sizeof text) > 0);
	CHECK_STR(text, "2\n");
	CHECK(path_read_virtual(
		      AT_FDCWD, "/proc/sys/net/ipv6/conf/cella0/accept_ra", text, sizeof text) > 0);
	CHECK_STR(text, "0\n");
	CHECK(path_read_virtual(
		      AT_FDCWD, "/proc/sys/net/ipv6/conf/all/forwarding", text, sizeof text) > 0);
	CHECK_STR(text, "1\n");
	CHECK(path_read_virtual(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", text, sizeof text) > 0);
	CHECK_STR(text, "1\n");
	fd_close(&held);
	OK(net_bridge_release(lock_fd, &n, NULL, &e));
	CHECK_INT(setns(host_fd, CLONE_NEWNET), 0);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

enum {
	SAMPLES = 31
};
TEST(what_it_costs)
{
	struct err e = {0};
	struct network n;
	double load[SAMPLES], claim[SAMPLES], ensure[SAMPLES], attach[SAMPLES], wait[SAMPLES],
		detach[SAMPLES];
	struct zone keep;
	get_network(&n, "", "default");
	zone_init(&keep, &n, "keep");
	double t0 = now_us();
	OK(zone_start(&keep, &e));
	printf("# first start with bridge and table: %.0f us\n", now_us() - t0);
	for (int i = 0; i < SAMPLES; i++) {
		struct zone z;
		autofd int held = -1;
		zone_init(&z, &n, "z");
		double t[7] = {now_us()};
		OK(network_load_or_make(networks_fd, lock_fd, "", "default", &n, &e));
		t[1] = now_us();
		OK(network_claim_address(networks_fd, &n, z.uuid, NULL, NULL, &z.addr, &e));
		t[2] = now_us();
		OK(net_bridge_ensure(lock_fd, &n, &held, &e));
		t[3] = now_us();
		OK(net_zone_attach(&z.plan, &e));
		t[4] = now_us();
		CHECK_INT(net_zone_wait(z.host_if, n.bridge, 5000, &e), 1);
		t[5] = now_us();
		OK(net_zone_detach(z.host_if, &e));
		t[6] = now_us();
		close(z.netns_fd);
		load[i] = t[1] - t[0];
		claim[i] = t[2] - t[1];
		ensure[i] = t[3] - t[2];
		attach[i] = t[4] - t[3];
		wait[i] = t[5] - t[4];
		detach[i] = t[6] - t[5];
	}
	double *all[] = {load, claim, ensure, attach, wait, detach};
	static const char *const names[] = {
		"load", "claim again", "ensure", "attach", "wait", "detach"};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		qsort(all[i], SAMPLES, sizeof(double), by_value);
		printf("# %s: median %.0f us, max %.0f us\n", names[i], all[i][SAMPLES / 2],
			all[i][SAMPLES - 1]);
	}
	OK(net_zone_detach(keep.host_if, &e));
	t0 = now_us();
	OK(net_bridge_release(lock_fd, &n, NULL, &e));
	printf("# release with removal: %.0f us\n", now_us() - t0);
	close(keep.netns_fd);
}

TEST_MAIN()
