#include "runtime/layers.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "runtime/default_layer.h"
#include "runtime/layers_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
	REF_PATH = LAYER_ID_SIZE + UUID_LEN + 16,
};

static bool is_hex(const char *s, size_t n)
{
	return strlen(s) == n && strspn(s, "0123456789abcdef") == n;
}

bool layer_id_is_valid(const char *id)
{
	return is_hex(id, 64) || (id[0] == 'd' && id[1] == '-' && is_hex(id + 2, 32));
}

void layer_id_random(char out[LAYER_ID_SIZE])
{
	out[0] = 'd';
	out[1] = '-';
	random_hex(out + 2, 32);
	out[34] = '\0';
}

static int bad_id(const char *id, struct err *e)
{
	return err_set(e, ERR_FAILED, "'%.80s' is no layer id", id);
}

int layer_stage(
	const struct store *s, bool with_fs, struct staging *ret, int *ret_fs_fd, struct err *e)
{
	autostaging struct staging st = STAGING_EMPTY;
	autofd int fs = -1;
	if (staging_make(s, "layer", &st, e) < 0)
		return -1;
	if (mkdirat(st.fd, "refs", 0700) < 0)
		return err_sys(e, errno, "make '%s/staging/%s/refs'", s->root, st.name);
	if (with_fs && (mkdirat(st.fd, "fs", 0755) < 0 ||
			       (fs = openat(st.fd, "fs", OPEN_DIR)) < 0 || fchmod(fs, 0755) < 0))
		return err_sys(e, errno, "make '%s/staging/%s/fs'", s->root, st.name);
	*ret = st;
	st = (struct staging)STAGING_EMPTY;
	*ret_fs_fd = fd_steal(&fs);
	return 0;
}

static int write_info(int dir_fd, const char *id, const struct layer_info *info, struct err *e)
{
	char now[CLOCK_RFC3339_SIZE];
	json_t *doc = json_pack("{s:i, s:s, s:s, s:s, s:I, s:I, s:s}", "layer", 1, "id", id, "kind",
		info->kind, "source", info->source, "bytes", (json_int_t)info->bytes, "entries",
		(json_int_t)info->entries, "created", clock_rfc3339(now, clock_real_ns()));
	if (doc && info->digest && layer_put_digest(doc, info->digest, e) < 0) {
		json_decref(doc);
		return -1;
	}
	if (doc && info->blob && json_object_set_new(doc, "blob", json_string(info->blob)) < 0) {
		json_decref(doc);
		return err_nomem(e);
	}
	autofree char *text = doc ? json_dumps(doc, JSON_INDENT(2)) : NULL;
	json_decref(doc);
	if (!text)
		return err_nomem(e);
	return path_write_atomic(dir_fd, "layer.json", text, strlen(text), 0600, e);
}

/* One empty file; `dir_fd`/`path` is refs/UUID of some layer. */
static int make_ref(int dir_fd, const char *path)
{
	int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	fd_close(&fd);
	return 0;
}

/* Remove refs/ if it is empty, and then the layer. 1: removed, 0: in use, or gone already.
 * Between rmdir(refs) and the rename another process may meet the dead layer, remove it, and put a
 * new one of the same digest in its place, which our rename must not hit. Hence the lock: a layer's
 * directory leaves its place only by who holds flock on that very directory. */
static int reap(const struct store *s, const char *id, struct err *e)
{
	autostaging struct staging st = STAGING_EMPTY;
	for (;;) {
		autofd int dir = openat(s->layers_fd, id, OPEN_DIR);
		if (dir < 0 && errno == ENOENT)
			return 0;
		if (dir < 0 || staging_lock(dir) < 0)
			return err_sys(e, errno, "open '%s/layers/%s'", s->root, id);
		if (!path_is_at(s->layers_fd, id, dir))
			continue;
		if (unlinkat(dir, "refs", AT_REMOVEDIR) < 0 && errno != ENOENT) {
			if (errno == ENOTEMPTY || errno == EEXIST)
				return 0;
			return err_sys(e, errno, "remove '%s/layers/%s/refs'", s->root, id);
		}
		if (default_layer_keep(s, id))
			return 1;
		if (staging_take_locked(s, s->layers_fd, id, "dead", &dir, &st, e) < 0)
			return -1;
		break;
	}
	if (path_remove_tree(s->staging_fd, st.name, e) < 0)
		return -1;
	st.name[0] = '\0';
	return 1;
}

