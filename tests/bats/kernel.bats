#!/usr/bin/env bats
# Kernels that lack something: R12, the start is refused with its name before anything is done, or what
# stands in for it is as strong. tests/tools/deny.c makes system calls end with ENOSYS.
bats_require_minimum_version 1.5.0
load helpers

setup_file() {
	store_setup
	"$CELLA" create web
	"$CELLA" create other
}
without() { # calls, then cella's arguments
	local calls=$1
	shift
	run --separate-stderr "$CELLA_BUILD/tests/deny" "$calls" -- "$CELLA" "$@"
	echo "\$ without $calls: cella $*  -> $status"
	echo "$output"
	# shellcheck disable=SC2154
	echo "$stderr" >&2
}
teardown_file() { store_teardown; }
setup() { :; }
teardown() { :; }

@test "R12 each system call that a start needs is named, with exit 7, and nothing is left" {
	cella_is 0 start web
	cella_is 0 stop web
	audit >"$BATS_TEST_TMPDIR/before"
	local call
	for call in clone3 openat2 close_range pidfd_open pidfd_send_signal mount_setattr open_tree move_mount fsopen \
		fsconfig fsmount memfd_create statx seccomp; do
		without $call start web
		[ "$status" -eq 7 ]
		error_has "this kernel lacks $call (Linux " "hint: Linux 5.19"
		state_is web stopped
		without $call create new
		[ "$status" -eq 7 ]
		error_has "this kernel lacks $call (Linux "
	done
	cella_is 3 show new
	audit | diff "$BATS_TEST_TMPDIR/before" -
	cella_is 0 start web
	cella_is 0 stop web
}

@test "R12 all that is missing is named at once" {
	local all="lacks clone3 (Linux 5.3), close_range (Linux 5.11), mount_setattr (Linux 5.12)"
	without close_range,clone3,mount_setattr start web
	[ "$status" -eq 7 ]
	error_has "$all"
	without close_range,clone3,mount_setattr host check -j
	[ "$status" -eq 7 ]
	[[ $(jq -r '.[] | select(.check == "system_calls") | .state + ": " + .found' <<<"$output") == "missing: this kernel $all" ]]
}

@test "R12 close_range without the flag that is needed is as good as none" {
	without close_range=EINVAL start web
	[ "$status" -eq 7 ]
	error_has "this kernel lacks close_range (Linux 5.11)"
	state_is web stopped
}

@test "R12 no eBPF: the device filter of cgroup v2 is named; v1 needs none" {
	without bpf start web
	if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
		[ "$status" -eq 7 ]
		error_has "the device filter (eBPF)"
		state_is web stopped
	else
		[ "$status" -eq 0 ]
		cella_is 0 stop web
	fi
}

@test "calls that can be done without: the zone is closed as ever" {
	without keyctl,faccessat2,name_to_handle_at,pidfd_getfd,landlock_create_ruleset start web
	[ "$status" -eq 0 ]
	cella_is 0 start other
	# the same lines as those of a zone started with all of them
	local of='/^(Cap|NoNewPrivs|Seccomp:)/'
	[ "$(awk "$of" "/proc/$(zone_pid web)/status")" = "$(awk "$of" "/proc/$(zone_pid other)/status")" ]
	[ "$(in_zone web awk '{print $4, $5, $6, $7}' /proc/self/mountinfo | grep -v "/zones/")" = \
		"$(in_zone other awk '{print $4, $5, $6, $7}' /proc/self/mountinfo | grep -v "/zones/")" ]
	cella_is 0 stop web other
}
