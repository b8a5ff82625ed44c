#!/usr/bin/env bats
# Inits: a system init gets what it needs; a plain command gets a pid 1; reboot and poweroff inside
# mean what they say; boot.restart; the keeper's log and events.
bats_require_minimum_version 1.5.0
load helpers

ended() { jq -rs "map(select(.event == \"ended\"))[-1].$2" "$CELLA_ROOT/zones/$1/events.jsonl"; }

@test "busybox init: console, container, tmpfs on /run, own cgroup" {
	cella_is 0 create web
	cella_is 0 start web
	[ "$(in_zone web sh -c 'tr "\0" "\n" </proc/1/environ | grep ^container=')" = container=cella ]
	in_zone web test -c /dev/console
	in_zone web grep -q ' /run tmpfs ' /proc/mounts
	in_zone web sh -c 'cat /proc/1/cgroup; mkdir /sys/fs/cgroup/made && rmdir /sys/fs/cgroup/made'
	! in_zone web cat /proc/1/cgroup | grep -q "cella/web"
}

@test "a plain command: pid 1 reaps and forwards signals" {
	cella_is 0 create cmd --set 'init.args=["/bin/sh","-c","trap \"echo term; exit 5\" TERM; (sleep 0.1 &) ; while :; do sleep 0.2; done"]'
	cella_is 0 start cmd
	[ "$(in_zone cmd cat /proc/1/comm)" = cella-init ]
	for _ in $(seq 20); do in_zone cmd sh -c '(true &)'; done
	eventually 5 bash -c "! '$CELLA' exec cmd -- sh -c 'cat /proc/[0-9]*/stat' | grep -q ' Z '"
	cella_is 0 stop cmd
	[ "$(ended cmd code)" = 5 ]
	[ "$(ended cmd asked_by)" != null ]
}

@test "exit code and signal of a plain command are recorded" {
	cella_is 0 create cmd --set 'init.args=["/bin/sh","-c","exit 42"]'
	cella_is 0 start cmd
	cella_is 0 wait cmd --for stopped --timeout 10s
	[ "$(ended cmd code)" = 42 ]
	cella_is 0 set cmd 'init.args=["/bin/sh","-c","kill -SEGV $$"]'
	cella_is 0 start cmd
	cella_is 0 wait cmd --for stopped --timeout 10s
	[ "$(ended cmd code)" = 139 ] || [ "$(ended cmd code)" = 11 ]
}

@test "a reboot inside restarts the zone, a poweroff stops it" {
	cella_is 0 create web
	cella_is 0 start web
	local pid
	pid=$(zone_pid web)
	in_zone web reboot || true # may be among the first that init ends
	eventually 20 bash -c "p=\$('$CELLA' list -j | jq -r '.[0] | select(.state == \"running\") | .pid'); [ -n \"\$p\" ] && [ \"\$p\" != null ] && [ \"\$p\" != $pid ]"
	in_zone web poweroff || true
	cella_is 0 wait web --for stopped --timeout 20s
	[ "$(ended web reason)" = poweroff ]
	eventually 5 state_is web stopped
}

@test "boot.restart: always, on-failure, no; a stop is not undone" {
	cella_is 0 create cmd --set boot.restart=on-failure --set 'init.args=["/bin/sh","-c","echo x >>/root/runs; sleep 0.2; exit 1"]'
	cella_is 0 start cmd
	eventually 15 bash -c "[ \"\$(wc -l <'$CELLA_ROOT/zones/cmd/upper/root/runs')\" -ge 2 ]"
	cella_is 0 stop cmd
	local n
	n=$(wc -l <"$CELLA_ROOT/zones/cmd/upper/root/runs")
	read -r -t 3 <> <(:) || true
	[ "$(wc -l <"$CELLA_ROOT/zones/cmd/upper/root/runs")" = "$n" ]
	state_is cmd stopped
}

@test "exec failures of init are told with step, object, reason, hint" {
	cella_is 0 create web --set 'init.args=["/no/init"]' --set init.kind=system
	cella_is 1 start web
	error_has exec /no/init "No such file" hint
	state_is web stopped
	cella_is 0 set web 'init.args=["/etc/passwd"]'
	cella start web
	[ "$status" -ne 0 ]
	error_has exec /etc/passwd
	cella_is 0 set web 'init.args=["/no/command"]' init.kind=app
	cella start web
	[ "$status" -ne 0 ]
	error_has /no/command
	state_is web stopped
}

@test "the console is logged, and the log is rotated at its limit" {
	cella_is 0 create cmd --set console.log_max=64K \
		--set 'init.args=["/bin/sh","-c","echo hello-console; i=0; while [ $i -lt 3000 ]; do echo line-$i-0123456789012345678901234567890123456789; i=$((i+1)); done; echo the-end; exec sleep 1000"]'
	cella_is 0 start cmd
	eventually 15 grep -q the-end "$CELLA_LOG/cmd.console"
	[ "$(stat -c %s "$CELLA_LOG/cmd.console")" -le 65536 ]
	[ -e "$CELLA_LOG/cmd.console.1" ]
	cella_is 0 log -n 1 cmd
	output_has the-end
	state_is cmd running
}

@test "a keeper and its clerk have at most 100 KiB each of their own" {
	cella_is 0 create web
	cella_is 0 start web
	local k p own n=0
	k=$(jq .keeper.pid "$CELLA_RUN/zones/web/state.json")
	# their program is one for all zones of the host: what counts is what each has written
	for p in "$k" $(cat "/proc/$k/task/$k/children"); do
		[ "$(cat "/proc/$p/comm")" = cella-keeper ] || continue
		own=$(awk '/^Anonymous:/ {print $2}' "/proc/$p/smaps_rollup")
		echo "$p: $own KiB"
		[ "$own" -gt 0 ] && [ "$own" -le 100 ]
		n=$((n + 1))
	done
	[ $n = 2 ]
}

@test "console: input, output, reconnect, escape" {
	cella_is 0 create web
	cella_is 0 start web
	run python3 - "$CELLA" <<-'X'
		import os, pty, sys, time, select
		def session(send, want):
		    pid, fd = pty.fork()
		    if pid == 0:
		        os.execv(sys.argv[1], ["cella", "console", "web"])
		    got, end = b"", time.time() + 10
		    time.sleep(0.3)
		    os.write(fd, send)
		    while time.time() < end and want not in got:
		        if select.select([fd], [], [], 0.2)[0]:
		            try: got += os.read(fd, 4096)
		            except OSError: break
		    os.write(fd, b"\x1dq")
		    while time.time() < end:
		        if os.waitpid(pid, os.WNOHANG)[0]: break
		        if select.select([fd], [], [], 0.1)[0]:
		            try: os.read(fd, 4096)
		            except OSError: pass
		    else:
		        print("did not leave"); sys.exit(1)
		    if want not in got:
		        print("no", want, "in", got); sys.exit(1)
		session(b"\recho con$((40+2))sole\r", b"con42sole")
		session(b"\recho again$((1+1))\r", b"again2")
	X
	echo "$output"
	[ "$status" -eq 0 ]
	state_is web running
}

@test "SIGTERM to the keeper is an orderly stop, whatever boot.restart says" {
	"$CELLA" create web --set boot.restart=always
	"$CELLA" start web
	kill -TERM "$(jq .keeper.pid "$CELLA_RUN/zones/web/state.json")"
	eventually 20 state_is web stopped
	jq -se '[.[] | select(.event == "ended")] | last | .asked_by.verb == "stop" and .reason == "poweroff"' \
		"$CELLA_ROOT/zones/web/events.jsonl"
}
