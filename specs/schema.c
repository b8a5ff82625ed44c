#include "specs/schema.h"
#include "specs/grammar.h"

#include <stddef.h>

#define AT(member) .offset = offsetof(struct zone_spec, member)
#define AUX(member) .aux = offsetof(struct zone_spec, member)
#define ITEM(type, member) .offset = offsetof(struct type, member)
#define LIST_OF(type) .item_size = sizeof(struct type)
#define WORDS(...)                                                                                 \
	.words = (const char *const[])                                                             \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}
#define END                                                                                        \
	{                                                                                          \
		.type = SCHEMA_END                                                                 \
	}

#define NAME_EXPECT "a name ([a-z0-9][a-z0-9_.-]{0,62})"
#define PATH_EXPECT "an absolute path such as \"/srv/www\""
#define MAYBE SCHEMA_NULLABLE
#define LIVE SCHEMA_LIVE
#define LATER SCHEMA_LATER

enum {
	KIB = 1024,
	MIB = 1024 * 1024,
	GIB = 1024 * 1024 * 1024,
	PID_MAX = 4194304, /* PID_MAX_LIMIT of the kernel */
	MAX_ARGS = 4096,
	DAY_MS = 86400000,
};

/* A table; the tool would give every attribute a line of its own. */
/* clang-format off */
static const struct schema_field root_fields[] = {
	{.key = "image", .type = SCHEMA_TEXT, AT(root.image), .flags = MAYBE,
	 .grammar = grammar_image, .expect = "an image name such as \"debian-12\""},
	{.key = "path", .type = SCHEMA_TEXT, AT(root.path), .flags = MAYBE | LATER,
	 .grammar = grammar_path, .expect = PATH_EXPECT},
	{.key = "backend", .type = SCHEMA_WORD, AT(root.backend), .def = "auto",
	 WORDS("auto", "overlay", "dir", "btrfs", "volume"),
	 .words_later = 1 << SPEC_BACKEND_DIR | 1 << SPEC_BACKEND_BTRFS},
	{.key = "readonly", .type = SCHEMA_BOOL, AT(root.readonly)},
	{.key = "quota", .type = SCHEMA_SIZE, AT(root.quota), .flags = MAYBE | LIVE, .min = MIB},
	END,
};

static const struct schema_field init_fields[] = {
	{.key = "args", .type = SCHEMA_TEXTS, AT(init.args), .flags = SCHEMA_NOT_EMPTY,
	 .def = "/sbin/init", .max = MAX_ARGS, .grammar = grammar_argument,
	 .expect = "an argument"},
	{.key = "env", .type = SCHEMA_PAIRS, AT(init.env), .max = MAX_ARGS,
	 .key_grammar = grammar_env_key, .grammar = grammar_env_value,
	 .expect = "the value of a variable"},
	{.key = "user", .type = SCHEMA_TEXT, AT(init.user), .def = "0:0", .grammar = grammar_user,
	 .expect = "UID[:GID] or NAME[:GROUP], ids from 0 to 4294967294"},
	{.key = "cwd", .type = SCHEMA_TEXT, AT(init.cwd), .def = "/", .grammar = grammar_path,
	 .expect = PATH_EXPECT},
	{.key = "kind", .type = SCHEMA_WORD, AT(init.kind), .def = "auto",
	 WORDS("auto", "system", "app")},
	{.key = "stop_signal", .type = SCHEMA_TEXT, AT(init.stop_signal), .flags = MAYBE,
	 .grammar = grammar_signal, .expect = "a signal such as \"SIGTERM\" or \"SIGRTMIN+3\""},
	{.key = "stop_timeout", .type = SCHEMA_TIME, AT(init.stop_timeout_ms), .flags = LIVE,
	 .def = "60s"},
	END,
};

static const struct schema_field mount_fields[] = {
	{.key = "source", .type = SCHEMA_TEXT, ITEM(spec_mount, source), .flags = MAYBE,
	 .grammar = grammar_path, .expect = PATH_EXPECT},
	{.key = "target", .type = SCHEMA_TEXT, ITEM(spec_mount, target), .flags = SCHEMA_REQUIRED,
	 .grammar = grammar_mount_target, .expect = PATH_EXPECT},
	{.key = "type", .type = SCHEMA_TEXT, ITEM(spec_mount, type), .def = "bind",
	 .grammar = grammar_mount_type, .expect = "\"bind\" or \"tmpfs\""},
	{.key = "options", .type = SCHEMA_TEXTS, ITEM(spec_mount, options), .flags = SCHEMA_UNIQUE,
	 .grammar = grammar_mount_option,
	 .expect = "one of ro, rw, nosuid, nodev, noexec, exec, noatime, relatime, nodiratime, "
		   "rbind, size=SIZE, mode=OCTAL"},
	{.key = "idmap", .type = SCHEMA_BOOL, ITEM(spec_mount, idmap), .def = "true"},
	END,
};

