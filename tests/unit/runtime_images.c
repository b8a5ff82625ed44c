/* Import, publish and delete of images, killed at every system call that changes anything: what is
 * there afterwards is the image or none, the zone's data in any case, and repair leaves nothing
 * else. */
#include "runtime/images.h"
#include "runtime/claims.h"
#include "runtime/lifecycle.h"
#include "base/fd.h"
#include "runtime_kill.h"
#include "runtime_store.h"
#include "test.h"

#define S (&test_store)
static char source_dir[100];

static void write_file(int dir, const char *path, const char *text)
{
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	CHECK(fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0);
	close(fd);
}

static void check_ok(int r, const struct err *e)
{
	if (r < 0)
		printf("# %s (%s)\n", e->msg, err_class_name(e->cls));
	CHECK_INT(r, 0);
}

static int verb_import(struct err *e)
{
	const struct image_import_options o = {.source = source_dir, .name = "img"};
	return image_import(S, &o, e);
}

static int verb_publish(struct err *e)
{
	return image_publish(S, "web", "img", e);
}

static int verb_delete(struct err *e)
{
	return image_delete(S, "img", false, e);
}

static int create(const char *source, struct err *e)
{
	const struct create_options o = {.name = "web", .source = source};
	return zone_create(S, &o, e);
}

/* References in all layers together; every layer has its files. */
static int count_refs(void)
{
	int n = 0;
	DIR *d = fdopendir(openat(S->layers_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *ent;
	while (d && (ent = readdir(d))) {
		char path[300];
		if (ent->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/fs", ent->d_name);
		CHECK(test_exists(S->layers_fd, path));
		snprintf(path, sizeof path, "%s/refs", ent->d_name);
		int refs = test_count(S->layers_fd, path);
		CHECK(refs > 0);
		n += refs;
	}
	closedir(d);
	return n;
}

static int count_layers_of(const char *name)
{
	autoimage struct image i = IMAGE_EMPTY;
	return image_read(S, name, &i, NULL) == 0 ? (int)i.n_layers : 0;
}

/* The zone's own file, wherever it lies now. */
static bool has_data(const char *zone)
{
	struct zone z;
	if (zone_open(S, zone, 0, 0, &z, NULL) < 0)
		return false;
	bool found = test_exists(z.dir_fd, "upper/data");
	for (size_t i = 0; i < z.record.n_layers; i++) {
		char path[120];
		snprintf(path, sizeof path, "%s/fs/data", z.record.layers[i]);
		found |= test_exists(S->layers_fd, path);
	}
	found &= !test_exists(z.dir_fd, "intent.json");
	zone_close(&z);
	return found;
}

static bool kill_and_repair(int (*verb)(struct err *e), int k)
{
	struct err e = {0};
	json_t *rows = NULL;
	bool killed = kill_at(verb, k);
	check_ok(image_rows(S, IMAGE_WANT_USERS, &rows, &e), &e);
	json_decref(rows);
	check_ok(zone_repair(S, NULL, NULL, NULL, &e), &e);
	CHECK_INT(test_count(S->staging_fd, "."), 0);
	return killed;
}

TEST(open_store)
{
	test_store_open();
	snprintf(source_dir, sizeof source_dir, "%s/source", test_store_dir);
	CHECK_INT(mkdir(source_dir, 0755), 0);
	int fd = open(source_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(mkdirat(fd, "sbin", 0755) == 0);
	write_file(fd, "sbin/init", "#!/bin/sh\n");
	close(fd);
}

TEST(import_killed)
{
	struct err e = {0};
	int k = 1;
	for (bool killed = true; killed; k++) {
		killed = kill_and_repair(verb_import, k);
		bool made = test_exists(S->images_fd, "img.json");
		CHECK(made || killed);
		CHECK_INT(count_refs(), made);
		CHECK_INT(test_count(S->images_fd, "."), made);
		if (!made) /* and it can be imported again */
			check_ok(verb_import(&e), &e);
		check_ok(image_remove(S, "img", &e), &e);
		CHECK_INT(test_count(S->layers_fd, "."), 0);
	}
	printf("# import: %d points\n", k - 2);
}

TEST(publish_killed)
{
	struct err e = {0};
	int k = 1;
	for (bool killed = true; killed; k++) {
		check_ok(create(source_dir, &e), &e);
		write_file(S->zones_fd, "web/upper/data", "precious\n");
		killed = kill_and_repair(verb_publish, k);
		bool made = test_exists(S->images_fd, "img.json");
		CHECK(made || killed);
		CHECK(has_data("web"));
		CHECK(!made || count_layers_of("img") == 2);
		if (!made)
			check_ok(verb_publish(&e), &e);
		CHECK_INT(count_layers_of("img"), 2);
		CHECK_INT(count_refs(), 4);
		CHECK(has_data("web"));
		/* the image outlives the zone */
		check_ok(zone_destroy(S, "web", false, &e), &e);
		CHECK_INT(count_refs(), 2);
		check_ok(create("img", &e), &e);
		CHECK(has_data("web"));
		check_ok(zone_destroy(S, "web", false, &e), &e);
		check_ok(image_remove(S, "img", &e), &e);
		CHECK_INT(test_count(S->layers_fd, "."), 0);
	}
	printf("# publish: %d points\n", k - 2);
}

TEST(delete_killed)
{
	struct err e = {0};
	int k = 1;
	for (bool killed = true; killed; k++) {
		check_ok(verb_import(&e), &e);
		killed = kill_and_repair(verb_delete, k);
		bool left = test_exists(S->images_fd, "img.json");
		CHECK(!left || killed);
		CHECK_INT(count_refs(), left);
		if (left)
			check_ok(verb_delete(&e), &e);
		CHECK_INT(test_count(S->layers_fd, "."), 0);
	}
	printf("# delete: %d points\n", k - 2);
}

TEST(close_store)
{
	test_store_close();
}

TEST_MAIN()
