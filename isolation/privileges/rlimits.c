#include "isolation/privileges/rlimits.h"

#include "base/defence.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

_Static_assert((int)RLIMITS_COUNT == (int)RLIM_NLIMITS,
	"a resource was added: give it a name and a value");

#define INF RLIM_INFINITY
#define KIB ((rlim_t)1024)
#define MIB (KIB * 1024)

/* What the kernel gives its first process (include/asm-generic/resource.h), with systemd's nofile.
 * Two of the kernel's depend on the size of memory; they are filled in by tasks_limit(). */
static const struct {
	const char *name;
	struct rlimit value;
} table[RLIMITS_COUNT] = {
	[RLIMIT_CPU] = {"cpu", {INF, INF}},
	[RLIMIT_FSIZE] = {"fsize", {INF, INF}},
	[RLIMIT_DATA] = {"data", {INF, INF}},
	[RLIMIT_STACK] = {"stack", {8 * MIB, INF}},
	[RLIMIT_CORE] = {"core", {0, INF}},
	[RLIMIT_RSS] = {"rss", {INF, INF}},
	[RLIMIT_NPROC] = {"nproc", {0, 0}},
	[RLIMIT_NOFILE] = {"nofile", {1024, 524288}},
	[RLIMIT_MEMLOCK] = {"memlock", {8 * MIB, 8 * MIB}},
	[RLIMIT_AS] = {"as", {INF, INF}},
	[RLIMIT_LOCKS] = {"locks", {INF, INF}},
	[RLIMIT_SIGPENDING] = {"sigpending", {0, 0}},
	[RLIMIT_MSGQUEUE] = {"msgqueue", {800 * KIB, 800 * KIB}},
	[RLIMIT_NICE] = {"nice", {0, 0}},
	[RLIMIT_RTPRIO] = {"rtprio", {0, 0}},
	[RLIMIT_RTTIME] = {"rttime", {INF, INF}},
};

int rlimits_from_name(const char *name)
{
	if (strncasecmp(name, "RLIMIT_", 7) == 0)
		name += 7;
	for (int i = 0; i < RLIMITS_COUNT; i++)
		if (strcasecmp(name, table[i].name) == 0)
			return i;
	return -1;
}

const char *rlimits_to_name(int resource)
{
	return resource >= 0 && resource < RLIMITS_COUNT ? table[resource].name : NULL;
}

/* ---- host facts ---- */

struct facts {
	struct rlimit own[RLIMITS_COUNT];
	bool can_raise;
	uint64_t nr_open, threads_max;
};

static uint64_t read_number(const char *path, uint64_t otherwise)
{
	char text[32];
	uint64_t value;
	if (path_read_virtual(AT_FDCWD, path, text, sizeof text) < 0)
		return otherwise;
	text[strcspn(text, "\n")] = '\0';
	return str_to_u64(text, &value) ? value : otherwise;
}

/* Raising asks for the capability in the initial user namespace: inside another one (a zone that
 * runs zones) it is there and means nothing. The initial one maps all ids onto themselves. */
static bool can_raise(void)
{
	uint64_t effective, permitted, inheritable;
	char map[128];
	unsigned inside, outside, count;
	if (sys_capget(&effective, &permitted, &inheritable) < 0 ||
		!(effective & (UINT64_C(1) << CAP_SYS_RESOURCE)))
		return false;
	if (path_read_virtual(AT_FDCWD, "/proc/self/uid_map", map, sizeof map) < 0)
		return false;
	return sscanf(map, "%u %u %u", &inside, &outside, &count) == 3 && inside == 0 &&
	       outside == 0 && count == UINT32_MAX;
}

static int read_facts(struct facts *facts, struct err *e)
{
	for (int i = 0; i < RLIMITS_COUNT; i++)
		if (prlimit(0, (__rlimit_resource_t)i, NULL, &facts->own[i]) < 0)
			return err_sys(e, errno, "read our own limit %s", table[i].name);
	facts->can_raise = can_raise();
	facts->nr_open = read_number("/proc/sys/fs/nr_open", 1048576);
	facts->threads_max = read_number("/proc/sys/kernel/threads-max", 0);
	return 0;
}

/* ---- the plan ---- */

