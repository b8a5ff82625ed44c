#include "cli/verb.h"
#include <stddef.h>

/* The list, in the order of `cella help`. A new verb is a file and a line here. */
extern const struct verb verb_create, verb_clone, verb_rename, verb_destroy, verb_start, verb_stop,
	verb_kill, verb_restart, verb_wait, verb_repair, verb_exec, verb_shell, verb_console,
	verb_run, verb_list, verb_show, verb_ps, verb_log, verb_set, verb_edit, verb_validate,
	verb_plan, verb_host_check, verb_host_start, verb_host_stop, verb_help, verb_ended,
	verb_man;

const struct verb *const verbs[] = {
	&verb_create,
	&verb_clone,
	&verb_rename,
	&verb_destroy,
	&verb_start,
	&verb_stop,
	&verb_kill,
	&verb_restart,
	&verb_wait,
	&verb_repair,
	&verb_exec,
	&verb_shell,
	&verb_console,
	&verb_run,
	&verb_list,
	&verb_show,
	&verb_ps,
	&verb_log,
	&verb_set,
	&verb_edit,
	&verb_validate,
	&verb_plan,
	&verb_host_check,
	&verb_host_start,
	&verb_host_stop,
	&verb_help,
	&verb_ended,
	&verb_man,
	NULL,
};
