#!/usr/bin/env bats
# kill -9 of every verb at instants spread over its run: afterwards list works, the next command or
# repair restores a clean state, and nothing is leaked (helpers_crash.bash).
bats_require_minimum_version 1.5.0
load helpers
load helpers_crash

stopped_web() { "$CELLA" kill web >/dev/null 2>&1 || "$CELLA" repair web; }

@test "F01 start, the command, at 50 instants" {
	fresh_web
	strikes 50 stopped_web "$CELLA" start web
	cella_is 0 repair
	"$CELLA" kill web
	cella_is 0 start web
	in_zone web true
}

@test "F01 start, the host side, at 50 instants" {
	fresh_web
	local i p us total
	total=$(measure "$CELLA" start web)
	for i in $(seq 50); do
		stopped_web
		us=$((total * i / 50 + RANDOM % 200))
		"$CELLA" start web >/dev/null 2>&1 3>&- &
		p=$!
		read -r -t "$(printf %d.%06d $((us / 1000000)) $((us % 1000000)))" <> <(:) || true
		# the host side is the command's only child; later it is the keeper
		pkill -KILL -P $p 2>/dev/null || true
		wait $p || true
		sound
	done
	cella_is 0 repair
	"$CELLA" kill web
	cella_is 0 start web
}

@test "F01 stop, at 20 instants" {
	fresh_web
	started() { "$CELLA" start web; }
	strikes 20 started "$CELLA" stop --timeout 300ms web
	"$CELLA" stop web
	state_is web stopped
	cella_is 0 start web
}

@test "F01 create, at 20 instants" {
	gone() { "$CELLA" destroy --force web >/dev/null 2>&1 || true; }
	tar -C / -cf "$BATS_TEST_TMPDIR/root.tar" bin/busybox etc/passwd
	strikes 20 gone "$CELLA" create web --from "$BATS_TEST_TMPDIR/root.tar"
	gone
	cella_is 0 repair
	[ -z "$(ls "$CELLA_ROOT/staging")" ]
	cella_is 0 create web
}

@test "F01 destroy, at 20 instants" {
	strikes 20 fresh_web "$CELLA" destroy --force web
	"$CELLA" destroy --force web 2>/dev/null || true
	cella_is 0 repair
	[ -z "$(ls "$CELLA_ROOT/staging")" ]
	cella_is 0 create web
}

@test "F01 clone, at 20 instants: the source keeps its data" {
	fresh_web
	"$CELLA" start web
	in_zone web sh -c 'echo precious >/root/data'
	"$CELLA" stop web
	unclone() { "$CELLA" destroy --force copy >/dev/null 2>&1 || true; "$CELLA" repair web; }
	strikes 20 unclone "$CELLA" clone web copy
	cella_is 0 repair
	cella_is 0 start web
	[ "$(in_zone web cat /root/data)" = precious ]
	"$CELLA" stop web
	unclone
	cella_is 0 clone web copy
	cella_is 0 start copy
	[ "$(in_zone copy cat /root/data)" = precious ]
}

@test "F10 the keeper is killed: the zone goes on, is manageable, and is found again" {
	fresh_web
	"$CELLA" start web
	local keeper
	keeper=$(jq .keeper.pid "$CELLA_RUN/zones/web/state.json")
	kill -9 "$keeper"
	eventually 5 state_is web unwatched
	in_zone web true
	cella_is 0 repair web
	state_is web running
	kill -9 "$(jq .keeper.pid "$CELLA_RUN/zones/web/state.json")"
	eventually 5 state_is web unwatched
	cella_is 0 stop web
	state_is web stopped
}

@test "F10 the same for an app zone, whose command has a terminal" {
	"$CELLA" create app --set 'init.args=["/bin/sh","-c","while :; do echo tick; sleep 0.1; done"]'
	"$CELLA" start app
	local init
	init=$(zone_pid app)
	kill -9 "$(jq .keeper.pid "$CELLA_RUN/zones/app/state.json")"
	eventually 5 state_is app unwatched
	[ "$(zone_pid app)" = "$init" ]
	in_zone app true
	cella_is 0 repair app
	state_is app running
	cella_is 0 stop app
	state_is app stopped
}

@test "F13 a damaged state file: the processes are found by their group" {
	fresh_web
	"$CELLA" start web
	local pid
	pid=$(zone_pid web)
	echo '{"zone_' >"$CELLA_RUN/zones/web/state.json"
	state_is web broken
	cella_is 0 destroy --force web
	[ ! -d "/proc/$pid" ]
}
