/* pack.h: a file or a tree, as a tar stream. Names are walked by descriptor, no link is followed,
 * what changes under way is noticed. */
#pragma once
#include "fsroot/cp/answer.h"
#include "fsroot/cp/place.h"

struct pack_options {
	const char *name; /* of the top entry in the stream: "." or a plain name */
	bool xattrs;
};
/* The stream goes to fd 1. */
int pack_tree(
	const struct place *src, const struct pack_options *o, struct answer *a, struct err *e);
