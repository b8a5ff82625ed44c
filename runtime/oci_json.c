#include "runtime/oci_json.h"
#include "base/mem.h"
#include "base/str.h"
#include "runtime/oci_json_read.h"

#include <string.h>

enum {
	SCHEMA_VERSION = 2,
	SHOWN = 300
};

/* ---- kinds ---- */

static const struct {
	const char *type;
	enum oci_media media;
} media_types[] = {
	{"application/vnd.oci.image.index.v1+json", OCI_MEDIA_INDEX},
	{"application/vnd.docker.distribution.manifest.list.v2+json", OCI_MEDIA_INDEX},
	{"application/vnd.oci.image.manifest.v1+json", OCI_MEDIA_MANIFEST},
	{"application/vnd.docker.distribution.manifest.v2+json", OCI_MEDIA_MANIFEST},
	{"application/vnd.oci.image.config.v1+json", OCI_MEDIA_CONFIG},
	{"application/vnd.docker.container.image.v1+json", OCI_MEDIA_CONFIG},
	{"application/vnd.oci.image.layer.v1.tar", OCI_MEDIA_TAR},
	{"application/vnd.oci.image.layer.v1.tar+gzip", OCI_MEDIA_TAR_GZIP},
	{"application/vnd.oci.image.layer.v1.tar+zstd", OCI_MEDIA_TAR_ZSTD},
	{"application/vnd.docker.image.rootfs.diff.tar", OCI_MEDIA_TAR},
	{"application/vnd.docker.image.rootfs.diff.tar.gzip", OCI_MEDIA_TAR_GZIP},
	{"application/vnd.docker.image.rootfs.diff.tar.zstd", OCI_MEDIA_TAR_ZSTD},
};

enum oci_media oci_media_of(const char *type)
{
	for (size_t i = 0; i < ARRAY_LEN(media_types); i++)
		if (!strcmp(type, media_types[i].type))
			return media_types[i].media;
	if (str_ends(type, "+encrypted"))
		return OCI_MEDIA_ENCRYPTED;
	if (str_starts(type, "application/vnd.oci.image.layer.nondistributable.v1.tar") ||
		str_starts(type, "application/vnd.docker.image.rootfs.foreign.diff.tar"))
		return OCI_MEDIA_FOREIGN;
	return OCI_MEDIA_UNKNOWN;
}

int oci_digest_parse(const char *text, char ret_hex[OCI_HEX_SIZE], struct err *e)
{
	char shown[SHOWN];
	const char *hex = strchr(text, ':');
	str_escape(shown, sizeof shown, text);
	if (!hex)
		return err_set(e, ERR_FAILED, "'%s' is no digest", shown);
	if (strncmp(text, "sha256:", 7) != 0)
		return err_set(e, ERR_FAILED,
			"digest '%s' is of an algorithm that is not accepted: only sha256 is",
			shown);
	hex++;
	if (strlen(hex) != OCI_HEX_SIZE - 1 || strspn(hex, "0123456789abcdef") != OCI_HEX_SIZE - 1)
		return err_set(e, ERR_FAILED,
			"digest '%s' is not sha256: and 64 of the digits 0-9 and a-f", shown);
	memcpy(ret_hex, hex, OCI_HEX_SIZE);
	return 0;
}

/* ---- letting go ---- */

static void strings_done(struct spec_strings *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i]);
	free(l->items);
	*l = (struct spec_strings){0};
}

void oci_descriptors_done(struct oci_descriptors *d)
{
	for (size_t i = 0; i < d->n; i++) {
		struct oci_descriptor *one = &d->items[i];
		free(one->media_type);
		free(one->ref_name);
		free(one->full_name);
		free(one->os);
		free(one->arch);
		free(one->variant);
	}
	free(d->items);
	*d = (struct oci_descriptors){0};
}

void oci_manifest_done(struct oci_manifest *m)
{
	oci_descriptors_done(&m->config);
	oci_descriptors_done(&m->layers);
}

void oci_config_done(struct oci_config *c)
{
	struct image holder = {.config = c->config};
	free(c->os);
	free(c->arch);
	free(c->variant);
	strings_done(&c->diff_ids);
	image_done(&holder);
	*c = (struct oci_config){0};
}

