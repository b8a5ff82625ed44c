#include "isolation/privileges/caps.h"

#include "base/defence.h"
#include "base/mem.h"
#include "base/defence.h"
#include "base/str.h"
#include "base/sys.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#define BIT(cap) (UINT64_C(1) << (cap))

/* Good for nothing but the host as a whole, so a zone that boots an init does not get them. No more
 * than these: in a user namespace little is gained by taking more, and exec of a file whose
 * capabilities are outside the bounding set fails with EPERM. Newer than libcap's header: numbers.
 */
static const uint64_t system_lacks = BIT(CAP_SYS_MODULE) | BIT(CAP_SYS_RAWIO) | BIT(CAP_SYS_TIME) |
				     BIT(CAP_MAC_ADMIN) | BIT(CAP_MAC_OVERRIDE) |
				     BIT(CAP_WAKE_ALARM) | BIT(CAP_BLOCK_SUSPEND) |
				     BIT(CAP_PERFMON) | BIT(CAP_BPF) | BIT(CAP_CHECKPOINT_RESTORE);

/* systemd-nspawn's default without mknod: in the host's user namespace a device node is real. */
static const uint64_t system_no_userns_has =
	BIT(CAP_AUDIT_CONTROL) | BIT(CAP_AUDIT_WRITE) | BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) |
	BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_IPC_OWNER) |
	BIT(CAP_KILL) | BIT(CAP_LEASE) | BIT(CAP_LINUX_IMMUTABLE) | BIT(CAP_NET_BIND_SERVICE) |
	BIT(CAP_NET_BROADCAST) | BIT(CAP_NET_RAW) | BIT(CAP_SETFCAP) | BIT(CAP_SETGID) |
	BIT(CAP_SETPCAP) | BIT(CAP_SETUID) | BIT(CAP_SYS_ADMIN) | BIT(CAP_SYS_BOOT) |
	BIT(CAP_SYS_CHROOT) | BIT(CAP_SYS_NICE) | BIT(CAP_SYS_PTRACE) | BIT(CAP_SYS_RESOURCE) |
	BIT(CAP_SYS_TTY_CONFIG);

/* Docker's default without mknod, net_raw and audit_write. */
static const uint64_t app_has = BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) |
				BIT(CAP_FSETID) | BIT(CAP_KILL) | BIT(CAP_NET_BIND_SERVICE) |
				BIT(CAP_SETFCAP) | BIT(CAP_SETGID) | BIT(CAP_SETPCAP) |
				BIT(CAP_SETUID) | BIT(CAP_SYS_CHROOT);

/* ---- names ---- */

uint64_t caps_all(void)
{
	int n = cap_max_bits();
	return n >= 64 ? UINT64_MAX : BIT(n) - 1;
}

/* "NET_ADMIN" -> "cap_net_admin", which is what libcap takes. False if it cannot be a name; libcap
 * itself would also take a number. */
static bool normalise(const char *name, char out[CAPS_NAME_SIZE])
{
	size_t n = 4;
	memcpy(out, "cap_", 5);
	if (strncasecmp(name, "cap_", 4) == 0)
		name += 4;
	if (!isalpha((unsigned char)*name))
		return false;
	for (; *name; name++) {
		if (n + 1 >= CAPS_NAME_SIZE || !(isalpha((unsigned char)*name) || *name == '_'))
			return false;
		out[n++] = (char)tolower((unsigned char)*name);
	}
	out[n] = '\0';
	return true;
}

int caps_from_name(const char *name, int *ret_cap, struct err *e)
{
	char canonical[CAPS_NAME_SIZE], shown[64];
	cap_value_t cap;
	if (!normalise(name, canonical) || cap_from_name(canonical, &cap) < 0)
		return err_set(e, ERR_USAGE, "unknown capability '%s'",
			str_escape(shown, sizeof shown, name));
	if (cap >= cap_max_bits())
		return err_set(e, ERR_HOST, "the running kernel has no capability '%s'",
			caps_to_name(cap, canonical));
	*ret_cap = cap;
	return 0;
}

const char *caps_to_name(int cap, char out[CAPS_NAME_SIZE])
{
	char *name = cap_to_name(cap);
	if (!name || !isalpha((unsigned char)name[0])) {
		snprintf(out, CAPS_NAME_SIZE, "CAP_%d", cap);
	} else {
		snprintf(out, CAPS_NAME_SIZE, "%s", name);
		for (char *p = out; *p; p++)
			*p = (char)toupper((unsigned char)*p);
	}
	cap_free(name);
	return out;
}

int caps_mask(const char *const *names, size_t n, uint64_t *ret, struct err *e)
{
	uint64_t mask = 0;
	for (size_t i = 0; i < n; i++) {
		int cap = 0;
		if (strcasecmp(names[i], "ALL") == 0) {
			mask |= caps_all();
			continue;
		}
		if (caps_from_name(names[i], &cap, e) < 0)
			return -1;
		mask |= BIT(cap);
	}
	*ret = mask;
	return 0;
}

/* ---- the plan ---- */

