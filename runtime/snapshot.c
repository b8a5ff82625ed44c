#include "runtime/snapshot.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/layers.h"
#include "specs/name.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	SNAPSHOT_MAX = 1 << 20,
	FILE_SIZE = ZONE_NAME_MAX + 8,
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
};
#define SUFFIX ".json"

/* ---- one ---- */

void snapshot_done(struct snapshot *s)
{
	for (size_t i = 0; i < s->n_layers; i++)
		free(s->layers[i]);
	free(s->layers);
	free(s->description);
	*s = (struct snapshot){0};
}

static bool take_fixed(const json_t *d, const char *key, char *ret, size_t size)
{
	const char *v = json_string_value(json_object_get(d, key));
	if (!v || strlen(v) >= size)
		return false;
	memcpy(ret, v, strlen(v) + 1);
	return true;
}

static bool take_bool(const json_t *d, const char *key, bool *ret)
{
	const json_t *v = json_object_get(d, key);
	*ret = json_is_true(v);
	return json_is_boolean(v);
}

static bool take_layers(const json_t *d, struct snapshot *s)
{
	const json_t *layers = json_object_get(d, "layers");
	size_t n = json_array_size(layers);
	if (!n || !(s->layers = calloc(n, sizeof *s->layers)))
		return false;
	for (size_t i = 0; i < n; i++) {
		const char *id = json_string_value(json_array_get(layers, i));
		if (!id || !layer_id_is_valid(id) || !(s->layers[i] = strdup(id)))
			return false;
		s->n_layers++;
	}
	return true;
}

static bool parse(const json_t *d, struct snapshot *s)
{
	const char *text = json_string_value(json_object_get(d, "description"));
	return json_integer_value(json_object_get(d, "snapshot")) == 1 && text &&
	       (s->description = strdup(text)) &&
	       take_fixed(d, "parent", s->parent, sizeof s->parent) &&
	       (!s->parent[0] || name_is_valid(s->parent)) &&
	       take_fixed(d, "created", s->created, sizeof s->created) && take_layers(d, s) &&
	       take_bool(d, "of_running", &s->of_running) &&
	       take_bool(d, "has_started", &s->has_started) &&
	       take_bool(d, "identity_pending", &s->identity_pending) &&
	       take_fixed(d, "etc_hostname", s->etc_hostname, sizeof s->etc_hostname);
}

static int open_dir(int zone_dir_fd)
{
	return openat(zone_dir_fd, "snapshots", OPEN_DIR);
}

static void file_of(char out[FILE_SIZE], const char *name)
{
	(void)snprintf(out, FILE_SIZE, "%.*s" SUFFIX, ZONE_NAME_MAX, name);
}

static int not_found(const char *zone, const char *name, struct err *e)
{
	err_set(e, ERR_NOT_FOUND, "zone '%s' has no snapshot '%s'", zone, name);
	return err_hint(e, "`cella snapshot list %s` shows those that it has", zone);
}

static int read_at(int dir, const char *name, struct snapshot *ret, struct err *e)
{
	autofree char *text = NULL;
	size_t len = 0;
	char file[FILE_SIZE];
	struct snapshot s = {0};
	file_of(file, name);
	if (path_read_file(dir, file, SNAPSHOT_MAX, &text, &len, e) < 0)
		return -1;
	json_t *d = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	bool ok = d && parse(d, &s);
	json_decref(d);
	if (!ok) {
		snapshot_done(&s);
		return err_set(e, ERR_FAILED, "'snapshots/%s' is damaged", file);
	}
	(void)snprintf(s.name, sizeof s.name, "%s", name);
	*ret = s;
	return 0;
}

int snapshot_read(
	int zone_dir_fd, const char *zone, const char *name, struct snapshot *ret, struct err *e)
{
	struct err why = {0};
	if (name_check("snapshot", name, e) < 0)
		return -1;
	autofd int dir = open_dir(zone_dir_fd);
	if (dir < 0)
		return errno == ENOENT ? not_found(zone, name, e)
				       : err_sys(e, errno, "zone '%s': open 'snapshots'", zone);
	if (read_at(dir, name, ret, &why) == 0)
		return 0;
	if (why.cls == ERR_NOT_FOUND)
		return not_found(zone, name, e);
	if (e)
		*e = why;
	return err_prefix(e, "zone '%s'", zone);
}

