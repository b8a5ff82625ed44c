#include "cli/console_client.h"
#include "cli/terminal.h"
#include "base/fd.h"
#include "runtime/keeper_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	INPUT_MAX = 1024
};

struct console {
	int keeper_fd;
	struct escape *escape;
	struct terminal_signals signals;
	bool has_input;
	struct keeper_exit exit;
};

static void send_size(const struct console *c)
{
	uint16_t size[2];
	if (terminal_size(&size[0], &size[1]))
		(void)keeper_send(c->keeper_fd, 'w', size, sizeof size);
}

/* -1: go on. Everything else is how it ends. */
enum {
	GO_ON = -1
};

static int take_input(struct console *c)
{
	unsigned char in[INPUT_MAX], out[INPUT_MAX + 1];
	size_t len;
	ssize_t n = read(STDIN_FILENO, in, sizeof in);
	if (n < 0 && errno == EINTR)
		return GO_ON;
	if (n <= 0) {
		/* A script's input has ended: what the zone prints may still be wanted, until it
		 * ends or we are told to go. A terminal that is gone will not come back. */
		c->has_input = false;
		return isatty(STDIN_FILENO) ? CONSOLE_LEFT : GO_ON;
	}
	bool leave = escape_feed(c->escape, in, (size_t)n, out, &len);
	if (len && keeper_send(c->keeper_fd, 'i', out, len) < 0)
		return CONSOLE_LOST;
	return leave ? CONSOLE_LEFT : GO_ON;
}

static int take_output(struct console *c)
{
	char packet[KEEPER_PACKET];
	ssize_t n = fd_recv(c->keeper_fd, packet, sizeof packet, NULL, NULL);
	if (n <= 0)
		return CONSOLE_LOST;
	if (packet[0] == 'o' && fd_write_all(STDOUT_FILENO, packet + 1, (size_t)n - 1) < 0)
		return CONSOLE_LEFT;
	if (packet[0] == 'x' && n == (ssize_t)sizeof c->exit) {
		memcpy(&c->exit, packet, sizeof c->exit);
		return CONSOLE_ENDED;
	}
	return packet[0] == 'b' ? CONSOLE_LOST : GO_ON;
}

static int take_signals(struct console *c)
{
	for (int sig; (sig = terminal_signals_next(&c->signals)) != 0;) {
		if (sig == SIGTSTP)
			terminal_suspend();
		else if (sig != SIGWINCH)
			return CONSOLE_LEFT; /* the zone is not ours: it hears nothing of it */
		send_size(c);
	}
	return GO_ON;
}

static int turn(struct console *c, struct err *e)
{
	struct pollfd p[3] = {
		{.fd = c->has_input ? STDIN_FILENO : -1, .events = POLLIN},
		{.fd = c->keeper_fd, .events = POLLIN},
		{.fd = c->signals.fd, .events = POLLIN},
	};
	int r = GO_ON;
	if (poll(p, 3, -1) < 0)
		return errno == EINTR ? GO_ON : err_sys(e, errno, "poll") - 1;
	if (p[2].revents)
		r = take_signals(c);
	if (r == GO_ON && p[1].revents)
		r = take_output(c);
	if (r == GO_ON && p[0].revents)
		r = take_input(c);
	return r;
}

int console_attach(
	int keeper_fd, struct escape *escape, struct keeper_exit *ret_exit, struct err *e)
{
	struct console c = {.keeper_fd = keeper_fd, .escape = escape, .has_input = true};
	if (keeper_send(keeper_fd, 'c', NULL, 0) < 0)
		return CONSOLE_LOST;
	if (terminal_signals_begin(&c.signals, e) < 0)
		return -1;
	int r = terminal_raw(STDIN_FILENO, e) < 0 ? GO_ON - 1 : GO_ON;
	if (r == GO_ON)
		send_size(&c);
	while (r == GO_ON)
		r = turn(&c, e);
	terminal_restore();
	terminal_signals_end(&c.signals);
	*ret_exit = c.exit;
	return r < 0 ? -1 : r;
}

const char *console_ending(const struct keeper_exit *x, char *out, size_t size)
{
	switch (x->reason) {
	case KEEPER_EXITED:
		(void)snprintf(out, size, "exited with code %d", x->code);
		break;
	case KEEPER_SIGNALED:
		(void)snprintf(out, size, "was ended by signal %d", x->code);
		break;
	case KEEPER_REBOOT:
		(void)snprintf(out, size, "reboots");
		break;
	case KEEPER_POWEROFF:
		(void)snprintf(out, size, "has powered off");
		break;
	case KEEPER_OOM:
		(void)snprintf(out, size, "was ended by its memory limit");
		break;
	default:
		(void)snprintf(out, size, "has ended");
		break;
	}
	return out;
}
