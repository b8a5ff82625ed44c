#include "fsroot/import_answer.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

struct answer {
	struct import_result result;
	struct strbuf *opaque;
	const char *error, *hint; /* finished sentences */
	const char *step;	  /* what failed with `errnum` before the program ran */
	uint64_t cls, errnum;
	bool has_end;
};

static bool is_sha256(const char *s)
{
	return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "%XX" is a byte; fsroot/unpack/main.c writes it. */
static bool take_opaque(struct answer *a, const char *value)
{
	if (!*value)
		return false;
	for (const char *p = value; *p; p++) {
		int high = *p == '%' ? hex_digit(p[1]) : 0;
		int low = *p == '%' && high >= 0 ? hex_digit(p[2]) : 0;
		char c = *p == '%' ? (char)(high * 16 + low) : *p;
		if (high < 0 || low < 0 || !c)
			return false;
		str_addn(a->opaque, &c, 1);
		p += *p == '%' ? 2 : 0;
	}
	str_addn(a->opaque, "", 1);
	a->result.opaque_dirs++;
	return true;
}

static bool take_line(struct answer *a, const char *key, const char *value)
{
	struct import_result *r = &a->result;
	if (str_eq(key, "entries"))
		return str_to_u64(value, &r->entries);
	if (str_eq(key, "bytes"))
		return str_to_u64(value, &r->bytes);
	if (str_eq(key, "skipped_devices"))
		return str_to_u64(value, &r->skipped_devices);
	if (str_eq(key, "class"))
		return str_to_u64(value, &a->cls);
	if (str_eq(key, "errno"))
		return str_to_u64(value, &a->errnum);
	if (str_eq(key, "opaque"))
		return take_opaque(a, value);
	if (str_eq(key, "sha256")) {
		if (is_sha256(value))
			memcpy(r->sha256, value, sizeof r->sha256);
		return is_sha256(value);
	}
	if (str_eq(key, "warning")) {
		if (r->n_warnings < IMPORT_WARNINGS_MAX)
			str_escape_all(r->warnings[r->n_warnings++], sizeof r->warnings[0], value);
		return true;
	}
	if (str_eq(key, "error"))
		a->error = value;
	else if (str_eq(key, "hint"))
		a->hint = value;
	else if (str_eq(key, "step"))
		a->step = value;
	else if (str_eq(key, "end"))
		a->has_end = true;
	else
		return false;
	return true;
}

/* The class only chooses between kinds of failure; a usage error of the unpacker is a failure of
 * ours. */
static enum err_class class_of(uint64_t cls)
{
	return cls == ERR_HOST || cls == ERR_DENIED ? (enum err_class)cls : ERR_FAILED;
}

static int fail_with(const struct answer *a, struct err *e)
{
	char shown[sizeof e->msg];
	int errnum = a->errnum < 4096 ? (int)a->errnum : 0;
	if (a->step)
		return err_sys(e, errnum, "%s", str_escape_all(shown, sizeof shown, a->step));
	err_set(e, class_of(a->cls), "%s", str_escape_all(shown, sizeof shown, a->error));
	if (e)
		e->sys_errno = errnum;
	if (a->hint)
		err_hint(e, "%s", str_escape_all(shown, sizeof shown, a->hint));
	return -1;
}

int import_answer_parse(
	char *text, struct import_result *ret, struct strbuf *ret_opaque, struct err *e)
{
	struct answer a = {.opaque = ret_opaque};
	char *line = text, *next;
	for (; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		char *value = strchr(line, ' ');
		if (value)
			*value++ = '\0';
		if (a.has_end || !take_line(&a, line, value ? value : ""))
			return err_set(
				e, ERR_FAILED, "cella-unpack gave an answer that makes no sense");
	}
	if (!a.has_end)
		return err_set(e, ERR_FAILED, "cella-unpack ended without an answer");
	if (a.error || a.step)
		return fail_with(&a, e);
	if (!a.result.sha256[0])
		return err_set(e, ERR_FAILED, "cella-unpack gave an answer without a digest");
	if (ret_opaque->failed)
		return err_nomem(e);
	*ret = a.result;
	return 0;
}
