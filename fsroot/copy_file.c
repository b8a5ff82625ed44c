#include "fsroot/copy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"

enum {
	XATTR_VALUE_MAX = 65536,
	CHUNK = 1 << 30,
	BUFFER = 1 << 18
};

enum xattr_rule {
	XATTR_COPY,
	XATTR_DROP,
	XATTR_REFUSE
};

/* Labels of the host's security modules (selinux, ima) mean nothing in a zone. */
static enum xattr_rule xattr_rule(const char *name, bool keep_marks)
{
	bool is_mark = str_starts(name, "trusted.overlay.");
	if (is_mark && keep_marks)
		/* File handles of the old place: useless at the new one. */
		return str_ends(name, ".origin") || str_ends(name, ".upper") ||
				       str_ends(name, ".nlink") || str_ends(name, ".uuid")
			       ? XATTR_DROP
			       : XATTR_COPY;
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

static int copy_xattrs(
	const struct copy_job *job, int src_fd, int dst_fd, const char *path, struct err *e)
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
		enum xattr_rule rule = xattr_rule(name, job->options->keep_overlay_marks);
		if (rule == XATTR_REFUSE)
			return err_set(e, ERR_FAILED,
				"'%s' carries '%s', which would act on other layers", path, name);
		if (rule == XATTR_COPY && copy_one_xattr(src_fd, dst_fd, name, path, e) < 0)
			return -1;
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
	if (copy_xattrs(job, src_fd, dst_fd, path, e) < 0)
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

static int copy_extent(int src, int dst, off_t at, off_t end, const char *path, struct err *e)
{
	while (at < end) {
		off_t in = at, out = at;
		size_t len = (size_t)(end - at) < CHUNK ? (size_t)(end - at) : CHUNK;
		ssize_t n = copy_file_range(src, &in, dst, &out, len, 0);
		if (n > 0) {
			at += n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == ENOSPC || errno == EIO || errno == EDQUOT || errno == EFBIG))
			return err_sys(e, errno, "write '%s'", path);
		/* Other file systems, or one that cannot do it for this file (proc copies 0 bytes).
		 */
		return copy_by_buffer(src, dst, at, (size_t)(end - at), path, e);
	}
	return 0;
}

static int add_bytes(struct copy_job *job, uint64_t bytes, const char *path, struct err *e)
{
	job->result->bytes += bytes;
	uint64_t max = job->options->max_bytes;
	if (!max || job->result->bytes <= max)
		return 0;
	err_set(e, ERR_FAILED, "limit of %llu bytes reached at '%s'", (unsigned long long)max,
		path);
	const char *name = job->options->limit_bytes_name;
	return name ? err_hint(e, "%s raises it", name) : -1;
}

static int copy_content(struct copy_job *job, int src, int dst, const struct stat *st,
	const char *path, struct err *e)
{
	if (!job->no_reflink && st->st_size) {
		if (ioctl(dst, FICLONE, src) == 0)
			return add_bytes(job, (uint64_t)st->st_blocks * 512, path, e);
		job->no_reflink = true;
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
		if (add_bytes(job, (uint64_t)(hole - data), path, e) < 0 ||
			copy_extent(src, dst, data, hole, path, e) < 0)
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

int copy_regular(struct copy_job *job, int src_dir, int dst_dir, const char *name,
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

int copy_special(const struct copy_job *job, int src_dir, int dst_dir, const char *name,
	const struct stat *st, const char *path, struct err *e)
{
	(void)job;
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	if (make_special(src_dir, dst_dir, name, st) < 0)
		return err_sys(e, errno, "copy '%s'", path);
	if (fchownat(dst_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "set the owner of '%s'", path);
	if (!S_ISLNK(st->st_mode) && fchmodat(dst_dir, name, st->st_mode & 07777, 0) < 0)
		return err_sys(e, errno, "set the mode of '%s'", path);
	if (utimensat(dst_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "set the times of '%s'", path);
	return 0;
}
