/* caps.h: capabilities. Names become masks on the host side, before the clone (libcap); the zone
 * side only applies masks. */
#pragma once
#include "base/err.h"
#include "base/fault.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct caps_plan {
	uint64_t bounding, permitted, effective, inheritable, ambient;
};

/* H03. All start with inheritable and ambient empty (S13). */
enum caps_profile {
	CAPS_SYSTEM, /* own user namespace, boots an init: all but what only the host uses */
	CAPS_APP,    /* own user namespace, one program: a short list */
	CAPS_SYSTEM_NO_USERNS, /* shares the host's user namespace, so a shorter list */
	CAPS_APP_NO_USERNS,    /* the same short list as CAPS_APP */
};

enum {
	CAPS_NAME_SIZE = 32
};

/* "CAP_NET_ADMIN", also "cap_net_admin" and "net_admin". ERR_USAGE for an unknown name; ERR_HOST
 * for one that the running kernel lacks. */
int caps_from_name(const char *name, int *ret_cap, struct err *e);
/* Canonical upper-case name; "CAP_41" for one that libcap does not know. Returns `out`. */
const char *caps_to_name(int cap, char out[CAPS_NAME_SIZE]);
/* Every capability of the running kernel. */
uint64_t caps_all(void);

/* The mask of a list of names; "ALL" is every one of the running kernel. */
int caps_mask(const char *const *names, size_t n, uint64_t *ret, struct err *e);

/* Profile + add - drop. ALL in add means "all but what drop says", ALL in drop "only what add
 * says"; otherwise a name in both is a contradiction (ERR_USAGE). Without a user namespace the zone
 * cannot have what the host side itself lacks: defaults are clamped, an added one is ERR_HOST. */
int caps_plan_make(enum caps_profile profile, const char *const *add, size_t n_add,
	const char *const *drop, size_t n_drop, struct caps_plan *ret, struct err *e);

/* Make the plan one for a process with this uid in the zone. Root keeps its sets. Anybody else gets
 * nothing but `ambient` (usually 0), which must be within the bounding set (ERR_USAGE otherwise).
 */
int caps_plan_for_uid(struct caps_plan *plan, uint32_t uid, uint64_t ambient, struct err *e);

/* ZONE SIDE, first half, while still all-powerful (needs CAP_SETPCAP): clear ambient, drop
 * everything outside the bounding set. */
int caps_apply_bounding(const struct caps_plan *plan, struct fault *f);
/* ZONE SIDE, second half, after the ids are set: capset to the plan, then raise ambient. Reads the
 * sets back; a difference is a fault. See drop.h for the order of everything. */
int caps_apply_sets(const struct caps_plan *plan, struct fault *f);
/* ZONE SIDE. Both halves, for a caller whose ids stay as they are. */
int caps_apply(const struct caps_plan *plan, struct fault *f);