void oci_saved_done(struct oci_saved_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->items[i].config);
		strings_done(&l->items[i].layers);
		strings_done(&l->items[i].tags);
	}
	free(l->items);
	*l = (struct oci_saved_list){0};
}

/* ---- oci-layout ---- */

int oci_layout_parse(const char *text, size_t len, struct err *e)
{
	static const char *const known[] = {"imageLayoutVersion", NULL};
	json_auto_t *doc = NULL;
	autofree char *version = NULL;
	char shown[SHOWN];
	if (oci_read_document(text, len, JSON_OBJECT, &doc, e) < 0 ||
		oci_read_keys(doc, "", known, e) < 0 ||
		oci_read_text(doc, "", "imageLayoutVersion", true, &version, e) < 0)
		return -1;
	if (strcmp(version, "1.0.0") != 0)
		return err_set(e, ERR_FAILED, "version '%s' of the image layout is not known",
			str_escape(shown, sizeof shown, version));
	return 0;
}

/* ---- descriptors ---- */

static int read_annotations(
	const json_t *o, const char *where, struct oci_descriptor *d, struct err *e)
{
	json_t *a = NULL;
	if (oci_read(o, where, "annotations", JSON_OBJECT, false, &a, e) < 0 ||
		oci_read_text(
			a, where, "org.opencontainers.image.ref.name", false, &d->ref_name, e) < 0)
		return -1;
	return oci_read_text(a, where, "io.containerd.image.name", false, &d->full_name, e);
}

static int read_platform(
	const json_t *o, const char *where, struct oci_descriptor *d, struct err *e)
{
	static const char *const known[] = {"os", "architecture", "variant", NULL};
	json_t *p = NULL;
	if (oci_read(o, where, "platform", JSON_OBJECT, false, &p, e) < 0 ||
		oci_read_keys(p, where, known, e) < 0 ||
		oci_read_text(p, where, "os", false, &d->os, e) < 0 ||
		oci_read_text(p, where, "architecture", false, &d->arch, e) < 0)
		return -1;
	return oci_read_text(p, where, "variant", false, &d->variant, e);
}

static int read_descriptor(
	const json_t *o, const char *where, struct oci_descriptor *d, struct err *e)
{
	static const char *const known[] = {
		"mediaType", "digest", "size", "annotations", "platform", NULL};
	autofree char *digest = NULL;
	json_t *size = NULL;
	if (!json_is_object(o))
		return oci_read_bad(where, "", "must be an object", e);
	if (oci_read_keys(o, where, known, e) < 0 ||
		oci_read_text(o, where, "mediaType", true, &d->media_type, e) < 0 ||
		oci_read_text(o, where, "digest", true, &digest, e) < 0 ||
		oci_read(o, where, "size", JSON_INTEGER, true, &size, e) < 0 ||
		read_annotations(o, where, d, e) < 0 || read_platform(o, where, d, e) < 0)
		return -1;
	if (json_integer_value(size) < 0)
		return oci_read_bad(where, "size", "is negative", e);
	d->size = (uint64_t)json_integer_value(size);
	d->media = oci_media_of(d->media_type);
	return oci_digest_parse(digest, d->hex, e) < 0 ? err_prefix(e, "'%s'", where) : 0;
}

/* `items` are the descriptors; *ret owns what was read also after a failure. */
static int read_descriptors(
	const json_t *items, const char *what, struct oci_descriptors *ret, struct err *e)
{
	size_t n = json_array_size(items);
	ret->items = calloc(n ? n : 1, sizeof *ret->items);
	if (!ret->items)
		return err_nomem(e);
	for (ret->n = 0; ret->n < n;) {
		char where[64];
		(void)snprintf(where, sizeof where, "%s[%zu]", what, ret->n);
		struct oci_descriptor *d = &ret->items[ret->n++];
		if (read_descriptor(json_array_get(items, ret->n - 1), where, d, e) < 0)
			return -1;
	}
	return 0;
}

/* What index and manifest have in common. One document that is both would be read as one by some
 * and as the other by others, under the same digest. */
