#include "fsroot/cp/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/defence.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "fsroot/cp/seen.h"
#include "fsroot/cp/tar_in.h"
#include "fsroot/unpack/name.h"

enum {
	READ_SIZE = 1 << 16,
	SHOWN = 160,
	TEMP_SIZE = 32,
};

/* A directory on the way to the present entry; its time is set when it is left. */
struct frame {
	int fd;
	size_t path_len; /* of u->path, up to and with its name */
	struct timespec mtime;
};

struct unpack {
	const struct unpack_options *o;
	const struct place *dst;
	struct answer *answer;
	struct tar_in *in;
	struct seen files; /* of a single stream */
	char *buf;
	int base_fd;
	char top[256]; /* beneath base_fd: what all names of a single stream begin with; "" none */
	bool top_is_new;
	bool has_begun;
	struct frame *frames;
	size_t n, cap;
	char path[NAME_PATH_MAX + 256];
};

/* ---- directories ---- */

static int dir_fd(const struct unpack *u)
{
	return u->n ? u->frames[u->n - 1].fd : u->base_fd;
}

static int leave(struct unpack *u, struct err *e)
{
	struct frame *f = &u->frames[--u->n];
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, f->mtime};
	int r = f->mtime.tv_nsec == UTIME_OMIT ? 0 : futimens(f->fd, times);
	if (r < 0)
		err_sys(e, errno, "set the time of a directory");
	fd_close(&f->fd);
	u->path[u->n ? u->frames[u->n - 1].path_len : 0] = '\0';
	return r;
}

static int push(struct unpack *u, int *fd, const char *name, size_t len, struct err *e)
{
	if (u->n == u->cap) {
		size_t cap = u->cap ? u->cap * 2 : 32;
		struct frame *more = reallocarray(u->frames, cap, sizeof *more);
		if (!more)
			return err_nomem(e);
		u->frames = more;
		u->cap = cap;
	}
	size_t at = u->n ? u->frames[u->n - 1].path_len : 0;
	if (at)
		u->path[at++] = '/';
	memcpy(u->path + at, name, len);
	u->path[at + len] = '\0';
	u->frames[u->n++] = (struct frame){fd_steal(fd), at + len, {.tv_nsec = UTIME_OMIT}};
	return 0;
}

/* One component, never through a link (S38). */
static int open_component(int at, const char *name)
{
	if (defence_is_off("S38"))
		return openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return path_open_beneath(at, name, O_RDONLY | O_DIRECTORY, 0);
}

static int not_a_directory(int at, const char *name, struct err *e)
{
	struct stat st;
	char shown[SHOWN];
	bool is_link = fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
	return err_set(e, ERR_FAILED, "'%s' is %s, not a directory",
		str_escape(shown, sizeof shown, name),
		is_link ? "a symbolic link" : "there, and is");
}

static int enter(struct unpack *u, const char *name, size_t len, struct err *e)
{
	char part[NAME_COMPONENT_MAX + 1];
	memcpy(part, name, len);
	part[len] = '\0';
	int at = dir_fd(u);
	autofd int fd = open_component(at, part);
	if (fd < 0 && errno == ENOENT) {
		if (mkdirat(at, part, 0755) < 0)
			return err_sys(e, errno, "make the directory '%s'", part);
		u->answer->entries++;
		fd = open_component(at, part);
	}
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR || errno == EXDEV))
		return not_a_directory(at, part, e);
	if (fd < 0)
		return err_sys(e, errno, "open the directory '%s'", part);
	return push(u, &fd, part, len, e);
}

/* True if directory `dir` is `path` or lies above it. */
static bool is_above(const char *dir, size_t len, const char *path)
{
	return !strncmp(dir, path, len) && (path[len] == '/' || !path[len]);
}

