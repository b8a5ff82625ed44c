#!/usr/bin/env bats
# Bad input: its own clear error, its exit code, and the state from before. The inputs are tables,
# see badinput/run; the name of a test begins with the row that it drives.
bats_require_minimum_version 1.5.0
load helpers

# "old" is stopped, "live" runs; no input changes them, so they serve the whole file.
setup_file() {
	store_setup
	export CELLA STORE_ID
	"$CELLA" create old
	"$CELLA" set old description=x # makes its lock
	local hold="dd if=/dev/zero of=/dev/shm/held bs=1M count=32 2>/dev/null; exec sleep 100000"
	"$CELLA" create live --set "init.args=[\"/bin/sh\", \"-c\", \"$hold\"]" \
		--set resources.memory.max=256M --set resources.pids.max=100
	"$CELLA" start live
	eventually 10 in_zone live /bin/busybox pidof sleep
}
# Beside other work the host's mounts are others' too.
audit_here() { audit | if [ -n "${AUDIT_SHARED:-}" ]; then grep -v '^mount'; else cat; fi; }
setup() {
	audit_here >"$BATS_TEST_TMPDIR/audit.before"
}
teardown() {
	rm -f "$CELLA_CONFIG"
	audit_here >"$BATS_TEST_TMPDIR/audit.after"
	diff "$BATS_TEST_TMPDIR/audit.before" "$BATS_TEST_TMPDIR/audit.after" || {
		echo "^ leaked (>) or lost (<) by: $BATS_TEST_DESCRIPTION" >&2
		return 1
	}
}

row() { CASES=$BATS_FILE_TMPDIR "$BATS_TEST_DIRNAME/badinput/run" "$1"; }

@test "B01 JSON syntax" { row B01; }
@test "B02 depth and width" { row B02; }
@test "B03 duplicate and unknown keys, near misses" { row B03; }
@test "B04 types" { row B04; }
@test "B05 numbers" { row B05; }
@test "B06 sizes, times, cpu" { row B06; }
@test "B07 names" { row B07; }
@test "B08 labels, groups" { row B08; }
@test "B09 paths" { row B09; }
@test "B10 mount targets" { row B10; }
@test "B11 mount sources" { row B11; }
@test "B12 mount options" { row B12; }
@test "B13 addresses" { row B13; }
@test "B14 MAC and interface names" { row B14; }
@test "B15 ports and protocols" { row B15; }
@test "B17 capabilities, signals, rlimits" { row B17; }
@test "B18 seccomp" { row B18; }
@test "B19 devices" { row B19; }
@test "B20 resources" { row B20; }
@test "B20 less memory than a running zone holds" {
	local pid max
	pid=$(zone_pid live) max=$(group_file live memory.limit_in_bytes memory.max)
	row B20-live
	[ "$(zone_pid live)" = "$pid" ]
	[ "$(group_file live memory.limit_in_bytes memory.max)" = "$max" ]
	[ "$(in_zone live /bin/busybox pidof sleep | wc -w)" -eq 1 ]
}
@test "B21 boot order" { row B21; }
@test "B22 hooks, environment, arguments" { row B22; }
@test "B39 set" { row B39; }
@test "B40 options" { row B40; }
@test "B41 stdin and terminals" { row B41; }
@test "B42 environment" { row B42; }
@test "B43 cella.json" { row B43; }
@test "B44 log and event filters" { row B44; }

# The runner itself: each line is wrong in one way, and must be found to be.
@test "control: the runner notices" {
	local t=$BATS_TEST_TMPDIR/tables line
	mkdir "$t"
	while IFS= read -r line; do
		printf 'X | %s\n' "$line" >"$t/x.table"
		TABLES=$t run row X
		echo "$output"
		[ "$status" -ne 0 ] && [[ $output == *"!! "* ]] || { echo "not noticed: $line"; return 1; }
	done <<-'END'
		argv | list nosuch | 2 | nosuch
		argv | list nosuch | 3 | nosuch && another word
		argv | list -q | 3 |
		sh | echo "cella: $(printf '\033')" >&2; exit 2 | 2 |
		sh | kill -SEGV $$ | 2 |
		sh | exit 2 | 2 |
		sh | touch "$CELLA_ROOT/x"; echo cella: x >&2; exit 2 | 2 |
		sh | rm "$CELLA_ROOT/x"; echo cella: x >&2; exit 2 | 2 |
		sh | chmod 711 "$CELLA_ROOT"; echo cella: x >&2; exit 2 | 2 |
		sh | chmod 700 "$CELLA_ROOT"; echo cella: x >&2; exit 2 | 2 |
		sh | f=$CELLA_ROOT/zones/old/spec.json; cp "$f" "$f.2"; cat "$f.2" >"$f"; rm "$f.2"; echo cella: x >&2; exit 2 | 2 |
		sh | "$CELLA" set live resources.pids.max=90; echo cella: x >&2; exit 2 | 2 |
		sh | "$CELLA" set live resources.pids.max=100; echo cella: x >&2; exit 2 | 2 |
		spec | "description": "good" | 2 | good
		set | description=good | 2 | good
		conf | {} | 2 | good
		doc | {"name": 1} | 2 | no such words
	END
}
