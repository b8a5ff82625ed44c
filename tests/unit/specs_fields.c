/* One field at a time: type, range, grammar. */
#include "tests/unit/specs.h"

/* B04: every kind of value where it does not belong; the pointer names the field. */
TEST(types)
{
	static const struct specs_case t[] = {
		{"\"description\": 1", "/description: expected a text, got 1"},
		{"\"description\": null", "/description: expected a text, got null"},
		{"\"template\": \"true\"", "/template: expected true or false, got \"true\""},
		{"\"template\": 1", "/template: expected true or false, got 1"},
		{"\"template\": null", "/template: expected true or false, got null"},
		{"\"labels\": []", "/labels: expected an object, got an array"},
		{"\"labels\": {\"a\": 1}", "/labels/a: expected a text, got 1"},
		{"\"groups\": \"shop\"", "/groups: expected an array, got \"shop\""},
		{"\"groups\": {}", "/groups: expected an array, got an object"},
		{"\"groups\": [1]", "/groups/0: expected a name"},
		{"\"init\": []", "/init: expected an object, got an array"},
		{"\"init\": null", "/init: expected an object, got null"},
		{"\"mounts\": {}", "/mounts: expected an array, got an object"},
		{"\"mounts\": [1]", "/mounts/0: expected an object, got 1"},
		{"\"resources\": {\"pids\": {\"max\": \"10\"}}",
			"/resources/pids/max: expected a whole number"},
		{"\"resources\": {\"pids\": {\"max\": 1.0}}", "got the fraction 1"},
		{"\"resources\": {\"memory\": {\"max\": 1048576.0}}", "got the fraction 1048576"},
		{"\"resources\": {\"memory\": {\"max\": true}}", "got true"},
		{"\"resources\": {\"cpu\": {\"max\": \"1.5\"}}", "expected a number of cores"},
		{"\"init\": {\"stop_timeout\": 60}", "expected a time such as \"60s\", got 60"},
		{"\"init\": {\"stop_timeout\": null}", "got null"},
		{"\"init\": {\"kind\": 1}", "expected one of \"auto\", \"system\", \"app\", got 1"},
		{"\"boot\": {\"order\": \"1\"}", "/boot/order: expected a whole number"},
		{"\"boot\": {\"ready\": {\"by\": 80}}", "/boot/ready/by: expected"},
		{"\"network\": {\"publish\": [{\"host\": \"80\", \"zone\": 80}]}",
			"/network/publish/0/host: expected a port number"},
		{"\"network\": {\"publish\": [{\"host\": 80}]}", "the key \"zone\" is missing"},
		{"\"security\": {\"rlimits\": []}", "expected an object, got an array"},
		{"\"security\": {\"no_new_privs\": 1}", "expected true or false"},
		{"\"hooks\": []", "/hooks: expected an object"},
		{"\"admin\": {}", "/admin: expected an array"},
	};
	SPECS_REFUSED_ALL(t);
}

/* null stands for "not asked for" where that is a possible answer. */
TEST(null)
{
	spec_free(
		SPECS_GOOD("\"root\": {\"path\": null, \"image\": null, \"quota\": null},"
			   "\"hostname\": null, \"arch\": null, \"init\": {\"stop_signal\": null},"
			   "\"resources\": {\"cpu\": {\"max\": null, \"weight\": null, \"cpus\": "
			   "null}, \"memory\": {\"max\": null}},"
			   "\"security\": {\"no_new_privs\": null}"));
}