static const struct schema_field device_fields[] = {
	{.key = "path", .type = SCHEMA_TEXT, ITEM(spec_device, path), .flags = SCHEMA_REQUIRED,
	 .grammar = grammar_device_path, .expect = "a device such as \"/dev/fuse\""},
	{.key = "access", .type = SCHEMA_TEXT, ITEM(spec_device, access), .def = "rw",
	 .grammar = grammar_device_access, .expect = "letters out of \"rwm\""},
	END,
};

static const struct schema_field dns_fields[] = {
	/* The C libraries of the zone read no more than three. */
	{.key = "servers", .type = SCHEMA_TEXTS, AT(network.dns_servers), .flags = SCHEMA_UNIQUE,
	 .max = 3, .grammar = grammar_dns_server, .expect = "an address of a name server"},
	{.key = "search", .type = SCHEMA_TEXTS, AT(network.dns_search), .flags = SCHEMA_UNIQUE,
	 .max = 32, .grammar = grammar_domain, .expect = "a domain such as \"example.org\""},
	END,
};

static const struct schema_field rate_fields[] = {
	{.key = "in", .type = SCHEMA_RATE, ITEM(spec_interface, rate_in), .flags = MAYBE,
	 .min = 8000},
	{.key = "out", .type = SCHEMA_RATE, ITEM(spec_interface, rate_out), .flags = MAYBE,
	 .min = 8000},
	END,
};

/* The defaults of these rows are the one interface of a zone that does not say any. */
static const struct schema_field interface_fields[] = {
	{.key = "name", .type = SCHEMA_TEXT, ITEM(spec_interface, name), .def = "eth0",
	 .grammar = grammar_interface,
	 .expect = "an interface name ([A-Za-z][A-Za-z0-9_.-]{0,14})"},
	{.key = "kind", .type = SCHEMA_WORD, ITEM(spec_interface, kind), .def = "veth",
	 WORDS("veth", "macvlan", "ipvlan", "phys"),
	 .words_later = 1 << SPEC_IF_MACVLAN | 1 << SPEC_IF_IPVLAN | 1 << SPEC_IF_PHYS},
	{.key = "network", .type = SCHEMA_TEXT, ITEM(spec_interface, network), .flags = LATER,
	 .def = "default", .grammar = grammar_name, .expect = NAME_EXPECT},
	{.key = "mac", .type = SCHEMA_TEXT, ITEM(spec_interface, mac), .def = "auto",
	 .grammar = grammar_mac,
	 .expect = "\"auto\" or a unicast address such as \"02:00:00:00:00:01\""},
	{.key = "addresses", .type = SCHEMA_TEXTS, ITEM(spec_interface, addresses),
	 .flags = SCHEMA_UNIQUE, .def = "auto", .max = 16, .grammar = grammar_address,
	 .expect = "\"auto\" or an address with prefix such as \"10.0.0.5/24\""},
	{.key = "gateway", .type = SCHEMA_TEXTS, ITEM(spec_interface, gateway),
	 .flags = SCHEMA_UNIQUE, .def = "auto", .max = 2, .grammar = grammar_gateway,
	 .expect = "\"auto\" or an address such as \"10.0.0.1\""},
	{.key = "guard", .type = SCHEMA_BOOL, ITEM(spec_interface, guard), .def = "true"},
	{.key = "rate", .type = SCHEMA_OBJECT, .fields = rate_fields, .flags = LATER},
	END,
};

static const struct schema_field publish_fields[] = {
	{.key = "proto", .type = SCHEMA_TEXT, ITEM(spec_publish, proto), .def = "tcp",
	 .grammar = grammar_proto, .expect = "\"tcp\" or \"udp\""},
	{.key = "host", .type = SCHEMA_PORT, ITEM(spec_publish, host), .flags = SCHEMA_REQUIRED},
	{.key = "zone", .type = SCHEMA_PORT, ITEM(spec_publish, zone), .flags = SCHEMA_REQUIRED},
	END,
};

