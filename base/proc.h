/* proc.h: naming a process so that a reused pid is never taken for it (S40), clocks, boot id. */
#pragma once
#include "base/err.h"
#include <stdint.h>
#include <sys/types.h>

struct proc_id {
	pid_t pid;
	uint64_t start_time; /* field 22 of /proc/PID/stat, clock ticks since boot; proc(5) */
};

/* Start time of a live process. 0, or -1 + errno (ESRCH). */
int proc_start_time(pid_t pid, uint64_t *ret);
/* pidfd of exactly this process; -1 + errno ESRCH if it is gone or the pid is somebody else now. */
int proc_open(const struct proc_id *id);
/* True if that process is still there (a zombie counts as gone). */
bool proc_is_alive(const struct proc_id *id);
/* The same, and who its parent is by now. */
bool proc_is_alive_under(const struct proc_id *id, pid_t *ret_parent);

enum {
	BOOT_ID_LEN = 36
};
/* /proc/sys/kernel/random/boot_id, read once per process. "" if unreadable. */
const char *proc_boot_id(void);

int64_t clock_mono_ms(void);
int64_t clock_real_ns(void);
enum {
	CLOCK_RFC3339_SIZE = 40
};
/* "2026-11-21T06:36:48.123Z" */
const char *clock_rfc3339(char out[CLOCK_RFC3339_SIZE], int64_t real_ns);

/* 16 random bytes as 32 hex digits. */
void random_hex(char *out, size_t digits);
