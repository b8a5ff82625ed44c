/* Networks, claims and texts: everything that needs no privilege and no interface. */
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "netns/network.h"
#include "netns/network_subnet.h"
#include "netns/nft.h"
#include "netns/resolv.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[] = "/tmp/cella-netns-XXXXXX";
static int networks_fd = -1, lock_fd = -1;

__attribute__((constructor)) static void set_up(void)
{
	char path[64];
	struct err e = {0};
	if (!mkdtemp(root))
		_exit(99);
	(void)snprintf(path, sizeof path, "%s/networks", root);
	networks_fd = path_open_private_dir(path, &e);
	(void)snprintf(path, sizeof path, "%s/lock", root);
	lock_fd = path_open_private_dir(path, &e);
	if (networks_fd < 0 || lock_fd < 0)
		_exit(99);
}

__attribute__((destructor)) static void tear_down(void)
{
	struct err e = {0};
	autofd int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (path_remove_tree(tmp, strrchr(root, '/') + 1, &e) < 0)
		printf("# %s stays: %s\n", root, e.msg);
}

static bool same_cidr(const struct addr_cidr *a, const struct addr_cidr *b)
{
	return addr_ip_eq(&a->ip, &b->ip) && a->prefix == b->prefix;
}

/* Member by member: padding is nobody's. */
static bool same_network(const struct network *a, const struct network *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->store_id, b->store_id) == 0 &&
	       strcmp(a->bridge, b->bridge) == 0 && same_cidr(&a->subnet4, &b->subnet4) &&
	       same_cidr(&a->subnet6, &b->subnet6) && addr_ip_eq(&a->gateway4, &b->gateway4) &&
	       addr_ip_eq(&a->gateway6, &b->gateway6) && a->mtu == b->mtu && a->nat == b->nat &&
	       memcmp(&a->bridge_mac, &b->bridge_mac, sizeof a->bridge_mac) == 0;
}

static bool same_addr(const struct network_addr *a, const struct network_addr *b)
{
	return same_cidr(&a->v4, &b->v4) && same_cidr(&a->v6, &b->v6) &&
	       memcmp(&a->mac, &b->mac, sizeof a->mac) == 0;
}

/* A network as data, for what does not need its file. */
static struct network sample(void)
{
	struct network n = {.name = "sample", .bridge = "cella0", .mtu = 1500, .nat = true};
	CHECK(addr_parse_cidr("10.207.0.0/29", &n.subnet4));
	CHECK(addr_parse_cidr("fd00:1:2:3::/64", &n.subnet6));
	n.gateway4 = addr_host(&n.subnet4, 1);
	n.gateway6 = addr_host(&n.subnet6, 1);
	return n;
}

TEST(made_once_and_found_again)
{
	struct err e = {0};
	struct network a = {0}, b = {0};
	CHECK_INT(network_load(networks_fd, "", "default", &a, &e), -1);
	CHECK_INT(e.cls, ERR_NOT_FOUND);
	err_clear(&e);
	CHECK_INT(network_load_or_make(networks_fd, lock_fd, "", "default", &a, &e), 0);
	CHECK_STR(e.msg, "");
	CHECK_STR(a.bridge, "cella0");
	CHECK_INT(a.subnet4.prefix, 20);
	CHECK_INT(a.nat, true);
	if (a.subnet6.ip.family) {
		CHECK_INT(a.subnet6.ip.bytes[0], 0xfd);
		CHECK_INT(a.subnet6.prefix, 64);
	}
	CHECK_INT(network_load_or_make(networks_fd, lock_fd, "", "default", &b, &e), 0);
	CHECK(same_network(&a, &b));
	memset(&b, 0, sizeof b);
	CHECK_INT(network_load(networks_fd, "", "default", &b, &e), 0);
	CHECK(same_network(&a, &b));
	struct stat st;
	CHECK(fstatat(networks_fd, "default.json", &st, 0) == 0 && (st.st_mode & 07777) == 0600);
}

