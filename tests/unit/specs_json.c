#include "base/path.h"
#include "specs/schema.h"
#include "specs/spec_where.h"
#include "tests/unit/specs.h"

#include <dirent.h>
#include <fcntl.h>

/* B01: what is not one JSON document, with its place. */
TEST(syntax)
{
	static const struct specs_case t[] = {
		{"", "web.json:1:1: the document is empty"},
		{" \n\t ", "web.json:1:1: the document is empty"},
		{"\xef\xbb\xbf{}", "web.json:1:1: begins with a byte order mark"},
		{"{\"zone_spec\": 1,}", "web.json:1:"},
		{"{\n  \"zone_spec\": 1,\n  \"name\": \"a\",\n}", "web.json:4:1: "},
		{"{\"zone_spec\": NaN}", "web.json:1:"},
		{"{\"zone_spec\": Infinity}", "web.json:1:"},
		{"// comment\n{}", "web.json:1:"},
		{"/* c */ {}", "web.json:1:"},
		{"{\"zone_spec\": 1} {}", "web.json:1:"},
		{"{\"zone_spec\": 1}\n{\"zone_spec\": 1}", "web.json:2:"},
		{"{\"zone_spec\": 1", "web.json:1:"},
		{"{'zone_spec': 1}", "web.json:1:"},
		{"{\"zone_spec\": 0x10}", "web.json:1:"},
		{"{\"zone_spec\": 010}", "web.json:1:"},
		{"{\"zone_spec\": +5}", "web.json:1:"},
		{"{\"zone_spec\": 1e400}", "web.json:1:"},
		{"{\"zone_spec\": 9223372036854775808}", "web.json:1:"},
		{"{\"zone_spec\": 18446744073709551616}", "web.json:1:"},
		{"{\"name\": \"\xff\"}", "web.json:1:"},
		{"{\"name\": \"a\n\"}", "web.json:1:"},
		{"{\"name\": \"\\ud800\"}", "web.json:1:"},
		{"not json \033[31m", "web.json:1:"},
		{"\"text\"", "web.json:1:6: '[' or '{' expected"},
		{"[]", "web.json:1:1: expected an object, got an array"},
		{"null", "web.json:1:4: '[' or '{' expected"},
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		SPECS_REFUSED_TEXT(t[i].members, t[i].want);
}

TEST(nul_bytes)
{
	static const char text[] = "{\"zone_spec\": 1,\n\"name\": \"a\0b\"}";
	struct zone_spec *spec = NULL;
	struct err e = {0};
	CHECK(spec_parse(text, sizeof text - 1, "web.json", &spec, NULL, &e) == -1);
	CHECK_STR(e.msg, "web.json:2:11: has a NUL byte");
	SPECS_REFUSED("\"description\": \"a\\u0000b\"", "/description: control characters");
	SPECS_REFUSED("\"labels\": {\"a\\u0000b\": \"\"}", "NUL");
}

/* B01, B02: size and depth. */
TEST(limits)
{
	size_t len = SPEC_JSON_MAX + 1;
	autofree char *big = malloc(len + 1);
	struct zone_spec *spec = NULL;
	struct err e = {0};
	memset(big, ' ', len);
	CHECK(spec_parse(big, len, "web.json", &spec, NULL, &e) == -1);
	CHECK(e.cls == ERR_USAGE && strstr(e.msg, "at most 1048576"));

	memset(big, '[', 10000);
	big[10000] = '\0';
	SPECS_REFUSED_TEXT(big, "web.json:1:33: is nested deeper than 32 levels");
	/* Brackets in a string are not depth. */
	memset(big, '[', 200);
	big[200] = '\0';
	autofree char *quoted = str_format("\"description\": \"\\\"%s\"", big);
	spec_free(SPECS_GOOD(quoted));

	autostr struct strbuf wide = {0};
	str_add(&wide, "{\"zone_spec\": 1");
	for (unsigned i = 0; i < 50000; i++)
		str_addf(&wide, ",\"k%u\":0", i);
	str_add(&wide, "}");
	SPECS_REFUSED_TEXT(wide.buf, "/k0: unknown key \"k0\"");

	memset(big, 'x', 1000000);
	big[1000000] = '\0';
	autofree char *value = str_format("\"hostname\": \"%s\"", big);
	SPECS_REFUSED(value, "xxx...\", which is longer than 64 bytes");
	autofree char *key = str_format("\"labels\": {\"%s\": \"\"}", big);
	SPECS_REFUSED(key, "cannot be a key here");
	autofree char *unknown = str_format("\"%s\": 1", big);
	SPECS_REFUSED(unknown, "unknown key");
}

/* B03 */
TEST(keys)
{
	static const struct specs_case t[] = {
		{"\"name\": \"web2\"", "duplicate object key"},
		{"\"labels\": {\"a\": \"1\", \"a\": \"2\"}", "duplicate object key"},
		{"\"memroy\": {}", "/memroy: unknown key \"memroy\"; did you mean "
				   "\"resources.memory\"?"},
		{"\"resources\": {\"memroy\": {}}",
			"/resources/memroy: unknown key \"memroy\"; did you mean \"memory\"?"},
		{"\"Hostname\": \"a\"", "unknown key \"Hostname\"; did you mean \"hostname\"?"},
		{"\"host_name\": \"a\"", "did you mean \"hostname\"?"},
		{"\"net\": {}", "unknown key \"net\""},
		{"\"memory\": {}", "did you mean \"resources.memory\"?"},
		{"\"sysctl\": {}", "did you mean \"security.sysctl\"?"},
		{"\"\": 1", "unknown key \"\""},
		{"\"x\\u001b[31m\": 1", "unknown key \"x\\x1b[31m\""},
		{"\"init\": {\"arg\": []}",
			"/init/arg: unknown key \"arg\"; did you mean \"args\"?"},
		{"\"boot\": {\"ready\": {\"timeuot\": \"1s\"}}", "did you mean \"timeout\"?"},
		{"\"security\": {\"rlimits\": {\"nofiles\": 1}}",
			"/security/rlimits: \"nofiles\" cannot be a key here; did you mean "
			"\"nofile\"?"},
		{"\"security\": {\"userns\": \"isolatd\"}", "did you mean \"isolated\"?"},
		{"\"security\": {\"capabilities\": {\"add\": [\"CAP_SYS_TIEM\"]}}",
			"did you mean \"CAP_SYS_TIME\"?"},
		{"\"security\": {\"capabilities\": {\"add\": [\"sys_admin\"]}}",
			"did you mean \"CAP_SYS_ADMIN\"?"},
	};
	SPECS_REFUSED_ALL(t);
}

TEST(required)
{
	SPECS_REFUSED_TEXT("{}", "the key \"zone_spec\" is missing");
	SPECS_REFUSED_TEXT("{\"name\": \"a\"}", "the key \"zone_spec\" is missing");
	SPECS_REFUSED_TEXT("{\"zone_spec\": 1}", "web.json:1:1: the key \"name\" is missing");
	SPECS_REFUSED_TEXT("{\"zone_spec\": 2, \"name\": \"a\"}", "/zone_spec: version 2 is newer");
	SPECS_REFUSED_TEXT(
		"{\"zone_spec\": 0, \"name\": \"a\"}", "/zone_spec: expected the number 1");
	SPECS_REFUSED_TEXT("{\"zone_spec\": \"1\", \"name\": \"a\"}", "expected the number 1");
	SPECS_REFUSED_TEXT("{\"zone_spec\": null, \"name\": \"a\"}", "expected the number 1");
}

/* The line and column of what is wrong, with and without oddities on the way there. */
TEST(places)
{
	static const char text[] =
		"{\n"
		"  \"zone_spec\": 1, \"name\": \"w\",\n"
		"  \"labels\": {\"a\": \"\\\"}{[]\", \"\\u0062\": \"x\"},\n"
		"  \"description\": \"\xc3\xa9\", \"groups\": [\"a\", [\"b\"]],\n"
		"  \"network\": {\"interfaces\": [\n"
		"    {\"name\": \"eth0\"},\n"
		"    {\"name\": \"eth1\", \"mac\": \"01:00:00:00:00:01\"}\n"
		"  ]}}\n";
	SPECS_REFUSED_TEXT(text, "web.json:4:39: /groups/1: expected a name");
	static const struct {
		const char *pointer, *at;
	} t[] = {{"", "{\n"}, {"/name", "\"name\": \"w\""}, {"/labels/b", "\"\\u0062\""},
		{"/groups/0", "\"a\", ["}, {"/network/interfaces/1/mac", "\"mac\""},
		{"/network/interfaces/7/mac", "\"interfaces\""}, {"/nothing", "{\n"},
		{"/labels/none", "\"labels\""}};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		size_t at = spec_where_find(text, sizeof text - 1, t[i].pointer);
		CHECK(!strncmp(text + at, t[i].at, strlen(t[i].at)));
	}
	SPECS_REFUSED_TEXT(
		"{\"zone_spec\": 1,\n \"name\": \"w\",\n \"boot\":\n  {\"auto\": true},\n"
		" \"template\": true}",
		"web.json:4:4: /boot/auto: a template is never started");
	SPECS_REFUSED("\"annotations\": {\"a~/b\": 1}", "/annotations: \"a~/b\" cannot be a key");
	SPECS_REFUSED("\"annotations\": {\"a/b\": 1}", "/annotations/a~1b: expected a text, got 1");
}

