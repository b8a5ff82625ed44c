#include "runtime/stop.h"
#include "runtime/events.h"
#include "runtime/host_facts.h"
#include "runtime/initctl.h"
#include "runtime/keeper_client.h"
#include "runtime/undo.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/sys.h"
#include "isolation/cgroups/cg.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* How long SIGKILL and the keeper may take before we say that something is stuck. */
enum {
	KILL_TIMEOUT_MS = 10000
};

/* 1 readable, 0 deadline passed. A deadline of -1 is never. */
static int wait_readable(int fd, int64_t deadline)
{
	for (;;) {
		int64_t left = deadline < 0 ? -1 : deadline - clock_mono_ms();
		if (deadline >= 0 && left < 0)
			left = 0;
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int n = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (n > 0)
			return 1;
		if (n == 0 && deadline >= 0 && clock_mono_ms() >= deadline)
			return 0;
		if (n < 0 && errno != EINTR)
			return 0;
	}
}

/* The keeper puts this into the event, so that history tells an asked end from a crash. */
static void note_who_asks(struct zone *z, const char *verb)
{
	char line[80];
	int n = snprintf(line, sizeof line, "%s %u %d\n", verb, getuid(), getpid());
	autofd int dir = openat(
		z->store->run_zones_fd, z->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir >= 0)
		(void)path_write_volatile(dir, "asked", line, (size_t)n, 0600, NULL);
}

static void forget_who_asked(struct zone *z)
{
	autofd int dir = openat(
		z->store->run_zones_fd, z->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir >= 0)
		(void)unlinkat(dir, "asked", 0);
}

static int kill_all(struct zone *z, const struct zone_state *st, int init_fd, struct err *e)
{
	autocg_host struct cg_host host = {0};
	autocg struct cg c = {0};
	/* init first by its pidfd: its death takes the whole pid namespace along. */
	(void)sys_pidfd_send_signal(init_fd, SIGKILL);
	if (host_facts_cgroups(z->store, &host, e) < 0)
		return -1;
	if (cg_open(&host, st->cgroup, &c, e) == 0)
		return cg_kill(&c, e);
	if (e->cls != ERR_NOT_FOUND)
		return -1;
	err_clear(e);
	return 0;
}

static int64_t stop_timeout(const struct zone *z, const struct stop_options *o)
{
	if (o->timeout_ms >= 0)
		return o->timeout_ms;
	return z->spec ? (int64_t)z->spec->init.stop_timeout_ms : 10000;
}

/* Ask, wait, kill. On success init is gone (perhaps not yet reaped). */
static int end_init(struct zone *z, const struct zone_state *st, const struct stop_options *o,
	int init_fd, struct err *e)
{
	if (!o->kill_at_once) {
		/* An init that does not read its FIFO gets the signal. */
		bool asked = st->stop_by_initctl &&
			     initctl_request(st->init.pid, init_fd, '0', NULL) == 0;
		if (!asked && sys_pidfd_send_signal(init_fd, st->stop_signal) < 0 && errno != ESRCH)
			return err_sys(e, errno, "zone '%s': signal its init", z->name);
		if (wait_readable(init_fd, clock_mono_ms() + stop_timeout(z, o)))
			return 0;
		if (o->no_kill)
			return err_set(e, ERR_TIMEOUT, "zone '%s' has not stopped in %lld ms",
				z->name, (long long)stop_timeout(z, o));
		(void)event_append(z->dir_fd, "killed_after_timeout", NULL);
	}
	if (kill_all(z, st, init_fd, e) < 0)
		return -1;
	if (wait_readable(init_fd, clock_mono_ms() + KILL_TIMEOUT_MS))
		return 0;
	err_set(e, ERR_TIMEOUT, "zone '%s': its init, pid %d, does not die", z->name, st->init.pid);
	return err_hint(e, "it hangs in the kernel: see /proc/%d/stack", st->init.pid);
}

