#include "base/fd.h"
#include "base/path.h"
#include "runtime/claims.h"
#include "runtime/default_layer.h"
#include "runtime/host_layers.h"
#include "runtime/layers.h"
#include "runtime/lifecycle_parts.h"
#include "runtime/owners.h"
#include "runtime/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
};

struct gc {
	const struct store *s;
	struct owners owners;
	json_t *rows;
	struct err *e;
	bool failed; /* in a callback that can only say yes or no */
};

static int add_row(struct gc *g, const char *kind, const char *name, uint64_t bytes)
{
	json_t *row = json_pack("{s:s, s:s, s:I, s:b}", "kind", kind, "name", name, "bytes",
		(json_int_t)bytes, "removed", 0);
	return json_array_append_new(g->rows, row) < 0 ? err_nomem(g->e) : 0;
}

/* For a table; what cannot be counted is 0. */
static uint64_t usage(int dir_fd, const char *name)
{
	uint64_t bytes = 0, files = 0;
	return path_tree_usage(dir_fd, name, &bytes, &files) < 0 ? 0 : bytes;
}

static DIR *open_list(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, OPEN_DIR);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		fd_close(&fd);
	return d;
}

/* ---- what there is ---- */

static int list_staging(struct gc *g)
{
	DIR *d = open_list(g->s->staging_fd, ".");
	if (!d)
		return err_sys(g->e, errno, "read '%s/staging'", g->s->root);
	int r = 0;
	struct dirent *ent;
	while (r == 0 && (ent = readdir(d))) {
		if (!strcmp(ent->d_name, ".") || !strcmp(ent->d_name, ".."))
			continue;
		/* Locked: somebody builds there. Not a directory: nobody can. */
		autofd int fd = openat(g->s->staging_fd, ent->d_name, OPEN_DIR);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
			continue;
		r = add_row(g, "staging", ent->d_name, usage(g->s->staging_fd, ent->d_name));
	}
	(void)closedir(d);
	return r;
}

/* The default image's layer, which waits for its next user. */
static int list_cache(struct gc *g)
{
	struct stat st;
	return fstatat(g->s->cache_fd, DEFAULT_LAYER_KEPT, &st, AT_SYMLINK_NOFOLLOW) < 0
		       ? 0
		       : add_row(g, "cache", DEFAULT_LAYER_KEPT,
				 usage(g->s->cache_fd, DEFAULT_LAYER_KEPT));
}

static int list_layer(void *arg, const char *id, struct err *e)
{
	struct gc *g = arg;
	char refs[LAYER_ID_SIZE + 8];
	(void)snprintf(refs, sizeof refs, "%.*s/refs", LAYER_ID_MAX, id);
	DIR *d = open_list(g->s->layers_fd, refs);
	if (!d && errno != ENOENT)
		return err_sys(e, errno, "read '%s/layers/%s'", g->s->root, refs);
	bool used = false;
	struct dirent *ent;
	while (d && !used && (ent = readdir(d)))
		used = ent->d_name[0] != '.' && owners_know(&g->owners, ent->d_name);
	if (d)
		(void)closedir(d);
	return used ? 0 : add_row(g, "layer", id, usage(g->s->layers_fd, id));
}

/* Lists instead of giving back: everything is said to be known. */
static bool list_claim(void *arg, const char *uuid)
{
	struct gc *g = arg;
	if (!owners_know(&g->owners, uuid) && add_row(g, "claim", uuid, 0) < 0)
		g->failed = true;
	return true;
}

static int list_all(struct gc *g)
{
	if (owners_collect(&g->owners, g->e) < 0)
		return -1;
	if (g->owners.is_incomplete) {
		err_set(g->e, ERR_FAILED,
			"the record of a zone or an image cannot be read, so nobody knows whose "
			"layers and claims there are");
		return err_hint(g->e,
			"`cella list` and `cella image list` say which: mend it, or remove it "
			"with --force");
	}
	if (list_staging(g) < 0 || list_cache(g) < 0 || layer_each(g->s, list_layer, g, g->e) < 0 ||
		claims_sweep(g->s, list_claim, g, NULL, g->e) < 0)
		return -1;
	return g->failed ? -1 : 0;
}

/* ---- taking it away ---- */

/* A zone that somebody works on is left alone. */
static int release_strays(void *arg, const char *name)
{
	struct gc *g = arg;
	struct zone z;
	struct err why = {0};
	if (zone_open(g->s, name, ZONE_LOCK, 0, &z, &why) < 0) {
		if (why.cls == ERR_BUSY || why.cls == ERR_NOT_FOUND)
			return 0;
		if (g->e)
			*g->e = why;
		return -1;
	}
	struct intent in = {0};
	/* What is half done is for repair, or the zone's next verb. */
	int r = intent_read(z.dir_fd, &in, NULL) < 0 || in.verb != INTENT_NONE
			? 0
			: snapshot_release_strays(&z, NULL, g->e);
	zone_close(&z);
	return r;
}

static bool is_gone(const struct store *s, const json_t *row)
{
	struct stat st;
	const char *kind = json_string_value(json_object_get(row, "kind"));
	const char *name = json_string_value(json_object_get(row, "name"));
	if (!strcmp(kind, "claim"))
		return true;
	int dir = !strcmp(kind, "layer")   ? s->layers_fd
		  : !strcmp(kind, "cache") ? s->cache_fd
					   : s->staging_fd;
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static int remove_all(struct gc *g)
{
	size_t i;
	json_t *row;
	if (repair_orphans(g->s, NULL, NULL, g->e) < 0)
		return -1;
	/* Also what waits there only since a moment ago. */
	default_layer_drop(g->s);
	json_array_foreach(g->rows, i, row)
	{
		if (json_object_set_new(row, "removed", json_boolean(is_gone(g->s, row))) < 0)
			return err_nomem(g->e);
	}
	return 0;
}

int host_gc(const struct store *s, bool dry_run, json_t **ret, struct err *e)
{
	struct gc g = {
		.s = s,
		.owners = {.store = s, .without_dead = true},
		.rows = json_array(),
		.e = e,
	};
	int r = g.rows ? 0 : err_nomem(e);
	/* First of all, so that a layer that only they kept is in the list. */
	if (r == 0 && !dry_run)
		r = store_each_zone(s, release_strays, &g, e);
	if (r == 0)
		r = list_all(&g);
	if (r == 0 && !dry_run)
		r = remove_all(&g);
	owners_done(&g.owners);
	if (r < 0) {
		json_decref(g.rows);
		return -1;
	}
	*ret = g.rows;
	return 0;
}
