#include "runtime/lifecycle_parts.h"
#include "runtime/state.h"
#include "runtime/stop.h"
#include "runtime/undo.h"

int zone_recover(struct zone *z, struct err *e)
{
	struct intent in;
	if (intent_read(z->dir_fd, &in, e) < 0)
		return err_prefix(e, "zone '%s'", z->name);
	if (in.verb == INTENT_NONE || !z->record.uuid[0])
		return 0;
	switch (in.verb) {
	case INTENT_CLONE:
	case INTENT_PUBLISH:
		return clone_recover(z, &in, e);
	case INTENT_RENAME:
		if (intent_rename_recovery(&in, z->name) == RENAME_FINISH)
			return rename_finish(z, &in, e);
		break;
	case INTENT_SNAPSHOT:
		return snapshot_recover(z, &in, e);
	case INTENT_RESTORE:
		return snapshot_restore_recover(z, &in, e);
	case INTENT_DELETE:
		return snapshot_delete_recover(z, &in, e);
	case INTENT_UNDO:
	case INTENT_DISCARD:
		return undo_recover(z, &in, e);
	case INTENT_FLATTEN:
		return flatten_recover(z, &in, e);
	case INTENT_NONE:
		break;
	}
	return intent_clear(z->dir_fd, e);
}

int lifecycle_must_be_stopped(struct zone *z, const char *verb, struct err *e)
{
	struct zone_state st;
	if (zone_settle(z, &st, e) < 0)
		return -1;
	if (st.phase == PHASE_NONE)
		return undo_settle(z, e); /* a choice that was made at the start */
	err_set(e, ERR_STATE, "zone '%s' is running: %s needs it stopped", z->name, verb);
	return err_hint(e, "`cella stop %s` first", z->name);
}

int lifecycle_must_be_no_template(const struct zone *z, const char *what, struct err *e)
{
	if (!z->spec || !z->spec->is_template)
		return 0;
	err_set(e, ERR_STATE, "zone '%s' is a template: it cannot be %s", z->name, what);
	return err_hint(e,
		"`cella clone %s NEW` makes a zone of it, `cella set %s template=false` "
		"makes it an ordinary one",
		z->name, z->name);
}

int lifecycle_must_be_on_disk(const struct zone *z, const char *what, struct err *e)
{
	if (!z->record.in_memory)
		return 0;
	err_set(e, ERR_STATE,
		"zone '%s' has what it writes in memory only: there is nothing for %s", z->name,
		what);
	return err_hint(e, "`cella run --disk` makes one that has it on disk");
}
