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
	"$CELLA" create live --set 'init.args=["/bin/busybox","sleep","100000"]' \
		--set resources.memory.max=256M --set resources.pids.max=100
	"$CELLA" start live
}
setup() {
	audit >"$BATS_TEST_TMPDIR/audit.before"
}
teardown() {
	rm -f "$CELLA_CONFIG"
	audit >"$BATS_TEST_TMPDIR/audit.after"
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
