#include "runtime/oci_layout.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "fsroot/import.h"
#include "runtime/oci_blob.h"
#include "runtime/oci_pick.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

enum {
	PATH_SIZE = 96,
	INDEX_DEPTH_MAX = 4,
	LINE_SIZE = 400
};

struct job {
	const struct oci_import *o;
	struct image *into;
	uint64_t entries, bytes; /* of all layers */
};

static void warn(const struct job *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void warn(const struct job *j, const char *fmt, ...)
{
	char line[LINE_SIZE];
	va_list ap;
	if (!j->o->warn)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	j->o->warn(j->o->warn_arg, line);
}

/* ---- what it is ---- */

static bool has(int dir_fd, const char *name, mode_t type)
{
	struct stat st;
	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (st.st_mode & S_IFMT) == type;
}

enum oci_form oci_form_of(int dir_fd)
{
	/* A root may have any file in it. */
	static const char *const of_roots[] = {"etc", "usr", "sbin"};
	for (size_t i = 0; i < ARRAY_LEN(of_roots); i++)
		if (has(dir_fd, of_roots[i], S_IFDIR))
			return OCI_FORM_NONE;
	if (has(dir_fd, "oci-layout", S_IFREG))
		return OCI_FORM_LAYOUT;
	return has(dir_fd, "manifest.json", S_IFREG) ? OCI_FORM_DOCKER : OCI_FORM_NONE;
}

/* ---- layers ---- */

struct layer_source {
	const char *path, *hex, *diff_id; /* hex: "" when the source names no digest of the file */
	uint64_t size;
	enum oci_media media;
};

static uint64_t left_of(uint64_t limit, uint64_t standard, uint64_t used)
{
	limit = limit ? limit : standard;
	return used < limit ? limit - used : 1;
}

/* It is read to its end whatever is found in it, and a file of holes costs who made it nothing. */
static int open_blob(
	const struct job *j, const struct layer_source *l, struct oci_blob *ret, struct err *e)
{
	char shown[LINE_SIZE];
	uint64_t max = left_of(j->o->store->config.unpack_max_bytes, IMPORT_BYTES_DEFAULT, 0);
	if (oci_blob_open(j->o->dir_fd, l->path, l->hex, l->size, l->media, ret, e) < 0)
		return -1;
	/* As the unpacker has it: headers and padding may outweigh content. */
	if (ret->size / 2 <= max + (1 << 29))
		return 0;
	err_set(e, ERR_FAILED, "'%s' is %llu bytes long: limit of %llu bytes of content reached",
		str_escape(shown, sizeof shown, l->path), (unsigned long long)ret->size,
		(unsigned long long)max);
	return err_hint(e, "unpack_max_bytes in cella.json raises it");
}

static int wrong_tar(const struct layer_source *l, const char *found, struct err *e)
{
	char shown[LINE_SIZE];
	return err_set(e, ERR_FAILED,
		"'%s' unpacks to a tar of digest sha256:%s, but the config says sha256:%s",
		str_escape(shown, sizeof shown, l->path), found, l->diff_id);
}

/* That the file has the digest of the manifest does not say what it unpacks to: else a config could
 * name any layer of the store, and get it. Of the file that made the layer that is known. */
static int has_unpacked_to(const struct job *j, const struct layer_source *l, struct err *e)
{
	json_t *doc = NULL;
	if (!*l->hex)
		return 0;
	if (layer_read(j->o->store, l->diff_id, &doc, e) < 0)
		return -1;
	int r = str_eq(json_string_value(json_object_get(doc, "blob")), l->hex);
	json_decref(doc);
	return r;
}

/* 1: it is stored, referenced, and what the source has is the same; 0: it has to be unpacked. */
static int find_stored(struct job *j, const struct layer_source *l, struct err *e)
{
	autoblob struct oci_blob blob = OCI_BLOB_EMPTY;
	struct err why = {0};
	if (layer_ref(j->o->store, l->diff_id, j->o->uuid, &why) < 0) {
		if (why.cls != ERR_NOT_FOUND && e)
			*e = why;
		return why.cls == ERR_NOT_FOUND ? 0 : -1;
	}
	if (image_add_layer(j->into, l->diff_id, e) < 0 || open_blob(j, l, &blob, e) < 0 ||
		oci_blob_skim(&blob, e) < 0)
		return -1;
	if (blob.is_plain)
		return !strcmp(blob.found, l->diff_id) ? 1 : wrong_tar(l, blob.found, e);
	return has_unpacked_to(j, l, e);
}

static int unpack(struct job *j, const struct layer_source *l, struct staging *st,
	struct import_result *got, struct err *e)
{
	const struct store *s = j->o->store;
	autoblob struct oci_blob blob = OCI_BLOB_EMPTY;
	autofd int fs = -1;
	char program[sizeof s->config.exe_dir + 16];
	(void)snprintf(program, sizeof program, "%s/cella-unpack", s->config.exe_dir);
	if (open_blob(j, l, &blob, e) < 0 || layer_stage(s, true, st, &fs, e) < 0)
		return -1;
	const struct import_feed feed = {oci_blob_next, &blob};
	const struct import_plan plan = {
		.feed = &feed,
		.dest_dir_fd = fs,
		.host_first = j->o->host_first,
		.max_entries =
			left_of(s->config.unpack_max_entries, IMPORT_ENTRIES_DEFAULT, j->entries),
		.max_bytes = left_of(s->config.unpack_max_bytes, IMPORT_BYTES_DEFAULT, j->bytes),
		.program = program,
		.is_layer = true,
	};
	if (import_archive(&plan, got, e) < 0)
		return -1;
	/* The child has read hostile bytes. Where the blob is the tar itself we have counted too.
	 */
	if (strcmp(got->sha256, l->diff_id) != 0 ||
		(blob.is_plain && strcmp(blob.found, l->diff_id) != 0))
		return wrong_tar(l, got->sha256, e);
	return 0;
}

static int take_layer(struct job *j, const struct layer_source *l, struct err *e)
{
	autostaging struct staging st = STAGING_EMPTY;
	struct import_result got = {0};
	int r = find_stored(j, l, e);
	if (r != 0)
		return r < 0 ? -1 : 0;
	if (unpack(j, l, &st, &got, e) < 0)
		return -1;
	for (size_t i = 0; i < got.n_warnings; i++)
		warn(j, "%s", got.warnings[i]);
	j->entries += got.entries;
	j->bytes += got.bytes;
	const struct layer_info info = {.kind = "archive",
		.source = j->o->text,
		.bytes = got.bytes,
		.entries = got.entries,
		.blob = *l->hex && strcmp(l->hex, l->diff_id) != 0 ? l->hex : NULL};
	if (layer_commit(&st, l->diff_id, &info, j->o->uuid, e) < 0)
		return -1;
	if (image_add_layer(j->into, l->diff_id, e) == 0)
		return 0;
	(void)layer_unref(j->o->store, l->diff_id, j->o->uuid, NULL);
	return -1;
}

/* ---- the stack ---- */

static bool has_layer(const struct image *i, size_t n, const char *id)
{
	while (n--)
		if (!strcmp(i->layers[n], id))
			return true;
	return false;
}

/* "/" itself is opaque: what is beneath is not part of the image. overlayfs looks at no mark on the
 * top directory of a layer. */
static int hides_all(const struct store *s, const char *id, struct err *e)
{
	char value[2];
	autofd int fs = layer_open_fs(s, id, e);
	if (fs < 0)
		return -1;
	return fgetxattr(fs, "trusted.overlay.opaque", value, sizeof value) == 1 && value[0] == 'y';
}

/* A layer that comes twice is needed only where it is uppermost, since it covers whatever it did
 * further down; overlayfs takes no layer twice. */
static int settle_stack(struct job *j, struct err *e)
{
	struct image *i = j->into;
	size_t kept = 0, end = i->n_layers;
	for (size_t n = 0; n < end; n++) {
		int hides = hides_all(j->o->store, i->layers[n], e);
		if (hides < 0)
			return -1;
		if (hides)
			end = n + 1;
	}
	for (size_t n = 0; n < i->n_layers; n++) {
		char *id = i->layers[n];
		bool again = has_layer(i, kept, id);
		if (n < end && !again) {
			i->layers[kept++] = id;
			continue;
		}
		if (!again)
			(void)layer_unref(j->o->store, id, j->o->uuid, NULL);
		free(id);
	}
	i->n_layers = kept;
	return 0;
}

/* ---- config ---- */

static int take_config(struct job *j, struct oci_config *c, size_t n_layers, struct err *e)
{
	char shown[LINE_SIZE];
	if (c->diff_ids.n != n_layers)
		return err_set(e, ERR_FAILED,
			"it has %zu layers, but the config that belongs to it has %zu", n_layers,
			c->diff_ids.n);
	if (strcmp(c->os, "linux") != 0)
		return err_set(e, ERR_FAILED, "it is an image for '%s', not for linux",
			str_escape(shown, sizeof shown, c->os));
	if (strcmp(c->arch, oci_host_arch()) != 0)
		warn(j, "the image is for %s, this host is %s",
			str_escape(shown, sizeof shown, c->arch), oci_host_arch());
	if (image_set_text(&j->into->arch, c->arch, e) < 0)
		return -1;
	j->into->config = c->config;
	c->config = (struct image_config){0};
	return 0;
}

/* ---- an OCI image layout ---- */

static void blob_path(const char *hex, char out[PATH_SIZE])
{
	(void)snprintf(out, PATH_SIZE, "blobs/sha256/%s", hex);
}

/* One step down: what the index at `where` says is to be read next. */
static int pick_next(const char *text, size_t len, const char *where, const char *ref,
	struct oci_descriptor *at, char **type, struct err *e)
{
	struct oci_descriptors list = {0};
	const struct oci_descriptor *one = NULL;
	if (oci_index_parse(text, len, *type, &list, e) < 0)
		return err_prefix(e, "'%s'", where);
	int r = oci_pick(&list, ref, &one, e);
	if (r == 0) {
		at->media = one->media;
		at->size = one->size;
		memcpy(at->hex, one->hex, sizeof at->hex);
		r = image_set_text(type, one->media_type, e);
	}
	oci_descriptors_done(&list);
	return r;
}

/* From index.json down to a manifest. */
static int find_manifest(const struct job *j, struct oci_manifest *ret, struct err *e)
{
	char where[PATH_SIZE] = "index.json", digest[PATH_SIZE];
	autofree char *type = NULL;
	struct oci_descriptor at = {.media = OCI_MEDIA_INDEX, .size = OCI_SIZE_UNKNOWN};
	for (int depth = 0; depth <= INDEX_DEPTH_MAX; depth++) {
		autofree char *text = NULL;
		size_t len = 0;
		/* The name is of the whole; inside of it the platform decides. */
		const char *ref = depth ? NULL : j->o->ref;
		if (oci_blob_read(j->o->dir_fd, where, at.hex, at.size, &text, &len, e) < 0)
			return -1;
		if (at.media == OCI_MEDIA_MANIFEST) {
			if (oci_manifest_parse(text, len, type, ret, e) < 0)
				return err_prefix(e, "manifest '%s'", where);
			(void)snprintf(digest, sizeof digest, "sha256:%s", at.hex);
			return image_set_text(&j->into->digest, digest, e);
		}
		if (pick_next(text, len, where, ref, &at, &type, e) < 0)
			return -1;
		blob_path(at.hex, where);
	}
	return err_set(e, ERR_FAILED, "its index holds an index, and so on, more than %d deep",
		INDEX_DEPTH_MAX);
}

static int take_manifest(struct job *j, const struct oci_manifest *m, struct err *e)
{
	autofree char *text = NULL;
	size_t len = 0;
	struct oci_config c = {0};
	char path[PATH_SIZE];
	blob_path(m->config.items->hex, path);
	if (oci_blob_read(j->o->dir_fd, path, m->config.items->hex, m->config.items->size, &text,
		    &len, e) < 0)
		return -1;
	if (oci_config_parse(text, len, &c, e) < 0)
		return err_prefix(e, "config '%s'", path);
	int r = take_config(j, &c, m->layers.n, e);
	for (size_t i = 0; r == 0 && i < m->layers.n; i++) {
		const struct oci_descriptor *d = &m->layers.items[i];
		blob_path(d->hex, path);
		const struct layer_source l = {
			path, d->hex, c.diff_ids.items[i], d->size, d->media};
		r = take_layer(j, &l, e);
		if (r < 0)
			err_prefix(e, "layer %zu of %zu", i + 1, m->layers.n);
	}
	oci_config_done(&c);
	return r;
}

static int import_layout(struct job *j, struct err *e)
{
	autofree char *text = NULL;
	size_t len = 0;
	struct oci_manifest m = {0};
	if (oci_blob_read(j->o->dir_fd, "oci-layout", "", OCI_SIZE_UNKNOWN, &text, &len, e) < 0)
		return -1;
	if (oci_layout_parse(text, len, e) < 0)
		return err_prefix(e, "'oci-layout'");
	if (find_manifest(j, &m, e) < 0)
		return -1;
	int r = take_manifest(j, &m, e);
	oci_manifest_done(&m);
	return r;
}

/* ---- a docker-archive ---- */

/* "HEX.json", "HEX.tar", "blobs/sha256/HEX", "sha256:HEX": names that say what the file's digest
 * is. Those of a directory ("ID/layer.tar") do not. */
static void digest_in_name(const char *path, char out[OCI_HEX_SIZE])
{
	static const char *const fronts[] = {"blobs/sha256/", "sha256:", "./"};
	static const char *const ends[] = {"", ".json", ".tar", ".tar.gz"};
	char text[OCI_HEX_SIZE + 8];
	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(fronts); i++)
		if (str_starts(path, fronts[i]))
			path += strlen(fronts[i]);
	size_t n = strspn(path, "0123456789abcdef");
	if (n != OCI_HEX_SIZE - 1)
		return;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (!strcmp(path + n, ends[i])) {
			(void)snprintf(text, sizeof text, "sha256:%.64s", path);
			(void)oci_digest_parse(text, out, NULL);
		}
}