/* S17 */
TEST(control_characters)
{
	static const char *const fields[] = {"\"description\": \"a%sb\"",
		"\"labels\": {\"a\": \"a%sb\"}", "\"labels\": {\"a%sb\": \"\"}",
		"\"hostname\": \"a%sb\"", "\"arch\": \"a%sb\"", "\"root\": {\"image\": \"a%sb\"}",
		"\"root\": {\"path\": \"/a%sb\"}", "\"root\": {\"backend\": \"a%sb\"}",
		"\"init\": {\"args\": [\"a%sb\"]}", "\"init\": {\"env\": {\"A\": \"a%sb\"}}",
		"\"init\": {\"env\": {\"A%sB\": \"a\"}}", "\"init\": {\"user\": \"a%sb\"}",
		"\"init\": {\"cwd\": \"/a%sb\"}", "\"init\": {\"stop_signal\": \"a%sb\"}",
		"\"init\": {\"stop_timeout\": \"1%ss\"}",
		"\"mounts\": [{\"source\": \"/a%sb\", \"target\": \"/a\"}]",
		"\"mounts\": [{\"source\": \"/a\", \"target\": \"/a%sb\"}]",
		"\"mounts\": [{\"source\": \"/a\", \"target\": \"/a\", \"options\": [\"%s\"]}]",
		"\"devices\": [{\"path\": \"/dev/a%sb\"}]",
		"\"network\": {\"dns\": {\"servers\": [\"1.1.1.1%s\"]}}",
		"\"network\": {\"dns\": {\"search\": [\"a%sb\"]}}",
		"\"network\": {\"interfaces\": [{\"name\": \"a%sb\"}]}",
		"\"network\": {\"interfaces\": [{\"network\": \"a%sb\"}]}",
		"\"network\": {\"interfaces\": [{\"mac\": \"a%sb\"}]}",
		"\"network\": {\"interfaces\": [{\"addresses\": [\"10.0.0.1/24%s\"]}]}",
		"\"network\": {\"interfaces\": [{\"gateway\": [\"10.0.0.1%s\"]}]}",
		"\"resources\": {\"cpu\": {\"cpus\": \"0%s\"}}",
		"\"resources\": {\"memory\": {\"max\": \"1G%s\"}}",
		"\"resources\": {\"unified\": {\"memory.oom.group\": \"1%s\"}}",
		"\"security\": {\"seccomp\": \"/a%sb\"}",
		"\"security\": {\"sysctl\": {\"net.ipv4.ip_forward\": \"1%s\"}}",
		"\"security\": {\"sysctl\": {\"net.ipv4.ip%s_forward\": \"1\"}}",
		"\"boot\": {\"requires\": [\"a%sb\"]}", "\"groups\": [\"a%sb\"]",
		"\"hooks\": {\"created\": [{\"args\": [\"/a%sb\"]}]}",
		"\"admin\": [{\"user\": \"a%sb\", \"may\": [\"login\"]}]",
		"\"annotations\": {\"a\": \"a%sb\"}"};
	static const char *const chars[] = {"\\n", "\\r", "\\t", "\\u0000", "\\u001b", "\\u007f",
		"\\u0085", "\\u009b", "\\u2028", "\\u2029", "\\ufeff", "\\u202e", "\\u2066",
		"\\u200f", "\\u061c", "\xe2\x80\xae"};
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		for (size_t j = 0; j < ARRAY_LEN(chars); j++) {
			char members[200];
			const char *percent = strstr(fields[i], "%s");
			(void)snprintf(members, sizeof members, "%.*s%s%s",
				(int)(percent - fields[i]), fields[i], chars[j], percent + 2);
			SPECS_REFUSED(members, "web.json:1:");
		}
	}
	SPECS_REFUSED("\"init\": {\"env\": {\"A\": \"x\\ny\"}}",
		"/init/env/A: control characters are not allowed in a text, got \"x\\x0ay\"");
}

