/* Host facts: which hierarchies there are. Found by libcgroup (controllers) and mountinfo (ids,
 * named hierarchies, a cgroup2 mount without controllers), kept in a cache that is checked, never
 * trusted. */
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "isolation/cgroups/cg_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
	KEY_SIZE = 1024,
	CACHE_MAX = 16384
};

/* What a boot's layout is known by: boot id and "id:controllers" of every active hierarchy, named
 * ones included. A hierarchy that is made or taken away changes it; paths of this process do not.
 */
static int layout_key(char out[KEY_SIZE], struct err *e)
{
	char buf[16384];
	if (path_read_virtual(AT_FDCWD, "/proc/self/cgroup", buf, sizeof buf) < 0)
		return err_sys(e, errno, "read '/proc/self/cgroup'");
	int n = snprintf(out, KEY_SIZE, "%s", proc_boot_id());
	size_t o = (size_t)n;
	for (const char *p = buf; *p;) {
		const char *colon = strchr(p, ':');
		colon = colon ? strchr(colon + 1, ':') : NULL;
		if (!colon)
			break;
		n = snprintf(out + o, KEY_SIZE - o, ";%.*s", (int)(colon - p), p);
		if (n < 0 || (size_t)n >= KEY_SIZE - o)
			return err_set(e, ERR_HOST, "too many control group hierarchies");
		o += (size_t)n;
		p = strchr(colon, '\n');
		if (!p)
			break;
		p++;
	}
	return 0;
}

/* Open the mount point and see that it is a cgroup file system; fills root_fd, mnt_id, dev. */
static int hier_open(struct cg_hier *h)
{
	autofd int fd = open(h->mount_point, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct statfs fs;
	struct statx sx;
	if (fd < 0 || fstatfs(fd, &fs) < 0 ||
		statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, &sx) < 0)
		return -1;
	if (fs.f_type != (h->v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC) ||
		!(sx.stx_mask & STATX_MNT_ID)) {
		errno = ENODEV;
		return -1;
	}
	h->mnt_id = sx.stx_mnt_id;
	h->dev = makedev(sx.stx_dev_major, sx.stx_dev_minor);
	h->root_fd = fd_steal(&fd);
	return 0;
}

void cg_host_done(struct cg_host *h)
{
	for (size_t i = 0; i < h->n && !h->borrowed; i++)
		fd_close(&h->hier[i].root_fd);
	*h = (struct cg_host){0};
}

/* Everything that follows from the list of hierarchies. */
static int host_finish(struct cg_host *h, struct err *e)
{
	bool v1 = false;
	h->v2 = -1;
	h->controllers = 0;
	for (size_t i = 0; i < h->n; i++) {
		h->controllers |= h->hier[i].controllers;
		if (h->hier[i].v2)
			h->v2 = (int)i;
		else
			v1 = true;
	}
	if (!v1 && h->v2 < 0) {
		err_set(e, ERR_HOST, "this host has no control groups mounted");
		return err_hint(e, "mount -t cgroup2 cgroup2 /sys/fs/cgroup");
	}
	h->layout = !v1 ? CG_LAYOUT_V2 : h->v2 < 0 ? CG_LAYOUT_V1 : CG_LAYOUT_HYBRID;
	(void)snprintf(h->base, sizeof h->base, "cella");
	return 0;
}

/* ---- discovery ---- */

struct discovery {
	size_t n;
	struct {
		struct cg_mount mount;
		uint32_t controllers;
	} at[64];
	uint32_t seen;
};

static void discovery_add(struct discovery *d, const struct cg_mount *m)
{
	/* A later mount at the same place hides the earlier one. */
	for (size_t i = 0; i < d->n; i++)
		if (str_eq(d->at[i].mount.mount_point, m->mount_point)) {
			d->at[i].mount = *m;
			return;
		}
	if (d->n < ARRAY_LEN(d->at))
		d->at[d->n++].mount = *m;
}

static int discovery_read_mounts(struct discovery *d, struct err *e)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	if (!f)
		return err_sys(e, errno, "open '/proc/self/mountinfo'");
	autofree char *line = NULL;
	size_t cap = 0;
	struct cg_mount m;
	while (getline(&line, &cap, f) >= 0)
		if (cg_parse_mountinfo(line, &m))
			discovery_add(d, &m);
	bool bad = ferror(f);
	(void)fclose(f);
	return bad ? err_set(e, ERR_FAILED, "cannot read '/proc/self/mountinfo'") : 0;
}

