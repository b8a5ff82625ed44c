#include "runtime/needs.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <linux/close_range.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

/* Arguments that every kernel with the call refuses, before it looks at who calls or touches
 * anything. A later one that takes them would find NULL and -1. close_range came before the flag
 * that is wanted: here it succeeds, on nothing, and EINVAL is as good as ENOSYS. */
static const struct need {
	const char *name, *since;
	long number, args[5];
} needs[] = {
	{"memfd_create", "3.17", SYS_memfd_create, {0, -1}},
	{"seccomp", "3.17", SYS_seccomp, {-1}},
	{"statx", "4.11", SYS_statx, {-1, 0, -1, -1, 0}},
	{"pidfd_send_signal", "5.1", SYS_pidfd_send_signal, {-1, 0, 0, -1}},
	{"fsopen", "5.2", SYS_fsopen, {0, -1}},
	{"fsconfig", "5.2", SYS_fsconfig, {-1, -1, 0, 0, 0}},
	{"fsmount", "5.2", SYS_fsmount, {-1, -1, -1}},
	{"open_tree", "5.2", SYS_open_tree, {-1, 0, -1}},
	{"move_mount", "5.2", SYS_move_mount, {-1, 0, -1, 0, -1}},
	{"clone3", "5.3", SYS_clone3, {0, 0}},
	{"pidfd_open", "5.3", SYS_pidfd_open, {-1, -1}},
	{"openat2", "5.6", SYS_openat2, {-1, 0, 0, 0}},
	{"close_range", "5.11", SYS_close_range, {~0U, ~0U, CLOSE_RANGE_CLOEXEC}},
	{"mount_setattr", "5.12", SYS_mount_setattr, {-1, 0, -1, 0, 0}},
};

int needs_check(struct err *e)
{
	static bool has_all;
	autostr struct strbuf missing = {0};
	if (has_all) /* `run` creates and starts */
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
		const struct need *n = &needs[i];
		const long *a = n->args;
		if (syscall(n->number, a[0], a[1], a[2], a[3], a[4]) < 0 &&
			(errno == ENOSYS || (errno == EINVAL && n->number == SYS_close_range)))
			str_addf(&missing, "%s%s (Linux %s)", missing.len ? ", " : "", n->name,
				n->since);
	}
	if (missing.failed)
		return err_nomem(e);
	has_all = !missing.len;
	if (has_all)
		return 0;
	err_set(e, ERR_HOST, "this kernel lacks %s", missing.buf);
	return err_hint(e,
		"Linux 5.19 or later has them all; a filter around this command may hide "
		"them as well");
}
