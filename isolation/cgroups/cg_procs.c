/* Processes: joining groups, and who is in them. */
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "isolation/cgroups/cg_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int cg_clone_fd(const struct cg *c)
{
	return c->host->v2 < 0 ? -1 : c->zone_fd[c->host->v2];
}

bool cg_needs_attach(const struct cg *c)
{
	return c->host->layout != CG_LAYOUT_V2;
}

/* A hierarchy without the zone group would leave the process outside of the limits: never. */
static int incomplete(const struct cg *c, size_t i, struct err *e)
{
	err_set(e, ERR_STATE, "the zone has no group in '%s'", c->host->hier[i].mount_point);
	err_hint(e, "cella repair");
	return err_at(e, "cgroups", c->name);
}

int cg_attach_files(const struct cg *c, int fds[CG_HIER_MAX], size_t *n, struct err *e)
{
	size_t k = 0;
	for (size_t i = 0; i < c->host->n; i++) {
		if (c->host->hier[i].v2)
			continue;
		int fd = -1;
		if (c->zone_fd[i] < 0)
			incomplete(c, i, e);
		else if ((fd = openat(c->zone_fd[i], "tasks", O_WRONLY | O_CLOEXEC)) < 0)
			err_sys(e, errno, "open 'tasks' of control group '%s'", c->name);
		if (fd < 0) {
			while (k)
				fd_close(&fds[--k]);
			return -1;
		}
		fds[k++] = fd;
	}
	*n = k;
	return 0;
}

int cg_attach_self(const int *fds, size_t n, size_t *at)
{
	for (size_t i = 0; i < n; i++) {
		ssize_t w;
		do
			w = write(fds[i], "0", 1);
		while (w < 0 && errno == EINTR);
		if (w != 1) {
			*at = i;
			return -1;
		}
	}
	return 0;
}

static int join(const struct cg *c, size_t i, int fd, pid_t pid, struct err *e)
{
	char text[16];
	(void)snprintf(text, sizeof text, "%d", pid);
	if (path_write_virtual(fd, "cgroup.procs", text) == 0)
		return 0;
	err_sys(e, errno, "move process %d to control group '%s' of '%s'", pid, c->name,
		c->host->hier[i].mount_point);
	return err_at(e, "cgroups", c->name);
}

int cg_attach(const struct cg *c, pid_t pid, struct err *e)
{
	for (size_t i = 0; i < c->host->n; i++) {
		if (c->host->hier[i].v2)
			continue;
		if (c->zone_fd[i] < 0)
			return incomplete(c, i, e);
		if (join(c, i, c->zone_fd[i], pid, e) < 0)
			return -1;
	}
	return 0;
}

/* The zone's own manager has given its group children with controllers: then the kernel wants no
 * process in it. The group we make for exec belongs to the zone's root as its parent does. */
