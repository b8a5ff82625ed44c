#include "runtime/live_mount_side.h"
#include "base/defence.h"
#include "base/fd.h"
#include "base/path.h"
#include "fsroot/fs_ids.h"
#include "fsroot/tree.h"
#include "isolation/namespaces/ns.h"
#include "isolation/privileges/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

enum {
	MOUNTINFO_MAX = 4 << 20,
	SHARED_FOR = 20 /* seconds that it may take to find what has been mounted */
};

/* What the child holds. */
struct live {
	const struct live_side *s;
	int mountinfo, own_ns; /* opened on the host */
	int proc_fds;	       /* the host's /proc/self/fd */
	int root;	       /* the zone's */
	int target;	       /* O_PATH */
	int base;	       /* root directory of the mount that the target is on */
	uint64_t base_id;
	bool was_shared, was_slave, was_unbindable;
	struct live_side_result result;
};

/* Packet from the child. */
struct answer {
	bool ok;
	struct err e;
	struct live_side_result result;
};

static int zone_error(int errnum, const char *what, const char *path, struct err *e)
{
	return err_sys(e, errnum, "%s '%s' in the zone", what, path);
}

/* ---- into the zone ---- */

static int enter_zone_mounts(struct live *l, struct err *e)
{
	struct fault f = {0};
	if (ns_enter(l->s->init_fd, CLONE_NEWNS, &f) < 0)
		return err_sys(e, f.errnum, "enter the zone's mount namespace");
	fd_close(&l->root);
	l->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return l->root < 0 ? err_sys(e, errno, "open the zone's root") : 0;
}

/* What the child needs of the host before it leaves. */
static int begin(struct live *l, struct err *e)
{
	char path[40];
	struct fault f = {0};
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (process_set_undumpable(&f) < 0)
		return err_sys(e, f.errnum, "%s", f.object);
	(void)snprintf(path, sizeof path, "/proc/%d/mountinfo", l->s->init_pid);
	l->mountinfo = open(path, O_RDONLY | O_CLOEXEC);
	static const char own_fds[] = "/proc/self/fd"; /* banned-ok: the host's mounts */
	l->proc_fds = open(own_fds, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (l->mountinfo < 0 || l->proc_fds < 0)
		return err_sys(e, errno, "open '%s'", path);
	/* Of our own, so that nothing reaches the host (R1). */
	if (tree_private_mountns(NULL, e) < 0)
		return -1;
	l->own_ns = ns_open(getpid(), NS_MNT);
	if (l->own_ns < 0)
		return err_sys(e, errno, "open our own mount namespace");
	return enter_zone_mounts(l, e);
}

/* ---- the target ---- */

static int make_target(const struct live *l, struct err *e)
{
	autofsids struct fs_ids ids = {0};
	char dir[PATH_MAX];
	const char *name = strrchr(l->s->target, '/') + 1;
	(void)snprintf(dir, sizeof dir, "%.*s", (int)(name - l->s->target), l->s->target);
	if (fs_ids_take(&ids, l->s->root_id, l->s->root_id, e) < 0)
		return -1;
	autofd int parent = path_mkdirs_in(l->root, dir, 0755);
	if (parent < 0)
		return zone_error(errno, "make", dir, e);
	if (l->s->is_dir) {
		if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
			return zone_error(errno, "make", l->s->target, e);
		return 0;
	}
	int fd = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 && errno != EEXIST)
		return zone_error(errno, "make", l->s->target, e);
	fd_close(&fd);
	return 0;
}

static int check_target(const struct live *l, struct err *e)
{
	struct stat st;
	struct statfs fs;
	if (fstat(l->target, &st) < 0 || fstatfs(l->target, &fs) < 0)
		return zone_error(errno, "look at", l->s->target, e);
	if (S_ISDIR(st.st_mode) != l->s->is_dir)
		return zone_error(l->s->is_dir ? ENOTDIR : EISDIR, "mount on", l->s->target, e);
	/* A link of the zone's that leads there. */
	if (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC)
		return zone_error(ELOOP, "mount on", l->s->target, e);
	return 0;
}

/* Where it really is, as the zone sees it. */
static int find_place(struct live *l, struct err *e)
{
	char number[16];
	(void)snprintf(number, sizeof number, "%d", l->target);
	ssize_t n = readlinkat(l->proc_fds, number, l->result.place, sizeof l->result.place - 1);
	if (n < 0)
		return err_sys(e, errno, "find the place of '%s'", l->s->target);
	l->result.place[n] = '\0';
	return l->result.place[0] == '/' ? 0 : zone_error(ENOENT, "mount on", l->s->target, e);
}

static int open_target(struct live *l, struct err *e)
{
	l->target = path_open_in(l->root, l->s->target, O_PATH, 0);
	if (l->target < 0 && errno == ENOENT) {
		if (make_target(l, e) < 0)
			return -1;
		l->target = path_open_in(l->root, l->s->target, O_PATH, 0);
	}
	if (l->target < 0)
		return zone_error(errno, "open", l->s->target, e);
	return check_target(l, e) < 0 ? -1 : find_place(l, e);
}

/* ---- the mount below it ---- */

