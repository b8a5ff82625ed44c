#include "runtime/upper_layer.h"
#include "runtime/upper_dir.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "fsroot/overlay.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
	/* What every supported kernel can stack (fsroot/overlay.h), the writable one aside. */
	LAYERS_MAX = OVERLAY_LAYERS_MAX,
	FS_PATH = LAYER_ID_SIZE + 8,
};

/* ---- the list of layers ---- */

int record_push_layer(struct zone_record *r, const char *id, struct err *e)
{
	char *copy = strdup(id);
	char **more = copy ? realloc(r->layers, (r->n_layers + 1) * sizeof *more) : NULL;
	if (!more) {
		free(copy);
		return err_nomem(e);
	}
	memmove(more + 1, more, r->n_layers * sizeof *more);
	more[0] = copy;
	r->layers = more;
	r->n_layers++;
	return 0;
}

void record_pop_layer(struct zone_record *r)
{
	free(r->layers[0]);
	memmove(r->layers, r->layers + 1, --r->n_layers * sizeof *r->layers);
}

bool record_has_layer(const struct zone_record *r, const char *id)
{
	for (size_t i = 0; i < r->n_layers; i++)
		if (!strcmp(r->layers[i], id))
			return true;
	return false;
}

/* ---- the directory ---- */

int upper_is_empty(const struct zone *z, unsigned *ret_mode, struct err *e)
{
	struct stat st;
	autoupper struct upper_dir u = UPPER_DIR_EMPTY;
	if (zone_upper_open(z, &u, e) < 0)
		return -1;
	int fd = u.upper_fd < 0 ? -1 : openat(u.upper_fd, ".", OPEN_DIR);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d || fstat(fd, &st) < 0) {
		int errnum = errno;
		d ? (void)closedir(d) : fd_close(&fd);
		return err_sys(e, errnum, "zone '%s': open its upper directory", z->name);
	}
	int empty = 1;
	struct dirent *ent;
	while (empty && (ent = readdir(d)))
		empty = !strcmp(ent->d_name, ".") || !strcmp(ent->d_name, "..");
	(void)closedir(d);
	if (ret_mode)
		*ret_mode = st.st_mode & 07777;
	return empty;
}

static int sync_dir(int dir_fd, const char *name, struct err *e)
{
	autofd int fd = openat(dir_fd, name, OPEN_DIR);
	if (fd < 0 || fsync(fd) < 0)
		return err_sys(e, errno, "sync '%s'", name);
	return 0;
}

/* Owner, mode and times of "/" come from the topmost directory of the stack. */
static int copy_root_attributes(int from_fd, int dir_fd, const char *name, struct err *e)
{
	struct stat st;
	autofd int to = openat(dir_fd, name, OPEN_DIR);
	if (to < 0 || fstat(from_fd, &st) < 0 || fchown(to, st.st_uid, st.st_gid) < 0 ||
		fchmod(to, st.st_mode & 07777) < 0)
		return err_sys(e, errno, "set owner and mode of '%s'", name);
	return 0;
}

/* Writable directories that begin where `layer` ends. */
static int make_dirs(const struct store *s, int dir_fd, const char *layer, struct err *e)
{
	autofd int fs = layer_open_fs(s, layer, e);
	if (fs < 0 || overlay_make_dirs(dir_fd, "upper", "work", 0755, e) < 0)
		return -1;
	return copy_root_attributes(fs, dir_fd, "upper", e);
}

/* A fresh writable directory. The old work/ goes too: the kernel may have tied it to the old upper.
 */
static int make_upper(struct zone *z, const char *layer, struct err *e)
{
	if (path_remove_tree(z->dir_fd, "work", e) < 0)
		return -1;
	return make_dirs(z->store, z->dir_fd, layer, e);
}

int upper_stage_empty(const struct zone *z, const char *layer, struct staging *ret, struct err *e)
{
	autostaging struct staging st = STAGING_EMPTY;
	if (staging_make(z->store, "old", &st, e) < 0 || make_dirs(z->store, st.fd, layer, e) < 0)
		return -1;
	*ret = st;
	st = (struct staging)STAGING_EMPTY;
	return 0;
}

/* Not in one step, but without need of room, and repeatable: whoever asks for it has written down
 * before that what upper has is to go. */
static int empty_volume(const struct zone *z, int like_fd, struct err *e)
{
	autoupper struct upper_dir u = UPPER_DIR_EMPTY;
	if (zone_upper_open(z, &u, e) < 0)
		return -1;
	fd_close(&u.upper_fd);
	if (path_remove_tree(u.dir_fd, "upper", e) < 0 ||
		path_remove_tree(u.dir_fd, "work", e) < 0 ||
		overlay_make_dirs(u.dir_fd, "upper", "work", 0755, e) < 0 ||
		copy_root_attributes(like_fd, u.dir_fd, "upper", e) < 0)
		return err_prefix(e, "empty the volume of zone '%s'", z->name);
	return syncfs(u.dir_fd) < 0 ? err_sys(e, errno, "zone '%s': sync its volume", z->name) : 0;
}

int upper_exchange(const struct zone *z, const struct staging *st, struct err *e)
{
	static const char *const dirs[] = {"upper", "work"};
	if (z->record.volume) {
		autofd int like = openat(st->fd, "upper", OPEN_DIR);
		return like < 0 ? err_sys(e, errno, "open a new upper directory")
				: empty_volume(z, like, e);
	}
	/* A crash may have left one of them missing: an exchange needs both. */
	if (overlay_make_dirs(z->dir_fd, "upper", "work", 0755, e) < 0)
		return -1;
	for (size_t i = 0; i < 2; i++)
		if (renameat2(st->fd, dirs[i], z->dir_fd, dirs[i], RENAME_EXCHANGE) < 0)
			return err_sys(e, errno, "zone '%s': exchange its '%s'", z->name, dirs[i]);
	return fsync(z->dir_fd) < 0 ? err_sys(e, errno, "zone '%s': sync its directory", z->name)
				    : 0;
}

