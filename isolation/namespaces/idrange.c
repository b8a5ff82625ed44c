#include "isolation/namespaces/idrange.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	CLAIM_NAME_SIZE = 16
};

/* systemd, docs/UIDS-GIDS.md ("Summary"), and the kernel's own two values. */
static const struct idrange_used reserved[] = {
	{0, 65536, "the host's own users, groups and services (0-65535)"},
	{524288, 1879048192u - 524288, "systemd's container range (524288-1879048191)"},
	{2147352576u, 65536, "systemd's foreign range (2147352576-2147418111)"},
	{2147483648u, 2147483648u, "ids above 2^31, which programs take for negative numbers"},
};

static bool do_overlap(uint64_t a, uint64_t n_a, uint64_t b, uint64_t n_b)
{
	return n_b > 0 && a < b + n_b && b < a + n_a;
}

static int check_one(
	const struct idrange_pool *pool, const struct idrange_used *used, struct err *e)
{
	uint64_t ids = (uint64_t)pool->count * IDRANGE_SIZE;
	if (!do_overlap(pool->base, ids, used->first, used->count))
		return 0;
	err_set(e, ERR_HOST, "the zones' id pool (%u-%llu) overlaps %s", pool->base,
		(unsigned long long)(pool->base + ids - 1), used->where);
	return err_hint(e, "move the pool in cella.json, or the other range; free by systemd's "
			   "rules are 1879048192-2147352575");
}

int idrange_check(
	const struct idrange_pool *pool, const struct idrange_used *used, size_t n, struct err *e)
{
	if (pool->base % IDRANGE_SIZE != 0)
		return err_set(e, ERR_USAGE, "the id pool's base %u is not a multiple of %d",
			pool->base, IDRANGE_SIZE);
	if (pool->count == 0)
		return err_set(e, ERR_USAGE, "the id pool is empty");
	if ((uint64_t)pool->base + (uint64_t)pool->count * IDRANGE_SIZE > (uint64_t)UINT32_MAX + 1)
		return err_set(e, ERR_USAGE, "the id pool (%u ranges from %u) ends above 2^32",
			pool->count, pool->base);
	/* What is there in fact says more than what is reserved, so it comes first. */
	for (size_t i = 0; i < n; i++)
		if (check_one(pool, &used[i], e) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		if (check_one(pool, &reserved[i], e) < 0)
			return -1;
	return 0;
}

/* ---- what the host uses ---- */

struct used_list {
	struct idrange_used *v;
	size_t n, room;
};

static int used_add(struct used_list *l, const struct idrange_used *u, struct err *e)
{
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		struct idrange_used *v = reallocarray(l->v, room, sizeof *v);
		if (!v)
			return err_nomem(e);
		l->v = v;
		l->room = room;
	}
	l->v[l->n++] = *u;
	return 0;
}

/* Split at ':' in place; false if there are fewer than `n` fields. */
static bool split_fields(char *line, char **fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!line)
			return false;
		fields[i] = strsep(&line, ":");
	}
	return true;
}

struct used_file {
	const char *name;
	bool is_range;	  /* name:first:count, else name:x:id */
	const char *noun; /* whom the name names */
};

/* False: not a line that libc would take either. */
static bool parse_line(
	const struct used_file *file, char *line, struct idrange_used *ret, const char **ret_name)
{
	char *fields[3];
	if (!split_fields(line, fields, 3) || fields[0][0] == '\0' || fields[0][0] == '#')
		return false;
	*ret_name = fields[0];
	if (file->is_range)
		return str_to_u32(fields[1], &ret->first) && str_to_u32(fields[2], &ret->count);
	ret->count = 1;
	return str_to_u32(fields[2], &ret->first);
}

