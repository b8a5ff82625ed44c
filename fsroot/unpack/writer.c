#include "fsroot/unpack/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/defence.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "fsroot/unpack/attributes.h"
#include "fsroot/unpack/name.h"
#include "fsroot/unpack/whiteout.h"

/* A directory whose time is set at the end; the path follows. */
struct time_record {
	struct timespec mtime;
	uint32_t path_len;
};

int writer_init(
	struct writer *w, int root_fd, uint64_t max_entries, uint64_t max_bytes, struct err *e)
{
	*w = (struct writer){
		.root_fd = root_fd,
		.limits = {.max_entries = max_entries, .max_bytes = max_bytes},
		.parent_fd = -1,
	};
	/* On disk and without a name: a million directories must not need a million pieces of
	 * memory. */
	autofd int fd = openat(root_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "cannot make a temporary file in the destination");
	w->times = fdopen(fd, "w+");
	if (!w->times)
		return err_nomem(e);
	(void)fd_steal(&fd);
	return 0;
}

void writer_done(struct writer *w)
{
	fd_close(&w->parent_fd);
	if (w->times)
		fclose(w->times);
	w->times = NULL;
	str_done(&w->opaque);
}

void writer_warn(struct writer *w, const char *fmt, ...)
{
	if (w->n_warnings == WRITER_WARNINGS_MAX)
		return;
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(w->warnings[w->n_warnings++], sizeof w->warnings[0], fmt, ap);
	va_end(ap);
}

static int count_entry(struct writer *w, struct err *e)
{
	w->entries++;
	return limits_add_entry(&w->limits, w->root_fd, e);
}

static void forget_parent(struct writer *w)
{
	fd_close(&w->parent_fd);
	w->parent[0] = '\0';
}

