#include "fsroot/mount_plan.h"

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "base/defence.h"
#include "base/mem.h"
#include "base/str.h"

#define PTS_MAX "512"

enum {
	SAFE = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
	SAFE_NOEXEC = SAFE | MOUNT_ATTR_NOEXEC,
	OPS_FIXED = 24, /* more than the operations that every zone may get */
};

/* The list being made. `room` was counted before, so adding cannot fail. */
struct builder {
	const struct mount_plan_input *in;
	struct mount_plan *plan;
	size_t room;
	char *strings; /* where the next string goes, and how many bytes are left there */
	size_t strings_left;
};

/* "PREFIX" and the first `n` bytes of `text`, in the plan's own memory. */
static char *add_string(struct builder *b, const char *prefix, const char *text, size_t n)
{
	char *at = b->strings;
	int len = snprintf(at, b->strings_left, "%s%.*s", prefix, (int)n, text);
	b->strings += len + 1;
	b->strings_left -= (size_t)len + 1;
	return at;
}

static struct mount_op *add(struct builder *b, enum mount_op_kind kind, const char *target,
	unsigned flags, uint64_t attr_set)
{
	struct mount_op *op = &b->plan->ops[b->plan->n_ops];
	if (b->plan->n_ops + 1 < b->room)
		b->plan->n_ops++;
	*op = (struct mount_op){
		.kind = kind, .target = target, .flags = flags, .attr_set = attr_set};
	return op;
}

static void add_attach(
	struct builder *b, unsigned slot, const char *target, unsigned flags, uint64_t attr_set)
{
	add(b, MOUNT_OP_ATTACH, target, flags, attr_set)->slot = slot;
}

static struct mount_op *add_fs(struct builder *b, const char *fstype, const char *target,
	unsigned flags, uint64_t attr_set)
{
	struct mount_op *op = add(b, MOUNT_OP_NEW_FS, target, flags, attr_set);
	op->fstype = fstype;
	return op;
}

static void add_option(struct mount_op *op, const char *key, const char *value)
{
	if (op->n_options < MOUNT_OP_OPTIONS_MAX)
		op->options[op->n_options++] = (struct tree_option){key, value};
}

/* proc and sysfs come first: the kernel lets a user namespace mount them only while it can see a
 * complete proc and sysfs already, and those are the host's, gone after the pivot. */
