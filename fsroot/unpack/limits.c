#include "fsroot/unpack/limits.h"

#include <archive.h>
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/defence.h"

enum {
	ENTRIES_BETWEEN_LOOKS = 1024,
	RESERVE_PART = 20, /* a twentieth of the file system, or the following if that is less */
	RESERVE_INODES = 10000,
};
#define RESERVE_BYTES (UINT64_C(256) << 20)
#define BYTES_BETWEEN_LOOKS (UINT64_C(16) << 20)

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int fail_space(const char *what, struct err *e)
{
	err_sys(e, ENOSPC, "the file system of the store is nearly out of %s", what);
	return err_hint(e, "unpacking leaves 5 %% of it free, at most %llu MiB",
		(unsigned long long)(RESERVE_BYTES >> 20));
}

/* Stops before the disk is full, since then the zones that use it would suffer. The nearer it is,
 * the more often it looks. */
static int check_space(struct limits *l, int dir_fd, uint64_t more, struct err *e)
{
	struct statvfs fs;
	if (l->bytes <= l->bytes_looked_to && l->entries <= l->entries_looked_to)
		return 0;
	if (defence_is_off("S19space"))
		return 0;
	if (fstatvfs(dir_fd, &fs) < 0)
		return err_sys(e, errno, "cannot see how much space is left");
	uint64_t reserve = least(fs.f_blocks * fs.f_frsize / RESERVE_PART, RESERVE_BYTES);
	uint64_t have = fs.f_bavail * fs.f_frsize;
	if (have < reserve || have - reserve < more)
		return fail_space("space", e);
	/* Some have inodes without number, and say 0. */
	uint64_t inodes = fs.f_files ? fs.f_favail : UINT64_MAX;
	uint64_t inode_reserve = least(fs.f_files / RESERVE_PART, RESERVE_INODES);
	if (inodes < inode_reserve)
		return fail_space("inodes", e);
	l->bytes_looked_to = l->bytes + least((have - reserve - more) / 2, BYTES_BETWEEN_LOOKS);
	l->entries_looked_to =
		l->entries + least((inodes - inode_reserve) / 2, ENTRIES_BETWEEN_LOOKS);
	return 0;
}

int limits_add_entry(struct limits *l, int dir_fd, struct err *e)
{
	if (++l->entries > l->max_entries && !defence_is_off("S19")) {
		err_set(e, ERR_FAILED, "limit of %llu entries reached",
			(unsigned long long)l->max_entries);
		return err_hint(e, "unpack_max_entries in cella.json raises it");
	}
	return check_space(l, dir_fd, 0, e);
}

int limits_add_bytes(struct limits *l, int dir_fd, uint64_t n, struct err *e)
{
	l->bytes += n;
	if (l->bytes > l->max_bytes && !defence_is_off("S19")) {
		err_set(e, ERR_FAILED, "limit of %llu bytes reached",
			(unsigned long long)l->max_bytes);
		return err_hint(e, "unpack_max_bytes in cella.json raises it");
	}
	return check_space(l, dir_fd, n, e);
}

static int add_xattrs(struct limits *l, int dir_fd, struct archive_entry *entry, struct err *e)
{
	const char *name;
	const void *value;
	size_t size;
	uint64_t bytes = 0;
	int n = archive_entry_xattr_reset(entry);
	if (n > LIMITS_XATTRS && !defence_is_off("S19"))
		return err_set(
			e, ERR_FAILED, "has %d attributes: the limit is %d", n, LIMITS_XATTRS);
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
		bytes += size + (name ? strlen(name) : 0);
	if (bytes > LIMITS_XATTR_BYTES && !defence_is_off("S19"))
		return err_set(e, ERR_FAILED, "has attributes of %llu bytes: the limit is %d",
			(unsigned long long)bytes, LIMITS_XATTR_BYTES);
	return bytes ? limits_add_bytes(l, dir_fd, bytes, e) : 0;
}

int limits_check_entry(struct limits *l, int dir_fd, struct archive_entry *entry, struct err *e)
{
	int64_t size = archive_entry_size(entry);
	const char *target = archive_entry_symlink(entry);
	if (size > (int64_t)LIMITS_FILE_SIZE)
		return err_set(e, ERR_FAILED, "has a size of %lld bytes: the limit is %llu",
			(long long)size, (unsigned long long)LIMITS_FILE_SIZE);
	if (target && limits_add_bytes(l, dir_fd, strlen(target), e) < 0)
		return -1;
	return add_xattrs(l, dir_fd, entry, e);
}
