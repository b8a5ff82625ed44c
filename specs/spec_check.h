/* spec_check.h: rules across the fields of a spec. Pure: looks at nothing but the spec. */
#pragma once
#include "base/err.h"
#include "specs/zone_spec.h"

/* Impossible combinations. ERR_USAGE as "/json/pointer: text", with the pointer in e->object too.
 * spec_parse and spec_from_json call it: a spec that came out of them has passed. */
int spec_check(const struct zone_spec *spec, struct err *e);
/* Fields whose capability this version does not have yet (R8): ERR_HOST, "NAME is not supported by
 * this version". The marks are in the rows of schema.c (SCHEMA_LATER, words_later); what remains is
 * in spec_supported.c. Also refuses an architecture that is not this machine's. */
int spec_check_supported(const struct zone_spec *spec, struct err *e);

/* The half that spec_check calls for the network. */
int spec_check_network(const struct zone_spec *spec, struct err *e);