bool snapshot_exists(int zone_dir_fd, const char *name)
{
	struct stat st;
	char path[FILE_SIZE + 16];
	(void)snprintf(path, sizeof path, "snapshots/%.*s" SUFFIX, ZONE_NAME_MAX, name);
	return fstatat(zone_dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int make_dir(int zone_dir_fd, struct err *e)
{
	if (mkdirat(zone_dir_fd, "snapshots", 0700) == 0) {
		if (fsync(zone_dir_fd) < 0)
			return err_sys(e, errno, "sync the zone's directory");
	} else if (errno != EEXIST) {
		return err_sys(e, errno, "make the directory 'snapshots'");
	}
	int fd = open_dir(zone_dir_fd);
	return fd < 0 ? err_sys(e, errno, "open the directory 'snapshots'") : fd;
}

int snapshot_write(int zone_dir_fd, const struct snapshot *s, struct err *e)
{
	char file[FILE_SIZE];
	autofd int dir = make_dir(zone_dir_fd, e);
	if (dir < 0)
		return -1;
	json_t *layers = json_array();
	for (size_t i = 0; i < s->n_layers; i++)
		(void)json_array_append_new(layers, json_string(s->layers[i]));
	bool all = json_array_size(layers) == s->n_layers;
	json_t *d = json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:b, s:b, s:b, s:s}", "snapshot", 1,
		"name", s->name, "parent", s->parent, "created", s->created, "description",
		s->description ? s->description : "", "layers", layers, "of_running",
		(int)s->of_running, "has_started", (int)s->has_started, "identity_pending",
		(int)s->identity_pending, "etc_hostname", s->etc_hostname);
	autofree char *text = d && all ? json_dumps(d, JSON_INDENT(2)) : NULL;
	json_decref(d);
	if (!text)
		return err_nomem(e);
	file_of(file, s->name);
	return path_write_atomic(dir, file, text, strlen(text), 0600, e);
}

