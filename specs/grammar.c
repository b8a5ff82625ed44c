#include "specs/grammar.h"
#include "base/mem.h"
#include "base/defence.h"
#include "base/str.h"
#include "base/units.h"
#include "specs/name.h"

#include <linux/limits.h>
#include <string.h>

enum {
	ARGUMENT_MAX = 128 * 1024 - 1, /* MAX_ARG_STRLEN of the kernel, without the NUL */
	HOSTNAME_MAX = 64,	       /* __NEW_UTS_LEN */
	LABEL_MAX = 255,
	CPU_MAX = 8191, /* largest NR_CPUS the kernel can be built with, less one */
};

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static const char OTHER[] = "";

static bool has_only(const char *s, const char *accept, size_t max)
{
	size_t n = strspn(s, accept);
	return n && n <= max && !s[n];
}

static bool is_one_of(const char *s, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(s, *list))
			return true;
	return false;
}

const char *grammar_any(const char *s)
{
	(void)s;
	return NULL;
}

const char *grammar_name(const char *s)
{
	return name_is_valid(s) ? NULL : OTHER;
}

/* Labels of letters, digits and inner hyphens (RFC 1123), or any zone's name, because that is the
 * default; the length is the kernel's. */
const char *grammar_hostname(const char *s)
{
	if (name_is_valid(s))
		return NULL;
	if (strlen(s) > HOSTNAME_MAX)
		return "is longer than 64 bytes";
	for (;;) {
		size_t n = strspn(s, LOWER UPPER DIGITS "-_");
		if (!n || n > 63 || s[0] == '-' || s[n - 1] == '-')
			return OTHER;
		if (!s[n])
			return NULL;
		if (s[n] != '.')
			return OTHER;
		s += n + 1;
	}
}

const char *grammar_image(const char *s)
{
	if (!has_only(s, LOWER UPPER DIGITS "._:/@+-", LABEL_MAX) || strchr("._:/@+-", s[0]))
		return OTHER;
	return strstr(s, "..") || strstr(s, "//") ? OTHER : NULL;
}

const char *grammar_arch(const char *s)
{
	return has_only(s, LOWER DIGITS "_", 32) ? NULL : OTHER;
}

