#include "isolation/privileges/caps.h"
#include "base/mem.h"
#include "base/sys.h"
#include "tests/unit/test.h"
#include <linux/capability.h>
#include <sys/prctl.h>

#define BIT(cap) (UINT64_C(1) << (cap))

TEST(names)
{
	static const struct {
		const char *name;
		int cap; /* -1: unknown */
	} cases[] = {{"CAP_NET_ADMIN", CAP_NET_ADMIN}, {"cap_net_admin", CAP_NET_ADMIN},
		{"NET_ADMIN", CAP_NET_ADMIN}, {"Cap_Chown", CAP_CHOWN}, {"CAP_BPF", CAP_BPF},
		{"CAP_CHECKPOINT_RESTORE", CAP_CHECKPOINT_RESTORE}, {"CAP_FOO", -1}, {"", -1},
		{"CAP_", -1}, {"cap_cap_chown", -1}, {"12", -1}, {"CAP_12", -1}, {"0x1", -1},
		{"chown ", -1}, {"all", -1}, {"cap_chown=ep", -1}, {"chown,kill", -1},
		{"CAP_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", -1}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = {0};
		int cap = -2, r = caps_from_name(cases[i].name, &cap, &e);
		CHECK_INT(r, cases[i].cap >= 0 ? 0 : -1);
		CHECK_INT(cap, cases[i].cap >= 0 ? cases[i].cap : -2);
		CHECK(r == 0 || e.cls == ERR_USAGE);
	}
	char name[CAPS_NAME_SIZE];
	CHECK_STR(caps_to_name(CAP_NET_ADMIN, name), "CAP_NET_ADMIN");
	CHECK_STR(caps_to_name(63, name), "CAP_63");
	CHECK(caps_all() & BIT(CAP_CHECKPOINT_RESTORE));
	CHECK(prctl(PR_CAPBSET_READ, __builtin_popcountll(caps_all()), 0, 0, 0) < 0);
}

static uint64_t make(enum caps_profile profile, const char *const *add, const char *const *drop,
	enum err_class *ret_cls)
{
	struct caps_plan plan = {0};
	struct err e = {0};
	size_t n_add = 0, n_drop = 0;
	while (add && add[n_add])
		n_add++;
	while (drop && drop[n_drop])
		n_drop++;
	if (caps_plan_make(profile, add, n_add, drop, n_drop, &plan, &e) < 0)
		printf("# %s\n", e.msg);
	*ret_cls = e.cls;
	CHECK(plan.inheritable == 0 && plan.ambient == 0);
	CHECK(plan.permitted == plan.bounding && plan.effective == plan.bounding);
	return plan.bounding;
}
#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

TEST(profiles)
{
	enum err_class cls;
	uint64_t system = make(CAPS_SYSTEM, NULL, NULL, &cls);
	uint64_t app = make(CAPS_APP, NULL, NULL, &cls);
	uint64_t lacks = BIT(CAP_SYS_MODULE) | BIT(CAP_SYS_RAWIO) | BIT(CAP_SYS_TIME) |
			 BIT(CAP_MAC_ADMIN) | BIT(CAP_MAC_OVERRIDE) | BIT(CAP_WAKE_ALARM) |
			 BIT(CAP_BLOCK_SUSPEND) | BIT(CAP_BPF) | BIT(CAP_PERFMON) |
			 BIT(CAP_CHECKPOINT_RESTORE);
	CHECK(system == (caps_all() & ~lacks));
	CHECK_INT(__builtin_popcountll(app), 11);
	CHECK(!(app & (BIT(CAP_MKNOD) | BIT(CAP_NET_RAW) | BIT(CAP_AUDIT_WRITE))));
	CHECK(app & BIT(CAP_SETUID));
	CHECK((app & ~system) == 0);
	/* Without a user namespace never more than we have. */
	uint64_t eff, own = 0, inh;
	CHECK(sys_capget(&eff, &own, &inh) == 0);
	uint64_t shared = make(CAPS_SYSTEM_NO_USERNS, NULL, NULL, &cls);
	CHECK((shared & ~own) == 0 && !(shared & (BIT(CAP_MKNOD) | BIT(CAP_NET_ADMIN))));
	CHECK(__builtin_popcountll(shared) <= 25);
	CHECK((make(CAPS_APP_NO_USERNS, NULL, NULL, &cls) & ~app) == 0);
}

