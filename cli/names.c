#include "cli/names.h"
#include "base/mem.h"
#include "base/str.h"
#include "runtime/inspect.h"
#include "specs/name.h"

#include <fnmatch.h>
#include <string.h>

bool names_is_glob(const char *word)
{
	return strpbrk(word, "*?[") != NULL;
}

void names_done(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->items[i]);
	free(names->items);
	*names = (struct names){0};
}

static int add(struct names *names, const char *name, struct err *e)
{
	for (size_t i = 0; i < names->n; i++)
		if (!strcmp(names->items[i], name))
			return 0;
	char **more = realloc(names->items, (names->n + 1) * sizeof *more);
	if (!more)
		return err_nomem(e);
	names->items = more;
	if (!(more[names->n] = strdup(name)))
		return err_nomem(e);
	names->n++;
	return 0;
}

/* What store_each_zone() calls; pattern NULL takes all. */
struct search {
	struct names *names;
	const char *pattern;
	size_t hits;
	struct err *e;
};

static int visit(void *arg, const char *name)
{
	struct search *s = arg;
	if (s->pattern && fnmatch(s->pattern, name, 0) != 0)
		return 0;
	s->hits++;
	return add(s->names, name, s->e);
}

static int search_store(struct cli *c, const char *pattern, struct names *names, struct err *e)
{
	char shown[256];
	struct search s = {.names = names, .pattern = pattern, .e = e};
	const struct store *store = cli_store(c, e);
	if (!store || store_each_zone(store, visit, &s, e) < 0)
		return -1;
	if (pattern && !s.hits)
		return err_set(e, ERR_NOT_FOUND, "no zone matches '%s'",
			str_escape(shown, sizeof shown, pattern));
	return 0;
}

static bool has_group(const json_t *row, const char *group)
{
	const json_t *groups = json_object_get(row, "groups");
	for (size_t i = 0; i < json_array_size(groups); i++)
		if (str_eq(json_string_value(json_array_get(groups, i)), group))
			return true;
	return false;
}

static int add_group(const char *group, json_t *rows, struct names *names, struct err *e)
{
	bool hit = false;
	if (name_check("group", group, e) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		if (!has_group(row, group))
			continue;
		hit = true;
		if (add(names, json_string_value(json_object_get(row, "name")), e) < 0)
			return -1;
	}
	return hit ? 0 : err_set(e, ERR_NOT_FOUND, "no zone is in group '%s'", group);
}

static int add_groups(struct cli *c, struct names *names, struct err *e)
{
	json_t *rows = NULL;
	const struct store *store;
	if (!c->groups.n)
		return 0;
	if (!(store = cli_store(c, e)) ||
		inspect_all(store, INSPECT_BASIC | INSPECT_DETAILS, &rows, e) < 0)
		return -1;
	int r = 0;
	for (size_t i = 0; r == 0 && i < c->groups.n; i++)
		r = add_group(c->groups.items[i], rows, names, e);
	json_decref(rows);
	return r;
}

static int add_words(
	struct cli *c, const char *const *words, size_t n, struct names *names, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (names_is_glob(words[i]) ? search_store(c, words[i], names, e) < 0
					    : name_check("zone", words[i], e) < 0 ||
						      add(names, words[i], e) < 0)
			return -1;
	return 0;
}

int names_resolve(
	struct cli *c, const char *const *words, size_t n, struct names *ret, struct err *e)
{
	autonames struct names names = {0};
	if (add_words(c, words, n, &names, e) < 0 || add_groups(c, &names, e) < 0 ||
		(c->all && search_store(c, NULL, &names, e) < 0))
		return -1;
	names.is_single = n == 1 && !names_is_glob(words[0]) && !c->all && !c->groups.n;
	*ret = names;
	names = (struct names){0};
	return 0;
}
