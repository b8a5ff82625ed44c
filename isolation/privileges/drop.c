#include "isolation/privileges/drop.h"

#include "isolation/privileges/process.h"

/* The order is explained in drop.h. */
int drop_apply(const struct drop_plan *plan, struct fault *f)
{
	process_set_umask();
	if (process_reset_signals(f) < 0 || process_new_keyring(f) < 0)
		return -1;
	if (process_set_groups(plan->groups, plan->n_groups, f) < 0)
		return -1;
	if (caps_apply_bounding(&plan->caps, f) < 0)
		return -1;
	if (!plan->no_new_privs && filter_apply(&plan->filter, f) < 0)
		return -1;
	if (process_set_ids(plan->uid, plan->gid, plan->caps.permitted != 0, f) < 0)
		return -1;
	/* A change of ids sets it to fs.suid_dumpable. */
	if (process_set_undumpable(f) < 0)
		return -1;
	if (caps_apply_sets(&plan->caps, f) < 0)
		return -1;
	if (!plan->no_new_privs)
		return 0;
	if (process_set_no_new_privs(f) < 0)
		return -1;
	return filter_apply(&plan->filter, f);
}
