#include "cli/log_file.h"
#include "cli/names.h"
#include "cli/report.h"
#include "base/fd.h"
#include "base/mem.h"
#include "runtime/inspect.h"
#include "specs/name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

struct log_values {
	uint64_t lines;
	bool follow, raw, events;
};
static const struct log_values defaults = {.lines = UINT64_MAX};
#define AT(member) offsetof(struct log_values, member)

static const struct opt options[] = {
	{"follow", 'f', OPT_FLAG, NULL, "go on with what is written from now on", AT(follow), 0,
		NULL},
	{"lines", 'n', OPT_COUNT, "N", "only the last N lines, or events; all", AT(lines), 0, NULL},
	{"raw", 0, OPT_FLAG, NULL, "the bytes as they are: they may act on the terminal", AT(raw),
		0, NULL},
	{"events", 0, OPT_FLAG, NULL, "not the console but the zone's history", AT(events), 0,
		NULL},
	{0},
};

/* ---- events ---- */

static const struct column items[] = {
	{"time", "TIME", COLUMN_TIME, true, 0},
	{"event", "EVENT", COLUMN_TEXT, true, 0},
	{"by", "BY", COLUMN_TEXT, false, 0},
	{"details", "DETAILS", COLUMN_TEXT, true, 0},
};
static const struct columns columns = {items, ARRAY_LEN(items)};

/* Each event has members of its own: in a table they are one column. */
static int add_details(json_t *rows, struct err *e)
{
	const char *key;
	json_t *value;
	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *row = json_array_get(rows, i), *rest = json_object();
		json_object_foreach(row, key, value) if (strcmp(key, "time") != 0 &&
							 strcmp(key, "event") != 0 &&
							 !json_is_null(value) && rest)(void)
			json_object_set(rest, key, value);
		if (json_object_set_new(row, "details", rest) < 0)
			return err_nomem(e);
	}
	return 0;
}

static int print_events(struct cli *c, const char *name, struct err *e)
{
	const struct log_values *v = c->values;
	const struct store *s = cli_store(c, e);
	json_t *rows = NULL;
	struct output_query *q = NULL;
	struct output_options o = c->out;
	o.quiet = false;
	size_t n = v->lines == UINT64_MAX ? 0 : v->lines;
	bool is_json = output_is_json(&o);
	if (!s || output_query_make(&o, columns, &q, e) < 0)
		return -1;
	int r = v->lines == 0 ? 0 : inspect_events(s, name, n, &rows, e);
	if (r == 0 && !is_json)
		r = add_details(rows, e);
	if (r == 0)
		r = output_print(q, rows, stdout, e);
	json_decref(rows);
	output_query_free(q);
	return r;
}

/* ---- console ---- */

struct follower {
	const struct store *store;
	char name[ZONE_NAME_MAX + 16]; /* "web1.console" */
	int fd, watch;
	bool raw;
	struct strbuf rest;
};

static int put(struct follower *f, const char *bytes, size_t n, struct err *e)
{
	if (f->raw)
		return fwrite(bytes, 1, n, stdout) == n ? 0 : output_finish(stdout, e);
	autostr struct strbuf out = {0};
	log_add_escaped(&out, &f->rest, bytes, n);
	if (out.failed || f->rest.failed)
		return err_nomem(e);
	(void)fputs(out.buf ? out.buf : "", stdout);
	return 0;
}

static int put_new(struct follower *f, struct err *e)
{
	char buf[65536];
	ssize_t n;
	while (f->fd >= 0 && (n = fd_read_all(f->fd, buf, sizeof buf)) != 0) {
		if (n < 0)
			return err_sys(e, errno, "read the console log");
		if (put(f, buf, (size_t)n, e) < 0)
			return -1;
	}
	return output_finish(stdout, e);
}

/* After a rotation the name means another file: the old one was read to its end before. */
static int reopen(struct follower *f, struct err *e)
{
	struct stat now, had;
	autofd int fd =
		openat(f->store->log_fd, f->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &now) < 0)
		return 0;
	if (f->fd >= 0 && fstat(f->fd, &had) == 0 && had.st_ino == now.st_ino &&
		had.st_dev == now.st_dev)
		return 0;
	fd_close(&f->fd);
	f->fd = fd_steal(&fd);
	return put_new(f, e);
}

/* The directory is watched, since the file may come, go and be rotated. */
static int follow(struct follower *f, struct err *e)
{
	_Alignas(struct inotify_event) char buf[4096];
	for (;;) {
		if (put_new(f, e) < 0 || reopen(f, e) < 0)
			return -1;
		ssize_t n = read(f->watch, buf, sizeof buf);
		if (n < 0 && errno != EINTR)
			return err_sys(e, errno, "watch '%s'", f->store->log);
	}
}

static int print_console(struct cli *c, const char *name, struct err *e)
{
	const struct log_values *v = c->values;
	const struct store *s = cli_store(c, e);
	struct follower f = {.store = s, .fd = -1, .watch = -1, .raw = v->raw};
	autostr struct strbuf text = {0};
	int64_t lines = v->lines > INT64_MAX ? LOG_ALL : (int64_t)v->lines;
	if (!s)
		return -1;
	(void)snprintf(f.name, sizeof f.name, "%s.console", name);
	autofd int watch = v->follow ? inotify_init1(IN_CLOEXEC) : -1;
	if (v->follow && (watch < 0 || inotify_add_watch(watch, fd_path(s->log_fd).s,
					       IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0))
		return err_sys(e, errno, "watch '%s'", s->log);
	f.watch = watch;
	if (log_read_tail(s, name, lines, &text, &f.fd, e) < 0)
		return -1;
	int r = put(&f, text.buf ? text.buf : "", text.len, e);
	if (r == 0 && v->follow)
		r = follow(&f, e);
	if (r == 0 && f.rest.len)
		r = put(&f, "\n", 1, e);
	fd_close(&f.fd);
	str_done(&f.rest);
	return r;
}

/* A zone that never started has no log; one that does not exist is an error. */
static int check_zone(struct cli *c, const char *name, struct err *e)
{
	json_t *row = NULL;
	const struct store *s = cli_store(c, e);
	if (!s || inspect_zone(s, name, INSPECT_BASIC, &row, e) < 0)
		return -1;
	json_decref(row);
	return 0;
}

static int run(struct cli *c)
{
	const struct log_values *v = c->values;
	struct err e = {0};
	const char *name = c->words.operands[0];
	if (v->events && (v->follow || v->raw)) {
		err_set(&e, ERR_USAGE, "--events goes with neither --follow nor --raw");
		return report_usage(c, &e);
	}
	if (name_check("zone", name, &e) < 0)
		return report_usage(c, &e);
	int r = check_zone(c, name, &e);
	if (r == 0)
		r = v->events ? print_events(c, name, &e) : print_console(c, name, &e);
	return r < 0 ? report_error(c, name, &e) : 0;
}

static const struct verb_example examples[] = {
	{"cella log -n 20 web1", "the last lines of its console"},
	{"cella log -f web1", "and what comes; Ctrl-C ends it"},
	{"cella log --events web1", "when it started, how it ended, who asked"},
	{0},
};

const struct verb verb_log = {
	.name = "log",
	.synopsis = "[OPTIONS] NAME",
	.summary = "show a zone's console log or history",
	.description =
		"Prints what the zone wrote on its console, over all its starts, as far as "
		"console.log_max keeps it. What could act on the terminal is written as \\xNN, unless "
		"--raw is given. --follow goes on through restarts of the zone.",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct log_values),
	.defaults = &defaults,
	.topic = TOPIC_LOOK,
	.flags = VERB_READS,
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
