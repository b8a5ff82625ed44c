/* keeper_start.h: how a keeper comes to be: the host side becomes it by exec at the end of a start,
 * or repair makes one for a zone whose keeper died. */
#pragma once
#include "runtime/state.h"
#include "runtime/zone.h"

struct start;

/* O_CLOEXEC descriptor of a program of ours ("cella-init"), from the build tree or libexec.
 * ERR_HOST if it is not installed. */
int keeper_open_program(const struct store *s, const char *name, struct err *e);
/* From here on KEEPER_STOP_SIGNAL waits for the keeper that this process becomes. -1 + errno. */
int keeper_hold_stop_signal(void);
/* Has it come to this process, which holds it? */
bool keeper_stop_is_asked(void);
/* Check before the start that exec will work. */
int keeper_check(const struct store *s, struct err *e);

/* The end of a start. Never returns: if exec fails the zone goes on unwatched. */
__attribute__((noreturn)) void keeper_become(struct start *s);

/* A new keeper for a zone that runs without one: no console, and how the zone ends stays unknown.
 * Writes the state with the new keeper's pid. The caller holds the lock. */
int keeper_adopt(struct zone *z, struct zone_state *st, struct err *e);
