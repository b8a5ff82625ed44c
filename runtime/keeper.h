/* keeper.h: the wire between cella-keeper and its clients (RUN/zones/NAME/keeper.sock, SEQPACKET,
 * one message per packet, at most KEEPER_PACKET bytes; the socket's directory is 0700 root, and
 * SO_PEERCRED must say uid 0). A message's meaning is never changed: add a new letter.
 *
 *   client -> keeper                           keeper -> client
 *     'c'           attach to the console        'o' bytes     console output
 *     'i' bytes     console input                'x' struct keeper_exit (after its letter)
 *     'w' rows cols window size (u16 each)       'b'           refused: too many clients
 *     'n'           notify me when it ends
 *     's'           as 'n', and: I will sweep, under the zone's lock. The keeper waits for 'd'
 *                   (swept: keeper just exits) or end of file (client died: keeper sweeps).
 *                   A stop holds the lock by then, `cella run` takes it when the zone has ended. */
#pragma once
#include <signal.h>
#include <stdint.h>

/* How systemd asks for a zone's stop. It sends this to all that is in the zone's scope at once, and
 * with SIGTERM what init and its children make of it would race the keeper, who has init alone
 * asked, in its own way. This one nobody else minds. Whoever will be a keeper holds it until then.
 */
enum {
	KEEPER_STOP_SIGNAL = SIGURG
};

enum {
	KEEPER_PACKET = 4096,
	KEEPER_CLIENTS = 16
};

enum keeper_reason {
	KEEPER_EXITED = 1, /* code */
	KEEPER_SIGNALED,   /* code = signal */
	KEEPER_REBOOT,	   /* reboot(2) inside */
	KEEPER_POWEROFF,
	KEEPER_OOM,	/* init was killed while the OOM counter rose; code = signal */
	KEEPER_UNKNOWN, /* an adopted zone: how it ended cannot be known */
};
struct keeper_exit {
	char type;	/* 'x' */
	uint8_t reason; /* enum keeper_reason */
	uint8_t asked;	/* a command asked for it */
	uint8_t pad;
	int32_t code;
	uint32_t oom_kills;
};

/* Descriptors that cella-keeper inherits, by number; one that is absent is /dev/null. */
enum keeper_fd {
	KEEPER_FD_INIT = 3,  /* pidfd of the zone's init */
	KEEPER_FD_PTY,	     /* console master */
	KEEPER_FD_PTY_SLAVE, /* kept open, so that the master never reads EIO while the zone lives
			      */
	KEEPER_FD_LISTEN,    /* keeper.sock, listening */
	KEEPER_FD_ZONE_DIR,  /* zones/NAME: events.jsonl */
	KEEPER_FD_RUN_DIR,   /* RUN/zones/NAME: asked */
	KEEPER_FD_LOG_DIR,   /* LOG */
	KEEPER_FD_OOM,	     /* the file with the OOM counter */
	KEEPER_FD_FIRST_CLIENT, /* a notify client that is connected already: start's exit_fd */
	KEEPER_FD_COUNT,
};

/* Its arguments, plain strings. */
enum keeper_arg {
	KEEPER_ARG_SELF,
	KEEPER_ARG_NAME,  /* of the zone */
	KEEPER_ARG_CELLA, /* absolute path of the command: run as `cella _ended ...` at the end */
	KEEPER_ARG_UUID,  /* with the next: which run of the zone this is, for _ended */
	KEEPER_ARG_INIT_START, /* start time of its init */
	KEEPER_ARG_RESTART,    /* "no", "on-failure", "always" */
	KEEPER_ARG_RESTARTS,   /* how many automatic restarts came before */
	KEEPER_ARG_LOG_MAX,    /* bytes */
	KEEPER_ARG_ADOPTED,    /* "1": init is not our child */
	KEEPER_ARG_COUNT,
};
