/* fsroot_stack.h: random overlay layers, the kernel's own view of them, and a listing of a tree
 * that two equal trees have in common. For tests as root, in a mount namespace of their own. */
#pragma once
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
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
#include <sys/xattr.h>
#include <unistd.h>

enum {
	STACK_MAX = 8,
	NAMES = 6,
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
};

static char base_dir[] = "/tmp/cella-stack-XXXXXX";
static int base_fd = -1;
static pid_t main_pid;
static unsigned seed;

/* Random operations may fail: that is part of it. */
#define MAYBE(call)                                                                                \
	do {                                                                                       \
		if ((call) < 0)                                                                    \
			errno = 0;                                                                 \
	} while (0)

static unsigned pick(unsigned n)
{
	return (unsigned)rand_r(&seed) % n;
}

/* ---- listing ---- */

/* What a listing tells: which names are one file, and the times of directories. */
static bool with_numbers = true, with_dir_times = true;

struct inodes {
	uint64_t ino[4096];
	size_t n;
};

static size_t inode_number(struct inodes *all, uint64_t ino)
{
	size_t i = 0;
	while (i < all->n && all->ino[i] != ino)
		i++;
	if (i == all->n && all->n < 4096)
		all->ino[all->n++] = ino;
	return i;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **sorted_names(int dir_fd, size_t *n)
{
	char **names = calloc(4096, sizeof *names);
	int fd = openat(dir_fd, ".", OPEN_DIR);
	DIR *dir = fdopendir(fd);
	*n = 0;
	for (struct dirent *en; dir && names && (en = readdir(dir));)
		if (strcmp(en->d_name, ".") && strcmp(en->d_name, ".."))
			names[(*n)++] = strdup(en->d_name);
	if (dir)
		closedir(dir);
	if (names)
		qsort(names, *n, sizeof *names, by_name);
	return names;
}

static unsigned opaque_seen, ghosts_seen; /* by listing(): marks that are visible */

static void list_xattrs(int fd, struct strbuf *out)
{
	char list[4096], value[512];
	char *names[64];
	size_t n = 0;
	ssize_t len = listxattr(fd_path(fd).s, list, sizeof list);
	for (char *p = list; len > 0 && p < list + len && n < 64; p += strlen(p) + 1)
		if (!strcmp(p, "trusted.overlay.opaque"))
			opaque_seen++;
		else if (!str_starts(p, "trusted.overlay.") && !str_starts(p, "security.selinux"))
			names[n++] = p;
	qsort(names, n, sizeof *names, by_name);
	for (size_t i = 0; i < n; i++) {
		ssize_t v = getxattr(fd_path(fd).s, names[i], value, sizeof value);
		str_addf(out, " %s=", names[i]);
		for (ssize_t k = 0; k < v; k++)
			str_addf(out, "%02x", (unsigned char)value[k]);
	}
}

static void list_one(
	int dir_fd, const char *path, const char *name, struct inodes *all, struct strbuf *out)
{
	struct stat st;
	char text[4096];
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		/* The kernel lists a whiteout where it does not expect one: in a directory that
		 * covers nothing and was not copied up. */
		CHECK_INT(errno, ENOENT);
		ghosts_seen++;
		return;
	}
	str_addf(out, "%s %o %u:%u", path, st.st_mode, st.st_uid, st.st_gid);
	if (!S_ISDIR(st.st_mode) && with_numbers)
		str_addf(out, " #%zu", inode_number(all, st.st_ino));
	if (!S_ISDIR(st.st_mode))
		str_addf(out, " size %lld dev %llx", (long long)st.st_size,
			(unsigned long long)st.st_rdev);
	if (!S_ISDIR(st.st_mode) || with_dir_times)
		str_addf(out, " %lld.%09ld", (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	autofd int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (!S_ISLNK(st.st_mode))
		list_xattrs(fd, out);
	ssize_t n = 0;
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(dir_fd, name, text, sizeof text);
	} else if (S_ISREG(st.st_mode)) {
		autofd int file = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
		n = pread(file, text, sizeof text, 0);
	}
	str_addf(out, " '%.*s'\n", n > 0 ? (int)n : 0, text);
}

static void list_dir(int dir_fd, const char *path, struct inodes *all, struct strbuf *out)
{
	size_t n;
	char **names = sorted_names(dir_fd, &n);
	for (size_t i = 0; names && i < n; i++) {
		autofree char *sub = str_format("%s/%s", path, names[i]);
		struct stat st;
		list_one(dir_fd, sub, names[i], all, out);
		if (fstatat(dir_fd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISDIR(st.st_mode)) {
			autofd int fd = openat(dir_fd, names[i], OPEN_DIR);
			list_dir(fd, sub, all, out);
		}
		free(names[i]);
	}
	free(names);
}

static char *listing(int dir_fd)
{
	static struct inodes all;
	autostr struct strbuf out = {0};
	all.n = 0;
	list_one(dir_fd, "", ".", &all, &out);
	list_dir(dir_fd, "", &all, &out);
	return str_finish(&out, NULL);
}

/* ---- layers ---- */

static int make_dir(const char *name)
{
	CHECK(mkdirat(base_fd, name, 0755) == 0);
	return openat(base_fd, name, OPEN_DIR);
}

static void remove_dir(const char *name)
{
	struct err e = {0};
	if (path_remove_tree(base_fd, name, &e) < 0)
		printf("# %s\n", e.msg);
}

static void dress(int dir_fd, const char *name, bool is_dir)
{
	const struct timespec times[2] = {
		{.tv_sec = 1}, {.tv_sec = pick(100000), .tv_nsec = pick(1000)}};
	autofd int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char value[16];
	if (pick(3) == 0)
		MAYBE(fchownat(
			dir_fd, name, pick(3) * 1000, pick(70000) % 65536, AT_SYMLINK_NOFOLLOW));
	struct stat st;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISLNK(st.st_mode))
		return;
	if (pick(3) == 0)
		MAYBE(fchmodat(dir_fd, name, pick(010000), 0));
	if (pick(4) == 0 && (is_dir || S_ISREG(st.st_mode))) {
		(void)snprintf(value, sizeof value, "v%u", pick(100));
		MAYBE(setxattr(
			fd_path(fd).s, pick(2) ? "user.a" : "user.b", value, strlen(value), 0));
	}
	if (pick(8) == 0 && S_ISREG(st.st_mode)) {
		const char cap[20] = {1, 0, 0, 2, 0, (char)pick(8)};
		MAYBE(setxattr(fd_path(fd).s, "security.capability", cap, sizeof cap, 0));
	}
	if (pick(6) == 0) {
		/* version 2; u::rwx u:N:rw- g::r-x m::rwx o::--x */
		const unsigned char acl[] = {2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 6, 0,
			(unsigned char)pick(200), 3, 0, 0, 4, 0, 5, 0, 255, 255, 255, 255, 16, 0, 7,
			0, 255, 255, 255, 255, 32, 0, 1, 0, 255, 255, 255, 255};
		MAYBE(setxattr(fd_path(fd).s,
			is_dir && pick(2) ? "system.posix_acl_default" : "system.posix_acl_access",
			acl, sizeof acl, 0));
	}
	MAYBE(utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW));
}

