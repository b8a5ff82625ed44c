/* image_defaults.h: what an image says about running it, in the terms of a zone's spec. */
#pragma once
#include "runtime/source.h"
#include <jansson.h>

#define IMAGE_PORTS_ANNOTATION "image.exposed_ports"

/* A document with what the image's config says: env, args and kind, user, cwd, stop_signal, labels,
 * exposed ports as an annotation. `asked` is the spec as it was asked for: where it has init.args
 * those replace entrypoint and cmd, which then say nothing about the kind either. A label that a
 * spec cannot hold is left out with a remark. *ret is new. */
int image_defaults(const struct image *i, const json_t *asked, const struct source_remarks *remarks,
	json_t **ret, struct err *e);

/* Put `doc` over the defaults: objects are merged by their keys, everything else is replaced. */
int image_put_beneath(json_t *defaults, const json_t *doc, struct err *e);
