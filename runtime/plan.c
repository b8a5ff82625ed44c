#include "runtime/plan.h"
#include "base/defence.h"
#include "runtime/volumes.h"
#include "runtime/host_facts.h"
#include "runtime/init_kind.h"
#include "base/defence.h"
#include "base/mem.h"
#include "base/str.h"
#include "isolation/privileges/paths.h"
#include "netns/addr.h"
#include "netns/resolv.h"
#include "specs/name.h"
#include "specs/spec_check.h"

#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* H19: a zone that asks for nothing still cannot take the host down. */
enum {
	DEFAULT_PIDS_MAX = 4096,
	DEFAULT_MEMORY_PERCENT = 90
};
static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

void plan_done(struct plan *p)
{
	char **lists[] = {p->argv, p->env, p->sysctl_keys, p->sysctl_values};
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		for (char **s = lists[l]; s && *s; s++)
			free(*s);
		free(lists[l]);
	}
	for (size_t i = 0; i < p->n_hooks; i++) {
		for (char **s = p->hooks[i].argv; s && *s; s++)
			free(*s);
		free(p->hooks[i].argv);
	}
	free(p->hooks);
	free(p->preserve_fds);
	free(p->hostname);
	free(p->cwd);
	free(p->user);
	free(p->eth.want4);
	free(p->eth.want6);
	free(p->eth.gateway4);
	free(p->eth.gateway6);
	free(p->resolv_conf);
	mount_plan_done(&p->mounts);
	volumes_plan_done(p);
	free(p->cgroup_v1);
	paths_free(p->masked);
	*p = (struct plan){0};
}

static int copy_text(char **ret, const char *s, struct err *e)
{
	*ret = strdup(s);
	return *ret ? 0 : err_nomem(e);
}

/* ---- processes ---- */

static int plan_args(const struct zone_spec *spec, struct plan *p, struct err *e)
{
	size_t n = spec->init.args.n;
	if (!(p->argv = calloc(n + 2, sizeof *p->argv)))
		return err_nomem(e);
	for (size_t i = 0; i < n; i++)
		if (copy_text(&p->argv[i], spec->init.args.items[i], e) < 0)
			return -1;
	if (n == 0 && copy_text(&p->argv[0], "/sbin/init", e) < 0)
		return -1;
	if (copy_text(&p->cwd, spec->init.cwd, e) < 0)
		return -1;
	return copy_text(&p->user, spec->init.user, e);
}

static bool spec_has_env(const struct zone_spec *spec, const char *key)
{
	for (size_t i = 0; i < spec->init.env.n; i++)
		if (!strcmp(spec->init.env.items[i].key, key))
			return true;
	return false;
}

/* R4, S34: the environment is built from nothing. */
static int plan_env(const struct zone_spec *spec, struct plan *p, struct err *e)
{
	char uuid[64];
	(void)snprintf(uuid, sizeof uuid, "%.8s-%.4s-%.4s-%.4s-%.12s", p->uuid, p->uuid + 8,
		p->uuid + 12, p->uuid + 16, p->uuid + 20);
	/* container and container_uuid: systemd's container interface (CONTAINER_INTERFACE.md). */
	const struct {
		const char *key, *value;
	} defaults[] = {
		{"PATH", default_path},
		{"container", "cella"},
		{"container_uuid", uuid},
		{"TERM", "linux"},
		{"HOME", "/root"},
	};
	size_t n = 0;
	if (!(p->env = calloc(ARRAY_LEN(defaults) + spec->init.env.n + 1, sizeof *p->env)))
		return err_nomem(e);
	for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
		if (spec_has_env(spec, defaults[i].key))
			continue;
		if (!(p->env[n++] = str_format("%s=%s", defaults[i].key, defaults[i].value)))
			return err_nomem(e);
	}
	for (size_t i = 0; i < spec->init.env.n; i++)
		if (!(p->env[n++] = str_format(
			      "%s=%s", spec->init.env.items[i].key, spec->init.env.items[i].value)))
			return err_nomem(e);
	return 0;
}

/* ---- namespaces, privileges ---- */

