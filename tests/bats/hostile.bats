#!/usr/bin/env bats
# Hostile archives: each is refused with its own message, or lies inside; nothing outside is touched.
# The archives and what is expected of them are in tests/tools/hostile_archives.py.
# shellcheck disable=SC2154 # stderr, of run
bats_require_minimum_version 1.5.0
load helpers
load helpers_wall

setup_file() {
	store_setup
	# Whom a mistake would reach: anybody's to write, and named by absolute path.
	CANARY=$(mktemp -d "${CELLA_TEST_TMP:-/var/tmp}/cella-canary.XXXXXX")
	export CANARY TARS=$STORE/tars CONVERTER=$CELLA_BUILD/tests/converter.so
	python3 "$TESTS/tools/hostile_archives.py" make "$TARS" >"$STORE/count"
	cat "$STORE/count"
}
teardown_file() {
	store_teardown
	rm -rf "${CANARY:?}"
}
setup() {
	leak_setup
	rm -rf "${CANARY:?}"/*
	canary_made "$CANARY"
	chmod -R 0777 "$CANARY"
	canary_state "$CANARY" >"$BATS_TEST_TMPDIR/canary.${CANARY##*/}"
}

# One archive: what cella says, and what it has left.
create_of() { # file, what a refusal must say or "" if it is to be taken
	local name=$1 says=$2 layer
	# Memory that is not bounded would be seen as the child's end by signal.
	timeout -s KILL "$(secs 60)" "$CELLA" create h --from "$TARS/$name" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" </dev/null && STATUS=0 || STATUS=$?
	ERR=$(<"$BATS_TEST_TMPDIR/err")
	[[ $ERR != *"ended by signal"* ]] || breach "$name: $ERR"
	! LC_ALL=C grep -qP '[\x00-\x09\x0b-\x1f\x7f]' "$BATS_TEST_TMPDIR/err" || breach "$name: the message acts on a terminal"
	if [ -n "$says" ]; then
		[ "$STATUS" = 1 ] || breach "$name: exit code $STATUS, want 1: $ERR"
		[ "$says" = - ] || [[ $ERR == *"$says"* ]] || breach "$name: does not say '$says': $ERR"
		[ -n "$ERR" ] || breach "$name: says nothing"
		[ ! -e "$CELLA_ROOT/zones/h" ] || breach "$name: a zone is left"
	else
		[ "$STATUS" = 0 ] || breach "$name: exit code $STATUS, want 0: $ERR"
	fi
	if [ "$STATUS" = 0 ]; then
		layer=$(jq -r '.layers[0]' "$CELLA_ROOT/zones/h/zone.json")
		python3 "$TESTS/tools/hostile_archives.py" check "$name" "$CELLA_ROOT/layers/$layer/fs" >"$BATS_TEST_TMPDIR/check" 2>&1 ||
			breach "$name: $(tail -n 1 "$BATS_TEST_TMPDIR/check")"
		[ -z "$(find "$CELLA_ROOT/layers/$layer/fs" \( -uid +65535 -o -gid +65535 \) -print -quit)" ] || breach "$name: owners of the host's range"
		"$CELLA" destroy -q --force h || breach "$name: cannot be destroyed"
	fi
	[ -z "$(ls -A "$CELLA_ROOT/staging")" ] || breach "$name: staging is not empty"
	[ -z "$(ls -A "$CELLA_ROOT/layers")" ] || breach "$name: a layer is left"
}
group() { # name, at least so many archives
	local name says n=0
	while IFS=$'\t' read -r name says; do
		create_of "$name" "$says"
		n=$((n + 1))
	done <"$TARS/$1.list"
	canary_same "$CANARY"
	[ $n -ge "$2" ] || void "only $n archives"
}

@test "S20 B26 names and links that leave the root" { holds group paths 30; }
@test "S20 control: with paths as they are written they do leave it" { control S20 group paths 30; }
@test "S20 B27 hard links" { holds group hardlinks 12; }
@test "S20 B28 one name as several kinds, devices, unknown kinds" { holds group types 15; }
@test "B34 names" { holds group names 35; }
converter_case() { create_of name-converter ''; }
@test "S20 nothing of the archive is loaded or run by the unpacker" { holds converter_case; }
@test "S20 control: the C library loads a module of the archive" { control S20calls converter_case; }
@test "S20 B30 attributes, capabilities, access lists" { holds group attributes 35; }
@test "S20 control: marks of overlayfs are taken from an archive" { control S20xattr group attributes 35; }
@test "B29 B31 B32 owners, modes, times" { holds group owners 20; }
@test "S20 B33 sizes and sparse files" { holds group sizes 14; }
@test "S20 B37 formats, concatenations, garbage, damage" { holds group formats 50; }

bombs_case() {
	echo '{"unpack_max_entries": 1000, "unpack_max_bytes": 1000000}' >"$CELLA_CONFIG"
	group bombs 10
	rm "$CELLA_CONFIG"
}
@test "S19 bombs meet their limits" { holds bombs_case; }
few_bombs() {
	grep -E 'bomb-(gz|of-entries|of-attributes)\b' "$TARS/bombs.list" >"$TARS/few.list"
	echo '{"unpack_max_entries": 1000, "unpack_max_bytes": 1000000}' >"$CELLA_CONFIG"
	group few 3
	rm "$CELLA_CONFIG"
}
@test "S19 control: without limits they are taken" { control S19 few_bombs; }

free_of() { df --output=iavail,avail "$1" | tail -n 1; }
is_as_free() { [ "$(free_of "$1")" = "$2" ]; }
# On a small file system of its own: it is not filled, and the message says what for.
space_case() {
	local mnt=$STORE/small store name what before
	truncate -s 64M "$mnt.img"
	mkfs.ext4 -q -m 0 -N 4096 "$mnt.img"
	mkdir -p "$mnt"
	mount -o loop "$mnt.img" "$mnt"
	store=$mnt/root
	run env CELLA_ROOT="$store" CELLA_RUN="$STORE/run2" CELLA_LOG="$STORE/log2" "$CELLA" create b --from /nothing
	[ -e "$store/store-id" ] || breach "there is no store: $output"
	before=$(free_of "$mnt")
	for name in bytes entries; do
		[ $name = bytes ] && what=space || what=inodes
		run --separate-stderr env CELLA_ROOT="$store" CELLA_RUN="$STORE/run2" CELLA_LOG="$STORE/log2" "$CELLA" create b --from "$TARS/space-$name"
		[ "$status" = 1 ] && [[ $stderr == *"nearly out of $what"* ]] ||
			breach "$name: exit code $status: $stderr"
		[ -z "$(ls -A "$store/staging")" ] || breach "$name: staging is not empty"
		[ -z "$(ls -A "$store/layers")" ] || breach "$name: a layer is left"
		# The mounts of a mount namespace that has ended, and the inodes that they hold, go in a
		# worker of the kernel.
		eventually 10 is_as_free "$mnt" "$before" ||
			breach "$name: df is not the same: $before, $(free_of "$mnt")"
	done
	grep -ls "$mnt" /run/cella-host/net* | xargs -r rm -f
	rm -f "/run/cella-host/"*"-cb-$(cat "$store/store-id").lock"
	umount "$mnt"
	rm -rf "$mnt" "$mnt.img" "$STORE/run2" "$STORE/log2"
}
@test "S19 the disk is not filled" { holds space_case; }
@test "S19 control: the disk is filled" { control S19space space_case; }
