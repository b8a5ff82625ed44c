/* What the zone side of a start says, as the host side hears it. */
#include "runtime/start_host.h"
#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <poll.h>

int start_receive(struct start *s, int fds[2], struct err *e)
{
	struct start_msg m = {0};
	size_t n = 2;
	bool unread;
	ssize_t len = fd_recv_rest(s->sock, &m, sizeof m, fds, &n, &unread);
	if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return err_set(e, ERR_TIMEOUT, "the zone side does not answer");
	if (len == 0)
		m.kind = START_MSG_EOF;
	else if (len != (ssize_t)sizeof m)
		return err_sys(e, len < 0 ? errno : EPROTO, "message of the zone side");
	int next = start_next(s->proto, m.kind);
	if (unread && m.kind == START_MSG_EOF)
		next = START_FAILED; /* nor has it read GO, so this is not exec */
	if (next < 0)
		return err_set(e, ERR_FAILED,
			"the zone side broke the protocol: message %u when %s", m.kind,
			start_state_name(s->proto));
	s->proto = (enum start_state)next;
	if (next != START_FAILED)
		return (int)m.kind;
	if (m.kind == START_MSG_EOF)
		return err_set(e, ERR_FAILED, "the zone side died without a word");
	start_explain(s, &m, e);
	return -1;
}

void start_prefer_their_reason(struct start *s, struct err *e)
{
	struct pollfd p = {.fd = s->sock, .events = POLLIN};
	while (s->pid > 0 && s->proto < START_GOING && poll(&p, 1, 0) == 1) {
		struct start_msg m = {0};
		int fds[2] = {-1, -1};
		size_t n = 2;
		ssize_t len = fd_recv_rest(s->sock, &m, sizeof m, fds, &n, NULL);
		fd_close(&fds[0]);
		fd_close(&fds[1]);
		if (len == (ssize_t)sizeof m && m.kind != START_MSG_FAIL)
			continue;
		err_clear(e);
		if (len == (ssize_t)sizeof m)
			start_explain(s, &m, e);
		else
			err_set(e, ERR_FAILED, "the zone side died without a word");
		return;
	}
}

void start_explain(const struct start *s, const struct start_msg *m, struct err *e)
{
	static const char *const hints[] = {
		[FAULT_HINT_NONE] = "",
		[FAULT_HINT_INIT_MISSING] =
			"there is no such program in the zone's root: see init.args",
		[FAULT_HINT_INIT_FORMAT] = "it is not a program for this machine",
		[FAULT_HINT_INIT_LOADER] =
			("the file is there, its loader (ld.so, or the one behind #!) "
			 "is not: is the root complete, and for this architecture?"),
		[FAULT_HINT_NOT_DIRECTORY] = "it must be an ordinary directory in the zone's root",
		[FAULT_HINT_KERNEL_TOO_OLD] = "Linux 5.19 or newer is needed",
		[FAULT_HINT_MOUNT_LIMIT] = "the limit of mounts is reached: sysctl fs.mount-max",
		[FAULT_HINT_NS_LIMIT] =
			"the limit of namespaces is reached: see user.max_*_namespaces",
	};
	char object[sizeof m->fault.object];
	memcpy(object, m->fault.object, sizeof object);
	object[sizeof object - 1] = '\0';
	err_sys(e, m->fault.errnum, "step %s: %s", start_step_name(m->step), object);
	err_at(e, start_step_name(m->step), object);
	if (m->fault.hint < ARRAY_LEN(hints) && hints[m->fault.hint] && hints[m->fault.hint][0])
		err_hint(e, "%s", hints[m->fault.hint]);
	(void)s;
}
