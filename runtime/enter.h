/* enter.h: running a command in a zone that runs (exec, shell). */
#pragma once
#include "runtime/store.h"
#include <sys/types.h>

struct exec_options {
	const char *const *argv; /* NULL-terminated */
	/* A program of ours ("cella-copy"), by descriptor, instead of one of the zone's, and
	 * nothing of the spec's environment. */
	const char *own_program;
	const char *const *env; /* "K=V" to add to the spec's, NULL-terminated, or NULL */
	const char *user;	/* "uid", "uid:gid", "name", "name:group", or NULL for 0:0 */
	const char *cwd;	/* in the zone, or NULL: the user's home for shell, "/" else */
	bool pty;
	bool login; /* shell: argv is ignored, the user's login shell */
	uint16_t rows, cols;
	const char *term;	 /* TERM for a pty, or NULL */
	const int *preserve_fds; /* none in the command line today; the OCI face has them */
	size_t n_preserve_fds;
};
struct exec_process {
	pid_t pid; /* direct child of ours that stands for the command: its status is the command's
		    */
	int pidfd;
	int pty_fd;		   /* master, or -1 */
	int in_fd, out_fd, err_fd; /* our ends of three pipes, or -1 with a pty */
};
/* On success the command has been exec'ed. Failure classes: ERR_STATE not running; and for the
 * command itself *ret_code is set to 126 (found, not executable) or 127 (not found), else 125. */
int zone_exec(const struct store *s, const char *name, const struct exec_options *o,
	struct exec_process *ret, int *ret_code, struct err *e);
void exec_process_done(struct exec_process *p);
