#include "runtime/zone.h"
#include "base/defence.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "runtime/layers.h"
#include "specs/name.h"
#include "specs/spec_json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <signal.h>
#include <unistd.h>

enum {
	SPEC_MAX = 1 << 20,
	RECORD_MAX = 1 << 20
};

/* ---- lock ---- */

static int busy(int lock_fd, const char *name, enum err_class cls, struct err *e)
{
	char pid[24];
	ssize_t n = pread(lock_fd, pid, sizeof pid - 1, 0);
	pid[n > 0 ? n : 0] = '\0';
	pid[strcspn(pid, " \n")] = '\0';
	err_set(e, cls, "zone '%s' is busy: another command%s%s works on it", name,
		pid[0] ? ", pid " : "", pid);
	return err_hint(e, "try again, or wait for it");
}

static volatile sig_atomic_t lock_timed_out;
static void on_alarm(int sig)
{
	(void)sig;
	lock_timed_out = 1;
}

/* Wait for the lock until the deadline. F_OFD_SETLKW has no timeout: a POSIX timer's signal without
 * SA_RESTART interrupts it; it repeats, in case the first comes before the call. */
static int lock_wait(int fd, int64_t timeout_ms)
{
	struct flock lk = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fcntl(fd, F_OFD_SETLK, &lk) == 0)
		return 0;
	if (timeout_ms == 0 || (errno != EAGAIN && errno != EACCES))
		return -1;
	struct sigaction sa = {.sa_handler = on_alarm}, old;
	timer_t timer;
	struct sigevent sev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	if (timer_create(CLOCK_MONOTONIC, &sev, &timer) < 0)
		return -1;
	struct itimerspec at = {
		.it_value = {timeout_ms / 1000, timeout_ms % 1000 * 1000000},
		.it_interval = {0, 20000000},
	};
	lock_timed_out = 0;
	(void)sigaction(SIGALRM, &sa, &old);
	(void)timer_settime(timer, 0, &at, NULL);
	int r;
	do
		r = fcntl(fd, F_OFD_SETLKW, &lk);
	while (r < 0 && errno == EINTR && !lock_timed_out);
	int errnum = errno;
	(void)timer_delete(timer);
	(void)sigaction(SIGALRM, &old, NULL);
	errno = r < 0 && errnum == EINTR ? EAGAIN : errnum;
	return r;
}

static int lock_in(int dir_fd, const char *name, int64_t timeout_ms, struct err *e)
{
	int flags = O_RDWR | O_CREAT | O_NONBLOCK | O_CLOEXEC;
	if (!defence_is_off("S48"))
		flags |= O_NOFOLLOW;
	autofd int fd = openat(dir_fd, "lock", flags, 0600);
	if (fd < 0 && errno != ELOOP && errno != EISDIR)
		return err_sys(e, errno, "zone '%s': open its lock", name);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(e, ERR_HOST, "zone '%s': its lock is not a regular file", name);
	if (lock_wait(fd, timeout_ms) < 0) {
		if (errno == EAGAIN || errno == EACCES)
			return busy(fd, name, ERR_BUSY, e);
		return err_sys(e, errno, "zone '%s': lock", name);
	}
	/* One length for all, so that nothing is to be cut off: ext4 would flush the file for that.
	 */
	char pid[24];
	int n = snprintf(pid, sizeof pid, "%-10d\n", getpid());
	if (pwrite(fd, pid, (size_t)n, 0) != n) {
		/* The holder's pid is only for the other side's message: a full disk must not stop
		 * `stop` and `destroy` from working. */
	}
	return fd_steal(&fd);
}

static int open_dir(const struct store *s, const char *name, struct err *e)
{
	if (name_check("zone", name, e) < 0)
		return -1;
	int fd = openat(s->zones_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		err_set(e, ERR_NOT_FOUND, "no zone '%s'", name);
		return err_hint(e, "`cella list` shows the zones of store '%s'", s->root);
	}
	return fd < 0 ? err_sys(e, errno, "zone '%s': open its directory", name) : fd;
}

/* Directory and lock. While we waited for the lock the zone may have been destroyed or renamed, and
 * another may have its name: then the lock is on something else, and we look again. */
static int open_locked(const struct store *s, const char *name, int64_t timeout_ms, int *ret_dir,
	int *ret_lock, struct err *e)
{
	for (int tries = 0; tries < 100; tries++) {
		autofd int dir = open_dir(s, name, e);
		if (dir < 0)
			return -1;
		autofd int lock = lock_in(dir, name, timeout_ms, e);
		if (lock < 0) {
			/* removed between the two opens: the next look says so */
			if (e->sys_errno == ENOENT)
				continue;
			return -1;
		}
		if (path_is_at(s->zones_fd, name, dir)) {
			*ret_dir = fd_steal(&dir);
			*ret_lock = fd_steal(&lock);
			return 0;
		}
	}
	return err_set(e, ERR_BUSY, "zone '%s' is replaced again and again", name);
}

