/* The only file that includes libsystemd's header. */
#include "isolation/cgroups/cg_scope.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "isolation/cgroups/cg_internal.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

enum {
	WAIT_MS = 15000, /* for a job of systemd's, and for an old scope to end */
	UNIT_SIZE = CG_NAME_MAX + 16
};
#define LIBRARY "libsystemd.so.0"
#define DESTINATION "org.freedesktop.systemd1"
#define OBJECT "/org/freedesktop/systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"

/* libsystemd is linked by nothing else: a start on a host without systemd does not pay for it. */
struct library {
	__typeof__(sd_bus_new) *new;
	__typeof__(sd_bus_set_address) *set_address;
	__typeof__(sd_bus_start) *start;
	__typeof__(sd_bus_flush_close_unref) *close;
	__typeof__(sd_bus_call_method) *call_method;
	__typeof__(sd_bus_match_signal) *match_signal;
	__typeof__(sd_bus_process) *process;
	__typeof__(sd_bus_wait) *wait;
	__typeof__(sd_bus_message_read) *read;
	__typeof__(sd_bus_message_unref) *message_unref;
	__typeof__(sd_bus_error_has_name) *error_has_name;
	__typeof__(sd_bus_error_free) *error_free;
};

static int library_load(struct library *l, struct err *e)
{
	void *so = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!so) {
		const char *why = dlerror();
		err_set(e, ERR_HOST, "cannot load libsystemd: %s", why ? why : LIBRARY);
		return err_hint(e, "install libsystemd0, or use --cgroup-manager cgroupfs");
	}
	const struct {
		const char *name;
		void **at;
	} symbols[] = {
		{"sd_bus_new", (void **)&l->new},
		{"sd_bus_set_address", (void **)&l->set_address},
		{"sd_bus_start", (void **)&l->start},
		{"sd_bus_flush_close_unref", (void **)&l->close},
		{"sd_bus_call_method", (void **)&l->call_method},
		{"sd_bus_match_signal", (void **)&l->match_signal},
		{"sd_bus_process", (void **)&l->process},
		{"sd_bus_wait", (void **)&l->wait},
		{"sd_bus_message_read", (void **)&l->read},
		{"sd_bus_message_unref", (void **)&l->message_unref},
		{"sd_bus_error_has_name", (void **)&l->error_has_name},
		{"sd_bus_error_free", (void **)&l->error_free},
	};
	for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++)
		if (!(*symbols[i].at = dlsym(so, symbols[i].name)))
			return err_set(e, ERR_HOST, LIBRARY " has no function %s", symbols[i].name);
	return 0;
}

/* ---- talking to systemd ---- */

struct talk {
	struct library l;
	sd_bus *bus;
	char job[128];	   /* of ours; "" until it is known */
	char result[32];   /* of that job; "" until it has ended */
	bool unit_is_gone; /* an old scope of our name */
	const char *unit;
};

static int on_job_removed(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct talk *t = arg;
	uint32_t id;
	const char *path, *unit, *result;
	(void)error;
	if (t->l.read(m, "uoss", &id, &path, &unit, &result) >= 0 && str_eq(path, t->job))
		(void)snprintf(t->result, sizeof t->result, "%s", result);
	return 0;
}

static int on_unit_removed(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct talk *t = arg;
	const char *unit, *path;
	(void)error;
	if (t->l.read(m, "so", &unit, &path) >= 0 && str_eq(unit, t->unit))
		t->unit_is_gone = true;
	return 0;
}

/* systemd's own socket, as systemctl uses it: works without a message bus. */
static int talk_open(struct talk *t, struct err *e)
{
	int r = t->l.new(&t->bus);
	if (r >= 0)
		r = t->l.set_address(t->bus, "unix:path=/run/systemd/private");
	if (r >= 0)
		r = t->l.start(t->bus);
	if (r >= 0)
		r = t->l.match_signal(
			t->bus, NULL, NULL, OBJECT, MANAGER, "JobRemoved", on_job_removed, t);
	if (r >= 0)
		r = t->l.match_signal(
			t->bus, NULL, NULL, OBJECT, MANAGER, "UnitRemoved", on_unit_removed, t);
	return r < 0 ? err_sys(e, -r, "talk to systemd") : 0;
}

static int wait_until(
	struct talk *t, const char *done, const bool *gone, const char *what, struct err *e)
{
	int64_t end = clock_mono_ms() + WAIT_MS;
	while (!(done && done[0]) && !(gone && *gone)) {
		int r = t->l.process(t->bus, NULL);
		if (r > 0)
			continue;
		int64_t left = end - clock_mono_ms();
		if (r >= 0 && left > 0)
			r = t->l.wait(t->bus, (uint64_t)left * 1000);
		if (r < 0 && r != -EINTR)
			return err_sys(e, -r, "wait for systemd");
		if (left <= 0)
			return err_set(
				e, ERR_TIMEOUT, "systemd %s within %d s", what, WAIT_MS / 1000);
	}
	return 0;
}

