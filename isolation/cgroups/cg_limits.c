/* Limits in the words of cgroup v2, translated into what to write where. Pure. */
#include "base/str.h"
#include "isolation/cgroups/cg_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct plan {
	const struct cg_host *host;
	struct cg_setting *out;
	size_t n;
	struct err *e;
};

__attribute__((format(printf, 4, 5))) static struct cg_setting *add(
	struct plan *p, size_t hier, const char *field, const char *fmt, ...)
{
	struct cg_setting *s = &p->out[p->n++];
	*s = (struct cg_setting){.hier = hier, .field = field};
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(s->value, sizeof s->value, fmt, ap);
	va_end(ap);
	return s;
}

static int need(struct plan *p, enum cg_controller c, const char *field, size_t *hier, bool *v2)
{
	int i = cg_host_index(p->host, c);
	if (i < 0) {
		err_set(p->e, ERR_HOST, "%s: this host has no %s controller", field,
			cg_controller_name(c, p->host->layout == CG_LAYOUT_V2));
		return err_hint(p->e,
			"enable it on the kernel command line or mount it, or leave %s unset",
			field);
	}
	*hier = (size_t)i;
	*v2 = p->host->hier[i].v2;
	return 0;
}

static int v1_cannot(struct plan *p, const char *field, const char *why)
{
	err_set(p->e, ERR_HOST, "%s: cgroup v1 cannot do this: %s", field, why);
	return err_hint(p->e, "unset %s, or boot this host with cgroup v2", field);
}

/* v2's files are named as the fields are, which keeps this a table. */
static void add_v2_bytes(
	struct plan *p, size_t hier, const char *field, const char *file, uint64_t v)
{
	struct cg_setting *s =
		v == CG_MAX ? add(p, hier, field, "max") : add(p, hier, field, "%" PRIu64, v);
	s->kind = CG_VALUE_BYTES;
	s->file = s->check = file;
	s->mirror = true;
}

static void add_v1_bytes(
	struct plan *p, size_t hier, const char *field, const char *file, uint64_t v)
{
	struct cg_setting *s =
		v == CG_MAX ? add(p, hier, field, "-1") : add(p, hier, field, "%" PRIu64, v);
	s->kind = CG_VALUE_BYTES;
	s->file = s->check = file;
}

/* v1 limits memory and swap together; "swap alone" needs a memory limit to add it to. */
static int plan_swap_v1(struct plan *p, const struct cg_limits *l, size_t hier)
{
	static const char field[] = "memory.swap_max", file[] = "memory.memsw.limit_in_bytes";
	bool memsw = p->host->hier[hier].memsw;
	if (l->swap_max == CG_MAX) {
		if (memsw)
			add_v1_bytes(p, hier, field, file, CG_MAX);
		return 0;
	}
	if (!memsw)
		return v1_cannot(p, field, "this kernel does not account swap (swapaccount=1)");
	uint64_t sum;
	if (l->memory_max == CG_UNSET || l->memory_max == CG_MAX)
		return v1_cannot(p, field, "swap is limited only together with memory.max");
	if (__builtin_add_overflow(l->memory_max, l->swap_max, &sum) || sum >= CG_MAX)
		return err_set(p->e, ERR_USAGE, "%s: too large", field);
	add_v1_bytes(p, hier, field, file, sum);
	return 0;
}

static int plan_memory_v1(struct plan *p, const struct cg_limits *l, size_t hier)
{
	if (l->memory_min != CG_UNSET && l->memory_min != 0)
		return v1_cannot(p, "memory.min", "it has no guaranteed memory");
	if (l->memory_high != CG_UNSET && l->memory_high != CG_MAX)
		return v1_cannot(p, "memory.high", "it has no throttling, only a hard limit");
	if (l->oom_group)
		return v1_cannot(p, "memory.oom_group", "it kills single processes only");
	if (l->memory_max != CG_UNSET)
		add_v1_bytes(p, hier, "memory.max", "memory.limit_in_bytes", l->memory_max);
	if (l->swap_max != CG_UNSET && plan_swap_v1(p, l, hier) < 0)
		return -1;
	/* Under pressure v1 takes first from groups above their soft limit, which protects what is
	 * below it as memory.low does. v2's default 0 (nothing protected) is v1's -1. */
	if (l->memory_low != CG_UNSET)
		add_v1_bytes(p, hier, "memory.low", "memory.soft_limit_in_bytes",
			l->memory_low ? l->memory_low : CG_MAX);
	return 0;
}

