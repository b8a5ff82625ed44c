/* specs.h: what the tests of specs/ share: parse a text, say what came of it. */
#pragma once
#include "base/mem.h"
#include "base/str.h"
#include "specs/spec_check.h"
#include "specs/spec_json.h"
#include "tests/unit/test.h"

/* The members of a document besides version and name, as a whole document. */
static inline char *specs_document(const char *members)
{
	return str_format(
		"{\"zone_spec\": 1, \"name\": \"web1\"%s%s}", *members ? ", " : "", members);
}

static inline struct zone_spec *specs_parse(const char *text, struct err *e)
{
	struct zone_spec *spec = NULL;
	err_clear(e);
	return spec_parse(text, strlen(text), "web.json", &spec, NULL, e) < 0 ? NULL : spec;
}

/* The members must be accepted; the caller frees the spec. */
#define SPECS_GOOD(members)                                                                        \
	({                                                                                         \
		struct err good_e = {0};                                                           \
		autofree char *good_text = specs_document(members);                                \
		struct zone_spec *good_spec = specs_parse(good_text, &good_e);                     \
		if (!good_spec) {                                                                  \
			test_failures++;                                                           \
			printf("# %s:%d: %s: %s\n", __FILE__, __LINE__, good_text, good_e.msg);    \
		}                                                                                  \
		good_spec;                                                                         \
	})

/* The text must be refused as a usage error whose message has `want` in it. */
static inline void specs_refuse_text(const char *file, int line, const char *text, const char *want)
{
	struct err e = {0};
	autospec struct zone_spec *spec = specs_parse(text, &e);
	if (!spec && e.cls == ERR_USAGE && strstr(e.msg, want) &&
		str_is_printable(e.msg, strlen(e.msg)))
		return;
	test_failures++;
	printf("# %s:%d: %.200s: got %s '%s', want '%s'\n", file, line, text,
		spec ? "accepted" : err_class_name(e.cls), e.msg, want);
}
static inline void specs_refuse(const char *file, int line, const char *members, const char *want)
{
	autofree char *text = specs_document(members);
	specs_refuse_text(file, line, text, want);
}
#define SPECS_REFUSED_TEXT(text, want) specs_refuse_text(__FILE__, __LINE__, text, want)
#define SPECS_REFUSED(members, want) specs_refuse(__FILE__, __LINE__, members, want)

struct specs_case {
	const char *members, *want;
};
#define SPECS_REFUSED_ALL(cases)                                                                   \
	do {                                                                                       \
		for (size_t case_i = 0; case_i < ARRAY_LEN(cases); case_i++)                       \
			SPECS_REFUSED((cases)[case_i].members, (cases)[case_i].want);              \
	} while (0)
/* `format` has one %s, for each of the values, which are JSON. */
#define SPECS_REFUSED_VALUES(format, want, ...)                                                    \
	do {                                                                                       \
		const char *values[] = {__VA_ARGS__};                                              \
		for (size_t value_i = 0; value_i < ARRAY_LEN(values); value_i++) {                 \
			autofree char *members = str_format(format, values[value_i]);              \
			SPECS_REFUSED(members, want);                                              \
		}                                                                                  \
	} while (0)
#define SPECS_GOOD_VALUES(format, ...)                                                             \
	do {                                                                                       \
		const char *values[] = {__VA_ARGS__};                                              \
		for (size_t value_i = 0; value_i < ARRAY_LEN(values); value_i++) {                 \
			autofree char *members = str_format(format, values[value_i]);              \
			spec_free(SPECS_GOOD(members));                                            \
		}                                                                                  \
	} while (0)
