#include "runtime/boot.h"
#include "runtime/start.h"
#include "runtime/state.h"
#include "runtime/stop.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	AT_ONCE_MAX = 16,	 /* zones that stop at the same time */
	CIRCLE_SHOWN = 400,	 /* bytes of names in a message */
	LOCK_TIMEOUT_MS = 600000 /* whoever holds a zone's lock works on it; we have time */
};

struct boot_zone {
	struct zone zone; /* open for reading */
	enum {
		NEW,
		OPEN,
		DONE
	} mark;			       /* of the walk */
	struct boot_zone *from, *next; /* the way there; in a circle the way on */
	bool wanted, failed;
};
struct boot {
	struct boot_zone **zones; /* by order, then by name */
	size_t n, room;
	struct boot_zone **sequence; /* in the order of a start */
	size_t n_sequence;
};

/* ---- what there is ---- */

static void boot_done(struct boot *b)
{
	for (size_t i = 0; i < b->n; i++) {
		zone_close(&b->zones[i]->zone);
		free(b->zones[i]);
	}
	free(b->zones);
	free(b->sequence);
}

struct loading {
	const struct store *store;
	struct boot *boot;
	boot_told *told;
	void *arg;
	struct err *e;
};

static int load_one(void *arg, const char *name)
{
	struct loading *l = arg;
	struct boot *b = l->boot;
	struct err why = {0};
	if (b->n == b->room) {
		size_t room = b->room ? 2 * b->room : 64;
		struct boot_zone **more = reallocarray(b->zones, room, sizeof(struct boot_zone *));
		if (!more)
			return err_nomem(l->e);
		b->zones = more;
		b->room = room;
	}
	struct boot_zone *z = calloc(1, sizeof *z);
	if (!z)
		return err_nomem(l->e);
	if (zone_open(l->store, name, 0, 0, &z->zone, &why) < 0) {
		free(z);
		if (why.cls != ERR_NOT_FOUND) /* destroyed just now */
			l->told(l->arg, name, false, &why);
		return 0;
	}
	b->zones[b->n++] = z;
	return 0;
}

static int by_order(const void *a, const void *b)
{
	const struct boot_zone *x = *(struct boot_zone *const *)a,
			       *y = *(struct boot_zone *const *)b;
	int64_t ox = x->zone.spec->boot.order, oy = y->zone.spec->boot.order;
	return ox != oy ? (ox < oy ? -1 : 1) : strcmp(x->zone.name, y->zone.name);
}

static int load(const struct store *s, struct boot *b, boot_told *told, void *arg, struct err *e)
{
	struct loading l = {s, b, told, arg, e};
	if (store_each_zone(s, load_one, &l, e) < 0)
		return -1;
	if (b->n)
		qsort(b->zones, b->n, sizeof(struct boot_zone *), by_order);
	b->sequence = calloc(b->n + 1, sizeof(struct boot_zone *));
	return b->sequence ? 0 : err_nomem(e);
}

static struct boot_zone *find(const struct boot *b, const char *name)
{
	for (size_t i = 0; i < b->n; i++)
		if (str_eq(b->zones[i]->zone.name, name))
			return b->zones[i];
	return NULL;
}

/* ---- in which order ---- */

static int visit(struct boot *b, struct boot_zone *z, struct boot_zone *from, struct err *e);

static int visit_all(
	struct boot *b, const struct spec_strings *names, struct boot_zone *from, struct err *e)
{
	for (size_t i = 0; i < names->n; i++) {
		struct boot_zone *other = find(b, names->items[i]);
		if (other && visit(b, other, from, e) < 0)
			return -1;
	}
	return 0;
}

/* From `last` back to `first`, which `last` waits for: "a -> b -> a". */
static int fail_circle(struct boot_zone *first, struct boot_zone *last, struct err *e)
{
	autostr struct strbuf names = {0};
	size_t n = 1, left_out = 0;
	for (struct boot_zone *z = last; z != first; z = z->from, n++)
		z->from->next = z;
	last->next = first;
	for (struct boot_zone *z = first; n; z = z->next, n--) {
		if (names.len < CIRCLE_SHOWN)
			str_addf(&names, "%s -> ", z->zone.name);
		else
			left_out++;
	}
	if (left_out)
		str_addf(&names, "(%zu more) -> ", left_out);
	str_add(&names, first->zone.name);
	return err_set(e, ERR_USAGE, "boot.requires and boot.after go in a circle: %s",
		names.buf && !names.failed ? names.buf : first->zone.name);
}

/* Depth first: what it needs, then itself. */
static int visit(struct boot *b, struct boot_zone *z, struct boot_zone *from, struct err *e)
{
	if (z->mark == DONE)
		return 0;
	if (z->mark == OPEN)
		return fail_circle(z, from, e);
	z->mark = OPEN;
	z->from = from;
	if (visit_all(b, &z->zone.spec->boot.requires, z, e) < 0 ||
		visit_all(b, &z->zone.spec->boot.after, z, e) < 0)
		return -1;
	z->mark = DONE;
	b->sequence[b->n_sequence++] = z;
	return 0;
}

static int put_in_order(struct boot *b, struct err *e)
{
	for (size_t i = 0; i < b->n; i++)
		if (visit(b, b->zones[i], NULL, e) < 0)
			return -1;
	return 0;
}

