#include "cli/zone_columns.h"
#include "base/mem.h"
#include "runtime/inspect.h"

/* X(key, title, kind, shown by list, shown by show, want) */
#define ZONE_COLUMNS(X)                                                                            \
	X("name", "NAME", TEXT, true, true, 0)                                                     \
	X("state", "STATE", TEXT, true, true, 0)                                                   \
	X("pid", "PID", NUMBER, true, true, 0)                                                     \
	X("address4", "IPV4", TEXT, true, true, 0)                                                 \
	X("address6", "IPV6", TEXT, false, true, INSPECT_DETAILS)                                  \
	X("memory_current", "MEMORY", BYTES, true, true, INSPECT_USAGE)                            \
	X("pids_current", "PIDS", NUMBER, true, true, INSPECT_USAGE)                               \
	X("cpu_usage_usec", "CPU", USEC, false, true, INSPECT_RESOURCES)                           \
	X("init", "INIT", TEXT, true, true, 0)                                                     \
	X("hostname", "HOSTNAME", TEXT, false, true, INSPECT_DETAILS)                              \
	X("description", "DESCRIPTION", TEXT, false, true, INSPECT_DETAILS)                        \
	X("labels", "LABELS", TEXT, false, true, INSPECT_DETAILS)                                  \
	X("groups", "GROUPS", TEXT, false, true, INSPECT_DETAILS)                                  \
	X("protect", "PROTECT", TEXT, false, true, INSPECT_DETAILS)                                \
	X("source", "SOURCE", TEXT, false, true, INSPECT_DETAILS)                                  \
	X("clone_of", "CLONE_OF", TEXT, false, true, INSPECT_DETAILS)                              \
	X("created", "CREATED", TIME, false, true, INSPECT_DETAILS)                                \
	X("started", "STARTED", TIME, false, true, INSPECT_DETAILS)                                \
	X("restarts", "RESTARTS", NUMBER, false, true, INSPECT_DETAILS)                            \
	X("uuid", "UUID", TEXT, false, true, INSPECT_DETAILS)                                      \
	X("id_first", "ID_FIRST", NUMBER, false, true, INSPECT_DETAILS)                            \
	X("keeper_pid", "KEEPER_PID", NUMBER, false, true, INSPECT_DETAILS)                        \
	X("network_mode", "NETWORK_MODE", TEXT, false, true, INSPECT_DETAILS)                      \
	X("network", "NETWORK", TEXT, false, true, INSPECT_DETAILS)                                \
	X("host_interface", "HOST_INTERFACE", TEXT, false, true, INSPECT_DETAILS)                  \
	X("mac", "MAC", TEXT, false, true, INSPECT_DETAILS)                                        \
	X("memory_max", "MEMORY_MAX", BYTES, false, true, INSPECT_RESOURCES)                       \
	X("memory_peak", "MEMORY_PEAK", BYTES, false, false, INSPECT_RESOURCES)                    \
	X("swap_current", "SWAP", BYTES, false, false, INSPECT_RESOURCES)                          \
	X("oom_kills", "OOM_KILLS", NUMBER, false, false, INSPECT_RESOURCES)                       \
	X("pids_max", "PIDS_MAX", NUMBER, false, true, INSPECT_RESOURCES)                          \
	X("cpu_user_usec", "CPU_USER", USEC, false, false, INSPECT_RESOURCES)                      \
	X("cpu_system_usec", "CPU_SYSTEM", USEC, false, false, INSPECT_RESOURCES)                  \
	X("cpu_nr_throttled", "THROTTLED", NUMBER, false, false, INSPECT_RESOURCES)                \
	X("cpu_throttled_usec", "THROTTLED_TIME", USEC, false, false, INSPECT_RESOURCES)           \
	X("io_read_bytes", "READ", BYTES, false, false, INSPECT_RESOURCES)                         \
	X("io_write_bytes", "WRITTEN", BYTES, false, false, INSPECT_RESOURCES)                     \
	X("disk_bytes", "DISK", BYTES, false, false, INSPECT_DISK)                                 \
	X("disk_files", "FILES", NUMBER, false, false, INSPECT_DISK)                               \
	X("disk_max", "DISK_MAX", BYTES, false, true, INSPECT_LIMIT)                               \
	X("layers", "LAYERS", TEXT, false, true, INSPECT_DETAILS)                                  \
	X("in_memory", "IN_MEMORY", TEXT, false, true, INSPECT_DETAILS)                            \
	X("snapshot", "SNAPSHOT", TEXT, false, true, INSPECT_DETAILS)                              \
	X("undo", "UNDO", TEXT, false, true, INSPECT_DETAILS)                                      \
	X("ephemeral", "EPHEMERAL", TEXT, false, false, INSPECT_DETAILS)                           \
	X("template", "TEMPLATE", TEXT, false, true, INSPECT_DETAILS)                              \
	X("spec", "SPEC", TEXT, false, false, INSPECT_SPEC)                                        \
	X("error", "ERROR", TEXT, false, false, 0)

#define LIST_ROW(key, title, kind, list, show, want) {key, title, COLUMN_##kind, list, want},
#define SHOW_ROW(key, title, kind, list, show, want) {key, title, COLUMN_##kind, show, want},

static const struct column list_items[] = {ZONE_COLUMNS(LIST_ROW)};
static const struct column show_items[] = {ZONE_COLUMNS(SHOW_ROW)};
const struct columns zone_columns_list = {list_items, ARRAY_LEN(list_items)};
const struct columns zone_columns_show = {show_items, ARRAY_LEN(show_items)};