/* Be in the directory of `path`; *ret_name is its last component. */
static int go_to_parent(struct unpack *u, const char *path, const char **ret_name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	size_t dir_len = slash ? (size_t)(slash - path) : 0;
	char dir[sizeof u->path];
	memcpy(dir, path, dir_len);
	dir[dir_len] = '\0';
	while (u->n && !is_above(u->path, u->frames[u->n - 1].path_len, dir))
		if (leave(u, e) < 0)
			return -1;
	size_t at = u->n ? u->frames[u->n - 1].path_len : 0;
	while (at < dir_len) {
		at += dir[at] == '/';
		size_t n = strcspn(dir + at, "/");
		if (enter(u, dir + at, n, e) < 0)
			return -1;
		at += n;
	}
	*ret_name = slash ? slash + 1 : path;
	return 0;
}

/* ---- attributes ---- */

static uint32_t wanted_mode(struct unpack *u, const struct tar_entry *entry)
{
	bool keeps = u->o->keep || u->o->keep_setid || defence_is_off("S38m");
	/* A directory's setgid is about groups, not about rights. */
	if (keeps || entry->type == TAR_DIR || !(entry->mode & (S_ISUID | S_ISGID)))
		return entry->mode;
	u->answer->stripped++;
	return entry->mode & ~(uint32_t)(S_ISUID | S_ISGID);
}

static int check_owner(const struct unpack *u, const struct tar_entry *entry, struct err *e)
{
	if (!u->o->keep || (entry->uid < u->o->n_ids && entry->gid < u->o->n_ids))
		return 0;
	return err_set(e, ERR_FAILED, "belongs to %llu:%llu, but a zone has ids 0 to %llu only",
		(unsigned long long)entry->uid, (unsigned long long)entry->gid,
		(unsigned long long)u->o->n_ids - 1);
}

static bool is_wanted_xattr(const char *name)
{
	return str_starts(name, "user.") || str_eq(name, "security.capability") ||
	       str_eq(name, "system.posix_acl_access") || str_eq(name, "system.posix_acl_default");
}

static int set_xattrs(struct unpack *u, int fd, const struct tar_entry *entry, struct err *e)
{
	for (size_t i = 0; i < entry->n_xattrs; i++) {
		const struct tar_xattr *x = &entry->xattrs[i];
		if (!is_wanted_xattr(x->name))
			continue;
		if (fsetxattr(fd, x->name, x->value, x->size, 0) == 0)
			continue;
		if (errno != EOPNOTSUPP)
			return err_sys(e, errno, "attribute '%s'", x->name);
		answer_warn(u->answer, "'%s': this file system has no '%s'", entry->name, x->name);
	}
	return 0;
}

static struct timespec mtime_of(const struct tar_entry *entry)
{
	return (struct timespec){entry->mtime, entry->mtime_ns};
}

/* chown takes setuid and capabilities away, so it is first. */
static int set_attributes(struct unpack *u, int fd, const struct tar_entry *entry, struct err *e)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, mtime_of(entry)};
	if (u->o->keep && fchown(fd, (uid_t)entry->uid, (gid_t)entry->gid) < 0)
		return err_sys(e, errno, "set its owner");
	if (fchmod(fd, wanted_mode(u, entry)) < 0)
		return err_sys(e, errno, "set its mode");
	if (u->o->keep && set_xattrs(u, fd, entry, e) < 0)
		return -1;
	if (entry->type != TAR_DIR && futimens(fd, times) < 0)
		return err_sys(e, errno, "set its time");
	return 0;
}

/* A link or FIFO. */
static int set_attributes_at(
	struct unpack *u, int at, const char *name, const struct tar_entry *entry, struct err *e)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, mtime_of(entry)};
	if (u->o->keep &&
		fchownat(at, name, (uid_t)entry->uid, (gid_t)entry->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "set its owner");
	if (utimensat(at, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "set its time");
	return 0;
}

/* ---- objects ---- */

static int temp_name(char out[TEMP_SIZE], struct err *e)
{
	uint64_t random;
	if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
		return err_sys(e, errno, "getrandom");
	(void)snprintf(out, TEMP_SIZE, ".cella-cp-%016llx", (unsigned long long)random);
	return 0;
}

/* What is there may be replaced: neither a directory nor a device (R7: say so, do not harm). */
static int check_replaced(int at, const char *name, struct err *e)
{
	struct stat st;
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "look at what is there");
	if (S_ISDIR(st.st_mode))
		return err_set(e, ERR_FAILED, "there is a directory of that name");
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		return err_set(e, ERR_FAILED, "there is a device of that name");
	return 0;
}

