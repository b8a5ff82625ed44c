#!/usr/bin/env bats
# The outside view: from inside a zone, as its root, try what must fail. For a system zone, an app
# zone, and (where it says so) one without a user namespace.
bats_require_minimum_version 1.5.0
load helpers

setup_file() {
	store_setup
	"$CELLA" create sys
	"$CELLA" create app --set 'init.args=["/bin/sleep","100000"]'
	"$CELLA" create bare --set security.userns=none
	"$CELLA" start sys app bare
	echo secret-of-app >"$CELLA_ROOT/zones/app/upper/root-secret"
}
setup() { :; }
teardown() { :; }
# With `userns: none` root in the zone is the host's root with fewer capabilities; it keeps SYS_ADMIN,
# which an init needs to mount, and so can undo mounts. docs/SECURITY.md says so; such a zone is for
# trusted programs. What must fail there all the same is tried with every_zone.
own_ids() { ZONES="sys app" every_zone "$@"; }
every_zone() { # command...: must fail in each
	local z
	for z in ${ZONES:-sys app bare}; do
		run in_zone "$z" "$@"
		[ "$status" -ne 0 ] || { echo "in $z succeeded: $*: $output"; return 1; }
	done
}

@test "open another zone's files" {
	every_zone cat "$CELLA_ROOT/zones/app/upper/root-secret"
	every_zone ls "$CELLA_ROOT"
	local z
	# the id of one zone means nothing in another
	for z in sys app; do
		run setpriv --reuid "$(awk '{print $2}' "/proc/$(zone_pid $z)/uid_map")" --clear-groups \
			cat "$CELLA_ROOT/zones/app/upper/root-secret"
		[ "$status" -ne 0 ]
	done
}

@test "change the bridge, the host's interfaces, the host's firewall" {
	every_zone ip link set "cb-$STORE_ID" down
	every_zone ip link del "cb-$STORE_ID"
	every_zone ip addr add 192.0.2.1/24 dev "cb-$STORE_ID"
	ip link show "cb-$STORE_ID" | grep -q UP
}

@test "R1 the host's mount table is as it was" {
	run awk '{print $4, $5}' /proc/self/mountinfo
	[[ $output != *"$STORE"* && $output != *"$STORE_ID"* ]]
}
