/* oci_json.h: the JSON documents of an OCI image layout and of a docker-archive, as plain data.
 * Pure: no files. They come with the image and are trusted with nothing (S43, S45): every member
 * that is used is checked for its type, and whether it is there; a key that comes twice, or once
 * more in other letters, is refused, since another reader might have taken the other one
 * (CVE-2021-41190); members that mean nothing to us are ignored. */
#pragma once
#include "base/err.h"
#include "runtime/image.h"

enum {
	OCI_HEX_SIZE = 65,
	OCI_DOCUMENT_MAX = 4 << 20, /* bytes of one document */
	OCI_LAYERS_MAX = 128,
	OCI_LIST_MAX = 4096, /* members of any list or object that is looked through */
};

enum oci_media {
	OCI_MEDIA_UNKNOWN,
	OCI_MEDIA_INDEX,
	OCI_MEDIA_MANIFEST,
	OCI_MEDIA_CONFIG,
	OCI_MEDIA_TAR,
	OCI_MEDIA_TAR_GZIP,
	OCI_MEDIA_TAR_ZSTD,
	OCI_MEDIA_FOREIGN,   /* layers that may not be distributed, so they are not here */
	OCI_MEDIA_ENCRYPTED, /* layers */
};
enum oci_media oci_media_of(const char *type);
static inline bool oci_media_is_layer(enum oci_media m)
{
	return m == OCI_MEDIA_TAR || m == OCI_MEDIA_TAR_GZIP || m == OCI_MEDIA_TAR_ZSTD;
}

/* "sha256:" and 64 digits or letters a to f, exactly. */
int oci_digest_parse(const char *text, char ret_hex[OCI_HEX_SIZE], struct err *e);

/* Strings of all structures are never NULL: "" is what was not said. */
struct oci_descriptor {
	char *media_type;
	enum oci_media media;
	char hex[OCI_HEX_SIZE];
	uint64_t size;
	char *ref_name;		   /* org.opencontainers.image.ref.name */
	char *full_name;	   /* io.containerd.image.name */
	char *os, *arch, *variant; /* platform */
};
struct oci_descriptors {
	struct oci_descriptor *items;
	size_t n;
};
void oci_descriptors_done(struct oci_descriptors *d);

struct oci_manifest {
	struct oci_descriptors config; /* one */
	struct oci_descriptors layers; /* the lowest first; of kinds that can be unpacked */
};
void oci_manifest_done(struct oci_manifest *m);

struct oci_config {
	char *os, *arch, *variant;
	struct spec_strings diff_ids; /* hex digits only; the lowest first */
	struct image_config config;
};
void oci_config_done(struct oci_config *c);

/* One image of a docker-archive. Paths are relative and without "..". */
struct oci_saved {
	char *config;
	struct spec_strings layers; /* the lowest first */
	struct spec_strings tags;
};
struct oci_saved_list {
	struct oci_saved *items;
	size_t n;
};
void oci_saved_done(struct oci_saved_list *l);

/* Errors are ERR_FAILED and name the member: "'layers[2].size' must be a number". On failure *ret
 * is untouched. */
int oci_layout_parse(const char *text, size_t len, struct err *e);
/* `type`: what the descriptor of the document said; NULL for index.json. */
int oci_index_parse(
	const char *text, size_t len, const char *type, struct oci_descriptors *ret, struct err *e);
int oci_manifest_parse(
	const char *text, size_t len, const char *type, struct oci_manifest *ret, struct err *e);
int oci_config_parse(const char *text, size_t len, struct oci_config *ret, struct err *e);
int oci_saved_parse(const char *text, size_t len, struct oci_saved_list *ret, struct err *e);
