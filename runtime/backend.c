#include "runtime/backend.h"
#include "base/fd.h"
#include "base/path.h"
#include "fsroot/copy.h"
#include "fsroot/overlay.h"
#include "fsroot/project.h"
#include "fsroot/tree.h"
#include "fsroot/volume.h"
#include "runtime/claims.h"
#include "runtime/staging.h"
#include "runtime/upper_dir.h"
#include "runtime/upper_layer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
	PROJECT_TRIES = 1000,
};

static uint64_t quota_of(const struct zone_spec *spec)
{
	return spec->root.quota == SPEC_UNSET ? 0 : spec->root.quota;
}

/* ---- which ---- */

/* An admin who counts the store itself to a project has other plans. */
static enum project_support support_of(const struct store *s)
{
	uint32_t outer = 0;
	enum project_support support = project_support(s->zones_fd);
	return support != PROJECT_NONE && project_get(s->zones_fd, &outer) == 0 && outer
		       ? PROJECT_NONE
		       : support;
}

static bool may_count(const struct store *s, const struct zone_spec *spec)
{
	return spec->security.userns == SPEC_USERNS_ISOLATED && support_of(s) == PROJECT_ENFORCES;
}

static int no_projects(const struct store *s, struct err *e)
{
	char fs[24];
	(void)tree_fs_name(s->zones_fd, fs);
	if (support_of(s) == PROJECT_ENFORCES) {
		err_set(e, ERR_HOST,
			"root.quota: with security.userns \"none\" the zone's root could lift the "
			"quota of a directory");
		return err_hint(e, "root.backend=volume limits it all the same");
	}
	err_set(e, ERR_HOST, "root.quota: '%s' is on %s without project quotas", s->root, fs);
	if (support_of(s) == PROJECT_COUNTS)
		return err_hint(e, "it counts, but enforces no limit: mount it with prjquota");
	if (!strcmp(fs, "ext4"))
		return err_hint(e, "unmounted: `tune2fs -O quota,project -Q prjquota DEVICE`; then "
				   "mount with prjquota; or root.backend=volume");
	if (!strcmp(fs, "xfs"))
		return err_hint(e, "mount it with prjquota; or root.backend=volume");
	return err_hint(e, "ext4 and xfs have them; or root.backend=volume");
}

static int no_volume(
	const struct store *s, const struct zone_spec *spec, const struct err *why, struct err *e)
{
	struct err first = {0};
	if (spec->root.backend == SPEC_BACKEND_VOLUME) {
		err_set(e, ERR_HOST, "root.backend \"volume\": %s", why->msg);
	} else {
		(void)no_projects(s, &first);
		err_set(e, ERR_HOST, "%.400s, and a volume cannot be made: %.300s", first.msg,
			why->msg);
	}
	return err_hint(e, "%s", why->hint);
}

int backend_choose(const struct store *s, const struct zone_spec *spec, bool in_memory,
	bool *ret_volume, struct err *e)
{
	struct err why = {0};
	*ret_volume = false;
	if (in_memory && spec->root.backend == SPEC_BACKEND_VOLUME) {
		err_set(e, ERR_USAGE, "root.backend \"volume\" is on disk, this zone in memory");
		return err_hint(e, "`cella run --disk`");
	}
	if (in_memory)
		return 0;
	if (spec->root.backend != SPEC_BACKEND_VOLUME && (!quota_of(spec) || may_count(s, spec)))
		return 0;
	if (spec->root.backend == SPEC_BACKEND_OVERLAY)
		return no_projects(s, e);
	if (volume_check(&why) < 0)
		return no_volume(s, spec, &why, e);
	if (quota_of(spec) < (uint64_t)VOLUME_MIN_MIB << 20) {
		err_set(e, ERR_HOST, "root.quota: a volume has at least %dM", VOLUME_MIN_MIB);
		return err_hint(e, "only a file system with project quotas can limit to less");
	}
	*ret_volume = true;
	return 0;
}

/* ---- projects ---- */

/* One that nothing counts to, nothing limits, and nobody else is about to take. */
static int take_project(const struct store *s, const char *uuid, uint32_t *ret, struct err *e)
{
	for (int i = 0; i < PROJECT_TRIES; i++) {
		struct project_usage u;
		uint32_t id;
		if (claims_take_project(s, uuid, claims_random_project(), &id, e) < 0)
			return -1;
		if (project_usage(s->zones_fd, id, &u, e) < 0) {
			(void)claims_release_project(s, uuid, id, NULL);
			return -1;
		}
		if (!u.bytes && !u.files && !u.limit) {
			*ret = id;
			return 0;
		}
		if (claims_release_project(s, uuid, id, e) < 0)
			return -1;
	}
	return err_set(e, ERR_HOST, "every project id that was tried is in use");
}

static int put_in(int dir_fd, const char *name, uint32_t id, struct err *e)
{
	uint32_t now;
	autofd int fd = openat(dir_fd, name, OPEN_DIR);
	if (fd < 0)
		return err_sys(e, errno, "open '%s'", name);
	if (project_get(fd, &now) == 0 && now == id)
		return 0;
	return project_put(fd, id, e);
}

