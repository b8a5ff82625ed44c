#include "fsroot/volume.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/sys.h"
#include "fsroot/loop.h"
#include "fsroot/tree.h"

/* ext4's own header is not exported. */
#define VOLUME_RESIZE_FS _IOW('f', 16, uint64_t)

enum {
	MIB = 1 << 20,
	INODE_RATIO = 8192,
	MESSAGE_MAX = 400,
	CHILD_IMAGE_FD = 3,
	CHILD_CONFIG_FD = 4,
	CHILD_SPARE_FDS = 10,
};

/* ---- making ---- */

static const char *find_mke2fs(void)
{
	static const char *const places[] = {
		"/usr/sbin/mke2fs", "/sbin/mke2fs", "/usr/bin/mke2fs", "/usr/local/sbin/mke2fs"};
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (faccessat(AT_FDCWD, places[i], X_OK, 0) == 0)
			return places[i];
	return NULL;
}

static int no_mke2fs(struct err *e)
{
	err_set(e, ERR_HOST, "there is no mke2fs on this host");
	return err_hint(e, "install e2fsprogs");
}

int volume_check(struct err *e)
{
	if (!find_mke2fs())
		return no_mke2fs(e);
	if (loop_check(e) < 0)
		return -1;
	autofd int fs = fsopen("ext4", FSOPEN_CLOEXEC);
	if (fs >= 0)
		return 0;
	err_sys(e, errno, "this kernel has no ext4");
	return err_class_set(e, ERR_HOST);
}

struct mke2fs {
	const char *program;
	int image_fd, config_fd, null_fd, message_fd;
	char uuid[37], extended[120], journal[24], blocks[24];
};

/* Options of the host's own mke2fs.conf would make other file systems on other hosts. */
static int make_config(struct err *e)
{
	static const char text[] = "[defaults]\n\tbase_features = none\n\tdefault_mntopts = "
				   "acl,user_xattr\n[fs_types]\n\text4 = {\n\t}\n\tfloppy = "
				   "{\n\t}\n\tsmall = {\n\t}\n\tbig = {\n\t}\n\thuge = {\n\t}\n";
	autofd int fd = memfd_create("mke2fs.conf", MFD_CLOEXEC);
	if (fd < 0 || fd_write_all(fd, text, sizeof text - 1) < 0)
		return err_sys(e, errno, "mke2fs.conf");
	return fd_steal(&fd);
}

static void fill_arguments(struct mke2fs *m, uint64_t bytes, const char *uuid)
{
	(void)snprintf(m->uuid, sizeof m->uuid, "%.8s-%.4s-%.4s-%.4s-%.12s", uuid, uuid + 8,
		uuid + 12, uuid + 16, uuid + 20);
	/* The file is new: what mke2fs would zero is zero, and stays a hole. */
	(void)snprintf(m->extended, sizeof m->extended,
		"discard,lazy_itable_init=0,lazy_journal_init=1,root_owner=0:0,hash_seed=%s",
		m->uuid);
	unsigned journal = bytes < UINT64_C(512) * MIB ? 4 : bytes < UINT64_C(8192) * MIB ? 16 : 64;
	(void)snprintf(m->journal, sizeof m->journal, "size=%u", journal);
	(void)snprintf(
		m->blocks, sizeof m->blocks, "%llu", (unsigned long long)(bytes / VOLUME_BLOCK));
}

