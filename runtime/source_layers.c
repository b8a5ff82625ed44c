/* From an opened source to layers: source_fill(). */
#include "runtime/source.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "fsroot/copy.h"
#include "fsroot/default_image/default_image.h"
#include "fsroot/import.h"
#include "runtime/default_layer.h"
#include "runtime/oci_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
};

/* What every step needs. */
struct job {
	const struct store *s;
	const struct source *src;
	uint32_t host_first;
	const struct source_remarks *remarks;
	struct image *image;
};

/* The layer has a reference of ours: list it, or give that up. */
static int list_layer(const struct job *j, const char *id, struct err *e)
{
	if (image_add_layer(j->image, id, e) == 0)
		return 0;
	(void)layer_unref(j->s, id, j->image->uuid, NULL);
	return -1;
}

static int commit_layer(const struct job *j, struct staging *st, const char *id,
	const struct layer_info *info, struct err *e)
{
	if (layer_commit(st, id, info, j->image->uuid, e) < 0)
		return -1;
	return list_layer(j, id, e);
}

/* ---- an OCI image layout or a docker-archive ---- */

static int fill_from_oci(const struct job *j, int dir_fd, struct err *e)
{
	const struct oci_import o = {
		.store = j->s,
		.dir_fd = dir_fd,
		.text = j->src->text,
		.ref = j->src->ref,
		.uuid = j->image->uuid,
		.host_first = j->host_first,
		.warn = j->remarks->warn,
		.warn_arg = j->remarks->arg,
	};
	return oci_import(&o, j->image, e) < 0 ? err_prefix(e, "image in %s", j->src->text) : 0;
}

static int refuse_ref(const struct job *j, struct err *e)
{
	if (!j->src->ref)
		return 0;
	err_set(e, ERR_USAGE, "%s is one root, so there is nothing for --ref to choose from",
		j->src->text);
	return err_hint(e, "--ref is for an OCI image layout or a docker-archive");
}

/* ---- a tar ---- */

static int unpack(const struct job *j, int archive_fd, int fs, struct import_result *ret,
	const char *text, struct err *e)
{
	char program[sizeof j->s->config.exe_dir + 16];
	(void)snprintf(program, sizeof program, "%s/cella-unpack", j->s->config.exe_dir);
	const struct import_plan plan = {
		.archive_fd = archive_fd,
		.dest_dir_fd = fs,
		.host_first = j->host_first,
		.max_entries = j->s->config.unpack_max_entries,
		.max_bytes = j->s->config.unpack_max_bytes,
		.program = program,
	};
	if (import_archive(&plan, ret, e) < 0)
		return err_prefix(e, "unpack %s", text);
	for (size_t i = 0; i < ret->n_warnings; i++)
		source_remark(j->remarks, "%s", ret->warnings[i]);
	return 0;
}

static int fill_from_tar(const struct job *j, int archive_fd, const char *text, struct err *e)
{
	autostaging struct staging st = STAGING_EMPTY;
	autofd int fs = -1;
	struct import_result got = {0};
	if (layer_stage(j->s, true, &st, &fs, e) < 0 ||
		unpack(j, archive_fd, fs, &got, text, e) < 0)
		return -1;
	/* What it is shows when it is there; an index may be its last entry. */
	if (oci_form_of(fs) != OCI_FORM_NONE)
		return fill_from_oci(j, fs, e);
	if (refuse_ref(j, e) < 0)
		return -1;
	const struct layer_info info = {
		.kind = "archive", .source = text, .bytes = got.bytes, .entries = got.entries};
	return commit_layer(j, &st, got.sha256, &info, e);
}

/* ---- a directory ---- */

static int fill_from_tree(const struct job *j, int dir_fd, const char *text, struct err *e)
{
	autostaging struct staging st = STAGING_EMPTY;
	autofd int fs = -1;
	char id[LAYER_ID_SIZE];
	struct copy_result got = {0};
	const struct copy_options options = {
		.max_entries = j->s->config.unpack_max_entries,
		.max_bytes = j->s->config.unpack_max_bytes,
		.max_id = IMPORT_IDS,
		.limit_entries_name = "unpack_max_entries in cella.json",
		.limit_bytes_name = "unpack_max_bytes in cella.json",
	};
	if (layer_stage(j->s, true, &st, &fs, e) < 0)
		return -1;
	if (copy_tree(dir_fd, fs, &options, &got, e) < 0)
		return err_prefix(e, "copy '%s'", text);
	if (got.skipped_devices || got.skipped_sockets || got.skipped_mounts)
		source_remark(j->remarks,
			"skipped in '%s': %llu device nodes, %llu sockets, %llu mount points", text,
			(unsigned long long)got.skipped_devices,
			(unsigned long long)got.skipped_sockets,
			(unsigned long long)got.skipped_mounts);
	layer_id_random(id);
	const struct layer_info info = {
		.kind = "directory", .source = text, .bytes = got.bytes, .entries = got.entries};
	return commit_layer(j, &st, id, &info, e);
}

/* ---- a distribution ---- */

