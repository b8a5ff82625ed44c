#include "runtime/default_layer.h"
#include "base/mem.h"
#include "base/path.h"
#include "fsroot/default_image/default_image.h"
#include "runtime/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* {"key": ..., "layer": ...} */
#define KNOWN "default-image.json"
enum {
	KNOWN_MAX = 4096,
	KEY_SIZE = 64,
};

/* Names the image's content: its size and the gzip trailer, which is the CRC and the length of the
 * uncompressed tar. It comes from this very program, so nobody forges it. */
static void make_key(char key[KEY_SIZE])
{
	unsigned char tail[8] = {0};
	if (default_image_size >= sizeof tail)
		memcpy(tail, default_image_data + default_image_size - sizeof tail, sizeof tail);
	(void)snprintf(key, KEY_SIZE, "%zu-%02x%02x%02x%02x%02x%02x%02x%02x", default_image_size,
		tail[0], tail[1], tail[2], tail[3], tail[4], tail[5], tail[6], tail[7]);
}

static bool read_known(const struct store *s, char ret_id[LAYER_ID_SIZE])
{
	autofree char *text = NULL;
	size_t len = 0;
	char key[KEY_SIZE];
	if (path_read_file(s->cache_fd, KNOWN, KNOWN_MAX, &text, &len, NULL) < 0)
		return false;
	make_key(key);
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	const char *had = json_string_value(json_object_get(doc, "key"));
	const char *id = json_string_value(json_object_get(doc, "layer"));
	bool ok = had && id && !strcmp(had, key) && layer_id_is_valid(id);
	if (ok)
		(void)snprintf(ret_id, LAYER_ID_SIZE, "%s", id);
	json_decref(doc);
	return ok;
}

/* Another version of this program may have put another layer there meanwhile. */
static bool is_layer(const struct staging *st, const char *id)
{
	autofree char *text = NULL;
	size_t len = 0;
	if (path_read_file(st->fd, "layer.json", KNOWN_MAX, &text, &len, NULL) < 0)
		return false;
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	const char *of = json_string_value(json_object_get(doc, "id"));
	bool ok = of && !strcmp(of, id);
	json_decref(doc);
	return ok;
}

/* From the cache to layers/, with a reference. */
static bool bring_back(const struct store *s, const char *id, const char *owner_uuid)
{
	autostaging struct staging st = STAGING_EMPTY;
	if (staging_take(s, s->cache_fd, DEFAULT_LAYER_KEPT, "layer", &st, NULL) < 0 ||
		/* What we have locked must be what we have moved: another may have come between. */
		!path_is_at(s->staging_fd, st.name, st.fd) || !is_layer(&st, id) ||
		layer_add_ref(&st, owner_uuid, NULL) < 0)
		return false;
	/* Taken: somebody has unpacked it meanwhile. Ours goes with `st`. */
	return staging_commit(&st, s->layers_fd, id, NULL) == 0 ||
	       layer_ref(s, id, owner_uuid, NULL) == 0;
}

bool default_layer_ref(const struct store *s, const char *owner_uuid, char ret_id[LAYER_ID_SIZE])
{
	return read_known(s, ret_id) &&
	       (layer_ref(s, ret_id, owner_uuid, NULL) == 0 || bring_back(s, ret_id, owner_uuid));
}

/* Into staging first: from there nobody brings it back while it is taken apart. */
void default_layer_drop(const struct store *s)
{
	autostaging struct staging st = STAGING_EMPTY;
	(void)staging_take(s, s->cache_fd, DEFAULT_LAYER_KEPT, "dead", &st, NULL);
}

void default_layer_remember(const struct store *s, const char *id)
{
	char key[KEY_SIZE];
	make_key(key);
	/* What waits there is an older version's. */
	default_layer_drop(s);
	json_t *doc = json_pack("{s:s, s:s}", "key", key, "layer", id);
	autofree char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
	json_decref(doc);
	if (text)
		(void)path_write_volatile(s->cache_fd, KNOWN, text, strlen(text), 0600, NULL);
}

bool default_layer_keep(const struct store *s, const char *id)
{
	char known[LAYER_ID_SIZE];
	return read_known(s, known) && !strcmp(known, id) &&
	       renameat2(s->layers_fd, id, s->cache_fd, DEFAULT_LAYER_KEPT, RENAME_NOREPLACE) == 0;
}