int layer_add_ref(const struct staging *st, const char *uuid, struct err *e)
{
	char ref[REF_PATH];
	(void)snprintf(ref, sizeof ref, "refs/%s", uuid);
	if ((mkdirat(st->fd, "refs", 0700) < 0 && errno != EEXIST) || make_ref(st->fd, ref) < 0)
		return err_sys(
			e, errno, "write '%s/staging/%s/%s'", st->store->root, st->name, ref);
	return 0;
}

int layer_write(const struct staging *st, const char *id, const struct layer_info *info,
	const char *zone_uuid, struct err *e)
{
	if (!layer_id_is_valid(id))
		return bad_id(id, e);
	return layer_add_ref(st, zone_uuid, e) < 0 ? -1 : write_info(st->fd, id, info, e);
}

int layer_commit(struct staging *st, const char *id, const struct layer_info *info,
	const char *zone_uuid, struct err *e)
{
	const struct store *s = st->store;
	struct layer_info full = *info;
	struct tree_digest digest;
	autofd int fs = openat(st->fd, "fs", OPEN_DIR);
	if (fs < 0)
		return err_sys(e, errno, "open '%s/staging/%s/fs'", s->root, st->name);
	if (tree_digest(fs, &digest, e) < 0)
		return -1;
	full.digest = &digest;
	if (layer_write(st, id, &full, zone_uuid, e) < 0)
		return -1;
	/* The whole tree at once: one journal commit instead of one per file. */
	if (syncfs(st->fd) < 0)
		return err_sys(e, errno, "sync '%s'", s->root);
	for (int tries = 0; tries < 100; tries++) {
		struct err why = {0};
		if (staging_commit(st, s->layers_fd, id, &why) == 0)
			return 0;
		if (why.sys_errno != EEXIST) {
			if (e)
				*e = why;
			return -1;
		}
		if (layer_ref(s, id, zone_uuid, &why) == 0) {
			staging_drop(st);
			return 0;
		}
		/* It is on its way out: the one who removed refs/ moves it away, or died. */
		if (why.cls != ERR_NOT_FOUND || reap(s, id, &why) < 0) {
			if (e)
				*e = why;
			return -1;
		}
	}
	return err_set(e, ERR_BUSY, "layer '%s' is made and removed again and again", id);
}

int layer_ref(const struct store *s, const char *id, const char *zone_uuid, struct err *e)
{
	char path[REF_PATH];
	if (!layer_id_is_valid(id))
		return bad_id(id, e);
	(void)snprintf(path, sizeof path, "%s/refs/%s", id, zone_uuid);
	if (make_ref(s->layers_fd, path) < 0) {
		if (errno == ENOENT)
			return err_set(e, ERR_NOT_FOUND, "no layer '%s' in '%s'", id, s->root);
		return err_sys(e, errno, "write '%s/layers/%s'", s->root, path);
	}
	return 0;
}

