/* Making, opening and listing the groups of a zone. */
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "isolation/cgroups/cg_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DESCENDANTS "4096"
#define MAX_DEPTH "64"

enum {
	OPEN_GROUP = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
};

/* What a zone on v2 finds enabled, limits or not: what systemd and container engines in it expect.
 */
static const enum cg_controller v2_wanted[] = {CG_CPUSET, CG_CPU, CG_IO, CG_MEMORY, CG_PIDS};

void cg_scope_path(char out[CG_PATH_SIZE], const char *name)
{
	(void)snprintf(out, CG_PATH_SIZE, "cella.slice/cella-%s.scope", name);
}

static void path_with(
	char out[CG_PATH_SIZE], const struct cg_host *h, enum cg_manager manager, const char *name)
{
	char dir[CG_NAME_MAX], scope[CG_PATH_SIZE];
	cg_name_to_dir(dir, name);
	cg_scope_path(scope, name);
	if (manager == CG_MANAGER_SYSTEMD)
		(void)snprintf(out, CG_PATH_SIZE, "%.*s/limits", CG_PATH_SIZE - 16, scope);
	else
		(void)snprintf(out, CG_PATH_SIZE, "%s/%s", h->base, dir);
}

static int name_check(const char *name, struct err *e)
{
	if (cg_name_is_valid(name))
		return 0;
	return err_set(e, ERR_USAGE, "'%.64s' cannot be the name of a group",
		str_is_printable(name, strnlen(name, 64)) ? name : "?");
}

