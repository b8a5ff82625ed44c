#include "runtime/store.h"
#include "runtime/self.h"
#include "base/defence.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "specs/name.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Above systemd's container range and below its foreign range: see isolation/namespaces/idrange.h.
 */
enum {
	DEFAULT_POOL_BASE = 1879048192,
	DEFAULT_POOL_COUNT = 4000
};
enum {
	CONFIG_MAX = 1 << 16
};

static int config_number(json_t *v, const char *key, uint64_t max, uint64_t *ret, struct err *e)
{
	if (!json_is_integer(v) || json_integer_value(v) < 1 ||
		(uint64_t)json_integer_value(v) > max)
		return err_set(e, ERR_USAGE, "/%s: expected a number from 1 to %llu", key,
			(unsigned long long)max);
	*ret = (uint64_t)json_integer_value(v);
	return 0;
}

static int set_manager(struct host_config *c, const char *word, const char *where, struct err *e)
{
	static const char *const words[] = {"auto", "systemd", "cgroupfs"};
	for (size_t i = 0; word && i < ARRAY_LEN(words); i++)
		if (!strcmp(word, words[i])) {
			(void)snprintf(c->cgroup_manager, sizeof c->cgroup_manager, "%s", word);
			return 0;
		}
	char shown[80];
	return err_set(e, ERR_USAGE, "%sexpected \"auto\", \"systemd\" or \"cgroupfs\", got \"%s\"",
		where, str_escape(shown, sizeof shown, word ? word : "no text"));
}

static int config_key(struct host_config *c, const char *key, json_t *v, struct err *e)
{
	uint64_t n = 0;
	if (!strcmp(key, "id_pool_base")) {
		if (config_number(v, key, UINT32_MAX, &n, e) < 0)
			return -1;
		c->id_pool_base = (uint32_t)n;
		return n % 65536 ? err_set(e, ERR_USAGE, "/%s: expected a multiple of 65536", key)
				 : 0;
	}
	if (!strcmp(key, "id_pool_count")) {
		if (config_number(v, key, 65535, &n, e) < 0)
			return -1;
		c->id_pool_count = (uint32_t)n;
		return 0;
	}
	if (!strcmp(key, "unpack_max_bytes"))
		return config_number(v, key, UINT64_C(1) << 60, &c->unpack_max_bytes, e);
	if (!strcmp(key, "unpack_max_entries"))
		return config_number(v, key, UINT64_C(1) << 40, &c->unpack_max_entries, e);
	if (!strcmp(key, "cgroup_manager"))
		return set_manager(c, json_string_value(v), "/cgroup_manager: ", e);
	char shown[200];
	err_set(e, ERR_USAGE, "/%s: unknown key", str_escape(shown, sizeof shown, key));
	return err_hint(e, "known keys: id_pool_base, id_pool_count, unpack_max_bytes, "
			   "unpack_max_entries, cgroup_manager");
}

static int config_load(const char *path, struct host_config *c, struct err *e)
{
	if (path[0] != '/')
		return err_set(
			e, ERR_HOST, "configuration '%.100s': an absolute path is needed", path);
	*c = (struct host_config){
		.id_pool_base = DEFAULT_POOL_BASE,
		.id_pool_count = DEFAULT_POOL_COUNT,
		.unpack_max_bytes = UINT64_C(64) << 30,
		.unpack_max_entries = 1000000,
		.cgroup_manager = "auto",
	};
	autofree char *text = NULL;
	size_t len = 0;
	if (path_read_file(AT_FDCWD, path, CONFIG_MAX, &text, &len, e) < 0) {
		if (e->cls != ERR_NOT_FOUND) /* no file, or far too large: what was given is bad */
			return e->sys_errno ? -1 : err_class_set(e, ERR_USAGE);
		err_clear(e);
		return 0;
	}
	json_error_t je;
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
	if (!doc)
		return err_set(e, ERR_USAGE, "%s:%d:%d: %s", path, je.line,
			je.column > 0 ? je.column : 1, je.text);
	if (!json_is_object(doc)) {
		json_decref(doc);
		return err_set(e, ERR_USAGE, "%s:1:1: expected an object", path);
	}
	int r = 0;
	const char *key;
	json_t *v;
	json_object_foreach(doc, key, v)
	{
		if ((r = config_key(c, key, v, e)) < 0) {
			err_prefix(e, "%s", path);
			break;
		}
	}
	json_decref(doc);
	if (r == 0 && (uint64_t)c->id_pool_base + (uint64_t)c->id_pool_count * 65536 > UINT32_MAX)
		return err_set(
			e, ERR_USAGE, "%s: /id_pool_count: the id pool ends above 2^32", path);
	return r;
}