static uint64_t profile_mask(enum caps_profile profile)
{
	switch (profile) {
	case CAPS_SYSTEM:
		return caps_all() & ~system_lacks;
	case CAPS_SYSTEM_NO_USERNS:
		return caps_all() & system_no_userns_has;
	case CAPS_APP:
	case CAPS_APP_NO_USERNS:
		break;
	}
	return caps_all() & app_has;
}

/* What the host side itself has to give away. */
static int own_mask(uint64_t *ret, struct err *e)
{
	uint64_t effective, permitted, inheritable, bounding = 0;
	if (sys_capget(&effective, &permitted, &inheritable) < 0)
		return err_sys(e, errno, "read our own capabilities");
	for (int cap = 0; cap < cap_max_bits(); cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
			bounding |= BIT(cap);
	*ret = permitted & bounding;
	return 0;
}

static const char *first_name(uint64_t mask, char out[CAPS_NAME_SIZE])
{
	return caps_to_name(__builtin_ctzll(mask), out);
}

static bool has_all(const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(names[i], "ALL") == 0)
			return true;
	return false;
}

/* profile + add - drop; ALL on either side is a starting point, not a contradiction. */
static int merge(uint64_t profile, const char *const *add, size_t n_add, const char *const *drop,
	size_t n_drop, uint64_t *ret_set, uint64_t *ret_added, struct err *e)
{
	char name[CAPS_NAME_SIZE];
	uint64_t added = 0, dropped = 0;
	bool add_all = has_all(add, n_add), drop_all = has_all(drop, n_drop);
	if (caps_mask(add, n_add, &added, e) < 0 || caps_mask(drop, n_drop, &dropped, e) < 0)
		return -1;
	if (add_all && drop_all)
		return err_set(e, ERR_USAGE, "capabilities: ALL is both added and dropped");
	if (drop_all)
		profile = dropped = 0;
	else if (!add_all && (added & dropped))
		return err_set(e, ERR_USAGE, "capability %s is both added and dropped",
			first_name(added & dropped, name));
	*ret_set = (profile | added) & ~dropped;
	*ret_added = added & ~dropped;
	return 0;
}

int caps_plan_make(enum caps_profile profile, const char *const *add, size_t n_add,
	const char *const *drop, size_t n_drop, struct caps_plan *ret, struct err *e)
{
	char name[CAPS_NAME_SIZE];
	uint64_t set = 0, added = 0, own = 0;
	if (merge(profile_mask(profile), add, n_add, drop, n_drop, &set, &added, e) < 0)
		return -1;
	if (defence_is_off("H03"))
		set = caps_all();
	/* A new user namespace starts with every capability, whatever its maker has. */
	if (profile == CAPS_SYSTEM_NO_USERNS || profile == CAPS_APP_NO_USERNS) {
		if (own_mask(&own, e) < 0)
			return -1;
		if (added & ~own) {
			err_set(e, ERR_HOST, "capability %s cannot be added: we do not have it",
				first_name(added & ~own, name));
			return err_hint(e,
				"something around us has dropped it (a container, a "
				"systemd unit); a zone with its own user namespace can have it");
		}
		set &= own;
	}
	*ret = (struct caps_plan){.bounding = set, .permitted = set, .effective = set};
	return 0;
}

int caps_plan_for_uid(struct caps_plan *plan, uint32_t uid, uint64_t ambient, struct err *e)
{
	char name[CAPS_NAME_SIZE];
	if (ambient & ~plan->bounding)
		return err_set(e, ERR_USAGE, "ambient capability %s is outside the bounding set",
			first_name(ambient & ~plan->bounding, name));
	if (uid == 0) {
		plan->inheritable = plan->ambient = ambient;
		return 0;
	}
	plan->permitted = plan->effective = plan->inheritable = plan->ambient = ambient;
	return 0;
}

/* ---- zone side ---- */

int caps_apply_bounding(const struct caps_plan *plan, struct fault *f)
{
	/* A kernel without ambient capabilities (before 4.3) has none to clear; ours always has. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return fault_set(f, "PR_CAP_AMBIENT_CLEAR_ALL");
	/* Up to the first number that the kernel does not know, which may be beyond libcap's. */
	for (int cap = 0; cap < 64; cap++) {
		int has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
		if (has < 0)
			break;
		if (has && !(plan->bounding & BIT(cap)) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return fault_set(f, "PR_CAPBSET_DROP");
	}
	return 0;
}

int caps_apply_sets(const struct caps_plan *plan, struct fault *f)
{
	uint64_t effective, permitted, inheritable;
	if (defence_is_off("S13"))
		return 0;
	if (sys_capset(plan->effective, plan->permitted, plan->inheritable) < 0)
		return fault_set(f, "capset");
	for (int cap = 0; cap < 64; cap++)
		if ((plan->ambient & BIT(cap)) &&
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return fault_set(f, "PR_CAP_AMBIENT_RAISE");
	if (sys_capget(&effective, &permitted, &inheritable) < 0)
		return fault_set(f, "capget");
	if (effective != plan->effective || permitted != plan->permitted ||
		inheritable != plan->inheritable) {
		errno = EPERM;
		return fault_set(f, "capabilities differ from the plan");
	}
	return 0;
}

int caps_apply(const struct caps_plan *plan, struct fault *f)
{
	if (caps_apply_bounding(plan, f) < 0)
		return -1;
	return caps_apply_sets(plan, f);
}
