#include "runtime/lifecycle_parts.h"
#include "base/mem.h"
#include "runtime/host_facts.h"
#include "runtime/plan.h"
#include "specs/name.h"
#include "specs/spec_check.h"
#include "specs/spec_json.h"

#include <stdio.h>
#include <string.h>

/* A spec is good when a start could be planned with it: what this version, this kernel or this host
 * cannot honour is refused now, not at the first start (R8). */
static int try_plan(const struct store *s, const char *name, struct zone_spec *spec, struct err *e)
{
	char none[] = "";
	autocg_host struct cg_host host = {0};
	struct plan plan;
	struct zone z = {
		.store = s,
		.dir_fd = -1,
		.lock_fd = -1,
		.spec = spec,
		.record = {.address4 = none,
			.address6 = none,
			.source = none,
			.etc_hostname = none,
			.clone_of = none,
			.network = none},
	};
	(void)snprintf(z.name, sizeof z.name, "%s", name);
	if (host_facts_cgroups(s, &host, e) < 0 || plan_make(&z, &host, &plan, e) < 0)
		return -1;
	plan_done(&plan);
	return 0;
}

/* What is written must be read again, also when a rename has made it a little longer. */
static int check_size(const json_t *doc, struct err *e)
{
	autofree char *text = spec_text(doc, e);
	if (!text)
		return -1;
	if (strlen(text) + NAME_MAX_LEN <= SPEC_JSON_MAX)
		return 0;
	return err_set(e, ERR_USAGE, "the spec would have %zu bytes, at most %d can be kept",
		strlen(text), SPEC_JSON_MAX - NAME_MAX_LEN);
}

/* "name" must be absent or this zone's. */
static int put_name(json_t *doc, const char *name, const char *file, struct err *e)
{
	const json_t *had = json_object_get(doc, "name");
	const char *text = json_string_value(had);
	if (!json_is_object(doc))
		return err_set(e, ERR_USAGE, "%s: expected an object", file);
	if (text && strcmp(text, name) != 0) {
		err_set(e, ERR_USAGE, "%s: /name: this is the spec of '%.80s', not of '%s'", file,
			text, name);
		return err_hint(e, "take \"name\" out, or use `cella rename`");
	}
	if (had && !text)
		return 0; /* the reader says what is wrong with it */
	return json_object_set_new(doc, "name", json_string(name)) < 0 ? err_nomem(e) : 0;
}

int lifecycle_parse(const char *name, const char *text, size_t len, const char *file,
	json_t **ret_doc, struct err *e)
{
	struct zone_spec *spec = NULL;
	json_t *doc = NULL;
	if (spec_parse_as(name, text, len, file, &spec, &doc, e) < 0)
		return -1;
	spec_free(spec);
	if (put_name(doc, name, file, e) < 0) {
		json_decref(doc);
		return -1;
	}
	*ret_doc = doc;
	return 0;
}

int lifecycle_make_spec(const struct store *s, const char *name, const json_t *doc,
	const char *file, const char *const *set, size_t n_set, json_t **ret_doc,
	struct zone_spec **ret_spec, struct err *e)
{
	struct zone_spec *spec = NULL;
	json_t *copy = json_deep_copy(doc);
	int r = copy ? put_name(copy, name, file, e) : err_nomem(e);
	for (size_t i = 0; r == 0 && i < n_set; i++)
		r = spec_set(copy, set[i], e);
	/* `name=other` has its own verb. */
	if (r == 0)
		r = put_name(copy, name, "set", e);
	if (r == 0)
		r = spec_from_json(copy, file, &spec, e);
	if (r == 0)
		r = check_size(copy, e);
	if (r == 0)
		r = spec_check_supported(spec, e);
	if (r == 0)
		r = try_plan(s, name, spec, e);
	if (r < 0) {
		json_decref(copy);
		spec_free(spec);
		return -1;
	}
	*ret_doc = copy;
	*ret_spec = spec;
	return 0;
}
