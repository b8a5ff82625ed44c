/* Rules across fields, and what this version refuses. */
#include "specs/schema.h"
#include "tests/unit/specs.h"

#include <sys/utsname.h>

TEST(combinations)
{
	static const struct specs_case t[] = {
		{"\"root\": {\"image\": \"a\", \"path\": \"/a\"}",
			"/root/path: cannot be given together"},
		{"\"root\": {\"backend\": \"dir\"}", "/root/backend: \"dir\" needs root.path"},
		{"\"root\": {\"backend\": \"volume\"}",
			"/root/backend: \"volume\" needs root.quota"},
		{"\"network\": {\"mode\": \"host\", \"interfaces\": [{}]}",
			"/network/interfaces: a zone with network.mode \"host\" has no interfaces"},
		{"\"network\": {\"mode\": \"none\", \"interfaces\": [{}]}",
			"/network/interfaces: a zone with network.mode \"none\" has no interfaces"},
		{"\"network\": {\"mode\": \"host\", \"publish\": [{\"host\": 80, \"zone\": 80}]}",
			"/network/publish: nothing can be published"},
		{"\"network\": {\"interfaces\": [], \"publish\": [{\"host\": 80, \"zone\": 80}]}",
			"/network/publish: the zone has no interface"},
		{"\"network\": {\"publish\": [{\"host\": 80, \"zone\": 80},"
		 "{\"host\": 81, \"zone\": 80}, {\"host\": 80, \"zone\": 81}]}",
			"/network/publish/2/host: host port 80/tcp is already published by entry 0"},
		{"\"network\": {\"interfaces\": [{}, {}]}",
			"/network/interfaces/1/name: \"eth0\" is already the name of entry 0"},
		{"\"network\": {\"interfaces\": [{\"mac\": \"02:00:00:00:00:aa\"},"
		 "{\"name\": \"eth1\", \"mac\": \"02:00:00:00:00:AA\"}]}",
			"/network/interfaces/1/mac: 02:00:00:00:00:aa is already the address of entry 0"},
		{"\"network\": {\"interfaces\": [{\"addresses\": [\"auto\", \"10.0.0.5/24\"]}]}",
			"/network/interfaces/0/addresses/0: \"auto\" must stand alone"},
		{"\"network\": {\"interfaces\": [{\"gateway\": [\"10.0.0.1\", \"auto\"]}]}",
			"/network/interfaces/0/gateway/1: \"auto\" must stand alone"},
		{"\"network\": {\"interfaces\": [{\"addresses\": [\"10.0.0.5/24\", \"10.0.0.5/16\"]}]}",
			"/network/interfaces/0/addresses/1: is given a second time"},
		{"\"network\": {\"interfaces\": [{\"addresses\": [\"fd00::5/64\"]},"
		 "{\"name\": \"eth1\", \"addresses\": [\"fd00:0::0:5/64\"]}]}",
			"/network/interfaces/1/addresses/0: is given a second time"},
		{"\"network\": {\"interfaces\": [{\"addresses\": [\"10.0.0.5/24\"],"
		 "\"gateway\": [\"10.0.1.1\"]}]}",
			"/network/interfaces/0/gateway/0: is in the network of none"},
		{"\"network\": {\"interfaces\": [{\"addresses\": [\"10.0.0.5/24\"],"
		 "\"gateway\": [\"fd00::1\"]}]}",
			"/network/interfaces/0/gateway/0: is in the network of none"},
		{"\"network\": {\"interfaces\": [{\"addresses\": [\"10.0.0.5/24\"],"
		 "\"gateway\": [\"10.0.0.5\"]}]}",
			"/network/interfaces/0/gateway/0: is the interface's own address"},
		{"\"network\": {\"interfaces\": [{\"addresses\": [\"10.0.0.5/24\"],"
		 "\"gateway\": [\"10.0.0.1\", \"10.0.0.2\"]}]}",
			"/network/interfaces/0/gateway/1: is a second gateway"},
		{"\"resources\": {\"memory\": {\"low\": \"2G\", \"max\": \"1G\"}}",
			"/resources/memory/low: is more than resources.memory.max"},
		{"\"resources\": {\"memory\": {\"min\": \"2G\", \"max\": \"1G\"}}",
			"/resources/memory/min: is more"},
		{"\"resources\": {\"memory\": {\"high\": \"2G\", \"max\": \"1G\"}}",
			"/resources/memory/high: is more"},
		{"\"resources\": {\"io\": {\"devices\": [{\"path\": \"/dev/a\"},{\"path\": \"/dev/a\"}]}}",
			"/resources/io/devices/1/path: is already entry 0"},
		{"\"security\": {\"capabilities\": {\"add\": [\"CAP_KILL\"], \"drop\": [\"CAP_KILL\"]}}",
			"/security/capabilities/drop/0: CAP_KILL is also in add"},
		{"\"security\": {\"rlimits\": {\"nofile\": {\"soft\": 2, \"hard\": 1}}}",
			"/security/rlimits/nofile: the soft limit is above the hard limit"},
		{"\"network\": {\"mode\": \"host\"}, \"security\": {\"sysctl\": "
		 "{\"net.ipv4.ip_forward\": \"1\"}}",
			"/security/sysctl/net.ipv4.ip_forward: would be the host's own"},
		{"\"root\": {\"readonly\": true}, \"security\": {\"userns\": \"none\"}",
			"/root/readonly: with security.userns \"none\" the zone's root could make "
			"it writable again"},
		{"\"template\": true, \"boot\": {\"auto\": true}",
			"/boot/auto: a template is never started"},
		{"\"boot\": {\"requires\": [\"db1\", \"web1\"]}",
			"/boot/requires/1: names the zone itself"},
		{"\"boot\": {\"after\": [\"web1\"]}", "/boot/after/0: names the zone itself"},
		{"\"boot\": {\"ready\": {\"by\": \"tcp:80\"}}, \"network\": {\"mode\": \"none\"}",
			"/boot/ready/by: no port can be reached"},
		{"\"init\": {\"user\": \"65536\"}",
			"/init/user: id 65536 is outside the zone's ids"},
	};
	SPECS_REFUSED_ALL(t);
	static const char *const good[] = {
		"\"resources\": {\"memory\": {\"low\": \"1G\", \"high\": \"max\", \"max\": \"1G\"}}",
		"\"resources\": {\"memory\": {\"low\": \"2G\", \"max\": \"max\"}}",
		"\"security\": {\"capabilities\": {\"add\": [\"CAP_KILL\"], \"drop\": [\"ALL\"]}}",
		"\"security\": {\"userns\": \"none\"}, \"init\": {\"user\": \"65536\"}",
		"\"network\": {\"publish\": [{\"host\": 53, \"zone\": 53},"
		"{\"proto\": \"udp\", \"host\": 53, \"zone\": 53}]}",
		"\"network\": {\"interfaces\": [{\"addresses\": [\"10.0.0.5/24\", \"fd00::5/64\"],"
		"\"gateway\": [\"10.0.0.1\", \"fd00::1\"]}]}",
		"\"network\": {\"interfaces\": [{\"addresses\": [], \"gateway\": []}]}",
	};
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		spec_free(SPECS_GOOD(good[i]));
}

