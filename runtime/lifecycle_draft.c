#include "runtime/lifecycle_parts.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "runtime/backend.h"
#include "runtime/events.h"
#include "runtime/remains.h"
#include "specs/name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int lifecycle_exists(const struct store *s, const char *name, struct err *e)
{
	err_set(e, ERR_STATE, "zone '%s' exists already", name);
	return err_hint(
		e, "choose another name, or `cella destroy %s` first (store '%s')", name, s->root);
}

int lifecycle_must_be_free(
	const struct store *s, const char *name, const char *allowed, struct err *e)
{
	struct stat st;
	if (allowed && !strcmp(name, allowed))
		return 0;
	/* "web.ab12cd34" is what zone "web" of store ab12cd34 is called on this host. */
	const char *dot = strrchr(name, '.');
	if (dot && strlen(dot + 1) == STORE_ID_LEN &&
		strspn(dot + 1, "0123456789abcdef") == STORE_ID_LEN)
		return err_set(e, ERR_USAGE,
			"\"%s\" ends like the id of a store, \".\" and 8 hex digits: zones of other "
			"stores have such names on this host",
			name);
	if (fstatat(s->zones_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return lifecycle_exists(s, name, e);
	return errno == ENOENT ? 0 : err_sys(e, errno, "zone '%s'", name);
}

/* The strings of a record are never NULL for those who read it. */
static bool fill_strings(struct zone_record *r)
{
	char **all[] = {&r->address4, &r->address6, &r->source, &r->etc_hostname, &r->clone_of,
		&r->network};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (!*all[i] && !(*all[i] = strdup("")))
			return false;
	return true;
}

int lifecycle_draft_begin(const struct store *s, const json_t *doc, const struct zone_spec *spec,
	bool in_memory, struct lifecycle_draft *d, struct err *e)
{
	*d = (struct lifecycle_draft){.store = s, .dir = STAGING_EMPTY, .spec = spec};
	d->record.in_memory = in_memory;
	if (backend_choose(s, spec, in_memory, &d->record.volume, e) < 0)
		return err_at(e, "quota", NULL);
	random_hex(d->record.uuid, UUID_LEN);
	d->record.uuid[UUID_LEN] = '\0';
	char now[CLOCK_RFC3339_SIZE];
	(void)snprintf(d->record.created, sizeof d->record.created, "%s",
		clock_rfc3339(now, clock_real_ns()));
	if (!fill_strings(&d->record)) {
		zone_record_done(&d->record);
		return err_nomem(e);
	}
	if (staging_make(s, "zone", &d->dir, e) < 0 || zone_draft_spec(d->dir.fd, doc, e) < 0 ||
		zone_draft_record(d->dir.fd, &d->record, e) < 0) {
		lifecycle_draft_drop(d);
		return -1;
	}
	return 0;
}

int lifecycle_draft_commit(
	struct lifecycle_draft *d, const char *name, unsigned mode, struct err *e)
{
	struct err why = {0};
	bool in_memory = d->record.in_memory;
	if (!in_memory && backend_make(d->store, d->dir.fd, &d->record, d->spec, mode, e) < 0)
		return err_at(e, "quota", name);
	if (zone_draft_record(d->dir.fd, &d->record, e) < 0 ||
		(in_memory ? zone_mark_in_memory(d->dir.fd, e) : zone_sync_drafts(d->dir.fd, e)) <
			0)
		return -1;
	d->dir.no_sync = in_memory;
	(void)event_append(d->dir.fd, "created",
		json_pack(
			"{s:s, s:s}", "source", d->record.source, "clone_of", d->record.clone_of));
	if (staging_commit(&d->dir, d->store->zones_fd, name, &why) < 0) {
		if (why.sys_errno == EEXIST)
			return lifecycle_exists(d->store, name, e);
		if (e)
			*e = why;
		return -1;
	}
	return 0;
}

void lifecycle_draft_drop(struct lifecycle_draft *d)
{
	if (d->dir.name[0])
		(void)remains_give_back_record(d->store, &d->record, NULL);
	staging_drop(&d->dir);
	zone_record_done(&d->record);
}

bool lifecycle_incomplete_name(int staging_dir_fd, char ret_name[ZONE_NAME_MAX + 1])
{
	autofree char *text = NULL;
	size_t len = 0;
	if (path_read_file(staging_dir_fd, "spec.json", 1 << 20, &text, &len, NULL) < 0)
		return false;
	json_t *doc = json_loadb(text, len, 0, NULL);
	const char *name = json_string_value(json_object_get(doc, "name"));
	bool ok = name && name_is_valid(name);
	if (ok)
		(void)snprintf(ret_name, ZONE_NAME_MAX + 1, "%s", name);
	json_decref(doc);
	return ok;
}
