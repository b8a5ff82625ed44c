/* name.h: names in archives, looked at as text only (pure, fuzzed). What passes here is still
 * opened beneath a descriptor without following any link. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum {
	NAME_PATH_MAX = 4096,
	NAME_COMPONENT_MAX = 255
};

enum name_verdict {
	NAME_OK,
	NAME_IS_ROOT, /* ".", "./": the top directory itself */
	NAME_EMPTY,
	NAME_ABSOLUTE,
	NAME_DOTDOT,
	NAME_TOO_LONG,
};

/* "./a//b/" -> "a/b". */
enum name_verdict name_normalize(const char *raw, char out[NAME_PATH_MAX]);
/* The sentence for a verdict that refuses: "is an absolute name". */
const char *name_reason(enum name_verdict verdict);

/* True if the text of a relative symbolic link at (normalized) `path` climbs above the top
 * directory. An absolute one is read inside the zone and does not. */
bool name_link_climbs(const char *path, const char *target);

/* What a layer of an image says about the layers beneath it: an entry "d/.wh.x" hides "d/x",
 * "d/.wh..wh..opq" everything in "d". The prefix is reserved: any other use of it is bad. */
enum name_whiteout {
	NAME_WHITEOUT_NONE,
	NAME_WHITEOUT_ONE, /* *ret_hidden: the name that is hidden, within `path` */
	NAME_WHITEOUT_OPAQUE,
	NAME_WHITEOUT_BAD,
};
/* `path` is normalized. */
enum name_whiteout name_whiteout(const char *path, const char **ret_hidden);

/* True at "dev" or beneath it. */
bool name_is_in_dev(const char *path);
