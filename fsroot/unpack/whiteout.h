/* whiteout.h: what a layer of an image takes away from the layers beneath it, as overlayfs has it:
 * a character device 0:0 hides one name (any user namespace may make that one, since Linux 5.8), a
 * mark on a directory hides everything in it. A whiteout says nothing about its own layer: what
 * that has of the same name, before or behind it, stays. */
#pragma once
#include "fsroot/unpack/name.h"
#include "fsroot/unpack/writer.h"

/* Write an entry whose (normalized) name is one. */
int whiteout_put(struct writer *w, struct archive_entry *entry, const char *path,
	enum name_whiteout kind, const char *hidden, struct err *e);
/* True if there is one of this layer. No entry of an archive can be such a device. */
bool whiteout_is_at(const struct writer *w, int dir_fd, const char *name);
/* The first `len` bytes of `path` name a directory that hides what is beneath it. */
int whiteout_note(struct writer *w, const char *path, size_t len, struct err *e);
/* Something is to be written below a name that is hidden: remove the whiteout, note that the
 * directory to be made there is opaque. */
int whiteout_open(struct writer *w, int dir_fd, const char *name, const char *path, size_t len,
	struct err *e);
/* Forget the directories that a later entry has replaced. */
void whiteout_finish(struct writer *w);