/* CHILD. No malloc: execve or the end. */
static void __attribute__((noreturn)) become_mke2fs(struct mke2fs *m)
{
	char inode_ratio[16];
	(void)snprintf(inode_ratio, sizeof inode_ratio, "%d", INODE_RATIO);
	static const char image[] = "/dev/fd/3", config[] = "MKE2FS_CONFIG=/dev/fd/4";
	const char *const argv[] = {"mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256",
		"-i", inode_ratio, "-m", "0", "-U", m->uuid, "-J", m->journal, "-E", m->extended,
		"-O",
		"none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,"
		"sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum",
		image, m->blocks, NULL};
	const char *const envp[] = {config, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
	int *fds[] = {&m->null_fd, &m->null_fd, &m->message_fd, &m->image_fd, &m->config_fd};
	int spare[ARRAY_LEN(fds)];
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		_exit(126);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if ((spare[i] = fcntl(*fds[i], F_DUPFD_CLOEXEC, CHILD_SPARE_FDS)) < 0)
			_exit(126);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (dup2(spare[i], (int)i) < 0)
			_exit(126);
	if (sys_close_range(CHILD_CONFIG_FD + 1, ~0U, 0) < 0)
		_exit(126);
	(void)execve(m->program, (char *const *)argv, (char *const *)envp);
	_exit(126);
}

static int run_mke2fs(struct mke2fs *m, struct err *e)
{
	int ends[2], status = 0;
	char said[MESSAGE_MAX];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, errno, "make a pipe");
	autofd int from = ends[0];
	m->message_fd = ends[1];
	pid_t pid = fork();
	if (pid == 0)
		become_mke2fs(m);
	fd_close(&m->message_fd);
	if (pid < 0)
		return err_sys(e, errno, "fork");
	ssize_t n = fd_read_all(from, said, sizeof said - 1);
	fd_close(&from); /* one that says more than this gets SIGPIPE */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	said[n > 0 ? n : 0] = '\0';
	for (char *p = said; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = ' ';
	if (WIFSIGNALED(status))
		return err_set(e, ERR_FAILED, "%s: signal %d", m->program, WTERMSIG(status));
	return err_set(e, ERR_FAILED, "%s: exit %d: %s", m->program, WEXITSTATUS(status), said);
}

static int format(int image_fd, uint64_t bytes, const char *uuid, struct err *e)
{
	struct mke2fs m = {.program = find_mke2fs(), .image_fd = image_fd, .message_fd = -1};
	if (!m.program)
		return no_mke2fs(e);
	autofd int config = make_config(e);
	if (config < 0)
		return -1;
	autofd int null = openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return err_sys(e, errno, "open '/dev/null'");
	m.config_fd = config;
	m.null_fd = null;
	fill_arguments(&m, bytes, uuid);
	return run_mke2fs(&m, e);
}

int volume_make(int dir_fd, const char *name, uint64_t bytes, const char *uuid, struct err *e)
{
	bytes -= bytes % VOLUME_BLOCK;
	if (bytes < (uint64_t)VOLUME_MIN_MIB * MIB)
		return err_set(e, ERR_USAGE, "a volume has at least %dM", VOLUME_MIN_MIB);
	autofd int fd =
		openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || fchmod(fd, 0600) < 0)
		return err_sys(e, errno, "make '%s'", name);
	if (ftruncate(fd, (off_t)bytes) < 0)
		return err_sys(
			e, errno, "make '%s' of %llu bytes", name, (unsigned long long)bytes);
	if (format(fd, bytes, uuid, e) < 0)
		return err_prefix(e, "make '%s'", name);
	return fsync(fd) < 0 ? err_sys(e, errno, "sync '%s'", name) : 0;
}

/* ---- using ---- */

static int open_image(int dir_fd, const char *name, struct stat *st, struct err *e)
{
	autofd int fd = openat(dir_fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "open '%s'", name);
	if (fstat(fd, st) < 0 || !S_ISREG(st->st_mode))
		return err_set(e, ERR_FAILED, "'%s' is no regular file", name);
	return fd_steal(&fd);
}

static int mount_loop(int loop_fd, struct err *e)
{
	const struct fd_path source = fd_path(loop_fd);
	const struct tree_option options[] = {
		{"source", source.s},
		/* What the zone deletes is free for others. */
		{"discard", NULL},
		{"errors", "remount-ro"},
	};
	return tree_new_fs_err("ext4", options, ARRAY_LEN(options), 0, e);
}

static int resize(int mount_fd, uint64_t bytes)
{
	uint64_t blocks = bytes / VOLUME_BLOCK;
	autofd int root = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? -1 : ioctl(root, VOLUME_RESIZE_FS, &blocks);
}

