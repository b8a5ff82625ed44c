/* fd.h: owned file descriptors. A local that owns one is `autofd int fd = -1;`; -1 is empty. */
#pragma once
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Close if >= 0, keep errno, leave -1. */
void fd_close(int *fd);
#define autofd __attribute__((cleanup(fd_close)))
/* Take the descriptor out of *fd and leave -1. */
int fd_steal(int *fd);

/* Write everything, retrying EINTR and short writes. 0, or -1 with errno. Async-signal-safe. */
int fd_write_all(int fd, const void *buf, size_t len);
/* Read up to `len` bytes until end of file, retrying EINTR. Bytes read, or -1 with errno. */
ssize_t fd_read_all(int fd, void *buf, size_t len);

enum {
	FD_PASS_MAX = 32
};
/* One packet with up to FD_PASS_MAX descriptors (SCM_RIGHTS), MSG_NOSIGNAL. 0, or -1 with errno. */
int fd_send(int sock, const void *buf, size_t len, const int *fds, size_t n_fds);
/* Receive one packet; descriptors arrive CLOEXEC. *n_fds is the room on entry and the number on
 * return; descriptors beyond it are closed and make it fail with EMSGSIZE, as does a packet longer
 * than `len`. Returns the length, 0 at end of file, or -1 with errno. */
ssize_t fd_recv(int sock, void *buf, size_t len, int *fds, size_t *n_fds);
/* The same from a peer that may have closed its end with something of ours unread: the kernel says
 * so once (*ret_unread, may be NULL), before it gives us what the peer had sent. */
ssize_t fd_recv_rest(int sock, void *buf, size_t len, int *fds, size_t *n_fds, bool *ret_unread);

/* "/proc/self/fd/N" for calls that take only names. */
struct fd_path {
	char s[32];
};
struct fd_path fd_path(int fd);
