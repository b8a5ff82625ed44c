/* store.h: the directories of one Cella store, opened once per command and used by descriptor.
 *
 *     ROOT/store-id                     8 hex digits; "" suffix rule below
 *     ROOT/layers/ID/{layer.json,fs/,refs/UUID}
 *     ROOT/images/NAME.json
 *     ROOT/networks/NAME.json
 *     ROOT/zones/NAME/{spec.json,zone.json,upper/,work/,events.jsonl,lock}
 *     ROOT/staging/XXXX/                what is being built; moved into its place by rename (R11)
 *     ROOT/cache/                       compiled seccomp programs, host facts
 *     RUN/zones/NAME/{state.json,keeper.sock,asked}
 *     LOG/NAME.console
 *     /run/cella-host/{ids,net}/        claims shared by every store of the host
 *
 * All are 0700 root and refused when looser (R9). */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define STORE_DEFAULT_ROOT "/var/lib/cella"
#define STORE_DEFAULT_RUN "/run/cella"
#define STORE_DEFAULT_LOG "/var/log/cella"
#define STORE_DEFAULT_CONFIG "/etc/cella/cella.json"
/* Not in /run/lock: there every user of the host could be first. */
#define STORE_HOST_LOCK "/run/cella-host"

enum {
	STORE_ID_LEN = 8,
	ZONE_NAME_MAX = 63,
	UUID_LEN = 32,
	LAYER_ID_MAX = 64
};

/* Host defaults from cella.json; every key optional, an unknown one is an error. */
struct host_config {
	uint32_t id_pool_base, id_pool_count;
	uint64_t unpack_max_bytes, unpack_max_entries;
	char cgroup_manager[16]; /* "auto", "systemd", "cgroupfs" */
	char exe_dir[256];	 /* where cella-keeper, cella-init, cella-unpack are */
};

struct store {
	char *root, *run, *log; /* absolute paths, for messages only */
	char id[STORE_ID_LEN + 1];
	bool is_default;
	int root_fd, zones_fd, layers_fd, images_fd, networks_fd, staging_fd, cache_fd;
	int run_fd, run_zones_fd, log_fd, lock_fd;
	struct host_config config;
};

/* NULL means: environment (CELLA_ROOT, CELLA_RUN, CELLA_LOG, CELLA_CONFIG), else the default. */
struct store_paths {
	const char *root, *run, *log, *config;
	const char *cgroup_manager; /* CELLA_CGROUP_MANAGER; wins over cella.json */
};

/* Open, making what is missing. Not root: ERR_DENIED. -1 + *e. */
int store_open(const struct store_paths *paths, struct store *ret, struct err *e);
void store_close(struct store *s);

/* "web1" in the default store, "web1.ab12cd34" in any other: the name of host-wide objects. */
struct store_name {
	char s[ZONE_NAME_MAX + 1 + STORE_ID_LEN + 1];
};
struct store_name store_host_name(const struct store *s, const char *zone);

/* All zone names, sorted; never opens a zone. *ret is for store_zone_names_free(). */
int store_zone_names(const struct store *s, char ***ret, size_t *ret_n, struct err *e);
void store_zone_names_free(char **names, size_t n);
/* Call `each` for every zone name, sorted; stops at the first non-zero result and returns it.
 * Constant memory per name; never opens a zone. */
int store_each_zone(
	const struct store *s, int (*each)(void *arg, const char *name), void *arg, struct err *e);
