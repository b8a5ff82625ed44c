#include "runtime/upper_dir.h"
#include "base/fd.h"
#include "fsroot/copy.h"
#include "fsroot/volume.h"
#include "runtime/backend.h"
#include "runtime/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

enum {
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
};

static int open_dirs(const struct zone *z, struct upper_dir *u, struct err *e)
{
	u->is_volume = z->record.volume;
	if (u->is_volume) {
		int mount = -1;
		if (volume_mount(z->dir_fd, BACKEND_VOLUME, &mount, e) < 0)
			return err_prefix(e, "zone '%s'", z->name);
		autofd int root = mount;
		u->dir_fd = openat(root, ".", OPEN_DIR);
	} else {
		u->dir_fd = openat(z->dir_fd, ".", OPEN_DIR);
	}
	if (u->dir_fd < 0)
		return err_sys(e, errno, "zone '%s': open its directory", z->name);
	u->upper_fd = openat(u->dir_fd, "upper", OPEN_DIR);
	if (u->upper_fd < 0 && errno != ENOENT)
		return err_sys(e, errno, "zone '%s': open its upper directory", z->name);
	return 0;
}

int zone_upper_open(const struct zone *z, struct upper_dir *ret, struct err *e)
{
	struct upper_dir u = UPPER_DIR_EMPTY;
	if (open_dirs(z, &u, e) < 0) {
		zone_upper_close(&u);
		return -1;
	}
	*ret = u;
	return 0;
}

void zone_upper_close(struct upper_dir *u)
{
	fd_close(&u->upper_fd);
	fd_close(&u->dir_fd);
}

int zone_upper_copy(
	const struct zone *z, const char *kind, struct staging *ret, char *ret_id, struct err *e)
{
	autostaging struct staging st = STAGING_EMPTY;
	autoupper struct upper_dir u = UPPER_DIR_EMPTY;
	const struct copy_options options = {.max_id = 65536, .keep_overlay_marks = true};
	struct copy_result got = {0};
	int fs_fd = -1;
	char source[ZONE_NAME_MAX + 8];
	if (zone_upper_open(z, &u, e) < 0)
		return -1;
	if (u.upper_fd < 0)
		return err_set(e, ERR_FAILED, "zone '%s' has no upper directory", z->name);
	if (layer_stage(z->store, true, &st, &fs_fd, e) < 0)
		return -1;
	autofd int fs = fs_fd;
	if (copy_tree(u.upper_fd, fs, &options, &got, e) < 0)
		return err_prefix(e, "copy what zone '%s' has written", z->name);
	(void)snprintf(source, sizeof source, "zone %s", z->name);
	const struct layer_info info = {
		.kind = kind, .source = source, .bytes = got.bytes, .entries = got.entries};
	layer_id_random(ret_id);
	if (layer_write(&st, ret_id, &info, z->record.uuid, e) < 0)
		return -1;
	*ret = st;
	st = (struct staging)STAGING_EMPTY;
	return 0;
}
