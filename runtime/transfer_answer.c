#include "runtime/transfer_answer.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

struct parser {
	struct transfer_answer a;
	const char *error, *hint;
	uint64_t cls, errnum;
	bool has_end;
};

/* str_escape shows a name's worth; these are whole sentences. */
static const char *escape(char *out, size_t size, const char *text)
{
	autostr struct strbuf s = {0};
	str_add_escaped(&s, text, size - 1);
	(void)snprintf(out, size, "%s", s.buf && !s.failed ? s.buf : "");
	return out;
}

static bool take_line(struct parser *p, const char *key, const char *value)
{
	struct transfer_answer *a = &p->a;
	const struct {
		const char *key;
		uint64_t *to;
	} numbers[] = {
		{"entries", &a->entries},
		{"bytes", &a->bytes},
		{"devices", &a->devices},
		{"sockets", &a->sockets},
		{"mounts", &a->mounts},
		{"stripped", &a->stripped},
		{"class", &p->cls},
		{"errno", &p->errnum},
	};
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (str_eq(key, numbers[i].key))
			return str_to_u64(value, numbers[i].to);
	if (str_eq(key, "warning")) {
		if (a->n_warnings < TRANSFER_WARNINGS_MAX)
			(void)escape(a->warnings[a->n_warnings++], sizeof a->warnings[0], value);
		return true;
	}
	if (str_eq(key, "error"))
		p->error = value;
	else if (str_eq(key, "hint"))
		p->hint = value;
	else if (str_eq(key, "end"))
		p->has_end = true;
	else
		return false;
	return true;
}

static int fail_with(const struct parser *p, struct err *e)
{
	char shown[sizeof e->msg];
	bool is_known = p->cls == ERR_HOST || p->cls == ERR_DENIED || p->cls == ERR_NOT_FOUND;
	err_set(e, is_known ? (enum err_class)p->cls : ERR_FAILED, "%s",
		escape(shown, sizeof shown, p->error));
	e->sys_errno = p->errnum < 4096 ? (int)p->errnum : 0;
	return p->hint ? err_hint(e, "%s", escape(shown, sizeof shown, p->hint)) : -1;
}

int transfer_answer_parse(char *text, struct transfer_answer *ret, struct err *e)
{
	struct parser p = {0};
	char *next;
	for (char *line = text; line && *line; line = next) {
		if ((next = strchr(line, '\n')))
			*next++ = '\0';
		char *value = strchr(line, ' ');
		if (value)
			*value++ = '\0';
		if (p.has_end || !take_line(&p, line, value ? value : ""))
			return err_set(
				e, ERR_FAILED, "cella-copy gave an answer that makes no sense");
	}
	if (!p.has_end)
		return err_set(e, ERR_FAILED, "cella-copy ended without an answer");
	if (p.error)
		return fail_with(&p, e);
	*ret = p.a;
	return 0;
}