static int other_store(const char *name, const char *id, struct network *ret, struct err *e)
{
	char path[80];
	(void)snprintf(path, sizeof path, "%s/%s", root, name);
	autofd int fd = path_open_private_dir(path, e);
	return fd < 0 ? -1 : network_load_or_make(fd, lock_fd, id, "default", ret, e);
}

TEST(two_stores_share_nothing)
{
	struct err e = {0};
	struct network a, b;
	CHECK_INT(network_load_or_make(networks_fd, lock_fd, "", "default", &a, &e), 0);
	CHECK_INT(other_store("other", "0123abcd", &b, &e), 0);
	CHECK_STR(b.bridge, "cb-0123abcd");
	CHECK(!addr_overlaps(&a.subnet4, &b.subnet4));
	CHECK(memcmp(&a.bridge_mac, &b.bridge_mac, sizeof a.bridge_mac) != 0);
	CHECK_INT(other_store("bad", "XYZ", &b, &e), -1);
	CHECK_INT(e.cls, ERR_USAGE);
}

TEST(a_copied_store_is_refused_until_the_first_is_gone)
{
	struct err e = {0};
	struct network a, b;
	char from[80], to[80];
	CHECK_INT(other_store("first", "11111111", &a, &e), 0);
	(void)snprintf(to, sizeof to, "%s/copy", root);
	CHECK_INT(mkdir(to, 0700), 0);
	(void)snprintf(from, sizeof from, "%s/first/default.json", root);
	(void)snprintf(to, sizeof to, "%s/copy/default.json", root);
	CHECK_INT(link(from, to), 0);
	CHECK_INT(other_store("copy", "11111111", &b, &e), -1);
	CHECK_INT(e.cls, ERR_BUSY);
	CHECK(strstr(e.msg, from) != NULL);
	err_clear(&e);
	CHECK_INT(unlink(from), 0);
	CHECK_INT(other_store("copy", "11111111", &b, &e), 0);
	CHECK(addr_ip_eq(&a.subnet4.ip, &b.subnet4.ip));
}

TEST(claim_is_renewed_after_a_reboot)
{
	struct err e = {0};
	struct network a, b;
	char name[64], ip[ADDR_IP_SIZE];
	CHECK_INT(network_load_or_make(networks_fd, lock_fd, "", "default", &a, &e), 0);
	(void)snprintf(name, sizeof name, "net-%s", addr_print_ip(ip, &a.subnet4.ip));
	CHECK_INT(unlinkat(lock_fd, name, 0), 0);
	CHECK_INT(network_load_or_make(networks_fd, lock_fd, "", "default", &b, &e), 0);
	CHECK_INT(faccessat(lock_fd, name, F_OK, 0), 0);
	CHECK(same_network(&a, &b));
}

static void check_corrupt(const char *text, const char *want)
{
	struct err e = {0};
	struct network n;
	CHECK_INT(path_write_volatile(networks_fd, "bad.json", text, strlen(text), 0600, &e), 0);
	CHECK_INT(network_load_or_make(networks_fd, lock_fd, "", "bad", &n, &e), -1);
	CHECK_INT(e.cls, ERR_HOST);
	CHECK_STR(e.object, "networks/bad.json");
	if (!strstr(e.msg, want)) {
		CHECK_STR(e.msg, want);
	}
}

