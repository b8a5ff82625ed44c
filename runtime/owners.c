#include "runtime/owners.h"
#include "base/fd.h"
#include "runtime/image.h"
#include "runtime/state.h"
#include "runtime/zone.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum place {
	IN_STAGING,
	IN_ZONES,
	IN_IMAGES
};

static int by_text(const void *a, const void *b)
{
	return memcmp(a, b, UUID_LEN);
}

static int add_uuid(struct owners *o, const char *uuid, struct err *e)
{
	if (o->n == o->room) {
		size_t room = o->room ? o->room * 2 : 64;
		void *more = reallocarray(o->uuids, room, sizeof *o->uuids);
		if (!more)
			return err_nomem(e);
		o->uuids = more;
		o->room = room;
	}
	memcpy(o->uuids[o->n++], uuid, sizeof *o->uuids);
	return 0;
}

/* The answer of image_staged_uuid and image_file_uuid. */
static int add_image(struct owners *o, int got, const char *uuid, struct err *e)
{
	o->is_incomplete |= got < 0;
	return got > 0 ? add_uuid(o, uuid, e) : 0;
}

/* `name` in zones/, NULL for one in staging. */
static int add_zone(struct owners *o, int dir_fd, const char *name, struct err *e)
{
	struct zone_record rec = {0};
	if (zone_read_record(dir_fd, &rec, NULL) < 0) {
		/* What a crash of the host has left of a zone in memory has nothing any more. */
		o->is_incomplete |= !name || !zone_is_marked_in_memory(dir_fd) ||
				    zone_status(o->store, name, NULL) != ZONE_STOPPED;
		return 0;
	}
	int n = add_uuid(o, rec.uuid, e);
	zone_record_done(&rec);
	return n;
}

/* Nobody holds it: staging.h. */
static bool is_dead(int staging_dir_fd)
{
	return flock(staging_dir_fd, LOCK_EX | LOCK_NB) == 0;
}

static int add_entry(
	struct owners *o, enum place place, int parent_fd, const char *name, struct err *e)
{
	struct stat st;
	char uuid[UUID_LEN + 1];
	if (place == IN_IMAGES)
		return add_image(o, image_file_uuid(o->store, name, uuid), uuid, e);
	autofd int dir = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || (place == IN_STAGING && o->without_dead && is_dead(dir)))
		return 0;
	if (place == IN_STAGING && fstatat(dir, "zone.json", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return add_image(o, image_staged_uuid(dir, uuid), uuid, e);
	return add_zone(o, dir, place == IN_ZONES ? name : NULL, e);
}

static int add_all_in(struct owners *o, int parent_fd, enum place place, struct err *e)
{
	int fd = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(&fd);
		return err_sys(e, errno, "read a directory of '%s'", o->store->root);
	}
	int n = 0;
	struct dirent *ent;
	while (n == 0 && (ent = readdir(d)))
		if (ent->d_name[0] != '.')
			n = add_entry(o, place, fd, ent->d_name, e);
	(void)closedir(d);
	return n;
}

/* Staging before zones and images: one on its way from one to the other is met at least once.
 * Twice, since readdir(3) may miss one that is renamed meanwhile. */
int owners_collect(struct owners *o, struct err *e)
{
	const struct store *s = o->store;
	o->n = 0;
	o->is_incomplete = false;
	for (int round = 0; round < 2; round++)
		if (add_all_in(o, s->staging_fd, IN_STAGING, e) < 0 ||
			add_all_in(o, s->zones_fd, IN_ZONES, e) < 0 ||
			add_all_in(o, s->images_fd, IN_IMAGES, e) < 0)
			return -1;
	if (o->n)
		qsort(o->uuids, o->n, sizeof *o->uuids, by_text);
	return 0;
}

void owners_done(struct owners *o)
{
	free(o->uuids);
	*o = (struct owners){.store = o->store};
}

static bool has_uuid(const struct owners *o, const char *uuid)
{
	return o->n && bsearch(uuid, o->uuids, o->n, sizeof *o->uuids, by_text);
}

bool owners_know(void *arg, const char *uuid)
{
	struct owners *o = arg;
	if (has_uuid(o, uuid))
		return true;
	return owners_collect(o, NULL) < 0 || o->is_incomplete || has_uuid(o, uuid);
}
