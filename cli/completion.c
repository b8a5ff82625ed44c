/* completions/cella.bash, made from the list of verbs. */
#include "cli/man.h"
#include "cli/cli.h"

#include <string.h>

static void print_words(const struct opt *o, FILE *to)
{
	for (; o->long_name; o++) {
		(void)fprintf(to, " --%s", o->long_name);
		if (o->short_name)
			(void)fprintf(to, " -%c", o->short_name);
	}
}

/* Patterns of all options that take a value, for one `case`. */
static void print_value_cases(const struct opt *o, FILE *to)
{
	for (; o->long_name; o++) {
		if (o->kind != OPT_WORD || !o->words)
			continue;
		(void)fprintf(to, "\t--%s)\n\t\t_cella_reply -W '", o->long_name);
		for (const char *const *w = o->words; *w; w++)
			(void)fprintf(to, "%s%s", w == o->words ? "" : " ", *w);
		(void)fputs("' -- \"$cur\"\n\t\treturn\n\t\t;;\n", to);
	}
}

static void print_opts(const struct verb *v, const char *indent, FILE *to)
{
	struct opt_group groups[VERB_GROUPS];
	size_t n = verb_groups(v, NULL, groups);
	(void)fprintf(to, "%sopts='", indent);
	for (size_t i = 0; i + 1 < n; i++)
		print_words(groups[i].opts, to);
	(void)fputs("'\n", to);
	if (strstr(v->synopsis, "FILE..."))
		(void)fprintf(to, "%snames=files\n", indent);
	else if (strstr(v->synopsis, "IMAGE"))
		(void)fprintf(to, "%snames=images\n", indent);
	else if (strstr(v->synopsis, "NAME") || strstr(v->synopsis, "OLD") ||
		 (strstr(v->synopsis, "SOURCE") && !strchr(v->name, ' ')))
		(void)fprintf(to, "%snames=zones\n", indent);
	else if (strstr(v->synopsis, "SOURCE"))
		(void)fprintf(to, "%snames=files\n", indent);
}

/* True if a verb before this one in the list begins with the same of two words. */
static bool is_later_of_group(const struct verb *const *v)
{
	size_t n = strcspn((*v)->name, " ") + 1;
	for (const struct verb *const *w = verbs; w != v; w++)
		if ((*v)->name[n - 1] && !strncmp((*v)->name, (*w)->name, n))
			return true;
	return false;
}

/* "host", and behind it "check", "start", "stop". */
static void print_group(const char *name, FILE *to)
{
	size_t n = strcspn(name, " ") + 1;
	(void)fprintf(to, "\t%.*s)\n\t\tnames='", (int)n - 1, name);
	bool first = true;
	for (const struct verb *const *v = verbs; *v; v++)
		if (!strncmp((*v)->name, name, n)) {
			(void)fprintf(to, "%s%s", first ? "" : " ", (*v)->name + n);
			first = false;
		}
	(void)fputs("'\n\t\t((i + 1 < COMP_CWORD)) && names=''\n\t\t"
		    "case ${COMP_WORDS[i + 1]-} in\n",
		to);
	for (const struct verb *const *v = verbs; *v; v++)
		if (!strncmp((*v)->name, name, n)) {
			(void)fprintf(to, "\t\t%s)\n", (*v)->name + n);
			print_opts(*v, "\t\t\t", to);
			(void)fputs("\t\t\t;;\n", to);
		}
	(void)fputs("\t\tesac\n\t\t;;\n", to);
}

static void print_verb(const struct verb *const *v, FILE *to)
{
	if (is_later_of_group(v))
		return;
	if (strchr((*v)->name, ' ')) {
		print_group((*v)->name, to);
		return;
	}
	(void)fprintf(to, "\t%s", (*v)->name);
	for (const char *const *a = (*v)->aliases; a && *a; a++)
		(void)fprintf(to, " | %s", *a);
	(void)fputs(")\n", to);
	print_opts(*v, "\t\t", to);
	(void)fputs("\t\t;;\n", to);
}

static void print_verb_names(FILE *to)
{
	bool first = true;
	for (const struct verb *const *v = verbs; *v; v++) {
		const char *space = strchr((*v)->name, ' ');
		if ((*v)->flags & VERB_HIDDEN || is_later_of_group(v))
			continue;
		(void)fprintf(to, "%s%.*s", first ? "" : " ",
			space ? (int)(space - (*v)->name) : (int)strlen((*v)->name), (*v)->name);
		for (const char *const *a = (*v)->aliases; a && *a; a++)
			(void)fprintf(to, " %s", *a);
		first = false;
	}
}

void completion_print_bash(FILE *to)
{
	(void)fputs(
		"# bash completion for cella. Made by `cella _man --bash` from the verbs' own "
		"tables.\n_cella_reply()\n{\n\tmapfile -t COMPREPLY < <(compgen \"$@\")\n}\n\n_cella()\n{\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} "
		"prev=${COMP_WORDS[COMP_CWORD - 1]}\n\tlocal verb='' opts='' names='' i\n"
		"\tCOMPREPLY=()\n\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		"\t\tcase ${COMP_WORDS[i]} in\n"
		"\t\t--root | --run | --log | --format) ((i++)) ;;\n\t\t-*) ;;\n"
		"\t\t*)\n\t\t\tverb=${COMP_WORDS[i]}\n\t\t\tbreak\n\t\t\t;;\n\t\tesac\n\tdone\n"
		"\tcase $prev in\n",
		to);
	print_value_cases(cli_global_options, to);
	for (const struct verb *const *v = verbs; *v; v++)
		if ((*v)->options && !((*v)->flags & VERB_HIDDEN))
			print_value_cases((*v)->options, to);
	(void)fputs("\t--from | --spec | --root | --run | --log)\n"
		    "\t\t_cella_reply -f -- \"$cur\"\n\t\treturn\n\t\t;;\n\tesac\n"
		    "\tif [[ -z $verb ]]; then\n\t\t_cella_reply -W '",
		to);
	print_verb_names(to);
	print_words(cli_global_options, to);
	(void)fputs("' -- \"$cur\"\n\t\treturn\n\tfi\n\tcase $verb in\n", to);
	for (const struct verb *const *v = verbs; *v; v++)
		if (!((*v)->flags & VERB_HIDDEN))
			print_verb(v, to);
	(void)fputs("\tesac\n\tif [[ $cur == -* ]]; then\n\t\t_cella_reply -W \"$opts", to);
	print_words(cli_global_options, to);
	(void)fputs("\" -- \"$cur\"\n\telif [[ $names == zones ]]; then\n"
		    "\t\t_cella_reply -W \"$(cella list -q 2>/dev/null)\" -- \"$cur\"\n"
		    "\telif [[ $names == images ]]; then\n"
		    "\t\t_cella_reply -W \"$(cella image list -q 2>/dev/null)\" -- \"$cur\"\n"
		    "\telif [[ $names == files ]]; then\n"
		    "\t\t_cella_reply -f -- \"$cur\"\n"
		    "\telif [[ -n $names ]]; then\n"
		    "\t\t_cella_reply -W \"$names\" -- \"$cur\"\n\tfi\n}\n"
		    "complete -F _cella cella\n",
		to);
}
