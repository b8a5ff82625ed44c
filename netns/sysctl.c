#include "netns/sysctl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"

static bool is_value(const char *text, const char *value)
{
	size_t len = strlen(value);
	return strncmp(text, value, len) == 0 && (text[len] == '\n' || text[len] == '\0');
}

bool sysctl_has_ipv6(void)
{
	return access("/proc/net/if_inet6", F_OK) == 0;
}

int sysctl_want(const char *key, const char *value, struct err *e)
{
	char path[128], now[32];
	(void)snprintf(path, sizeof path, "/proc/sys/net/%s", key);
	if (path_read_virtual(AT_FDCWD, path, now, sizeof now) < 0)
		return err_sys(e, errno, "read %s", path);
	if (is_value(now, value))
		return 0;
	if (path_write_virtual(AT_FDCWD, path, value) < 0) {
		int errnum = errno;
		(void)err_sys(e, errnum, "write %s", path);
		(void)err_hint(e, "set it by hand: sysctl -w net/%s=%s", key, value);
		return errnum == EROFS ? err_class_set(e, ERR_HOST) : -1;
	}
	return 0;
}

static void closedir_done(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

/* "default" too, so that an uplink that appears later gets its routes as before. */
static int keep_router_advertisements(struct err *e)
{
	const char *conf = "/proc/sys/net/ipv6/conf";
	__attribute__((cleanup(closedir_done))) DIR *dir = opendir(conf);
	if (!dir)
		return err_sys(e, errno, "open %s", conf);
	struct dirent *entry;
	while ((entry = readdir(dir))) {
		char key[300], now[16];
		if (entry->d_name[0] == '.' || str_eq(entry->d_name, "all") ||
			str_eq(entry->d_name, "lo"))
			continue;
		(void)snprintf(key, sizeof key, "%s/accept_ra", entry->d_name);
		/* An interface that vanishes meanwhile needs nothing. */
		if (path_read_virtual(dirfd(dir), key, now, sizeof now) < 0 || !is_value(now, "1"))
			continue;
		if (path_write_virtual(dirfd(dir), key, "2") < 0 && errno != ENOENT)
			return err_sys(e, errno, "write %s/%s", conf, key);
	}
	return 0;
}

int sysctl_forward(bool want_ipv6, struct err *e)
{
	char now[16];
	if (sysctl_want("ipv4/ip_forward", "1", e) < 0)
		return -1;
	if (!want_ipv6)
		return 0;
	const char *path = "/proc/sys/net/ipv6/conf/all/forwarding";
	if (path_read_virtual(AT_FDCWD, path, now, sizeof now) < 0)
		return err_sys(e, errno, "read %s", path);
	if (is_value(now, "1"))
		return 0;
	if (keep_router_advertisements(e) < 0)
		return -1;
	return sysctl_want("ipv6/conf/all/forwarding", "1", e);
}
