#include "runtime/initctl.h"
#include "base/fd.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* sysvinit, src/initreq.h: struct init_request, 384 bytes. */
struct init_request {
	int32_t magic, cmd, runlevel, sleeptime;
	char data[368];
};
_Static_assert(sizeof(struct init_request) == 384, "as sysvinit reads it");
enum {
	INIT_MAGIC = 0x03091969,
	INIT_CMD_RUNLVL = 1,
	KILL_AFTER_S = 5
};

int initctl_request(pid_t init, char runlevel, struct err *e)
{
	static const char *const places[] = {"/run/initctl", "/dev/initctl"};
	char path[40];
	(void)snprintf(path, sizeof path, "/proc/%d/root", init);
	autofd int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(e, errno, "open '%s'", path);
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		struct stat st;
		autofd int fd =
			path_open_in(root, places[i], O_WRONLY | O_NONBLOCK | O_NOFOLLOW, 0);
		if (fd < 0 || fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))
			continue;
		struct init_request r = {INIT_MAGIC, INIT_CMD_RUNLVL, runlevel, KILL_AFTER_S, {0}};
		/* Below PIPE_BUF: whole or not at all. */
		if (write(fd, &r, sizeof r) == (ssize_t)sizeof r)
			return 0;
	}
	return err_set(e, ERR_FAILED, "its init does not read /run/initctl");
}
