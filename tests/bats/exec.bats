#!/usr/bin/env bats
# exec and shell: streams, exit codes, users, environment, terminal.
bats_require_minimum_version 1.5.0
load helpers

setup_file() {
	store_setup
	"$CELLA" create web
	"$CELLA" start web
}
setup() { :; }
teardown() { [ "$(pgrep -c -f "$CELLA exec" || true)" = 0 ]; }

@test "exit code of the command; 126, 127; 128+signal" {
	cella_is 0 exec web -- true
	cella_is 3 exec web -- sh -c 'exit 3'
	cella_is 143 exec web -- sh -c 'kill -TERM $$'
	cella_is 127 exec web -- nosuchcommand
	error_has nosuchcommand
	cella_is 126 exec web -- /etc/passwd
	cella_is 125 exec web2 -- true
	error_has "no zone"
}

@test "three pipes that stay three" {
	cella exec web -- sh -c 'echo out; echo err >&2'
	[ "$output" = out ]
	[ "$stderr" = err ]
	run bash -c "head -c 3000000 /dev/zero | '$CELLA' exec web -- wc -c"
	[ "$output" -eq 3000000 ]
	run bash -c "'$CELLA' exec web -- head -c 3000000 /dev/zero | wc -c"
	[ "$output" -eq 3000000 ]
	# a reader that has enough ends the command, not the zone
	run bash -c "'$CELLA' exec web -- yes | head -n 1"
	[ "$output" = y ]
	state_is web running
}

@test "without -t no terminal, with -t a terminal of the zone's" {
	cella_is 1 exec web -- tty
	run "$CELLA" exec -t web -- tty
	[ "$status" -eq 0 ]
	[[ $output == /dev/pts/* ]]
	run script -qec "'$CELLA' exec web -- sh -c 'tty; stty size'" /dev/null
	[[ $output == */dev/pts/* ]]
}

@test "environment is built from nothing" {
	SECRET=x LD_PRELOAD= NOTIFY_SOCKET=/x LISTEN_FDS=3 run "$CELLA" exec -e A=1 -e B=2 -e A=3 web -- env
	[ "$status" -eq 0 ]
	[[ $'\n'$output == *$'\nA=3'* ]]
	[[ $'\n'$output == *$'\nB=2'* ]]
	[[ $'\n'$output == *$'\ncontainer=cella'* ]]
	! grep -qE '^(SECRET|NOTIFY_SOCKET|LISTEN_FDS|CELLA_ROOT|BATS)' <<<"$output"
	cella_is 125 exec -e =x web -- env
}

@test "S14 users: numbers are never looked up, names are" {
	in_zone web sh -c 'echo "app:x:1000:1001:,,,:/tmp:/bin/sh" >>/etc/passwd; echo "1:x:0:0::/:/bin/sh" >>/etc/passwd
		echo "app:x:1001:" >>/etc/group; echo "extra:x:1002:app" >>/etc/group'
	run "$CELLA" exec -u 1000 web -- id -u
	[ "$output" = 1000 ]
	run "$CELLA" exec -u app web -- sh -c 'id -u; id -g; id -G; echo $HOME'
	[ "${lines[0]}" = 1000 ]
	[ "${lines[1]}" = 1001 ]
	[[ " ${lines[2]} " == *" 1002 "* ]]
	[ "${lines[3]}" = /tmp ]
	run "$CELLA" exec -u 1 web -- id -u
	[ "$output" = 1 ]
	run "$CELLA" exec -u 1:2 web -- sh -c 'id -u; id -g'
	[ "${lines[*]}" = "1 2" ]
	local u
	for u in "" ":" "-1" "+1" " 1" "0x1" "1a" "2147483648" "4294967295" "65536" "nosuch" "app:nosuch" "1:" $'a\nb'; do
		cella_is 125 exec -u "$u" web -- id || return 1
	done
}

@test "S13 another user has no capability at all" {
	run "$CELLA" exec -u 1000 web -- grep Cap /proc/self/status
	[ "$(awk '/CapInh|CapPrm|CapEff|CapAmb/ {print $2}' <<<"$output" | sort -u)" = 0000000000000000 ]
}

@test "working directory" {
	run "$CELLA" exec -w /etc web -- pwd
	[ "$output" = /etc ]
	cella_is 125 exec -w /nosuch web -- pwd
	error_has "step workdir" /nosuch
	cella_is 125 exec -w relative web -- pwd
}

@test "S04 no descriptor of the caller and no way out by /proc/self/fd" {
	local fd
	exec 7</ 8</etc 9</root
	run "$CELLA" exec web -- ls /proc/self/fd
	[ "$(grep -cE '^(7|8|9)$' <<<"$output")" = 0 ]
	for fd in 3 4 5 6 7 8 9 10 11 12; do
		run "$CELLA" exec -w /proc/self/fd/$fd web -- ls
		[ "$status" -ne 0 ]
	done
	exec 7<&- 8<&- 9<&-
}

@test "S15 passwd of the zone is a FIFO, a device, a link to the host: no hang, no look" {
	in_zone web sh -c 'cp /etc/passwd /root/p; rm /etc/passwd; mkfifo /etc/passwd'
	run timeout 5 "$CELLA" exec -u app web -- id
	[ "$status" -eq 125 ] || [ "$status" -eq 1 ]
	in_zone web sh -c 'rm /etc/passwd; ln -s /../../../../etc/shadow /etc/passwd'
	# a user that only the host has
	run timeout 5 "$CELLA" exec -u _apt web -- id
	[ "$status" -eq 125 ]
	in_zone web sh -c 'rm /etc/passwd; mkdir /etc/passwd'
	run timeout 5 "$CELLA" exec -u app web -- id
	[ "$status" -ne 0 ]
	in_zone web sh -c 'rmdir /etc/passwd; cp /root/p /etc/passwd'
	cella_is 0 exec -u app web -- true
}

@test "a signal to the command line reaches the command" {
	"$CELLA" exec web -- sh -c 'trap "exit 9" TERM; touch /tmp/up; while :; do sleep 0.1; done' 3>&- &
	local p=$!
	eventually 5 in_zone web test -e /tmp/up
	kill -TERM $p
	wait $p && false || [ $? -eq 9 ]
}

@test "shell is a login shell of the zone's user" {
	run bash -c "echo 'echo \$0; pwd; id -u' | '$CELLA' shell web"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "-sh" ] || [ "${lines[0]}" = "-ash" ]
	[ "${lines[2]}" = 0 ]
}

@test "exec into a stopped zone fails and says how to start it" {
	"$CELLA" create other
	cella_is 125 exec other -- true
	error_has other stopped
}
