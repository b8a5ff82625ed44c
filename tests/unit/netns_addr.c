#include "netns/addr.h"
#include "tests/unit/test.h"

static const char *round_trip(const char *text)
{
	static char out[ADDR_CIDR_SIZE];
	struct addr_cidr c;
	return addr_parse_cidr(text, &c) ? addr_print_cidr(out, &c) : "refused";
}

TEST(cidr_accepts_and_prints_canonically)
{
	CHECK_STR(round_trip("10.0.0.5/24"), "10.0.0.5/24");
	CHECK_STR(round_trip("0.0.0.0/0"), "0.0.0.0/0");
	CHECK_STR(round_trip("255.255.255.255/32"), "255.255.255.255/32");
	CHECK_STR(round_trip("FD00:0:0::0005/64"), "fd00::5/64");
	CHECK_STR(round_trip("2001:db8:0:0:1:0:0:1/128"), "2001:db8::1:0:0:1/128");
}

TEST(cidr_refuses)
{
	static const char *const bad[] = {"", "/", "10.0.0.1", "10.0.0.1/", "10.0.0.1/33",
		"10.0.0.256/24", "010.0.0.1/24", "10.0.0.01/24", "10.0.0/24", "10.0.0.1.2/24",
		"10.0.0.1/024", "10.0.0.1/+4", "10.0.0.1/ 4", " 10.0.0.1/24", "10.0.0.1/24 ",
		"10.0.0.1/2 4", "10.0.0.1/-1", "0x0a.0.0.1/8", "10.1/8", "fd00::5/129",
		"fd00::5%eth0/64", "fd00:::5/64", "fd00::g/64", "::1/64/64", "1:2:3:4:5:6:7:8:9/64",
		"auto", "10.0.0.1/8\n", "10.0.0.1/99999999999999999999",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc/64"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		CHECK_STR(round_trip(bad[i]), "refused");
		if (strcmp(round_trip(bad[i]), "refused") != 0)
			printf("# '%s'\n", bad[i]);
	}
}

static const char *why(const char *text)
{
	struct addr_cidr c;
	if (!addr_parse_cidr(text, &c))
		return "refused";
	const char *w = addr_why_unusable(&c);
	return w ? w : "good";
}

TEST(what_an_interface_cannot_carry)
{
	CHECK_STR(why("10.0.0.5/24"), "good");
	CHECK_STR(why("fd00::5/64"), "good");
	CHECK_STR(why("10.0.0.0/31"), "good");
	CHECK_STR(why("10.0.0.255/32"), "good");
	CHECK_STR(why("fd00::/128"), "good");
	CHECK_STR(why("10.0.1.0/20"), "good"); /* no network address under /20 */
	CHECK_STR(why("10.0.0.0/24"), "is the address of the network itself");
	CHECK_STR(why("10.0.15.255/20"), "is the broadcast address of the network");
	CHECK_STR(why("10.0.0.5/0"), "has the prefix length 0");
	CHECK_STR(why("0.0.0.0/8"), "is an unspecified address");
	CHECK_STR(why("127.1.2.3/8"), "is a loopback address");
	CHECK_STR(why("169.254.1.1/16"), "is a link-local address");
	CHECK_STR(why("224.0.0.1/24"), "is a multicast address");
	CHECK_STR(why("255.255.255.255/24"), "is a reserved or broadcast address");
	CHECK_STR(why("::/64"), "is the unspecified address");
	CHECK_STR(why("::1/128"), "is the loopback address");
	CHECK_STR(why("fe80::1/64"), "is a link-local address");
	CHECK_STR(why("febf::1/64"), "is a link-local address");
	CHECK_STR(why("ff02::1/64"), "is a multicast address");
	CHECK_STR(why("::ffff:10.0.0.1/96"), "is an IPv4 address in IPv6 form");
	CHECK_STR(why("fd00::/64"), "is the address of the network itself");
}

TEST(mac)
{
	static const char *const bad[] = {"", "aa:bb:cc:dd:ee", "aa:bb:cc:dd:ee:ff:00",
		"aabbccddeeff", "a:bb:cc:dd:ee:fff", "aa-bb-cc-dd-ee-ff", "gg:bb:cc:dd:ee:ff",
		" aa:bb:cc:dd:ee:f", "aa:bb:cc:dd:ee:ff "};
	char out[ADDR_MAC_SIZE];
	struct addr_mac m;
	CHECK(addr_parse_mac("02:Ab:cD:00:9f:ff", &m));
	CHECK_STR(addr_print_mac(out, &m), "02:ab:cd:00:9f:ff");
	CHECK(addr_why_mac_unusable(&m) == NULL);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK(!addr_parse_mac(bad[i], &m));
	CHECK(addr_parse_mac("01:00:5e:00:00:01", &m));
	CHECK_STR(addr_why_mac_unusable(&m), "is a multicast address");
	CHECK(addr_parse_mac("ff:ff:ff:ff:ff:ff", &m));
	CHECK_STR(addr_why_mac_unusable(&m), "is a multicast address");
	CHECK(addr_parse_mac("00:00:00:00:00:00", &m));
	CHECK_STR(addr_why_mac_unusable(&m), "is all zero");
}

TEST(interface_names)
{
	static const char *const good[] = {"eth0", "a", "lan-0", "vlan.10", "ABC_def.123-45"};
	static const char *const bad[] = {"", "eth0 ", "sixteen-letters-", "..", ".", "a/b", "all",
		"lo", "default", "%d", "eth%d", "a:b", "-x", "\xc3\xa4", "a\nb", "\"x"};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		CHECK(addr_why_ifname_unusable(good[i]) == NULL);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK(addr_why_ifname_unusable(bad[i]) != NULL);
}

static struct addr_cidr cidr(const char *text)
{
	struct addr_cidr c = {0};
	CHECK(addr_parse_cidr(text, &c));
	return c;
}

TEST(arithmetic)
{
	char out[ADDR_IP_SIZE];
	struct addr_cidr net = cidr("10.207.16.0/20"), net6 = cidr("fd00:1:2:3::/64");
	struct addr_ip ip = addr_host(&net, 0x305);
	CHECK_STR(addr_print_ip(out, &ip), "10.207.19.5");
	CHECK_INT(addr_host_part(&net, &ip), 0x305);
	ip = addr_host(&net6, 0x10305);
	CHECK_STR(addr_print_ip(out, &ip), "fd00:1:2:3::1:305");
	CHECK_INT(addr_host_part(&net6, &ip), 0x10305);
	ip = addr_mask(&net, true);
	CHECK_STR(addr_print_ip(out, &ip), "10.207.31.255");
	struct addr_cidr odd = cidr("10.207.31.77/20");
	ip = addr_mask(&odd, false);
	CHECK_STR(addr_print_ip(out, &ip), "10.207.16.0");
	CHECK(addr_contains(&net, &odd.ip));
	CHECK(!addr_contains(&net6, &odd.ip));
	odd = cidr("10.207.32.0/20");
	CHECK(!addr_contains(&net, &odd.ip));
	struct addr_cidr wide = cidr("10.192.0.0/10"), narrow = cidr("10.207.20.0/32");
	CHECK(addr_overlaps(&net, &wide) && addr_overlaps(&wide, &net));
	CHECK(addr_overlaps(&net, &narrow) && addr_overlaps(&narrow, &net));
	CHECK(!addr_overlaps(&net, &odd));
	struct addr_cidr all = cidr("0.0.0.0/0");
	CHECK(addr_overlaps(&net, &all));
}

TEST_MAIN()
