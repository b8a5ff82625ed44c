/* Building a zone's root on the host side: /dev, the overlay, the few files of ours in it. All of
 * it is detached mounts in the host side's private mount namespace (R1). */
#include "runtime/start_host.h"
#include "runtime/backend.h"
#include "runtime/identity.h"
#include "runtime/init_kind.h"
#include "runtime/layers.h"
#include "runtime/user.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "fsroot/dev.h"
#include "fsroot/etc.h"
#include "fsroot/overlay.h"
#include "fsroot/scratch.h"
#include "fsroot/volume.h"

#include <fcntl.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static uint32_t root_id(const struct start *s)
{
	return s->plan.has_userns ? s->plan.map.host_first : 0;
}

static void free_list(char **list)
{
	for (char **p = list; p && *p; p++)
		free(*p);
	free(list);
}

/* "layers/ID/fs" for each, uppermost first. */
static char **layer_paths(const struct plan *p, struct err *e)
{
	char **list = calloc(p->n_layers + 1, sizeof *list);
	for (size_t i = 0; list && i < p->n_layers; i++)
		if (!(list[i] = str_format("layers/%s/fs", p->layers[i]))) {
			free_list(list);
			list = NULL;
		}
	if (!list)
		err_nomem(e);
	return list;
}

/* "/" in the zone takes after the uppermost layer's. */
static int make_scratch(struct start *s, int *ret, struct err *e)
{
	struct stat root;
	autofd int fs = layer_open_fs(s->zone->store, s->plan.layers[0], e);
	if (fs < 0)
		return -1;
	if (fstat(fs, &root) < 0)
		return err_sys(e, errno, "layer '%s'", s->plan.layers[0]);
	const struct scratch_plan p = {
		.bytes = s->plan.scratch_bytes,
		.uid = root_id(s),
		.gid = root_id(s),
		.mode = root.st_mode & 07777,
	};
	return scratch_make(&p, ret, e);
}

int start_build_overlay(struct start *s, struct err *e)
{
	char upper[ZONE_NAME_MAX + 16], work[ZONE_NAME_MAX + 16];
	(void)snprintf(upper, sizeof upper, "zones/%s/upper", s->plan.name);
	(void)snprintf(work, sizeof work, "zones/%s/work", s->plan.name);
	autofd int scratch = -1;
	if (s->plan.scratch_bytes && make_scratch(s, &scratch, e) < 0)
		return err_at(e, "root", s->plan.name);
	char **layers = layer_paths(&s->plan, e);
	if (!layers)
		return -1;
	autofd int volume = -1;
	if (s->zone->record.volume && !s->plan.scratch_bytes &&
		volume_mount(s->zone->dir_fd, BACKEND_VOLUME, &volume, e) < 0) {
		free_list(layers);
		return err_at(e, "volume", s->plan.name);
	}
	struct overlay_plan o = {
		.store_tree_fd = s->store_tree,
		.layers = (const char *const *)layers,
		.n_layers = s->plan.n_layers,
		.upper = volume >= 0 || scratch >= 0 ? "upper" : upper,
		.work = volume >= 0 || scratch >= 0 ? "work" : work,
		.on_scratch = scratch >= 0,
		.scratch_fd = scratch,
		.on_volume = volume >= 0,
		.volume_fd = volume,
		.userns_fd = s->userns_fd,
		.root_uid = root_id(s),
		.root_gid = root_id(s),
	};
	int r = overlay_build(&o, &s->root_fd, e);
	free_list(layers);
	return r < 0 ? err_at(e, "root", s->plan.name) : 0;
}

/* "10.207.0.5/20" -> "10.207.0.5" */
static char *bare(const char *cidr)
{
	return strndup(cidr, strcspn(cidr, "/"));
}

static int write_etc(struct start *s, struct err *e)
{
	struct zone *z = s->zone;
	autofree char *a4 = bare(s->state.address4), *a6 = bare(s->state.address6);
	struct etc_host hosts[2];
	size_t n = 0;
	if (!a4 || !a6)
		return err_nomem(e);
	if (a4[0])
		hosts[n++] = (struct etc_host){a4, s->plan.hostname};
	if (a6[0])
		hosts[n++] = (struct etc_host){a6, s->plan.hostname};
	autofree char *text = etc_hosts_content(s->plan.hostname, hosts, n, e);
	if (!text)
		return -1;
	autofree char *resolv = NULL;
	if (s->plan.resolv_conf && !(resolv = str_format("%s%s", ETC_MARKER, s->plan.resolv_conf)))
		return err_nomem(e);
	/* What is in memory begins anew every time. */
	bool first = !z->record.has_started || s->plan.scratch_bytes;
	struct etc_plan plan = {
		.root_fd = s->root_fd,
		.root_uid = root_id(s),
		.root_gid = root_id(s),
		.is_first_start = first,
		.hostname = s->plan.hostname,
		.old_hostname = !first && z->record.etc_hostname[0] ? z->record.etc_hostname : NULL,
		.hosts = text,
		.resolv_conf = resolv,
		/* A system init makes its own on first boot when it finds the file empty. */
		.machine_id = s->plan.system && first ? "" : NULL,
	};
	struct etc_report report;
	if (etc_write_files(&plan, &report, e) < 0)
		return err_at(e, "etc", s->plan.name);
	if (z->record.identity_pending && identity_apply(s->root_fd, z, root_id(s), e) < 0)
		return err_at(e, "identity", s->plan.name);
	return 0;
}

static int find_signals(struct start *s, struct err *e)
{
	struct plan *p = &s->plan;
	enum init_flavour flavour = INIT_APP;
	(void)e;
	if (p->system)
		flavour = init_flavour_detect(s->root_fd, p->argv[0]);
	s->state.stop_signal = p->stop_signal ? p->stop_signal : init_stop_signal(flavour);
	s->state.stop_by_initctl = flavour == INIT_SYSV && !p->stop_signal;
	s->state.reboot_signal = init_reboot_signal(flavour);
	return 0;
}

static int find_user(struct start *s, struct start_root *late, struct err *e)
{
	struct user_ids u;
	uint32_t n_ids = s->plan.has_userns ? s->plan.map.count : UINT32_MAX;
	if (user_resolve(s->root_fd, s->plan.user, n_ids, &u, e) < 0)
		return err_at(e, "user", s->plan.user);
	late->uid = u.uid;
	late->gid = u.gid;
	for (size_t i = 0; i < u.n_groups && i < START_GROUPS_MAX; i++)
		late->groups[late->n_groups++] = u.groups[i];
	return 0;
}

int start_build_root(struct start *s, struct start_root *late, struct err *e)
{
	struct dev_plan dev = {
		.root_uid = root_id(s),
		.root_gid = root_id(s),
		.tty_gid = root_id(s) + 5,
	};
	if (dev_build(&dev, &s->dev_fd, e) < 0 || dev_build_mask(&s->mask_fd, e) < 0)
		return err_at(e, "dev", s->plan.name);
	if (start_build_overlay(s, e) < 0 || write_etc(s, e) < 0 || find_signals(s, e) < 0)
		return -1;
	return find_user(s, late, e);
}