/* B05, B06 */
TEST(numbers)
{
	SPECS_REFUSED_VALUES("\"resources\": {\"pids\": {\"max\": %s}}",
		"/resources/pids/max: ", "0", "-1", "4194305", "4294967296", "2147483648",
		"9223372036854775807", "\"\"", "\"0\"", "\"Max\"", "1e3", "[]", "{}");
	SPECS_GOOD_VALUES("\"resources\": {\"pids\": {\"max\": %s}}", "1", "4194304", "\"max\"");
	SPECS_REFUSED_VALUES("\"resources\": {\"cpu\": {\"weight\": %s}}",
		"/resources/cpu/weight: ", "0", "10001", "-5", "\"100\"", "\"max\"", "1.5");
	SPECS_GOOD_VALUES("\"resources\": {\"cpu\": {\"weight\": %s}}", "1", "10000");
	SPECS_REFUSED_VALUES("\"resources\": {\"cpu\": {\"max\": %s}}", "/resources/cpu/max: ", "0",
		"0.0", "-1", "1e9", "0.009", "1.0005", "8193", "1e300", "-1e300", "true", "\"1\"");
	SPECS_GOOD_VALUES("\"resources\": {\"cpu\": {\"max\": %s}}", "0.01", "0.5", "1", "1.0",
		"1.005", "64", "8192");
	SPECS_REFUSED_VALUES("\"boot\": {\"order\": %s}", "/boot/order: ", "-1", "10000", "1.5",
		"9223372036854775807");
	SPECS_REFUSED_VALUES("\"network\": {\"publish\": [{\"host\": %s, \"zone\": 1}]}",
		"/network/publish/0/host: ", "0", "65536", "-1", "\"80-79\"", "1.5", "4294967376");
}

TEST(sizes)
{
	SPECS_REFUSED_VALUES("\"resources\": {\"memory\": {\"max\": %s}}",
		"/resources/memory/max: ", "\"1.5G\"", "\"12Q\"", "\"-1M\"",
		"\"18446744073709551615K\"", "\"18446744073709551615\"", "\"18446744073709551614\"",
		"\"9223372036854775808\"", "\"8192P\"", "\"0\"", "\"\"", "\"1 G\"", "\" 1G\"",
		"\"1G \"", "\"1g\"", "\"0x10M\"", "\"010M\"", "\"+5M\"", "\"512\"", "0", "-1",
		"1048575", "\"unlimited\"");
	SPECS_GOOD_VALUES("\"resources\": {\"memory\": {\"max\": %s}}", "\"1M\"", "1048576",
		"\"512M\"", "\"1GiB\"", "\"8191P\"", "\"max\"");
	SPECS_GOOD_VALUES(
		"\"resources\": {\"memory\": {\"swap_max\": %s}}", "\"0\"", "0", "\"max\"");
	SPECS_REFUSED_VALUES("\"console\": {\"log_max\": %s}", "from 4K to 1G", "\"1K\"", "\"2G\"",
		"0", "\"max\"", "null");
	SPECS_REFUSED_VALUES("\"network\": {\"interfaces\": [{\"rate\": {\"in\": %s}}]}",
		"/network/interfaces/0/rate/in: ", "\"100M\"", "100000", "\"0bit\"", "\"-1Mbit\"",
		"\"18446744073709551615Gbit\"", "\"\"");
}

TEST(times)
{
	SPECS_REFUSED_VALUES("\"init\": {\"stop_timeout\": %s}", "/init/stop_timeout: ", "\"60\"",
		"\"-1s\"", "\"1 s\"", "\"999999d\"", "\"\"", "\"s\"", "\"1.5s\"", "\"1S\"", "0");
	SPECS_GOOD_VALUES("\"init\": {\"stop_timeout\": %s}", "\"0s\"", "\"1500ms\"", "\"1h\"");
	SPECS_REFUSED_VALUES("\"boot\": {\"delay\": %s}", "from 0s to 1d", "\"2d\"");
	SPECS_REFUSED_VALUES(
		"\"boot\": {\"ready\": {\"timeout\": %s}}", "of at least 1ms", "\"0s\"");
}

