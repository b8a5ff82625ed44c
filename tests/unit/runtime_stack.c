/* Full clones, flatten and the merging of layers that deleted snapshots leave: what zones and
 * snapshots show stays the same, no layer is left that nobody uses; also when they are killed at
 * every system call that changes anything. Starts no zone. */
#include "runtime/stack.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "fsroot/merge.h"
#include "runtime/lifecycle.h"
#include "runtime/snapshot.h"
#include "runtime/snapshot_verbs.h"
#include "runtime_store.h"
#include "runtime_kill.h"

#include <errno.h>
#include <sys/xattr.h>

#define S (&test_store)
static char source_dir[100];

enum {
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
};

static void check_ok(int r, const struct err *e)
{
	if (r < 0)
		printf("# %s (%s)\n", e->msg, err_class_name(e->cls));
	CHECK_INT(r, 0);
}

static void put(const char *zone, const char *path, const char *text)
{
	char full[200];
	snprintf(full, sizeof full, "%s/upper/%s", zone, path);
	autofd int fd = openat(S->zones_fd, full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	CHECK(fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0);
}

static void hide(const char *zone, const char *path)
{
	char full[200];
	snprintf(full, sizeof full, "%s/upper/%s", zone, path);
	CHECK(mknodat(S->zones_fd, full, S_IFCHR, 0) == 0);
}

static void snap(const char *zone, const char *name)
{
	struct err e = {0};
	struct snapshot_result r;
	const struct snapshot_options o = {.zone = zone, .name = name};
	check_ok(zone_snapshot_create(S, &o, &r, &e), &e);
}

/* ---- what a zone or a snapshot shows ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(int dir_fd, const char *path, struct strbuf *out)
{
	char *names[100];
	size_t n = 0;
	DIR *d = fdopendir(openat(dir_fd, ".", OPEN_DIR));
	for (struct dirent *ent; d && (ent = readdir(d));)
		if (strcmp(ent->d_name, ".") && strcmp(ent->d_name, "..") && n < 100)
			names[n++] = strdup(ent->d_name);
	closedir(d);
	qsort(names, n, sizeof *names, by_name);
	for (size_t i = 0; i < n; i++) {
		autofd int fd = openat(dir_fd, names[i], O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		autofree char *sub = str_format("%s/%s", path, names[i]);
		char text[64] = "";
		struct stat st;
		CHECK(fd >= 0 && fstat(fd, &st) == 0);
		if (S_ISDIR(st.st_mode)) {
			str_addf(out, "%s/ %o\n", sub, st.st_mode);
			list(fd, sub, out);
		} else {
			CHECK(read(fd, text, sizeof text - 1) >= 0);
			str_addf(out, "%s %o %u '%s'\n", sub, st.st_mode, st.st_uid, text);
		}
		free(names[i]);
	}
}

static char *show_stack(struct stack *from)
{
	struct err e = {0};
	autostr struct strbuf out = {0};
	const struct merge_options o = {0};
	(void)path_remove_tree(S->root_fd, "view", NULL);
	CHECK(mkdirat(S->root_fd, "view", 0700) == 0);
	autofd int view = openat(S->root_fd, "view", OPEN_DIR);
	check_ok(merge_layers(from->fds, from->n, view, &o, NULL, &e), &e);
	list(view, "", &out);
	stack_close(from);
	(void)path_remove_tree(S->root_fd, "view", NULL);
	return str_finish(&out, NULL);
}

static char *show_zone(const char *name)
{
	struct err e = {0};
	struct zone z;
	struct stack from = {0};
	check_ok(zone_open(S, name, 0, 0, &z, &e), &e);
	int upper = openat(z.dir_fd, "upper", OPEN_DIR);
	CHECK(upper >= 0);
	check_ok(stack_open(S, &upper, z.record.layers, z.record.n_layers, &from, &e), &e);
	zone_close(&z);
	return show_stack(&from);
}

static char *show_snapshot(const char *zone, const char *name)
{
	struct err e = {0};
	struct stack from = {0};
	struct snapshot s;
	int none = -1;
	autofd int dir = openat(S->zones_fd, zone, OPEN_DIR);
	check_ok(snapshot_read(dir, zone, name, &s, &e), &e);
	check_ok(stack_open(S, &none, s.layers, s.n_layers, &from, &e), &e);
	snapshot_done(&s);
	return show_stack(&from);
}

static size_t n_layers(const char *zone)
{
	struct zone z;
	struct err e = {0};
	check_ok(zone_open(S, zone, 0, 0, &z, &e), &e);
	size_t n = z.record.n_layers;
	zone_close(&z);
	return n;
}

/* Every reference is of a zone that lists the layer, and every layer listed has it. */
static void check_references(void)
{
	DIR *zones = fdopendir(openat(S->zones_fd, ".", OPEN_DIR));
	size_t expected = 0, found = 0;
	for (struct dirent *ent; (ent = readdir(zones));) {
		struct zone_record r;
		autosnapshots struct snapshots all = {0};
		char path[300];
		struct err e = {0};
		if (ent->d_name[0] == '.')
			continue;
		autofd int dir = openat(S->zones_fd, ent->d_name, OPEN_DIR);
		check_ok(zone_read_record(dir, &r, &e), &e);
		check_ok(snapshots_read(dir, &all, &e), &e);
		CHECK(faccessat(dir, "intent.json", F_OK, 0) < 0);
		DIR *layers = fdopendir(openat(S->layers_fd, ".", OPEN_DIR));
		for (struct dirent *l; (l = readdir(layers));) {
			bool used = snapshots_use_layer(&all, l->d_name);
			for (size_t i = 0; i < r.n_layers; i++)
				used |= !strcmp(r.layers[i], l->d_name);
			snprintf(path, sizeof path, "%s/refs/%s", l->d_name, r.uuid);
			if (l->d_name[0] != '.')
				CHECK_INT(faccessat(S->layers_fd, path, F_OK, 0) == 0, used);
			expected += l->d_name[0] != '.' && used;
		}
		closedir(layers);
		zone_record_done(&r);
	}
	closedir(zones);
	DIR *layers = fdopendir(openat(S->layers_fd, ".", OPEN_DIR));
	for (struct dirent *l; (l = readdir(layers));) {
		char path[300];
		snprintf(path, sizeof path, "%s/refs", l->d_name);
		if (l->d_name[0] != '.')
			found += (size_t)test_count(S->layers_fd, path);
	}
	closedir(layers);
	CHECK_INT(found, expected);
	CHECK_INT(test_count(S->staging_fd, "."), 0);
}

/* ---- the verbs ---- */

static int flatten(struct err *e)
{
	bool changed = false;
	return zone_flatten(S, "web", NULL, &changed, e);
}

static int clone_full(struct err *e)
{
	const struct clone_options o = {.source = "web", .name = "copy", .full = true};
	struct clone_result r;
	return zone_clone(S, &o, &r, e);
}

static int clone_of_snapshot(struct err *e)
{
	const struct clone_options o = {.source = "web", .name = "copy", .snapshot = "s1"};
	struct clone_result r;
	return zone_clone(S, &o, &r, e);
}

static int delete_s2(struct err *e)
{
	return zone_snapshot_delete(S, "web", "s2", e);
}

TEST(open_store)
{
	test_store_open();
	snprintf(source_dir, sizeof source_dir, "%s/source", test_store_dir);
	CHECK_INT(mkdir(source_dir, 0755), 0);
	autofd int fd = open(source_dir, OPEN_DIR);
	CHECK(mkdirat(fd, "sbin", 0755) == 0 && mkdirat(fd, "etc", 0755) == 0);
	autofd int init = openat(fd, "sbin/init", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	autofd int host = openat(fd, "etc/hostname", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	CHECK(write(host, "image\n", 6) == 6);
}

/* A chain of four above the image, with a snapshot of each and something written since. */
static void make_web(void)
{
	struct err e = {0};
	const struct create_options o = {.name = "web", .source = source_dir};
	check_ok(zone_create(S, &o, &e), &e);
	put("web", "one", "1");
	put("web", "kept", "k");
	snap("web", "s1");
	put("web", "two", "2");
	hide("web", "one");
	snap("web", "s2");
	put("web", "three", "3");
	hide("web", "two");
	snap("web", "s3");
	put("web", "four", "4");
	hide("web", "kept");
}

static void destroy(const char *name)
{
	struct err e = {0};
	check_ok(zone_destroy(S, name, false, &e), &e);
}

TEST(flatten_makes_one_layer_and_keeps_snapshots)
{
	struct err e = {0};
	bool changed = false;
	make_web();
	autofree char *before = show_zone("web"), *s2 = show_snapshot("web", "s2");
	check_ok(zone_flatten(S, "web", NULL, &changed, &e), &e);
	CHECK(changed);
	autofree char *after = show_zone("web"), *s2_after = show_snapshot("web", "s2");
	CHECK_STR(after, before);
	CHECK_STR(s2_after, s2);
	CHECK_INT(n_layers("web"), 1);
	check_references();
	CHECK_INT(test_count(S->zones_fd, "web/upper"), 0);
	check_ok(zone_flatten(S, "web", NULL, &changed, &e), &e);
	CHECK(!changed);
	check_ok(zone_snapshot_restore(S, "web", "s2", true, &e), &e);
	autofree char *back = show_zone("web");
	CHECK_STR(back, s2);
	destroy("web");
	CHECK_INT(test_count(S->layers_fd, "."), 0);
}

TEST(a_full_clone_shares_nothing)
{
	struct err e = {0};
	make_web();
	autofree char *before = show_zone("web"), *s1 = show_snapshot("web", "s1");
	check_ok(clone_full(&e), &e);
	autofree char *copy = show_zone("copy");
	CHECK_STR(copy, before);
	CHECK_INT(n_layers("copy"), 1);
	CHECK_INT(n_layers("web"), 4);
	check_references();
	destroy("web");
	CHECK_INT(test_count(S->layers_fd, "."), 1);
	destroy("copy");
	make_web();
	check_ok(clone_of_snapshot(&e), &e);
	copy = (free(copy), show_zone("copy"));
	CHECK_STR(copy, s1);
	check_references();
	destroy("web");
	copy = (free(copy), show_zone("copy"));
	CHECK_STR(copy, s1);
	destroy("copy");
	CHECK_INT(test_count(S->layers_fd, "."), 0);
}

TEST(layers_between_deleted_snapshots_become_one)
{
	struct err e = {0};
	make_web();
	autofree char *before = show_zone("web"), *s1 = show_snapshot("web", "s1");
	autofree char *s3 = show_snapshot("web", "s3");
	check_ok(delete_s2(&e), &e);
	CHECK_INT(n_layers("web"), 3);
	autofree char *after = show_zone("web"), *s1_after = show_snapshot("web", "s1");
	autofree char *s3_after = show_snapshot("web", "s3");
	CHECK_STR(after, before);
	CHECK_STR(s1_after, s1);
	CHECK_STR(s3_after, s3);
	check_references();
	CHECK_INT(test_count(S->layers_fd, "."), 3);
	check_ok(zone_snapshot_delete(S, "web", "s1", &e), &e);
	check_ok(zone_snapshot_delete(S, "web", "s3", &e), &e);
	/* The lowest one is what others may come to share. */
	CHECK_INT(n_layers("web"), 2);
	after = (free(after), show_zone("web"));
	CHECK_STR(after, before);
	check_references();
	destroy("web");
}

TEST(layers_of_others_are_not_merged)
{
	struct err e = {0};
	make_web();
	const struct clone_options o = {.source = "web", .name = "copy", .snapshot = "s2"};
	struct clone_result r;
	check_ok(zone_clone(S, &o, &r, &e), &e);
	autofree char *before = show_zone("copy");
	check_ok(delete_s2(&e), &e);
	CHECK_INT(n_layers("web"), 4);
	CHECK_INT(n_layers("copy"), 3);
	autofree char *after = show_zone("copy");
	CHECK_STR(after, before);
	check_references();
	/* On another branch the two are not neighbours. */
	destroy("copy");
	check_ok(zone_snapshot_restore(S, "web", "s1", true, &e), &e);
	put("web", "branch", "b");
	snap("web", "s4");
	check_ok(zone_snapshot_delete(S, "web", "s1", &e), &e);
	CHECK_INT(n_layers("web"), 3);
	check_references();
	destroy("web");
}

/* ---- killed ---- */

static void repair(void)
{
	struct err e = {0};
	check_ok(zone_repair(S, NULL, NULL, NULL, &e), &e);
	check_references();
}

static void killed(const char *what, int (*verb)(struct err *e))
{
	struct err e = {0};
	int k = 1;
	for (bool was_killed = true; was_killed; k++) {
		make_web();
		autofree char *before = show_zone("web"), *s1 = show_snapshot("web", "s1");
		autofree char *s3 = show_snapshot("web", "s3");
		was_killed = kill_at(verb, k);
		repair();
		autofree char *after = show_zone("web"), *s1_after = show_snapshot("web", "s1");
		autofree char *s3_after = show_snapshot("web", "s3");
		CHECK_STR(after, before);
		CHECK_STR(s1_after, s1);
		CHECK_STR(s3_after, s3);
		if (faccessat(S->zones_fd, "copy", F_OK, 0) == 0) {
			autofree char *copy = show_zone("copy");
			CHECK_STR(copy, before);
			destroy("copy");
		}
		/* and it can be done again */
		if (verb != delete_s2)
			check_ok(verb(&e), &e);
		if (faccessat(S->zones_fd, "copy", F_OK, 0) == 0)
			destroy("copy");
		after = (free(after), show_zone("web"));
		CHECK_STR(after, before);
		check_references();
		destroy("web");
	}
	printf("# %s: %d points\n", what, k - 2);
	CHECK(k > 40);
}

TEST(flatten_killed)
{
	killed("flatten", flatten);
}

TEST(full_clone_killed)
{
	killed("clone --full", clone_full);
}

TEST(delete_killed)
{
	killed("snapshot delete", delete_s2);
}

TEST(close_store)
{
	test_store_close();
}

TEST_MAIN()
