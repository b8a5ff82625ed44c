/* cg_internal.h: shared by the files of isolation/cgroups and its unit tests; nobody else. */
#pragma once
#include "isolation/cgroups/cg.h"
#include <linux/bpf.h>

/* ---- cg_discover.c: libcgroup ---- */

/* Call `found` for every mounted controller; libcgroup's names ("memory", "blkio", "io"). */
int cg_discover(void (*found)(const char *controller, const char *path, void *arg), void *arg,
	struct err *e);

/* ---- cg_parse.c: pure ---- */

struct cg_mount {
	uint64_t mnt_id;
	bool v2;
	char root[CG_MOUNT_SIZE], mount_point[CG_MOUNT_SIZE];
	char title[CG_TITLE_SIZE]; /* v1: controllers and name= out of the super options */
};
/* One line of mountinfo. False if it is no cgroup mount, or too long for us. */
bool cg_parse_mountinfo(const char *line, struct cg_mount *ret);
/* 0 if unknown. Accepts v1 and v2 names, and "name=systemd". */
uint32_t cg_parse_controller(const char *name);
/* The number behind "KEY " at the start of a line. */
bool cg_parse_flat(const char *text, const char *key, uint64_t *ret);
/* "123\n"; "max", "-1" and v1's page counter maximum are CG_MAX. */
bool cg_parse_number(const char *text, uint64_t *ret);
bool cg_parse_psi(const char *text, struct cg_psi *ret);
/* Sum of "KEY=N" over all lines of io.stat. */
uint64_t cg_parse_io_stat(const char *text, const char *key);
/* Sum of "MAJ:MIN OP N" over all lines of blkio.throttle.io_service_bytes. */
uint64_t cg_parse_blkio(const char *text, const char *op);

enum {
	CG_CPUS_MAX = 8192
};
struct cg_cpus {
	uint64_t bits[CG_CPUS_MAX / 64];
};
/* "0-3,7"; false for anything else, an empty text included. */
bool cg_parse_cpus(const char *text, struct cg_cpus *ret);

bool cg_name_is_valid(const char *name);
/* A zone called "memory.max" or "tasks" would meet a file of the kernel's: such names get a "_" in
 * front, with which no zone name begins (systemd does the same). */
void cg_name_to_dir(char out[CG_NAME_MAX], const char *name);
/* NULL if it is no directory of ours. */
const char *cg_name_from_dir(const char *dir);

/* ---- cg_group.c ---- */

enum {
	CG_PATH_SIZE = 400
};
/* "cella.slice/cella-web1.scope". `name` is valid. */
void cg_scope_path(char out[CG_PATH_SIZE], const char *name);
/* Where the limit group of this name is, "cella/web1" or ".../cella-web1.scope/limits"; where it
 * would be made, if it is nowhere. ERR_USAGE for an invalid name. */
int cg_limit_path(char out[CG_PATH_SIZE], const struct cg_host *h, const char *name, struct err *e);

/* ---- cg_host.c ---- */
int cg_host_index(const struct cg_host *h, uint32_t controller); /* -1: none */

/* ---- cg_limits.c: pure ---- */

enum cg_value {
	CG_VALUE_TEXT,
	CG_VALUE_BYTES,
	CG_VALUE_CPUS
};

enum {
	CG_SETTINGS_MAX = 16,
	CG_VALUE_SIZE = 512
};
struct cg_setting {
	size_t hier;
	bool mirror; /* write to the zone group too */
	enum cg_value kind;
	const char *field; /* as the spec calls it: "memory.max" */
	const char *file;
	const char *check; /* file to read back from, or NULL: not read back */
	char value[CG_VALUE_SIZE];
};
int cg_limits_translate(const struct cg_host *h, const struct cg_limits *l,
	struct cg_setting out[CG_SETTINGS_MAX], size_t *n, struct err *e);
/* Is what was read back what was written? */
bool cg_setting_matches(const struct cg_setting *s, const char *text, uint64_t page_size);

/* ---- cg_apply.c ---- */
int cg_settings_apply(
	const struct cg *c, const struct cg_setting *s, size_t n, bool undo, struct err *e);

/* ---- cg_walk.c ---- */

/* Walk a group and all below it with one descriptor, whatever the depth. `enter` is called for each
 * group with its fd, before its children; `leave` for each but the top, with its parent's fd and
 * its name, after its children. Either may be NULL; they return 0, or -1 + errno, which ends the
 * walk. What vanishes meanwhile is skipped. 0, or -1 + errno. */
struct cg_walker {
	int (*enter)(int fd, void *arg);
	int (*leave)(int parent_fd, const char *name, void *arg);
	void *arg;
};
int cg_walk(int top_fd, const struct cg_walker *w);
/* Names of the sub groups, one string after the other; NULL when out of memory or unreadable. */
struct cg_names {
	char *text;
	size_t len, next;
};
int cg_names_read(int fd, struct cg_names *ret);
const char *cg_names_next(struct cg_names *n);

/* ---- cg_procs.c ---- */
struct cg_pidset {
	pid_t *pid;
	size_t n, cap;
};
/* Processes of one hierarchy's limit group and below. -1 + errno. */
int cg_pidset_add_tree(struct cg_pidset *s, int fd);
void cg_pidset_sort(struct cg_pidset *s);
void cg_pidset_done(struct cg_pidset *s);

/* ---- cg_freeze.c ---- */

/* Wait until `key` of the group's cgroup.events is `want`. 0, or -1 + errno (ETIMEDOUT). */
int cg_events_wait(int group_fd, const char *key, uint64_t want, int64_t deadline);
/* Milliseconds for poll(2) until a deadline. */
int cg_poll_timeout(int64_t deadline);

/* ---- cg_devprog.c: pure ---- */

enum {
	CG_DEVPROG_RULE_INSNS = 6,
	CG_DEVPROG_EXTRA_INSNS = 8
};
/* Size for n rules. */
size_t cg_devprog_room(size_t n);
/* Assemble BPF_PROG_TYPE_CGROUP_DEVICE code that allows what a rule allows and denies the rest.
 * Returns the number of instructions. */
size_t cg_devprog_build(const struct cg_dev_rule *rules, size_t n, struct bpf_insn *out);
/* BPF_DEVCG_ACC_* bits; 0 if the text is not a non-empty set of r, w, m. */
uint32_t cg_dev_access(const char *access);
int cg_dev_rules_check(const struct cg_dev_rule *rules, size_t n, struct err *e);
/* One line of v1's devices.list. */
struct cg_dev_entry {
	char type;
	int major, minor;
	uint32_t access;
};
bool cg_dev_parse(const char *line, struct cg_dev_entry *ret);
