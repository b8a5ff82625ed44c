#include "runtime/source.h"
#include "runtime/layers.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "fsroot/copy.h"
#include "fsroot/default_image/default_image.h"
#include "fsroot/import.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What unpacking the default image gave: {"key": ..., "layer": ...}, so that the next zone of it
 * needs no unpacking. Only a hint: a layer that is gone is made again. */
#define DEFAULT_CACHE "default-image.json"
enum {
	CACHE_MAX = 4096,
	KEY_SIZE = 64,
	LINE_SIZE = 400
};

static void warn(const struct create_options *o, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void warn(const struct create_options *o, const char *fmt, ...)
{
	char line[LINE_SIZE];
	va_list ap;
	if (!o->warn)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	o->warn(o->warn_arg, line);
}

/* ---- looking at the source ---- */

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
	return err_hint(e, "to copy a zone use `cella clone`");
}

static int open_standard_input(struct source *src, struct err *e)
{
	src->kind = SOURCE_ARCHIVE;
	src->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	if (src->fd < 0)
		return err_sys(e, errno, "standard input");
	if (isatty(src->fd)) {
		err_set(e, ERR_USAGE, "standard input is a terminal: a tar is expected there");
		return err_hint(e, "cella create NAME --from - < FILE");
	}
	src->text = strdup("standard input");
	return src->text ? 0 : err_nomem(e);
}

static int open_path(const struct store *s, const char *path, struct source *src, struct err *e)
{
	struct stat st;
	char shown[200];
	str_escape(shown, sizeof shown, path);
	/* O_NONBLOCK: a FIFO must not hang us, and a device is refused below. */
	src->fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (src->fd < 0 && errno == ENOENT) {
		err_set(e, ERR_NOT_FOUND, "no image, file or directory '%s'", shown);
		return err_hint(e, "--from takes \"default\", a directory, a tar file, or -");
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
		char *plain = strdup(shown);
		if (!plain)
			return err_nomem(e);
		free(src->text);
		src->text = plain;
	}
	return 0;
}

int source_open(const struct store *s, const char *text, struct source *ret, struct err *e)
{
	autosource struct source src = SOURCE_EMPTY;
	int r = 0;
	if (!strcmp(text, "default")) {
		src.kind = SOURCE_DEFAULT;
		src.text = strdup("default");
		r = src.text ? 0 : err_nomem(e);
	} else if (!strcmp(text, "-")) {
		r = open_standard_input(&src, e);
	} else if (!text[0]) {
		r = err_set(e, ERR_USAGE, "the source is empty");
	} else {
		r = open_path(s, text, &src, e);
	}
	if (r < 0)
		return -1;
	*ret = src;
	src = (struct source)SOURCE_EMPTY;
	return 0;
}

void source_close(struct source *src)
{
	fd_close(&src->fd);
	free(ptr_steal(&src->text));
}

/* ---- layers ---- */

static int import_layer(const struct store *s, int archive_fd, const char *text,
	const char *zone_uuid, uint32_t host_first, const struct create_options *o, char *ret_id,
	struct err *e)
{
	autostaging struct staging st = STAGING_EMPTY;
	autofd int fs = -1;
	struct import_result got = {0};
	char program[sizeof s->config.exe_dir + 16];
	(void)snprintf(program, sizeof program, "%s/cella-unpack", s->config.exe_dir);
	if (layer_stage(s, true, &st, &fs, e) < 0)
		return -1;
	const struct import_plan plan = {
		.archive_fd = archive_fd,
		.dest_dir_fd = fs,
		.host_first = host_first,
		.max_entries = s->config.unpack_max_entries,
		.max_bytes = s->config.unpack_max_bytes,
		.program = program,
	};
	if (import_archive(&plan, &got, e) < 0)
		return err_prefix(e, "unpack %s", text);
	for (size_t i = 0; i < got.n_warnings; i++)
		warn(o, "%s", got.warnings[i]);
	const struct layer_info info = {
		.kind = "archive", .source = text, .bytes = got.bytes, .entries = got.entries};
	if (layer_commit(&st, got.sha256, &info, zone_uuid, e) < 0)
		return -1;
	(void)snprintf(ret_id, LAYER_ID_SIZE, "%s", got.sha256);
	return 0;
}