static void write_file(int dir_fd, const char *name)
{
	char text[32];
	autofd int fd = openat(
		dir_fd, name, O_CREAT | O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
	int n = snprintf(text, sizeof text, "text %u", pick(1000000));
	if (fd >= 0 && pwrite(fd, text, (size_t)n, pick(4) ? 0 : 100000) == n)
		return;
}

static void make_other(int dir_fd, const char *name)
{
	char target[32];
	switch (pick(4)) {
	case 0:
		(void)snprintf(target, sizeof target, "to/%u", pick(1000));
		MAYBE(symlinkat(target, dir_fd, name));
		break;
	case 1:
		MAYBE(mkfifoat(dir_fd, name, 0600));
		break;
	case 2:
		MAYBE(mknodat(dir_fd, name, S_IFSOCK | 0600, 0));
		break;
	default:
		MAYBE(mknodat(dir_fd, name, S_IFBLK | 0600, makedev(7, pick(9))));
	}
}

/* As an archive or another program could have made it: raw marks, anything over anything. */
static void fill_raw(int dir_fd, unsigned depth)
{
	char name[8];
	for (unsigned i = 0; i < NAMES; i++) {
		(void)snprintf(name, sizeof name, "n%u", i);
		unsigned kind = pick(8);
		if (kind < 3 && depth) {
			if (mkdirat(dir_fd, name, 0755) < 0)
				continue;
			autofd int sub = openat(dir_fd, name, OPEN_DIR);
			fill_raw(sub, depth - 1);
			if (pick(4) == 0)
				CHECK(fsetxattr(sub, "trusted.overlay.opaque", "y", 1, 0) == 0);
			dress(dir_fd, name, true);
		} else if (kind == 3) {
			CHECK(mknodat(dir_fd, name, S_IFCHR, 0) == 0);
		} else if (kind == 4) {
			make_other(dir_fd, name);
			dress(dir_fd, name, false);
		} else if (kind < 7) {
			if (i && pick(3) == 0 && linkat(dir_fd, "n0", dir_fd, name, 0) == 0)
				continue;
			write_file(dir_fd, name);
			dress(dir_fd, name, false);
		}
	}
}

/* As a zone does it, through an overlay. */
static void work_in(int dir_fd, unsigned depth)
{
	char name[8], other[8];
	for (unsigned i = 0; i < 5; i++) {
		(void)snprintf(name, sizeof name, "n%u", pick(NAMES));
		(void)snprintf(other, sizeof other, "n%u", pick(NAMES));
		autofd int sub = openat(dir_fd, name, OPEN_DIR);
		switch (pick(8)) {
		case 0:
			(void)path_remove_tree(dir_fd, name, NULL);
			break;
		case 1:
			(void)path_remove_tree(dir_fd, name, NULL);
			MAYBE(mkdirat(dir_fd, name, 0755));
			break;
		case 2:
			MAYBE(renameat(dir_fd, name, dir_fd, other));
			break;
		case 3:
			MAYBE(linkat(dir_fd, name, dir_fd, other, 0));
			break;
		case 4:
			write_file(dir_fd, name);
			break;
		case 5:
			dress(dir_fd, name, sub >= 0);
			break;
		default:
			if (sub >= 0 && depth)
				work_in(sub, depth - 1);
			else
				write_file(dir_fd, name);
		}
	}
}

/* The kernel's view of layers "l0" (uppermost) to "lN", or those of `names`. */
static int view(char names[][16], size_t n, const char *upper, const char *work)
{
	autostr struct strbuf options = {0};
	str_add(&options, "xino=off,index=off,metacopy=off,redirect_dir=off,lowerdir=");
	for (size_t i = 0; i < n; i++)
		str_addf(&options, "%s%s/%s", i ? ":" : "", base_dir, names[i]);
	if (upper)
		str_addf(
			&options, ",upperdir=%s/%s,workdir=%s/%s", base_dir, upper, base_dir, work);
	else
		str_addf(&options, ":%s/empty", base_dir);
	autofree char *target = str_format("%s/mnt", base_dir);
	if (mount("overlay", target, "overlay", 0, options.buf) < 0) {
		printf("# mount %s: %s\n", options.buf, strerror(errno));
		test_failures++;
		return -1;
	}
	return open(target, OPEN_DIR);
}

static void unview(int *fd)
{
	autofree char *target = str_format("%s/mnt", base_dir);
	fd_close(fd);
	CHECK(umount2(target, 0) == 0);
}

/* n random layers, l0 the uppermost; names[] filled. */
static void random_stack(char names[][16], size_t n)
{
	for (size_t i = n; i-- > 0;) {
		(void)snprintf(names[i], 16, "l%u", (unsigned)i % 100);
		autofd int fd = make_dir(names[i]);
		if (i == n - 1 || pick(2)) {
			fill_raw(fd, 3);
		} else {
			autofd int work = make_dir("work");
			int mnt = view(names + i + 1, n - i - 1, names[i], "work");
			work_in(mnt, 3);
			unview(&mnt);
			remove_dir("work");
		}
		const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = pick(100000)}};
		CHECK(futimens(fd, times) == 0);
	}
}

__attribute__((constructor)) static void stack_set_up(void)
{
	if (geteuid() != 0) {
		puts("1..0 # SKIP needs root");
		(void)fflush(stdout);
		_exit(77);
	}
	main_pid = getpid();
	umask(0);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		!mkdtemp(base_dir) || (base_fd = open(base_dir, OPEN_DIR)) < 0 ||
		mkdirat(base_fd, "mnt", 0700) < 0 || mkdirat(base_fd, "empty", 0700) < 0)
		_exit(99);
}

__attribute__((destructor)) static void stack_tear_down(void)
{
	if (getpid() != main_pid)
		return;
	autofd int tmp = open("/tmp", OPEN_DIR);
	(void)path_remove_tree(tmp, base_dir + strlen("/tmp/"), NULL);
}
