#!/usr/bin/env bats
# Runs that can be undone: start --undo, and the choice at the start, at the stop or later.
bats_require_minimum_version 1.5.0
load helpers

teardown() {
	[ ! -e "$STORE/small.img" ] || {
		zones_teardown
		CELLA_ROOT=$STORE/root
		umount "$STORE/small"
		rm -rf "$STORE/small" "$STORE/small.img"
	}
	leak_teardown
}

say() { "$CELLA" exec "$1" -- sh -c "echo $2 >/root/said"; }
said() { "$CELLA" exec "$1" -- cat /root/said; }
undo_of() { "$CELLA" list -j | jq -r --arg n "$1" '.[] | select(.name == $n) | .undo'; }
undo_is() { [ "$(undo_of "$1")" = "$2" ]; }
layers_of() { jq '.layers | length' "$CELLA_ROOT/zones/$1/zone.json"; }
fresh() { # a zone that has been used
	"$CELLA" create web
	"$CELLA" start web
	say web before
	"$CELLA" stop web
}

@test "discard: the files are as before, and no layer is left over" {
	fresh
	"$CELLA" start --undo web
	[ "$(undo_of web)" = ask ]
	in_zone web sh -c 'echo run >/root/said; rm /etc/hostname; echo new >/root/new'
	"$CELLA" stop web
	cella_is 0 show web
	output_has ask
	cella_is 2 undo discard web
	error_has --force
	cella_is 0 undo discard --force web
	[ "$(undo_of web)" = null ]
	[ "$(layers_of web)" -eq 1 ]
	"$CELLA" start web
	[ "$(said web)" = before ]
	in_zone web sh -c '[ -s /etc/hostname ] && [ ! -e /root/new ]'
}

@test "commit: what was written stays" {
	fresh
	"$CELLA" start --undo web
	say web run
	"$CELLA" stop web
	cella_is 0 undo commit web
	[ "$(undo_of web)" = null ]
	"$CELLA" start web
	[ "$(said web)" = run ]
}

@test "until it is decided the zone is neither started, cloned, snapshotted nor restored" {
	fresh
	"$CELLA" snapshot create web v1
	"$CELLA" start --undo web
	say web run
	cella_is 4 undo commit web
	error_has running
	"$CELLA" stop web
	local verb
	for verb in "start web" "start --undo web" "clone web copy" "snapshot create web v2" "snapshot restore --force web v1"; do
		# shellcheck disable=SC2086
		cella_is 4 $verb
		error_has 'neither committed nor discarded' 'cella undo commit web'
	done
	cella_is 0 rename web other
	cella_is 0 undo commit other
	cella_is 4 undo commit other
	error_has 'start --undo'
	"$CELLA" start other
	[ "$(said other)" = run ]
}

@test "the choice is made at the start, or at the stop" {
	fresh
	"$CELLA" start --undo --discard web
	[ "$(undo_of web)" = discard ]
	say web run1
	"$CELLA" stop web
	[ "$(undo_of web)" = null ]
	"$CELLA" start --undo --commit web
	[ "$(said web)" = before ]
	say web run2
	"$CELLA" kill web
	"$CELLA" start --undo web
	[ "$(said web)" = run2 ]
	say web run3
	cella_is 0 stop --discard web
	[ "$(undo_of web)" = null ]
	"$CELLA" start --undo --discard web
	[ "$(said web)" = run2 ]
	say web run4
	cella_is 0 stop --commit web
	"$CELLA" start web
	[ "$(said web)" = run4 ]
	cella_is 4 stop --commit web
	error_has 'no run that could be undone'
	state_is web running
	cella_is 2 start --discard web
	cella_is 2 start --undo --commit --discard web
	cella_is 2 stop --commit --discard web
}

