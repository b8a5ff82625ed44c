#include "runtime/initctl.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <signal.h>
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

int initctl_request(pid_t init, int init_fd, char runlevel, struct err *e)
{
	static const char *const places[] = {"/run/initctl", "/dev/initctl"};
	char path[40];
	(void)snprintf(path, sizeof path, "/proc/%d/root", init);
	autofd int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(e, errno, "open '%s'", path);
	/* Did the number still mean our init? Else this is somebody's root, the host's perhaps. */
	if (sys_pidfd_send_signal(init_fd, 0) < 0)
		return err_set(e, ERR_STATE, "its init has ended");
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		autofd int fd = path_open_type_in(root, places[i], O_WRONLY | O_NOFOLLOW, S_IFIFO);
		if (fd < 0)
			continue;
		struct init_request r = {INIT_MAGIC, INIT_CMD_RUNLVL, runlevel, KILL_AFTER_S, {0}};
		/* Below PIPE_BUF: whole or not at all. Its reader may go away at any time, which is
		 * not to end us. */
		struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
		(void)sigaction(SIGPIPE, &ignore, &before);
		ssize_t n = write(fd, &r, sizeof r);
		(void)sigaction(SIGPIPE, &before, NULL);
		if (n == (ssize_t)sizeof r)
			return 0;
	}
	return err_set(e, ERR_FAILED, "its init does not read /run/initctl");
}
