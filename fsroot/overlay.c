#include "fsroot/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/defence.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "fsroot/fs_ids.h"
#include "fsroot/tree.h"

enum {
	MAPPED_MAX = 16
};

/* One id-mapped clone per mount that the store consists of: normally the store's own and no other,
 * but a zone may lie on a volume of its own. */
struct store {
	const struct overlay_plan *plan;
	struct {
		uint64_t mount_id;
		int tree_fd;
	} mapped[MAPPED_MAX];
	size_t n_mapped;
};

static void store_done(struct store *s)
{
	for (size_t i = 0; i < s->n_mapped; i++)
		fd_close(&s->mapped[i].tree_fd);
}

static int mount_id_of(int fd, uint64_t *ret, struct err *e)
{
	struct statx stx;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0)
		return err_sys(e, errno, "statx");
	if (!(stx.stx_mask & STATX_MNT_ID))
		return err_set(e, ERR_HOST, "this kernel's statx tells no mount id");
	*ret = stx.stx_mnt_id;
	return 0;
}

/* Map a tree that is ours alone, and attach it in the private mount namespace. */
static int map_tree(const struct store *s, int tree, struct err *e)
{
	/* A store mounted nosuid,nodev must not take setuid programs away from the zone (R9). */
	uint64_t clear = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	if (s->plan->userns_fd >= 0) {
		if (tree_idmap(tree, s->plan->userns_fd, 0, clear, e) < 0)
			return -1;
	} else if (tree_set_attrs(tree, false, 0, clear) < 0) {
		return err_sys(e, errno, "cannot change the flags of the store's mount");
	}
	/* Until Linux 6.15 overlayfs takes layers from attached mounts only. */
	if (tree_attach_anywhere(tree) < 0)
		return err_sys(e, errno, "cannot attach the store in a private mount namespace");
	return 0;
}

/* The mapped clone of the mount whose root is `mount_root_fd`; owned by *s. */
static int map_mount(struct store *s, int mount_root_fd, struct err *e)
{
	uint64_t id;
	if (mount_id_of(mount_root_fd, &id, e) < 0)
		return -1;
	for (size_t i = 0; i < s->n_mapped; i++)
		if (s->mapped[i].mount_id == id)
			return s->mapped[i].tree_fd;
	if (s->n_mapped == MAPPED_MAX)
		return err_set(e, ERR_HOST, "the layers of one zone lie on more than %d mounts",
			MAPPED_MAX);
	autofd int tree = tree_clone(mount_root_fd, "", false);
	if (tree < 0)
		return err_sys(e, errno, "cannot clone the store's mount");
	if (map_tree(s, tree, e) < 0)
		return -1;
	s->mapped[s->n_mapped].mount_id = id;
	s->mapped[s->n_mapped].tree_fd = fd_steal(&tree);
	return s->mapped[s->n_mapped++].tree_fd;
}

