/* One line of events.jsonl, as runtime/events.h has it, without a JSON library: every value is a
 * number or a word of ours, so nothing needs escaping. One write(2), so that lines never mix. */
#include "runtime/keeper/state.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	EVENTS_MAX = 1 << 20,
};

struct line {
	char buf[1024]; /* several times what the longest line needs */
	size_t n;
};

static void add(struct line *l, const char *text)
{
	size_t n = strlen(text);
	if (n > sizeof l->buf - l->n)
		n = sizeof l->buf - l->n;
	memcpy(l->buf + l->n, text, n);
	l->n += n;
}

/* At least `width` digits. */
static void add_number(struct line *l, uint64_t v, unsigned width)
{
	char digits[24];
	size_t at = sizeof digits - 1;
	digits[at] = '\0';
	do
		digits[--at] = (char)('0' + v % 10);
	while ((v /= 10) || sizeof digits - 1 - at < width);
	add(l, digits + at);
}

/* gmtime(3) would read the time zone's file. Days to a date: the era of 400 years (146,097 days)
 * is counted from March, so that the leap day is a year's last. */
static void add_time(struct line *l)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_REALTIME, &t);
	uint64_t sec = t.tv_sec < 0 ? 0 : (uint64_t)t.tv_sec;
	uint64_t days = sec / 86400 + 719468;
	uint64_t era = days / 146097, day = days % 146097;
	uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	uint64_t of_year = day - (365 * year + year / 4 - year / 100);
	uint64_t m = (5 * of_year + 2) / 153;
	uint64_t month = m < 10 ? m + 3 : m - 9;
	add_number(l, era * 400 + year + (month <= 2), 4);
	add(l, "-");
	add_number(l, month, 2);
	add(l, "-");
	add_number(l, of_year - (153 * m + 2) / 5 + 1, 2);
	add(l, "T");
	add_number(l, sec / 3600 % 24, 2);
	add(l, ":");
	add_number(l, sec / 60 % 60, 2);
	add(l, ":");
	add_number(l, sec % 60, 2);
	add(l, ".");
	add_number(l, (uint64_t)t.tv_nsec / 1000000, 3);
	add(l, "Z");
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

/* As sigabbrev_np(3), which not every libc has. NULL for real-time signals. */
static const char *signal_name(int sig)
{
	static const char names[][8] = {
		[SIGHUP] = "HUP",
		[SIGINT] = "INT",
		[SIGQUIT] = "QUIT",
		[SIGILL] = "ILL",
		[SIGTRAP] = "TRAP",
		[SIGABRT] = "ABRT",
		[SIGBUS] = "BUS",
		[SIGFPE] = "FPE",
		[SIGKILL] = "KILL",
		[SIGUSR1] = "USR1",
		[SIGSEGV] = "SEGV",
		[SIGUSR2] = "USR2",
		[SIGPIPE] = "PIPE",
		[SIGALRM] = "ALRM",
		[SIGTERM] = "TERM",
		[SIGSTKFLT] = "STKFLT",
		[SIGCHLD] = "CHLD",
		[SIGCONT] = "CONT",
		[SIGSTOP] = "STOP",
		[SIGTSTP] = "TSTP",
		[SIGTTIN] = "TTIN",
		[SIGTTOU] = "TTOU",
		[SIGURG] = "URG",
		[SIGXCPU] = "XCPU",
		[SIGXFSZ] = "XFSZ",
		[SIGVTALRM] = "VTALRM",
		[SIGPROF] = "PROF",
		[SIGWINCH] = "WINCH",
		[SIGIO] = "POLL",
		[SIGPWR] = "PWR",
		[SIGSYS] = "SYS",
	};
	bool has_name = sig > 0 && sig < (int)(sizeof names / sizeof names[0]) && names[sig][0];
	return has_name ? names[sig] : NULL;
}

static void add_ending(struct line *l, const struct keeper_exit *x)
{
	bool by_signal = x->reason == KEEPER_SIGNALED || x->reason == KEEPER_OOM;
	const char *name = by_signal ? signal_name(x->code) : NULL;
	add(l, "\",\"event\":\"ended\",\"reason\":\"");
	add(l, reason_name(x->reason));
	add(l, "\",\"code\":");
	add_number(l, x->code < 0 ? 0 : (uint64_t)x->code, 1);
	if (name) {
		add(l, ",\"signal\":\"SIG");
		add(l, name);
		add(l, "\"");
	}
	add(l, ",\"oom_kills\":");
	add_number(l, x->oom_kills, 1);
}

static void add_asked(struct line *l, const struct keeper_asked *by)
{
	add(l, ",\"asked_by\":");
	if (!by->verb[0]) {
		add(l, "null");
		return;
	}
	add(l, "{\"verb\":\"");
	add(l, by->verb);
	add(l, "\",\"uid\":");
	add_number(l, by->uid, 1);
	add(l, ",\"pid\":");
	add_number(l, by->pid, 1);
	add(l, "}");
}

static void add_restart(struct line *l, const struct keeper *k)
{
	int64_t delay = k->restart_at_ms - keeper_now_ms();
	add(l, k->restart ? ",\"restart\":true" : ",\"restart\":false");
	if (k->restart) {
		add(l, ",\"restarts\":");
		add_number(l, k->restarts + 1, 1);
		add(l, ",\"delay_seconds\":");
		add_number(l, delay > 0 ? (uint64_t)(delay + 500) / 1000 : 0, 1);
	}
	if (k->gave_up)
		add(l, ",\"gave_up\":true");
}

void event_write_ended(const struct keeper *k, const struct keeper_asked *by)
{
	struct line l = {.n = 0};
	struct stat st;
	add(&l, "{\"time\":\"");
	add_time(&l);
	add_ending(&l, &k->exit);
	add_asked(&l, by);
	add_restart(&l, k);
	add(&l, "}\n");
	if (fstatat(KEEPER_FD_ZONE_DIR, "events.jsonl", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		st.st_size > EVENTS_MAX)
		(void)renameat(
			KEEPER_FD_ZONE_DIR, "events.jsonl", KEEPER_FD_ZONE_DIR, "events.jsonl.1");
	int fd = openat(KEEPER_FD_ZONE_DIR, "events.jsonl",
		O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	(void)!write(fd, l.buf, l.n); /* a full disk loses an event, not the zone */
	(void)close(fd);
}
