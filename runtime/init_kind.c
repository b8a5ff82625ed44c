#include "runtime/init_kind.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

bool init_name_is_system(const char *program)
{
	static const char *const inits[] = {
		"init", "systemd", "openrc-init", "runit-init", "s6-svscan"};
	const char *name = base_name(program);
	for (size_t i = 0; i < ARRAY_LEN(inits); i++)
		if (!strcmp(name, inits[i]))
			return true;
	return false;
}

bool init_is_system(const struct zone_spec *spec)
{
	if (spec->init.kind != SPEC_INIT_AUTO)
		return spec->init.kind == SPEC_INIT_SYSTEM;
	return spec->init.args.n == 0 || init_name_is_system(spec->init.args.items[0]);
}

enum init_flavour init_flavour_detect(int root_fd, const char *program)
{
	static const struct {
		const char *name;
		enum init_flavour flavour;
	} known[] = {
		{"systemd", INIT_SYSTEMD},
		{"busybox", INIT_BUSYBOX},
		{"openrc-init", INIT_OPENRC},
	};
	/* /sbin/init is a link to the real one more often than not. The kernel tells where the
	 * path led through the magic link of our own descriptor. */
	autofd int fd = path_open_in(root_fd, program, O_PATH, 0);
	char real[4096];
	ssize_t n = fd < 0 ? -1 : readlink(fd_path(fd).s, real, sizeof real - 1);
	if (n < 0)
		return INIT_OTHER;
	real[n] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (!strcmp(base_name(real), known[i].name))
			return known[i].flavour;
	autofd int tab = path_open_in(root_fd, "/etc/inittab", O_PATH, 0);
	autofd int telinit = path_open_in(root_fd, "/sbin/telinit", O_PATH | O_NOFOLLOW, 0);
	return tab >= 0 && telinit >= 0 ? INIT_SYSV : INIT_OTHER;
}

const char *init_flavour_name(enum init_flavour f)
{
	static const char *const names[] = {
		[INIT_APP] = "app",
		[INIT_SYSTEMD] = "systemd",
		[INIT_BUSYBOX] = "busybox",
		[INIT_SYSV] = "sysv",
		[INIT_OPENRC] = "openrc",
		[INIT_OTHER] = "other",
	};
	return names[f];
}

int init_stop_signal(enum init_flavour f)
{
	switch (f) {
	case INIT_SYSTEMD:
		return SIGRTMIN + 3; /* halt.target */
	case INIT_BUSYBOX:
		return SIGUSR2; /* power off */
	case INIT_SYSV:
		return SIGPWR; /* inittab's powerfail entry */
	case INIT_APP:
	case INIT_OPENRC:
	case INIT_OTHER:
		break;
	}
	return SIGTERM;
}

int init_reboot_signal(enum init_flavour f)
{
	switch (f) {
	case INIT_SYSTEMD:
	case INIT_SYSV:
	case INIT_OPENRC:
		return SIGINT; /* ctrl-alt-del */
	case INIT_BUSYBOX:
		return SIGTERM;
	case INIT_APP:
	case INIT_OTHER:
		break;
	}
	return 0;
}