static void add_kernel_file_systems(struct builder *b)
{
	const unsigned own = MOUNT_OP_STRICT | MOUNT_OP_MAKE_DIR;
	add_attach(b, MOUNT_SLOT_ROOT, "/", 0, 0);
	add_fs(b, "proc", "/proc", own, SAFE_NOEXEC);
	/* sysfs shows the devices of a network namespace and belongs to its owner. */
	const uint64_t sys = SAFE_NOEXEC | (defence_is_off("H07") ? 0 : MOUNT_ATTR_RDONLY);
	if (b->in->has_netns)
		add_fs(b, "sysfs", "/sys", own, sys);
	else
		add_attach(b, MOUNT_SLOT_SYS, "/sys", own, sys);
	add_attach(b, MOUNT_SLOT_DEV, "/dev", own, 0);

	struct mount_op *pts = add_fs(
		b, "devpts", "/dev/pts", MOUNT_OP_STRICT, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	add_option(pts, "newinstance", NULL);
	add_option(pts, "ptmxmode", "0666");
	add_option(pts, "mode", "0620");
	/* kernel.pty.max is for all zones together. */
	add_option(pts, "max", PTS_MAX);
	if (b->in->tty_gid)
		add_option(pts, "gid", b->in->tty_gid);
	struct mount_op *shm = add_fs(b, "tmpfs", "/dev/shm", MOUNT_OP_STRICT, SAFE);
	add_option(shm, "mode", "1777");
	if (b->in->has_ipcns)
		add_fs(b, "mqueue", "/dev/mqueue", MOUNT_OP_STRICT, SAFE_NOEXEC);
}

static void add_cgroup_v1(struct builder *b, const struct mount_cgroup_v1 *v1)
{
	const char *target = add_string(b, "/sys/fs/cgroup/", v1->dir, strlen(v1->dir));
	struct mount_op *op = add_fs(b, "cgroup", target, MOUNT_OP_STRICT | MOUNT_OP_MAKE_DIR,
		SAFE_NOEXEC | (v1->is_writable ? 0 : MOUNT_ATTR_RDONLY));
	char *options = add_string(b, "", v1->options, strlen(v1->options));
	/* "cpu,cpuacct" are two flags; "name=systemd" is a named hierarchy without controllers. */
	for (char *next, *o = options; o; o = next) {
		next = strchr(o, ',');
		if (next)
			*next++ = '\0';
		if (str_starts(o, "name=")) {
			add_option(op, "none", NULL);
			add_option(op, "name", o + strlen("name="));
		} else if (*o) {
			add_option(op, o, NULL);
		}
	}
}

static void add_cgroups(struct builder *b)
{
	const struct mount_plan_input *in = b->in;
	const unsigned flags = MOUNT_OP_STRICT;
	if (in->cgroup == MOUNT_CGROUP_V2) {
		add_fs(b, "cgroup2", "/sys/fs/cgroup", flags,
			SAFE_NOEXEC | (in->cgroup_writable ? 0 : MOUNT_ATTR_RDONLY));
	} else if (in->cgroup == MOUNT_CGROUP_V1) {
		struct mount_op *top = add_fs(b, "tmpfs", "/sys/fs/cgroup", flags, SAFE_NOEXEC);
		add_option(top, "mode", "755");
		add_option(top, "size", "64k");
		for (size_t i = 0; i < in->n_v1; i++)
			add_cgroup_v1(b, &in->v1[i]);
		for (size_t i = 0; i < in->n_v1; i++) {
			/* "cpu" and "cpuacct" lead to "cpu,cpuacct", as everywhere. */
			const char *dir = in->v1[i].dir;
			for (const char *p = dir; strchr(dir, ',') && *p;) {
				size_t n = strcspn(p, ",");
				const char *link = add_string(b, "/sys/fs/cgroup/", p, n);
				add_option(add(b, MOUNT_OP_SYMLINK, link, MOUNT_OP_STRICT, 0), "to",
					dir);
				p += n + (p[n] == ',');
			}
		}
		add(b, MOUNT_OP_SET_ATTRS, "/sys/fs/cgroup", MOUNT_OP_STRICT, MOUNT_ATTR_RDONLY);
	}
}

static void add_tmpfs(struct builder *b, const char *target, const char *mode, const char *size,
	unsigned flags, uint64_t attrs)
{
	struct mount_op *op = add_fs(b, "tmpfs", target, flags, attrs);
	add_option(op, "mode", mode);
	if (size)
		add_option(op, "size", size);
}

static void add_volatile_dirs(struct builder *b)
{
	const struct mount_plan_input *in = b->in;
	unsigned flags = MOUNT_OP_MAKE_DIR | (in->is_readonly ? MOUNT_OP_OPTIONAL : 0);
	if (in->is_system || in->is_readonly)
		add_tmpfs(b, "/run", "755", NULL, flags, SAFE);
	if (in->is_system)
		add_tmpfs(b, "/run/lock", "1777", "5M", flags, SAFE_NOEXEC);
	if (in->tmpfs_tmp || in->is_readonly)
		add_tmpfs(b, "/tmp", "1777", NULL, flags, SAFE);
	if (in->is_readonly)
		add_tmpfs(b, "/var/tmp", "1777", NULL, flags, SAFE);
}

static size_t path_depth(const char *path)
{
	size_t n = 0;
	for (; *path; path++)
		n += *path == '/';
	return n;
}

static void add_volume(struct builder *b, const struct mount_volume *v, unsigned slot)
{
	unsigned flags = v->is_tmpfs || v->is_dir ? MOUNT_OP_MAKE_DIR : MOUNT_OP_MAKE_FILE;
	if (!v->is_tmpfs) {
		add_attach(b, slot, v->target, flags, 0);
		b->plan->ops[b->plan->n_ops - 1].fstype = v->source;
		b->plan->ops[b->plan->n_ops - 1].shown = v->attrs;
		return;
	}
	add_tmpfs(b, v->target, v->mode ? v->mode : "755", v->size, flags, v->attrs | SAFE);
}

/* Outer targets before those within them, otherwise as given. Slots follow the input's order. */
static void add_volumes(struct builder *b)
{
	const struct mount_plan_input *in = b->in;
	size_t deepest = 0;
	unsigned slot = MOUNT_SLOT_VOLUMES;
	for (size_t i = 0; i < in->n_volumes; i++)
		if (path_depth(in->volumes[i].target) > deepest)
			deepest = path_depth(in->volumes[i].target);
	for (size_t depth = 1; depth <= deepest; depth++) {
		slot = MOUNT_SLOT_VOLUMES;
		for (size_t i = 0; i < in->n_volumes; i++) {
			const struct mount_volume *v = &in->volumes[i];
			if (path_depth(v->target) == depth)
				add_volume(b, v, slot);
			slot += !v->is_tmpfs;
		}
	}
	b->plan->n_slots = slot;
}

static void add_restrictions(struct builder *b)
{
	const struct mount_plan_input *in = b->in;
	const unsigned flags = MOUNT_OP_STRICT | MOUNT_OP_OPTIONAL;
	for (size_t i = 0; i < in->n_readonly && !defence_is_off("H07"); i++)
		add(b, MOUNT_OP_SELF, in->readonly[i], flags, MOUNT_ATTR_RDONLY);
	for (size_t i = 0; i < in->n_writable; i++)
		add(b, MOUNT_OP_SELF, in->writable[i], flags, 0)->attr_clr = MOUNT_ATTR_RDONLY;
	for (size_t i = 0; i < in->n_masked; i++)
		add(b, MOUNT_OP_MASK, in->masked[i], flags, 0)->slot = MOUNT_SLOT_MASK;
	/* Last: until here missing mount points could be made. */
	if (in->is_readonly)
		add(b, MOUNT_OP_SET_ATTRS, "/", 0, MOUNT_ATTR_RDONLY);
}

static bool is_clean_path(const char *path)
{
	if (path[0] != '/' || !path[1])
		return false;
	for (const char *p = path; *p;) {
		size_t n = strcspn(p + 1, "/");
		if (!n || (p[1] == '.' && (n == 1 || (n == 2 && p[2] == '.'))))
			return false;
		p += n + 1;
	}
	return true;
}

static bool is_at_or_below(const char *path, const char *top)
{
	size_t n = strlen(top);
	return str_starts(path, top) && (!path[n] || path[n] == '/');
}

static int check_volumes(const struct mount_plan_input *in, struct err *e)
{
	for (size_t i = 0; i < in->n_volumes; i++) {
		const char *t = in->volumes[i].target;
		if (!is_clean_path(t))
			return err_set(e, ERR_USAGE,
				"mount target '%s' must be an absolute path without '.' and '..'",
				t);
		if (is_at_or_below(t, "/proc") || is_at_or_below(t, "/sys") || str_eq(t, "/dev"))
			return err_set(e, ERR_USAGE, "mount target '%s' belongs to the system", t);
		for (size_t k = 0; k < i; k++)
			if (str_eq(in->volumes[k].target, t))
				return err_set(e, ERR_USAGE, "mount target '%s' is given twice", t);
	}
	for (size_t i = 0; i < in->n_v1; i++)
		if (!in->v1[i].dir[0] || strchr(in->v1[i].dir, '/') || in->v1[i].dir[0] == '.')
			return err_set(e, ERR_FAILED, "'%s' is no cgroup hierarchy", in->v1[i].dir);
	return 0;
}

static void count(const struct mount_plan_input *in, size_t *ret_ops, size_t *ret_bytes)
{
	size_t ops = OPS_FIXED + in->n_volumes + in->n_masked + in->n_readonly + in->n_writable;
	size_t bytes = 1;
	for (size_t i = 0; i < in->n_v1; i++) {
		size_t len = strlen(in->v1[i].dir), parts = 1;
		for (const char *p = in->v1[i].dir; *p; p++)
			parts += *p == ',';
		ops += 1 + parts;
		bytes += (parts + 1) * (sizeof "/sys/fs/cgroup/" + len + 1) +
			 strlen(in->v1[i].options) + 1;
	}
	*ret_ops = ops;
	*ret_bytes = bytes;
}

int mount_plan_make(const struct mount_plan_input *in, struct mount_plan *ret, struct err *e)
{
	if (check_volumes(in, e) < 0)
		return err_at(e, "mounts", NULL);
	struct mount_plan plan = {0};
	struct builder b = {.in = in, .plan = &plan};
	size_t bytes;
	count(in, &b.room, &bytes);
	plan.ops = calloc(b.room, sizeof *plan.ops);
	plan.strings = malloc(bytes);
	if (!plan.ops || !plan.strings) {
		mount_plan_done(&plan);
		return err_nomem(e);
	}
	b.strings = plan.strings;
	b.strings_left = bytes;
	add_kernel_file_systems(&b);
	add_cgroups(&b);
	add_volatile_dirs(&b);
	add_volumes(&b);
	add_restrictions(&b);
	*ret = plan;
	return 0;
}

void mount_plan_done(struct mount_plan *plan)
{
	free(plan->ops);
	free(plan->strings);
	*plan = (struct mount_plan){0};
}

static void describe_attrs(uint64_t attrs, struct strbuf *out)
{
	static const struct {
		uint64_t bit;
		const char *name;
	} names[] = {{MOUNT_ATTR_RDONLY, "ro"}, {MOUNT_ATTR_NOSUID, "nosuid"},
		{MOUNT_ATTR_NODEV, "nodev"}, {MOUNT_ATTR_NOEXEC, "noexec"}};
	const char *before = " (";
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (attrs & names[i].bit) {
			str_addf(out, "%s%s", before, names[i].name);
			before = ",";
		}
	if (before[0] == ',')
		str_add(out, ")");
}

void mount_op_describe(const struct mount_op *op, struct strbuf *out)
{
	static const char *const slots[] = {"root", "devices", "mask", "host /sys"};
	switch (op->kind) {
	case MOUNT_OP_ATTACH:
		str_addf(out, "%s on %s",
			op->slot < MOUNT_SLOT_VOLUMES ? slots[op->slot]
			: op->fstype		      ? op->fstype
						      : "volume",
			op->target);
		break;
	case MOUNT_OP_NEW_FS:
		str_addf(out, "%s on %s", op->fstype, op->target);
		break;
	case MOUNT_OP_SELF:
	case MOUNT_OP_SET_ATTRS:
		str_addf(out, "%s %s", op->attr_clr & MOUNT_ATTR_RDONLY ? "writable" : "read-only",
			op->target);
		return;
	case MOUNT_OP_MASK:
		str_addf(out, "masked %s", op->target);
		return;
	case MOUNT_OP_SYMLINK:
		str_addf(out, "link %s -> %s", op->target, op->options[0].value);
		return;
	}
	describe_attrs(op->attr_set | op->shown, out);
	for (size_t i = 0; i < op->n_options; i++)
		str_addf(out, "%s%s%s%s", i ? "," : " ", op->options[i].key,
			op->options[i].value ? "=" : "", op->options[i].value ?: "");
}
