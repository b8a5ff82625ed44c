#include "netns/nl.h"

#include <errno.h>
#include <fcntl.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/mem.h"

enum {
	MSG_ROOM = 1024,      /* the largest message of ours has about 400 bytes */
	ANSWER_ROOM = 65536,  /* the kernel fills at most 32 KiB per packet of a dump */
	DUMP_ROUNDS_MAX = 16, /* how often an interrupted dump is done again */
};

int nl_open(int protocol, struct err *e)
{
	autofd int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		return err_sys(e, errno, "open a netlink socket");
	/* Both exist since Linux 4.12; without them the messages are poorer, nothing else. */
	int on = 1;
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
	return fd_steal(&fd);
}

int nl_netns_enter(int netns_fd, int *ret_home_fd, struct err *e)
{
	autofd int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0)
		return err_sys(e, errno, "open /proc/thread-self/ns/net");
	if (setns(netns_fd, CLONE_NEWNET) < 0)
		return err_sys(e, errno, "enter the zone's network namespace");
	*ret_home_fd = fd_steal(&home);
	return 0;
}

int nl_netns_leave(int home_fd, struct err *e)
{
	if (setns(home_fd, CLONE_NEWNET) < 0)
		return err_sys(e, errno, "return to the host's network namespace");
	return 0;
}

static struct nl_msg *last_msg(struct nl_batch *b)
{
	if (!b->n || !b->items[b->n - 1].msg)
		b->failed = true;
	return b->failed ? NULL : b->items[b->n - 1].msg;
}

void nl_batch_add(struct nl_batch *b, int type, int flags, const void *header, size_t header_len,
	const char *what, ...)
{
	if (b->failed || b->n == NL_BATCH_MAX) {
		b->failed = true;
		return;
	}
	size_t i = b->n++;
	memset(b->items[i].tolerated, 0, sizeof b->items[i].tolerated);
	va_list ap;
	va_start(ap, what);
	(void)vsnprintf(b->items[i].what, sizeof b->items[i].what, what, ap);
	va_end(ap);

	struct nl_msg *msg = b->items[i].msg = nlmsg_alloc_size(MSG_ROOM);
	if (!msg ||
		!nlmsg_put(msg, 0, (uint32_t)i + 1, type, 0, NLM_F_REQUEST | NLM_F_ACK | flags) ||
		nlmsg_append(msg, (void *)(uintptr_t)header, header_len, NLMSG_ALIGNTO) < 0)
		b->failed = true;
}

void nl_batch_tolerate(struct nl_batch *b, int errnum)
{
	if (!last_msg(b))
		return;
	int *t = b->items[b->n - 1].tolerated;
	t[t[0] ? 1 : 0] = errnum;
}

void nl_put(struct nl_batch *b, int attr, const void *data, size_t len)
{
	struct nl_msg *msg = last_msg(b);
	if (msg && nla_put(msg, attr, (int)len, data) < 0)
		b->failed = true;
}

void nl_put_u8(struct nl_batch *b, int attr, uint8_t v)
{
	nl_put(b, attr, &v, sizeof v);
}

void nl_put_u32(struct nl_batch *b, int attr, uint32_t v)
{
	nl_put(b, attr, &v, sizeof v);
}

void nl_put_str(struct nl_batch *b, int attr, const char *s)
{
	nl_put(b, attr, s, strlen(s) + 1);
}

void *nl_nest(struct nl_batch *b, int attr)
{
	struct nl_msg *msg = last_msg(b);
	struct nlattr *nest = msg ? nla_nest_start(msg, attr | NLA_F_NESTED) : NULL;
	if (!nest)
		b->failed = true;
	return nest;
}

void nl_nest_end(struct nl_batch *b, void *nest)
{
	struct nl_msg *msg = last_msg(b);
	/* The variant that keeps an empty nest: IFLA_INFO_DATA may be empty. */
	if (msg && nla_nest_end_keep_empty(msg, nest) < 0)
		b->failed = true;
}

void nl_put_raw(struct nl_batch *b, const void *data, size_t len)
{
	struct nl_msg *msg = last_msg(b);
	if (msg && nlmsg_append(msg, (void *)(uintptr_t)data, len, NLMSG_ALIGNTO) < 0)
		b->failed = true;
}

void nl_batch_done(struct nl_batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		nlmsg_free(b->items[i].msg); /* NULL is fine */
	b->n = 0;
}

static int batch_send(int fd, struct nl_batch *b, struct err *e)
{
	if (b->failed)
		return err_set(
			e, ERR_FAILED, "a netlink message could not be built: out of memory");
	struct iovec iov[NL_BATCH_MAX];
	for (size_t i = 0; i < b->n; i++) {
		struct nlmsghdr *h = nlmsg_hdr(b->items[i].msg);
		iov[i] = (struct iovec){h, NLMSG_ALIGN(h->nlmsg_len)};
	}
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct msghdr m = {.msg_name = &kernel,
		.msg_namelen = sizeof kernel,
		.msg_iov = iov,
		.msg_iovlen = b->n};
	ssize_t sent;
	do
		sent = sendmsg(fd, &m, 0);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? err_sys(e, errno, "send to the kernel by netlink") : 0;
}

