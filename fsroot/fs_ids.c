#include "fsroot/fs_ids.h"

#include <errno.h>
#include <sys/fsuid.h>

#include "base/sys.h"

/* setfsuid reports nothing; asking for an invalid id returns the present one. */
static uint32_t fsuid_now(void)
{
	return (uint32_t)setfsuid((uid_t)-1);
}

static uint32_t fsgid_now(void)
{
	return (uint32_t)setfsgid((gid_t)-1);
}

int fs_ids_take(struct fs_ids *ids, uint32_t uid, uint32_t gid, struct err *e)
{
	*ids = (struct fs_ids){.uid = fsuid_now(), .gid = fsgid_now()};
	if (sys_capget(&ids->effective, &ids->permitted, &ids->inheritable) < 0)
		return err_sys(e, errno, "capget");
	ids->is_taken = true;
	setfsgid(gid);
	setfsuid(uid);
	if (fsuid_now() != uid || fsgid_now() != gid) {
		fs_ids_restore(ids);
		return err_set(e, ERR_DENIED, "cannot act with the ids %u:%u of the zone's root",
			uid, gid);
	}
	/* A file system id other than 0 has lost the file capabilities; they are still permitted.
	 */
	if (sys_capset(ids->effective, ids->permitted, ids->inheritable) < 0) {
		int errnum = errno;
		fs_ids_restore(ids);
		return err_sys(e, errnum, "capset");
	}
	return 0;
}

void fs_ids_restore(struct fs_ids *ids)
{
	if (!ids->is_taken)
		return;
	int saved = errno;
	setfsuid(ids->uid);
	setfsgid(ids->gid);
	(void)sys_capset(ids->effective, ids->permitted, ids->inheritable);
	ids->is_taken = false;
	errno = saved;
}
