/* Which file systems a zone sees. The lists of what is hidden belong to isolation/privileges, the
 * order and the flags to fsroot; here the two meet. */
#include "runtime/plan.h"
#include "base/defence.h"
#include "isolation/privileges/paths.h"

#include <stdlib.h>
#include <string.h>

static size_t count(const char *const *list)
{
	size_t n = 0;
	while (list[n])
		n++;
	return n;
}

/* Pure v1: name=systemd is the zone's to write (a systemd inside needs one tree of its own), the
 * controllers are for reading: delegating them is not safe, cgroups(7). */
static int cgroup_v1(const struct cg_host *host, struct plan *p, struct err *e)
{
	if (!(p->cgroup_v1 = calloc(host->n + 1, sizeof *p->cgroup_v1)))
		return err_nomem(e);
	for (size_t i = 0; i < host->n; i++) {
		const struct cg_hier *h = &host->hier[i];
		bool named = !strncmp(h->title, "name=", 5);
		p->cgroup_v1[p->n_cgroup_v1++] = (struct mount_cgroup_v1){
			.dir = named ? h->title + 5 : h->title,
			.options = h->title,
			.is_writable = p->system && (h->controllers & CG_SYSTEMD),
		};
	}
	return 0;
}

int plan_mounts(const struct cg_host *host, struct plan *p, struct err *e)
{
	if (host->v2 < 0 && cgroup_v1(host, p, e) < 0)
		return -1;
	const char *const *writable = paths_writable;
	if (p->ns.of[NS_NET].mode == NS_HOST)
		writable += PATHS_WRITABLE_NET;
	if (!(p->masked = paths_masked_here("/sys/devices/system/cpu", e)))
		return -1;
	struct mount_plan_input in = {
		.is_system = p->system,
		.has_userns = p->has_userns,
		.has_netns = p->ns.of[NS_NET].mode != NS_HOST,
		.has_ipcns = p->ns.of[NS_IPC].mode != NS_HOST,
		.is_readonly = p->root_readonly,
		.tmpfs_tmp = p->root_readonly,
		.tty_gid = "5",
		.cgroup = host->v2 >= 0 ? MOUNT_CGROUP_V2 : MOUNT_CGROUP_V1,
		.cgroup_writable = p->system,
		.v1 = p->cgroup_v1,
		.n_v1 = p->n_cgroup_v1,
		.volumes = p->mount_volumes,
		.n_volumes = p->n_mount_volumes,
		.masked = (const char *const *)p->masked,
		.n_masked = count((const char *const *)p->masked),
		.readonly = paths_readonly,
		.n_readonly = count(paths_readonly),
		.writable = writable,
		.n_writable = count(writable),
	};
	if (defence_is_off("H06"))
		in.n_masked = 0;
	return mount_plan_make(&in, &p->mounts, e);
}
