/* A snapshot on a directory of the caller's, to be looked at: read-only, and nothing in it acts. */
#include "runtime/layers.h"
#include "runtime/snapshot_verbs.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "fsroot/overlay.h"
#include "fsroot/tree.h"
#include "specs/name.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOURCE_PREFIX "cella:"

/* ---- mount ---- */

static char **layer_paths(const struct snapshot *snap, struct err *e)
{
	char **list = calloc(snap->n_layers + 1, sizeof *list);
	bool ok = list != NULL;
	for (size_t i = 0; ok && i < snap->n_layers; i++)
		ok = (list[i] = str_format("layers/%s/fs", snap->layers[i])) != NULL;
	if (ok)
		return list;
	for (char **p = list; p && *p; p++)
		free(*p);
	free(list);
	(void)err_nomem(e);
	return NULL;
}

/* In a mount namespace of our own, since before Linux 6.15 layers have to be attached somewhere;
 * what comes out of it is a detached mount, which belongs to none. */
static int build(const struct zone *z, const struct snapshot *snap, int *ret_root, struct err *e)
{
	int old_ns = -1;
	char source[2 * ZONE_NAME_MAX + 16];
	(void)snprintf(source, sizeof source, SOURCE_PREFIX "%s@%s", z->name, snap->name);
	autofd int store = tree_clone(z->store->root_fd, "", true);
	if (store < 0)
		return err_sys(e, errno, "clone the mount of '%s'", z->store->root);
	char **layers = layer_paths(snap, e);
	if (!layers)
		return -1;
	const struct overlay_plan o = {
		.store_tree_fd = store,
		.layers = (const char *const *)layers,
		.n_layers = snap->n_layers,
		.userns_fd = -1,
		.source = source,
	};
	int r = tree_private_mountns(&old_ns, e);
	if (r == 0)
		r = overlay_build(&o, ret_root, e);
	autofd int old = old_ns;
	if (old >= 0 && setns(old, CLONE_NEWNS) < 0 && r == 0)
		r = err_sys(e, errno, "return to the mount namespace");
	for (char **p = layers; *p; p++)
		free(*p);
	free(layers);
	return r;
}

/* The caller's directory is named before we leave the namespace that it is in. */
static int open_target(const char *dir, struct err *e)
{
	struct stat st;
	autofd int fd = openat(AT_FDCWD, dir, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		int errnum = errno;
		err_sys(e, errnum, "open '%s'", dir);
		return errnum == ENOENT ? err_class_set(e, ERR_NOT_FOUND) : -1;
	}
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ERR_USAGE, "'%s' is not a directory", dir);
	return fd_steal(&fd);
}

static int mount_opened(const struct zone *z, const char *name, const char *dir, struct err *e)
{
	struct snapshot snap;
	int root_fd = -1;
	const uint64_t flags =
		MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	if (snapshot_read(z->dir_fd, z->name, name, &snap, e) < 0)
		return -1;
	int r = build(z, &snap, &root_fd, e);
	snapshot_done(&snap);
	autofd int root = root_fd;
	if (r < 0)
		return -1;
	if (tree_set_attrs(root, false, flags, 0) < 0)
		return err_sys(e, errno, "set the flags of the mount");
	autofd int target = open_target(dir, e);
	if (target < 0)
		return -1;
	if (tree_attach(root, target, "") < 0)
		return err_sys(e, errno, "mount on '%s'", dir);
	return 0;
}

int zone_snapshot_mount(
	const struct store *s, const char *zone, const char *name, const char *dir, struct err *e)
{
	struct zone z;
	if (name_check("snapshot", name, e) < 0)
		return -1;
	autofd int there = open_target(dir, e);
	if (there < 0 || zone_open(s, zone, ZONE_ALLOW_BROKEN, 0, &z, e) < 0)
		return -1;
	int r = mount_opened(&z, name, dir, e);
	zone_close(&z);
	return r < 0 ? err_prefix(e, "mount snapshot '%s' of zone '%s'", name, zone) : 0;
}

/* ---- umount ---- */

static int mount_id(const char *dir, uint64_t *ret, bool *ret_is_root, struct err *e)
{
	struct statx stx;
	if (statx(AT_FDCWD, dir, AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &stx) < 0) {
		int errnum = errno;
		err_sys(e, errnum, "look at '%s'", dir);
		return errnum == ENOENT ? err_class_set(e, ERR_NOT_FOUND) : -1;
	}
	*ret = stx.stx_mnt_id;
	*ret_is_root = stx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
	return 0;
}

/* A root of one layer is that layer's directory itself: ".../layers/ID/fs". */
static bool is_layer_path(const char *path, size_t len)
{
	static const char before[] = "/layers/", after[] = "/fs";
	char id[LAYER_ID_SIZE];
	if (len < strlen(after) || memcmp(path + len - strlen(after), after, strlen(after)) != 0)
		return false;
	len -= strlen(after);
	size_t n = 0;
	while (n < len && path[len - n - 1] != '/')
		n++;
	if (n >= sizeof id || len - n < strlen(before))
		return false;
	memcpy(id, path + len - n, n);
	id[n] = '\0';
	return layer_id_is_valid(id) &&
	       !memcmp(path + len - n - strlen(before), before, strlen(before));
}

/* A line of /proc/self/mountinfo: "ID PARENT DEV ROOT ... - overlay cella:ZONE@SNAP ro,...". */
static bool line_is_ours(const char *line, uint64_t id)
{
	char *end;
	const char *tail = strstr(line, " - "), *root = line;
	if (strtoull(line, &end, 10) != id || *end != ' ' || !tail)
		return false;
	for (int i = 0; root && i < 3; i++)
		root = strchr(root + 1, ' ');
	return str_starts(tail, " - overlay " SOURCE_PREFIX) ||
	       (root && is_layer_path(root + 1, strcspn(root + 1, " ")));
}

static int is_ours(uint64_t id, bool *ret, struct err *e)
{
	char *line = NULL;
	size_t size = 0;
	FILE *f = fopen("/proc/self/mountinfo", "re"); /* banned-ok: the caller's mounts */
	if (!f)
		return err_sys(e, errno, "open '/proc/self/mountinfo'");
	bool ours = false;
	while (!ours && getline(&line, &size, f) > 0)
		ours = line_is_ours(line, id);
	free(line);
	(void)fclose(f);
	*ret = ours;
	return 0;
}

int zone_snapshot_umount(const char *dir, struct err *e)
{
	uint64_t id;
	bool is_root, ours = false;
	if (mount_id(dir, &id, &is_root, e) < 0 || (is_root && is_ours(id, &ours, e) < 0))
		return -1;
	if (!ours)
		return err_set(e, ERR_STATE, "no snapshot is mounted on '%s'", dir);
	if (umount2(dir, UMOUNT_NOFOLLOW) == 0)
		return 0;
	if (errno != EBUSY)
		return err_sys(e, errno, "unmount '%s'", dir);
	err_set(e, ERR_BUSY, "the snapshot on '%s' is in use", dir);
	return err_hint(e, "`fuser -vm %s` shows by whom", dir);
}