int volume_mount(int dir_fd, const char *name, int *ret_mount_fd, struct err *e)
{
	struct stat st;
	int loop_fd = -1;
	autofd int image = open_image(dir_fd, name, &st, e);
	if (image < 0)
		return -1;
	if (loop_open(image, &loop_fd, e) < 0)
		return err_prefix(e, "volume '%s'", name);
	autofd int loop = loop_fd;
	autofd int mount_fd = mount_loop(loop, e);
	if (mount_fd < 0) {
		err_prefix(e, "volume '%s'", name);
		return err_hint(e, "`e2fsck -f` on that file may mend it");
	}
	/* Of a growth that a crash ended; nothing happens otherwise. It is no reason not to start.
	 */
	(void)resize(mount_fd, (uint64_t)st.st_size);
	*ret_mount_fd = fd_steal(&mount_fd);
	return 0;
}

/* From the superblock of the mounted file system, by way of the device. 0: unknown. */
static uint64_t size_of_fs(int loop_fd)
{
	enum {
		SUPER = 1024,
		BLOCKS_LO = 0x4,
		BLOCKS_HI = 0x150
	};
	uint32_t lo, hi;
	if (pread(loop_fd, &lo, sizeof lo, SUPER + BLOCKS_LO) != sizeof lo ||
		pread(loop_fd, &hi, sizeof hi, SUPER + BLOCKS_HI) != sizeof hi)
		return 0;
	return ((uint64_t)le32toh(hi) << 32 | le32toh(lo)) * VOLUME_BLOCK;
}

static int explain_resize(int errnum, const char *name, struct err *e)
{
	err_sys(e, errnum, "enlarge the file system in '%s'", name);
	if (errnum == EPERM)
		return err_hint(e, "that takes CAP_SYS_RESOURCE, and a file system without errors: "
				   "the kernel's log (dmesg) may say more");
	return err_hint(e, "the kernel's log (dmesg) may say why");
}

int volume_grow(int dir_fd, const char *name, uint64_t bytes, struct err *e)
{
	struct stat st;
	int loop_fd = -1;
	bytes -= bytes % VOLUME_BLOCK;
	autofd int image = open_image(dir_fd, name, &st, e);
	if (image < 0)
		return -1;
	if (bytes < (uint64_t)st.st_size)
		return err_set(e, ERR_STATE, "a volume cannot shrink: it has %llu bytes",
			(unsigned long long)st.st_size);
	if (bytes > (uint64_t)st.st_size && ftruncate(image, (off_t)bytes) < 0)
		return err_sys(e, errno, "enlarge '%s'", name);
	if (loop_open(image, &loop_fd, e) < 0)
		return err_prefix(e, "volume '%s'", name);
	autofd int loop = loop_fd;
	if (loop_update_size(loop) < 0)
		return err_sys(e, errno, "enlarge the loop device of '%s'", name);
	autofd int mount_fd = mount_loop(loop, e);
	if (mount_fd < 0)
		return err_prefix(e, "volume '%s'", name);
	if (resize(mount_fd, bytes) == 0)
		return 0;
	explain_resize(errno, name, e);
	uint64_t has = size_of_fs(loop);
	if (has && has <= (uint64_t)st.st_size && ftruncate(image, st.st_size) == 0)
		(void)loop_update_size(loop);
	return -1;
}

/* What is not written back yet takes nothing of the image, so the file system itself is asked. */
static int used_while_attached(int dir_fd, const char *name, uint64_t *ret)
{
	struct stat st;
	struct statvfs fs;
	int loop_fd = -1;
	autofd int image = open_image(dir_fd, name, &st, NULL);
	if (image < 0 || loop_find(image, &loop_fd, NULL) <= 0)
		return -1;
	autofd int loop = loop_fd;
	autofd int mount_fd = mount_loop(loop, NULL);
	if (mount_fd < 0 || fstatvfs(mount_fd, &fs) < 0)
		return -1;
	*ret = (fs.f_blocks - fs.f_bfree) * fs.f_frsize;
	return 0;
}

int volume_usage(
	int dir_fd, const char *name, uint64_t *ret_size, uint64_t *ret_used, struct err *e)
{
	struct stat st;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "stat '%s'", name);
	*ret_size = (uint64_t)st.st_size;
	if (ret_used && used_while_attached(dir_fd, name, ret_used) < 0)
		*ret_used = (uint64_t)st.st_blocks * 512;
	return 0;
}
