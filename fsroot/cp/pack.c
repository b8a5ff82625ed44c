#include "fsroot/cp/pack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/defence.h"
#include "base/fd.h"
#include "base/mem.h"
#include "fsroot/cp/tar_out.h"

#ifndef MQUEUE_MAGIC
#define MQUEUE_MAGIC 0x19800202
#endif
enum {
	READ_SIZE = 1 << 16,
	SPARSE_MIN = 1 << 16, /* a smaller file is not worth a map */
	SHOWN = 160,
	TRIES = 3,
};

/* A file with more than one name. */
struct link_seen {
	dev_t dev;
	ino_t ino;
	char name[];
};

struct pack {
	const struct pack_options *o;
	struct answer *answer;
	struct tar_out *out;
	char *buf; /* READ_SIZE */
	char *xattr_buf;
	void *links;		     /* tsearch */
	char path[TAR_NAME_MAX + 1]; /* of the present entry, as in the stream */
	size_t len;
	bool is_top;
	struct err shrunk; /* files that became shorter: told at the end */
};

static const char *shown(const struct pack *p, char out[SHOWN])
{
	return str_escape(out, SHOWN, p->path);
}

/* What the kernel makes up: of no use in a copy, without end, or harmful to read. */
static bool is_of_the_kernel(int fd)
{
	static const unsigned kinds[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC, DEVPTS_SUPER_MAGIC,
		CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, MQUEUE_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC,
		SECURITYFS_MAGIC, BPF_FS_MAGIC, BINFMTFS_MAGIC, SELINUX_MAGIC};
	struct statfs fs;
	if (fstatfs(fd, &fs) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if ((unsigned)fs.f_type == kinds[i])
			return true;
	return false;
}

/* ---- names of one file ---- */

static int compare_links(const void *a, const void *b)
{
	const struct link_seen *x = a, *y = b;
	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

/* The name under which it is in the stream already; else this one is remembered. */
static int seen_before(struct pack *p, const struct stat *st, const char **ret, struct err *e)
{
	size_t len = strlen(p->path) + 1;
	struct link_seen *l = malloc(sizeof *l + len);
	if (!l)
		return err_nomem(e);
	*l = (struct link_seen){.dev = st->st_dev, .ino = st->st_ino};
	memcpy(l->name, p->path, len);
	struct link_seen **at = tsearch(l, &p->links, compare_links);
	if (!at) {
		free(l);
		return err_nomem(e);
	}
	*ret = NULL;
	if (*at != l) {
		*ret = (*at)->name;
		free(l);
	}
	return 0;
}

/* ---- attributes ---- */

static bool is_wanted_xattr(const char *name)
{
	return str_starts(name, "user.") || str_eq(name, "security.capability") ||
	       str_eq(name, "system.posix_acl_access") || str_eq(name, "system.posix_acl_default");
}

/* Linux before 6.2 gives the ids of an ACL on a root like a zone's as that root has them only where
 * the room could be filled by entries: 4 bytes, and 8 for each. Else they are nobody's. 0: there is
 * none, and the kernel would only tell the size. */
static size_t room_for(const char *name, size_t room)
{
	enum {
		MOST = (1 << 16) - 4 /* what more there is, the kernel takes as 64 KiB */
	};
	if (!str_starts(name, "system.posix_acl_"))
		return room;
	return room >= MOST ? MOST : room < 4 ? 0 : room - (room - 4) % 8;
}

/* Into p->xattr_buf: the list of names, then the values. */
static void add_xattrs(struct pack *p, int fd, struct tar_entry *entry)
{
	enum {
		ROOM = 1 << 20,
		LIST = 1 << 16
	};
	if (!p->o->xattrs || (!p->xattr_buf && !(p->xattr_buf = malloc(ROOM))))
		return;
	ssize_t n = flistxattr(fd, p->xattr_buf, LIST);
	bool is_full = n < 0 && errno == ERANGE;
	size_t used = LIST;
	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(p->xattr_buf + at) + 1) {
		const char *name = p->xattr_buf + at;
		if (!is_wanted_xattr(name))
			continue;
		size_t room = entry->n_xattrs == TAR_XATTRS_MAX ? 0 : room_for(name, ROOM - used);
		ssize_t size = room ? fgetxattr(fd, name, p->xattr_buf + used, room) : -1;
		is_full |= !room || (size < 0 && (errno == ERANGE || errno == E2BIG));
		if (size < 0)
			continue; /* gone, not ours to read, or too much of it */
		entry->xattrs[entry->n_xattrs++] =
			(struct tar_xattr){name, p->xattr_buf + used, (size_t)size};
		used += (size_t)size;
	}
	char text[SHOWN];
	if (is_full)
		answer_warn(p->answer, "'%s' has more extended attributes than cp takes along",
			shown(p, text));
}

static struct tar_entry entry_of(const struct pack *p, const struct stat *st, enum tar_type type)
{
	return (struct tar_entry){
		.type = type,
		.name = p->path,
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime = st->st_mtim.tv_sec,
		.mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
	};
}

/* ---- files ---- */

/* Where a file has data. False: it has no holes, or too many. */
static bool find_pieces(int fd, uint64_t size, struct tar_piece **ret, size_t *ret_n)
{
	autofree struct tar_piece *list = NULL;
	size_t n = 0, cap = 0;
	for (off_t at = 0; (uint64_t)at < size;) {
		off_t from = lseek(fd, at, SEEK_DATA);
		if (from < 0 && errno == ENXIO)
			break;
		off_t to = from < 0 ? -1 : lseek(fd, from, SEEK_HOLE);
		if (to < from || from < 0 || n + 1 == TAR_PIECES_MAX)
			return false;
		if ((uint64_t)to > size)
			to = (off_t)size;
		if (n + 1 >= cap) {
			cap = cap ? cap * 2 : 64;
			struct tar_piece *more = reallocarray(list, cap, sizeof *list);
			if (!more)
				return false;
			list = more;
		}
		if ((uint64_t)from < size)
			list[n++] = (struct tar_piece){(uint64_t)from, (uint64_t)(to - from)};
		at = to;
	}
	if (n == 1 && list[0].at == 0 && list[0].len == size)
		return false;
	/* GNU tar takes the size from the last piece. */
	if (!list && !(list = malloc(sizeof *list)))
		return false;
	if (!n || list[n - 1].at + list[n - 1].len < size)
		list[n++] = (struct tar_piece){size, 0};
	*ret = ptr_steal(&list);
	*ret_n = n;
	return true;
}

/* 1 when there is less than was promised. */
static int copy_piece(struct pack *p, int fd, struct tar_piece piece, struct err *e)
{
	while (piece.len) {
		size_t want = piece.len < READ_SIZE ? (size_t)piece.len : READ_SIZE;
		ssize_t n = pread(fd, p->buf, want, (off_t)piece.at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno, "read");
		if (n == 0)
			return 1;
		if (tar_out_data(p->out, p->buf, (size_t)n, e) < 0)
			return -1;
		piece.at += (uint64_t)n;
		piece.len -= (uint64_t)n;
		p->answer->bytes += (uint64_t)n;
	}
	return 0;
}

static int put_file(struct pack *p, int fd, const struct stat *st, struct err *e)
{
	struct tar_entry entry = entry_of(p, st, TAR_FILE);
	autofree struct tar_piece *pieces = NULL;
	char name[SHOWN];
	entry.size = (uint64_t)st->st_size;
	struct tar_piece whole = {0, entry.size};
	if (entry.size >= SPARSE_MIN && (uint64_t)st->st_blocks * 512 < entry.size)
		entry.is_sparse = find_pieces(fd, entry.size, &pieces, &entry.n_pieces);
	entry.pieces = pieces;
	add_xattrs(p, fd, &entry);
	if (tar_out_entry(p->out, &entry, e) < 0)
		return -1;
	int r = 0;
	if (entry.is_sparse)
		for (size_t i = 0; r == 0 && i < entry.n_pieces; i++)
			r = copy_piece(p, fd, pieces[i], e);
	else
		r = copy_piece(p, fd, whole, e);
	if (r < 0)
		return err_prefix(e, "'%s'", shown(p, name));
	if (r > 0 && !p->shrunk.cls)
		err_set(&p->shrunk, ERR_FAILED, "'%s' became shorter while it was copied",
			shown(p, name));
	return tar_out_fill(p->out, e);
}

static int put_hardlink(struct pack *p, const struct stat *st, const char *to, struct err *e)
{
	struct tar_entry entry = entry_of(p, st, TAR_HARDLINK);
	entry.link = to;
	return tar_out_entry(p->out, &entry, e);
}

/* 1: it is something else by now. Whatever takes room on the stack is a function of its own: the
 * walk calls itself 2,000 times. */
__attribute__((noinline)) static int pack_file(
	struct pack *p, int dir_fd, const char *name, const struct stat *was, struct err *e)
{
	const char *to = NULL;
	struct stat st;
	int nofollow = defence_is_off("S38") ? 0 : O_NOFOLLOW;
	autofd int fd =
		openat(dir_fd, name, O_RDONLY | nofollow | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && (errno == ELOOP || errno == ENXIO || errno == ENOENT))
		return 1;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "open");
	if (!S_ISREG(st.st_mode))
		return 1;
	(void)was;
	if (is_of_the_kernel(fd)) {
		p->answer->mounts++;
		return p->is_top ? err_set(e, ERR_FAILED,
					   "is made up by the kernel and has no size: "
					   "`cella exec ... cat` shows it")
				 : 0;
	}
	if (st.st_nlink > 1 && seen_before(p, &st, &to, e) < 0)
		return -1;
	return to ? put_hardlink(p, &st, to, e) : put_file(p, fd, &st, e);
}