#define HEAD "{\"network\": 1, \"name\": \"bad\", \"bridge\": \"cella0\", "
#define TAIL ", \"mtu\": 1500, \"nat\": true}"
TEST(a_corrupt_file_is_named)
{
	check_corrupt("", "networks/bad.json: line 1");
	check_corrupt("{\"network\": 1,", "networks/bad.json: line 1");
	check_corrupt("[]", "not a JSON object");
	check_corrupt("{\"network\": 1}", "/name: missing");
	check_corrupt(HEAD "\"ipv4\": \"10.207.0.0/20\", \"ipv6\": null, \"x\": 1" TAIL,
		"/x: unknown key");
	check_corrupt(HEAD "\"ipv4\": \"10.207.0.1/20\", \"ipv6\": null" TAIL, "/ipv4: expected");
	check_corrupt(HEAD "\"ipv4\": \"0.0.0.0/0\", \"ipv6\": null" TAIL, "/ipv4: expected");
	check_corrupt(HEAD "\"ipv4\": \"127.0.0.0/8\", \"ipv6\": null" TAIL, "/ipv4: expected");
	check_corrupt(HEAD "\"ipv4\": 7, \"ipv6\": null" TAIL, "/ipv4: expected");
	check_corrupt(HEAD "\"ipv4\": \"10.207.0.0/20\", \"ipv6\": \"fe80::/64\"" TAIL,
		"/ipv6: expected");
	check_corrupt(HEAD "\"ipv4\": \"10.207.0.0/20\", \"ipv6\": \"fd00::/48\"" TAIL,
		"/ipv6: expected");
	check_corrupt("{\"network\": 1, \"name\": \"bad\", \"bridge\": \"x\\\" y\", "
		      "\"ipv4\": \"10.207.0.0/20\", \"ipv6\": null" TAIL,
		"/bridge: expected");
	CHECK_INT(unlinkat(networks_fd, "bad.json", 0), 0);
}

TEST(network_names)
{
	static const char *const bad[] = {"", "../x", "a/b", ".x", "A", "a b",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	struct network n;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct err e = {0};
		CHECK_INT(network_load_or_make(networks_fd, lock_fd, "", bad[i], &n, &e), -1);
		CHECK_INT(e.cls, ERR_USAGE);
	}
}

TEST(candidates_are_distinct_private_subnets)
{
	char text[ADDR_CIDR_SIZE];
	struct addr_cidr first = network_candidate(0), ten, twelve, sixteen;
	CHECK_STR(addr_print_cidr(text, &first), "10.207.0.0/20");
	CHECK(addr_parse_cidr("10.0.0.0/8", &ten) && addr_parse_cidr("172.16.0.0/12", &twelve) &&
		addr_parse_cidr("192.168.0.0/16", &sixteen));
	for (unsigned i = 0; i < NETWORK_CANDIDATES; i++) {
		struct addr_cidr a = network_candidate(i);
		CHECK(addr_contains(&ten, &a.ip) || addr_contains(&twelve, &a.ip) ||
			addr_contains(&sixteen, &a.ip));
		struct addr_ip base = addr_mask(&a, false);
		CHECK(addr_ip_eq(&base, &a.ip));
		for (unsigned j = 0; j < i; j++) {
			struct addr_cidr b = network_candidate(j);
			CHECK(!addr_overlaps(&a, &b));
		}
	}
}

#define UUID_A "aaaaaaaa-0000-4000-8000-000000000001"
#define UUID_B "bbbbbbbb-0000-4000-8000-000000000002"

static int claim(const struct network *n, const char *uuid, const char *w4, const char *w6,
	struct network_addr *ret, struct err *e)
{
	err_clear(e);
	return network_claim_address(networks_fd, n, uuid, w4, w6, ret, e);
}

TEST(addresses_are_stable_and_unique)
{
	struct err e = {0};
	struct network n = sample(); /* a /29: five addresses for zones */
	struct network_addr a, again, b;
	char text[ADDR_CIDR_SIZE], text6[ADDR_CIDR_SIZE];
	CHECK_INT(claim(&n, UUID_A, "auto", "auto", &a, &e), 0);
	CHECK_INT(claim(&n, UUID_A, NULL, NULL, &again, &e), 0);
	CHECK(same_addr(&a, &again));
	CHECK_INT(claim(&n, UUID_A, addr_print_cidr(text, &a.v4), addr_print_cidr(text6, &a.v6),
			  &again, &e),
		0);
	CHECK(same_addr(&a, &again));
	CHECK_INT(
		a.v6.ip.bytes[15], a.v4.ip.bytes[3]); /* base .0: the host part is the last byte */
	CHECK_INT(a.mac.bytes[0], 2);
	CHECK_INT(a.mac.bytes[5], a.v4.ip.bytes[3]);

	CHECK_INT(claim(&n, UUID_B, text, NULL, &b, &e), -1);
	CHECK_INT(e.cls, ERR_BUSY);
	CHECK(strstr(e.msg, UUID_A) != NULL);
	CHECK_STR(e.object, text);
	CHECK_INT(claim(&n, UUID_B, NULL, NULL, &b, &e), 0);
	CHECK(!addr_ip_eq(&a.v4.ip, &b.v4.ip));

	/* Not B's to give back. */
	CHECK_INT(network_release_address(networks_fd, &n, UUID_B, &a, &e), 0);
	CHECK_INT(claim(&n, UUID_B, text, NULL, &again, &e), -1);
	CHECK_INT(network_release_address(networks_fd, &n, UUID_A, &a, &e), 0);
	CHECK_INT(claim(&n, UUID_B, text, NULL, &again, &e), 0);
	CHECK_INT(network_release_address(networks_fd, &n, UUID_B, &again, &e), 0);
	CHECK_INT(network_release_address(networks_fd, &n, UUID_B, &b, &e), 0);
}