static void plan_namespaces(const struct zone_spec *spec, struct plan *p)
{
	static const enum ns_kind always[] = {NS_MNT, NS_PID, NS_IPC, NS_UTS, NS_CGROUP};
	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		p->ns.of[always[i]].mode = NS_NEW;
	/* In a user namespace the kernel mounts no cgroup file system then, and nothing starts. */
	if (!p->has_userns && defence_is_off("S12"))
		p->ns.of[NS_CGROUP].mode = NS_HOST;
	p->ns.of[NS_USER].mode = p->has_userns ? NS_NEW : NS_HOST;
	p->ns.of[NS_NET].mode = spec->network.mode == SPEC_NET_HOST ? NS_HOST : NS_NEW;
	/* H21; a kernel without time namespaces shows the host's uptime, and nothing else. */
	p->ns.of[NS_TIME].mode = ns_is_supported(NS_TIME) ? NS_NEW : NS_HOST;
	if (defence_is_off("H21"))
		p->ns.of[NS_TIME].mode = NS_HOST;
}

static int plan_rlimits(const struct zone_spec *spec, struct plan *p, struct err *e)
{
	size_t n = spec->security.n_rlimits;
	autofree struct rlimits_ask *asks = calloc(n + 1, sizeof *asks);
	if (!asks)
		return err_nomem(e);
	for (size_t i = 0; i < n; i++) {
		const struct spec_rlimit *r = &spec->security.rlimits[i];
		asks[i] = (struct rlimits_ask){
			.name = r->name,
			.soft = r->soft == SPEC_NO_LIMIT ? UINT64_MAX : r->soft,
			.hard = r->hard == SPEC_NO_LIMIT ? UINT64_MAX : r->hard,
		};
	}
	return rlimits_plan_make(asks, n, &p->rlimits, e);
}

static int plan_privileges(const struct zone_spec *spec, struct plan *p, struct err *e)
{
	static const enum caps_profile profiles[2][2] = {
		{CAPS_APP_NO_USERNS, CAPS_APP}, {CAPS_SYSTEM_NO_USERNS, CAPS_SYSTEM}};
	const struct spec_strings *add = &spec->security.caps_add,
				  *drop = &spec->security.caps_drop;
	if (caps_plan_make(profiles[p->system][p->has_userns], (const char *const *)add->items,
		    add->n, (const char *const *)drop->items, drop->n, &p->caps, e) < 0)
		return -1;
	p->filter = (struct filter_options){
		.mode = !strcmp(spec->security.seccomp, "log")		? FILTER_LOG
			: !strcmp(spec->security.seccomp, "unconfined") ? FILTER_UNCONFINED
									: FILTER_DEFAULT,
		.capabilities = p->caps.bounding,
		.host_userns = !p->has_userns,
	};
	/* H10: sudo and su are part of a server; a single command does not need them. */
	p->no_new_privs =
		spec->security.has_no_new_privs ? spec->security.no_new_privs : !p->system;
	if (defence_is_off("H10"))
		p->no_new_privs = false;
	p->oom_score = 0;
	/* Without ids of its own its root has the host's rights over mounts: nothing to lock. */
	p->lock_mounts = p->has_userns && (p->caps.bounding & UINT64_C(1) << CAP_SYS_ADMIN) &&
			 !defence_is_off("H24");
	return plan_rlimits(spec, p, e);
}

static int plan_sysctls(const struct zone_spec *spec, struct plan *p, struct err *e)
{
	size_t n = spec->security.sysctl.n;
	p->sysctl_keys = calloc(n + 1, sizeof *p->sysctl_keys);
	p->sysctl_values = calloc(n + 1, sizeof *p->sysctl_values);
	if (!p->sysctl_keys || !p->sysctl_values)
		return err_nomem(e);
	for (size_t i = 0; i < n; i++) {
		if (copy_text(&p->sysctl_keys[i], spec->security.sysctl.items[i].key, e) < 0 ||
			copy_text(&p->sysctl_values[i], spec->security.sysctl.items[i].value, e) <
				0)
			return -1;
		/* specs/ has checked the key: only dots separate. */
		for (char *c = p->sysctl_keys[i]; *c; c++)
			if (*c == '.')
				*c = '/';
		p->n_sysctls++;
	}
	return 0;
}

/* ---- resources ---- */

