/* The zone's console: its log NAME.console (at most log_max bytes, and one older file
 * NAME.console.1), and the way in. */
#include "runtime/keeper/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	NAME_SIZE = 96,
	/* A pty holds at most 64 KiB and a line discipline's 4; this is more than can be left. */
	DRAIN_READS = 64
};

static void log_name(const struct keeper *k, const char *suffix, char out[NAME_SIZE])
{
	size_t n = strlen(k->name), m = strlen(".console");
	if (n + m + strlen(suffix) >= NAME_SIZE)
		n = 0;
	memcpy(out, k->name, n);
	memcpy(out + n, ".console", m);
	memcpy(out + n + m, suffix, strlen(suffix) + 1);
}

void console_open_log(struct keeper *k)
{
	char name[NAME_SIZE];
	log_name(k, "", name);
	k->log_fd = openat(KEEPER_FD_LOG_DIR, name,
		O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	struct stat st;
	if (k->log_fd >= 0 && (fstat(k->log_fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		(void)close(k->log_fd);
		k->log_fd = -1;
	}
}

static void rotate(struct keeper *k)
{
	char name[NAME_SIZE], old[NAME_SIZE];
	log_name(k, "", name);
	log_name(k, ".1", old);
	(void)close(k->log_fd);
	(void)renameat(KEEPER_FD_LOG_DIR, name, KEEPER_FD_LOG_DIR, old);
	console_open_log(k);
}

/* A log that cannot be written (full disk) never stops the zone: the bytes are lost, no more. Size
 * and existence are looked up each time: somebody else's logrotate may have been at the file. */
static void log_bytes(struct keeper *k, const char *bytes, size_t n)
{
	struct stat st;
	if (k->log_fd < 0 || fstat(k->log_fd, &st) < 0)
		return;
	if (st.st_nlink == 0) {
		(void)close(k->log_fd);
		console_open_log(k);
	} else if (st.st_size && (uint64_t)st.st_size + n > k->log_max) {
		rotate(k);
	}
	size_t skip = n > k->log_max ? n - (size_t)k->log_max : 0;
	if (k->log_fd >= 0)
		(void)!write(k->log_fd, bytes + skip, n - skip);
}

bool console_pump(struct keeper *k)
{
	char buf[KEEPER_PACKET - 1];
	ssize_t n = read(KEEPER_FD_PTY, buf, sizeof buf);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		/* Nobody holds the other side: cannot be while KEEPER_FD_PTY_SLAVE is open. */
		k->has_pty = false;
		return false;
	}
	log_bytes(k, buf, (size_t)n);
	clients_send_output(k, buf, (size_t)n);
	return true;
}

void console_drain(struct keeper *k)
{
	for (int i = 0; i < DRAIN_READS && k->has_pty && console_pump(k); i++)
		;
}

/* A zone that does not read its console loses input, as on a serial line. */
void console_input(struct keeper *k, const char *bytes, size_t n)
{
	if (k->has_pty && n)
		(void)!write(KEEPER_FD_PTY, bytes, n);
}

void console_size(struct keeper *k, const char *bytes, size_t n)
{
	uint16_t size[2];
	if (!k->has_pty || n != sizeof size)
		return;
	memcpy(size, bytes, sizeof size);
	struct winsize w = {size[0], size[1], 0, 0};
	(void)ioctl(KEEPER_FD_PTY, TIOCSWINSZ, &w);
}
