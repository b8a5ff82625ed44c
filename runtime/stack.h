/* stack.h: the layers of a zone taken together: opened, made one, compared. */
#pragma once
#include "runtime/layers.h"
#include "runtime/lifecycle.h"

/* Descriptors of trees, the uppermost first. */
struct stack {
	int *fds;
	size_t n;
};
#define autostack __attribute__((cleanup(stack_close)))
void stack_close(struct stack *s);
/* Layers by id. A tree that is no layer (upper/) goes on top of them: `top_fd`, stolen; -1: none.
 */
int stack_open(const struct store *s, int *top_fd, char *const *layers, size_t n, struct stack *ret,
	struct err *e);

struct stack_merge {
	const char *kind;	      /* as in layer_info */
	const char *zone;	      /* whose files they are, for people */
	const char *uuid;	      /* of the zone that gets the first reference */
	const bool *link_from;	      /* for each tree: link its files; NULL: none */
	bool keep_marks;	      /* layers remain beneath */
	const struct progress *watch; /* may be NULL */
};
/* One layer of all, in staging: for staging_commit as ret_id. What fails leaves nothing. */
int stack_merge_stage(const struct store *s, const struct stack *from, const struct stack_merge *m,
	struct staging *ret, char ret_id[LAYER_ID_SIZE], struct err *e);

/* Merge pairs of layers that only this zone uses, and it only one above the other: what deleted
 * snapshots leave, so that a chain does not grow for ever. Files are linked, so the cost is in
 * entries, not in bytes. Layers beneath a running zone, and the lowest of a chain, which others may
 * come to share, stay as they are. For an open and locked zone; every step of it leaves a whole
 * zone, and what it leaves behind repair sweeps. *ret_merged counts pairs; may be NULL. */
int stack_compact(struct zone *z, bool is_running, unsigned *ret_merged, struct err *e);