static uint64_t limit(uint64_t asked, uint64_t otherwise)
{
	_Static_assert(SPEC_UNSET == CG_UNSET && SPEC_NO_LIMIT == CG_MAX, "one convention");
	return asked == SPEC_UNSET ? otherwise : asked;
}

static int plan_resources(
	const struct zone_spec *spec, const struct cg_host *host, struct plan *p, struct err *e)
{
	const struct cg_hier *memory = cg_host_find(host, CG_MEMORY);
	/* H19 says swap 0, where the host can limit swap at all; and there swap 0 alone would be
	 * meaningless without a memory limit, so it follows the same "unless said". */
	bool can_swap = memory && (memory->v2 || memory->memsw);
	p->limits = (struct cg_limits){
		.memory_max = limit(spec->resources.memory_max,
			memory ? host_facts_memory() / 100 * DEFAULT_MEMORY_PERCENT : CG_UNSET),
		.memory_high = spec->resources.memory_high,
		.memory_low = spec->resources.memory_low,
		.memory_min = spec->resources.memory_min,
		.swap_max = limit(spec->resources.memory_swap_max,
			can_swap && spec->resources.memory_max != SPEC_NO_LIMIT ? 0 : CG_UNSET),
		.pids_max = limit(spec->resources.pids_max,
			cg_host_find(host, CG_PIDS) ? DEFAULT_PIDS_MAX : CG_UNSET),
		.cpu_max_milli = spec->resources.cpu_max_milli,
		.cpu_weight = spec->resources.cpu_weight,
		.cpus = spec->resources.cpu_cpus,
		.oom_group = !p->system && memory && memory->v2,
	};
	if (defence_is_off("H19"))
		p->limits = (struct cg_limits)CG_LIMITS_UNSET;
	return cg_limits_check(host, &p->limits, e);
}

/* ---- network ---- */

static int plan_eth(const struct zone *z, struct plan *p, struct err *e)
{
	const struct spec_interface *i = &z->spec->network.interfaces[0];
	const char *want4 = NULL, *want6 = NULL;
	for (size_t a = 0; a < i->addresses.n; a++) {
		const char *s = i->addresses.items[a];
		struct addr_cidr c;
		if (!strcmp(s, "auto")) {
			/* what it got the first time it keeps, as long as it stays in that network
			 */
			bool kept = !z->record.network[0] || !strcmp(z->record.network, i->network);
			want4 = kept && z->record.address4[0] ? z->record.address4 : "auto";
			want6 = kept && z->record.address6[0] ? z->record.address6 : "auto";
		} else if (addr_parse_cidr(s, &c)) {
			*(c.ip.family == AF_INET ? &want4 : &want6) = s;
		}
	}
	p->eth.present = true;
	(void)snprintf(p->eth.network, sizeof p->eth.network, "%s", i->network);
	(void)snprintf(p->eth.name, sizeof p->eth.name, "%s", i->name);
	(void)snprintf(p->eth.mac, sizeof p->eth.mac, "%s", i->mac);
	if ((want4 && copy_text(&p->eth.want4, want4, e) < 0) ||
		(want6 && copy_text(&p->eth.want6, want6, e) < 0))
		return -1;
	for (size_t g = 0; g < i->gateway.n; g++) {
		const char *s = i->gateway.items[g];
		struct addr_ip ip;
		bool is_auto = !strcmp(s, "auto");
		bool is6 = !is_auto && addr_parse_ip(s, &ip) && ip.family == AF_INET6;
		if ((is_auto || !is6) && copy_text(&p->eth.gateway4, s, e) < 0)
			return -1;
		if ((is_auto || is6) && copy_text(&p->eth.gateway6, s, e) < 0)
			return -1;
	}
	return 0;
}

static int plan_network(const struct zone *z, struct plan *p, struct err *e)
{
	const struct zone_spec *spec = z->spec;
	p->net_mode = spec->network.mode;
	if (p->net_mode == SPEC_NET_PRIVATE && spec->network.n_interfaces && plan_eth(z, p, e) < 0)
		return -1;
	if (p->net_mode == SPEC_NET_NONE)
		return 0;
	if (spec->network.dns_servers.n || spec->network.dns_search.n) {
		p->resolv_conf = resolv_text((const char *const *)spec->network.dns_servers.items,
			spec->network.dns_servers.n,
			(const char *const *)spec->network.dns_search.items,
			spec->network.dns_search.n, e);
		return p->resolv_conf ? 0 : -1;
	}
	struct resolv host;
	if (resolv_load_host(&host, e) < 0)
		return -1;
	p->resolv_conf = resolv_text_host(&host, e);
	return p->resolv_conf ? 0 : -1;
}