/* R8: refused by name, as something this host cannot, and nothing else is. */
TEST(unsupported)
{
	static const struct specs_case t[] = {
		{"\"root\": {\"backend\": \"dir\", \"path\": \"/a\"}",
			"root.path is not supported"},
		{"\"root\": {\"backend\": \"btrfs\"}", "root.backend \"btrfs\" is not supported"},
		{"\"root\": {\"path\": \"/a\"}", "root.path is"},
		{"\"devices\": [{\"path\": \"/dev/fuse\"}]", "devices is"},
		{"\"network\": {\"publish\": [{\"host\": 1, \"zone\": 1}]}", "network.publish is"},
		{"\"network\": {\"interfaces\": [{\"kind\": \"macvlan\"}]}",
			"network.interfaces.0.kind \"macvlan\" is"},
		{"\"network\": {\"interfaces\": [{\"kind\": \"phys\"}]}",
			"network.interfaces.0.kind \"phys\" is"},
		{"\"network\": {\"interfaces\": [{}, {\"name\": \"eth1\"}]}",
			"network.interfaces.1 is"},
		{"\"network\": {\"interfaces\": [{\"network\": \"lan\"}]}",
			"network.interfaces.0.network is"},
		{"\"network\": {\"interfaces\": [{\"rate\": {\"in\": \"1Mbit\"}}]}",
			"network.interfaces.0.rate.in is"},
		{"\"network\": {\"interfaces\": [{\"rate\": {\"out\": \"1Mbit\"}}]}",
			"network.interfaces.0.rate.out is"},
		{"\"resources\": {\"memory\": {\"merge\": true}}", "resources.memory.merge is"},
		{"\"resources\": {\"io\": {\"weight\": 100}}", "resources.io.weight is"},
		{"\"resources\": {\"io\": {\"devices\": [{\"path\": \"/dev/a\"}]}}",
			"resources.io.devices is"},
		{"\"resources\": {\"unified\": {\"memory.oom.group\": \"1\"}}",
			"resources.unified is"},
		{"\"boot\": {\"ready\": {\"by\": \"notify\"}}", "boot.ready.by \"notify\" is"},
		{"\"boot\": {\"ready\": {\"by\": \"tcp:80\"}}", "boot.ready.by \"tcp\" is"},
		{"\"hooks\": {\"created\": [{\"args\": [\"/a\"]}]}", "hooks.created is"},
		{"\"admin\": [{\"user\": \"ana\", \"may\": [\"login\"]}]", "admin is"},
		{"\"security\": {\"seccomp\": \"/etc/p.json\"}", "security.seccomp \"PATH\" is"},
		{"\"security\": {\"nesting\": true}", "security.nesting is"},
		{"\"arch\": \"pdp11\"", "arch \"pdp11\" is not this host's"},
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct err e = {0};
		autospec struct zone_spec *s = SPECS_GOOD(t[i].members);
		CHECK(s && spec_check_supported(s, &e) == -1);
		CHECK_INT(e.cls, ERR_HOST);
		CHECK(e.object[0] == '/');
		if (!str_starts(e.msg, t[i].want))
			CHECK_STR(e.msg, t[i].want);
		if (!strstr(t[i].members, "arch"))
			CHECK(str_ends(e.msg, " is not supported by this version"));
	}
}

