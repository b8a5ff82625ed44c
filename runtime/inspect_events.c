/* The event log of a zone, for reading: events.jsonl.1 and events.jsonl, oldest first. */
#include "runtime/inspect.h"
#include "runtime/zone.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum {
	EVENTS_READ_MAX = 4 << 20
};

/* Lines that are no objects (cut by a crash in the middle of a write) are passed over. */
static int add_file(int zone_dir, const char *name, json_t *all, struct err *e)
{
	autofree char *text = NULL;
	size_t len = 0;
	if (path_read_file(zone_dir, name, EVENTS_READ_MAX, &text, &len, e) < 0) {
		if (e->cls != ERR_NOT_FOUND)
			return -1;
		err_clear(e);
		return 0;
	}
	for (char *at = text, *line; (line = strsep(&at, "\n"));) {
		json_t *o = *line ? json_loads(line, JSON_REJECT_DUPLICATES, NULL) : NULL;
		if (json_is_object(o))
			json_array_append_new(all, o);
		else
			json_decref(o);
	}
	return 0;
}

int inspect_events(const struct store *s, const char *name, size_t n, json_t **ret, struct err *e)
{
	struct zone z;
	if (zone_open(s, name, ZONE_ALLOW_BROKEN, 0, &z, e) < 0)
		return -1;
	json_t *all = json_array();
	int r = all ? 0 : err_nomem(e);
	if (r == 0)
		r = add_file(z.dir_fd, "events.jsonl.1", all, e);
	if (r == 0)
		r = add_file(z.dir_fd, "events.jsonl", all, e);
	zone_close(&z);
	if (r < 0) {
		json_decref(all);
		return -1;
	}
	while (n && json_array_size(all) > n)
		json_array_remove(all, 0);
	*ret = all;
	return 0;
}