static const struct schema_field network_fields[] = {
	{.key = "mode", .type = SCHEMA_WORD, AT(network.mode), .def = "private",
	 WORDS("private", "host", "none")},
	{.key = "dns", .type = SCHEMA_OBJECT, .fields = dns_fields},
	{.key = "interfaces", .type = SCHEMA_LIST, AT(network.interfaces),
	 AUX(network.n_interfaces), LIST_OF(spec_interface), .fields = interface_fields, .max = 32,
	 .def = "{}"},
	{.key = "publish", .type = SCHEMA_LIST, AT(network.publish), AUX(network.n_publish),
	 LIST_OF(spec_publish), .fields = publish_fields, .flags = LATER},
	END,
};

static const struct schema_field cpu_fields[] = {
	{.key = "max", .type = SCHEMA_CORES, AT(resources.cpu_max_milli),
	 .flags = MAYBE | LIVE | SCHEMA_MAX_WORD, .min = 10, .max = 8192000},
	{.key = "weight", .type = SCHEMA_COUNT, AT(resources.cpu_weight), .flags = MAYBE | LIVE,
	 .min = 1, .max = 10000},
	{.key = "cpus", .type = SCHEMA_TEXT, AT(resources.cpu_cpus), .flags = MAYBE | LIVE,
	 .grammar = grammar_cpus, .expect = "a list of processors such as \"0-3,5\""},
	END,
};

/* Less than a mebibyte kills every init before it can say why: taken for a forgotten unit. */
static const struct schema_field memory_fields[] = {
	{.key = "min", .type = SCHEMA_SIZE, AT(resources.memory_min), .flags = MAYBE | LIVE},
	{.key = "low", .type = SCHEMA_SIZE, AT(resources.memory_low), .flags = MAYBE | LIVE},
	{.key = "high", .type = SCHEMA_SIZE, AT(resources.memory_high),
	 .flags = MAYBE | LIVE | SCHEMA_MAX_WORD, .min = MIB},
	{.key = "max", .type = SCHEMA_SIZE, AT(resources.memory_max),
	 .flags = MAYBE | LIVE | SCHEMA_MAX_WORD, .min = MIB},
	{.key = "swap_max", .type = SCHEMA_SIZE, AT(resources.memory_swap_max),
	 .flags = MAYBE | LIVE | SCHEMA_MAX_WORD},
	{.key = "merge", .type = SCHEMA_BOOL, AT(resources.memory_merge), .flags = LATER},
	END,
};

static const struct schema_field pids_fields[] = {
	{.key = "max", .type = SCHEMA_COUNT, AT(resources.pids_max),
	 .flags = MAYBE | LIVE | SCHEMA_MAX_WORD, .min = 1, .max = PID_MAX},
	END,
};

static const struct schema_field io_device_fields[] = {
	{.key = "path", .type = SCHEMA_TEXT, ITEM(spec_io_device, path), .flags = SCHEMA_REQUIRED,
	 .grammar = grammar_device_path, .expect = "a block device such as \"/dev/sda\""},
	{.key = "rbps", .type = SCHEMA_SIZE, ITEM(spec_io_device, rbps), .flags = MAYBE, .min = 1},
	{.key = "wbps", .type = SCHEMA_SIZE, ITEM(spec_io_device, wbps), .flags = MAYBE, .min = 1},
	{.key = "riops", .type = SCHEMA_COUNT, ITEM(spec_io_device, riops), .flags = MAYBE,
	 .min = 1},
	{.key = "wiops", .type = SCHEMA_COUNT, ITEM(spec_io_device, wiops), .flags = MAYBE,
	 .min = 1},
	END,
};

static const struct schema_field io_fields[] = {
	{.key = "weight", .type = SCHEMA_COUNT, AT(resources.io_weight), .flags = MAYBE | LIVE,
	 .min = 1, .max = 10000},
	{.key = "devices", .type = SCHEMA_LIST, AT(resources.io_devices),
	 AUX(resources.n_io_devices), LIST_OF(spec_io_device), .fields = io_device_fields,
	 .flags = LIVE},
	END,
};

static const struct schema_field resources_fields[] = {
	{.key = "cpu", .type = SCHEMA_OBJECT, .fields = cpu_fields},
	{.key = "memory", .type = SCHEMA_OBJECT, .fields = memory_fields},
	{.key = "pids", .type = SCHEMA_OBJECT, .fields = pids_fields},
	{.key = "io", .type = SCHEMA_OBJECT, .fields = io_fields, .flags = LATER},
	{.key = "unified", .type = SCHEMA_PAIRS, AT(resources.unified), .flags = LATER | LIVE,
	 .key_grammar = grammar_unified_key, .grammar = grammar_label_value,
	 .expect = "what is written to that file of the cgroup"},
	END,
};

