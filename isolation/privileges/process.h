/* process.h: ZONE SIDE small steps that leave nothing of the caller behind (R4, H12, H13, H15,
 * H16). Each is one or two system calls; each returns 0, or -1 with *f. */
#pragma once
#include "base/err.h"
#include "base/fault.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A new anonymous session keyring. A kernel without keyrings (ENOSYS) has none to leak: success. */
int process_new_keyring(struct fault *f);
/* Nobody may ptrace us or open our /proc files until exec. From here on our own /proc/self/... are
 * owned by the host's root, so the zone side can write none of them. */
int process_set_undumpable(struct fault *f);
/* umask 0022. */
void process_set_umask(void);
int process_set_no_new_privs(struct fault *f);
/* Supplementary groups; n = 0 clears them. Before the ids, while CAP_SETGID is there. */
int process_set_groups(const uint32_t *gids, size_t n, struct fault *f);
/* Real, effective, saved and file system ids: group first. `keep_caps` keeps the permitted set over
 * a change away from root, for caps_apply_sets; it is cleared by exec. */
int process_set_ids(uint32_t uid, uint32_t gid, bool keep_caps, struct fault *f);
/* Close everything from 3 up except `keep` (ascending, each >= 3). Kept ones lose nothing: their
 * CLOEXEC flag stays what it is. */
int process_close_fds(const int *keep, size_t n_keep, struct fault *f);
/* Mark everything from `first` up CLOEXEC: for the last moment before exec, when the channel that
 * reports its failure must still be open. */
int process_cloexec_from(int first, struct fault *f);
/* Every handler to its default (ignored signals too), nothing blocked. */
int process_reset_signals(struct fault *f);

/* Nice value, scheduling policy and CPU affinity as a process has them that nobody has touched, not
 * the caller's (H17). While still the host's root; what cannot be had (a container without
 * CAP_SYS_NICE) is left. Async-signal-safe. */
void process_reset_scheduling(void);

/* HOST SIDE: oom_score_adj of a process (0 = ourselves), -1000..1000. Not on the zone side, see
 * process_set_undumpable. Lowering without CAP_SYS_RESOURCE is ERR_HOST. */
int process_set_oom_score(pid_t pid, int adj, struct err *e);