/* B07, B08 */
TEST(names)
{
	SPECS_REFUSED_TEXT("{\"zone_spec\": 1, \"name\": \"\"}", "/name: expected a name");
	SPECS_REFUSED_TEXT("{\"zone_spec\": 1, \"name\": \"..\"}", "[a-z0-9][a-z0-9_.-]{0,62}");
	SPECS_REFUSED_TEXT("{\"zone_spec\": 1, \"name\": \"a\\n\"}", "/name: control characters");
	SPECS_REFUSED_TEXT("{\"zone_spec\": 1, \"name\": null}", "/name: expected");
	SPECS_REFUSED_TEXT("{\"zone_spec\": 1, \"name\": \"\xd0\xb0\"}", "/name: expected a name");
	SPECS_REFUSED_VALUES("\"groups\": [%s]", "/groups/", "\"\"", "\"A\"", "\"a/b\"", "\"-a\"",
		"\"a\", \"a\"");
	SPECS_REFUSED_VALUES("\"hostname\": \"%s\"", "/hostname: ", "", "-a", "A-", "A..b", ".a",
		"a b", "a/b", "\xc3\xa9",
		"a2345678901234567890123456789012345678901234567890123456789012345",
		"a.234567890123456789012345678901234567890123456789012345678901234");
	SPECS_GOOD_VALUES("\"hostname\": \"%s\"", "a", "Web1", "www.example.org", "my_host");
	SPECS_REFUSED_VALUES("\"labels\": {\"%s\": \"\"}", "/labels: ", "", "a b", "a=b", ".a",
		"-a", "/a", "\xc3\xa9");
	autostr struct strbuf many = {0};
	str_add(&many, "\"labels\": {");
	for (unsigned i = 0; i < 1000; i++)
		str_addf(&many, "%s\"l%u\": \"\"", i ? "," : "", i);
	str_add(&many, "}");
	SPECS_REFUSED(many.buf, "/labels: expected at most 256 entries, got 1000");
	SPECS_REFUSED_VALUES("\"arch\": \"%s\"", "/arch: ", "", "x86-64", "X86", "a/b");
	SPECS_REFUSED_VALUES("\"root\": {\"image\": \"%s\"}", "/root/image: ", "", "../x", "a//b",
		"/a", "a b", "-a", "a/../b");
	SPECS_GOOD_VALUES("\"root\": {\"image\": \"%s\"}", "debian-12", "quay.io/a/b:v1.2");
}

/* B09 */
TEST(paths)
{
	SPECS_REFUSED_VALUES("\"init\": {\"cwd\": \"%s\"}", "/init/cwd: expected an absolute path",
		"", "srv", ".", "..", "./a", "//", "/a//b", "/a/", "/a/.", "/a/./b", "/..", "/../a",
		"/a/..");
	SPECS_GOOD_VALUES("\"init\": {\"cwd\": \"%s\"}", "/", "/a", "/a/.b/..c/d", "/\xc3\xa9");
	autofree char *path = malloc(5000);
	for (size_t i = 0; i < 4999; i++)
		path[i] = i % 100 ? 'a' : '/';
	path[4096] = '\0';
	autofree char *longer = str_format("\"init\": {\"cwd\": \"%s\"}", path);
	SPECS_REFUSED(longer, "which is longer than 4095 bytes");
	path[4095] = '\0';
	autofree char *longest = str_format("\"init\": {\"cwd\": \"%s\"}", path);
	spec_free(SPECS_GOOD(longest));
	memset(path + 1, 'a', 256);
	path[257] = '\0';
	autofree char *wide = str_format("\"init\": {\"cwd\": \"%s\"}", path);
	SPECS_REFUSED(wide, "a component longer than 255 bytes");
}

