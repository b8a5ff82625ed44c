/* images.h: the verbs of images. */
#pragma once
#include "runtime/image.h"
#include "runtime/source.h"
#include <jansson.h>

struct image_import_options {
	const char *source, *name; /* source as source_open takes it */
	const char *ref;	   /* which image of the source, where it has several; NULL */
	struct source_remarks remarks;
};
int image_import(const struct store *s, const struct image_import_options *o, struct err *e);

/* The files of a stopped zone as an image. Its writable directory becomes a layer that both share,
 * as in a clone, and its spec's init and labels the image's config. */
int image_publish(const struct store *s, const char *zone, const char *name, struct err *e);

/* The zones whose spec says that they come from it; a new array of names. */
int image_users(const struct store *s, const char *name, json_t **ret, struct err *e);
/* ERR_STATE, naming the zones, while there are any, unless `force`. They keep their layers either
 * way: what goes is the name, and layers that nothing else uses. */
int image_delete(const struct store *s, const char *name, bool force, struct err *e);

enum image_want {
	IMAGE_WANT_USERS = 1, /* every zone has to be looked at */
	IMAGE_WANT_BYTES = 2, /* every layer */
};
/* One object: the record, and what `want` says. */
int image_row(const struct store *s, const char *name, unsigned want, json_t **ret, struct err *e);
/* An array of them; a damaged one has "name" and "error" only. */
int image_rows(const struct store *s, unsigned want, json_t **ret, struct err *e);
