#include "fsroot/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "fsroot/copy_file.h"

enum {
	FRAMES_OPEN = 32,
	ENTRY_BUFFER = 32768,
	SHOWN_PATH = 240
};

/* One directory on the way down. Only the innermost FRAMES_OPEN have their descriptors open; an
 * outer one is opened again as ".." of its child, and must be the same directory then. */
struct frame {
	int src_fd, dst_fd;
	struct stat src, dst;
	char name[NAME_MAX + 1];
	struct strbuf subdirs; /* names, each with its NUL */
	size_t next;	       /* offset of the next one to enter */
};

struct walk {
	struct copy_job job;
	struct frame *frames;
	size_t n, cap;
	uint64_t mount_id;
	int root_fd;  /* of the destination */
	int links_fd; /* directory in which every file with several names has one more */
	char links_name[40];
};

static void frame_done(struct frame *f)
{
	fd_close(&f->src_fd);
	fd_close(&f->dst_fd);
	str_done(&f->subdirs);
}

static void walk_done(struct walk *w)
{
	while (w->n)
		frame_done(&w->frames[--w->n]);
	free(w->frames);
	fd_close(&w->links_fd);
}

/* The last part of the path of `name`, fit to be shown. */
static const char *shown_path(const struct walk *w, const char *name, char out[SHOWN_PATH])
{
	char raw[SHOWN_PATH] = "";
	size_t at = sizeof raw - 1;
	raw[at] = '\0';
	for (size_t i = w->n + 1; i-- > 0;) {
		const char *part = i == w->n ? name : w->frames[i].name;
		size_t len = part ? strlen(part) : 0;
		if (!len)
			continue;
		if (len + 1 > at)
			break;
		at -= len;
		memcpy(raw + at, part, len);
		raw[--at] = '/';
	}
	return str_escape(out, SHOWN_PATH, raw + at);
}

static int count_entry(struct walk *w, const struct stat *st, const char *path, struct err *e)
{
	const struct copy_options *o = w->job.options;
	if (o->max_id && (st->st_uid >= o->max_id || st->st_gid >= o->max_id)) {
		err_set(e, ERR_FAILED, "'%s' belongs to %u:%u, but a zone has ids 0 to %llu only",
			path, st->st_uid, st->st_gid, (unsigned long long)o->max_id - 1);
		return -1;
	}
	if (++w->job.result->entries <= o->max_entries || !o->max_entries)
		return 0;
	err_set(e, ERR_FAILED, "limit of %llu entries reached at '%s'",
		(unsigned long long)o->max_entries, path);
	return o->limit_entries_name ? err_hint(e, "%s raises it", o->limit_entries_name) : -1;
}

static int open_links(struct walk *w, struct err *e)
{
	if (w->links_fd >= 0)
		return 0;
	memcpy(w->links_name, ".cella-links-", sizeof ".cella-links-");
	random_hex(w->links_name + strlen(w->links_name), 16);
	w->links_name[sizeof ".cella-links-" - 1 + 16] = '\0';
	if (mkdirat(w->root_fd, w->links_name, 0700) < 0)
		return err_sys(e, errno, "cannot make a directory for hard links");
	w->links_fd = openat(w->root_fd, w->links_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return w->links_fd < 0 ? err_sys(e, errno, "cannot open the directory for hard links") : 0;
}

/* Files with several names are found again by their inode number as a name in a directory of their
 * own: no memory, and no long path is ever walked. 1 when `name` is made, 0 when it is the first.
 */
static int link_known(struct walk *w, int dst_dir, const char *name, const char *key, struct err *e)
{
	if (linkat(w->links_fd, key, dst_dir, name, 0) == 0)
		return 1;
	if (errno == ENOENT)
		return 0;
	/* The extra name makes it one too many: give that one away. */
	if (errno == EMLINK && renameat(w->links_fd, key, dst_dir, name) == 0)
		return 1;
	return err_sys(e, errno, "link '%s'", name);
}

static int copy_object(struct walk *w, struct frame *f, const char *name, const struct stat *st,
	const char *path, struct err *e)
{
	bool is_device = S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);
	bool is_whiteout = S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
	if (S_ISSOCK(st->st_mode) && !w->job.options->keep_overlay_marks) {
		w->job.result->skipped_sockets++;
		return 0;
	}
	if (is_device && !(is_whiteout && w->job.options->keep_overlay_marks)) {
		w->job.result->skipped_devices++;
		return 0;
	}
	/* All whiteouts of a layer may be names of one inode: making each anew is simpler. */
	bool is_linked = st->st_nlink > 1 && !is_whiteout;
	char key[64];
	if (is_linked) {
		if (open_links(w, e) < 0)
			return -1;
		(void)snprintf(key, sizeof key, "%llx-%llx", (unsigned long long)st->st_dev,
			(unsigned long long)st->st_ino);
		int r = link_known(w, f->dst_fd, name, key, e);
		if (r)
			return r < 0 ? -1 : 0;
	}
	int r = S_ISREG(st->st_mode)
			? copy_regular(&w->job, f->src_fd, f->dst_fd, name, st, path, e)
			: copy_special(&w->job, f->src_fd, f->dst_fd, name, st, path, e);
	if (r == 0 && is_linked && linkat(f->dst_fd, name, w->links_fd, key, 0) < 0)
		return err_sys(e, errno, "link '%s'", path);
	return r;
}