/* B10, B12 */
TEST(mounts)
{
	SPECS_REFUSED_VALUES("\"mounts\": [{\"source\": \"/a\", \"target\": \"%s\"}]",
		"/mounts/0/target: ", "/", "/proc", "/proc/1", "/sys", "/sys/fs/cgroup", "/dev",
		"/dev/shm", "/etc/../proc", "srv", "", "//srv");
	SPECS_GOOD_VALUES("\"mounts\": [{\"source\": \"/a\", \"target\": \"%s\"}]", "/srv",
		"/process", "/dev2", "/srv/proc");
	SPECS_REFUSED_VALUES(
		"\"mounts\": [{\"source\": \"/a\", \"target\": \"/a\", \"options\": [%s]}]",
		"/mounts/0/options", "\"foo\"", "\"ro\", \"rw\"", "\"ro\", \"ro\"",
		"\"exec\", \"noexec\"", "\"\"", "\"RO\"", "\"size=1M\"", "\"ro,rw\"");
	SPECS_REFUSED_VALUES(
		"\"mounts\": [{\"type\": \"tmpfs\", \"target\": \"/a\", \"options\": [%s]}]",
		"/mounts/0/options", "\"size=0\"", "\"size=\"", "\"size=1.5G\"", "\"mode=9\"",
		"\"mode=\"", "\"rbind\"");
	static const struct specs_case t[] = {
		{"\"mounts\": [{\"source\": \"/a\", \"target\": \"/a\"},"
		 "{\"source\": \"/b\", \"target\": \"/a\"}]",
			"/mounts/1/target: is already the target of entry 0"},
		{"\"mounts\": [{\"target\": \"/a\"}]",
			"/mounts/0: a bind mount needs the key \"source\""},
		{"\"mounts\": [{\"source\": \"/a\"}]", "/mounts/0: the key \"target\" is missing"},
		{"\"mounts\": [{\"type\": \"tmpfs\", \"source\": \"/a\", \"target\": \"/a\"}]",
			"a tmpfs has no source"},
		{"\"mounts\": [{\"type\": \"nfs\", \"source\": \"/a\", \"target\": \"/a\"}]",
			"expected \"bind\" or \"tmpfs\""},
	};
	SPECS_REFUSED_ALL(t);
}

/* B19 */
TEST(devices)
{
	SPECS_REFUSED_VALUES("\"devices\": [{\"path\": \"%s\"}]", "/devices/0/path: ", "",
		"dev/fuse", "/dev", "/dev/", "/dev/../etc", "/etc/passwd", "*");
	SPECS_REFUSED_VALUES("\"devices\": [{\"path\": \"/dev/fuse\", \"access\": \"%s\"}]",
		"/devices/0/access: ", "", "x", "rr", "rwmx", "rw ", "*");
	SPECS_REFUSED("\"devices\": [{\"path\": \"/dev/a\"}, {\"path\": \"/dev/a\"}]",
		"/devices/1/path: is already entry 0");
}

