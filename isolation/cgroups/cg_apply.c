/* Write limits, read them back, and put the old values back if one is refused. */
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "isolation/cgroups/cg_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* 0 or an errno. */
static int write_value(const struct cg *c, const struct cg_setting *s, const char *value)
{
	/* A write of no bytes does nothing; an empty cpuset is written as an empty line. */
	const char *text = *value ? value : "\n";
	int limit = c->limit_fd[s->hier], zone = c->zone_fd[s->hier];
	int r = path_write_virtual(limit, s->file, text) < 0 ? errno : 0;
	if (r == EBUSY && s->kind == CG_VALUE_CPUS && s->mirror) {
		/* v1: a group cannot shrink below its child, so the child goes first. */
		if (path_write_virtual(zone, s->file, text) < 0)
			return errno;
		r = path_write_virtual(limit, s->file, text) < 0 ? errno : 0;
	}
	if (r == 0 && s->mirror && path_write_virtual(zone, s->file, text) < 0)
		r = errno;
	return r;
}

static int refused(const struct cg *c, const struct cg_setting *s, int errnum, struct err *e)
{
	const struct cg_hier *h = &c->host->hier[s->hier];
	if (errnum == ENOENT) {
		err_set(e, ERR_HOST, "%s: this host's groups have no file '%s'", s->field, s->file);
		err_hint(e, "the controller is not enabled below '%s', or this kernel lacks it",
			h->mount_point);
	} else {
		err_sys(e, errnum, "%s: cannot write '%s' to '%s'", s->field, s->value, s->file);
	}
	/* It has passed every check of ours: this kernel, here and now, does not do it. */
	if (errnum == EOPNOTSUPP || errnum == EBUSY || errnum == EINVAL || errnum == ERANGE)
		err_class_set(e, ERR_HOST);
	if (errnum == EBUSY && s->kind == CG_VALUE_BYTES)
		err_hint(e, "the zone uses more than that and the kernel could not take it back");
	return err_at(e, "cgroups", c->name);
}

static int verify(const struct cg *c, const struct cg_setting *s, uint64_t page, struct err *e)
{
	char text[4096];
	const int fds[2] = {c->limit_fd[s->hier], s->mirror ? c->zone_fd[s->hier] : -1};
	for (size_t i = 0; s->check && i < ARRAY_LEN(fds); i++) {
		if (fds[i] < 0)
			continue;
		if (path_read_virtual(fds[i], s->check, text, sizeof text) < 0)
			return refused(c, s, errno, e);
		if (cg_setting_matches(s, text, page))
			continue;
		text[strcspn(text, "\n")] = '\0';
		err_set(e, ERR_HOST, "%s: asked for %s, the kernel made it '%.100s'", s->field,
			s->value, text);
		return err_at(e, "cgroups", c->name);
	}
	return 0;
}

/* v2 takes any memory.max, and then kills until it is kept; v1 refuses one that it cannot keep. So
 * that v2 refuses as well, the zone has to give back first what it can. */
static int make_room(const struct cg *c, const struct cg_setting *s, struct err *e)
{
	enum {
		ROUNDS = 8 /* what it gives back may be in use again before we look */
	};
	uint64_t want = CG_MAX, used;
	char text[64];
	int fd = c->limit_fd[s->hier];
	(void)cg_parse_number(s->value, &want);
	for (int round = 0;; round++) {
		if (path_read_virtual(fd, "memory.current", text, sizeof text) < 0)
			return refused(c, s, errno, e);
		if (!cg_parse_number(text, &used) || used <= want)
			return 0;
		(void)snprintf(text, sizeof text, "%" PRIu64, used - want);
		if (round == ROUNDS || path_write_virtual(fd, "memory.reclaim", text) < 0)
			break;
	}
	err_set(e, ERR_HOST, "%s: cannot be %s, the zone uses %" PRIu64, s->field, s->value, used);
	err_hint(e, "the zone uses more than that and the kernel could not take it back");
	return err_at(e, "cgroups", c->name);
}

