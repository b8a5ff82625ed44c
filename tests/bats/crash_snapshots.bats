#!/usr/bin/env bats
# kill -9 of snapshot and undo verbs at instants spread over their run: nothing is lost, nothing is
# half, and nothing is left over.
bats_require_minimum_version 1.5.0
load helpers
load helpers_crash

# A zone "web" with snapshots v1 and v2 and something written since.
snapshotted_web() {
	fresh_web
	local w
	for w in v1 v2 now; do
		"$CELLA" start web
		in_zone web sh -c "echo $w >/root/data"
		"$CELLA" stop web
		[ $w = now ] || "$CELLA" snapshot create web $w
	done
}
# Whatever happened: every snapshot can be restored and holds its own, and nothing is left over.
snapshots_sound() {
	local w
	cella_is 0 repair
	[ -z "$(ls "$CELLA_ROOT/staging")" ]
	for w in "$@"; do
		cella_is 0 snapshot restore --force web "$w"
		"$CELLA" start web
		[ "$(in_zone web cat /root/data)" = "$w" ]
		"$CELLA" stop web
	done
	"$CELLA" destroy --force web
	[ -z "$(ls "$CELLA_ROOT/layers")" ]
}

@test "F01 snapshot create of a stopped zone, at 50 instants" {
	snapshotted_web
	nothing() { "$CELLA" snapshot delete --force web again >/dev/null 2>&1 || "$CELLA" repair web; }
	strikes 50 nothing "$CELLA" snapshot create web again
	cella_is 0 start web
	[ "$(in_zone web cat /root/data)" = now ]
	"$CELLA" stop web
	snapshots_sound v1 v2
}

@test "F01 snapshot create of a running zone, at 50 instants: it runs on" {
	snapshotted_web
	"$CELLA" start web
	gone() { "$CELLA" snapshot delete --force web again >/dev/null 2>&1 || "$CELLA" repair web; }
	strikes 50 gone "$CELLA" snapshot create web again
	gone
	[ "$(timeout 10 "$CELLA" exec web -- cat /root/data)" = now ]
	"$CELLA" stop web
	snapshots_sound v1 v2
}

@test "F01 snapshot restore, at 50 instants" {
	snapshotted_web
	other() { # back and forth, with something to lose
		"$CELLA" repair web
		mkdir -p "$CELLA_ROOT/zones/web/upper/root"
		echo lost >"$CELLA_ROOT/zones/web/upper/root/data"
	}
	strikes 50 other "$CELLA" snapshot restore --force web v1
	"$CELLA" start web
	[[ $(in_zone web cat /root/data) == v1 || $(in_zone web cat /root/data) == lost ]]
	"$CELLA" stop web
	snapshots_sound v2 v1
}

@test "F01 snapshot delete, at 50 instants" {
	snapshotted_web
	again() { # v1 <- mid <- tip, and mid is deleted
		"$CELLA" repair web
		local w
		for w in mid tip; do
			"$CELLA" snapshot show web $w >/dev/null 2>&1 && continue
			"$CELLA" snapshot restore --force web v1
			mkdir -p "$CELLA_ROOT/zones/web/upper/root"
			echo $w >"$CELLA_ROOT/zones/web/upper/root/data"
			"$CELLA" snapshot create web $w >/dev/null
		done
	}
	strikes 50 again "$CELLA" snapshot delete --force web mid
	again
	snapshots_sound v1 v2 mid tip
}

@test "F01 undo commit and discard, and the begin of a run, at 50 instants each" {
	snapshotted_web
	ran() { # a run that wrote something, and whose end is open
		"$CELLA" kill web >/dev/null 2>&1 || true
		"$CELLA" repair web
		"$CELLA" undo discard --force web >/dev/null 2>&1 || true
		"$CELLA" snapshot restore --force web v1
		"$CELLA" start --undo web
		in_zone web sh -c 'echo run >/root/data'
		"$CELLA" stop --timeout 1s web
	}
	held() { # what it holds once nothing is open
		"$CELLA" repair web
		"$CELLA" undo "$1" web $2 >/dev/null 2>&1 || true
		"$CELLA" start web
		in_zone web cat /root/data
		"$CELLA" stop --timeout 1s web
	}
	strikes 25 ran "$CELLA" undo commit web
	[ "$(held commit '')" = run ]
	strikes 25 ran "$CELLA" undo discard --force web
	[ "$(held discard --force)" = v1 ]
	strikes 10 ran "$CELLA" stop --timeout 1s --discard web
	[ "$(held discard --force)" = v1 ]
	snapshots_sound v1 v2
}
