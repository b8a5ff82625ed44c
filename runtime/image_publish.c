/* `image publish`: a stopped zone's writable directory becomes a layer that the zone and the new
 * image share. The steps are those of a clone (intent.h), with an image in the place of NEW. */
#include "base/mem.h"
#include "base/str.h"
#include "runtime/events.h"
#include "runtime/image_defaults.h"
#include "runtime/images.h"
#include "runtime/lifecycle_parts.h"
#include "runtime/undo.h"
#include "runtime/upper_layer.h"

#include <stdio.h>
#include <string.h>

/* ---- what it says about running it ---- */

static int add_ports(const struct zone_spec *spec, struct image_config *c, struct err *e)
{
	for (size_t i = 0; i < spec->annotations.n; i++) {
		if (strcmp(spec->annotations.items[i].key, IMAGE_PORTS_ANNOTATION) != 0)
			continue;
		autofree char *list = strdup(spec->annotations.items[i].value);
		char *save = NULL;
		if (!list)
			return err_nomem(e);
		for (char *p = strtok_r(list, ",", &save); p; p = strtok_r(NULL, ",", &save))
			if (image_add_text(&c->exposed_ports, p, e) < 0)
				return -1;
	}
	return 0;
}

/* What was asked for, without what is a default anyway. */
static int make_config(const struct zone *z, struct image *image, struct err *e)
{
	const struct zone_spec *spec = z->spec;
	struct image_config *c = &image->config;
	const json_t *init = json_object_get(z->doc, "init");
	int r = 0;
	for (size_t i = 0; r == 0 && json_object_get(init, "args") && i < spec->init.args.n; i++)
		r = image_add_text(&c->cmd, spec->init.args.items[i], e);
	for (size_t i = 0; r == 0 && i < spec->init.env.n; i++)
		r = image_add_pair(
			&c->env, spec->init.env.items[i].key, spec->init.env.items[i].value, e);
	for (size_t i = 0; r == 0 && i < spec->labels.n; i++)
		r = image_add_pair(
			&c->labels, spec->labels.items[i].key, spec->labels.items[i].value, e);
	if (r == 0 && json_object_get(init, "user"))
		r = image_set_text(&c->user, spec->init.user, e);
	if (r == 0 && json_object_get(init, "cwd"))
		r = image_set_text(&c->workdir, spec->init.cwd, e);
	if (r == 0)
		r = image_set_text(&c->stop_signal, spec->init.stop_signal, e);
	return r == 0 ? add_ports(spec, c, e) : -1;
}

/* ---- its layers ---- */

static int share_layers(const struct zone *z, struct image *image, struct err *e)
{
	for (size_t i = z->record.n_layers; i-- > 0;) {
		const char *id = z->record.layers[i];
		if (layer_ref(z->store, id, image->uuid, e) < 0)
			return err_prefix(e, "zone '%s'", z->name);
		if (image_add_layer(image, id, e) < 0) {
			(void)layer_unref(z->store, id, image->uuid, NULL);
			return -1;
		}
	}
	return 0;
}

/* Upper is not empty: the part that changes the zone. */
static int move_and_commit(struct zone *z, struct image_draft *d, struct err *e)
{
	autostaging struct staging layer = STAGING_EMPTY;
	struct intent in = {.verb = INTENT_PUBLISH};
	if (upper_layer_stage(z, "publish", &layer, in.layer, e) < 0 ||
		upper_layer_stage_ref(&layer, d->image.uuid, e) < 0)
		return -1;
	memcpy(in.new_uuid, d->image.uuid, sizeof in.new_uuid);
	if (intent_write(z->dir_fd, &in, e) < 0)
		return -1;
	if (upper_layer_move(z, &layer, in.layer, e) < 0 ||
		zone_write_record(z->dir_fd, &z->record, e) < 0 ||
		image_add_layer(&d->image, in.layer, e) < 0 || image_draft_commit(d, e) < 0) {
		(void)upper_layer_undo(z, &in, NULL);
		return -1;
	}
	return intent_clear(z->dir_fd, e);
}

static int publish_locked(struct zone *z, struct image_draft *d, struct err *e)
{
	char source[ZONE_NAME_MAX + 8];
	(void)snprintf(source, sizeof source, "zone %s", z->name);
	int empty = upper_is_empty(z, NULL, e);
	if (empty < 0 || image_set_text(&d->image.source, source, e) < 0 ||
		make_config(z, &d->image, e) < 0 || share_layers(z, &d->image, e) < 0)
		return -1;
	return empty ? image_draft_commit(d, e) : move_and_commit(z, d, e);
}

int image_publish(const struct store *s, const char *zone, const char *name, struct err *e)
{
	struct zone z;
	struct image_draft d;
	if (zone_open(s, zone, ZONE_LOCK, LIFECYCLE_LOCK_MS, &z, e) < 0)
		return -1;
	int r = lifecycle_must_be_on_disk(&z, "an image", e);
	if (r == 0)
		r = lifecycle_must_be_stopped(&z, "publish", e);
	if (r == 0)
		r = undo_must_be_closed(&z, "an image", e);
	if (r == 0 && (r = image_draft_begin(s, name, &d, e)) == 0) {
		r = publish_locked(&z, &d, e);
		image_draft_drop(&d);
	}
	if (r == 0)
		(void)event_append(z.dir_fd, "published", json_pack("{s:s}", "image", name));
	zone_close(&z);
	return r;
}
