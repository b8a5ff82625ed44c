/* source.h: where a new zone's files come from, made into a layer that the zone references. */
#pragma once
#include "runtime/lifecycle.h"
#include "runtime/zone.h"

enum source_kind {
	SOURCE_DEFAULT,	  /* the image inside this program */
	SOURCE_DIRECTORY, /* copied */
	SOURCE_ARCHIVE,	  /* a tar, plain or compressed; from a file or from standard input */
};
struct source {
	enum source_kind kind;
	int fd;	    /* directory or archive; -1 for the default image */
	char *text; /* for people: absolute path, "default", "standard input" */
};
#define SOURCE_EMPTY                                                                               \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* Look at what was asked for, without side effects. `text` as in create_options.source.
 * ERR_NOT_FOUND no such file; ERR_USAGE neither a directory nor a file, or a directory that is,
 * contains or lies in our own store. */
int source_open(const struct store *s, const char *text, struct source *ret, struct err *e);
void source_close(struct source *src);
#define autosource __attribute__((cleanup(source_close)))

/* Make the layer, or find the one that there is already, with a reference for `zone_uuid`.
 * `host_first`: a claimed id range for the unpacking process. ret_id has LAYER_ID_SIZE bytes. */
int source_make_layer(const struct store *s, const struct source *src, const char *zone_uuid,
	uint32_t host_first, const struct create_options *o, char *ret_id, struct err *e);
