#include "fsroot/cp/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/defence.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"

enum {
	LINKS_MAX = 40
};

void place_done(struct place *p)
{
	fd_close(&p->dir_fd);
}

int place_open_dir(const struct place *p)
{
	return path_open_beneath(p->dir_fd, p->name[0] ? p->name : ".", O_PATH | O_DIRECTORY, 0);
}

/* Cut trailing slashes, but for one at the beginning; true if there were any. */
static bool trim(char *path)
{
	size_t len = strlen(path), was = len;
	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	return len != was;
}

/* S38: never by a magic link, which leads to another root. */
static int open_dir_in(int root_fd, const char *path)
{
	if (defence_is_off("S38z"))
		return openat(root_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return path_open_in(root_fd, path, O_PATH | O_DIRECTORY, 0);
}

static int open_whole(int root_fd, const char *path, struct place *ret, struct err *e)
{
	autofd int fd = open_dir_in(root_fd, path);
	if (fd < 0 || fstat(fd, &ret->st) < 0)
		return err_sys(e, errno, "'%s'", path);
	ret->dir_fd = fd_steal(&fd);
	ret->exists = true;
	return 0;
}

/* "now" becomes what the link at its end says. */
static int follow_link(const struct place *p, char now[PATH_MAX], size_t parent_len, struct err *e)
{
	char link[PATH_MAX], next[PATH_MAX];
	ssize_t n = readlinkat(p->dir_fd, p->name, link, sizeof link - 1);
	if (n < 0)
		return err_sys(e, errno, "read the link '%s'", now);
	link[n] = '\0';
	int len = link[0] == '/'
			  ? snprintf(next, sizeof next, "%s", link)
			  : snprintf(next, sizeof next, "%.*s/%s", (int)parent_len, now, link);
	if (len < 0 || (size_t)len >= sizeof next)
		return err_sys(e, ENAMETOOLONG, "follow the link '%s'", now);
	memcpy(now, next, (size_t)len + 1);
	return 0;
}

/* 1 when it is found, 0 when `now` is to be looked at again. */
static int step(int root_fd, char now[PATH_MAX], bool follow, struct place *p, struct err *e)
{
	p->wants_dir |= trim(now);
	char *slash = strrchr(now, '/');
	if (!slash || !slash[1] || str_eq(slash + 1, ".") || str_eq(slash + 1, ".."))
		return open_whole(root_fd, now, p, e) < 0 ? -1 : 1;
	if (strlen(slash + 1) >= sizeof p->name)
		return err_sys(e, ENAMETOOLONG, "'%s'", now);
	memcpy(p->name, slash + 1, strlen(slash + 1) + 1);
	char parent[PATH_MAX];
	memcpy(parent, now, (size_t)(slash - now));
	parent[slash - now] = '\0';
	fd_close(&p->dir_fd);
	p->dir_fd = open_dir_in(root_fd, parent[0] ? parent : "/");
	if (p->dir_fd < 0)
		return err_sys(e, errno, "the directory '%s'", parent);
	p->exists = fstatat(p->dir_fd, p->name, &p->st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!p->exists)
		return errno == ENOENT ? 1 : err_sys(e, errno, "'%s'", now);
	if (!S_ISLNK(p->st.st_mode) || !(follow || p->wants_dir))
		return 1;
	if (follow_link(p, now, (size_t)(slash - now), e) < 0)
		return -1;
	p->name[0] = '\0';
	return 0;
}

int place_find(const char *path, bool follow, struct place *ret, struct err *e)
{
	char now[PATH_MAX];
	autoplace struct place p = PLACE_EMPTY;
	autofd int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(e, errno, "open '/'");
	if (path[0] != '/' || strlen(path) >= sizeof now)
		return err_set(e, ERR_USAGE, "'%s' is no absolute path", path);
	memcpy(now, path, strlen(path) + 1);
	for (int links = 0; links < LINKS_MAX; links++) {
		int r = step(root, now, follow, &p, e);
		if (r < 0)
			return -1;
		if (r == 0)
			continue;
		if (p.exists && p.wants_dir && !S_ISDIR(p.st.st_mode))
			return err_sys(e, ENOTDIR, "'%s'", path);
		*ret = p;
		p.dir_fd = -1;
		return 0;
	}
	return err_sys(e, ELOOP, "'%s'", path);
}