__attribute__((noinline)) static int pack_symlink(
	struct pack *p, int dir_fd, const char *name, const struct stat *st, struct err *e)
{
	char target[TAR_NAME_MAX + 1];
	ssize_t n = readlinkat(dir_fd, name, target, sizeof target - 1);
	if (n < 0)
		return errno == EINVAL || errno == ENOENT ? 1 : err_sys(e, errno, "read the link");
	target[n] = '\0';
	struct tar_entry entry = entry_of(p, st, TAR_SYMLINK);
	entry.link = target;
	return tar_out_entry(p->out, &entry, e);
}

__attribute__((noinline)) static int pack_fifo(struct pack *p, const struct stat *st, struct err *e)
{
	struct tar_entry entry = entry_of(p, st, TAR_FIFO);
	return tar_out_entry(p->out, &entry, e);
}

/* Its name ends so. */
__attribute__((noinline)) static int put_dir(
	struct pack *p, int fd, const struct stat *st, struct err *e)
{
	struct tar_entry entry = entry_of(p, st, TAR_DIR);
	add_xattrs(p, fd, &entry);
	if (p->len + 1 == sizeof p->path)
		return err_sys(e, ENAMETOOLONG, "directory");
	p->path[p->len] = '/';
	p->path[p->len + 1] = '\0';
	int r = tar_out_entry(p->out, &entry, e);
	p->path[p->len] = '\0';
	return r;
}

