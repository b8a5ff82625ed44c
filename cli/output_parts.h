/* output_parts.h: between output_query.c and output.c; nobody else includes it. */
#pragma once
#include "base/str.h"
#include "cli/output.h"
#include <regex.h>

struct output_column {
	char *path;		  /* as asked: "name", "labels.env" */
	const struct column *def; /* of its first component */
	bool is_whole;		  /* path is just that component */
};
struct output_sort {
	struct output_column column;
	bool is_descending;
};
struct output_filter {
	struct output_column column;
	bool is_negated, is_regex;
	regex_t regex;
	char **values; /* alternatives; NULL-terminated */
};
struct output_query {
	struct output_options options;
	struct columns known;
	struct output_column *columns;
	size_t n_columns;
	struct output_sort *sorts;
	size_t n_sorts;
	struct output_filter *filters;
	size_t n_filters;
};

/* The value at a dotted path, or NULL; borrowed. A key that holds a dot (a label's) is found by
 * trying the rest of the path as one key first. */
const json_t *output_value(const json_t *row, const char *path);
/* As text in base units: what CSV prints and filters compare. Lists are joined by commas. */
void output_add_value(struct strbuf *s, const json_t *v);
