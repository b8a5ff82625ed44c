#include "specs/spec_json.h"
#include "base/mem.h"
#include "base/str.h"
#include "specs/name.h"
#include "specs/spec_check.h"
#include "specs/spec_read.h"
#include "specs/spec_value.h"
#include "specs/spec_where.h"

#include <string.h>

void spec_free(struct zone_spec *spec)
{
	if (!spec)
		return;
	spec_value_release(schema_root, spec);
	free(spec);
}

static int set_text(char **at, const char *text, struct err *e)
{
	char *copy = strdup(text);
	if (!copy)
		return err_nomem(e);
	free(*at);
	*at = copy;
	return 0;
}

/* The interface of a zone that does not say any; an empty array says "none but lo". */
static int add_default_interface(const json_t *doc, struct zone_spec *spec, struct err *e)
{
	const json_t *said = json_object_get(json_object_get(doc, "network"), "interfaces");
	const struct schema_field *f =
		schema_find(schema_find(schema_root, "network")->fields, "interfaces");
	if (said || spec->network.mode != SPEC_NET_PRIVATE)
		return 0;
	void *item = spec_value_grow(&spec->network.interfaces, &spec->network.n_interfaces,
		sizeof *spec->network.interfaces, e);
	return item ? spec_value_defaults(f->fields, item, e) : -1;
}

/* Defaults that depend on other fields, and one spelling for what has several. */
static int complete(const json_t *doc, struct zone_spec *spec, struct err *e)
{
	char name[SIGNAL_NAME_SIZE];
	int sig;
	if (!*spec->hostname && set_text(&spec->hostname, spec->name, e) < 0)
		return -1;
	if (*spec->init.stop_signal &&
		(signal_parse(spec->init.stop_signal, &sig, e) < 0 ||
			set_text(&spec->init.stop_signal, signal_print(name, sig), e) < 0))
		return -1;
	for (size_t i = 0; i < spec->network.n_interfaces; i++)
		for (char *p = spec->network.interfaces[i].mac; *p; p++)
			if (*p >= 'A' && *p <= 'F')
				*p = (char)(*p - 'A' + 'a');
	return add_default_interface(doc, spec, e);
}

static int build(const json_t *doc, struct zone_spec **ret, struct err *e)
{
	autospec struct zone_spec *spec = calloc(1, sizeof *spec);
	if (!spec)
		return err_nomem(e);
	if (spec_value_defaults(schema_root, spec, e) < 0 || spec_read_document(doc, spec, e) < 0 ||
		spec_read_required(doc, e) < 0 || complete(doc, spec, e) < 0 ||
		spec_check(spec, e) < 0)
		return -1;
	*ret = ptr_steal(&spec);
	return 0;
}

int spec_from_json(const json_t *doc, const char *file, struct zone_spec **ret, struct err *e)
{
	if (build(doc, ret, e) < 0)
		return e && e->cls == ERR_USAGE ? spec_where_prefix_at(e, file, 0, 0) : -1;
	return 0;
}

/* jansson quotes the text near the error, which is anybody's. */
static int fail_syntax(const json_error_t *je, const char *file, struct err *e)
{
	autostr struct strbuf shown = {0};
	if (json_error_code(je) == json_error_out_of_memory)
		return err_nomem(e);
	str_add_escaped(&shown, je->text, 120);
	err_set(e, ERR_USAGE, "%s", shown.buf && !shown.failed ? shown.buf : "not JSON");
	size_t line = je->line > 0 ? (size_t)je->line : 1;
	return spec_where_prefix_at(e, file, line, je->column > 0 ? (size_t)je->column : 1);
}

int spec_parse(const char *text, size_t len, const char *file, struct zone_spec **ret,
	json_t **ret_doc, struct err *e)
{
	return spec_parse_as(NULL, text, len, file, ret, ret_doc, e);
}

int spec_parse_as(const char *name, const char *text, size_t len, const char *file,
	struct zone_spec **ret, json_t **ret_doc, struct err *e)
{
	struct err own;
	json_error_t je;
	if (!e) /* the place of an error is found by what it says */
		e = &own;
	if (spec_where_scan(text, len, file, e) < 0)
		return -1;
	/* A NUL written as an escape is let through here and refused by the reader, which knows
	 * where. */
	json_auto_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &je);
	if (!doc)
		return fail_syntax(&je, file, e);
	if (name && json_is_object(doc) && !json_object_get(doc, "name") &&
		json_object_set_new(doc, "name", json_string(name)) < 0)
		return err_nomem(e);
	if (build(doc, ret, e) < 0) {
		if (e->cls != ERR_USAGE)
			return -1;
		size_t at = spec_where_find(text, len, e->object);
		return spec_where_prefix(e, file, text, len, at);
	}
	if (ret_doc)
		*ret_doc = ptr_steal(&doc);
	return 0;
}
