#include "netns/nft.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "netns/nl.h"

static const char hint_kernel[] =
	"network.mode private needs nf_tables with NAT in the kernel (modules nf_tables, nft_masq, "
	"nft_chain_nat)";

const char *nft_table_name(char out[NFT_TABLE_SIZE], const struct network *n)
{
	if (str_eq(n->bridge, "cella0"))
		(void)snprintf(out, NFT_TABLE_SIZE, "cella");
	else
		(void)snprintf(out, NFT_TABLE_SIZE, "cella_%s",
			str_starts(n->bridge, "cb-") ? n->bridge + 3 : n->bridge);
	/* Interface names may have '-' and '.', identifiers of nft(8) are kept to what needs no
	 * quotes. */
	for (char *p = out; *p; p++)
		if (*p == '-' || *p == '.')
			*p = '_';
	return out;
}

static void add_masquerade(struct strbuf *s, const struct addr_cidr *subnet, const char *bridge)
{
	char net[ADDR_CIDR_SIZE];
	if (!subnet->ip.family)
		return;
	const char *proto = subnet->ip.family == AF_INET ? "ip" : "ip6";
	addr_print_cidr(net, subnet);
	/* oifname: with br_netfilter, bridged multicast comes by here too. */
	str_addf(s, "\t\t%s saddr %s %s daddr != %s oifname != \"%s\" masquerade\n", proto, net,
		proto, net, bridge);
}

char *nft_rules(const struct network *n, bool is_there, struct err *e)
{
	char table[NFT_TABLE_SIZE];
	autostr struct strbuf s = {0};
	nft_table_name(table, n);
	/* "delete table; table {...}" in one transaction: there is no moment without rules. */
	if (is_there)
		str_addf(&s, "delete table inet %s\n", table);
	str_addf(&s, "table inet %s {\n", table);
	if (n->nat) {
		str_add(&s, "\tchain postrouting {\n"
			    "\t\ttype nat hook postrouting priority 100; policy accept;\n");
		add_masquerade(&s, &n->subnet4, n->bridge);
		add_masquerade(&s, &n->subnet6, n->bridge);
		str_add(&s, "\t}\n");
	}
	str_addf(&s,
		"\tchain forward {\n"
		"\t\ttype filter hook forward priority 0; policy accept;\n"
		"\t\tiifname \"%s\" accept\n"
		"\t\toifname \"%s\" accept\n"
		"\t}\n}\n",
		n->bridge, n->bridge);
	return str_finish(&s, e);
}

struct library {
	__typeof__(&nft_ctx_new) ctx_new;
	__typeof__(&nft_ctx_free) ctx_free;
	__typeof__(&nft_ctx_buffer_output) buffer_output;
	__typeof__(&nft_ctx_buffer_error) buffer_error;
	__typeof__(&nft_ctx_get_error_buffer) error_text;
	__typeof__(&nft_run_cmd_from_buffer) run;
};

/* Loaded once and kept: unloading gains nothing. */
static int load_library(struct library *ret, struct err *e)
{
	void *h = dlopen("libnftables.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!h) {
		(void)err_set(e, ERR_HOST, "load libnftables.so.1: %s", dlerror());
		return err_hint(e, "install libnftables1");
	}
	*ret = (struct library){
		.ctx_new = (__typeof__(ret->ctx_new))dlsym(h, "nft_ctx_new"),
		.ctx_free = (__typeof__(ret->ctx_free))dlsym(h, "nft_ctx_free"),
		.buffer_output = (__typeof__(ret->buffer_output))dlsym(h, "nft_ctx_buffer_output"),
		.buffer_error = (__typeof__(ret->buffer_error))dlsym(h, "nft_ctx_buffer_error"),
		.error_text = (__typeof__(ret->error_text))dlsym(h, "nft_ctx_get_error_buffer"),
		.run = (__typeof__(ret->run))dlsym(h, "nft_run_cmd_from_buffer"),
	};
	if (!ret->ctx_new || !ret->ctx_free || !ret->buffer_output || !ret->buffer_error ||
		!ret->error_text || !ret->run)
		return err_set(e, ERR_HOST, "libnftables.so.1 lacks a function");
	return 0;
}

/* The library's message, first line, without the position in text nobody has seen. */
static int run_failed(const char *what, const char *text, struct err *e)
{
	char line[400], shown[500];
	const char *message = strstr(text, "Error: ");
	message = message ? message + strlen("Error: ") : text;
	(void)snprintf(line, sizeof line, "%.*s", (int)strcspn(message, "\n"), message);
	(void)err_set(e, ERR_FAILED, "%s: %s", what, str_escape(shown, sizeof shown, line));
	if (e && strstr(text, strerror(ENOENT)))
		(void)err_class_set(e, ERR_HOST);
	return err_hint(e, "%s", hint_kernel);
}

static int run(const char *what, const char *commands, struct err *e)
{
	struct library lib = {0};
	if (load_library(&lib, e) < 0)
		return -1;
	struct nft_ctx *ctx = lib.ctx_new(NFT_CTX_DEFAULT);
	if (!ctx)
		return err_nomem(e);
	int r = -1;
	if (lib.buffer_output(ctx) || lib.buffer_error(ctx))
		(void)err_nomem(e);
	else if (lib.run(ctx, commands) == 0)
		r = 0;
	else
		(void)run_failed(what, lib.error_text(ctx), e);
	lib.ctx_free(ctx);
	return r;
}

static void visit_nothing(const struct nlmsghdr *h, void *arg)
{
	(void)h;
	(void)arg;
}

int nft_present(const struct network *n, struct err *e)
{
	char table[NFT_TABLE_SIZE];
	int errnum = 0;
	autobatch struct nl_batch b = {0};
	struct nfgenmsg head = {.nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0};
	autofd int fd = nl_open(NETLINK_NETFILTER, e);
	if (fd < 0) {
		(void)err_class_set(e, ERR_HOST);
		return err_hint(e, "%s", hint_kernel);
	}
	nl_batch_add(&b, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE, 0, &head, sizeof head,
		"look up the firewall table '%s'", nft_table_name(table, n));
	nl_put_str(&b, NFTA_TABLE_NAME, table);
	if (nl_query(fd, &b, visit_nothing, NULL, &errnum, e) == 0)
		return 1;
	if (errnum == ENOENT) {
		err_clear(e);
		return 0;
	}
	return err_hint(e, "%s", hint_kernel);
}

int nft_ensure(const struct network *n, struct err *e)
{
	/* libnftables exits the process when it cannot open its socket; this fails properly. */
	int there = nft_present(n, e);
	if (there < 0)
		return -1;
	autofree char *rules = nft_rules(n, there, e);
	return rules ? run("make the firewall table", rules, e) : -1;
}

int nft_remove(const struct network *n, struct err *e)
{
	char table[NFT_TABLE_SIZE];
	int there = nft_present(n, e);
	if (there <= 0)
		return there;
	autofree char *command = str_format("delete table inet %s\n", nft_table_name(table, n));
	return command ? run("remove the firewall table", command, e) : err_nomem(e);
}
