/* writer.h: puts the entries of an archive into a directory, each component by descriptor and
 * across no link (S20). libarchive only reads; what is written, and whether, is decided here. */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "fsroot/unpack/limits.h"
#include <archive.h>
#include <archive_entry.h>
#include <stdint.h>
#include <stdio.h>

enum {
	WRITER_IDS = 65536,
	WRITER_WARNINGS_MAX = 8,
	WRITER_OPAQUE_MAX = 1 << 20, /* bytes of names of opaque directories */
};

struct writer {
	int root_fd;
	struct limits limits;
	/* A layer of an image, with whiteouts (whiteout.h). In any other archive they are refused:
	 * so what a tar is unpacked to depends on nothing but its bytes. */
	bool is_layer;

	uint64_t entries, bytes, skipped_devices;
	char warnings[WRITER_WARNINGS_MAX][256];
	size_t n_warnings;

	int parent_fd; /* last parent directory, and its path */
	char parent[4096];
	FILE *times; /* directories' times, set when everything is written; an unnamed file on disk
		      */
	/* Directories that hide what lower layers have in them, each with its NUL; "." is the top.
	 * The mark itself is the host side's to set: a user namespace may not. */
	struct strbuf opaque;
};

int writer_init(
	struct writer *w, int root_fd, uint64_t max_entries, uint64_t max_bytes, struct err *e);
void writer_done(struct writer *w);
/* Write one entry, with its data from `a`. -1 + *e naming it. */
int writer_put(struct writer *w, struct archive *a, struct archive_entry *entry, struct err *e);
/* The parent of `path` (borrowed), made where it is missing, and the last component. */
int writer_open_parent(struct writer *w, const char *path, const char **ret_name, struct err *e);
/* Set what had to wait. */
int writer_finish(struct writer *w, struct err *e);
void writer_warn(struct writer *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