static const struct schema_field capabilities_fields[] = {
	{.key = "add", .type = SCHEMA_TEXTS, AT(security.caps_add), .flags = SCHEMA_UNIQUE,
	 .grammar = grammar_capability,
	 .expect = "a capability such as \"CAP_NET_ADMIN\", or \"ALL\"",
	 .words = grammar_capability_names},
	{.key = "drop", .type = SCHEMA_TEXTS, AT(security.caps_drop), .flags = SCHEMA_UNIQUE,
	 .grammar = grammar_capability,
	 .expect = "a capability such as \"CAP_NET_ADMIN\", or \"ALL\"",
	 .words = grammar_capability_names},
	END,
};

static const struct schema_field security_fields[] = {
	{.key = "userns", .type = SCHEMA_WORD, AT(security.userns), .def = "isolated",
	 WORDS("isolated", "none")},
	{.key = "capabilities", .type = SCHEMA_OBJECT, .fields = capabilities_fields},
	{.key = "seccomp", .type = SCHEMA_TEXT, AT(security.seccomp), .def = "default",
	 .grammar = grammar_seccomp,
	 .expect = "\"default\", \"log\", \"unconfined\" or an absolute path"},
	{.key = "no_new_privs", .type = SCHEMA_MAYBE, AT(security.no_new_privs),
	 AUX(security.has_no_new_privs), .flags = MAYBE},
	{.key = "nesting", .type = SCHEMA_BOOL, AT(security.nesting), .flags = LATER},
	{.key = "sysctl", .type = SCHEMA_PAIRS, AT(security.sysctl),
	 .key_grammar = grammar_sysctl_key, .grammar = grammar_sysctl_value,
	 .expect = "letters, digits, blanks and . _ : , -"},
	{.key = "rlimits", .type = SCHEMA_RLIMITS, AT(security.rlimits), AUX(security.n_rlimits),
	 .key_grammar = grammar_rlimit, .words = grammar_rlimit_names},
	END,
};

static const struct schema_field ready_fields[] = {
	{.key = "by", .type = SCHEMA_READY, AT(boot.ready_by), AUX(boot.ready_port),
	 .def = "started"},
	{.key = "timeout", .type = SCHEMA_TIME, AT(boot.ready_timeout_ms), .def = "90s", .min = 1},
	END,
};

static const struct schema_field boot_fields[] = {
	{.key = "auto", .type = SCHEMA_BOOL, AT(boot.autostart), .flags = LIVE},
	{.key = "order", .type = SCHEMA_ORDER, AT(boot.order), .flags = LIVE, .def = "50",
	 .max = 9999},
	{.key = "delay", .type = SCHEMA_TIME, AT(boot.delay_ms), .flags = LIVE, .def = "0s",
	 .max = DAY_MS},
	{.key = "requires", .type = SCHEMA_TEXTS, AT(boot.requires),
	 .flags = LIVE | SCHEMA_UNIQUE, .grammar = grammar_name, .expect = NAME_EXPECT},
	{.key = "after", .type = SCHEMA_TEXTS, AT(boot.after),
	 .flags = LIVE | SCHEMA_UNIQUE, .grammar = grammar_name, .expect = NAME_EXPECT},
	{.key = "restart", .type = SCHEMA_WORD, AT(boot.restart), .flags = LIVE, .def = "no",
	 WORDS("no", "on-failure", "always")},
	{.key = "ready", .type = SCHEMA_OBJECT, .fields = ready_fields},
	END,
};

static const struct schema_field clone_fields[] = {
	{.key = "machine_id", .type = SCHEMA_CHOICE, AT(clone.machine_id_new), .flags = LIVE,
	 .def = "new", WORDS("new", "keep")},
	{.key = "ssh_host_keys", .type = SCHEMA_CHOICE, AT(clone.ssh_host_keys_new), .flags = LIVE,
	 .def = "new", WORDS("new", "keep")},
	{.key = "mac", .type = SCHEMA_CHOICE, AT(clone.mac_new), .flags = LIVE, .def = "new",
	 WORDS("new", "keep")},
	{.key = "hostname", .type = SCHEMA_CHOICE, AT(clone.hostname_name), .flags = LIVE,
	 .def = "name", WORDS("name", "keep")},
	END,
};

static const struct schema_field console_fields[] = {
	{.key = "log_max", .type = SCHEMA_SIZE, AT(console_log_max), .def = "1M", .min = 4 * KIB,
	 .max = GIB},
	END,
};

