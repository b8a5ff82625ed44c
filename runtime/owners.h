/* owners.h: whose the claims and references of a store may be: the uuids of its zones and images,
 * those on their way from or to staging included. Claims and references are taken after a record
 * names the uuid; so one whose uuid is not even found after we have seen it has no owner. */
#pragma once
#include "runtime/store.h"

struct owners {
	const struct store *store;
	bool without_dead;	     /* leave out what is in staging and belongs to no process */
	char (*uuids)[UUID_LEN + 1]; /* sorted */
	size_t n, room;
	bool is_incomplete; /* some record was unreadable: then nothing may be taken from anybody */
};

int owners_collect(struct owners *o, struct err *e);
void owners_done(struct owners *o);
/* `arg` is the struct. One that is not among them is looked for once more before that is said. */
bool owners_know(void *arg, const char *uuid);