/* Count the empty directories upper and work in dir_fd to a new project. */
static int give_project(const struct store *s, int dir_fd, const char *uuid, uint64_t quota,
	uint32_t *ret, struct err *e)
{
	uint32_t id = 0;
	if (take_project(s, uuid, &id, e) < 0)
		return -1;
	int r = put_in(dir_fd, "upper", id, e);
	if (r == 0)
		r = put_in(dir_fd, "work", id, e);
	if (r == 0 && (r = project_limit(s->zones_fd, id, quota, e)) < 0)
		(void)project_limit(s->zones_fd, id, 0, NULL);
	/* From now on the file system says that it is taken. */
	(void)claims_release_project(s, uuid, id, NULL);
	if (r == 0)
		*ret = id;
	return r;
}

/* What exists cannot be given to a project as it is (the kernel has no call for symbolic links and
 * device nodes, and would refuse to rename those): it is copied into a directory that has one. */
static int copy_into_project(struct zone *z, uint64_t quota, uint32_t *ret, struct err *e)
{
	const struct store *s = z->store;
	const struct copy_options options = {.max_id = 65536, .keep_overlay_marks = true};
	struct copy_result got;
	autostaging struct staging st = STAGING_EMPTY;
	if (staging_make(s, "quota", &st, e) < 0 ||
		overlay_make_dirs(st.fd, "upper", "work", 0755, e) < 0 ||
		give_project(s, st.fd, z->record.uuid, quota, ret, e) < 0)
		return -1;
	autofd int from = openat(z->dir_fd, "upper", OPEN_DIR),
		   to = openat(st.fd, "upper", OPEN_DIR);
	if (from < 0 || to < 0)
		err_sys(e, errno, "open the zone's upper directory");
	else if (copy_tree(from, to, &options, &got, e) == 0 &&
		 renameat2(st.fd, "upper", z->dir_fd, "upper", RENAME_EXCHANGE) == 0)
		return put_in(z->dir_fd, "work", *ret, e);
	else if (e && e->cls == ERR_NONE)
		err_sys(e, errno, "put the copy in its place");
	(void)project_limit(s->zones_fd, *ret, 0, NULL);
	if (e && (e->sys_errno == EDQUOT || e->sys_errno == ENOSPC))
		err_hint(e, "the zone has more than root.quota already, or the disk is full");
	return err_prefix(e, "count what the zone has written");
}

static int ensure_project(struct zone *z, bool *changed, struct err *e)
{
	const struct store *s = z->store;
	uint64_t quota = quota_of(z->spec);
	uint32_t id = 0, old = z->record.project;
	if (!may_count(s, z->spec))
		return quota ? no_projects(s, e) : 0;
	autofd int upper = openat(z->dir_fd, "upper", OPEN_DIR);
	if (upper < 0 || project_get(upper, &id) < 0)
		return err_sys(e, errno, "open the zone's upper directory");
	int r;
	if (claims_is_project(id)) {
		r = put_in(z->dir_fd, "work", id, e);
		if (r == 0)
			r = project_limit(s->zones_fd, id, quota, e);
	} else {
		int empty = upper_is_empty(z, NULL, e);
		if (empty < 0)
			return -1;
		if (!empty && !quota)
			return 0; /* from before: not worth a copy */
		r = empty ? give_project(s, z->dir_fd, z->record.uuid, quota, &id, e)
			  : copy_into_project(z, quota, &id, e);
	}
	if (r < 0)
		return -1;
	/* It went away with a directory that is a layer now, or is no more. */
	if (old && old != id)
		(void)project_limit(s->zones_fd, old, 0, NULL);
	*changed |= old != id;
	z->record.project = id;
	return 0;
}

/* ---- making, starting, changing ---- */

int backend_make(const struct store *s, int zone_dir_fd, struct zone_record *r,
	const struct zone_spec *spec, unsigned mode, struct err *e)
{
	int fd = -1;
	if (!r->volume) {
		if (overlay_make_dirs(zone_dir_fd, "upper", "work", mode, e) < 0)
			return -1;
		return may_count(s, spec) ? give_project(s, zone_dir_fd, r->uuid, quota_of(spec),
						    &r->project, e)
					  : 0;
	}
	if (volume_make(zone_dir_fd, BACKEND_VOLUME, quota_of(spec), r->uuid, e) < 0 ||
		volume_mount(zone_dir_fd, BACKEND_VOLUME, &fd, e) < 0)
		return -1;
	autofd int mount = fd;
	return overlay_make_dirs(mount, "upper", "work", mode, e);
}

