#include "runtime/image.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "runtime/image_json.h"
#include "specs/grammar.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAGED_FILE "image.json"
#define SUFFIX ".json"
enum {
	FILE_SIZE = 256,
	RECORD_MAX = 4 << 20,
};

/* ---- the value ---- */

static void strings_done(struct spec_strings *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i]);
	free(l->items);
	*l = (struct spec_strings){0};
}

static void pairs_done(struct spec_pairs *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->items[i].key);
		free(p->items[i].value);
	}
	free(p->items);
	*p = (struct spec_pairs){0};
}

void image_done(struct image *i)
{
	struct image_config *c = &i->config;
	for (size_t n = 0; n < i->n_layers; n++)
		free(i->layers[n]);
	free(i->layers);
	pairs_done(&c->env);
	strings_done(&c->entrypoint);
	strings_done(&c->cmd);
	free(c->user);
	free(c->workdir);
	free(c->stop_signal);
	strings_done(&c->exposed_ports);
	pairs_done(&c->labels);
	free(i->arch);
	free(i->source);
	free(i->digest);
	*i = (struct image)IMAGE_EMPTY;
}

int image_add_layer(struct image *i, const char *id, struct err *e)
{
	autofree char *copy = strdup(id);
	char **more = copy ? reallocarray(i->layers, i->n_layers + 1, sizeof *more) : NULL;
	if (!more)
		return err_nomem(e);
	memmove(more + 1, more, i->n_layers * sizeof *more);
	more[0] = ptr_steal(&copy);
	i->layers = more;
	i->n_layers++;
	return 0;
}

int image_add_text(struct spec_strings *list, const char *text, struct err *e)
{
	autofree char *copy = strdup(text);
	char **more = copy ? reallocarray(list->items, list->n + 1, sizeof *more) : NULL;
	if (!more)
		return err_nomem(e);
	more[list->n++] = ptr_steal(&copy);
	list->items = more;
	return 0;
}

int image_add_pair(struct spec_pairs *pairs, const char *key, const char *value, struct err *e)
{
	for (size_t i = 0; i < pairs->n; i++)
		if (!strcmp(pairs->items[i].key, key))
			return image_set_text(&pairs->items[i].value, value, e);
	autofree char *k = strdup(key);
	autofree char *v = strdup(value);
	struct spec_pair *more =
		k && v ? reallocarray(pairs->items, pairs->n + 1, sizeof *more) : NULL;
	if (!more)
		return err_nomem(e);
	more[pairs->n++] = (struct spec_pair){ptr_steal(&k), ptr_steal(&v)};
	pairs->items = more;
	return 0;
}

int image_set_text(char **at, const char *text, struct err *e)
{
	char *copy = strdup(text ? text : "");
	if (!copy)
		return err_nomem(e);
	free(*at);
	*at = copy;
	return 0;
}

/* ---- names ---- */

int image_name_check(const char *name, struct err *e)
{
	char shown[200];
	str_escape(shown, sizeof shown, name);
	if (!strcmp(name, "default"))
		return err_set(e, ERR_USAGE,
			"\"default\" is the image inside this program: choose another name");
	size_t n = strlen(name);
	if (grammar_image(name) || n > IMAGE_NAME_MAX || name[n - 1] == '/') {
		err_set(e, ERR_USAGE, "\"%s\" cannot be the name of an image", shown);
		return err_hint(e,
			"letters, digits and inner ._:/@+-, at most %d bytes, e.g. debian-12",
			IMAGE_NAME_MAX);
	}
	return 0;
}

/* At most every other byte is a slash, so it fits. */
static void file_of(const char *name, char out[FILE_SIZE])
{
	char *at = out;
	for (; *name; name++)
		if (*name == '/') {
			memcpy(at, "%2F", 3);
			at += 3;
		} else
			*at++ = *name;
	memcpy(at, SUFFIX, sizeof SUFFIX);
}

