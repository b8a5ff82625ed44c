#include "runtime/events.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	EVENTS_MAX = 1 << 20
};

int event_append(int zone_dir_fd, const char *event, json_t *fields)
{
	char when[CLOCK_RFC3339_SIZE];
	json_t *o = json_pack(
		"{s:s, s:s}", "time", clock_rfc3339(when, clock_real_ns()), "event", event);
	if (o && fields)
		(void)json_object_update_missing(o, fields);
	json_decref(fields);
	autofree char *text = o ? json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	json_decref(o);
	if (!text)
		return -1;
	struct stat st;
	if (fstatat(zone_dir_fd, "events.jsonl", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		st.st_size > EVENTS_MAX)
		(void)renameat(zone_dir_fd, "events.jsonl", zone_dir_fd, "events.jsonl.1");
	autofd int fd = openat(zone_dir_fd, "events.jsonl",
		O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	size_t n = strlen(text);
	text[n] = '\n'; /* in the place of the NUL: one write, one line */
	return fd >= 0 && write(fd, text, n + 1) == (ssize_t)n + 1 ? 0 : -1;
}