TEST(a_full_network_says_so)
{
	struct err e = {0};
	struct network n = sample();
	struct network_addr a[6];
	for (int i = 0; i < 5; i++) {
		char uuid[40];
		(void)snprintf(uuid, sizeof uuid, "cccccccc-%d", i);
		CHECK_INT(claim(&n, uuid, NULL, NULL, &a[i], &e), 0);
		for (int j = 0; j < i; j++)
			CHECK(!addr_ip_eq(&a[i].v4.ip, &a[j].v4.ip));
	}
	CHECK_INT(claim(&n, UUID_A, NULL, NULL, &a[5], &e), -1);
	CHECK_INT(e.cls, ERR_HOST);
	CHECK(strstr(e.msg, "full") && strstr(e.msg, "10.207.0.0/29"));
}

static bool know_none(const char *uuid, void *arg)
{
	(void)arg;
	return uuid[0] != 'c';
}

TEST(sweep_gives_back_what_lost_zones_held)
{
	struct err e = {0};
	struct network n = sample();
	CHECK_INT(network_sweep_addresses(networks_fd, &n, know_none, NULL, &e), 5);
	CHECK_INT(network_sweep_addresses(networks_fd, &n, know_none, NULL, &e), 0);
}

TEST(wishes_are_checked)
{
	static const struct {
		const char *v4, *v6, *msg;
	} bad[] = {
		{"10.207.0.9/29", NULL, "is not in the network"},
		{"10.207.0.3/24", NULL, "has another prefix length"},
		{"10.207.0.1/29", NULL, "is the network's gateway"},
		{"10.207.0.0/29", NULL, "is the address of the network itself"},
		{"10.207.0.7/29", NULL, "is the broadcast address"},
		{"10.207.0.3", NULL, "not of the form"},
		{"fd00:1:2:3::5/64", NULL, "is not in the network"},
		{"10.207.0.3/29", "fd00:1:2:3::4/64", "same end of its IPv4 address"},
		{"10.207.0.3/29", "fd00:1:2:4::33/64", "is not in the network"},
		{"10.207.0.3/29", "fd00:1:2:3::1/64", "is the network's gateway"},
		{"10.207.0.3/29\n", NULL, "not of the form"},
	};
	struct network n = sample();
	struct network_addr a;
	struct err e = {0};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		CHECK_INT(claim(&n, UUID_A, bad[i].v4, bad[i].v6, &a, &e), -1);
		CHECK_INT(e.cls, ERR_USAGE);
		if (!strstr(e.msg, bad[i].msg))
			CHECK_STR(e.msg, bad[i].msg);
	}
	/* Nothing stays claimed after a failure, and one's own place is allowed. */
	CHECK_INT(claim(&n, UUID_B, "10.207.0.3/29", "fd00:1:2:3::3/64", &a, &e), 0);
	CHECK_INT(network_release_address(networks_fd, &n, UUID_B, &a, &e), 0);
	CHECK_INT(claim(&n, UUID_A, "10.207.0.3/29", "fd00:1:2:3:1::3/64", &a, &e), 0);
	struct network_addr b;
	CHECK_INT(claim(&n, UUID_B, NULL, "fd00:1:2:3:1::3/64", &b, &e), -1);
	CHECK_INT(e.cls, ERR_BUSY);
	CHECK_INT(network_release_address(networks_fd, &n, UUID_A, &a, &e), 0);
	n.subnet6.ip.family = 0;
	CHECK_INT(claim(&n, UUID_A, NULL, "fd00:1:2:3::3/64", &a, &e), -1);
	CHECK(strstr(e.msg, "has no IPv6") != NULL);
	CHECK_INT(claim(&n, UUID_A, NULL, NULL, &a, &e), 0);
	CHECK_INT(a.v6.ip.family, 0);
	CHECK_INT(network_release_address(networks_fd, &n, UUID_A, &a, &e), 0);
}

