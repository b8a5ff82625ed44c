#include "isolation/namespaces/idmap.h"

#include "base/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* 2^32-1 is "no id" to the kernel, so a map ends below it. */
static bool is_past_end(uint32_t first, uint32_t count)
{
	return (uint64_t)first + count > UINT32_MAX;
}

static bool do_overlap(uint32_t a, uint32_t n_a, uint32_t b, uint32_t n_b)
{
	return a < (uint64_t)b + n_b && b < (uint64_t)a + n_a;
}

static int check_pair(
	const char *what, const struct id_map *maps, size_t i, size_t k, struct err *e)
{
	const struct id_map *a = &maps[k], *b = &maps[i];
	if (do_overlap(a->zone_first, a->count, b->zone_first, b->count))
		return err_set(e, ERR_USAGE, "%s: lines %zu and %zu both map the zone's id %u",
			what, k + 1, i + 1,
			a->zone_first > b->zone_first ? a->zone_first : b->zone_first);
	if (do_overlap(a->host_first, a->count, b->host_first, b->count))
		return err_set(e, ERR_USAGE, "%s: lines %zu and %zu both use the host's id %u",
			what, k + 1, i + 1,
			a->host_first > b->host_first ? a->host_first : b->host_first);
	return 0;
}

int idmap_check(const char *what, const struct id_map *maps, size_t n, struct err *e)
{
	char text[IDMAP_TEXT_MAX];
	uint32_t root;

	if (n == 0)
		return err_set(e, ERR_USAGE, "%s: empty", what);
	if (n > IDMAP_MAX)
		return err_set(
			e, ERR_USAGE, "%s: %zu lines, the kernel takes %d", what, n, IDMAP_MAX);
	for (size_t i = 0; i < n; i++) {
		if (maps[i].count == 0)
			return err_set(e, ERR_USAGE, "%s: line %zu has size 0", what, i + 1);
		if (is_past_end(maps[i].zone_first, maps[i].count) ||
			is_past_end(maps[i].host_first, maps[i].count))
			return err_set(e, ERR_USAGE,
				"%s: line %zu (%u %u %u) ends above 4294967294", what, i + 1,
				maps[i].zone_first, maps[i].host_first, maps[i].count);
		for (size_t k = 0; k < i; k++)
			if (check_pair(what, maps, i, k, e) < 0)
				return -1;
	}
	if (!idmap_to_host(maps, n, 0, &root))
		return err_set(e, ERR_USAGE, "%s: the zone's root (id 0) is not mapped", what);
	if (idmap_format(maps, n, text, sizeof text) < 0)
		return err_set(e, ERR_USAGE,
			"%s: the text of %zu lines is longer than the kernel "
			"takes (%d bytes)",
			what, n, IDMAP_TEXT_MAX - 1);
	return 0;
}

ssize_t idmap_format(const struct id_map *maps, size_t n, char *buf, size_t size)
{
	size_t len = 0;
	for (size_t i = 0; i < n; i++) {
		int got = snprintf(buf + len, size - len, "%u %u %u\n", maps[i].zone_first,
			maps[i].host_first, maps[i].count);
		if (got < 0 || (size_t)got >= size - len) {
			errno = ENOSPC;
			return -1;
		}
		len += (size_t)got;
	}
	return (ssize_t)len;
}

bool idmap_to_host(const struct id_map *maps, size_t n, uint32_t zone_id, uint32_t *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (zone_id < maps[i].zone_first || zone_id - maps[i].zone_first >= maps[i].count)
			continue;
		*ret = maps[i].host_first + (zone_id - maps[i].zone_first);
		return true;
	}
	return false;
}

/* idmap_check has excluded what is wrong with the text itself, so the kernel's two answers are
 * left: kernel/user_namespace.c map_write(), new_idmap_permitted(). */
static int explain(const char *path, int errnum, struct err *e)
{
	err_sys(e, errnum, "write '%s'", path);
	if (errnum == EPERM)
		return err_hint(e,
			"the map was written before, or we lack CAP_SETUID/CAP_SETGID, or "
			"our own user namespace does not have all these host ids "
			"(see /proc/self/uid_map)");
	if (errnum == EINVAL)
		return err_hint(e, "the kernel refused a map that looks right to us; it may take "
				   "fewer lines than 340 (Linux before 4.15 takes 5)");
	return -1;
}

static int write_map(
	pid_t pid, const char *file, const struct id_map *maps, size_t n, struct err *e)
{
	char path[64], text[IDMAP_TEXT_MAX];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	ssize_t len = idmap_format(maps, n, text, sizeof text);
	if (len < 0)
		return err_sys(e, errno, "print '%s'", file);
	autofd int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "open '%s'", path);
	/* One write: the kernel takes the whole map at once and never again. */
	if (write(fd, text, (size_t)len) != len)
		return explain(path, errno, e);
	return 0;
}

int idmap_write(pid_t pid, const struct id_map *uids, size_t n_uids, const struct id_map *gids,
	size_t n_gids, struct err *e)
{
	if (idmap_check("uid map", uids, n_uids, e) < 0 ||
		idmap_check("gid map", gids, n_gids, e) < 0)
		return -1;
	/* Groups first: with both there, the child may already act as root of its namespace. */
	if (write_map(pid, "gid_map", gids, n_gids, e) < 0)
		return -1;
	return write_map(pid, "uid_map", uids, n_uids, e);
}