static int is_same_mount(struct walk *w, int dir_fd, const char *name, bool *ret, struct err *e)
{
	struct statx stx;
	if (statx(dir_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_MNT_ID, &stx) < 0)
		return err_sys(e, errno, "cannot look at '%s'", name);
	*ret = stx.stx_mnt_id == w->mount_id;
	return 0;
}

static int copy_entry(struct walk *w, struct frame *f, const char *name, struct err *e)
{
	char path[SHOWN_PATH];
	struct stat st;
	shown_path(w, name, path);
	if (fstatat(f->src_fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0) {
		if (errno == ENOENT)
			return err_set(e, ERR_FAILED, "'%s' vanished while it was copied", path);
		return err_sys(e, errno, "cannot look at '%s'", path);
	}
	bool same_mount = false;
	if (count_entry(w, &st, path, e) < 0 ||
		is_same_mount(w, f->src_fd, name, &same_mount, e) < 0)
		return -1;
	if (!same_mount) {
		w->job.result->skipped_mounts++;
		/* The mount point is part of the tree, what is mounted there is not. */
		if (S_ISDIR(st.st_mode) && mkdirat(f->dst_fd, name, 0755) < 0)
			return err_sys(e, errno, "make '%s'", path);
		return 0;
	}
	if (!S_ISDIR(st.st_mode))
		return copy_object(w, f, name, &st, path, e);
	str_addn(&f->subdirs, name, strlen(name) + 1);
	return f->subdirs.failed ? err_nomem(e) : 0;
}

static int copy_entries(struct walk *w, struct frame *f, struct err *e)
{
	autofree char *buffer = malloc(ENTRY_BUFFER);
	char path[SHOWN_PATH];
	if (!buffer)
		return err_nomem(e);
	for (;;) {
		ssize_t n = getdents64(f->src_fd, buffer, ENTRY_BUFFER);
		if (n < 0)
			return err_sys(e, errno, "read directory '%s'", shown_path(w, NULL, path));
		if (n == 0)
			return 0;
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *d = (const void *)(buffer + at);
			at += d->d_reclen;
			if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
				continue;
			if (copy_entry(w, f, d->d_name, e) < 0)
				return -1;
		}
	}
}

static struct frame *push(struct walk *w, const char *name, struct err *e)
{
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 64;
		struct frame *frames = reallocarray(w->frames, cap, sizeof *frames);
		if (!frames) {
			err_nomem(e);
			return NULL;
		}
		w->frames = frames;
		w->cap = cap;
	}
	struct frame *f = &w->frames[w->n++];
	*f = (struct frame){.src_fd = -1, .dst_fd = -1};
	(void)snprintf(f->name, sizeof f->name, "%s", name);
	if (w->n > FRAMES_OPEN) {
		struct frame *outer = &w->frames[w->n - 1 - FRAMES_OPEN];
		fd_close(&outer->src_fd);
		fd_close(&outer->dst_fd);
	}
	return f;
}

