#include "runtime/keeper_client.h"
#include "base/fd.h"
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A keeper that is stopped takes no connections, and no input (F11). */
enum {
	ANSWER_TIMEOUT_S = 10
};

int keeper_connect(const struct store *s, const char *zone, struct err *e)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct ucred who;
	socklen_t len = sizeof who;
	autofd int dir =
		openat(s->run_zones_fd, zone, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autofd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, errno, "make a socket");
	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s/keeper.sock", fd_path(dir).s);
	struct timeval limit = {.tv_sec = ANSWER_TIMEOUT_S};
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (dir < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
		if (dir >= 0 && errno == EAGAIN)
			return err_set(
				e, ERR_TIMEOUT, "the keeper of zone '%s' does not answer", zone);
		return err_set(e, ERR_STATE, "zone '%s' has no keeper", zone);
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 || who.uid != 0)
		return err_set(e, ERR_DENIED, "zone '%s': its keeper's socket is not root's", zone);
	return fd_steal(&fd);
}

int keeper_send(int fd, char letter, const void *bytes, size_t n)
{
	char packet[KEEPER_PACKET];
	if (n > sizeof packet - 1) {
		errno = EMSGSIZE;
		return -1;
	}
	packet[0] = letter;
	if (n)
		memcpy(packet + 1, bytes, n);
	return fd_send(fd, packet, n + 1, NULL, 0);
}

int keeper_notify(int fd)
{
	return keeper_send(fd, 'n', NULL, 0);
}

int keeper_sweeping(int fd)
{
	return keeper_send(fd, 's', NULL, 0);
}

int keeper_swept(int fd)
{
	return keeper_send(fd, 'd', NULL, 0);
}

int keeper_wait_exit(int fd, int64_t deadline, struct keeper_exit *ret, struct err *e)
{
	char packet[KEEPER_PACKET];
	for (;;) {
		int64_t left = deadline < 0 ? -1 : deadline - clock_mono_ms();
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (deadline >= 0 && left < 0)
			left = 0;
		int n = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (n == 0 && deadline >= 0 && clock_mono_ms() >= deadline)
			return err_set(e, ERR_TIMEOUT, "the keeper does not answer");
		if (n <= 0)
			continue;
		ssize_t len = fd_recv_rest(fd, packet, sizeof packet, NULL, NULL, NULL);
		if (len <= 0)
			return err_set(e, ERR_FAILED, "the keeper died");
		if (packet[0] == 'x' && len == (ssize_t)sizeof *ret) {
			memcpy(ret, packet, sizeof *ret);
			return 0;
		}
		if (packet[0] == 'b')
			return err_set(e, ERR_BUSY, "the keeper has too many clients");
	}
}
