/* Real groups on this host's hierarchies, under a base of our own. Every test runs for each way of
 * seeing the host: as it is, and on a hybrid host also as pure v1 and without the devices
 * controller (by leaving hierarchies out), so that those paths are run too. Needs root. */
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sys.h"
#include "isolation/cgroups/cg_internal.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct cg_host real, *host;
static struct cg_host seen[3];
static const char *seen_as[3];
static size_t n_seen;

#define OK(call)                                                                                   \
	({                                                                                         \
		struct err ok_e = {0};                                                             \
		struct err *e = &ok_e;                                                             \
		int ok_r = (call);                                                                 \
		if (ok_r < 0) {                                                                    \
			test_failures++;                                                           \
			printf("# %s:%d: [%s] %s: %s\n", __FILE__, __LINE__, host_title(), #call,  \
				ok_e.msg);                                                         \
		}                                                                                  \
		ok_r;                                                                              \
	})
#define EACH_HOST for (size_t each = 0; each < n_seen && (host = &seen[each], true); each++)

static const char *host_title(void)
{
	return seen_as[host - seen];
}

static int64_t in_ms(int64_t ms)
{
	return clock_mono_ms() + ms;
}

static void leave_out(struct cg_host *h, bool v2, uint32_t controllers)
{
	size_t k = 0;
	h->v2 = -1;
	h->controllers = 0;
	for (size_t i = 0; i < h->n; i++) {
		if ((v2 && h->hier[i].v2) || (h->hier[i].controllers & controllers))
			continue;
		h->hier[k] = h->hier[i];
		h->controllers |= h->hier[k].controllers;
		if (h->hier[k].v2)
			h->v2 = (int)k;
		k++;
	}
	h->n = k;
	h->layout = h->v2 < 0 ? CG_LAYOUT_V1 : h->layout;
}

static void see(const char *as, bool no_v2, uint32_t controllers)
{
	seen[n_seen] = real;
	leave_out(&seen[n_seen], no_v2, controllers);
	seen_as[n_seen++] = as;
}

static struct cg make(const char *name, struct cg_limits limits)
{
	struct cg c = {0};
	OK(cg_create(host, name, &limits, 0, 0, false, &c, e));
	if (c.host)
		OK(cg_devices_apply(&c, cg_devices_default, cg_devices_default_n, e));
	return c;
}

static void unmake(struct cg *c, const char *name)
{
	cg_close(c);
	OK(cg_destroy(host, name, in_ms(20000), e));
	CHECK(!cg_exists(host, name));
	OK(cg_destroy(host, name, in_ms(0), e)); /* gone already: success */
}

/* A child in the zone group; what `body` returns is its exit status. Returns the pid. */
static pid_t spawn(const struct cg *c, int (*body)(void *), void *arg)
{
	int fds[CG_HIER_MAX], pidfd = -1;
	size_t n = 0, at;
	if (OK(cg_attach_files(c, fds, &n, e)) < 0)
		return -1;
	CHECK(cg_needs_attach(c) == (n > 0));
	int into = cg_clone_fd(c);
	struct clone_args a = {0};
	a.exit_signal = SIGCHLD;
	a.pidfd = (uintptr_t)&pidfd;
	a.flags = into < 0 ? CLONE_PIDFD : CLONE_PIDFD | CLONE_INTO_CGROUP;
	a.cgroup = into < 0 ? 0 : (unsigned)into;
	(void)fflush(stdout);
	pid_t pid = sys_clone3(&a);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(cg_attach_self(fds, n, &at) < 0 ? 99 : body(arg));
	}
	CHECK(pid > 0);
	for (size_t i = 0; i < n; i++)
		fd_close(&fds[i]);
	fd_close(&pidfd);
	return pid;
}

