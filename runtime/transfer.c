#include "runtime/transfer.h"
#include "runtime/lifecycle_parts.h"
#include "runtime/state.h"
#include "runtime/stop.h"
#include "runtime/transfer_answer.h"
#include "base/defence.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/sys.h"
#include "specs/name.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	ARGUMENTS_MAX = 16,
	PIECE = 1 << 16,
	PROGRESS_MS = 200,
};

/* What was typed, taken apart. */
struct side {
	char zone[ZONE_NAME_MAX + 1]; /* "": the host */
	bool is_stream;
	char path[PATH_MAX]; /* absolute */
	char name[NAME_MAX + 1];
	bool contents;	  /* "DIR/." or "/" */
	bool is_isolated; /* ids of its own */
};

struct copy_end {
	const struct side *side;
	struct zone zone; /* stopped: open and locked */
	struct exec_process process;
	struct transfer_answer answer;
	struct err err;
	bool is_running; /* the process */
};

/* ---- what was typed ---- */

size_t transfer_zone_part(const char *text)
{
	char name[ZONE_NAME_MAX + 2];
	size_t n = strcspn(text, ":/");
	if (text[n] != ':' || n >= sizeof name)
		return 0;
	memcpy(name, text, n);
	name[n] = '\0';
	return name_is_valid(name) ? n : 0;
}

static int absolute(struct side *s, const char *path, struct err *e)
{
	char cwd[PATH_MAX] = "";
	if (path[0] != '/' && !s->zone[0] && !getcwd(cwd, sizeof cwd))
		return err_sys(e, errno, "the working directory");
	int n = snprintf(s->path, sizeof s->path, "%s%s%s", cwd, path[0] == '/' ? "" : "/", path);
	return n < 0 || (size_t)n >= sizeof s->path ? err_sys(e, ENAMETOOLONG, "'%.80s'", path) : 0;
}

/* The last component; a path that ends in "/." means the directory's content. */
static int find_name(struct side *s, const char *typed, struct err *e)
{
	size_t len = strlen(s->path);
	bool dot = len > 1 && str_eq(s->path + len - 2, "/.");
	if (dot)
		s->path[len - 1] = '\0';
	char plain[PATH_MAX];
	(void)snprintf(plain, sizeof plain, "%s", s->path);
	for (len = strlen(plain); len > 1 && plain[len - 1] == '/';)
		plain[--len] = '\0';
	const char *last = strrchr(plain, '/');
	last = last ? last + 1 : plain;
	s->contents = dot || !*last;
	if (str_eq(last, "..") || strlen(last) > NAME_MAX)
		return err_set(e, ERR_USAGE, "'%.200s' has no name at its end", typed);
	(void)snprintf(s->name, sizeof s->name, "%.*s", NAME_MAX,
		*last && !str_eq(last, ".") ? last : "root");
	return 0;
}

static int parse_side(const char *text, struct side *s, struct err *e)
{
	*s = (struct side){.is_stream = !strcmp(text, "-")};
	if (s->is_stream)
		return 0;
	size_t n = transfer_zone_part(text);
	if (n) {
		memcpy(s->zone, text, n);
		text += n + 1;
	}
	if (!*text)
		return err_set(e, ERR_USAGE, "the path is missing%s%s",
			n ? " behind the name of zone " : "", s->zone);
	return absolute(s, text, e) < 0 ? -1 : find_name(s, text, e);
}

/* ---- starting the ends ---- */

/* What cp must never be: the path of a zone, walked by the host. */
static int run_beside_zone(
	const struct store *st, struct copy_end *x, const char *const *argv, struct err *e)
{
	const char *plain[ARGUMENTS_MAX];
	char path[PATH_MAX + 32];
	struct zone_state now;
	size_t n = 0;
	(void)zone_status(st, x->side->zone, &now);
	(void)snprintf(path, sizeof path, "/proc/%d/root%s", now.init.pid, x->side->path);
	for (; argv[n]; n++)
		plain[n] = argv[n];
	plain[n - 1] = path;
	plain[n] = NULL;
	return transfer_host_end(st, plain, &x->process, e);
}