/* Open a directory of the store through the mapped clone of the mount it is on. */
static int open_mapped(struct store *s, const char *path, struct err *e)
{
	autofd int at = openat(s->plan->store_tree_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return err_sys(e, errno, "cannot open the store");
	autofd int mount_root = fcntl(at, F_DUPFD_CLOEXEC, 3);
	uint64_t mount_id, id;
	if (mount_root < 0 || mount_id_of(at, &mount_id, e) < 0)
		return -1;
	const char *rest = path;
	for (const char *p = path; *p;) {
		char part[NAME_MAX + 1];
		size_t n = strcspn(p, "/");
		if (!n || n >= sizeof part || p[0] == '.')
			return err_set(e, ERR_FAILED, "'%s' is no path in the store", path);
		memcpy(part, p, n);
		part[n] = '\0';
		p += n + (p[n] == '/');
		int next = openat(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return err_sys(e, errno, "cannot open '%s' in the store", path);
		fd_close(&at);
		at = next;
		if (mount_id_of(at, &id, e) < 0)
			return -1;
		if (id != mount_id) {
			mount_id = id;
			rest = p;
			fd_close(&mount_root);
			mount_root = fcntl(at, F_DUPFD_CLOEXEC, 3);
			if (mount_root < 0)
				return err_sys(e, errno, "cannot open '%s'", path);
		}
	}
	int tree = map_mount(s, mount_root, e);
	if (tree < 0)
		return err_at(e, "root", path);
	int fd = path_open_beneath(tree, *rest ? rest : ".", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return err_sys(e, errno, "cannot open '%s' in the store", path);
	return fd;
}

static int open_writable(struct store *s, const char *path, struct err *e)
{
	const struct overlay_plan *p = s->plan;
	if (!p->on_scratch && !p->on_volume)
		return open_mapped(s, path, e);
	int fd = path_open_beneath(
		p->on_volume ? p->volume_fd : p->scratch_fd, path, O_RDONLY | O_DIRECTORY, 0);
	return fd >= 0 ? fd
		       : err_sys(e, errno, "cannot open '%s' in the zone's %s", path,
				 p->on_volume ? "volume" : "tmpfs");
}

static int fail_with_reason(int fs_fd, int errnum, const char *what, struct err *e)
{
	char reason[300];
	tree_read_reason(fs_fd, reason, sizeof reason);
	if (reason[0])
		return err_sys(e, errnum, "%s: %s", what, reason);
	err_sys(e, errnum, "%s", what);
	/* Without a word: from a kernel that keeps its reasons for its log, before Linux 6.5. */
	if (errnum == EINVAL)
		return err_hint(e, "overlays of id-mapped layers need Linux 5.19; the kernel's log "
				   "(dmesg) may say more");
	return err_hint(e, "the kernel's log (dmesg) may say why");
}

/* "12:13:14", relative to /proc/self/fd. False: it does not fit. */
static bool name_layers(const int *layer_fds, size_t n, char *list, size_t size)
{
	size_t len = 0;
	for (size_t i = 0; i < n; i++) {
		int w = snprintf(list + len, size - len, "%s%d", i ? ":" : "", layer_fds[i]);
		if (w < 0 || (size_t)w >= size - len)
			return false;
		len += (size_t)w;
	}
	return true;
}

/* What is stored must be readable as plain files on any host: no redirects, no metadata-only
 * copies, no index that a copied or moved upper directory would not match. */
static const struct tree_option fixed_options[] = {
	{"redirect_dir", "off"},
	{"metacopy", "off"},
	{"index", "off"},
	{"xino", "auto"},
};

static int set_option(int fs_fd, const char *key, const char *value, struct err *e)
{
	char what[64];
	if (fsconfig(fs_fd, FSCONFIG_SET_STRING, key, value, 0) == 0)
		return 0;
	int errnum = errno;
	(void)snprintf(what, sizeof what, "overlay option %s", key);
	return fail_with_reason(fs_fd, errnum, what, e);
}

static int set_options(int fs_fd, const int *upper_fd, const int *work_fd, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(fixed_options); i++)
		if (set_option(fs_fd, fixed_options[i].key, fixed_options[i].value, e) < 0)
			return -1;
	if (*upper_fd < 0)
		return 0;
	return set_option(fs_fd, "upperdir", fd_path(*upper_fd).s, e) < 0
		       ? -1
		       : set_option(fs_fd, "workdir", fd_path(*work_fd).s, e);
}

/* 1: set, by descriptor or by string; 0: this kernel takes so many by mount(2) only. */
static int set_lower(
	int fs_fd, const struct overlay_plan *plan, const int *layer_fds, size_t n, struct err *e)
{
	char list[256];
	size_t i = 0;
	bool by_fd = plan->method == OVERLAY_METHOD_AUTO || plan->method == OVERLAY_METHOD_FD;
	while (by_fd && i < n &&
		fsconfig(fs_fd, FSCONFIG_SET_FD, "lowerdir+", NULL, layer_fds[i]) == 0)
		i++;
	if (i == n)
		return 1;
	if (i > 0)
		return err_sys(e, errno, "overlay refuses layer %zu of %zu", i + 1, n);
	if (plan->method == OVERLAY_METHOD_FD)
		return fail_with_reason(fs_fd, errno, "overlay option lowerdir+", e);
	if (plan->method == OVERLAY_METHOD_MOUNT || !name_layers(layer_fds, n, list, sizeof list))
		return 0;
	return set_option(fs_fd, "lowerdir", list, e) < 0 ? -1 : 1;
}

static bool is_nodev(void)
{
	/* The zone's devices are in its /dev: nodes that a layer brings are inert. */
	return !defence_is_off("H24r");
}

/* The mount, or -1; also without an error, if it takes mount(2): *ret_needs_mount. */
static int create_by_fsconfig(const struct overlay_plan *plan, const int *layer_fds, size_t n,
	const int *upper_fd, const int *work_fd, bool *ret_needs_mount, struct err *e)
{
	autofd int fs_fd = fsopen("overlay", FSOPEN_CLOEXEC);
	if (fs_fd < 0)
		return errno == ENODEV ? err_set(e, ERR_HOST, "this kernel has no overlayfs")
				       : err_sys(e, errno, "fsopen overlay");
	if (plan->source && set_option(fs_fd, "source", plan->source, e) < 0)
		return -1;
	if (set_options(fs_fd, upper_fd, work_fd, e) < 0)
		return -1;
	int set = set_lower(fs_fd, plan, layer_fds, n, e);
	*ret_needs_mount = set == 0;
	if (set <= 0)
		return -1;
	if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fail_with_reason(fs_fd, errno, "cannot make the overlay", e);
	int root = fsmount(fs_fd, FSMOUNT_CLOEXEC, is_nodev() ? MOUNT_ATTR_NODEV : 0);
	return root < 0 ? fail_with_reason(fs_fd, errno, "cannot mount the overlay", e) : root;
}

/* The old way has room for a page of options. Its mount point is in a tmpfs of our own in the
 * private mount namespace; what is handed on is a detached copy, as from fsmount. */
static int create_by_mount(const struct overlay_plan *plan, const int *layer_fds, size_t n,
	const int *upper_fd, const int *work_fd, struct err *e)
{
	char list[3000], options[4096], target[32];
	if (!name_layers(layer_fds, n, list, sizeof list))
		return err_set(e, ERR_HOST, "%zu layers are too many for this kernel", n);
	int len = snprintf(options, sizeof options, "lowerdir=%s", list);
	if (*upper_fd >= 0)
		len += snprintf(options + len, sizeof options - (size_t)len,
			",upperdir=%d,workdir=%d", *upper_fd, *work_fd);
	for (size_t i = 0; i < ARRAY_LEN(fixed_options); i++)
		len += snprintf(options + len, sizeof options - (size_t)len, ",%s=%s",
			fixed_options[i].key, fixed_options[i].value);
	autofd int place = tree_new_fs("tmpfs", NULL, 0, 0, NULL, 0);
	if (place < 0 || mkdirat(place, "root", 0700) < 0 || tree_attach_anywhere(place) < 0)
		return err_sys(e, errno, "cannot make a place for the overlay");
	(void)snprintf(target, sizeof target, "%d/root", place);
	const char *source = plan->source ? plan->source : "overlay";
	unsigned long flags = is_nodev() ? MS_NODEV : 0;
	int r = mount(source, target, "overlay", flags, options); /* banned-ok: by descriptor */
	if (r < 0) {
		err_sys(e, errno, "cannot make the overlay of %zu layers", n);
		return err_hint(e, "the kernel's log (dmesg) may say why");
	}
	int root = tree_clone(place, "root", false);
	if (root < 0)
		err_sys(e, errno, "cannot take the overlay");
	(void)umount2(target, MNT_DETACH);
	return root;
}

/* Make the superblock with the layers in hand. Names of layers are relative to /proc/self/fd, which
 * has to be the working directory when the kernel looks them up: at once on newer kernels, at
 * CMD_CREATE on older ones. */
static int create_overlay(const struct overlay_plan *plan, const int *layer_fds, size_t n,
	const int *upper_fd, const int *work_fd, int *ret_root_fd, struct err *e)
{
	bool needs_mount = false;
	autofd int root =
		create_by_fsconfig(plan, layer_fds, n, upper_fd, work_fd, &needs_mount, e);
	if (needs_mount)
		root = create_by_mount(plan, layer_fds, n, upper_fd, work_fd, e);
	if (root < 0)
		return -1;
	struct statvfs fs;
	if (fstatvfs(root, &fs) < 0)
		return err_sys(e, errno, "statvfs");
	if (*upper_fd >= 0 && (fs.f_flag & ST_RDONLY)) {
		/* overlayfs says yes and comes up read-only when it cannot write its workdir. */
		err_set(e, ERR_HOST, "the overlay came up read-only: the kernel could not use '%s'",
			plan->work);
		return err_hint(e, "the kernel's log (dmesg) says why");
	}
	*ret_root_fd = fd_steal(&root);
	return 0;
}

/* A read-only root of one layer: overlayfs wants two, and there is nothing to merge. */
static int clone_single_layer(int layer_fd, int *ret_root_fd, struct err *e)
{
	autofd int tree = tree_clone(layer_fd, "", false);
	if (tree < 0)
		return err_sys(e, errno, "cannot clone the layer");
	if (tree_set_attrs(tree, false, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, 0) < 0)
		return err_sys(e, errno, "cannot make the layer read-only");
	*ret_root_fd = fd_steal(&tree);
	return 0;
}

static int build_with_fds(const struct overlay_plan *plan, struct store *store, int *layer_fds,
	int *ret_root_fd, struct err *e)
{
	autofd int upper = -1, work = -1, cwd = -1, fd_dir = -1;
	for (size_t i = 0; i < plan->n_layers; i++)
		if ((layer_fds[i] = open_mapped(store, plan->layers[i], e)) < 0)
			return -1;
	if (!plan->upper && plan->n_layers == 1)
		return clone_single_layer(layer_fds[0], ret_root_fd, e);
	if (plan->upper && plan->on_volume && map_tree(store, plan->volume_fd, e) < 0)
		return -1;
	if (plan->upper && ((upper = open_writable(store, plan->upper, e)) < 0 ||
				   (work = open_writable(store, plan->work, e)) < 0))
		return -1;
	cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd_dir = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (cwd < 0 || fd_dir < 0 || fchdir(fd_dir) < 0)
		return err_sys(e, errno, "cannot enter /proc/self/fd");
	/* overlayfs keeps the credentials of its maker and works in the layers with them. */
	struct fs_ids ids = {0};
	int r = fs_ids_take(&ids, plan->root_uid, plan->root_gid, e);
	if (r == 0)
		r = create_overlay(plan, layer_fds, plan->n_layers, &upper, &work, ret_root_fd, e);
	fs_ids_restore(&ids);
	if (fchdir(cwd) < 0 && r == 0) {
		fd_close(ret_root_fd);
		return err_sys(e, errno, "cannot return to the working directory");
	}
	return r;
}

int overlay_build(const struct overlay_plan *plan, int *ret_root_fd, struct err *e)
{
	if (!plan->n_layers || plan->n_layers > OVERLAY_LAYERS_MAX) {
		err_set(e, ERR_HOST, "%zu layers: 1 to %d are possible", plan->n_layers,
			OVERLAY_LAYERS_MAX);
		return err_at(e, "root", NULL);
	}
	if (tree_attach_anywhere(plan->store_tree_fd) < 0) {
		err_sys(e, errno, "cannot attach the store in a private mount namespace");
		return err_at(e, "root", NULL);
	}
	struct store store = {.plan = plan};
	int layer_fds[OVERLAY_LAYERS_MAX];
	memset(layer_fds, -1, sizeof layer_fds);
	int root_fd = -1;
	int r = build_with_fds(plan, &store, layer_fds, &root_fd, e);
	for (size_t i = 0; i < plan->n_layers; i++)
		fd_close(&layer_fds[i]);
	store_done(&store);
	if (r < 0)
		return err_at(e, "root", NULL);
	*ret_root_fd = root_fd;
	return 0;
}

static int make_dir(int dir_fd, const char *name, mode_t mode, struct err *e)
{
	if (mkdirat(dir_fd, name, 0700) < 0) {
		if (errno != EEXIST)
			return err_sys(e, errno, "cannot make the directory '%s'", name);
		return 0;
	}
	autofd int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, mode) < 0)
		return err_sys(e, errno, "cannot make the directory '%s'", name);
	return 0;
}

int overlay_make_dirs(
	int zone_dir_fd, const char *upper, const char *work, unsigned mode, struct err *e)
{
	if (make_dir(zone_dir_fd, upper, (mode_t)mode, e) < 0)
		return -1;
	return make_dir(zone_dir_fd, work, 0755, e);
}
