#include "base/path.h"
#include "base/defence.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	RACE_TRIES = 100
};

static int open_resolved(int dir_fd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.mode = (flags & (O_CREAT | O_TMPFILE)) ? mode : 0,
		.resolve = resolve,
	};
	/* A rename anywhere while ".." is walked makes the kernel say EAGAIN: openat2(2). */
	int fd = -1;
	for (int tries = 0; tries < RACE_TRIES; tries++)
		if ((fd = sys_openat2(dir_fd, path, &how)) >= 0 || errno != EAGAIN)
			break;
	return fd;
}

int path_open_in(int root_fd, const char *path, int flags, mode_t mode)
{
	if (defence_is_off("S08"))
		return openat(root_fd, path + strspn(path, "/"), flags | O_CLOEXEC, mode);
	return open_resolved(root_fd, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int path_open_type_in(int root_fd, const char *path, int flags, mode_t type)
{
	struct stat st;
	autofd int fd = path_open_in(root_fd, path, O_PATH | (flags & O_NOFOLLOW), 0);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if ((st.st_mode & S_IFMT) != type) {
		errno = EMEDIUMTYPE;
		return -1;
	}
	flags = (flags & ~O_NOFOLLOW) | O_NONBLOCK | O_NOCTTY;
	return open(fd_path(fd).s, flags | O_CLOEXEC); /* banned-ok: what was just looked at */
}

int path_open_beneath(int dir_fd, const char *path, int flags, mode_t mode)
{
	return open_resolved(dir_fd, path, flags, mode,
		RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

/* Make one component and open it, without following a link at it, never leaving root_fd. */
static int enter_or_make(int root_fd, const char *so_far, int parent, const char *name, mode_t mode)
{
	(void)so_far;
	int fd = open_resolved(parent, name, O_PATH | O_DIRECTORY, 0,
		RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	if (fd >= 0 || (errno != ENOENT && errno != ELOOP && errno != EXDEV))
		return fd;
	if (errno == ENOENT) {
		if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
			return -1;
		return open_resolved(parent, name, O_PATH | O_DIRECTORY, 0,
			RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	}
	/* A symbolic link: follow it the way the zone would. It must lead somewhere already: what
	 * a link of the zone points to is never created. */
	return path_open_in(root_fd, so_far, O_PATH | O_DIRECTORY, 0);
}

int path_mkdirs_in(int root_fd, const char *path, mode_t mode)
{
	char part[256], so_far[4096];
	size_t len = 0;
	autofd int at = openat(root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return -1;
	while (*path) {
		while (*path == '/')
			path++;
		size_t n = strcspn(path, "/");
		if (!n)
			break;
		if (n >= sizeof part || len + n + 2 > sizeof so_far ||
			(n == 2 && !memcmp(path, "..", 2))) {
			errno = n == 2 ? EINVAL : ENAMETOOLONG;
			return -1;
		}
		memcpy(part, path, n);
		part[n] = '\0';
		so_far[len++] = '/';
		memcpy(so_far + len, part, n + 1);
		len += n;
		path += n;
		if (!strcmp(part, "."))
			continue;
		int next = enter_or_make(root_fd, so_far, at, part, mode);
		if (next < 0)
			return -1;
		fd_close(&at);
		at = next;
	}
	return fd_steal(&at);
}

static int check_private(int fd, const char *name, struct err *e)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "stat '%s'", name);
	if (defence_is_off("S21") || defence_is_off("S48"))
		return 0;
	if ((st.st_uid != geteuid() || (st.st_mode & 077)) && !defence_is_off("H02")) {
		err_set(e, ERR_HOST,
			"directory '%s' has owner %u and mode %04o: it must be ours alone", name,
			st.st_uid, st.st_mode & 07777);
		return err_hint(e,
			"files in it carry zone ids, so a setuid program made by a zone would "
			"work for everybody who can reach it: chown root:root and chmod 0700 '%s'",
			name);
	}
	return 0;
}

/* mkdir with exactly 0700, whatever the umask. */
static int make_private(int dir_fd, const char *name)
{
	if (mkdirat(dir_fd, name, defence_is_off("S21") ? 0755 : 0700) < 0)
		return errno == EEXIST ? 0 : -1;
	return 0;
}

int path_open_private_dir_at(int dir_fd, const char *name, struct err *e)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	if (!defence_is_off("S48"))
		flags |= O_NOFOLLOW;
	autofd int fd = openat(dir_fd, name, flags);
	if (fd < 0 && errno == ENOENT) {
		if (make_private(dir_fd, name) < 0)
			return err_sys(e, errno, "make directory '%s'", name);
		fd = openat(dir_fd, name, flags);
	}
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return err_set(e, ERR_HOST, "'%s' is not a directory", name);
	if (fd < 0)
		return err_sys(e, errno, "open directory '%s'", name);
	if (check_private(fd, name, e) < 0)
		return -1;
	return fd_steal(&fd);
}

/* Who may write there could put another directory of ours in place of the one that is meant. */
static int check_parent(const char *path, struct err *e)
{
	struct stat st;
	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode) || !(st.st_mode & S_IWOTH) ||
		(st.st_mode & S_ISVTX))
		return 0; /* what else is wrong with it, opening says */
	err_set(e, ERR_HOST, "directory '%s' has mode %04o: everybody may rename what is in it",
		path, st.st_mode & 07777);
	return err_hint(e, "chmod o-w '%s'", path);
}

int path_open_private_dir(const char *abs_path, struct err *e)
{
	if (abs_path[0] != '/' || !abs_path[1] || strlen(abs_path) >= 3800)
		return err_set(
			e, ERR_HOST, "directory '%.100s': an absolute path is needed", abs_path);
	char path[4096];
	(void)snprintf(path, sizeof path, "%s", abs_path);
	size_t n = strlen(path);
	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		/* Parents are ordinary system directories (/var/lib): world-readable. */
		int made = mkdir(path, 0755);
		if (made < 0 && errno != EEXIST && errno != EROFS && errno != EACCES) {
			err_sys(e, errno, "make directory '%s'", path);
			return errno == EPERM ? -1 : err_class_set(e, ERR_HOST);
		}
		if (check_parent(path, e) < 0)
			return -1;
		*p = '/';
	}
	int fd = path_open_private_dir_at(AT_FDCWD, path, e);
	/* Whatever the reason: there is no store to be had here. */
	return fd < 0 && e && e->cls == ERR_FAILED ? err_class_set(e, ERR_HOST) : fd;
}

int path_read_file(
	int dir_fd, const char *name, size_t max, char **ret, size_t *ret_len, struct err *e)
{
	autofd int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		int errnum = errno;
		err_sys(e, errnum, "open '%s'", name);
		return errnum == ENOENT ? err_class_set(e, ERR_NOT_FOUND) : -1;
	}
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "stat '%s'", name);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_FAILED, "'%s' is not a regular file", name);
	if ((uintmax_t)st.st_size > max)
		return err_set(
			e, ERR_FAILED, "'%s' is larger than the limit of %zu bytes", name, max);
	autofree char *buf = malloc(max < SIZE_MAX ? (size_t)st.st_size + 2 : 1);
	if (!buf)
		return err_nomem(e);
	/* A short read of a regular file is its end: no second one to be told so. */
	ssize_t n;
	do
		n = read(fd, buf, (size_t)st.st_size + 1);
	while (n < 0 && errno == EINTR);
	if (n >= 0 && n < st.st_size) {
		ssize_t more = fd_read_all(fd, buf + n, (size_t)(st.st_size - n) + 1);
		n = more < 0 ? -1 : n + more;
	}
	if (n < 0)
		return err_sys(e, errno, "read '%s'", name);
	if (n > st.st_size)
		return err_set(e, ERR_FAILED, "'%s' grows while it is read", name);
	buf[n] = '\0';
	if (ret_len)
		*ret_len = (size_t)n;
	*ret = ptr_steal(&buf);
	return 0;
}

