/* zone_spec.h: what the admin asked for, as plain data with every default filled in. No behaviour,
 * no privilege. The JSON form is the contract (docs/man/cella-spec.5); field names are the same.
 * Strings are never NULL unless said; arrays may be NULL when their count is 0. Sizes are bytes,
 * times milliseconds, rates bits per second; cpu.max is milli-cores. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPEC_UNSET UINT64_MAX	       /* a number that was not asked for */
#define SPEC_NO_LIMIT (UINT64_MAX - 1) /* "max" */

struct spec_pair {
	char *key, *value;
};
struct spec_pairs {
	struct spec_pair *items;
	size_t n;
};
struct spec_strings {
	char **items;
	size_t n;
};

enum spec_backend {
	SPEC_BACKEND_AUTO,
	SPEC_BACKEND_OVERLAY,
	SPEC_BACKEND_DIR,
	SPEC_BACKEND_BTRFS,
	SPEC_BACKEND_VOLUME
};
enum spec_init_kind {
	SPEC_INIT_AUTO,
	SPEC_INIT_SYSTEM,
	SPEC_INIT_APP
};
enum spec_net_mode {
	SPEC_NET_PRIVATE,
	SPEC_NET_HOST,
	SPEC_NET_NONE
};
enum spec_if_kind {
	SPEC_IF_VETH,
	SPEC_IF_MACVLAN,
	SPEC_IF_IPVLAN,
	SPEC_IF_PHYS
};
enum spec_userns {
	SPEC_USERNS_ISOLATED,
	SPEC_USERNS_NONE
};
enum spec_restart {
	SPEC_RESTART_NO,
	SPEC_RESTART_ON_FAILURE,
	SPEC_RESTART_ALWAYS
};
enum spec_ready {
	SPEC_READY_STARTED,
	SPEC_READY_NOTIFY,
	SPEC_READY_TCP,
	SPEC_READY_EXEC
};

enum {
	SPEC_BINDS_MAX = 28 /* bind mounts of one zone: with the root they travel in one packet */
};
struct spec_mount {
	char *source, *target, *type;
	struct spec_strings options;
	bool idmap;
};
struct spec_device {
	char *path;   /* /dev/fuse */
	char *access; /* subset of "rwm" */
};
struct spec_interface {
	char *name; /* in the zone */
	enum spec_if_kind kind;
	char *network;
	char *mac;		       /* "auto" or aa:bb:cc:dd:ee:ff */
	struct spec_strings addresses; /* "auto" or CIDR */
	struct spec_strings gateway;   /* "auto" or address */
	bool guard;
	uint64_t rate_in, rate_out; /* SPEC_UNSET */
};
struct spec_publish {
	char *proto;
	uint16_t host, zone;
};
struct spec_io_device {
	char *path;
	uint64_t rbps, wbps, riops, wiops; /* SPEC_UNSET */
};
struct spec_rlimit {
	char *name;	     /* "nofile" */
	uint64_t soft, hard; /* SPEC_NO_LIMIT is "unlimited" */
};

struct spec_hook {
	struct spec_strings args; /* args[0] is an absolute path on the host */
	uint64_t timeout_ms;
};
struct spec_hooks {
	struct spec_hook *items;
	size_t n;
};
struct spec_admin {
	char *user; /* of the host */
	struct spec_strings may;
};

struct zone_spec {
	char *name, *description;
	struct spec_pairs labels;
	char *hostname; /* defaults to name */
	char *arch;	/* "" = the host's */
	bool is_template;

	struct {
		char *image, *path; /* "" when absent */
		enum spec_backend backend;
		bool readonly;
		uint64_t quota;
	} root;
	struct {
		struct spec_strings args;
		struct spec_pairs env;
		char *user, *cwd;
		enum spec_init_kind kind;
		char *stop_signal; /* "" = by kind: SIGRTMIN+3 for systemd, see runtime/init_kind.h
				    */
		uint64_t stop_timeout_ms; /* 60000 */
	} init;
	struct spec_mount *mounts;
	size_t n_mounts;
	struct spec_device *devices;
	size_t n_devices;
	struct {
		enum spec_net_mode mode;
		struct spec_strings dns_servers, dns_search;
		struct spec_interface *
			interfaces; /* one "eth0" on "default" when not given and mode is private */
		size_t n_interfaces;
		struct spec_publish *publish;
		size_t n_publish;
	} network;
	struct {
		uint64_t cpu_max_milli; /* SPEC_UNSET = no limit */
		uint64_t cpu_weight;	/* SPEC_UNSET, else 1..10000 */
		char *cpu_cpus;		/* "" = all */
		uint64_t memory_min, memory_low, memory_high, memory_max, memory_swap_max;
		bool memory_merge;
		uint64_t pids_max;
		uint64_t io_weight;
		struct spec_io_device *io_devices;
		size_t n_io_devices;
		struct spec_pairs unified;
	} resources;
	struct {
		enum spec_userns userns;
		struct spec_strings caps_add, caps_drop; /* canonical "CAP_NET_ADMIN" */
		char *seccomp; /* "default" | "log" | "unconfined" | absolute path (refused for now)
				*/
		bool no_new_privs, has_no_new_privs;
		bool nesting;
		struct spec_pairs sysctl;
		struct spec_rlimit *rlimits;
		size_t n_rlimits;
	} security;
	struct {
		bool autostart;
		int64_t order;
		uint64_t delay_ms;
		struct spec_strings requires, after;
		enum spec_restart restart;
		enum spec_ready ready_by;
		uint16_t ready_port;
		uint64_t ready_timeout_ms;
	} boot;
	struct spec_strings groups, protect;
	struct {
		bool machine_id_new, ssh_host_keys_new, mac_new, hostname_name;
	} clone;
	uint64_t console_log_max;
	struct {
		struct spec_hooks pre_start, created, post_start, pre_stop, post_stop;
	} hooks;
	struct spec_admin *admin;
	size_t n_admin;
	struct spec_pairs annotations;
};
