/* Layers of images through cella-unpack as it runs (B25, B28, B30): whiteouts, opaque directories,
 * and bytes that the caller looks at on their way. Needs root and a file system that maps ids. */
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "fsroot/import.h"
#include "fsroot/unpack/name.h"
#include "tests/unit/fsroot_tar.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

enum {
	FIRST_ID = 1900000000
};

static char base_dir[] = "/var/tmp/cella-layers-XXXXXX";
static int base_fd = -1;
static struct import_result result;
static struct err err;

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
	autofd int tmp = open("/var/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)path_remove_tree(tmp, base_dir + strlen("/var/tmp/"), NULL);
}

static int import(struct tar *t, bool is_layer, const struct import_feed *feed)
{
	(void)path_remove_tree(base_fd, "fs", NULL);
	(void)mkdirat(base_fd, "fs", 0755);
	autofd int dest = openat(base_fd, "fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofd int fd = tar_fd(t);
	tar_done(t);
	const struct import_plan plan = {
		.archive_fd = fd,
		.feed = feed,
		.dest_dir_fd = dest,
		.host_first = FIRST_ID,
		.program = CELLA_UNPACK,
		.is_layer = is_layer,
	};
	err = (struct err){0};
	result = (struct import_result){0};
	int r = import_archive(&plan, &result, &err);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
	return r;
}

static int layer(struct tar *t)
{
	tar_end(t);
	int r = import(t, true, NULL);
	if (r < 0)
		printf("# %s\n", err.msg);
	return r;
}

static struct stat look(const char *path)
{
	char full[400];
	struct stat st = {0};
	(void)snprintf(full, sizeof full, "fs/%s", path);
	(void)fstatat(base_fd, full, &st, AT_SYMLINK_NOFOLLOW);
	return st;
}

static bool is_whiteout(const char *path)
{
	struct stat st = look(path);
	return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0) && st.st_uid == 0;
}

static bool is_opaque(const char *path)
{
	char full[400], value[4];
	(void)snprintf(full, sizeof full, "%s/fs/%s", base_dir, path);
	return getxattr(full, "trusted.overlay.opaque", value, sizeof value) == 1 &&
	       value[0] == 'y';
}

