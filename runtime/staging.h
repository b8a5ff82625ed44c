/* staging.h: a thing is built beside its place and moved into it (R11). A staging directory belongs
 * to the process that holds flock(2) on it; when the process dies the kernel drops the lock, and
 * whoever finds the directory unlocked may sweep it. */
#pragma once
#include "runtime/store.h"

enum {
	STAGING_NAME_SIZE = 32
};

struct staging {
	const struct store *store;
	char name[STAGING_NAME_SIZE]; /* in ROOT/staging; "" when there is nothing to drop */
	int fd;			      /* the directory, locked */
	bool no_sync;		      /* what is in it goes with the host */
};
#define STAGING_EMPTY                                                                              \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* Make ROOT/staging/KIND-XXXXXXXX, 0700. `kind` is a short literal: "zone", "layer". */
int staging_make(const struct store *s, const char *kind, struct staging *ret, struct err *e);
/* Move a directory of the store (`dir_fd`/`name`) into staging, from which nothing brings it back:
 * the one step that makes it disappear whole. ERR_NOT_FOUND if there is no such directory. */
int staging_take(const struct store *s, int dir_fd, const char *name, const char *kind,
	struct staging *ret, struct err *e);
/* The same for a directory that is open and locked already (staging_lock); *dir is stolen. */
int staging_take_locked(const struct store *s, int dir_fd, const char *name, const char *kind,
	int *dir, struct staging *ret, struct err *e);
/* Wait for the lock on a directory of the store. -1 + errno. */
int staging_lock(int fd);
/* Move what was built to `dir_fd`/`name`, without replacing anything, and make that durable. On
 * success *st is empty. A taken name: -1 with sys_errno EEXIST. */
int staging_commit(struct staging *st, int dir_fd, const char *name, struct err *e);
/* Remove what is left of it; an empty one is fine. Errors are for repair to meet again. */
void staging_drop(struct staging *st);
#define autostaging __attribute__((cleanup(staging_drop)))

/* Give every entry that no living process holds to `each`, locked. `each` returns 0 to have it
 * removed, 1 to leave it where it is, -1 to stop. */
int staging_sweep(const struct store *s, int (*each)(void *arg, struct staging *st, struct err *e),
	void *arg, struct err *e);
