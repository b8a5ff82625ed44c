/* Freezing. cgroup2's freezer is preferred wherever that file system is mounted: it needs no
 * controller, it tells by an event when it is done, and what it froze can be killed. */
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "isolation/cgroups/cg_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

int cg_poll_timeout(int64_t deadline)
{
	if (deadline == INT64_MAX)
		return -1;
	int64_t left = deadline - clock_mono_ms();
	return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

int cg_events_wait(int group_fd, const char *key, uint64_t want, int64_t deadline)
{
	autofd int fd = openat(group_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	for (;;) {
		/* Read, then poll: the kernel reports changes since this descriptor's last read. */
		char text[256];
		uint64_t is;
		ssize_t n = pread(fd, text, sizeof text - 1, 0);
		if (n < 0)
			return -1;
		text[n] = '\0';
		if (!cg_parse_flat(text, key, &is)) {
			errno = ENOSYS;
			return -1;
		}
		if (is == want)
			return 0;
		int timeout = cg_poll_timeout(deadline);
		if (timeout == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		struct pollfd p = {.fd = fd, .events = POLLPRI};
		if (poll(&p, 1, timeout) < 0 && errno != EINTR)
			return -1;
	}
}

/* The group to freeze by, and whether it is v2's. -1: this host cannot. */
static int freezer_fd(const struct cg *c, bool *v2)
{
	int i = c->host->v2;
	*v2 = i >= 0 && c->limit_fd[i] >= 0;
	if (*v2)
		return c->limit_fd[i];
	i = cg_host_index(c->host, CG_FREEZER);
	return i < 0 ? -1 : c->limit_fd[i];
}

static int freezer_missing(const struct cg *c, struct err *e)
{
	err_set(e, ERR_HOST, "this host has no freezer controller and no cgroup2 mount");
	return err_at(e, "cgroups", c->name);
}

/* v1 has no event for "frozen": the state is asked for, less and less often. */
static int v1_wait(int fd, const char *want, int64_t deadline)
{
	for (int pause = 1;; pause = pause < 20 ? pause * 2 : 20) {
		char text[32];
		if (path_read_virtual(fd, "freezer.state", text, sizeof text) < 0)
			return -1;
		if (str_starts(text, want))
			return 0;
		int left = cg_poll_timeout(deadline);
		if (left == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		(void)poll(NULL, 0, left > 0 && left < pause ? left : pause);
	}
}

static int set_frozen(const struct cg *c, bool frozen, int64_t deadline, struct err *e)
{
	bool v2;
	int fd = freezer_fd(c, &v2), r;
	if (fd < 0)
		return freezer_missing(c, e);
	if (v2)
		r = path_write_virtual(fd, "cgroup.freeze", frozen ? "1" : "0") < 0
			    ? -1
			    : cg_events_wait(fd, "frozen", frozen, deadline);
	else
		r = path_write_virtual(fd, "freezer.state", frozen ? "FROZEN" : "THAWED") < 0
			    ? -1
			    : v1_wait(fd, frozen ? "FROZEN" : "THAWED", deadline);
	if (r == 0)
		return 0;
	err_sys(e, errno, "%s control group '%s'", frozen ? "freeze" : "thaw", c->name);
	return err_at(e, "cgroups", c->name);
}

int cg_freeze(const struct cg *c, int64_t deadline, struct err *e)
{
	if (set_frozen(c, true, deadline, e) == 0)
		return 0;
	/* Half frozen is the worst of all states. */
	(void)set_frozen(c, false, 0, NULL);
	return -1;
}

int cg_thaw(const struct cg *c, int64_t deadline, struct err *e)
{
	return set_frozen(c, false, deadline, e);
}

int cg_is_frozen(const struct cg *c, bool *ret, struct err *e)
{
	char text[256];
	uint64_t frozen = 0;
	bool v2;
	int fd = freezer_fd(c, &v2);
	if (fd < 0) {
		*ret = false;
		return 0;
	}
	if (path_read_virtual(fd, v2 ? "cgroup.events" : "freezer.state", text, sizeof text) < 0) {
		err_sys(e, errno, "read the freezer state of control group '%s'", c->name);
		return err_at(e, "cgroups", c->name);
	}
	if (v2)
		(void)cg_parse_flat(text, "frozen", &frozen);
	*ret = v2 ? frozen != 0 : str_starts(text, "FROZEN");
	return 0;
}