int zone_lock(const struct store *s, const char *name, int64_t timeout_ms, struct err *e)
{
	autofd int dir = -1;
	int lock = -1;
	return open_locked(s, name, timeout_ms, &dir, &lock, e) < 0 ? -1 : lock;
}

/* ---- record ---- */

void zone_record_done(struct zone_record *r)
{
	for (size_t i = 0; i < r->n_layers; i++)
		free(r->layers[i]);
	free(r->layers);
	free(r->address4);
	free(r->address6);
	free(r->source);
	free(r->etc_hostname);
	free(r->clone_of);
	free(r->network);
	*r = (struct zone_record){0};
}

const char *const undo_mode_words[] = {"ask", "commit", "discard", NULL};

static json_t *undo_to_json(const struct zone_undo *u)
{
	return u->is_open ? json_pack("{s:s, s:s, s:s, s:b, s:b, s:s}", "layer", u->layer, "mode",
				    undo_mode_words[u->mode], "snapshot", u->snapshot,
				    "has_started", (int)u->has_started, "identity_pending",
				    (int)u->identity_pending, "etc_hostname", u->etc_hostname)
			  : json_null();
}

static json_t *record_to_json(const struct zone_record *r)
{
	json_t *layers = json_array();
	for (size_t i = 0; i < r->n_layers; i++)
		if (json_array_append_new(layers, json_string(r->layers[i])) < 0) {
			json_decref(layers);
			return NULL;
		}
	return json_pack(
		"{s:i, s:s, s:I, s:o, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:s, s:s, s:s, s:s, "
		"s:o, s:b, s:I}",
		"zone_record", 1, "uuid", r->uuid, "id_first", (json_int_t)r->id_first, "layers",
		layers, "address4", r->address4 ? r->address4 : "", "address6",
		r->address6 ? r->address6 : "", "mac", r->mac, "source", r->source ? r->source : "",
		"created", r->created, "ephemeral", (int)r->ephemeral, "in_memory",
		(int)r->in_memory, "has_started", (int)r->has_started, "identity_pending",
		(int)r->identity_pending, "etc_hostname", r->etc_hostname ? r->etc_hostname : "",
		"clone_of", r->clone_of ? r->clone_of : "", "network", r->network ? r->network : "",
		"snapshot", r->snapshot, "undo", undo_to_json(&r->undo), "volume", (int)r->volume,
		"project", (json_int_t)r->project);
}

static bool take_text(const json_t *doc, const char *key, char **ret)
{
	const char *v = json_string_value(json_object_get(doc, key));
	return v && (*ret = strdup(v));
}

static bool take_fixed(const json_t *doc, const char *key, char *ret, size_t size)
{
	const char *v = json_string_value(json_object_get(doc, key));
	if (!v || strlen(v) >= size)
		return false;
	memcpy(ret, v, strlen(v) + 1);
	return true;
}

static bool take_bool(const json_t *doc, const char *key, bool *ret)
{
	const json_t *v = json_object_get(doc, key);
	*ret = json_is_true(v);
	return json_is_boolean(v);
}

static bool take_layers(const json_t *doc, struct zone_record *r)
{
	const json_t *layers = json_object_get(doc, "layers");
	size_t n = json_array_size(layers);
	if (!json_is_array(layers) || !(r->layers = calloc(n + 1, sizeof *r->layers)))
		return false;
	for (size_t i = 0; i < n; i++) {
		const char *id = json_string_value(json_array_get(layers, i));
		/* A layer id becomes a path component: nothing but the two forms that we make. */
		if (!id || strlen(id) > LAYER_ID_MAX + 2 ||
			strspn(id, "0123456789abcdefd-") != strlen(id) ||
			!(r->layers[i] = strdup(id)))
			return false;
		r->n_layers++;
	}
	return true;
}

/* Since snapshots there are: absent in older files. */
static bool take_snapshot(const json_t *doc, const char *key, char ret[ZONE_NAME_MAX + 1])
{
	if (!json_object_get(doc, key))
		return true;
	return take_fixed(doc, key, ret, ZONE_NAME_MAX + 1) && (!ret[0] || name_is_valid(ret));
}

static bool take_undo(const json_t *doc, struct zone_undo *u)
{
	const json_t *d = json_object_get(doc, "undo");
	if (!d || json_is_null(d))
		return true;
	const char *mode = json_string_value(json_object_get(d, "mode"));
	int at = -1;
	for (int i = 0; mode && undo_mode_words[i]; i++)
		if (!strcmp(mode, undo_mode_words[i]))
			at = i;
	u->is_open = true;
	u->mode = at < 0 ? UNDO_ASK : (enum undo_mode)at;
	return at >= 0 && take_fixed(d, "layer", u->layer, sizeof u->layer) &&
	       (!u->layer[0] || layer_id_is_valid(u->layer)) &&
	       take_snapshot(d, "snapshot", u->snapshot) &&
	       take_bool(d, "has_started", &u->has_started) &&
	       take_bool(d, "identity_pending", &u->identity_pending) &&
	       take_fixed(d, "etc_hostname", u->etc_hostname, sizeof u->etc_hostname);
}

