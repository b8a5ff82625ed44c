/* plan.h: the spec resolved against the host: every decision made, nothing left to decide. Making a
 * plan has no side effects, so `cella plan NAME` prints exactly what a start would do. An OCI
 * config.json becomes the same struct by another maker; the engine (start_host.c, start_zone.c)
 * sees nothing but this. */
#pragma once
#include "runtime/zone.h"
#include "isolation/cgroups/cg.h"
#include "isolation/namespaces/idmap.h"
#include "isolation/namespaces/ns.h"
#include "isolation/privileges/caps.h"
#include "isolation/privileges/filter.h"
#include "isolation/privileges/rlimits.h"
#include "fsroot/mount_plan.h"
#include <jansson.h>

/* When a hook runs, seen from the host side. No spec can ask for one yet; the OCI face will. */
enum plan_hook_point {
	HOOK_PRESTART,	/* namespaces exist, before the zone side goes on: OCI prestart,
			   createRuntime */
	HOOK_POSTSTART, /* exec has happened */
	HOOK_POSTSTOP,
};
struct plan_hook {
	enum plan_hook_point at;
	char **argv;
	uint64_t timeout_ms;
};

/* A directory or file of the host that the zone sees. */
struct plan_volume {
	const char *source; /* borrowed from the spec */
	uint64_t attrs;	    /* MOUNT_ATTR_* */
	bool is_dir, recursive, idmap;
};

struct plan {
	const struct store *store;
	char name[ZONE_NAME_MAX + 1];
	char uuid[UUID_LEN + 1];
	char group[CG_NAME_MAX]; /* cgroup name under /cella/ */
	bool system;		 /* a system init; else a plain command under cella-init */

	/* namespaces and ids */
	bool has_userns;
	struct id_map map; /* host_first is 0 until the range is claimed */
	struct ns_plan ns;
	bool join_any; /* some namespace is joined, not made */

	/* root */
	char **layers; /* borrowed from the record: uppermost first */
	size_t n_layers;
	bool root_readonly;
	uint64_t scratch_bytes; /* the writable side is a tmpfs of this size; 0: it is on disk */
	char *hostname;
	struct mount_plan mounts;
	struct plan_volume *volumes; /* those with a source, in the order of their slots */
	size_t n_volumes;
	struct mount_volume *mount_volumes; /* all, as given: what `mounts` was made from */
	size_t n_mount_volumes;
	struct mount_cgroup_v1 *cgroup_v1; /* pure v1: what is mounted beneath /sys/fs/cgroup */
	size_t n_cgroup_v1;
	char **masked; /* isolation/privileges/paths.h */

	/* processes */
	char **argv, **env; /* NULL-terminated */
	char *cwd, *user;   /* user: "uid:gid" or names of the root's passwd */
	int *preserve_fds;  /* kept open over exec beyond 0, 1, 2 */
	size_t n_preserve_fds;

	/* privileges */
	struct caps_plan caps;
	struct filter_options filter;
	struct rlimits_plan rlimits;
	bool no_new_privs;
	bool lock_mounts; /* the zone's root could undo mounts: see start_lock.h */
	int oom_score;
	char **sysctl_keys; /* "net/ipv4/ip_forward": path beneath /proc/sys */
	char **sysctl_values;
	size_t n_sysctls;

	/* resources */
	struct cg_limits limits;

	/* network */
	enum spec_net_mode net_mode;
	struct {
		bool present;
		char network[64], name[16], mac[18];
		char *want4, *want6; /* "auto" or CIDR; NULL = none */
		char *gateway4, *gateway6;
		uint32_t mtu;
	} eth;
	char *resolv_conf; /* whole text, or NULL: leave the file */

	/* ending */
	int stop_signal; /* 0: by the flavour of the init that is found in the root */
	uint64_t stop_timeout_ms;
	enum spec_restart restart;
	uint64_t log_max;

	struct plan_hook *hooks;
	size_t n_hooks;
};

/* `host` are this host's control groups. -1 + *e: ERR_HOST or ERR_USAGE naming the field. */
int plan_make(const struct zone *z, const struct cg_host *host, struct plan *ret, struct err *e);
/* For one more process in a zone that runs: ids, namespaces, environment, privileges, and nothing
 * of what only a start needs (mounts, limits, network, arguments). `has_userns` as the zone runs:
 * what the spec says of it now is for its next start. */
int plan_make_process(const struct zone *z, bool has_userns, struct plan *ret, struct err *e);
void plan_done(struct plan *p);

/* Part of plan_make: which file systems the zone sees (plan_mounts.c). `host` must outlive *p. */
int plan_mounts(const struct cg_host *host, struct plan *p, struct err *e);

/* The whole plan; and the same as text, one fact a line, in the order of a start. Caller frees. */
json_t *plan_to_json(const struct plan *p, struct err *e);
char *plan_to_text(const struct plan *p, struct err *e);
/* For `cella plan NAME`: open, plan, print. */
int plan_show(
	const struct store *s, const char *name, json_t **ret_json, char **ret_text, struct err *e);
