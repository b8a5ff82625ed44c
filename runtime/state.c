#include "runtime/state.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	STATE_MAX = 1 << 16
};

static const char *const phase_names[] = {
	[PHASE_NONE] = "none",
	[PHASE_STARTING] = "starting",
	[PHASE_RUNNING] = "running",
	[PHASE_STOPPING] = "stopping",
};

const char *zone_status_name(enum zone_status s)
{
	static const char *const names[] = {
		[ZONE_STOPPED] = "stopped",
		[ZONE_STARTING] = "starting",
		[ZONE_RUNNING] = "running",
		[ZONE_UNWATCHED] = "unwatched",
		[ZONE_STOPPING] = "stopping",
		[ZONE_RESTARTING] = "restarting",
		[ZONE_CRASHED] = "crashed",
		[ZONE_BROKEN] = "broken",
	};
	return names[s];
}

static bool text(const json_t *d, const char *key, char *ret, size_t size)
{
	const char *v = json_string_value(json_object_get(d, key));
	if (!v || strlen(v) >= size)
		return false;
	memcpy(ret, v, strlen(v) + 1);
	return true;
}

static bool number(const json_t *d, const char *key, int64_t max, int64_t *ret)
{
	const json_t *v = json_object_get(d, key);
	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > max)
		return false;
	*ret = json_integer_value(v);
	return true;
}

static bool truth(const json_t *d, const char *key, bool *ret)
{
	const json_t *v = json_object_get(d, key);
	*ret = json_is_true(v);
	return json_is_boolean(v);
}

static bool process(const json_t *d, const char *key, struct proc_id *ret)
{
	const json_t *v = json_object_get(d, key);
	int64_t pid, start;
	if (!number(v, "pid", INT32_MAX, &pid) || !number(v, "start_time", INT64_MAX, &start))
		return false;
	*ret = (struct proc_id){(pid_t)pid, (uint64_t)start};
	return true;
}

static bool from_json(const json_t *d, struct zone_state *st)
{
	const char *phase = json_string_value(json_object_get(d, "phase"));
	for (size_t i = 0; phase && i < ARRAY_LEN(phase_names); i++)
		if (!strcmp(phase, phase_names[i]))
			st->phase = (enum zone_phase)i;
	int64_t id = 0, stop = 0, reboot = 0, restarts = 0, schema = 0;
	bool ok = number(d, "zone_state", 1, &schema) && schema == 1 && st->phase != PHASE_NONE &&
		  text(d, "uuid", st->uuid, sizeof st->uuid) &&
		  text(d, "boot_id", st->boot_id, sizeof st->boot_id) &&
		  process(d, "init", &st->init) && process(d, "keeper", &st->keeper) &&
		  text(d, "cgroup", st->cgroup, sizeof st->cgroup) &&
		  text(d, "host_if", st->host_if, sizeof st->host_if) &&
		  text(d, "network", st->network, sizeof st->network) &&
		  truth(d, "system_init", &st->system_init) &&
		  truth(d, "stop_by_initctl", &st->stop_by_initctl) &&
		  number(d, "id_first", UINT32_MAX - 65535, &id) &&
		  number(d, "stop_signal", 64, &stop) && number(d, "reboot_signal", 64, &reboot) &&
		  number(d, "restarts", UINT32_MAX, &restarts) &&
		  text(d, "started", st->started, sizeof st->started) &&
		  text(d, "address4", st->address4, sizeof st->address4) &&
		  text(d, "address6", st->address6, sizeof st->address6);
	/* Not in those of an earlier version. */
	if (json_object_get(d, "files"))
		ok = ok && text(d, "files", st->files, sizeof st->files);
	/* The name is used as a path component beneath /cella: only one that we could have made. */
	ok = ok && !strchr(st->cgroup, '/') && strcmp(st->cgroup, "..") != 0 &&
	     strcmp(st->cgroup, ".") != 0;
	st->id_first = (uint32_t)id;
	st->stop_signal = (int)stop;
	st->reboot_signal = (int)reboot;
	st->restarts = (uint32_t)restarts;
	return ok;
}

int state_read(const struct store *s, const char *zone, struct zone_state *ret, struct err *e)
{
	char path[ZONE_NAME_MAX + 16];
	(void)snprintf(path, sizeof path, "%s/state.json", zone);
	autofree char *buf = NULL;
	size_t len = 0;
	*ret = (struct zone_state){0};
	if (path_read_file(s->run_zones_fd, path, STATE_MAX, &buf, &len, e) < 0) {
		if (e && e->cls != ERR_NOT_FOUND)
			return err_prefix(e, "zone '%s'", zone);
		err_clear(e);
		return 0;
	}
	struct zone_state st = {0};
	json_t *d = json_loadb(buf, len, JSON_REJECT_DUPLICATES, NULL);
	bool ok = d && from_json(d, &st);
	json_decref(d);
	if (!ok)
		return err_set(e, ERR_FAILED, "zone '%s': state.json is damaged", zone);
	*ret = st;
	return 0;
}