int backend_ensure(struct zone *z, bool *changed, struct err *e)
{
	uint64_t size, quota = quota_of(z->spec);
	if (z->record.in_memory)
		return 0;
	if (!z->record.volume)
		return ensure_project(z, changed, e) < 0 ? err_at(e, "quota", z->name) : 0;
	if (volume_usage(z->dir_fd, BACKEND_VOLUME, &size, NULL, e) < 0)
		return err_at(e, "quota", z->name);
	if (quota < size + VOLUME_BLOCK)
		return 0;
	return volume_grow(z->dir_fd, BACKEND_VOLUME, quota, e) < 0 ? err_at(e, "quota", z->name)
								    : 0;
}

static int refuse_backend(const struct zone *z, struct err *e)
{
	err_set(e, ERR_STATE, "zone '%s' is on %s: where it lies is decided when it is made",
		z->name, z->record.volume ? "a volume" : "the store's file system");
	return err_hint(e, "a clone can have another: `cella clone %s NEW --set root.backend=...`",
		z->name);
}

static int change_volume(struct zone *z, uint64_t quota, bool dry_run, struct err *e)
{
	uint64_t size;
	if (!quota) {
		err_set(e, ERR_STATE, "zone '%s' is on a volume, which has a size", z->name);
		return err_hint(e,
			"a clone can be without: `cella clone %s NEW --set root.backend=auto "
			"--set root.quota=null`",
			z->name);
	}
	if (volume_usage(z->dir_fd, BACKEND_VOLUME, &size, NULL, e) < 0)
		return -1;
	quota -= quota % VOLUME_BLOCK;
	if (quota < size) {
		err_set(e, ERR_STATE,
			"root.quota: the volume of zone '%s' has %lluM and cannot shrink", z->name,
			(unsigned long long)(size >> 20));
		return err_hint(e,
			"a clone can have a smaller one: `cella clone %s NEW --set "
			"root.quota=...`",
			z->name);
	}
	if (dry_run || quota == size)
		return 0;
	return volume_grow(z->dir_fd, BACKEND_VOLUME, quota, e);
}

static int change_project(struct zone *z, const struct zone_spec *after, bool running, bool dry_run,
	bool *wait, struct err *e)
{
	uint32_t id = 0;
	bool changed = false;
	if (!may_count(z->store, after)) {
		if (!quota_of(after))
			return 0;
		if (after->root.backend == SPEC_BACKEND_AUTO) {
			(void)no_projects(z->store, e);
			if (e)
				e->hint[0] = '\0';
			return err_hint(e,
				"a clone can be on a volume: `cella clone %s NEW --set "
				"root.quota=...`",
				z->name);
		}
		return no_projects(z->store, e);
	}
	autofd int upper = openat(z->dir_fd, "upper", OPEN_DIR);
	if (upper < 0 || project_get(upper, &id) < 0)
		return err_sys(e, errno, "open the zone's upper directory");
	if (dry_run)
		return 0;
	if (claims_is_project(id))
		return project_limit(z->store->zones_fd, id, quota_of(after), e);
	if (running) {
		*wait |= quota_of(after) != 0;
		return 0;
	}
	struct zone with = *z; /* borrows everything but the spec */
	with.spec = (struct zone_spec *)(uintptr_t)after;
	if (ensure_project(&with, &changed, e) < 0)
		return -1;
	z->record.project = with.record.project;
	return changed ? zone_write_record(z->dir_fd, &z->record, e) : 0;
}

int backend_change(struct zone *z, const struct zone_spec *before, const struct zone_spec *after,
	bool running, bool dry_run, bool *wait, struct err *e)
{
	if (z->record.in_memory) {
		*wait = running;
		return 0;
	}
	if (after->root.backend != SPEC_BACKEND_AUTO &&
		(after->root.backend == SPEC_BACKEND_VOLUME) != z->record.volume)
		return refuse_backend(z, e);
	if (before && quota_of(before) == quota_of(after) &&
		before->security.userns == after->security.userns)
		return 0;
	return z->record.volume ? change_volume(z, quota_of(after), dry_run, e)
				: change_project(z, after, running, dry_run, wait, e);
}

void backend_forget(const struct store *s, const struct zone_record *r)
{
	if (claims_is_project(r->project))
		(void)project_limit(s->zones_fd, r->project, 0, NULL);
}

/* ---- how much ---- */

int backend_usage(const struct zone *z, bool walk, struct backend_usage *ret, struct err *e)
{
	struct backend_usage u = {.has_files = !z->record.volume};
	struct project_usage p;
	uint32_t id = 0;
	if (z->record.volume) {
		if (volume_usage(z->dir_fd, BACKEND_VOLUME, &u.limit, &u.bytes, e) < 0)
			return -1;
		*ret = u;
		return 0;
	}
	autofd int upper = openat(z->dir_fd, "upper", OPEN_DIR);
	if (upper >= 0 && project_get(upper, &id) == 0 && claims_is_project(id) &&
		project_usage(upper, id, &p, NULL) == 0)
		u.bytes = p.bytes, u.files = p.files, u.limit = p.limit;
	else if (!walk)
		return 1;
	else if (path_tree_usage(z->dir_fd, "upper", &u.bytes, &u.files) < 0)
		return err_sys(e, errno, "read the zone's upper directory");
	*ret = u;
	return 0;
}
