#!/usr/bin/env bats
# A real Debian 12 server with systemd, dbus, nginx and openssh, under the default security settings.
bats_require_minimum_version 1.5.0
load helpers

setup_file() {
	store_setup
	"$TESTS/../scripts/debian-root" "$STORE/debian.tar"
	"$CELLA" create deb --from "$STORE/debian.tar" --set resources.memory.max=768M --set resources.pids.max=500
	rm "$STORE/debian.tar"
	"$CELLA" start deb
}
setup() { :; }
teardown() { :; }

is_up() { [ "$("$CELLA" exec deb -- systemctl is-system-running 2>/dev/null)" != starting ] && "$CELLA" exec deb -- systemctl is-system-running >/dev/null 2>&1; }

@test "systemd reaches running: no failed unit" {
	eventually 60 bash -c "case \$('$CELLA' exec deb -- systemctl is-system-running 2>/dev/null) in running|degraded) ;; *) false ;; esac" ||
		{ in_zone deb systemctl list-jobs; return 1; }
	run in_zone deb systemctl --failed --no-legend
	echo "$output"
	[ -z "$output" ]
	[ "$(in_zone deb systemctl is-system-running)" = running ]
}

@test "nginx answers the host with 200" {
	local a
	a=$(jq -r '.address4 | split("/")[0]' "$CELLA_ROOT/zones/deb/zone.json")
	[ "$(curl -s -o /dev/null -w '%{http_code}' --retry 10 --retry-connrefused --retry-delay 1 "http://$a/")" = 200 ]
}

@test "exec runs id; journalctl works; sshd listens" {
	[ "$(in_zone deb id -u)" = 0 ]
	in_zone deb journalctl -b --no-pager -n 5 | grep .
	in_zone deb ss -ltn 2>/dev/null | grep -q ':22 ' || in_zone deb systemctl is-active ssh
	[ "$(in_zone deb systemd-detect-virt)" = container-other ] || [ "$(in_zone deb sh -c 'tr "\0" "\n" </proc/1/environ | grep ^container=')" = container=cella ]
}

@test "systemd makes its own groups in the delegated one" {
	in_zone deb systemctl show -p ControlGroup nginx | grep -q /system.slice/nginx.service
	[ -d "$(find /sys/fs/cgroup -type d -path "*/*deb.$STORE_ID*/zone/system.slice/nginx.service" | head -n 1)" ]
}

@test "nested: a systemd in the scope that the host's systemd delegated, and neither minds the other" {
	requires systemd cgroup_v2
	local scope=cella-deb.$STORE_ID.scope
	local group=/sys/fs/cgroup/cella.slice/$scope
	[ "$(systemctl show -P Delegate "$scope")" = yes ]
	[ "$(in_zone deb systemctl is-system-running)" = running ]
	# what the zone's systemd starts is in the host's sight, beneath the scope
	grep -q . "$group/limits/zone/system.slice/nginx.service/cgroup.procs"
	grep -q . "$group/limits/zone/init.scope/cgroup.procs"
	systemctl status "$scope" --no-pager | grep -q nginx
	systemd-cgls --no-pager "/cella.slice/$scope" | grep -q nginx.service
	# controllers come down the path to the zone's own services, and a limit there holds
	grep -w memory "$group/limits/zone/cgroup.subtree_control" | grep -w pids
	in_zone deb systemctl set-property --runtime nginx TasksMax=33
	[ "$(cat "$group/limits/zone/system.slice/nginx.service/pids.max")" = 33 ]
	# no process in a node that has others below
	[ -z "$(cat "$group/cgroup.procs" "$group/limits/cgroup.procs" "$group/limits/zone/cgroup.procs")" ]
	# a reload of either leaves both as they are
	local before
	before=$(cd "$group/limits" && cat memory.max pids.max cgroup.subtree_control)
	systemctl daemon-reload
	in_zone deb systemctl daemon-reload
	[ "$before" = "$(cd "$group/limits" && cat memory.max pids.max cgroup.subtree_control)" ]
	[ "$(in_zone deb systemctl is-active nginx)" = active ]
	[ "$(in_zone deb systemctl is-system-running)" = running ]
	[ -z "$(systemctl --failed --no-legend)" ]
}

@test "memory and pids limits hold in a real system" {
	[ "$("$CELLA" list -j | jq -r '.[0].memory_max')" = 805306368 ]
	run in_zone deb sh -c 'trap "kill -9 0" EXIT; i=0; while [ $i -lt 700 ]; do i=$((i+1)); sleep 30 & done'
	[[ $output == *fork* ]]
	eventually 5 in_zone deb true
}

@test "stop shuts down cleanly in under 15 s, and a second start finds its data" {
	in_zone deb sh -c 'echo kept >/var/lib/data; systemctl stop nginx'
	local begin=$SECONDS
	cella_is 0 stop deb
	[ $((SECONDS - begin)) -lt 15 ]
	! jq -r .event "$CELLA_ROOT/zones/deb/events.jsonl" | grep -q killed_after_timeout
	cella_is 0 start deb
	[ "$(in_zone deb cat /var/lib/data)" = kept ]
	eventually 60 bash -c "'$CELLA' exec deb -- systemctl is-active nginx"
	cella_is 0 kill deb
}