/* Let the keeper write down how it ended, sweep, and see it off. */
static int sweep_with_keeper(struct zone *z, const struct zone_state *st, int keeper, struct err *e)
{
	struct keeper_exit how;
	if (keeper >= 0 &&
		keeper_wait_exit(keeper, clock_mono_ms() + KILL_TIMEOUT_MS, &how, e) < 0 &&
		e->cls == ERR_TIMEOUT)
		return err_hint(e, "the zone's keeper, pid %d, does not answer: is it stopped?",
			st->keeper.pid);
	err_clear(e);
	autofd int keeper_pid = proc_open(&st->keeper);
	if (zone_sweep(z->store, z->name, st, e) < 0)
		return -1;
	if (keeper >= 0 && keeper_swept(keeper) == 0 && keeper_pid >= 0)
		(void)wait_readable(keeper_pid, clock_mono_ms() + KILL_TIMEOUT_MS);
	return 0;
}

/* The zone is stopped, whatever comes of this. */
static int end_undo(struct zone *z, const struct stop_options *o, struct err *e)
{
	if (o->keep_undo || !z->record.uuid[0] || undo_settle(z, e) == 0)
		return 0;
	err_prefix(e, "zone '%s' has stopped, but what it wrote is still to be %s", z->name,
		z->record.undo.mode == UNDO_COMMIT ? "committed" : "discarded");
	return err_hint(e, "`cella repair %s` tries again", z->name);
}

int zone_stop_locked(struct zone *z, const struct stop_options *o, bool *ret_changed, struct err *e)
{
	struct zone_state st;
	bool restarts = zone_status(z->store, z->name, NULL) == ZONE_RESTARTING;
	const enum undo_mode was = z->record.undo.mode;
	if (zone_settle(z, &st, e) < 0 || (o->choose_undo && undo_choose(z, o->undo_mode, e) < 0))
		return -1;
	if (st.phase == PHASE_NONE) {
		/* Its keeper sees that it was swept, and goes. */
		if (restarts)
			(void)event_append(z->dir_fd, "restart_cancelled", NULL);
		*ret_changed = restarts;
		return end_undo(z, o, e);
	}
	autofd int init_fd = proc_open(&st.init);
	/* No answer is no obstacle: a zone without a keeper is stopped all the same. */
	autofd int keeper = keeper_connect(z->store, z->name, NULL);
	if (keeper >= 0 && keeper_sweeping(keeper) < 0)
		fd_close(&keeper);
	note_who_asks(z, o->verb);
	st.phase = PHASE_STOPPING;
	if (state_write(z->store, z->name, &st, e) < 0)
		err_clear(e); /* a full run file system must not keep a zone running */
	if (init_fd >= 0 && end_init(z, &st, o, init_fd, e) < 0) {
		if (o->no_kill && e->cls == ERR_TIMEOUT) {
			forget_who_asked(z);
			st.phase = PHASE_RUNNING;
			(void)state_write(z->store, z->name, &st, NULL);
			if (o->choose_undo)
				(void)undo_choose(z, was, NULL);
		}
		return -1;
	}
	if (sweep_with_keeper(z, &st, keeper, e) < 0)
		return -1;
	*ret_changed = true;
	return end_undo(z, o, e);
}

int zone_stop(const struct store *s, const char *name, const struct stop_options *o,
	bool *ret_changed, struct err *e)
{
	struct zone z;
	if (zone_open(s, name, ZONE_LOCK | ZONE_ALLOW_BROKEN, o->lock_timeout_ms, &z, e) < 0)
		return -1;
	int r = zone_stop_locked(&z, o, ret_changed, e);
	zone_close(&z);
	return r;
}

int zone_signal(const struct store *s, const char *name, int sig, struct err *e)
{
	struct zone z;
	struct zone_state st;
	if (zone_open(s, name, ZONE_ALLOW_BROKEN, 0, &z, e) < 0)
		return -1;
	zone_close(&z);
	enum zone_status status = zone_status(s, name, &st);
	if (status != ZONE_RUNNING && status != ZONE_UNWATCHED)
		return err_set(e, ERR_STATE, "zone '%s' is %s, not running", name,
			zone_status_name(status));
	autofd int fd = proc_open(&st.init);
	if (fd < 0 || sys_pidfd_send_signal(fd, sig) < 0)
		return err_sys(e, errno, "zone '%s': signal its init", name);
	return 0;
}