TEST(whiteout_names)
{
	static const struct {
		const char *path;
		enum name_whiteout kind;
		const char *hidden;
	} cases[] = {
		{"a", NAME_WHITEOUT_NONE, NULL},
		{"", NAME_WHITEOUT_NONE, NULL},
		{"wh.a", NAME_WHITEOUT_NONE, NULL},
		{"x.wh.a", NAME_WHITEOUT_NONE, NULL},
		{".wh", NAME_WHITEOUT_NONE, NULL},
		{".WH.a", NAME_WHITEOUT_NONE, NULL},
		{".wh.a", NAME_WHITEOUT_ONE, "a"},
		{"d/e/.wh.a", NAME_WHITEOUT_ONE, "a"},
		{".wh....", NAME_WHITEOUT_ONE, "..."},
		{".wh.wh.a", NAME_WHITEOUT_ONE, "wh.a"},
		{".wh..wh..opq", NAME_WHITEOUT_OPAQUE, NULL},
		{"d/.wh..wh..opq", NAME_WHITEOUT_OPAQUE, NULL},
		{".wh.", NAME_WHITEOUT_BAD, NULL},
		{".wh..", NAME_WHITEOUT_BAD, NULL},
		{".wh...", NAME_WHITEOUT_BAD, NULL},
		{"d/.wh...", NAME_WHITEOUT_BAD, NULL},
		{".wh.a/b", NAME_WHITEOUT_BAD, NULL},
		{".wh./etc", NAME_WHITEOUT_BAD, NULL},
		{".wh..wh..opq/b", NAME_WHITEOUT_BAD, NULL},
		{".wh..wh.a", NAME_WHITEOUT_BAD, NULL},
		{".wh..wh.plnk", NAME_WHITEOUT_BAD, NULL},
		{".wh..wh..opq2", NAME_WHITEOUT_BAD, NULL},
		{"a/.wh.b/.wh.c", NAME_WHITEOUT_BAD, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *hidden = NULL;
		CHECK_INT(name_whiteout(cases[i].path, &hidden), cases[i].kind);
		if (cases[i].hidden)
			CHECK_STR(hidden, cases[i].hidden);
	}
}

TEST(whiteouts_become_devices_0_0)
{
	struct tar t = {0};
	char longest[256] = ".wh.";
	memset(longest + 4, 'n', 251);
	tar_add(&t, (struct tar_entry){.name = "d/", .type = '5', .mode = 0750, .mtime = 1000});
	tar_add(&t, (struct tar_entry){.name = "d/.wh.gone", .uid = 70000});
	tar_add(&t, (struct tar_entry){.name = "d/f", .data = "here"});
	tar_add(&t, (struct tar_entry){.name = ".wh.top"});
	tar_add(&t, (struct tar_entry){.name = "made/on/the/way/.wh.x"});
	tar_add(&t, (struct tar_entry){.name = ".wh.top"});
	tar_add(&t, (struct tar_entry){.name = ".wh.latin-\xe9\n"});
	tar_add_pax(&t, "path", longest, 255);
	tar_add(&t, (struct tar_entry){.name = "x"});
	CHECK_INT(layer(&t), 0);
	CHECK(is_whiteout("d/gone") && is_whiteout("top") && is_whiteout("made/on/the/way/x") &&
		is_whiteout("latin-\xe9\n") && is_whiteout(longest + 4));
	CHECK(look("d/f").st_size == 4 && look("d").st_mtim.tv_sec == 1000 &&
		(look("d").st_mode & 07777) == 0750);
	CHECK(!look(".wh.top").st_mode && !look("d/.wh.gone").st_mode);
	CHECK_INT(result.opaque_dirs, 0);
	CHECK(!is_opaque("d"));
}

TEST(opaque_directories_are_marked)
{
	struct tar t = {0};
	tar_add(&t, (struct tar_entry){.name = "d/", .type = '5'});
	tar_add(&t, (struct tar_entry){.name = "d/.wh..wh..opq"});
	tar_add(&t, (struct tar_entry){.name = "d/f", .data = "here"});
	/* in front of its directory, twice, and with bytes that no line can carry */
	tar_add(&t, (struct tar_entry){.name = "e \n%41\xff/g/.wh..wh..opq"});
	tar_add(&t, (struct tar_entry){.name = "e \n%41\xff/g/.wh..wh..opq"});
	tar_add(&t, (struct tar_entry){.name = "e \n%41\xff/g", .type = '5', .mode = 0700});
	tar_add(&t, (struct tar_entry){.name = "other", .type = '5'});
	CHECK_INT(layer(&t), 0);
	CHECK(is_opaque("d") && is_opaque("e \n%41\xff/g"));
	CHECK(!is_opaque("e \n%41\xff") && !is_opaque("other") && !is_opaque("."));
	CHECK_INT(look("e \n%41\xff/g").st_mode & 07777, 0700);
	CHECK(look("d/f").st_size == 4 && !look("d/.wh..wh..opq").st_mode);
	tar_add(&t, (struct tar_entry){.name = ".wh..wh..opq"});
	tar_add(&t, (struct tar_entry){.name = "f", .data = "here"});
	CHECK_INT(layer(&t), 0);
	CHECK(is_opaque("."));
}

/* Whatever the order: what a layer has itself is not what it hides. */
TEST(a_whiteout_is_about_lower_layers_only)
{
	struct tar t = {0};
	tar_add(&t, (struct tar_entry){.name = "before", .data = "kept"});
	tar_add(&t, (struct tar_entry){.name = ".wh.before"});
	tar_add(&t, (struct tar_entry){.name = ".wh.behind"});
	tar_add(&t, (struct tar_entry){.name = "behind", .data = "kept"});
	tar_add(&t, (struct tar_entry){.name = "dir-before/f", .data = "kept"});
	tar_add(&t, (struct tar_entry){.name = ".wh.dir-before"});
	tar_add(&t, (struct tar_entry){.name = "x/.wh.dir-behind"});
	tar_add(&t, (struct tar_entry){.name = "x/dir-behind", .type = '5', .mode = 0711});
	tar_add(&t, (struct tar_entry){.name = "x/.wh.dir-made"});
	tar_add(&t, (struct tar_entry){.name = "x/dir-made/y/z", .data = "kept"});
	tar_add(&t, (struct tar_entry){.name = ".wh.link"});
	tar_add(&t, (struct tar_entry){.name = "link", .type = '1', .link = "before"});
	tar_add(&t, (struct tar_entry){.name = ".wh.sym"});
	tar_add(&t, (struct tar_entry){.name = "sym", .type = '2', .link = "before"});
	/* no directory in the end */
	tar_add(&t, (struct tar_entry){.name = "late", .type = '5'});
	tar_add(&t, (struct tar_entry){.name = ".wh.late"});
	tar_add(&t, (struct tar_entry){.name = "late", .data = "a file"});
	CHECK_INT(layer(&t), 0);
	CHECK(look("before").st_size == 4 && look("before").st_nlink == 2);
	CHECK(look("behind").st_size == 4 && S_ISLNK(look("sym").st_mode));
	CHECK(is_opaque("dir-before") && look("dir-before/f").st_size == 4);
	CHECK(is_opaque("x/dir-behind") && (look("x/dir-behind").st_mode & 07777) == 0711);
	CHECK(is_opaque("x/dir-made") && look("x/dir-made/y/z").st_size == 4);
	CHECK(S_ISREG(look("late").st_mode) && look("late").st_size == 6);
	CHECK_INT(result.opaque_dirs, 3);
}

static void check_refused(struct tar_entry en, const char *text)
{
	struct tar t = {0};
	tar_add(&t, (struct tar_entry){.name = ".wh.first"});
	tar_add(&t, en);
	tar_end(&t);
	CHECK_INT(import(&t, true, NULL), -1);
	CHECK_INT(err.cls, ERR_FAILED);
	if (!strstr(err.msg, text))
		printf("# %s\n", err.msg);
	CHECK(strstr(err.msg, text));
}

TEST(B25_bad_whiteouts_are_refused)
{
	static const char *const reserved[] = {".wh.", ".wh..", ".wh...", "d/.wh...", ".wh./etc",
		".wh.a/b", ".wh..wh..opq/x", ".wh..wh.plnk", ".wh..wh.aufs"};
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		check_refused((struct tar_entry){.name = reserved[i]}, "reserved for whiteouts");
	check_refused((struct tar_entry){.name = "d/.wh.../x/../../y"}, "'..'");
	check_refused((struct tar_entry){.name = "/.wh.etc"}, "absolute");
	check_refused((struct tar_entry){.name = ".wh.x", .data = "content"}, "no empty file");
	check_refused((struct tar_entry){.name = ".wh.x", .type = '5'}, "no empty file");
	check_refused((struct tar_entry){.name = ".wh.x", .type = '2', .link = "y"}, "no empty");
	check_refused((struct tar_entry){.name = ".wh..wh..opq", .type = '5'}, "no empty file");
	check_refused((struct tar_entry){.name = ".wh.x", .type = '1', .link = "first"}, "empty");
	check_refused((struct tar_entry){.name = "h", .type = '1', .link = "first"}, "not there");
	check_refused(
		(struct tar_entry){.name = "h", .type = '1', .link = ".wh.first"}, "a whiteout");
	check_refused((struct tar_entry){.name = "first/x", .type = '1', .link = "first"}, "");
	check_refused((struct tar_entry){.name = "node", .type = '3'}, "device");
}

TEST(whiteouts_do_not_lead_through_links)
{
	struct tar t = {0};
	tar_add(&t, (struct tar_entry){.name = "l", .type = '2', .link = "/tmp"});
	tar_add(&t, (struct tar_entry){.name = "l/.wh.x"});
	tar_end(&t);
	CHECK_INT(import(&t, true, NULL), -1);
	CHECK(strstr(err.msg, "symbolic link"));
	/* an opaque directory that is a link in the end is not followed */
	tar_add(&t, (struct tar_entry){.name = "d/.wh..wh..opq"});
	tar_add(&t, (struct tar_entry){.name = "d", .type = '2', .link = "/"});
	CHECK_INT(layer(&t), 0);
	CHECK(S_ISLNK(look("d").st_mode));
	CHECK(!is_opaque("."));
}

TEST(in_any_other_archive_a_whiteout_is_refused)
{
	static const char *const names[] = {".wh.x", "d/.wh..wh..opq", ".wh.", ".wh.d/x"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct tar t = {0};
		tar_add(&t, (struct tar_entry){.name = names[i]});
		tar_end(&t);
		CHECK_INT(import(&t, false, NULL), -1);
		CHECK(strstr(err.msg, "layer of an image"));
		CHECK(strstr(err.hint, "whole image"));
	}
}

TEST(opaque_directories_have_a_limit)
{
	struct tar t = {0};
	char name[64];
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(name, sizeof name, "d%04d/.wh..wh..opq", i);
		tar_add(&t, (struct tar_entry){.name = name});
	}
	CHECK_INT(layer(&t), 0);
	CHECK_INT(result.opaque_dirs, 2000);
	CHECK(is_opaque("d0000") && is_opaque("d1999"));
	char longer[256];
	memset(longer, 'x', sizeof longer);
	memcpy(longer + 230, "/.wh..wh..opq", 14);
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof name, "%04d", i);
		memcpy(longer, name, 4);
		tar_add_pax(&t, "path", longer, strlen(longer));
		tar_add(&t, (struct tar_entry){.name = "x"});
	}
	tar_end(&t);
	CHECK_INT(import(&t, true, NULL), -1);
	if (!strstr(err.msg, "opaque directory too many"))
		printf("# %s\n", err.msg);
	CHECK(strstr(err.msg, "opaque directory too many"));
}

