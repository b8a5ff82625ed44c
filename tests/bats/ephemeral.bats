#!/usr/bin/env bats
# Zones that keep nothing: `run`, whose writable side is in memory; and root.readonly.
bats_require_minimum_version 1.5.0
load helpers

@test "run writes to memory: nothing of it reaches the store, nothing is left" {
	cella_is 0 run --name job -- sh -c 'dd if=/dev/zero of=/root/big bs=1M count=8 2>/dev/null; ls -s /root/big; df -k / | tail -n 1'
	output_has big
	local p i
	"$CELLA" run --name job -- sh -c 'echo "sec""ret" >/root/f; echo up; sleep 100' >"$STORE/out" 3>&- &
	p=$!
	eventually 10 grep -q up "$STORE/out"
	[ -z "$(ls -A "$CELLA_ROOT/zones/job/upper")" ]
	! grep -rqs '^secret$' "$CELLA_ROOT" || false
	! grep -q "$STORE" /proc/self/mountinfo || false
	"$CELLA" list -j | jq -e '.[] | select(.name == "job") | .in_memory and .ephemeral'
	for i in "snapshot create job" "clone job copy"; do
		# shellcheck disable=SC2086
		cella_is 4 $i
		error_has 'in memory only' 'run --disk'
	done
	"$CELLA" kill job
	wait $p || true
	rm "$STORE/out"
}

@test "in memory as on disk: owners, modes, setuid, whiteouts, and files that the host side writes" {
	local where
	for where in "" --disk; do
		# shellcheck disable=SC2086
		"$CELLA" run --name job $where -- sh -es <<-'EOF'
			chown 1000:1001 /etc/group
			[ "$(stat -c %u:%g /etc/group)" = 1000:1001 ]
			cp /bin/busybox /su; chmod 4755 /su; [ -u /su ]
			rm /etc/passwd; [ ! -e /etc/passwd ]
			rm -r /var; mkdir /var; [ -z "$(ls -A /var)" ]
			[ "$(stat -c %u:%a /)" = 0:755 ]
			[ "$(cat /etc/hostname)" = job ]
			grep -q localhost /etc/hosts
		EOF
	done
	# without ids of its own
	cella_is 0 run --set security.userns=none -- sh -c 'echo x >/root/x && stat -c %u /root/x'
	[ "$output" = 0 ]
}

@test "half of the zone's memory is what it can fill, and it fills no more" {
	cella_is 1 run --set resources.memory.max=64M -- sh -c 'df -k / | tail -n 1 | { read -r a kib b; echo "$kib"; }; dd if=/dev/zero of=/big bs=1M count=100'
	[ "$(head -n 1 <<<"$output")" = 32768 ]
	error_has 'No space left'
	cella_is 0 run --disk --set resources.memory.max=64M -- sh -c 'dd if=/dev/zero of=/big bs=1M count=100 2>/dev/null; ls -l /big'
}

@test "run is killed: the memory goes with the zone" {
	local p
	"$CELLA" run --name job -- sh -c 'echo up; sleep 100' >"$STORE/out" 3>&- &
	p=$!
	eventually 10 grep -q up "$STORE/out"
	kill -9 $p
	wait $p || true
	"$CELLA" kill job || true
	cella_is 0 repair
	[ ! -e "$CELLA_ROOT/zones/job" ]
	rm "$STORE/out"
}

@test "root.readonly: the zone cannot write to its root, nor make it writable; the host's part is there" {
	"$CELLA" create ro --set root.readonly=true
	cella_is 0 start ro
	cat >"$BATS_TEST_TMPDIR/attempts" <<-'EOF'
		for how in "-o remount,rw /" "-o remount,rw,bind /" "-o remount,bind,rw,nodev,relatime /"; do
			mount $how 2>/dev/null && echo "mounted: $how"
		done
		mkdir -p /tmp/other
		mount -o bind / /tmp/other 2>/dev/null && mount -o remount,rw,bind /tmp/other 2>/dev/null && touch /tmp/other/x 2>/dev/null && echo "bound"
		for f in /x /etc/hostname /root/x /var/x; do
			touch $f 2>/dev/null && echo "wrote $f"
		done
		touch /tmp/x /run/x /var/tmp/x || echo "no place to write"
		cat /etc/hostname
	EOF
	run --separate-stderr "$CELLA" exec ro -- sh -s <"$BATS_TEST_TMPDIR/attempts"
	echo "$output"
	[ "$output" = ro ]
	"$CELLA" stop ro
	"$CELLA" set ro hostname=other
	"$CELLA" start ro
	[ "$(in_zone ro cat /etc/hostname)" = other ]
	"$CELLA" stop ro
	cella_is 0 snapshot create ro now
	cella_is 0 clone ro copy
	cella_is 0 start copy
	[ "$(in_zone copy cat /etc/hostname)" = copy ]
	cella_is 2 create ro2 --set root.readonly=true --set security.userns=none
	error_has 'writable again'
}