static bool asks(uint64_t v, uint64_t none)
{
	return v != CG_UNSET && v != none;
}

static int plan_memory(struct plan *p, const struct cg_limits *l)
{
	const struct {
		const char *field, *file;
		uint64_t value, none;
	} v2_files[] = {
		{"memory.min", "memory.min", l->memory_min, 0},
		{"memory.low", "memory.low", l->memory_low, 0},
		{"memory.high", "memory.high", l->memory_high, CG_MAX},
		{"memory.max", "memory.max", l->memory_max, CG_MAX},
		{"memory.swap_max", "memory.swap.max", l->swap_max, CG_MAX},
	};
	enum {
		N = sizeof v2_files / sizeof v2_files[0]
	};
	size_t hier;
	bool v2, present = cg_host_index(p->host, CG_MEMORY) >= 0;
	for (size_t i = 0; i < N; i++)
		if (!present && asks(v2_files[i].value, v2_files[i].none))
			return need(p, CG_MEMORY, v2_files[i].field, &hier, &v2);
	if (!present)
		return l->oom_group ? need(p, CG_MEMORY, "memory.oom_group", &hier, &v2) : 0;
	if (need(p, CG_MEMORY, "memory.max", &hier, &v2) < 0)
		return -1;
	if (!v2)
		return plan_memory_v1(p, l, hier);
	for (size_t i = 0; i < N; i++)
		if (v2_files[i].value != CG_UNSET)
			add_v2_bytes(
				p, hier, v2_files[i].field, v2_files[i].file, v2_files[i].value);
	if (l->oom_group) {
		struct cg_setting *s = add(p, hier, "memory.oom_group", "1");
		s->file = s->check = "memory.oom.group";
		s->mirror = true;
	}
	return 0;
}

static int plan_pids(struct plan *p, const struct cg_limits *l)
{
	size_t hier;
	bool v2;
	if (l->pids_max == CG_UNSET)
		return 0;
	if (l->pids_max == CG_MAX && cg_host_index(p->host, CG_PIDS) < 0)
		return 0;
	if (need(p, CG_PIDS, "pids.max", &hier, &v2) < 0)
		return -1;
	struct cg_setting *s = l->pids_max == CG_MAX
				       ? add(p, hier, "pids.max", "max")
				       : add(p, hier, "pids.max", "%" PRIu64, l->pids_max);
	s->file = s->check = "pids.max";
	s->mirror = v2;
	return 0;
}

static int plan_cpu_max(struct plan *p, const struct cg_limits *l)
{
	static const char field[] = "cpu.max";
	size_t hier;
	bool v2;
	if (l->cpu_max_milli == CG_UNSET ||
		(l->cpu_max_milli == CG_MAX && cg_host_index(p->host, CG_CPU) < 0))
		return 0;
	bool max = l->cpu_max_milli == CG_MAX;
	if (!max && (l->cpu_max_milli == 0 || l->cpu_max_milli > 1000000000))
		return err_set(p->e, ERR_USAGE, "%s: must be from 0.001 to 1000000 cores", field);
	if (need(p, CG_CPU, field, &hier, &v2) < 0)
		return -1;
	/* The kernel's shortest quota is 1 ms: a small share needs its longest period. */
	uint64_t period = max || l->cpu_max_milli >= 10 ? 100000 : 1000000;
	uint64_t quota = max ? 0 : l->cpu_max_milli * (period / 1000);
	struct cg_setting *s;
	if (v2) {
		s = max ? add(p, hier, field, "max %" PRIu64, period)
			: add(p, hier, field, "%" PRIu64 " %" PRIu64, quota, period);
		s->file = s->check = "cpu.max";
		s->mirror = true;
		return 0;
	}
	/* Each write must be valid by itself: without a quota, any period is. */
	s = add(p, hier, field, "-1");
	s->file = s->check = "cpu.cfs_quota_us";
	s = add(p, hier, field, "%" PRIu64, period);
	s->file = s->check = "cpu.cfs_period_us";
	if (!max) {
		s = add(p, hier, field, "%" PRIu64, quota);
		s->file = s->check = "cpu.cfs_quota_us";
	}
	return 0;
}

