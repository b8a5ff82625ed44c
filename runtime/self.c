#include "runtime/self.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* linux/memfd.h, since 6.3 */
#endif
#define MEMFD_NAME "cella-sealed"
enum {
	CMDLINE_MAX = 4 << 20,
	SEAL_TRIES = 30 /* some 5 s */
};

static const char *own_exe(void)
{
	static char path[4096];
	if (!path[0]) {
		ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
		path[n > 0 ? n : 0] = '\0';
	}
	return path;
}

bool self_is_sealed(void)
{
	return str_starts(own_exe(), "/memfd:" MEMFD_NAME);
}

const char *self_path(void)
{
	/* Trusted only when we are the copy: then it was set by ourselves. */
	const char *told = self_is_sealed() ? getenv("CELLA_SELF") : NULL;
	return told ? told : own_exe();
}

/* sysctl vm.memfd_noexec=2 wants it said that the file is to be executed; kernels before 6.3 do not
 * know the word. */
static int make_memfd(void)
{
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create(MEMFD_NAME, flags | MFD_EXEC);
	return fd < 0 && errno == EINVAL ? memfd_create(MEMFD_NAME, flags) : fd;
}

/* EBUSY: somebody has a reference to one of the pages. Nobody knows the file but we, so it is the
 * kernel itself, moving them perhaps; it has waited 150 ms for that to end (memfd_wait_for_pins),
 * which is too short on a busy host. */
static int seal(int fd)
{
	static const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	int r, tries = 0;
	do
		r = fcntl(fd, F_ADD_SEALS, seals);
	while (r < 0 && errno == EBUSY && ++tries < SEAL_TRIES);
	return r;
}

int self_copy_sealed(int program_fd, const char *name, struct err *e)
{
	autofd int from = open(fd_path(program_fd).s, O_RDONLY | O_CLOEXEC);
	autofd int to = make_memfd();
	struct stat st;
	if (from < 0 || to < 0 || fstat(from, &st) < 0)
		return err_sys(e, errno, "make a sealed copy of %s", name);
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = sendfile(to, from, NULL, (size_t)left);
		if (n <= 0)
			return err_sys(e, n < 0 ? errno : EIO, "copy %s", name);
		left -= n;
	}
	if (fchmod(to, 0500) < 0 || seal(to) < 0)
		return err_sys(e, errno, "seal the copy of %s", name);
	return fd_steal(&to);
}

int self_seal(struct err *e)
{
	if (self_is_sealed())
		return 0;
	autofree char *line = malloc(CMDLINE_MAX);
	ssize_t len =
		line ? path_read_virtual(AT_FDCWD, "/proc/self/cmdline", line, CMDLINE_MAX) : -1;
	if (len <= 0)
		return err_sys(e, line ? errno : ENOMEM, "read our own command line");
	size_t n = 0;
	for (ssize_t i = 0; i < len; i++)
		n += line[i] == '\0';
	autofree char **argv = calloc(n + 1, sizeof *argv);
	if (!argv)
		return err_nomem(e);
	char *at = line;
	for (size_t i = 0; i < n; i++, at += strlen(at) + 1)
		argv[i] = at;
	autofd int own = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	autofd int fd = own < 0 ? err_sys(e, errno, "open this program")
				: self_copy_sealed(own, "this program", e);
	if (fd < 0)
		return -1;
	if (setenv("CELLA_SELF", own_exe(), 1) < 0)
		return err_nomem(e);
	(void)fexecve(fd, argv, environ);
	return err_sys(e, errno, "run the sealed copy of this program");
}