TEST(error_value)
{
	struct err e = {0};
	autospec struct zone_spec *spec = NULL;
	autofree char *text = specs_document("\"init\": {\"cwd\": 7}");
	CHECK(!specs_parse(text, &e));
	CHECK_STR(e.step, "spec");
	CHECK_STR(e.object, "/init/cwd");
	json_auto_t *doc = json_loads(text, 0, NULL);
	CHECK(spec_from_json(doc, "spec.json", &spec, &e) == -1);
	CHECK(str_starts(e.msg, "spec.json: /init/cwd: expected an absolute path"));
	CHECK(spec_from_json(doc, NULL, &spec, &e) == -1);
	CHECK(str_starts(e.msg, "/init/cwd: expected"));
	CHECK(spec_from_json(doc, "spec.json", &spec, NULL) == -1);
	CHECK(spec_parse(text, strlen(text), "x", &spec, NULL, NULL) == -1);
	CHECK(spec_parse(text, strlen(text), "bad\033name", &spec, NULL, &e) == -1);
	CHECK(str_starts(e.msg, "bad\\x1bname:1:"));
	CHECK(!spec);
}

TEST(defaults)
{
	autospec struct zone_spec *s = SPECS_GOOD("");
	CHECK_STR(s->hostname, "web1");
	CHECK_STR(s->description, "");
	CHECK_STR(s->arch, "");
	CHECK_INT(s->init.args.n, 1);
	CHECK_STR(s->init.args.items[0], "/sbin/init");
	CHECK_STR(s->init.user, "0:0");
	CHECK_STR(s->init.cwd, "/");
	CHECK_STR(s->init.stop_signal, "");
	CHECK_INT(s->init.stop_timeout_ms, 60000);
	CHECK_INT(s->network.n_interfaces, 1);
	CHECK_STR(s->network.interfaces[0].name, "eth0");
	CHECK_STR(s->network.interfaces[0].network, "default");
	CHECK_STR(s->network.interfaces[0].mac, "auto");
	CHECK_STR(s->network.interfaces[0].addresses.items[0], "auto");
	CHECK_STR(s->network.interfaces[0].gateway.items[0], "auto");
	CHECK(s->network.interfaces[0].guard);
	CHECK(s->network.interfaces[0].rate_in == SPEC_UNSET);
	CHECK(s->resources.cpu_max_milli == SPEC_UNSET && s->resources.memory_max == SPEC_UNSET);
	CHECK(s->resources.pids_max == SPEC_UNSET && s->root.quota == SPEC_UNSET);
	CHECK(s->resources.cpu_weight == SPEC_UNSET && s->resources.io_weight == SPEC_UNSET);
	CHECK_STR(s->security.seccomp, "default");
	CHECK(!s->security.has_no_new_privs);
	CHECK_INT(s->boot.order, 50);
	CHECK_INT(s->boot.ready_timeout_ms, 90000);
	CHECK_INT(s->boot.ready_by, SPEC_READY_STARTED);
	CHECK(s->clone.machine_id_new && s->clone.ssh_host_keys_new && s->clone.mac_new &&
		s->clone.hostname_name);
	CHECK_INT(s->console_log_max, 1 << 20);
	struct err e = {0};
	CHECK_INT(spec_check_supported(s, &e), 0);

	autospec struct zone_spec *none = SPECS_GOOD("\"network\": {\"mode\": \"none\"}");
	CHECK_INT(none->network.n_interfaces, 0);
	autospec struct zone_spec *lo = SPECS_GOOD("\"network\": {\"interfaces\": []}");
	CHECK_INT(lo->network.n_interfaces, 0);
}

