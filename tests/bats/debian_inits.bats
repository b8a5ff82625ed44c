#!/usr/bin/env bats
# Debian with inits other than systemd: they boot, are entered, and shut down in order.
bats_require_minimum_version 1.5.0
load helpers

boot_and_stop() { # init, a process or line that shows that it came up
	"$TESTS/../scripts/debian-root" "$STORE/root.tar" "$1"
	cella_is 0 create "$1" --from "$STORE/root.tar"
	rm "$STORE/root.tar"
	cella_is 0 start "$1"
	eventually 30 bash -c "'$CELLA' exec $1 -- pgrep -x getty"
	[[ "$(in_zone "$1" ps -o args= -p 1)" == "init [2]"* ]]
	cella_is 0 stop --timeout 120s "$1"
	! grep -q killed_after_timeout "$CELLA_ROOT/zones/$1/events.jsonl"
	[ "$(jq -rs 'map(select(.event == "ended"))[-1].reason' "$CELLA_ROOT/zones/$1/events.jsonl")" = poweroff ]
}

@test "sysvinit boots, and stops through its own shutdown" {
	boot_and_stop sysv
}

@test "OpenRC boots, and stops through its own shutdown" {
	boot_and_stop openrc
}