static bool take_in_memory(const json_t *doc, bool *ret)
{
	return !json_object_get(doc, "in_memory") || take_bool(doc, "in_memory", ret);
}

/* The same with quotas. */
static bool take_backend(const json_t *doc, struct zone_record *r)
{
	const json_t *volume = json_object_get(doc, "volume"),
		     *project = json_object_get(doc, "project");
	json_int_t id = json_integer_value(project);
	r->volume = json_is_true(volume);
	r->project = (uint32_t)id;
	return (!volume || json_is_boolean(volume)) &&
	       (!project || (json_is_integer(project) && id >= 0 && id <= UINT32_MAX));
}

static bool record_from_json(const json_t *doc, struct zone_record *r)
{
	json_int_t id = json_integer_value(json_object_get(doc, "id_first"));
	if (!json_is_integer(json_object_get(doc, "id_first")) || id < 0 || id > UINT32_MAX - 65535)
		return false;
	r->id_first = (uint32_t)id;
	return json_integer_value(json_object_get(doc, "zone_record")) == 1 &&
	       take_fixed(doc, "uuid", r->uuid, sizeof r->uuid) && strlen(r->uuid) == UUID_LEN &&
	       strspn(r->uuid, "0123456789abcdef") == UUID_LEN && take_layers(doc, r) &&
	       take_text(doc, "address4", &r->address4) &&
	       take_text(doc, "address6", &r->address6) &&
	       take_fixed(doc, "mac", r->mac, sizeof r->mac) &&
	       take_text(doc, "source", &r->source) &&
	       take_fixed(doc, "created", r->created, sizeof r->created) &&
	       take_bool(doc, "ephemeral", &r->ephemeral) &&
	       take_bool(doc, "has_started", &r->has_started) &&
	       take_in_memory(doc, &r->in_memory) &&
	       take_bool(doc, "identity_pending", &r->identity_pending) &&
	       take_text(doc, "etc_hostname", &r->etc_hostname) &&
	       take_text(doc, "clone_of", &r->clone_of) && take_text(doc, "network", &r->network) &&
	       take_snapshot(doc, "snapshot", r->snapshot) && take_undo(doc, &r->undo) &&
	       take_backend(doc, r);
}

int zone_read_record(int zone_dir_fd, struct zone_record *ret, struct err *e)
{
	autofree char *text = NULL;
	size_t len = 0;
	if (path_read_file(zone_dir_fd, "zone.json", RECORD_MAX, &text, &len, e) < 0)
		return err_class_set(e, ERR_FAILED);
	json_error_t je;
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
	if (!doc)
		return err_set(e, ERR_FAILED, "zone.json:%d:%d: %s", je.line, je.column, je.text);
	if (json_integer_value(json_object_get(doc, "zone_record")) > 1) {
		json_decref(doc);
		return err_set(e, ERR_FAILED, "zone.json was written by a newer version of cella");
	}
	struct zone_record r = {0};
	bool ok = record_from_json(doc, &r);
	json_decref(doc);
	if (!ok) {
		zone_record_done(&r);
		return err_set(
			e, ERR_FAILED, "zone.json lacks a field or holds one of the wrong type");
	}
	*ret = r;
	return 0;
}

typedef int writer(
	int dir_fd, const char *name, const void *data, size_t len, mode_t mode, struct err *e);

static int write_json(
	int dir_fd, const char *file, const json_t *doc, writer *write_file, struct err *e)
{
	autofree char *text = doc ? json_dumps(doc, JSON_INDENT(2)) : NULL;
	if (!text)
		return err_nomem(e);
	size_t n = strlen(text);
	text[n] = '\n'; /* in the place of the NUL: the length is passed on */
	return write_file(dir_fd, file, text, n + 1, 0600, e);
}

int zone_write_spec(int zone_dir_fd, const json_t *doc, struct err *e)
{
	return write_json(zone_dir_fd, "spec.json", doc, path_write_atomic, e);
}

int zone_draft_spec(int staging_dir_fd, const json_t *doc, struct err *e)
{
	return write_json(staging_dir_fd, "spec.json", doc, path_write_draft, e);
}

static int write_record(int dir_fd, const struct zone_record *r, writer *write_file, struct err *e)
{
	json_t *doc = record_to_json(r);
	int n = write_json(dir_fd, "zone.json", doc, write_file, e);
	json_decref(doc);
	return n;
}