static int load_file(int dir_fd, const char *etc, const struct used_file *file, struct used_list *l,
	struct err *e)
{
	autofree char *text = NULL;
	struct err why = {0};
	if (path_read_file(dir_fd, file->name, 1 << 20, &text, NULL, &why) < 0) {
		if (why.sys_errno == ENOENT)
			return 0;
		if (e)
			*e = why;
		return err_prefix(e, "ids in use");
	}
	char *rest = text, *line;
	for (unsigned number = 1; (line = strsep(&rest, "\n")); number++) {
		struct idrange_used u = {0};
		const char *name;
		char shown[40];
		if (!parse_line(file, line, &u, &name))
			continue;
		snprintf(u.where, sizeof u.where, "%.32s/%s:%u (%s '%s')", etc, file->name, number,
			file->noun, str_escape(shown, sizeof shown, name));
		if (used_add(l, &u, e) < 0)
			return -1;
	}
	return 0;
}

int idrange_load_used(const char *etc, struct idrange_used **ret, size_t *ret_n, struct err *e)
{
	static const struct used_file files[] = {
		{"passwd", false, "user"},
		{"group", false, "group"},
		{"subuid", true, "user"},
		{"subgid", true, "user"},
	};
	struct used_list l = {0};
	autofd int dir_fd = open(etc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return err_sys(e, errno, "open '%s'", etc);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (load_file(dir_fd, etc, &files[i], &l, e) < 0) {
			free(l.v);
			return -1;
		}
	}
	*ret = l.v;
	*ret_n = l.n;
	return 0;
}

/* ---- claims ---- */

static void claim_name(char buf[CLAIM_NAME_SIZE], uint32_t first)
{
	snprintf(buf, CLAIM_NAME_SIZE, "%u", first);
}

/* The claim with its content, but without a name yet: linking it is what claims, so that nobody
 * ever sees (and no crash leaves) a claim without an owner. */
static int make_claim(int lock_dirfd, const char *owner, struct err *e)
{
	char line[IDRANGE_OWNER_MAX + 1];
	size_t len = strlen(owner);
	if (len == 0 || len >= IDRANGE_OWNER_MAX || strchr(owner, '\n'))
		return err_set(e, ERR_FAILED, "id range: bad owner");
	memcpy(line, owner, len);
	line[len] = '\n';

	autofd int fd = openat(lock_dirfd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EOPNOTSUPP) {
		err_set(e, ERR_HOST, "the id claim directory's file system has no O_TMPFILE");
		return err_hint(e, "it should be on tmpfs, as /run is");
	}
	if (fd < 0)
		return err_sys(e, errno, "make an id claim");
	if (fd_write_all(fd, line, len + 1) < 0)
		return err_sys(e, errno, "write an id claim");
	return fd_steal(&fd);
}

/* 1 taken by us now, 0 taken by somebody before, -1 error. */
static int link_claim(int lock_dirfd, int claim_fd, uint32_t first, struct err *e)
{
	char name[CLAIM_NAME_SIZE];
	claim_name(name, first);
	/* By /proc, as AT_EMPTY_PATH asks for CAP_DAC_READ_SEARCH. */
	if (linkat(AT_FDCWD, fd_path(claim_fd).s, lock_dirfd, name, AT_SYMLINK_FOLLOW) == 0)
		return 1;
	if (errno == EEXIST)
		return 0;
	return err_sys(e, errno, "claim id range %u", first);
}

int idrange_owner(int lock_dirfd, uint32_t first, char ret_uuid[IDRANGE_OWNER_MAX], struct err *e)
{
	char name[CLAIM_NAME_SIZE];
	autofree char *text = NULL;
	struct err why = {0};
	claim_name(name, first);
	if (path_read_file(lock_dirfd, name, IDRANGE_OWNER_MAX, &text, NULL, &why) < 0) {
		if (why.sys_errno == ENOENT)
			return 0;
		if (e)
			*e = why;
		return err_prefix(e, "id range %u", first);
	}
	text[strcspn(text, "\n")] = '\0';
	snprintf(ret_uuid, IDRANGE_OWNER_MAX, "%s", text);
	return 1;
}

/* The cursor is one 64-bit counter in a file, shared by mapping it: the atomic addition hands every
 * caller a number of its own, without a lock, and it never goes back. */
