#include "cli/report.h"
#include "cli/help.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	TEXT_MAX = 4096
};

static void add_escaped(struct strbuf *s, const char *text)
{
	str_add_escaped(s, text, TEXT_MAX);
}

/* Whoever made the message may have named the zone already: "start zone 'web1': ...". The step goes
 * behind that, and in front of what went wrong. */
static const char *split_zone(struct strbuf *s, const char *zone, const char *msg)
{
	char named[80];
	if (!zone)
		return msg;
	(void)snprintf(named, sizeof named, "'%s': ", zone);
	const char *at = strstr(msg, named);
	if (at) {
		at += strlen(named);
		autofree char *head = strndup(msg, (size_t)(at - msg));
		add_escaped(s, head ? head : "");
		return at;
	}
	named[strlen(named) - 2] = '\0';
	if (!strstr(msg, named)) {
		/* It may be no name at all but what somebody typed. */
		char shown[400];
		str_addf(s, "zone '%s': ", str_escape(shown, sizeof shown, zone));
	}
	return msg;
}

void report_add_text(struct strbuf *s, const char *zone, const struct err *e)
{
	const char *rest = split_zone(s, zone, e->msg);
	/* What is wrong with the request has its place in the message; a step is something that was
	 * tried. */
	char step[sizeof e->step + 8];
	(void)snprintf(step, sizeof step, "step %s", e->step);
	if (e->step[0] && e->cls != ERR_USAGE && !strstr(rest, step)) {
		str_add(s, "step ");
		add_escaped(s, e->step);
		str_add(s, ": ");
		if (e->object[0] && !strstr(rest, e->object)) {
			add_escaped(s, e->object);
			str_add(s, ": ");
		}
	}
	add_escaped(s, rest);
}

static json_t *text_or_null(const char *text)
{
	/* Bytes that are no UTF-8 would make jansson refuse the whole object. */
	autostr struct strbuf s = {0};
	if (!text || !text[0])
		return json_null();
	add_escaped(&s, text);
	return json_string(s.buf ? s.buf : "");
}

json_t *report_to_json(const char *zone, const struct err *e)
{
	return json_pack("{s:{s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o}}", "error", "code",
		err_class_name(e->cls), "exit", (int)e->cls, "zone", text_or_null(zone), "step",
		text_or_null(e->step), "object", text_or_null(e->object), "errno",
		text_or_null(err_errno_name(e->sys_errno)), "message", text_or_null(e->msg), "hint",
		text_or_null(e->hint));
}

static void print_json(const char *zone, const struct err *e)
{
	json_t *o = report_to_json(zone, e);
	if (o && json_dumpf(o, stderr, JSON_COMPACT | JSON_ENSURE_ASCII) == 0)
		(void)fputc('\n', stderr);
	json_decref(o);
}

static void print_text(const char *zone, const struct err *e)
{
	autostr struct strbuf s = {0};
	str_add(&s, "cella: ");
	report_add_text(&s, zone, e);
	if (e->hint[0]) {
		str_add(&s, "\nhint: ");
		add_escaped(&s, e->hint);
	}
	str_add(&s, "\n");
	/* One write: lines of commands that run side by side do not mix. */
	(void)fputs(s.failed ? "cella: no memory\n" : s.buf, stderr);
}

int report_error(const struct cli *c, const char *zone, const struct err *e)
{
	if (output_is_json(&c->out))
		print_json(zone, e);
	else
		print_text(zone, e);
	return e->cls == ERR_NONE ? ERR_FAILED : (int)e->cls;
}

int report_usage(const struct cli *c, const struct err *e)
{
	int code = report_error(c, NULL, e);
	if (!output_is_json(&c->out))
		help_print_usage(c->verb, stderr);
	return code;
}

void report_note(const struct cli *c, const char *fmt, ...)
{
	if (c->out.quiet || output_is_json(&c->out))
		return;
	char text[1024];
	autostr struct strbuf s = {0};
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	str_add(&s, "cella: ");
	add_escaped(&s, text);
	str_add(&s, "\n");
	(void)fputs(s.failed ? "" : s.buf, stderr);
}