static int check_head(const json_t *doc, const char *type, enum oci_media want,
	const char *const *foreign, struct err *e)
{
	json_t *version = NULL;
	autofree char *own = NULL;
	char shown[SHOWN];
	if (oci_read(doc, "", "schemaVersion", JSON_INTEGER, true, &version, e) < 0 ||
		oci_read_text(doc, "", "mediaType", false, &own, e) < 0)
		return -1;
	if (json_integer_value(version) != SCHEMA_VERSION)
		return oci_read_bad("", "schemaVersion", "must be 2", e);
	for (; *foreign; foreign++)
		if (json_object_get(doc, *foreign))
			return err_set(e, ERR_FAILED,
				"it is an index and a manifest in one: it has '%s'", *foreign);
	if (*own && (type ? strcmp(own, type) != 0 : oci_media_of(own) != want))
		return err_set(e, ERR_FAILED,
			"'mediaType' says that it is '%s', but it is to be %s",
			str_escape(shown, sizeof shown, own),
			want == OCI_MEDIA_INDEX ? "an index"
						: "a manifest of the kind that its "
						  "descriptor says");
	return 0;
}

int oci_index_parse(
	const char *text, size_t len, const char *type, struct oci_descriptors *ret, struct err *e)
{
	static const char *const known[] = {
		"schemaVersion", "mediaType", "manifests", "config", "layers", "fsLayers", NULL};
	static const char *const foreign[] = {"config", "layers", "fsLayers", NULL};
	json_auto_t *doc = NULL;
	json_t *items = NULL;
	struct oci_descriptors got = {0};
	if (oci_read_document(text, len, JSON_OBJECT, &doc, e) < 0 ||
		oci_read_keys(doc, "", known, e) < 0 ||
		check_head(doc, type, OCI_MEDIA_INDEX, foreign, e) < 0 ||
		oci_read_list(doc, "", "manifests", OCI_LIST_MAX, true, &items, e) < 0)
		return -1;
	if (read_descriptors(items, "manifests", &got, e) < 0) {
		oci_descriptors_done(&got);
		return -1;
	}
	*ret = got;
	return 0;
}

/* ---- manifests ---- */

static int check_layer(const struct oci_descriptor *d, size_t i, struct err *e)
{
	char shown[SHOWN];
	str_escape(shown, sizeof shown, d->media_type);
	if (oci_media_is_layer(d->media))
		return 0;
	if (d->media == OCI_MEDIA_FOREIGN)
		return err_set(e, ERR_FAILED,
			"'layers[%zu]' is a foreign layer, '%s', which is not in the image", i,
			shown);
	if (d->media == OCI_MEDIA_ENCRYPTED)
		return err_set(e, ERR_FAILED, "'layers[%zu]' is encrypted, '%s'", i, shown);
	return err_set(
		e, ERR_FAILED, "'layers[%zu]' is of a kind that is not known, '%s'", i, shown);
}

static int read_manifest(const json_t *doc, struct oci_manifest *m, struct err *e)
{
	char shown[SHOWN];
	json_t *layers = NULL, *config = NULL;
	m->config.items = calloc(1, sizeof *m->config.items);
	if (!m->config.items)
		return err_nomem(e);
	m->config.n = 1;
	if (oci_read(doc, "", "config", JSON_OBJECT, true, &config, e) < 0 ||
		read_descriptor(config, "config", m->config.items, e) < 0 ||
		oci_read_list(doc, "", "layers", OCI_LAYERS_MAX, true, &layers, e) < 0 ||
		read_descriptors(layers, "layers", &m->layers, e) < 0)
		return -1;
	if (m->config.items->media != OCI_MEDIA_CONFIG)
		return err_set(e, ERR_FAILED,
			"it is no image of a root file system: its config is of the kind '%s'",
			str_escape(shown, sizeof shown, m->config.items->media_type));
	if (!m->layers.n)
		return oci_read_bad("", "layers", "is empty: there is nothing to unpack", e);
	for (size_t i = 0; i < m->layers.n; i++)
		if (check_layer(&m->layers.items[i], i, e) < 0)
			return -1;
	return 0;
}