static int look(int fd, struct statx *ret)
{
	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID | STATX_TYPE, ret) < 0)
		return -1;
	if (ret->stx_mask & STATX_MNT_ID && ret->stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)
		return 0;
	errno = ENOSYS;
	return -1;
}

static bool is_mount_root(const struct statx *st)
{
	return st->stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

/* A file has no "..": begin at its directory, which must be on the same mount. */
static int begin_climb(struct live *l, const struct statx *at, struct err *e)
{
	char dir[PATH_MAX];
	struct statx st;
	if (S_ISDIR(at->stx_mode) || is_mount_root(at))
		return fcntl(l->target, F_DUPFD_CLOEXEC, 3);
	const char *name = strrchr(l->result.place, '/') + 1;
	(void)snprintf(dir, sizeof dir, "%.*s", (int)(name - l->result.place), l->result.place);
	autofd int fd = path_open_in(l->root, dir, O_PATH | O_DIRECTORY, 0);
	if (fd < 0 || look(fd, &st) < 0)
		return zone_error(errno, "open", dir, e);
	if (st.stx_mnt_id != at->stx_mnt_id)
		return zone_error(ESTALE, "mount on", l->s->target, e);
	return fd_steal(&fd);
}

static int find_base(struct live *l, struct err *e)
{
	struct statx st;
	if (look(l->target, &st) < 0)
		return zone_error(errno, "look at", l->s->target, e);
	l->base_id = st.stx_mnt_id;
	autofd int at = begin_climb(l, &st, e);
	if (at < 0)
		return -1;
	for (int depth = 0; depth < PATH_MAX; depth++) {
		if (look(at, &st) < 0)
			return zone_error(errno, "look above", l->s->target, e);
		if (st.stx_mnt_id != l->base_id)
			break;
		if (is_mount_root(&st)) {
			l->base = fd_steal(&at);
			return 0;
		}
		int up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		fd_close(&at);
		at = up;
	}
	return zone_error(ESTALE, "find the mount of", l->s->target, e);
}

/* Its propagation: the optional fields of mountinfo, up to the "-". */
static int find_propagation(struct live *l, struct err *e)
{
	autofree char *text = malloc(MOUNTINFO_MAX);
	if (!text)
		return err_nomem(e);
	ssize_t n = fd_read_all(l->mountinfo, text, MOUNTINFO_MAX - 1);
	if (n < 0)
		return err_sys(e, errno, "read the zone's mountinfo");
	text[n] = '\0';
	char *save = NULL, key[24];
	int len = snprintf(key, sizeof key, "%llu ", (unsigned long long)l->base_id);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, key, (size_t)len) != 0)
			continue;
		char *end = strstr(line, " - ");
		if (end)
			*end = '\0';
		l->was_shared = strstr(line, " shared:");
		l->was_slave = strstr(line, " master:");
		l->was_unbindable = strstr(line, " unbindable");
		return 0;
	}
	return zone_error(ESTALE, "find the mount of", l->s->target, e);
}

static void restore_propagation(const struct live *l)
{
	if (!l->was_shared)
		(void)tree_set_propagation(l->base, l->was_slave	? MS_SLAVE
						    : l->was_unbindable ? MS_UNBINDABLE
									: MS_PRIVATE);
}

/* ---- the volume ---- */

/* In our own namespace: the clone of the target's place, and the volume on top of it. */
static int propagate(const struct live *l, int clone, struct err *e)
{
	const char *spot = l->s->is_dir ? "dir" : "file";
	if (setns(l->own_ns, CLONE_NEWNS) < 0)
		return err_sys(e, errno, "come back to our own mount namespace");
	if (tree_attach_anywhere(l->s->empty_fd) < 0 ||
		tree_attach(clone, l->s->empty_fd, spot) < 0 ||
		tree_attach(l->s->tree_fd, clone, "") < 0)
		return zone_error(errno, "mount on", l->s->target, e);
	return 0;
}

/* The copy that has come: private again, as mounts of a zone are. */
static int settle_copy(const struct live *l, const struct stat *want, struct err *e)
{
	struct stat st;
	struct statx x;
	autofd int fd = path_open_in(l->root, l->result.place, O_PATH | O_NOFOLLOW, 0);
	if (fd < 0 || fstat(fd, &st) < 0 || look(fd, &x) < 0)
		return zone_error(errno, "find what was mounted on", l->result.place, e);
	if (st.st_dev != want->st_dev || st.st_ino != want->st_ino || !is_mount_root(&x))
		return zone_error(ESTALE, "find what was mounted on", l->result.place, e);
	if (tree_set_propagation(fd, MS_PRIVATE) < 0)
		return zone_error(errno, "set the propagation of", l->result.place, e);
	return 0;
}

/* The zone's root may have renamed the place, so that the copy is not found by name; but what is
 * unmounted in our own namespace is unmounted in the zone as well. */
static void take_copy_back(struct live *l)
{
	if (setns(l->own_ns, CLONE_NEWNS) == 0 && fchdir(l->s->tree_fd) == 0)
		(void)umount2(".", MNT_DETACH); /* banned-ok: in our own namespace */
	(void)enter_zone_mounts(l, NULL);
}

