#include "runtime/host_layers.h"
#include "runtime/layers.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

enum {
	PREFIX_MIN = 4
};

struct verify {
	const struct store *s;
	json_t *rows;
};

/* Members of layer.json that say what it is. */
static int describe(const struct store *s, const char *id, json_t *row, struct err *e)
{
	static const char *const keys[] = {"kind", "source", "bytes", "created"};
	json_t *doc = NULL;
	if (layer_read(s, id, &doc, NULL) < 0)
		return 0;
	int r = 0;
	for (size_t i = 0; r == 0 && i < sizeof keys / sizeof *keys; i++) {
		json_t *v = json_object_get(doc, keys[i]);
		if (v && json_object_set(row, keys[i], v) < 0)
			r = err_nomem(e);
	}
	json_decref(doc);
	return r;
}

static int verify_one(struct verify *v, const char *id, struct err *e)
{
	static const char *const words[] = {
		[LAYER_SOUND] = "ok",
		[LAYER_NOT_DIGESTED] = "unknown",
		[LAYER_CHANGED] = "changed",
	};
	enum layer_state state;
	const char *what = NULL, *word;
	struct err why = {0};
	if (layer_verify(v->s, id, &state, &what, &why) == 0) {
		word = words[state];
		if (state == LAYER_NOT_DIGESTED)
			what = "it was never digested: a writable directory became a layer";
	} else if (why.cls == ERR_HOST) {
		if (e)
			*e = why;
		return -1;
	} else {
		word = "unreadable";
		what = why.msg;
	}
	json_t *row =
		json_pack("{s:s, s:s, s:s}", "layer", id, "state", word, "found", what ? what : "");
	if (json_array_append_new(v->rows, row) < 0)
		return err_nomem(e);
	return describe(v->s, id, row, e);
}

/* One that goes while we walk is none of ours. */
static int verify_each(void *arg, const char *id, struct err *e)
{
	struct verify *v = arg;
	json_t *doc = NULL;
	struct err why = {0};
	if (layer_read(v->s, id, &doc, &why) < 0 && why.cls == ERR_NOT_FOUND)
		return 0;
	json_decref(doc);
	return verify_one(v, id, e);
}

/* ---- by the first digits ---- */

struct search {
	const char *prefix;
	char found[LAYER_ID_SIZE];
	unsigned n;
};

static int match(void *arg, const char *id, struct err *e)
{
	struct search *w = arg;
	(void)e;
	if (str_starts(id, w->prefix)) {
		(void)snprintf(w->found, sizeof w->found, "%s", id);
		w->n++;
	}
	return 0;
}

static int find(const struct store *s, const char *prefix, struct search *w, struct err *e)
{
	char shown[100];
	str_escape(shown, sizeof shown, prefix);
	*w = (struct search){.prefix = prefix};
	if (strlen(prefix) < PREFIX_MIN)
		return err_set(e, ERR_USAGE, "'%s': at least %d digits of a layer's id are needed",
			shown, PREFIX_MIN);
	if (layer_each(s, match, w, e) < 0)
		return -1;
	if (w->n == 1)
		return 0;
	return w->n ? err_set(e, ERR_USAGE, "'%s' is the beginning of %u layers", shown, w->n)
		    : err_set(e, ERR_NOT_FOUND, "no layer '%s' in '%s'", shown, s->root);
}

int host_verify(
	const struct store *s, const char *const *ids, size_t n, json_t **ret, struct err *e)
{
	struct verify v = {.s = s, .rows = json_array()};
	int r = v.rows ? 0 : err_nomem(e);
	if (r == 0 && n == 0)
		r = layer_each(s, verify_each, &v, e);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct search w;
		r = find(s, ids[i], &w, e);
		if (r == 0)
			r = verify_one(&v, w.found, e);
	}
	if (r < 0) {
		json_decref(v.rows);
		return -1;
	}
	*ret = v.rows;
	return 0;
}