/* The directory `dir` of the archive, made where it is missing. No component may be a link. */
static int open_dir(struct writer *w, const char *dir, struct err *e)
{
	autofd int at = path_open_beneath(w->root_fd, *dir ? dir : ".", O_PATH | O_DIRECTORY, 0);
	if (at < 0 && defence_is_off("S20"))
		at = openat(w->root_fd, dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at >= 0)
		return fd_steal(&at);
	at = path_open_beneath(w->root_fd, ".", O_PATH | O_DIRECTORY, 0);
	for (const char *p = dir; at >= 0 && *p;) {
		char part[NAME_COMPONENT_MAX + 1];
		size_t n = strcspn(p, "/");
		memcpy(part, p, n);
		part[n] = '\0';
		p += n;
		int next = path_open_beneath(at, part, O_PATH | O_DIRECTORY, 0);
		if (next < 0 && errno == ENOTDIR && whiteout_is_at(w, at, part)) {
			if (whiteout_open(w, at, part, dir, (size_t)(p - dir), e) < 0)
				return -1;
			errno = ENOENT;
		}
		p += *p == '/';
		if (next < 0 && errno == ENOENT) {
			if (count_entry(w, e) < 0)
				return -1;
			if (mkdirat(at, part, 0755) == 0)
				next = path_open_beneath(at, part, O_PATH | O_DIRECTORY, 0);
		}
		if (next < 0 && (errno == ELOOP || errno == ENOTDIR)) {
			struct stat st;
			bool is_link = fstatat(at, part, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
				       S_ISLNK(st.st_mode);
			char shown[80];
			return err_set(e, ERR_FAILED, "goes through '%s', which is %s",
				str_escape(shown, sizeof shown, part),
				is_link ? "a symbolic link" : "not a directory");
		}
		fd_close(&at);
		at = next;
	}
	if (at < 0)
		return err_sys(e, errno, "directory");
	return fd_steal(&at);
}

int writer_open_parent(struct writer *w, const char *path, const char **ret_name, struct err *e)
{
	char dir[NAME_PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	memcpy(dir, path, n);
	dir[n] = '\0';
	*ret_name = slash ? slash + 1 : path;
	if (w->parent_fd >= 0 && !strcmp(w->parent, dir))
		return w->parent_fd;
	int fd = open_dir(w, dir, e);
	if (fd < 0)
		return -1;
	forget_parent(w);
	memcpy(w->parent, dir, n + 1);
	w->parent_fd = fd;
	return fd;
}

/* The same name came before: the later one counts, as with tar. */
static int remove_earlier(struct writer *w, int parent, const char *name, struct err *e)
{
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno == EISDIR || errno == EPERM) {
		if (unlinkat(parent, name, AT_REMOVEDIR) == 0) {
			forget_parent(w);
			return 0;
		}
		if (errno == ENOTEMPTY || errno == EEXIST)
			return err_set(
				e, ERR_FAILED, "is there already as a directory with content");
	}
	return err_sys(e, errno, "cannot replace an earlier one");
}

/* After EEXIST: what has the name is gone, and the parent open again, which that may have closed.
 */
static int make_room(
	struct writer *w, const char *path, int *parent, const char **name, struct err *e)
{
	if (errno != EEXIST)
		return err_sys(e, errno, "cannot make it");
	if (remove_earlier(w, *parent, *name, e) < 0)
		return -1;
	*parent = writer_open_parent(w, path, name, e);
	return *parent < 0 ? -1 : 0;
}

static int write_piece(
	struct writer *w, int fd, const void *data, size_t len, int64_t at, struct err *e)
{
	const char *p = data;
	w->bytes += len;
	if (limits_add_bytes(&w->limits, fd, len, e) < 0)
		return -1;
	while (len) {
		ssize_t n = pwrite(fd, p, len, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno, "cannot write");
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_data(struct writer *w, struct archive *a, int fd, int64_t size, struct err *e)
{
	const void *data;
	size_t len;
	la_int64_t at;
	int r;
	if (size < 0)
		return err_set(e, ERR_FAILED, "has no size");
	while ((r = archive_read_data_block(a, &data, &len, &at)) == ARCHIVE_OK) {
		if (at < 0 || at > size || len > (uint64_t)(size - at))
			return err_set(e, ERR_FAILED, "has data beyond its end");
		if (write_piece(w, fd, data, len, at, e) < 0)
			return -1;
	}
	if (r != ARCHIVE_EOF)
		return err_set(
			e, ERR_FAILED, "is damaged or truncated: %s", archive_error_string(a));
	/* Holes, also one at the end. */
	if (ftruncate(fd, size) < 0)
		return err_sys(e, errno, "cannot set its size to %lld", (long long)size);
	return 0;
}

static int put_file(struct writer *w, struct archive *a, struct archive_entry *entry,
	const char *path, struct err *e)
{
	const char *name;
	int parent = writer_open_parent(w, path, &name, e);
	if (parent < 0)
		return -1;
	const int flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC;
	autofd int fd = openat(parent, name, flags, 0600);
	if (fd < 0 && errno == EEXIST) {
		if (make_room(w, path, &parent, &name, e) < 0)
			return -1;
		fd = openat(parent, name, flags, 0600);
	}
	if (fd < 0)
		return err_sys(e, errno, "cannot make it");
	if (write_data(w, a, fd, archive_entry_size(entry), e) < 0)
		return -1;
	return attributes_set(fd, entry, true, e);
}

static int note_time(struct writer *w, const char *path, struct archive_entry *entry, struct err *e)
{
	struct time_record record = {
		.mtime = attributes_mtime(entry), .path_len = (uint32_t)strlen(path)};
	if (fwrite(&record, sizeof record, 1, w->times) != 1 ||
		fwrite(path, 1, record.path_len, w->times) != record.path_len)
		return err_sys(e, errno, "cannot write a temporary file");
	return 0;
}

static int put_directory(
	struct writer *w, struct archive_entry *entry, const char *path, struct err *e)
{
	const char *name = ".";
	int parent = *path ? writer_open_parent(w, path, &name, e) : w->root_fd;
	if (parent < 0)
		return -1;
	if (*path && mkdirat(parent, name, 0700) < 0) {
		struct stat st;
		if (errno != EEXIST || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(e, errno, "cannot make it");
		if (whiteout_is_at(w, parent, name) && whiteout_note(w, path, strlen(path), e) < 0)
			return -1;
		if (!S_ISDIR(st.st_mode) && remove_earlier(w, parent, name, e) < 0)
			return -1;
		if (!S_ISDIR(st.st_mode) && mkdirat(parent, name, 0700) < 0)
			return err_sys(e, errno, "cannot make it");
	}
	autofd int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "cannot open it");
	if (attributes_set(fd, entry, false, e) < 0)
		return -1;
	return note_time(w, path, entry, e);
}

static int put_symlink(
	struct writer *w, struct archive_entry *entry, const char *path, struct err *e)
{
	const char *name, *target = archive_entry_symlink(entry);
	if (!target || !target[0] || strlen(target) >= NAME_PATH_MAX)
		return err_set(e, ERR_FAILED, "is a symbolic link without a usable target");
	if (name_link_climbs(path, target) && !defence_is_off("S20"))
		return err_set(e, ERR_FAILED, "is a symbolic link that climbs above the root");
	int parent = writer_open_parent(w, path, &name, e);
	if (parent < 0)
		return -1;
	if (symlinkat(target, parent, name) < 0) {
		if (make_room(w, path, &parent, &name, e) < 0)
			return -1;
		if (symlinkat(target, parent, name) < 0)
			return err_sys(e, errno, "cannot make it");
	}
	return attributes_set_at(parent, name, entry, e);
}

static int put_fifo(struct writer *w, struct archive_entry *entry, const char *path, struct err *e)
{
	const char *name;
	int parent = writer_open_parent(w, path, &name, e);
	if (parent < 0)
		return -1;
	if (mkfifoat(parent, name, 0600) < 0) {
		if (make_room(w, path, &parent, &name, e) < 0)
			return -1;
		if (mkfifoat(parent, name, 0600) < 0)
			return err_sys(e, errno, "cannot make it");
	}
	return attributes_set_at(parent, name, entry, e);
}

static int put_hardlink(
	struct writer *w, struct archive_entry *entry, const char *path, struct err *e)
{
	char target[NAME_PATH_MAX], shown[120];
	const char *name, *target_name, *raw = archive_entry_hardlink(entry);
	enum name_verdict verdict = name_normalize(raw, target);
	if (archive_entry_size_is_set(entry) && archive_entry_size(entry) > 0)
		return err_set(e, ERR_FAILED, "is a hard link with content");
	str_escape(shown, sizeof shown, raw ? raw : "");
	if (verdict != NAME_OK)
		return err_set(e, ERR_FAILED, "is a hard link to '%s', which %s", shown,
			name_reason(verdict));
	if (name_whiteout(target, &name) != NAME_WHITEOUT_NONE)
		return err_set(e, ERR_FAILED, "is a hard link to '%s', which is a whiteout", shown);
	if (!strcmp(target, path))
		return 0;
	const char *slash = strrchr(target, '/');
	char dir[NAME_PATH_MAX];
	size_t n = slash ? (size_t)(slash - target) : 0;
	memcpy(dir, target, n);
	dir[n] = '\0';
	target_name = slash ? slash + 1 : target;
	autofd int from = path_open_beneath(w->root_fd, n ? dir : ".", O_PATH | O_DIRECTORY, 0);
	if (from < 0)
		return err_set(e, ERR_FAILED, "is a hard link to '%s', which %s", shown,
			errno == ELOOP ? "goes through a symbolic link" : "is not there");
	int parent = writer_open_parent(w, path, &name, e);
	if (parent < 0)
		return -1;
	if (whiteout_is_at(w, from, target_name))
		return err_set(e, ERR_FAILED, "is a hard link to '%s', which is not there", shown);
	int r = linkat(from, target_name, parent, name, 0);
	if (r < 0 && errno == EEXIST) {
		if (remove_earlier(w, parent, name, e) < 0 ||
			(parent = writer_open_parent(w, path, &name, e)) < 0)
			return -1;
		r = linkat(from, target_name, parent, name, 0);
	}
	if (r < 0 && (errno == ENOENT || errno == EPERM))
		return err_set(e, ERR_FAILED, "is a hard link to '%s', which is %s", shown,
			errno == ENOENT ? "not there" : "not a file");
	return r < 0 ? err_sys(e, errno, "hard link to '%s'", shown) : 0;
}

static int put_device(struct writer *w, const char *path, struct err *e)
{
	/* Every zone gets a /dev of its own, so what an image has there is not needed. */
	if (!name_is_in_dev(path))
		return err_set(e, ERR_FAILED, "is a device");
	w->skipped_devices++;
	return 0;
}

static int put_checked(struct writer *w, struct archive *a, struct archive_entry *entry,
	const char *path, bool is_root, struct err *e)
{
	const char *hidden = "";
	enum name_whiteout whiteout = name_whiteout(path, &hidden);
	if (whiteout != NAME_WHITEOUT_NONE)
		return whiteout_put(w, entry, path, whiteout, hidden, e);
	if (archive_entry_hardlink(entry))
		return is_root ? err_set(e, ERR_FAILED, "names the top directory")
			       : put_hardlink(w, entry, path, e);
	if (attributes_check(entry, e) < 0 ||
		limits_check_entry(&w->limits, w->root_fd, entry, e) < 0)
		return -1;
	unsigned type = archive_entry_filetype(entry);
	if (is_root && type != AE_IFDIR)
		return err_set(e, ERR_FAILED, "names the top directory, but is none");
	switch (type) {
	case AE_IFREG:
		return put_file(w, a, entry, path, e);
	case AE_IFDIR:
		return put_directory(w, entry, path, e);
	case AE_IFLNK:
		return put_symlink(w, entry, path, e);
	case AE_IFIFO:
		return put_fifo(w, entry, path, e);
	case AE_IFCHR:
	case AE_IFBLK:
		return put_device(w, path, e);
	default:
		return err_set(e, ERR_FAILED, "is of a type that has no place in a zone");
	}
}

int writer_put(struct writer *w, struct archive *a, struct archive_entry *entry, struct err *e)
{
	char path[NAME_PATH_MAX], shown[160];
	const char *raw = archive_entry_pathname(entry);
	enum name_verdict verdict = name_normalize(raw, path);
	int r = count_entry(w, e);
	if (defence_is_off("S20") && (verdict == NAME_ABSOLUTE || verdict == NAME_DOTDOT))
		(void)snprintf(path, sizeof path, "%s", raw);
	else if (r == 0 && verdict != NAME_OK && verdict != NAME_IS_ROOT)
		r = err_set(e, ERR_FAILED, "%s", name_reason(verdict));
	if (r == 0)
		r = put_checked(w, a, entry, path, verdict == NAME_IS_ROOT, e);
	if (r < 0)
		return err_prefix(e, "entry '%s'", str_escape(shown, sizeof shown, raw ? raw : ""));
	return 0;
}

int writer_finish(struct writer *w, struct err *e)
{
	struct time_record record;
	char path[NAME_PATH_MAX];
	rewind(w->times);
	while (fread(&record, sizeof record, 1, w->times) == 1) {
		if (record.path_len >= sizeof path ||
			fread(path, 1, record.path_len, w->times) != record.path_len)
			return err_sys(e, EIO, "cannot read a temporary file");
		path[record.path_len] = '\0';
		autofd int fd = path_open_beneath(
			w->root_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY, 0);
		/* A later entry of the same name has replaced it. */
		if (fd < 0 && (errno == ENOTDIR || errno == ENOENT || errno == ELOOP))
			continue;
		const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, record.mtime};
		if (fd < 0 || futimens(fd, times) < 0)
			return err_sys(e, errno, "cannot set the time of a directory");
	}
	if (ferror(w->times))
		return err_sys(e, EIO, "cannot read a temporary file");
	whiteout_finish(w);
	if (w->skipped_devices)
		writer_warn(w, "%llu device nodes in dev/ were left out: a zone has its own /dev",
			(unsigned long long)w->skipped_devices);
	/* root_fd is a detached mount, an O_PATH descriptor: not good enough for syncfs. */
	autofd int root = openat(w->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || syncfs(root) < 0)
		return err_sys(e, errno, "cannot write to disk");
	return 0;
}
