/* The device filter of a zone: v1's devices controller where that is mounted, otherwise an eBPF
 * program on the limit group. */
#include "base/defence.h"
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
#include <sys/syscall.h>
#include <unistd.h>

static int filter_error(const struct cg *c, const char *what, struct err *e)
{
	err_sys(e, errno, "%s of control group '%s'", what, c->name);
	return err_at(e, "devices", c->name);
}

/* ---- v1 ---- */

/* "c 136:* rw" */
static int v1_write(int file_fd, const struct cg_dev_entry *d)
{
	char major[12] = "*", minor[12] = "*", line[48];
	if (d->major >= 0)
		(void)snprintf(major, sizeof major, "%d", d->major);
	if (d->minor >= 0)
		(void)snprintf(minor, sizeof minor, "%d", d->minor);
	(void)snprintf(line, sizeof line, "%c %s:%s %s%s%s", d->type, major, minor,
		(d->access & BPF_DEVCG_ACC_READ) ? "r" : "",
		(d->access & BPF_DEVCG_ACC_WRITE) ? "w" : "",
		(d->access & BPF_DEVCG_ACC_MKNOD) ? "m" : "");
	/* One write is one entry. */
	return fd_write_all(file_fd, line, strlen(line));
}

/* The n-th entry for v1: there "a" means everything at any access, so a rule for both kinds of
 * device is two entries. False behind the last. */
static bool v1_entry(
	const struct cg_dev_rule *rules, size_t n_rules, size_t n, struct cg_dev_entry *ret)
{
	if (n / 2 >= n_rules)
		return false;
	const struct cg_dev_rule *r = &rules[n / 2];
	char type = n % 2 ? 'b' : 'c';
	*ret = (struct cg_dev_entry){type, r->major, r->minor,
		r->type == 'a' || r->type == type ? cg_dev_access(r->access) : 0};
	return true;
}

static int v1_allow(int fd, const struct cg_dev_rule *rules, size_t n)
{
	struct cg_dev_entry d;
	autofd int file = openat(fd, "devices.allow", O_WRONLY | O_CLOEXEC);
	if (file < 0)
		return -1;
	for (size_t i = 0; v1_entry(rules, n, i, &d); i++)
		if (d.access && v1_write(file, &d) < 0)
			return -1;
	return 0;
}

/* What of this entry is wanted still. */
static uint32_t v1_wanted(
	const struct cg_dev_entry *have, const struct cg_dev_rule *rules, size_t n)
{
	struct cg_dev_entry d;
	uint32_t mask = 0;
	for (size_t i = 0; v1_entry(rules, n, i, &d); i++)
		if (d.type == have->type && d.major == have->major && d.minor == have->minor)
			mask |= d.access;
	return mask;
}

/* First take away (the kernel does so in children too), then add, from the top down. cg_create made
 * the list empty, so there is one way for the first time and for a live change. */
static int v1_apply(
	const struct cg *c, size_t i, const struct cg_dev_rule *rules, size_t n, struct err *e)
{
	enum {
		LIST_SIZE = 65536
	};
	autofree char *list = malloc(LIST_SIZE);
	char *save = NULL;
	if (!list)
		return err_nomem(e);
	if (path_read_virtual(c->limit_fd[i], "devices.list", list, LIST_SIZE) < 0)
		return filter_error(c, "read the device filter", e);
	autofd int deny = openat(c->limit_fd[i], "devices.deny", O_WRONLY | O_CLOEXEC);
	if (deny < 0)
		return filter_error(c, "open the device filter", e);
	for (char *line = strtok_r(list, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct cg_dev_entry have;
		/* "a" is a group without filter, and the kernel takes none once it has children. */
		if (!cg_dev_parse(line, &have) || have.type == 'a') {
			err_set(e, ERR_STATE, "control group '%s' was made without a device filter",
				c->name);
			return err_at(e, "devices", c->name);
		}
		have.access &= ~v1_wanted(&have, rules, n);
		if (have.access && v1_write(deny, &have) < 0)
			return filter_error(c, "tighten the device filter", e);
	}
	if (v1_allow(c->limit_fd[i], rules, n) < 0 ||
		(!(c->flat & UINT32_C(1) << i) && v1_allow(c->zone_fd[i], rules, n) < 0))
		return filter_error(c, "widen the device filter", e);
	return 0;
}

/* ---- v2 ---- */

static long bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof *attr);
}

