/* stack_compact: what deleted snapshots leave between the layers that are still used. */
#include "runtime/snapshot.h"
#include "runtime/stack.h"
#include "runtime/upper_layer.h"

#include <stdlib.h>
#include <string.h>

/* The chains of one zone: its record and its snapshots. */
struct chains {
	struct zone *z;
	struct snapshots all;
	bool is_running;
};

static size_t position(char *const *layers, size_t n, const char *id)
{
	size_t i = 0;
	while (i < n && strcmp(layers[i], id) != 0)
		i++;
	return i;
}

/* Where a chain has one of the two, it has both, the one above the other, and something beneath. */
static bool is_pair_in(char *const *layers, size_t n, const char *upper, const char *lower)
{
	size_t u = position(layers, n, upper), l = position(layers, n, lower);
	if (u == n && l == n)
		return true;
	return u + 1 == l && l + 1 < n;
}

/* 1: the two may become one. */
static int may_merge(const struct chains *c, const char *upper, const char *lower, struct err *e)
{
	const struct zone_record *r = &c->z->record;
	if (!strcmp(r->undo.layer, upper) || !strcmp(r->undo.layer, lower))
		return 0;
	if (c->is_running && (record_has_layer(r, upper) || record_has_layer(r, lower)))
		return 0;
	/* Nearly always decided here: each snapshot begins with a layer of its own. */
	for (size_t i = 0; i < c->all.n; i++)
		if (!strcmp(c->all.items[i].layers[0], lower))
			return 0;
	if (!is_pair_in(r->layers, r->n_layers, upper, lower))
		return 0;
	for (size_t i = 0; i < c->all.n; i++)
		if (!is_pair_in(c->all.items[i].layers, c->all.items[i].n_layers, upper, lower))
			return 0;
	int own = layer_is_only_of(c->z->store, upper, r->uuid, e);
	return own > 0 ? layer_is_only_of(c->z->store, lower, r->uuid, e) : own;
}

/* The first two of a chain that may. */
static int find_in(const struct chains *c, char *const *layers, size_t n, const char **upper,
	const char **lower, struct err *e)
{
	for (size_t i = 0; i + 2 < n; i++) {
		int may = may_merge(c, layers[i], layers[i + 1], e);
		if (may < 0)
			return -1;
		if (may) {
			*upper = layers[i];
			*lower = layers[i + 1];
			return 1;
		}
	}
	return 0;
}

static int find_pair(const struct chains *c, const char **upper, const char **lower, struct err *e)
{
	const struct zone_record *r = &c->z->record;
	int found = find_in(c, r->layers, r->n_layers, upper, lower, e);
	for (size_t i = 0; found == 0 && i < c->all.n; i++)
		found = find_in(
			c, c->all.items[i].layers, c->all.items[i].n_layers, upper, lower, e);
	return found;
}

/* In memory. False: the chain has them not. */
static bool replace_pair(char **layers, size_t *n, const char *upper, char *merged)
{
	size_t u = position(layers, *n, upper);
	if (u == *n)
		return false;
	free(layers[u]);
	free(layers[u + 1]);
	layers[u] = merged;
	memmove(layers + u + 1, layers + u + 2, (*n - u - 2) * sizeof *layers);
	--*n;
	return true;
}

static bool has(char *const *layers, size_t n, const char *id)
{
	return position(layers, n, id) < n;
}

/* Each chain is whole before and after it is written, whichever others have been. */
static int write_chains(struct chains *c, const char *upper, const char *merged, struct err *e)
{
	struct zone_record *r = &c->z->record;
	for (size_t i = 0; i < c->all.n; i++) {
		struct snapshot *s = &c->all.items[i];
		char *id = has(s->layers, s->n_layers, upper) ? strdup(merged) : NULL;
		if (!has(s->layers, s->n_layers, upper))
			continue;
		if (!id)
			return err_nomem(e);
		(void)replace_pair(s->layers, &s->n_layers, upper, id);
		if (snapshot_write(c->z->dir_fd, s, e) < 0)
			return -1;
	}
	if (!has(r->layers, r->n_layers, upper))
		return 0;
	char *id = strdup(merged);
	if (!id)
		return err_nomem(e);
	(void)replace_pair(r->layers, &r->n_layers, upper, id);
	return zone_write_record(c->z->dir_fd, r, e);
}

static int merge_pair(struct chains *c, const char *upper, const char *lower, struct err *e)
{
	autostaging struct staging st = STAGING_EMPTY;
	autostack struct stack from = {0};
	const struct store *s = c->z->store;
	char id[LAYER_ID_SIZE], upper_id[LAYER_ID_SIZE], lower_id[LAYER_ID_SIZE];
	char *pair[2] = {upper_id, lower_id};
	const bool link_from[2] = {true, true};
	int none = -1;
	memcpy(upper_id, upper, strlen(upper) + 1); /* the chains that hold them are changed */
	memcpy(lower_id, lower, strlen(lower) + 1);
	const struct stack_merge m = {
		.kind = "merged",
		.zone = c->z->name,
		.uuid = c->z->record.uuid,
		.link_from = link_from,
		.keep_marks = true,
	};
	if (stack_open(s, &none, pair, 2, &from, e) < 0 ||
		stack_merge_stage(s, &from, &m, &st, id, e) < 0 ||
		staging_commit(&st, s->layers_fd, id, e) < 0)
		return -1;
	/* After an error some chains may have the one and some the others: all of them are kept
	 * then, and what no chain lists is given up. */
	int r = write_chains(c, upper_id, id, e);
	char *const ids[3] = {upper_id, lower_id, id};
	struct err *why = r < 0 ? NULL : e;
	return snapshot_release_layers(c->z, ids, 3, why) < 0 ? -1 : r;
}

int stack_compact(struct zone *z, bool is_running, unsigned *ret_merged, struct err *e)
{
	struct chains c = {.z = z, .is_running = is_running};
	const char *upper = NULL, *lower = NULL;
	unsigned merged = 0;
	int r = snapshots_read(z->dir_fd, &c.all, e);
	/* What a damaged snapshot lists is unknown. */
	while (r == 0 && !c.all.n_broken && (r = find_pair(&c, &upper, &lower, e)) > 0) {
		r = merge_pair(&c, upper, lower, e);
		merged += r == 0;
	}
	snapshots_done(&c.all);
	if (ret_merged)
		*ret_merged = merged;
	return r;
}