@test "root.readonly and in memory at once" {
	cella_is 0 run --name job --set root.readonly=true -- sh -c 'cat /etc/hostname; touch /x 2>/dev/null || echo no; touch /tmp/x && echo yes'
	[ "$(tr '\n' ' ' <<<"$output")" = "job no yes " ]
}

@test "run removes its zone when the command has ended, whoever still reads what it wrote" {
	local p reader
	mkfifo "$STORE/fifo"
	"$CELLA" run --name job --set network.mode=none -- sh -c 'head -c 100000 /dev/zero; echo done >&2' >"$STORE/fifo" 2>"$STORE/err" 3>&- &
	p=$!
	exec {reader}<"$STORE/fifo"
	eventually 10 grep -q done "$STORE/err"
	is_gone() { ! "$CELLA" show job >/dev/null 2>&1; }
	eventually 10 is_gone
	kill -0 $p
	[ "$(wc -c <&"$reader")" = 100000 ]
	exec {reader}<&-
	wait $p
	rm "$STORE/fifo" "$STORE/err"
}

@test "run removes its own zone, never another one that has its name by now" {
	local p
	"$CELLA" run --name job --set network.mode=none -- sh -c 'echo up; sleep 100' >"$STORE/out" 3>&- &
	p=$!
	eventually 10 grep -q up "$STORE/out"
	kill -STOP $p
	cella_is 0 destroy --force job
	cella_is 0 create job
	kill -CONT $p
	wait $p && false
	cella_is 0 show job
	state_is job stopped
	cella_is 0 destroy --force job
	rm "$STORE/out"
}

@test "run is killed: what it made does not start again" {
	local p
	"$CELLA" run --name job --set network.mode=none --set boot.restart=always -- sh -c 'echo up; sleep 1; exit 1' >"$STORE/out" 3>&- &
	p=$!
	eventually 10 grep -q up "$STORE/out"
	kill -9 $p
	wait $p || true
	is_gone() { [ ! -e "$CELLA_ROOT/zones/job" ]; }
	eventually 20 is_gone
	rm "$STORE/out"
}

# Its files were never synced: after a crash of the host they may be empty.
@test "the host has crashed under a run: repair removes what is left, and gc is not in its way" {
	local p k
	"$CELLA" run --name job --set network.mode=none -- sh -c 'echo up; sleep 100' >"$STORE/out" 3>&- &
	p=$!
	eventually 10 grep -q up "$STORE/out"
	k=$(jq .keeper.pid "$CELLA_RUN/zones/job/state.json")
	kill -9 $p "$k" "$(zone_pid job)"
	wait $p || true
	eventually 10 is_dead "$k"
	rm -r "$CELLA_RUN/zones/job"
	: >"$CELLA_ROOT/zones/job/spec.json"
	: >"$CELLA_ROOT/zones/job/zone.json"
	cella_is 0 host gc --dry-run
	cella_is 0 repair
	error_has "zone 'job': removed"
	[ ! -e "$CELLA_ROOT/zones/job" ]
	[ -z "$(ls "$CELLA_ROOT/layers")$(ls "$CELLA_ROOT/staging")" ]
	# one on disk is mended by who can, never removed
	cella_is 0 create web
	: >"$CELLA_ROOT/zones/web/zone.json"
	cella_is 0 repair
	[ -e "$CELLA_ROOT/zones/web" ]
	cella_is 1 host gc
	cella_is 0 destroy --force web
	rm "$STORE/out"
}
