#include "runtime/image.h"
#include "base/fd.h"
#include "runtime_store.h"
#include "runtime/lifecycle_parts.h"
#include "test.h"

#include <sys/wait.h>

static const struct layer_info info = {.kind = "archive", .source = "test"};
static char layer_id[LAYER_ID_SIZE];

static int make_layer(const char *owner, struct err *e)
{
	autostaging struct staging st = STAGING_EMPTY;
	autofd int fs = -1;
	if (layer_stage(&test_store, true, &st, &fs, e) < 0)
		return -1;
	return layer_commit(&st, layer_id, &info, owner, e);
}

/* An image with one layer and a bit of everything. */
static int make(const char *name, struct err *e)
{
	struct image_draft d;
	if (image_draft_begin(&test_store, name, &d, e) < 0)
		return -1;
	struct image_config *c = &d.image.config;
	int r = make_layer(d.image.uuid, e);
	if (r == 0)
		r = image_add_layer(&d.image, layer_id, e);
	if (r == 0 && (image_add_pair(&c->env, "PATH", "/bin", e) < 0 ||
			      image_add_pair(&c->env, "PATH", "/usr/bin:/bin", e) < 0 ||
			      image_add_text(&c->cmd, "/bin/sh", e) < 0 ||
			      image_set_text(&c->user, "1000", e) < 0 ||
			      image_set_text(&d.image.source, "test", e) < 0))
		r = -1;
	if (r == 0)
		r = image_draft_commit(&d, e);
	image_draft_drop(&d);
	return r;
}

static int count_refs(void)
{
	char path[LAYER_ID_SIZE + 8];
	snprintf(path, sizeof path, "%s/refs", layer_id);
	return test_count(test_store.layers_fd, path);
}

TEST(open_store)
{
	test_store_open();
	layer_id_random(layer_id);
}

TEST(names)
{
	char longest[IMAGE_NAME_MAX + 2];
	memset(longest, 'a', sizeof longest - 1);
	longest[IMAGE_NAME_MAX + 1] = '\0';
	CHECK_INT(image_name_check(longest, NULL), -1);
	longest[IMAGE_NAME_MAX] = '\0';
	CHECK_INT(image_name_check(longest, NULL), 0);
	CHECK_INT(image_name_check("debian-12", NULL), 0);
	CHECK_INT(image_name_check("docker.io/library/nginx:1.25", NULL), 0);
	CHECK_INT(image_name_check("", NULL), -1);
	CHECK_INT(image_name_check("default", NULL), -1);
	CHECK_INT(image_name_check("/etc", NULL), -1);
	CHECK_INT(image_name_check("a/../b", NULL), -1);
	CHECK_INT(image_name_check("a/", NULL), -1);
	CHECK_INT(image_name_check("a b", NULL), -1);
	CHECK_INT(image_name_check("a%2Fb", NULL), -1);
}

TEST(is_read_as_it_was_written)
{
	struct err e = {0};
	autoimage struct image i = IMAGE_EMPTY;
	CHECK_INT(make("lib/a:1", &e), 0);
	CHECK(test_exists(test_store.images_fd, "lib%2Fa:1.json"));
	CHECK_INT(test_count(test_store.staging_fd, "."), 0);
	CHECK_INT(image_read(&test_store, "lib/a:1", &i, &e), 0);
	CHECK_STR(i.name, "lib/a:1");
	CHECK_INT(i.n_layers, 1);
	CHECK_STR(i.layers[0], layer_id);
	CHECK_INT(i.config.env.n, 1);
	CHECK_STR(i.config.env.items[0].value, "/usr/bin:/bin");
	CHECK_STR(i.config.cmd.items[0], "/bin/sh");
	CHECK_STR(i.config.user, "1000");
	CHECK_INT(make("lib/a:1", &e), -1);
	CHECK_INT(e.cls, ERR_STATE);
	CHECK_INT(count_refs(), 1);
}

