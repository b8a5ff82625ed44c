/* identity.h: what makes a clone another machine than its source: machine-id and ssh host keys, as
 * its spec's "clone" says. Host name, uuid, ids, MAC and addresses are not files of the zone's and
 * are given elsewhere.
 *
 * machine_id "new": /etc/machine-id gets 32 new hex digits if the source had an id (a missing or
 * empty one is left for the init to fill), and /var/lib/dbus/machine-id the same if it is a file of
 * its own.
 *
 * ssh_host_keys "new": the source's keys are removed if something will make new ones: a unit or
 * start script of the zone's own that does (sshd-keygen, sshdgenkeys, "ssh-keygen -A" in
 * /etc/init.d), or, on a systemd zone without one (Debian makes keys only when the package is
 * installed), /etc/systemd/system/cella-ssh-keygen.service, which is put there, runs `ssh-keygen
 * -A` before sshd and removes itself. Where none of these is possible the keys stay, since an sshd
 * without keys does not start, and the caller is told. */
#pragma once
#include "runtime/zone.h"

enum identity_ssh {
	IDENTITY_SSH_NONE,    /* there were no keys, or the spec says keep */
	IDENTITY_SSH_REMOVED, /* the zone will make its own */
	IDENTITY_SSH_KEPT,    /* nobody in the zone could have made new ones */
};

/* HOST SIDE, while the zone is being started: `root_fd` is its root, `root_id` the host's id of its
 * root user (0 without a user namespace); the fsuid is taken and given back here. The zone's files
 * are hostile (R3): one of an unexpected kind is left alone. Acts only if the record says
 * identity_pending, which the caller clears when the start has succeeded; doing it twice does no
 * harm. An event ("identity") says what was done. */
int identity_apply(int root_fd, const struct zone *z, uint32_t root_id, struct err *e);

/* The same in parts. 1: there was an id and it is new, 0: there was none. */
int identity_new_machine_id(int root_fd, struct err *e);
int identity_new_ssh_keys(int root_fd, enum identity_ssh *ret, struct err *e);
