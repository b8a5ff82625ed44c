/* Printing of rows: table, JSON, JSON lines, CSV, records. */
#include "cli/output_parts.h"
#include "base/mem.h"
#include "base/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	CELL_MAX = 65536, /* bytes of one value in a table; only a guard */
	JSON_STYLE = JSON_ENSURE_ASCII | JSON_ENCODE_ANY,
};

static void add_number(struct strbuf *s, enum column_kind kind, const json_t *v)
{
	char human[UNITS_SIZE];
	json_int_t n = json_integer_value(v);
	if (kind == COLUMN_BYTES && n >= 0)
		str_add(s, units_print_human(human, (uint64_t)n));
	else if (kind == COLUMN_USEC)
		str_addf(s, "%.2fs", (double)n / 1e6);
	else
		output_add_value(s, v);
}

/* "2026-11-21T06:36:48.123Z" -> "2026-11-21T06:36:48Z" */
static void add_time(struct strbuf *s, const char *text)
{
	const char *dot = strchr(text, '.');
	str_addn(s, text, dot ? (size_t)(dot - text) : strlen(text));
	if (dot)
		str_add(s, "Z");
}

/* For people: human units, "-" for nothing, escaped. */
static char *cell(const struct output_column *c, const json_t *row, struct err *e)
{
	autostr struct strbuf raw = {0};
	struct strbuf shown = {0};
	const json_t *v = output_value(row, c->path);
	if (json_is_integer(v))
		add_number(&raw, c->is_whole ? c->def->kind : COLUMN_NUMBER, v);
	else if (json_is_boolean(v))
		str_add(&raw, json_is_true(v) ? "yes" : "no");
	else if (json_is_string(v) && c->def->kind == COLUMN_TIME)
		add_time(&raw, json_string_value(v));
	else
		output_add_value(&raw, v);
	if (raw.failed) {
		err_nomem(e);
		return NULL;
	}
	str_add_escaped(&shown, raw.len ? raw.buf : "-", CELL_MAX);
	return str_finish(&shown, e);
}