/* B13 */
TEST(addresses)
{
	static const struct specs_case bad[] = {
		{"10.0.0.256/24", "got \"10.0.0.256/24\""},
		{"10.0.0.0/24", "is the network's own address"},
		{"10.0.0.255/24", "is the network's broadcast address"},
		{"224.0.0.1/24", "is a multicast address"},
		{"0.0.0.0/0", "prefix length outside 1..32"},
		{"0.0.0.0/8", "is in 0.0.0.0/8"},
		{"127.0.0.1/8", "is a loopback address"},
		{"255.255.255.255/32", "reserved"},
		{"240.0.0.1/24", "reserved"},
		{"10.0.0.5", "has no prefix length"},
		{"10.0.0.5/33", "prefix length outside 1..32"},
		{"10.0.0.5/-1", "got"},
		{"10.0.0.5/024", "got"},
		{"10.0.0.5/ 24", "got"},
		{"10.0.0.5/", "got"},
		{"010.0.0.1/24", "got"},
		{"10.0.1/24", "got"},
		{"0x0a.0.0.1/24", "got"},
		{"10.0.0.5/24/24", "got"},
		{"::/64", "is the unspecified address"},
		{"::1/128", "is the loopback address"},
		{"fe80::1/64", "is link-local"},
		{"fe80::1%eth0/64", "got"},
		{"ff02::1/64", "is a multicast address"},
		{"::ffff:10.0.0.1/96", "IPv4 address in IPv6 form"},
		{"::10.0.0.1/96", "IPv4 address in IPv6 form"},
		{"fd00::5/129", "prefix length outside 1..128"},
		{"fd00::/64", "is the network's own address"},
		{"fd00:::5/64", "got"},
		{"", "has no prefix length"},
		{"AUTO", "has no prefix length"},
		{"host/24", "got"},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		autofree char *members =
			str_format("\"network\": {\"interfaces\": [{\"addresses\": [\"%s\"]}]}",
				bad[i].members);
		SPECS_REFUSED(members, bad[i].want);
		SPECS_REFUSED(members, "/network/interfaces/0/addresses/0: ");
	}
	SPECS_GOOD_VALUES("\"network\": {\"interfaces\": [{\"addresses\": [\"%s\"]}]}", "auto",
		"10.0.0.5/24", "10.0.0.0/31", "10.0.0.0/32", "192.168.0.255/23", "fd00::5/64",
		"2001:db8::/127", "2001:db8::/128");
	SPECS_REFUSED_VALUES("\"network\": {\"interfaces\": [{\"gateway\": [\"%s\"]}]}",
		"/network/interfaces/0/gateway/0: ", "", "10.0.0.1/24", "0.0.0.0", "127.0.0.1",
		"224.0.0.1", "::1", "fe80::1", "10.0.0.01", "gw");
	SPECS_REFUSED_VALUES("\"network\": {\"dns\": {\"servers\": [%s]}}", "/network/dns/servers",
		"\"\"", "\"9.9.9.9/32\"", "\"0.0.0.0\"", "\"224.0.0.1\"", "\"dns.example.org\"",
		"\"1.1.1.1\", \"1.1.1.1\"", "\"1.1.1.1\", \"1.1.1.2\", \"1.1.1.3\", \"1.1.1.4\"");
	SPECS_GOOD_VALUES("\"network\": {\"dns\": {\"servers\": [%s]}}", "\"127.0.0.53\"",
		"\"::1\"", "\"2620:fe::fe\"");
	SPECS_REFUSED_VALUES("\"network\": {\"dns\": {\"search\": [%s]}}", "/network/dns/search",
		"\"\"", "\"a b\"", "\".\"", "\"a..b\"", "\"-a\"");
}

/* B14 */
TEST(interfaces)
{
	SPECS_REFUSED_VALUES("\"network\": {\"interfaces\": [{\"name\": \"%s\"}]}",
		"/network/interfaces/0/name: ", "", "eth0 ", "a234567890123456", "..", ".", "a/b",
		"all", "lo", "default", "%d", "eth%d", "a:b", "0eth", "-a", "\xc3\xa9");
	SPECS_GOOD_VALUES("\"network\": {\"interfaces\": [{\"name\": \"%s\"}]}", "eth0",
		"a23456789012345", "eth0.10");
	SPECS_REFUSED_VALUES("\"network\": {\"interfaces\": [{\"mac\": \"%s\"}]}",
		"/network/interfaces/0/mac: ", "", "01:00:00:00:00:01", "ff:ff:ff:ff:ff:ff",
		"03:00:00:00:00:01", "0B:00:00:00:00:01", "00:00:00:00:00:00", "02:00:00:00:00",
		"02:00:00:00:00:01:02", "02-00-00-00-00-01", "2:0:0:0:0:1", "02:00:00:00:00:0g",
		"020000000001", "AUTO");
	SPECS_GOOD_VALUES("\"network\": {\"interfaces\": [{\"mac\": \"%s\"}]}", "auto",
		"02:00:00:00:00:01", "0A:bc:DE:00:00:01");
}

/* B15 is in numbers() and specs_check.c. */
TEST(protocols)
{
	SPECS_REFUSED_VALUES(
		"\"network\": {\"publish\": [{\"proto\": \"%s\", \"host\": 1, \"zone\": 1}]}",
		"/network/publish/0/proto: ", "", "TCP", "icmp", "6", "tcp/80");
}

