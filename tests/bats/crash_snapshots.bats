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
	"$CELLA" set web 'init.args=["/sbin/init"]' init.kind=auto
	cella_is 0 repair
	[ -z "$(ls "$CELLA_ROOT/staging")" ]
	[ -z "$(find "$CELLA_ROOT/zones" -name '.tmp-*')" ]
	for w in "$@"; do
		cella_is 0 snapshot restore --force web "$w"
		"$CELLA" start web
		[ "$(in_zone web cat /root/data)" = "$w" ]
		"$CELLA" stop web
	done
	"$CELLA" destroy --force web
	[ -z "$(ls "$CELLA_ROOT/layers")" ]
}

# kill -9 on entering each call that changes a disk, one after the other: exact where instants are not.
CHANGES="mkdirat renameat renameat2 unlinkat fsync fchmod"
at_each_call() { # function that prepares, function that checks, command...
	local prepare=$1 check=$2 call k died=0
	shift 2
	for call in $CHANGES; do
		for k in $(seq 40); do
			$prepare || return 1
			run strace -qq -o /dev/null -e "inject=$call:signal=KILL:when=$k" "$@"
			[ "$status" -eq 137 ] || break
			died=$((died + 1))
			sound || { echo "unsound after $call $k of $*"; return 1; }
			"$CELLA" repair >"$BATS_TEST_TMPDIR/said" || return 1
			[ -z "$(ls "$CELLA_ROOT/staging")" ] || { echo "$call $k: staging is not empty"; return 1; }
			$check || { echo "wrong after $call $k of $*"; return 1; }
		done
		[ "$k" -lt 40 ] || { echo "$call: no end"; return 1; }
	done
	echo "# $*: died at $died calls"
	[ $died -ge "${LEAST:-8}" ]
}
# Without starting anything: what a stopped zone would see.
write() { # word
	mkdir -p "$CELLA_ROOT/zones/web/upper/root"
	echo "$1" >"$CELLA_ROOT/zones/web/upper/root/data"
}
sees() { # word
	local l
	for l in "$CELLA_ROOT/zones/web/upper" $(jq -r '.layers[]' "$CELLA_ROOT/zones/web/zone.json" | sed "s|.*|$CELLA_ROOT/layers/&/fs|"); do
		[ -e "$l/root/data" ] || continue
		[ "$(cat "$l/root/data")" = "$1" ] || { echo "sees $(cat "$l/root/data"), not $1"; return 1; }
		return 0
	done
	return 1
}
snapshots_are() { # NAME<PARENT...
	local is
	is=$("$CELLA" snapshot list web -j | jq -r '[.[] | .name + "<" + (.parent // "")] | sort | join(" ")')
	[ "$is" = "$1" ] || { echo "snapshots: $is"; return 1; }
}
present() { "$CELLA" snapshot list web -j | jq -r '.[] | select(.present) | .name'; }
layers() { find "$CELLA_ROOT/layers" -mindepth 1 -maxdepth 1 | wc -l; }
two_snapshots() {
	fresh_web
	write v1
	"$CELLA" snapshot create web v1
	write v2
	"$CELLA" snapshot create web v2
	write now
}

@test "F01 snapshot create, at each call: it is there, or nothing has happened" {
	two_snapshots
	undone() {
		"$CELLA" snapshot show web new >/dev/null 2>&1 || return 0
		"$CELLA" snapshot delete --force web new
		write now
	}
	either() {
		sees now || return 1
		if snapshots_are "new<v2 v1< v2<v1" >/dev/null; then
			[ "$(present)" = new ]
		else
			snapshots_are "v1< v2<v1" && [ "$(present)" = v2 ]
		fi
	}
	at_each_call undone either "$CELLA" snapshot create web new
	snapshots_sound v1 v2
}

@test "F01 snapshot restore, at each call: the old state, or the new one" {
	two_snapshots
	again() { # something that is only here
		"$CELLA" snapshot restore --force web v2 && write now
	}
	either() {
		snapshots_are "v1< v2<v1" || return 1
		if [ "$(present)" = v1 ]; then sees v1; else sees now; fi
	}
	at_each_call again either "$CELLA" snapshot restore --force web v1
	same() { write now; }
	either_same() { [ "$(present)" = v2 ] && { sees v2 >/dev/null || sees now; }; }
	again
	LEAST=5 at_each_call same either_same "$CELLA" snapshot restore --force web v2
	snapshots_sound v1 v2
}

@test "F01 snapshot delete, at each call: the others are as they were" {
	two_snapshots
	"$CELLA" snapshot create web v3
	again() {
		[ "$("$CELLA" snapshot list web -q | wc -l)" -lt 3 ] || return 0
		"$CELLA" snapshot delete --force web v3
		"$CELLA" snapshot restore --force web v1
		write v2
		"$CELLA" snapshot create web v2
		write now
		"$CELLA" snapshot create web v3
	}
	either() {
		sees now && [ "$(present)" = v3 ] &&
			{ snapshots_are "v1< v2<v1 v3<v2" >/dev/null || snapshots_are "v1< v3<v1"; }
	}
	LEAST=4 at_each_call again either "$CELLA" snapshot delete --force web v2
	snapshots_are "v1< v3<v1"
	"$CELLA" destroy --force web
	[ "$(layers)" -eq 0 ]
}

# An open run, made without one: as `start --undo` and a stop leave it.
open_run() {
	local z=$CELLA_ROOT/zones/web/zone.json
	[ "$(jq -r .undo "$z")" = null ] || return 0
	"$CELLA" snapshot restore --force web v2
	write before
	"$CELLA" set web 'init.args=["/bin/true"]' init.kind=app
	"$CELLA" start --undo web
	"$CELLA" wait web >/dev/null 2>&1 || true
	"$CELLA" stop web 2>/dev/null
	write run
}

@test "F01 undo discard and commit, at each call: all or nothing" {
	two_snapshots
	either() {
		if [ "$(jq -r .undo "$CELLA_ROOT/zones/web/zone.json")" = null ]; then sees "$WANT"; else sees run; fi
	}
	WANT=before
	at_each_call open_run either "$CELLA" undo discard --force web
	[ "$(jq '.layers | length' "$CELLA_ROOT/zones/web/zone.json")" -eq 3 ]
	WANT=run
	LEAST=1 at_each_call open_run either "$CELLA" undo commit web
	snapshots_sound v1 v2
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
	[ "$(timeout "$(secs 10)" "$CELLA" exec web -- cat /root/data)" = now ]
	"$CELLA" stop web
	snapshots_sound v1 v2
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

@test "F01 the begin of a run that can be undone, at 20 instants" {
	snapshotted_web
	closed() {
		"$CELLA" kill web >/dev/null 2>&1 || true
		"$CELLA" repair web
		"$CELLA" undo discard --force web >/dev/null 2>&1 || true
	}
	strikes 20 closed "$CELLA" start --undo web
	closed
	"$CELLA" start web
	[ "$(in_zone web cat /root/data)" = now ]
	"$CELLA" stop web
	[ "$(jq '.layers | length' "$CELLA_ROOT/zones/web/zone.json")" -eq 3 ]
	snapshots_sound v1 v2
}
