#include "runtime/image_defaults.h"
#include "base/mem.h"
#include "base/str.h"
#include "runtime/init_kind.h"
#include "specs/grammar.h"
#include "specs/name.h"

#include <string.h>

/* ---- single fields ---- */

static int put_text(json_t *o, const char *key, const char *text, struct err *e)
{
	if (json_object_set_new(o, key, json_string(text)) == 0)
		return 0;
	return err_set(e, ERR_FAILED, "the image's %s is not valid UTF-8", key);
}

/* An empty object is left out. */
static int put_object(json_t *doc, const char *key, json_t *o, struct err *e)
{
	if (json_object_size(o) == 0)
		return 0;
	return json_object_set(doc, key, o) < 0 ? err_nomem(e) : 0;
}

static int put_args(json_t *init, const struct image_config *c, struct err *e)
{
	const struct spec_strings *const lists[] = {&c->entrypoint, &c->cmd};
	json_t *args = json_array();
	const char *first = NULL;
	for (size_t l = 0; l < ARRAY_LEN(lists); l++)
		for (size_t i = 0; i < lists[l]->n; i++) {
			const char *arg = lists[l]->items[i];
			first = first ? first : arg;
			if (json_array_append_new(args, json_string(arg)) < 0) {
				json_decref(args);
				return err_set(
					e, ERR_FAILED, "the image's command is not valid UTF-8");
			}
		}
	if (!first) {
		json_decref(args);
		return 0;
	}
	bool is_system = init_name_is_system(first);
	if (json_object_set_new(init, "args", args) < 0)
		return err_nomem(e);
	return is_system ? 0 : put_text(init, "kind", "app", e);
}

static int put_env(json_t *init, const struct spec_pairs *env, struct err *e)
{
	json_t *o = json_object();
	int r = 0;
	for (size_t i = 0; r == 0 && i < env->n; i++)
		r = put_text(o, env->items[i].key, env->items[i].value, e);
	if (r == 0)
		r = put_object(init, "env", o, e);
	json_decref(o);
	return r;
}

/* "/app//" is "/app". */
static int put_workdir(json_t *init, const char *dir, struct err *e)
{
	autostr struct strbuf s = {0};
	for (const char *at = dir; *at; at++)
		if (at[0] != '/' || (at[1] != '/' && at[1]) || (at == dir && !at[1]))
			str_addn(&s, at, 1);
	autofree char *text = str_finish(&s, e);
	return text ? put_text(init, "cwd", *text ? text : "/", e) : -1;
}

/* "TERM", "RTMIN+3" and "15" become what a spec says. */
static int put_signal(json_t *init, const char *text, struct err *e)
{
	char name[SIGNAL_NAME_SIZE];
	int sig;
	if (signal_parse(text, &sig, NULL) < 0)
		return put_text(init, "stop_signal", text, e); /* refused with its place */
	return put_text(init, "stop_signal", signal_print(name, sig), e);
}

static int put_init(json_t *doc, const struct image_config *c, const json_t *asked, struct err *e)
{
	json_t *init = json_object();
	const json_t *asked_init = json_object_get(asked, "init");
	int r = init ? 0 : err_nomem(e);
	if (r == 0 && !json_object_get(asked_init, "args"))
		r = put_args(init, c, e);
	if (r == 0)
		r = put_env(init, &c->env, e);
	if (r == 0 && c->user && *c->user)
		r = put_text(init, "user", c->user, e);
	if (r == 0 && c->workdir && *c->workdir)
		r = put_workdir(init, c->workdir, e);
	if (r == 0 && c->stop_signal && *c->stop_signal)
		r = put_signal(init, c->stop_signal, e);
	if (r == 0)
		r = put_object(doc, "init", init, e);
	json_decref(init);
	return r;
}

static int put_labels(json_t *doc, const struct spec_pairs *labels,
	const struct source_remarks *remarks, struct err *e)
{
	json_t *o = json_object();
	int r = o ? 0 : err_nomem(e);
	for (size_t i = 0; r == 0 && i < labels->n; i++) {
		const char *key = labels->items[i].key, *value = labels->items[i].value;
		if (grammar_label_key(key) || grammar_label_value(value) ||
			!str_is_printable(value, strlen(value))) {
			char shown[100];
			source_remark(remarks,
				"the image's label \"%s\" is left out: a zone's "
				"labels are at most 255 bytes of plain text",
				str_escape(shown, sizeof shown, key));
			continue;
		}
		r = put_text(o, key, value, e);
	}
	if (r == 0)
		r = put_object(doc, "labels", o, e);
	json_decref(o);
	return r;
}

static int put_ports(json_t *doc, const struct spec_strings *ports, struct err *e)
{
	autostr struct strbuf s = {0};
	for (size_t i = 0; i < ports->n; i++)
		str_addf(&s, "%s%s", i ? "," : "", ports->items[i]);
	if (!ports->n)
		return 0;
	autofree char *text = str_finish(&s, e);
	json_t *o = text ? json_object() : NULL;
	int r = o ? put_text(o, IMAGE_PORTS_ANNOTATION, text, e) : -1;
	if (r == 0)
		r = put_object(doc, "annotations", o, e);
	json_decref(o);
	return r;
}

int image_defaults(const struct image *i, const json_t *asked, const struct source_remarks *remarks,
	json_t **ret, struct err *e)
{
	const struct image_config *c = &i->config;
	json_t *doc = json_object();
	if (!doc)
		return err_nomem(e);
	if (put_init(doc, c, asked, e) < 0 || put_labels(doc, &c->labels, remarks, e) < 0 ||
		put_ports(doc, &c->exposed_ports, e) < 0) {
		json_decref(doc);
		return -1;
	}
	*ret = doc;
	return 0;
}

int image_put_beneath(json_t *defaults, const json_t *doc, struct err *e)
{
	const char *key;
	json_t *v;
	json_object_foreach((json_t *)(uintptr_t)doc, key, v)
	{
		json_t *below = json_object_get(defaults, key);
		if (json_is_object(below) && json_is_object(v)) {
			if (image_put_beneath(below, v, e) < 0)
				return -1;
		} else if (json_object_set_new(defaults, key, json_deep_copy(v)) < 0) {
			return err_nomem(e);
		}
	}
	return 0;
}