/* B17, S28 */
TEST(security)
{
	SPECS_REFUSED_VALUES("\"security\": {\"capabilities\": {\"add\": [%s]}}",
		"/security/capabilities/add", "\"CAP_FOO\"", "\"sys_admin\"", "\"cap_sys_admin\"",
		"\"SYS_ADMIN\"", "\"\"", "\"CAP_41\"", "\"all\"", "\"CAP_KILL\", \"CAP_KILL\"",
		"21");
	SPECS_GOOD_VALUES("\"security\": {\"capabilities\": {\"drop\": [%s]}}", "\"ALL\"",
		"\"CAP_CHOWN\"", "\"CAP_CHECKPOINT_RESTORE\"");
	SPECS_REFUSED_VALUES("\"init\": {\"stop_signal\": \"%s\"}", "/init/stop_signal: ", "",
		"SIGRTMIN+99", "SIGFOO", "sigterm", "0", "-9", "65");
	SPECS_REFUSED_VALUES("\"init\": {\"user\": \"%s\"}", "/init/user: ", "", ":", "-1", "+1",
		" 1", "0x1", "1a", "4294967295", "65536", "0:65536", "4294967294", "1:", "01");
	SPECS_GOOD_VALUES("\"init\": {\"user\": \"%s\"}", "0", "1000:1000", "65535", "www-data",
		"www-data:33");
	SPECS_REFUSED_VALUES("\"security\": {\"rlimits\": %s}", "/security/rlimits", "{\"foo\": 1}",
		"{\"NOFILE\": 1}", "{\"nofile\": -1}", "{\"nofile\": 1.5}", "{\"nofile\": \"1\"}",
		"{\"nofile\": null}", "{\"nofile\": {\"soft\": 1}}", "{\"nofile\": {}}",
		"{\"nofile\": {\"soft\": 1, \"hard\": 2, \"x\": 3}}", "{\"nofile\": [1, 2]}",
		"{\"nofile\": {\"soft\": 2, \"hard\": 1}}",
		"{\"nofile\": {\"soft\": \"unlimited\", \"hard\": 1}}");
	SPECS_REFUSED_VALUES("\"security\": {\"seccomp\": \"%s\"}", "/security/seccomp: ", "",
		"none", "off", "a.json", "/a/../b");
	SPECS_REFUSED_VALUES("\"security\": {\"sysctl\": {\"%s\": \"1\"}}",
		"/security/sysctl: ", "", "kernel.core_pattern",
		"kernel.shm_rmid_forced=1+kernel.core_pattern", "net/../kernel/core_pattern",
		"net.ipv4.conf.eth0/../all", "vm.swappiness", "net..ipv4", "net.", "net", "net.x",
		".net.ipv4", "kernel.hostname", "fs.file-max", "user.max_x", "net.ipv4.*",
		"net.ipv4.a b", "kernel.msgmax.", "KERNEL.msgmax");
	SPECS_REFUSED_VALUES("\"security\": {\"sysctl\": {\"net.ipv4.ip_forward\": \"%s\"}}",
		"/security/sysctl/net.ipv4.ip_forward: ", "", "1+kernel.core_pattern=x", "|/bin/sh",
		"$(x)", "1;2");
	SPECS_GOOD_VALUES("\"security\": {\"sysctl\": {\"%s\": \"1 2\"}}", "net.ipv4.ip_forward",
		"net.ipv4.conf.eth0.rp_filter", "kernel.sem", "fs.mqueue.msg_max");
}

