#include "runtime/remains.h"
#include "runtime/backend.h"
#include "runtime/claims.h"
#include "runtime/layers.h"
#include "runtime/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static const char *const log_suffixes[] = {".console", ".console.1"};
enum {
	LOG_NAME = ZONE_NAME_MAX + 16,
	N_LOGS = sizeof log_suffixes / sizeof *log_suffixes,
};

/* Remember the first failure and go on. */
static int note(int r, struct err *why, struct err *first)
{
	if (r < 0 && first->cls == ERR_NONE)
		*first = *why;
	err_clear(why);
	return r;
}

int remains_give_back_record(const struct store *s, const struct zone_record *r, struct err *e)
{
	struct err why = {0}, first = {0};
	int bad = note(claims_release_ids(s, r->uuid, r->id_first, &why), &why, &first);
	bad |= note(claims_release_addresses(s, r, &why), &why, &first);
	backend_forget(s, r);
	for (size_t i = 0; i < r->n_layers; i++)
		bad |= note(layer_unref(s, r->layers[i], r->uuid, &why), &why, &first);
	if (bad && e)
		*e = first;
	return bad ? -1 : 0;
}

/* Layers that only its snapshots list. Those of a damaged one repair finds, by the uuid. */
static int give_back_snapshots(const struct store *s, int dir_fd, const char *uuid, struct err *e)
{
	autosnapshots struct snapshots all = {0};
	struct err why = {0}, first = {0};
	if (snapshots_read(dir_fd, &all, e) < 0)
		return -1;
	int bad = 0;
	for (size_t i = 0; i < all.n; i++)
		for (size_t k = 0; k < all.items[i].n_layers; k++)
			bad |= note(
				layer_unref(s, all.items[i].layers[k], uuid, &why), &why, &first);
	if (bad && e)
		*e = first;
	return bad ? -1 : 0;
}

int remains_give_back(struct staging *st, struct err *e)
{
	struct zone_record r = {0};
	if (zone_read_record(st->fd, &r, NULL) < 0)
		return 0;
	int bad = remains_give_back_record(st->store, &r, e);
	if (give_back_snapshots(st->store, st->fd, r.uuid, bad < 0 ? NULL : e) < 0)
		bad = -1;
	zone_record_done(&r);
	return bad;
}

int remains_remove_logs(const struct store *s, const char *name, struct err *e)
{
	for (size_t i = 0; i < N_LOGS; i++) {
		char file[LOG_NAME];
		(void)snprintf(file, sizeof file, "%s%s", name, log_suffixes[i]);
		if (unlinkat(s->log_fd, file, 0) < 0 && errno != ENOENT)
			return err_sys(e, errno, "remove '%s/%s'", s->log, file);
	}
	return 0;
}

int remains_rename_logs(const struct store *s, const char *from, const char *to, struct err *e)
{
	for (size_t i = 0; i < N_LOGS; i++) {
		char a[LOG_NAME], b[LOG_NAME];
		(void)snprintf(a, sizeof a, "%s%s", from, log_suffixes[i]);
		(void)snprintf(b, sizeof b, "%s%s", to, log_suffixes[i]);
		if (renameat(s->log_fd, a, s->log_fd, b) < 0 && errno != ENOENT)
			return err_sys(e, errno, "rename '%s/%s'", s->log, a);
	}
	return 0;
}
