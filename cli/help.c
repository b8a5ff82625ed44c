#include "cli/help.h"
#include "cli/cli.h"

#include <string.h>

enum {
	LINE = 78,
	OPTION_COLUMN = 28,
};

const char *const help_topics[TOPIC_COUNT] = {
	[TOPIC_ZONES] = "Make and remove",
	[TOPIC_IMAGES] = "Images",
	[TOPIC_RUNNING] = "Start and stop",
	[TOPIC_INSIDE] = "Work inside",
	[TOPIC_LOOK] = "Look",
	[TOPIC_SPEC] = "Spec",
	[TOPIC_HOST] = "Host",
};

void help_print_usage(const struct verb *v, FILE *to)
{
	if (v)
		(void)fprintf(to, "usage: cella %s %s\n", v->name, v->synopsis);
	else
		(void)fputs("usage: cella [OPTIONS] VERB ...\n"
			    "`cella help` lists the verbs, `cella VERB --help` explains one.\n",
			to);
}

void help_print_wrapped(const char *text, int indent, int used, FILE *to)
{
	int at = used;
	while (*text) {
		int len = (int)strcspn(text, " \n");
		if (at > indent && at + 1 + len > LINE) {
			(void)fputc('\n', to);
			at = 0;
		}
		if (at < indent) {
			(void)fprintf(to, "%*s", indent - at, "");
			at = indent;
		} else if (at > indent) {
			(void)fputc(' ', to);
			at++;
		}
		(void)fprintf(to, "%.*s", len, text);
		at += len;
		text += len;
		text += strspn(text, " \n");
	}
	(void)fputc('\n', to);
}

/* A line that starts with a space is kept as it is. */
static void print_paragraphs(const char *text, FILE *to)
{
	while (*text) {
		const char *end = strstr(text, "\n\n");
		size_t len = end ? (size_t)(end - text) : strlen(text);
		char part[2048];
		(void)snprintf(part, sizeof part, "%.*s", (int)len, text);
		if (*text == ' ')
			(void)fprintf(to, "%s\n", part);
		else
			help_print_wrapped(part, 0, 0, to);
		text += len;
		text += strspn(text, "\n");
		(void)fputc('\n', to);
	}
}

static void print_option(const struct opt *o, FILE *to)
{
	char left[64];
	int n = snprintf(left, sizeof left, "  %c%c%s--%s%s%s", o->short_name ? '-' : ' ',
		o->short_name ? o->short_name : ' ', o->short_name ? ", " : "  ", o->long_name,
		o->arg ? " " : "", o->arg ? o->arg : "");
	(void)fputs(left, to);
	if (n + 2 > OPTION_COLUMN) {
		(void)fputc('\n', to);
		n = 0;
	}
	(void)fprintf(to, "%*s", OPTION_COLUMN - n, "");
	help_print_wrapped(o->help, OPTION_COLUMN, OPTION_COLUMN, to);
}

void help_print_verb(const struct verb *v, FILE *to)
{
	struct opt_group groups[VERB_GROUPS];
	size_t n = verb_groups(v, NULL, groups);
	(void)fprintf(to, "cella %s: %s\n", v->name, v->summary);
	help_print_usage(v, to);
	for (const char *const *a = v->aliases; a && *a; a++)
		(void)fprintf(to, "%s%s%s", a == v->aliases ? "also: cella " : ", ", *a,
			a[1] ? "" : "\n");
	(void)fputc('\n', to);
	print_paragraphs(v->description, to);
	for (size_t i = 0; i < n; i++) {
		(void)fprintf(to, "%s:\n", groups[i].title);
		for (const struct opt *o = groups[i].opts; o->long_name; o++)
			print_option(o, to);
		(void)fputc('\n', to);
	}
	if (v->exit_notes) {
		(void)fputs("Exit code:\n", to);
		help_print_wrapped(v->exit_notes, 2, 0, to);
		(void)fputc('\n', to);
	}
	if (v->examples)
		(void)fputs("Examples:\n", to);
	for (const struct verb_example *x = v->examples; x && x->command; x++) {
		(void)fprintf(to, "  %s\n", x->command);
		help_print_wrapped(x->what, 6, 0, to);
	}
}

void help_print_overview(FILE *to)
{
	size_t width = 0;
	for (const struct verb *const *v = verbs; *v; v++)
		if (!((*v)->flags & VERB_HIDDEN) && strlen((*v)->name) > width)
			width = strlen((*v)->name);
	(void)fputs("cella: many lightweight Linux servers (zones) on one kernel\n", to);
	(void)fputs("usage: cella [OPTIONS] VERB ...\n", to);
	for (int topic = 0; topic < TOPIC_COUNT; topic++) {
		(void)fprintf(to, "\n%s:\n", help_topics[topic]);
		for (const struct verb *const *v = verbs; *v; v++)
			if ((int)(*v)->topic == topic && !((*v)->flags & VERB_HIDDEN))
				(void)fprintf(
					to, "  %-*s  %s\n", (int)width, (*v)->name, (*v)->summary);
	}
	(void)fputs("\nOptions of every verb:\n", to);
	for (const struct opt *o = cli_global_options; o->long_name; o++)
		print_option(o, to);
	(void)fputs(
		"\nExit codes: 0 done, 1 failed, 2 usage or bad spec, 3 no such thing, 4 wrong\n"
		"state, 5 busy, 6 not permitted, 7 the host cannot, 8 timed out, 9 partly done.\n"
		"`cella VERB --help` and cella-VERB(1) explain a verb.\n",
		to);
}