/* parse(print(x)) == x; `text` is also what a person reads. */
static void check_round_trip(const char *text)
{
	struct err e = {0};
	autospec struct zone_spec *spec = specs_parse(text, &e), *again = NULL;
	CHECK_STR(e.msg, "");
	if (!spec)
		return;
	json_auto_t *doc = spec_to_json(spec, &e);
	autofree char *printed = spec_text(doc, &e);
	again = specs_parse(printed, &e);
	CHECK_STR(e.msg, "");
	if (!again)
		return;
	json_auto_t *doc_again = spec_to_json(again, &e);
	autofree char *printed_again = spec_text(doc_again, &e);
	CHECK_STR(printed_again, printed);
}

TEST(round_trip)
{
	static const char *const t[] = {"", "\"resources\": {\"cpu\": {\"max\": 0.1}}",
		"\"resources\": {\"cpu\": {\"max\": 2}}",
		"\"resources\": {\"cpu\": {\"max\": \"max\"}}",
		"\"resources\": {\"cpu\": {\"max\": 8191.999}}",
		"\"resources\": {\"memory\": {\"max\": \"max\"}}",
		"\"resources\": {\"memory\": {\"max\": 9223372036854775807}}",
		"\"resources\": {\"pids\": {\"max\": \"max\"}}",
		"\"network\": {\"mode\": \"host\"}", "\"network\": {\"interfaces\": []}",
		"\"security\": {\"no_new_privs\": false}",
		"\"security\": {\"rlimits\": {\"nofile\": \"unlimited\", \"core\": 0}}",
		"\"init\": {\"stop_signal\": \"15\"}",
		"\"network\": {\"interfaces\": [{\"mac\": \"02:AA:bb:00:00:01\"}]}",
		"\"description\": \"gr\xc3\xbc\xc3\x9f\xe2\x82\xac \\\" \\\\ / %s\""};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		autofree char *text = specs_document(t[i]);
		check_round_trip(text);
	}
	/* A name that is no RFC 1123 host name is the host name all the same. */
	check_round_trip("{\"zone_spec\": 1, \"name\": \"w.\"}");
}