static int reap(pid_t pid)
{
	int status = -1;
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* What children share with us. */
static struct shared {
	_Atomic uint64_t count;
	_Atomic int ready;
} * shared;

static void wait_ready(int n)
{
	for (int64_t end = in_ms(20000); shared->ready < n && clock_mono_ms() < end;)
		(void)usleep(1000);
	CHECK(shared->ready >= n);
}

static int body_pause(void *arg)
{
	(void)arg;
	shared->ready++;
	while (pause() < 0)
		;
	return 0;
}

static int body_count(void *arg)
{
	(void)arg;
	for (shared->count = 0; usleep(200) == 0 || errno == EINTR; shared->count++)
		;
	return 0;
}

TEST(facts_and_cache)
{
	char dir[] = "/tmp/cella-cg-XXXXXX", file[64];
	CHECK(mkdtemp(dir) != NULL);
	(void)snprintf(file, sizeof file, "%s/facts", dir);
	struct cg_host a = {0}, b = {0};
	host = &seen[0];
	OK(cg_host_load(file, &a, e));
	OK(cg_host_load(file, &b, e));
	CHECK(!a.from_cache);
	CHECK(b.from_cache);
	CHECK_INT(a.n, b.n);
	CHECK_INT(a.layout, b.layout);
	CHECK_INT(a.controllers, b.controllers);
	CHECK_INT(a.v2, b.v2);
	for (size_t i = 0; i < a.n && i < b.n; i++) {
		CHECK_STR(b.hier[i].mount_point, a.hier[i].mount_point);
		CHECK_STR(b.hier[i].title, a.hier[i].title);
		CHECK_INT(b.hier[i].memsw, a.hier[i].memsw);
		CHECK_INT(b.hier[i].mnt_id, a.hier[i].mnt_id);
	}
	cg_host_done(&b);
	/* Cut at every byte: never wrong, never an error. */
	autofree char *text = NULL;
	size_t len = 0;
	OK(path_read_file(AT_FDCWD, file, 65536, &text, &len, e));
	for (size_t cut = 0; text && cut < len; cut += 1 + len / 40) {
		autofd int fd = open(file, O_WRONLY | O_TRUNC | O_CLOEXEC);
		CHECK(fd >= 0 && fd_write_all(fd, text, cut) == 0);
		OK(cg_host_load(file, &b, e));
		CHECK(!b.from_cache || cut + 1 == len);
		CHECK_INT(b.n, a.n);
		cg_host_done(&b);
	}
	/* Another mount id: stale. */
	OK(cg_host_load(file, &b, e));
	cg_host_done(&b);
	char *id = str_format(" %ju ", (uintmax_t)a.hier[0].mnt_id);
	char *at = text && id ? strstr(text, id) : NULL;
	CHECK(at != NULL);
	if (at) {
		at[1] = at[1] == '9' ? '8' : '9';
		autofd int fd = open(file, O_WRONLY | O_TRUNC | O_CLOEXEC);
		CHECK(fd >= 0 && fd_write_all(fd, text, len) == 0);
	}
	free(id);
	OK(cg_host_load(file, &b, e));
	CHECK(!b.from_cache);
	cg_host_done(&b);
	cg_host_done(&a);
	(void)unlink(file);
	(void)rmdir(dir);
}

static int collect(const char *name, void *arg)
{
	str_addf(arg, "%s ", name);
	return 0;
}

TEST(create_list_destroy)
{
	static const char *const names[] = {"web1", "tasks", "memory.max", "web1.ab12cd34"};
	EACH_HOST
	{
		struct cg c[4];
		struct cg_limits none = CG_LIMITS_UNSET;
		for (size_t i = 0; i < 4; i++)
			c[i] = make(names[i], none);
		autostr struct strbuf s = {0};
		OK(cg_list(host, collect, &s, e));
		CHECK_STR(s.buf, "memory.max tasks web1 web1.ab12cd34 ");
		struct cg twice = {0};
		struct err why = {0};
		CHECK_INT(cg_create(host, "web1", &none, 0, 0, false, &twice, &why), -1);
		CHECK_INT(why.cls, ERR_STATE);
		CHECK_INT(why.sys_errno, EEXIST);
		CHECK(cg_exists(host, "web1"));
		for (size_t i = 0; i < 4; i++)
			unmake(&c[i], names[i]);
		CHECK_INT(cg_open(host, "web1", &twice, &why), -1);
		CHECK_INT(why.cls, ERR_NOT_FOUND);
		CHECK_INT(cg_create(host, "../x", &none, 0, 0, false, &twice, &why), -1);
		CHECK_INT(why.cls, ERR_USAGE);
	}
}

TEST(half_made_is_swept)
{
	EACH_HOST
	{
		struct cg c = make("half", (struct cg_limits)CG_LIMITS_UNSET);
		/* As a crash leaves it: gone in the first hierarchy, no zone group in the last. */
		CHECK_INT(unlinkat(c.limit_fd[0], "zone", AT_REMOVEDIR), 0);
		char path[400];
		(void)snprintf(path, sizeof path, "%s/half", host->base);
		if (host->n > 1) {
			CHECK_INT(unlinkat(host->hier[0].root_fd, path, AT_REMOVEDIR), 0);
			CHECK_INT(unlinkat(c.limit_fd[host->n - 1], "zone", AT_REMOVEDIR), 0);
		}
		cg_close(&c);
		struct err why = {0};
		struct cg_limits none = CG_LIMITS_UNSET;
		CHECK_INT(cg_create(host, "half", &none, 0, 0, false, &c, &why), -1);
		CHECK_INT(why.cls, ERR_STATE);
		CHECK(cg_exists(host, "half"));
		OK(cg_open(host, "half", &c, e));
		unmake(&c, "half");
	}
}

TEST(delegation)
{
	EACH_HOST
	{
		struct cg c = {0};
		struct cg_limits none = CG_LIMITS_UNSET;
		mode_t mask = umask(077);
		OK(cg_create(host, "owned", &none, 70000, 70001, true, &c, e));
		(void)umask(mask);
		for (size_t i = 0; i < host->n; i++) {
			const struct cg_hier *h = &host->hier[i];
			bool given = h->v2 || (h->controllers & CG_SYSTEMD);
			struct stat st;
			CHECK(fstat(c.zone_fd[i], &st) == 0);
			CHECK_INT(st.st_uid, given ? 70000 : 0);
			CHECK_INT(st.st_gid, given ? 70001 : 0);
			CHECK_INT(st.st_mode & 07777, 0755);
			CHECK(fstatat(c.zone_fd[i], "cgroup.procs", &st, 0) == 0);
			CHECK_INT(st.st_uid, given ? 70000 : 0);
			CHECK(fstat(c.limit_fd[i], &st) == 0);
			CHECK_INT(st.st_uid, 0);
			CHECK(fstatat(c.limit_fd[i], "cgroup.procs", &st, 0) == 0);
			CHECK_INT(st.st_uid, 0);
			if (h->v2 && fstatat(c.zone_fd[i], "memory.max", &st, 0) == 0)
				CHECK_INT(st.st_uid, 0);
		}
		unmake(&c, "owned");
	}
}

static int body_eat(void *arg)
{
	size_t size = *(size_t *)arg;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < size; i += 4096)
		p[i] = 1;
	return 0;
}

