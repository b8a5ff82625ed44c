#include "fsroot/copy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"

enum {
	XATTR_VALUE_MAX = 65536,
	CHUNK = 64 << 20,
	BUFFER = 1 << 18
};

enum xattr_rule {
	XATTR_COPY,
	XATTR_DROP,
	XATTR_EMPTY,
	XATTR_REFUSE
};

static enum xattr_rule mark_rule(const char *name, bool is_dir)
{
	/* An overlay inside the zone: its marks are data here. */
	if (str_starts(name, "trusted.overlay.overlay."))
		return XATTR_COPY;
	/* File handles of the old place: useless at the new one. That there was one is not: of a
	 * directory it says that there may be whiteouts to hide. */
	if (str_ends(name, ".origin"))
		return is_dir ? XATTR_EMPTY : XATTR_DROP;
	if (str_ends(name, ".upper") || str_ends(name, ".nlink") || str_ends(name, ".uuid"))
		return XATTR_DROP;
	/* We never mount with the options that make these. */
	if (str_ends(name, ".redirect") || str_ends(name, ".metacopy"))
		return XATTR_REFUSE;
	return XATTR_COPY;
}

/* Labels of the host's security modules (selinux, ima) mean nothing in a zone. */
static enum xattr_rule xattr_rule(const char *name, bool keep_marks, bool is_dir)
{
	bool is_mark = str_starts(name, "trusted.overlay.");
	if (is_mark && keep_marks)
		return mark_rule(name, is_dir);
	/* A zone's own, from root without a user namespace. */
	if (keep_marks && str_starts(name, "trusted."))
		return XATTR_COPY;
	if (is_mark || (str_starts(name, "user.overlay.") && !keep_marks))
		return XATTR_REFUSE;
	if (str_starts(name, "user.") || str_eq(name, "security.capability") ||
		str_starts(name, "system.posix_acl_"))
		return XATTR_COPY;
	return XATTR_DROP;
}

static int copy_one_xattr(int src_fd, int dst_fd, const char *name, const char *path, struct err *e)
{
	autofree char *value = malloc(XATTR_VALUE_MAX);
	if (!value)
		return err_nomem(e);
	ssize_t n = fgetxattr(src_fd, name, value, XATTR_VALUE_MAX);
	if (n < 0)
		return errno == ENODATA ? 0 : err_sys(e, errno, "read %s of '%s'", name, path);
	if (fsetxattr(dst_fd, name, value, (size_t)n, 0) < 0)
		return err_sys(e, errno, "write %s of '%s'", name, path);
	return 0;
}

static int copy_xattrs(const struct copy_job *job, int src_fd, int dst_fd, bool is_dir,
	const char *path, struct err *e)
{
	char small[1024];
	autofree char *big = NULL;
	char *list = small;
	ssize_t n = flistxattr(src_fd, small, sizeof small);
	if (n < 0 && errno == ERANGE) {
		list = big = malloc(XATTR_LIST_MAX);
		if (!big)
			return err_nomem(e);
		n = flistxattr(src_fd, big, XATTR_LIST_MAX);
	}
	if (n < 0)
		return errno == EOPNOTSUPP ? 0 : err_sys(e, errno, "list attributes of '%s'", path);
	for (const char *name = list; name < list + n; name += strlen(name) + 1) {
		enum xattr_rule rule = xattr_rule(name, job->options->keep_overlay_marks, is_dir);
		if (rule == XATTR_REFUSE)
			return err_set(e, ERR_FAILED,
				"'%s' carries '%s', which would act on other layers", path, name);
		if (rule == XATTR_COPY && copy_one_xattr(src_fd, dst_fd, name, path, e) < 0)
			return -1;
		if (rule == XATTR_EMPTY && fsetxattr(dst_fd, name, "", 0, 0) < 0)
			return err_sys(e, errno, "write %s of '%s'", name, path);
	}
	return 0;
}

