/* tree_digest: what changes it, and what does not. Needs root for owners and devices. */
#include "base/fd.h"
#include "base/path.h"
#include "fsroot/copy.h"
#include "fsroot/tree_digest.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static char base_dir[] = "/var/tmp/cella-digest-XXXXXX";
static int base_fd = -1;

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
	autofd int tmp = open("/var/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)path_remove_tree(tmp, base_dir + strlen("/var/tmp/"), NULL);
}

static void put(int dir, const char *name, const char *text)
{
	autofd int fd = openat(dir, name, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
	CHECK(fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0);
}

/* One of everything in a fresh "t". */
static int tree(void)
{
	(void)path_remove_tree(base_fd, "t", NULL);
	CHECK(mkdirat(base_fd, "t", 0755) == 0);
	int d = openat(base_fd, "t", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(d, "b", "bee");
	put(d, "a", "ay");
	put(d, "empty", "");
	CHECK(mkdirat(d, "dir", 0750) == 0 && mkdirat(d, "dir/sub", 0700) == 0);
	put(d, "dir/file", "content");
	put(d, "dir/sub/file", "content");
	CHECK(linkat(d, "a", d, "dir/a2", 0) == 0);
	CHECK(symlinkat("../b", d, "dir/link") == 0);
	CHECK(mkfifoat(d, "fifo", 0600) == 0);
	CHECK(mknodat(d, "null", S_IFCHR | 0666, makedev(1, 3)) == 0);
	return d;
}

static struct tree_digest digest(int d)
{
	struct tree_digest got = {0};
	struct err e = {0};
	if (tree_digest(d, &got, &e) < 0)
		printf("# %s\n", e.msg);
	CHECK(strlen(got.part[TREE_CONTENT]) == 64);
	return got;
}

/* The part that is different, or -1. */
static int changed(int d, const struct tree_digest *was)
{
	struct tree_digest now = digest(d);
	int found = -1;
	for (int p = TREE_DIGEST_PARTS - 1; p >= 0; p--)
		if (strcmp(was->part[p], now.part[p]) != 0)
			found = p;
	CHECK((tree_digest_difference(was, &now) == NULL) == (found < 0));
	return found;
}

TEST(order_times_and_inodes_do_not_matter)
{
	int d = tree();
	struct tree_digest was = digest(d);
	const struct timespec old[2] = {{1, 0}, {1, 0}};
	CHECK_INT(utimensat(d, "a", old, 0), 0);
	CHECK_INT(changed(d, &was), -1);
	/* the same names made in another order */
	CHECK_INT(unlinkat(d, "b", 0), 0);
	put(d, "zz", "");
	put(d, "b", "bee");
	CHECK_INT(unlinkat(d, "zz", 0), 0);
	CHECK_INT(changed(d, &was), -1);
	/* a copy elsewhere (device nodes are not copied) */
	CHECK_INT(unlinkat(d, "null", 0), 0);
	was = digest(d);
	(void)path_remove_tree(base_fd, "copy", NULL);
	CHECK(mkdirat(base_fd, "copy", 0700) == 0);
	autofd int to = openat(base_fd, "copy", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_INT(copy_tree(d, to, NULL, NULL, NULL), 0);
	CHECK_INT(changed(to, &was), -1);
	close(d);
}

TEST(every_kind_of_change_is_seen)
{
	int d = tree();
	struct tree_digest was = digest(d);
	put(d, "dir/sub/file", "contemt");
	CHECK_INT(changed(d, &was), TREE_CONTENT);
	put(d, "dir/sub/file", "content");
	CHECK_INT(changed(d, &was), -1);
	CHECK_INT(fchmodat(d, "b", 04644, 0), 0);
	CHECK_INT(changed(d, &was), TREE_OWNERS);
	CHECK_INT(fchmodat(d, "b", 0644, 0), 0);
	CHECK_INT(fchownat(d, "dir/link", 5, 0, AT_SYMLINK_NOFOLLOW), 0);
	CHECK_INT(changed(d, &was), TREE_OWNERS);
	CHECK_INT(fchownat(d, "dir/link", 0, 0, AT_SYMLINK_NOFOLLOW), 0);
	CHECK_INT(fchmod(d, 0700), 0);
	CHECK_INT(changed(d, &was), TREE_OWNERS);
	CHECK_INT(fchmod(d, 0755), 0);
	put(d, "dir/more", "");
	CHECK_INT(changed(d, &was), TREE_NAMES);
	CHECK_INT(unlinkat(d, "dir/more", 0), 0);
	CHECK_INT(changed(d, &was), -1);
	autofd int b = openat(d, "b", O_RDONLY | O_CLOEXEC);
	CHECK_INT(fsetxattr(b, "user.x", "1", 1, 0), 0);
	CHECK_INT(changed(d, &was), TREE_XATTRS);
	CHECK_INT(fremovexattr(b, "user.x"), 0);
	CHECK_INT(changed(d, &was), -1);
	close(d);
}

TEST(the_same_names_for_other_things)
{
	int d = tree();
	struct tree_digest was = digest(d);
	CHECK(unlinkat(d, "dir/link", 0) == 0 && symlinkat("../a", d, "dir/link") == 0);
	CHECK_INT(changed(d, &was), TREE_NAMES);
	CHECK(unlinkat(d, "dir/link", 0) == 0 && symlinkat("../b", d, "dir/link") == 0);
	CHECK(unlinkat(d, "null", 0) == 0 &&
		mknodat(d, "null", S_IFCHR | 0666, makedev(1, 5)) == 0);
	CHECK_INT(changed(d, &was), TREE_NAMES);
	CHECK(unlinkat(d, "null", 0) == 0 &&
		mknodat(d, "null", S_IFCHR | 0666, makedev(1, 3)) == 0);
	CHECK_INT(changed(d, &was), -1);
	/* two files of the same content in place of one with two names */
	CHECK_INT(unlinkat(d, "dir/a2", 0), 0);
	put(d, "dir/a2", "ay");
	CHECK_INT(changed(d, &was), TREE_NAMES);
	/* an empty directory that moves one level up */
	CHECK_INT(unlinkat(d, "dir/a2", 0), 0);
	CHECK(linkat(d, "a", d, "dir/a2", 0) == 0);
	CHECK_INT(mkdirat(d, "dir/zz", 0755), 0);
	was = digest(d);
	CHECK_INT(renameat(d, "dir/zz", d, "dirzz"), 0);
	CHECK_INT(changed(d, &was), TREE_NAMES);
	close(d);
}

TEST(holes_are_zeros)
{
	int d = tree();
	enum {
		SIZE = 3 << 20
	};
	autofd int fd = openat(d, "big", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	CHECK_INT(ftruncate(fd, SIZE), 0);
	CHECK_INT(pwrite(fd, "x", 1, 1500000), 1);
	struct tree_digest was = digest(d);
	CHECK_INT(posix_fallocate(fd, 0, SIZE), 0);
	CHECK_INT(changed(d, &was), -1);
	char *zeros = calloc(1, 1000000);
	CHECK_INT(pwrite(fd, zeros, 1000000, 0), 1000000);
	free(zeros);
	CHECK_INT(changed(d, &was), -1);
	/* the same byte elsewhere; a longer end of zeros */
	CHECK(pwrite(fd, "\0x", 2, 1500000) == 2);
	CHECK_INT(changed(d, &was), TREE_CONTENT);
	CHECK(pwrite(fd, "x\0", 2, 1500000) == 2);
	CHECK_INT(changed(d, &was), -1);
	CHECK_INT(ftruncate(fd, SIZE + 1), 0);
	CHECK_INT(changed(d, &was), TREE_CONTENT);
	close(d);
}

TEST(depth)
{
	int d = tree();
	int at = openat(d, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 3000; i++) {
		CHECK(mkdirat(at, "deep", 0755) == 0);
		int next = openat(at, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(at);
		at = next;
	}
	struct tree_digest was = digest(d);
	put(at, "bottom", "");
	CHECK_INT(changed(d, &was), TREE_NAMES);
	close(at);
	close(d);
}

TEST_MAIN()
