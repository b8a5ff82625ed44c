#include "runtime/frozen_copy.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "runtime/host_facts.h"
#include "runtime/upper_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MARK "frozen"
enum {
	FREEZE_TIMEOUT_MS = 10000,
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
};

struct freeze {
	struct cg_host host;
	struct cg cg;
	int run_dir; /* RUN/zones/NAME */
	int guard;   /* our end of the guard's pipe; -1: we have frozen nothing */
	pid_t guard_pid;
	int64_t begin_us;
};

static int64_t now_us(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void freeze_done(struct freeze *f)
{
	fd_close(&f->guard);
	if (f->guard_pid > 0)
		while (waitpid(f->guard_pid, NULL, 0) < 0 && errno == EINTR)
			;
	cg_close(&f->cg);
	cg_host_done(&f->host);
	fd_close(&f->run_dir);
}

static int thaw(struct freeze *f, struct err *e)
{
	if (cg_thaw(&f->cg, clock_mono_ms() + FREEZE_TIMEOUT_MS, e) < 0)
		return -1;
	if (unlinkat(f->run_dir, MARK, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove the mark of the freeze");
	return 0;
}

static int open_group(const struct zone *z, const char *group, struct freeze *f, struct err *e)
{
	*f = (struct freeze){.run_dir = -1, .guard = -1};
	if (host_facts_cgroups(z->store, &f->host, e) < 0)
		return -1;
	if (cg_open(&f->host, group, &f->cg, e) < 0) {
		freeze_done(f);
		return -1;
	}
	f->run_dir = openat(z->store->run_zones_fd, z->name, OPEN_DIR);
	if (f->run_dir < 0) {
		err_sys(e, errno, "zone '%s': open its run directory", z->name);
		freeze_done(f);
		return -1;
	}
	return 0;
}

/* The guard: a byte means that all is well, the end of the pipe that we have died. It is no part of
 * our session, so that ^C does not hit it as well, and holds neither lock nor terminal. */
__attribute__((noreturn)) static void guard(const struct zone *z, struct freeze *f, int pipe_fd)
{
	char byte;
	ssize_t n;
	int lock = z->lock_fd;
	(void)setsid();
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	(void)sigaction(SIGTERM, &ignore, NULL);
	fd_close(&lock);
	for (int fd = 0; fd < 3; fd++)
		(void)close(fd);
	do
		n = read(pipe_fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		(void)thaw(f, NULL);
	_exit(0);
}

static int start_guard(const struct zone *z, struct freeze *f, struct err *e)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, errno, "make a pipe");
	autofd int theirs = ends[0];
	f->guard = ends[1];
	f->guard_pid = fork();
	if (f->guard_pid < 0)
		return err_sys(e, errno, "fork");
	if (f->guard_pid == 0) {
		fd_close(&f->guard);
		guard(z, f, theirs);
	}
	return 0;
}

static int begin(const struct zone *z, struct freeze *f, struct err *e)
{
	bool frozen = false;
	if (cg_is_frozen(&f->cg, &frozen, e) < 0 || frozen)
		return frozen ? 0 : -1;
	/* The mark before the freeze, the guard before both. */
	if (start_guard(z, f, e) < 0 || path_write_volatile(f->run_dir, MARK, "", 0, 0600, e) < 0)
		return -1;
	f->begin_us = now_us();
	if (cg_freeze(&f->cg, clock_mono_ms() + FREEZE_TIMEOUT_MS, e) == 0)
		return 0;
	(void)thaw(f, NULL);
	return -1;
}

/* Repeatable. */
static int end(struct freeze *f, int64_t *ret_pause_us, struct err *e)
{
	*ret_pause_us = -1;
	if (f->guard < 0)
		return 0;
	if (thaw(f, e) < 0)
		return -1;
	*ret_pause_us = now_us() - f->begin_us;
	(void)fd_write_all(f->guard, "", 1);
	fd_close(&f->guard);
	return 0;
}

int frozen_copy(const struct zone *z, const struct zone_state *st, int dst_fd,
	struct frozen_result *ret, struct err *e)
{
	static const struct copy_options options = {
		.max_id = 65536, .keep_overlay_marks = true, .no_sync = true};
	struct freeze f;
	struct err why = {0};
	struct frozen_result result = {.pause_us = -1};
	autoupper struct upper_dir u = UPPER_DIR_EMPTY;
	if (zone_upper_open(z, &u, e) < 0)
		return -1;
	if (u.upper_fd < 0)
		return err_set(e, ERR_FAILED, "zone '%s' has no upper directory", z->name);
	if (open_group(z, st->cgroup, &f, e) < 0)
		return -1;
	int r = begin(z, &f, e);
	if (r == 0 && (r = copy_tree(u.upper_fd, dst_fd, &options, &result.copied, e)) < 0) {
		err_prefix(e, "zone '%s', which is frozen", z->name);
		if (!e->sys_errno)
			err_hint(e, "does something on the host write into its files?");
	}
	/* Also after an error. What it says is only told if there was none before. */
	if (end(&f, &result.pause_us, &why) < 0) {
		if (r == 0 && e)
			*e = why;
		r = -1;
	}
	freeze_done(&f);
	if (r == 0)
		*ret = result;
	return r;
}

int frozen_recover(const struct zone *z, const struct zone_state *st, struct err *e)
{
	struct stat mark;
	struct freeze f;
	char path[ZONE_NAME_MAX + 16];
	(void)snprintf(path, sizeof path, "%s/" MARK, z->name);
	if (fstatat(z->store->run_zones_fd, path, &mark, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "look for '%s'", path);
	if (open_group(z, st->cgroup, &f, e) < 0)
		return -1;
	int r = thaw(&f, e);
	freeze_done(&f);
	return r;
}