int zone_draft_record(int staging_dir_fd, const struct zone_record *r, struct err *e)
{
	return write_record(staging_dir_fd, r, path_write_draft, e);
}

/* The sticky bit means nothing on a directory of root's: it is a mark that costs no file, and is
 * journalled no later than the directory's name. */
int zone_mark_in_memory(int dir_fd, struct err *e)
{
	return fchmod(dir_fd, S_ISVTX | 0700) < 0 ? err_sys(e, errno, "mark the zone's directory")
						  : 0;
}

bool zone_is_marked_in_memory(int dir_fd)
{
	struct stat st;
	return fstat(dir_fd, &st) == 0 && (st.st_mode & S_ISVTX);
}

/* The directory is for who moves it into its place. */
int zone_sync_drafts(int staging_dir_fd, struct err *e)
{
	static const char *const files[] = {"spec.json", "zone.json"};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		autofd int fd = openat(staging_dir_fd, files[i], O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || fsync(fd) < 0)
			return err_sys(e, errno, "sync '%s'", files[i]);
	}
	return 0;
}

int zone_write_record(int zone_dir_fd, const struct zone_record *r, struct err *e)
{
	return write_record(
		zone_dir_fd, r, r->in_memory ? path_write_volatile : path_write_atomic, e);
}

int zone_record_copy(const struct zone_record *r, struct zone_record *ret, struct err *e)
{
	struct zone_record copy = {0};
	json_t *doc = record_to_json(r);
	bool ok = doc && record_from_json(doc, &copy);
	json_decref(doc);
	if (!ok) {
		zone_record_done(&copy);
		return err_nomem(e);
	}
	*ret = copy;
	return 0;
}

/* ---- zone ---- */

static int load_spec(struct zone *z, struct err *e)
{
	autofree char *text = NULL;
	size_t len = 0;
	if (path_read_file(z->dir_fd, "spec.json", SPEC_MAX, &text, &len, e) < 0)
		return err_class_set(e, ERR_FAILED);
	json_error_t je;
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
	if (!doc)
		return err_set(e, ERR_FAILED, "spec.json:%d:%d: %s", je.line, je.column, je.text);
	/* The directory's name is the zone's name: a rename that died between the two is healed. */
	z->doc = doc;
	if (json_is_object(doc) && json_object_set_new(doc, "name", json_string(z->name)) < 0)
		return err_nomem(e);
	if (spec_from_json(doc, "spec.json", &z->spec, e) < 0)
		return err_class_set(e, ERR_FAILED);
	return 0;
}

void zone_stamp_file(int dir_fd, const char *path, char ret[ZONE_STAMP_SIZE])
{
	struct stat st;
	ret[0] = '\0';
	if (fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		(void)snprintf(ret, ZONE_STAMP_SIZE, "%ju.%jd.%ld.%jd", (uintmax_t)st.st_ino,
			(intmax_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec, (intmax_t)st.st_size);
}

int zone_open(const struct store *s, const char *name, unsigned flags, int64_t timeout_ms,
	struct zone *ret, struct err *e)
{
	struct zone z = {.store = s, .dir_fd = -1, .lock_fd = -1};
	int r;
	if (flags & ZONE_LOCK)
		r = open_locked(s, name, timeout_ms, &z.dir_fd, &z.lock_fd, e);
	else
		r = (z.dir_fd = open_dir(s, name, e)) < 0 ? -1 : 0;
	if (r < 0)
		return -1;
	(void)snprintf(z.name, sizeof z.name, "%s", name);
	struct err why = {0};
	/* Before it is read: what somebody writes meanwhile must not pass for what was read. */
	if (flags & ZONE_LOCK)
		zone_stamp_file(z.dir_fd, "spec.json", z.spec_stamp);
	/* Both, even if the first is bad: destroying a broken zone needs what can be read. */
	bool bad = load_spec(&z, &why) < 0;
	bad |= zone_read_record(z.dir_fd, &z.record, bad ? NULL : &why) < 0;
	if (bad) {
		if (!(flags & ZONE_ALLOW_BROKEN)) {
			zone_close(&z);
			*e = why;
			err_prefix(e, "zone '%s' is broken", name);
			return err_hint(e,
				"mend the file in '%s/zones/%s', or `cella destroy --force %s`",
				s->root, name, name);
		}
	}
	*ret = z;
	return 0;
}

bool zone_is_broken(const struct zone *z)
{
	return !z->spec || !z->record.uuid[0];
}

void zone_close(struct zone *z)
{
	json_decref(z->doc);
	spec_free(z->spec);
	zone_record_done(&z->record);
	fd_close(&z->dir_fd);
	fd_close(&z->lock_fd);
	z->doc = NULL;
	z->spec = NULL;
}