/* ---- the walk ---- */

static int pack_object(struct pack *p, int dir_fd, const char *name, struct err *e);

static int read_names(int fd, struct strbuf *names, struct err *e)
{
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = own < 0 ? NULL : fdopendir(own);
	if (!d) {
		fd_close(&own);
		return err_sys(e, errno, "read the directory");
	}
	errno = 0;
	for (struct dirent *at; (at = readdir(d)); errno = 0)
		if (!str_eq(at->d_name, ".") && !str_eq(at->d_name, ".."))
			str_addn(names, at->d_name, strlen(at->d_name) + 1);
	int errnum = errno;
	(void)closedir(d);
	if (errnum)
		return err_sys(e, errnum, "read the directory");
	return names->failed ? err_nomem(e) : 0;
}

static int pack_children(struct pack *p, int fd, struct err *e)
{
	autostr struct strbuf names = {0};
	size_t len = p->len;
	if (read_names(fd, &names, e) < 0)
		return -1;
	p->is_top = false;
	for (size_t at = 0; at < names.len;) {
		const char *name = names.buf + at;
		size_t n = strlen(name);
		at += n + 1;
		if (len + n + 2 > sizeof p->path)
			return err_sys(e, ENAMETOOLONG, "'%.60s'", name);
		p->path[len] = '/';
		memcpy(p->path + len + 1, name, n + 1);
		p->len = len + 1 + n;
		if (pack_object(p, fd, name, e) < 0)
			return -1;
	}
	p->path[len] = '\0';
	p->len = len;
	return 0;
}

