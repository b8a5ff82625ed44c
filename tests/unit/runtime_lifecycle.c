/* Create, set, rename, clone, destroy and repair without ever starting a zone; and the same verbs
 * killed at every system call that changes anything, after which repair must leave whole zones and
 * nothing else. */
#include "runtime/lifecycle.h"
#include "runtime/claims.h"
#include "runtime/identity.h"
#include "runtime/inspect.h"
#include "runtime/intent.h"
#include "base/fd.h"
#include "base/proc.h"
#include "isolation/namespaces/idrange.h"
#include "runtime_kill.h"
#include "runtime_store.h"

#include <sys/wait.h>

#define S (&test_store)
static char source_dir[100];

static void write_file(int dir, const char *path, const char *text)
{
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	CHECK(fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0);
	close(fd);
}

static int create(const char *name, struct err *e)
{
	const struct create_options o = {.name = name, .source = source_dir};
	return zone_create(S, &o, e);
}

static int clone_zone(const char *from, const char *to, struct err *e)
{
	const struct clone_options o = {.source = from, .name = to};
	struct clone_result r;
	return zone_clone(S, &o, &r, e);
}

static json_t *row(const char *name)
{
	json_t *r = NULL;
	struct err e = {0};
	if (inspect_zone(S, name, INSPECT_DETAILS | INSPECT_SPEC, &r, &e) < 0)
		printf("# %s\n", e.msg);
	return r;
}

static const char *text(const json_t *r, const char *key)
{
	return json_string_value(json_object_get(r, key));
}

/* Claims of this store in the host's directory. */
static int count_ids(void)
{
	int n = 0, fd = claims_open_ids(S, NULL);
	DIR *d = fdopendir(fd);
	struct dirent *ent;
	while (d && (ent = readdir(d))) {
		char owner[IDRANGE_OWNER_MAX];
		char *end;
		unsigned long first = strtoul(ent->d_name, &end, 10);
		if (ent->d_name[0] < '0' || ent->d_name[0] > '9' || *end)
			continue;
		if (idrange_owner(fd, (uint32_t)first, owner, NULL) == 1)
			n += strstr(owner, S->id) != NULL;
	}
	closedir(d);
	return n;
}

static void say(void *arg, const char *line)
{
	(void)arg;
	if (getenv("VERBOSE"))
		printf("# repair: %s\n", line);
}

static void check_ok(int r, const struct err *e)
{
	if (r < 0)
		printf("# %s (%s)\n", e->msg, err_class_name(e->cls));
	CHECK_INT(r, 0);
}