static int exec_group(const struct cg *c, int zone_fd, struct err *e)
{
	static const char name[] = "cella-exec";
	struct stat st;
	bool made = mkdirat(zone_fd, name, 0755) == 0;
	autofd int fd = openat(zone_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(zone_fd, &st) < 0) {
		err_sys(e, errno, "make control group '%s' for exec", name);
		return err_at(e, "cgroups", c->name);
	}
	static const char *const files[] = {
		"", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"};
	for (size_t i = 0; made && i < ARRAY_LEN(files); i++)
		if (fchownat(fd, files[i], st.st_uid, st.st_gid,
			    AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0) {
			err_sys(e, errno, "hand over control group '%s'", name);
			return err_at(e, "cgroups", c->name);
		}
	return fd_steal(&fd);
}

int cg_exec_fd(const struct cg *c, int *ret, struct err *e)
{
	char on[512];
	if (c->host->v2 < 0) {
		*ret = -1;
		return 0;
	}
	int zone = c->zone_fd[c->host->v2];
	if (zone < 0)
		return incomplete(c, (size_t)c->host->v2, e);
	if (path_read_virtual(zone, "cgroup.subtree_control", on, sizeof on) < 0)
		return err_sys(e, errno, "read 'cgroup.subtree_control' of '%s'", c->name);
	int fd = on[0] && on[0] != '\n' ? exec_group(c, zone, e) : fcntl(zone, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return on[0] && on[0] != '\n' ? -1 : err_sys(e, errno, "copy a descriptor");
	*ret = fd;
	return 0;
}

int cg_attach_all(const struct cg *c, pid_t pid, struct err *e)
{
	autofd int fd = -1;
	if (cg_exec_fd(c, &fd, e) < 0 || (fd >= 0 && join(c, (size_t)c->host->v2, fd, pid, e) < 0))
		return -1;
	return cg_attach(c, pid, e);
}

/* ---- who is inside ---- */

static int pidset_add(struct cg_pidset *s, pid_t pid)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 64;
		pid_t *p = reallocarray(s->pid, cap, sizeof *p);
		if (!p)
			return -1;
		s->pid = p;
		s->cap = cap;
	}
	s->pid[s->n++] = pid;
	return 0;
}

void cg_pidset_done(struct cg_pidset *s)
{
	free(s->pid);
	*s = (struct cg_pidset){0};
}

static int by_pid(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
	return (x > y) - (x < y);
}

void cg_pidset_sort(struct cg_pidset *s)
{
	size_t k = 0;
	if (s->n)
		qsort(s->pid, s->n, sizeof *s->pid, by_pid);
	for (size_t i = 0; i < s->n; i++)
		if (k == 0 || s->pid[i] != s->pid[k - 1])
			s->pid[k++] = s->pid[i];
	s->n = k;
}

static int read_procs(int group_fd, void *arg)
{
	struct cg_pidset *s = arg;
	autofd int fd = openat(group_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENODEV ? 0 : -1;
	char buf[4096];
	ssize_t n;
	pid_t pid = 0;
	while ((n = read(fd, buf, sizeof buf)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		/* A threaded group lists none: they stand in the group above it. */
		if (n < 0)
			return errno == ENODEV || errno == EOPNOTSUPP ? 0 : -1;
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] >= '0' && buf[i] <= '9') {
				pid = pid * 10 + (buf[i] - '0');
				continue;
			}
			/* 0 is a process of another pid namespace, which we cannot name. */
			if (pid > 0 && pidset_add(s, pid) < 0)
				return -1;
			pid = 0;
		}
	}
	return 0;
}

int cg_pidset_add_tree(struct cg_pidset *s, int fd)
{
	return cg_walk(fd, &(struct cg_walker){.enter = read_procs, .arg = s});
}

int cg_pids(const struct cg *c, pid_t **ret, size_t *ret_n, struct err *e)
{
	struct cg_pidset s = {0};
	for (size_t i = 0; i < c->host->n; i++)
		if (c->limit_fd[i] >= 0 && cg_pidset_add_tree(&s, c->limit_fd[i]) < 0) {
			err_sys(e, errno, "list the processes of control group '%s'", c->name);
			cg_pidset_done(&s);
			return err_at(e, "cgroups", c->name);
		}
	cg_pidset_sort(&s);
	*ret = s.pid;
	*ret_n = s.n;
	return 0;
}

int cg_is_populated(const struct cg *c, bool *ret, struct err *e)
{
	int v2 = c->host->v2;
	char text[256];
	uint64_t populated;
	if (v2 >= 0 && c->limit_fd[v2] >= 0 &&
		path_read_virtual(c->limit_fd[v2], "cgroup.events", text, sizeof text) > 0 &&
		cg_parse_flat(text, "populated", &populated) && populated) {
		*ret = true;
		return 0;
	}
	if (c->host->layout == CG_LAYOUT_V2) {
		*ret = false;
		return 0;
	}
	autofree pid_t *pids = NULL;
	size_t n = 0;
	if (cg_pids(c, &pids, &n, e) < 0)
		return -1;
	*ret = n > 0;
	return 0;
}