static int pack_dir(struct pack *p, int dir_fd, const char *name, struct err *e)
{
	struct stat st;
	char text[SHOWN];
	int nofollow = defence_is_off("S38") ? 0 : O_NOFOLLOW;
	autofd int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | nofollow | O_CLOEXEC);
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR || errno == ENOENT))
		return 1;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "open");
	bool is_kernels = is_of_the_kernel(fd);
	if (is_kernels && p->is_top)
		return err_set(e, ERR_FAILED, "'%s' is made up by the kernel", shown(p, text));
	if (put_dir(p, fd, &st, e) < 0)
		return -1;
	p->answer->mounts += is_kernels;
	return is_kernels ? 0 : pack_children(p, fd, e);
}

static int pack_by_type(
	struct pack *p, int dir_fd, const char *name, const struct stat *st, struct err *e)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
		return pack_file(p, dir_fd, name, st, e);
	case S_IFDIR:
		return pack_dir(p, dir_fd, name, e);
	case S_IFLNK:
		return pack_symlink(p, dir_fd, name, st, e);
	case S_IFIFO:
		return pack_fifo(p, st, e);
	case S_IFSOCK:
		p->answer->sockets++;
		return 0;
	default:
		p->answer->devices++;
		return 0;
	}
}

static int pack_object(struct pack *p, int dir_fd, const char *name, struct err *e)
{
	char text[SHOWN];
	struct stat st;
	bool is_top = p->is_top;
	for (int tries = 0; tries < TRIES; tries++) {
		if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0) {
			if (errno == ENOENT && !is_top)
				return 0; /* removed since its directory was read */
			return err_sys(e, errno, "'%s'", shown(p, text));
		}
		int r = pack_by_type(p, dir_fd, name, &st, e);
		if (r < 0 && e->msg[0] != '\'')
			return err_prefix(e, "'%s'", shown(p, text));
		if (r <= 0) {
			p->answer->entries++;
			return r;
		}
	}
	if (is_top)
		return err_set(e, ERR_FAILED, "'%s' changes while it is copied", shown(p, text));
	answer_warn(
		p->answer, "'%s' changed while it was copied, and was left out", shown(p, text));
	return 0;
}

int pack_tree(
	const struct place *src, const struct pack_options *o, struct answer *a, struct err *e)
{
	autofree char *buf = malloc(READ_SIZE);
	autofree struct tar_out *out = malloc(sizeof *out);
	if (!buf || !out)
		return err_nomem(e);
	struct pack p = {.o = o, .answer = a, .out = out, .buf = buf, .is_top = true};
	p.len = (size_t)snprintf(p.path, sizeof p.path, "%s", o->name);
	tar_out_init(out, STDOUT_FILENO);
	const mode_t type = src->st.st_mode & S_IFMT;
	if (type == S_IFSOCK || type == S_IFCHR || type == S_IFBLK)
		return err_set(e, ERR_FAILED, "it is a %s, which cannot be copied",
			type == S_IFSOCK ? "socket" : "device");
	int r = pack_object(&p, src->dir_fd, src->name[0] ? src->name : ".", e);
	if (r == 0)
		r = tar_out_end(out, e);
	free(p.xattr_buf);
	tdestroy(p.links, free);
	if (r == 0 && p.shrunk.cls) {
		*e = p.shrunk;
		r = -1;
	}
	return r;
}
