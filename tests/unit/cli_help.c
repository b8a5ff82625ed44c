/* The list of verbs is sound: what help, man pages and completion are made of. */
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/man.h"
#include "base/mem.h"
#include "base/str.h"
#include "tests/unit/test.h"

#include <ctype.h>
#include <stdlib.h>

static char *capture(const struct verb *v, void (*print)(const struct verb *v, FILE *to))
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);
	print(v, to);
	(void)fclose(to);
	return text;
}

static void check_options(const struct verb *v)
{
	struct opt_group groups[VERB_GROUPS];
	size_t n = verb_groups(v, NULL, groups);
	const char *seen[128];
	bool letters[256] = {false};
	size_t count = 0;
	CHECK(n <= VERB_GROUPS);
	for (size_t i = 0; i < n; i++) {
		size_t in_group = 0;
		for (const struct opt *o = groups[i].opts; o->long_name; o++, in_group++) {
			for (size_t k = 0; k < count; k++)
				CHECK(strcmp(seen[k], o->long_name) != 0);
			seen[count++] = o->long_name;
			CHECK(!o->short_name || !letters[(unsigned char)o->short_name]);
			letters[(unsigned char)o->short_name] = true;
			CHECK(o->help && o->help[0] && !str_ends(o->help, "."));
			CHECK(opt_takes_value(o) == (o->arg != NULL));
			CHECK((o->kind == OPT_WORD) == (o->words != NULL));
			CHECK(strlen(o->long_name) < 32);
		}
		CHECK(in_group <= 64); /* bits of the parser's `seen` */
	}
}

TEST(verbs)
{
	for (const struct verb *const *v = verbs; *v; v++) {
		size_t used = 0;
		const char *one[] = {(*v)->name, NULL};
		CHECK((*v)->name && (*v)->synopsis && (*v)->summary && (*v)->description &&
			(*v)->run);
		CHECK(!str_ends((*v)->summary, ".") && !isupper((unsigned char)(*v)->summary[0]));
		CHECK((*v)->min_operands <= (*v)->max_operands);
		CHECK(!(*v)->options || (*v)->values_size);
		CHECK(((*v)->flags & VERB_HIDDEN) || (*v)->examples);
		if (!strchr((*v)->name, ' '))
			CHECK(verb_find(one, 1, &used) == *v);
		for (const char *const *a = (*v)->aliases; a && *a; a++) {
			one[0] = *a;
			CHECK(verb_find(one, 1, &used) == *v);
		}
		check_options(*v);
	}
}

TEST(find)
{
	const char *host[] = {"host", "check", "x"}, *wrong[] = {"host", "chekc"};
	const char *typo[] = {"strat"}, *alone[] = {"host"};
	size_t used = 0;
	struct err e = {0};
	const struct verb *v = verb_find(host, 3, &used);
	CHECK(v && !strcmp(v->name, "host check"));
	CHECK_INT(used, 2);
	CHECK(!verb_find(wrong, 2, &used));
	CHECK_INT(verb_unknown(wrong, 2, &e), -1);
	CHECK_STR(e.hint, "did you mean `cella host check`?");
	CHECK(!verb_find(alone, 1, &used));
	CHECK_INT(verb_unknown(alone, 1, &e), -1);
	CHECK_STR(e.hint, "did you mean `cella host check`?");
	CHECK_INT(verb_unknown(typo, 1, &e), -1);
	CHECK_STR(e.msg, "unknown verb 'strat'");
	CHECK_STR(e.hint, "did you mean `cella start`?");
}

static size_t longest_line(const char *text)
{
	size_t longest = 0;
	while (*text) {
		size_t n = strcspn(text, "\n");
		longest = n > longest ? n : longest;
		text += n + (text[n] != '\0');
	}
	return longest;
}

/* Every verb explains itself, in lines that fit. */
TEST(help)
{
	for (const struct verb *const *v = verbs; *v; v++) {
		autofree char *text = capture(*v, help_print_verb);
		CHECK(strstr(text, "usage: cella "));
		CHECK(strstr(text, (*v)->summary));
		if (longest_line(text) > 90)
			printf("# %s: %zu columns\n", (*v)->name, longest_line(text));
		CHECK(longest_line(text) <= 90);
		for (const struct opt *o = (*v)->options; o && o->long_name; o++) {
			char name[64];
			(void)snprintf(name, sizeof name, "--%s", o->long_name);
			CHECK(strstr(text, name));
		}
	}
}

/* No text line of a page is taken for a request. */
TEST(pages)
{
	static const char *const requests[] = {
		".\\\"", ".TH", ".SH", ".SS", ".PP", ".TP", ".BR", ".br"};
	for (const struct verb *const *v = verbs; *v; v++) {
		autofree char *text = capture(*v, man_print_page);
		for (char *line = text; line && *line; line = strchr(line, '\n')) {
			line += *line == '\n';
			bool known = *line != '.' && *line != '\'';
			for (size_t i = 0; i < ARRAY_LEN(requests); i++)
				known |= str_starts(line, requests[i]);
			CHECK(known);
		}
		CHECK(strstr(text, ".SH EXIT STATUS\n"));
	}
}

/* Every verb, with every way of asking for help, ends with 0; with a wrong option with 2. */
TEST(run_help)
{
	char *text;
	size_t len;
	FILE *saved_out = stdout, *saved_err = stderr;
	int n_bad = 0;
	for (const struct verb *const *v = verbs; *v; v++) {
		char name[32], *rest;
		(void)snprintf(name, sizeof name, "%s", (*v)->name);
		char *first = strtok_r(name, " ", &rest), *second = strtok_r(NULL, " ", &rest);
		static const char *const tails[] = {"--help", "-h", "--no-such-option", "--root"};
		for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
			const char *argv[5] = {"cella", first, second ? second : tails[i],
				second ? tails[i] : NULL, NULL};
			int argc = second ? 4 : 3;
			text = NULL;
			stdout = stderr = open_memstream(&text, &len);
			int code = cli_main(argc, argv);
			(void)fclose(stdout);
			stdout = saved_out;
			stderr = saved_err;
			char usage[64];
			(void)snprintf(usage, sizeof usage, "usage: cella %s", (*v)->name);
			if (code != (i < 2 ? 0 : 2) || !strstr(text, usage)) {
				printf("# %s %s: %d\n%s\n", (*v)->name, tails[i], code, text);
				n_bad++;
			}
			free(text);
		}
	}
	CHECK_INT(n_bad, 0);
}

TEST_MAIN()