TEST(add_and_drop)
{
	enum err_class cls;
	uint64_t app = make(CAPS_APP, NULL, NULL, &cls);
	CHECK(make(CAPS_APP, NAMES("CAP_NET_RAW"), NULL, &cls) == (app | BIT(CAP_NET_RAW)));
	CHECK(make(CAPS_APP, NULL, NAMES("kill", "CAP_CHOWN"), &cls) ==
		(app & ~(BIT(CAP_KILL) | BIT(CAP_CHOWN))));
	CHECK(make(CAPS_APP, NULL, NAMES("CAP_SYS_TIME"), &cls) == app);
	CHECK(make(CAPS_APP, NAMES("CAP_SYS_TIME"), NAMES("ALL"), &cls) == BIT(CAP_SYS_TIME));
	CHECK(make(CAPS_APP, NULL, NAMES("ALL"), &cls) == 0 && cls == ERR_NONE);
	CHECK(make(CAPS_APP, NAMES("ALL"), NULL, &cls) == caps_all());
	CHECK(make(CAPS_APP, NAMES("all"), NAMES("CAP_BPF"), &cls) == (caps_all() & ~BIT(CAP_BPF)));
	CHECK(make(CAPS_APP, NAMES("ALL"), NAMES("ALL"), &cls) == 0 && cls == ERR_USAGE);
	CHECK(make(CAPS_APP, NAMES("KILL"), NAMES("CAP_KILL"), &cls) == 0 && cls == ERR_USAGE);
	CHECK(make(CAPS_APP, NAMES("CAP_FOO"), NULL, &cls) == 0 && cls == ERR_USAGE);
	CHECK(make(CAPS_APP, NULL, NAMES("x\033"), &cls) == 0 && cls == ERR_USAGE);
}

TEST(what_we_lack_cannot_be_added_without_a_user_namespace)
{
	enum err_class cls;
	uint64_t eff, own = 0, inh;
	char name[CAPS_NAME_SIZE];
	CHECK(sys_capget(&eff, &own, &inh) == 0);
	uint64_t lacking = caps_all() & ~own;
	if (!lacking) {
		printf("# skipped: we have every capability\n");
		return;
	}
	caps_to_name(__builtin_ctzll(lacking), name);
	CHECK(make(CAPS_APP_NO_USERNS, NAMES(name), NULL, &cls) == 0 && cls == ERR_HOST);
	CHECK(make(CAPS_APP, NAMES(name), NULL, &cls) & lacking);
}

TEST(for_a_user_that_is_not_root)
{
	struct err e = {0};
	struct caps_plan plan;
	CHECK_INT(caps_plan_make(CAPS_APP, NULL, 0, NULL, 0, &plan, &e), 0);
	struct caps_plan root = plan, user = plan, ambient = plan;
	CHECK_INT(caps_plan_for_uid(&root, 0, 0, &e), 0);
	CHECK(memcmp(&root, &plan, sizeof plan) == 0);
	CHECK_INT(caps_plan_for_uid(&user, 1000, 0, &e), 0);
	CHECK(user.bounding == plan.bounding && !user.permitted && !user.effective);
	CHECK(!user.inheritable && !user.ambient);
	uint64_t bind = BIT(CAP_NET_BIND_SERVICE);
	CHECK_INT(caps_plan_for_uid(&ambient, 1000, bind, &e), 0);
	CHECK(ambient.permitted == bind && ambient.inheritable == bind && ambient.ambient == bind);
	CHECK_INT(caps_plan_for_uid(&user, 1000, BIT(CAP_SYS_ADMIN), &e), -1);
	CHECK(e.cls == ERR_USAGE && strstr(e.msg, "CAP_SYS_ADMIN"));
}

TEST_MAIN()
