#include "specs/schema.h"
#include "tests/unit/specs.h"

static json_t *document(void)
{
	return json_loads(
		"{\"zone_spec\": 1, \"name\": \"web1\", \"labels\": {\"old\": \"1\"},"
		"\"groups\": [\"a\", \"b\"], \"resources\": {\"memory\": {\"max\": \"1G\"}}}",
		0, NULL);
}

/* Assignment, path that is looked up afterwards, and its value as compact JSON ("": gone). */
TEST(assignments)
{
	static const struct {
		const char *assignment, *path, *want;
	} t[] = {
		{"resources.memory.max=512M", "resources.memory.max", "\"512M\""},
		{"resources.memory.max=536870912", "resources.memory.max", "536870912"},
		{"resources.memory.max=max", "resources.memory.max", "\"max\""},
		{"resources.memory.max=", "resources.memory.max", ""},
		{"resources.memory.max-", "resources.memory.max", ""},
		{"resources.memory.max=null", "resources.memory.max", ""},
		{"resources.memory-", "resources.memory", ""},
		{"resources-", "resources", ""},
		{"resources.cpu.max=1.5", "resources.cpu.max", "1.5"},
		{"resources.cpu.cpus=0", "resources.cpu.cpus", "\"0\""},
		{"resources.cpu={\"max\": 2}", "resources.cpu", "{\"max\": 2}"},
		{"resources.pids.max=100", "resources.pids.max", "100"},
		{"init.args=[\"/sbin/init\", \"3\"]", "init.args", "[\"/sbin/init\", \"3\"]"},
		{"init.args.1=x y", "init.args", "[\"/sbin/init\", \"x y\"]"},
		{"init.args.0=/bin/sh", "init.args", "[\"/bin/sh\"]"},
		{"init.env.PATH=/bin:/sbin", "init.env.PATH", "\"/bin:/sbin\""},
		{"init.env.A=b=c", "init.env.A", "\"b=c\""},
		{"init.env.A=\"\"", "init.env.A", "\"\""},
		{"init.stop_timeout=10s", "init.stop_timeout", "\"10s\""},
		{"init.user=1000", "init.user", "\"1000\""},
		{"init.stop_signal=15", "init.stop_signal", "\"15\""},
		{"labels.env=prod", "labels", "{\"old\": \"1\", \"env\": \"prod\"}"},
		{"labels.env=true", "labels.env", "\"true\""},
		{"labels.env=\"null\"", "labels.env", "\"null\""},
		{"labels.a.b/c=1", "labels.a.b/c", "\"1\""},
		{"labels.old-", "labels", "{}"},
		{"labels={}", "labels", "{}"},
		{"description=a \"quoted\" text", "description", "\"a \\\"quoted\\\" text\""},
		{"description=true", "description", "\"true\""},
		{"groups.2=c", "groups", "[\"a\", \"b\", \"c\"]"},
		{"groups.0=c", "groups", "[\"c\", \"b\"]"},
		{"groups.0-", "groups", "[\"b\"]"},
		{"groups=[]", "groups", "[]"},
		{"network.mode=none", "network.mode", "\"none\""},
		{"network.interfaces.0.mac=02:00:00:00:00:01", "network.interfaces",
			"[{\"mac\": \"02:00:00:00:00:01\"}]"},
		{"network.interfaces.0.rate.in=10Mbit", "network.interfaces.0.rate.in",
			"\"10Mbit\""},
		{"network.interfaces.0.addresses.0=10.0.0.5/24", "network.interfaces.0.addresses",
			"[\"10.0.0.5/24\"]"},
		{"network.interfaces.0.guard=false", "network.interfaces.0.guard", "false"},
		{"network.interfaces.1.name=eth1", "network.interfaces",
			"[{}, {\"name\": \"eth1\"}]"},
		{"network.interfaces=[]", "network.interfaces", "[]"},
		{"network.publish.0={\"host\": 80, \"zone\": 80}", "network.publish.0.zone", "80"},
		{"security.sysctl.net.ipv4.ip_forward=1", "security.sysctl.net.ipv4.ip_forward",
			"\"1\""},
		{"security.rlimits.nofile=1024", "security.rlimits.nofile", "1024"},
		{"security.rlimits.nofile={\"soft\": 1, \"hard\": 2}",
			"security.rlimits.nofile.hard", "2"},
		{"security.rlimits.core=unlimited", "security.rlimits.core", "\"unlimited\""},
		{"security.no_new_privs=true", "security.no_new_privs", "true"},
		{"boot.ready.by=tcp:80", "boot.ready.by", "\"tcp:80\""},
		{"boot.order=5", "boot.order", "5"},
		{"resources.unified.memory.oom.group=1", "resources.unified.memory.oom.group",
			"\"1\""},
		{"annotations.a=1", "annotations.a", "\"1\""},
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct err e = {0};
		json_auto_t *doc = document();
		CHECK_INT(spec_set(doc, t[i].assignment, &e), 0);
		CHECK_STR(e.msg, "");
		json_t *v = spec_lookup(doc, t[i].path);
		autofree char *got = v ? json_dumps(v, JSON_ENCODE_ANY) : strdup("");
		CHECK_STR(got, t[i].want);
	}
}

