#include "runtime/start_lock.h"
#include "base/fd.h"
#include "base/sys.h"
#include "fsroot/apply.h"
#include "fsroot/tree.h"

#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child. 0, or -1 with a fault. */
static int make_locked(int tree_fd, int userns_fd, struct fault *f)
{
	if (unshare(CLONE_NEWNS) < 0 || tree_make_private() < 0)
		return fault_set(f, "mount namespace of the host's");
	if (tree_attach_anywhere(tree_fd) < 0)
		return fault_set(f, "the zone's tree");
	if (apply_pivot(tree_fd, f) < 0)
		return -1;
	/* From here on with the zone's rights, and no more. */
	if (setns(userns_fd, CLONE_NEWUSER) < 0)
		return fault_set(f, "user namespace");
	return unshare(CLONE_NEWNS) < 0 ? fault_set(f, "locked mount namespace") : 0;
}

/* Says what came of it, and lives until its namespace has been opened. */
__attribute__((noreturn)) static void child(int sock, int tree_fd, int userns_fd)
{
	struct fault f = {0};
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)make_locked(tree_fd, userns_fd, &f);
	if (fd_send(sock, &f, sizeof f, NULL, 0) == 0)
		(void)fd_recv(sock, &f, sizeof f, NULL, NULL);
	_exit(0);
}

static int open_locked(int sock, pid_t pid, int *ret_ns, struct err *e)
{
	struct fault f;
	if (fd_recv(sock, &f, sizeof f, NULL, NULL) != (ssize_t)sizeof f)
		return err_set(e, ERR_FAILED, "the child that locks the mounts died");
	if (f.errnum)
		return err_sys(e, f.errnum, "%.*s", (int)sizeof f.object, f.object);
	if ((*ret_ns = ns_open(pid, NS_MNT)) < 0)
		return err_sys(e, errno, "open the locked mount namespace");
	return 0;
}

int start_lock_mounts(struct start *s, int tree_fd, int *ret_ns, struct err *e)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "make a socket pair");
	autofd int ours = pair[0], theirs = pair[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "fork");
	if (pid == 0) {
		fd_close(&ours);
		child(theirs, tree_fd, s->userns_fd);
	}
	fd_close(&theirs);
	int r = open_locked(ours, pid, ret_ns, e);
	fd_close(&ours);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r < 0 ? err_at(e, "lock mounts", NULL) : 0;
}
