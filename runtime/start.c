/* Starting a zone: the command's part. Load, plan, claim; fork the host side; wait for its answer.
 * The host side is in start_host.c, the zone side in start_zone.c. */
#include "runtime/start.h"
#include "runtime/backend.h"
#include "runtime/claims.h"
#include "runtime/events.h"
#include "runtime/host_facts.h"
#include "runtime/lifecycle_parts.h"
#include "runtime/needs.h"
#include "runtime/start_host.h"
#include "runtime/stop.h"
#include "runtime/undo.h"
#include "base/defence.h"
#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int set_text(char **at, const char *text, struct err *e)
{
	char *copy = strdup(text);
	if (!copy)
		return err_nomem(e);
	free(*at);
	*at = copy;
	return 0;
}

/* Ids are claimed for the host, on tmpfs: after a reboot the same range is asked for again, and if
 * somebody else has it by now any other does as well, since nothing on disk carries it (R2). */
static int claim_ids(struct start *s, struct err *e)
{
	struct zone *z = s->zone;
	uint32_t first = 0;
	if (!s->plan.has_userns)
		return 0;
	if (claims_take_ids(z->store, z->record.uuid, z->record.id_first, &first, e) < 0)
		return -1;
	s->record_changed |= first != z->record.id_first;
	s->plan.map.host_first = s->state.id_first = z->record.id_first = first;
	if (defence_is_off("H01"))
		s->plan.map.host_first = 0;
	return 0;
}

static int claim_addresses(struct start *s, struct err *e)
{
	struct zone *z = s->zone;
	const struct store *st = z->store;
	const char *id = st->is_default ? "" : st->id;
	char v4[ADDR_CIDR_SIZE], v6[ADDR_CIDR_SIZE], mac[ADDR_MAC_SIZE];
	if (!s->plan.eth.present)
		return 0;
	/* It has moved to another network since. */
	if (z->record.network[0] && strcmp(z->record.network, s->plan.eth.network) != 0 &&
		claims_release_addresses(st, &z->record, e) < 0)
		return -1;
	if (network_load_or_make(
		    st->networks_fd, st->lock_fd, id, s->plan.eth.network, &s->network, e) < 0 ||
		network_claim_address(st->networks_fd, &s->network, z->record.uuid,
			s->plan.eth.want4, s->plan.eth.want6, &s->addr, e) < 0)
		return -1;
	if (strcmp(s->plan.eth.mac, "auto") != 0 && !addr_parse_mac(s->plan.eth.mac, &s->addr.mac))
		return err_set(e, ERR_USAGE, "'%s' is not a MAC address", s->plan.eth.mac);
	addr_print_cidr(v4, &s->addr.v4);
	addr_print_cidr(v6, &s->addr.v6);
	addr_print_mac(mac, &s->addr.mac);
	if (strcmp(v4, z->record.address4) != 0 || strcmp(v6, z->record.address6) != 0 ||
		strcmp(mac, z->record.mac) != 0 ||
		strcmp(s->plan.eth.network, z->record.network) != 0) {
		/* An address that it no longer has is free for others. */
		struct network_addr gone = {0};
		if (strcmp(v4, z->record.address4) != 0)
			(void)addr_parse_cidr(z->record.address4, &gone.v4);
		if (strcmp(v6, z->record.address6) != 0)
			(void)addr_parse_cidr(z->record.address6, &gone.v6);
		(void)network_release_address(
			st->networks_fd, &s->network, z->record.uuid, &gone, NULL);
		if (set_text(&z->record.address4, v4, e) < 0 ||
			set_text(&z->record.address6, v6, e) < 0 ||
			set_text(&z->record.network, s->plan.eth.network, e) < 0)
			return -1;
		memcpy(z->record.mac, mac, sizeof mac);
		s->record_changed = true;
	}
	network_host_if(s->state.host_if, id, z->record.uuid, 0);
	(void)snprintf(s->state.network, sizeof s->state.network, "%s", s->plan.eth.network);
	(void)snprintf(s->state.address4, sizeof s->state.address4, "%s", v4);
	(void)snprintf(s->state.address6, sizeof s->state.address6, "%s", v6);
	return 0;
}

static int prepare(struct start *s, struct err *e)
{
	struct zone *z = s->zone;
	if (needs_check(e) < 0)
		return -1;
	if (host_facts_cgroups(z->store, &s->cg_host, e) < 0 ||
		cg_host_set_manager(&s->cg_host, z->store->config.cgroup_manager, e) < 0 ||
		plan_make(z, &s->cg_host, &s->plan, e) < 0)
		return -1;
	s->state.phase = PHASE_STARTING;
	s->state.system_init = s->plan.system;
	s->state.restarts = s->options->restarts;
	memcpy(s->state.uuid, z->record.uuid, sizeof s->state.uuid);
	(void)snprintf(s->state.boot_id, sizeof s->state.boot_id, "%s", proc_boot_id());
	memcpy(s->state.cgroup, s->plan.group, sizeof s->state.cgroup);
	if (claim_ids(s, e) < 0 || claim_addresses(s, e) < 0 ||
		backend_ensure(z, &s->record_changed, e) < 0)
		return -1;
	/* What was assigned is on disk before anything uses it. */
	if (s->record_changed && zone_write_record(z->dir_fd, &z->record, e) < 0)
		return -1;
	return 0;
}

