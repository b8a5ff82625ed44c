#include "cli/command.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "base/sys.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

bool command_wants_pty(int tty)
{
	if (tty == COMMAND_TTY_AUTO)
		return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	return tty == COMMAND_TTY_YES;
}

int command_code(int how, int status)
{
	return how == CLD_EXITED ? status : COMMAND_SIGNAL + status;
}

static void forward(void *arg, int sig)
{
	const struct exec_process *p = arg;
	(void)sys_pidfd_send_signal(p->pidfd, sig);
}

static int carry(struct exec_process *p, struct err *e)
{
	siginfo_t info = {0};
	struct relay r = {
		.pty_fd = p->pty_fd >= 0 ? &p->pty_fd : NULL,
		.in_fd = &p->in_fd,
		.out_fd = &p->out_fd,
		.err_fd = &p->err_fd,
		.end_fd = p->pidfd,
		.on_signal = forward,
		.arg = p,
	};
	if (relay_run(&r, e) < 0)
		return -1;
	if (sys_waitid_pidfd(p->pidfd, &info, WEXITED) < 0)
		return err_sys(e, errno, "wait for the command");
	return command_code(info.si_code, info.si_status);
}

int command_exec(struct cli *c, const char *zone, struct exec_options *o)
{
	struct err e = {0};
	struct exec_process p;
	int code = COMMAND_TOOL_FAILED;
	const struct store *s = cli_store(c, &e);
	o->term = o->pty ? getenv("TERM") : NULL;
	if (o->pty)
		(void)terminal_size(&o->rows, &o->cols);
	if (!s || zone_exec(s, zone, o, &p, &code, &e) < 0) {
		(void)report_error(c, zone, &e);
		return code;
	}
	code = carry(&p, &e);
	if (code < 0) {
		(void)report_error(c, zone, &e);
		code = COMMAND_TOOL_FAILED;
	}
	exec_process_done(&p);
	return code;
}
