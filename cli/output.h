/* output.h: rows (an array of JSON objects, as runtime/inspect.h makes them) as a table, JSON, JSON
 * lines or CSV; choosing columns, sorting and filtering. Works on jansson values alone; prints only
 * to the stream it is given. */
#pragma once
#include "cli/opts.h"
#include <jansson.h>
#include <stdio.h>

enum output_format {
	OUTPUT_TABLE,
	OUTPUT_JSON,
	OUTPUT_JSONL,
	OUTPUT_CSV,
};
extern const char *const output_format_words[];

enum column_kind {
	COLUMN_TEXT,
	COLUMN_NUMBER, /* to the right */
	COLUMN_BYTES,  /* "1.5G" in a table */
	COLUMN_TIME,   /* RFC 3339; without fractions in a table */
	COLUMN_USEC,   /* microseconds; seconds with two decimals in a table */
};
struct column {
	const char *key;   /* member of the row */
	const char *title; /* heading in a table */
	enum column_kind kind;
	bool is_shown; /* without -o */
	unsigned want; /* what the maker of the rows has to find out for it: INSPECT_* */
};
struct columns {
	const struct column *items;
	size_t n;
};

/* What the command line says. */
struct output_options {
	int format; /* enum output_format */
	bool quiet;
	bool no_header;
	const char *columns;	 /* "name,state" or "+disk" (more); NULL: those that are shown */
	const char *sort;	 /* "state,-memory", NULL: as they come */
	struct opt_list filters; /* "state=running,stopped", "name~^web", "labels.env!=prod" */
};

/* JSON or JSON lines. */
bool output_is_json(const struct output_options *o);

/* The options against the columns that exist. -1: ERR_USAGE, names the column or filter. */
struct output_query;
int output_query_make(const struct output_options *o, struct columns known,
	struct output_query **ret, struct err *e);
void output_query_free(struct output_query *q);
/* OR of `want` of every column that is printed, sorted or filtered by. */
unsigned output_query_wants(const struct output_query *q);
/* A new array: the rows that pass the filters, sorted. -1 only without memory. */
int output_query_select(const struct output_query *q, json_t *rows, json_t **ret, struct err *e);

/* Select and print. quiet: the first known column only, one a line. Text is escaped (S25). */
int output_print(const struct output_query *q, json_t *rows, FILE *to, struct err *e);
/* Every shown column as "Title: value", a blank line between rows; JSON formats as output_print,
 * but `single` gives the bare object in place of an array of one. */
int output_print_records(
	const struct output_query *q, json_t *rows, bool single, FILE *to, struct err *e);

/* A JSON value, pretty, ASCII only, so that nothing in it acts on a terminal. */
int output_print_json(const json_t *value, FILE *to, struct err *e);
/* Flush and see whether everything got there (a full disk). */
int output_finish(FILE *to, struct err *e);