static void discovery_found(const char *controller, const char *path, void *arg)
{
	struct discovery *d = arg;
	uint32_t bit = cg_parse_controller(controller);
	/* A controller is in one hierarchy; a second sight of it is another mount of the same. */
	if (!bit || (d->seen & bit))
		return;
	for (size_t i = 0; i < d->n; i++)
		if (str_eq(d->at[i].mount.mount_point, path)) {
			d->at[i].controllers |= bit;
			d->seen |= bit;
		}
}

/* The cgroup2 mount to use: one that libcgroup found controllers on, else one that shows the whole
 * hierarchy, else any. */
static size_t discovery_pick_v2(const struct discovery *d)
{
	size_t best = d->n;
	int best_score = 0;
	for (size_t i = 0; i < d->n; i++) {
		if (!d->at[i].mount.v2)
			continue;
		int score = d->at[i].controllers ? 3 : str_eq(d->at[i].mount.root, "/") ? 2 : 1;
		if (score > best_score) {
			best = i;
			best_score = score;
		}
	}
	return best;
}

static int host_add(
	struct cg_host *h, const struct cg_mount *m, uint32_t controllers, struct err *e)
{
	if (h->n == CG_HIER_MAX)
		return err_set(e, ERR_HOST, "more than %d control group hierarchies", CG_HIER_MAX);
	struct cg_hier *hier = &h->hier[h->n];
	*hier = (struct cg_hier){.v2 = m->v2, .controllers = controllers, .root_fd = -1};
	(void)snprintf(hier->title, sizeof hier->title, "%s", m->title);
	(void)snprintf(hier->mount_point, sizeof hier->mount_point, "%s", m->mount_point);
	if (hier_open(hier) < 0)
		return err_sys(e, errno, "open control group mount '%s'", m->mount_point);
	h->n++;
	if (hier->mnt_id != m->mnt_id)
		return err_set(e, ERR_HOST, "'%s' is hidden by another mount", m->mount_point);
	hier->memsw = !m->v2 && (controllers & CG_MEMORY) &&
		      faccessat(hier->root_fd, "memory.memsw.limit_in_bytes", F_OK, 0) == 0;
	return 0;
}

static int host_discover(struct cg_host *h, struct err *e)
{
	autofree struct discovery *d = calloc(1, sizeof *d);
	if (!d)
		return err_nomem(e);
	if (discovery_read_mounts(d, e) < 0 || cg_discover(discovery_found, d, e) < 0)
		return -1;
	size_t v2 = discovery_pick_v2(d);
	bool systemd = false;
	for (size_t i = 0; i < d->n; i++) {
		const struct cg_mount *m = &d->at[i].mount;
		uint32_t controllers = d->at[i].controllers;
		if (!m->v2 && !systemd && str_eq(m->title, "name=systemd")) {
			controllers |= CG_SYSTEMD;
			systemd = true;
		}
		/* Other named hierarchies and second mounts are nothing to us. */
		if (i != v2 && (m->v2 || !controllers))
			continue;
		if (host_add(h, m, controllers, e) < 0)
			return -1;
	}
	return host_finish(h, e);
}

/* ---- cache ---- */

static const char cache_magic[] = "cella control groups 1";

static void cache_write(const char *path, const char *key, const struct cg_host *h)
{
	autostr struct strbuf s = {0};
	str_addf(&s, "%s\n%s\n", cache_magic, key);
	for (size_t i = 0; i < h->n; i++) {
		const struct cg_hier *hier = &h->hier[i];
		/* The format has no escapes; such a mount point is legal but nobody has it. */
		if (strpbrk(hier->mount_point, " \n\t"))
			return;
		str_addf(&s, "%d %d %x %ju %ju %s %s\n", hier->v2, hier->memsw, hier->controllers,
			(uintmax_t)hier->mnt_id, (uintmax_t)hier->dev, hier->title,
			hier->mount_point);
	}
	str_add(&s, "end\n");
	size_t len = s.len;
	autofree char *text = str_finish(&s, NULL);
	const char *slash = strrchr(path, '/');
	autofree char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : NULL;
	if (!text || !dir)
		return;
	autofd int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd >= 0)
		(void)path_write_volatile(dir_fd, slash + 1, text, len, 0600, NULL);
}

