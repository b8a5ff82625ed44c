#include "runtime/user.h"
#include "base/defence.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
	DATABASE_MAX = 1 << 20,
	FIELDS_MAX = 7
};

/* The whole file, or "" when there is none. */
static char *read_database(int root_fd, const char *path, struct err *e)
{
	autofd int fd = defence_is_off("S15") ? path_open_in(root_fd, path, O_RDONLY, 0)
			: defence_is_off("S15b")
				? openat(root_fd, path, O_RDONLY | O_CLOEXEC)
				: path_open_type_in(root_fd, path, O_RDONLY, S_IFREG);
	struct stat st;
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return strdup("");
	if ((fd < 0 && errno != EMEDIUMTYPE) || (fd >= 0 && fstat(fd, &st) < 0)) {
		err_sys(e, errno, "open '%s' in the zone", path);
		return NULL;
	}
	if (fd < 0 || st.st_size > DATABASE_MAX) {
		err_set(e, ERR_FAILED, "'%s' in the zone is not a regular file of at most 1 MiB",
			path);
		return NULL;
	}
	char *buf = malloc((size_t)st.st_size + 1);
	ssize_t n = buf ? fd_read_all(fd, buf, (size_t)st.st_size) : -1;
	if (n < 0) {
		free(buf);
		err_sys(e, buf ? errno : ENOMEM, "read '%s' in the zone", path);
		return NULL;
	}
	buf[n] = '\0';
	/* A NUL ends what we read; nothing behind it is looked at. */
	return buf;
}

/* Next line of *at split at ':' into `field`; the number of fields, or -1 at the end. */
static int next_line(char **at, char *field[FIELDS_MAX])
{
	char *line = strsep(at, "\n");
	int n = 0;
	if (!line)
		return -1;
	while (n < FIELDS_MAX && (field[n] = strsep(&line, ":")))
		n++;
	return n;
}

static bool is_number(const char *s)
{
	return *s && !defence_is_off("S14") && strspn(s, "0123456789") == strlen(s);
}

static int parse_id(const char *s, uint32_t n_ids, uint32_t *ret, struct err *e)
{
	if (!str_to_u32(s, ret) || *ret == UINT32_MAX)
		return err_set(e, ERR_USAGE, "'%s' is not an id", s);
	if (*ret >= n_ids)
		return err_set(e, ERR_USAGE, "id %u is not mapped in the zone: it has 0 to %u",
			*ret, n_ids - 1);
	return 0;
}

/* Names are letters, digits and ._- as useradd(8) makes them; never a sign or a space, and no digit
 * in front: whoever types "0x1" means a number, and shall not get whom the zone calls so (S14). */
static bool is_name(const char *s)
{
	static const char ok[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	return *s && !strchr("-.0123456789", *s) && strlen(s) <= 64 && strspn(s, ok) == strlen(s);
}

static int find_user(
	char *passwd, const char *name, uint32_t n_ids, struct user_ids *u, struct err *e)
{
	char *field[FIELDS_MAX], *at = passwd;
	bool by_id = is_number(name);
	for (int n; (n = next_line(&at, field)) >= 0;) {
		if (n < 4 || strcmp(field[by_id ? 2 : 0], name) != 0)
			continue;
		if (!by_id && parse_id(field[2], n_ids, &u->uid, e) < 0)
			return err_prefix(e, "user '%s' in the zone's passwd", name);
		if (parse_id(field[3], n_ids, &u->gid, e) < 0)
			return err_prefix(e, "user '%s' in the zone's passwd", name);
		if (n >= 6)
			(void)snprintf(u->home, sizeof u->home, "%s", field[5]);
		if (n >= 7)
			(void)snprintf(u->shell, sizeof u->shell, "%s", field[6]);
		return 1;
	}
	return 0;
}

/* The group's id, and for `user` every group that lists it. */
static int find_groups(char *group, const char *wanted, const char *user, uint32_t n_ids,
	struct user_ids *u, bool *found, struct err *e)
{
	char *field[FIELDS_MAX], *at = group;
	for (int n; (n = next_line(&at, field)) >= 0;) {
		uint32_t gid;
		if (n < 3)
			continue;
		if (wanted && !strcmp(field[0], wanted)) {
			if (parse_id(field[2], n_ids, &u->gid, e) < 0)
				return err_prefix(e, "group '%s' in the zone's group file", wanted);
			*found = true;
		}
		if (wanted || n < 4 || !user)
			continue;
		char *members = field[3], *one;
		while ((one = strsep(&members, ",")))
			if (!strcmp(one, user) && u->n_groups < USER_GROUPS_MAX &&
				str_to_u32(field[2], &gid) && gid < n_ids)
				u->groups[u->n_groups++] = gid;
	}
	return 0;
}

static int resolve_name(int root_fd, const char *user, const char *group, uint32_t n_ids,
	struct user_ids *u, struct err *e)
{
	bool is_id = is_number(user);
	if (is_id && parse_id(user, n_ids, &u->uid, e) < 0)
		return -1;
	if ((!is_id && !is_name(user)) || (group && !is_number(group) && !is_name(group))) {
		char shown[200];
		return err_set(e, ERR_USAGE, "user '%s': expected UID, UID:GID, NAME or NAME:GROUP",
			str_escape(shown, sizeof shown, is_id || is_name(user) ? group : user));
	}
	autofree char *passwd = read_database(root_fd, "/etc/passwd", e);
	int found = passwd ? find_user(passwd, user, n_ids, u, e) : -1;
	if (found < 0)
		return -1;
	if (!found && !is_id)
		return err_set(e, ERR_USAGE, "no user '%s' in the zone's /etc/passwd", user);
	if (group && is_number(group))
		return parse_id(group, n_ids, &u->gid, e);
	autofree char *groups = read_database(root_fd, "/etc/group", e);
	bool has_group = !group;
	if (!groups || find_groups(groups, group, is_id ? NULL : user, n_ids, u, &has_group, e) < 0)
		return -1;
	return has_group ? 0
			 : err_set(e, ERR_USAGE, "no group '%s' in the zone's /etc/group", group);
}

int user_resolve(int root_fd, const char *text, uint32_t n_ids, struct user_ids *ret, struct err *e)
{
	struct user_ids u = {.home = "/root", .shell = ""};
	if (!text || !strcmp(text, "0:0")) {
		*ret = u;
		return 0;
	}
	autofree char *copy = strdup(text);
	if (!copy)
		return err_nomem(e);
	char *group = strchr(copy, ':');
	if (group)
		*group++ = '\0';
	(void)snprintf(u.home, sizeof u.home, "/");
	if (resolve_name(root_fd, copy, group, n_ids, &u, e) < 0)
		return -1;
	*ret = u;
	return 0;
}