TEST(canonical)
{
	struct err e = {0};
	autospec struct zone_spec *s = SPECS_GOOD(
		"\"resources\": {\"memory\": {\"max\": 1073741824, \"swap_max\": \"0\"},"
		" \"cpu\": {\"max\": 0.1}}, \"init\": {\"stop_timeout\": \"120000ms\","
		" \"stop_signal\": \"TERM\"}, \"security\": {\"rlimits\": {\"nofile\": 9}},"
		" \"network\": {\"interfaces\": [{\"mac\": \"02:AA:bb:00:00:01\"}]}");
	json_auto_t *doc = spec_to_json(s, &e);
	CHECK_STR(json_string_value(spec_lookup(doc, "resources.memory.max")), "1G");
	CHECK_STR(json_string_value(spec_lookup(doc, "resources.memory.swap_max")), "0");
	CHECK_STR(json_string_value(spec_lookup(doc, "init.stop_timeout")), "2m");
	CHECK_STR(json_string_value(spec_lookup(doc, "init.stop_signal")), "SIGTERM");
	CHECK_STR(json_string_value(spec_lookup(doc, "network.interfaces.0.mac")),
		"02:aa:bb:00:00:01");
	CHECK_INT(json_integer_value(spec_lookup(doc, "security.rlimits.nofile.hard")), 9);
	autofree char *text = spec_text(doc, &e);
	CHECK(strstr(text, "\"max\": 0.1,"));
	CHECK(str_ends(text, "}\n"));
}

