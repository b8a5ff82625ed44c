#!/usr/bin/env bats
# kill -9 of a full clone and of flatten at instants spread over their run: the source is as it was,
# the new zone is whole or not there, and nothing is left over.
bats_require_minimum_version 1.5.0
load helpers
load helpers_crash

write() { echo "$2" >"$CELLA_ROOT/zones/$1/upper/$2"; }
big_web() { # three layers of its own and something written since
	fresh_web
	"$CELLA" set web network.mode=none
	local w
	for w in v1 v2 now; do
		write web $w
		[ $w = now ] || "$CELLA" snapshot create web $w
	done
	dd if=/dev/urandom of="$CELLA_ROOT/zones/web/upper/big" bs=1M count=8 2>/dev/null
	sum=$(sha256sum <"$CELLA_ROOT/zones/web/upper/big")
}
holds_all() { # zone
	"$CELLA" start "$1"
	[ "$(in_zone "$1" cat /v1 /v2 /now | tr '\n' ' ')" = "v1 v2 now " ]
	[ "$(in_zone "$1" cat /big | sha256sum)" = "$sum" ]
	"$CELLA" stop "$1"
}
nothing_left() {
	cella_is 0 repair
	[ -z "$(ls "$CELLA_ROOT/staging")" ]
	"$CELLA" destroy --force web
	[ -z "$(ls "$CELLA_ROOT/layers")" ]
}

@test "F01 clone --full, at 50 instants" {
	big_web
	unclone() {
		if [ -d "$CELLA_ROOT/zones/copy" ]; then
			[ "$(sha256sum <"$CELLA_ROOT/layers/$(jq -r '.layers[0]' "$CELLA_ROOT/zones/copy/zone.json")/fs/big")" = "$sum" ]
			"$CELLA" destroy --force copy
		fi
		"$CELLA" repair
	}
	strikes 50 unclone "$CELLA" clone --full web copy
	unclone
	holds_all web
	cella_is 0 clone --full web copy
	holds_all copy
	"$CELLA" destroy --force copy
	nothing_left
}

@test "F01 flatten, at 50 instants" {
	big_web
	again() {
		"$CELLA" repair web
		# many layers once more, and something to lose
		"$CELLA" snapshot restore --force web v2
		write web now
		cp "$BATS_TEST_TMPDIR/big" "$CELLA_ROOT/zones/web/upper/big"
	}
	cp "$CELLA_ROOT/zones/web/upper/big" "$BATS_TEST_TMPDIR/big"
	strikes 50 again "$CELLA" flatten web
	"$CELLA" repair web
	holds_all web
	cella_is 0 flatten web
	holds_all web
	cella_is 0 snapshot restore --force web v1
	"$CELLA" start web
	[ "$(in_zone web sh -c 'cat /v1 /v2 /now 2>/dev/null' | tr '\n' ' ')" = "v1 " ]
	"$CELLA" stop web
	nothing_left
}
