#!/usr/bin/env bats
# Many at once: one winner for one name, everybody for many.
bats_require_minimum_version 1.5.0
load helpers

@test "F20 ten starts of one zone: one wins, the others say so with 0 or 5" {
	cella_is 0 create web
	local i
	for i in $(seq 10); do
		("$CELLA" start web 2>/dev/null; echo $? >"$BATS_TEST_TMPDIR/code.$i") 3>&- &
	done
	wait
	for i in $(seq 10); do
		[[ $(cat "$BATS_TEST_TMPDIR/code.$i") =~ ^(0|5)$ ]]
	done
	grep -qx 0 "$BATS_TEST_TMPDIR"/code.*
	[ "$(jq -r .event "$CELLA_ROOT/zones/web/events.jsonl" | grep -c '^started$')" = 1 ]
}

@test "twenty zones at once" {
	local i
	for i in $(seq 20); do "$CELLA" create z$i; done
	for i in $(seq 20); do
		("$CELLA" start z$i; echo $? >"$BATS_TEST_TMPDIR/code.$i") 3>&- &
	done
	wait
	for i in $(seq 20); do [ "$(cat "$BATS_TEST_TMPDIR/code.$i")" = 0 ]; done
	[ "$("$CELLA" list -q --filter state=running | wc -l)" = 20 ]
	for i in $(seq 20); do ("$CELLA" stop z$i) 3>&- & done
	wait
	[ -z "$("$CELLA" list -q --filter state!=stopped)" ]
}

@test "F20 ten creates of one name, ten destroys" {
	local i
	for i in $(seq 10); do
		("$CELLA" create web 2>/dev/null; echo $? >"$BATS_TEST_TMPDIR/code.$i") 3>&- &
	done
	wait
	[ "$(grep -lx 0 "$BATS_TEST_TMPDIR"/code.* | wc -l)" = 1 ]
	for i in $(seq 10); do
		("$CELLA" destroy --force web 2>/dev/null; echo $? >"$BATS_TEST_TMPDIR/code.$i") 3>&- &
	done
	wait
	grep -qx 0 "$BATS_TEST_TMPDIR"/code.*
	cella_is 3 show web
}

@test "F22 the lock's holder is stopped: others answer 5 and name it" {
	cella_is 0 create web
	python3 - "$CELLA_ROOT/zones/web/lock" "$BATS_TEST_TMPDIR/held" <<-'X' 3>&- &
		import fcntl, struct, sys, time
		f = open(sys.argv[1], "a+")
		# F_OFD_SETLK: as the command itself locks
		fcntl.fcntl(f, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
		open(sys.argv[2], "w").close()
		time.sleep(60)
	X
	local p=$!
	eventually 5 test -e "$BATS_TEST_TMPDIR/held"
	cella_is 5 start web
	error_has busy
	cella_is 0 list
	kill $p
	wait $p || true
	cella_is 0 start web
}

@test "a list of many zones is the same with one processor and with all, and zones may go meanwhile" {
	local i all one cpu
	cpu=$(taskset -cp $$ | grep -oE '[0-9]+' | tail -n 1)
	for i in $(seq 140); do "$CELLA" create z$i; done
	"$CELLA" start z7 z77
	echo '{' >"$CELLA_ROOT/zones/z55/spec.json"
	same() { jq 'map(with_entries(select(.key | test("^(memory|swap|cpu|pids|io)_") | not)))' <<<"$1"; }
	all=$("$CELLA" list --json)
	one=$(taskset -c "$cpu" "$CELLA" list --json)
	diff <(same "$all") <(same "$one")
	[ "$(jq length <<<"$all")" = 140 ]
	[ "$(jq -r '.[].name' <<<"$all")" = "$(jq -r '.[].name' <<<"$all" | sort)" ]
	[ "$(jq -r '[.[] | select(.state != "stopped") | .name + " " + .state] | join(",")' <<<"$all")" = "z55 broken,z7 running,z77 running" ]
	all=$("$CELLA" list -o name,state,pid,address4,init)
	[ "$all" = "$(taskset -c "$cpu" "$CELLA" list -o name,state,pid,address4,init)" ]
	(code=0; "$CELLA" destroy -q --force $(seq -f z%g 2 2 140) || code=$?; echo $code >"$BATS_TEST_TMPDIR/code") 3>&- &
	until [ -s "$BATS_TEST_TMPDIR/code" ]; do "$CELLA" list -q >/dev/null; done
	wait
	[ "$(cat "$BATS_TEST_TMPDIR/code")" = 0 ]
	[ "$("$CELLA" list -q | wc -l)" = 70 ]
}
