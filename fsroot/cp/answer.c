#include "fsroot/cp/answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

enum {
	TEXT_MAX = 900
};

void answer_warn(struct answer *a, const char *fmt, ...)
{
	if (a->n_warnings == ANSWER_WARNINGS_MAX)
		return;
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(a->warnings[a->n_warnings++], sizeof a->warnings[0], fmt, ap);
	va_end(ap);
}

static void add_text(struct strbuf *s, const char *key, const char *text)
{
	str_addf(s, "%s ", key);
	str_add_escaped(s, text, TEXT_MAX);
	str_add(s, "\n");
}

static int send(struct strbuf *s, int code)
{
	str_add(s, "end\n");
	if (s->failed || fd_write_all(STDERR_FILENO, s->buf, s->len) < 0)
		return 1;
	return code;
}

int answer_result(const struct answer *a)
{
	autostr struct strbuf s = {0};
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{"entries", a->entries},
		{"bytes", a->bytes},
		{"devices", a->devices},
		{"sockets", a->sockets},
		{"mounts", a->mounts},
		{"stripped", a->stripped},
	};
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		str_addf(&s, "%s %llu\n", numbers[i].key, (unsigned long long)numbers[i].value);
	for (size_t i = 0; i < a->n_warnings; i++)
		add_text(&s, "warning", a->warnings[i]);
	return send(&s, 0);
}

int answer_error(const struct err *e)
{
	autostr struct strbuf s = {0};
	add_text(&s, "error", e->msg);
	if (e->hint[0])
		add_text(&s, "hint", e->hint);
	str_addf(&s, "class %d\nerrno %d\n", (int)e->cls, e->sys_errno);
	return send(&s, 2);
}
