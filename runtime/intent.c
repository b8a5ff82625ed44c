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

/* Everything in it becomes a path component later: only what we could have written. */
static bool parse(const json_t *d, struct intent *in)
{
	const char *verb = json_string_value(json_object_get(d, "verb"));
	if (verb && !strcmp(verb, "clone")) {
		in->verb = INTENT_CLONE;
		return take(d, "layer", in->layer, sizeof in->layer) &&
		       layer_id_is_valid(in->layer) &&
		       take(d, "new_uuid", in->new_uuid, sizeof in->new_uuid) &&
		       is_uuid(in->new_uuid) && take(d, "new", in->other, sizeof in->other) &&
		       name_check("zone", in->other, NULL) == 0;
	}
	if (verb && !strcmp(verb, "rename")) {
		in->verb = INTENT_RENAME;
		return take(d, "from", in->other, sizeof in->other) &&
		       take(d, "to", in->target, sizeof in->target) &&
		       name_check("zone", in->other, NULL) == 0 &&
		       name_check("zone", in->target, NULL) == 0;
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

int intent_write(int zone_dir_fd, const struct intent *in, struct err *e)
{
	json_t *d = in->verb == INTENT_CLONE
			    ? json_pack("{s:s, s:s, s:s, s:s}", "verb", "clone", "layer", in->layer,
				      "new_uuid", in->new_uuid, "new", in->other)
			    : json_pack("{s:s, s:s, s:s}", "verb", "rename", "from", in->other,
				      "to", in->target);
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
