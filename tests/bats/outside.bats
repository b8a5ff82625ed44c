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

@test "S01 the runtime's binaries cannot be replaced through /proc/*/exe" {
	local z before after
	before=$(sha256sum "$CELLA_BUILD"/bin/*)
	for z in sys app bare; do
		in_zone $z sh -c 'printf "#!/proc/self/exe\n" >/bin/trap && chmod 755 /bin/trap
			(while :; do for e in /proc/[0-9]*/exe; do (: >$e) 2>/dev/null && case $(readlink $e) in *cella*|*memfd*) echo $e >>/root/hit;; esac; done; done) </dev/null >/dev/null 2>&1 &
			echo $! >/tmp/loop' || true
		for _ in $(seq 30); do "$CELLA" exec $z -- /bin/trap >/dev/null 2>&1 || true; done
		in_zone $z sh -c 'kill $(cat /tmp/loop)' || true
		run in_zone $z cat /root/hit
		[ -z "$output" ] || [ "$status" -ne 0 ] || [ $z = bare ]
	done
	after=$(sha256sum "$CELLA_BUILD"/bin/*)
	[ "$before" = "$after" ]
}

@test "R1 the host's mount table is as it was" {
	run awk '{print $5}' /proc/self/mountinfo
	[[ $output != *cella* ]]
}
