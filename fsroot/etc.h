/* etc.h: HOST SIDE. The few files of ours inside a zone's root: hostname, hosts, resolv.conf,
 * machine-id. Hostile content is expected (S16): paths by openat2 in the root, the file itself must
 * be regular or missing, nothing is followed at the last component, nothing blocks, and a device is
 * never opened. New content replaces the file by rename. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* First line of hosts and resolv.conf as we write them; without it the file is the admin's. */
#define ETC_MARKER "# made by cella: remove this line to keep your changes\n"

enum etc_result {
	ETC_WRITTEN,   /* new content is in place */
	ETC_SAME,      /* it was there already */
	ETC_NOT_OURS,  /* a file without the marker: left alone */
	ETC_LINK_KEPT, /* resolv.conf is a link (systemd-resolved): left alone */
};

struct etc_plan {
	int root_fd; /* root of the zone, mapped or not */
	/* Host ids of the zone's root: files are made with them. The ids are taken for the duration
	 * of a call (fsuid, fsgid) and given back. */
	uint32_t root_uid, root_gid;
	bool is_first_start; /* also replace files that have no marker (what the image brought) */

	const char *hostname;	  /* NULL: leave /etc/hostname, /etc/hosts alone */
	const char *old_hostname; /* what we wrote last time; NULL on first start */
	const char *hosts;	  /* content by etc_hosts_content; NULL: leave alone */
	const char *resolv_conf;  /* content by etc_resolv_content; NULL: leave alone */
	/* NULL: leave alone. Else "" (written empty: the init makes one) or 32 hex digits. Only on
	 * first start or when the file is missing. */
	const char *machine_id;
};
struct etc_report {
	enum etc_result hostname, hosts, resolv_conf, machine_id;
};

/* Stops at the first file that cannot be written; the message names it. A missing /etc is made. */
int etc_write_files(const struct etc_plan *plan, struct etc_report *ret, struct err *e);

/* Content generators, marker included. NULL with err_nomem or ERR_USAGE for control characters
 * (S17). Caller frees. */
struct etc_host {
	const char *address, *names; /* "10.0.0.2", "web1 web1.example" */
};
char *etc_hosts_content(
	const char *hostname, const struct etc_host *hosts, size_t n_hosts, struct err *e);
char *etc_resolv_content(const char *const *servers, size_t n_servers, const char *const *search,
	size_t n_search, struct err *e);