static int take_saved(struct job *j, const struct oci_saved *s, struct err *e)
{
	autofree char *text = NULL;
	size_t len = 0;
	char hex[OCI_HEX_SIZE], shown[LINE_SIZE];
	struct oci_config c = {0};
	digest_in_name(s->config, hex);
	if (oci_blob_read(j->o->dir_fd, s->config, hex, OCI_SIZE_UNKNOWN, &text, &len, e) < 0)
		return -1;
	if (oci_config_parse(text, len, &c, e) < 0)
		return err_prefix(e, "config '%s'", str_escape(shown, sizeof shown, s->config));
	int r = take_config(j, &c, s->layers.n, e);
	for (size_t i = 0; r == 0 && i < s->layers.n; i++) {
		const char *path = s->layers.items[i];
		digest_in_name(path, hex);
		const struct layer_source l = {
			path, hex, c.diff_ids.items[i], OCI_SIZE_UNKNOWN, OCI_MEDIA_UNKNOWN};
		r = take_layer(j, &l, e);
		if (r < 0)
			err_prefix(e, "layer %zu of %zu", i + 1, s->layers.n);
	}
	oci_config_done(&c);
	return r;
}

static int import_docker(struct job *j, struct err *e)
{
	autofree char *text = NULL;
	size_t len = 0;
	struct oci_saved_list list = {0};
	const struct oci_saved *one = NULL;
	if (oci_blob_read(j->o->dir_fd, "manifest.json", "", OCI_SIZE_UNKNOWN, &text, &len, e) < 0)
		return -1;
	if (oci_saved_parse(text, len, &list, e) < 0)
		return err_prefix(e, "'manifest.json'");
	int r = oci_pick_saved(&list, j->o->ref, &one, e);
	if (r == 0)
		r = take_saved(j, one, e);
	oci_saved_done(&list);
	return r;
}

int oci_import(const struct oci_import *o, struct image *into, struct err *e)
{
	struct job j = {.o = o, .into = into};
	enum oci_form form = oci_form_of(o->dir_fd);
	if (form == OCI_FORM_NONE)
		return err_set(e, ERR_FAILED, "it is no image");
	if ((form == OCI_FORM_LAYOUT ? import_layout(&j, e) : import_docker(&j, e)) < 0)
		return -1;
	return settle_stack(&j, e);
}
