/* zone_columns.h: the columns of list and show: the members of runtime/inspect.h's rows. */
#pragma once
#include "cli/output.h"

extern const struct columns zone_columns_list, zone_columns_show;