static int map_cursor(int lock_dirfd, _Atomic uint64_t **ret, struct err *e)
{
	struct stat st;
	autofd int fd = openat(
		lock_dirfd, "cursor", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "open the id cursor");
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "look at the id cursor");
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_HOST, "the id cursor is not a regular file");
	/* To the same size is a no-op, so two first users do not disturb each other. */
	if (st.st_size != sizeof(uint64_t) && ftruncate(fd, sizeof(uint64_t)) < 0)
		return err_sys(e, errno, "size the id cursor");
	void *p = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, errno, "map the id cursor");
	*ret = p;
	return 0;
}

static bool is_in_pool(const struct idrange_pool *pool, uint32_t first)
{
	return first >= pool->base && first % IDRANGE_SIZE == 0 &&
	       (first - pool->base) / IDRANGE_SIZE < pool->count;
}

/* 1 kept, 0 must look for another, -1 error. */
static int claim_preferred(int lock_dirfd, int claim_fd, const struct idrange_pool *pool,
	uint32_t prefer, const char *owner, struct err *e)
{
	char holder[IDRANGE_OWNER_MAX];
	if (prefer == 0 || !is_in_pool(pool, prefer))
		return 0;
	int got = link_claim(lock_dirfd, claim_fd, prefer, e);
	if (got != 0)
		return got;
	got = idrange_owner(lock_dirfd, prefer, holder, e);
	if (got < 0)
		return -1;
	return got == 1 && str_eq(holder, owner);
}

static int claim_next(int lock_dirfd, int claim_fd, const struct idrange_pool *pool,
	uint32_t *ret_first, struct err *e)
{
	_Atomic uint64_t *cursor = NULL;
	int got = 0;
	if (map_cursor(lock_dirfd, &cursor, e) < 0)
		return -1;
	/* Twice round: others that claim and release meanwhile take numbers between ours. */
	for (uint64_t tries = 0; got == 0 && tries < 2 * (uint64_t)pool->count; tries++) {
		uint32_t slot = (uint32_t)(atomic_fetch_add(cursor, 1) % pool->count);
		uint32_t first = pool->base + slot * IDRANGE_SIZE;
		got = link_claim(lock_dirfd, claim_fd, first, e);
		if (got == 1)
			*ret_first = first;
	}
	munmap(cursor, sizeof(uint64_t));
	if (got == 0) {
		err_set(e, ERR_HOST, "all %u id ranges of the host's pool are taken", pool->count);
		return err_hint(e, "destroy zones, or enlarge the id pool in cella.json");
	}
	return got < 0 ? -1 : 0;
}

int idrange_claim(int lock_dirfd, const struct idrange_pool *pool, uint32_t prefer,
	const char *owner_uuid, uint32_t *ret_first, struct err *e)
{
	if (pool->count == 0 || pool->base % IDRANGE_SIZE != 0)
		return err_set(e, ERR_USAGE, "the id pool is malformed");
	autofd int claim_fd = make_claim(lock_dirfd, owner_uuid, e);
	if (claim_fd < 0)
		return -1;
	int kept = claim_preferred(lock_dirfd, claim_fd, pool, prefer, owner_uuid, e);
	if (kept < 0)
		return -1;
	if (kept == 1) {
		*ret_first = prefer;
		return 0;
	}
	return claim_next(lock_dirfd, claim_fd, pool, ret_first, e);
}

int idrange_release(int lock_dirfd, uint32_t first, const char *owner_uuid, struct err *e)
{
	char holder[IDRANGE_OWNER_MAX], name[CLAIM_NAME_SIZE];
	int got = idrange_owner(lock_dirfd, first, holder, e);
	if (got <= 0)
		return got;
	if (!str_eq(holder, owner_uuid))
		return 0;
	claim_name(name, first);
	/* Only its owner removes a claim, so it is still the one that was read. */
	if (unlinkat(lock_dirfd, name, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "release id range %u", first);
	return 0;
}
