#include "fsroot/tree_digest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "fsroot/digest.h"

enum {
	BLOCK = 128 * 1024,
	ENTRY_BUFFER = 32768,
	XATTR_VALUE_MAX = 65536,
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
};

const char *const tree_digest_part_names[TREE_DIGEST_PARTS] = {
	"names", "owners", "content", "xattrs"};

/* ---- the walk ---- */

/* A directory on the way down. Its descriptor is open only while it is the innermost one. */
struct frame {
	dev_t dev;
	ino_t ino;
	char *names;   /* each with its NUL */
	char **sorted; /* into names */
	size_t n, next;
};

/* A file with several names, and the number of the entry that was its first. */
struct linked {
	dev_t dev;
	ino_t ino;
	uint64_t first; /* 0: an empty place */
};

struct walk {
	struct sha256_ctx sha[TREE_DIGEST_PARTS];
	uint64_t entries;
	struct frame *frames;
	size_t n_frames, cap_frames;
	struct linked *links; /* open addressing, a power of two of places, at most half full */
	size_t n_links, cap_links;
	unsigned char *block; /* BLOCK bytes, then XATTR_LIST_MAX */
	int dir_fd;	      /* of the innermost frame */
};

static void add(struct walk *w, enum tree_digest_part part, const void *bytes, size_t n)
{
	digest_add(&w->sha[part], bytes, n);
}

/* Numbers are 8 bytes, lowest first, so that nothing runs together. */
static void add_number(struct walk *w, enum tree_digest_part part, uint64_t n)
{
	unsigned char bytes[8];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(n >> (8 * i));
	add(w, part, bytes, sizeof bytes);
}

static void add_text(struct walk *w, enum tree_digest_part part, const void *text, size_t n)
{
	add_number(w, part, n);
	add(w, part, text, n);
}

static int fail(const char *what, const char *name, struct err *e)
{
	char shown[300];
	int errnum = errno;
	return err_sys(e, errnum, "%s '%s'", what, str_escape(shown, sizeof shown, name));
}

/* ---- files with several names ---- */

