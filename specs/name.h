/* name.h: names of zones, signals and users. Pure: nothing is looked up. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

enum {
	NAME_MAX_LEN = 63
};
#define NAME_GRAMMAR "[a-z0-9][a-z0-9_.-]{0,62}"

/* Zones, networks, groups and snapshots share one grammar, NAME_GRAMMAR. */
bool name_is_valid(const char *s);
/* The same as an error (ERR_USAGE); `what` is "zone", "group", ... */
int name_check(const char *what, const char *s, struct err *e);

enum {
	SIGNAL_NAME_SIZE = 16
};
/* "SIGTERM", "TERM", "15", "SIGRTMIN+3", "SIGRTMAX-1"; exact case. ERR_USAGE otherwise. */
int signal_parse(const char *s, int *ret, struct err *e);
/* Canonical name: "SIGTERM", "SIGRTMIN+3"; the number in digits for one that has none. */
const char *signal_print(char out[SIGNAL_NAME_SIZE], int sig);

enum {
	USER_NAME_SIZE = 33
};
/* "USER[:GROUP]" taken apart. Digits are ids and are never looked up (S14); a name is "" when the
 * id stands, and is looked up by nobody but the caller, in the zone's own files. */
struct user_ref {
	char user[USER_NAME_SIZE], group[USER_NAME_SIZE];
	uint32_t uid, gid;
	bool has_group; /* else the user's own group, or 0 for a bare number */
};
/* Ids are 0..2^32-2, decimal, without sign, space or leading zero; names are
 * [A-Za-z_][A-Za-z0-9_.-]{0,31}. ERR_USAGE otherwise. */
int user_parse(const char *s, struct user_ref *ret, struct err *e);
/* "UID" or "UID:GID" in digits only; a bare UID gives gid 0. ERR_USAGE otherwise. */
int user_parse_ids(const char *s, uint32_t *ret_uid, uint32_t *ret_gid, struct err *e);