static bool is_memory_max(const struct cg *c, const struct cg_setting *s)
{
	return c->host->hier[s->hier].v2 && str_eq(s->file, "memory.max");
}

/* v1 wants limit <= memory+swap at every moment: which of the two must go first depends on the
 * direction, so one that is refused with EINVAL is tried again after the others. */
static bool may_defer(const struct cg *c, const struct cg_setting *s, int errnum)
{
	return errnum == EINVAL && s->kind == CG_VALUE_BYTES && !c->host->hier[s->hier].v2;
}

struct old {
	bool known;
	char value[CG_VALUE_SIZE];
};

static void restore(const struct cg *c, const struct cg_setting *s, const struct old *old, size_t n)
{
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = n; i-- > 0;)
			if (old[i].known)
				(void)write_value(c, &s[i], old[i].value);
}

static void remember(const struct cg *c, const struct cg_setting *s, struct old *old)
{
	ssize_t n = path_read_virtual(c->limit_fd[s->hier], s->file, old->value, sizeof old->value);
	/* A value that did not fit would be put back cut. */
	old->known = n >= 0 && (size_t)n + 1 < sizeof old->value;
	if (old->known)
		old->value[strcspn(old->value, "\n")] = '\0';
}

int cg_settings_apply(
	const struct cg *c, const struct cg_setting *s, size_t n, bool undo, struct err *e)
{
	autofree struct old *old = undo ? calloc(CG_SETTINGS_MAX, sizeof *old) : NULL;
	bool again[CG_SETTINGS_MAX] = {false};
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	size_t done = 0;
	int failed = 0;
	if (undo && !old)
		return err_nomem(e);
	for (size_t i = 0; i < n && !failed; i++) {
		if (old)
			remember(c, &s[i], &old[i]);
		done = i + 1;
		if (old && is_memory_max(c, &s[i]) && (failed = make_room(c, &s[i], e)))
			break;
		int r = write_value(c, &s[i], s[i].value);
		again[i] = may_defer(c, &s[i], r);
		if (r && !again[i])
			failed = refused(c, &s[i], r, e);
	}
	for (size_t i = 0; i < n && !failed; i++) {
		int r = again[i] ? write_value(c, &s[i], s[i].value) : 0;
		if (r)
			failed = refused(c, &s[i], r, e);
	}
	for (size_t i = 0; i < n && !failed; i++) {
		/* Only the last write to a file is what it must show (v1's quota has two). */
		bool last = true;
		for (size_t k = i + 1; k < n; k++)
			last = last && !(s[k].hier == s[i].hier && str_eq(s[k].file, s[i].file));
		if (last)
			failed = verify(c, &s[i], page, e);
	}
	if (failed && old)
		restore(c, s, old, done);
	return failed;
}

int cg_set(const struct cg *c, const struct cg_limits *limits, struct err *e)
{
	struct cg_setting settings[CG_SETTINGS_MAX];
	size_t n;
	if (cg_limits_translate(c->host, limits, settings, &n, e) < 0)
		return -1;
	int memory = cg_host_index(c->host, CG_MEMORY);
	if (!limits->oom_group && memory >= 0 && c->host->hier[memory].v2)
		settings[n++] = (struct cg_setting){.hier = (size_t)memory,
			.field = "memory.oom_group",
			.file = "memory.oom.group",
			.check = "memory.oom.group",
			.value = "0",
			.mirror = true};
	for (size_t i = 0; i < n; i++)
		if (c->limit_fd[settings[i].hier] < 0 || c->zone_fd[settings[i].hier] < 0) {
			err_set(e, ERR_STATE, "%s: the zone has no group in '%s'",
				settings[i].field, c->host->hier[settings[i].hier].mount_point);
			return err_at(e, "cgroups", c->name);
		}
	return cg_settings_apply(c, settings, n, true, e);
}
