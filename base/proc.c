#include "base/proc.h"
#include "base/defence.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* Fields 3 (state), 4 (parent) and 22 (start time) of /proc/PID/stat. The name in field 2 may hold
 * anything, so counting starts behind the last ')'. */
static int read_stat(pid_t pid, char *ret_state, pid_t *ret_parent, uint64_t *ret_start)
{
	char path[40], buf[1024];
	(void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
	if (path_read_value(AT_FDCWD, path, buf, sizeof buf) < 0) {
		if (errno == ENOENT)
			errno = ESRCH;
		return -1;
	}
	char *p = strrchr(buf, ')');
	if (!p || p[1] != ' ') {
		errno = EIO;
		return -1;
	}
	p += 2;
	*ret_state = *p;
	char *save = NULL, *field = strtok_r(p, " ", &save);
	for (int i = 3; field && i < 22; i++) {
		if (i == 4)
			*ret_parent = (pid_t)strtol(field, NULL, 10);
		field = strtok_r(NULL, " ", &save);
	}
	if (!field || !str_to_u64(field, ret_start)) {
		errno = EIO;
		return -1;
	}
	return 0;
}

int proc_start_time(pid_t pid, uint64_t *ret)
{
	char state;
	pid_t parent;
	return read_stat(pid, &state, &parent, ret);
}

/* S40: a pid comes again, with a later start. */
static bool is_same(uint64_t start, const struct proc_id *id)
{
	return start == id->start_time || defence_is_off("S40");
}

int proc_open(const struct proc_id *id)
{
	if (id->pid <= 0) {
		errno = ESRCH;
		return -1;
	}
	autofd int fd = sys_pidfd_open(id->pid, 0);
	if (fd < 0)
		return -1;
	/* The pidfd is taken first: if the start time still fits now, it fits for the pidfd. */
	uint64_t start;
	pid_t parent;
	char state;
	if (read_stat(id->pid, &state, &parent, &start) < 0 || !is_same(start, id)) {
		errno = ESRCH;
		return -1;
	}
	return fd_steal(&fd);
}

bool proc_is_alive(const struct proc_id *id)
{
	pid_t parent;
	return proc_is_alive_under(id, &parent);
}

bool proc_is_alive_under(const struct proc_id *id, pid_t *ret_parent)
{
	uint64_t start;
	char state;
	return id->pid > 0 && read_stat(id->pid, &state, ret_parent, &start) == 0 &&
	       is_same(start, id) && state != 'Z' && state != 'X';
}

const char *proc_boot_id(void)
{
	static char id[BOOT_ID_LEN + 2];
	if (!id[0] &&
		path_read_virtual(AT_FDCWD, "/proc/sys/kernel/random/boot_id", id, sizeof id) > 0)
		id[strcspn(id, "\n")] = '\0';
	return id;
}

int64_t clock_mono_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_real_ns(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

const char *clock_rfc3339(char out[CLOCK_RFC3339_SIZE], int64_t real_ns)
{
	time_t sec = (time_t)(real_ns / 1000000000);
	struct tm tm;
	if (!gmtime_r(&sec, &tm)) {
		out[0] = '\0';
		return out;
	}
	size_t n = strftime(out, CLOCK_RFC3339_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(
		out + n, CLOCK_RFC3339_SIZE - n, ".%03dZ", (int)(real_ns % 1000000000 / 1000000));
	return out;
}

void random_hex(char *out, size_t digits)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char bytes[32];
	for (size_t i = 0; i < digits; i++) {
		if (i % 64 == 0 && getrandom(bytes, sizeof bytes, 0) < 0)
			memset(bytes, 0, sizeof bytes); /* cannot fail for 32 bytes: random(7) */
		unsigned char b = bytes[i / 2 % 32];
		out[i] = hex[i % 2 ? b & 15 : b >> 4];
	}
}