static int write_piece(struct unpack *u, int fd, uint64_t at, uint64_t len, struct err *e)
{
	while (len) {
		size_t want = len < READ_SIZE ? (size_t)len : READ_SIZE;
		ssize_t got = tar_in_read(u->in, u->buf, want, e);
		if (got < 0)
			return -1;
		if (got == 0)
			return err_set(e, ERR_FAILED, "the stream ends in the middle");
		for (ssize_t done = 0; done < got;) {
			ssize_t n = pwrite(fd, u->buf + done, (size_t)(got - done),
				(off_t)(at + (uint64_t)done));
			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				return err_sys(e, errno, "write it");
			done += n;
		}
		at += (uint64_t)got;
		len -= (uint64_t)got;
		u->answer->bytes += (uint64_t)got;
	}
	return 0;
}

static int write_content(struct unpack *u, int fd, const struct tar_entry *entry, struct err *e)
{
	if (!entry->is_sparse)
		return write_piece(u, fd, 0, entry->size, e);
	for (size_t i = 0; i < entry->n_pieces; i++)
		if (write_piece(u, fd, entry->pieces[i].at, entry->pieces[i].len, e) < 0)
			return -1;
	return ftruncate(fd, (off_t)entry->size) < 0 ? err_sys(e, errno, "set its size") : 0;
}

/* What was there before the copy is not the stream's to give another name: it may be somebody's
 * alone only because of the directory that it is in. */
static int note_file(struct unpack *u, int fd, struct err *e)
{
	struct stat st;
	if (!u->o->is_single)
		return 0;
	return fstat(fd, &st) < 0 ? err_sys(e, errno, "look at it") : seen_add(&u->files, &st, e);
}

static bool may_link(const struct unpack *u, int at, const char *name)
{
	struct stat st;
	if (!u->o->is_single || defence_is_off("S38h"))
		return true;
	return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && seen_has(&u->files, &st);
}

/* Written beside its place, and moved into it when it is complete. */
static int put_file(
	struct unpack *u, const struct tar_entry *entry, const char *name, struct err *e)
{
	char temp[TEMP_SIZE];
	int at = dir_fd(u);
	if (check_replaced(at, name, e) < 0 || temp_name(temp, e) < 0)
		return -1;
	autofd int fd =
		openat(at, temp, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "make it");
	if (write_content(u, fd, entry, e) < 0 || set_attributes(u, fd, entry, e) < 0 ||
		note_file(u, fd, e) < 0) {
		(void)unlinkat(at, temp, 0);
		return -1;
	}
	if (renameat(at, temp, at, name) == 0)
		return 0;
	err_sys(e, errno, "put it in its place");
	(void)unlinkat(at, temp, 0);
	return -1;
}

static int make_special(int at, const char *name, const struct tar_entry *entry)
{
	return entry->type == TAR_SYMLINK ? symlinkat(entry->link, at, name)
					  : mkfifoat(at, name, (mode_t)(entry->mode & 0777));
}

static int put_special(
	struct unpack *u, const struct tar_entry *entry, const char *name, struct err *e)
{
	char temp[TEMP_SIZE];
	int at = dir_fd(u);
	if (entry->type == TAR_SYMLINK && !entry->link[0])
		return err_set(e, ERR_FAILED, "is a symbolic link to nothing");
	if (check_replaced(at, name, e) < 0 || temp_name(temp, e) < 0)
		return -1;
	if (make_special(at, temp, entry) < 0)
		return err_sys(e, errno, "make it");
	if (set_attributes_at(u, at, temp, entry, e) == 0) {
		if (renameat(at, temp, at, name) == 0)
			return 0;
		err_sys(e, errno, "put it in its place");
	}
	(void)unlinkat(at, temp, 0);
	return -1;
}

