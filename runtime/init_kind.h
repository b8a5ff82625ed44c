/* init_kind.h: what kind of init a zone has, and how it is told to stop and to reboot. */
#pragma once
#include "base/err.h"
#include "specs/zone_spec.h"

enum init_flavour {
	INIT_APP,
	INIT_SYSTEMD,
	INIT_BUSYBOX,
	INIT_SYSV,
	INIT_OPENRC,
	INIT_OTHER
};

/* A system init is pid 1 itself and gets a system zone's mounts, capabilities and cgroup; a plain
 * command gets cella-init as its parent. By init.kind, or for "auto" by the name of args[0]. Pure:
 * decided before the root is there. */
bool init_is_system(const struct zone_spec *spec);
/* The name alone: "init", "systemd", ... as the last component. */
bool init_name_is_system(const char *program);

/* Which init program it is, by looking at it in the root (by descriptor, R3). For a system init
 * only. Cannot fail: what it does not know is INIT_OTHER. */
enum init_flavour init_flavour_detect(int root_fd, const char *program);
const char *init_flavour_name(enum init_flavour f);

/* The signals that ask it for an orderly end, and for a reboot (0: it has none).
 * Sources: systemd(1) "SIGNALS"; busybox init.c; sysvinit init(8); openrc-init(8). */
int init_stop_signal(enum init_flavour f);
int init_reboot_signal(enum init_flavour f);
