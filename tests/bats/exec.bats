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

@test "H17 the caller's real-time priority and processors stay with the caller" {
	# field 18: priority, 20 is nice 0; 40 and 41: real-time priority and policy
	run chrt -f 10 "$CELLA" exec web -- awk '{print $18, $40, $41}' /proc/self/stat
	[ "$status" = 0 ]
	[ "$output" = "20 0 0" ]
	cella exec web -- grep Cpus_allowed_list /proc/self/status
	local all=$output
	run taskset -c 0 "$CELLA" exec web -- grep Cpus_allowed_list /proc/self/status
	[ "$output" = "$all" ]
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

@test "-e adds variables, the last one of a name counts" {
	run "$CELLA" exec -e A=1 -e B=2 -e A=3 -e HOME=/x web -- sh -c 'echo $A $B $HOME'
	[ "$output" = "3 2 /x" ]
	cella_is 125 exec -e =x web -- env
	cella_is 125 exec -e x web -- env
}

@test "working directory" {
	run "$CELLA" exec -w /etc web -- pwd
	[ "$output" = /etc ]
	cella_is 125 exec -w /nosuch web -- pwd
	error_has "step workdir" /nosuch
	cella_is 125 exec -w relative web -- pwd
	cella_is 125 run --set network.mode=none -w /nosuch -- true
	error_has "step workdir" /nosuch
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

@test "S01 what the spec says of userns by now is for the next start: exec and mount go by the zone that runs" {
	"$CELLA" create bare --set security.userns=none --set 'init.args=["/bin/sleep","1000000"]' --set init.kind=app
	"$CELLA" start bare
	local before
	before=$("$CELLA" exec bare -- grep -E '^(Cap|Seccomp:|NoNewPrivs)' /proc/self/status)
	[[ $before == *CapEff* ]]
	cella_is 0 set bare security.userns=isolated
	[ "$("$CELLA" exec bare -- grep -E '^(Cap|Seccomp:|NoNewPrivs)' /proc/self/status)" = "$before" ]
	# and the program that enters it is a sealed copy, as the zone's root is the host's
	[[ $(strace -f -e trace=memfd_create,execve "$CELLA" exec bare -- true 2>&1) == *memfd_create* ]]
	mkdir -p "$BATS_TEST_TMPDIR/src"
	cella_is 4 mount bare "$BATS_TEST_TMPDIR/src" /mnt
	error_has userns "cella restart bare"
	cella_is 0 destroy --force bare
}

@test "S01 the kernel still holds a page of the copy that is to be sealed: asked again" {
	local trace=$BATS_TEST_TMPDIR/trace n
	"$CELLA" create bare --set security.userns=none --set 'init.args=["/bin/sleep","1000000"]' --set init.kind=app
	"$CELLA" start bare
	strace -o "$trace" -e trace=fcntl "$CELLA" exec bare -- true
	n=$(grep -n F_ADD_SEALS "$trace" | cut -d: -f1)
	[ "$n" -gt 0 ]
	strace -o "$trace" -e trace=fcntl -e "inject=fcntl:error=EBUSY:when=$n..$((n + 2))" "$CELLA" exec bare -- true
	[ "$(grep -c 'F_ADD_SEALS.*EBUSY' "$trace")" = 3 ]
	grep -q 'F_ADD_SEALS.*= 0' "$trace"
	"$CELLA" destroy --force bare
}

@test "exec into a stopped zone fails and says how to start it" {
	"$CELLA" create other
	cella_is 125 exec other -- true
	error_has other stopped
}