static int run_in_zone(
	const struct store *st, struct copy_end *x, const char *const *argv, struct err *e)
{
	int code;
	const struct exec_options o = {.argv = argv, .own_program = "cella-copy"};
	if (defence_is_off("S38z"))
		return run_beside_zone(st, x, argv, e);
	return zone_exec(st, x->side->zone, &o, &x->process, &code, e);
}

static int run_in_stopped(
	const struct store *st, struct copy_end *x, const char *const *argv, struct err *e)
{
	struct zone_state now;
	if (zone_open(st, x->side->zone, ZONE_LOCK, LIFECYCLE_LOCK_MS, &x->zone, e) < 0)
		return -1;
	if (zone_recover(&x->zone, e) < 0 || zone_settle(&x->zone, &now, e) < 0)
		return -1;
	if (now.phase == PHASE_NONE)
		return transfer_stopped_end(&x->zone, argv, &x->process, e);
	/* It was started meanwhile. */
	zone_close(&x->zone);
	x->zone = (struct zone){.dir_fd = -1, .lock_fd = -1};
	return run_in_zone(st, x, argv, e);
}

static int run_end(
	const struct store *st, struct copy_end *x, const char *const *argv, struct err *e)
{
	const char *zone = x->side->zone;
	int r;
	if (!zone[0]) {
		r = transfer_host_end(st, argv, &x->process, e);
	} else {
		enum zone_status status = zone_status(st, zone, NULL);
		r = status == ZONE_RUNNING || status == ZONE_UNWATCHED
			    ? run_in_zone(st, x, argv, e)
			    : run_in_stopped(st, x, argv, e);
	}
	x->is_running = r == 0;
	return r;
}

static int run_source(const struct store *st, const struct transfer_options *o, struct copy_end *x,
	bool to_stream, struct err *e)
{
	const struct side *s = x->side;
	const char *argv[ARGUMENTS_MAX] = {"cella-copy", "pack"};
	size_t n = 2;
	if (o->follow)
		argv[n++] = "--follow";
	if (o->keep || to_stream)
		argv[n++] = "--xattrs";
	if (!s->zone[0])
		argv[n++] = "--confine";
	argv[n++] = "--name";
	argv[n++] = to_stream && !s->contents ? s->name : ".";
	argv[n] = s->path;
	return run_end(st, x, argv, e);
}

static int run_destination(const struct store *st, const struct transfer_options *o,
	const struct side *source, struct copy_end *x, struct err *e)
{
	const struct side *d = x->side;
	const char *argv[ARGUMENTS_MAX] = {"cella-copy", "unpack"};
	size_t n = 2;
	if (!source->is_stream) {
		argv[n++] = "--single";
		argv[n++] = "--name";
		argv[n++] = source->name;
		if (source->contents)
			argv[n++] = "--contents";
	}
	if (o->keep)
		argv[n++] = "--keep";
	/* What is setuid in a zone is so there alone; on the host it would be the host's root (R9).
	 */
	argv[n++] = d->zone[0] ? "--keep-setid" : "--confine";
	bool has_map = d->zone[0] ? d->is_isolated : source->is_isolated;
	argv[n++] = "--ids";
	argv[n++] = has_map ? "65536" : "4294967295";
	argv[n] = d->path;
	return run_end(st, x, argv, e);
}

/* ---- the stream ---- */

/* 0 at the end, -1 with errno. */
static ssize_t move_piece(int from, int to, bool *can_splice, char *buf)
{
	ssize_t n;
	while (*can_splice) {
		n = splice(from, NULL, to, NULL, PIECE, SPLICE_F_MOVE);
		if (n >= 0 || (errno != EINTR && errno != EINVAL))
			return n;
		/* One of them is a file that appends, or a terminal. */
		*can_splice = errno == EINTR;
	}
	do
		n = read(from, buf, PIECE);
	while (n < 0 && errno == EINTR);
	return n > 0 && fd_write_all(to, buf, (size_t)n) < 0 ? -1 : n;
}

