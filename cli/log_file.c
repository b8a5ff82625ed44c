#include "cli/log_file.h"
#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LINE_MAX_BYTES = 65536,
};

size_t log_tail_offset(const char *text, size_t len, int64_t lines)
{
	size_t at = len;
	if (lines == 0)
		return len;
	if (lines < 0)
		return 0;
	if (at && text[at - 1] == '\n')
		at--;
	for (; at > 0; at--)
		if (text[at - 1] == '\n' && --lines == 0)
			break;
	return at;
}

static int open_part(const struct store *s, const char *zone, const char *suffix, struct err *e)
{
	char name[ZONE_NAME_MAX + 16];
	(void)snprintf(name, sizeof name, "%s.console%s", zone, suffix);
	int fd = openat(s->log_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno != ENOENT)
		return err_sys(e, errno, "open '%s/%s'", s->log, name);
	return fd < 0 ? -2 : fd;
}

static int read_part(int fd, struct strbuf *out, struct err *e)
{
	char buf[65536];
	ssize_t n;
	while ((n = fd_read_all(fd, buf, sizeof buf)) > 0)
		str_addn(out, buf, (size_t)n);
	return n < 0 ? err_sys(e, errno, "read the console log") : 0;
}

int log_read_tail(const struct store *s, const char *zone, int64_t lines, struct strbuf *out,
	int *ret_fd, struct err *e)
{
	autostr struct strbuf all = {0};
	/* The newer part first: if it is rotated in between, nothing is missing, at worst doubled.
	 */
	autofd int now = open_part(s, zone, "", e);
	autofd int old = now == -1 ? -1 : open_part(s, zone, ".1", e);
	if (now == -1 || old == -1)
		return -1;
	if ((old >= 0 && lines != 0 && read_part(old, &all, e) < 0) ||
		(now >= 0 && read_part(now, &all, e) < 0))
		return -1;
	size_t from = all.buf ? log_tail_offset(all.buf, all.len, lines) : 0;
	if (all.len > from)
		str_addn(out, all.buf + from, all.len - from);
	if (all.failed || out->failed)
		return err_nomem(e);
	if (ret_fd)
		*ret_fd = now >= 0 ? fd_steal(&now) : -1;
	return 0;
}

static void add_line(struct strbuf *out, const char *line, size_t len)
{
	if (!line)
		return;
	while (len && line[len - 1] == '\r')
		len--;
	for (; len && *line == '\r'; line++)
		len--;
	/* A NUL would end the text for str_add_escaped: piece by piece, with tabs kept. */
	for (size_t at = 0; at < len;) {
		size_t n = 0;
		while (at + n < len && line[at + n] != '\t' && line[at + n] != '\0')
			n++;
		autofree char *piece = strndup(line + at, n);
		str_add_escaped(out, piece ? piece : "", LINE_MAX_BYTES);
		at += n;
		if (at < len)
			str_add(out, line[at] == '\t' ? "\t" : "\\x00");
		at++;
	}
	str_add(out, "\n");
}

void log_add_escaped(struct strbuf *out, struct strbuf *rest, const char *bytes, size_t n)
{
	str_addn(rest, bytes, n);
	size_t at = 0;
	for (;;) {
		const char *line = rest->len ? rest->buf + at : NULL;
		const char *end = line ? memchr(line, '\n', rest->len - at) : NULL;
		size_t len = end ? (size_t)(end - line) : rest->len - at;
		if (!end && len < LINE_MAX_BYTES)
			break;
		add_line(out, line, len);
		at += len + (end ? 1 : 0);
	}
	if (!at)
		return;
	memmove(rest->buf, rest->buf + at, rest->len - at);
	rest->len -= at;
	rest->buf[rest->len] = '\0';
}
