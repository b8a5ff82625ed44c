/* `cella plan NAME`: the plan for people and for programs. */
#include "runtime/plan.h"
#include "runtime/host_facts.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/units.h"

#include <signal.h>
#include <string.h>

static json_t *strings(char *const *list)
{
	json_t *a = json_array();
	for (; list && *list; list++)
		json_array_append_new(a, json_string(*list));
	return a;
}

static json_t *layer_list(const struct plan *p)
{
	json_t *a = json_array();
	for (size_t i = 0; i < p->n_layers; i++)
		json_array_append_new(a, json_string(p->layers[i]));
	return a;
}

static json_t *namespaces(const struct plan *p)
{
	static const char *const modes[] = {
		[NS_HOST] = "host", [NS_NEW] = "new", [NS_JOIN] = "join"};
	json_t *o = json_object();
	for (int k = 0; k < NS_COUNT; k++)
		json_object_set_new(o, ns_types[k].name, json_string(modes[p->ns.of[k].mode]));
	return o;
}

static json_t *mounts(const struct plan *p)
{
	json_t *a = json_array();
	for (size_t i = 0; i < p->mounts.n_ops; i++) {
		struct strbuf line = {0};
		mount_op_describe(&p->mounts.ops[i], &line);
		json_array_append_new(a, json_string(line.buf ? line.buf : ""));
		str_done(&line);
	}
	return a;
}

static json_t *capabilities(uint64_t mask)
{
	json_t *a = json_array();
	char name[CAPS_NAME_SIZE];
	for (int c = 0; c < 64; c++)
		if (mask & UINT64_C(1) << c)
			json_array_append_new(a, json_string(caps_to_name(c, name)));
	return a;
}

static json_t *rlimit_value(rlim_t v)
{
	return v == RLIM_INFINITY ? json_string("unlimited") : json_integer((json_int_t)v);
}

static json_t *rlimits(const struct plan *p)
{
	json_t *o = json_object();
	for (int i = 0; i < RLIMITS_COUNT; i++) {
		json_t *pair = json_pack("[o, o]", rlimit_value(p->rlimits.of[i].rlim_cur),
			rlimit_value(p->rlimits.of[i].rlim_max));
		if (rlimits_to_name(i))
			json_object_set_new(o, rlimits_to_name(i), pair);
		else
			json_decref(pair);
	}
	return o;
}

static void set_limit(json_t *o, const char *key, uint64_t v)
{
	if (v != CG_UNSET)
		json_object_set_new(
			o, key, v == CG_MAX ? json_string("max") : json_integer((json_int_t)v));
}

static json_t *limits(const struct cg_limits *l)
{
	json_t *o = json_object();
	set_limit(o, "cpu_max_milli", l->cpu_max_milli);
	set_limit(o, "cpu_weight", l->cpu_weight);
	set_limit(o, "memory_min", l->memory_min);
	set_limit(o, "memory_low", l->memory_low);
	set_limit(o, "memory_high", l->memory_high);
	set_limit(o, "memory_max", l->memory_max);
	set_limit(o, "swap_max", l->swap_max);
	set_limit(o, "pids_max", l->pids_max);
	if (l->cpus && l->cpus[0])
		json_object_set_new(o, "cpus", json_string(l->cpus));
	if (l->oom_group)
		json_object_set_new(o, "oom_group", json_true());
	return o;
}

static json_t *network(const struct plan *p)
{
	static const char *const modes[] = {
		[SPEC_NET_PRIVATE] = "private", [SPEC_NET_HOST] = "host", [SPEC_NET_NONE] = "none"};
	json_t *o = json_pack("{s:s}", "mode", modes[p->net_mode]);
	if (p->eth.present)
		json_object_set_new(o, "interface",
			json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s?, s:s?}", "name", p->eth.name,
				"network", p->eth.network, "mac", p->eth.mac, "address4",
				p->eth.want4, "address6", p->eth.want6, "gateway4", p->eth.gateway4,
				"gateway6", p->eth.gateway6));
	json_object_set_new(
		o, "resolv_conf", p->resolv_conf ? json_string(p->resolv_conf) : json_null());
	return o;
}

static json_t *sysctls(const struct plan *p)
{
	json_t *o = json_object();
	for (size_t i = 0; i < p->n_sysctls; i++)
		json_object_set_new(o, p->sysctl_keys[i], json_string(p->sysctl_values[i]));
	return o;
}