/* B20 */
TEST(resources)
{
	SPECS_REFUSED_VALUES("\"resources\": {\"cpu\": {\"cpus\": \"%s\"}}",
		"/resources/cpu/cpus: ", "", "0-9999", "3-1", "-1", "1-", ",", "1,", ",1", "1,,2",
		"a", "0-3:1/2", "01", "0 1", "8192", "4294967296", "18446744073709551616", "1-2-3");
	SPECS_GOOD_VALUES(
		"\"resources\": {\"cpu\": {\"cpus\": \"%s\"}}", "0", "0-3,5", "8191", "3-3");
	SPECS_REFUSED_VALUES("\"resources\": {\"unified\": {\"%s\": \"1\"}}",
		"/resources/unified: ", "", "memory", "../memory.max", "cgroup.procs",
		"cgroup.subtree_control", "memory..max", "memory.", ".max", "a/b.c");
	SPECS_REFUSED_VALUES("\"resources\": {\"io\": {\"weight\": %s}}",
		"/resources/io/weight: ", "0", "10001");
}

/* B22 */
TEST(programs)
{
	static const struct specs_case t[] = {
		{"\"init\": {\"args\": []}", "/init/args: expected at least one entry"},
		{"\"init\": {\"args\": [\"\"]}", "/init/args/0: the program's name is empty"},
		{"\"init\": {\"args\": null}", "/init/args: expected an array"},
		{"\"init\": {\"env\": {\"\": \"x\"}}", "/init/env: \"\" cannot be a key"},
		{"\"init\": {\"env\": {\"A=B\": \"x\"}}", "/init/env: \"A=B\" cannot be a key"},
		{"\"init\": {\"env\": {\"A B\": \"x\"}}", "cannot be a key"},
		{"\"init\": {\"env\": {\"\xc3\xa9\": \"x\"}}", "cannot be a key"},
		{"\"init\": {\"env\": [\"A=B\"]}", "/init/env: expected an object"},
		{"\"hooks\": {\"created\": [{\"args\": []}]}", "expected at least one entry"},
		{"\"hooks\": {\"created\": [{}]}", "the key \"args\" is missing"},
		{"\"hooks\": {\"created\": [{\"args\": [\"sh\"]}]}",
			"/hooks/created/0/args/0: is not an absolute path"},
		{"\"hooks\": {\"prestart\": []}", "did you mean \"pre_start\"?"},
		{"\"admin\": [{\"user\": \"0\", \"may\": [\"login\"]}]", "/admin/0/user: "},
		{"\"admin\": [{\"user\": \"ana\", \"may\": [\"all\"]}]", "/admin/0/may/0: "},
		{"\"protect\": [\"stop\"]", "/protect/0: expected \"destroy\""},
	};
	SPECS_REFUSED_ALL(t);
	autostr struct strbuf many = {0};
	str_add(&many, "\"init\": {\"args\": [\"/x\"");
	for (unsigned i = 0; i < 100000; i++)
		str_add(&many, ",\"a\"");
	str_add(&many, "]}");
	SPECS_REFUSED(many.buf, "/init/args: expected at most 4096 entries, got 100001");
	autofree char *big = malloc(200001);
	memset(big, 'x', 200000);
	big[200000] = '\0';
	autofree char *arg = str_format("\"init\": {\"args\": [\"%s\"]}", big);
	SPECS_REFUSED(arg, "which is longer than the kernel takes");
	autofree char *env = str_format("\"init\": {\"env\": {\"A\": \"%s\"}}", big);
	SPECS_REFUSED(env, "which is longer than the kernel takes");
}

TEST(words)
{
	SPECS_REFUSED_VALUES("\"boot\": {\"ready\": {\"by\": \"%s\"}}", "/boot/ready/by: ", "",
		"tcp", "tcp:", "tcp:0", "tcp:65536", "tcp:080", "udp:80", "Started");
	SPECS_GOOD_VALUES(
		"\"boot\": {\"ready\": {\"by\": \"%s\"}}", "started", "notify", "exec", "tcp:80");
	SPECS_REFUSED_VALUES("\"clone\": {\"mac\": \"%s\"}",
		"/clone/mac: expected one of \"new\", \"keep\"", "", "old", "New");
	SPECS_REFUSED_VALUES("\"boot\": {\"restart\": %s}", "/boot/restart: ", "\"on_failure\"",
		"false", "\"never\"");
}

TEST_MAIN()