static int fill_by_tar_of(
	const struct job *j, const struct source *src, struct bootstrap_run *run, struct err *e)
{
	struct err why = {0};
	if (fill_from_tar(j, run->tar_fd, src->text, &why) == 0)
		return bootstrap_finish(&src->bootstrap, run, e);
	/* A tar that ends too early is no reason: what its maker said is. */
	if (bootstrap_has_ended(run) && bootstrap_finish(&src->bootstrap, run, e) < 0)
		return -1;
	if (e)
		*e = why;
	return -1;
}

static int fill_from_bootstrap(const struct job *j, const struct source *src, struct err *e)
{
	autostaging struct staging st = STAGING_EMPTY;
	autobootstrap struct bootstrap_run run = BOOTSTRAP_RUN_EMPTY;
	const struct bootstrap *b = &src->bootstrap;
	autofd int tmp = -1;
	if (staging_make(j->s, "boot", &st, e) < 0)
		return -1;
	if (mkdirat(st.fd, "tmp", 0700) < 0 || (tmp = openat(st.fd, "tmp", OPEN_DIR)) < 0 ||
		fchmod(tmp, 01777) < 0)
		return err_sys(e, errno, "make '%s/staging/%s/tmp'", j->s->root, st.name);
	source_remark(j->remarks, "%s makes %s %s; this takes a while", b->program, b->distribution,
		b->release);
	if (bootstrap_start(b, tmp, &run, e) < 0)
		return -1;
	if (b->writes_tar)
		return fill_by_tar_of(j, src, &run, e);
	if (bootstrap_finish(b, &run, e) < 0)
		return -1;
	autofd int root = openat(tmp, BOOTSTRAP_ROOT, OPEN_DIR);
	if (root < 0)
		return err_sys(e, errno, "open what '%s' made", b->program);
	/* As any other directory: what may be in a layer is decided in one place. */
	return fill_from_tree(j, root, src->text, e);
}

/* ---- an image of the store ---- */

static int copy_config(const struct image *from, struct image *to, struct err *e)
{
	const struct image_config *c = &from->config;
	struct image_config *d = &to->config;
	int r = image_set_text(&to->arch, from->arch, e);
	for (size_t i = 0; r == 0 && i < c->env.n; i++)
		r = image_add_pair(&d->env, c->env.items[i].key, c->env.items[i].value, e);
	for (size_t i = 0; r == 0 && i < c->labels.n; i++)
		r = image_add_pair(&d->labels, c->labels.items[i].key, c->labels.items[i].value, e);
	for (size_t i = 0; r == 0 && i < c->entrypoint.n; i++)
		r = image_add_text(&d->entrypoint, c->entrypoint.items[i], e);
	for (size_t i = 0; r == 0 && i < c->cmd.n; i++)
		r = image_add_text(&d->cmd, c->cmd.items[i], e);
	for (size_t i = 0; r == 0 && i < c->exposed_ports.n; i++)
		r = image_add_text(&d->exposed_ports, c->exposed_ports.items[i], e);
	if (r < 0 || image_set_text(&d->user, c->user, e) < 0 ||
		image_set_text(&d->workdir, c->workdir, e) < 0)
		return -1;
	return image_set_text(&d->stop_signal, c->stop_signal, e);
}

static int fill_from_image(const struct job *j, const struct source *src, struct err *e)
{
	const struct image *from = &src->image;
	for (size_t i = from->n_layers; i-- > 0;) {
		if (layer_ref(j->s, from->layers[i], j->image->uuid, e) < 0) {
			if (e && e->cls == ERR_NOT_FOUND)
				err_hint(e, "was the image deleted at this moment?");
			return err_prefix(e, "image '%s'", from->name);
		}
		if (list_layer(j, from->layers[i], e) < 0)
			return -1;
	}
	return copy_config(from, j->image, e);
}

/* ---- the default image ---- */

static int fill_from_default(const struct job *j, struct err *e)
{
	char id[LAYER_ID_SIZE];
	if (default_layer_ref(j->s, j->image->uuid, id))
		return list_layer(j, id, e);
	autofd int fd = memfd_create("cella-default-image", MFD_CLOEXEC);
	if (fd < 0 || fd_write_all(fd, default_image_data, default_image_size) < 0 ||
		lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, errno, "default image");
	if (fill_from_tar(j, fd, "the default image", e) < 0)
		return -1;
	default_layer_remember(j->s, j->image->layers[0]);
	return 0;
}

int source_fill(const struct store *s, const struct source *src, uint32_t host_first,
	const struct source_remarks *remarks, struct image *image, struct err *e)
{
	const struct job j = {s, src, host_first, remarks, image};
	bool is_file = src->kind == SOURCE_DIRECTORY || src->kind == SOURCE_ARCHIVE;
	if (!is_file && refuse_ref(&j, e) < 0)
		return -1;
	switch (src->kind) {
	case SOURCE_DEFAULT:
		return fill_from_default(&j, e);
	case SOURCE_IMAGE:
		return fill_from_image(&j, src, e);
	case SOURCE_DIRECTORY:
		if (oci_form_of(src->fd) != OCI_FORM_NONE)
			return fill_from_oci(&j, src->fd, e);
		if (refuse_ref(&j, e) < 0)
			return -1;
		return fill_from_tree(&j, src->fd, src->text, e);
	case SOURCE_BOOTSTRAP:
		return fill_from_bootstrap(&j, src, e);
	case SOURCE_ARCHIVE:
		break;
	}
	return fill_from_tar(&j, src->fd, src->text, e);
}
