#include "runtime/layers.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "runtime/layers_parts.h"

#include <stdio.h>
#include <string.h>

enum {
	RECORD_MAX = 65536
};

int layer_put_digest(json_t *doc, const struct tree_digest *digest, struct err *e)
{
	json_t *parts = json_object();
	for (size_t p = 0; parts && p < TREE_DIGEST_PARTS; p++)
		if (json_object_set_new(
			    parts, tree_digest_part_names[p], json_string(digest->part[p])) < 0) {
			json_decref(parts);
			return err_nomem(e);
		}
	return json_object_set_new(doc, "digest", parts) < 0 ? err_nomem(e) : 0;
}

int layer_read(const struct store *s, const char *id, json_t **ret, struct err *e)
{
	char file[LAYER_ID_SIZE + 16];
	autofree char *text = NULL;
	size_t len = 0;
	if (!layer_id_is_valid(id))
		return err_set(e, ERR_USAGE, "'%.80s' is no layer id", id);
	(void)snprintf(file, sizeof file, "%s/layer.json", id);
	if (path_read_file(s->layers_fd, file, RECORD_MAX, &text, &len, e) < 0)
		return err_prefix(e, "layer '%s'", id);
	json_error_t je;
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
	if (!json_is_object(doc)) {
		json_decref(doc);
		return err_set(e, ERR_FAILED, "'%s/layers/%s' is damaged: %s", s->root, file,
			doc ? "expected an object" : je.text);
	}
	*ret = doc;
	return 0;
}

/* False: there is none. */
static bool take_digest(const json_t *doc, struct tree_digest *ret)
{
	const json_t *parts = json_object_get(doc, "digest");
	for (size_t p = 0; p < TREE_DIGEST_PARTS; p++) {
		const char *hex =
			json_string_value(json_object_get(parts, tree_digest_part_names[p]));
		if (!hex || strlen(hex) != TREE_DIGEST_SIZE - 1)
			return false;
		memcpy(ret->part[p], hex, TREE_DIGEST_SIZE);
	}
	return true;
}

int layer_verify(const struct store *s, const char *id, enum layer_state *ret,
	const char **ret_what, struct err *e)
{
	struct tree_digest was, is;
	json_t *doc = NULL;
	if (layer_read(s, id, &doc, e) < 0)
		return -1;
	bool known = take_digest(doc, &was);
	json_decref(doc);
	*ret_what = NULL;
	if (!known) {
		*ret = LAYER_NOT_DIGESTED;
		return 0;
	}
	autofd int fs = layer_open_fs(s, id, e);
	if (fs < 0 || tree_digest(fs, &is, e) < 0)
		return err_prefix(e, "layer '%s'", id);
	*ret_what = tree_digest_difference(&was, &is);
	*ret = *ret_what ? LAYER_CHANGED : LAYER_SOUND;
	return 0;
}
