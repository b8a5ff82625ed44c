/* claims.h: what a zone holds of numbers that others share: its range of host ids (claimed for the
 * whole host) and its addresses (claimed in the store's network). Claims belong to the zone, not to
 * a run of it: they last until it is destroyed, and those on tmpfs are taken anew by the first
 * start after a reboot. */
#pragma once
#include "runtime/zone.h"

/* STORE_HOST_LOCK/ids, for isolation/namespaces/idrange.h. */
int claims_open_ids(const struct store *s, struct err *e);
/* "UUID.STOREID": names the zone and says whose sweep may take the claim away. */
struct claims_owner {
	char s[UUID_LEN + 1 + STORE_ID_LEN + 1];
};
struct claims_owner claims_owner(const struct store *s, const char *zone_uuid);

/* Does the host's id pool collide with anybody (ERR_HOST)? For create; a start does not pay for it.
 */
int claims_check_pool(const struct store *s, struct err *e);
/* Claim a range, if possible `prefer` (0: any); a claim that this zone holds already succeeds. */
int claims_take_ids(const struct store *s, const char *zone_uuid, uint32_t prefer,
	uint32_t *ret_first, struct err *e);
int claims_release_ids(const struct store *s, const char *zone_uuid, uint32_t first, struct err *e);
/* The addresses that the record names. Nothing to give back is success. */
int claims_release_addresses(const struct store *s, const struct zone_record *r, struct err *e);

/* A project id (fsroot/project.h), for as long as nothing counts to it yet: once something does,
 * the file system itself says that it is in use. */
int claims_take_project(const struct store *s, const char *zone_uuid, uint32_t prefer,
	uint32_t *ret_id, struct err *e);
int claims_release_project(
	const struct store *s, const char *zone_uuid, uint32_t id, struct err *e);
/* One of those that claims give out, at random. */
uint32_t claims_random_project(void);
bool claims_is_project(uint32_t id);

/* For repair: give back every id range and project of this store, and every address, whose zone
 * is_known denies. *ret_n counts; may be NULL. */
int claims_sweep(const struct store *s, bool (*is_known)(void *arg, const char *zone_uuid),
	void *arg, unsigned *ret_n, struct err *e);
