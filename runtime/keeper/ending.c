/* How a zone ended, and what follows. */
#include "runtime/keeper/state.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	BACKOFF_MAX_S = 60,
	/* A run this long was a success: counting starts again. */
	GOOD_RUN_MS = 60000,
	RESTARTS_MAX = 20,
	EVENTS_MAX = 1 << 20,
};

extern char **environ;

/* v2 memory.events and v1 memory.oom_control both have a line "oom_kill N". */
uint64_t ending_oom_count(void)
{
	char buf[1024];
	ssize_t n = pread(KEEPER_FD_OOM, buf, sizeof buf - 1, 0);
	buf[n > 0 ? n : 0] = '\0';
	for (const char *p = buf; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (!strncmp(p, "oom_kill ", 9))
			return strtoull(p + 9, NULL, 10);
	return 0;
}

/* reboot(2) in a pid namespace ends its init by SIGHUP for a restart and by SIGINT for halt and
 * power off: pid_namespaces(7). Nobody inside can send these two to init otherwise. */
static void classify(struct keeper *k)
{
	siginfo_t si = {0};
	uint64_t now = ending_oom_count();
	k->exit = (struct keeper_exit){.type = 'x', .reason = KEEPER_UNKNOWN};
	k->exit.oom_kills = now > k->oom_before ? (uint32_t)(now - k->oom_before) : 0;
	if (k->adopted || waitid(P_PIDFD, KEEPER_FD_INIT, &si, WEXITED) < 0)
		return;
	k->exit.code = si.si_status;
	if (si.si_code == CLD_EXITED)
		k->exit.reason = KEEPER_EXITED;
	else if (si.si_status == SIGHUP)
		k->exit.reason = KEEPER_REBOOT;
	else if (si.si_status == SIGINT)
		k->exit.reason = KEEPER_POWEROFF;
	else if (si.si_status == SIGKILL && k->exit.oom_kills)
		k->exit.reason = KEEPER_OOM;
	else
		k->exit.reason = KEEPER_SIGNALED;
}

/* RUN/zones/NAME/asked: "verb uid pid". Empty if nobody asked. */
static void read_asked(char verb[16], unsigned *uid, int *pid)
{
	char buf[80];
	int fd = openat(KEEPER_FD_RUN_DIR, "asked", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf - 1);
	if (fd >= 0)
		(void)close(fd);
	buf[n > 0 ? n : 0] = '\0';
	verb[0] = '\0';
	if (sscanf(buf, "%15[a-z] %u %d", verb, uid, pid) != 3)
		verb[0] = '\0';
}

static bool wants_restart(const struct keeper *k)
{
	const char *policy = k->argv[KEEPER_ARG_RESTART];
	if (k->exit.asked)
		return false;
	if (k->exit.reason == KEEPER_REBOOT)
		return true;
	if (k->exit.reason == KEEPER_POWEROFF)
		return false; /* somebody inside said so */
	if (!strcmp(policy, "always"))
		return true;
	bool good = k->exit.reason == KEEPER_EXITED && k->exit.code == 0;
	return !strcmp(policy, "on-failure") && !good;
}

/* 1, 2, 4 ... 60 s after runs that were short; at once after a long one. */
static void plan_restart(struct keeper *k)
{
	bool good = keeper_now_ms() - k->started_ms >= GOOD_RUN_MS;
	k->restart = wants_restart(k);
	if (good)
		k->restarts = 0;
	if (k->restart && k->restarts >= RESTARTS_MAX)
		k->restart = false;
	int64_t delay = 0;
	bool first_reboot = k->exit.reason == KEEPER_REBOOT && k->restarts == 0;
	if (!good && !first_reboot)
		delay = k->restarts >= 6 ? BACKOFF_MAX_S : INT64_C(1) << k->restarts;
	k->restart_at_ms = keeper_now_ms() + delay * 1000;
}

static const char *reason_name(uint8_t reason)
{
	static const char *const names[] = {
		[KEEPER_EXITED] = "exited",
		[KEEPER_SIGNALED] = "signaled",
		[KEEPER_REBOOT] = "reboot",
		[KEEPER_POWEROFF] = "poweroff",
		[KEEPER_OOM] = "oom",
		[KEEPER_UNKNOWN] = "unknown",
	};
	return names[reason];
}

/* One line, one write(2). Every value is a number or a word of ours: nothing needs escaping. */
static void write_event(struct keeper *k, const char *verb, unsigned uid, int pid)
{
	char line[512], when[32], asked[80] = "null";
	struct timespec t;
	struct tm tm;
	(void)clock_gettime(CLOCK_REALTIME, &t);
	(void)gmtime_r(&t.tv_sec, &tm);
	(void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
	if (verb[0])
		(void)snprintf(asked, sizeof asked, "{\"verb\":\"%s\",\"uid\":%u,\"pid\":%d}", verb,
			uid, pid);
	int n = snprintf(line, sizeof line,
		"{\"time\":\"%s.%03ldZ\",\"event\":\"ended\",\"reason\":\"%s\",\"code\":%d,\"oom_kills\":%u,"
		"\"asked_by\":%s,\"restart\":%s}\n",
		when, t.tv_nsec / 1000000, reason_name(k->exit.reason), k->exit.code,
		k->exit.oom_kills, asked, k->restart ? "true" : "false");
	int fd = openat(KEEPER_FD_ZONE_DIR, "events.jsonl",
		O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (lseek(fd, 0, SEEK_END) > EVENTS_MAX) {
		(void)close(fd);
		(void)renameat(
			KEEPER_FD_ZONE_DIR, "events.jsonl", KEEPER_FD_ZONE_DIR, "events.jsonl.1");
		fd = openat(KEEPER_FD_ZONE_DIR, "events.jsonl",
			O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0)
			return;
	}
	if (write(fd, line, (size_t)n) != n) {
		/* A full disk loses an event, not the zone. */
	}
	(void)close(fd);
}

void ending_record(struct keeper *k)
{
	char verb[16];
	unsigned uid = 0;
	int pid = 0;
	classify(k);
	read_asked(verb, &uid, &pid);
	k->exit.asked = verb[0] != '\0';
	plan_restart(k);
	write_event(k, verb, uid, pid);
}

void ending_exec(struct keeper *k)
{
	char restarts[24];
	(void)snprintf(restarts, sizeof restarts, "%llu", (unsigned long long)k->restarts + 1);
	const char *argv[] = {"cella", "_ended", "--uuid", k->argv[KEEPER_ARG_UUID], "--init-start",
		k->argv[KEEPER_ARG_INIT_START], "--restarts", k->restart ? restarts : "0", "--",
		k->name, NULL};
	(void)execve(k->argv[KEEPER_ARG_CELLA], (char *const *)(uintptr_t)argv, environ);
}