int oci_manifest_parse(
	const char *text, size_t len, const char *type, struct oci_manifest *ret, struct err *e)
{
	static const char *const known[] = {
		"schemaVersion", "mediaType", "config", "layers", "manifests", "fsLayers", NULL};
	static const char *const foreign[] = {"manifests", "fsLayers", NULL};
	json_auto_t *doc = NULL;
	struct oci_manifest m = {0};
	if (oci_read_document(text, len, JSON_OBJECT, &doc, e) < 0 ||
		oci_read_keys(doc, "", known, e) < 0 ||
		check_head(doc, type, OCI_MEDIA_MANIFEST, foreign, e) < 0)
		return -1;
	if (read_manifest(doc, &m, e) < 0) {
		oci_manifest_done(&m);
		return -1;
	}
	*ret = m;
	return 0;
}

/* ---- configs ---- */

static int read_diff_ids(const json_t *doc, struct spec_strings *ret, struct err *e)
{
	static const char *const known[] = {"type", "diff_ids", NULL};
	json_t *rootfs = NULL;
	autofree char *type = NULL;
	struct spec_strings digests = {0};
	if (oci_read(doc, "", "rootfs", JSON_OBJECT, true, &rootfs, e) < 0 ||
		oci_read_keys(rootfs, "rootfs", known, e) < 0 ||
		oci_read_text(rootfs, "rootfs", "type", true, &type, e) < 0)
		return -1;
	if (strcmp(type, "layers") != 0)
		return oci_read_bad("rootfs", "type", "must be \"layers\"", e);
	int r = oci_read_texts(rootfs, "rootfs", "diff_ids", OCI_LAYERS_MAX, true, &digests, e);
	for (size_t i = 0; r == 0 && i < digests.n; i++) {
		char hex[OCI_HEX_SIZE];
		r = oci_digest_parse(digests.items[i], hex, e);
		r = r < 0 ? err_prefix(e, "'rootfs.diff_ids[%zu]'", i)
			  : image_add_text(ret, hex, e);
	}
	strings_done(&digests);
	return r;
}

static int read_env(const json_t *o, struct spec_pairs *ret, struct err *e)
{
	struct spec_strings list = {0};
	int r = oci_read_texts(o, "config", "Env", OCI_LIST_MAX, false, &list, e);
	for (size_t i = 0; r == 0 && i < list.n; i++) {
		char *equals = strchr(list.items[i], '=');
		char where[48];
		(void)snprintf(where, sizeof where, "Env[%zu]", i);
		if (!equals || equals == list.items[i]) {
			r = oci_read_bad("config", where, "is not NAME=VALUE", e);
			break;
		}
		*equals = '\0';
		r = image_add_pair(ret, list.items[i], equals + 1, e);
	}
	strings_done(&list);
	return r;
}

static int read_labels(const json_t *o, struct spec_pairs *ret, struct err *e)
{
	json_t *labels = NULL, *v;
	const char *key;
	if (oci_read_members(o, "config", "Labels", &labels, e) < 0)
		return -1;
	json_object_foreach(labels, key, v)
	{
		if (!json_is_string(v))
			return oci_read_bad("config.Labels", key, "must be a string", e);
		if (image_add_pair(ret, key, json_string_value(v), e) < 0)
			return -1;
	}
	return 0;
}

static int read_ports(const json_t *o, struct spec_strings *ret, struct err *e)
{
	json_t *ports = NULL, *v;
	const char *key;
	if (oci_read_members(o, "config", "ExposedPorts", &ports, e) < 0)
		return -1;
	json_object_foreach(ports, key, v)
	{
		if (image_add_text(ret, key, e) < 0)
			return -1;
	}
	return 0;
}

