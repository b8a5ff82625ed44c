/* unpack.h: a tar stream, as files. What it says is not trusted: every name is made beneath one
 * descriptor, component by component, and no link is followed; a file appears whole or not at all.
 */
#pragma once
#include "fsroot/cp/answer.h"
#include "fsroot/cp/place.h"

struct unpack_options {
	/* The stream is pack_tree's with the name ".": one object, which goes where cp(1) would put
	 * it. Otherwise anybody's archive, into a directory. */
	bool is_single;
	bool contents;	  /* single: a directory's content goes into the destination, not itself */
	const char *name; /* single: what it is called in a directory */
	bool keep;	  /* owners, extended attributes, setuid */
	bool keep_setid;  /* setuid and setgid without the rest: for what goes into a zone */
	uint64_t n_ids;	  /* owners must be below it */
};
/* The directory within which all of it happens; to be the process's root from then on. */
int unpack_base(const struct place *dst, int *ret_fd, struct err *e);
/* The stream comes from fd 0. `base_fd` is that directory. */
int unpack_stream(const struct place *dst, int base_fd, const struct unpack_options *o,
	struct answer *a, struct err *e);
