# kill -9 of a verb at instants spread over its run. The moment is a fraction of a measured run, with a
# seed that is printed; REPEAT=SEED replays it.
# shellcheck shell=bash

setup() {
	leak_setup
	SEED=${REPEAT:-$RANDOM}
	echo "# seed $SEED (REPEAT=$SEED replays)"
	RANDOM=$SEED
}

# Duration of one undisturbed run, in microseconds.
measure() {
	local begin=${EPOCHREALTIME/./}
	"$@" >/dev/null 2>&1
	echo $((${EPOCHREALTIME/./} - begin))
}
# Run a command in a process group of its own, and kill the whole group after some microseconds.
strike() {
	local us=$1
	shift
	timeout --foreground -s KILL "$(printf '%d.%06d' $((us / 1000000)) $((us % 1000000)))" "$@" >/dev/null 2>&1
	[ $? -eq 137 ]
}
sound() { # after a strike: list works, and shows no zone that is half made
	"$CELLA" list -j >"$BATS_TEST_TMPDIR/list" || return 1
	jq -e 'all(.[]; .state != "broken")' "$BATS_TEST_TMPDIR/list"
}
strikes() { # count, function that prepares, command...
	local n=$1 prepare=$2 i us hit=0 total
	shift 2
	# The shortest of three: one that had to wait for the disk would put most instants after the end.
	for i in 1 2 3; do
		$prepare
		us=$(measure "$@")
		[ "${total:-$us}" -lt "$us" ] || total=$us
	done
	for i in $(seq "$n"); do
		$prepare
		us=$((total * i / n + RANDOM % 200))
		strike $us "$@" && hit=$((hit + 1))
		sound || { echo "unsound after $us us of $*"; return 1; }
	done
	echo "# $*: $hit of $n died, of about $total us"
	[ $hit -ge $((n / 4)) ]
}

fresh_web() {
	"$CELLA" destroy --force web >/dev/null 2>&1 || true
	"$CELLA" create web
}
