/* Rows for `snapshot list` and `snapshot show`. */
#include "runtime/snapshot_verbs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/layers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What it holds that its parent does not; of one without a parent, what the zone itself wrote: the
 * layers that a zone's writable side became, and that are not those of the zone's source. */
static uint64_t own_bytes(
	const struct store *s, const struct snapshots *all, const struct snapshot *snap)
{
	uint64_t sum = 0;
	const struct snapshot *parent = snap->parent[0] ? snapshots_find(all, snap->parent) : NULL;
	for (size_t i = 0; i < snap->n_layers; i++) {
		uint64_t bytes = 0, files = 0;
		bool shared = parent ? snapshots_use_layer(
					       &(struct snapshots){
						       (struct snapshot *)(uintptr_t)parent, 1, 0},
					       snap->layers[i])
				     : i + 1 == snap->n_layers;
		if (shared)
			continue;
		autostr struct strbuf fs = {0};
		str_addf(&fs, "%s/fs", snap->layers[i]);
		if (fs.buf && path_tree_usage(s->layers_fd, fs.buf, &bytes, &files) == 0)
			sum += bytes;
	}
	return sum;
}

static json_t *layer_list(const struct snapshot *s)
{
	json_t *a = json_array();
	for (size_t i = 0; i < s->n_layers; i++)
		(void)json_array_append_new(a, json_string(s->layers[i]));
	return a;
}

static json_t *text_or_null(const char *s)
{
	return s && s[0] ? json_string(s) : json_null();
}

static json_t *make_row(const struct zone *z, const struct snapshots *all, const struct snapshot *s,
	unsigned depth, bool sizes)
{
	json_t *bytes = sizes && !s->is_broken
				? json_integer((json_int_t)own_bytes(z->store, all, s))
				: json_null();
	return json_pack("{s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:b, s:b, s:i, s:s}", "name", s->name,
		"zone", z->name, "parent", text_or_null(s->parent), "created",
		text_or_null(s->created), "description", s->description ? s->description : "",
		"layers", layer_list(s), "bytes", bytes, "present",
		(int)!strcmp(z->record.snapshot, s->name), "of_running", (int)s->of_running,
		"depth", (int)depth, "state", s->is_broken ? "broken" : "ok");
}

static int make_rows(const struct zone *z, bool sizes, json_t *rows, struct err *e)
{
	autosnapshots struct snapshots all = {0};
	if (snapshots_read(z->dir_fd, &all, e) < 0)
		return -1;
	autofree size_t *order = calloc(all.n + 1, sizeof *order);
	autofree unsigned *depth = calloc(all.n + 1, sizeof *depth);
	if (!order || !depth)
		return err_nomem(e);
	snapshots_order(&all, order, depth);
	for (size_t i = 0; i < all.n; i++)
		if (json_array_append_new(
			    rows, make_row(z, &all, &all.items[order[i]], depth[i], sizes)) < 0)
			return err_nomem(e);
	return 0;
}

int snapshot_rows(const struct store *s, const char *zone, bool sizes, json_t **ret, struct err *e)
{
	struct zone z;
	if (zone_open(s, zone, ZONE_ALLOW_BROKEN, 0, &z, e) < 0)
		return -1;
	json_t *rows = json_array();
	int r = rows ? make_rows(&z, sizes, rows, e) : err_nomem(e);
	zone_close(&z);
	if (r < 0) {
		json_decref(rows);
		return -1;
	}
	*ret = rows;
	return 0;
}
