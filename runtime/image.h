/* image.h: named stacks of layers with defaults for the zones that are made from them.
 *
 *     images/NAME.json    the record; "/" in a name is written "%2F"
 *
 * An image never changes. Its layers are referenced by its uuid, as a zone's are by the zone's: so
 * deleting it takes nothing from the zones that were made from it. It is built in staging/, whose
 * image.json names the uuid before anything is referenced by it, and appears by link(2), which
 * claims the name; a create that takes references of an image that goes at that moment gets all of
 * them or ERR_NOT_FOUND. */
#pragma once
#include "runtime/layers.h"
#include "runtime/staging.h"
#include "runtime/store.h"
#include "specs/zone_spec.h"

enum {
	IMAGE_NAME_MAX = 120,
	IMAGE_CREATED_SIZE = 40
};

/* What an OCI image config says about running it. Text as it was found: it is checked when it
 * becomes part of a zone's spec. Strings may be NULL for "". */
struct image_config {
	struct spec_pairs env;
	struct spec_strings entrypoint, cmd;
	char *user, *workdir, *stop_signal;
	struct spec_strings exposed_ports; /* "80/tcp" */
	struct spec_pairs labels;
};

struct image {
	char name[IMAGE_NAME_MAX + 1];
	char uuid[UUID_LEN + 1]; /* owner of the references to its layers */
	char **layers;		 /* ids, uppermost first */
	size_t n_layers;
	struct image_config config;
	char *arch;   /* as OCI has it: "amd64"; "" or NULL when not known */
	char *source; /* what import was given, for people */
	char *digest; /* "sha256:..." of an OCI manifest; "" or NULL when there was none */
	char created[IMAGE_CREATED_SIZE]; /* when it was made here; RFC 3339 */
};
#define IMAGE_EMPTY                                                                                \
	{                                                                                          \
		.n_layers = 0                                                                      \
	}

/* ERR_USAGE unless it can name an image: the grammar of root.image in a spec, at most
 * IMAGE_NAME_MAX bytes, and not "default". */
int image_name_check(const char *name, struct err *e);

void image_done(struct image *i);
#define autoimage __attribute__((cleanup(image_done)))
/* For who fills one. Copies; -1 only when memory is out. The layer goes on top of the others. */
int image_add_layer(struct image *i, const char *id, struct err *e);
int image_add_text(struct spec_strings *list, const char *text, struct err *e);
/* A key that is there already gets the new value. */
int image_add_pair(struct spec_pairs *pairs, const char *key, const char *value, struct err *e);
int image_set_text(char **at, const char *text, struct err *e);

/* ERR_NOT_FOUND no such image; ERR_FAILED its record is damaged. */
int image_read(const struct store *s, const char *name, struct image *ret, struct err *e);
/* Every image, sorted by name; a damaged record gives `why` and an image with a name only. Stops at
 * the first non-zero result and returns it. */
int image_each(const struct store *s,
	int (*each)(void *arg, const struct image *i, const struct err *why), void *arg,
	struct err *e);

/* ---- making one ---- */

struct image_draft {
	struct staging dir;
	struct image image;
};
/* Name, uuid and time are set; whatever refers to image.uuid from now on is known to be in use.
 * ERR_STATE if there is an image of that name. */
int image_draft_begin(
	const struct store *s, const char *name, struct image_draft *ret, struct err *e);
/* Make it an image. On failure it is still a draft. */
int image_draft_commit(struct image_draft *d, struct err *e);
/* Give back the layers that image.layers lists, unless it was committed. */
void image_draft_drop(struct image_draft *d);

/* Remove the record, then give up the layers. Who may be using it is the caller's to ask
 * (images.h). */
int image_remove(const struct store *s, const char *name, struct err *e);

/* For repair: the uuid of a staging directory or of images/FILE; 1 found, 0 is none of an image, -1
 * it is one and cannot be read. */
int image_staged_uuid(int staging_dir_fd, char ret_uuid[UUID_LEN + 1]);
int image_file_uuid(const struct store *s, const char *file, char ret_uuid[UUID_LEN + 1]);
