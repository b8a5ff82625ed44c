#!/usr/bin/env bats
# On a host that systemd runs: each zone in a scope that systemd made.
bats_require_minimum_version 1.5.0
load helpers

setup() {
	requires systemd cgroup_v2
	leak_setup
}
scope() { echo "cella-$1.$STORE_ID.scope"; }
group() { echo "/sys/fs/cgroup/cella.slice/$(scope "$1")"; }

@test "a zone lives in its scope, the keeper beside it, and systemd knows" {
	"$CELLA" create web
	"$CELLA" start web
	[ "$(systemctl show -P ActiveState "$(scope web)")" = active ]
	[ "$(systemctl show -P Slice "$(scope web)")" = cella.slice ]
	[ "$(systemctl show -P Delegate "$(scope web)")" = yes ]
	systemctl status "$(scope web)" --no-pager | grep -q cella-keeper
	systemctl status "$(scope web)" --no-pager | grep -q httpd
	systemd-cgls --no-pager "/cella.slice" | grep -q "$(scope web)"
	grep -q "$(zone_pid web)" "$(group web)/limits/zone/cgroup.procs"
	# no process in an inner node
	[ -z "$(cat "$(group web)/cgroup.procs" "$(group web)/limits/cgroup.procs")" ]
	"$CELLA" stop web
	eventually 10 test ! -e "$(group web)"
	[ "$(systemctl show -P LoadState "$(scope web)")" = not-found ]
}

@test "limits hold, and are as they were after a daemon-reload" {
	"$CELLA" create web --set resources.memory.max=64M --set resources.pids.max=50 --set resources.cpu.max=0.5
	"$CELLA" start web
	local before
	before=$(cd "$(group web)/limits" && cat memory.max pids.max cpu.max)
	[ "$(sed -n 1p <<<"$before")" = 67108864 ]
	systemctl daemon-reload
	[ "$before" = "$(cd "$(group web)/limits" && cat memory.max pids.max cpu.max)" ]
	in_zone web true
	"$CELLA" set web resources.pids.max=60
	[ "$(cat "$(group web)/limits/pids.max")" = 60 ]
	systemctl daemon-reload
	[ "$(cat "$(group web)/limits/pids.max")" = 60 ]
}

@test "systemctl stop of the scope stops the zone in an orderly way, and its state follows" {
	"$CELLA" create web --set 'init.args=["/bin/sh","-c","trap \"echo orderly >/root/end; exit 0\" TERM; while :; do sleep 0.2; done"]'
	"$CELLA" start web
	systemctl stop "$(scope web)"
	eventually 10 state_is web stopped
	[ "$(cat "$CELLA_ROOT/zones/web/upper/root/end")" = orderly ]
	eventually 10 test ! -e "$(group web)"
	cella_is 0 start web
	in_zone web true
}

@test "systemctl stop of the scope asks init alone: what it started is there until it ends it" {
	local init='sleep 1000 & child=$!; trap "kill -0 $child && echo alive >/root/child; exit 0" TERM; echo up >/root/up; while :; do sleep 0.2; done'
	"$CELLA" create web --set "init.args=$(jq -nc --arg c "$init" '["/bin/sh", "-c", $c]')"
	local i
	for i in 1 2 3; do
		"$CELLA" start web
		eventually 10 in_zone web test -e /root/up
		systemctl stop "$(scope web)"
		eventually 10 state_is web stopped
		[ "$(cat "$CELLA_ROOT/zones/web/upper/root/child")" = alive ]
		rm "$CELLA_ROOT/zones/web/upper/root/"{up,child}
	done
}

@test "systemctl stop of the scope of a zone that waits to start again calls that off" {
	"$CELLA" create web --set boot.restart=always --set 'init.args=["/bin/sh","-c","exit 3"]'
	cella start web
	eventually 30 state_is web restarting
	eventually 30 systemctl -q is-active "$(scope web)"
	systemctl stop "$(scope web)"
	eventually 10 state_is web stopped
	eventually 10 test ! -e "$(group web)"
}

@test "systemctl stop of the scope asks a system init in its own way" {
	"$CELLA" create web
	"$CELLA" start web
	systemctl stop "$(scope web)"
	eventually 10 state_is web stopped
	jq -se '[.[] | select(.event == "ended")] | last | .asked_by.verb == "stop" and .reason != "killed"' "$CELLA_ROOT/zones/web/events.jsonl"
	eventually 10 test ! -e "$(group web)"
}

@test "systemctl kill of everything: the next command finds it stopped" {
	"$CELLA" create web
	"$CELLA" start web
	systemctl kill --signal=KILL "$(scope web)"
	eventually 10 test ! -e "$(group web)"
	cella_is 0 start web
	in_zone web true
}

@test "start right after stop, restart, and a zone that starts itself again" {
	"$CELLA" create web --set boot.restart=always
	local i
	for i in 1 2 3; do
		cella_is 0 start web
		cella_is 0 stop web
	done
	cella_is 0 start web
	cella_is 0 restart web
	kill -9 "$(zone_pid web)"
	eventually 20 state_is web running
	[ "$(systemctl show -P ActiveState "$(scope web)")" = active ]
}

@test "--cgroup-manager cgroupfs makes the groups without systemd, and either finds the other's" {
	"$CELLA" create a
	"$CELLA" create b
	cella_is 0 --cgroup-manager cgroupfs start a
	cella_is 0 start b
	[ -d "/sys/fs/cgroup/cella/a.$STORE_ID/zone" ]
	[ ! -e "$(group a)" ]
	[ -d "$(group b)/limits" ]
	in_zone a true
	cella_is 0 --cgroup-manager cgroupfs exec b -- true
	cella_is 0 stop a
	cella_is 0 --cgroup-manager cgroupfs stop b
	cella_is 2 --cgroup-manager upstart start a
	error_has upstart systemd cgroupfs
}

@test "the zone's own systemd would find its group delegated and empty of others" {
	"$CELLA" create web
	"$CELLA" start web
	in_zone web sh -c 'mkdir /sys/fs/cgroup/sub && echo 1 >/sys/fs/cgroup/sub/cgroup.procs && rmdir /sys/fs/cgroup/nosuch 2>/dev/null; true'
	run in_zone web cat /sys/fs/cgroup/cgroup.controllers
	[[ $output == *memory* && $output == *pids* && $output == *cpu* ]]
	# its parent is out of reach
	run in_zone web sh -c 'ls /sys/fs/cgroup/.. | grep -c limits'
	[ "$output" = 0 ]
}

@test "F01 kill -9 of a start at 15 instants: no scope, no group, no process is left" {
	"$CELLA" create web
	local begin=${EPOCHREALTIME/./} i us total
	"$CELLA" start web
	total=$((${EPOCHREALTIME/./} - begin))
	for i in $(seq 15); do
		"$CELLA" kill web >/dev/null 2>&1 || "$CELLA" repair web
		us=$((total * i / 15))
		timeout --foreground -s KILL "$(printf '%d.%06d' $((us / 1000000)) $((us % 1000000)))" "$CELLA" start web >/dev/null 2>&1 || true
		cella_is 0 list
	done
	"$CELLA" destroy --force web
	"$CELLA" repair
	eventually 20 test ! -e "$(group web)"
}