enum {
	CLAIMERS = 50
};
TEST(fifty_processes_get_fifty_addresses)
{
	struct network n = sample();
	struct err e = {0};
	struct network_addr got[CLAIMERS];
	pid_t pids[CLAIMERS];
	int pipes[2], seen[64] = {0};
	CHECK(addr_parse_cidr("10.207.0.0/26", &n.subnet4)); /* 61 addresses: they do collide */
	CHECK_INT(pipe2(pipes, O_CLOEXEC), 0);
	for (int i = 0; i < CLAIMERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			char uuid[40];
			struct network_addr a;
			(void)snprintf(uuid, sizeof uuid, "dddddddd-%d", i);
			int r = network_claim_address(networks_fd, &n, uuid, NULL, NULL, &a, &e);
			r |= fd_write_all(pipes[1], &a, sizeof a);
			_exit(r ? 1 : 0);
		}
	}
	close(pipes[1]);
	for (int i = 0; i < CLAIMERS; i++) {
		int status = -1;
		CHECK(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
	}
	CHECK_INT(fd_read_all(pipes[0], got, sizeof got), sizeof got);
	close(pipes[0]);
	for (int i = 0; i < CLAIMERS; i++)
		CHECK_INT(seen[got[i].v4.ip.bytes[3] & 63]++, 0);
	CHECK_INT(seen[0] + seen[1] + seen[63], 0);
}

enum {
	MAKERS = 10
};
TEST(ten_processes_make_one_network)
{
	struct network n[MAKERS];
	pid_t pids[MAKERS];
	int pipes[2];
	CHECK_INT(pipe2(pipes, O_CLOEXEC), 0);
	for (int i = 0; i < MAKERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct err e = {0};
			int r = network_load_or_make(networks_fd, lock_fd, "", "lan", &n[0], &e);
			r |= fd_write_all(pipes[1], &n[0], sizeof n[0]);
			_exit(r ? 1 : 0);
		}
	}
	close(pipes[1]);
	CHECK_INT(fd_read_all(pipes[0], n, sizeof n), sizeof n);
	close(pipes[0]);
	for (int i = 0; i < MAKERS; i++) {
		int status = -1;
		CHECK(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
		CHECK(same_network(&n[i], &n[0]));
	}
}

TEST(delete_leaves_nothing)
{
	struct err e = {0};
	struct network n;
	struct network_addr a;
	char name[64], ip[ADDR_IP_SIZE];
	CHECK_INT(network_load_or_make(networks_fd, lock_fd, "", "lan", &n, &e), 0);
	CHECK_INT(claim(&n, UUID_A, NULL, NULL, &a, &e), 0);
	CHECK_INT(network_delete(networks_fd, lock_fd, &n, &e), 0);
	(void)snprintf(name, sizeof name, "net-%s", addr_print_ip(ip, &n.subnet4.ip));
	CHECK(faccessat(lock_fd, name, F_OK, 0) < 0);
	CHECK(faccessat(networks_fd, "lan.json", F_OK, 0) < 0);
	CHECK(faccessat(networks_fd, "lan.addrs", F_OK, 0) < 0);
	CHECK_INT(network_delete(networks_fd, lock_fd, &n, &e), 0);
}

