/* What changed between two snapshots, or since one. */
#include "runtime/layers.h"
#include "runtime/lifecycle_parts.h"
#include "runtime/snapshot_verbs.h"
#include "runtime/stop.h"
#include "runtime/upper_dir.h"
#include "base/fd.h"
#include "fsroot/stack_diff.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* Layers by id, each opened once. */
struct opened {
	const char **ids; /* borrowed */
	int *fds;
	size_t n;
};

static void opened_done(struct opened *o)
{
	for (size_t i = 0; i < o->n; i++)
		fd_close(&o->fds[i]);
	free(o->ids);
	free(o->fds);
}

static int open_once(const struct store *s, struct opened *o, const char *id, struct err *e)
{
	for (size_t i = 0; i < o->n; i++)
		if (!strcmp(o->ids[i], id))
			return o->fds[i];
	int fd = layer_open_fs(s, id, e);
	if (fd < 0)
		return -1;
	o->ids[o->n] = id;
	o->fds[o->n++] = fd;
	return fd;
}

/* `top_fd` lies above the layers; -1: nothing does. */
static int make_stack(const struct store *s, struct opened *o, int top_fd, char *const *layers,
	size_t n, int **ret_fds, size_t *ret_n, struct err *e)
{
	int *fds = calloc(n + 1, sizeof *fds);
	size_t k = 0;
	if (!fds)
		return err_nomem(e);
	if (top_fd >= 0)
		fds[k++] = top_fd;
	for (size_t i = 0; i < n; i++, k++)
		if ((fds[k] = open_once(s, o, layers[i], e)) < 0) {
			free(fds);
			return -1;
		}
	*ret_fds = fds;
	*ret_n = k;
	return 0;
}

struct printer {
	int (*each)(void *arg, char change, const char *path, struct err *e);
	void *arg;
};

static int tell(void *arg, enum stack_change change, const char *path, struct err *e)
{
	const struct printer *p = arg;
	return p->each(p->arg, (char)change, path, e);
}

static int open_upper(const struct zone *z, struct upper_dir *u, int *ret_fd, struct err *e)
{
	if (zone_upper_open(z, u, e) < 0)
		return -1;
	*ret_fd = u->upper_fd;
	return u->upper_fd < 0
		       ? err_set(e, ERR_FAILED, "zone '%s': has no upper directory", z->name)
		       : 0;
}

/* `to` NULL: as the zone is now. */
static int diff(const struct zone *z, const struct snapshot *from, const struct snapshot *to,
	struct printer *p, struct err *e)
{
	const struct zone_record *r = &z->record;
	size_t n_to = to ? to->n_layers : r->n_layers, room = from->n_layers + n_to;
	struct opened o = {.ids = calloc(room, sizeof *o.ids), .fds = calloc(room, sizeof *o.fds)};
	int *from_fds = NULL, *to_fds = NULL, result = -1;
	struct layer_stack a = {0}, b = {0};
	autoupper struct upper_dir upper = UPPER_DIR_EMPTY;
	int upper_fd = -1;
	if (!o.ids || !o.fds)
		(void)err_nomem(e);
	else if (!to && open_upper(z, &upper, &upper_fd, e) < 0)
		; /* said */
	else if (make_stack(z->store, &o, -1, from->layers, from->n_layers, &from_fds, &a.n, e) ==
			 0 &&
		 make_stack(z->store, &o, upper_fd, to ? to->layers : r->layers, n_to, &to_fds,
			 &b.n, e) == 0) {
		a.fds = from_fds;
		b.fds = to_fds;
		result = stack_diff(&a, &b, tell, p, e);
	}
	free(from_fds);
	free(to_fds);
	opened_done(&o);
	return result;
}

/* The lock is held so that no layer goes away meanwhile. */
static int diff_locked(
	struct zone *z, const char *from, const char *to, struct printer *p, struct err *e)
{
	struct zone_state st;
	struct snapshot a = {0}, b = {0};
	if (zone_settle(z, &st, e) < 0 || snapshot_read(z->dir_fd, z->name, from, &a, e) < 0)
		return -1;
	int r = to ? snapshot_read(z->dir_fd, z->name, to, &b, e) : 0;
	if (r == 0)
		r = diff(z, &a, to ? &b : NULL, p, e);
	snapshot_done(&a);
	snapshot_done(&b);
	return r;
}

int zone_snapshot_diff(const struct store *s, const char *zone, const char *from, const char *to,
	int (*each)(void *arg, char change, const char *path, struct err *e), void *arg,
	struct err *e)
{
	struct zone z;
	struct printer p = {each, arg};
	if (zone_open(s, zone, ZONE_LOCK, LIFECYCLE_LOCK_MS, &z, e) < 0)
		return -1;
	int r = diff_locked(&z, from, to, &p, e);
	zone_close(&z);
	return r;
}
