#include "base/str.h"
#include "specs/schema.h"
#include "specs/spec_json.h"

#include <stdio.h>
#include <string.h>

json_t *spec_lookup(const json_t *doc, const char *path)
{
	const json_t *node = doc;
	while (node && *path) {
		/* "net.ipv4.ip_forward" is one key of sysctl: the rest as a whole comes first. */
		json_t *whole = json_object_get(node, path);
		if (whole)
			return whole;
		size_t n = strcspn(path, ".");
		char part[256];
		uint64_t index;
		if (!n || n >= sizeof part || (path[n] && !path[n + 1]))
			return NULL;
		memcpy(part, path, n);
		part[n] = '\0';
		path += n + (path[n] == '.');
		if (json_is_array(node))
			node = str_to_u64(part, &index) ? json_array_get(node, index) : NULL;
		else
			node = json_object_get(node, part);
	}
	return (json_t *)node;
}

struct walk {
	int (*fn)(const struct spec_key *key, void *arg);
	void *arg;
};

static const char *type_name(enum schema_type type)
{
	static const char *const names[] = {[SCHEMA_VERSION] = "number",
		[SCHEMA_TEXT] = "text",
		[SCHEMA_WORD] = "word",
		[SCHEMA_CHOICE] = "word",
		[SCHEMA_BOOL] = "boolean",
		[SCHEMA_MAYBE] = "boolean",
		[SCHEMA_SIZE] = "size",
		[SCHEMA_TIME] = "time",
		[SCHEMA_RATE] = "rate",
		[SCHEMA_CORES] = "cores",
		[SCHEMA_COUNT] = "number",
		[SCHEMA_ORDER] = "number",
		[SCHEMA_PORT] = "port",
		[SCHEMA_READY] = "word",
		[SCHEMA_TEXTS] = "array of texts",
		[SCHEMA_PAIRS] = "text",
		[SCHEMA_RLIMITS] = "limit",
		[SCHEMA_OBJECT] = "object",
		[SCHEMA_LIST] = "array of objects"};
	return names[type];
}

static int walk_keys(
	const struct walk *w, const struct schema_field *fields, const char *up, unsigned inherited)
{
	for (; fields->type != SCHEMA_END; fields++) {
		char path[128];
		unsigned flags = fields->flags | inherited;
		bool named = fields->type == SCHEMA_PAIRS || fields->type == SCHEMA_RLIMITS;
		bool list = fields->type == SCHEMA_LIST;
		(void)snprintf(path, sizeof path, "%s%s%s%s", up, *up ? "." : "", fields->key,
			named  ? ".KEY"
			: list ? ".N"
			       : "");
		struct spec_key key = {.path = path,
			.type = type_name(fields->type),
			.def = fields->def,
			.is_live = flags & SCHEMA_LIVE,
			.is_supported = !(flags & SCHEMA_LATER)};
		int r = fields->fields ? walk_keys(w, fields->fields, path,
						 flags & (SCHEMA_LATER | SCHEMA_LIVE))
				       : w->fn(&key, w->arg);
		if (r)
			return r;
	}
	return 0;
}

int spec_each_key(int (*fn)(const struct spec_key *key, void *arg), void *arg)
{
	struct walk w = {fn, arg};
	return walk_keys(&w, schema_root, "", 0);
}