static json_t *process_json(const struct proc_id *p)
{
	return json_pack(
		"{s:I, s:I}", "pid", (json_int_t)p->pid, "start_time", (json_int_t)p->start_time);
}

int state_write(const struct store *s, const char *zone, const struct zone_state *st, struct err *e)
{
	json_t *d = json_pack(
		"{s:i, s:s, s:s, s:s, s:o, s:o, s:s, s:s, s:s, s:I, s:b, s:b, s:i, s:i, s:s, s:I,"
		" s:s, s:s, s:s}",
		"zone_state", 1, "phase", phase_names[st->phase], "uuid", st->uuid, "boot_id",
		st->boot_id, "init", process_json(&st->init), "keeper", process_json(&st->keeper),
		"cgroup", st->cgroup, "host_if", st->host_if, "network", st->network, "id_first",
		(json_int_t)st->id_first, "system_init", (int)st->system_init, "stop_by_initctl",
		(int)st->stop_by_initctl, "stop_signal", st->stop_signal, "reboot_signal",
		st->reboot_signal, "started", st->started, "restarts", (json_int_t)st->restarts,
		"address4", st->address4, "address6", st->address6, "files", st->files);
	autofree char *buf = d ? json_dumps(d, JSON_COMPACT) : NULL;
	json_decref(d);
	if (!buf)
		return err_nomem(e);
	if (mkdirat(s->run_zones_fd, zone, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make '%s/zones/%s'", s->run, zone);
	autofd int dir =
		openat(s->run_zones_fd, zone, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return err_sys(e, errno, "open '%s/zones/%s'", s->run, zone);
	return path_write_volatile(dir, "state.json", buf, strlen(buf), 0600, e);
}

int state_remove(const struct store *s, const char *zone, struct err *e)
{
	return path_remove_tree(s->run_zones_fd, zone, e);
}

/* Does somebody hold the zone's lock? */
static bool is_locked(const struct store *s, const char *zone)
{
	char path[ZONE_NAME_MAX + 16];
	(void)snprintf(path, sizeof path, "%s/lock", zone);
	/* Not for writing: closing it would wake everybody who waits for the lock (wait.c). */
	autofd int fd = openat(s->zones_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct flock lk = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lk) == 0 && lk.l_type != F_UNLCK;
}

/* The keeper's note that it waits before it starts the zone again. */
static bool is_restarting(const struct store *s, const char *zone)
{
	char path[ZONE_NAME_MAX + 16];
	(void)snprintf(path, sizeof path, "%s/restarting", zone);
	return faccessat(s->run_zones_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Init is dead: its keeper or a stop is about to sweep it, or has died before it could. */
static enum zone_status status_after_end(
	const struct store *s, const char *zone, const struct zone_state *st)
{
	bool has_keeper = proc_is_alive(&st->keeper);
	if (has_keeper && is_restarting(s, zone))
		return ZONE_RESTARTING;
	return has_keeper || is_locked(s, zone) ? ZONE_STOPPING : ZONE_CRASHED;
}

enum zone_status zone_status(const struct store *s, const char *zone, struct zone_state *ret_state)
{
	struct zone_state st;
	struct err why = {0};
	if (state_read(s, zone, &st, &why) < 0)
		return ZONE_BROKEN;
	if (ret_state)
		*ret_state = st;
	if (st.phase == PHASE_NONE)
		return ZONE_STOPPED;
	if (strcmp(st.boot_id, proc_boot_id()) != 0)
		return ZONE_STOPPED; /* RUN survived a reboot; nothing in it did */
	if (st.phase == PHASE_STARTING)
		return is_locked(s, zone) ? ZONE_STARTING : ZONE_CRASHED;
	pid_t parent = 0;
	if (!proc_is_alive_under(&st.init, &parent))
		return status_after_end(s, zone, &st);
	if (st.phase == PHASE_STOPPING && is_locked(s, zone))
		return ZONE_STOPPING;
	/* A keeper that has died is nobody's parent. One that adopted the zone is not init's. */
	return parent == st.keeper.pid || proc_is_alive(&st.keeper) ? ZONE_RUNNING : ZONE_UNWATCHED;
}
