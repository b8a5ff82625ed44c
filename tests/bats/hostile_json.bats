#!/usr/bin/env bats
# Damaged files in the store: each key of each JSON file, in turn (S45).
bats_require_minimum_version 1.5.0
load helpers
load helpers_wall

setup_file() {
	store_setup
	export TREE=$STORE/tree
	mkdir -p "$TREE"/{bin,dev,etc,proc,sys}
	cp /bin/busybox "$TREE/bin/"
	ln -s busybox "$TREE/bin/sh"
	tar -C "$TREE" -cf "$STORE/tree.tar" .
}

tiny() { "$CELLA" create -q "$1" --from "$STORE/tree.tar" --set 'init.args=["/bin/busybox","sleep","1000"]' --set init.kind=app "${@:2}"; }
mutated() { # at least so many, file, verbs...
	local want=$1 out line
	shift
	out=$(CELLA=$CELLA python3 "$TESTS/tools/mutants.py" "$@" 2>&1) || breach "the mutator: $out"
	while read -r line; do
		[[ $line =~ ^([0-9]+)\ mutants ]] || breach "$line"
	done <<<"$out"
	[[ ${out##*$'\n'} =~ ^([0-9]+)\ mutants ]] && [ "${BASH_REMATCH[1]}" -ge "$want" ] || void "${out##*$'\n'}"
	echo "${out##*$'\n'}"
}
zone_json() {
	tiny a --set network.mode=none
	mutated 120 "$CELLA_ROOT/zones/a/zone.json" a list 'show ZONE' 'start ZONE' 'repair ZONE' 'destroy --force ZONE'
	"$CELLA" repair
	"$CELLA" destroy -q --force a
}
layer_json() {
	tiny a --set network.mode=none
	mutated 50 "$(echo "$CELLA_ROOT"/layers/*/layer.json)" a list 'start ZONE' repair 'destroy --force ZONE'
	"$CELLA" repair
	"$CELLA" destroy -q --force a
}
spec_json() {
	tiny a --set network.mode=none
	mutated 40 "$CELLA_ROOT/zones/a/spec.json" a list 'show ZONE' 'start ZONE' 'destroy --force ZONE'
	"$CELLA" repair
	"$CELLA" destroy -q --force a
}
state_json() {
	tiny a --set network.mode=none
	"$CELLA" start -q a
	mutated 100 "$CELLA_RUN/zones/a/state.json" a --running list 'show ZONE' 'ps ZONE' 'exec ZONE -- /bin/busybox true'
	"$CELLA" exec a -- /bin/busybox true || breach "the zone is no longer what it was"
	"$CELLA" kill -q a
	"$CELLA" destroy -q --force a
}
@test "S45 each key of zone.json" { holds zone_json; }
@test "S45 each key of layer.json" { holds layer_json; }
@test "S45 each key of spec.json" { holds spec_json; }
@test "S45 each key of state.json of a running zone" { holds state_json; }
network_json() {
	tiny a
	"$CELLA" start -q a
	"$CELLA" kill -q a
	mutated 50 "$CELLA_ROOT/networks/default.json" a list 'start ZONE' 'repair ZONE' 'destroy --force ZONE'
	"$CELLA" repair
	"$CELLA" destroy -q --force a
	rm -rf "$CELLA_ROOT"/networks/*
}
@test "S45 each key of a network's file" { holds network_json; }
# What the mutator must notice of a command: that it crashes, hangs on, says nothing, acts on a terminal.
@test "S45 control: the mutator notices" {
	local fake=$BATS_TEST_TMPDIR/fake says
	mkdir -p "$STORE/f/zones" "$STORE/f/layers" "$STORE/f/networks"
	while IFS='|' read -r says what; do
		echo '{"a": 1}' >"$STORE/f/zones/a.json"
		printf '#!/bin/bash\n%s\n' "$what" >"$fake"
		chmod 755 "$fake"
		run env CELLA="$fake" CELLA_ROOT="$STORE/f" python3 "$TESTS/tools/mutants.py" "$STORE/f/zones/a.json" a list
		[[ $output == *"/a null: list: $says"* ]] || { echo "not noticed: $what: $output"; return 1; }
	done <<-'END'
		ended with -11|kill -SEGV $$
		ended with 134|exit 134
		exit code 1 without a word|exit 1
		acts on a terminal|printf '\033[2J' >&2; exit 1
	END
	rm -rf "$STORE/f"
}
