/* The keeper's clients: at most KEEPER_CLIENTS, each served without ever waiting for it. Who does
 * not read his console loses output, and his place when somebody else needs it (S41). */
#include "runtime/keeper/state.h"
#include "base/defence.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	/* Accepting failed for want of something of the host's (ENFILE, ENOMEM): the connection
	 * stays in the queue, and asking again at once would be a busy loop. */
	ACCEPT_PAUSE_MS = 1000,
	CATCH_UP_PACKETS = 64,
	CATCH_UP_CLIENTS = 64,
};

static void drop(struct client *c)
{
	(void)close(c->fd);
	*c = (struct client){.fd = -1};
}

static int send_packet(const struct client *c, const void *bytes, size_t n)
{
	int flags = defence_is_off("S41") ? 0 : MSG_DONTWAIT;
	return send(c->fd, bytes, n, flags | MSG_NOSIGNAL) < 0 ? -1 : 0;
}

struct client *clients_find(struct keeper *k, enum client_kind kind)
{
	for (int i = 0; i < CLIENTS_ROOM; i++)
		if (k->clients[i].fd >= 0 && k->clients[i].kind == kind)
			return &k->clients[i];
	return NULL;
}

/* A free place; if there is none, that of the oldest who never said a word. */
static struct client *find_place(struct keeper *k)
{
	struct client *oldest = NULL;
	for (int i = 0; i < CLIENTS_ROOM; i++) {
		struct client *c = &k->clients[i];
		if (c->fd < 0)
			return c;
		if (c->kind == CLIENT_IDLE && (!oldest || c->since < oldest->since))
			oldest = c;
	}
	if (defence_is_off("S41b"))
		return NULL;
	if (oldest)
		drop(oldest);
	return oldest;
}

struct client *clients_accept(struct keeper *k)
{
	struct ucred who;
	socklen_t len = sizeof who;
	struct client new = {.kind = CLIENT_IDLE, .since = k->serial++};
	int flags = defence_is_off("S41") ? 0 : SOCK_NONBLOCK;
	new.fd = accept4(KEEPER_FD_LISTEN, NULL, NULL, flags | SOCK_CLOEXEC);
	if (new.fd < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			k->accept_again_ms = keeper_now_ms() + ACCEPT_PAUSE_MS;
		return NULL;
	}
	struct client *place = NULL;
	if (getsockopt(new.fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && who.uid == 0) {
		place = find_place(k);
		if (!place)
			(void)send_packet(&new, "b", 1);
	}
	if (place)
		*place = new;
	else
		drop(&new);
	return place;
}

/* Let it in as `kind`, or refuse it when too many are in. */
static bool enter(struct keeper *k, struct client *c, enum client_kind kind)
{
	struct client *slowest = NULL;
	int n = 0;
	for (int i = 0; i < CLIENTS_ROOM; i++) {
		struct client *o = &k->clients[i];
		if (o == c || o->fd < 0 || (o->kind != CLIENT_CONSOLE && o->kind != CLIENT_NOTIFY))
			continue;
		n++;
		if (o->lost && (!slowest || o->lost > slowest->lost))
			slowest = o;
	}
	if (n >= KEEPER_CLIENTS && slowest) {
		drop(slowest);
	} else if (n >= KEEPER_CLIENTS) {
		(void)send_packet(c, "b", 1);
		drop(c);
		return false;
	}
	c->kind = kind;
	return true;
}

static void send_exit(struct keeper *k, struct client *c)
{
	if (send_packet(c, &k->exit, sizeof k->exit) < 0 && c->kind != CLIENT_SWEEPER)
		drop(c);
}

void clients_send_exit(struct keeper *k)
{
	for (int i = 0; i < CLIENTS_ROOM; i++)
		if (k->clients[i].fd >= 0)
			send_exit(k, &k->clients[i]);
}

static void send_output(struct client *c, const char *packet, size_t n)
{
	if (c->lost) {
		c->lost += n - 1;
		return;
	}
	if (send_packet(c, packet, n) == 0)
		return;
	if (errno == EAGAIN)
		c->lost = n - 1;
	else
		drop(c);
}

void clients_send_output(struct keeper *k, const char *bytes, size_t n)
{
	char packet[KEEPER_PACKET];
	packet[0] = 'o';
	memcpy(packet + 1, bytes, n);
	for (int i = 0; i < CLIENTS_ROOM; i++)
		if (k->clients[i].fd >= 0 && k->clients[i].kind == CLIENT_CONSOLE)
			send_output(&k->clients[i], packet, n + 1);
}

void clients_resume(struct client *c)
{
	static const char note[] =
		"o\r\n[cella: output was left out here: this console was too slow; "
		"`cella log` has it]\r\n";
	if (send_packet(c, note, sizeof note - 1) == 0)
		c->lost = 0;
	else if (errno != EAGAIN)
		drop(c);
}

static void attach(struct keeper *k, struct client *c)
{
	static const char lost[] = "o[cella: this zone's console was lost with its first keeper; "
				   "the next start gives it a new one]\r\n";
	static const char none[] = "o[cella: this zone was started without a console]\r\n";
	if (!enter(k, c, CLIENT_CONSOLE))
		return;
	if (k->phase != KEEPER_WATCHING)
		send_exit(k, c);
	else if (!k->has_pty && k->adopted)
		send_output(c, lost, sizeof lost - 1);
	else if (!k->has_pty)
		send_output(c, none, sizeof none - 1);
}

static void take_packet(struct keeper *k, struct client *c, const char *packet, size_t n)
{
	switch (packet[0]) {
	case 'c':
		attach(k, c);
		break;
	case 'i':
		console_input(k, packet + 1, n - 1);
		break;
	case 'w':
		console_size(k, packet + 1, n - 1);
		break;
	case 'n':
		if (enter(k, c, CLIENT_NOTIFY) && k->phase != KEEPER_WATCHING)
			send_exit(k, c);
		break;
	case 's':
		/* Never refused: those who sweep take turns by the zone's lock. */
		c->kind = CLIENT_SWEEPER;
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

bool clients_read(struct keeper *k, struct client *c)
{
	char packet[KEEPER_PACKET];
	ssize_t n = recv(c->fd, packet, sizeof packet, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0)
		drop(c);
	else
		take_packet(k, c, packet, (size_t)n);
	return c->fd >= 0;
}

static void hear(struct keeper *k, struct client *c)
{
	for (int n = 0; n < CATCH_UP_PACKETS && clients_read(k, c); n++)
		;
}

void clients_catch_up(struct keeper *k)
{
	for (int i = 0; i < CLIENTS_ROOM; i++)
		if (k->clients[i].fd >= 0)
			hear(k, &k->clients[i]);
	for (int n = 0; k->has_socket && n < CATCH_UP_CLIENTS; n++) {
		struct client *c = clients_accept(k);
		if (!c)
			break;
		hear(k, c);
	}
}

void clients_flush(struct keeper *k)
{
	char packet[KEEPER_PACKET];
	for (int i = 0; i < CLIENTS_ROOM; i++)
		for (int j = 0; j < CATCH_UP_PACKETS && k->clients[i].fd >= 0; j++)
			if (recv(k->clients[i].fd, packet, sizeof packet, MSG_DONTWAIT) <= 0)
				break;
}