static bool cache_line(char *line, struct cg_hier *ret)
{
	char *word[7], *save = NULL;
	for (size_t i = 0; i < ARRAY_LEN(word); i++)
		if (!(word[i] = strtok_r(i ? NULL : line, " ", &save)))
			return false;
	if (strtok_r(NULL, " ", &save))
		return false;
	struct cg_hier h = {.root_fd = -1};
	char *end;
	h.v2 = str_eq(word[0], "1");
	h.memsw = str_eq(word[1], "1");
	h.controllers = (uint32_t)strtoul(word[2], &end, 16);
	if (*end || !str_to_u64(word[3], &h.mnt_id) || !str_to_u64(word[4], &h.dev) ||
		strlen(word[5]) >= sizeof h.title || strlen(word[6]) >= sizeof h.mount_point)
		return false;
	(void)snprintf(h.title, sizeof h.title, "%s", word[5]);
	(void)snprintf(h.mount_point, sizeof h.mount_point, "%s", word[6]);
	*ret = h;
	return true;
}

/* True if the whole cache is well-formed and every mount in it is still that mount. */
static bool cache_read(const char *path, const char *key, struct cg_host *h)
{
	autofree char *text = NULL;
	if (path_read_file(AT_FDCWD, path, CACHE_MAX, &text, NULL, NULL) < 0)
		return false;
	char *save = NULL, *line = strtok_r(text, "\n", &save);
	if (!str_eq(line, cache_magic) || !str_eq(strtok_r(NULL, "\n", &save), key))
		return false;
	while ((line = strtok_r(NULL, "\n", &save)) && !str_eq(line, "end")) {
		struct cg_hier hier;
		if (h->n == CG_HIER_MAX || !cache_line(line, &hier))
			return false;
		uint64_t mnt_id = hier.mnt_id, dev = hier.dev;
		if (hier_open(&hier) < 0)
			return false;
		h->hier[h->n++] = hier;
		if (hier.mnt_id != mnt_id || hier.dev != dev)
			return false;
	}
	h->from_cache = true;
	return line && host_finish(h, NULL) == 0;
}

int cg_host_load(const char *cache_file, struct cg_host *ret, struct err *e)
{
	char key[KEY_SIZE];
	struct cg_host h = {0};
	if (layout_key(key, e) < 0)
		return -1;
	if (!cache_file || !cache_read(cache_file, key, &h)) {
		cg_host_done(&h);
		if (host_discover(&h, e) < 0) {
			cg_host_done(&h);
			return err_at(e, "cgroups", NULL);
		}
		if (cache_file)
			cache_write(cache_file, key, &h);
	}
	*ret = h;
	return 0;
}

int cg_host_set_manager(struct cg_host *h, const char *wanted, struct err *e)
{
	/* sd_booted(3): what systemd itself says about how to find out. */
	bool runs = access("/run/systemd/system", F_OK) == 0, pure = h->layout == CG_LAYOUT_V2;
	if (str_eq(wanted, "systemd") && (!runs || !pure)) {
		err_set(e, ERR_HOST, "cgroup manager systemd: %s",
			runs ? "this host has cgroup v1 controllers"
			     : "systemd does not run this host");
		return err_hint(e, "use --cgroup-manager cgroupfs");
	}
	if (!str_eq(wanted, "systemd") && !str_eq(wanted, "cgroupfs") && !str_eq(wanted, "auto"))
		return err_set(e, ERR_USAGE,
			"\"%s\" is no cgroup manager: auto, systemd, or cgroupfs", wanted);
	h->manager = runs && pure && !str_eq(wanted, "cgroupfs") ? CG_MANAGER_SYSTEMD
								 : CG_MANAGER_CGROUPFS;
	return 0;
}

/* ---- questions ---- */

int cg_host_index(const struct cg_host *h, uint32_t controller)
{
	int found = -1;
	for (size_t i = 0; i < h->n; i++)
		if ((h->hier[i].controllers & controller) && (found < 0 || !h->hier[i].v2))
			found = (int)i;
	return found;
}

const struct cg_hier *cg_host_find(const struct cg_host *h, enum cg_controller c)
{
	int i = cg_host_index(h, c);
	return i < 0 ? NULL : &h->hier[i];
}

void cg_host_prune(const struct cg_host *h)
{
	for (size_t i = 0; i < h->n; i++)
		(void)unlinkat(h->hier[i].root_fd, h->base, AT_REMOVEDIR);
}

const char *cg_layout_name(enum cg_layout l)
{
	switch (l) {
	case CG_LAYOUT_V1:
		return "v1";
	case CG_LAYOUT_HYBRID:
		return "hybrid";
	case CG_LAYOUT_V2:
		return "v2";
	case CG_LAYOUT_NONE:
		break;
	}
	return "none";
}
