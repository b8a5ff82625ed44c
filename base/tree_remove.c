/* Removing and measuring trees that hostile code has shaped: any depth, any links, with two
 * descriptors. Instead of recursing, every sub-directory of a sub-directory is first renamed up to
 * the top under a name of ours, so depth never exceeds two. */
#include "base/defence.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory one level beneath, never through a link, never on another mount. */
static int open_child(int dir, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS |
			   RESOLVE_NO_MAGICLINKS,
	};
	if (defence_is_off("S11"))
		return openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return sys_openat2(dir, name, &how);
}

static bool is_dot(const char *n)
{
	return n[0] == '.' && (!n[1] || (n[1] == '.' && !n[2]));
}

static int fail_at(struct err *e, const char *name, const char *child)
{
	int errnum = errno;
	char a[200];
	(void)snprintf(a, sizeof a, "%.80s/%.80s", name, child);
	char shown[400];
	snprintf(shown, sizeof shown, "%s", a);
	if (errnum == EXDEV || errnum == EBUSY)
		return err_set(e, ERR_FAILED, "'%s' is a mount point: it is left alone", shown);
	return err_sys(e, errnum, "remove '%s'", shown);
}

/* Remove the entries of `dir`; directories that are not empty move up into `top`. */
static int empty_into(
	int dir, int top, uint64_t *serial, const char *unique, const char *name, struct err *e)
{
	DIR *d = fdopendir(dir);
	if (!d) {
		(void)close(dir);
		return err_sys(e, errno, "read directory '%s'", name);
	}
	int r = 0;
	struct dirent *ent;
	while (r == 0 && (errno = 0, ent = readdir(d))) {
		if (is_dot(ent->d_name))
			continue;
		if (unlinkat(dirfd(d), ent->d_name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno != EISDIR && errno != EPERM) {
			r = fail_at(e, name, ent->d_name);
			break;
		}
		if (unlinkat(dirfd(d), ent->d_name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			continue;
		char up[80];
		(void)snprintf(up, sizeof up, ".rm-%s-%llu", unique, (unsigned long long)++*serial);
		if (errno != ENOTEMPTY && errno != EEXIST)
			r = fail_at(e, name, ent->d_name);
		else if (renameat(dirfd(d), ent->d_name, top, up) < 0)
			r = fail_at(e, name, ent->d_name);
	}
	if (r == 0 && errno)
		r = err_sys(e, errno, "read directory '%s'", name);
	(void)closedir(d);
	return r;
}

/* One pass over the top: remove what is removable, empty the sub-directories. True in *more if
 * anything is left. */
static int pass(
	int top, uint64_t *serial, const char *unique, const char *name, bool *more, struct err *e)
{
	*more = false;
	int fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return err_sys(e, errno, "open directory '%s'", name);
	int r = 0;
	struct dirent *ent;
	while (r == 0 && (errno = 0, ent = readdir(d))) {
		if (is_dot(ent->d_name))
			continue;
		*more = true;
		if (unlinkat(top, ent->d_name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno != EISDIR && errno != EPERM) {
			r = fail_at(e, name, ent->d_name);
			break;
		}
		if (unlinkat(top, ent->d_name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			continue;
		if (errno != ENOTEMPTY && errno != EEXIST &&
			!(errno == EBUSY && defence_is_off("S11"))) {
			r = fail_at(e, name, ent->d_name);
			break;
		}
		int child = open_child(top, ent->d_name);
		if (child < 0)
			r = fail_at(e, name, ent->d_name);
		else
			r = empty_into(child, top, serial, unique, name, e);
		if (r == 0 && unlinkat(top, ent->d_name, AT_REMOVEDIR) < 0 && errno != ENOTEMPTY &&
			errno != ENOENT)
			r = fail_at(e, name, ent->d_name);
	}
	(void)closedir(d);
	return r;
}

int path_remove_tree(int dir_fd, const char *name, struct err *e)
{
	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(e, errno, "remove '%s'", name);
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return fail_at(e, ".", name);
	autofd int top = open_child(dir_fd, name);
	if (top < 0)
		return fail_at(e, ".", name);
	char unique[9] = {0};
	random_hex(unique, 8);
	uint64_t serial = 0;
	bool more = true;
	while (more)
		if (pass(top, &serial, unique, name, &more, e) < 0)
			return -1;
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return fail_at(e, ".", name);
	return 0;
}

/* Depth-first with one descriptor per level, at most this many: a table column is not worth more.
 */
enum {
	USAGE_DEPTH = 64
};

static void usage_of(int dir, int depth, uint64_t *bytes, uint64_t *files)
{
	DIR *d = fdopendir(dir);
	if (!d) {
		(void)close(dir);
		return;
	}
	struct dirent *ent;
	while ((ent = readdir(d))) {
		struct stat st;
		if (is_dot(ent->d_name) ||
			fstatat(dirfd(d), ent->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		*bytes += (uint64_t)st.st_blocks * 512;
		++*files;
		if (S_ISDIR(st.st_mode) && depth < USAGE_DEPTH) {
			int child = open_child(dirfd(d), ent->d_name);
			if (child >= 0)
				usage_of(child, depth + 1, bytes, files);
		}
	}
	(void)closedir(d);
}

int path_tree_usage(int dir_fd, const char *name, uint64_t *ret_bytes, uint64_t *ret_files)
{
	int fd = open_child(dir_fd, name);
	if (fd < 0)
		return -1;
	*ret_bytes = *ret_files = 0;
	usage_of(fd, 0, ret_bytes, ret_files);
	return 0;
}