/* B39: refused, and the document is as before. */
TEST(refusals)
{
	static const struct specs_case t[] = {
		{"", "expected PATH=VALUE"},
		{"=", "= says no PATH"},
		{"=x", "=x says no PATH"},
		{"-", "- says no PATH"},
		{"resources", "expected PATH=VALUE"},
		{"resources.memory.max", "resources.memory.max is no change; expected PATH=VALUE"},
		{"resources.memroy.max=1G", "unknown key \"memroy\"; did you mean \"memory\"?"},
		{"memory.max=1G", "unknown key \"memory\"; did you mean \"resources.memory\"?"},
		{"foo=1", "unknown key \"foo\""},
		{"x\033y=1", "x\\x1by=1 has control characters"},
		{".name=a", "unknown key \"\""},
		{"resources.=1", "unknown key \"\""},
		{"labels.=1", "labels. ends with a dot"},
		{"name=", "name is required and cannot be unset"},
		{"name-", "name is required"},
		{"zone_spec=", "zone_spec is required"},
		{"zone_spec=2", "/zone_spec: version 2 is newer"},
		{"name=A B", "/name: expected a name"},
		{"name.x=a", "goes on after a field"},
		{"resources.memory.max=12Q", "/resources/memory/max: expected a size"},
		{"resources.memory=5", "/resources/memory: expected an object"},
		{"resources.memory.max.x=5", "goes on after a field"},
		{"init.args=/sbin/init", "/init/args: expected an array"},
		{"init.args=[]", "/init/args: expected at least one entry"},
		{"init.args.5=x", "init.args.5 is past the end of the list"},
		{"init.args.1-", "init.args.1 is past the end of the list"},
		{"init.args.x=y", "needs a number"},
		{"init.args.0.x=y", "goes on after a text"},
		{"init.args.-1=y", "needs a number"},
		{"init.args.99999999999999999999=y", "needs a number"},
		{"init.stop_timeout=60", "expected a time"},
		{"groups.2-", "past the end"},
		{"network.interfaces.2.name=x", "past the end"},
		{"network.interfaces.0.nmae=x", "unknown key \"nmae\"; did you mean \"name\"?"},
		{"network.interfaces.0=5", "/network/interfaces/0: expected an object"},
		{"security.nesting=yes", "expected true or false, got \"yes\""},
		{"security.sysctl.kernel.core_pattern=x", "cannot be a key here"},
		{"labels.a b=1", "cannot be a key here"},
		{"labels.a=x\ny", "control characters"},
		{"labels.a=\xff", "is not UTF-8"},
		{"security.sysctl.n\xff.x=1", "is not UTF-8"},
		{"labels.a=\"x\\ny\"", "control characters"},
		{"labels={\"a\": \"1\", \"a\": \"2\"}", "/labels: expected an object"},
	};
	json_auto_t *before = document();
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct err e = {0};
		json_auto_t *doc = document();
		CHECK_INT(spec_set(doc, t[i].members, &e), -1);
		CHECK_INT(e.cls, ERR_USAGE);
		if (!strstr(e.msg, t[i].want))
			CHECK_STR(e.msg, t[i].want);
		CHECK(str_is_printable(e.msg, strlen(e.msg)));
		CHECK(json_equal(doc, before));
	}
	json_auto_t *broken = json_loads("{\"network\": 5, \"groups\": {}}", 0, NULL);
	CHECK(spec_set(broken, "network.mode=none", NULL) == -1);
	CHECK(spec_set(broken, "groups.0=a", NULL) == -1);
	json_auto_t *array = json_array();
	CHECK(spec_set(array, "name=a", NULL) == -1);
}

TEST(several)
{
	/* Wrong on the way, right at the end. */
	static const char *const good[] = {"resources.memory.low=3G", "resources.memory.max=4G"};
	static const char *const bad[] = {"resources.memory.max=4G", "resources.memory.low=5G"};
	json_auto_t *doc = document(), *before = document();
	json_t *out = NULL;
	struct zone_spec *spec = NULL;
	struct err e = {0};
	CHECK_INT(spec_edit(doc, good, 2, &out, &spec, &e), 0);
	CHECK(spec && spec->resources.memory_low == 3ull << 30);
	spec_free(spec);
	json_decref(out);
	out = NULL;
	spec = NULL;
	CHECK_INT(spec_edit(doc, bad, 2, &out, &spec, &e), -1);
	CHECK_INT(e.cls, ERR_USAGE);
	CHECK(str_starts(e.msg, "/resources/memory/low: is more than"));
	CHECK(!out && !spec && json_equal(doc, before));
}

TEST(lookup)
{
	json_auto_t *doc =
		json_loads("{\"a\": {\"b\": [10, {\"c\": 11}], \"d.e\": 12, \"d\": {\"e\": 13}},"
			   "\"n\": null}",
			0, NULL);
	CHECK(spec_lookup(doc, "") == doc);
	CHECK_INT(json_integer_value(spec_lookup(doc, "a.b.0")), 10);
	CHECK_INT(json_integer_value(spec_lookup(doc, "a.b.1.c")), 11);
	CHECK_INT(json_integer_value(spec_lookup(doc, "a.d.e")), 12);
	CHECK(json_is_null(spec_lookup(doc, "n")));
	static const char *const none[] = {
		"b", "a.x", "a.b.2", "a.b.x", "a.b.0.c", ".", "a.", ".a", "a..b", "n.x"};
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		CHECK(!spec_lookup(doc, none[i]));
}

static int count(const struct spec_key *key, void *n)
{
	++*(unsigned *)n;
	if (str_eq(key->path, "resources.memory.max"))
		CHECK(key->is_live && key->is_supported && str_eq(key->type, "size"));
	if (str_eq(key->path, "network.interfaces.N.rate.in"))
		CHECK(!key->is_supported && str_eq(key->type, "rate"));
	if (str_eq(key->path, "security.userns"))
		CHECK(!key->is_live && str_eq(key->def, "isolated"));
	return 0;
}

TEST(key_list)
{
	unsigned n = 0;
	CHECK_INT(spec_each_key(count, &n), 0);
	CHECK(n > 80);
}

TEST_MAIN()
