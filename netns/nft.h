/* nft.h: the firewall table of a network: `inet cella` for the default store's default network,
 * else `inet cella_` and the digits of the bridge name. libnftables is loaded (dlopen) when a table
 * is made or removed and not before. */
#pragma once
#include "netns/network.h"

enum {
	NFT_TABLE_SIZE = 32
};
const char *nft_table_name(char out[NFT_TABLE_SIZE], const struct network *n);

/* The rules as text, made of validated numbers and names only; `is_there` puts the removal of the
 * present table in front, in the same transaction. Pure. Caller frees; NULL + *e. */
char *nft_rules(const struct network *n, bool is_there, struct err *e);
/* Make or remake the table in one transaction. */
int nft_ensure(const struct network *n, struct err *e);
/* 1 if the kernel has the table, 0 if not, -1 + *e. One small netlink request, no library. */
int nft_present(const struct network *n, struct err *e);
/* No table is success. */
int nft_remove(const struct network *n, struct err *e);
