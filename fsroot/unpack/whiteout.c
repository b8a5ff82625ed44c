#include "fsroot/unpack/whiteout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"

bool whiteout_is_at(const struct writer *w, int dir_fd, const char *name)
{
	struct stat st;
	return w->is_layer && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
}

int whiteout_note(struct writer *w, const char *path, size_t len, struct err *e)
{
	if (w->opaque.len + len + 2 > WRITER_OPAQUE_MAX)
		return err_set(e, ERR_FAILED, "is one opaque directory too many");
	str_addn(&w->opaque, len ? path : ".", len ? len : 1);
	str_addn(&w->opaque, "", 1);
	return w->opaque.failed ? err_nomem(e) : 0;
}

int whiteout_open(
	struct writer *w, int dir_fd, const char *name, const char *path, size_t len, struct err *e)
{
	if (unlinkat(dir_fd, name, 0) < 0)
		return err_sys(e, errno, "cannot replace a whiteout");
	return whiteout_note(w, path, len, e);
}

static int put_one(struct writer *w, const char *path, const char *hidden, struct err *e)
{
	char inside[NAME_PATH_MAX];
	const char *name;
	struct stat st;
	int parent = writer_open_parent(w, path, &name, e);
	if (parent < 0)
		return -1;
	if (mknodat(parent, hidden, S_IFCHR, makedev(0, 0)) == 0)
		return 0;
	if (errno != EEXIST || fstatat(parent, hidden, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "cannot make a whiteout");
	if (!S_ISDIR(st.st_mode))
		return 0;
	/* "d/x" for "d/.wh.x" */
	size_t dir_len = (size_t)(name - path), len = dir_len + strlen(hidden);
	memcpy(inside, path, dir_len);
	memcpy(inside + dir_len, hidden, strlen(hidden));
	return whiteout_note(w, inside, len, e);
}

static int put_opaque(struct writer *w, const char *path, struct err *e)
{
	const char *name;
	if (writer_open_parent(w, path, &name, e) < 0)
		return -1;
	return whiteout_note(w, path, name == path ? 0 : (size_t)(name - path) - 1, e);
}

int whiteout_put(struct writer *w, struct archive_entry *entry, const char *path,
	enum name_whiteout kind, const char *hidden, struct err *e)
{
	if (!w->is_layer) {
		err_set(e, ERR_FAILED, "is a whiteout: this is a layer of an image");
		return err_hint(e, "give the whole image: its OCI layout, or what `podman save` or "
				   "`docker save` writes");
	}
	if (kind == NAME_WHITEOUT_BAD)
		return err_set(
			e, ERR_FAILED, "has a name that is reserved for whiteouts, and is none");
	if (archive_entry_hardlink(entry) || archive_entry_filetype(entry) != AE_IFREG ||
		archive_entry_size(entry) != 0)
		return err_set(e, ERR_FAILED, "is a whiteout, but no empty file");
	return kind == NAME_WHITEOUT_OPAQUE ? put_opaque(w, path, e) : put_one(w, path, hidden, e);
}

void whiteout_finish(struct writer *w)
{
	size_t kept = 0, len;
	for (size_t at = 0; at < w->opaque.len; at += len) {
		const char *path = w->opaque.buf + at;
		len = strlen(path) + 1;
		autofd int fd = path_open_beneath(w->root_fd, path, O_PATH | O_DIRECTORY, 0);
		if (fd < 0)
			continue;
		memmove(w->opaque.buf + kept, path, len);
		kept += len;
	}
	w->opaque.len = kept;
}