/* What the kernel computes at boot for nproc and sigpending (kernel/fork.c, fork_init). */
static struct rlimit tasks_limit(const struct facts *facts)
{
	rlim_t half = facts->threads_max ? facts->threads_max / 2 : INF;
	return (struct rlimit){half, half};
}

/* The highest hard limit that can be had. */
static rlim_t ceiling(const struct facts *facts, int resource)
{
	rlim_t max = facts->can_raise ? INF : facts->own[resource].rlim_max;
	if (resource == RLIMIT_NOFILE && max > facts->nr_open)
		max = facts->nr_open;
	return max;
}

static void fill_defaults(const struct facts *facts, struct rlimits_plan *plan)
{
	for (int i = 0; i < RLIMITS_COUNT; i++) {
		struct rlimit value = table[i].value;
		rlim_t max = ceiling(facts, i);
		if (i == RLIMIT_NPROC || i == RLIMIT_SIGPENDING)
			value = tasks_limit(facts);
		if (value.rlim_max > max)
			value.rlim_max = max;
		if (value.rlim_cur > value.rlim_max)
			value.rlim_cur = value.rlim_max;
		plan->of[i] = value;
	}
}

static const char *print_limit(char out[24], rlim_t value)
{
	if (value == INF)
		return "unlimited";
	snprintf(out, 24, "%llu", (unsigned long long)value);
	return out;
}

static int cannot_raise(const struct facts *facts, int resource, rlim_t asked, struct err *e)
{
	char a[24], b[24];
	rlim_t max = ceiling(facts, resource);
	err_set(e, ERR_HOST, "limit %s: a hard limit of %s cannot be had here, %s is the highest",
		table[resource].name, print_limit(a, asked), print_limit(b, max));
	if (resource == RLIMIT_NOFILE && max == facts->nr_open)
		return err_hint(e, "raise sysctl fs.nr_open");
	return err_hint(e, "raising a limit above our own needs CAP_SYS_RESOURCE");
}

static int merge(const struct facts *facts, const struct rlimits_ask *ask, bool *seen,
	struct rlimits_plan *plan, struct err *e)
{
	char shown[64], a[24], b[24];
	int i = rlimits_from_name(ask->name);
	if (i < 0)
		return err_set(e, ERR_USAGE, "unknown limit '%s'",
			str_escape(shown, sizeof shown, ask->name));
	if (seen[i])
		return err_set(e, ERR_USAGE, "limit %s is given twice", table[i].name);
	seen[i] = true;
	/* UINT64_MAX is RLIM_INFINITY where rlim_t has 64 bits; kept explicit for those where not.
	 */
	rlim_t soft = ask->soft == UINT64_MAX ? INF : (rlim_t)ask->soft;
	rlim_t hard = ask->hard == UINT64_MAX ? INF : (rlim_t)ask->hard;
	if (soft > hard)
		return err_set(e, ERR_USAGE, "limit %s: the soft limit %s is above the hard one %s",
			table[i].name, print_limit(a, soft), print_limit(b, hard));
	if (hard > ceiling(facts, i))
		return cannot_raise(facts, i, hard, e);
	plan->of[i] = (struct rlimit){soft, hard};
	return 0;
}

int rlimits_plan_make(
	const struct rlimits_ask *asks, size_t n, struct rlimits_plan *ret, struct err *e)
{
	struct facts facts;
	struct rlimits_plan plan;
	bool seen[RLIMITS_COUNT] = {false};
	if (read_facts(&facts, e) < 0)
		return -1;
	fill_defaults(&facts, &plan);
	for (size_t i = 0; i < n; i++)
		if (merge(&facts, &asks[i], seen, &plan, e) < 0)
			return -1;
	*ret = plan;
	return 0;
}

int rlimits_set(pid_t pid, const struct rlimits_plan *plan, struct err *e)
{
	for (int i = 0; i < RLIMITS_COUNT && !defence_is_off("H17"); i++)
		if (prlimit(pid, (__rlimit_resource_t)i, &plan->of[i], NULL) < 0)
			return err_sys(e, errno, "set limit %s", table[i].name);
	return 0;
}

int rlimits_apply(const struct rlimits_plan *plan, struct fault *f)
{
	for (int i = 0; i < RLIMITS_COUNT && !defence_is_off("H17"); i++)
		if (prlimit(0, (__rlimit_resource_t)i, &plan->of[i], NULL) < 0)
			return fault_set(f, table[i].name);
	return 0;
}
