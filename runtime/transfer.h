/* transfer.h: `cella cp`: files and trees between the host and zones, running or stopped.
 *
 *     source end  -- tar stream -->  this process  -- tar stream -->  destination end
 *
 * Each end is a process of its own, cella-copy (fsroot/cp). One in a running zone enters it as a
 * command does (enter.h): in the zone's namespaces and groups, with its root's rights and no more.
 * For a stopped zone the same is made for the copy alone: its root, mapped, in namespaces that
 * nobody else is in, under the zone's lock. One on the host is confined to the directory that it
 * works in before it sees the first byte. So neither can be led out of its tree by a link (S38),
 * and what a zone sends is only ever read as a stream. */
#pragma once
#include "runtime/enter.h"
#include "runtime/zone.h"

struct transfer_options {
	const char *source, *dest; /* "ZONE:PATH", a path of the host, or "-" */
	bool keep;		   /* owners as the zone sees them, extended attributes, setuid */
	bool follow;		   /* a link at the end of the source's path */
	int stream_fd;		   /* what "-" is */
	/* Bytes of the stream so far, now and then; may be NULL. */
	void (*progress)(void *arg, uint64_t bytes);
	void (*warn)(void *arg, const char *text);
	void *arg;
};
struct transfer_result {
	uint64_t entries, bytes; /* of what arrived */
};
/* What a failure leaves of a tree is what had arrived whole. */
int zone_transfer(const struct store *s, const struct transfer_options *o,
	struct transfer_result *ret, struct err *e);

/* "ZONE:PATH": the length of ZONE, else 0. Pure. A path of the host with a colon has a slash before
 * it: "./a:b". */
size_t transfer_zone_part(const char *text);

/* transfer_end.c: `argv` for cella-copy; the pipes are in *ret. */
int transfer_host_end(
	const struct store *s, const char *const *argv, struct exec_process *ret, struct err *e);
/* The zone is open, locked and stopped; the end holds the lock as well. */
int transfer_stopped_end(
	struct zone *z, const char *const *argv, struct exec_process *ret, struct err *e);
