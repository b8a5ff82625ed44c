#include "runtime/claims.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "isolation/namespaces/idrange.h"
#include "netns/network.h"
#include "specs/name.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int claims_open_ids(const struct store *s, struct err *e)
{
	return path_open_private_dir_at(s->lock_fd, "ids", e);
}

struct claims_owner claims_owner(const struct store *s, const char *zone_uuid)
{
	struct claims_owner o;
	(void)snprintf(o.s, sizeof o.s, "%.*s.%s", UUID_LEN, zone_uuid, s->id);
	return o;
}

static struct idrange_pool pool_of(const struct store *s)
{
	return (struct idrange_pool){s->config.id_pool_base, s->config.id_pool_count};
}

int claims_check_pool(const struct store *s, struct err *e)
{
	struct idrange_pool pool = pool_of(s);
	autofree struct idrange_used *used = NULL;
	size_t n = 0;
	if (idrange_load_used("/etc", &used, &n, e) < 0)
		return -1;
	return idrange_check(&pool, used, n, e);
}

int claims_take_ids(const struct store *s, const char *zone_uuid, uint32_t prefer,
	uint32_t *ret_first, struct err *e)
{
	struct idrange_pool pool = pool_of(s);
	autofd int dir = claims_open_ids(s, e);
	if (dir < 0)
		return -1;
	return idrange_claim(dir, &pool, prefer, claims_owner(s, zone_uuid).s, ret_first, e);
}

int claims_release_ids(const struct store *s, const char *zone_uuid, uint32_t first, struct err *e)
{
	if (!first)
		return 0;
	autofd int dir = claims_open_ids(s, e);
	if (dir < 0)
		return -1;
	return idrange_release(dir, first, claims_owner(s, zone_uuid).s, e);
}

/* 1 and the network, or 0 when there is no such network any more. */
static int load_network(const struct store *s, const char *name, struct network *ret, struct err *e)
{
	struct err why = {0};
	if (network_load(s->networks_fd, s->is_default ? "" : s->id, name, ret, &why) == 0)
		return 1;
	if (why.cls == ERR_NOT_FOUND)
		return 0;
	if (e)
		*e = why;
	return -1;
}

/* ---- projects ---- */

/* Claimed like ranges of host ids, and as far from each other, which nobody needs. Above what
 * admins number by hand. */
static const struct idrange_pool projects = {0x40000000, 0x3000};

static int open_projects(const struct store *s, struct err *e)
{
	return path_open_private_dir_at(s->lock_fd, "projects", e);
}

uint32_t claims_random_project(void)
{
	char hex[8 + 1] = "";
	random_hex(hex, sizeof hex - 1);
	uint32_t n = (uint32_t)strtoul(hex, NULL, 16);
	return projects.base + n % projects.count * IDRANGE_SIZE;
}

bool claims_is_project(uint32_t id)
{
	return id >= projects.base && (id - projects.base) / IDRANGE_SIZE < projects.count;
}

int claims_take_project(const struct store *s, const char *zone_uuid, uint32_t prefer,
	uint32_t *ret_id, struct err *e)
{
	autofd int dir = open_projects(s, e);
	if (dir < 0)
		return -1;
	return idrange_claim(dir, &projects, prefer, claims_owner(s, zone_uuid).s, ret_id, e);
}

int claims_release_project(const struct store *s, const char *zone_uuid, uint32_t id, struct err *e)
{
	autofd int dir = open_projects(s, e);
	if (dir < 0)
		return -1;
	return idrange_release(dir, id, claims_owner(s, zone_uuid).s, e);
}

/* ---- addresses ---- */

int claims_release_addresses(const struct store *s, const struct zone_record *r, struct err *e)
{
	struct network n;
	struct network_addr a = {0};
	bool any = r->address4 && addr_parse_cidr(r->address4, &a.v4);
	any |= r->address6 && addr_parse_cidr(r->address6, &a.v6);
	if (!any)
		return 0;
	/* Records from before the network was noted are of the only one there was. */
	int got = load_network(s, r->network && r->network[0] ? r->network : "default", &n, e);
	return got <= 0 ? got : network_release_address(s->networks_fd, &n, r->uuid, &a, e);
}

/* ---- sweeping ---- */

struct sweep {
	bool (*is_known)(void *arg, const char *zone_uuid);
	void *arg;
	unsigned n;
};

static int sweep_id(
	const struct store *s, int dir_fd, const char *file, struct sweep *w, struct err *e)
{
	char owner[IDRANGE_OWNER_MAX], uuid[UUID_LEN + 1];
	uint32_t first;
	if (!str_to_u32(file, &first) || idrange_owner(dir_fd, first, owner, NULL) <= 0)
		return 0;
	const char *dot = strchr(owner, '.');
	if (!dot || dot - owner != UUID_LEN || strcmp(dot + 1, s->id) != 0)
		return 0; /* another store's, or not from us at all */
	memcpy(uuid, owner, UUID_LEN);
	uuid[UUID_LEN] = '\0';
	if (w->is_known(w->arg, uuid))
		return 0;
	w->n++;
	return idrange_release(dir_fd, first, owner, e);
}

static int sweep_ids(const struct store *s, int claims_fd, struct sweep *w, struct err *e)
{
	autofd int dir_fd = claims_fd;
	if (dir_fd < 0)
		return -1;
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(&fd);
		return err_sys(e, errno, "read '" STORE_HOST_LOCK "'");
	}
	int r = 0;
	struct dirent *ent;
	while (r == 0 && (ent = readdir(d)))
		r = sweep_id(s, dir_fd, ent->d_name, w, e);
	(void)closedir(d);
	return r;
}

/* network_sweep_addresses has its arguments the other way round. */
static bool is_known_address(const char *zone_uuid, void *arg)
{
	struct sweep *w = arg;
	return w->is_known(w->arg, zone_uuid);
}

static int sweep_network(const struct store *s, const char *file, struct sweep *w, struct err *e)
{
	char name[NETWORK_NAME_MAX + 1];
	struct network n;
	size_t len = strlen(file);
	if (!str_ends(file, ".json") || len - 5 >= sizeof name)
		return 0;
	memcpy(name, file, len - 5);
	name[len - 5] = '\0';
	if (!name_is_valid(name))
		return 0;
	int got = load_network(s, name, &n, e);
	if (got <= 0)
		return got;
	int swept = network_sweep_addresses(s->networks_fd, &n, is_known_address, w, e);
	if (swept > 0)
		w->n += (unsigned)swept;
	return swept < 0 ? -1 : 0;
}

static int sweep_networks(const struct store *s, struct sweep *w, struct err *e)
{
	int fd = openat(s->networks_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(&fd);
		return err_sys(e, errno, "read '%s/networks'", s->root);
	}
	int r = 0;
	struct dirent *ent;
	while (r == 0 && (ent = readdir(d)))
		r = sweep_network(s, ent->d_name, w, e);
	(void)closedir(d);
	return r;
}

int claims_sweep(const struct store *s, bool (*is_known)(void *arg, const char *zone_uuid),
	void *arg, unsigned *ret_n, struct err *e)
{
	struct sweep w = {.is_known = is_known, .arg = arg};
	if (sweep_ids(s, claims_open_ids(s, e), &w, e) < 0 ||
		sweep_ids(s, open_projects(s, e), &w, e) < 0 || sweep_networks(s, &w, e) < 0)
		return -1;
	if (ret_n)
		*ret_n = w.n;
	return 0;
}
