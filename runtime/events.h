/* events.h: zones/NAME/events.jsonl: one JSON object per line, appended by O_APPEND in one
 * write(2), so that lines of the command and of the keeper never mix. At 1 MiB the file becomes
 * events.jsonl.1 (S42). {"time","event","by","..."}. */
#pragma once
#include "base/err.h"
#include <jansson.h>

/* `fields` is stolen, may be NULL. Failure to write an event is never the verb's failure: callers
 * ignore the result knowingly. */
int event_append(int zone_dir_fd, const char *event, json_t *fields);
