/* snapshot_columns.h: what `snapshot list` and `snapshot show` can show. */
#pragma once
#include "cli/output.h"

enum {
	SNAPSHOT_SIZES = 1 /* the column wants the sizes found out */
};
extern const struct columns snapshot_columns_list, snapshot_columns_show;
