/* floor.c: the least that any container costs on this kernel, to compare with: one clone3(2) with
 * every namespace, id maps, a bind of ROOT, proc, a tmpfs, pivot_root, exec, wait. No limits, no
 * seccomp, no capabilities, no overlay, no network but a loopback that is down.
 *
 *	floor ROOT COMMAND [ARG...]
 */
#include "bench/floor.h"
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void child(const char *root, char **argv, int wait_fd)
{
	char go;
	must(read(wait_fd, &go, 1) == 1, "wait for the id maps");
	must(setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0, "setresuid");
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "make mounts private");
	int tree = open_tree(AT_FDCWD, root, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	must(tree >= 0, "open_tree");
	must(move_mount(tree, "", AT_FDCWD, root, MOVE_MOUNT_F_EMPTY_PATH) == 0, "move_mount");
	attach(new_fs("proc", NULL, NULL), tree, "proc");
	attach(new_fs("tmpfs", NULL, NULL), tree, "tmp");
	must(fchdir(tree) == 0, "fchdir");
	must(syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
	must(umount2(".", MNT_DETACH) == 0, "umount");
	must(chdir("/") == 0, "chdir");
	execv(argv[0], argv);
	must(0, argv[0]);
}

int main(int argc, char **argv)
{
	int ready[2], status;
	if (argc < 3) {
		(void)fputs("usage: floor ROOT COMMAND [ARG...]\n", stderr);
		return 2;
	}
	must(pipe2(ready, O_CLOEXEC) == 0, "pipe");
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
			 CLONE_NEWUTS | CLONE_NEWCGROUP,
		.exit_signal = SIGCHLD,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
	must(pid >= 0, "clone3");
	if (pid == 0)
		child(argv[1], argv + 2, ready[0]);
	put(pid, "uid_map", "0 0 65536");
	put(pid, "gid_map", "0 0 65536");
	must(write(ready[1], "x", 1) == 1, "let go");
	must(waitpid(pid, &status, 0) == pid, "wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