/* ---- all of it ---- */

static int check_arch(const struct zone_spec *spec, struct err *e)
{
	struct utsname u;
	if (!spec->arch[0] || uname(&u) < 0 || !strcmp(spec->arch, u.machine))
		return 0;
	return err_set(
		e, ERR_HOST, "/arch: this host is %s, the zone wants %s", u.machine, spec->arch);
}

/* As the admin says, else half of the memory that the zone may have: its processes need some too.
 */
static uint64_t scratch_size(const struct zone_spec *spec, const struct plan *p)
{
	uint64_t memory = p->limits.memory_max;
	if (spec->root.quota != SPEC_UNSET)
		return spec->root.quota;
	return (memory != CG_UNSET && memory != CG_MAX ? memory : host_facts_memory()) / 2;
}

/* What a process of the zone gets, whichever it is. */
static int plan_process(const struct zone *z, bool has_userns, struct plan *p, struct err *e)
{
	const struct zone_spec *spec = z->spec;
	struct store_name group = store_host_name(z->store, z->name);
	memcpy(p->name, z->name, sizeof p->name);
	memcpy(p->uuid, z->record.uuid, sizeof p->uuid);
	memcpy(p->group, group.s, sizeof group.s);
	p->system = init_is_system(spec);
	p->has_userns = has_userns;
	plan_namespaces(spec, p);
	p->map = (struct id_map){
		0, p->has_userns ? z->record.id_first : 0, p->has_userns ? 65536 : UINT32_MAX};
	return spec_check_supported(spec, e) < 0 || plan_env(spec, p, e) < 0
		       ? -1
		       : plan_privileges(spec, p, e);
}

static int plan_fill(
	const struct zone *z, const struct cg_host *host, struct plan *p, struct err *e)
{
	const struct zone_spec *spec = z->spec;
	p->layers = z->record.layers;
	p->n_layers = z->record.n_layers;
	p->root_readonly = spec->root.readonly;
	p->stop_timeout_ms = spec->init.stop_timeout_ms;
	p->restart = spec->boot.restart;
	p->log_max = spec->console_log_max;
	if (spec->init.stop_signal[0] &&
		signal_parse(spec->init.stop_signal, &p->stop_signal, e) < 0)
		return -1;
	bool has_userns = spec->security.userns == SPEC_USERNS_ISOLATED;
	if (check_arch(spec, e) < 0 || plan_process(z, has_userns, p, e) < 0 ||
		ns_check_supported(&p->ns, e) < 0 ||
		copy_text(&p->hostname, spec->hostname, e) < 0 || plan_args(spec, p, e) < 0 ||
		plan_sysctls(spec, p, e) < 0 || plan_resources(spec, host, p, e) < 0 ||
		volumes_plan(spec, p, e) < 0 || plan_mounts(host, p, e) < 0)
		return -1;
	p->scratch_bytes = z->record.in_memory ? scratch_size(spec, p) : 0;
	return plan_network(z, p, e);
}

/* `r` is what filling *p has returned; on failure *ret stays as it is. */
static int hand_over(struct plan *p, int r, const struct zone *z, struct plan *ret, struct err *e)
{
	if (r < 0) {
		plan_done(p);
		return err_at(e, "plan", z->name);
	}
	*ret = *p;
	return 0;
}

int plan_make(const struct zone *z, const struct cg_host *host, struct plan *ret, struct err *e)
{
	struct plan p = {.store = z->store};
	return hand_over(&p, plan_fill(z, host, &p, e), z, ret, e);
}

int plan_make_process(const struct zone *z, bool has_userns, struct plan *ret, struct err *e)
{
	struct plan p = {.store = z->store};
	return hand_over(&p, plan_process(z, has_userns, &p, e), z, ret, e);
}
