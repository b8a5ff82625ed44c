#include "runtime/volumes.h"
#include "runtime/start_host.h"
#include "base/defence.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "fsroot/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

_Static_assert(SPEC_BINDS_MAX + MOUNT_SLOT_VOLUMES <= FD_PASS_MAX, "they travel in one packet");

/* ---- the source ---- */

enum {
	LINKS_MAX = 41 /* as the kernel: 40, and the path itself */
};

struct source {
	int fd; /* O_PATH */
	struct stat st;
	bool is_shielded; /* no other user of the host can get to it by its path */
};

/* Only root can pass a directory on the way: then whatever lies below is root's alone. */
static bool shields(const struct stat *st)
{
	return S_ISDIR(st->st_mode) && st->st_uid == 0 && !(st->st_mode & S_IXOTH) &&
	       (st->st_gid == 0 || !(st->st_mode & S_IXGRP));
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

struct walk {
	int at; /* O_PATH */
	struct stat now;
	bool is_shielded;    /* by a directory that was passed, which `now` was not yet */
	char done[PATH_MAX]; /* the way to `at`, free of links; "" for "/" */
};

static int walk_begin(struct walk *w, struct err *e)
{
	fd_close(&w->at);
	w->at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	w->is_shielded = false;
	w->done[0] = '\0';
	return w->at < 0 || fstat(w->at, &w->now) < 0 ? err_sys(e, errno, "open '/'") : 0;
}

/* A link is followed if none but the host's root can have made it: another volume may lie above
 * the source, and what a zone's root makes there has the owner that the host's has. Such a volume
 * is shielded or nosuid (check_shield), or its files are not root's. */
static int check_link(
	const struct walk *w, const struct stat *link, const char *name, struct err *e)
{
	struct statvfs fs;
	bool nosuid = fstatvfs(w->at, &fs) < 0 || (fs.f_flag & ST_NOSUID);
	if (defence_is_off("S08v") ||
		(!link->st_uid && !w->is_shielded && !shields(&w->now) && !nosuid))
		return 0;
	err_set(e, ERR_HOST,
		"'%s/%s' is a link, and of one in this place it is not certain that the host's "
		"root has made it",
		w->done, name);
	return err_hint(e, "name the place that it leads to");
}

/* One component further. 1: it is a link or "..", and `next` is where to begin anew. */
static int walk_step(
	struct walk *w, const char *name, const char *rest, char next[PATH_MAX], struct err *e)
{
	struct stat st;
	char link[PATH_MAX];
	size_t len = strlen(w->done);
	if (!strcmp(name, "."))
		return 0;
	if (!strcmp(name, "..")) {
		const char *up = strrchr(w->done, '/');
		(void)snprintf(
			next, PATH_MAX, "%.*s/%s", up ? (int)(up - w->done) : 0, w->done, rest);
		return 1;
	}
	autofd int fd = openat(w->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "open '%s/%s'", w->done, name);
	if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlinkat(fd, "", link, sizeof link - 1);
		if (n < 0)
			return err_sys(e, errno, "read the link '%s/%s'", w->done, name);
		link[n] = '\0';
		if (check_link(w, &st, name, e) < 0)
			return -1;
		n = snprintf(next, PATH_MAX, "%s/%s/%s", link[0] == '/' ? "" : w->done, link, rest);
		return n < PATH_MAX ? 1 : err_sys(e, ENAMETOOLONG, "follow '%s'", name);
	}
	if (len + strlen(name) + 2 > sizeof w->done)
		return err_sys(e, ENAMETOOLONG, "open '%s'", name);
	(void)snprintf(w->done + len, sizeof w->done - len, "/%s", name);
	w->is_shielded |= shields(&w->now);
	fd_close(&w->at);
	w->at = fd_steal(&fd);
	w->now = st;
	return 0;
}

static int check_not_own(const struct store *st, const struct stat *now, struct err *e)
{
	const int fds[] = {st->root_fd, st->run_fd, st->log_fd};
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		struct stat own;
		if (fstat(fds[i], &own) < 0)
			return err_sys(e, errno, "look at Cella's own directories");
		if (same_file(now, &own))
			return err_set(e, ERR_USAGE, "is Cella's own directory, or in it");
	}
	return 0;
}

/* From "/" down, component by component: every directory that is passed is looked at, and what is
 * opened is what was looked at. What the source is itself shields nothing: its mode is the zone's
 * root's to change. */
