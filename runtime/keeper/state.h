/* keeper/state.h: everything a keeper knows. Static, so that nothing is allocated after its start.
 */
#pragma once
#include "runtime/keeper.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
};
enum keeper_phase {
	KEEPER_WATCHING, /* the zone runs */
	KEEPER_SWEPT_BY, /* it ended; a command that holds the lock sweeps */
	KEEPER_BACKOFF,	 /* it ended; it will be started again at `restart_at` */
	KEEPER_ENDING,	 /* it ended; `cella _ended` is next */
};
struct keeper {
	const char *const *argv;
	const char *name;
	enum keeper_phase phase;
	bool adopted;
	bool has_pty;
	struct client clients[KEEPER_CLIENTS];
	uint64_t serial;
	int log_fd;
	uint64_t log_size, log_max;
	uint64_t restarts;
	int64_t started_ms, restart_at_ms;
	uint64_t oom_before;
	struct keeper_exit exit;
	bool restart;
};

int64_t keeper_now_ms(void); /* CLOCK_BOOTTIME: suspended time counts as uptime */

/* console.c */
void console_open_log(struct keeper *k);
/* Read what the zone printed, log it, pass it on. False at end of file. */
bool console_pump(struct keeper *k);
void console_drain(struct keeper *k);
/* clients.c */
void clients_accept(struct keeper *k);
void clients_read(struct keeper *k, struct client *c);
void clients_drop(struct client *c);
void clients_send_output(struct keeper *k, const char *bytes, size_t n);
void clients_send_exit(struct keeper *k);
struct client *clients_find(struct keeper *k, enum client_kind kind);
/* ending.c */
uint64_t ending_oom_count(void);
/* Fill k->exit, decide about a restart, write the event. */
void ending_record(struct keeper *k);
/* Become `cella _ended`. Returns only if exec fails. */
void ending_exec(struct keeper *k);
