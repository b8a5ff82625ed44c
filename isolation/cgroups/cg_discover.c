/* Where controllers are mounted, by libcgroup. The only file that includes its header. It is loaded
 * when needed: linked, it would cost every start 0.1 ms, although a start finds the answer in the
 * cache of cg_host.c. */
#include "isolation/cgroups/cg_internal.h"

#include <dlfcn.h>
#include <libcgroup.h>
#include <string.h>

struct library {
	__typeof__(cgroup_init) *init;
	__typeof__(cgroup_strerror) *strerror;
	__typeof__(cgroup_get_controller_begin) *begin;
	__typeof__(cgroup_get_controller_next) *next;
	__typeof__(cgroup_get_controller_end) *end;
};

static int library_load(struct library *l, struct err *e)
{
	/* Never unloaded: libcgroup keeps the mount table it read. */
	void *so = dlopen(CELLA_LIBCGROUP_SONAME, RTLD_NOW | RTLD_LOCAL);
	if (!so) {
		const char *why = dlerror();
		err_set(e, ERR_HOST, "cannot load libcgroup: %s",
			why ? why : CELLA_LIBCGROUP_SONAME);
		return err_hint(e, "install the package that has " CELLA_LIBCGROUP_SONAME);
	}
	struct {
		const char *name;
		void **at;
	} const symbols[] = {
		{"cgroup_init", (void **)&l->init},
		{"cgroup_strerror", (void **)&l->strerror},
		{"cgroup_get_controller_begin", (void **)&l->begin},
		{"cgroup_get_controller_next", (void **)&l->next},
		{"cgroup_get_controller_end", (void **)&l->end},
	};
	for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
		*symbols[i].at = dlsym(so, symbols[i].name);
		if (!*symbols[i].at)
			return err_set(e, ERR_HOST, "%s has no function %s", CELLA_LIBCGROUP_SONAME,
				symbols[i].name);
	}
	return 0;
}

int cg_discover(void (*found)(const char *controller, const char *path, void *arg), void *arg,
	struct err *e)
{
	struct library l;
	if (library_load(&l, e) < 0)
		return -1;
	int r = l.init();
	/* "Not mounted" is what a bare cgroup2 or none at all looks like; the caller decides. */
	if (r == ECGROUPNOTMOUNTED)
		return 0;
	if (r)
		return err_set(e, ERR_HOST, "libcgroup cannot read this host's control groups: %s",
			l.strerror(r));
	struct cgroup_mount_point m;
	void *handle = NULL;
	for (r = l.begin(&handle, &m); r == 0; r = l.next(&handle, &m))
		found(m.name, m.path, arg);
	l.end(&handle);
	if (r != ECGEOF)
		return err_set(e, ERR_HOST, "libcgroup cannot list controllers: %s", l.strerror(r));
	return 0;
}