json_t *plan_to_json(const struct plan *p, struct err *e)
{
	static const char *const filters[] = {[FILTER_DEFAULT] = "default",
		[FILTER_LOG] = "log",
		[FILTER_UNCONFINED] = "unconfined"};
	static const char *const restarts[] = {[SPEC_RESTART_NO] = "no",
		[SPEC_RESTART_ON_FAILURE] = "on-failure",
		[SPEC_RESTART_ALWAYS] = "always"};
	json_t *o = json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:b, s:o}", "plan", 1,
		"name", p->name, "uuid", p->uuid, "cgroup", p->group, "kind",
		p->system ? "system" : "app", "limits", limits(&p->limits), "namespaces",
		namespaces(p), "layers", layer_list(p), "root_readonly", (int)p->root_readonly,
		"scratch_bytes",
		p->scratch_bytes ? json_integer((json_int_t)p->scratch_bytes) : json_null());
	json_t *ids = p->has_userns ? json_pack("{s:I, s:I, s:I}", "zone_first",
					      (json_int_t)p->map.zone_first, "host_first",
					      (json_int_t)p->map.host_first, "count",
					      (json_int_t)p->map.count)
				    : json_null();
	json_t *more = json_pack(
		"{s:o, s:s, s:o, s:o, s:o, s:s, s:s, s:o, s:b, s:s, s:o, s:o, s:i, s:I, s:s, s:I}",
		"id_map", ids, "hostname", p->hostname, "mounts", mounts(p), "args",
		strings(p->argv), "env", strings(p->env), "cwd", p->cwd, "user", p->user,
		"capabilities", capabilities(p->caps.bounding), "no_new_privs",
		(int)p->no_new_privs, "seccomp", filters[p->filter.mode], "rlimits", rlimits(p),
		"sysctl", sysctls(p), "stop_signal", p->stop_signal, "stop_timeout_ms",
		(json_int_t)p->stop_timeout_ms, "restart", restarts[p->restart], "console_log_max",
		(json_int_t)p->log_max);
	if (!o || !more || json_object_update(o, more) < 0 ||
		json_object_set_new(o, "network", network(p)) < 0) {
		json_decref(o);
		json_decref(more);
		err_nomem(e);
		return NULL;
	}
	json_decref(more);
	return o;
}

static void line_list(struct strbuf *s, const char *title, const json_t *a)
{
	size_t i;
	json_t *v;
	str_addf(s, "%-14s", title);
	json_array_foreach(a, i, v) str_addf(s, "%s%s", i ? " " : "", json_string_value(v));
	str_add(s, "\n");
}

/* The text form is made from the JSON form, so that the two cannot disagree. */
char *plan_to_text(const struct plan *p, struct err *e)
{
	json_t *o = plan_to_json(p, e);
	if (!o)
		return NULL;
	autostr struct strbuf s = {0};
	str_addf(&s, "%-14s%s, a %s zone, cgroup %s\n", "zone", p->name,
		p->system ? "system" : "app", p->group);
	const char *key;
	json_t *v;
	str_addf(&s, "%-14s", "limits");
	json_object_foreach(json_object_get(o, "limits"), key, v)
	{
		autofree char *text = json_dumps(v, JSON_ENCODE_ANY);
		str_addf(&s, "%s=%s ", key, text ? text : "");
	}
	str_addf(&s, "\n%-14s", "namespaces");
	json_object_foreach(json_object_get(o, "namespaces"), key, v)
		str_addf(&s, "%s:%s ", key, json_string_value(v));
	if (p->has_userns)
		str_addf(&s, "\n%-14s0 is host id %u, %u ids\n", "ids", p->map.host_first,
			p->map.count);
	else
		str_addf(&s, "\n%-14sthe host's: root in the zone is root\n", "ids");
	line_list(&s, "layers", json_object_get(o, "layers"));
	size_t i;
	json_array_foreach(json_object_get(o, "mounts"), i, v)
		str_addf(&s, "%-14s%s\n", i ? "" : "mounts", json_string_value(v));
	str_addf(&s, "%-14s%s\n", "hostname", p->hostname);
	autofree char *net = json_dumps(json_object_get(o, "network"), JSON_COMPACT);
	str_addf(&s, "%-14s%s\n", "network", net ? net : "");
	line_list(&s, "capabilities", json_object_get(o, "capabilities"));
	str_addf(&s, "%-14s%s%s\n", "seccomp", json_string_value(json_object_get(o, "seccomp")),
		p->no_new_privs ? ", no new privileges" : "");
	line_list(&s, "environment", json_object_get(o, "env"));
	str_addf(&s, "%-14suser %s in %s:", "exec", p->user, p->cwd);
	json_array_foreach(json_object_get(o, "args"), i, v)
	{
		str_add(&s, " ");
		str_add_escaped(&s, json_string_value(v), 200);
	}
	str_add(&s, "\n");
	json_decref(o);
	return str_finish(&s, e);
}

int plan_show(
	const struct store *s, const char *name, json_t **ret_json, char **ret_text, struct err *e)
{
	struct zone z;
	if (zone_open(s, name, 0, 0, &z, e) < 0)
		return -1;
	autocg_host struct cg_host host = {0};
	struct plan p = {0};
	int r = host_facts_cgroups(s, &host, e);
	if (r == 0)
		r = plan_make(&z, &host, &p, e);
	json_t *json = NULL;
	char *text = NULL;
	if (r == 0 && (!(json = plan_to_json(&p, e)) || !(text = plan_to_text(&p, e))))
		r = -1;
	plan_done(&p);
	zone_close(&z);
	if (r < 0) {
		json_decref(json);
		free(text);
		return err_prefix(e, "zone '%s'", name);
	}
	*ret_json = json;
	*ret_text = text;
	return 0;
}
