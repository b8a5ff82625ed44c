#include "runtime/image_json.h"
#include "base/mem.h"

#include <string.h>

enum {
	IMAGE_VERSION = 1
};

static const char *text_of(const char *s)
{
	return s ? s : "";
}

/* ---- writing ---- */

static json_t *texts(char *const *items, size_t n)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < n; i++)
		if (json_array_append_new(list, json_string(items[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *pairs(const struct spec_pairs *p)
{
	json_t *o = json_object();
	for (size_t i = 0; o && i < p->n; i++)
		if (json_object_set_new(o, p->items[i].key, json_string(p->items[i].value)) < 0) {
			json_decref(o);
			return NULL;
		}
	return o;
}

json_t *image_to_json(const struct image *i)
{
	const struct image_config *c = &i->config;
	/* A NULL among them makes json_pack fail and release the others. */
	json_t *config = json_pack("{s:o, s:o, s:o, s:s, s:s, s:s, s:o, s:o}", "env",
		pairs(&c->env), "entrypoint", texts(c->entrypoint.items, c->entrypoint.n), "cmd",
		texts(c->cmd.items, c->cmd.n), "user", text_of(c->user), "workdir",
		text_of(c->workdir), "stop_signal", text_of(c->stop_signal), "exposed_ports",
		texts(c->exposed_ports.items, c->exposed_ports.n), "labels", pairs(&c->labels));
	return json_pack("{s:i, s:s, s:s, s:o, s:o, s:s, s:s, s:s, s:s}", "image", IMAGE_VERSION,
		"name", i->name, "uuid", i->uuid, "layers", texts(i->layers, i->n_layers), "config",
		config, "arch", text_of(i->arch), "source", text_of(i->source), "created",
		i->created, "digest", text_of(i->digest));
}

char *image_to_text(const struct image *i, struct err *e)
{
	json_t *doc = image_to_json(i);
	char *text = doc ? json_dumps(doc, JSON_INDENT(2)) : NULL;
	json_decref(doc);
	if (!text) {
		err_set(e, ERR_FAILED, "image '%s': its configuration is not valid UTF-8", i->name);
		return NULL;
	}
	size_t n = strlen(text);
	char *more = realloc(text, n + 2);
	if (!more) {
		free(text);
		(void)err_nomem(e);
		return NULL;
	}
	memcpy(more + n, "\n", 2);
	return more;
}

/* ---- reading ---- */

static bool take_text(const json_t *doc, const char *key, char **ret)
{
	const char *v = json_string_value(json_object_get(doc, key));
	return v && image_set_text(ret, v, NULL) == 0;
}

static bool take_fixed(const json_t *doc, const char *key, char *ret, size_t size)
{
	const char *v = json_string_value(json_object_get(doc, key));
	if (!v || strlen(v) >= size)
		return false;
	memcpy(ret, v, strlen(v) + 1);
	return true;
}

static bool take_texts(const json_t *doc, const char *key, struct spec_strings *ret)
{
	size_t i;
	json_t *v;
	const json_t *list = json_object_get(doc, key);
	json_array_foreach(list, i, v)
	{
		if (!json_is_string(v) || image_add_text(ret, json_string_value(v), NULL) < 0)
			return false;
	}
	return json_is_array(list);
}

static bool take_pairs(const json_t *doc, const char *key, struct spec_pairs *ret)
{
	const char *k;
	json_t *v, *o = json_object_get(doc, key);
	json_object_foreach(o, k, v)
	{
		if (!json_is_string(v) || image_add_pair(ret, k, json_string_value(v), NULL) < 0)
			return false;
	}
	return json_is_object(o);
}

/* A layer's id becomes a path component: only what we could have written. */
static bool take_layers(const json_t *doc, struct image *i)
{
	const json_t *list = json_object_get(doc, "layers");
	for (size_t n = json_array_size(list); n-- > 0;) {
		const char *id = json_string_value(json_array_get(list, n));
		if (!id || !layer_id_is_valid(id) || image_add_layer(i, id, NULL) < 0)
			return false;
	}
	return json_is_array(list);
}

static bool from_json(const json_t *doc, struct image *i)
{
	const json_t *config = json_object_get(doc, "config");
	struct image_config *c = &i->config;
	return take_fixed(doc, "name", i->name, sizeof i->name) &&
	       take_fixed(doc, "uuid", i->uuid, sizeof i->uuid) && strlen(i->uuid) == UUID_LEN &&
	       strspn(i->uuid, "0123456789abcdef") == UUID_LEN && take_layers(doc, i) &&
	       take_text(doc, "arch", &i->arch) && take_text(doc, "source", &i->source) &&
	       take_fixed(doc, "created", i->created, sizeof i->created) &&
	       take_text(doc, "digest", &i->digest) && take_pairs(config, "env", &c->env) &&
	       take_texts(config, "entrypoint", &c->entrypoint) &&
	       take_texts(config, "cmd", &c->cmd) && take_text(config, "user", &c->user) &&
	       take_text(config, "workdir", &c->workdir) &&
	       take_text(config, "stop_signal", &c->stop_signal) &&
	       take_texts(config, "exposed_ports", &c->exposed_ports) &&
	       take_pairs(config, "labels", &c->labels);
}

int image_from_text(const char *text, size_t len, struct image *ret, struct err *e)
{
	struct image i = IMAGE_EMPTY;
	json_error_t je;
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
	if (!doc)
		return err_set(
			e, ERR_FAILED, "line %d, column %d: %s", je.line, je.column, je.text);
	json_int_t version = json_integer_value(json_object_get(doc, "image"));
	bool ok = version == IMAGE_VERSION && from_json(doc, &i);
	json_decref(doc);
	if (!ok) {
		image_done(&i);
		return err_set(e, ERR_FAILED,
			version > IMAGE_VERSION
				? "it was written by a newer version of cella"
				: "it lacks a field or holds one of the wrong type");
	}
	*ret = i;
	return 0;
}
