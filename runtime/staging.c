#include "runtime/staging.h"
#include "base/defence.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
};

static void make_name(char out[STAGING_NAME_SIZE], const char *kind)
{
	char unique[13] = {0};
	random_hex(unique, 12);
	(void)snprintf(out, STAGING_NAME_SIZE, "%.12s-%s", kind, unique);
}

/* Lock an open directory of ours; EWOULDBLOCK when `wait` is false and it is held. */
static int lock_dir(int fd, bool wait)
{
	int r;
	do
		r = flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB);
	while (r < 0 && errno == EINTR);
	return r;
}

int staging_make(const struct store *s, const char *kind, struct staging *ret, struct err *e)
{
	for (int tries = 0; tries < 100; tries++) {
		struct staging st = {.store = s, .fd = -1};
		make_name(st.name, kind);
		if (mkdirat(s->staging_fd, st.name, defence_is_off("S21") ? 0755 : 0700) < 0) {
			if (errno == EEXIST)
				continue;
			return err_sys(e, errno, "make a directory in '%s/staging'", s->root);
		}
		/* A sweep may come between the mkdir and the lock: then we lock a directory that is
		 * gone, and take another. */
		struct stat now;
		st.fd = openat(s->staging_fd, st.name, OPEN_DIR);
		if (st.fd < 0 && errno == ENOENT)
			continue;
		if (st.fd < 0 || lock_dir(st.fd, true) < 0 || fstat(st.fd, &now) < 0) {
			err_sys(e, errno, "open '%s/staging/%s'", s->root, st.name);
			staging_drop(&st);
			return -1;
		}
		if (now.st_nlink == 0) {
			fd_close(&st.fd);
			continue;
		}
		*ret = st;
		return 0;
	}
	return err_set(e, ERR_BUSY, "'%s/staging' is swept again and again", s->root);
}

int staging_lock(int fd)
{
	return lock_dir(fd, true);
}

int staging_take_locked(const struct store *s, int dir_fd, const char *name, const char *kind,
	int *dir, struct staging *ret, struct err *e)
{
	struct staging st = {.store = s, .fd = *dir};
	make_name(st.name, kind);
	if (renameat2(dir_fd, name, s->staging_fd, st.name, RENAME_NOREPLACE) < 0) {
		int errnum = errno;
		err_sys(e, errnum, "move '%s' to '%s/staging'", name, s->root);
		return errnum == ENOENT ? err_class_set(e, ERR_NOT_FOUND) : -1;
	}
	*dir = -1;
	*ret = st;
	return 0;
}

int staging_take(const struct store *s, int dir_fd, const char *name, const char *kind,
	struct staging *ret, struct err *e)
{
	/* Locked before it is moved, so that no sweep takes it from under us. */
	autofd int dir = openat(dir_fd, name, OPEN_DIR);
	if (dir < 0 || lock_dir(dir, true) < 0) {
		int errnum = errno;
		err_sys(e, errnum, "open '%s'", name);
		return errnum == ENOENT ? err_class_set(e, ERR_NOT_FOUND) : -1;
	}
	return staging_take_locked(s, dir_fd, name, kind, &dir, ret, e);
}

int staging_commit(struct staging *st, int dir_fd, const char *name, struct err *e)
{
	const struct store *s = st->store;
	bool durable = !st->no_sync;
	if (durable && fsync(st->fd) < 0)
		return err_sys(e, errno, "sync '%s/staging/%s'", s->root, st->name);
	if (renameat2(s->staging_fd, st->name, dir_fd, name, RENAME_NOREPLACE) < 0) {
		/* Some file systems say ENOTEMPTY where the name is a directory. */
		int errnum = errno == ENOTEMPTY ? EEXIST : errno;
		return err_sys(e, errnum, "move '%s/staging/%s' to '%s'", s->root, st->name, name);
	}
	st->name[0] = '\0';
	fd_close(&st->fd);
	if (durable && fsync(dir_fd) < 0)
		return err_sys(e, errno, "sync the directory of '%s'", name);
	return 0;
}

void staging_drop(struct staging *st)
{
	/* Still locked while it is removed. */
	if (st->name[0])
		(void)path_remove_tree(st->store->staging_fd, st->name, NULL);
	st->name[0] = '\0';
	fd_close(&st->fd);
}

static int sweep_one(const struct store *s, const char *name,
	int (*each)(void *arg, struct staging *st, struct err *e), void *arg, struct err *e)
{
	struct staging st = {.store = s, .fd = openat(s->staging_fd, name, OPEN_DIR)};
	if (st.fd < 0 && (errno == ENOTDIR || errno == ELOOP)) /* a file: nobody holds one */
		return path_remove_tree(s->staging_fd, name, e);
	if (st.fd < 0 || strlen(name) >= sizeof st.name)
		return st.fd < 0 && errno != ENOENT
			       ? err_sys(e, errno, "open '%s/staging/%s'", s->root, name)
			       : (fd_close(&st.fd), 0);
	/* Between our open and our lock its owner may have removed it, or have made it a zone: then
	 * what we have locked is no staging directory any more, and not ours to bury. */
	if (lock_dir(st.fd, false) < 0 || !path_is_at(s->staging_fd, name, st.fd)) {
		fd_close(&st.fd);
		return 0;
	}
	memcpy(st.name, name, strlen(name) + 1);
	int r = each ? each(arg, &st, e) : 0;
	if (r == 0)
		r = path_remove_tree(s->staging_fd, name, e);
	fd_close(&st.fd);
	return r < 0 ? -1 : 0;
}

int staging_sweep(const struct store *s, int (*each)(void *arg, struct staging *st, struct err *e),
	void *arg, struct err *e)
{
	int fd = openat(s->staging_fd, ".", OPEN_DIR);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(&fd);
		return err_sys(e, errno, "read '%s/staging'", s->root);
	}
	int r = 0;
	struct dirent *ent;
	while (r == 0 && (ent = readdir(d)))
		if (strcmp(ent->d_name, ".") != 0 && strcmp(ent->d_name, "..") != 0)
			r = sweep_one(s, ent->d_name, each, arg, e);
	(void)closedir(d);
	return r;
}
