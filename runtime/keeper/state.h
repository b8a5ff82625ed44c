/* keeper/state.h: everything a keeper knows. Static, so that nothing is allocated after its start.
 */
#pragma once
#include "runtime/keeper.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/* Beyond those who were let in there is room for newcomers who have not said yet what they
	 * want: sixteen consoles must not keep out the one who comes to stop the zone. */
	CLIENTS_WAITING = 4,
	CLIENTS_ROOM = KEEPER_CLIENTS + CLIENTS_WAITING,
};

enum client_kind {
	CLIENT_NONE,
	CLIENT_IDLE,
	CLIENT_CONSOLE,
	CLIENT_NOTIFY,
	CLIENT_SWEEPER
};
struct client {
	int fd;
	enum client_kind kind;
	uint64_t since; /* serial number: the oldest idle one makes room */
	uint64_t lost;	/* bytes of output that it was too slow for; 0: it keeps up */
};
enum keeper_phase {
	KEEPER_WATCHING, /* the zone runs */
	KEEPER_SWEPT_BY, /* it ended; a command that holds the lock sweeps */
	KEEPER_BACKOFF,	 /* it ended; it will be started again at `restart_at_ms` */
	KEEPER_ENDING,	 /* it ended; `cella _ended` is next */
};
/* How the clerk ends. */
enum {
	CLERK_SWEPT = 0, /* somebody else has swept, or will: nothing is left to do */
	CLERK_OVER = 3,	 /* it is time for `cella _ended` */
};
/* From the keeper to the clerk, once. */
struct verdict {
	struct keeper_exit exit;
	bool restart;
	int64_t restart_at_ms;
};
struct keeper {
	const char *const *argv;
	const char *name;
	enum keeper_phase phase;
	bool adopted;
	bool has_pty;
	bool has_socket;
	struct client clients[CLIENTS_ROOM];
	uint64_t serial;
	int64_t accept_again_ms; /* 0: now */
	int log_fd, verdict_fd;
	uint64_t log_max;
	uint64_t restarts; /* automatic ones in a row before this run */
	int64_t started_ms, restart_at_ms;
	int backoff_fd; /* inotify: the run directory is being removed; -1 */
	uint64_t oom_before;
	struct keeper_exit exit;
	bool restart, gave_up, has_ended;
};

int64_t keeper_now_ms(void); /* CLOCK_BOOTTIME: suspended time counts as uptime */

/* console.c */
void console_open_log(struct keeper *k);
/* Read what the zone printed, log it, pass it on. False when there is nothing (more). */
bool console_pump(struct keeper *k);
/* What was printed last, before the end. Bounded: who held the terminal is dead. */
void console_drain(struct keeper *k);
void console_input(struct keeper *k, const char *bytes, size_t n);
void console_size(struct keeper *k, const char *bytes, size_t n);

/* clients.c */
/* One connection, if there is one that may stay. */
struct client *clients_accept(struct keeper *k);
/* One packet. False when there is none, or no client any more. */
bool clients_read(struct keeper *k, struct client *c);
/* All that was said until now: a stop that came before the end must not be taken for one that did
 * not come. */
void clients_catch_up(struct keeper *k);
/* A slow one can take output again. */
void clients_resume(struct client *c);
void clients_send_output(struct keeper *k, const char *bytes, size_t n);
void clients_send_exit(struct keeper *k);
struct client *clients_find(struct keeper *k, enum client_kind kind);
/* Take what they have sent and nobody will answer: a socket that is closed with unread packets
 * makes its peer lose the exit record. */
void clients_flush(struct keeper *k);

/* confine.c */
void confine_drop_capabilities(void);
void confine_clerk(void);

/* ending.c */
uint64_t ending_oom_count(void);
/* Fill k->exit, decide about a restart, write the event. */
void ending_record(struct keeper *k);
/* RUN/zones/NAME/restarting: `list` shows it; and see when somebody sweeps meanwhile. */
void ending_begin_backoff(struct keeper *k);
bool ending_is_swept(struct keeper *k);
/* Become `cella _ended`. Returns only if exec fails. */
/* Have `cella stop` run for the zone. */
void ending_ask_for_stop(struct keeper *k);
void ending_exec(struct keeper *k);

/* event.c: the "ended" line of events.jsonl. */
struct keeper_asked {
	char verb[16]; /* "" when nobody asked */
	uint64_t uid, pid;
};
void event_write_ended(const struct keeper *k, const struct keeper_asked *by);
