#include "runtime/source.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void source_remark(const struct source_remarks *r, const char *fmt, ...)
{
	char line[400];
	va_list ap;
	if (!r->warn)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	r->warn(r->arg, line);
}

static bool is_within(const char *path, const char *dir)
{
	size_t n = strlen(dir);
	return !strncmp(path, dir, n) && (path[n] == '/' || path[n] == '\0' || dir[n - 1] == '/');
}

/* Copying a tree into itself never ends, and a zone's own files are not a source: clone does that
 * in the right order and under its lock. */
static int refuse_store(const struct store *s, const char *path, struct err *e)
{
	autofree char *root = realpath(s->root, NULL);
	if (!root)
		return err_sys(e, errno, "store '%s'", s->root);
	if (!is_within(path, root) && !is_within(root, path))
		return 0;
	err_set(e, ERR_USAGE, "'%s' is, holds or lies in the store '%s'", path, root);
	return err_hint(e, "to copy a zone use `cella clone` or `cella image publish`");
}

static int set_text(struct source *src, const char *text, struct err *e)
{
	src->text = strdup(text);
	return src->text ? 0 : err_nomem(e);
}

static int open_standard_input(struct source *src, struct err *e)
{
	src->kind = SOURCE_ARCHIVE;
	src->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	if (src->fd < 0)
		return err_sys(e, errno, "standard input");
	if (isatty(src->fd)) {
		err_set(e, ERR_USAGE, "standard input is a terminal: a tar is expected there");
		return err_hint(e, "redirect it: ... - < FILE");
	}
	return set_text(src, "standard input", e);
}

static int nothing_there(const char *shown, struct err *e)
{
	err_set(e, ERR_NOT_FOUND, "no image, file or directory '%s'", shown);
	return err_hint(e, "a source is \"default\", the name of an image (`cella image list`), a "
			   "directory, a tar file, - for a tar on standard input, or a "
			   "distribution such as debian:12");
}

static int open_path(const struct store *s, const char *path, struct source *src, struct err *e)
{
	struct stat st;
	char shown[200];
	str_escape(shown, sizeof shown, path);
	/* O_NONBLOCK: a FIFO must not hang us, and a device is refused below. */
	src->fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (src->fd < 0 && errno == ENOENT) {
		int r = bootstrap_parse(path, &src->bootstrap, e);
		if (r <= 0)
			return r < 0 ? -1 : nothing_there(shown, e);
		src->kind = SOURCE_BOOTSTRAP;
		return set_text(src, path, e);
	}
	if (src->fd < 0 || fstat(src->fd, &st) < 0)
		return err_sys(e, errno, "open '%s'", shown);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return err_set(
			e, ERR_USAGE, "'%s' is neither a directory nor a regular file", shown);
	src->text = realpath(path, NULL);
	if (!src->text)
		return err_sys(e, errno, "path of '%s'", shown);
	src->kind = S_ISDIR(st.st_mode) ? SOURCE_DIRECTORY : SOURCE_ARCHIVE;
	if (S_ISDIR(st.st_mode) && refuse_store(s, src->text, e) < 0)
		return -1;
	if (!str_is_printable(src->text, strlen(src->text))) {
		/* It goes into JSON, to people. The file is read by descriptor. */
		free(ptr_steal(&src->text));
		return set_text(src, shown, e);
	}
	return 0;
}

/* 1 there is such an image. */
static int open_image(const struct store *s, const char *name, struct source *src, struct err *e)
{
	struct err why = {0};
	if (image_name_check(name, NULL) < 0)
		return 0;
	if (image_read(s, name, &src->image, &why) < 0) {
		if (why.cls == ERR_NOT_FOUND)
			return 0;
		if (e)
			*e = why;
		return -1;
	}
	src->kind = SOURCE_IMAGE;
	return set_text(src, name, e) < 0 ? -1 : 1;
}

static int open_any(
	const struct store *s, const char *text, bool named, struct source *src, struct err *e)
{
	if (!text[0])
		return err_set(e, ERR_USAGE, "the source is empty");
	if (!strcmp(text, "default")) {
		src->kind = SOURCE_DEFAULT;
		return set_text(src, text, e);
	}
	if (!named && !strcmp(text, "-"))
		return open_standard_input(src, e);
	int r = open_image(s, text, src, e);
	if (r)
		return r < 0 ? -1 : 0;
	if (!named)
		return open_path(s, text, src, e);
	err_set(e, ERR_NOT_FOUND, "/root/image: no image '%s'", text);
	return err_hint(e, "`cella image import SOURCE %s` first, or give --from SOURCE", text);
}

int source_open(
	const struct store *s, const char *text, bool named, struct source *ret, struct err *e)
{
	autosource struct source src = SOURCE_EMPTY;
	if (open_any(s, text, named, &src, e) < 0)
		return -1;
	*ret = src;
	src = (struct source)SOURCE_EMPTY;
	return 0;
}

void source_close(struct source *src)
{
	fd_close(&src->fd);
	free(ptr_steal(&src->text));
	image_done(&src->image);
}
