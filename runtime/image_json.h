/* image_json.h: the record of an image as text; see image.h. Inside runtime/image*.c and for
 * `cella image show`. */
#pragma once
#include "runtime/image.h"
#include <jansson.h>

/* The record, a new reference; NULL when memory is out. */
json_t *image_to_json(const struct image *i);
/* With a newline at the end. NULL + *e. */
char *image_to_text(const struct image *i, struct err *e);
/* ERR_FAILED for anything that image_to_text could not have written. */
int image_from_text(const char *text, size_t len, struct image *ret, struct err *e);