static uint64_t oom_count(int fd)
{
	char text[1024];
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	CHECK(n > 0);
	text[n > 0 ? n : 0] = '\0';
	return cg_oom_parse(text);
}

TEST(memory_max)
{
	EACH_HOST
	{
		struct cg_limits l = CG_LIMITS_UNSET;
		const struct cg_hier *h = cg_host_find(host, CG_MEMORY);
		l.memory_max = 16 << 20;
		if (h->v2 || h->memsw)
			l.swap_max = 0;
		struct cg c = make("hog", l);
		autofd int oom = cg_oom_open(&c);
		CHECK(oom >= 0);
		CHECK_INT(oom_count(oom), 0);
		size_t small = 4 << 20, large = 64 << 20;
		CHECK_INT(reap(spawn(&c, body_eat, &small)), 0);
		int status = reap(spawn(&c, body_eat, &large));
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		CHECK_INT(oom_count(oom), 1);
		struct cg_stats s;
		OK(cg_stats(&c, &s, e));
		CHECK_INT(s.oom_kills, 1);
		CHECK_INT(s.memory_max, 16 << 20);
		CHECK(s.memory_current <= 16 << 20);
		CHECK(s.memory_peak == CG_UNSET ||
			(s.memory_peak >= 4 << 20 && s.memory_peak <= 16 << 20));
		unmake(&c, "hog");
	}
}

static int body_fork_many(void *arg)
{
	int n = 0;
	(void)arg;
	/* No more than the limit may be alive: this process and nine others. */
	for (; n < 50; n++) {
		pid_t pid = fork();
		if (pid < 0)
			return errno == EAGAIN ? n : 98;
		if (pid == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				(void)pause();
		}
	}
	return n;
}

TEST(pids_max)
{
	EACH_HOST
	{
		struct cg_limits l = CG_LIMITS_UNSET;
		l.pids_max = 10;
		struct cg c = make("forks", l);
		int status = reap(spawn(&c, body_fork_many, NULL));
		CHECK(WIFEXITED(status));
		CHECK_INT(WEXITSTATUS(status), 9);
		unmake(&c, "forks");
	}
}

