#include "cli/assign.h"
#include "base/mem.h"
#include "base/str.h"

#include <jansson.h>
#include <string.h>

/* `text` is stolen; NULL is out of memory. */
static int push(struct assign *a, char *text, struct err *e)
{
	char **more = text ? realloc(a->items, (a->n + 2) * sizeof *more) : NULL;
	if (!more) {
		free(text);
		return err_nomem(e);
	}
	a->items = more;
	more[a->n++] = text;
	more[a->n] = NULL;
	return 0;
}

int assign_add(struct assign *a, const char *text, struct err *e)
{
	return push(a, strdup(text), e);
}

int assign_add_text(struct assign *a, const char *path, const char *value, struct err *e)
{
	char shown[256];
	json_t *v = json_string(value);
	autofree char *quoted = v ? json_dumps(v, JSON_ENCODE_ANY) : NULL;
	json_decref(v);
	if (!v)
		return err_set(e, ERR_USAGE, "'%s' is not valid UTF-8",
			str_escape(shown, sizeof shown, value));
	return push(a, quoted ? str_format("%s=%s", path, quoted) : NULL, e);
}

int assign_add_pairs(struct assign *a, const char *option, const char *prefix,
	const struct opt_list *list, struct err *e)
{
	for (size_t i = 0; i < list->n; i++) {
		const char *item = list->items[i], *equals = strchr(item, '=');
		char shown[256];
		if (!equals || equals == item)
			return err_set(e, ERR_USAGE, "option '%s': '%s' is not KEY=VALUE", option,
				str_escape(shown, sizeof shown, item));
		autofree char *path = str_format("%s.%.*s", prefix, (int)(equals - item), item);
		if (!path)
			return err_nomem(e);
		if (assign_add_text(a, path, equals + 1, e) < 0)
			return -1;
	}
	return 0;
}

void assign_done(struct assign *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->items[i]);
	free(a->items);
	*a = (struct assign){0};
}
