/* Up to three flows, each with one buffer: read when it is empty, write when there is something.
 * Our own descriptors 0 to 2 are shared with the shell that started us, so they are never made
 * non-blocking: a write follows POLLOUT and is at most PIPE_BUF, which a pipe takes at once. */
#include "cli/relay.h"
#include "cli/terminal.h"
#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

struct flow {
	int from, to;	   /* -1: this side has ended */
	int *close_from;   /* the command's descriptor to close when nobody reads, or NULL */
	int *close_to;	   /* the same when there is nothing more to write, or NULL */
	bool is_pty_input; /* at the end: send the end-of-file character */
	bool is_end_sent;
	int lost; /* errno of a write that failed for another reason than a reader who left */
	unsigned char last; /* last byte that was read */
	unsigned char buf[PIPE_BUF];
	size_t at, len;
};

enum {
	FLOWS = 3,
	POLL_SIGNALS = FLOWS * 2,
	POLL_END,
	POLL_COUNT,
};

struct loop {
	struct relay *relay;
	struct flow flows[FLOWS];
	struct terminal_signals signals;
	bool has_ended;
};

static bool is_done(const struct flow *f)
{
	return f->from < 0 && f->at == f->len;
}

/* Nobody reads any more. */
static void stop_writing(struct flow *f)
{
	f->at = f->len = 0;
	f->to = f->from = -1;
	if (f->close_to)
		fd_close(f->close_to);
	/* The command is to see the broken pipe as if it wrote to our reader itself. */
	if (f->close_from)
		fd_close(f->close_from);
}

/* ^D twice when a line is unfinished: the first only delivers it. */
static void send_end(struct flow *f)
{
	struct termios t;
	unsigned char eof = tcgetattr(f->to, &t) == 0 ? t.c_cc[VEOF] : 4;
	f->is_end_sent = true;
	f->at = f->len = 0;
	f->buf[f->len++] = eof;
	if (f->last && f->last != '\n')
		f->buf[f->len++] = eof;
}

static void flow_finish(struct flow *f)
{
	if (f->to < 0 || !is_done(f))
		return;
	if (f->is_pty_input) {
		if (!f->is_end_sent)
			send_end(f);
		return;
	}
	f->to = -1;
	if (f->close_to)
		fd_close(f->close_to);
}

static void flow_read(struct flow *f)
{
	ssize_t n = read(f->from, f->buf, sizeof f->buf);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) { /* EIO: the last one who had the pty open is gone */
		f->from = -1;
		flow_finish(f);
		return;
	}
	f->at = 0;
	f->len = (size_t)n;
	f->last = f->buf[n - 1];
}

static void flow_write(struct flow *f)
{
	ssize_t n = write(f->to, f->buf + f->at, f->len - f->at);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0) {
		f->lost = errno == EPIPE || errno == EIO ? 0 : errno;
		stop_writing(f);
		return;
	}
	f->at += (size_t)n;
	flow_finish(f);
}

static void flow_prepare(const struct flow *f, struct pollfd p[2])
{
	bool is_full = f->at < f->len;
	p[0] = (struct pollfd){.fd = is_full ? -1 : f->from, .events = POLLIN};
	/* Without events only errors are reported: that is how a reader who has left is seen. */
	p[1] = (struct pollfd){.fd = f->to, .events = (short)(is_full ? POLLOUT : 0)};
}

static void flow_step(struct flow *f, const struct pollfd p[2])
{
	if (p[1].fd >= 0 && p[1].fd == f->to) {
		if ((p[1].revents & (POLLERR | POLLHUP | POLLNVAL)) && !(p[1].revents & POLLOUT)) {
			/* Of a pty that nobody has open any more the output may still be read. */
			if (f->is_pty_input)
				f->from = f->to = -1;
			else
				stop_writing(f);
			return;
		}
		if (p[1].revents & POLLOUT)
			flow_write(f);
	}
	if (p[0].fd >= 0 && p[0].fd == f->from && p[0].revents)
		flow_read(f);
}

static void take_signals(struct loop *l)
{
	uint16_t rows, cols;
	for (int sig; (sig = terminal_signals_next(&l->signals)) != 0;) {
		if (sig == SIGTSTP) {
			terminal_suspend();
		} else if (sig != SIGWINCH) {
			l->relay->on_signal(l->relay->arg, sig);
			continue;
		}
		if (l->relay->pty_fd && *l->relay->pty_fd >= 0 && terminal_size(&rows, &cols))
			terminal_set_size(*l->relay->pty_fd, rows, cols);
	}
}