int snapshot_remove(int zone_dir_fd, const char *name, struct err *e)
{
	char file[FILE_SIZE];
	autofd int dir = open_dir(zone_dir_fd);
	file_of(file, name);
	if (dir < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open the directory 'snapshots'");
	if (unlinkat(dir, file, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove 'snapshots/%s'", file);
	return fsync(dir) < 0 ? err_sys(e, errno, "sync the directory 'snapshots'") : 0;
}

/* ---- all ---- */

void snapshots_done(struct snapshots *all)
{
	for (size_t i = 0; i < all->n; i++)
		snapshot_done(&all->items[i]);
	free(all->items);
	*all = (struct snapshots){0};
}

static int by_age(const void *va, const void *vb)
{
	const struct snapshot *a = va, *b = vb;
	int r = strcmp(a->created, b->created);
	return r ? r : strcmp(a->name, b->name);
}

static int add(struct snapshots *all, int dir, const char *file, struct err *e)
{
	size_t len = strlen(file);
	struct snapshot s = {0};
	char name[ZONE_NAME_MAX + 1];
	if (!str_ends(file, SUFFIX) || len - strlen(SUFFIX) >= sizeof name)
		return 0;
	memcpy(name, file, len - strlen(SUFFIX));
	name[len - strlen(SUFFIX)] = '\0';
	if (!name_is_valid(name))
		return 0;
	if (read_at(dir, name, &s, NULL) < 0) {
		struct stat st;
		if (fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
			return 0; /* deleted meanwhile */
		memcpy(s.name, name, sizeof name);
		s.is_broken = true;
		all->n_broken++;
	}
	struct snapshot *more = reallocarray(all->items, all->n + 1, sizeof *more);
	if (!more) {
		snapshot_done(&s);
		return err_nomem(e);
	}
	all->items = more;
	all->items[all->n++] = s;
	return 0;
}

int snapshots_read(int zone_dir_fd, struct snapshots *ret, struct err *e)
{
	autosnapshots struct snapshots all = {0};
	int fd = open_dir(zone_dir_fd);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		int errnum = errno;
		fd_close(&fd);
		if (errnum != ENOENT)
			return err_sys(e, errnum, "read the directory 'snapshots'");
		*ret = (struct snapshots){0};
		return 0;
	}
	int r = 0;
	struct dirent *ent;
	while (r == 0 && (ent = readdir(d)))
		r = add(&all, fd, ent->d_name, e);
	(void)closedir(d);
	if (r < 0)
		return -1;
	if (all.n)
		qsort(all.items, all.n, sizeof *all.items, by_age);
	*ret = all;
	all = (struct snapshots){0};
	return 0;
}

const struct snapshot *snapshots_find(const struct snapshots *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (!strcmp(all->items[i].name, name))
			return &all->items[i];
	return NULL;
}

/* Children in the order of the list, below `parent`; `NULL` stands for "no parent here". */
static void order_below(const struct snapshots *all, const char *parent, unsigned deep, bool *done,
	size_t *order, unsigned *depth, size_t *n)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct snapshot *s = &all->items[i];
		bool is_root = !s->parent[0] || !snapshots_find(all, s->parent);
		if (done[i] || (parent ? is_root || strcmp(s->parent, parent) != 0 : !is_root))
			continue;
		done[i] = true;
		order[*n] = i;
		depth[(*n)++] = deep;
		order_below(all, s->name, deep + 1, done, order, depth, n);
	}
}

void snapshots_order(const struct snapshots *all, size_t *order, unsigned *depth)
{
	size_t n = 0;
	autofree bool *done = calloc(all->n + 1, sizeof *done);
	if (done)
		order_below(all, NULL, 0, done, order, depth, &n);
	/* What hangs on no root, and everything if memory is out. */
	for (size_t i = 0; i < all->n; i++)
		if (!done || !done[i]) {
			order[n] = i;
			depth[n++] = 0;
		}
}

/* ---- references ---- */

bool snapshots_use_layer(const struct snapshots *all, const char *id)
{
	for (size_t i = 0; i < all->n; i++)
		for (size_t k = 0; k < all->items[i].n_layers; k++)
			if (!strcmp(all->items[i].layers[k], id))
				return true;
	return false;
}

/* What is used, from the files: what is in memory may be ahead of them. */
struct in_use {
	const struct zone *z;
	struct zone_record record;
	struct snapshots all;
	bool is_unknown; /* a file cannot be read: then nothing is given up */
	unsigned released;
};

static int in_use_read(const struct zone *z, struct in_use *u, struct err *e)
{
	*u = (struct in_use){.z = z};
	if (zone_read_record(z->dir_fd, &u->record, e) < 0)
		return -1;
	if (snapshots_read(z->dir_fd, &u->all, e) < 0) {
		zone_record_done(&u->record);
		return -1;
	}
	u->is_unknown = u->all.n_broken > 0;
	return 0;
}

static void in_use_done(struct in_use *u)
{
	zone_record_done(&u->record);
	snapshots_done(&u->all);
}

static int release(void *arg, const char *id, struct err *e)
{
	struct in_use *u = arg;
	bool used = u->is_unknown || snapshots_use_layer(&u->all, id) ||
		    !strcmp(u->record.undo.layer, id);
	for (size_t i = 0; !used && i < u->record.n_layers; i++)
		used = !strcmp(u->record.layers[i], id);
	if (used)
		return 0;
	u->released++;
	return layer_unref(u->z->store, id, u->record.uuid, e);
}

int snapshot_release_layers(const struct zone *z, char *const *ids, size_t n, struct err *e)
{
	struct in_use u;
	if (in_use_read(z, &u, e) < 0)
		return -1;
	int r = 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = release(&u, ids[i], e);
	in_use_done(&u);
	return r;
}

int snapshot_release_strays(const struct zone *z, unsigned *ret_released, struct err *e)
{
	struct in_use u;
	if (in_use_read(z, &u, e) < 0)
		return -1;
	int r = u.is_unknown ? 0 : layer_each_of(z->store, u.record.uuid, release, &u, e);
	if (r == 0 && ret_released)
		*ret_released = u.released;
	in_use_done(&u);
	return r;
}