/* One packet from the kernel; others cannot send to us without CAP_NET_ADMIN, but check. */
static ssize_t receive(int fd, void *buf, size_t size, struct err *e)
{
	for (;;) {
		struct sockaddr_nl from = {0};
		struct iovec iov = {buf, size};
		struct msghdr m = {.msg_name = &from,
			.msg_namelen = sizeof from,
			.msg_iov = &iov,
			.msg_iovlen = 1};
		ssize_t n = recvmsg(fd, &m, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno, "receive from the kernel by netlink");
		if (m.msg_flags & MSG_TRUNC)
			return err_set(e, ERR_FAILED, "a netlink answer is larger than expected");
		if (from.nl_pid == 0)
			return n;
	}
}

/* What the kernel says beyond the errno, or "". */
static const char *ack_text(const struct nlmsghdr *h, char *out, size_t size)
{
	out[0] = '\0';
	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return out;
	const struct nlmsgerr *ack = NLMSG_DATA(h);
	size_t skip = sizeof *ack;
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		skip += ack->msg.nlmsg_len - NLMSG_HDRLEN;
	size_t len = h->nlmsg_len - NLMSG_HDRLEN;
	if (NLMSG_ALIGN(skip) >= len)
		return out;
	const struct nlattr *head = (const void *)((const char *)ack + NLMSG_ALIGN(skip));
	struct nlattr *text = nla_find(head, (int)(len - NLMSG_ALIGN(skip)), NLMSGERR_ATTR_MSG);
	if (text)
		(void)nla_strlcpy(out, text, size);
	return out;
}

static int report(struct nl_batch *b, size_t i, const struct nlmsghdr *h, struct err *e)
{
	char text[160];
	const struct nlmsgerr *ack = NLMSG_DATA(h);
	ack_text(h, text, sizeof text);
	if (text[0])
		return err_sys(e, -ack->error, "%s (%s)", b->items[i].what, text);
	return err_sys(e, -ack->error, "%s", b->items[i].what);
}

int nl_batch_run(int fd, struct nl_batch *b, int *ret_errno, struct err *e)
{
	int first_errno = 0;
	autofree char *buf = malloc(ANSWER_ROOM);
	if (!buf)
		return err_nomem(e);
	if (batch_send(fd, b, e) < 0)
		return -1;
	for (size_t left = b->n; left;) {
		ssize_t n = receive(fd, buf, ANSWER_ROOM, e);
		if (n < 0)
			return -1;
		int rest = (int)n;
		for (struct nlmsghdr *h = (void *)buf; nlmsg_ok(h, rest);
			h = nlmsg_next(h, &rest)) {
			if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_seq == 0 ||
				h->nlmsg_seq > b->n)
				continue;
			left--;
			const struct nlmsgerr *ack = NLMSG_DATA(h);
			size_t i = h->nlmsg_seq - 1;
			const int *t = b->items[i].tolerated;
			if (!ack->error || -ack->error == t[0] || -ack->error == t[1] ||
				first_errno)
				continue;
			first_errno = -ack->error;
			report(b, i, h, e);
		}
	}
	if (first_errno && ret_errno)
		*ret_errno = first_errno;
	return first_errno ? -1 : 0;
}

struct answer {
	bool is_done, is_interrupted;
	int errnum;
};

static void take_answer(struct nl_batch *b, struct nlmsghdr *h, nl_visit *visit, void *arg,
	struct answer *a, struct err *e)
{
	if (h->nlmsg_flags & NLM_F_DUMP_INTR)
		a->is_interrupted = true;
	if (h->nlmsg_type != NLMSG_DONE && h->nlmsg_type != NLMSG_ERROR) {
		visit(h, arg);
		return;
	}
	a->is_done = true;
	if (h->nlmsg_type == NLMSG_ERROR) {
		a->errnum = -((const struct nlmsgerr *)NLMSG_DATA(h))->error;
		if (a->errnum)
			report(b, 0, h, e);
	}
}

static int query_once(int fd, struct nl_batch *b, char *buf, nl_visit *visit, void *arg,
	struct answer *a, struct err *e)
{
	if (batch_send(fd, b, e) < 0)
		return -1;
	while (!a->is_done) {
		ssize_t n = receive(fd, buf, ANSWER_ROOM, e);
		if (n < 0)
			return -1;
		int rest = (int)n;
		for (struct nlmsghdr *h = (void *)buf; nlmsg_ok(h, rest); h = nlmsg_next(h, &rest))
			take_answer(b, h, visit, arg, a, e);
	}
	return a->errnum ? -1 : 0;
}

int nl_query(int fd, struct nl_batch *b, nl_visit *visit, void *arg, int *ret_errno, struct err *e)
{
	autofree char *buf = malloc(ANSWER_ROOM);
	if (!buf)
		return err_nomem(e);
	for (int round = 0; round < DUMP_ROUNDS_MAX; round++) {
		struct answer a = {0};
		if (query_once(fd, b, buf, visit, arg, &a, e) < 0) {
			if (ret_errno)
				*ret_errno = a.errnum;
			return -1;
		}
		if (!a.is_interrupted)
			return 0;
	}
	return err_set(e, ERR_BUSY, "%s: the host's interfaces or routes change too fast",
		b->items[0].what);
}
