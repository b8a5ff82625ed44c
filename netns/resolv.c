#include "netns/resolv.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"

enum {
	RESOLV_FILE_MAX = 64 * 1024
};
#define SPACE " \t\r"

/* Only the host itself can reach it: a zone's 127.0.0.1 is its own. */
static bool is_local_only(const struct addr_ip *ip)
{
	const struct addr_cidr local[] = {
		{{AF_INET, {127}}, 8},
		{{AF_INET, {0}}, 8}, /* 0.0.0.0 means this host to the resolver */
		{{AF_INET, {169, 254}}, 16},
		{{AF_INET6, {0}}, 127}, /* :: and ::1 */
		{{AF_INET6, {0xfe, 0x80}}, 10},
	};
	for (size_t i = 0; i < ARRAY_LEN(local); i++)
		if (addr_contains(&local[i], ip))
			return true;
	return false;
}

static void take_server(struct resolv *r, const char *word)
{
	struct addr_ip ip;
	char text[ADDR_IP_SIZE];
	/* An address with a scope ("fe80::1%eth0") means nothing in a zone. */
	if (strchr(word, '%')) {
		r->has_local_only = true;
		return;
	}
	(void)snprintf(text, sizeof text, "%s", word);
	if (!addr_parse_ip(text, &ip))
		return;
	if (is_local_only(&ip))
		r->has_local_only = true;
	else if (r->n_servers < RESOLV_SERVERS_MAX)
		r->servers[r->n_servers++] = ip;
}

/* Host names only: the text goes into a zone's file. */
static bool is_domain(const char *word)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
	size_t len = strlen(word);
	return len && len <= 253 && word[0] != '-' && strspn(word, allowed) == len;
}

static void take_search(struct resolv *r, char *words)
{
	char *save = NULL;
	size_t len = 0;
	r->search[0] = '\0'; /* the last line counts, resolv.conf(5) */
	for (char *w = strtok_r(words, SPACE, &save); w; w = strtok_r(NULL, SPACE, &save)) {
		if (!is_domain(w) || str_eq(w, "."))
			continue;
		size_t need = strlen(w) + (len ? 1 : 0);
		if (len + need >= sizeof r->search)
			return;
		len += (size_t)snprintf(
			r->search + len, sizeof r->search - len, "%s%s", len ? " " : "", w);
	}
}

static void take_line(struct resolv *r, char *line)
{
	char *save = NULL;
	char *key = strtok_r(line, SPACE, &save);
	if (!key)
		return;
	if (str_eq(key, "nameserver")) {
		char *word = strtok_r(NULL, SPACE, &save);
		if (word)
			take_server(r, word);
	} else if (str_eq(key, "search") || str_eq(key, "domain")) {
		take_search(r, save);
	}
}

void resolv_parse(const char *text, size_t len, struct resolv *ret)
{
	*ret = (struct resolv){0};
	for (const char *end = text + len; text < end;) {
		char line[512];
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((stop ? stop : end) - text);
		if (n < sizeof line && !memchr(text, '\0', n)) {
			memcpy(line, text, n);
			line[n] = '\0';
			take_line(ret, line);
		}
		text += n + 1;
	}
	if (ret->n_servers)
		ret->has_local_only = false;
}

static int load(const char *path, struct resolv *ret, struct err *e)
{
	autofree char *buf = malloc(RESOLV_FILE_MAX);
	if (!buf)
		return err_nomem(e);
	/* Mostly a symbolic link, and the admin's own: it is followed. */
	ssize_t n = path_read_virtual(AT_FDCWD, path, buf, RESOLV_FILE_MAX);
	resolv_parse(buf, n > 0 ? (size_t)n : 0, ret);
	return 0;
}

int resolv_load_host(struct resolv *ret, struct err *e)
{
	struct resolv first, second;
	if (load("/etc/resolv.conf", &first, e) < 0)
		return -1;
	if (first.has_local_only) {
		if (load("/run/systemd/resolve/resolv.conf", &second, e) < 0)
			return -1;
		if (second.n_servers) {
			*ret = second;
			return 0;
		}
	}
	*ret = first;
	return 0;
}

char *resolv_text(const char *const *servers, size_t n_servers, const char *const *search,
	size_t n_search, struct err *e)
{
	autostr struct strbuf s = {0};
	for (size_t i = 0; i < n_servers; i++)
		str_addf(&s, "nameserver %s\n", servers[i]);
	if (n_search)
		str_add(&s, "search");
	for (size_t i = 0; i < n_search; i++)
		str_addf(&s, " %s", search[i]);
	if (n_search)
		str_add(&s, "\n");
	return str_finish(&s, e);
}

char *resolv_text_host(const struct resolv *r, struct err *e)
{
	char text[RESOLV_SERVERS_MAX][ADDR_IP_SIZE];
	const char *servers[RESOLV_SERVERS_MAX], *search = r->search;
	for (size_t i = 0; i < r->n_servers; i++)
		servers[i] = addr_print_ip(text[i], &r->servers[i]);
	return resolv_text(servers, r->n_servers, &search, search[0] ? 1 : 0, e);
}
