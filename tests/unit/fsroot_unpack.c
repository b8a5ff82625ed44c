/* What cella-unpack refuses and what it writes, archive by archive (S20, B25 to B37). Runs the
 * library behind the program, as root, in a directory of its own; without root the ownership part
 * is void. */
#include "base/fd.h"
#include "base/path.h"
#include "fsroot/unpack/name.h"
#include "fsroot/unpack/tar.h"
#include "tests/unit/fsroot_tar.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static char base_dir[] = "/tmp/cella-unpack-XXXXXX";
static int base_fd = -1;
static struct err err;
static struct stream_end end;
static struct writer w;

__attribute__((constructor)) static void set_up(void)
{
	if (geteuid() != 0) {
		puts("1..0 # SKIP needs root");
		(void)fflush(stdout);
		_exit(77);
	}
	if (!mkdtemp(base_dir) ||
		(base_fd = open(base_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		_exit(99);
}

__attribute__((destructor)) static void tear_down(void)
{
	autofd int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)path_remove_tree(tmp, base_dir + strlen("/tmp/"), NULL);
}

/* A fresh directory "root" beside "canary". */
static int fresh_root(void)
{
	(void)path_remove_tree(base_fd, "root", NULL);
	(void)path_remove_tree(base_fd, "canary", NULL);
	(void)mkdirat(base_fd, "root", 0755);
	(void)mkdirat(base_fd, "canary", 0755);
	return openat(base_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int unpack_limited(struct tar *t, uint64_t entries, uint64_t bytes)
{
	autofd int root = fresh_root(), fd = tar_fd(t);
	tar_done(t);
	err = (struct err){0};
	if (writer_init(&w, root, entries, bytes, &err) < 0)
		return -1;
	struct stream *s = stream_open(fd, bytes * 2 + 1000000, &err);
	int r = s ? tar_unpack(s, &w, &end, &err) : -1;
	stream_free(s);
	if (r == 0)
		r = writer_finish(&w, &err);
	writer_done(&w);
	/* Whatever it was: nothing beside the root. */
	struct stat st;
	CHECK(fstatat(base_fd, "canary", &st, 0) == 0 && st.st_nlink == 2);
	return r;
}

static int unpack(struct tar *t)
{
	return unpack_limited(t, 1000, 1 << 20);
}

static bool says(const char *text)
{
	if (!strstr(err.msg, text))
		printf("# message: %s\n", err.msg);
	return strstr(err.msg, text) != NULL;
}

static bool look(const char *path, struct stat *st)
{
	char full[300];
	(void)snprintf(full, sizeof full, "root/%s", path);
	return fstatat(base_fd, full, st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* One entry alone is refused with these words. */
static void check_refused(struct tar_entry en, const char *text)
{
	struct tar t = {0};
	tar_add(&t, (struct tar_entry){.name = "first", .data = "x"});
	tar_add(&t, en);
	tar_end(&t);
	CHECK_INT(unpack(&t), -1);
	CHECK_INT(err.cls, ERR_FAILED);
	CHECK(says(text));
}

TEST(names_are_normalized)
{
	char out[NAME_PATH_MAX];
	CHECK_INT(name_normalize("./a//b/./c/", out), NAME_OK);
	CHECK_STR(out, "a/b/c");
	CHECK_INT(name_normalize("./", out), NAME_IS_ROOT);
	CHECK_INT(name_normalize("", out), NAME_EMPTY);
	CHECK_INT(name_normalize(NULL, out), NAME_EMPTY);
	CHECK_INT(name_normalize("/etc", out), NAME_ABSOLUTE);
	CHECK_INT(name_normalize("a/../b", out), NAME_DOTDOT);
	CHECK_INT(name_normalize("..", out), NAME_DOTDOT);
	CHECK_INT(name_normalize("...", out), NAME_OK);
	char longer[5000];
	memset(longer, 'a', sizeof longer);
	longer[255] = '\0';
	CHECK_INT(name_normalize(longer, out), NAME_OK);
	longer[255] = 'a';
	longer[256] = '\0';
	CHECK_INT(name_normalize(longer, out), NAME_TOO_LONG);
	for (size_t i = 0; i < sizeof longer; i++)
		longer[i] = i % 2 ? '/' : 'a';
	longer[4999] = '\0';
	CHECK_INT(name_normalize(longer, out), NAME_TOO_LONG);
	longer[4096] = '\0';
	CHECK_INT(name_normalize(longer, out), NAME_OK);
	CHECK_INT(strlen(out), 4095);
}

TEST(links_that_climb)
{
	CHECK(!name_link_climbs("a", "b"));
	CHECK(name_link_climbs("a", "../b"));
	CHECK(!name_link_climbs("x/a", "../b"));
	CHECK(name_link_climbs("x/a", "../../b"));
	CHECK(name_link_climbs("x/a", "y/../../../b"));
	CHECK(!name_link_climbs("x/a", "/etc/passwd"));
	CHECK(!name_link_climbs("x/a", "./y/../z"));
	CHECK(name_is_in_dev("dev/null") && name_is_in_dev("dev") && !name_is_in_dev("devices/x"));
}

TEST(ordinary_archive_is_written_as_it_is)
{
	struct tar t = {0};
	struct stat st;
	tar_add(&t, (struct tar_entry){.name = "./", .type = '5', .mode = 0755, .mtime = 1000});
	tar_add(&t, (struct tar_entry){
			    .name = "./d/", .type = '5', .mode = 0555, .mtime = 2000, .uid = 7});
	tar_add(&t, (struct tar_entry){.name = "d/f",
			    .data = "hello",
			    .mode = 04755,
			    .uid = 1000,
			    .gid = 65535,
			    .mtime = 3000});
	tar_add(&t, (struct tar_entry){.name = "d/l", .type = '2', .link = "/etc/passwd"});
	tar_add(&t, (struct tar_entry){.name = "h", .type = '1', .link = "./d/f"});
	tar_add(&t, (struct tar_entry){.name = "p", .type = '6', .mode = 0600});
	tar_add(&t, (struct tar_entry){.name = "made/on/the/way", .data = ""});
	tar_add(&t, (struct tar_entry){.name = "dev/null", .type = '3'});
	tar_end(&t);
	CHECK_INT(unpack(&t), 0);
	CHECK_INT(w.skipped_devices, 1);
	CHECK_INT(w.n_warnings, 1);
	CHECK_INT(w.entries, 11);
	CHECK_INT(w.bytes, 5);
	CHECK(look("d", &st) && (st.st_mode & 07777) == 0555 && st.st_uid == 7 &&
		st.st_mtim.tv_sec == 2000);
	CHECK(look(".", &st) && st.st_mtim.tv_sec == 1000);
	CHECK(look("d/f", &st) && (st.st_mode & 07777) == 04755 && st.st_uid == 1000 &&
		st.st_gid == 65535 && st.st_mtim.tv_sec == 3000 && st.st_size == 5 &&
		st.st_nlink == 2);
	CHECK(look("d/l", &st) && S_ISLNK(st.st_mode));
	CHECK(look("p", &st) && S_ISFIFO(st.st_mode));
	CHECK(look("made/on/the/way", &st) && st.st_size == 0);
	CHECK(!look("dev/null", &st));
}

TEST(names_that_leave_the_root)
{
	check_refused((struct tar_entry){.name = "/etc/evil"}, "absolute");
	check_refused((struct tar_entry){.name = "../canary/evil"}, "'..'");
	check_refused((struct tar_entry){.name = "a/../../canary/evil"}, "'..'");
	check_refused((struct tar_entry){.name = "./", .type = '2', .link = "x"}, "top directory");
	check_refused(
		(struct tar_entry){.name = "./", .type = '1', .link = "first"}, "top directory");
	check_refused((struct tar_entry){.name = "l", .type = '2', .link = "../canary"}, "climbs");
	check_refused((struct tar_entry){.name = "l", .type = '2', .link = ""}, "target");
}

TEST(hard_links_that_leave_the_root)
{
	check_refused(
		(struct tar_entry){.name = "h", .type = '1', .link = "/etc/passwd"}, "absolute");
	check_refused((struct tar_entry){.name = "h", .type = '1', .link = "../canary"}, "'..'");
	check_refused((struct tar_entry){.name = "h", .type = '1', .link = "missing"}, "not there");
	check_refused((struct tar_entry){.name = "h", .type = '1', .link = "no/file"}, "not there");
	check_refused((struct tar_entry){.name = "h", .type = '1', .link = "."}, "top directory");
	/* libarchive takes no data with such a link: then the data is no header. */
	check_refused(
		(struct tar_entry){.name = "h", .type = '1', .link = "first", .data = "evil"}, "");
	check_refused((struct tar_entry){.name = "h", .type = '1', .link = "first/x"}, "not there");
}

TEST(a_link_is_never_crossed)
{
	static const char *const targets[] = {"/", "/tmp", "d", "first", "l", "nowhere"};
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		struct tar t = {0};
		tar_add(&t, (struct tar_entry){.name = "d", .type = '5'});
		tar_add(&t, (struct tar_entry){.name = "first", .data = "x"});
		tar_add(&t, (struct tar_entry){.name = "l", .type = '2', .link = targets[i]});
		tar_add(&t, (struct tar_entry){.name = "l/evil", .data = "x"});
		tar_end(&t);
		CHECK_INT(unpack(&t), -1);
		CHECK(says("symbolic link"));
		struct tar h = {0};
		tar_add(&h, (struct tar_entry){.name = "d", .type = '5'});
		tar_add(&h, (struct tar_entry){.name = "l", .type = '2', .link = targets[i]});
		tar_add(&h, (struct tar_entry){.name = "h", .type = '1', .link = "l/passwd"});
		tar_end(&h);
		CHECK_INT(unpack(&h), -1);
	}
	check_refused((struct tar_entry){.name = "first/below"}, "not a directory");
}

TEST(link_written_through)
{
	struct tar t = {0};
	struct stat st;
	/* A file of the name of a link replaces the link; what it led to is untouched. */
	tar_add(&t, (struct tar_entry){.name = "real", .data = "kept"});
	tar_add(&t, (struct tar_entry){.name = "l", .type = '2', .link = "real"});
	tar_add(&t, (struct tar_entry){.name = "l", .data = "new content"});
	/* The same by a hard link to a link. */
	tar_add(&t, (struct tar_entry){.name = "m", .type = '2', .link = "real"});
	tar_add(&t, (struct tar_entry){.name = "n", .type = '1', .link = "m"});
	tar_add(&t, (struct tar_entry){.name = "n", .data = "other"});
	/* directory -> link -> directory */
	tar_add(&t, (struct tar_entry){.name = "d", .type = '5'});
	tar_add(&t, (struct tar_entry){.name = "d", .type = '2', .link = "/"});
	tar_add(&t, (struct tar_entry){.name = "d", .type = '5'});
	tar_add(&t, (struct tar_entry){.name = "d/x", .data = "inside"});
	tar_end(&t);
	CHECK_INT(unpack(&t), 0);
	CHECK(look("real", &st) && st.st_size == 4);
	CHECK(look("l", &st) && S_ISREG(st.st_mode) && st.st_size == 11);
	CHECK(look("m", &st) && S_ISLNK(st.st_mode));
	CHECK(look("d/x", &st) && st.st_size == 6);
}

TEST(directory_replaced_while_it_is_the_cached_parent)
{
	struct tar t = {0};
	struct stat st;
	tar_add(&t, (struct tar_entry){.name = "d/a", .type = '5'});
	tar_add(&t, (struct tar_entry){.name = "d/a/f", .type = '6'});
	tar_add(&t, (struct tar_entry){.name = "d/a/f", .type = '5'});
	tar_add(&t, (struct tar_entry){.name = "d/a/f/g", .type = '5'});
	tar_add(&t, (struct tar_entry){.name = "d/a/f/g", .data = "x"});
	tar_end(&t);
	CHECK_INT(unpack(&t), 0);
	CHECK(look("d/a/f/g", &st) && S_ISREG(st.st_mode));
	struct tar full = {0};
	tar_add(&full, (struct tar_entry){.name = "d/f", .data = "x"});
	tar_add(&full, (struct tar_entry){.name = "d", .data = "x"});
	tar_end(&full);
	CHECK_INT(unpack(&full), -1);
	CHECK(says("with content"));
}

TEST(things_without_a_place)
{
	check_refused((struct tar_entry){.name = "etc/null", .type = '3'}, "device");
	check_refused((struct tar_entry){.name = "disk", .type = '4'}, "device");
	check_refused((struct tar_entry){.name = "f", .uid = 65536}, "65536:0");
	check_refused((struct tar_entry){.name = "f", .gid = 70000}, "0:70000");
	struct tar t = {0};
	tar_add_pax(&t, "SCHILY.xattr.trusted.overlay.redirect", "/x", 2);
	tar_add(&t, (struct tar_entry){.name = "d", .type = '5'});
	tar_end(&t);
	CHECK_INT(unpack(&t), -1);
	CHECK(says("trusted.overlay.redirect"));
	struct tar u = {0};
	tar_add_pax(&u, "SCHILY.xattr.user.overlay.opaque", "y", 1);
	tar_add(&u, (struct tar_entry){.name = "d", .type = '5'});
	tar_end(&u);
	CHECK_INT(unpack(&u), -1);
	CHECK(says("user.overlay.opaque"));
	struct tar n = {0};
	tar_add_pax(&n, "uid", "-1", 2);
	tar_add(&n, (struct tar_entry){.name = "d", .type = '5'});
	tar_end(&n);
	CHECK_INT(unpack(&n), -1);
}

TEST(attributes_are_kept)
{
	struct tar t = {0};
	char value[64], path[300];
	const char cap[20] = {1, 0, 0, 2, 0, 4};
	tar_add_pax(&t, "SCHILY.xattr.security.capability", cap, sizeof cap);
	tar_add(&t, (struct tar_entry){.name = "ping", .data = "x", .mode = 0755});
	tar_add_pax(&t, "SCHILY.xattr.user.note", "a\0b", 3);
	tar_add(&t, (struct tar_entry){.name = "n", .data = "x"});
	tar_add_pax(&t, "SCHILY.xattr.security.selinux", "label", 5);
	tar_add(&t, (struct tar_entry){.name = "s", .data = "x"});
	tar_add_pax(&t, "SCHILY.acl.access",
		"user::rw-,user:1000:r--,group::r--,mask::r--,other::---", 55);
	tar_add(&t, (struct tar_entry){.name = "a", .data = "x", .mode = 0640});
	tar_end(&t);
	CHECK_INT(unpack(&t), 0);
	if (err.cls)
		printf("# %s\n", err.msg);
	(void)snprintf(path, sizeof path, "%s/root/ping", base_dir);
	CHECK_INT(getxattr(path, "security.capability", value, sizeof value), 20);
	(void)snprintf(path, sizeof path, "%s/root/n", base_dir);
	CHECK_INT(getxattr(path, "user.note", value, sizeof value), 3);
	(void)snprintf(path, sizeof path, "%s/root/s", base_dir);
	CHECK(getxattr(path, "security.selinux", value, sizeof value) < 0);
	(void)snprintf(path, sizeof path, "%s/root/a", base_dir);
	CHECK_INT(getxattr(path, "system.posix_acl_access", value, sizeof value), 4 + 5 * 8);
}

TEST(access_lists_of_nobody)
{
	static const struct {
		const char *acl, *says;
	} cases[] = {
		{"user::rw-,user:joe:r--,group::r--,mask::r--,other::---", "the name 'joe' and no"},
		{"user::rw-,user:joe:r--:70000,group::r--,mask::r--,other::---", "ids outside 0"},
		{"user::rw-,user:70000:r--,group::r--,mask::r--,other::---", "ids outside 0"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct tar t = {0};
		tar_add_pax(&t, "SCHILY.acl.access", cases[i].acl, strlen(cases[i].acl));
		tar_add(&t, (struct tar_entry){.name = "a", .data = "x", .mode = 0640});
		tar_end(&t);
		CHECK_INT(unpack(&t), -1);
		CHECK(says(cases[i].says));
	}
}

static void sample(struct tar *t, bool with_end)
{
	char data[3000];
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (char)('a' + i % 23);
	tar_add(t, (struct tar_entry){.name = "a", .data = data, .size = sizeof data});
	tar_add(t, (struct tar_entry){.name = "b", .data = data, .size = sizeof data});
	if (with_end)
		tar_end(t);
}

TEST(every_compression_gives_the_same_digest)
{
	static const char *const filters[] = {"gzip", "xz", "zstd", "bzip2"};
	struct tar t = {0};
	char plain[65];
	sample(&t, true);
	CHECK_INT(unpack(&t), 0);
	memcpy(plain, end.sha256, sizeof plain);
	for (size_t i = 0; i < 4; i++) {
		struct tar c = {0};
		sample(&c, true);
		tar_compress(&c, filters[i]);
		CHECK_INT(unpack(&c), 0);
		if (err.cls)
			printf("# %s: %s\n", filters[i], err.msg);
		CHECK_STR(end.sha256, plain);
	}
}

TEST(truncated_anywhere)
{
	static const char *const filters[] = {"none", "gzip", "xz", "zstd", "bzip2"};
	for (size_t f = 0; f < 5; f++) {
		struct tar whole = {0};
		sample(&whole, true);
		if (f)
			tar_compress(&whole, filters[f]);
		size_t last = f ? whole.len : whole.len - 1024;
		for (size_t i = 0; i < 40; i++) {
			struct tar cut = {0};
			size_t len = last * i / 40;
			tar_append(&cut, whole.bytes, len);
			int r = unpack(&cut);
			CHECK_INT(r, -1);
			if (r == 0)
				printf("# %s cut at %zu of %zu\n", filters[f], len, whole.len);
		}
		tar_done(&whole);
	}
}

TEST(garbage_behind_the_end)
{
	static const char *const filters[] = {"none", "gzip", "xz", "zstd", "bzip2"};
	for (size_t f = 0; f < 5; f++) {
		struct tar t = {0};
		sample(&t, true);
		if (f)
			tar_compress(&t, filters[f]);
		tar_append(&t, "garbage!", 8);
		int r = unpack(&t);
		CHECK_INT(r, -1);
		if (r == 0)
			printf("# %s\n", filters[f]);
	}
	struct tar two = {0};
	sample(&two, true);
	sample(&two, true);
	CHECK_INT(unpack(&two), -1);
	CHECK(says("garbage"));
	struct tar padded = {0};
	sample(&padded, true);
	tar_append(&padded, NULL, 20000);
	CHECK_INT(unpack(&padded), 0);
}

TEST(flipped_bytes_in_gzip_are_seen)
{
	for (size_t i = 1; i < 12; i++) {
		struct tar t = {0};
		sample(&t, true);
		tar_compress(&t, "gzip");
		t.bytes[10 + (t.len - 11) * i / 12] ^= 0x10;
		CHECK_INT(unpack(&t), -1);
	}
}

TEST(no_archives)
{
	struct tar t = {0};
	CHECK_INT(unpack(&t), -1);
	CHECK(says("empty"));
	tar_append(&t, "PK\3\4 this is a zip file, not a tar archive", 42);
	CHECK_INT(unpack(&t), -1);
	CHECK(says("not a tar"));
	tar_append(&t, "#!/bin/sh\n", 10);
	CHECK_INT(unpack(&t), -1);
	CHECK(says("not a tar"));
	tar_append(&t, "\x1f\x8b nonsense nonsense nonsense", 29);
	CHECK_INT(unpack(&t), -1);
	tar_append(&t, "BZh9 nonsense nonsense nonsense", 31);
	CHECK_INT(unpack(&t), -1);
	tar_append(&t, "\x28\xb5\x2f\xfd nonsense nonsense", 22);
	CHECK_INT(unpack(&t), -1);
	tar_end(&t); /* nothing but zeros */
	CHECK_INT(unpack(&t), -1);
	sample(&t, true);
	tar_compress(&t, "zstd");
	tar_compress(&t, "zstd");
	CHECK_INT(unpack(&t), -1);
	CHECK(says("more than once"));
}

TEST(limits)
{
	struct tar t = {0};
	char name[40];
	for (int i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof name, "f%d", i);
		tar_add(&t, (struct tar_entry){.name = name});
	}
	tar_end(&t);
	CHECK_INT(unpack_limited(&t, 10, 1 << 20), -1);
	CHECK(says("limit of 10 entries"));
	CHECK(strstr(err.hint, "unpack_max_entries"));
	/* Directories made on the way count as well. */
	tar_add(&t, (struct tar_entry){.name = "a/b/c/d/e/f/g/h/i/j/k/l"});
	tar_end(&t);
	CHECK_INT(unpack_limited(&t, 10, 1 << 20), -1);
	CHECK(says("limit of 10 entries"));
	sample(&t, true);
	CHECK_INT(unpack_limited(&t, 10, 4000), -1);
	CHECK(says("limit of 4000 bytes"));
	CHECK(strstr(err.hint, "unpack_max_bytes"));
	/* A bomb: 64 MiB of zeros in 64 KiB. */
	char *zeros = calloc(1, 64 << 20);
	tar_add(&t, (struct tar_entry){.name = "z", .data = zeros, .size = 64 << 20});
	free(zeros);
	tar_end(&t);
	tar_compress(&t, "gzip");
	CHECK(t.len < 1 << 20);
	CHECK_INT(unpack(&t), -1);
	CHECK(says("limit of"));
}

TEST(long_and_odd_names)
{
	struct tar t = {0};
	struct stat st;
	char name[5000];
	memset(name, 'n', 300);
	tar_add_pax(&t, "path", name, 255);
	tar_add(&t, (struct tar_entry){.name = "x", .data = "1"});
	tar_add(&t, (struct tar_entry){.name = "new\nline\033[31m", .data = "2"});
	tar_add(&t, (struct tar_entry){.name = "latin-\xe9", .data = "3"});
	tar_add_pax(&t, "path", "utf8-\xc3\xa9", 7);
	tar_add(&t, (struct tar_entry){.name = "x", .data = "4"});
	tar_add_pax(&t, "path", "nfd-e\xcc\x81", 7);
	tar_add(&t, (struct tar_entry){.name = "x", .data = "5"});
	tar_end(&t);
	CHECK_INT(unpack(&t), 0);
	if (err.cls)
		printf("# %s\n", err.msg);
	CHECK(look("latin-\xe9", &st));
	CHECK(look("utf8-\xc3\xa9", &st));
	CHECK(look("nfd-e\xcc\x81", &st));
	CHECK(look("new\nline\033[31m", &st));
	tar_add_pax(&t, "path", name, 256);
	tar_add(&t, (struct tar_entry){.name = "x", .data = "1"});
	tar_end(&t);
	CHECK_INT(unpack(&t), -1);
	CHECK(says("too long"));
	/* What is shown of a name does not act on a terminal. */
	tar_add(&t, (struct tar_entry){.name = "/evil\033[31m\n"});
	tar_end(&t);
	CHECK_INT(unpack(&t), -1);
	CHECK(!strchr(err.msg, '\033') && !strchr(err.msg, '\n'));
}

TEST(sparse_file_stays_sparse)
{
	struct tar t = {0};
	struct stat st;
	/* GNU sparse 1.0: the map is in front of the data. */
	char data[1024] = "1\n1073741824\n512\n";
	memset(data + 512, 'x', 512);
	const char *records = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
			      "25 GNU.sparse.name=disk2\n34 GNU.sparse.realsize=2147483648\n";
	tar_add(&t, (struct tar_entry){.name = "p", .type = 'x', .data = records});
	tar_add(&t, (struct tar_entry){.name = "disk", .data = data, .size = sizeof data});
	tar_end(&t);
	CHECK_INT(unpack(&t), 0);
	if (err.cls)
		printf("# %s\n", err.msg);
	CHECK(look("disk2", &st) && st.st_size == INT64_C(2147483648) && st.st_blocks < 64);
}

TEST_MAIN()
