/* The end of a zone's groups: kill, wait, remove. */
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sys.h"
#include "isolation/cgroups/cg_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Best effort by design: the file is there only in some hierarchies. */
static int thaw_one(int fd, void *arg)
{
	(void)path_write_virtual(fd, arg ? "cgroup.freeze" : "freezer.state", arg ? "0" : "THAWED");
	return 0;
}

/* A frozen task does not die (v1), so everything is thawed, groups that the zone froze included. */
static void thaw_tree(const struct cg *c)
{
	for (size_t i = 0; i < c->host->n; i++) {
		const struct cg_hier *h = &c->host->hier[i];
		void *v2 = h->v2 ? (void *)h : NULL;
		if (c->limit_fd[i] >= 0 && (h->v2 || (h->controllers & CG_FREEZER)))
			(void)cg_walk(
				c->limit_fd[i], &(struct cg_walker){.enter = thaw_one, .arg = v2});
	}
}

static bool listed(const struct cg_pidset *s, pid_t pid)
{
	size_t lo = 0, hi = s->n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (s->pid[mid] < pid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n && s->pid[lo] == pid;
}

static int read_all(const struct cg *c, struct cg_pidset *ret, struct err *e)
{
	size_t n;
	cg_pidset_done(ret);
	if (cg_pids(c, &ret->pid, &n, e) < 0)
		return -1;
	ret->n = ret->cap = n;
	return 0;
}

enum {
	BATCH = 128
};

/* Kill what is listed now. A pid may pass to a stranger between the list and the signal: so pidfds
 * are taken first, and only those are used whose pid is listed still. Returns how many were new. */
static int kill_pass(const struct cg *c, struct cg_pidset *before, struct err *e)
{
	struct cg_pidset now = {0}, again = {0};
	int fresh = 0, r = read_all(c, &now, e);
	for (size_t i = 0; r == 0 && i < now.n; i += BATCH) {
		int fd[BATCH];
		size_t n = now.n - i < BATCH ? now.n - i : BATCH;
		for (size_t k = 0; k < n; k++)
			fd[k] = sys_pidfd_open(now.pid[i + k], 0);
		r = read_all(c, &again, e);
		for (size_t k = 0; k < n; k++) {
			if (r == 0 && fd[k] >= 0 && listed(&again, now.pid[i + k])) {
				(void)sys_pidfd_send_signal(fd[k], SIGKILL);
				fresh += !listed(before, now.pid[i + k]);
			}
			fd_close(&fd[k]);
		}
	}
	cg_pidset_done(&again);
	cg_pidset_done(before);
	*before = now;
	return r < 0 ? -1 : fresh;
}

/* v1: while the group is frozen nothing in it forks, so that one pass sees all. */
static void v1_stop_forks(const struct cg *c, bool stop)
{
	int i = cg_host_index(c->host, CG_FREEZER);
	if (i >= 0 && c->limit_fd[i] >= 0)
		(void)path_write_virtual(
			c->limit_fd[i], "freezer.state", stop ? "FROZEN" : "THAWED");
}

int cg_kill(const struct cg *c, struct err *e)
{
	int v2 = c->host->v2;
	thaw_tree(c);
	bool killed = v2 >= 0 && c->limit_fd[v2] >= 0 &&
		      path_write_virtual(c->limit_fd[v2], "cgroup.kill", "1") == 0;
	if (killed && c->host->layout == CG_LAYOUT_V2)
		return 0;
	/* Also after cgroup.kill on a hybrid host: a crash between clone3 and the v1 groups, or an
	 * exec, may have left a process in the latter alone. */
	struct cg_pidset seen = {0};
	if (!killed)
		v1_stop_forks(c, true);
	int fresh, passes = 0;
	do
		fresh = kill_pass(c, &seen, e);
	while (fresh > 0 && ++passes < 1000);
	if (!killed)
		v1_stop_forks(c, false);
	cg_pidset_done(&seen);
	return fresh < 0 ? -1 : 0;
}

/* ---- waiting ---- */

/* "123 (sleep) D in do_exit", for the message. */
static void describe(struct strbuf *s, pid_t pid)
{
	char path[48], status[1024], wchan[128] = "", comm[64];
	(void)snprintf(path, sizeof path, "/proc/%d/wchan", pid);
	if (path_read_virtual(AT_FDCWD, path, wchan, sizeof wchan) < 0 || str_eq(wchan, "0"))
		wchan[0] = '\0';
	(void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
	if (path_read_virtual(AT_FDCWD, path, status, sizeof status) < 0)
		return;
	char *open = strchr(status, '('), *close = strrchr(status, ')');
	if (!open || !close || close < open || !close[1] || !close[2])
		return;
	char state = close[2];
	close[0] = '\0';
	str_escape(comm, sizeof comm, open + 1);
	str_addf(s, "%s%d (%s) state %c%s%s", s->len ? ", " : "", pid, comm, state,
		wchan[0] ? " in " : "", wchan);
}

static int still_there(const struct cg *c, int errnum, struct err *e)
{
	struct cg_pidset s = {0};
	autostr struct strbuf who = {0};
	if (read_all(c, &s, NULL) == 0)
		for (size_t i = 0; i < s.n && i < 5; i++)
			describe(&who, s.pid[i]);
	size_t n = s.n;
	cg_pidset_done(&s);
	autofree char *text = str_finish(&who, NULL);
	if (n)
		err_set(e, ERR_TIMEOUT, "%zu process%s left in control group '%s': %s%s", n,
			n == 1 ? "" : "es", c->name, text ? text : "", n > 5 ? ", ..." : "");
	else
		err_set(e, ERR_TIMEOUT, "control group '%s' is still busy", c->name);
	if (e)
		e->sys_errno = errnum;
	err_hint(e, "a process in state D waits for the kernel, often for storage; try again when "
		    "that is back");
	return err_at(e, "cgroups", c->name);
}

/* Wait for the first processes of a list. 0 when they are gone, or -1 + errno. */
static int wait_some(const struct cg_pidset *s, int64_t deadline)
{
	bool waited = false;
	if (cg_poll_timeout(deadline) == 0) {
		errno = ETIMEDOUT;
		return -1;
	}
	for (size_t i = 0; i < s->n && i < BATCH; i++) {
		autofd int fd = sys_pidfd_open(s->pid[i], 0);
		if (fd < 0)
			continue;
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int r;
		do
			r = poll(&p, 1, cg_poll_timeout(deadline));
		while (r < 0 && errno == EINTR);
		if (r == 0)
			errno = ETIMEDOUT;
		if (r <= 0)
			return -1;
		waited = true;
	}
	/* Listed, but gone when asked for: the kernel is between the two; it has no event for that.
	 */
	if (!waited)
		(void)poll(NULL, 0, 1);
	return 0;
}

int cg_wait_empty(const struct cg *c, int64_t deadline, struct err *e)
{
	int v2 = c->host->v2;
	if (v2 >= 0 && c->limit_fd[v2] >= 0 &&
		cg_events_wait(c->limit_fd[v2], "populated", 0, deadline) < 0 && errno != ENOENT &&
		errno != ENODEV) {
		if (errno == ETIMEDOUT)
			return still_there(c, errno, e);
		err_sys(e, errno, "wait for control group '%s'", c->name);
		return err_at(e, "cgroups", c->name);
	}
	if (c->host->layout == CG_LAYOUT_V2)
		return 0;
	for (;;) {
		struct cg_pidset s = {0};
		if (read_all(c, &s, e) < 0)
			return -1;
		int r = s.n ? wait_some(&s, deadline) : 1;
		cg_pidset_done(&s);
		if (r < 0)
			return still_there(c, errno, e);
		if (r > 0)
			return 0;
	}
}

/* ---- removing ---- */

static int remove_one(int parent_fd, const char *name, void *arg)
{
	int *busy = arg;
	if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		*busy = errno;
	return 0;
}

/* The limit group of one hierarchy and all below it. 0, or an errno. */
static int remove_tree(const struct cg_hier *h, const char *path)
{
	/* Most often there are just the two. */
	char zone[400];
	(void)snprintf(zone, sizeof zone, "%s/zone", path);
	(void)unlinkat(h->root_fd, zone, AT_REMOVEDIR);
	if (unlinkat(h->root_fd, path, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY && errno != ENOTEMPTY)
		return errno;
	autofd int fd = openat(h->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : errno;
	int busy = 0;
	if (cg_walk(fd, &(struct cg_walker){.leave = remove_one, .arg = &busy}) < 0)
		return errno;
	if (unlinkat(h->root_fd, path, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	return busy ? busy : errno;
}

static int remove_all(const struct cg_host *h, const char *path, struct err *e)
{
	bool busy = false;
	for (size_t i = 0; i < h->n; i++) {
		int r = remove_tree(&h->hier[i], path);
		if (r == EBUSY || r == ENOTEMPTY) {
			busy = true;
		} else if (r) {
			err_sys(e, r, "remove control group '%s/%s'", h->hier[i].mount_point, path);
			return err_at(e, "cgroups", path);
		}
	}
	return busy ? 1 : 0;
}

int cg_destroy(const struct cg_host *h, const char *name, int64_t deadline, struct err *e)
{
	char path[CG_PATH_SIZE];
	if (cg_limit_path(path, h, name, e) < 0)
		return -1;
	/* A zone that has ended needs no more than this. */
	int r = remove_all(h, path, e);
	for (int pause = 1; r > 0; pause = pause < 16 ? pause * 2 : 16) {
		autocg struct cg c = {0};
		struct err open_err = {0};
		if (cg_open(h, name, &c, &open_err) < 0) {
			if (open_err.cls == ERR_NOT_FOUND)
				return 0;
			if (e)
				*e = open_err;
			return -1;
		}
		if (cg_kill(&c, e) < 0 || cg_wait_empty(&c, deadline, e) < 0)
			return -1;
		r = remove_all(h, path, e);
		if (r <= 0)
			break;
		/* Empty and yet busy: the last exit is still on its way through the kernel, for
		 * which there is no event, or somebody came in; kill again. */
		if (cg_poll_timeout(deadline) == 0)
			return still_there(&c, EBUSY, e);
		(void)poll(NULL, 0, pause);
	}
	return r;
}
