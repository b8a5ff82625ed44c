/* resolv.h: which name servers a zone gets when its spec names none: the host's, without those that
 * only the host itself can reach (127.0.0.0/8, ::1, link-local). */
#pragma once
#include "netns/addr.h"
#include "base/err.h"

enum {
	RESOLV_SERVERS_MAX = 3,
	RESOLV_SEARCH_SIZE = 256
}; /* as resolv.conf(5): MAXNS, search list */

struct resolv {
	struct addr_ip servers[RESOLV_SERVERS_MAX];
	size_t n_servers;
	bool has_local_only; /* there were servers, but all of them on the host's loopback */
	char search[RESOLV_SEARCH_SIZE]; /* "a.example b.example" or "" */
};

/* resolv.conf(5) text; what is not understood is passed over, as the resolver does. Pure. */
void resolv_parse(const char *text, size_t len, struct resolv *ret);
/* /etc/resolv.conf, and /run/systemd/resolve/resolv.conf if that names only loopback servers. A
 * host without the file has no servers: that is no error. */
int resolv_load_host(struct resolv *ret, struct err *e);
/* The text of a zone's resolv.conf ("nameserver A\n..."). `servers` must be validated addresses,
 * `search` validated names. Caller frees; NULL + *e. */
char *resolv_text(const char *const *servers, size_t n_servers, const char *const *search,
	size_t n_search, struct err *e);
/* The same for what resolv_load_host found. */
char *resolv_text_host(const struct resolv *r, struct err *e);