/* 0, or the errno of what was in the way. */
static int carry(const struct transfer_options *o, int from, int to)
{
	autofree char *buf = malloc(PIECE);
	bool can_splice = true;
	uint64_t bytes = 0;
	int64_t told = clock_mono_ms();
	ssize_t n = -1;
	while (buf && (n = move_piece(from, to, &can_splice, buf)) > 0) {
		bytes += (uint64_t)n;
		int64_t now = clock_mono_ms();
		if (o->progress && now - told >= PROGRESS_MS) {
			o->progress(o->arg, bytes);
			told = now;
		}
	}
	return n == 0 ? 0 : buf ? errno : ENOMEM;
}

/* ---- what came of it ---- */

static void end_close(struct copy_end *x)
{
	exec_process_done(&x->process);
	zone_close(&x->zone);
}

/* Read its answer and see it end. */
static void end_finish(struct copy_end *x)
{
	struct err *e = &x->err;
	char text[TRANSFER_ANSWER_MAX];
	siginfo_t info = {0};
	if (!x->is_running)
		return;
	x->is_running = false;
	ssize_t n = fd_read_all(x->process.err_fd, text, sizeof text - 1);
	int errnum = errno;
	fd_close(&x->process.err_fd);
	if (sys_waitid_pidfd(x->process.pidfd, &info, WEXITED) < 0) {
		err_sys(e, errno, "wait for cella-copy");
	} else if (n < 0) {
		err_sys(e, errnum, "read the answer of cella-copy");
	} else if (info.si_code != CLD_EXITED) {
		err_set(e, ERR_FAILED, "cella-copy was ended by signal %d (%s)", info.si_status,
			sigabbrev_np(info.si_status) ?: "?");
	} else {
		text[n] = '\0';
		(void)transfer_answer_parse(text, &x->answer, e);
	}
	if (e->cls)
		err_prefix(e, "%s%s%s", x->side->zone, x->side->zone[0] ? ":" : "", x->side->path);
}

static void end_abandon(struct copy_end *x)
{
	if (!x->is_running)
		return;
	fd_close(&x->process.in_fd);
	fd_close(&x->process.out_fd);
	end_finish(x);
}

static void tell(const struct transfer_options *o, const struct transfer_answer *a)
{
	char text[160];
	if (!o->warn)
		return;
	for (size_t i = 0; i < a->n_warnings; i++)
		o->warn(o->arg, a->warnings[i]);
	if (a->devices || a->sockets || a->mounts) {
		(void)snprintf(text, sizeof text,
			"left out: %llu device nodes, %llu sockets, %llu file systems of the kernel",
			(unsigned long long)a->devices, (unsigned long long)a->sockets,
			(unsigned long long)a->mounts);
		o->warn(o->arg, text);
	}
	if (a->stripped) {
		(void)snprintf(text, sizeof text,
			"%llu files lost setuid or setgid, which on the host would be real: -a keeps it",
			(unsigned long long)a->stripped);
		o->warn(o->arg, text);
	}
}

/* The first cause: an end that complains of a broken stream only saw the other one fail. */
static int choose_error(const struct copy_end *source, const struct copy_end *dest, struct err *e)
{
	bool follows = source->err.sys_errno == EPIPE;
	if (source->err.cls && (!follows || !dest->err.cls)) {
		*e = source->err;
		return -1;
	}
	if (dest->err.cls) {
		*e = dest->err;
		return -1;
	}
	return 0;
}

/* ---- the whole ---- */