TEST(repair_knows_images)
{
	struct err e = {0};
	struct image_draft d;
	CHECK_INT(repair_orphans(&test_store, NULL, NULL, &e), 0);
	CHECK_INT(count_refs(), 1);
	/* a draft at work is known too */
	CHECK_INT(image_draft_begin(&test_store, "b", &d, &e), 0);
	CHECK_INT(make_layer(d.image.uuid, &e), 0);
	CHECK_INT(repair_orphans(&test_store, NULL, NULL, &e), 0);
	CHECK_INT(count_refs(), 2);
	/* one whose process died is not */
	d.dir.name[0] = '\0';
	image_draft_drop(&d);
	CHECK_INT(repair_orphans(&test_store, NULL, NULL, &e), 0);
	CHECK_INT(count_refs(), 1);
	CHECK_INT(test_count(test_store.staging_fd, "."), 0);
}

TEST(a_failed_draft_gives_all_back)
{
	struct err e = {0};
	struct image_draft d;
	CHECK_INT(image_draft_begin(&test_store, "c", &d, &e), 0);
	CHECK_INT(make_layer(d.image.uuid, &e), 0);
	CHECK_INT(image_add_layer(&d.image, layer_id, &e), 0);
	CHECK_INT(count_refs(), 2);
	image_draft_drop(&d);
	CHECK_INT(count_refs(), 1);
	CHECK_INT(test_count(test_store.staging_fd, "."), 0);
}

static int count_it(void *arg, const struct image *i, const struct err *why)
{
	int *n = arg;
	n[why ? 1 : 0]++;
	CHECK(i->name[0]);
	return 0;
}

TEST(a_damaged_record_takes_nothing_along)
{
	struct err e = {0};
	int n[2] = {0};
	CHECK_INT(path_write_atomic(test_store.images_fd, "bad.json", "{", 1, 0600, &e), 0);
	CHECK_INT(image_each(&test_store, count_it, n, &e), 0);
	CHECK_INT(n[0], 1);
	CHECK_INT(n[1], 1);
	/* whose layers those are that nobody else knows cannot be said */
	CHECK_INT(layer_ref(&test_store, layer_id, "0000000000000000000000000000000a", &e), 0);
	CHECK_INT(repair_orphans(&test_store, NULL, NULL, &e), 0);
	CHECK_INT(count_refs(), 2);
	CHECK_INT(image_remove(&test_store, "bad", &e), 0);
	CHECK_INT(repair_orphans(&test_store, NULL, NULL, &e), 0);
	CHECK_INT(count_refs(), 1);
}

/* Eight processes make and delete the same two names: each make gives an image or says that the
 * name is taken, each delete removes one or finds none, and nothing is left. */
TEST(races)
{
	pid_t pids[8];
	for (int p = 0; p < 8; p++) {
		if ((pids[p] = fork()) != 0)
			continue;
		for (int i = 0; i < 20; i++) {
			struct err e = {0};
			const char *name = i & 1 ? "x" : "y";
			if (make(name, &e) < 0 && e.cls != ERR_STATE) {
				printf("# %s\n", e.msg);
				fflush(stdout);
				_exit(1);
			}
			if (image_remove(&test_store, name, &e) < 0 && e.cls != ERR_NOT_FOUND) {
				printf("# %s\n", e.msg);
				fflush(stdout);
				_exit(1);
			}
		}
		_exit(0);
	}
	for (int p = 0; p < 8; p++) {
		int status = -1;
		waitpid(pids[p], &status, 0);
		CHECK_INT(status, 0);
	}
	CHECK_INT(count_refs(), 1);
	CHECK_INT(test_count(test_store.staging_fd, "."), 0);
}

TEST(removing_the_last_takes_the_layer)
{
	struct err e = {0};
	CHECK_INT(image_remove(&test_store, "lib/a:1", &e), 0);
	CHECK_INT(test_count(test_store.layers_fd, "."), 0);
	CHECK_INT(test_count(test_store.images_fd, "."), 0);
	CHECK_INT(image_remove(&test_store, "lib/a:1", &e), -1);
	CHECK_INT(e.cls, ERR_NOT_FOUND);
}

TEST(close_store)
{
	test_store_close();
}

TEST_MAIN()
