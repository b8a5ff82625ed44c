#include "runtime/lifecycle_parts.h"
#include "runtime/state.h"
#include "runtime/stop.h"

int zone_recover(struct zone *z, struct err *e)
{
	struct intent in;
	if (intent_read(z->dir_fd, &in, e) < 0)
		return err_prefix(e, "zone '%s'", z->name);
	if (in.verb == INTENT_NONE || !z->record.uuid[0])
		return 0;
	if (in.verb == INTENT_CLONE)
		return clone_recover(z, &in, e);
	if (intent_rename_recovery(&in, z->name) == RENAME_FINISH)
		return rename_finish(z, &in, e);
	return intent_clear(z->dir_fd, e);
}

int lifecycle_must_be_stopped(struct zone *z, const char *verb, struct err *e)
{
	struct zone_state st;
	if (zone_settle(z, &st, e) < 0)
		return -1;
	if (st.phase == PHASE_NONE)
		return 0;
	err_set(e, ERR_STATE, "zone '%s' is running: %s needs it stopped", z->name, verb);
	return err_hint(e, "`cella stop %s` first", z->name);
}