int copy_attributes(const struct copy_job *job, int src_fd, int dst_fd, const struct stat *st,
	const char *path, struct err *e)
{
	/* chown drops setuid bits and file capabilities, so it is first; setting an ACL sets the
	 * mode too, so it is after the mode. */
	if (fchown(dst_fd, st->st_uid, st->st_gid) < 0)
		return err_sys(e, errno, "set the owner of '%s'", path);
	if (fchmod(dst_fd, st->st_mode & 07777) < 0)
		return err_sys(e, errno, "set the mode of '%s'", path);
	if (copy_xattrs(job, src_fd, dst_fd, S_ISDIR(st->st_mode), path, e) < 0)
		return -1;
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	if (futimens(dst_fd, times) < 0)
		return err_sys(e, errno, "set the times of '%s'", path);
	return 0;
}

static int copy_by_buffer(int src, int dst, off_t at, size_t len, const char *path, struct err *e)
{
	autofree char *buffer = malloc(BUFFER);
	if (!buffer)
		return err_nomem(e);
	while (len) {
		ssize_t n = pread(src, buffer, len < BUFFER ? len : BUFFER, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno, "read '%s'", path);
		if (n == 0)
			return err_set(
				e, ERR_FAILED, "'%s' became shorter while it was copied", path);
		for (ssize_t done = 0; done < n;) {
			ssize_t w = pwrite(dst, buffer + done, (size_t)(n - done), at + done);
			if (w < 0 && errno == EINTR)
				continue;
			if (w < 0)
				return err_sys(e, errno, "write '%s'", path);
			done += w;
		}
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static void tick(const struct copy_job *job)
{
	if (job->options->tick)
		job->options->tick(job->options->tick_arg, job->result);
}

static void add_bytes(struct copy_job *job, uint64_t bytes)
{
	job->result->bytes += bytes;
	tick(job);
}

static int check_bytes(const struct copy_job *job, uint64_t more, const char *path, struct err *e)
{
	uint64_t max = job->options->max_bytes;
	if (!max || job->result->bytes + more <= max)
		return 0;
	err_set(e, ERR_FAILED, "limit of %llu bytes reached at '%s'", (unsigned long long)max,
		path);
	const char *name = job->options->limit_bytes_name;
	return name ? err_hint(e, "%s raises it", name) : -1;
}

static int copy_extent(struct copy_job *job, int src, int dst, off_t at, off_t end,
	const char *path, struct err *e)
{
	while (at < end) {
		off_t in = at, out = at;
		size_t len = (size_t)(end - at) < CHUNK ? (size_t)(end - at) : CHUNK;
		ssize_t n = copy_file_range(src, &in, dst, &out, len, 0);
		if (n > 0) {
			at += n;
			add_bytes(job, (uint64_t)n);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == ENOSPC || errno == EIO || errno == EDQUOT || errno == EFBIG))
			return err_sys(e, errno, "write '%s'", path);
		/* Other file systems, or one that cannot do it for this file (proc copies 0 bytes).
		 */
		if (copy_by_buffer(src, dst, at, len, path, e) < 0)
			return -1;
		at += (off_t)len;
		add_bytes(job, len);
	}
	return 0;
}

static int copy_content(struct copy_job *job, int src, int dst, const struct stat *st,
	const char *path, struct err *e)
{
	if (!job->no_reflink && st->st_size) {
		uint64_t used = (uint64_t)st->st_blocks * 512;
		if (check_bytes(job, used, path, e) < 0)
			return -1;
		if (ioctl(dst, FICLONE, src) == 0) {
			add_bytes(job, used);
			return 0;
		}
		/* EINVAL is about this file: btrfs without copy-on-write, a swap file. */
		job->no_reflink = errno != EINVAL;
	}
	if (ftruncate(dst, st->st_size) < 0)
		return err_sys(e, errno, "write '%s'", path);
	for (off_t at = 0; at < st->st_size;) {
		off_t data = lseek(src, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break; /* only a hole is left */
		if (data < 0)
			data = at; /* no holes known here: all of it is data */
		off_t hole = lseek(src, data, SEEK_HOLE);
		if (hole < 0 || hole > st->st_size)
			hole = st->st_size;
		if (data >= hole)
			break;
		if (check_bytes(job, (uint64_t)(hole - data), path, e) < 0 ||
			copy_extent(job, src, dst, data, hole, path, e) < 0)
			return -1;
		at = hole;
	}
	return 0;
}

static bool is_unchanged(int src, const struct stat *before)
{
	struct stat now;
	return fstat(src, &now) == 0 && now.st_size == before->st_size &&
	       now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == before->st_mtim.tv_nsec;
}

static int copy_regular(struct copy_job *job, int src_dir, int dst_dir, const char *name,
	const struct stat *st, const char *path, struct err *e)
{
	/* O_NONBLOCK: should a FIFO be here by now, it does not hold us. */
	autofd int src = openat(src_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat now;
	if (src < 0 || fstat(src, &now) < 0)
		return err_sys(e, errno, "read '%s'", path);
	if (now.st_ino != st->st_ino || now.st_dev != st->st_dev || !S_ISREG(now.st_mode))
		return err_set(e, ERR_FAILED, "'%s' changed while it was copied", path);
	autofd int dst =
		openat(dst_dir, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (dst < 0)
		return err_sys(e, errno, "write '%s'", path);
	if (copy_content(job, src, dst, &now, path, e) < 0)
		return -1;
	if (!is_unchanged(src, &now))
		return err_set(e, ERR_FAILED, "'%s' changed while it was copied", path);
	return copy_attributes(job, src, dst, &now, path, e);
}

static int make_special(int src_dir, int dst_dir, const char *name, const struct stat *st)
{
	if (!S_ISLNK(st->st_mode))
		return mknodat(dst_dir, name, (st->st_mode & S_IFMT) | 0600, st->st_rdev);
	char target[PATH_MAX];
	ssize_t n = readlinkat(src_dir, name, target, sizeof target - 1);
	if (n < 0)
		return -1;
	target[n] = '\0';
	return symlinkat(target, dst_dir, name);
}

/* An ACL, mostly. A special file cannot be opened for it without acting on it. */
static int copy_special_acl(
	int src_dir, int dst_dir, const char *name, const char *path, struct err *e)
{
	autofd int src = openat(src_dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	autofd int dst = openat(dst_dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (src < 0 || dst < 0)
		return err_sys(e, errno, "copy '%s'", path);
	char acl[XATTR_VALUE_MAX];
	static const char *const attr = "system.posix_acl_access";
	ssize_t n = getxattr(fd_path(src).s, attr, acl, sizeof acl);
	if (n < 0)
		return errno == ENODATA || errno == EOPNOTSUPP
			       ? 0
			       : err_sys(e, errno, "read %s of '%s'", attr, path);
	if (setxattr(fd_path(dst).s, attr, acl, (size_t)n, 0) < 0) /* banned-ok: by descriptor */
		return err_sys(e, errno, "write %s of '%s'", attr, path);
	return 0;
}

static int copy_special(int src_dir, int dst_dir, const char *name, const struct stat *st,
	bool is_whiteout, const char *path, struct err *e)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	if (make_special(src_dir, dst_dir, name, st) < 0)
		return err_sys(e, errno, "copy '%s'", path);
	if (fchownat(dst_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "set the owner of '%s'", path);
	if (!S_ISLNK(st->st_mode) && fchmodat(dst_dir, name, st->st_mode & 07777, 0) < 0)
		return err_sys(e, errno, "set the mode of '%s'", path);
	if (!S_ISLNK(st->st_mode) && !is_whiteout &&
		copy_special_acl(src_dir, dst_dir, name, path, e) < 0)
		return -1;
	if (utimensat(dst_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "set the times of '%s'", path);
	return 0;
}

/* ---- files with several names ---- */

static int open_links(struct copy_job *job, struct err *e)
{
	if (job->links_fd >= 0)
		return 0;
	memcpy(job->links_name, ".cella-links-", sizeof ".cella-links-");
	random_hex(job->links_name + strlen(job->links_name), 16);
	job->links_name[sizeof ".cella-links-" - 1 + 16] = '\0';
	if (mkdirat(job->root_fd, job->links_name, 0700) < 0)
		return err_sys(e, errno, "cannot make a directory for hard links");
	job->links_fd = openat(job->root_fd, job->links_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return job->links_fd < 0 ? err_sys(e, errno, "cannot open the directory for hard links")
				 : 0;
}

int copy_links_end(struct copy_job *job, struct err *e)
{
	if (job->links_fd < 0)
		return 0;
	fd_close(&job->links_fd);
	return path_remove_tree(job->root_fd, job->links_name, e);
}

/* Files with several names are found again by their inode number as a name in a directory of their
 * own: no memory, and no long path is ever walked. 1 when `name` is made, 0 when it is the first.
 */
static int link_known(
	const struct copy_job *job, int dst_dir, const char *name, const char *key, struct err *e)
{
	if (linkat(job->links_fd, key, dst_dir, name, 0) == 0)
		return 1;
	if (errno == ENOENT)
		return 0;
	/* The extra name makes it one too many: give that one away. */
	if (errno == EMLINK && renameat(job->links_fd, key, dst_dir, name) == 0)
		return 1;
	return err_sys(e, errno, "link '%s'", name);
}

/* ---- any object ---- */

int copy_count(struct copy_job *job, const struct stat *st, const char *path, struct err *e)
{
	const struct copy_options *o = job->options;
	if (o->max_id && (st->st_uid >= o->max_id || st->st_gid >= o->max_id)) {
		err_set(e, ERR_FAILED, "'%s' belongs to %u:%u, but a zone has ids 0 to %llu only",
			path, st->st_uid, st->st_gid, (unsigned long long)o->max_id - 1);
		return -1;
	}
	job->result->entries++;
	tick(job);
	if (job->result->entries <= o->max_entries || !o->max_entries)
		return 0;
	err_set(e, ERR_FAILED, "limit of %llu entries reached at '%s'",
		(unsigned long long)o->max_entries, path);
	return o->limit_entries_name ? err_hint(e, "%s raises it", o->limit_entries_name) : -1;
}

int copy_object(struct copy_job *job, int src_dir, int dst_dir, const char *name,
	const struct stat *st, const char *path, struct err *e)
{
	bool is_device = S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);
	bool is_whiteout = S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
	if (S_ISSOCK(st->st_mode) && !job->options->keep_overlay_marks) {
		job->result->skipped_sockets++;
		return 0;
	}
	if (is_device && !job->options->keep_overlay_marks) {
		job->result->skipped_devices++;
		return 0;
	}
	/* All whiteouts of a layer may be names of one inode: making each anew is simpler. */
	bool is_linked = st->st_nlink > 1 && !is_whiteout;
	char key[64];
	if (is_linked) {
		if (open_links(job, e) < 0)
			return -1;
		(void)snprintf(key, sizeof key, "%llx-%llx", (unsigned long long)st->st_dev,
			(unsigned long long)st->st_ino);
		int r = link_known(job, dst_dir, name, key, e);
		if (r)
			return r < 0 ? -1 : 0;
	}
	int r = S_ISREG(st->st_mode)
			? copy_regular(job, src_dir, dst_dir, name, st, path, e)
			: copy_special(src_dir, dst_dir, name, st, is_whiteout, path, e);
	if (r == 0 && is_linked && linkat(dst_dir, name, job->links_fd, key, 0) < 0)
		return err_sys(e, errno, "link '%s'", path);
	return r;
}