/* Every file in specs/examples parses, and everything.json says every key. */
TEST(examples)
{
	DIR *dir = opendir(SPECS_EXAMPLES);
	unsigned n = 0;
	CHECK(dir);
	for (struct dirent *d; dir && (d = readdir(dir));) {
		autofree char *text = NULL;
		struct err e = {0};
		if (!str_ends(d->d_name, ".json"))
			continue;
		CHECK(path_read_file(dirfd(dir), d->d_name, SPEC_JSON_MAX, &text, NULL, &e) == 0);
		check_round_trip(text);
		n++;
	}
	if (dir)
		closedir(dir);
	CHECK(n >= 4);
}

static int check_said(const struct spec_key *key, void *doc)
{
	char path[128];
	(void)snprintf(path, sizeof path, "%s", key->path);
	for (char *p; (p = strstr(path, ".N.")) != NULL;)
		p[1] = '0';
	if (str_ends(path, ".KEY"))
		path[strlen(path) - 4] = '\0';
	if (!spec_lookup(doc, path)) {
		test_failures++;
		printf("# %s is not in everything.json\n", path);
	}
	return 0;
}

TEST(everything_is_said)
{
	autofree char *text = NULL;
	struct err e = {0};
	CHECK(path_read_file(AT_FDCWD, SPECS_EXAMPLES "/everything.json", SPEC_JSON_MAX, &text,
		      NULL, &e) == 0);
	json_auto_t *doc = json_loads(text ? text : "{}", 0, NULL);
	spec_each_key(check_said, doc);
}

static int check_documented(const struct spec_key *key, void *man)
{
	autofree char *item = str_format(".It Cm %s\n", key->path);
	if (!strstr(man, item)) {
		test_failures++;
		printf("# cella-spec(5) does not have %s", item);
	}
	return 0;
}

TEST(manual_is_complete)
{
	autofree char *man = NULL;
	struct err e = {0};
	CHECK_INT(path_read_file(AT_FDCWD, SPECS_MAN, SPEC_JSON_MAX, &man, NULL, &e), 0);
	if (man)
		spec_each_key(check_documented, man);
}

TEST(document_is_kept_as_written)
{
	static const char text[] = "{\"zone_spec\": 1, \"name\": \"web1\"}";
	struct zone_spec *spec = NULL;
	json_t *doc = NULL;
	CHECK(spec_parse(text, sizeof text - 1, "f", &spec, &doc, NULL) == 0);
	CHECK_INT(json_object_size(doc), 2);
	spec_free(spec);
	json_decref(doc);
	spec_free(NULL);
}

TEST_MAIN()
