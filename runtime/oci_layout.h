/* oci_layout.h: images from an OCI image layout or a docker-archive, as a directory (a tar of one
 * is unpacked first). Every digest that the source names is verified: of index, manifest and config
 * before they are looked into, of a layer while it streams to the unpacker; a layer gets its place
 * only if the blob has the digest of the manifest, and what was unpacked the one (diff_id) of the
 * config. A layer that is stored already is not unpacked again if it came from the same blob, whose
 * digest is verified all the same. */
#pragma once
#include "runtime/image.h"

enum oci_form {
	OCI_FORM_NONE,	 /* some other directory: perhaps a root */
	OCI_FORM_LAYOUT, /* oci-layout, index.json, blobs/ */
	OCI_FORM_DOCKER, /* manifest.json: what docker save and podman save write */
};
/* By what is in it; whether it is a good one shows when it is imported. */
enum oci_form oci_form_of(int dir_fd);

struct oci_import {
	const struct store *store;
	int dir_fd;
	const char *text;			   /* the source, for layer.json */
	const char *ref;			   /* which image, where there are several; NULL */
	const char *uuid;			   /* who gets the references to the layers */
	uint32_t host_first;			   /* a claimed range of ids for the unpacker */
	void (*warn)(void *arg, const char *line); /* may be NULL */
	void *warn_arg;
};

/* Layers, config, arch and digest (of an OCI manifest) of *into. Whatever the outcome, into->layers
 * are those that were referenced: after a failure the caller gives them up, as image_draft_drop
 * does. ERR_FAILED it is damaged, not what it says it is, or of a kind that cannot be unpacked;
 * ERR_NOT_FOUND no such `ref`; ERR_USAGE there are several, which the hint names; ERR_HOST there is
 * none for this host's architecture. */
int oci_import(const struct oci_import *o, struct image *into, struct err *e);