static int body_spin(void *arg)
{
	int64_t end = clock_mono_ms() + *(int *)arg;
	while (clock_mono_ms() < end)
		;
	struct rusage u;
	(void)getrusage(RUSAGE_SELF, &u);
	shared->count = (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
			(uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
	return 0;
}

TEST(cpu_max)
{
	EACH_HOST
	{
		struct cg_limits l = CG_LIMITS_UNSET;
		int ms = 1000;
		l.cpu_max_milli = 200;
		l.cpu_weight = 50;
		struct cg c = make("slow", l);
		CHECK_INT(reap(spawn(&c, body_spin, &ms)), 0);
		/* 20 % of a core: 200 ms, with a period's slack at either end. */
		CHECK(shared->count <= 320000);
		struct cg_stats s;
		OK(cg_stats(&c, &s, e));
		CHECK(s.cpu_nr_throttled > 0 && s.cpu_nr_throttled != CG_UNSET);
		CHECK(s.cpu_throttled_usec > 100000 && s.cpu_throttled_usec != CG_UNSET);
		CHECK(s.cpu_usage_usec >= 50000 && s.cpu_usage_usec < 500000);
		unmake(&c, "slow");
	}
}

static int body_on_cpu(void *arg)
{
	(void)arg;
	cpu_set_t set;
	return sched_getaffinity(0, sizeof set, &set) < 0 || CPU_COUNT(&set) != 1 ||
	       !CPU_ISSET(0, &set);
}

TEST(cpus)
{
	EACH_HOST
	{
		struct cg_limits l = CG_LIMITS_UNSET;
		l.cpus = "0";
		struct cg c = make("pinned", l);
		CHECK_INT(reap(spawn(&c, body_on_cpu, NULL)), 0);
		unmake(&c, "pinned");
		/* A cpu that this host does not have is refused, not ignored. */
		struct err why = {0};
		l.cpus = "0,4000";
		CHECK_INT(cg_create(host, "pinned", &l, 0, 0, false, &c, &why), -1);
		CHECK(strstr(why.msg, "cpu.cpus") != NULL);
		CHECK(!cg_exists(host, "pinned"));
	}
}

/* v1: a group has its parent's processors, given by the kernel as it is made; or by us, where the
 * base is of a version that did not ask for that. */
TEST(cpuset_of_a_new_group)
{
	EACH_HOST
	{
		int i = cg_host_index(host, CG_CPUSET);
		if (i < 0 || host->hier[i].v2)
			continue;
		int root = host->hier[i].root_fd;
		char want[256], text[256];
		struct cg_limits none = CG_LIMITS_UNSET;
		for (int by_kernel = 1; by_kernel >= 0; by_kernel--) {
			struct cg c = make("pinless", none);
			CHECK(path_read_virtual(c.limit_fd[i], "cgroup.clone_children", text,
				      sizeof text) > 0);
			CHECK_INT(text[0] - '0', by_kernel);
			CHECK(path_read_virtual(root, "cpuset.cpus", want, sizeof want) > 0);
			CHECK(path_read_virtual(c.limit_fd[i], "cpuset.cpus", text, sizeof text) >
				0);
			CHECK_STR(text, want);
			CHECK(path_read_virtual(c.zone_fd[i], "cgroup.clone_children", text,
				      sizeof text) > 0);
			CHECK_INT(text[0], '0');
			unmake(&c, "pinless");
			/* The kernel's part, alone. */
			autofd int base =
				openat(root, host->base, O_PATH | O_DIRECTORY | O_CLOEXEC);
			CHECK_INT(mkdirat(base, "plain", 0755), 0);
			CHECK(path_read_virtual(base, "plain/cpuset.cpus", text, sizeof text) > 0);
			CHECK_STR(text, by_kernel ? want : "\n");
			CHECK_INT(unlinkat(base, "plain", AT_REMOVEDIR), 0);
			CHECK_INT(path_write_virtual(
					  base, "cgroup.clone_children", by_kernel ? "0" : "1"),
				0);
		}
	}
}

static uint64_t limit_of(const struct cg *c, enum cg_controller ctl, const char *v1, const char *v2)
{
	int i = cg_host_index(c->host, ctl);
	char text[64];
	uint64_t v = 0;
	CHECK(path_read_virtual(c->limit_fd[i], c->host->hier[i].v2 ? v2 : v1, text, sizeof text) >
		0);
	CHECK(cg_parse_number(text, &v));
	return v;
}

TEST(set_live)
{
	EACH_HOST
	{
		const struct cg_hier *h = cg_host_find(host, CG_MEMORY);
		bool swap = h->v2 || h->memsw;
		struct cg_limits l = CG_LIMITS_UNSET;
		l.memory_max = 32 << 20;
		l.swap_max = swap ? 0 : CG_UNSET;
		l.pids_max = 50;
		l.cpus = "0";
		struct cg c = make("live", l);
		static const uint64_t sizes[] = {64 << 20, 16 << 20, CG_MAX, 48 << 20};
		for (size_t i = 0; i < 4; i++) {
			struct cg_limits set = CG_LIMITS_UNSET;
			set.memory_max = sizes[i];
			set.swap_max = !swap ? CG_UNSET : sizes[i] == CG_MAX ? CG_MAX : 1 << 20;
			set.cpu_max_milli = i % 2 ? 5 : 1500;
			set.cpus = i % 2 || sysconf(_SC_NPROCESSORS_ONLN) < 2 ? "0" : "0-1";
			OK(cg_set(&c, &set, e));
			CHECK_INT(limit_of(&c, CG_MEMORY, "memory.limit_in_bytes", "memory.max"),
				sizes[i]);
		}
		/* One refusal, and what was written before it is as it was. */
		struct cg_limits bad = CG_LIMITS_UNSET;
		bad.pids_max = 7;
		bad.cpus = "4000";
		CHECK_INT(cg_set(&c, &bad, NULL), -1);
		CHECK_INT(limit_of(&c, CG_PIDS, "pids.max", "pids.max"), 50);
		unmake(&c, "live");
	}
}

TEST(refused_by_layout)
{
	EACH_HOST
	{
		struct cg_limits l = CG_LIMITS_UNSET;
		struct cg c = {0};
		struct err why = {0};
		l.memory_high = 1 << 20;
		l.oom_group = true;
		bool v2 = cg_host_find(host, CG_MEMORY)->v2;
		CHECK_INT(cg_limits_check(host, &l, &why), v2 ? 0 : -1);
		CHECK_INT(cg_create(host, "refused", &l, 0, 0, false, &c, &why), v2 ? 0 : -1);
		if (v2) {
			unmake(&c, "refused");
			continue;
		}
		CHECK_INT(why.cls, ERR_HOST);
		CHECK(strstr(why.msg, "memory.high") && strstr(why.msg, "v1"));
		CHECK(!cg_exists(host, "refused"));
	}
}

TEST(freeze_and_thaw)
{
	EACH_HOST
	{
		struct cg c = make("ice", (struct cg_limits)CG_LIMITS_UNSET);
		bool frozen = true;
		*shared = (struct shared){0};
		pid_t pid = spawn(&c, body_count, NULL);
		for (int i = 0; i < 2; i++) {
			OK(cg_is_frozen(&c, &frozen, e));
			CHECK(!frozen);
			OK(cg_freeze(&c, in_ms(5000), e));
			OK(cg_freeze(&c, in_ms(5000), e));
			OK(cg_is_frozen(&c, &frozen, e));
			CHECK(frozen);
			uint64_t before = shared->count;
			(void)usleep(50000);
			CHECK_INT(shared->count, before);
			OK(cg_thaw(&c, in_ms(5000), e));
			for (int64_t end = in_ms(5000);
				shared->count == before && clock_mono_ms() < end;)
				(void)usleep(1000);
			CHECK(shared->count > before);
		}
		/* Death in ice. */
		OK(cg_freeze(&c, in_ms(5000), e));
		OK(cg_kill(&c, e));
		int status = reap(pid);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		OK(cg_wait_empty(&c, in_ms(5000), e));
		unmake(&c, "ice");
	}
}

TEST(populated_is_not_reused)
{
	EACH_HOST
	{
		struct cg c = make("busy", (struct cg_limits)CG_LIMITS_UNSET), twice = {0};
		struct cg_limits none = CG_LIMITS_UNSET;
		bool populated = true;
		OK(cg_is_populated(&c, &populated, e));
		CHECK(!populated);
		*shared = (struct shared){0};
		pid_t pid = spawn(&c, body_pause, NULL);
		wait_ready(1);
		OK(cg_is_populated(&c, &populated, e));
		CHECK(populated);
		struct err why = {0};
		CHECK_INT(cg_create(host, "busy", &none, 0, 0, false, &twice, &why), -1);
		CHECK_INT(why.cls, ERR_BUSY);
		CHECK_INT(cg_wait_empty(&c, in_ms(20), &why), -1);
		CHECK_INT(why.cls, ERR_TIMEOUT);
		char want[64];
		(void)snprintf(want, sizeof want, "%d (unit_cgroups", pid);
		CHECK(strstr(why.msg, want) != NULL);
		autofree pid_t *pids = NULL;
		size_t n = 0;
		OK(cg_pids(&c, &pids, &n, e));
		CHECK_INT(n, 1);
		CHECK(n == 1 && pids[0] == pid);
		unmake(&c, "busy");
		CHECK(WIFSIGNALED(reap(pid)));
	}
}

static int body_bomb(void *arg)
{
	(void)arg;
	shared->ready++;
	/* Children that leave their parent and fork on. */
	for (;;)
		if (fork() != 0 && getppid() != 1)
			_exit(0);
}

TEST(fork_bomb_is_killed)
{
	EACH_HOST
	{
		struct cg_limits l = CG_LIMITS_UNSET;
		l.pids_max = 40;
		struct cg c = make("bomb", l);
		*shared = (struct shared){0};
		pid_t pid = spawn(&c, body_bomb, NULL);
		wait_ready(1);
		(void)usleep(20000);
		unmake(&c, "bomb");
		(void)reap(pid);
	}
}

/* A chain of groups below the zone group, deeper than a path can say. */
static int dig(int top, int depth, const char *name)
{
	int fd = fcntl(top, F_DUPFD_CLOEXEC, 0);
	for (int i = 0; i < depth && fd >= 0; i++) {
		if (mkdirat(fd, name, 0755) < 0) {
			printf("# dig stopped at %d: %s\n", i, strerror(errno));
			break;
		}
		int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fd_close(&fd);
		fd = next;
	}
	return fd;
}

TEST(deep_nesting_is_removed)
{
	EACH_HOST
	{
		struct cg c = make("deep", (struct cg_limits)CG_LIMITS_UNSET);
		*shared = (struct shared){0};
		int at = host->v2 >= 0 ? host->v2 : cg_host_index(host, CG_FREEZER);
		struct rlimit old, few = {64, 64};
		(void)getrlimit(RLIMIT_NOFILE, &old);
		few.rlim_max = old.rlim_max;
		/* Long names: the path is past PATH_MAX before the bottom. */
		char name[101];
		memset(name, 'n', 100);
		name[100] = '\0';
		autofd int bottom = dig(c.zone_fd[at], 200, name);
		for (int i = 0; i < 30; i++) {
			char side[16];
			(void)snprintf(side, sizeof side, "side%d", i);
			CHECK_INT(mkdirat(c.zone_fd[at], side, 0755), 0);
		}
		pid_t pid = spawn(&c, body_pause, NULL);
		wait_ready(1);
		char text[16];
		(void)snprintf(text, sizeof text, "%d", pid);
		CHECK_INT(path_write_virtual(bottom, "cgroup.procs", text), 0);
		autofree pid_t *pids = NULL;
		size_t n = 0;
		OK(cg_pids(&c, &pids, &n, e));
		CHECK_INT(n, 1);
		/* The zone froze itself down there. */
		if (host->v2 >= 0)
			CHECK_INT(path_write_virtual(bottom, "cgroup.freeze", "1"), 0);
		else
			CHECK_INT(path_write_virtual(bottom, "freezer.state", "FROZEN"), 0);
		fd_close(&bottom);
		(void)setrlimit(RLIMIT_NOFILE, &few);
		cg_close(&c);
		OK(cg_destroy(host, "deep", in_ms(20000), e));
		(void)setrlimit(RLIMIT_NOFILE, &old);
		CHECK(!cg_exists(host, "deep"));
		CHECK(WIFSIGNALED(reap(pid)));
	}
}

static bool is_in(pid_t pid, const char *part)
{
	char path[40], text[8192];
	(void)snprintf(path, sizeof path, "/proc/%d/cgroup", pid);
	return path_read_virtual(AT_FDCWD, path, text, sizeof text) > 0 && strstr(text, part);
}

TEST(attach_for_exec)
{
	EACH_HOST
	{
		struct cg c = make("exec", (struct cg_limits)CG_LIMITS_UNSET);
		pid_t pid = fork();
		if (pid == 0)
			for (;;)
				(void)pause();
		OK(cg_attach_all(&c, pid, e));
		autofree pid_t *pids = NULL;
		size_t n = 0;
		OK(cg_pids(&c, &pids, &n, e));
		CHECK_INT(n, 1);
		CHECK(is_in(pid, "/exec/zone"));
		unmake(&c, "exec");
		CHECK(WIFSIGNALED(reap(pid)));
	}
}

/* systemd in a zone gives its children controllers: then no process may be in the zone group. */
TEST(attach_to_inner_node)
{
	EACH_HOST
	{
		if (host->v2 < 0)
			continue;
		struct cg c = {0};
		struct cg_limits none = CG_LIMITS_UNSET;
		OK(cg_create(host, "inner", &none, 70000, 70000, true, &c, e));
		int zone = c.zone_fd[host->v2];
		if (path_write_virtual(zone, "cgroup.subtree_control", "+pids") < 0) {
			printf("# [%s] no v2 controller to give on: skipped\n", host_title());
			unmake(&c, "inner");
			continue;
		}
		for (int i = 0; i < 2; i++) {
			pid_t pid = fork();
			if (pid == 0)
				for (;;)
					(void)pause();
			OK(cg_attach_all(&c, pid, e));
			CHECK(is_in(pid, "/inner/zone/cella-exec"));
			OK(cg_kill(&c, e));
			CHECK(WIFSIGNALED(reap(pid)));
		}
		struct stat st;
		CHECK(fstatat(zone, "cella-exec/cgroup.procs", &st, 0) == 0);
		CHECK_INT(st.st_uid, 70000);
		unmake(&c, "inner");
	}
}

struct device_try {
	const char *path;
	unsigned major, minor;
	int flags;
};

static int body_open(void *arg)
{
	const struct device_try *t = arg;
	int fd = open(t->path, t->flags | O_CLOEXEC);
	return fd >= 0 ? 0 : errno;
}

static int body_mknod(void *arg)
{
	const char *path = arg;
	return mknod(path, S_IFCHR | 0600, makedev(1, 3)) == 0 ? 0 : errno;
}

static int in_zone(const struct cg *c, int (*body)(void *), void *arg)
{
	int status = reap(spawn(c, body, arg));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(devices)
{
	char dir[] = "/dev/cella-cg-XXXXXX", kmsg[64], null[64], made[64];
	if (!mkdtemp(dir)) {
		printf("# cannot make a directory on /dev: skipped\n");
		return;
	}
	(void)snprintf(kmsg, sizeof kmsg, "%s/kmsg", dir);
	(void)snprintf(null, sizeof null, "%s/null", dir);
	(void)snprintf(made, sizeof made, "%s/made", dir);
	CHECK_INT(mknod(kmsg, S_IFCHR | 0600, makedev(1, 11)), 0);
	CHECK_INT(mknod(null, S_IFCHR | 0600, makedev(1, 3)), 0);
	struct device_try try_kmsg = {.path = kmsg, .flags = O_RDONLY | O_NONBLOCK};
	struct device_try try_null = {.path = null, .flags = O_RDWR};
	EACH_HOST
	{
		static const struct cg_dev_rule all[] = {{'a', -1, -1, "rwm"}};
		struct cg c = make("dev", (struct cg_limits)CG_LIMITS_UNSET);
		OK(cg_devices_apply(&c, all, 1, e));
		CHECK_INT(in_zone(&c, body_open, &try_kmsg), 0);
		CHECK_INT(in_zone(&c, body_mknod, made), 0);
		CHECK_INT(unlink(made), 0);
		OK(cg_devices_apply(&c, cg_devices_default, cg_devices_default_n, e));
		CHECK_INT(in_zone(&c, body_open, &try_kmsg), EPERM);
		CHECK_INT(in_zone(&c, body_open, &try_null), 0);
		CHECK_INT(in_zone(&c, body_mknod, made), EPERM);
		/* Live, with a process inside: kmsg comes, null becomes read-only. */
		static const struct cg_dev_rule other[] = {{'c', 1, 11, "r"}, {'c', 1, 3, "r"}};
		*shared = (struct shared){0};
		pid_t pid = spawn(&c, body_pause, NULL);
		wait_ready(1);
		OK(cg_devices_apply(&c, other, 2, e));
		OK(cg_devices_apply(&c, other, 2, e));
		CHECK_INT(in_zone(&c, body_open, &try_kmsg), 0);
		CHECK_INT(in_zone(&c, body_open, &try_null), EPERM);
		OK(cg_devices_apply(&c, cg_devices_default, cg_devices_default_n, e));
		CHECK_INT(in_zone(&c, body_open, &try_kmsg), EPERM);
		CHECK_INT(in_zone(&c, body_open, &try_null), 0);
		OK(cg_devices_apply(&c, NULL, 0, e));
		CHECK_INT(in_zone(&c, body_open, &try_null), EPERM);
		unmake(&c, "dev");
		CHECK(WIFSIGNALED(reap(pid)));
		/* Before the first call v1 allows nothing. */
		struct cg_limits none = CG_LIMITS_UNSET;
		OK(cg_create(host, "dev", &none, 0, 0, false, &c, e));
		if (cg_host_find(host, CG_DEVICES))
			CHECK_INT(in_zone(&c, body_open, &try_null), EPERM);
		unmake(&c, "dev");
	}
	(void)unlink(kmsg);
	(void)unlink(null);
	(void)unlink(made);
	(void)rmdir(dir);
}

TEST(statistics)
{
	EACH_HOST
	{
		struct cg c = make("stats", (struct cg_limits)CG_LIMITS_UNSET);
		*shared = (struct shared){0};
		pid_t pid = spawn(&c, body_pause, NULL);
		wait_ready(1);
		struct cg_stats s;
		OK(cg_stats(&c, &s, e));
		CHECK_INT(s.pids_current, 1);
		CHECK_INT(s.pids_max, CG_MAX);
		CHECK_INT(s.memory_max, CG_MAX);
		CHECK(s.memory_current < 1 << 30);
		CHECK_INT(s.oom_kills, 0);
		CHECK(s.cpu_usage_usec != CG_UNSET);
		CHECK(s.cpu_user_usec != CG_UNSET && s.cpu_system_usec != CG_UNSET);
		if (host->v2 >= 0)
			CHECK(s.psi_cpu.present && s.psi_memory.present && s.psi_io.present);
		unmake(&c, "stats");
		CHECK(WIFSIGNALED(reap(pid)));
	}
}

/* Not a test of speed, but the numbers are worth seeing. */
TEST(cost)
{
	EACH_HOST
	{
		struct timespec t[4];
		struct cg c = {0};
		struct cg_limits l = CG_LIMITS_UNSET;
		l.memory_max = 1 << 30;
		l.pids_max = 1000;
		struct cg warm = make("warm", l);
		(void)clock_gettime(CLOCK_MONOTONIC, &t[0]);
		OK(cg_create(host, "cost", &l, 70000, 70000, true, &c, e));
		(void)clock_gettime(CLOCK_MONOTONIC, &t[1]);
		OK(cg_devices_apply(&c, cg_devices_default, cg_devices_default_n, e));
		(void)clock_gettime(CLOCK_MONOTONIC, &t[2]);
		cg_close(&c);
		OK(cg_destroy(host, "cost", in_ms(1000), e));
		(void)clock_gettime(CLOCK_MONOTONIC, &t[3]);
		int64_t us[3];
		for (size_t i = 0; i < 3; i++)
			us[i] = (t[i + 1].tv_sec - t[i].tv_sec) * 1000000 +
				(t[i + 1].tv_nsec - t[i].tv_nsec) / 1000;
		printf("# [%s] create %jd us, device filter %jd us, destroy %jd us\n", host_title(),
			(intmax_t)us[0], (intmax_t)us[1], (intmax_t)us[2]);
		unmake(&warm, "warm");
	}
}

__attribute__((constructor(101))) static void prepare(void)
{
	struct err why = {0};
	if (geteuid() != 0) {
		printf("1..0 # skipped: needs root\n");
		exit(0);
	}
	if (cg_host_load(NULL, &real, &why) < 0) {
		printf("1..0 # skipped: %s\n", why.msg);
		exit(0);
	}
	/* A base of our own, so that a zone of this host is never touched. */
	(void)snprintf(real.base, sizeof real.base, "cella-test-%d", getpid());
	if (mkdirat(real.hier[0].root_fd, real.base, 0755) < 0) {
		printf("1..0 # skipped: cannot make control groups: %s\n", strerror(errno));
		exit(0);
	}
	shared = mmap(
		NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	/* Orphans of a zone come to us and are reaped by the kernel's own rule. */
	see(cg_layout_name(real.layout), false, 0);
	if (real.layout == CG_LAYOUT_HYBRID) {
		see("as v1", true, 0);
		see("without devices", false, CG_DEVICES);
	}
	printf("# layout %s, %zu hierarchies\n", cg_layout_name(real.layout), real.n);
}

__attribute__((destructor)) static void finish(void)
{
	cg_host_prune(&real);
	cg_host_done(&real);
}

TEST_MAIN()