static int put_dir(struct unpack *u, const struct tar_entry *entry, const char *name, struct err *e)
{
	int at = dir_fd(u);
	bool is_new = mkdirat(at, name, 0700) == 0;
	if (!is_new && errno != EEXIST)
		return err_sys(e, errno, "make it");
	autofd int fd = open_component(at, name);
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR || errno == EXDEV))
		return not_a_directory(at, name, e);
	if (fd < 0)
		return err_sys(e, errno, "open it");
	if ((is_new || u->o->keep) && set_attributes(u, fd, entry, e) < 0)
		return -1;
	if (push(u, &fd, name, strlen(name), e) < 0)
		return -1;
	if (is_new || u->o->keep)
		u->frames[u->n - 1].mtime = mtime_of(entry);
	return 0;
}

/* Name of an entry or a hard link's target, beneath base_fd. 1: it is the top itself. */
static int full_name(
	const struct unpack *u, const char *raw, char out[sizeof u->path], struct err *e)
{
	char rel[NAME_PATH_MAX];
	enum name_verdict verdict = name_normalize(raw, rel);
	if (verdict != NAME_OK && verdict != NAME_IS_ROOT)
		return err_set(e, ERR_FAILED, "%s", name_reason(verdict));
	if (verdict == NAME_IS_ROOT)
		rel[0] = '\0';
	(void)snprintf(out, sizeof u->path, "%s%s%s", u->top, u->top[0] && rel[0] ? "/" : "", rel);
	return verdict == NAME_IS_ROOT;
}

static int put_hardlink(
	struct unpack *u, const struct tar_entry *entry, const char *name, struct err *e)
{
	char target[sizeof u->path], dir[sizeof u->path], temp[TEMP_SIZE], shown[SHOWN];
	int at = dir_fd(u);
	str_escape(shown, sizeof shown, entry->link);
	int top = full_name(u, entry->link, target, e);
	if (top != 0)
		return err_set(
			e, ERR_FAILED, "is a hard link to '%s', outside of what is copied", shown);
	const char *slash = strrchr(target, '/');
	size_t n = slash ? (size_t)(slash - target) : 0;
	memcpy(dir, target, n);
	dir[n] = '\0';
	autofd int from = path_open_beneath(u->base_fd, n ? dir : ".", O_PATH | O_DIRECTORY, 0);
	if (from < 0)
		return err_sys(e, errno, "hard link to '%s'", shown);
	if (check_replaced(at, name, e) < 0 || temp_name(temp, e) < 0)
		return -1;
	struct stat st;
	const char *last = slash ? slash + 1 : target;
	if (fstatat(from, last, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode))
		return err_set(e, ERR_FAILED, "is a hard link to '%s', which is no file", shown);
	if (linkat(from, last, at, temp, 0) < 0)
		return err_sys(e, errno, "hard link to '%s'", shown);
	/* Of what has been linked, since the name may be another file's by now. */
	int r = may_link(u, at, temp) ? renameat(at, temp, at, name) : 1;
	if (r > 0)
		r = err_set(e, ERR_FAILED, "is a hard link to '%s', which it did not bring", shown);
	else if (r < 0)
		err_sys(e, errno, "put it in its place");
	(void)unlinkat(at, temp, 0); /* rename of two names of one file does nothing */
	return r;
}

static int put_object(
	struct unpack *u, const struct tar_entry *entry, const char *name, struct err *e)
{
	if (entry->type == TAR_CHAR || entry->type == TAR_BLOCK_DEVICE) {
		u->answer->devices++;
		return 0;
	}
	if (entry->type != TAR_HARDLINK && check_owner(u, entry, e) < 0)
		return -1;
	switch (entry->type) {
	case TAR_FILE:
		return put_file(u, entry, name, e);
	case TAR_DIR:
		return put_dir(u, entry, name, e);
	case TAR_HARDLINK:
		return put_hardlink(u, entry, name, e);
	default:
		return put_special(u, entry, name, e);
	}
}

