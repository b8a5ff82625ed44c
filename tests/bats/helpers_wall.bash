# For the wall_*.bats files: a test of a flaw class, and the proof that the test can fail.
# A case is a function. What it finds broken it says with `breach`, and goes on; what makes it prove
# nothing (a racer too slow) it says with `void`.
#     @test "S08 mount target swapped for a symlink" { holds S08_case; }
#     @test "S08 control: the case fails when the defence is gone" { control S08 S08_case; }
# shellcheck shell=bash

SWITCHES_BUILD=${CELLA_SWITCHES_BUILD:-$(dirname "$CELLA_BUILD")/build-switches}
TOOLS=$CELLA_BUILD/tests
RACER=$TOOLS/racer

breach() { echo "$*" >>"$BATS_TEST_TMPDIR/breaches"; echo "breach: $*" >&2; }
void() { echo "void: $* (nothing was shown)" >&2; return 1; }
breaches() { [ -s "$BATS_TEST_TMPDIR/breaches" ]; }

# The case as it must be: no breach, with the build that users get.
holds() {
	rm -f "$BATS_TEST_TMPDIR/breaches"
	"$@"
	! breaches || { echo "the defence does not hold"; return 1; }
}

# The same case, the defence ID taken away: there must be a breach, and none with the defence in place
# (else the two builds differ in more than the switch).
control() {
	local id=$1
	shift
	[ -x "$SWITCHES_BUILD/bin/cella" ] || {
		echo "there is no build with switches: cmake --preset switches && cmake --build --preset switches"
		return 1
	}
	CELLA_BUILD=$SWITCHES_BUILD CELLA=$SWITCHES_BUILD/bin/cella
	export CELLA_TEST_OFF=$id
	rm -f "$BATS_TEST_TMPDIR/breaches"
	"$@"
	unset CELLA_TEST_OFF
	breaches || { echo "without its defence the case finds no breach either: it proves nothing"; return 1; }
}

# A tree outside every zone, that nothing may touch: `canary_made DIR`, and later `canary_same DIR`.
canary_made() {
	mkdir -p "$1"/dir
	echo secret >"$1/file"
	echo secret >"$1/dir/file"
	ln -sfn file "$1/link"
	canary_state "$1" >"$BATS_TEST_TMPDIR/canary.${1##*/}"
}
canary_state() { (cd "$1" && find . -printf '%p %y %m %U %G %i %T@ %l\n' | sort && find . -type f -exec sha256sum {} + | sort); }
canary_same() {
	canary_state "$1" >"$BATS_TEST_TMPDIR/canary.now"
	diff "$BATS_TEST_TMPDIR/canary.${1##*/}" "$BATS_TEST_TMPDIR/canary.now" >&2 || breach "${2:-the canary} was touched"
}

# racer_start MODE PATH [OTHER]; racer_stop: ends it, and voids the case if it was too slow.
racer_start() {
	exec {RACER_OUT}< <(exec "$RACER" "$@" 3>&-)
	RACER_PID=$!
	local word
	read -r word <&$RACER_OUT && [ "$word" = ready ]
}
racer_stop() {
	local swaps=
	kill "$RACER_PID" 2>/dev/null || true # it may be at its end already
	read -r swaps <&$RACER_OUT || true
	exec {RACER_OUT}<&-
	echo "racer: ${swaps:=0} changes"
	RACER_CHANGES=$((${RACER_CHANGES:-0} + swaps)) # of all racers of the case
	[ "$swaps" -ge "${1:-1000}" ] || void "only $swaps changes in the window"
}

# tests/tools/intruder, which is /opt/intruder in the zone: intruder_start ZONE MODE /hits...;
# intruder_stop ZONE LEAST.
intruder_start() { in_zone "$1" sh -c "rm -f /hits*; /opt/intruder ${*:2} </dev/null >/dev/null 2>&1 & echo \$! >/tmp/intruder"; }
# Ends it; the hits. Without anything that it could have attacked nothing is shown.
intruder_stop() {
	local n
	in_zone "$1" sh -c 'kill $(cat /tmp/intruder)'
	eventually 5 in_zone "$1" test -e /hits.seen
	n=$(in_zone "$1" cut -d' ' -f2 /hits.seen)
	echo "intruder in $1: $n looks at something of Cella's"
	[ "$n" -ge "$2" ] || void "there was only $n times something to attack"
	in_zone "$1" sort /hits | uniq -c | sed "s/^/$1: /" >"$BATS_TEST_TMPDIR/hits"
	[ ! -s "$BATS_TEST_TMPDIR/hits" ] || breach "$(<"$BATS_TEST_TMPDIR/hits")"
}
