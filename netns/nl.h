/* nl.h: netlink with one sendmsg(2) per batch and the kernel's own words in errors (extended
 * acknowledgements). Messages are built with libnl-3; the exchange is our own, since libnl neither
 * sends several messages at once nor hands on the kernel's text. Internal to netns/. */
#pragma once
#include "base/err.h"
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nl_msg;

/* Socket in the caller's network namespace (NETLINK_ROUTE or NETLINK_NETFILTER). fd, or -1 + *e. */
int nl_open(int protocol, struct err *e);
/* Enter another network namespace. Only between this and nl_netns_leave does the process see it; a
 * socket opened meanwhile stays there. The process must have one thread. */
int nl_netns_enter(int netns_fd, int *ret_home_fd, struct err *e);
/* Go home. If that fails the process is in the wrong namespace and must end. */
int nl_netns_leave(int home_fd, struct err *e);

enum {
	NL_BATCH_MAX = 12,
	NL_WHAT_SIZE = 128
};
struct nl_batch {
	struct {
		struct nl_msg *msg;
		int tolerated[2];	 /* errnos that count as success, or 0 */
		char what[NL_WHAT_SIZE]; /* for the error message: "add address 10.0.0.5/24" */
	} items[NL_BATCH_MAX];
	size_t n;
	bool failed; /* something did not fit; reported by nl_batch_run */
};

/* Begin a message; nl_put_* append to it. NLM_F_REQUEST | NLM_F_ACK are added to `flags`. */
void nl_batch_add(struct nl_batch *b, int type, int flags, const void *header, size_t header_len,
	const char *what, ...) __attribute__((format(printf, 6, 7)));
void nl_batch_tolerate(struct nl_batch *b, int errnum); /* at most twice per message */
void nl_put(struct nl_batch *b, int attr, const void *data, size_t len);
void nl_put_u8(struct nl_batch *b, int attr, uint8_t v);
void nl_put_u32(struct nl_batch *b, int attr, uint32_t v);
void nl_put_str(struct nl_batch *b, int attr, const char *s);
void *nl_nest(struct nl_batch *b, int attr); /* hand the result to nl_nest_end */
void nl_nest_end(struct nl_batch *b, void *nest);
/* Bytes that are no attribute (the ifinfomsg within VETH_INFO_PEER). */
void nl_put_raw(struct nl_batch *b, const void *data, size_t len);
/* Send everything at once and collect every answer. The kernel goes on after a message that failed,
 * so a batch holds only messages that do no harm then. The first failure is reported; *ret_errno
 * (may be NULL) is its errno. */
int nl_batch_run(int fd, struct nl_batch *b, int *ret_errno, struct err *e);
void nl_batch_done(struct nl_batch *b);
#define autobatch __attribute__((cleanup(nl_batch_done)))

/* Called for each message of an answer. */
typedef void nl_visit(const struct nlmsghdr *h, void *arg);
/* Send the one request of `b` and visit what comes back: NLM_F_DUMP in its flags for a dump. A dump
 * that changed under us is done again, so visitors must stand being called twice for one object.
 * -1 with *ret_errno (may be NULL) and *e. */
int nl_query(int fd, struct nl_batch *b, nl_visit *visit, void *arg, int *ret_errno, struct err *e);