TEST(supported)
{
	struct utsname host;
	uname(&host);
	autofree char *arch = str_format("\"arch\": \"%s\"", host.machine);
	const char *const t[] = {arch,
		"\"root\": {\"image\": \"debian-12\", \"backend\": \"overlay\"}",
		"\"init\": {\"args\": [\"/bin/sh\"], \"kind\": \"app\", \"user\": \"1\", \"cwd\": \"/a\","
		"\"env\": {\"A\": \"b\"}, \"stop_signal\": \"SIGTERM\", \"stop_timeout\": \"1s\"}",
		"\"network\": {\"mode\": \"host\"}", "\"network\": {\"mode\": \"none\"}",
		"\"network\": {\"interfaces\": [{\"name\": \"lan\", \"guard\": true, \"mac\": "
		"\"02:00:00:00:00:01\", \"addresses\": [\"10.0.0.5/24\"], \"gateway\": []}],"
		"\"dns\": {\"servers\": [\"9.9.9.9\"], \"search\": [\"a\"]}}",
		"\"network\": {\"interfaces\": [{\"guard\": false}]}",
		"\"resources\": {\"cpu\": {\"max\": 1, \"weight\": 5, \"cpus\": \"0\"}, \"memory\": {"
		"\"min\": 1, \"low\": 1, \"high\": \"1G\", \"max\": \"1G\", \"swap_max\": 0},"
		"\"pids\": {\"max\": 10}}",
		"\"security\": {\"userns\": \"none\", \"capabilities\": {\"add\": [\"CAP_KILL\"],"
		"\"drop\": [\"CAP_CHOWN\"]}, \"seccomp\": \"unconfined\", \"no_new_privs\": true,"
		"\"sysctl\": {\"kernel.msgmax\": \"1\"}, \"rlimits\": {\"core\": 0}}",
		"\"security\": {\"seccomp\": \"log\"}", "\"boot\": {\"restart\": \"always\"}",
		"\"boot\": {\"ready\": {\"by\": \"started\", \"timeout\": \"5s\"}}",
		"\"boot\": {\"auto\": true, \"order\": 51, \"delay\": \"1s\", \"requires\": [\"db\"], \"after\": [\"ns\"]}",
		"\"hooks\": {}, \"admin\": [], \"devices\": []",
		"\"mounts\": [{\"source\": \"/a\", \"target\": \"/b\"}]",
		"\"labels\": {\"a\": \"b\"}, \"groups\": [\"a\"], \"protect\": [\"destroy\"],"
		"\"annotations\": {\"a\": \"b\"}, \"description\": \"x\", \"hostname\": \"h\","
		"\"clone\": {\"mac\": \"keep\"}, \"console\": {\"log_max\": \"2M\"}"};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct err e = {0};
		autospec struct zone_spec *s = SPECS_GOOD(t[i]);
		CHECK(s && spec_check_supported(s, &e) == 0);
		CHECK_STR(e.msg, "");
	}
}

TEST_MAIN()