/* 0; 1 when there is a unit of that name still; -1. */
static int start_unit(struct talk *t, const struct cg_scope *s, struct err *e)
{
	sd_bus_error error = {0};
	sd_bus_message *reply = NULL;
	const char *job = NULL;
	int r = t->l.call_method(t->bus, DESTINATION, OBJECT, MANAGER, "StartTransientUnit", &error,
		&reply, "ssa(sv)a(sa(sv))", t->unit, "fail", 9, "Description", "s", s->description,
		"Slice", "s", "cella.slice", "Delegate", "b", 1, "PIDs", "au", 1,
		(uint32_t)getpid(),
		/* what ends in failure is not to lie around */
		"CollectMode", "s", "inactive-or-failed",
		/* the zone's own limit is pids.max of the group below */
		"TasksMax", "t", UINT64_MAX, "TimeoutStopUSec", "t", s->stop_timeout_ms * 1000,
		"KillSignal", "i", s->stop_signal,
		/* at shutdown the units come first, which stop zones in an orderly way */
		"Before", "as", 1, "cella-autostart.service", 0);
	if (r >= 0)
		r = t->l.read(reply, "o", &job);
	if (r >= 0)
		(void)snprintf(t->job, sizeof t->job, "%s", job);
	bool exists = r < 0 && t->l.error_has_name(&error, "org.freedesktop.systemd1.UnitExists");
	if (r < 0 && !exists)
		err_sys(e, -r, "systemd does not make '%s': %s", t->unit,
			error.message ? error.message : "no reason given");
	t->l.message_unref(reply);
	t->l.error_free(&error);
	return r >= 0 ? 0 : exists ? 1 : -1;
}

static int make_scope(struct talk *t, const struct cg_scope *s, struct err *e)
{
	int r;
	/* The scope of the last run goes when systemd has seen that it is empty. */
	while ((r = start_unit(t, s, e)) == 1) {
		if (wait_until(t, NULL, &t->unit_is_gone, "did not remove the zone's last scope",
			    e) < 0)
			return err_hint(e, "who is in it? `systemctl status %s`", t->unit);
		t->unit_is_gone = false;
	}
	if (r < 0 || wait_until(t, t->result, NULL, "did not make the zone's scope", e) < 0)
		return -1;
	return str_eq(t->result, "done") ? 0
					 : err_set(e, ERR_FAILED, "systemd did not make '%s': %s",
						   t->unit, t->result);
}

/* ---- our place in it ---- */

static bool is_inside(const char *scope_path)
{
	char text[4096];
	ssize_t n = path_read_virtual(AT_FDCWD, "/proc/self/cgroup", text, sizeof text);
	char *line = n > 0 ? strstr(text, "0::/") : NULL;
	size_t len = strlen(scope_path);
	return line && str_starts(line + 4, scope_path) &&
	       (line[4 + len] == '/' || line[4 + len] == '\n');
}

/* A group with controllers for its children may hold no process: cgroups(7). */
static int move_aside(const struct cg_hier *v2, const char *scope_path, struct err *e)
{
	autofd int scope =
		openat(v2->root_fd, scope_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (scope < 0)
		return err_sys(e, errno, "open '%s/%s'", v2->mount_point, scope_path);
	if (mkdirat(scope, "keeper", 0755) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make '%s/%s/keeper'", v2->mount_point, scope_path);
	if (path_write_virtual(scope, "keeper/cgroup.procs", "0") < 0)
		return err_sys(e, errno, "enter '%s/%s/keeper'", v2->mount_point, scope_path);
	return 0;
}

int cg_scope_enter(
	const struct cg_host *h, const char *name, const struct cg_scope *s, struct err *e)
{
	char path[CG_PATH_SIZE], unit[UNIT_SIZE];
	struct talk t = {.unit = unit};
	cg_scope_path(path, name);
	(void)snprintf(unit, sizeof unit, "cella-%s.scope", name);
	if (is_inside(path))
		return 0;
	int r = library_load(&t.l, e);
	if (r == 0)
		r = talk_open(&t, e);
	if (r == 0)
		r = make_scope(&t, s, e);
	if (t.bus)
		(void)t.l.close(t.bus);
	if (r == 0)
		r = move_aside(&h->hier[h->v2], path, e);
	return r < 0 ? err_at(e, "scope", unit) : 0;
}