static int copy_layer(const struct store *s, const struct source *src, const char *zone_uuid,
	const struct create_options *o, char *ret_id, struct err *e)
{
	autostaging struct staging st = STAGING_EMPTY;
	autofd int fs = -1;
	char id[LAYER_ID_SIZE];
	struct copy_result got = {0};
	const struct copy_options options = {
		.max_entries = s->config.unpack_max_entries,
		.max_bytes = s->config.unpack_max_bytes,
		.max_id = IMPORT_IDS,
		.limit_entries_name = "unpack_max_entries in cella.json",
		.limit_bytes_name = "unpack_max_bytes in cella.json",
	};
	if (layer_stage(s, true, &st, &fs, e) < 0)
		return -1;
	if (copy_tree(src->fd, fs, &options, &got, e) < 0)
		return err_prefix(e, "copy '%s'", src->text);
	if (got.skipped_devices || got.skipped_sockets || got.skipped_mounts)
		warn(o, "skipped in '%s': %llu device nodes, %llu sockets, %llu mount points",
			src->text, (unsigned long long)got.skipped_devices,
			(unsigned long long)got.skipped_sockets,
			(unsigned long long)got.skipped_mounts);
	layer_id_random(id);
	const struct layer_info info = {.kind = "directory",
		.source = src->text,
		.bytes = got.bytes,
		.entries = got.entries};
	if (layer_commit(&st, id, &info, zone_uuid, e) < 0)
		return -1;
	memcpy(ret_id, id, sizeof id);
	return 0;
}

/* ---- the default image ---- */

/* Names the image's content: its size and the gzip trailer, which is the CRC and the length of the
 * uncompressed tar. It comes from this very program, so nobody forges it. */
static void default_key(char key[KEY_SIZE])
{
	unsigned char tail[8] = {0};
	if (default_image_size >= sizeof tail)
		memcpy(tail, default_image_data + default_image_size - sizeof tail, sizeof tail);
	(void)snprintf(key, KEY_SIZE, "%zu-%02x%02x%02x%02x%02x%02x%02x%02x", default_image_size,
		tail[0], tail[1], tail[2], tail[3], tail[4], tail[5], tail[6], tail[7]);
}

/* True with a reference taken if the layer of the default image is known and still there. */
static bool find_default(
	const struct store *s, const char *key, const char *zone_uuid, char *ret_id)
{
	autofree char *text = NULL;
	size_t len = 0;
	if (path_read_file(s->cache_fd, DEFAULT_CACHE, CACHE_MAX, &text, &len, NULL) < 0)
		return false;
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	const char *had = json_string_value(json_object_get(doc, "key"));
	const char *id = json_string_value(json_object_get(doc, "layer"));
	bool ok = had && id && !strcmp(had, key) && layer_id_is_valid(id) &&
		  layer_ref(s, id, zone_uuid, NULL) == 0;
	if (ok)
		(void)snprintf(ret_id, LAYER_ID_SIZE, "%s", id);
	json_decref(doc);
	return ok;
}

static void remember_default(const struct store *s, const char *key, const char *id)
{
	json_t *doc = json_pack("{s:s, s:s}", "key", key, "layer", id);
	autofree char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
	json_decref(doc);
	if (text)
		(void)path_write_volatile(
			s->cache_fd, DEFAULT_CACHE, text, strlen(text), 0600, NULL);
}

static int default_layer(const struct store *s, const char *zone_uuid, uint32_t host_first,
	const struct create_options *o, char *ret_id, struct err *e)
{
	char key[KEY_SIZE];
	default_key(key);
	if (find_default(s, key, zone_uuid, ret_id))
		return 0;
	autofd int fd = memfd_create("cella-default-image", MFD_CLOEXEC);
	if (fd < 0 || fd_write_all(fd, default_image_data, default_image_size) < 0 ||
		lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, errno, "default image");
	if (import_layer(s, fd, "the default image", zone_uuid, host_first, o, ret_id, e) < 0)
		return -1;
	remember_default(s, key, ret_id);
	return 0;
}

int source_make_layer(const struct store *s, const struct source *src, const char *zone_uuid,
	uint32_t host_first, const struct create_options *o, char *ret_id, struct err *e)
{
	char shown[LINE_SIZE];
	switch (src->kind) {
	case SOURCE_DEFAULT:
		return default_layer(s, zone_uuid, host_first, o, ret_id, e);
	case SOURCE_DIRECTORY:
		return copy_layer(s, src, zone_uuid, o, ret_id, e);
	case SOURCE_ARCHIVE:
		break;
	}
	(void)snprintf(shown, sizeof shown, "%s", src->text);
	return import_layer(s, src->fd, shown, zone_uuid, host_first, o, ret_id, e);
}
