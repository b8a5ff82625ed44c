/* The processes of a zone, from its control groups and /proc. A process may end at any moment: one
 * that cannot be read any more is left out. Names and arguments come from the zone and are hostile:
 * what could act on a terminal is escaped here, once. */
#include "runtime/host_facts.h"
#include "runtime/inspect.h"
#include "runtime/state.h"
#include "runtime/zone.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	PROC_TEXT = 4096,
	ZONE_IDS = 65536
};

struct process {
	char state;
	uint64_t start_ticks;
	int64_t zone_pid, rss_bytes, uid;
	char comm[64];
};

/* "PID (comm) S ...": comm may hold anything, so the last ')' ends it. */
static bool parse_stat(char *text, struct process *p)
{
	char *open = strchr(text, '('), *close = strrchr(text, ')');
	if (!open || !close || close < open || !close[1])
		return false;
	*close = '\0';
	(void)snprintf(p->comm, sizeof p->comm, "%s", open + 1);
	p->state = close[2];
	/* Field 3 is the state; 22, the start time, is 19 fields further on. */
	char *at = close + 2;
	for (int i = 0; at && i < 19; i++)
		at = strchr(at + 1, ' ');
	if (!at)
		return false;
	p->start_ticks = strtoull(at, NULL, 10);
	return true;
}

static const char *status_line(const char *text, const char *key)
{
	size_t n = strlen(key);
	for (const char *at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, key, n))
			return at + n;
	}
	return NULL;
}

/* "NSpid: 812 34 1": as /proc's namespace names it, then the zone, then one nested in that. */
static int64_t second_number(const char *line)
{
	char *end;
	if (!line)
		return -1;
	(void)strtoll(line, &end, 10);
	if (end == line || (*end != ' ' && *end != '\t'))
		return -1;
	return strtoll(end, NULL, 10);
}

static void parse_status(const char *text, struct process *p)
{
	const char *uid = status_line(text, "Uid:"), *rss = status_line(text, "VmRSS:");
	p->uid = uid ? strtoll(uid, NULL, 10) : -1;
	p->rss_bytes = rss ? strtoll(rss, NULL, 10) * 1024 : 0;
	p->zone_pid = second_number(status_line(text, "NSpid:"));
}

static json_t *started_at(uint64_t ticks)
{
	struct timespec boot;
	char text[CLOCK_RFC3339_SIZE];
	long hz = sysconf(_SC_CLK_TCK);
	if (hz <= 0 || clock_gettime(CLOCK_BOOTTIME, &boot) < 0)
		return json_null();
	int64_t now = boot.tv_sec * INT64_C(1000000000) + boot.tv_nsec;
	int64_t at = (int64_t)(ticks * (UINT64_C(1000000000) / (uint64_t)hz));
	return json_string(clock_rfc3339(text, clock_real_ns() - now + at));
}

static json_t *escaped(const char *text)
{
	autostr struct strbuf s = {0};
	str_add_escaped(&s, text, PROC_TEXT);
	return s.failed ? NULL : json_string(s.buf ? s.buf : "");
}

/* NULs between arguments become spaces. */
static json_t *arguments(int dir_fd)
{
	char text[PROC_TEXT];
	ssize_t n = path_read_virtual(dir_fd, "cmdline", text, sizeof text);
	while (n > 0 && !text[n - 1]) /* a title set later is padded with them */
		n--;
	text[n > 0 ? n : 0] = '\0';
	for (ssize_t i = 0; i + 1 < n; i++)
		if (!text[i])
			text[i] = ' ';
	return escaped(n > 0 ? text : "");
}

/* NULL when the process is gone. */
static json_t *process_row(int proc_fd, pid_t pid, uint32_t id_first)
{
	char name[16], text[PROC_TEXT], comm_state[2] = "";
	struct process p = {0};
	(void)snprintf(name, sizeof name, "%d", pid);
	autofd int dir = openat(proc_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || path_read_virtual(dir, "stat", text, sizeof text) < 0 ||
		!parse_stat(text, &p) || path_read_virtual(dir, "status", text, sizeof text) < 0)
		return NULL;
	parse_status(text, &p);
	comm_state[0] = p.state;
	int64_t uid = p.uid - id_first;
	json_t *zone_uid = p.uid >= 0 && uid >= 0 && (!id_first || uid < ZONE_IDS)
				   ? json_integer(uid)
				   : json_null();
	return json_pack("{s:i, s:o, s:o, s:o, s:o, s:s, s:I, s:o}", "pid", pid, "zone_pid",
		p.zone_pid > 0 ? json_integer(p.zone_pid) : json_null(), "uid", zone_uid, "comm",
		escaped(p.comm), "args", arguments(dir), "state", comm_state, "rss",
		(json_int_t)p.rss_bytes, "started", started_at(p.start_ticks));
}

int inspect_processes(const struct store *s, const char *name, json_t **ret, struct err *e)
{
	struct zone z;
	struct zone_state st = {0};
	autocg_host struct cg_host host = {0};
	autocg struct cg c = {0};
	autofree pid_t *pids = NULL;
	size_t n = 0;
	if (zone_open(s, name, ZONE_ALLOW_BROKEN, 0, &z, e) < 0)
		return -1;
	zone_close(&z);
	enum zone_status status = zone_status(s, name, &st);
	if (status != ZONE_RUNNING && status != ZONE_UNWATCHED && status != ZONE_STOPPING)
		return err_set(e, ERR_STATE, "zone '%s' is %s: it has no processes", name,
			zone_status_name(status));
	if (host_facts_cgroups(s, &host, e) < 0 || cg_open(&host, st.cgroup, &c, e) < 0 ||
		cg_pids(&c, &pids, &n, e) < 0)
		return -1;
	autofd int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0)
		return err_sys(e, errno, "open '/proc'");
	json_t *rows = json_array();
	for (size_t i = 0; rows && i < n; i++) {
		json_t *row = process_row(proc_fd, pids[i], st.id_first);
		if (row)
			(void)json_array_append_new(rows, row);
	}
	if (!rows)
		return err_nomem(e);
	*ret = rows;
	return 0;
}
