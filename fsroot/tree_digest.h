/* tree_digest.h: what a directory tree is, as digests: to find out later whether it still is that.
 * Canonical: nothing in it depends on the order of a directory, on inode numbers, on how a file is
 * laid out (a hole is zeros) or on times. One digest for each kind of thing, so that a difference
 * can be told:
 *
 *     names     what there is: name, type, device number, target of a link, which names are one
 * file owners    mode, user and group of each content   size and bytes of each regular file xattrs
 * extended attributes, ACLs and file capabilities of each, without the labels of the host's
 * security modules
 *
 * Each is the sha256 of a walk of the tree, names of a directory in the order of their bytes. */
#pragma once
#include "base/err.h"
#include <stdint.h>

enum tree_digest_part {
	TREE_NAMES,
	TREE_OWNERS,
	TREE_CONTENT,
	TREE_XATTRS,
	TREE_DIGEST_PARTS
};
enum {
	TREE_DIGEST_SIZE = 65
};
struct tree_digest {
	char part[TREE_DIGEST_PARTS][TREE_DIGEST_SIZE]; /* hex */
};
/* "names", ... */
extern const char *const tree_digest_part_names[TREE_DIGEST_PARTS];

/* Of the directory and everything in it. Links are never followed; one descriptor for the walk,
 * whatever the depth. libnettle is loaded here: ERR_HOST if it is not there. */
int tree_digest(int dir_fd, struct tree_digest *ret, struct err *e);
/* What is different, in words, most telling first: "files are missing or were added"; NULL when
 * they are equal. */
const char *tree_digest_difference(const struct tree_digest *was, const struct tree_digest *is);