int cg_limit_path(char out[CG_PATH_SIZE], const struct cg_host *h, const char *name, struct err *e)
{
	static const enum cg_manager other[] = {
		[CG_MANAGER_CGROUPFS] = CG_MANAGER_SYSTEMD,
		[CG_MANAGER_SYSTEMD] = CG_MANAGER_CGROUPFS,
	};
	if (name_check(name, e) < 0)
		return -1;
	path_with(out, h, h->manager, name);
	if (h->layout != CG_LAYOUT_V2)
		return 0;
	/* It may have been made when the other one was in charge. */
	int root = h->hier[h->v2].root_fd;
	char path[CG_PATH_SIZE];
	path_with(path, h, other[h->manager], name);
	if (faccessat(root, out, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
		faccessat(root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		memcpy(out, path, sizeof path);
	return 0;
}

static int group_error(const struct cg_hier *h, const char *path, const char *what, struct err *e)
{
	int errnum = errno;
	err_sys(e, errnum, "%s '%s/%s'", what, h->mount_point, path);
	if (errnum == EROFS) {
		err_class_set(e, ERR_HOST);
		err_hint(e, "the control groups are mounted read-only here; remount '%s' rw",
			h->mount_point);
	}
	return err_at(e, "cgroups", path);
}

/* ---- controllers ---- */

static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);
	for (const char *p = strstr(text, word); p; p = strstr(p + 1, word))
		if ((p == text || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\n' || !p[len]))
			return true;
	return false;
}

/* "+cpu +memory " for those of v2_wanted that the hierarchy has and `on` has not. */
static const char *missing_controllers(char out[128], const struct cg_hier *h, const char *on)
{
	size_t len = 0;
	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(v2_wanted); i++) {
		const char *c = cg_controller_name(v2_wanted[i], true);
		if ((h->controllers & v2_wanted[i]) && !has_word(on, c))
			len += (size_t)snprintf(out + len, 128 - len, "+%s ", c);
	}
	return out;
}

/* v2: switch on for the children of this group what is wanted and not on yet. What cannot be had is
 * no error here: a limit that needs it fails by name when it is written. */
static void enable_controllers(const struct cg_hier *h, int fd, const char *on)
{
	char text[128], *save = NULL;
	if (!missing_controllers(text, h, on)[0] ||
		path_write_virtual(fd, "cgroup.subtree_control", text) == 0)
		return;
	/* All or nothing is how the kernel takes a list, so one at a time. */
	for (char *c = strtok_r(text, " ", &save); c; c = strtok_r(NULL, " ", &save))
		(void)path_write_virtual(fd, "cgroup.subtree_control", c);
}

static bool controllers_ready(const struct cg_hier *h, int fd)
{
	char on[512], text[128];
	if (!missing_controllers(text, h, "")[0])
		return true;
	return path_read_virtual(fd, "cgroup.subtree_control", on, sizeof on) >= 0 &&
	       !missing_controllers(text, h, on)[0];
}

/* v1: a new cpuset is empty and takes no process; give it its parent's. 1 if the parent is empty.
 */
static int cpuset_inherit(int parent_fd, int fd)
{
	static const char *const files[] = {"cpuset.mems", "cpuset.cpus"};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char text[4096];
		if (path_read_virtual(fd, files[i], text, sizeof text) < 0)
			return -1;
		if (text[0] && text[0] != '\n')
			continue;
		if (path_read_virtual(parent_fd, files[i], text, sizeof text) < 0)
			return -1;
		if (!text[0] || text[0] == '\n')
			return 1;
		if (path_write_virtual(fd, files[i], text) < 0)
			return -1;
	}
	return 0;
}

/* Make a new group usable. -1 + errno. */
static int group_prepare(const struct cg_hier *h, int parent_fd, int fd)
{
	if (h->v2 || !(h->controllers & CG_CPUSET))
		return 0;
	int r = cpuset_inherit(parent_fd, fd);
	if (r > 0)
		errno = ENOSPC; /* what the kernel says to a process that enters such a group */
	return r ? -1 : 0;
}

/* Our base, component by component: made if missing, made usable if a crash left it half made. */
static int base_make(const struct cg_host *host, const struct cg_hier *h, struct err *e)
{
	char path[CG_MOUNT_SIZE], *save = NULL;
	(void)snprintf(path, sizeof path, "%s", host->base);
	autofd int fd = fcntl(h->root_fd, F_DUPFD_CLOEXEC, 0);
	for (char *c = strtok_r(path, "/", &save); c && fd >= 0; c = strtok_r(NULL, "/", &save)) {
		if (h->v2 && !controllers_ready(h, fd))
			enable_controllers(h, fd, "");
		bool made = mkdirat(fd, c, 0755) == 0;
		autofd int child = openat(fd, c, OPEN_GROUP);
		if (child < 0 || (made && fchmod(child, 0755) < 0) ||
			group_prepare(h, fd, child) < 0)
			return group_error(h, host->base, "make control group", e);
		fd_close(&fd);
		fd = fd_steal(&child);
	}
	if (fd >= 0 && h->v2 && !controllers_ready(h, fd))
		enable_controllers(h, fd, "");
	/* v1: what is made in it has its processors from its first moment. To write them checks
	 * each sibling and builds the host's scheduling domains anew, for every zone. */
	if (fd >= 0 && !h->v2 && (h->controllers & CG_CPUSET))
		(void)path_write_virtual(fd, "cgroup.clone_children", "1");
	return fd < 0 ? group_error(h, host->base, "open control group", e) : fd_steal(&fd);
}

/* The base as it nearly always is: there, and ready. */
static int base_open(const struct cg_host *host, const struct cg_hier *h, struct err *e)
{
	autofd int fd = openat(h->root_fd, host->base, OPEN_GROUP);
	char cpus[16] = "x", mems[16] = "x";
	if (fd >= 0 && !h->v2 && (h->controllers & CG_CPUSET) &&
		(path_read_virtual(fd, "cpuset.cpus", cpus, sizeof cpus) < 0 ||
			path_read_virtual(fd, "cpuset.mems", mems, sizeof mems) < 0))
		return group_error(h, host->base, "read control group", e);
	bool empty = !cpus[0] || cpus[0] == '\n' || !mems[0] || mems[0] == '\n';
	if (fd < 0 || empty || (h->v2 && !controllers_ready(h, fd)))
		return base_make(host, h, e);
	return fd_steal(&fd);
}

/* The scope that systemd has made (cg_scope.h), with controllers for what will be in it. */
static int scope_open(const struct cg_hier *h, const char *name, struct err *e)
{
	char path[CG_PATH_SIZE];
	cg_scope_path(path, name);
	autofd int fd = openat(h->root_fd, path, OPEN_GROUP);
	if (fd < 0)
		return group_error(h, path, "open control group", e);
	if (!controllers_ready(h, fd))
		enable_controllers(h, fd, "");
	return fd_steal(&fd);
}

/* ---- create ---- */

static int make_group(const struct cg_hier *h, int parent_fd, const char *name, int *ret_fd)
{
	if (mkdirat(parent_fd, name, 0755) < 0)
		return -1;
	autofd int fd = openat(parent_fd, name, OPEN_GROUP);
	if (fd < 0 || group_prepare(h, parent_fd, fd) < 0) {
		int errnum = errno;
		(void)unlinkat(parent_fd, name, AT_REMOVEDIR);
		errno = errnum;
		return -1;
	}
	*ret_fd = fd_steal(&fd);
	return 0;
}

static int delegate_zone(const struct cg_hier *h, int fd, uid_t uid, gid_t gid)
{
	static const char *const v2_files[] = {
		"", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"};
	static const char *const v1_files[] = {"", "cgroup.procs", "tasks"};
	const char *const *files = h->v2 ? v2_files : v1_files;
	size_t n = h->v2 ? ARRAY_LEN(v2_files) : ARRAY_LEN(v1_files);
	if (!h->v2 && !(h->controllers & CG_SYSTEMD))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (fchownat(fd, files[i], uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
			return -1;
	return 0;
}

/* Remove what this call made, and only that. */
static void create_undo(const struct cg_host *h, const struct cg *c, const char *path)
{
	for (size_t i = 0; i < h->n; i++) {
		if (c->limit_fd[i] < 0)
			continue;
		(void)unlinkat(c->limit_fd[i], "zone", AT_REMOVEDIR);
		(void)unlinkat(h->hier[i].root_fd, path, AT_REMOVEDIR);
	}
}

static int create_exists(const struct cg_host *h, const char *name, struct err *e)
{
	char path[CG_PATH_SIZE];
	path_with(path, h, h->manager, name);
	autocg struct cg there = {0};
	bool populated = false;
	if (cg_open(h, name, &there, NULL) == 0 && cg_is_populated(&there, &populated, NULL) < 0)
		populated = true;
	err_set(e, populated ? ERR_BUSY : ERR_STATE, "control group '%s' exists already%s", path,
		populated ? " and has processes" : ", left by an earlier run");
	if (e)
		e->sys_errno = EEXIST;
	return err_at(e, "cgroups", name);
}

/* Between the zone's processes and its limits there is a group of theirs where the zone could
 * change them otherwise: as its owner, or as the host's root, who sees no more than his cgroup
 * namespace. Where it cannot, each of a dozen hierarchies would cost some 130 KiB and 50 us for
 * nothing. */
static bool needs_inner(const struct cg_hier *h, uid_t owner_uid)
{
	return h->v2 || (h->controllers & CG_SYSTEMD) || owner_uid == 0;
}

static int dup_limit(struct cg *c, size_t i)
{
	c->zone_fd[i] = fcntl(c->limit_fd[i], F_DUPFD_CLOEXEC, 0);
	c->flat |= UINT32_C(1) << i;
	return c->zone_fd[i] < 0 ? -1 : 0;
}

static int create_in(const struct cg_host *h, size_t i, const char *name, const char *path,
	uid_t owner_uid, struct cg *c, struct err *e)
{
	const struct cg_hier *hier = &h->hier[i];
	bool scoped = h->manager == CG_MANAGER_SYSTEMD;
	autofd int parent = scoped ? scope_open(hier, name, e) : base_open(h, hier, e);
	if (parent < 0)
		return -1;
	if (make_group(hier, parent, strrchr(path, '/') + 1, &c->limit_fd[i]) < 0)
		return errno == EEXIST ? create_exists(h, name, e)
				       : group_error(hier, path, "make control group", e);
	if (hier->v2) {
		enable_controllers(hier, c->limit_fd[i], "");
		/* Groups that the zone makes take from what the host has for all: 65,535 ids. */
		if (path_write_virtual(c->limit_fd[i], "cgroup.max.descendants", MAX_DESCENDANTS) <
				0 ||
			path_write_virtual(c->limit_fd[i], "cgroup.max.depth", MAX_DEPTH) < 0)
			return group_error(hier, path, "limit the groups below", e);
	}
	/* The kernel restricts only a group that never had children: so it is now or not at all,
	 * and cg_devices_apply adds what is allowed. */
	if ((hier->controllers & CG_DEVICES) &&
		path_write_virtual(c->limit_fd[i], "devices.deny", "a") < 0)
		return group_error(hier, path, "restrict the devices of", e);
	/* Whatever our umask is: users inside the zone may read their group. */
	bool inner = needs_inner(hier, owner_uid);
	int r = inner ? make_group(hier, c->limit_fd[i], "zone", &c->zone_fd[i]) : dup_limit(c, i);
	if (r < 0 || fchmod(c->zone_fd[i], 0755) < 0)
		return group_error(hier, path, "make control group", e);
	/* v1: groups that a zone makes are empty, as anywhere. An idle one that had all processors
	 * would keep a limit from being lowered. */
	if (!hier->v2 && (hier->controllers & CG_CPUSET) && inner)
		(void)path_write_virtual(c->zone_fd[i], "cgroup.clone_children", "0");
	return 0;
}

static void cg_init(struct cg *c, const struct cg_host *h, const char *name)
{
	c->host = h;
	(void)snprintf(c->name, sizeof c->name, "%s", name);
	for (size_t i = 0; i < CG_HIER_MAX; i++)
		c->limit_fd[i] = c->zone_fd[i] = -1;
}

int cg_create(const struct cg_host *h, const char *name, const struct cg_limits *limits,
	uid_t owner_uid, gid_t owner_gid, bool delegate, struct cg *ret, struct err *e)
{
	struct cg_setting settings[CG_SETTINGS_MAX];
	char path[CG_PATH_SIZE];
	size_t n;
	if (name_check(name, e) < 0 || cg_limits_translate(h, limits, settings, &n, e) < 0)
		return -1;
	path_with(path, h, h->manager, name);
	autocg struct cg c = {0};
	cg_init(&c, h, name);
	int r = 0;
	for (size_t i = 0; i < h->n && r == 0; i++) {
		r = create_in(h, i, name, path, owner_uid, &c, e);
		if (r == 0 && delegate &&
			delegate_zone(&h->hier[i], c.zone_fd[i], owner_uid, owner_gid) < 0)
			r = group_error(&h->hier[i], path, "hand over control group", e);
	}
	if (r == 0)
		r = cg_settings_apply(&c, settings, n, false, e);
	if (r < 0) {
		create_undo(h, &c, path);
		return -1;
	}
	*ret = c;
	c.host = NULL;
	return 0;
}

/* ---- open, close, look ---- */

void cg_close(struct cg *c)
{
	if (!c->host)
		return;
	for (size_t i = 0; i < CG_HIER_MAX; i++) {
		fd_close(&c->limit_fd[i]);
		fd_close(&c->zone_fd[i]);
	}
	*c = (struct cg){0};
}

int cg_open(const struct cg_host *h, const char *name, struct cg *ret, struct err *e)
{
	char path[CG_PATH_SIZE];
	if (cg_limit_path(path, h, name, e) < 0)
		return -1;
	autocg struct cg c = {0};
	cg_init(&c, h, name);
	bool any = false;
	for (size_t i = 0; i < h->n; i++) {
		c.limit_fd[i] = openat(h->hier[i].root_fd, path, OPEN_GROUP);
		if (c.limit_fd[i] < 0 && errno == ENOENT)
			continue;
		if (c.limit_fd[i] < 0)
			return group_error(&h->hier[i], path, "open control group", e);
		any = true;
		c.zone_fd[i] = openat(c.limit_fd[i], "zone", OPEN_GROUP);
		bool flat = c.zone_fd[i] < 0 && errno == ENOENT && !h->hier[i].v2;
		if (flat ? dup_limit(&c, i) < 0
			 : c.zone_fd[i] < 0 && errno != ENOENT && errno != ENODEV)
			return group_error(&h->hier[i], path, "open control group", e);
	}
	if (!any) {
		err_set(e, ERR_NOT_FOUND, "no control group '%s'", path);
		return err_at(e, "cgroups", name);
	}
	*ret = c;
	c.host = NULL;
	return 0;
}

bool cg_exists(const struct cg_host *h, const char *name)
{
	char path[CG_PATH_SIZE];
	if (cg_limit_path(path, h, name, NULL) < 0)
		return false;
	for (size_t i = 0; i < h->n; i++)
		if (faccessat(h->hier[i].root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
	return false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The zone's name out of "cella-NAME.scope", cut in place; NULL if it is no scope of ours. */
static const char *name_from_scope(char *dir)
{
	size_t len = strlen(dir), tail = strlen(".scope");
	if (!str_starts(dir, "cella-") || len <= strlen("cella-") + tail ||
		!str_ends(dir, ".scope"))
		return NULL;
	dir[len - tail] = '\0';
	return dir + strlen("cella-");
}

/* Append the names in one directory of one hierarchy, each with its NUL. */
static int list_dir(
	const struct cg_hier *h, const char *path, bool scopes, struct strbuf *names, struct err *e)
{
	autofd int fd = openat(h->root_fd, path, OPEN_GROUP);
	if (fd < 0)
		return errno == ENOENT ? 0 : group_error(h, path, "read", e);
	struct cg_names dirs = {0};
	if (cg_names_read(fd, &dirs) < 0)
		return group_error(h, path, "read", e);
	const char *dir, *name;
	while ((dir = cg_names_next(&dirs))) {
		char scope[CG_PATH_SIZE];
		(void)snprintf(scope, sizeof scope, "%s", dir);
		if ((name = scopes ? name_from_scope(scope) : cg_name_from_dir(dir)))
			str_addn(names, name, strlen(name) + 1);
	}
	free(dirs.text);
	return 0;
}

static int list_hier(const struct cg_host *h, size_t i, struct strbuf *names, struct err *e)
{
	if (list_dir(&h->hier[i], h->base, false, names, e) < 0)
		return -1;
	return h->layout == CG_LAYOUT_V2 ? list_dir(&h->hier[i], "cella.slice", true, names, e) : 0;
}

int cg_list(
	const struct cg_host *h, int (*fn)(const char *name, void *arg), void *arg, struct err *e)
{
	autostr struct strbuf names = {0};
	for (size_t i = 0; i < h->n; i++)
		if (list_hier(h, i, &names, e) < 0)
			return -1;
	size_t len = names.len, n = 0;
	autofree char *text = str_finish(&names, e);
	autofree char **name = text ? calloc(len + 1, sizeof *name) : NULL;
	if (!name)
		return err_nomem(e);
	for (size_t at = 0; at < len; at += strlen(text + at) + 1)
		name[n++] = text + at;
	qsort(name, n, sizeof *name, by_name);
	for (size_t i = 0; i < n; i++) {
		int r = i && str_eq(name[i], name[i - 1]) ? 0 : fn(name[i], arg);
		if (r)
			return r;
	}
	return 0;
}