ssize_t path_read_virtual(int dir_fd, const char *name, char *buf, size_t size)
{
	autofd int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t n = fd_read_all(fd, buf, size - 1);
	if (n < 0)
		return -1;
	buf[n] = '\0';
	return n;
}

ssize_t path_read_value(int dir_fd, const char *name, char *buf, size_t size)
{
	autofd int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	if (fd < 0)
		return -1;
	do
		n = read(fd, buf, size - 1);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		buf[n] = '\0';
	return n;
}

bool path_is_at(int dir_fd, const char *name, int fd)
{
	struct stat a, b;
	return fstat(fd, &a) == 0 && fstatat(dir_fd, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

int path_write_virtual(int dir_fd, const char *name, const char *text)
{
	autofd int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	size_t len = strlen(text);
	ssize_t n;
	do
		n = write(fd, text, len);
	while (n < 0 && errno == EINTR);
	if (n >= 0 && (size_t)n != len) {
		errno = EIO;
		return -1;
	}
	return n < 0 ? -1 : 0;
}

enum how {
	DURABLE,  /* fsync of file and directory */
	VOLATILE, /* neither */
	DRAFT, /* nor what ext4 does by itself when a file takes the place of another: write it out
		*/
};

/* Put `tmp` in the place of `name`. */
static int put_in_place(int dir_fd, const char *tmp, const char *name, enum how how)
{
	if (how != DRAFT || renameat2(dir_fd, tmp, dir_fd, name, RENAME_EXCHANGE) < 0)
		return renameat(dir_fd, tmp, dir_fd, name);
	return unlinkat(dir_fd, tmp, 0);
}

static int write_replace(int dir_fd, const char *name, const void *data, size_t len, mode_t mode,
	enum how how, struct err *e)
{
	/* A fixed prefix, so that what a crash leaves is found by name and swept. */
	char tmp[300], unique[17];
	random_hex(unique, 16);
	unique[16] = '\0';
	if (snprintf(tmp, sizeof tmp, ".tmp-%s-%.200s", unique, name) >= (int)sizeof tmp)
		return err_set(e, ERR_FAILED, "name too long: '%.80s'", name);
	autofd int fd =
		openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return err_sys(e, errno, "write '%s'", name);
	if (fchmod(fd, mode) < 0 || fd_write_all(fd, data, len) < 0 ||
		(how == DURABLE && fsync(fd) < 0)) {
		int errnum = errno;
		(void)unlinkat(dir_fd, tmp, 0);
		return err_sys(e, errnum, "write '%s'", name);
	}
	if (put_in_place(dir_fd, tmp, name, how) < 0) {
		int errnum = errno;
		(void)unlinkat(dir_fd, tmp, 0);
		return err_sys(e, errnum, "replace '%s'", name);
	}
	if (how == DURABLE) {
		autofd int dir = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0 || fsync(dir) < 0)
			return err_sys(e, errno, "sync the directory of '%s'", name);
	}
	return 0;
}

int path_write_draft(
	int dir_fd, const char *name, const void *data, size_t len, mode_t mode, struct err *e)
{
	return write_replace(dir_fd, name, data, len, mode, DRAFT, e);
}

int path_write_atomic(
	int dir_fd, const char *name, const void *data, size_t len, mode_t mode, struct err *e)
{
	return write_replace(dir_fd, name, data, len, mode, DURABLE, e);
}

int path_write_volatile(
	int dir_fd, const char *name, const void *data, size_t len, mode_t mode, struct err *e)
{
	return write_replace(dir_fd, name, data, len, mode, VOLATILE, e);
}