static int transfer(const struct transfer_options *o, struct copy_end *source,
	struct copy_end *dest, struct err *e)
{
	int *from = &source->process.out_fd, *to = &dest->process.in_fd;
	int stream = o->stream_fd;
	if (source->side->is_stream)
		from = &stream;
	else
		fd_close(&source->process.in_fd);
	if (dest->side->is_stream)
		to = &stream;
	else
		fd_close(&dest->process.out_fd);
	int errnum = carry(o, *from, *to);
	if (from != &stream)
		fd_close(from);
	if (to != &stream)
		fd_close(to);
	end_finish(source);
	end_finish(dest);
	/* An end that is gone says itself why; what else can fail is what "-" stands for. */
	bool has_stream = from == &stream || to == &stream;
	if (has_stream && errnum && errnum != EPIPE)
		return err_sys(e, errnum, from == &stream ? "read the stream" : "write the stream");
	if (choose_error(source, dest, e) < 0)
		return -1;
	return errnum ? err_sys(e, errnum, "write the stream") : 0;
}

static int look_up(const struct store *st, struct side *s, struct err *e)
{
	struct zone z;
	if (!s->zone[0])
		return 0;
	if (zone_open(st, s->zone, 0, 0, &z, e) < 0)
		return -1;
	s->is_isolated = z.spec->security.userns == SPEC_USERNS_ISOLATED;
	zone_close(&z);
	return 0;
}

static int check_sides(const struct side *a, const struct side *b, struct err *e)
{
	if (a->is_stream && b->is_stream)
		return err_set(e, ERR_USAGE, "'-' can be the source or the destination, not both");
	if (a->zone[0] || b->zone[0])
		return 0;
	err_set(e, ERR_USAGE, "neither is in a zone");
	return err_hint(e, "ZONE:PATH names a path in a zone; a path of the host with a colon is "
			   "written ./a:b");
}

/* In a zone that is stopped a copy to itself would wait for its own lock. */
static int check_same(
	const struct store *st, const struct side *a, const struct side *b, struct err *e)
{
	if (!a->zone[0] || strcmp(a->zone, b->zone) != 0)
		return 0;
	enum zone_status status = zone_status(st, a->zone, NULL);
	if (status == ZONE_RUNNING || status == ZONE_UNWATCHED)
		return 0;
	return err_set(
		e, ERR_STATE, "a copy within zone '%s' needs it running: use its own cp", a->zone);
}

static int run(const struct store *st, const struct transfer_options *o, struct copy_end *source,
	struct copy_end *dest, struct err *e)
{
	/* Zones first: without ids of its own one may make this program start anew
	 * (runtime/self.h). */
	bool dest_first = dest->side->zone[0] && !source->side->zone[0];
	if (dest_first && run_destination(st, o, source->side, dest, e) < 0)
		return -1;
	if (!source->side->is_stream && run_source(st, o, source, dest->side->is_stream, e) < 0)
		return -1;
	if (!dest_first && !dest->side->is_stream &&
		run_destination(st, o, source->side, dest, e) < 0)
		return -1;
	return transfer(o, source, dest, e);
}

int zone_transfer(const struct store *s, const struct transfer_options *o,
	struct transfer_result *ret, struct err *e)
{
	struct side from, to;
	const struct copy_end none = {
		.zone = {.dir_fd = -1, .lock_fd = -1},
		.process = {.pidfd = -1, .pty_fd = -1, .in_fd = -1, .out_fd = -1, .err_fd = -1},
	};
	struct copy_end source = none, dest = none;
	struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
	if (parse_side(o->source, &from, e) < 0 || parse_side(o->dest, &to, e) < 0 ||
		check_sides(&from, &to, e) < 0 || look_up(s, &from, e) < 0 ||
		look_up(s, &to, e) < 0 || check_same(s, &from, &to, e) < 0)
		return -1;
	source.side = &from;
	dest.side = &to;
	if (sigaction(SIGPIPE, &ignore, &old) < 0)
		return err_sys(e, errno, "sigaction");
	int r = run(s, o, &source, &dest, e);
	end_abandon(&source);
	end_abandon(&dest);
	(void)sigaction(SIGPIPE, &old, NULL);
	tell(o, &source.answer);
	tell(o, &dest.answer);
	const struct transfer_answer *arrived = to.is_stream ? &source.answer : &dest.answer;
	*ret = (struct transfer_result){arrived->entries, arrived->bytes};
	end_close(&source);
	end_close(&dest);
	return r;
}
