#include "cli/opts.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/units.h"
#include "specs/schema.h"

#include <stdio.h>
#include <string.h>

enum {
	MAX_GROUPS = 4,
	MAX_OPTIONS = 64, /* per group: bits of `seen` */
};

struct parser {
	const struct opts_grammar *g;
	const char *const *argv;
	size_t argc, at;
	uint64_t seen[MAX_GROUPS];
	struct opts_words *words;
};

/* Where an option was found. */
struct hit {
	size_t group, index;
	const struct opt *opt;
	char name[40]; /* as typed: "--from" or "-f" */
};

static bool find(
	const struct parser *p, const char *long_name, size_t len, char short_name, struct hit *h)
{
	for (h->group = 0; h->group < p->g->n_groups; h->group++) {
		const struct opt *o = p->g->groups[h->group].opts;
		for (h->index = 0; o->long_name && h->index < MAX_OPTIONS; o++, h->index++) {
			h->opt = o;
			bool hit = long_name ? strlen(o->long_name) == len &&
						       !memcmp(o->long_name, long_name, len)
					     : o->short_name == short_name;
			if (hit)
				return true;
		}
	}
	return false;
}

static int unknown_long(const struct parser *p, const char *word, size_t len, struct err *e)
{
	char name[64] = "", shown[256];
	const char *all[MAX_OPTIONS * 2];
	size_t n = 0;
	for (size_t i = 0; i < p->g->n_groups; i++)
		for (const struct opt *o = p->g->groups[i].opts; o->long_name; o++)
			if (n < ARRAY_LEN(all) - 1)
				all[n++] = o->long_name;
	all[n] = NULL;
	memcpy(name, word, len < sizeof name ? len : sizeof name - 1);
	err_set(e, ERR_USAGE, "unknown option '--%s'", str_escape(shown, sizeof shown, name));
	/* An abbreviation would change its meaning with the next version, so it is refused, but
	 * what was meant is easy to say. */
	for (size_t i = 0; i < n && len >= 2 && len < sizeof name; i++)
		if (!strncmp(all[i], name, len))
			return err_hint(
				e, "options are not abbreviated: did you mean '--%s'?", all[i]);
	const char *near = schema_nearest(all, name);
	return near ? err_hint(e, "did you mean '--%s'?", near) : -1;
}

static int list_add(struct opt_list *list, const char *value, struct err *e)
{
	const char **more = realloc(list->items, (list->n + 2) * sizeof *more);
	if (!more)
		return err_nomem(e);
	list->items = more;
	list->items[list->n++] = value;
	list->items[list->n] = NULL;
	return 0;
}

static int bad_value(const struct hit *h, const char *value, const char *expect, struct err *e)
{
	char shown[256];
	return err_set(e, ERR_USAGE, "option '%s': '%s' is not %s", h->name,
		str_escape(shown, sizeof shown, value), expect);
}

static int store_word(const struct hit *h, int *target, const char *value, struct err *e)
{
	autostr struct strbuf all = {0};
	for (int i = 0; h->opt->words[i]; i++) {
		if (!strcmp(h->opt->words[i], value)) {
			*target = i;
			return 0;
		}
		str_addf(&all, "%s%s", i ? ", " : "one of ", h->opt->words[i]);
	}
	return bad_value(h, value, all.buf ? all.buf : "a word it knows", e);
}

static int store_time(const struct hit *h, int64_t *target, const char *value, struct err *e)
{
	uint64_t ms;
	if (!units_parse_time(value, &ms) || ms > INT64_MAX)
		return bad_value(h, value, "a time such as 30s, 500ms or 5m", e);
	*target = (int64_t)ms;
	return 0;
}

static int store_value(struct parser *p, const struct hit *h, const char *value, struct err *e)
{
	void *target = (char *)p->g->groups[h->group].base + h->opt->offset;
	uint64_t bit = UINT64_C(1) << h->index;
	if ((p->seen[h->group] & bit) && opt_takes_value(h->opt) && h->opt->kind != OPT_LIST)
		return err_set(e, ERR_USAGE, "option '%s' is given twice", h->name);
	p->seen[h->group] |= bit;

	switch (h->opt->kind) {
	case OPT_FLAG:
		*(bool *)target = true;
		return 0;
	case OPT_CONST:
		*(int *)target = h->opt->value;
		return 0;
	case OPT_TEXT:
		*(const char **)target = value;
		return 0;
	case OPT_WORD:
		return store_word(h, target, value, e);
	case OPT_TIME:
		return store_time(h, target, value, e);
	case OPT_COUNT:
		return str_to_u64(value, target) ? 0 : bad_value(h, value, "a number", e);
	case OPT_LIST:
		return list_add(target, value, e);
	}
	return err_set(e, ERR_FAILED, "option '%s' has no kind", h->name);
}

