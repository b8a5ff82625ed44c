#!/usr/bin/env bats
# Limits hold: shown by exceeding each, from init, from exec, from a nested group.
bats_require_minimum_version 1.5.0
load helpers

@test "memory.max: a hog dies, the zone is seen to have run out, others live" {
	cella_is 0 create web --set resources.memory.max=32M
	cella_is 0 start web
	run in_zone web sh -c 'head -c 100000000 /dev/zero | tail -c 90000000 | wc -c'
	[ "$status" -ne 0 ] || [ "$output" != 90000000 ]
	state_is web running
	cella_is 0 list -j
	[ "$(jq -r '.[0].memory_max' <<<"$output")" = 33554432 ]
}

@test "memory.max: an init that is killed for memory is recorded as such" {
	cella_is 0 create web --set resources.memory.max=16M \
		--set 'init.args=["/bin/sh","-c","x=a; while :; do x=$x$x; done"]'
	cella start web
	cella_is 0 wait web --for stopped --timeout 30s
	run jq -rs 'map(select(.event == "ended"))[-1]' "$CELLA_ROOT/zones/web/events.jsonl"
	[ "$(jq '.oom_kills' <<<"$output")" -ge 1 ]
}

@test "memory.max of a running zone: what can be given back makes room, and nothing is killed" {
	cella_is 0 create web --set resources.memory.max=128M
	cella_is 0 start web
	in_zone web sh -c 'dd if=/dev/zero of=/file bs=1M count=48 && sync /file && cat /file >/dev/null'
	[ "$(group_file web memory.usage_in_bytes memory.current)" -gt $((40 << 20)) ]
	cella_is 0 set web resources.memory.max=16M
	[ "$(group_file web memory.limit_in_bytes memory.max)" = $((16 << 20)) ]
	[ "$(group_file web memory.usage_in_bytes memory.current)" -le $((16 << 20)) ]
	cella_is 0 list -j
	[ "$(jq -r '.[0] | "\(.state) \(.memory_max)"' <<<"$output")" = "running $((16 << 20))" ]
	in_zone web true
}

@test "pids.max: a fork bomb ends at the limit" {
	cella_is 0 create web --set resources.pids.max=40
	cella_is 0 start web
	run in_zone web sh -c 'for i in $(seq 100); do sleep 20 & done; wait'
	[ "$status" -ne 0 ] || [[ $output == *fork* ]]
	[ "$(group_file web pids.current)" -le 40 ]
	cella_is 0 stop web
}

@test "pids.max and memory.max have defaults" {
	cella_is 0 create web
	cella_is 0 start web
	[ "$(group_file web pids.max)" = 4096 ]
	local total max
	total=$(($(awk '/MemTotal/ {print $2}' /proc/meminfo) * 1024))
	max=$(group_file web memory.limit_in_bytes memory.max)
	[ "$max" -le "$((total * 91 / 100))" ]
	[ "$max" -ge "$((total * 85 / 100))" ]
}

@test "cpu.max: half a core is half a core" {
	cella_is 0 create web --set resources.cpu.max=0.5
	cella_is 0 start web
	# processor time used in two seconds of trying as hard as it can
	run in_zone web sh -c 'timeout 2 sh -c "while :; do :; done"; cat /proc/self/stat >/dev/null; times'
	local used
	used=$(group_file web cpuacct.usage cpu.stat | awk 'NR == 1 {printf "%d", ($1 == "usage_usec") ? $2 : $1 / 1000}')
	echo "used $used us"
	[ "$used" -ge 500000 ]
	[ "$used" -le 1500000 ]
}

@test "cpu.weight is what the kernel has" {
	cella_is 0 create web --set resources.cpu.weight=200
	cella_is 0 start web
	[ "$(group_file web cpu.shares cpu.weight)" = 2048 ] || [ "$(group_file web cpu.shares cpu.weight)" = 200 ]
}

@test "S31 limits hold for exec and cannot be raised from inside" {
	cella_is 0 create web --set resources.pids.max=40
	cella_is 0 start web
	run in_zone web sh -c 'for f in $(find / -name pids.max -o -name memory.max -o -name pids.limit 2>/dev/null); do
		echo max >$f && echo raised $f; done; mkdir /sys/fs/cgroup/x 2>/dev/null; echo $$ >/sys/fs/cgroup/x/cgroup.procs
		for i in $(seq 100); do sleep 20 & done; wait'
	[ "$(group_file web pids.max)" = 40 ]
	[ "$(group_file web pids.current)" -le 40 ]
	cella_is 0 stop web
}

@test "removal never races: stop ends everything, also what forks" {
	cella_is 0 create web
	cella_is 0 start web
	in_zone web sh -c 'for i in 1 2 3 4 5; do (while :; do sh -c "sleep 0.01"; done) </dev/null >/dev/null 2>&1 & done'
	in_zone web sh -c 'setsid sleep 1000 </dev/null >/dev/null 2>&1 &'
	cella_is 0 stop --timeout 1s web
	state_is web stopped
	[ -z "$(find /sys/fs/cgroup -type d -path "*cella/web.$STORE_ID*")" ]
}