static int read_run_config(const json_t *doc, struct image_config *c, struct err *e)
{
	static const char *const known[] = {"User", "Env", "Entrypoint", "Cmd", "WorkingDir",
		"Labels", "StopSignal", "ExposedPorts", NULL};
	json_t *o = NULL;
	if (oci_read(doc, "", "config", JSON_OBJECT, false, &o, e) < 0 ||
		oci_read_keys(o, "config", known, e) < 0 || read_env(o, &c->env, e) < 0 ||
		oci_read_texts(o, "config", "Entrypoint", OCI_LIST_MAX, false, &c->entrypoint, e) <
			0 ||
		oci_read_texts(o, "config", "Cmd", OCI_LIST_MAX, false, &c->cmd, e) < 0 ||
		oci_read_text(o, "config", "User", false, &c->user, e) < 0 ||
		oci_read_text(o, "config", "WorkingDir", false, &c->workdir, e) < 0 ||
		oci_read_text(o, "config", "StopSignal", false, &c->stop_signal, e) < 0)
		return -1;
	return read_ports(o, &c->exposed_ports, e) < 0 ? -1 : read_labels(o, &c->labels, e);
}

int oci_config_parse(const char *text, size_t len, struct oci_config *ret, struct err *e)
{
	static const char *const known[] = {
		"os", "architecture", "variant", "rootfs", "config", NULL};
	json_auto_t *doc = NULL;
	struct oci_config c = {0};
	if (oci_read_document(text, len, JSON_OBJECT, &doc, e) < 0 ||
		oci_read_keys(doc, "", known, e) < 0 ||
		oci_read_text(doc, "", "os", true, &c.os, e) < 0 ||
		oci_read_text(doc, "", "architecture", true, &c.arch, e) < 0 ||
		oci_read_text(doc, "", "variant", false, &c.variant, e) < 0 ||
		read_diff_ids(doc, &c.diff_ids, e) < 0 || read_run_config(doc, &c.config, e) < 0) {
		oci_config_done(&c);
		return -1;
	}
	*ret = c;
	return 0;
}

/* ---- manifest.json of a docker-archive ---- */

static int check_path(const char *path, const char *where, const char *key, struct err *e)
{
	size_t n = strlen(path);
	bool bad = !n || n >= 4096 || path[0] == '/';
	for (const char *p = path; *p && !bad;) {
		size_t part = strcspn(p, "/");
		bad = part == 2 && p[0] == '.' && p[1] == '.';
		p += part + (p[part] == '/');
	}
	return bad ? oci_read_bad(where, key, "is no path within the archive", e) : 0;
}

static int read_saved(const json_t *o, const char *where, struct oci_saved *s, struct err *e)
{
	static const char *const known[] = {"Config", "RepoTags", "Layers", NULL};
	if (!json_is_object(o))
		return oci_read_bad(where, "", "must be an object", e);
	if (oci_read_keys(o, where, known, e) < 0 ||
		oci_read_text(o, where, "Config", true, &s->config, e) < 0 ||
		check_path(s->config, where, "Config", e) < 0 ||
		oci_read_texts(o, where, "RepoTags", OCI_LIST_MAX, false, &s->tags, e) < 0 ||
		oci_read_texts(o, where, "Layers", OCI_LAYERS_MAX, true, &s->layers, e) < 0)
		return -1;
	if (!s->layers.n)
		return oci_read_bad(where, "Layers", "is empty: there is nothing to unpack", e);
	for (size_t i = 0; i < s->layers.n; i++)
		if (check_path(s->layers.items[i], where, "Layers", e) < 0)
			return -1;
	return 0;
}

int oci_saved_parse(const char *text, size_t len, struct oci_saved_list *ret, struct err *e)
{
	json_auto_t *doc = NULL;
	struct oci_saved_list got = {0};
	if (oci_read_document(text, len, JSON_ARRAY, &doc, e) < 0)
		return -1;
	size_t n = json_array_size(doc);
	if (!n || n > OCI_LIST_MAX)
		return err_set(
			e, ERR_FAILED, "it lists %zu images: 1 to %d can be", n, OCI_LIST_MAX);
	got.items = calloc(n, sizeof *got.items);
	int r = got.items ? 0 : err_nomem(e);
	while (r == 0 && got.n < n) {
		char where[32];
		(void)snprintf(where, sizeof where, "[%zu]", got.n);
		struct oci_saved *s = &got.items[got.n++];
		r = read_saved(json_array_get(doc, got.n - 1), where, s, e);
	}
	if (r < 0) {
		oci_saved_done(&got);
		return -1;
	}
	*ret = got;
	return 0;
}