static int plan_cpu_weight(struct plan *p, const struct cg_limits *l)
{
	static const char field[] = "cpu.weight";
	size_t hier;
	bool v2;
	if (l->cpu_weight == CG_UNSET)
		return 0;
	if (l->cpu_weight < 1 || l->cpu_weight > 10000)
		return err_set(p->e, ERR_USAGE, "%s: must be from 1 to 10000", field);
	if (need(p, CG_CPU, field, &hier, &v2) < 0)
		return -1;
	struct cg_setting *s;
	if (v2) {
		s = add(p, hier, field, "%" PRIu64, l->cpu_weight);
		s->file = s->check = "cpu.weight";
		return 0;
	}
	/* The kernel's own relation (sched_weight_from_cgroup), which systemd uses too: 100 is
	 * 1024. */
	uint64_t shares = (l->cpu_weight * 1024 + 50) / 100;
	s = add(p, hier, field, "%" PRIu64, shares < 2 ? 2 : shares);
	s->file = s->check = "cpu.shares";
	return 0;
}

static int plan_cpus(struct plan *p, const struct cg_limits *l)
{
	static const char field[] = "cpu.cpus";
	size_t hier;
	bool v2;
	struct cg_cpus cpus;
	if (!l->cpus || !*l->cpus)
		return 0;
	if (strlen(l->cpus) >= CG_VALUE_SIZE || strchr(l->cpus, '\n') ||
		!cg_parse_cpus(l->cpus, &cpus))
		return err_set(p->e, ERR_USAGE, "%s: not a list of cpus such as \"0-2,5\"", field);
	if (need(p, CG_CPUSET, field, &hier, &v2) < 0)
		return -1;
	struct cg_setting *s = add(p, hier, field, "%s", l->cpus);
	s->kind = CG_VALUE_CPUS;
	s->file = "cpuset.cpus";
	/* v2 takes any cpu and then runs the group where it can: only "effective" says what is so.
	 */
	s->check = v2 ? "cpuset.cpus.effective" : "cpuset.cpus";
	s->mirror = !v2;
	return 0;
}

int cg_limits_translate(const struct cg_host *h, const struct cg_limits *l,
	struct cg_setting out[CG_SETTINGS_MAX], size_t *n, struct err *e)
{
	struct plan p = {.host = h, .out = out, .e = e};
	if (plan_memory(&p, l) < 0 || plan_pids(&p, l) < 0 || plan_cpu_max(&p, l) < 0 ||
		plan_cpu_weight(&p, l) < 0 || plan_cpus(&p, l) < 0)
		return -1;
	*n = p.n;
	return 0;
}

int cg_limits_check(const struct cg_host *h, const struct cg_limits *l, struct err *e)
{
	struct cg_setting settings[CG_SETTINGS_MAX];
	size_t n;
	return cg_limits_translate(h, l, settings, &n, e);
}

bool cg_setting_matches(const struct cg_setting *s, const char *text, uint64_t page_size)
{
	uint64_t want, got;
	struct cg_cpus want_cpus, got_cpus;
	switch (s->kind) {
	case CG_VALUE_BYTES:
		if (!cg_parse_number(s->value, &want) || !cg_parse_number(text, &got))
			return false;
		return want == CG_MAX ? got == CG_MAX : got == want - want % page_size;
	case CG_VALUE_CPUS:
		return cg_parse_cpus(s->value, &want_cpus) && cg_parse_cpus(text, &got_cpus) &&
		       memcmp(&want_cpus, &got_cpus, sizeof want_cpus) == 0;
	case CG_VALUE_TEXT:
		break;
	}
	size_t len = strlen(s->value);
	return strncmp(text, s->value, len) == 0 && (text[len] == '\n' || text[len] == '\0');
}