/* ---- bytes by call ---- */

struct feeding {
	const struct tar *tar;
	size_t at, step, fail_at;
	bool was_at_end;
};

static ssize_t next_piece(void *arg, const void **ret, struct err *e)
{
	struct feeding *f = arg;
	size_t left = f->tar->len - f->at, n = left < f->step ? left : f->step;
	if (f->at >= f->fail_at)
		return err_set(e, ERR_FAILED, "the digest is wrong");
	*ret = f->tar->bytes + f->at;
	f->at += n;
	f->was_at_end = !n;
	return (ssize_t)n;
}

static int feed(struct tar *t, size_t step, size_t fail_at)
{
	struct feeding f = {.tar = t, .step = step, .fail_at = fail_at};
	struct import_feed how = {next_piece, &f};
	struct tar none = {0};
	int r = import(&none, true, &how);
	CHECK(f.was_at_end || r < 0);
	return r;
}

TEST(bytes_can_come_from_a_call)
{
	struct tar t = {0};
	char *data = malloc(3 << 20), digest[65];
	memset(data, 'z', 3 << 20);
	tar_add(&t, (struct tar_entry){.name = "f", .data = data, .size = 3 << 20});
	free(data);
	tar_end(&t);
	CHECK_INT(feed(&t, 65536, SIZE_MAX), 0);
	CHECK_INT(look("f").st_size, 3 << 20);
	memcpy(digest, result.sha256, sizeof digest);
	CHECK_INT(feed(&t, t.len, SIZE_MAX), 0);
	CHECK_STR(result.sha256, digest);
	CHECK_INT(feed(&t, 777, SIZE_MAX), 0);
	CHECK_STR(result.sha256, digest);
	/* What the caller finds wrong counts, at any moment. */
	CHECK_INT(feed(&t, 65536, 0), -1);
	CHECK_STR(err.msg, "the digest is wrong");
	CHECK_INT(feed(&t, 65536, t.len / 2), -1);
	CHECK_STR(err.msg, "the digest is wrong");
	CHECK_INT(feed(&t, 65536, t.len), -1);
	CHECK_STR(err.msg, "the digest is wrong");
	tar_done(&t);
}

TEST(a_caller_hears_of_damage_before_its_consequences)
{
	struct tar t = {0};
	char *data = calloc(1, 3 << 20);
	tar_add(&t, (struct tar_entry){.name = "/evil", .data = "x"});
	tar_add(&t, (struct tar_entry){.name = "f", .data = data, .size = 3 << 20});
	free(data);
	tar_end(&t);
	CHECK_INT(feed(&t, 65536, SIZE_MAX), -1);
	CHECK(strstr(err.msg, "absolute"));
	CHECK_INT(feed(&t, 65536, t.len), -1);
	CHECK_STR(err.msg, "the digest is wrong");
	tar_done(&t);
}

TEST_MAIN()
