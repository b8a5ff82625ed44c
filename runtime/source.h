/* source.h: where files of a new zone or image come from, made into layers. What a source is is
 * found out by looking at it, not by its name. */
#pragma once
#include "runtime/bootstrap.h"
#include "runtime/image.h"
#include "runtime/zone.h"

enum source_kind {
	SOURCE_DEFAULT,	  /* the image inside this program */
	SOURCE_IMAGE,	  /* one of the store */
	SOURCE_DIRECTORY, /* copied, unless it is an OCI image layout or an unpacked docker-archive
			   */
	SOURCE_ARCHIVE,	  /* a tar, plain or compressed; from a file or from standard input: of a
			     root, an OCI image layout, or a docker-archive */
	SOURCE_BOOTSTRAP, /* "debian:12": made by mmdebstrap or debootstrap */
};
struct source {
	enum source_kind kind;
	int fd;		    /* directory or archive; -1 for the others */
	char *text;	    /* for people: absolute path, "default", "standard input", a name */
	const char *ref;    /* which image of a layout or docker-archive; NULL. The caller's */
	struct image image; /* SOURCE_IMAGE */
	struct bootstrap bootstrap; /* SOURCE_BOOTSTRAP */
};
#define SOURCE_EMPTY                                                                               \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* Remarks for people (skipped device nodes...), one line each; `warn` may be NULL. */
struct source_remarks {
	void (*warn)(void *arg, const char *text);
	void *arg;
};
void source_remark(const struct source_remarks *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Look at what was asked for, without side effects: "default", "-", the name of an image of the
 * store, a path, or DISTRIBUTION:RELEASE, in this order. With `named` (what a spec says) only what
 * has a name of ours: "default" or an image.
 * ERR_NOT_FOUND no such thing; ERR_USAGE neither a directory nor a file, or a directory that is,
 * contains or lies in our own store; ERR_HOST nothing here can make that distribution. */
int source_open(
	const struct store *s, const char *text, bool named, struct source *ret, struct err *e);
void source_close(struct source *src);
#define autosource __attribute__((cleanup(source_close)))

/* Make the layers, or find those that there are already, with references for image->uuid. They are
 * in image->layers as soon as they are referenced, also when it fails later: the caller gives them
 * back. Where the source says how it is to be run, that goes to image->config.
 * `host_first`: a claimed id range for the unpacking process. */
int source_fill(const struct store *s, const struct source *src, uint32_t host_first,
	const struct source_remarks *remarks, struct image *image, struct err *e);
