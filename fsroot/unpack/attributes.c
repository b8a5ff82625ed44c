#include "fsroot/unpack/attributes.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/defence.h"
#include "base/mem.h"
#include "base/str.h"
#include "fsroot/unpack/writer.h"

enum {
	XATTR_NAME_ROOM = 256,
	XATTR_VALUE_ROOM = 65536,
	ACL_ENTRIES_MAX = 1024
};

struct timespec attributes_mtime(struct archive_entry *entry)
{
	struct timespec t = {.tv_nsec = UTIME_OMIT};
	if (archive_entry_mtime_is_set(entry)) {
		long nsec = archive_entry_mtime_nsec(entry);
		/* Out of range seconds are clamped by the file system. */
		t.tv_sec = archive_entry_mtime(entry);
		t.tv_nsec = nsec >= 0 && nsec < 1000000000 ? nsec : 0;
	}
	return t;
}

static int check_ids(struct archive_entry *entry, struct err *e)
{
	int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
	if (uid >= 0 && uid < WRITER_IDS && gid >= 0 && gid < WRITER_IDS)
		return 0;
	return err_set(e, ERR_FAILED, "belongs to %lld:%lld, but a zone has ids 0 to %d only",
		(long long)uid, (long long)gid, WRITER_IDS - 1);
}

static bool is_wanted_xattr(const char *name)
{
	if (defence_is_off("S20xattr") && strstr(name, ".overlay."))
		return true;
	return str_starts(name, "user.") || str_eq(name, "security.capability") ||
	       str_eq(name, "system.posix_acl_access") || str_eq(name, "system.posix_acl_default");
}

int attributes_check(struct archive_entry *entry, struct err *e)
{
	if (check_ids(entry, e) < 0)
		return -1;
	const char *name;
	const void *value;
	size_t size;
	(void)archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
		char shown[80];
		if (!name)
			return err_set(e, ERR_FAILED, "has an attribute without a name");
		if ((str_starts(name, "trusted.overlay.") || str_starts(name, "user.overlay.")) &&
			!defence_is_off("S20xattr"))
			return err_set(e, ERR_FAILED,
				"carries '%s', which would act on other layers",
				str_escape(shown, sizeof shown, name));
		if (strlen(name) >= XATTR_NAME_ROOM || size > XATTR_VALUE_ROOM)
			return err_set(e, ERR_FAILED, "has an attribute that is too long");
	}
	return 0;
}

static int set_xattrs(int fd, struct archive_entry *entry, struct err *e)
{
	const char *name;
	const void *value;
	size_t size;
	(void)archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
		/* Labels of another host's security module (selinux, ima) have no meaning here. */
		if (!is_wanted_xattr(name))
			continue;
		if (fsetxattr(fd, name, value, size, 0) == 0)
			continue;
		int errnum = errno;
		char shown[80];
		str_escape(shown, sizeof shown, name);
		/* What ext4 says of one that does not fit into a block, on a disk that is not full.
		 */
		if (errnum == ENOSPC || errnum == E2BIG || errnum == ERANGE)
			return err_set(e, ERR_FAILED,
				"has an attribute '%s' of %zu bytes, more than the file system of "
				"the store takes",
				shown, size);
		return err_sys(e, errnum, "attribute '%s'", shown);
	}
	return 0;
}

/* One record of the kernel's form of an ACL, linux/posix_acl_xattr.h. */
struct acl_record {
	uint16_t tag, perm;
	uint32_t id;
};

static bool acl_tag(int from, uint16_t *ret)
{
	static const struct {
		int from;
		uint16_t to;
	} tags[] = {
		{ARCHIVE_ENTRY_ACL_USER_OBJ, 0x01},
		{ARCHIVE_ENTRY_ACL_USER, 0x02},
		{ARCHIVE_ENTRY_ACL_GROUP_OBJ, 0x04},
		{ARCHIVE_ENTRY_ACL_GROUP, 0x08},
		{ARCHIVE_ENTRY_ACL_MASK, 0x10},
		{ARCHIVE_ENTRY_ACL_OTHER, 0x20},
	};
	for (size_t i = 0; i < ARRAY_LEN(tags); i++)
		if (tags[i].from == from) {
			*ret = tags[i].to;
			return true;
		}
	return false;
}

