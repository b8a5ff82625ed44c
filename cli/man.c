#include "cli/man.h"
#include "cli/help.h"

#include <ctype.h>
#include <string.h>

const char *man_page_name(const struct verb *v, char out[MAN_NAME_SIZE])
{
	(void)snprintf(out, MAN_NAME_SIZE, "cella-%s", v->name);
	for (char *p = out; *p; p++)
		if (*p == ' ')
			*p = '-';
	return out;
}

void man_print_text(const char *text, FILE *to)
{
	if (*text == '.' || *text == '\'')
		(void)fputs("\\&", to);
	for (const char *p = text; *p; p++) {
		if (*p == '\\')
			(void)fputs("\\e", to);
		else if (*p == '-')
			(void)fputs("\\-", to);
		else if (*p == '\n' && (p[1] == '.' || p[1] == '\''))
			(void)fputs("\n\\&", to);
		else
			(void)fputc(*p, to);
	}
}

static void print_upper(const char *text, FILE *to)
{
	for (; *text; text++)
		(void)fputc(toupper((unsigned char)*text), to);
}

static void print_paragraphs(const char *text, FILE *to)
{
	while (*text) {
		const char *end = strstr(text, "\n\n");
		size_t len = end ? (size_t)(end - text) : strlen(text);
		char part[2048];
		(void)snprintf(part, sizeof part, "%.*s", (int)len, text);
		(void)fputs(".PP\n", to);
		man_print_text(part, to);
		(void)fputc('\n', to);
		text += len;
		text += strspn(text, "\n");
	}
}

static void print_option(const struct opt *o, FILE *to)
{
	(void)fputs(".TP\n", to);
	if (o->short_name)
		(void)fprintf(to, "\\fB\\-%c\\fR, ", o->short_name);
	(void)fputs("\\fB\\-\\-", to);
	man_print_text(o->long_name, to);
	(void)fputs("\\fR", to);
	if (o->arg) {
		(void)fputs(" \\fI", to);
		man_print_text(o->arg, to);
		(void)fputs("\\fR", to);
	}
	(void)fputc('\n', to);
	man_print_text(o->help, to);
	(void)fputs(".\n", to);
}

static void print_head(const struct verb *v, FILE *to)
{
	char page[MAN_NAME_SIZE];
	man_page_name(v, page);
	(void)fputs(".\\\" Made by `cella _man` from the verb's own table: change that.\n.TH ", to);
	print_upper(page, to);
	(void)fputs(" 1 \"\" \"Cella\" \"Cella\"\n.SH NAME\n", to);
	man_print_text(page, to);
	(void)fputs(" \\- ", to);
	man_print_text(v->summary, to);
	(void)fprintf(to, "\n.SH SYNOPSIS\n\\fBcella %s\\fR ", v->name);
	man_print_text(v->synopsis, to);
	(void)fputc('\n', to);
	for (const char *const *a = v->aliases; a && *a; a++)
		(void)fprintf(to, ".br\n\\fBcella %s\\fR ...\n", *a);
}

void man_print_page(const struct verb *v, FILE *to)
{
	struct opt_group groups[VERB_GROUPS];
	size_t n = verb_groups(v, NULL, groups);
	print_head(v, to);
	(void)fputs(".SH DESCRIPTION\n", to);
	print_paragraphs(v->description, to);
	(void)fputs(".SH OPTIONS\n", to);
	for (size_t i = 0; i < n; i++) {
		(void)fputs(".SS ", to);
		man_print_text(groups[i].title, to);
		(void)fputc('\n', to);
		for (const struct opt *o = groups[i].opts; o->long_name; o++)
			print_option(o, to);
	}
	(void)fputs(".SH EXIT STATUS\n", to);
	if (v->exit_notes) {
		man_print_text(v->exit_notes, to);
		(void)fputs("\n.PP\n", to);
	}
	(void)fputs("The other codes are those of\n.BR cella (1).\n", to);
	if (v->examples)
		(void)fputs(".SH EXAMPLES\n", to);
	for (const struct verb_example *x = v->examples; x && x->command; x++) {
		(void)fputs(".TP\n\\fB", to);
		man_print_text(x->command, to);
		(void)fputs("\\fR\n", to);
		man_print_text(x->what, to);
		(void)fputs(".\n", to);
	}
	(void)fputs(".SH SEE ALSO\n.BR cella (1),\n.BR cella\\-spec (5)\n", to);
}