/* ---- becoming a layer, and back ---- */

int upper_layer_check_room(const struct zone *z, struct err *e)
{
	if (z->record.n_layers < LAYERS_MAX)
		return 0;
	err_set(e, ERR_STATE, "zone '%s' has %zu layers, the most there can be", z->name,
		z->record.n_layers);
	return err_hint(e, "`cella flatten %s` makes one of them", z->name);
}

int upper_layer_stage(
	const struct zone *z, const char *kind, struct staging *ret, char *ret_id, struct err *e)
{
	autostaging struct staging st = STAGING_EMPTY;
	int none = -1;
	char source[ZONE_NAME_MAX + 8];
	if (upper_layer_check_room(z, e) < 0)
		return -1;
	if (z->record.volume)
		return zone_upper_copy(z, kind, ret, ret_id, e);
	(void)snprintf(source, sizeof source, "zone %s", z->name);
	const struct layer_info info = {.kind = kind, .source = source};
	layer_id_random(ret_id);
	if (layer_stage(z->store, false, &st, &none, e) < 0 ||
		layer_write(&st, ret_id, &info, z->record.uuid, e) < 0)
		return -1;
	*ret = st;
	st = (struct staging)STAGING_EMPTY;
	return 0;
}

int upper_layer_stage_ref(const struct staging *st, const char *uuid, struct err *e)
{
	char ref[UUID_LEN + 8];
	(void)snprintf(ref, sizeof ref, "refs/%s", uuid);
	autofd int fd = openat(st->fd, ref, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? err_sys(e, errno, "write '%s/staging/%s/%s'", st->store->root, st->name,
				ref)
		      : 0;
}

int upper_layer_move(struct zone *z, struct staging *layer, const char *id, struct err *e)
{
	const struct store *s = z->store;
	char fs[FS_PATH];
	(void)snprintf(fs, sizeof fs, "%s/fs", id);
	if (staging_commit(layer, s->layers_fd, id, e) < 0)
		return -1;
	if (z->record.volume)
		return record_push_layer(&z->record, id, e);
	if (renameat(z->dir_fd, "upper", s->layers_fd, fs) < 0)
		return err_sys(e, errno, "move '%s/zones/%s/upper' to '%s/layers/%s'", s->root,
			z->name, s->root, fs);
	if (sync_dir(s->layers_fd, id, e) < 0 || make_upper(z, id, e) < 0)
		return -1;
	return record_push_layer(&z->record, id, e);
}

int upper_layer_finish(const struct zone *z, struct err *e)
{
	if (!z->record.volume || !z->record.n_layers)
		return 0;
	autofd int fs = layer_open_fs(z->store, z->record.layers[0], e);
	return fs < 0 ? -1 : empty_volume(z, fs, e);
}

/* The record on disk may be the old one or, after an error of its writing, the new one. */
static int write_record_without(struct zone *z, const char *layer, struct err *e)
{
	struct zone_record now;
	if (z->record.n_layers && !strcmp(z->record.layers[0], layer))
		record_pop_layer(&z->record);
	if (zone_read_record(z->dir_fd, &now, e) < 0)
		return -1;
	bool has = record_has_layer(&now, layer);
	zone_record_done(&now);
	return has ? zone_write_record(z->dir_fd, &z->record, e) : 0;
}

/* The record goes first: a record without the layer is what says "undo" to whoever finds us dead
 * here. */
int upper_layer_undo(struct zone *z, const struct intent *in, struct err *e)
{
	const struct store *s = z->store;
	char fs[FS_PATH];
	(void)snprintf(fs, sizeof fs, "%s/fs", in->layer);
	if (write_record_without(z, in->layer, e) < 0)
		return -1;
	/* Replaces the new upper in one step, and only if that is empty. */
	if (!z->record.volume && renameat(s->layers_fd, fs, z->dir_fd, "upper") < 0 &&
		errno != ENOENT)
		return err_sys(e, errno, "move '%s/layers/%s' back", s->root, fs);
	if ((!z->record.volume && (overlay_make_dirs(z->dir_fd, "upper", "work", 0755, e) < 0 ||
					  fsync(z->dir_fd) < 0)) ||
		(in->new_uuid[0] && layer_unref(s, in->layer, in->new_uuid, e) < 0) ||
		layer_unref(s, in->layer, z->record.uuid, e) < 0)
		return -1;
	return intent_clear(z->dir_fd, e);
}

int upper_layer_recover(struct zone *z, const struct intent *in, bool *ret_finish, struct err *e)
{
	autofd int fs = layer_open_fs(z->store, in->layer, NULL);
	enum move_recovery what =
		intent_move_recovery(record_has_layer(&z->record, in->layer), fs >= 0);
	if (ret_finish)
		*ret_finish = what == MOVE_FINISH;
	switch (what) {
	case MOVE_UNDO:
		return upper_layer_undo(z, in, e);
	case MOVE_FINISH:
		return z->record.volume ? upper_layer_finish(z, e)
					: overlay_make_dirs(z->dir_fd, "upper", "work", 0755, e);
	case MOVE_DAMAGED:
		break;
	}
	return err_set(
		e, ERR_FAILED, "zone '%s': its layer '%s' has lost its files", z->name, in->layer);
}