int layer_unref(const struct store *s, const char *id, const char *zone_uuid, struct err *e)
{
	char path[REF_PATH];
	if (!layer_id_is_valid(id))
		return bad_id(id, e);
	(void)snprintf(path, sizeof path, "%s/refs/%s", id, zone_uuid);
	if (unlinkat(s->layers_fd, path, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove '%s/layers/%s'", s->root, path);
	return reap(s, id, e) < 0 ? -1 : 0;
}

int layer_open_fs(const struct store *s, const char *id, struct err *e)
{
	char path[REF_PATH];
	if (!layer_id_is_valid(id))
		return bad_id(id, e);
	(void)snprintf(path, sizeof path, "%s/fs", id);
	int fd = path_open_beneath(s->layers_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return err_sys(e, errno, "open '%s/layers/%s'", s->root, path);
	return fd;
}

static DIR *open_list(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, OPEN_DIR);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		fd_close(&fd);
	return d;
}

int layer_is_only_of(const struct store *s, const char *id, const char *uuid, struct err *e)
{
	char path[REF_PATH];
	if (!layer_id_is_valid(id))
		return bad_id(id, e);
	(void)snprintf(path, sizeof path, "%s/refs", id);
	DIR *d = open_list(s->layers_fd, path);
	if (!d)
		return errno == ENOENT ? 0
				       : err_sys(e, errno, "read '%s/layers/%s'", s->root, path);
	bool has = false, others = false;
	struct dirent *ent;
	while ((ent = readdir(d))) {
		bool own = !strcmp(ent->d_name, uuid);
		has |= own;
		others |= !own && strcmp(ent->d_name, ".") != 0 && strcmp(ent->d_name, "..") != 0;
	}
	(void)closedir(d);
	return has && !others;
}

/* ---- walks ---- */

int layer_each(const struct store *s, int (*each)(void *arg, const char *id, struct err *e),
	void *arg, struct err *e)
{
	DIR *d = open_list(s->layers_fd, ".");
	if (!d)
		return err_sys(e, errno, "read '%s/layers'", s->root);
	int r = 0;
	struct dirent *ent;
	while (r == 0 && (ent = readdir(d)))
		if (layer_id_is_valid(ent->d_name))
			r = each(arg, ent->d_name, e);
	(void)closedir(d);
	return r;
}

struct owner_walk {
	const struct store *s;
	const char *owner;
	int (*each)(void *arg, const char *id, struct err *e);
	void *arg;
};

static int each_of(void *arg, const char *id, struct err *e)
{
	const struct owner_walk *w = arg;
	struct stat st;
	char ref[REF_PATH];
	(void)snprintf(ref, sizeof ref, "%.*s/refs/%.*s", LAYER_ID_MAX, id, UUID_LEN, w->owner);
	if (fstatat(w->s->layers_fd, ref, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT
			       ? 0
			       : err_sys(e, errno, "look at '%s/layers/%s'", w->s->root, ref);
	return w->each(w->arg, id, e);
}

int layer_each_of(const struct store *s, const char *owner,
	int (*each)(void *arg, const char *id, struct err *e), void *arg, struct err *e)
{
	struct owner_walk w = {.s = s, .owner = owner, .each = each, .arg = arg};
	return layer_each(s, each_of, &w, e);
}

bool layer_is_shared(const struct store *s, const char *id, const char *owner)
{
	char refs[REF_PATH];
	(void)snprintf(refs, sizeof refs, "%.*s/refs", LAYER_ID_MAX, id);
	DIR *d = open_list(s->layers_fd, refs);
	bool shared = !d;
	struct dirent *ent;
	while (!shared && (ent = readdir(d)))
		shared = ent->d_name[0] != '.' && strcmp(ent->d_name, owner) != 0;
	if (d)
		(void)closedir(d);
	return shared;
}

struct ref_walk {
	const struct store *s;
	bool (*is_known)(void *arg, const char *zone_uuid);
	void *arg;
	unsigned removed;
};

static int sweep_layer(void *arg, const char *id, struct err *e)
{
	struct ref_walk *w = arg;
	char refs[REF_PATH];
	(void)snprintf(refs, sizeof refs, "%.*s/refs", LAYER_ID_MAX, id);
	DIR *d = open_list(w->s->layers_fd, refs);
	if (!d && errno != ENOENT)
		return err_sys(e, errno, "read '%s/layers/%s'", w->s->root, refs);
	struct dirent *ent;
	while (d && (ent = readdir(d)))
		if (is_hex(ent->d_name, UUID_LEN) && !w->is_known(w->arg, ent->d_name))
			(void)unlinkat(dirfd(d), ent->d_name, 0);
	if (d)
		(void)closedir(d);
	int r = reap(w->s, id, e);
	if (r > 0)
		w->removed++;
	return r < 0 ? -1 : 0;
}

int layer_sweep(const struct store *s, bool (*is_known)(void *arg, const char *zone_uuid),
	void *arg, unsigned *ret_removed, struct err *e)
{
	struct ref_walk w = {.s = s, .is_known = is_known, .arg = arg};
	if (layer_each(s, sweep_layer, &w, e) < 0)
		return -1;
	if (ret_removed)
		*ret_removed = w.removed;
	return 0;
}