static int prog_load(const struct bpf_insn *insns, size_t n, struct err *e)
{
	union bpf_attr a = {0};
	char log[512] = "";
	a.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	a.insns = (uintptr_t)insns;
	a.insn_cnt = (uint32_t)n;
	/* No helper is called, so no licence is asked for. */
	a.license = (uintptr_t) "none";
	(void)memcpy(a.prog_name, "cella_devices", sizeof "cella_devices");
	int fd = (int)bpf(BPF_PROG_LOAD, &a);
	if (fd >= 0)
		return fd;
	int errnum = errno;
	/* Again, for the verifier's reason. */
	a.log_level = 1;
	a.log_buf = (uintptr_t)log;
	a.log_size = sizeof log;
	fd = (int)bpf(BPF_PROG_LOAD, &a);
	if (fd >= 0)
		return fd;
	log[strcspn(log, "\n")] = '\0';
	err_sys(e, errnum, "load the device filter (eBPF)%s%s", log[0] ? ": " : "", log);
	err_hint(e, "needs CONFIG_CGROUP_BPF and CAP_BPF or CAP_SYS_ADMIN");
	return err_at(e, "devices", NULL);
}

enum {
	QUERY_MAX = 64
};

/* The program of ours on this very group, or -1 with errno ENOENT. */
static int prog_find(int group_fd)
{
	uint32_t ids[QUERY_MAX] = {0};
	union bpf_attr a = {0};
	a.query.target_fd = (uint32_t)group_fd;
	a.query.attach_type = BPF_CGROUP_DEVICE;
	a.query.prog_ids = (uintptr_t)ids;
	a.query.prog_cnt = QUERY_MAX;
	if (bpf(BPF_PROG_QUERY, &a) < 0)
		return -1;
	for (uint32_t i = 0; i < a.query.prog_cnt; i++) {
		union bpf_attr get = {0};
		get.prog_id = ids[i];
		autofd int fd = (int)bpf(BPF_PROG_GET_FD_BY_ID, &get);
		struct bpf_prog_info info = {0};
		union bpf_attr about = {0};
		about.info.bpf_fd = (uint32_t)fd;
		about.info.info_len = sizeof info;
		about.info.info = (uintptr_t)&info;
		if (fd >= 0 && bpf(BPF_OBJ_GET_INFO_BY_FD, &about) == 0 &&
			strncmp(info.name, "cella_devices", sizeof info.name) == 0)
			return fd_steal(&fd);
	}
	errno = ENOENT;
	return -1;
}

static int v2_apply(
	const struct cg *c, int group_fd, const struct cg_dev_rule *rules, size_t n, struct err *e)
{
	autofree struct bpf_insn *insns = calloc(cg_devprog_room(n), sizeof *insns);
	if (!insns)
		return err_nomem(e);
	autofd int prog = prog_load(insns, cg_devprog_build(rules, n, insns), e);
	if (prog < 0)
		return -1;
	/* All programs on the way up must agree, so a program can only be narrowed or replaced. */
	autofd int old = prog_find(group_fd);
	if (old < 0 && errno != ENOENT)
		return filter_error(c, "look for the device filter", e);
	union bpf_attr a = {0};
	a.target_fd = (uint32_t)group_fd;
	a.attach_bpf_fd = (uint32_t)prog;
	a.attach_type = BPF_CGROUP_DEVICE;
	a.attach_flags = BPF_F_ALLOW_MULTI;
	if (old >= 0) {
		a.attach_flags |= BPF_F_REPLACE;
		a.replace_bpf_fd = (uint32_t)old;
	}
	if (bpf(BPF_PROG_ATTACH, &a) < 0)
		return filter_error(c, "attach the device filter", e);
	return 0;
}

int cg_devices_apply(const struct cg *c, const struct cg_dev_rule *rules, size_t n, struct err *e)
{
	static const struct cg_dev_rule all[] = {{'a', -1, -1, "rwm"}};
	if (defence_is_off("H09")) {
		rules = all;
		n = 1;
	}
	if (cg_dev_rules_check(rules, n, e) < 0)
		return -1;
	int i = cg_host_index(c->host, CG_DEVICES), v2 = c->host->v2;
	if (i < 0 && v2 < 0) {
		err_set(e, ERR_HOST,
			"this host cannot filter devices: no devices controller, no cgroup2 mount");
		return err_at(e, "devices", c->name);
	}
	int at = i >= 0 ? i : v2;
	if (c->limit_fd[at] < 0 || c->zone_fd[at] < 0) {
		err_set(e, ERR_STATE, "the zone has no group in '%s'",
			c->host->hier[at].mount_point);
		return err_at(e, "devices", c->name);
	}
	return i >= 0 ? v1_apply(c, (size_t)i, rules, n, e)
		      : v2_apply(c, c->limit_fd[v2], rules, n, e);
}