static struct linked *link_place(struct linked *table, size_t cap, dev_t dev, ino_t ino)
{
	size_t i = (size_t)(ino * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (cap - 1);
	while (table[i].first && (table[i].ino != ino || table[i].dev != dev))
		i = (i + 1) & (cap - 1);
	return &table[i];
}

static int link_grow(struct walk *w, struct err *e)
{
	size_t cap = w->cap_links ? w->cap_links * 2 : 1024;
	struct linked *table = calloc(cap, sizeof *table);
	if (!table)
		return err_nomem(e);
	for (size_t i = 0; i < w->cap_links; i++)
		if (w->links[i].first)
			*link_place(table, cap, w->links[i].dev, w->links[i].ino) = w->links[i];
	free(w->links);
	w->links = table;
	w->cap_links = cap;
	return 0;
}

/* *ret: the entry that was the first name of this file, 0 if this one is. */
static int link_first(struct walk *w, const struct stat *st, uint64_t *ret, struct err *e)
{
	if (2 * (w->n_links + 1) > w->cap_links && link_grow(w, e) < 0)
		return -1;
	struct linked *at = link_place(w->links, w->cap_links, st->st_dev, st->st_ino);
	*ret = at->first;
	if (!at->first) {
		*at = (struct linked){st->st_dev, st->st_ino, w->entries};
		w->n_links++;
	}
	return 0;
}

/* ---- one entry ---- */

static bool is_zeros(const unsigned char *p, size_t n)
{
	return n == 0 || (p[0] == 0 && !memcmp(p, p + 1, n - 1));
}

/* Blocks of zeros are left out, so a hole need not be read: what is not there is zeros. */
static int add_content(struct walk *w, int fd, off_t size, const char *name, struct err *e)
{
	add_number(w, TREE_CONTENT, (uint64_t)size);
	for (off_t at = 0; at < size;) {
		off_t data = lseek(fd, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break;
		if (data > at) {
			at = data - data % BLOCK;
		}
		size_t want = size - at < BLOCK ? (size_t)(size - at) : BLOCK;
		size_t got = 0;
		while (got < want) {
			ssize_t n = pread(fd, w->block + got, want - got, at + (off_t)got);
			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0) {
				errno = n ? errno : EIO;
				return fail("read", name, e);
			}
			got += (size_t)n;
		}
		if (!is_zeros(w->block, want)) {
			add_number(w, TREE_CONTENT, (uint64_t)at);
			add(w, TREE_CONTENT, w->block, want);
		}
		at += (off_t)want;
	}
	add_number(w, TREE_CONTENT, UINT64_MAX);
	return 0;
}

static int add_regular(struct walk *w, const char *name, const struct stat *st, struct err *e)
{
	uint64_t first = 0;
	if (st->st_nlink > 1 && link_first(w, st, &first, e) < 0)
		return -1;
	add_number(w, TREE_NAMES, first);
	if (first)
		return 0;
	if (!st->st_size) {
		add_number(w, TREE_CONTENT, 0);
		add_number(w, TREE_CONTENT, UINT64_MAX);
		return 0;
	}
	autofd int fd = openat(w->dir_fd, name,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_NOATIME | O_CLOEXEC);
	if (fd < 0)
		return fail("open", name, e);
	return add_content(w, fd, st->st_size, name, e);
}

static int add_link_target(struct walk *w, const char *name, struct err *e)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(w->dir_fd, name, target, sizeof target);
	if (n < 0)
		return fail("read link", name, e);
	add_text(w, TREE_NAMES, target, (size_t)n);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_of_host(const char *xattr)
{
	return str_eq(xattr, "security.selinux") || str_eq(xattr, "security.ima") ||
	       str_eq(xattr, "security.evm") || str_starts(xattr, "security.SMACK64");
}

/* `list`: n bytes of names, each with its NUL. */
static int add_xattr_values(
	struct walk *w, const char *path, char *list, size_t n, const char *name, struct err *e)
{
	size_t count = 0, i = 0;
	for (char *x = list; x < list + n; x += strlen(x) + 1)
		count++;
	autofree char **sorted = calloc(count, sizeof *sorted);
	if (!sorted)
		return err_nomem(e);
	for (char *x = list; x < list + n; x += strlen(x) + 1)
		sorted[i++] = x;
	qsort(sorted, count, sizeof *sorted, by_text);
	for (i = 0; i < count; i++) {
		if (is_of_host(sorted[i]))
			continue;
		ssize_t len = lgetxattr(path, sorted[i], w->block, XATTR_VALUE_MAX);
		if (len < 0)
			return fail("read the attributes of", name, e);
		add_text(w, TREE_XATTRS, sorted[i], strlen(sorted[i]));
		add_text(w, TREE_XATTRS, w->block, (size_t)len);
	}
	return 0;
}

/* By name, since most files have none and need not be opened for that. */
static int add_xattrs(struct walk *w, const char *name, struct err *e)
{
	char path[sizeof(struct fd_path) + NAME_MAX + 2];
	char *list = (char *)w->block + BLOCK;
	(void)snprintf(path, sizeof path, "%s/%s", fd_path(w->dir_fd).s, name);
	ssize_t n = llistxattr(path, list, XATTR_LIST_MAX);
	if (n < 0 && errno != EOPNOTSUPP)
		return fail("list the attributes of", name, e);
	if (n > 0 && add_xattr_values(w, path, list, (size_t)n, name, e) < 0)
		return -1;
	add_number(w, TREE_XATTRS, UINT64_MAX);
	return 0;
}

static void add_owner(struct walk *w, const struct stat *st)
{
	add_number(w, TREE_OWNERS, st->st_mode & 07777);
	add_number(w, TREE_OWNERS, st->st_uid);
	add_number(w, TREE_OWNERS, st->st_gid);
}

/* ---- directories ---- */

static int read_names(struct walk *w, struct frame *f, struct err *e)
{
	autofree char *buffer = malloc(ENTRY_BUFFER);
	autostr struct strbuf names = {0};
	ssize_t n;
	if (!buffer)
		return err_nomem(e);
	while ((n = getdents64(w->dir_fd, buffer, ENTRY_BUFFER)) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *d = (const void *)(buffer + at);
			at += d->d_reclen;
			if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
				continue;
			str_addn(&names, d->d_name, strlen(d->d_name) + 1);
			f->n++;
		}
	if (n < 0)
		return err_sys(e, errno, "read a directory");
	size_t len = names.len;
	f->names = str_finish(&names, e);
	f->sorted = f->names ? calloc(f->n + 1, sizeof *f->sorted) : NULL;
	if (!f->sorted)
		return err_nomem(e);
	size_t i = 0;
	for (char *name = f->names; name < f->names + len; name += strlen(name) + 1)
		f->sorted[i++] = name;
	qsort(f->sorted, f->n, sizeof *f->sorted, by_text);
	return 0;
}

/* w->dir_fd is the directory that is entered. */
static int push(struct walk *w, struct err *e)
{
	struct stat st;
	if (w->n_frames == w->cap_frames) {
		size_t cap = w->cap_frames ? w->cap_frames * 2 : 64;
		struct frame *more = reallocarray(w->frames, cap, sizeof *more);
		if (!more)
			return err_nomem(e);
		w->frames = more;
		w->cap_frames = cap;
	}
	if (fstat(w->dir_fd, &st) < 0)
		return err_sys(e, errno, "look at a directory");
	w->frames[w->n_frames] = (struct frame){.dev = st.st_dev, .ino = st.st_ino};
	return read_names(w, &w->frames[w->n_frames++], e);
}

static void pop(struct walk *w)
{
	struct frame *f = &w->frames[--w->n_frames];
	free(f->names);
	free(f->sorted);
}

static int enter(struct walk *w, const char *name, struct err *e)
{
	int fd = openat(w->dir_fd, name, OPEN_DIR | O_NOATIME);
	if (fd < 0)
		return fail("open directory", name, e);
	fd_close(&w->dir_fd);
	w->dir_fd = fd;
	return push(w, e);
}

static int leave(struct walk *w, struct err *e)
{
	struct stat st;
	add(w, TREE_NAMES, "/", 1);
	pop(w);
	if (!w->n_frames)
		return 0;
	const struct frame *outer = &w->frames[w->n_frames - 1];
	int fd = openat(w->dir_fd, "..", OPEN_DIR);
	if (fd < 0)
		return err_sys(e, errno, "open a directory");
	fd_close(&w->dir_fd);
	w->dir_fd = fd;
	if (fstat(fd, &st) < 0 || st.st_dev != outer->dev || st.st_ino != outer->ino)
		return err_set(e, ERR_FAILED, "a directory was moved while it was read");
	return 0;
}

static int add_entry(struct walk *w, const char *name, struct err *e)
{
	struct stat st;
	if (fstatat(w->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
		return fail("look at", name, e);
	w->entries++;
	add_text(w, TREE_NAMES, name, strlen(name));
	add_number(w, TREE_NAMES, st.st_mode & S_IFMT);
	add_owner(w, &st);
	if (add_xattrs(w, name, e) < 0)
		return -1;
	if (S_ISREG(st.st_mode))
		return add_regular(w, name, &st, e);
	if (S_ISLNK(st.st_mode))
		return add_link_target(w, name, e);
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		add_number(w, TREE_NAMES, st.st_rdev);
	return S_ISDIR(st.st_mode) ? enter(w, name, e) : 0;
}

static int walk_tree(struct walk *w, struct err *e)
{
	struct stat st;
	if (fstat(w->dir_fd, &st) < 0)
		return err_sys(e, errno, "look at a directory");
	add_owner(w, &st);
	if (add_xattrs(w, ".", e) < 0 || push(w, e) < 0)
		return -1;
	while (w->n_frames) {
		struct frame *f = &w->frames[w->n_frames - 1];
		if (f->next < f->n ? add_entry(w, f->sorted[f->next++], e) < 0 : leave(w, e) < 0)
			return -1;
	}
	return 0;
}

static void finish(struct walk *w, struct tree_digest *ret)
{
	for (size_t p = 0; p < TREE_DIGEST_PARTS; p++)
		digest_hex(&w->sha[p], ret->part[p]);
}

int tree_digest(int dir_fd, struct tree_digest *ret, struct err *e)
{
	struct walk w = {.dir_fd = -1};
	if (digest_load(e) < 0)
		return -1;
	for (size_t p = 0; p < TREE_DIGEST_PARTS; p++)
		digest_init(&w.sha[p]);
	w.block = malloc(BLOCK + XATTR_LIST_MAX);
	if (!w.block)
		return err_nomem(e);
	w.dir_fd = openat(dir_fd, ".", OPEN_DIR);
	int r = w.dir_fd < 0 ? err_sys(e, errno, "open the tree") : walk_tree(&w, e);
	if (r == 0)
		finish(&w, ret);
	while (w.n_frames)
		pop(&w);
	fd_close(&w.dir_fd);
	free(w.frames);
	free(w.links);
	free(w.block);
	return r < 0 ? err_at(e, "digest", NULL) : 0;
}

const char *tree_digest_difference(const struct tree_digest *was, const struct tree_digest *is)
{
	static const char *const words[TREE_DIGEST_PARTS] = {
		[TREE_NAMES] = "files are missing, were added or became other things",
		[TREE_OWNERS] = "the mode, user or group of a file was changed",
		[TREE_CONTENT] = "the content of a file was changed",
		[TREE_XATTRS] = "extended attributes of a file were changed",
	};
	for (size_t p = 0; p < TREE_DIGEST_PARTS; p++)
		if (strcmp(was->part[p], is->part[p]) != 0)
			return words[p];
	return NULL;
}
