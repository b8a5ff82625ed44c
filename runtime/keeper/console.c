/* The console's log: NAME.console, at most log_max bytes, and one older file NAME.console.1. */
#include "runtime/keeper/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void log_name(const struct keeper *k, const char *suffix, char out[96])
{
	size_t n = strlen(k->name), m = strlen(".console");
	if (n + m + strlen(suffix) >= 96)
		n = 0;
	memcpy(out, k->name, n);
	memcpy(out + n, ".console", m);
	memcpy(out + n + m, suffix, strlen(suffix) + 1);
}

void console_open_log(struct keeper *k)
{
	char name[96];
	struct stat st;
	log_name(k, "", name);
	k->log_fd = openat(KEEPER_FD_LOG_DIR, name,
		O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	k->log_size = k->log_fd >= 0 && fstat(k->log_fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void rotate(struct keeper *k)
{
	char name[96], old[96];
	log_name(k, "", name);
	log_name(k, ".1", old);
	if (k->log_fd >= 0)
		(void)close(k->log_fd);
	(void)renameat(KEEPER_FD_LOG_DIR, name, KEEPER_FD_LOG_DIR, old);
	console_open_log(k);
}

/* A log that cannot be written (full disk) never stops the zone: the bytes are lost, no more. */
static void log_bytes(struct keeper *k, const char *bytes, size_t n)
{
	if (k->log_size + n > k->log_max && k->log_size)
		rotate(k);
	if (k->log_fd < 0)
		return;
	ssize_t w = write(k->log_fd, bytes, n);
	if (w > 0)
		k->log_size += (uint64_t)w;
}

bool console_pump(struct keeper *k)
{
	char buf[KEEPER_PACKET - 1];
	ssize_t n = read(KEEPER_FD_PTY, buf, sizeof buf);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0)
		return false;
	log_bytes(k, buf, (size_t)n);
	clients_send_output(k, buf, (size_t)n);
	return true;
}

/* What was printed last, before the end. Bounded: who held the terminal is dead. */
void console_drain(struct keeper *k)
{
	for (int i = 0; i < 64; i++) {
		char buf[KEEPER_PACKET - 1];
		ssize_t n = read(KEEPER_FD_PTY, buf, sizeof buf);
		if (n <= 0)
			return;
		log_bytes(k, buf, (size_t)n);
		clients_send_output(k, buf, (size_t)n);
	}
}
