/* Images from an OCI image layout and a docker-archive, made here by hand so that they can be wrong
 * (S43, B25): what is imported is what the digests say, or nothing is. */
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "fsroot/digest.h"
#include "fsroot_tar.h"
#include "runtime/oci_layout.h"
#include "runtime/oci_pick.h"
#include "runtime_store.h"
#include "test.h"

#include <errno.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#define OCI "application/vnd.oci.image."
#define MANIFEST OCI "manifest.v1+json"
#define INDEX OCI "index.v1+json"
#define CONFIG OCI "config.v1+json"
#define TAR OCI "layer.v1.tar"
static const char owner[] = "0000000000000000000000000000000a";
static struct err err;
static struct image image;
static char last_warning[400];

/* ---- a source ---- */

static int src = -1;

struct blob {
	char hex[DIGEST_SIZE];
	size_t size;
};

static void put(const char *path, const void *bytes, size_t n)
{
	(void)unlinkat(src, path, 0);
	autofd int fd = openat(src, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	CHECK(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
}

static void fresh(void)
{
	fd_close(&src);
	(void)path_remove_tree(test_store.staging_fd, "source", NULL);
	(void)mkdirat(test_store.staging_fd, "source", 0755);
	src = openat(test_store.staging_fd, "source", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)mkdirat(src, "blobs", 0755);
	(void)mkdirat(src, "blobs/sha256", 0755);
	put("oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", 30);
}

static struct blob digest_of(const void *bytes, size_t n)
{
	struct blob b = {.size = n};
	struct sha256_ctx ctx;
	CHECK(digest_load(&err) == 0);
	digest_init(&ctx);
	digest_add(&ctx, bytes, n);
	digest_hex(&ctx, b.hex);
	return b;
}

static struct blob put_blob(const void *bytes, size_t n)
{
	struct blob b = digest_of(bytes, n);
	char path[100];
	(void)snprintf(path, sizeof path, "blobs/sha256/%s", b.hex);
	put(path, bytes, n);
	return b;
}

static struct blob put_text(const char *text)
{
	return put_blob(text, strlen(text));
}

/* A layer with one file of that name, and its blob. */
struct layer {
	char diff[DIGEST_SIZE];
	struct blob blob;
	const char *type;
};

static struct layer put_tar(struct tar *t, const char *filter)
{
	struct layer l = {.type = filter && !strcmp(filter, "zstd") ? TAR "+zstd"
				  : filter			    ? TAR "+gzip"
								    : TAR};
	tar_end(t);
	struct blob plain = digest_of(t->bytes, t->len);
	memcpy(l.diff, plain.hex, sizeof l.diff);
	if (filter)
		tar_compress(t, filter);
	l.blob = put_blob(t->bytes, t->len);
	tar_done(t);
	return l;
}

static struct layer put_layer(const char *name, const char *filter)
{
	struct tar t = {0};
	tar_add(&t, (struct tar_entry){.name = "etc/", .type = '5', .mode = 0755});
	tar_add(&t, (struct tar_entry){.name = name, .data = name});
	return put_tar(&t, filter);
}

static char *config_text(const struct layer *layers, size_t n)
{
	struct strbuf s = {0};
	str_addf(&s,
		"{\"architecture\":\"%s\",\"os\":\"linux\",\"config\":{\"Cmd\":[\"/x\"]},"
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
		oci_host_arch());
	for (size_t i = 0; i < n; i++)
		str_addf(&s, "%s\"sha256:%s\"", i ? "," : "", layers[i].diff);
	str_add(&s, "]}}");
	return str_finish(&s, NULL);
}

static char *manifest_text(struct blob config, const struct layer *layers, size_t n)
{
	struct strbuf s = {0};
	str_addf(&s,
		"{\"schemaVersion\":2,\"mediaType\":\"" MANIFEST "\",\"config\":{"
		"\"mediaType\":\"" CONFIG "\",\"digest\":\"sha256:%s\",\"size\":%zu},"
		"\"layers\":[",
		config.hex, config.size);
	for (size_t i = 0; i < n; i++)
		str_addf(&s, "%s{\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%zu}",
			i ? "," : "", layers[i].type, layers[i].blob.hex, layers[i].blob.size);
	str_add(&s, "]}");
	return str_finish(&s, NULL);
}

static char *descriptor(const char *type, struct blob b, const char *more)
{
	return str_format("{\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%zu%s%s}", type,
		b.hex, b.size, *more ? "," : "", more);
}

static void put_index(const char *manifests)
{
	autofree char *text = str_format("{\"schemaVersion\":2,\"manifests\":[%s]}", manifests);
	put("index.json", text, strlen(text));
}

static struct blob put_manifest(const struct layer *layers, size_t n)
{
	autofree char *c = config_text(layers, n);
	autofree char *m = manifest_text(put_text(c), layers, n);
	return put_text(m);
}

static struct blob put_image(const struct layer *layers, size_t n)
{
	struct blob m = put_manifest(layers, n);
	autofree char *d = descriptor(MANIFEST, m, "");
	put_index(d);
	return m;
}

/* ---- importing it ---- */

static void note_warning(void *arg, const char *line)
{
	(void)arg;
	(void)snprintf(last_warning, sizeof last_warning, "%s", line);
}

static void give_back(void)
{
	for (size_t i = 0; i < image.n_layers; i++)
		CHECK_INT(layer_unref(&test_store, image.layers[i], owner, NULL), 0);
	image_done(&image);
}

static int import(const char *ref)
{
	const struct oci_import o = {.store = &test_store,
		.dir_fd = src,
		.text = "test",
		.ref = ref,
		.uuid = owner,
		.host_first = 1900000000,
		.warn = note_warning};
	err = (struct err){0};
	last_warning[0] = '\0';
	int r = oci_import(&o, &image, &err);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
	return r;
}

static void check_good(const char *ref, size_t layers)
{
	CHECK_INT(import(ref), 0);
	if (err.cls)
		printf("# %s (%s)\n", err.msg, err.hint);
	CHECK_INT(image.n_layers, layers);
	CHECK_INT(test_count(test_store.layers_fd, "."), (int)layers);
	give_back();
	CHECK_INT(test_count(test_store.layers_fd, "."), 0);
}

/* Refused with these words, and when what was referenced is given back nothing is left. */
static void check_refused(const char *ref, enum err_class cls, const char *says)
{
	CHECK_INT(import(ref), -1);
	CHECK_INT(err.cls, cls);
	if (!strstr(err.msg, says) && !strstr(err.hint, says))
		printf("# '%s' (%s) should say '%s'\n", err.msg, err.hint, says);
	CHECK(strstr(err.msg, says) || strstr(err.hint, says));
	give_back();
	CHECK_INT(test_count(test_store.layers_fd, "."), 0);
	CHECK_INT(test_count(test_store.staging_fd, "."), 1);
}

TEST(open_store)
{
	test_store_open();
	snprintf(test_store.config.exe_dir, sizeof test_store.config.exe_dir, "%s", EXE_DIR);
}

TEST(a_layout_of_three_layers)
{
	fresh();
	const struct layer l[] = {
		put_layer("etc/a", NULL), put_layer("etc/b", "gzip"), put_layer("etc/c", "zstd")};
	struct blob m = put_image(l, 3);
	CHECK_INT(oci_form_of(src), OCI_FORM_LAYOUT);
	CHECK_INT(import(NULL), 0);
	if (err.cls)
		printf("# %s\n", err.msg);
	CHECK_INT(image.n_layers, 3);
	CHECK_STR(image.layers[0], l[2].diff);
	CHECK_STR(image.layers[1], l[1].diff);
	CHECK_STR(image.layers[2], l[0].diff);
	CHECK(!strncmp(image.digest, "sha256:", 7));
	CHECK_STR(image.digest + 7, m.hex);
	CHECK_STR(image.arch, oci_host_arch());
	CHECK_INT(image.config.cmd.n, 1);
	autofd int fs = layer_open_fs(&test_store, l[1].diff, &err);
	CHECK(test_exists(fs, "etc/b"));
	CHECK(test_exists(test_store.layers_fd, l[2].diff) &&
		test_count(test_store.staging_fd, ".") == 1);
	give_back();
	CHECK_INT(test_count(test_store.layers_fd, "."), 0);
}

TEST(a_stored_layer_is_not_unpacked_again_but_verified)
{
	fresh();
	const struct layer l[] = {put_layer("etc/a", NULL), put_layer("etc/b", "gzip")};
	put_image(l, 2);
	CHECK_INT(import(NULL), 0);
	struct image first = image;
	image = (struct image)IMAGE_EMPTY;
	struct stat before, after;
	CHECK(fstatat(test_store.layers_fd, l[1].diff, &before, 0) == 0);
	/* without a program to unpack with */
	char had[sizeof test_store.config.exe_dir];
	memcpy(had, test_store.config.exe_dir, sizeof had);
	snprintf(test_store.config.exe_dir, sizeof had, "/nonexistent");
	CHECK_INT(import(NULL), 0);
	CHECK_INT(image.n_layers, 2);
	CHECK(fstatat(test_store.layers_fd, l[1].diff, &after, 0) == 0 &&
		before.st_ino == after.st_ino);
	image_done(&image);
	/* One bit of the blob, and it does not count that the layer is there. */
	char path[100];
	(void)snprintf(path, sizeof path, "blobs/sha256/%s", l[1].blob.hex);
	autofree char *bytes = calloc(1, l[1].blob.size);
	put(path, bytes, l[1].blob.size);
	CHECK_INT(import(NULL), -1);
	CHECK(strstr(err.msg, "is damaged"));
	bytes[0] = '\x1f';
	bytes[1] = (char)0x8b;
	put(path, bytes, l[1].blob.size);
	image_done(&image);
	CHECK_INT(import(NULL), -1);
	CHECK(strstr(err.msg, "is damaged"));
	image_done(&image);
	memcpy(test_store.config.exe_dir, had, sizeof had);
	image = first;
	give_back();
	CHECK_INT(test_count(test_store.layers_fd, "."), 0);
}

TEST(the_same_layer_twice_and_opaque_tops)
{
	fresh();
	struct tar t = {0};
	tar_add(&t, (struct tar_entry){.name = ".wh..wh..opq"});
	tar_add(&t, (struct tar_entry){.name = "only", .data = "x"});
	const struct layer a = put_layer("etc/a", NULL), b = put_layer("etc/b", "gzip"),
			   top = put_tar(&t, "gzip");
	const struct layer twice[] = {a, b, a, b, a};
	put_image(twice, 5);
	CHECK_INT(import(NULL), 0);
	CHECK_INT(image.n_layers, 2);
	CHECK_STR(image.layers[0], a.diff);
	CHECK_STR(image.layers[1], b.diff);
	give_back();
	CHECK_INT(test_count(test_store.layers_fd, "."), 0);
	const struct layer covered[] = {a, b, top, a, a};
	put_image(covered, 5);
	CHECK_INT(import(NULL), 0);
	CHECK_INT(image.n_layers, 2);
	CHECK_STR(image.layers[0], a.diff);
	CHECK_STR(image.layers[1], top.diff);
	CHECK_INT(test_count(test_store.layers_fd, "."), 2);
	give_back();
	CHECK_INT(test_count(test_store.layers_fd, "."), 0);
}

TEST(S43_one_flipped_bit_anywhere)
{
	fresh();
	const struct layer l[] = {
		put_layer("etc/a", NULL), put_layer("etc/b", "gzip"), put_layer("etc/c", "zstd")};
	autofree char *c = config_text(l, 3);
	struct blob config = put_text(c);
	struct blob manifest = put_image(l, 3);
	const struct blob *const blobs[] = {&config, &manifest, &l[0].blob, &l[1].blob, &l[2].blob};
	for (size_t i = 0; i < ARRAY_LEN(blobs); i++) {
		char path[100], *bytes = NULL;
		size_t n = blobs[i]->size;
		(void)snprintf(path, sizeof path, "blobs/sha256/%s", blobs[i]->hex);
		CHECK_INT(path_read_file(src, path, 1 << 20, &bytes, NULL, &err), 0);
		for (size_t part = 0; part < 5; part++) {
			size_t at = part == 4 ? n - 1 : n * part / 4 + 9 % n;
			bytes[at] = (char)(bytes[at] ^ 4);
			put(path, bytes, n);
			check_refused(NULL, ERR_FAILED, "is damaged: its digest is sha256:");
			bytes[at] = (char)(bytes[at] ^ 4);
		}
		put(path, bytes, n - 1);
		check_refused(NULL, ERR_FAILED, "bytes long, but is said to have");
		put(path, "", 0);
		check_refused(NULL, ERR_FAILED, "bytes long, but is said to have");
		char *more = calloc(1, n + 512);
		memcpy(more, bytes, n);
		put(path, more, n + 512);
		check_refused(NULL, ERR_FAILED, "bytes long, but is said to have");
		free(more);
		put(path, bytes, n);
		free(bytes);
	}
	check_good(NULL, 3);
}

TEST(S43_digests_that_do_not_belong_together)
{
	fresh();
	const struct layer a = put_layer("etc/a", NULL), b = put_layer("etc/b", "gzip"),
			   c = put_layer("etc/c", "gzip");
	/* a config of another image: right digest, wrong layers */
	autofree char *other = config_text(&c, 1);
	autofree char *m = manifest_text(put_text(other), &b, 1);
	autofree char *d = descriptor(MANIFEST, put_text(m), "");
	put_index(d);
	check_refused(NULL, ERR_FAILED, "but the config says sha256:");
	autofree char *m2 = manifest_text(put_text(other), &a, 1);
	autofree char *d2 = descriptor(MANIFEST, put_text(m2), "");
	put_index(d2);
	check_refused(NULL, ERR_FAILED, "but the config says sha256:");
	const struct layer two[] = {a, b};
	autofree char *m3 = manifest_text(put_text(other), two, 2);
	autofree char *d3 = descriptor(MANIFEST, put_text(m3), "");
	put_index(d3);
	check_refused(NULL, ERR_FAILED, "2 layers, but the config that belongs to it has 1");
	/* said to be compressed in another way: others take that as well */
	struct layer wrong = b;
	wrong.type = TAR "+zstd";
	put_image(&wrong, 1);
	check_good(NULL, 1);
	wrong.type = TAR;
	put_image(&wrong, 1);
	check_good(NULL, 1);
	wrong = put_layer("etc/x", "xz");
	put_image(&wrong, 1);
	check_refused(NULL, ERR_FAILED, "but is xz");
	/* stored under the digest of another one: the blob has to be that tar */
	put_image(&a, 1);
	CHECK_INT(import(NULL), 0);
	struct image stored = image;
	image = (struct image)IMAGE_EMPTY;
	struct layer other_tar = put_layer("etc/y", NULL);
	memcpy(other_tar.diff, a.diff, sizeof a.diff);
	put_image(&other_tar, 1);
	CHECK_INT(import(NULL), -1);
	CHECK(strstr(err.msg, "but the config says sha256:"));
	image_done(&image);
	image = stored;
	give_back();
	/* a blob whose name is its digest, but as config: JSON of the wrong kind */
	autofree char *m4 = manifest_text(put_text(m), &b, 1);
	autofree char *d4 = descriptor(MANIFEST, put_text(m4), "");
	put_index(d4);
	check_refused(NULL, ERR_FAILED, "config 'blobs/sha256/");
	/* a layer that is no tar, a hostile one */
	struct layer rubbish = {.type = TAR, .blob = put_text("rubbish")};
	memcpy(rubbish.diff, rubbish.blob.hex, sizeof rubbish.diff);
	put_image(&rubbish, 1);
	check_refused(NULL, ERR_FAILED, "layer 1 of 1");
	struct tar t = {0};
	tar_add(&t, (struct tar_entry){.name = "../../etc/evil", .data = "x"});
	const struct layer hostile[] = {a, put_tar(&t, "gzip")};
	put_image(hostile, 2);
	check_refused(NULL, ERR_FAILED, "layer 2 of 2");
	CHECK(strstr(err.msg, "'..'"));
}

TEST(B25_indexes)
{
	fresh();
	const struct layer a = put_layer("etc/a", NULL);
	struct blob m = put_manifest(&a, 1);
	char path[100];
	(void)unlinkat(src, "index.json", 0);
	check_refused(NULL, ERR_FAILED, "'index.json' is missing");
	put_index("");
	check_refused(NULL, ERR_FAILED, "its index is empty");
	autofree char *unknown = descriptor("application/vnd.example", m, "");
	put_index(unknown);
	check_refused(NULL, ERR_FAILED, "of the kind 'application/vnd.example'");
	autofree char *d = descriptor(MANIFEST, m, "");
	put_index(d);
	(void)snprintf(path, sizeof path, "blobs/sha256/%s", a.blob.hex);
	(void)unlinkat(src, path, 0);
	check_refused(NULL, ERR_FAILED, "is missing");
	CHECK(mkfifoat(src, path, 0600) == 0);
	check_refused(NULL, ERR_FAILED, "is not a regular file");
	(void)unlinkat(src, path, 0);
	CHECK(symlinkat("../../../../../../../../etc/passwd", src, path) == 0);
	check_refused(NULL, ERR_FAILED, "is missing");
	(void)unlinkat(src, path, 0);
	put_layer("etc/a", NULL);
	check_good(NULL, 1);
	/* an index in an index in ... */
	struct blob at = m;
	const char *type = MANIFEST;
	for (int depth = 0; depth < 6; depth++) {
		autofree char *one = descriptor(type, at, "");
		put_index(one);
		if (depth <= 3)
			check_good(NULL, 1);
		else
			check_refused(NULL, ERR_FAILED, "more than 4 deep");
		autofree char *nested = str_format("{\"schemaVersion\":2,\"mediaType\":\"" INDEX
						   "\",\"manifests\":[%s]}",
			one);
		at = put_text(nested);
		type = INDEX;
	}
	put("oci-layout", "{}", 2);
	check_refused(NULL, ERR_FAILED, "'imageLayoutVersion' is missing");
}

TEST(several_images)
{
	fresh();
	const struct layer a = put_layer("etc/a", NULL), b = put_layer("etc/b", NULL);
	struct blob ma = put_manifest(&a, 1), mb = put_manifest(&b, 1);
	autofree char *da = descriptor(
		MANIFEST, ma, "\"annotations\":{\"org.opencontainers.image.ref.name\":\"one\"}");
	autofree char *db = descriptor(
		MANIFEST, mb, "\"annotations\":{\"org.opencontainers.image.ref.name\":\"two\"}");
	autofree char *both = str_format("%s,%s", da, db);
	put_index(both);
	check_refused(NULL, ERR_USAGE, "it has one, two");
	check_refused("three", ERR_NOT_FOUND, "it has one, two");
	check_good("two", 1);
	/* for other machines */
	autofree char *foreign = descriptor(
		MANIFEST, mb, "\"platform\":{\"os\":\"linux\",\"architecture\":\"s390\"}");
	autofree char *windows = descriptor(
		MANIFEST, mb, "\"platform\":{\"os\":\"windows\",\"architecture\":\"amd64\"}");
	autofree char *attest = descriptor(
		MANIFEST, mb, "\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"}");
	autofree char *own = str_format(
		"\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\"}", oci_host_arch());
	autofree char *mine = descriptor(MANIFEST, ma, own);
	autofree char *list = str_format("%s,%s,%s,%s", foreign, windows, attest, mine);
	put_index(list);
	check_good(NULL, 1);
	autofree char *without = str_format("%s,%s,%s", foreign, windows, attest);
	put_index(without);
	check_refused(NULL, ERR_HOST, "it has linux/s390, windows/amd64");
}

TEST(another_architecture_is_told)
{
	fresh();
	const struct layer a = put_layer("etc/a", NULL);
	autofree char *c = str_format("{\"architecture\":\"vax\",\"os\":\"linux\",\"rootfs\":"
				      "{\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\"]}}",
		a.diff);
	autofree char *m = manifest_text(put_text(c), &a, 1);
	autofree char *d = descriptor(MANIFEST, put_text(m), "");
	put_index(d);
	check_good(NULL, 1);
	CHECK(strstr(last_warning, "for vax"));
	memcpy(strstr(c, "linux"), "plan9", 5);
	autofree char *m2 = manifest_text(put_text(c), &a, 1);
	autofree char *d2 = descriptor(MANIFEST, put_text(m2), "");
	put_index(d2);
	check_refused(NULL, ERR_FAILED, "'plan9', not for linux");
}

/* ---- docker-archives ---- */

static void put_saved(const char *config, const char *tag, const char *layer_a, const char *layer_b)
{
	autofree char *text = str_format("[{\"Config\":\"%s\",\"RepoTags\":[\"%s\"],"
					 "\"Layers\":[\"%s\",\"%s\"]}]",
		config, tag, layer_a, layer_b);
	put("manifest.json", text, strlen(text));
}

TEST(S43_docker_archives)
{
	char path[100], config_path[100], blob_a[100];
	fresh();
	const struct layer l[] = {put_layer("etc/a", NULL), put_layer("etc/b", "gzip")};
	autofree char *c = config_text(l, 2);
	struct blob config = put_text(c);
	(void)unlinkat(src, "oci-layout", 0);
	CHECK_INT(oci_form_of(src), OCI_FORM_NONE);
	/* as podman: names are digests; the second is an old name that says nothing, by a link */
	(void)snprintf(config_path, sizeof config_path, "%s.json", config.hex);
	put(config_path, c, strlen(c));
	(void)snprintf(path, sizeof path, "%s.tar", l[0].diff);
	(void)snprintf(blob_a, sizeof blob_a, "blobs/sha256/%s", l[0].blob.hex);
	CHECK(linkat(src, blob_a, src, path, 0) == 0);
	CHECK(mkdirat(src, "dir", 0755) == 0);
	autofree char *target = str_format("../blobs/sha256/%s", l[1].blob.hex);
	CHECK(symlinkat(target, src, "dir/layer.tar") == 0);
	put_saved(config_path, "a:latest", path, "dir/layer.tar");
	CHECK_INT(oci_form_of(src), OCI_FORM_DOCKER);
	check_good(NULL, 2);
	check_good("a", 2);
	check_good("a:latest", 2);
	check_refused("b", ERR_NOT_FOUND, "it has a:latest");
	/* one stored already: the compressed one has to be unpacked to be known */
	CHECK_INT(import(NULL), 0);
	struct image first = image;
	image = (struct image)IMAGE_EMPTY;
	CHECK_INT(import(NULL), 0);
	image_done(&image);
	image = first;
	give_back();
	/* the order of layers, a config that is not what its name says, a link out of it */
	put_saved(config_path, "a", "dir/layer.tar", path);
	check_refused(NULL, ERR_FAILED, "but the config says sha256:");
	put_saved(config_path, "a", path, path);
	check_refused(NULL, ERR_FAILED, "but the config says sha256:");
	put_saved(config_path, "a", path, "missing.tar");
	check_refused(NULL, ERR_FAILED, "'missing.tar' is missing");
	put_saved(config_path, "a", path, "dir");
	check_refused(NULL, ERR_FAILED, "not a regular file");
	put_saved(config_path, "a", path, "dir/layer.tar");
	(void)unlinkat(src, "dir/layer.tar", 0);
	CHECK(symlinkat("/etc/passwd", src, "dir/layer.tar") == 0);
	check_refused(NULL, ERR_FAILED, "'dir/layer.tar' is missing");
	autofree char *spaced = str_format("%s ", c);
	put(config_path, spaced, strlen(spaced));
	check_refused(NULL, ERR_FAILED, "is damaged");
	put("plain.json", spaced, strlen(spaced));
	put_saved("plain.json", "a", path, target + 3);
	check_good(NULL, 2);
	/* A layer whose name is a digest is what the name says, whatever the config says. */
	(void)snprintf(path, sizeof path, "%s.tar", l[1].diff);
	CHECK(linkat(src, blob_a, src, path, 0) == 0);
	put_saved("plain.json", "a", path, target + 3);
	check_refused(NULL, ERR_FAILED, "is damaged");
	put("manifest.json", "[]", 2);
	check_refused(NULL, ERR_FAILED, "it lists 0 images");
	put("manifest.json", "{}", 2);
	check_refused(NULL, ERR_FAILED, "must be a JSON array");
}

TEST(S43_a_blob_of_holes_is_not_read)
{
	fresh();
	const struct layer a = put_layer("etc/a", NULL);
	autofree char *c = config_text(&a, 1);
	(void)unlinkat(src, "oci-layout", 0);
	put("config", c, strlen(c));
	put("layer.tar", "", 0);
	const char saved[] = "[{\"Config\":\"config\",\"Layers\":[\"layer.tar\"]}]";
	put("manifest.json", saved, sizeof saved - 1);
	autofd int fd = openat(src, "layer.tar", O_WRONLY | O_CLOEXEC);
	CHECK(ftruncate(fd, INT64_C(1) << 43) == 0);
	check_refused(NULL, ERR_FAILED, "limit of 68719476736 bytes");
	check_refused(NULL, ERR_FAILED, "unpack_max_bytes");
	autofd int config = openat(src, "config", O_WRONLY | O_CLOEXEC);
	CHECK(ftruncate(config, INT64_C(1) << 43) == 0);
	check_refused(NULL, ERR_FAILED, "longer than 4194304");
}

TEST(tags_of_docker_archives)
{
	static const char *const names[][2] = {{"docker.io/library/alpine:latest", "x:1"},
		{"quay.io/a/alpine:2", "y"}, {"localhost/alpine:2", "docker.io/library/y:latest"}};
	struct oci_saved saved[3];
	const struct oci_saved_list all = {saved, 3};
	const struct {
		const char *ref;
		int which; /* -1 none, -2 several */
	} cases[] = {{"alpine", 0}, {"alpine:latest", 0}, {"library/alpine", 0}, {"x:1", 0},
		{"a/alpine:2", 1}, {"localhost/alpine:2", 2}, {"y", 1}, {"alpine:2", -2}, {"x", -1},
		{"pine", -1}, {"", -1}, {"docker.io", -1}, {NULL, -2}};
	for (size_t i = 0; i < 3; i++)
		saved[i] = (struct oci_saved){.tags = {(char **)(uintptr_t)names[i], 2}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct oci_saved *got = NULL;
		err = (struct err){0};
		int r = oci_pick_saved(&all, cases[i].ref, &got, &err);
		CHECK_INT(r, cases[i].which < 0 ? -1 : 0);
		if (cases[i].which >= 0)
			CHECK(got == &saved[cases[i].which]);
		else
			CHECK_INT(err.cls, cases[i].which == -1 ? ERR_NOT_FOUND : ERR_USAGE);
	}
}

TEST(a_root_is_no_image)
{
	fresh();
	put("manifest.json", "[]", 2);
	CHECK_INT(oci_form_of(src), OCI_FORM_LAYOUT);
	(void)mkdirat(src, "etc", 0755);
	CHECK_INT(oci_form_of(src), OCI_FORM_NONE);
	check_refused(NULL, ERR_FAILED, "no image");
}

TEST(whiteouts_arrive)
{
	fresh();
	struct tar t = {0};
	tar_add(&t, (struct tar_entry){.name = "etc/.wh.a"});
	tar_add(&t, (struct tar_entry){.name = "new/.wh..wh..opq"});
	const struct layer l[] = {put_layer("etc/a", NULL), put_tar(&t, "gzip")};
	put_image(l, 2);
	CHECK_INT(import(NULL), 0);
	struct stat st;
	char path[200];
	autofd int fs = layer_open_fs(&test_store, l[1].diff, &err);
	CHECK(fstatat(fs, "etc/a", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) &&
		st.st_rdev == makedev(0, 0));
	(void)snprintf(path, sizeof path, "%s/new", fd_path(fs).s);
	CHECK_INT(getxattr(path, "trusted.overlay.opaque", NULL, 0), 1);
	give_back();
}

TEST(close_store)
{
	fd_close(&src);
	test_store_close();
}

TEST_MAIN()
