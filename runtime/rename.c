#include "runtime/intent.h"
#include "runtime/lifecycle.h"
#include "runtime/lifecycle_parts.h"
#include "runtime/events.h"
#include "runtime/remains.h"
#include "specs/name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The rest of a rename once the directory has its new name; repeatable. The name in spec.json is
 * for people: zone_open takes the directory's. */
int rename_finish(struct zone *z, const struct intent *in, struct err *e)
{
	if (remains_rename_logs(z->store, in->other, in->target, e) < 0)
		return -1;
	if (json_is_object(z->doc)) {
		if (json_object_set_new(z->doc, "name", json_string(in->target)) < 0)
			return err_nomem(e);
		if (zone_write_spec(z->dir_fd, z->doc, e) < 0)
			return -1;
	}
	return intent_clear(z->dir_fd, e);
}

static int rename_locked(struct zone *z, const char *to, struct err *e)
{
	const struct store *s = z->store;
	struct intent in = {.verb = INTENT_RENAME};
	if (lifecycle_must_be_stopped(z, "rename", e) < 0)
		return -1;
	(void)snprintf(in.other, sizeof in.other, "%s", z->name);
	(void)snprintf(in.target, sizeof in.target, "%s", to);
	if (intent_write(z->dir_fd, &in, e) < 0)
		return -1;
	if (renameat2(s->zones_fd, z->name, s->zones_fd, to, RENAME_NOREPLACE) < 0) {
		int errnum = errno;
		(void)intent_clear(z->dir_fd, NULL);
		if (errnum == EEXIST || errnum == ENOTEMPTY)
			return lifecycle_exists(s, to, e);
		return err_sys(e, errnum, "rename zone '%s' to '%s'", z->name, to);
	}
	if (fsync(s->zones_fd) < 0)
		return err_sys(e, errno, "sync '%s/zones'", s->root);
	memcpy(z->name, in.target, sizeof z->name);
	if (rename_finish(z, &in, e) < 0)
		return -1;
	(void)event_append(z->dir_fd, "renamed", json_pack("{s:s}", "from", in.other));
	return 0;
}

int zone_rename(const struct store *s, const char *from, const char *to, struct err *e)
{
	struct zone z;
	if (name_check("zone", to, e) < 0 || lifecycle_must_be_free(s, to, from, e) < 0)
		return -1;
	if (zone_open(s, from, ZONE_LOCK, LIFECYCLE_LOCK_MS, &z, e) < 0)
		return -1;
	int r = !strcmp(from, to) ? 0 : rename_locked(&z, to, e);
	zone_close(&z);
	return r;
}
