/* inspect_wait: until a zone runs, or until it has ended; woken by what happens, never by a timer
 * (but for the caller's deadline). What can happen:
 *
 *     the run directory comes, changes or goes      inotify on RUN/zones and on RUN/zones/NAME
 *     init or keeper dies                           their pidfds
 *     whoever holds the zone's lock lets go of it   inotify on zones/NAME: the kernel closes the
 *                                                   lock file of who dies, too
 *     the zone is destroyed                         inotify on zones */
#include "runtime/inspect.h"
#include "runtime/keeper_client.h"
#include "runtime/state.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

static bool is_reached(enum zone_status st, enum wait_for what)
{
	if (what == WAIT_RUNNING)
		return st == ZONE_RUNNING || st == ZONE_UNWATCHED;
	return st == ZONE_STOPPED || st == ZONE_CRASHED || st == ZONE_BROKEN;
}

/* By descriptor: no path of ours is longer than the kernel takes. */
static int watch(int fd, int dir_fd, uint32_t mask)
{
	return inotify_add_watch(fd, fd_path(dir_fd).s, mask);
}

/* Arm everything, then look: what happens in between wakes us. -1 + errno. */
static int arm(const struct store *s, const char *name, int notify, bool *ret_exists)
{
	const uint32_t changes =
		IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE;
	autofd int zone = openat(s->zones_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autofd int run =
		openat(s->run_zones_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	*ret_exists = zone >= 0;
	if (zone < 0)
		return errno == ENOENT ? 0 : -1;
	/* Not IN_OPEN and the like: looking must not wake the one who looks. */
	if (watch(notify, zone, IN_CLOSE_WRITE) < 0)
		return -1;
	/* It may be gone again by now; its parent tells. */
	if (run >= 0 && watch(notify, run, changes) < 0 && errno != ENOENT)
		return -1;
	return 0;
}

/* 1: something happened, 0: the deadline has passed, -1 + errno. */
static int wait_for_change(int notify, const struct zone_state *st, int64_t deadline)
{
	autofd int init = proc_open(&st->init);
	autofd int keeper = proc_open(&st->keeper);
	struct pollfd p[] = {{notify, POLLIN, 0}, {init, POLLIN, 0}, {keeper, POLLIN, 0}};
	/* A zombie's pidfd stays readable: then only its reaper's next step is of interest. */
	for (int i = 1; i < 3; i++)
		if (p[i].fd >= 0 && poll(&p[i], 1, 0) > 0)
			p[i].fd = -1;
	int64_t left = deadline < 0 ? -1 : deadline - clock_mono_ms();
	if (deadline >= 0 && left <= 0)
		return 0;
	int n = poll(p, 3, left > INT32_MAX ? INT32_MAX : (int)left);
	char drain[4096];
	if (p[0].revents)
		(void)!read(notify, drain, sizeof drain);
	return n < 0 && errno != EINTR ? -1 : 1;
}

int inspect_wait(const struct store *s, const char *name, enum wait_for what, int64_t timeout_ms,
	struct err *e)
{
	int64_t deadline = timeout_ms < 0 ? -1 : clock_mono_ms() + timeout_ms;
	autofd int notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	/* Of the zone's own directory the kernel tells only when nobody has it open any more. */
	if (notify < 0 || watch(notify, s->run_zones_fd, IN_CREATE | IN_DELETE) < 0 ||
		watch(notify, s->zones_fd, IN_MOVED_FROM | IN_DELETE) < 0)
		return err_sys(e, errno, "watch '%s/zones'", s->run);
	for (bool existed = false;; existed = true) {
		struct zone_state st = {0};
		bool exists;
		if (arm(s, name, notify, &exists) < 0)
			return err_sys(e, errno, "watch zone '%s'", name);
		/* Destroyed while we waited: it has stopped for good. */
		if (!exists && existed && what == WAIT_STOPPED)
			return 0;
		if (!exists)
			return err_set(e, ERR_NOT_FOUND, "no zone '%s'", name);
		if (is_reached(zone_status(s, name, &st), what))
			return 0;
		int n = wait_for_change(notify, &st, deadline);
		if (n < 0)
			return err_sys(e, errno, "wait for zone '%s'", name);
		if (n == 0)
			return err_set(e, ERR_TIMEOUT, "zone '%s' is not %s in time", name,
				what == WAIT_RUNNING ? "running" : "stopped");
	}
}