static int walk_to(const struct store *st, const char *path, struct source *ret, struct err *e)
{
	char way[PATH_MAX], next[PATH_MAX];
	struct walk w = {.at = -1};
	int links = 0, r = 1;
	(void)snprintf(next, sizeof next, "%s", path);
	while (r == 1 && links++ < LINKS_MAX) {
		char *rest = memcpy(way, next, sizeof way), *name;
		if ((r = walk_begin(&w, e)) < 0)
			break;
		while (r == 0 && (name = strsep(&rest, "/")))
			if (*name && (r = walk_step(&w, name, rest ? rest : "", next, e)) == 0)
				r = check_not_own(st, &w.now, e);
	}
	if (r == 0) {
		*ret = (struct source){.fd = w.at, .st = w.now, .is_shielded = w.is_shielded};
		return 0;
	}
	fd_close(&w.at);
	return r < 0 ? -1 : err_sys(e, ELOOP, "follow its links");
}

/* Does the way from `own` up to the root of the tree lead through the source? */
static int check_not_above(const struct stat *source, int own, struct err *e)
{
	autofd int at = fcntl(own, F_DUPFD_CLOEXEC, 3);
	struct stat now, before = {0};
	while (at >= 0 && fstat(at, &now) == 0 && !same_file(&now, &before)) {
		if (same_file(&now, source))
			return err_set(e, ERR_USAGE,
				"Cella's own directories lie below it, all zones' files with them");
		before = now;
		int up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		fd_close(&at);
		at = up;
	}
	return at < 0 ? err_sys(e, errno, "look above Cella's own directories") : 0;
}

/* Follows links as every admin's command does, but none that a zone may have made; then the place
 * is fixed. */
static int source_open(const struct store *st, const char *path, struct source *ret, struct err *e)
{
	struct source s;
	if (walk_to(st, path, &s, e) < 0)
		return err_prefix(e, "the source '%s'", path);
	autofd int fd = s.fd;
	const int own[] = {st->root_fd, st->run_fd, st->log_fd};
	for (size_t i = 0; S_ISDIR(s.st.st_mode) && i < ARRAY_LEN(own); i++)
		if (check_not_above(&s.st, own[i], e) < 0)
			return err_prefix(e, "the source '%s'", path);
	if (!S_ISDIR(s.st.st_mode) && !S_ISREG(s.st.st_mode) && !S_ISSOCK(s.st.st_mode))
		return err_set(e, ERR_USAGE,
			"the source '%s' is neither a directory nor a file nor a socket", path);
	*ret = s;
	ret->fd = fd_steal(&fd);
	return 0;
}

/* R9: what the zone's root stores there with the host's ids, a setuid program of root for one,
 * must not be the host's users' to run. */
static int check_shield(
	const struct plan *p, const struct plan_volume *v, const struct source *src, struct err *e)
{
	struct statvfs fs;
	bool as_host_ids = (v->idmap || !p->has_userns) && !defence_is_off("S21v");
	if (!as_host_ids || (v->attrs & MOUNT_ATTR_RDONLY) || src->is_shielded)
		return 0;
	if (!v->recursive && fstatvfs(src->fd, &fs) == 0 && (fs.f_flag & ST_NOSUID))
		return 0;
	err_set(e, ERR_HOST,
		"users of this host can get to '%s': a setuid program that the zone's root makes "
		"there would be the host's root to them",
		v->source);
	return err_hint(e,
		"chmod 0700 a directory above it, or mount its file system nosuid, or use the "
		"option \"ro\"%s",
		p->has_userns ? " or \"idmap\": false" : "");
}

/* ---- the plan ---- */

static uint64_t option_attrs(const struct spec_mount *m)
{
	static const struct {
		const char *name;
		uint64_t bit;
	} table[] = {{"ro", MOUNT_ATTR_RDONLY}, {"nosuid", MOUNT_ATTR_NOSUID},
		{"noexec", MOUNT_ATTR_NOEXEC}, {"noatime", MOUNT_ATTR_NOATIME},
		{"nodiratime", MOUNT_ATTR_NODIRATIME}};
	uint64_t attrs = MOUNT_ATTR_NODEV;
	for (size_t i = 0; i < m->options.n; i++)
		for (size_t j = 0; j < ARRAY_LEN(table); j++)
			if (!strcmp(m->options.items[i], table[j].name))
				attrs |= table[j].bit;
	return attrs;
}

/* The value of "KEY=VALUE", or NULL. */
static const char *option_value(const struct spec_mount *m, const char *key)
{
	for (size_t i = 0; i < m->options.n; i++)
		if (str_starts(m->options.items[i], key))
			return m->options.items[i] + strlen(key);
	return NULL;
}

static bool has_option(const struct spec_mount *m, const char *name)
{
	const char *rest = option_value(m, name);
	return rest && !*rest;
}

