#include "runtime/intent.h"
#include "base/mem.h"
#include "base/path.h"
#include "runtime/layers.h"
#include "specs/name.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define INTENT_FILE "intent.json"
enum {
	INTENT_MAX = 4096
};

static bool take(const json_t *d, const char *key, char *ret, size_t size)
{
	const char *v = json_string_value(json_object_get(d, key));
	if (!v || strlen(v) >= size)
		return false;
	memcpy(ret, v, strlen(v) + 1);
	return true;
}

static bool is_uuid(const char *s)
{
	return strlen(s) == UUID_LEN && strspn(s, "0123456789abcdef") == UUID_LEN;
}

const char *const intent_verb_words[] = {
	[INTENT_NONE] = "none",
	[INTENT_CLONE] = "clone",
	[INTENT_RENAME] = "rename",
	[INTENT_SNAPSHOT] = "snapshot",
	[INTENT_RESTORE] = "restore",
	[INTENT_DELETE] = "delete",
	[INTENT_UNDO] = "undo",
	[INTENT_DISCARD] = "discard",
	[INTENT_PUBLISH] = "publish",
	[INTENT_FLATTEN] = "flatten",
	NULL,
};

static bool take_layer(const json_t *d, struct intent *in, bool may_be_empty)
{
	return take(d, "layer", in->layer, sizeof in->layer) &&
	       ((may_be_empty && !in->layer[0]) || layer_id_is_valid(in->layer));
}

static bool take_name(const json_t *d, const char *key, const char *what, char *ret)
{
	return take(d, key, ret, ZONE_NAME_MAX + 1) && name_check(what, ret, NULL) == 0;
}

/* Everything in it becomes a path component later: only what we could have written. */
static bool parse(const json_t *d, struct intent *in)
{
	const char *verb = json_string_value(json_object_get(d, "verb"));
	for (int i = INTENT_NONE + 1; verb && intent_verb_words[i]; i++)
		if (!strcmp(verb, intent_verb_words[i]))
			in->verb = (enum intent_verb)i;
	switch (in->verb) {
	case INTENT_CLONE:
		return take_layer(d, in, false) &&
		       take(d, "new_uuid", in->new_uuid, sizeof in->new_uuid) &&
		       is_uuid(in->new_uuid) && take_name(d, "new", "zone", in->other);
	case INTENT_PUBLISH:
		return take_layer(d, in, false) &&
		       take(d, "new_uuid", in->new_uuid, sizeof in->new_uuid) &&
		       is_uuid(in->new_uuid);
	case INTENT_RENAME:
		return take_name(d, "from", "zone", in->other) &&
		       take_name(d, "to", "zone", in->target);
	case INTENT_SNAPSHOT:
		in->is_copy = json_is_true(json_object_get(d, "is_copy"));
		return take_layer(d, in, true) && take_name(d, "name", "snapshot", in->other);
	case INTENT_RESTORE:
	case INTENT_DELETE:
		return take_name(d, "name", "snapshot", in->other);
	case INTENT_UNDO:
	case INTENT_FLATTEN:
		return take_layer(d, in, false);
	case INTENT_DISCARD:
		return true;
	case INTENT_NONE:
		break;
	}
	return false;
}

int intent_read(int zone_dir_fd, struct intent *ret, struct err *e)
{
	autofree char *text = NULL;
	size_t len = 0;
	struct err why = {0};
	if (path_read_file(zone_dir_fd, INTENT_FILE, INTENT_MAX, &text, &len, &why) < 0) {
		if (why.cls == ERR_NOT_FOUND) {
			*ret = (struct intent){0};
			return 0;
		}
		if (e)
			*e = why;
		return -1;
	}
	struct intent in = {0};
	json_t *d = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	bool ok = d && parse(d, &in);
	json_decref(d);
	if (!ok)
		return err_set(e, ERR_FAILED, "'" INTENT_FILE "' is damaged");
	*ret = in;
	return 0;
}

static json_t *to_json(const struct intent *in)
{
	const char *verb = intent_verb_words[in->verb];
	switch (in->verb) {
	case INTENT_CLONE:
		return json_pack("{s:s, s:s, s:s, s:s}", "verb", verb, "layer", in->layer,
			"new_uuid", in->new_uuid, "new", in->other);
	case INTENT_PUBLISH:
		return json_pack("{s:s, s:s, s:s}", "verb", verb, "layer", in->layer, "new_uuid",
			in->new_uuid);
	case INTENT_RENAME:
		return json_pack(
			"{s:s, s:s, s:s}", "verb", verb, "from", in->other, "to", in->target);
	case INTENT_SNAPSHOT:
		return json_pack("{s:s, s:s, s:b, s:s}", "verb", verb, "layer", in->layer,
			"is_copy", (int)in->is_copy, "name", in->other);
	case INTENT_RESTORE:
	case INTENT_DELETE:
		return json_pack("{s:s, s:s}", "verb", verb, "name", in->other);
	case INTENT_UNDO:
	case INTENT_FLATTEN:
		return json_pack("{s:s, s:s}", "verb", verb, "layer", in->layer);
	case INTENT_DISCARD:
		return json_pack("{s:s}", "verb", verb);
	case INTENT_NONE:
		break;
	}
	return NULL;
}

int intent_write(int zone_dir_fd, const struct intent *in, struct err *e)
{
	json_t *d = to_json(in);
	autofree char *text = d ? json_dumps(d, JSON_COMPACT) : NULL;
	json_decref(d);
	if (!text)
		return err_nomem(e);
	return path_write_atomic(zone_dir_fd, INTENT_FILE, text, strlen(text), 0600, e);
}

int intent_clear(int zone_dir_fd, struct err *e)
{
	if (unlinkat(zone_dir_fd, INTENT_FILE, 0) < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "remove '" INTENT_FILE "'");
	return fsync(zone_dir_fd) < 0 ? err_sys(e, errno, "sync the zone's directory") : 0;
}

enum move_recovery intent_move_recovery(bool record_has_layer, bool layer_has_fs)
{
	if (!record_has_layer)
		return MOVE_UNDO;
	return layer_has_fs ? MOVE_FINISH : MOVE_DAMAGED;
}

enum rename_recovery intent_rename_recovery(const struct intent *in, const char *name)
{
	if (!strcmp(in->target, name))
		return RENAME_FINISH;
	return !strcmp(in->other, name) ? RENAME_UNDO : RENAME_STALE;
}