static int compare_records(const void *a, const void *b)
{
	const struct acl_record *x = a, *y = b;
	unsigned xt = le16toh(x->tag), yt = le16toh(y->tag);
	if (xt != yt)
		return xt < yt ? -1 : 1;
	uint32_t xi = le32toh(x->id), yi = le32toh(y->id);
	return xi < yi ? -1 : xi > yi;
}

static int set_acl(int fd, struct archive_entry *entry, int which, const char *attr, struct err *e)
{
	int n = archive_entry_acl_reset(entry, which);
	if (n <= 0)
		return 0;
	if (n > ACL_ENTRIES_MAX)
		return err_set(e, ERR_FAILED, "has an access list of %d entries", n);
	/* A 4-byte version, then the records. */
	autofree char *blob = calloc(1, sizeof(uint32_t) + (size_t)n * sizeof(struct acl_record));
	if (!blob)
		return err_nomem(e);
	uint32_t version = htole32(2);
	memcpy(blob, &version, sizeof version);
	struct acl_record *records = (void *)(blob + sizeof version);
	size_t count = 0;
	int type, perm, tag, id;
	const char *who;
	while (count < (size_t)n &&
		archive_entry_acl_next(entry, which, &type, &perm, &tag, &id, &who) == ARCHIVE_OK) {
		uint16_t kernel_tag;
		bool is_named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;
		if (is_named && id == -1) {
			char shown[160];
			err_set(e, ERR_FAILED, "has an access list with the name '%s' and no id",
				str_escape(shown, sizeof shown, who ? who : ""));
			return err_hint(e, "GNU tar writes ids with --numeric-owner");
		}
		if (!acl_tag(tag, &kernel_tag) || (is_named && (id < 0 || id >= WRITER_IDS)))
			return err_set(e, ERR_FAILED, "has an access list with ids outside 0 to %d",
				WRITER_IDS - 1);
		records[count++] =
			(struct acl_record){htole16(kernel_tag), htole16((uint16_t)(perm & 7)),
				htole32(is_named ? (uint32_t)id : UINT32_MAX)};
	}
	qsort(records, count, sizeof *records, compare_records);
	if (fsetxattr(fd, attr, blob, sizeof version + count * sizeof *records, 0) < 0)
		return err_sys(e, errno, "access list");
	return 0;
}

int attributes_set(int fd, struct archive_entry *entry, bool with_times, struct err *e)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, attributes_mtime(entry)};
	/* chown clears setuid and file capabilities: it is first. */
	if (fchown(fd, (uid_t)archive_entry_uid(entry), (gid_t)archive_entry_gid(entry)) < 0)
		return err_sys(e, errno, "owner");
	if (fchmod(fd, archive_entry_mode(entry) & 07777) < 0)
		return err_sys(e, errno, "mode");
	if (set_xattrs(fd, entry, e) < 0 ||
		set_acl(fd, entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, "system.posix_acl_access", e) <
			0 ||
		set_acl(fd, entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, "system.posix_acl_default", e) <
			0)
		return -1;
	if (with_times && futimens(fd, times) < 0)
		return err_sys(e, errno, "time");
	return 0;
}

int attributes_set_at(int dir_fd, const char *name, struct archive_entry *entry, struct err *e)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, attributes_mtime(entry)};
	if (fchownat(dir_fd, name, (uid_t)archive_entry_uid(entry), (gid_t)archive_entry_gid(entry),
		    AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "owner");
	if (archive_entry_filetype(entry) != AE_IFLNK &&
		fchmodat(dir_fd, name, archive_entry_mode(entry) & 07777, 0) < 0)
		return err_sys(e, errno, "mode");
	if (utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "time");
	return 0;
}