static int plan_bind(
	const struct spec_mount *m, struct plan *p, struct mount_volume *mv, struct err *e)
{
	struct plan_volume *v = &p->volumes[p->n_volumes];
	*v = (struct plan_volume){
		.source = m->source,
		.attrs = mv->attrs,
		.recursive = has_option(m, "rbind"),
		.idmap = m->idmap && p->has_userns,
	};
	struct source src;
	if (source_open(p->store, m->source, &src, e) < 0)
		return -1;
	v->is_dir = mv->is_dir = S_ISDIR(src.st.st_mode);
	mv->source = m->source;
	p->n_volumes++;
	int r = check_shield(p, v, &src, e);
	fd_close(&src.fd);
	return r;
}

int volumes_plan(const struct zone_spec *spec, struct plan *p, struct err *e)
{
	size_t n = spec->n_mounts;
	p->volumes = calloc(n + 1, sizeof *p->volumes);
	p->mount_volumes = calloc(n + 1, sizeof *p->mount_volumes);
	if (!p->volumes || !p->mount_volumes)
		return err_nomem(e);
	for (size_t i = 0; i < n; i++) {
		const struct spec_mount *m = &spec->mounts[i];
		struct mount_volume *mv = &p->mount_volumes[p->n_mount_volumes++];
		*mv = (struct mount_volume){
			.target = m->target,
			.is_tmpfs = !strcmp(m->type, "tmpfs"),
			/* H24: an app has no use for setuid programs of a volume */
			.attrs = option_attrs(m) | (p->system ? 0ULL : MOUNT_ATTR_NOSUID),
			.size = option_value(m, "size="),
			.mode = option_value(m, "mode="),
		};
		if (!mv->is_tmpfs && plan_bind(m, p, mv, e) < 0) {
			char pointer[48];
			(void)snprintf(pointer, sizeof pointer, "/mounts/%zu/source", i);
			return err_prefix(e, "%s", pointer);
		}
	}
	return 0;
}

void volumes_plan_done(struct plan *p)
{
	free(p->volumes);
	free(p->mount_volumes);
}

/* ---- the start ---- */

int volume_clone(const struct plan *p, const struct plan_volume *v, int *ret_tree,
	struct stat *ret_st, struct err *e)
{
	struct source src;
	if (source_open(p->store, v->source, &src, e) < 0)
		return err_at(e, "volumes", v->source);
	autofd int fd = src.fd;
	if (S_ISDIR(src.st.st_mode) != v->is_dir) {
		err_set(e, ERR_FAILED, "'%s' changed meanwhile", v->source);
		return err_at(e, "volumes", v->source);
	}
	if (check_shield(p, v, &src, e) < 0)
		return err_at(e, "volumes", v->source);
	autofd int tree = tree_clone(fd, "", v->recursive);
	if (tree < 0) {
		err_sys(e, errno, "clone the mount of '%s'", v->source);
		return err_at(e, "volumes", v->source);
	}
	*ret_tree = fd_steal(&tree);
	*ret_st = src.st;
	return 0;
}

int volumes_open(struct start *s, struct err *e)
{
	struct stat st;
	for (size_t i = 0; i < s->plan.n_volumes; i++)
		if (volume_clone(&s->plan, &s->plan.volumes[i], &s->volume_fds[i], &st, e) < 0)
			return -1;
	return 0;
}

static int set_flags(const struct plan_volume *v, int tree, int userns_fd, struct err *e)
{
	struct mount_attr attr = {.attr_set = v->attrs};
	if (v->attrs & MOUNT_ATTR_NOATIME)
		attr.attr_clr = MOUNT_ATTR__ATIME;
	if (v->idmap) {
		attr.attr_set |= MOUNT_ATTR_IDMAP;
		attr.userns_fd = (unsigned)userns_fd;
	}
	unsigned flags = AT_EMPTY_PATH | (v->recursive ? (unsigned)AT_RECURSIVE : 0U);
	if (mount_setattr(tree, "", flags, &attr, sizeof attr) == 0)
		return 0;
	int errnum = errno;
	char name[24];
	if (!v->idmap || errnum != EINVAL)
		return err_sys(e, errnum, "set the flags of '%s'", v->source);
	err_set(e, ERR_HOST, "the file system '%s' of '%s'%s cannot map ids",
		tree_fs_name(tree, name), v->source,
		v->recursive ? ", or one that is mounted below it," : "");
	return err_hint(e, "use ext4, xfs or btrfs, or \"idmap\": false: then its files belong to "
			   "ids that the zone does not have");
}

int volume_map(const struct plan_volume *v, int tree, int userns_fd, struct err *e)
{
	return set_flags(v, tree, userns_fd, e) < 0 ? err_at(e, "volumes", v->source) : 0;
}

int volumes_map(struct start *s, struct err *e)
{
	for (size_t i = 0; i < s->plan.n_volumes; i++)
		if (volume_map(&s->plan.volumes[i], s->volume_fds[i], s->userns_fd, e) < 0)
			return -1;
	return 0;
}