/* Places on a terminal, close enough: code points. */
static size_t width(const char *s)
{
	size_t n = 0;
	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static char *title(const struct output_column *c, struct err *e)
{
	char *t = strdup(c->is_whole ? c->def->title : c->path);
	if (!t)
		err_nomem(e);
	for (char *p = t; p && *p; p++)
		if (!c->is_whole && *p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	return t;
}

static bool is_right(const struct output_column *c)
{
	return c->is_whole && (c->def->kind == COLUMN_NUMBER || c->def->kind == COLUMN_BYTES ||
				      c->def->kind == COLUMN_USEC);
}

static void print_line(
	const struct output_query *q, char *const *cells, const size_t *widths, FILE *to)
{
	for (size_t i = 0; i < q->n_columns; i++) {
		int pad = (int)(widths[i] - width(cells[i]));
		bool is_last = i + 1 == q->n_columns;
		if (is_right(&q->columns[i]))
			(void)fprintf(to, "%*s%s%s", pad, "", cells[i], is_last ? "" : "  ");
		else if (is_last)
			(void)fputs(cells[i], to);
		else
			(void)fprintf(to, "%s%*s  ", cells[i], pad, "");
	}
	(void)fputc('\n', to);
}

/* Row 0 of the matrix is the heading. */
static int fill_matrix(const struct output_query *q, const json_t *rows, char **cells,
	size_t *widths, struct err *e)
{
	size_t n = q->n_columns;
	for (size_t r = 0; r <= json_array_size(rows); r++)
		for (size_t c = 0; c < n; c++) {
			char *text = r ? cell(&q->columns[c], json_array_get(rows, r - 1), e)
				       : title(&q->columns[c], e);
			if (!text)
				return -1;
			cells[r * n + c] = text;
			bool counts = r || !q->options.no_header;
			if (counts && width(text) > widths[c])
				widths[c] = width(text);
		}
	return 0;
}

static int print_table(const struct output_query *q, const json_t *rows, FILE *to, struct err *e)
{
	size_t n = q->n_columns, lines = json_array_size(rows) + 1;
	char **cells = calloc(n * lines + 1, sizeof *cells);
	autofree size_t *widths = calloc(n + 1, sizeof *widths);
	int r = cells && widths ? fill_matrix(q, rows, cells, widths, e) : err_nomem(e);
	for (size_t i = q->options.no_header; r == 0 && i < lines; i++)
		print_line(q, cells + i * n, widths, to);
	for (size_t i = 0; cells && i < n * lines; i++)
		free(cells[i]);
	free(cells);
	return r;
}

/* RFC 4180: quoted when it holds a comma, a quote or a line end. */
static void print_csv_field(const char *s, FILE *to)
{
	if (!s[strcspn(s, ",\"\r\n")]) {
		(void)fputs(s, to);
		return;
	}
	(void)fputc('"', to);
	for (; *s; s++) {
		if (*s == '"')
			(void)fputc('"', to);
		(void)fputc(*s, to);
	}
	(void)fputc('"', to);
}

static int print_csv(const struct output_query *q, const json_t *rows, FILE *to, struct err *e)
{
	size_t n = json_array_size(rows);
	for (size_t r = q->options.no_header; r <= n; r++)
		for (size_t c = 0; c < q->n_columns; c++) {
			const struct output_column *col = &q->columns[c];
			autostr struct strbuf raw = {0}, shown = {0};
			if (r == 0)
				str_add(&raw, col->path);
			else
				output_add_value(
					&raw, output_value(json_array_get(rows, r - 1), col->path));
			str_add_escaped(&shown, raw.buf ? raw.buf : "", CELL_MAX);
			if (raw.failed || shown.failed)
				return err_nomem(e);
			print_csv_field(shown.buf ? shown.buf : "", to);
			(void)fputs(c + 1 < q->n_columns ? "," : "\n", to);
		}
	return 0;
}

/* -o in JSON: objects with just these members, under the names that were asked for. */
static json_t *project(const struct output_query *q, json_t *row)
{
	if (!q->options.columns || q->options.columns[0] == '+')
		return json_incref(row);
	json_t *o = json_object();
	for (size_t i = 0; o && i < q->n_columns; i++) {
		const json_t *v = output_value(row, q->columns[i].path);
		json_t *member = v ? json_incref((json_t *)(uintptr_t)v) : json_null();
		if (json_object_set_new(o, q->columns[i].path, member) < 0) {
			json_decref(o);
			o = NULL;
		}
	}
	return o;
}

static int dump(const json_t *v, size_t style, FILE *to, struct err *e)
{
	errno = 0;
	/* jansson says no more than that it failed. */
	if (json_dumpf(v, to, JSON_STYLE | style) < 0 && !ferror(to))
		return err_nomem(e);
	(void)fputc('\n', to);
	return 0;
}

static int print_jsonl(const struct output_query *q, const json_t *rows, FILE *to, struct err *e)
{
	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *row = project(q, json_array_get(rows, i));
		int r = row ? dump(row, JSON_COMPACT, to, e) : err_nomem(e);
		json_decref(row);
		if (r < 0)
			return -1;
	}
	return 0;
}

static int print_json(
	const struct output_query *q, const json_t *rows, bool single, FILE *to, struct err *e)
{
	json_t *out = json_array();
	for (size_t i = 0; out && i < json_array_size(rows); i++)
		if (json_array_append_new(out, project(q, json_array_get(rows, i))) < 0) {
			json_decref(out);
			out = NULL;
		}
	if (!out)
		return err_nomem(e);
	bool bare = single && json_array_size(out) == 1;
	int r = output_print_json(bare ? json_array_get(out, 0) : out, to, e);
	json_decref(out);
	return r;
}

static int print_names(const struct output_query *q, const json_t *rows, FILE *to, struct err *e)
{
	struct output_column first = {.path = (char *)(uintptr_t)q->known.items[0].key,
		.def = &q->known.items[0],
		.is_whole = true};
	for (size_t i = 0; i < json_array_size(rows); i++) {
		autofree char *text = cell(&first, json_array_get(rows, i), e);
		if (!text)
			return -1;
		(void)fprintf(to, "%s\n", text);
	}
	return 0;
}

int output_print(const struct output_query *q, json_t *rows, FILE *to, struct err *e)
{
	json_t *chosen = NULL;
	int r;
	if (output_query_select(q, rows, &chosen, e) < 0)
		return -1;
	if (q->options.quiet)
		r = print_names(q, chosen, to, e);
	else if (q->options.format == OUTPUT_JSON)
		r = print_json(q, chosen, false, to, e);
	else if (q->options.format == OUTPUT_JSONL)
		r = print_jsonl(q, chosen, to, e);
	else if (q->options.format == OUTPUT_CSV)
		r = print_csv(q, chosen, to, e);
	else
		r = print_table(q, chosen, to, e);
	json_decref(chosen);
	return r;
}

static int print_record(
	const struct output_query *q, const json_t *row, size_t indent, FILE *to, struct err *e)
{
	for (size_t i = 0; i < q->n_columns; i++) {
		autofree char *name = title(&q->columns[i], e);
		autofree char *text = name ? cell(&q->columns[i], row, e) : NULL;
		if (!text)
			return -1;
		(void)fprintf(to, "%s:%*s%s\n", name, (int)(indent - width(name)) + 1, "", text);
	}
	return 0;
}

int output_print_records(
	const struct output_query *q, json_t *rows, bool single, FILE *to, struct err *e)
{
	if (q->options.quiet || q->options.format == OUTPUT_JSONL ||
		q->options.format == OUTPUT_CSV)
		return output_print(q, rows, to, e);
	if (q->options.format == OUTPUT_JSON)
		return print_json(q, rows, single, to, e);
	size_t indent = 0;
	for (size_t i = 0; i < q->n_columns; i++) {
		const struct output_column *c = &q->columns[i];
		size_t w = width(c->is_whole ? c->def->title : c->path);
		indent = w > indent ? w : indent;
	}
	for (size_t i = 0; i < json_array_size(rows); i++) {
		if (i)
			(void)fputc('\n', to);
		if (print_record(q, json_array_get(rows, i), indent, to, e) < 0)
			return -1;
	}
	return 0;
}

int output_print_json(const json_t *value, FILE *to, struct err *e)
{
	return dump(value, JSON_INDENT(2), to, e);
}

int output_finish(FILE *to, struct err *e)
{
	if (fflush(to) == 0 && !ferror(to))
		return 0;
	return err_sys(e, errno ? errno : EIO, "write the output");
}