static int enter(struct walk *w, const char *name, struct err *e)
{
	char path[SHOWN_PATH];
	int src_parent = w->frames[w->n - 1].src_fd, dst_parent = w->frames[w->n - 1].dst_fd;
	shown_path(w, name, path);
	autofd int src = openat(src_parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (src < 0)
		return err_sys(e, errno, "'%s' changed while it was copied", path);
	if (mkdirat(dst_parent, name, 0700) < 0)
		return err_sys(e, errno, "make directory '%s'", path);
	autofd int dst = openat(dst_parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dst < 0)
		return err_sys(e, errno, "open directory '%s'", path);
	struct frame *f = push(w, name, e);
	if (!f)
		return -1;
	f->src_fd = fd_steal(&src);
	f->dst_fd = fd_steal(&dst);
	if (fstat(f->src_fd, &f->src) < 0 || fstat(f->dst_fd, &f->dst) < 0)
		return err_sys(e, errno, "stat '%s'", path);
	return copy_entries(w, f, e);
}

static int reopen_one(int child_fd, const struct stat *want, int *fd)
{
	struct stat st;
	*fd = openat(child_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0 || fstat(*fd, &st) < 0)
		return -1;
	if (st.st_ino == want->st_ino && st.st_dev == want->st_dev)
		return 0;
	errno = ESTALE;
	return -1;
}

/* The innermost directory is complete: its attributes, and back to the one around it. */
static int leave(struct walk *w, struct err *e)
{
	char path[SHOWN_PATH];
	struct frame *f = &w->frames[w->n - 1];
	shown_path(w, NULL, path);
	if (w->n == 1 && w->links_fd >= 0) {
		fd_close(&w->links_fd);
		if (path_remove_tree(w->root_fd, w->links_name, e) < 0)
			return -1;
	}
	if (copy_attributes(&w->job, f->src_fd, f->dst_fd, &f->src, path, e) < 0)
		return -1;
	if (w->n > 1) {
		struct frame *outer = f - 1;
		if (outer->src_fd < 0 &&
			(reopen_one(f->src_fd, &outer->src, &outer->src_fd) < 0 ||
				reopen_one(f->dst_fd, &outer->dst, &outer->dst_fd) < 0))
			return err_sys(e, errno, "'%s' was moved while it was copied", path);
	}
	frame_done(f);
	w->n--;
	return 0;
}

static int walk_tree(struct walk *w, int src_dir_fd, int dst_dir_fd, struct err *e)
{
	struct frame *f = push(w, "", e);
	struct statx stx;
	if (!f)
		return -1;
	/* Descriptors of our own: getdents moves the position of a shared one. */
	f->src_fd = openat(src_dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->dst_fd = openat(dst_dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->src_fd < 0 || f->dst_fd < 0 || fstat(f->src_fd, &f->src) < 0 ||
		fstat(f->dst_fd, &f->dst) < 0 ||
		statx(f->src_fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0)
		return err_sys(e, errno, "cannot open the directories of a copy");
	w->mount_id = stx.stx_mnt_id;
	if (copy_entries(w, f, e) < 0)
		return -1;
	while (w->n) {
		f = &w->frames[w->n - 1];
		int r;
		if (f->next < f->subdirs.len) {
			const char *name = f->subdirs.buf + f->next;
			f->next += strlen(name) + 1;
			r = enter(w, name, e);
		} else {
			r = leave(w, e);
		}
		if (r < 0)
			return -1;
	}
	return 0;
}

int copy_tree(int src_dir_fd, int dst_dir_fd, const struct copy_options *options,
	struct copy_result *ret, struct err *e)
{
	static const struct copy_options none;
	struct copy_result result = {0};
	struct walk w = {
		.job = {.options = options ? options : &none, .result = &result},
		.root_fd = dst_dir_fd,
		.links_fd = -1,
	};
	int r = walk_tree(&w, src_dir_fd, dst_dir_fd, e);
	walk_done(&w);
	if (r < 0)
		return err_at(e, "copy", NULL);
	if (!w.job.options->no_sync && syncfs(dst_dir_fd) < 0) {
		err_sys(e, errno, "cannot write the copy to disk");
		return err_at(e, "copy", NULL);
	}
	if (ret)
		*ret = result;
	return 0;
}