/* From here on the child ends what it began, also when its parent is killed: nobody else knows that
 * the mount was not shared before. It waits for nothing but a file system of the zone, and not
 * long. */
static int share_base(const struct live *l, struct err *e)
{
	if (l->was_shared)
		return 0;
	(void)prctl(PR_SET_PDEATHSIG, 0);
	(void)alarm(SHARED_FOR);
	if (tree_set_propagation(l->base, MS_SHARED) < 0)
		return err_sys(e, errno, "share the mount below '%s'", l->s->target);
	return 0;
}

static int mount_locked(struct live *l, struct err *e)
{
	struct stat st;
	if (fstat(l->s->tree_fd, &st) < 0)
		return err_sys(e, errno, "look at the source");
	if (find_base(l, e) < 0 || find_propagation(l, e) < 0 || share_base(l, e) < 0)
		return -1;
	autofd int clone = tree_clone_peer(l->target);
	int r = clone < 0 ? zone_error(errno, "clone", l->s->target, e) : propagate(l, clone, e);
	struct err why = {0};
	if (enter_zone_mounts(l, &why) < 0) {
		if (r == 0)
			*e = why;
		return -1;
	}
	if (r == 0 && (r = settle_copy(l, &st, e)) < 0)
		take_copy_back(l);
	restore_propagation(l);
	return r;
}

static int mount_in_zone(struct live *l, struct err *e)
{
	if (begin(l, e) < 0 || open_target(l, e) < 0)
		return -1;
	if (l->s->has_userns && !defence_is_off("H24m"))
		return mount_locked(l, e);
	/* Without ids of its own the zone's root may remount whatever it likes (volumes.h). */
	if (tree_attach(l->s->tree_fd, l->target, "") < 0)
		return zone_error(errno, "mount on", l->s->target, e);
	return 0;
}

/* ---- umount ---- */

static int is_not_there(const struct live *l, struct err *e)
{
	err_set(e, ERR_STATE, "what cella has mounted on '%s' is not there any more", l->s->target);
	return err_hint(e, "the zone's root may have unmounted or moved it, or mounted something "
			   "over it");
}

static int umount_in_zone(struct live *l, struct err *e)
{
	char dir[PATH_MAX];
	struct stat st;
	struct statx x;
	const char *name = strrchr(l->s->target, '/') + 1;
	if (begin(l, e) < 0)
		return -1;
	(void)snprintf(dir, sizeof dir, "%.*s", (int)(name - l->s->target), l->s->target);
	autofd int parent = path_open_in(l->root, dir, O_PATH | O_DIRECTORY, 0);
	autofd int fd = parent < 0 ? -1 : openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return is_not_there(l, e);
	if (fd < 0 || fstat(fd, &st) < 0 || look(fd, &x) < 0)
		return zone_error(errno, "find", l->s->target, e);
	if (st.st_dev != l->s->dev || st.st_ino != l->s->ino || !is_mount_root(&x))
		return is_not_there(l, e);
	fd_close(&fd); /* it would be in use */
	if (fchdir(parent) < 0)
		return zone_error(errno, "enter", dir, e);
	if (umount2(name, UMOUNT_NOFOLLOW | (l->s->lazy ? MNT_DETACH : 0)) ==
		0) /* banned-ok: in the zone's namespace, checked above */
		return 0;
	if (errno != EBUSY)
		return zone_error(errno, "unmount", l->s->target, e);
	err_set(e, ERR_BUSY, "'%s' is in use in the zone", l->s->target);
	return err_hint(e, "--lazy takes it away from all who are not in it yet");
}

/* ---- the child ---- */

typedef int live_work(struct live *l, struct err *e);

__attribute__((noreturn)) static void child(const struct live_side *s, live_work *work, int sock)
{
	struct live l = {.s = s,
		.mountinfo = -1,
		.own_ns = -1,
		.proc_fds = -1,
		.root = -1,
		.target = -1,
		.base = -1};
	struct answer a = {0};
	a.ok = work(&l, &a.e) == 0;
	a.result = l.result;
	(void)fd_send(sock, &a, sizeof a, NULL, 0);
	_exit(0);
}

static int run(
	const struct live_side *s, live_work *work, struct live_side_result *ret, struct err *e)
{
	int pair[2];
	struct answer a;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "make a socket pair");
	autofd int ours = pair[0], theirs = pair[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "fork");
	if (pid == 0) {
		fd_close(&ours);
		child(s, work, theirs);
	}
	fd_close(&theirs);
	ssize_t n = fd_recv(ours, &a, sizeof a, NULL, NULL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (n != (ssize_t)sizeof a)
		return err_set(e, ERR_FAILED, "the child that mounts died");
	if (!a.ok && e)
		*e = a.e;
	if (!a.ok)
		return -1;
	if (ret)
		*ret = a.result;
	return 0;
}

int live_side_mount(const struct live_side *s, struct live_side_result *ret, struct err *e)
{
	return run(s, mount_in_zone, ret, e);
}

int live_side_umount(const struct live_side *s, struct err *e)
{
	return run(s, umount_in_zone, NULL, e);
}
