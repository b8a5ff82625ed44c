/* copy_tree: what is kept, what is skipped, what is refused. Needs root for owners and devices. */
#include "base/fd.h"
#include "base/path.h"
#include "fsroot/copy.h"
#include "tests/unit/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static char base_dir[] = "/tmp/cella-copy-XXXXXX";
static int base_fd = -1;
static struct err err;
static struct copy_result result;

__attribute__((constructor)) static void set_up(void)
{
	if (geteuid() != 0) {
		puts("1..0 # SKIP needs root");
		(void)fflush(stdout);
		_exit(77);
	}
	umask(0);
	if (!mkdtemp(base_dir) ||
		(base_fd = open(base_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		_exit(99);
}

__attribute__((destructor)) static void tear_down(void)
{
	autofd int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)path_remove_tree(tmp, base_dir + strlen("/tmp/"), NULL);
}

/* Empty "src" and "dst"; the fd of src. */
static int fresh(void)
{
	(void)path_remove_tree(base_fd, "src", NULL);
	(void)path_remove_tree(base_fd, "dst", NULL);
	CHECK(mkdirat(base_fd, "src", 0755) == 0 && mkdirat(base_fd, "dst", 0700) == 0);
	return openat(base_fd, "src", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int copy_with(const struct copy_options *o)
{
	autofd int src = openat(base_fd, "src", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofd int dst = openat(base_fd, "dst", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = (struct err){0};
	result = (struct copy_result){0};
	int r = copy_tree(src, dst, o, &result, &err);
	if (r < 0)
		CHECK_STR(err.step, "copy");
	return r;
}

static int copy(void)
{
	int r = copy_with(NULL);
	if (r < 0)
		printf("# %s\n", err.msg);
	return r;
}

static void put(int dir, const char *name, const char *text, mode_t mode)
{
	autofd int fd = openat(dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, mode);
	CHECK(fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0);
}

static bool look(const char *path, struct stat *st)
{
	char full[300];
	(void)snprintf(full, sizeof full, "dst/%s", path);
	return fstatat(base_fd, full, st, AT_SYMLINK_NOFOLLOW) == 0;
}

TEST(everything_is_kept)
{
	autofd int src = fresh();
	struct stat st;
	char path[128], value[16];
	const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 2000, .tv_nsec = 5}};
	put(src, "f", "hello", 0644);
	CHECK(fchownat(src, "f", 1000, 65535, 0) == 0 && fchmodat(src, "f", 04755, 0) == 0);
	(void)snprintf(path, sizeof path, "%s/src/f", base_dir);
	const char cap[20] = {1, 0, 0, 2, 0, 4};
	CHECK(setxattr(path, "security.capability", cap, sizeof cap, 0) == 0);
	CHECK(setxattr(path, "user.note", "abc", 3, 0) == 0);
	CHECK(symlinkat("/nowhere", src, "l") == 0);
	CHECK(fchownat(src, "l", 7, 8, AT_SYMLINK_NOFOLLOW) == 0);
	CHECK(mkfifoat(src, "p", 0640) == 0);
	CHECK(mkdirat(src, "d", 01777) == 0);
	autofd int d = openat(src, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(d, "inner", "", 0);
	CHECK(fchmod(d, 0) == 0);
	CHECK(utimensat(src, "f", times, 0) == 0 && futimens(d, times) == 0 &&
		futimens(src, times) == 0);
	CHECK_INT(copy(), 0);
	CHECK_INT(result.entries, 5);
	CHECK_INT(result.bytes, 5);
	CHECK(look("f", &st) && st.st_uid == 1000 && st.st_gid == 65535 &&
		(st.st_mode & 07777) == 04755 && st.st_size == 5 && st.st_mtim.tv_sec == 2000 &&
		st.st_mtim.tv_nsec == 5);
	(void)snprintf(path, sizeof path, "%s/dst/f", base_dir);
	CHECK_INT(getxattr(path, "security.capability", value, 0), 20);
	CHECK_INT(getxattr(path, "user.note", value, sizeof value), 3);
	CHECK(look("l", &st) && S_ISLNK(st.st_mode) && st.st_uid == 7 && st.st_gid == 8);
	CHECK(look("p", &st) && S_ISFIFO(st.st_mode) && (st.st_mode & 07777) == 0640);
	CHECK(look("d", &st) && (st.st_mode & 07777) == 0 && st.st_mtim.tv_sec == 2000);
	CHECK(look("d/inner", &st) && (st.st_mode & 07777) == 0);
	CHECK(look(".", &st) && (st.st_mode & 07777) == 0755 && st.st_mtim.tv_sec == 2000);
}

TEST(hard_links)
{
	autofd int src = fresh();
	struct stat a, b;
	char name[32];
	put(src, "a", "x", 0644);
	CHECK(mkdirat(src, "d", 0755) == 0 && linkat(src, "a", src, "d/b", 0) == 0);
	for (int i = 0; i < 500; i++) {
		(void)snprintf(name, sizeof name, "many%d", i);
		CHECK(linkat(src, "a", src, name, 0) == 0);
	}
	CHECK(symlinkat("to", src, "s1") == 0 && linkat(src, "s1", src, "s2", 0) == 0);
	CHECK_INT(copy(), 0);
	CHECK(look("a", &a) && look("d/b", &b) && a.st_ino == b.st_ino);
	CHECK_INT(a.st_nlink, 502);
	CHECK(look("s1", &a) && look("s2", &b) && a.st_ino == b.st_ino && a.st_nlink == 2);
	/* Nothing of the machinery is left. */
	autofd int dst = openat(base_fd, "dst", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fdopendir(fd_steal(&dst));
	for (struct dirent *en; dir && (en = readdir(dir));)
		CHECK(strncmp(en->d_name, ".cella", 6) != 0);
	closedir(dir);
}

TEST(most_hard_links_that_a_file_can_have)
{
	autofd int src = fresh();
	char name[32];
	struct stat st;
	put(src, "a", "x", 0644);
	int n = 1;
	for (; n < 70000; n++) {
		(void)snprintf(name, sizeof name, "l%d", n);
		if (linkat(src, "a", src, name, 0) < 0)
			break;
	}
	CHECK(n == 70000 || errno == EMLINK);
	CHECK_INT(copy(), 0);
	CHECK(look("a", &st));
	CHECK_INT(st.st_nlink, n);
}

TEST(holes_stay_holes)
{
	autofd int src = fresh();
	struct stat st;
	autofd int fd = openat(src, "f", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	CHECK(ftruncate(fd, (off_t)8 << 40) == 0);
	CHECK(pwrite(fd, "x", 1, (off_t)1 << 40) == 1);
	CHECK_INT(copy(), 0);
	CHECK(look("f", &st) && st.st_size == (off_t)8 << 40 && st.st_blocks < 64);
	autofd int out = openat(base_fd, "dst/f", O_RDONLY | O_CLOEXEC);
	char c = 0;
	CHECK(pread(out, &c, 1, (off_t)1 << 40) == 1 && c == 'x');
	CHECK(result.bytes < 65536);
}

TEST(devices_and_sockets_are_skipped_and_counted)
{
	autofd int src = fresh();
	struct stat st;
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	CHECK(mknodat(src, "disk", S_IFBLK | 0600, makedev(8, 0)) == 0);
	CHECK(mknodat(src, "null", S_IFCHR | 0666, makedev(1, 3)) == 0);
	CHECK(mknodat(src, "gone", S_IFCHR, makedev(0, 0)) == 0);
	(void)snprintf(sa.sun_path, sizeof sa.sun_path, "%s/src/sock", base_dir);
	autofd int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(bind(sock, (void *)&sa, sizeof sa) == 0);
	CHECK_INT(copy(), 0);
	CHECK_INT(result.skipped_devices, 3);
	CHECK_INT(result.skipped_sockets, 1);
	CHECK(!look("disk", &st) && !look("gone", &st) && !look("sock", &st));
	/* In the writable directory of a zone a whiteout is data. */
	(void)path_remove_tree(base_fd, "dst", NULL);
	CHECK(mkdirat(base_fd, "dst", 0755) == 0);
	const struct copy_options keep = {.keep_overlay_marks = true};
	CHECK_INT(copy_with(&keep), 0);
	CHECK(look("gone", &st) && S_ISCHR(st.st_mode) && st.st_rdev == 0);
	CHECK(look("null", &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
	CHECK(look("sock", &st) && S_ISSOCK(st.st_mode));
}

TEST(overlay_marks)
{
	autofd int src = fresh();
	char path[128], value[16];
	const struct copy_options keep = {.keep_overlay_marks = true};
	CHECK(mkdirat(src, "d", 0755) == 0);
	(void)snprintf(path, sizeof path, "%s/src/d", base_dir);
	CHECK(setxattr(path, "trusted.overlay.opaque", "y", 1, 0) == 0);
	CHECK(setxattr(path, "trusted.overlay.origin", "handle", 6, 0) == 0);
	CHECK_INT(copy_with(NULL), -1);
	CHECK(strstr(err.msg, "trusted.overlay.o"));
	(void)path_remove_tree(base_fd, "dst", NULL);
	CHECK(mkdirat(base_fd, "dst", 0755) == 0);
	CHECK_INT(copy_with(&keep), 0);
	(void)snprintf(path, sizeof path, "%s/dst/d", base_dir);
	CHECK_INT(getxattr(path, "trusted.overlay.opaque", value, sizeof value), 1);
	/* That it had an origin is kept: such a directory may have whiteouts to hide. */
	CHECK_INT(getxattr(path, "trusted.overlay.origin", value, sizeof value), 0);
}

TEST(limits_name_what_and_how)
{
	autofd int src = fresh();
	struct copy_options o = {.max_entries = 2, .limit_entries_name = "--max-entries"};
	put(src, "a", "0123456789", 0644);
	put(src, "b", "0123456789", 0644);
	CHECK_INT(copy_with(&o), 0);
	put(src, "c", "0123456789", 0644);
	(void)path_remove_tree(base_fd, "dst", NULL);
	CHECK(mkdirat(base_fd, "dst", 0755) == 0);
	CHECK_INT(copy_with(&o), -1);
	CHECK(strstr(err.msg, "limit of 2 entries") &&
		!strcmp(err.hint, "--max-entries raises it"));
	(void)path_remove_tree(base_fd, "dst", NULL);
	CHECK(mkdirat(base_fd, "dst", 0755) == 0);
	o = (struct copy_options){.max_bytes = 25};
	CHECK_INT(copy_with(&o), -1);
	CHECK(strstr(err.msg, "limit of 25 bytes"));
	(void)path_remove_tree(base_fd, "dst", NULL);
	CHECK(mkdirat(base_fd, "dst", 0755) == 0 && fchownat(src, "b", 65536, 0, 0) == 0);
	o = (struct copy_options){.max_id = 65536};
	CHECK_INT(copy_with(&o), -1);
	CHECK(strstr(err.msg, "'/b' belongs to 65536:0"));
}

/* Deeper than PATH_MAX, and deeper than the limit on descriptors. */
TEST(deep_trees)
{
	autofd int src = fresh();
	autofd int at = fcntl(src, F_DUPFD_CLOEXEC, 3);
	for (int i = 0; i < 3000; i++) {
		CHECK(mkdirat(at, "deep", 0755) == 0);
		int next = openat(at, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (i % 500 == 0)
			put(at, "file", "x", 0644);
		fd_close(&at);
		at = next;
	}
	put(at, "bottom", "x", 0644);
	CHECK_INT(copy(), 0);
	CHECK_INT(result.entries, 3007);
	autofd int back = openat(base_fd, "dst", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int depth = 0;
	for (int next; (next = openat(back, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0;
		depth++) {
		fd_close(&back);
		back = next;
	}
	CHECK_INT(depth, 3000);
	CHECK(faccessat(back, "bottom", F_OK, 0) == 0);
}

TEST(other_mounts_are_not_entered)
{
	pid_t pid = fork();
	if (pid == 0) {
		autofd int src = fresh();
		char path[128];
		struct stat st;
		CHECK(mkdirat(src, "m", 0755) == 0);
		(void)snprintf(path, sizeof path, "%s/src/m", base_dir);
		if (unshare(CLONE_NEWNS) < 0 ||
			mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
			mount("t", path, "tmpfs", 0, NULL) < 0)
			_exit(2);
		autofd int m = openat(base_fd, "src/m", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)m;
		autofd int inside = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		put(inside, "secret", "x", 0644);
		base_fd = open(base_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		_exit(copy() == 0 && result.skipped_mounts == 1 && look("m", &st) &&
					!look("m/secret", &st) && !test_failures
				? 0
				: 1);
	}
	int status = 0;
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(WEXITSTATUS(status), 0);
}

TEST(odd_names)
{
	autofd int src = fresh();
	struct stat st;
	char name[256];
	memset(name, 'n', 255);
	name[255] = '\0';
	put(src, name, "x", 0644);
	put(src, "new\nline", "x", 0644);
	put(src, "\xff\xfe", "x", 0644);
	put(src, "-rf", "x", 0644);
	CHECK_INT(copy(), 0);
	CHECK(look(name, &st) && look("new\nline", &st) && look("\xff\xfe", &st) &&
		look("-rf", &st));
}

TEST_MAIN()

/* More names than one frame remembers, and a way down that closes the outer directory meanwhile. */
TEST(B36_many_directories_beside_each_other)
{
	enum {
		MANY = 3000,
		DEEP = 40
	};
	char name[40];
	struct stat st;
	autofd int src = fresh();
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof name, "a-directory-%05d", i);
		CHECK(mkdirat(src, name, 0755) == 0);
		autofd int dir = openat(src, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		put(dir, "f", "x", 0644);
		/* files between them, in whatever order the file system lists a directory */
		(void)snprintf(name, sizeof name, "file-%05d", i);
		put(src, name, "x", 0644);
		for (int level = 0; i % 100 == 0 && level < DEEP; level++) {
			CHECK(mkdirat(dir, "d", 0755) == 0);
			int next = openat(dir, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			fd_close(&dir);
			dir = next;
		}
	}
	put(src, "file", "x", 0644);
	CHECK_INT(copy(), 0);
	CHECK_INT(result.entries, 3 * MANY + MANY / 100 * DEEP + 1);
	CHECK(look("file", &st));
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof name, "a-directory-%05d/f", i);
		if (!look(name, &st))
			CHECK_STR("is missing", name);
	}
	CHECK(look(
		"a-directory-02900/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d",
		&st));
}