/* Wait for the host side's word. No word means that it was killed: sweep in its place. */
static int wait_for_answer(
	struct start *s, int sock, pid_t child, struct start_result *ret, struct err *e)
{
	struct start_answer answer;
	int fds[1] = {-1};
	size_t n = 1;
	ssize_t len = fd_recv(sock, &answer, sizeof answer, fds, &n);
	if (len == (ssize_t)sizeof answer && answer.ok) {
		*ret = (struct start_result){.changed = true,
			.pid = answer.pid,
			.pty_fd = n ? fds[0] : -1,
			.exit_fd = -1};
		return 0;
	}
	(void)waitpid(child, NULL, 0);
	if (len == (ssize_t)sizeof answer) {
		*e = answer.e;
		return -1;
	}
	err_set(e, ERR_FAILED, "the host side of the start died");
	struct err why = {0};
	if (zone_sweep(s->zone->store, s->zone->name, &s->state, &why) < 0)
		err_hint(e, "and cleaning up failed (%.200s): `cella repair %s`", why.msg,
			s->zone->name);
	return -1;
}

static int run_start(struct start *s, struct start_result *ret, struct err *e)
{
	if (prepare(s, e) < 0)
		return -1;
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "make a socket pair");
	autofd int mine = pair[0], theirs = pair[1];
	pid_t child = fork();
	if (child < 0)
		return err_sys(e, errno, "fork");
	if (child == 0) {
		fd_close(&mine);
		s->answer = theirs;
		start_host(s);
	}
	fd_close(&theirs);
	if (wait_for_answer(s, mine, child, ret, e) < 0)
		return -1;
	/* The channel lives on as a client of the keeper, which says there how the zone ended. */
	ret->exit_fd = fd_steal(&mine);
	return 0;
}

static int prepare_undo(
	struct zone *z, const struct start_options *o, bool *ret_begun, struct err *e)
{
	bool goes_on = o->keep_undo || o->restarts;
	if (lifecycle_must_be_no_template(z, "started", e) < 0)
		return -1;
	if (!goes_on && (undo_settle(z, e) < 0 || undo_must_be_closed(z, "a start", e) < 0))
		return -1;
	if (!o->undo || z->record.undo.is_open)
		return 0;
	if (lifecycle_must_be_on_disk(z, "an undo", e) < 0 || undo_begin(z, o->undo_mode, e) < 0)
		return -1;
	*ret_begun = true;
	return 0;
}

int zone_start_locked(
	struct zone *z, const struct start_options *o, struct start_result *ret, struct err *e)
{
	struct zone_state now;
	if (zone_recover(z, e) < 0 || zone_settle(z, &now, e) < 0)
		return err_prefix(e, "zone '%s'", z->name);
	if (now.phase == PHASE_RUNNING) {
		*ret = (struct start_result){.pid = now.init.pid, .pty_fd = -1, .exit_fd = -1};
		return 0;
	}
	bool begun = false;
	struct start s = {.zone = z, .options = o};
	int r = prepare_undo(z, o, &begun, e);
	if (r == 0)
		r = run_start(&s, ret, e);
	if (r < 0 && begun)
		(void)undo_end(z, UNDO_DISCARD, NULL);
	if (r < 0) {
		err_prefix(e, "start zone '%s'", z->name);
		json_t *why = json_pack("{s:s, s:s}", "error", e->msg, "step", e->step);
		(void)event_append(z->dir_fd, "start_failed", why);
	}
	plan_done(&s.plan);
	cg_host_done(&s.cg_host);
	return r;
}

int zone_start(const struct store *s, const char *name, const struct start_options *o,
	struct start_result *ret, struct err *e)
{
	struct zone z;
	/* Ten at once start the same zone: one wins; who finds it running needs no lock at all. */
	struct zone_state now;
	enum zone_status status = zone_status(s, name, &now);
	if (status == ZONE_RUNNING || status == ZONE_UNWATCHED) {
		*ret = (struct start_result){.pid = now.init.pid, .pty_fd = -1, .exit_fd = -1};
		return 0;
	}
	if (zone_open(s, name, ZONE_LOCK, o->lock_timeout_ms, &z, e) < 0)
		return -1;
	int r = zone_start_locked(&z, o, ret, e);
	zone_close(&z);
	return r;
}
