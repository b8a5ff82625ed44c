/* Choosing columns, filtering and sorting of rows. */
#include "cli/output_parts.h"
#include "base/mem.h"
#include "specs/schema.h"

#include <stdlib.h>
#include <string.h>

enum {
	REGEX_MAX = 1000
};

const char *const output_format_words[] = {"table", "json", "jsonl", "csv", NULL};

const json_t *output_value(const json_t *row, const char *path)
{
	while (json_is_object(row)) {
		const json_t *whole = json_object_get(row, path);
		const char *dot = strchr(path, '.');
		if (whole || !dot)
			return whole;
		row = json_object_getn(row, path, (size_t)(dot - path));
		path = dot + 1;
	}
	return NULL;
}

void output_add_value(struct strbuf *s, const json_t *v)
{
	size_t i;
	const json_t *item;
	const char *key;
	json_t *member;
	bool first = true;
	switch (v ? json_typeof(v) : JSON_NULL) {
	case JSON_NULL:
		break;
	case JSON_TRUE:
		str_add(s, "true");
		break;
	case JSON_FALSE:
		str_add(s, "false");
		break;
	case JSON_INTEGER:
		str_addf(s, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		break;
	case JSON_REAL:
		str_addf(s, "%.15g", json_real_value(v));
		break;
	case JSON_STRING:
		str_add(s, json_string_value(v));
		break;
	case JSON_ARRAY:
		json_array_foreach(v, i, item)
		{
			str_add(s, i ? "," : "");
			output_add_value(s, item);
		}
		break;
	case JSON_OBJECT:
		json_object_foreach((json_t *)v, key, member)
		{
			bool nested = json_is_object(member);
			str_addf(s, "%s%s=%s", first ? "" : ",", key, nested ? "{" : "");
			output_add_value(s, member);
			str_add(s, nested ? "}" : "");
			first = false;
		}
		break;
	}
}

static int no_column(struct columns known, const char *name, struct err *e)
{
	char shown[120];
	autostr struct strbuf all = {0};
	const char **words = calloc(known.n + 1, sizeof *words);
	if (!words)
		return err_nomem(e);
	for (size_t i = 0; i < known.n; i++) {
		words[i] = known.items[i].key;
		str_addf(&all, "%s%s", i ? ", " : "", words[i]);
	}
	const char *near = schema_nearest(words, name);
	free(words);
	err_set(e, ERR_USAGE, "no column '%s'", str_escape(shown, sizeof shown, name));
	if (near)
		return err_hint(e, "did you mean '%s'?", near);
	return err_hint(e, "columns: %s", all.buf ? all.buf : "");
}

static int column_find(struct columns known, const char *path, size_t len,
	struct output_column *ret, struct err *e)
{
	autofree char *copy = strndup(path, len);
	if (!copy)
		return err_nomem(e);
	size_t head = strcspn(copy, ".");
	for (size_t i = 0; i < known.n; i++) {
		const struct column *c = &known.items[i];
		if (strlen(c->key) != head || memcmp(c->key, copy, head) != 0)
			continue;
		ret->def = c;
		ret->is_whole = !copy[head];
		ret->path = ptr_steal(&copy);
		return 0;
	}
	return no_column(known, copy, e);
}

/* Call add() for every word between commas. */
static int each_word(const char *text,
	int (*add)(struct output_query *q, const char *word, size_t len, struct err *e),
	struct output_query *q, struct err *e)
{
	for (;;) {
		size_t len = strcspn(text, ",");
		if (add(q, text, len, e) < 0)
			return -1;
		if (!text[len])
			return 0;
		text += len + 1;
	}
}

/* Room for one more item at the end of an array. */
static void *grow(void *items_at, size_t n, size_t size)
{
	void *more = realloc(*(void **)items_at, (n + 1) * size);
	if (!more)
		return NULL;
	*(void **)items_at = more;
	return memset((char *)more + n * size, 0, size);
}

static int add_column(struct output_query *q, const char *word, size_t len, struct err *e)
{
	struct output_column *c = grow(&q->columns, q->n_columns, sizeof *c);
	if (!c)
		return err_nomem(e);
	if (column_find(q->known, word, len, c, e) < 0)
		return -1;
	q->n_columns++;
	return 0;
}

static int add_sort(struct output_query *q, const char *word, size_t len, struct err *e)
{
	struct output_sort *s = grow(&q->sorts, q->n_sorts, sizeof *s);
	if (!s)
		return err_nomem(e);
	s->is_descending = len && *word == '-';
	if (column_find(q->known, word + s->is_descending, len - s->is_descending, &s->column, e) <
		0)
		return -1;
	q->n_sorts++;
	return 0;
}

static int make_columns(struct output_query *q, struct err *e)
{
	const char *asked = q->options.columns;
	if (!asked || *asked == '+')
		for (size_t i = 0; i < q->known.n; i++)
			if (q->known.items[i].is_shown &&
				add_column(q, q->known.items[i].key, strlen(q->known.items[i].key),
					e) < 0)
				return -1;
	if (!asked)
		return 0;
	return each_word(asked + (*asked == '+'), add_column, q, e);
}

/* One alternative of "key=a,b". */
static int split_values(const char *text, struct output_filter *f, struct err *e)
{
	size_t n = 0;
	for (;; n++) {
		size_t len = strcspn(text, ",");
		char **at = grow(&f->values, n + 1, sizeof *at);
		if (!at || !(f->values[n] = strndup(text, len)))
			return err_nomem(e);
		f->values[n + 1] = NULL;
		if (!text[len])
			return 0;
		text += len + 1;
	}
}

static int compile(const char *text, struct output_filter *f, struct err *e)
{
	char why[160], shown[120];
	/* The C library goes one call deeper with each bracket, down to the end of the stack. */
	if (strlen(text) > REGEX_MAX)
		return err_set(e, ERR_USAGE, "'%s' is too long for a regular expression: %d bytes",
			str_escape(shown, sizeof shown, text), REGEX_MAX);
	int r = regcomp(&f->regex, text, REG_EXTENDED | REG_NOSUB);
	if (r == 0) {
		f->is_regex = true;
		return 0;
	}
	(void)regerror(r, &f->regex, why, sizeof why);
	return err_set(e, ERR_USAGE, "'%s' is not a regular expression: %s",
		str_escape(shown, sizeof shown, text), why);
}

static int add_filter(struct output_query *q, const char *text, struct err *e)
{
	char shown[120];
	size_t len = strcspn(text, "=~!");
	const char *op = text + len;
	struct output_filter *f = grow(&q->filters, q->n_filters, sizeof *f);
	if (!f)
		return err_nomem(e);
	q->n_filters++;
	f->is_negated = *op == '!';
	op += f->is_negated;
	if (!len || (*op != '=' && *op != '~')) {
		err_set(e, ERR_USAGE, "'%s' is not a filter",
			str_escape(shown, sizeof shown, text));
		return err_hint(e, "KEY=VALUE[,VALUE...], KEY!=VALUE, KEY~REGEX or KEY!~REGEX");
	}
	if (column_find(q->known, text, len, &f->column, e) < 0)
		return -1;
	return *op == '~' ? compile(op + 1, f, e) : split_values(op + 1, f, e);
}

bool output_is_json(const struct output_options *o)
{
	return o->format == OUTPUT_JSON || o->format == OUTPUT_JSONL;
}

int output_query_make(const struct output_options *o, struct columns known,
	struct output_query **ret, struct err *e)
{
	struct output_query *q = calloc(1, sizeof *q);
	if (!q)
		return err_nomem(e);
	q->options = *o;
	q->known = known;
	int r = make_columns(q, e);
	if (r == 0 && o->sort)
		r = each_word(o->sort, add_sort, q, e);
	for (size_t i = 0; r == 0 && i < o->filters.n; i++)
		r = add_filter(q, o->filters.items[i], e);
	if (r < 0) {
		output_query_free(q);
		return -1;
	}
	*ret = q;
	return 0;
}

void output_query_free(struct output_query *q)
{
	if (!q)
		return;
	for (size_t i = 0; i < q->n_columns; i++)
		free(q->columns[i].path);
	for (size_t i = 0; i < q->n_sorts; i++)
		free(q->sorts[i].column.path);
	for (size_t i = 0; i < q->n_filters; i++) {
		struct output_filter *f = &q->filters[i];
		if (f->is_regex)
			regfree(&f->regex);
		for (char **v = f->values; v && *v; v++)
			free(*v);
		free(f->values);
		free(f->column.path);
	}
	free(q->columns);
	free(q->sorts);
	free(q->filters);
	free(q);
}

unsigned output_query_wants(const struct output_query *q)
{
	unsigned all = 0;
	for (size_t i = 0; i < q->n_columns && !q->options.quiet; i++)
		all |= q->columns[i].def->want;
	for (size_t i = 0; i < q->n_sorts; i++)
		all |= q->sorts[i].column.def->want;
	for (size_t i = 0; i < q->n_filters; i++)
		all |= q->filters[i].column.def->want;
	return all;
}

static bool matches_text(const struct output_filter *f, const char *text)
{
	if (f->is_regex)
		return regexec(&f->regex, text, 0, NULL, 0) == 0;
	for (char **v = f->values; *v; v++)
		if (!strcmp(*v, text))
			return true;
	return false;
}

/* Of a list any item may match; an absent value is the empty text. */
static bool matches(const struct output_filter *f, const json_t *row)
{
	const json_t *v = output_value(row, f->column.path), *item;
	bool hit = false;
	size_t i, n = json_is_array(v) && json_array_size(v) ? json_array_size(v) : 1;
	for (i = 0; i < n && !hit; i++) {
		autostr struct strbuf s = {0};
		item = json_is_array(v) ? json_array_get(v, i) : v;
		output_add_value(&s, item);
		hit = matches_text(f, s.buf ? s.buf : "");
	}
	return hit != f->is_negated;
}

/* "web2" before "web10"; numbers by value; what is absent comes last whichever the direction. */
static int compare_values(const json_t *a, const json_t *b, bool is_descending)
{
	bool has_a = a && !json_is_null(a), has_b = b && !json_is_null(b);
	int r;
	if (!has_a || !has_b)
		return (int)has_b - (int)has_a;
	if (json_is_number(a) && json_is_number(b)) {
		double x = json_number_value(a), y = json_number_value(b);
		r = (x > y) - (x < y);
	} else {
		autostr struct strbuf s = {0}, t = {0};
		output_add_value(&s, a);
		output_add_value(&t, b);
		r = strverscmp(s.buf ? s.buf : "", t.buf ? t.buf : "");
	}
	return is_descending ? -r : r;
}

struct entry {
	json_t *row;
	size_t at; /* keeps the order of equals */
};

static int compare_rows(const void *a, const void *b, void *arg)
{
	const struct output_query *q = arg;
	const struct entry *x = a, *y = b;
	for (size_t i = 0; i < q->n_sorts; i++) {
		const struct output_sort *s = &q->sorts[i];
		int r = compare_values(output_value(x->row, s->column.path),
			output_value(y->row, s->column.path), s->is_descending);
		if (r)
			return r;
	}
	return (x->at > y->at) - (x->at < y->at);
}

int output_query_select(const struct output_query *q, json_t *rows, json_t **ret, struct err *e)
{
	size_t n = 0, i;
	json_t *row, *out = json_array();
	struct entry *list = calloc(json_array_size(rows) + 1, sizeof *list);
	bool failed = !list || !out;
	for (i = 0; !failed && i < json_array_size(rows); i++) {
		bool pass = true;
		row = json_array_get(rows, i);
		for (size_t k = 0; k < q->n_filters && pass; k++)
			pass = matches(&q->filters[k], row);
		if (pass)
			list[n++] = (struct entry){row, i};
	}
	if (!failed && q->n_sorts)
		qsort_r(list, n, sizeof *list, compare_rows, (void *)(uintptr_t)q);
	for (i = 0; !failed && i < n; i++)
		failed = json_array_append(out, list[i].row) < 0;
	free(list);
	if (failed) {
		json_decref(out);
		return err_nomem(e);
	}
	*ret = out;
	return 0;
}