/* Has everything that the command wrote been delivered? */
static bool is_drained(const struct loop *l, const struct pollfd *polls)
{
	for (int i = 1; i < FLOWS; i++) {
		const struct flow *f = &l->flows[i];
		if (f->at < f->len || (f->from >= 0 && polls[i * 2].revents))
			return false;
	}
	return true;
}

static int turn(struct loop *l, bool *ret_done, struct err *e)
{
	struct pollfd polls[POLL_COUNT];
	bool is_blocked = false;
	for (int i = 0; i < FLOWS; i++) {
		flow_prepare(&l->flows[i], polls + i * 2);
		is_blocked |= i > 0 && l->flows[i].at < l->flows[i].len;
	}
	polls[POLL_SIGNALS] = (struct pollfd){.fd = l->signals.fd, .events = POLLIN};
	polls[POLL_END] =
		(struct pollfd){.fd = l->has_ended ? -1 : l->relay->end_fd, .events = POLLIN};
	/* After the end: what is there is taken, nothing is waited for but our own reader. */
	int n = poll(polls, POLL_COUNT, l->has_ended && !is_blocked ? 0 : -1);
	if (n < 0)
		return errno == EINTR ? 0 : err_sys(e, errno, "poll");
	if (polls[POLL_SIGNALS].revents)
		take_signals(l);
	if (l->has_ended && is_drained(l, polls)) {
		*ret_done = true;
		return 0;
	}
	if (polls[POLL_END].revents) {
		l->has_ended = true;
		if (l->relay->on_end)
			l->relay->on_end(l->relay->arg);
		l->flows[0].from = l->flows[0].to = -1; /* nobody is there to read it */
	}
	for (int i = 0; i < FLOWS; i++)
		flow_step(&l->flows[i], polls + i * 2);
	return 0;
}

static void unblock(const int *fd)
{
	int flags = fd && *fd >= 0 ? fcntl(*fd, F_GETFL) : -1;
	if (flags >= 0)
		(void)fcntl(*fd, F_SETFL, flags | O_NONBLOCK);
}

static struct flow flow_make(int from, int to, int *close_from, int *close_to)
{
	return (struct flow){
		.from = from, .to = to, .close_from = close_from, .close_to = close_to};
}

int relay_run(struct relay *r, struct err *e)
{
	bool has_pty = r->pty_fd && *r->pty_fd >= 0, done = false;
	autofree struct loop *l = calloc(1, sizeof *l);
	if (!l)
		return err_nomem(e);
	l->relay = r;
	if (has_pty) {
		l->flows[0] = flow_make(STDIN_FILENO, *r->pty_fd, NULL, NULL);
		l->flows[0].is_pty_input = true;
		l->flows[1] = flow_make(*r->pty_fd, STDOUT_FILENO, r->pty_fd, NULL);
		l->flows[2] = flow_make(-1, -1, NULL, NULL);
		unblock(r->pty_fd);
	} else {
		l->flows[0] = flow_make(STDIN_FILENO, *r->in_fd, NULL, r->in_fd);
		l->flows[1] = flow_make(*r->out_fd, STDOUT_FILENO, r->out_fd, NULL);
		l->flows[2] = flow_make(*r->err_fd, STDERR_FILENO, r->err_fd, NULL);
		unblock(r->in_fd);
		unblock(r->out_fd);
		unblock(r->err_fd);
	}
	if (terminal_signals_begin(&l->signals, e) < 0)
		return -1;
	int result = has_pty ? terminal_raw(STDIN_FILENO, e) : 0;
	while (result == 0 && !done) {
		result = turn(l, &done, e);
		/* The pty was closed since our reader has left: so has its writer. */
		if (has_pty && *r->pty_fd < 0)
			l->flows[0].from = l->flows[0].to = -1;
	}
	terminal_restore();
	terminal_signals_end(&l->signals);
	for (int i = 1; result == 0 && i < FLOWS; i++)
		if (l->flows[i].lost)
			result = err_sys(e, l->flows[i].lost, "write what the command printed");
	return result;
}