static int next_value(struct parser *p, const struct hit *h, const char **ret, struct err *e)
{
	if (p->at >= p->argc)
		return err_set(e, ERR_USAGE, "option '%s' needs a value: %s", h->name, h->opt->arg);
	*ret = p->argv[p->at++];
	return 0;
}

static int parse_long(struct parser *p, const char *word, struct err *e)
{
	const char *equals = strchr(word, '='), *value = NULL;
	size_t len = equals ? (size_t)(equals - word) : strlen(word);
	struct hit h = {0};
	if (!len || !find(p, word, len, 0, &h))
		return unknown_long(p, word, len, e);
	(void)snprintf(h.name, sizeof h.name, "--%s", h.opt->long_name);
	if (equals && !opt_takes_value(h.opt))
		return err_set(e, ERR_USAGE, "option '%s' takes no value", h.name);
	if (equals)
		value = equals + 1;
	else if (opt_takes_value(h.opt) && next_value(p, &h, &value, e) < 0)
		return -1;
	return store_value(p, &h, value, e);
}

/* "-qn5": flags one after the other; the first option with a value takes the rest. */
static int parse_cluster(struct parser *p, const char *word, struct err *e)
{
	for (const char *c = word; *c; c++) {
		struct hit h = {0};
		const char *value = NULL;
		char shown[32], one[2] = {*c, '\0'};
		if (!find(p, NULL, 0, *c, &h))
			return err_set(e, ERR_USAGE, "unknown option '-%s'",
				str_escape(shown, sizeof shown, one));
		(void)snprintf(h.name, sizeof h.name, "-%c", *c);
		if (opt_takes_value(h.opt) && c[1])
			value = c + 1;
		else if (opt_takes_value(h.opt) && next_value(p, &h, &value, e) < 0)
			return -1;
		if (store_value(p, &h, value, e) < 0)
			return -1;
		if (value)
			return 0;
	}
	return 0;
}

static void take_command(struct parser *p)
{
	if (!strcmp(p->argv[p->at], "--"))
		p->at++;
	while (p->at < p->argc)
		p->words->command[p->words->n_command++] = p->argv[p->at++];
}

static int parse_all(struct parser *p, struct err *e)
{
	const struct opts_grammar *g = p->g;
	bool options_end = false;
	while (p->at < p->argc) {
		const char *word = p->argv[p->at];
		bool is_option = !options_end && word[0] == '-' && word[1];
		bool command_next =
			g->takes_command && p->words->n_operands == g->operands_before_command;
		/* What follows the last operand is the command's, a dash or not. */
		if (command_next &&
			(g->operands_before_command > 0 || !is_option || !strcmp(word, "--"))) {
			take_command(p);
			return 0;
		}
		p->at++;
		if (!is_option)
			p->words->operands[p->words->n_operands++] = word;
		else if (!strcmp(word, "--"))
			options_end = true;
		else if ((word[1] == '-' ? parse_long(p, word + 2, e)
					 : parse_cluster(p, word + 1, e)) < 0)
			return -1;
	}
	return 0;
}

int opts_parse(const struct opts_grammar *g, const char *const *argv, size_t argc,
	struct opts_words *ret, struct err *e)
{
	struct parser p = {.g = g, .argv = argv, .argc = argc, .words = ret};
	*ret = (struct opts_words){
		.operands = calloc(argc + 1, sizeof *ret->operands),
		.command = calloc(argc + 1, sizeof *ret->command),
	};
	if (!ret->operands || !ret->command || g->n_groups > MAX_GROUPS)
		return err_nomem(e);
	return parse_all(&p, e);
}

void opts_release(const struct opts_grammar *g, struct opts_words *words)
{
	for (size_t i = 0; i < g->n_groups; i++)
		for (const struct opt *o = g->groups[i].opts; o->long_name; o++) {
			if (o->kind != OPT_LIST)
				continue;
			struct opt_list *list = (void *)((char *)g->groups[i].base + o->offset);
			free(list->items);
			*list = (struct opt_list){0};
		}
	free(words->operands);
	free(words->command);
	*words = (struct opts_words){0};
}