static bool name_of(const char *file, char out[IMAGE_NAME_MAX + 1])
{
	size_t n = 0;
	if (!str_ends(file, SUFFIX))
		return false;
	for (const char *end = file + strlen(file) - strlen(SUFFIX); file < end; n++) {
		if (n == IMAGE_NAME_MAX)
			return false;
		bool slash = !strncmp(file, "%2F", 3);
		out[n] = slash ? '/' : *file;
		file += slash ? 3 : 1;
	}
	out[n] = '\0';
	return image_name_check(out, NULL) == 0;
}

/* ---- reading ---- */

static int read_file(int dir_fd, const char *file, struct image *ret, struct err *e)
{
	autofree char *text = NULL;
	size_t len = 0;
	if (path_read_file(dir_fd, file, RECORD_MAX, &text, &len, e) < 0)
		return -1;
	return image_from_text(text, len, ret, e);
}

static int no_image(const struct store *s, const char *name, struct err *e)
{
	err_set(e, ERR_NOT_FOUND, "no image '%s'", name);
	return err_hint(e, "`cella image list` shows the images of store '%s'", s->root);
}

int image_read(const struct store *s, const char *name, struct image *ret, struct err *e)
{
	char file[FILE_SIZE];
	struct err why = {0};
	struct image i = IMAGE_EMPTY;
	if (image_name_check(name, e) < 0)
		return -1;
	file_of(name, file);
	if (read_file(s->images_fd, file, &i, &why) < 0) {
		if (why.cls == ERR_NOT_FOUND)
			return no_image(s, name, e);
		if (e)
			*e = why;
		return err_prefix(e, "image '%s': '%s/images/%s'", name, s->root, file);
	}
	/* The file's name is the image's. */
	(void)snprintf(i.name, sizeof i.name, "%s", name);
	*ret = i;
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_names(const struct store *s, struct spec_strings *ret, struct err *e)
{
	int fd = openat(s->images_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(&fd);
		return err_sys(e, errno, "read '%s/images'", s->root);
	}
	int r = 0;
	struct dirent *ent;
	while (r == 0 && (ent = readdir(d))) {
		char name[IMAGE_NAME_MAX + 1];
		if (name_of(ent->d_name, name))
			r = image_add_text(ret, name, e);
	}
	(void)closedir(d);
	if (ret->n)
		qsort(ret->items, ret->n, sizeof *ret->items, by_text);
	return r;
}

int image_each(const struct store *s,
	int (*each)(void *arg, const struct image *i, const struct err *why), void *arg,
	struct err *e)
{
	struct spec_strings names = {0};
	int r = list_names(s, &names, e);
	for (size_t n = 0; r == 0 && n < names.n; n++) {
		autoimage struct image i = IMAGE_EMPTY;
		struct err why = {0};
		int got = image_read(s, names.items[n], &i, &why);
		if (got < 0 && why.cls == ERR_NOT_FOUND)
			continue; /* deleted meanwhile */
		(void)snprintf(i.name, sizeof i.name, "%s", names.items[n]);
		r = each(arg, &i, got < 0 ? &why : NULL);
	}
	strings_done(&names);
	return r;
}

/* ---- making and removing ---- */

static int exists(const char *name, struct err *e)
{
	err_set(e, ERR_STATE, "image '%s' exists already", name);
	return err_hint(e, "choose another name, or `cella image delete %s` first", name);
}

static int write_staged(const struct image_draft *d, struct err *e)
{
	autofree char *text = image_to_text(&d->image, e);
	if (!text)
		return -1;
	/* One that cannot be read again would keep repair and gc from knowing what is whose. */
	if (strlen(text) > RECORD_MAX)
		return err_set(e, ERR_FAILED,
			"image '%s': its record would have %zu bytes, at most %d can be kept",
			d->image.name, strlen(text), RECORD_MAX);
	return path_write_atomic(d->dir.fd, STAGED_FILE, text, strlen(text), 0600, e);
}

int image_draft_begin(
	const struct store *s, const char *name, struct image_draft *ret, struct err *e)
{
	struct image_draft d = {.dir = STAGING_EMPTY};
	char now[CLOCK_RFC3339_SIZE], file[FILE_SIZE];
	struct stat st;
	if (image_name_check(name, e) < 0)
		return -1;
	file_of(name, file);
	if (fstatat(s->images_fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return exists(name, e);
	(void)snprintf(d.image.name, sizeof d.image.name, "%s", name);
	(void)snprintf(
		d.image.created, sizeof d.image.created, "%s", clock_rfc3339(now, clock_real_ns()));
	random_hex(d.image.uuid, UUID_LEN);
	if (staging_make(s, "image", &d.dir, e) < 0)
		return -1;
	if (write_staged(&d, e) < 0) {
		image_draft_drop(&d);
		return -1;
	}
	*ret = d;
	return 0;
}

int image_draft_commit(struct image_draft *d, struct err *e)
{
	const struct store *s = d->dir.store;
	char file[FILE_SIZE];
	file_of(d->image.name, file);
	if (write_staged(d, e) < 0)
		return -1;
	if (linkat(d->dir.fd, STAGED_FILE, s->images_fd, file, 0) < 0)
		return errno == EEXIST ? exists(d->image.name, e)
				       : err_sys(e, errno, "make '%s/images/%s'", s->root, file);
	if (fsync(s->images_fd) < 0) {
		err_sys(e, errno, "sync '%s/images'", s->root);
		(void)unlinkat(s->images_fd, file, 0);
		return -1;
	}
	staging_drop(&d->dir);
	return 0;
}

void image_draft_drop(struct image_draft *d)
{
	if (d->dir.name[0])
		for (size_t n = 0; n < d->image.n_layers; n++)
			(void)layer_unref(d->dir.store, d->image.layers[n], d->image.uuid, NULL);
	staging_drop(&d->dir);
	image_done(&d->image);
}

/* Moved away first, so that what is given up is what that very record says. A crash from there on
 * leaves a staging directory and references that repair takes away. */
int image_remove(const struct store *s, const char *name, struct err *e)
{
	autostaging struct staging st = STAGING_EMPTY;
	autoimage struct image i = IMAGE_EMPTY;
	char file[FILE_SIZE];
	if (image_name_check(name, e) < 0)
		return -1;
	file_of(name, file);
	if (staging_make(s, "gone", &st, e) < 0)
		return -1;
	if (renameat(s->images_fd, file, st.fd, STAGED_FILE) < 0)
		return errno == ENOENT ? no_image(s, name, e)
				       : err_sys(e, errno, "remove '%s/images/%s'", s->root, file);
	if (fsync(s->images_fd) < 0)
		return err_sys(e, errno, "sync '%s/images'", s->root);
	/* A damaged one says nothing about its layers: repair finds them. */
	if (read_file(st.fd, STAGED_FILE, &i, NULL) < 0)
		return 0;
	for (size_t n = 0; n < i.n_layers; n++)
		if (layer_unref(s, i.layers[n], i.uuid, e) < 0)
			return err_prefix(e, "image '%s' is gone, but", name);
	return 0;
}

/* ---- for repair ---- */

static int uuid_in(int dir_fd, const char *file, char ret_uuid[UUID_LEN + 1])
{
	autoimage struct image i = IMAGE_EMPTY;
	struct err why = {0};
	if (read_file(dir_fd, file, &i, &why) < 0)
		return why.cls == ERR_NOT_FOUND ? 0 : -1;
	memcpy(ret_uuid, i.uuid, sizeof i.uuid);
	return 1;
}

int image_staged_uuid(int staging_dir_fd, char ret_uuid[UUID_LEN + 1])
{
	return uuid_in(staging_dir_fd, STAGED_FILE, ret_uuid);
}

int image_file_uuid(const struct store *s, const char *file, char ret_uuid[UUID_LEN + 1])
{
	char name[IMAGE_NAME_MAX + 1];
	return name_of(file, name) ? uuid_in(s->images_fd, file, ret_uuid) : 0;
}