/* What a wanted zone requires is wanted. From the end, since that stands before it. */
static void choose(struct boot *b)
{
	for (size_t i = b->n_sequence; i-- > 0;) {
		struct boot_zone *z = b->sequence[i];
		const struct spec_strings *r = &z->zone.spec->boot.requires;
		z->wanted |= z->zone.spec->boot.autostart;
		for (size_t k = 0; z->wanted && k < r->n; k++) {
			struct boot_zone *other = find(b, r->items[k]);
			if (other)
				other->wanted = true;
		}
	}
}

/* ---- start ---- */

static int check_required(const struct boot *b, const struct boot_zone *z, struct err *e)
{
	const struct spec_strings *r = &z->zone.spec->boot.requires;
	for (size_t i = 0; i < r->n; i++) {
		const struct boot_zone *other = find(b, r->items[i]);
		if (!other)
			return err_set(e, ERR_STATE, "it requires zone '%s', which is not there",
				r->items[i]);
		if (other->failed)
			return err_set(e, ERR_STATE, "it requires zone '%s', which did not start",
				r->items[i]);
	}
	return 0;
}

static void start_one(struct boot *b, struct boot_zone *z, boot_told *told, void *arg)
{
	struct start_options o = {.lock_timeout_ms = LOCK_TIMEOUT_MS};
	struct start_result r = {.pty_fd = -1, .exit_fd = -1};
	struct err e = {0};
	if (check_required(b, z, &e) < 0 ||
		zone_start(z->zone.store, z->zone.name, &o, &r, &e) < 0) {
		z->failed = true;
		told(arg, z->zone.name, false, &e);
		return;
	}
	fd_close(&r.exit_fd);
	told(arg, z->zone.name, r.changed, NULL);
	if (r.changed && z->zone.spec->boot.delay_ms)
		(void)poll(NULL, 0, (int)z->zone.spec->boot.delay_ms);
}

int boot_start_all(const struct store *s, boot_told *told, void *arg, struct err *e)
{
	struct boot b = {0};
	int r = load(s, &b, told, arg, e);
	if (r == 0)
		r = put_in_order(&b, e);
	if (r == 0) {
		choose(&b);
		for (size_t i = 0; i < b.n_sequence; i++)
			if (b.sequence[i]->wanted)
				start_one(&b, b.sequence[i], told, arg);
	}
	boot_done(&b);
	return r;
}

/* ---- stop ---- */

struct stopped {
	bool changed;
	struct err e;
};

static void stop_in_child(const struct boot_zone *z, int sock)
{
	struct stop_options o = {
		.timeout_ms = -1, .verb = "stop", .lock_timeout_ms = LOCK_TIMEOUT_MS};
	struct stopped done = {0};
	if (zone_stop(z->zone.store, z->zone.name, &o, &done.changed, &done.e) < 0 && !done.e.cls)
		done.e.cls = ERR_FAILED;
	_exit(fd_send(sock, &done, sizeof done, NULL, 0) < 0);
}

static void stop_group(struct boot_zone *const *group, size_t n, boot_told *told, void *arg)
{
	int sock[AT_ONCE_MAX];
	pid_t pid[AT_ONCE_MAX];
	for (size_t i = 0; i < n; i++) {
		int pair[2] = {-1, -1};
		pid[i] = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0 ? fork()
											  : -1;
		if (pid[i] == 0)
			stop_in_child(group[i], pair[1]);
		fd_close(&pair[1]);
		sock[i] = pair[0];
	}
	for (size_t i = 0; i < n; i++) {
		struct stopped done = {0};
		ssize_t len = pid[i] > 0 ? fd_recv(sock[i], &done, sizeof done, NULL, NULL) : -1;
		if (len != (ssize_t)sizeof done)
			err_set(&done.e, ERR_FAILED, "the process that stops it could not run");
		told(arg, group[i]->zone.name, done.changed, done.e.cls ? &done.e : NULL);
		fd_close(&sock[i]);
		while (pid[i] > 0 && waitpid(pid[i], NULL, 0) < 0 && errno == EINTR)
			;
	}
}

static bool names(const struct spec_strings *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_eq(list->items[i], name))
			return true;
	return false;
}

/* Must a zone of the group be gone before this one may stop? */
static bool must_wait(struct boot_zone *const *group, size_t n, const struct boot_zone *z)
{
	if (n == AT_ONCE_MAX || (n && group[0]->zone.spec->boot.order != z->zone.spec->boot.order))
		return true;
	for (size_t i = 0; i < n; i++)
		if (names(&group[i]->zone.spec->boot.requires, z->zone.name) ||
			names(&group[i]->zone.spec->boot.after, z->zone.name))
			return true;
	return false;
}

int boot_stop_all(const struct store *s, boot_told *told, void *arg, struct err *e)
{
	struct boot b = {0};
	struct err circle = {0};
	struct boot_zone *group[AT_ONCE_MAX];
	size_t n = 0;
	if (load(s, &b, told, arg, e) < 0) {
		boot_done(&b);
		return -1;
	}
	/* Zones that wait for each other in a circle are stopped all the same, by order. */
	if (put_in_order(&b, &circle) < 0) {
		memcpy(b.sequence, b.zones, b.n * sizeof(struct boot_zone *));
		b.n_sequence = b.n;
	}
	for (size_t i = b.n_sequence; i-- > 0;) {
		struct boot_zone *z = b.sequence[i];
		if (zone_status(s, z->zone.name, NULL) == ZONE_STOPPED)
			continue;
		if (must_wait(group, n, z)) {
			stop_group(group, n, told, arg);
			n = 0;
		}
		group[n++] = z;
	}
	stop_group(group, n, told, arg);
	boot_done(&b);
	return 0;
}
