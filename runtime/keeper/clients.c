/* The keeper's clients: at most KEEPER_CLIENTS, each served without ever waiting for it. */
#include "runtime/keeper/state.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

void clients_drop(struct client *c)
{
	(void)close(c->fd);
	*c = (struct client){.fd = -1};
}

struct client *clients_find(struct keeper *k, enum client_kind kind)
{
	for (int i = 0; i < KEEPER_CLIENTS; i++)
		if (k->clients[i].fd >= 0 && k->clients[i].kind == kind)
			return &k->clients[i];
	return NULL;
}

/* A free place; if there is none, that of the oldest who never said a word (S41). */
static struct client *find_place(struct keeper *k)
{
	struct client *oldest = NULL;
	for (int i = 0; i < KEEPER_CLIENTS; i++) {
		struct client *c = &k->clients[i];
		if (c->fd < 0)
			return c;
		if (c->kind == CLIENT_IDLE && (!oldest || c->since < oldest->since))
			oldest = c;
	}
	if (oldest)
		clients_drop(oldest);
	return oldest;
}

void clients_accept(struct keeper *k)
{
	struct ucred who;
	socklen_t len = sizeof who;
	int fd = accept4(KEEPER_FD_LISTEN, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 || who.uid != 0) {
		(void)close(fd);
		return;
	}
	struct client *c = find_place(k);
	if (!c) {
		(void)send(fd, "b", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		(void)close(fd);
		return;
	}
	*c = (struct client){fd, CLIENT_IDLE, k->serial++};
}

static void send_exit(struct keeper *k, struct client *c)
{
	if (send(c->fd, &k->exit, sizeof k->exit, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
		c->kind != CLIENT_SWEEPER)
		clients_drop(c);
}

void clients_send_exit(struct keeper *k)
{
	for (int i = 0; i < KEEPER_CLIENTS; i++)
		if (k->clients[i].fd >= 0)
			send_exit(k, &k->clients[i]);
}

void clients_send_output(struct keeper *k, const char *bytes, size_t n)
{
	char packet[KEEPER_PACKET];
	packet[0] = 'o';
	memcpy(packet + 1, bytes, n);
	for (int i = 0; i < KEEPER_CLIENTS; i++) {
		struct client *c = &k->clients[i];
		/* Who does not read is cut, or the zone would wait for him. */
		if (c->fd >= 0 && c->kind == CLIENT_CONSOLE &&
			send(c->fd, packet, n + 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			clients_drop(c);
	}
}

static void set_size(const char *bytes, size_t n)
{
	uint16_t size[2];
	if (n != sizeof size)
		return;
	memcpy(size, bytes, sizeof size);
	struct winsize w = {size[0], size[1], 0, 0};
	(void)ioctl(KEEPER_FD_PTY, TIOCSWINSZ, &w);
}

void clients_read(struct keeper *k, struct client *c)
{
	char packet[KEEPER_PACKET];
	ssize_t n = recv(c->fd, packet, sizeof packet, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		clients_drop(c);
		return;
	}
	switch (packet[0]) {
	case 'c':
		c->kind = CLIENT_CONSOLE;
		break;
	case 'i':
		/* A zone that does not read its console loses input, as a serial line would. */
		if (k->has_pty && n > 1)
			(void)!write(KEEPER_FD_PTY, packet + 1, (size_t)n - 1);
		break;
	case 'w':
		if (k->has_pty)
			set_size(packet + 1, (size_t)n - 1);
		break;
	case 'n':
	case 's':
		c->kind = packet[0] == 's' ? CLIENT_SWEEPER : CLIENT_NOTIFY;
		if (k->phase != KEEPER_WATCHING)
			send_exit(k, c);
		break;
	case 'd':
		/* Swept, the lock is still held: nothing is left to do. */
		if (c->kind == CLIENT_SWEEPER && k->phase != KEEPER_WATCHING)
			_exit(0);
		break;
	default: /* a letter of a later version */
		break;
	}
}
