#include "cli/terminal.h"
#include "base/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* A terminal belongs to the process, and what must restore it (atexit, a fatal signal) has no
 * argument: the one piece of state at file level. */
static struct {
	volatile sig_atomic_t is_raw;
	int fd;
	struct termios before, raw;
	bool has_exit_handler;
} terminal;

void terminal_restore(void)
{
	if (!terminal.is_raw)
		return;
	terminal.is_raw = 0;
	int saved = errno;
	/* In the background tcsetattr would stop us: there is nobody to stop for. */
	sigset_t ttou, old;
	(void)sigemptyset(&ttou);
	(void)sigaddset(&ttou, SIGTTOU);
	(void)sigprocmask(SIG_BLOCK, &ttou, &old);
	(void)tcsetattr(terminal.fd, TCSADRAIN, &terminal.before);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	errno = saved;
}

int terminal_raw(int fd, struct err *e)
{
	if (!isatty(fd) || terminal.is_raw)
		return 0;
	if (tcgetattr(fd, &terminal.before) < 0)
		return err_sys(e, errno, "read the terminal's modes");
	terminal.fd = fd;
	terminal.raw = terminal.before;
	cfmakeraw(&terminal.raw);
	if (!terminal.has_exit_handler && atexit(terminal_restore) == 0)
		terminal.has_exit_handler = true;
	if (tcsetattr(fd, TCSADRAIN, &terminal.raw) < 0)
		return err_sys(e, errno, "set the terminal's modes");
	terminal.is_raw = 1;
	return 0;
}

void terminal_suspend(void)
{
	bool was_raw = terminal.is_raw;
	terminal_restore();
	(void)raise(SIGSTOP);
	if (was_raw && tcsetattr(terminal.fd, TCSADRAIN, &terminal.raw) == 0)
		terminal.is_raw = 1;
}

bool terminal_size(uint16_t *rows, uint16_t *cols)
{
	struct winsize w;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_row && w.ws_col) {
			*rows = w.ws_row;
			*cols = w.ws_col;
			return true;
		}
	*rows = 24;
	*cols = 80;
	return false;
}

void terminal_set_size(int pty_fd, uint16_t rows, uint16_t cols)
{
	struct winsize w = {.ws_row = rows, .ws_col = cols};
	(void)ioctl(pty_fd, TIOCSWINSZ, &w);
}

int terminal_signals_begin(struct terminal_signals *s, struct err *e)
{
	static const int wanted[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP};
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t mask;
	(void)sigemptyset(&mask);
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		(void)sigaddset(&mask, wanted[i]);
	if (sigprocmask(SIG_BLOCK, &mask, &s->old_mask) < 0)
		return err_sys(e, errno, "block signals");
	s->fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->fd < 0) {
		int why = errno;
		(void)sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
		return err_sys(e, why, "make a signalfd");
	}
	(void)sigaction(SIGPIPE, &ignore, &s->old_pipe);
	return 0;
}

void terminal_signals_end(struct terminal_signals *s)
{
	fd_close(&s->fd);
	(void)sigaction(SIGPIPE, &s->old_pipe, NULL);
	(void)sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
}

int terminal_signals_next(const struct terminal_signals *s)
{
	struct signalfd_siginfo info;
	ssize_t n = read(s->fd, &info, sizeof info);
	return n == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}
