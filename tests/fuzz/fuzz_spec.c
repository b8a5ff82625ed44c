/* fuzz_spec.c: any bytes as a spec. What parses must print, and the print must parse to the same;
 * what does not must say so as a usage error that is safe on a terminal. */
#include "base/mem.h"
#include "base/str.h"
#include "specs/spec_check.h"
#include "specs/spec_json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
	if (!ok)
		abort();
}

static void check_error(const struct err *e)
{
	check(e->cls == ERR_USAGE && e->msg[0]);
	check(str_is_printable(e->msg, strlen(e->msg)));
	check(str_is_printable(e->object, strlen(e->object)));
}

static void check_round_trip(const struct zone_spec *spec)
{
	autospec struct zone_spec *again = NULL;
	struct err e = {0};
	json_auto_t *doc = spec_to_json(spec, &e), *doc_again = NULL;
	check(doc != NULL);
	autofree char *text = spec_text(doc, &e);
	check(text != NULL);
	check(spec_parse(text, strlen(text), "again", &again, NULL, &e) == 0);
	doc_again = spec_to_json(again, &e);
	check(doc_again && json_equal(doc, doc_again));
	(void)spec_check_supported(spec, &e);
}

/* The first line of the input as an assignment, the rest as the document. */
static void check_set(const json_t *doc, const char *assignment)
{
	struct err e = {0};
	json_auto_t *copy = json_deep_copy(doc), *out = NULL;
	autospec struct zone_spec *spec = NULL;
	if (spec_set(copy, assignment, &e) < 0) {
		check_error(&e);
		check(json_equal(copy, doc));
	}
	err_clear(&e);
	if (spec_edit(doc, &assignment, 1, &out, &spec, &e) < 0)
		check_error(&e);
	else
		check_round_trip(spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *newline = memchr(data, '\n', size);
	autospec struct zone_spec *spec = NULL;
	autofree char *assignment = NULL;
	struct err e = {0};
	json_t *doc = NULL;
	/* A line that is no JSON in front: `cella set` on what follows. */
	if (size && text[0] == '!' && newline) {
		assignment = strndup(text + 1, (size_t)(newline - text) - 1);
		size -= (size_t)(newline + 1 - text);
		text = newline + 1;
	}
	if (spec_parse(text, size, "web.json", &spec, &doc, &e) < 0) {
		check_error(&e);
		return 0;
	}
	check_round_trip(spec);
	if (assignment)
		check_set(doc, assignment);
	json_decref(doc);
	return 0;
}