@test "a zone that ends by itself does what was chosen at its start; a restart belongs to the run" {
	fresh
	"$CELLA" start --undo --discard web
	say web run
	"$CELLA" restart web
	[ "$(said web)" = run ]
	[ "$(undo_of web)" = discard ]
	in_zone web poweroff 2>/dev/null || true
	eventually 10 state_is web stopped
	eventually 10 undo_is web null
	"$CELLA" start web
	[ "$(said web)" = before ]
}

@test "keeper and host die: the next command does what was chosen" {
	fresh
	"$CELLA" start --undo --discard web
	say web run
	# As after a crash of the host: no process, and a state file of another boot.
	kill -9 "$(jq .keeper.pid "$CELLA_RUN/zones/web/state.json")" "$(zone_pid web)"
	eventually 10 test ! -d "/proc/$(jq .init.pid "$CELLA_RUN/zones/web/state.json")"
	[ "$(undo_of web)" = discard ]
	cella_is 0 start web
	[ "$(said web)" = before ]
	"$CELLA" stop web
	"$CELLA" start --undo --discard web
	say web run
	kill -9 "$(jq .keeper.pid "$CELLA_RUN/zones/web/state.json")" "$(zone_pid web)"
	cella_is 0 repair web
	[ "$(undo_of web)" = null ]
	"$CELLA" start web
	[ "$(said web)" = before ]
}

@test "a snapshot made during the run survives its discard" {
	fresh
	"$CELLA" snapshot create web v1
	"$CELLA" start web
	say web upper
	"$CELLA" stop web
	"$CELLA" start --undo --discard web
	say web run
	cella_is 0 snapshot create web during
	say web later
	"$CELLA" stop web
	[ "$("$CELLA" snapshot list web -j | jq -r '.[] | select(.present) | .name')" = v1 ]
	"$CELLA" start web
	[ "$(said web)" = upper ]
	"$CELLA" stop web
	cella_is 0 snapshot restore --force web during
	"$CELLA" start web
	[ "$(said web)" = run ]
	"$CELLA" stop web
	"$CELLA" destroy web --force
	[ -z "$(ls "$CELLA_ROOT/layers")" ]
}

@test "a start that fails leaves no run open; the first start of all can be undone" {
	"$CELLA" create web
	"$CELLA" set web 'init.args=["/nosuch"]'
	cella_is 1 start --undo web
	[ "$(undo_of web)" = null ]
	"$CELLA" set web 'init.args=["/sbin/init"]'
	"$CELLA" start --undo --discard web
	"$CELLA" stop web
	[ -z "$(ls "$CELLA_ROOT/zones/web/upper")" ]
	jq -e '.has_started == false' "$CELLA_ROOT/zones/web/zone.json"
	"$CELLA" start web
	in_zone web grep -q web /etc/hostname
}

@test "F33 a full disk at the begin, commit and discard: all or nothing" {
	local small=$STORE/small verb
	truncate -s 24M "$STORE/small.img"
	mkfs.ext4 -q -m 0 -N 4096 "$STORE/small.img"
	mkdir "$small"
	mount -o loop "$STORE/small.img" "$small"
	CELLA_ROOT=$small/store
	fresh
	for verb in commit "discard --force"; do
		"$CELLA" start --undo web
		say web "${verb%% *}"
		"$CELLA" stop web
		dd if=/dev/zero of="$small/fill" bs=1K 2>/dev/null || true
		# A last block may still be found.
		# shellcheck disable=SC2086
		run --separate-stderr "$CELLA" undo $verb web
		echo "$verb: $status"
		[ "$status" -eq 0 ] || error_has 'No space left'
		run --separate-stderr "$CELLA" start --undo web
		[ "$status" -ne 0 ]
		rm "$small/fill"
		"$CELLA" repair
		# shellcheck disable=SC2086
		"$CELLA" undo $verb web 2>/dev/null || [ "$(undo_of web)" = null ]
		"$CELLA" start web
		[ "$(said web)" = commit ]
		"$CELLA" stop web
	done
	[ -z "$(ls "$CELLA_ROOT/staging")" ]
}
