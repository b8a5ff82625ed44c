#include "fsroot/project.h"

#include <errno.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/sys.h"

enum {
	UNIT = 1024, /* of limits: QIF_DQBLKSIZE */
	BYTES_PER_FILE = 4096,
};

static int call(int fd, unsigned cmd, uint32_t id, void *data)
{
	return sys_quotactl_fd(fd, (int)(cmd << SUBCMDSHIFT | PRJQUOTA), id, data);
}

enum project_support project_support(int fd)
{
	struct fs_quota_statv state = {.qs_version = FS_QSTATV_VERSION1};
	uint32_t id;
	if (call(fd, Q_XGETQSTATV, 0, &state) < 0 || !(state.qs_flags & FS_QUOTA_PDQ_ACCT) ||
		project_get(fd, &id) < 0)
		return PROJECT_NONE;
	return state.qs_flags & FS_QUOTA_PDQ_ENFD ? PROJECT_ENFORCES : PROJECT_COUNTS;
}

int project_usage(int fd, uint32_t id, struct project_usage *ret, struct err *e)
{
	struct if_dqblk q;
	memset(&q, 0, sizeof q);
	if (call(fd, Q_GETQUOTA, id, &q) < 0) {
		/* xfs has no record of a project that nothing was ever counted to. */
		if (errno != ENOENT && errno != ESRCH)
			return err_sys(e, errno, "read the quota of project %u", id);
		memset(&q, 0, sizeof q);
	}
	*ret = (struct project_usage){q.dqb_curspace, q.dqb_curinodes, q.dqb_bhardlimit * UNIT};
	return 0;
}

int project_limit(int fd, uint32_t id, uint64_t bytes, struct err *e)
{
	struct if_dqblk q;
	memset(&q, 0, sizeof q);
	q.dqb_bhardlimit = bytes / UNIT;
	q.dqb_ihardlimit = bytes / BYTES_PER_FILE;
	q.dqb_valid = QIF_LIMITS;
	if (call(fd, Q_SETQUOTA, id, &q) < 0)
		return err_sys(e, errno, "set the quota of project %u", id);
	return 0;
}

int project_get(int dir_fd, uint32_t *ret)
{
	struct fsxattr x;
	if (ioctl(dir_fd, FS_IOC_FSGETXATTR, &x) < 0)
		return -1;
	*ret = x.fsx_projid;
	return 0;
}

int project_put(int dir_fd, uint32_t id, struct err *e)
{
	struct fsxattr x;
	if (ioctl(dir_fd, FS_IOC_FSGETXATTR, &x) < 0)
		return err_sys(e, errno, "read the project of a directory");
	x.fsx_projid = id;
	x.fsx_xflags |= FS_XFLAG_PROJINHERIT;
	if (ioctl(dir_fd, FS_IOC_FSSETXATTR, &x) < 0)
		return err_sys(e, errno, "give a directory to project %u", id);
	return 0;
}