/* Programs of ours lie beside this one in a build tree, and in libexec when installed, wherever
 * that was: `cmake --install --prefix`. */
static void find_exe_dir(struct host_config *c)
{
	static const char *const from_here[] = {"", "/" CELLA_LIBEXEC_FROM_BIN};
	const char *self = self_path(), *slash = strrchr(self, '/');
	int n = slash ? (int)(slash - self) : 0;
	for (size_t i = 0; slash && i < ARRAY_LEN(from_here); i++) {
		char probe[sizeof c->exe_dir + 16];
		int len = snprintf(c->exe_dir, sizeof c->exe_dir, "%.*s%s", n, self, from_here[i]);
		(void)snprintf(probe, sizeof probe, "%s/cella-keeper", c->exe_dir);
		if (len < (int)sizeof c->exe_dir && access(probe, X_OK) == 0)
			return;
	}
	(void)snprintf(c->exe_dir, sizeof c->exe_dir, "%s", CELLA_LIBEXECDIR);
}

static int load_id(struct store *s, struct err *e)
{
	autofree char *text = NULL;
	size_t len = 0;
	if (path_read_file(s->root_fd, "store-id", 64, &text, &len, e) < 0) {
		if (e->cls != ERR_NOT_FOUND)
			return -1;
		err_clear(e);
		char made[STORE_ID_LEN + 2] = {0};
		random_hex(made, STORE_ID_LEN);
		made[STORE_ID_LEN] = '\n';
		/* Two first commands at once: link(2) lets one of the two files win. */
		char tmp[32] = ".tmp-id-";
		memcpy(tmp + 8, made, STORE_ID_LEN);
		if (path_write_atomic(s->root_fd, tmp, made, STORE_ID_LEN + 1, 0600, e) < 0)
			return -1;
		int r = linkat(s->root_fd, tmp, s->root_fd, "store-id", 0);
		int errnum = errno;
		(void)unlinkat(s->root_fd, tmp, 0);
		if (r < 0 && errnum != EEXIST)
			return err_sys(e, errnum, "make '%s/store-id'", s->root);
		if (path_read_file(s->root_fd, "store-id", 64, &text, &len, e) < 0)
			return -1;
	}
	if (len != STORE_ID_LEN + 1 || strspn(text, "0123456789abcdef") != STORE_ID_LEN)
		return err_set(e, ERR_FAILED, "'%s/store-id' is not 8 hex digits", s->root);
	memcpy(s->id, text, STORE_ID_LEN);
	return 0;
}

static char *pick(const char *given, const char *env, const char *fallback)
{
	const char *v = given ? given : getenv(env);
	return strdup(v && *v ? v : fallback);
}

static int open_dirs(struct store *s, struct err *e)
{
	const struct {
		int *fd, *parent;
		const char *name;
	} dirs[] = {
		{&s->zones_fd, &s->root_fd, "zones"},
		{&s->layers_fd, &s->root_fd, "layers"},
		{&s->images_fd, &s->root_fd, "images"},
		{&s->networks_fd, &s->root_fd, "networks"},
		{&s->staging_fd, &s->root_fd, "staging"},
		{&s->cache_fd, &s->root_fd, "cache"},
		{&s->run_zones_fd, &s->run_fd, "zones"},
	};
	if ((s->root_fd = path_open_private_dir(s->root, e)) < 0 ||
		(s->run_fd = path_open_private_dir(s->run, e)) < 0 ||
		(s->log_fd = path_open_private_dir(s->log, e)) < 0 ||
		(s->lock_fd = path_open_private_dir(STORE_HOST_LOCK, e)) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		*dirs[i].fd = path_open_private_dir_at(*dirs[i].parent, dirs[i].name, e);
		if (*dirs[i].fd < 0)
			return err_prefix(e, "store '%s'", s->root);
	}
	return 0;
}