TEST(open_store)
{
	test_store_open();
	snprintf(source_dir, sizeof source_dir, "%s/source", test_store_dir);
	CHECK_INT(mkdir(source_dir, 0755), 0);
	int fd = open(source_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(mkdirat(fd, "sbin", 0755) == 0 && mkdirat(fd, "etc", 0755) == 0);
	write_file(fd, "sbin/init", "#!/bin/sh\n");
	write_file(fd, "etc/hostname", "image\n");
	close(fd);
}

TEST(bad_requests_leave_nothing)
{
	static const char *const names[] = {"", "..", "a/b", "-a", "A", "a\n",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	struct err e = {0};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		CHECK_INT(create(names[i], &e), -1);
		CHECK_INT(e.cls, ERR_USAGE);
	}
	struct create_options o = {.name = "a", .source = "/nonexistent"};
	CHECK_INT(zone_create(S, &o, &e), -1);
	CHECK_INT(e.cls, ERR_NOT_FOUND);
	o.source = "/dev/null";
	CHECK_INT(zone_create(S, &o, &e), -1);
	CHECK_INT(e.cls, ERR_USAGE);
	o.source = S->root;
	CHECK_INT(zone_create(S, &o, &e), -1);
	CHECK_INT(e.cls, ERR_USAGE);
	o.source = "/";
	CHECK_INT(zone_create(S, &o, &e), -1);
	CHECK_INT(e.cls, ERR_USAGE);
	o.source = source_dir;
	o.set = (const char *const[]){"nonsense=1"};
	o.n_set = 1;
	CHECK_INT(zone_create(S, &o, &e), -1);
	CHECK_INT(e.cls, ERR_USAGE);
	o.set = (const char *const[]){"name=b"};
	CHECK_INT(zone_create(S, &o, &e), -1);
	CHECK_INT(e.cls, ERR_USAGE);
	o.n_set = 0;
	o.spec_file = "/nonexistent";
	CHECK_INT(zone_create(S, &o, &e), -1);
	CHECK_INT(e.cls, ERR_NOT_FOUND);
	CHECK_INT(test_count(S->zones_fd, "."), 0);
	CHECK_INT(test_count(S->layers_fd, "."), 0);
	CHECK_INT(test_count(S->staging_fd, "."), 0);
	CHECK_INT(count_ids(), 0);
}

TEST(create_and_show)
{
	struct err e = {0};
	check_ok(create("a", &e), &e);
	CHECK_INT(create("a", &e), -1);
	CHECK_INT(e.cls, ERR_STATE);
	CHECK(test_exists(S->zones_fd, "a/upper") && test_exists(S->zones_fd, "a/work"));
	json_t *r = row("a");
	CHECK_STR(text(r, "state"), "stopped");
	CHECK_STR(text(r, "source"), source_dir);
	CHECK_INT(json_array_size(json_object_get(r, "layers")), 1);
	CHECK(json_integer_value(json_object_get(r, "id_first")) > 0);
	json_decref(r);
	CHECK_INT(count_ids(), 1);
	CHECK_INT(inspect_zone(S, "nosuch", INSPECT_BASIC, &r, &e), -1);
	CHECK_INT(e.cls, ERR_NOT_FOUND);
}

static int create_from(const char *name, const char *source, struct err *e)
{
	const struct create_options o = {.name = name, .source = source};
	return zone_create(S, &o, e);
}

TEST(default_image_is_unpacked_once)
{
	struct err e = {0};
	snprintf(test_store.config.exe_dir, sizeof test_store.config.exe_dir, "%s", EXE_DIR);
	int64_t t0 = clock_mono_ms();
	check_ok(create_from("d1", "default", &e), &e);
	int64_t t1 = clock_mono_ms();
	check_ok(create_from("d2", "default", &e), &e);
	int64_t t2 = clock_mono_ms();
	printf("# first %lld ms, second %lld ms\n", (long long)(t1 - t0), (long long)(t2 - t1));
	json_t *a = row("d1"), *b = row("d2");
	CHECK(json_equal(json_object_get(a, "layers"), json_object_get(b, "layers")));
	json_decref(a);
	json_decref(b);
	check_ok(zone_destroy(S, "d1", false, &e), &e);
	check_ok(zone_destroy(S, "d2", false, &e), &e);
	/* the cache names a layer that is gone: made again */
	check_ok(create_from("d3", "default", &e), &e);
	check_ok(zone_destroy(S, "d3", false, &e), &e);
	CHECK_INT(test_count(S->layers_fd, "."), 1); /* of "a" */
}

TEST(bad_archives)
{
	struct err e = {0};
	char path[120];
	int dir = open(test_store_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof path, "%s/bad.tar", test_store_dir);
	write_file(dir, "bad.tar", "this is no archive, whatever its name says\n");
	CHECK_INT(create_from("n", path, &e), -1);
	CHECK_INT(e.cls, ERR_FAILED);
	CHECK(strstr(e.msg, "bad.tar") != NULL);
	write_file(dir, "bad.tar", "");
	CHECK_INT(create_from("n", path, &e), -1);
	CHECK_INT(test_count(S->zones_fd, "."), 1);
	CHECK_INT(test_count(S->layers_fd, "."), 1);
	CHECK_INT(test_count(S->staging_fd, "."), 0);
	CHECK_INT(count_ids(), 1);
	close(dir);
}

TEST(spec_file_with_and_without_name)
{
	struct err e = {0};
	char path[120];
	int dir = open(test_store_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof path, "%s/spec.json", test_store_dir);
	struct create_options o = {.name = "f", .source = source_dir, .spec_file = path};
	write_file(dir, "spec.json", "{\"zone_spec\": 1, \"name\": \"other\"}");
	CHECK_INT(zone_create(S, &o, &e), -1);
	CHECK_INT(e.cls, ERR_USAGE);
	write_file(dir, "spec.json", "{\"zone_spec\": 1, \"description\": \"d\"}");
	o.init_args = (const char *const[]){"/bin/sleep", "1"};
	o.n_init_args = 2;
	check_ok(zone_create(S, &o, &e), &e);
	json_t *r = row("f");
	CHECK_STR(text(r, "description"), "d");
	CHECK_STR(text(r, "init"), "app");
	json_t *args = json_object_get(json_object_get(json_object_get(r, "spec"), "init"), "args");
	CHECK_INT(json_array_size(args), 2);
	json_decref(r);
	write_file(dir, "spec.json", "{\"zone_spec\": 1,\n \"bogus\": 1, \"name\": \"g\"}");
	o.name = "g";
	CHECK_INT(zone_create(S, &o, &e), -1);
	CHECK_INT(e.cls, ERR_USAGE);
	CHECK(strstr(e.msg, "spec.json:2:") != NULL);
	check_ok(zone_destroy(S, "f", false, &e), &e);
	close(dir);
}

TEST(set_and_replace)
{
	struct err e = {0};
	bool next = true;
	const char *good[] = {"description=hello", "resources.pids.max=100"};
	const char *bad[] = {"description=other", "resources.pids.max=many"};
	check_ok(zone_set(S, "a", good, 2, false, &next, &e), &e);
	CHECK(!next);
	CHECK_INT(zone_set(S, "a", bad, 2, false, &next, &e), -1);
	CHECK_INT(e.cls, ERR_USAGE);
	const char *dry[] = {"description=dry"};
	check_ok(zone_set(S, "a", dry, 1, true, &next, &e), &e);
	const char *name[] = {"name=b"};
	CHECK_INT(zone_set(S, "a", name, 1, false, &next, &e), -1);
	json_t *r = row("a");
	CHECK_STR(text(r, "description"), "hello");
	json_decref(r);
	static const char whole[] = "{\"zone_spec\": 1, \"description\": \"new\"}";
	check_ok(zone_replace_spec(S, "a", whole, strlen(whole), "edit", &next, &e), &e);
	r = row("a");
	CHECK_STR(text(r, "description"), "new");
	CHECK_STR(text(json_object_get(r, "spec"), "name"), "a");
	json_decref(r);
	CHECK_INT(zone_replace_spec(S, "a", "{", 1, "edit", &next, &e), -1);
	CHECK_INT(e.cls, ERR_USAGE);
}

TEST(rename_moves_everything)
{
	struct err e = {0};
	write_file(S->log_fd, "a.console", "old\n");
	check_ok(zone_rename(S, "a", "b", &e), &e);
	CHECK(!test_exists(S->zones_fd, "a") && test_exists(S->zones_fd, "b"));
	CHECK(!test_exists(S->zones_fd, "b/intent.json"));
	CHECK(test_exists(S->log_fd, "b.console") && !test_exists(S->log_fd, "a.console"));
	json_t *r = row("b");
	CHECK_STR(text(r, "hostname"), "b");
	json_decref(r);
	check_ok(create("c", &e), &e);
	CHECK_INT(zone_rename(S, "b", "c", &e), -1);
	CHECK_INT(e.cls, ERR_STATE);
	CHECK_INT(zone_rename(S, "nosuch", "d", &e), -1);
	CHECK_INT(e.cls, ERR_NOT_FOUND);
	check_ok(zone_rename(S, "b", "b", &e), &e);
	check_ok(zone_destroy(S, "c", false, &e), &e);
	/* died after the directory was renamed */
	int dir = openat(S->zones_fd, "b", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct intent in = {.verb = INTENT_RENAME, .other = "b", .target = "a"};
	check_ok(intent_write(dir, &in, &e), &e);
	CHECK_INT(renameat(S->zones_fd, "b", S->zones_fd, "a"), 0);
	close(dir);
	check_ok(zone_repair(S, "a", say, NULL, &e), &e);
	CHECK(!test_exists(S->zones_fd, "a/intent.json"));
	CHECK(test_exists(S->log_fd, "a.console"));
}

TEST(linked_clone)
{
	struct err e = {0};
	/* nothing written yet: the layers are enough */
	check_ok(clone_zone("a", "a2", &e), &e);
	CHECK_INT(test_count(S->layers_fd, "."), 1);
	write_file(S->zones_fd, "a/upper/data", "of a\n");
	check_ok(clone_zone("a", "a3", &e), &e);
	CHECK_INT(test_count(S->layers_fd, "."), 2);
	CHECK_INT(test_count(S->zones_fd, "a/upper"), 0);
	CHECK_INT(test_count(S->zones_fd, "a3/upper"), 0);
	CHECK(!test_exists(S->zones_fd, "a/intent.json"));
	json_t *a = row("a"), *a3 = row("a3");
	CHECK(json_equal(json_object_get(a, "layers"), json_object_get(a3, "layers")));
	CHECK_INT(json_array_size(json_object_get(a, "layers")), 2);
	CHECK(strcmp(text(a, "uuid"), text(a3, "uuid")) != 0);
	CHECK(!json_equal(json_object_get(a, "id_first"), json_object_get(a3, "id_first")));
	CHECK_STR(text(a3, "clone_of"), "a");
	char path[120];
	snprintf(path, sizeof path, "%s/fs/data",
		json_string_value(json_array_get(json_object_get(a, "layers"), 0)));
	CHECK(test_exists(S->layers_fd, path));
	json_decref(a);
	json_decref(a3);
	CHECK_INT(clone_zone("a", "a3", &e), -1);
	CHECK_INT(e.cls, ERR_STATE);
	CHECK_INT(clone_zone("nosuch", "a4", &e), -1);
	CHECK_INT(e.cls, ERR_NOT_FOUND);
	/* the source goes first: its layers stay for the clone */
	check_ok(zone_destroy(S, "a", false, &e), &e);
	CHECK(!test_exists(S->log_fd, "a.console"));
	CHECK(test_exists(S->layers_fd, path));
	check_ok(zone_destroy(S, "a3", false, &e), &e);
	CHECK_INT(test_count(S->layers_fd, "."), 1);
	check_ok(zone_destroy(S, "a2", false, &e), &e);
	CHECK_INT(test_count(S->layers_fd, "."), 0);
	CHECK_INT(test_count(S->staging_fd, "."), 0);
	CHECK_INT(count_ids(), 0);
}

TEST(clone_changes_what_cannot_be_shared)
{
	struct err e = {0};
	const struct create_options o = {.name = "a",
		.source = source_dir,
		.set = (const char *const[]){"hostname=shop.example",
			"network.interfaces=[{\"name\": \"eth0\", \"mac\": \"02:00:00:00:00:01\"}]"},
		.n_set = 2};
	check_ok(zone_create(S, &o, &e), &e);
	const struct clone_options c = {.source = "a",
		.name = "b",
		.set = (const char *const[]){"description=mine"},
		.n_set = 1};
	struct clone_result result;
	check_ok(zone_clone(S, &c, &result, &e), &e);
	CHECK_INT(result.pause_us, -1);
	json_t *r = row("b");
	CHECK_STR(text(r, "hostname"), "b");
	CHECK_STR(text(r, "description"), "mine");
	json_t *iface = json_array_get(
		json_object_get(
			json_object_get(json_object_get(r, "spec"), "network"), "interfaces"),
		0);
	CHECK(json_object_get(iface, "mac") == NULL);
	json_decref(r);
	check_ok(zone_destroy(S, "a", false, &e), &e);
	check_ok(zone_destroy(S, "b", false, &e), &e);
}

TEST(broken_and_protected)
{
	struct err e = {0};
	const struct create_options o = {.name = "p",
		.source = source_dir,
		.set = (const char *const[]){"protect=[\"destroy\"]"},
		.n_set = 1};
	check_ok(zone_create(S, &o, &e), &e);
	CHECK_INT(zone_destroy(S, "p", true, &e), -1);
	CHECK_INT(e.cls, ERR_STATE);
	bool next;
	check_ok(zone_set(S, "p", (const char *const[]){"protect=[]"}, 1, false, &next, &e), &e);
	check_ok(create("q", &e), &e);
	write_file(S->zones_fd, "p/zone.json", "{");
	write_file(S->zones_fd, "q/spec.json", "{");
	json_t *all = NULL;
	check_ok(inspect_all(S, INSPECT_DETAILS, &all, &e), &e);
	CHECK_INT(json_array_size(all), 2);
	CHECK_STR(text(json_array_get(all, 0), "state"), "broken");
	CHECK(strstr(text(json_array_get(all, 0), "error"), "zone.json") != NULL);
	CHECK_STR(text(json_array_get(all, 1), "state"), "broken");
	json_decref(all);
	CHECK_INT(zone_destroy(S, "p", false, &e), -1);
	CHECK_INT(e.cls, ERR_STATE);
	CHECK_INT(zone_destroy(S, "q", false, &e), -1);
	/* edit mends a spec */
	static const char whole[] = "{\"zone_spec\": 1}";
	check_ok(zone_replace_spec(S, "q", whole, strlen(whole), "edit", &next, &e), &e);
	check_ok(zone_destroy(S, "q", false, &e), &e);
	/* of p nothing is known, so its claims are found by walking them */
	check_ok(zone_destroy(S, "p", true, &e), &e);
	CHECK_INT(test_count(S->layers_fd, "."), 0);
	CHECK_INT(count_ids(), 0);
	CHECK_INT(zone_destroy(S, "p", true, &e), -1);
	CHECK_INT(e.cls, ERR_NOT_FOUND);
}

TEST(incomplete_is_listed_and_swept)
{
	struct err e = {0};
	CHECK_INT(mkdirat(S->staging_fd, "zone-0123456789ab", 0700), 0);
	write_file(S->staging_fd, "zone-0123456789ab/spec.json",
		"{\"zone_spec\": 1, \"name\": \"half\"}");
	json_t *all = NULL;
	check_ok(inspect_all(S, INSPECT_DETAILS, &all, &e), &e);
	CHECK_INT(json_array_size(all), 1);
	CHECK_STR(text(json_array_get(all, 0), "name"), "half");
	CHECK_STR(text(json_array_get(all, 0), "state"), "incomplete");
	json_decref(all);
	CHECK_INT(zone_destroy(S, "half", false, &e), -1);
	CHECK_INT(e.cls, ERR_NOT_FOUND);
	check_ok(zone_destroy(S, "half", true, &e), &e);
	CHECK_INT(test_count(S->staging_fd, "."), 0);
}

/* ---- killed ---- */

/* The same, then: the list still works, and repair leaves no trace of the attempt. */
static bool kill_and_repair(int (*verb)(struct err *e), int k)
{
	struct err e = {0};
	json_t *all = NULL;
	bool killed = kill_at(verb, k);
	check_ok(inspect_all(S, INSPECT_DETAILS, &all, &e), &e);
	json_decref(all);
	check_ok(zone_repair(S, NULL, say, NULL, &e), &e);
	CHECK_INT(test_count(S->staging_fd, "."), 0);
	return killed;
}

/* As many layers, claims and references as the zones that are there need, and their content. */
static void audit(int zones, const char *who)
{
	json_t *all = NULL;
	struct err e = {0};
	size_t i, refs = 0;
	json_t *r;
	check_ok(inspect_all(S, INSPECT_DETAILS, &all, &e), &e);
	CHECK_INT(json_array_size(all), zones);
	json_array_foreach(all, i, r)
	{
		char path[120];
		CHECK_STR(text(r, "state"), "stopped");
		refs += json_array_size(json_object_get(r, "layers"));
		size_t l;
		json_t *id;
		bool data = false;
		json_array_foreach(json_object_get(r, "layers"), l, id)
		{
			snprintf(path, sizeof path, "%s/fs", json_string_value(id));
			CHECK(test_exists(S->layers_fd, path));
			snprintf(path, sizeof path, "%s/fs/data", json_string_value(id));
			data |= test_exists(S->layers_fd, path);
		}
		snprintf(path, sizeof path, "%s/upper/data", text(r, "name"));
		data |= test_exists(S->zones_fd, path);
		if (who && !strcmp(text(r, "name"), who))
			CHECK(data);
		snprintf(path, sizeof path, "%s/intent.json", text(r, "name"));
		CHECK(!test_exists(S->zones_fd, path));
	}
	json_decref(all);
	CHECK_INT(count_ids(), zones);
	size_t found = 0;
	DIR *d = fdopendir(openat(S->layers_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *ent;
	while (d && (ent = readdir(d))) {
		char path[300];
		if (ent->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/refs", ent->d_name);
		int n = test_count(S->layers_fd, path);
		CHECK(n > 0);
		found += (size_t)n;
	}
	closedir(d);
	CHECK_INT(found, refs);
}

static int verb_create(struct err *e)
{
	return create("x", e);
}

static int verb_clone(struct err *e)
{
	return clone_zone("src", "y", e);
}

static int verb_destroy(struct err *e)
{
	return zone_destroy(S, "z", false, e);
}

static int verb_rename(struct err *e)
{
	return zone_rename(S, "src", "other", e);
}

TEST(create_killed)
{
	struct err e = {0};
	int k = 1;
	for (bool killed = true; killed; k++) {
		killed = kill_and_repair(verb_create, k);
		bool made = test_exists(S->zones_fd, "x");
		CHECK(made || killed);
		audit(made, NULL);
		if (made)
			check_ok(zone_destroy(S, "x", false, &e), &e);
	}
	printf("# create: %d points\n", k - 2);
}

TEST(clone_killed)
{
	struct err e = {0};
	int k = 1;
	for (bool killed = true; killed; k++) {
		check_ok(create("src", &e), &e);
		write_file(S->zones_fd, "src/upper/data", "precious\n");
		killed = kill_and_repair(verb_clone, k);
		bool made = test_exists(S->zones_fd, "y");
		CHECK(made || killed);
		audit(1 + made, "src");
		if (made)
			check_ok(zone_destroy(S, "y", false, &e), &e);
		/* and it can be cloned again */
		check_ok(clone_zone("src", "y", &e), &e);
		audit(2, "y");
		check_ok(zone_destroy(S, "y", false, &e), &e);
		check_ok(zone_destroy(S, "src", false, &e), &e);
	}
	printf("# clone: %d points\n", k - 2);
}

TEST(rename_killed)
{
	struct err e = {0};
	int k = 1;
	check_ok(create("src", &e), &e);
	write_file(S->zones_fd, "src/upper/data", "precious\n");
	for (bool killed = true; killed; k++) {
		write_file(S->log_fd, "src.console", "log\n");
		killed = kill_and_repair(verb_rename, k);
		bool moved = test_exists(S->zones_fd, "other");
		CHECK(moved || killed);
		audit(1, moved ? "other" : "src");
		CHECK(test_exists(S->log_fd, moved ? "other.console" : "src.console"));
		if (moved)
			check_ok(zone_rename(S, "other", "src", &e), &e);
	}
	printf("# rename: %d points\n", k - 2);
}

TEST(destroy_killed)
{
	struct err e = {0};
	int k = 1;
	for (bool killed = true; killed; k++) {
		check_ok(clone_zone("src", "z", &e), &e);
		write_file(S->zones_fd, "z/upper/own", "own\n");
		killed = kill_and_repair(verb_destroy, k);
		bool left = test_exists(S->zones_fd, "z");
		CHECK(!left || killed);
		audit(1 + left, "src");
		if (left)
			check_ok(zone_destroy(S, "z", false, &e), &e);
	}
	printf("# destroy: %d points\n", k - 2);
	check_ok(zone_destroy(S, "src", false, &e), &e);
	audit(0, NULL);
}

/* ---- at once ---- */

TEST(one_winner)
{
	pid_t pids[16];
	int won = 0;
	struct err e = {0};
	for (int i = 0; i < 16; i++)
		if ((pids[i] = fork()) == 0)
			_exit(create("same", &e) == 0 ? 0 : (int)e.cls);
	for (int i = 0; i < 16; i++) {
		int status = -1;
		waitpid(pids[i], &status, 0);
		CHECK(WIFEXITED(status));
		won += status == 0;
		if (status)
			CHECK_INT(WEXITSTATUS(status), ERR_STATE);
	}
	CHECK_INT(won, 1);
	audit(1, NULL);
	for (int i = 0; i < 16; i++)
		if ((pids[i] = fork()) == 0)
			_exit(zone_destroy(S, "same", false, &e) == 0 ? 0 : (int)e.cls);
	for (int i = won = 0; i < 16; i++) {
		int status = -1;
		waitpid(pids[i], &status, 0);
		won += status == 0;
		if (status)
			CHECK(WEXITSTATUS(status) == ERR_NOT_FOUND ||
				WEXITSTATUS(status) == ERR_BUSY);
	}
	CHECK_INT(won, 1);
	audit(0, NULL);
}

TEST(repair_beside_create)
{
	struct err e = {0};
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 30; i++)
			if (create("w", &e) < 0 || clone_zone("w", "w2", &e) < 0 ||
				zone_destroy(S, "w", false, &e) < 0 ||
				zone_destroy(S, "w2", false, &e) < 0) {
				printf("# %s\n", e.msg);
				fflush(stdout);
				_exit(1);
			}
		_exit(0);
	}
	int status = -1;
	while (waitpid(pid, &status, WNOHANG) == 0)
		check_ok(zone_repair(S, NULL, say, NULL, &e), &e);
	CHECK_INT(status, 0);
	audit(0, NULL);
}

TEST(host_check_answers)
{
	struct err e = {0};
	json_t *all = NULL;
	size_t i;
	json_t *r;
	check_ok(inspect_host(S, &all, &e), &e);
	json_array_foreach(all, i, r)
	{
		CHECK(text(r, "check") && text(r, "state") && text(r, "found"));
		if (getenv("VERBOSE"))
			printf("# %-18s %-8s %s\n", text(r, "check"), text(r, "state"),
				text(r, "found"));
	}
	CHECK(json_array_size(all) > 20);
	json_decref(all);
	CHECK_INT(test_count(S->staging_fd, "."), 0);
}

TEST(close_store)
{
	test_store_close();
}

TEST_MAIN()