TEST(host_interface_names)
{
	char a[IFNAMSIZ], b[IFNAMSIZ];
	CHECK_INT(strlen(network_host_if(a, "", UUID_A, 0)), 14);
	CHECK(strncmp(a, "cvaaaaaaaa", 10) == 0);
	CHECK(addr_why_ifname_unusable(a) == NULL);
	CHECK(strcmp(a, network_host_if(b, "", UUID_A, 1)) != 0);
	CHECK(strcmp(a, network_host_if(b, "0123abcd", UUID_A, 0)) != 0);
	CHECK_STR(a, network_host_if(b, "", UUID_A, 0));
}

TEST(firewall_rules)
{
	struct err e = {0};
	struct network n = sample();
	char table[NFT_TABLE_SIZE];
	CHECK_STR(nft_table_name(table, &n), "cella");
	autofree char *rules = nft_rules(&n, false, &e);
	CHECK(rules && strstr(rules, "ip saddr 10.207.0.0/29 ip daddr != 10.207.0.0/29 "
				     "oifname != \"cella0\" masquerade"));
	CHECK(rules && strstr(rules, "ip6 saddr fd00:1:2:3::/64"));
	n.nat = false;
	(void)snprintf(n.bridge, sizeof n.bridge, "cb-0123abcd");
	autofree char *plain = nft_rules(&n, true, &e);
	CHECK(rules && strncmp(rules, "table inet cella {", 18) == 0);
	CHECK(plain && strncmp(plain, "delete table inet cella_0123abcd\n", 33) == 0);
	CHECK(plain && !strstr(plain, "masquerade") &&
		strstr(plain, "iifname \"cb-0123abcd\" accept"));
	CHECK_STR(nft_table_name(table, &n), "cella_0123abcd");
	(void)snprintf(n.bridge, sizeof n.bridge, "br-x.7");
	CHECK_STR(nft_table_name(table, &n), "cella_br_x_7");
}

static const char *parsed(const char *text)
{
	static char *out;
	struct resolv r;
	struct err e = {0};
	free(out);
	resolv_parse(text, strlen(text), &r);
	out = resolv_text_host(&r, &e);
	return out ? out : "no memory";
}

TEST(resolv_conf)
{
	struct resolv r;
	CHECK_STR(parsed(""), "");
	CHECK_STR(parsed("nameserver 10.1.2.3"), "nameserver 10.1.2.3\n");
	CHECK_STR(
		parsed("# comment\n; more\nsearch a.example  b.example\r\n\tnameserver\t10.1.2.3 \n"
		       "nameserver 2001:DB8::1\noptions edns0\n"),
		"nameserver 10.1.2.3\nnameserver 2001:db8::1\nsearch a.example b.example\n");
	CHECK_STR(parsed("nameserver 127.0.0.53\nnameserver 10.0.0.1\n"), "nameserver 10.0.0.1\n");
	CHECK_STR(
		parsed("nameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\nnameserver 1.1.1.4\n"),
		"nameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\n");
	CHECK_STR(
		parsed("nameserver fe80::1%eth0\nnameserver example\nnameserver 010.0.0.1\n"), "");
	CHECK_STR(parsed("search ok.example bad\033name\ndomain last.example\n"),
		"search last.example\n");
	CHECK_STR(parsed("search .\n"), "");
	static const char only[] = "nameserver 127.0.0.53\nnameserver ::1\nnameserver 0.0.0.0\n";
	resolv_parse(only, sizeof only - 1, &r);
	CHECK_INT(r.n_servers, 0);
	CHECK(r.has_local_only);
	resolv_parse("nameserver 10.0.0.1\0nameserver 10.0.0.2\n", 40, &r);
	CHECK_INT(r.n_servers, 0);
	CHECK(!r.has_local_only);
}

TEST(resolv_text_of_a_spec)
{
	static const char *const servers[] = {"10.0.0.1", "fd00::1"}, *const search[] = {"a", "b"};
	struct err e = {0};
	autofree char *text = resolv_text(servers, 2, search, 2, &e);
	CHECK_STR(text, "nameserver 10.0.0.1\nnameserver fd00::1\nsearch a b\n");
	autofree char *none = resolv_text(NULL, 0, NULL, 0, &e);
	CHECK_STR(none, "");
}

TEST_MAIN()