const char *grammar_path(const char *s)
{
	if (s[0] != '/')
		return "is not absolute";
	if (strlen(s) >= PATH_MAX)
		return "is longer than 4095 bytes";
	if (!s[1])
		return NULL;
	while (*s == '/') {
		s++;
		size_t n = strcspn(s, "/");
		if (!n)
			return *s ? "has an empty component" : "ends with a slash";
		if (n > NAME_MAX)
			return "has a component longer than 255 bytes";
		if ((n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.'))
			return "has a \".\" or \"..\" component";
		s += n;
	}
	return NULL;
}

const char *grammar_argument(const char *s)
{
	return strlen(s) <= ARGUMENT_MAX ? NULL : "is longer than the kernel takes";
}

const char *grammar_env_key(const char *s)
{
	size_t n = 0;
	while (s[n] > ' ' && s[n] < 0x7f && s[n] != '=')
		n++;
	return n && !s[n] && n <= LABEL_MAX ? NULL : OTHER;
}

const char *grammar_env_value(const char *s)
{
	/* Key, "=" and value are one string to the kernel. */
	return strlen(s) <= ARGUMENT_MAX - LABEL_MAX - 1 ? NULL : "is longer than the kernel takes";
}

const char *grammar_label_key(const char *s)
{
	if (!has_only(s, LOWER UPPER DIGITS "._/-", LABEL_MAX))
		return OTHER;
	return strchr("._/-", s[0]) ? OTHER : NULL;
}

const char *grammar_label_value(const char *s)
{
	return strlen(s) <= LABEL_MAX ? NULL : "is longer than 255 bytes";
}

const char *grammar_user(const char *s)
{
	struct user_ref u;
	return user_parse(s, &u, NULL) == 0 ? NULL : OTHER;
}

const char *grammar_host_user(const char *s)
{
	struct user_ref u;
	return user_parse(s, &u, NULL) == 0 && u.user[0] && !u.has_group ? NULL : OTHER;
}

const char *grammar_signal(const char *s)
{
	int sig;
	return signal_parse(s, &sig, NULL) == 0 ? NULL : OTHER;
}

const char *grammar_mount_type(const char *s)
{
	return str_eq(s, "bind") || str_eq(s, "tmpfs") ? NULL : OTHER;
}

/* These four are the runtime's own: what is mounted over them would be hidden or would hide. */
const char *grammar_mount_target(const char *s)
{
	static const char *const own[] = {"/proc", "/sys", "/dev"};
	const char *why = grammar_path(s);
	if (why)
		return why;
	if (!s[1])
		return "is the root itself";
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		size_t n = strlen(own[i]);
		if (!strncmp(s, own[i], n) && (!s[n] || s[n] == '/'))
			return "is in a tree that the zone makes itself";
	}
	return NULL;
}

const char *grammar_mount_option(const char *s)
{
	static const char *const flags[] = {"ro", "rw", "nosuid", "nodev", "noexec", "exec",
		"noatime", "relatime", "nodiratime", "rbind", NULL};
	uint64_t size;
	if (is_one_of(s, flags))
		return NULL;
	if (str_starts(s, "size="))
		return units_parse_size(s + 5, &size) && size ? NULL : "has a bad size";
	if (str_starts(s, "mode="))
		return has_only(s + 5, "01234567", 4) ? NULL : "has a bad mode";
	return OTHER;
}

const char *grammar_device_path(const char *s)
{
	const char *why = grammar_path(s);
	if (why)
		return why;
	return str_starts(s, "/dev/") ? NULL : "is not in /dev";
}

const char *grammar_device_access(const char *s)
{
	if (!has_only(s, "rwm", 3))
		return OTHER;
	for (const char *p = s; *p; p++)
		if (strchr(p + 1, *p))
			return "says a letter twice";
	return NULL;
}

/* Digits at *s without leading zero; moves *s behind them. */
static bool take_cpu(const char **s, uint32_t *ret)
{
	char digits[8];
	size_t n = strspn(*s, DIGITS);
	if (!n || n >= sizeof digits)
		return false;
	memcpy(digits, *s, n);
	digits[n] = '\0';
	*s += n;
	return str_to_u32(digits, ret);
}

const char *grammar_cpus(const char *s)
{
	for (;;) {
		uint32_t first, last;
		if (!take_cpu(&s, &first))
			return OTHER;
		last = first;
		if (*s == '-') {
			s++;
			if (!take_cpu(&s, &last))
				return OTHER;
		}
		if (last < first)
			return "has a range that runs backwards";
		if (last > CPU_MAX)
			return "names a processor above 8191";
		if (!*s)
			return NULL;
		if (*s++ != ',')
			return OTHER;
	}
}

const char *grammar_unified_key(const char *s)
{
	/* A file of the zone's own cgroup, never one that moves processes or delegates. */
	if (!has_only(s, LOWER DIGITS "._", 64) || s[0] == '.' || s[0] == '_' || !strchr(s, '.') ||
		strstr(s, "..") || s[strlen(s) - 1] == '.')
		return OTHER;
	return str_starts(s, "cgroup.") ? "is not a resource" : NULL;
}

/* linux/capability.h; a table of our own, because this folder links no library but jansson. */
const char *const grammar_capability_names[] = {"CAP_CHOWN", "CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
	"CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE",
	"CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN",
	"CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP",
	"CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE", NULL};

const char *grammar_capability(const char *s)
{
	return str_eq(s, "ALL") || is_one_of(s, grammar_capability_names) ? NULL : OTHER;
}

const char *grammar_seccomp(const char *s)
{
	if (s[0] == '/')
		return grammar_path(s);
	return str_eq(s, "default") || str_eq(s, "log") || str_eq(s, "unconfined") ? NULL : OTHER;
}

const char *grammar_sysctl_key(const char *s)
{
	/* IPC and UTS namespaces key by key. Everything under net. that a network namespace shows
	 * is its own: the kernel makes the rest absent or read-only there. */
	static const char *const keys[] = {"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni",
		"kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni",
		"kernel.shm_rmid_forced", "kernel.domainname", "fs.mqueue.msg_default",
		"fs.mqueue.msg_max", "fs.mqueue.msgsize_default", "fs.mqueue.msgsize_max",
		"fs.mqueue.queues_max", NULL};
	static const char foreign[] = "is not a key that belongs to a zone";
	if (defence_is_off("S28"))
		return NULL;
	if (!has_only(s, LOWER UPPER DIGITS "._-", LABEL_MAX))
		return OTHER;
	if (s[0] == '.' || strstr(s, "..") || s[strlen(s) - 1] == '.')
		return OTHER;
	if (str_eq(s, "kernel.hostname"))
		return "is set by the field hostname";
	if (is_one_of(s, keys))
		return NULL;
	return str_starts(s, "net.") && strchr(s + 4, '.') ? NULL : foreign;
}

const char *grammar_sysctl_value(const char *s)
{
	return has_only(s, LOWER UPPER DIGITS " ._:,-", LABEL_MAX) ? NULL : OTHER;
}

/* In the order of RLIMIT_*. */
const char *const grammar_rlimit_names[] = {"cpu", "fsize", "data", "stack", "core", "rss", "nproc",
	"nofile", "memlock", "as", "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime",
	NULL};

const char *grammar_rlimit(const char *s)
{
	return is_one_of(s, grammar_rlimit_names) ? NULL : OTHER;
}

const char *grammar_protect(const char *s)
{
	return str_eq(s, "destroy") ? NULL : OTHER;
}

const char *grammar_admin_right(const char *s)
{
	static const char *const rights[] = {"login", "console", "manage", "clone-from", NULL};
	return is_one_of(s, rights) ? NULL : OTHER;
}