static const struct schema_field hook_fields[] = {
	{.key = "args", .type = SCHEMA_TEXTS, ITEM(spec_hook, args),
	 .flags = SCHEMA_REQUIRED | SCHEMA_NOT_EMPTY, .max = MAX_ARGS, .grammar = grammar_argument,
	 .expect = "an argument"},
	{.key = "timeout", .type = SCHEMA_TIME, ITEM(spec_hook, timeout_ms), .def = "30s",
	 .min = 1},
	END,
};

#define HOOK(point)                                                                                \
	{                                                                                          \
		.key = #point, .type = SCHEMA_LIST, AT(hooks.point.items), AUX(hooks.point.n),     \
		LIST_OF(spec_hook), .fields = hook_fields                                          \
	}
static const struct schema_field hooks_fields[] = {
	HOOK(pre_start), HOOK(created), HOOK(post_start), HOOK(pre_stop), HOOK(post_stop), END};

static const struct schema_field admin_fields[] = {
	{.key = "user", .type = SCHEMA_TEXT, ITEM(spec_admin, user), .flags = SCHEMA_REQUIRED,
	 .grammar = grammar_host_user, .expect = "the name of a user of the host"},
	{.key = "may", .type = SCHEMA_TEXTS, ITEM(spec_admin, may),
	 .flags = SCHEMA_REQUIRED | SCHEMA_NOT_EMPTY | SCHEMA_UNIQUE,
	 .grammar = grammar_admin_right, .expect = "one of login, console, manage, clone-from"},
	END,
};

const struct schema_field schema_root[] = {
	{.key = "zone_spec", .type = SCHEMA_VERSION, .flags = SCHEMA_REQUIRED},
	{.key = "name", .type = SCHEMA_TEXT, AT(name), .flags = SCHEMA_REQUIRED,
	 .grammar = grammar_name, .expect = NAME_EXPECT},
	{.key = "description", .type = SCHEMA_TEXT, AT(description), .flags = LIVE,
	 .grammar = grammar_any, .expect = "a text"},
	{.key = "labels", .type = SCHEMA_PAIRS, AT(labels), .flags = LIVE,
	 .key_grammar = grammar_label_key, .grammar = grammar_label_value, .expect = "a text"},
	{.key = "hostname", .type = SCHEMA_TEXT, AT(hostname), .flags = MAYBE,
	 .grammar = grammar_hostname, .expect = "a host name such as \"web1\""},
	{.key = "arch", .type = SCHEMA_TEXT, AT(arch), .flags = MAYBE, .grammar = grammar_arch,
	 .expect = "an architecture such as \"x86_64\""},
	{.key = "template", .type = SCHEMA_BOOL, AT(is_template), .flags = LIVE},
	{.key = "root", .type = SCHEMA_OBJECT, .fields = root_fields},
	{.key = "init", .type = SCHEMA_OBJECT, .fields = init_fields},
	{.key = "mounts", .type = SCHEMA_LIST, AT(mounts), AUX(n_mounts), LIST_OF(spec_mount),
	 .fields = mount_fields},
	{.key = "devices", .type = SCHEMA_LIST, AT(devices), AUX(n_devices), LIST_OF(spec_device),
	 .fields = device_fields, .flags = LATER},
	{.key = "network", .type = SCHEMA_OBJECT, .fields = network_fields},
	{.key = "resources", .type = SCHEMA_OBJECT, .fields = resources_fields},
	{.key = "security", .type = SCHEMA_OBJECT, .fields = security_fields},
	{.key = "boot", .type = SCHEMA_OBJECT, .fields = boot_fields},
	{.key = "groups", .type = SCHEMA_TEXTS, AT(groups), .flags = LIVE | SCHEMA_UNIQUE,
	 .grammar = grammar_name, .expect = NAME_EXPECT},
	{.key = "protect", .type = SCHEMA_TEXTS, AT(protect), .flags = LIVE | SCHEMA_UNIQUE,
	 .grammar = grammar_protect, .expect = "\"destroy\""},
	{.key = "clone", .type = SCHEMA_OBJECT, .fields = clone_fields},
	{.key = "console", .type = SCHEMA_OBJECT, .fields = console_fields},
	{.key = "hooks", .type = SCHEMA_OBJECT, .fields = hooks_fields, .flags = LATER},
	{.key = "admin", .type = SCHEMA_LIST, AT(admin), AUX(n_admin), LIST_OF(spec_admin),
	 .fields = admin_fields, .flags = LATER},
	{.key = "annotations", .type = SCHEMA_PAIRS, AT(annotations), .flags = LIVE,
	 .key_grammar = grammar_label_key, .grammar = grammar_any, .expect = "a text"},
	END,
};
/* clang-format on */