int store_open(const struct store_paths *paths, struct store *ret, struct err *e)
{
	struct store s = {
		.root_fd = -1,
		.zones_fd = -1,
		.layers_fd = -1,
		.images_fd = -1,
		.networks_fd = -1,
		.staging_fd = -1,
		.cache_fd = -1,
		.run_fd = -1,
		.run_zones_fd = -1,
		.log_fd = -1,
		.lock_fd = -1,
	};
	if (geteuid() != 0 && !defence_is_off("S37"))
		return err_set(e, ERR_DENIED, "only root can manage zones");
	s.root = pick(paths ? paths->root : NULL, "CELLA_ROOT", STORE_DEFAULT_ROOT);
	s.run = pick(paths ? paths->run : NULL, "CELLA_RUN", STORE_DEFAULT_RUN);
	s.log = pick(paths ? paths->log : NULL, "CELLA_LOG", STORE_DEFAULT_LOG);
	autofree char *config =
		pick(paths ? paths->config : NULL, "CELLA_CONFIG", STORE_DEFAULT_CONFIG);
	int r = s.root && s.run && s.log && config ? 0 : err_nomem(e);
	if (r == 0)
		r = config_load(config, &s.config, e);
	const char *manager = paths && paths->cgroup_manager ? paths->cgroup_manager
							     : getenv("CELLA_CGROUP_MANAGER");
	if (r == 0 && manager && *manager)
		r = set_manager(&s.config, manager, "cgroup manager: ", e);
	if (r == 0)
		r = open_dirs(&s, e);
	if (r == 0)
		r = load_id(&s, e);
	if (r < 0) {
		store_close(&s);
		return -1;
	}
	find_exe_dir(&s.config);
	s.is_default = !strcmp(s.root, STORE_DEFAULT_ROOT);
	*ret = s;
	return 0;
}

void store_close(struct store *s)
{
	int *fds[] = {&s->root_fd, &s->zones_fd, &s->layers_fd, &s->images_fd, &s->networks_fd,
		&s->staging_fd, &s->cache_fd, &s->run_fd, &s->run_zones_fd, &s->log_fd,
		&s->lock_fd};
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fd_close(fds[i]);
	free(ptr_steal(&s->root));
	free(ptr_steal(&s->run));
	free(ptr_steal(&s->log));
}

struct store_name store_host_name(const struct store *s, const char *zone)
{
	struct store_name n;
	(void)snprintf(n.s, sizeof n.s, "%s%s%s", zone, s->is_default ? "" : ".",
		s->is_default ? "" : s->id);
	return n;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int store_zone_names(const struct store *s, char ***ret, size_t *ret_n, struct err *e)
{
	int fd = openat(s->zones_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(&fd);
		return err_sys(e, errno, "read '%s/zones'", s->root);
	}
	char **names = NULL;
	size_t n = 0, room = 0;
	int r = 0;
	struct dirent *ent;
	while ((ent = readdir(d))) {
		if (name_check("zone", ent->d_name, NULL) < 0)
			continue; /* a temporary of ours, or a foreign thing that no verb can name
				   */
		if (n == room) {
			char **more = realloc(names, (room = room ? room * 2 : 64) * sizeof *names);
			if (!more) {
				r = err_nomem(e);
				break;
			}
			names = more;
		}
		if (!(names[n] = strdup(ent->d_name))) {
			r = err_nomem(e);
			break;
		}
		n++;
	}
	(void)closedir(d);
	if (r < 0) {
		store_zone_names_free(names, n);
		return r;
	}
	if (n)
		qsort(names, n, sizeof *names, by_name);
	*ret = names;
	*ret_n = n;
	return 0;
}

void store_zone_names_free(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

int store_each_zone(
	const struct store *s, int (*each)(void *arg, const char *name), void *arg, struct err *e)
{
	char **names;
	size_t n;
	if (store_zone_names(s, &names, &n, e) < 0)
		return -1;
	int r = 0;
	for (size_t i = 0; i < n && r == 0; i++)
		r = each(arg, names[i]);
	store_zone_names_free(names, n);
	return r;
}