/* ---- the stream ---- */

/* Where a single stream's object goes, from its first entry and what is there: as cp(1). */
static int begin_single(struct unpack *u, const struct tar_entry *first, struct err *e)
{
	const struct place *d = u->dst;
	char rel[NAME_PATH_MAX];
	if (name_normalize(first->name, rel) != NAME_IS_ROOT)
		return err_set(e, ERR_FAILED, "the stream is not what was asked for");
	bool is_dir = first->type == TAR_DIR;
	if (d->exists && S_ISDIR(d->st.st_mode)) {
		const char *name = u->o->contents && is_dir ? "" : u->o->name;
		memcpy(u->top, name, strlen(name) + 1);
		return 0;
	}
	if (d->exists && is_dir)
		return err_set(e, ERR_FAILED, "cannot copy a directory onto what is no directory");
	if (d->wants_dir && !is_dir)
		return err_set(e, ERR_NOT_FOUND, "the directory to copy to does not exist");
	memcpy(u->top, d->name, sizeof u->top);
	return 0;
}

static int put_entry(struct unpack *u, const struct tar_entry *entry, struct err *e)
{
	char path[sizeof u->path];
	const char *name;
	if (u->o->is_single && !u->has_begun && begin_single(u, entry, e) < 0)
		return -1;
	u->has_begun = true;
	if (full_name(u, entry->name, path, e) < 0)
		return -1;
	u->answer->entries++;
	if (!path[0]) /* the destination itself stays as it is */
		return entry->type == TAR_DIR ? 0
					      : err_set(e, ERR_FAILED, "names the top directory");
	if (go_to_parent(u, path, &name, e) < 0)
		return -1;
	return put_object(u, entry, name, e);
}

static int put_all(struct unpack *u, struct err *e)
{
	struct tar_entry entry;
	char shown[SHOWN];
	int r;
	while ((r = tar_in_next(u->in, &entry, e)) > 0)
		if (put_entry(u, &entry, e) < 0) {
			bool is_top = u->o->is_single && str_eq(entry.name, ".");
			return is_top ? -1
				      : err_prefix(e, "'%s'",
						str_escape(shown, sizeof shown, entry.name));
		}
	while (r == 0 && u->n)
		r = leave(u, e);
	if (r == 0 && !u->has_begun && u->o->is_single)
		return err_set(e, ERR_FAILED, "the stream is empty");
	return r;
}

int unpack_base(const struct place *dst, int *ret_fd, struct err *e)
{
	bool is_dir = dst->exists && S_ISDIR(dst->st.st_mode);
	int fd = is_dir ? place_open_dir(dst) : fcntl(dst->dir_fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return err_sys(e, errno, "open the directory to copy to");
	*ret_fd = fd;
	return 0;
}

int unpack_stream(const struct place *dst, int base_fd, const struct unpack_options *o,
	struct answer *a, struct err *e)
{
	autofree char *buf = malloc(READ_SIZE);
	struct unpack u = {
		.o = o,
		.dst = dst,
		.answer = a,
		.in = tar_in_new(STDIN_FILENO),
		.buf = buf,
		.base_fd = base_fd,
	};
	if (!o->is_single && !(dst->exists && S_ISDIR(dst->st.st_mode))) {
		tar_in_free(u.in);
		return err_set(e, dst->exists ? ERR_FAILED : ERR_NOT_FOUND,
			"an archive can be unpacked into a directory only");
	}
	int r = u.in && buf ? put_all(&u, e) : err_nomem(e);
	while (u.n)
		(void)leave(&u, NULL);
	free(u.frames);
	seen_done(&u.files);
	tar_in_free(u.in);
	return r;
}
