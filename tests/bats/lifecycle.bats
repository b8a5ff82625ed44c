#!/usr/bin/env bats
# The life of a zone, verb by verb: what each does, says, and answers.
bats_require_minimum_version 1.5.0
load helpers

@test "create, list, show, destroy" {
	cella_is 0 create web
	cella_is 0 list
	output_has NAME STATE web stopped
	cella_is 0 show web -j
	[ "$(jq -r '.name // .[0].name' <<<"$output")" = web ]
	cella_is 4 create web
	error_has "'web'" exists
	cella_is 0 destroy --force web
	cella_is 0 list -j
	[ "$output" = "[]" ]
}

@test "start, already running, stop, already stopped" {
	cella_is 0 create web
	cella_is 0 start web
	state_is web running
	local pid
	pid=$(zone_pid web)
	[ -d "/proc/$pid" ]
	cella_is 0 start web
	[ "$(zone_pid web)" = "$pid" ]
	cella_is 0 stop web
	state_is web stopped
	[ ! -d "/proc/$pid" ]
	cella_is 0 stop web
}

@test "restart gives a new init and keeps the data" {
	cella_is 0 create web
	cella_is 0 start web
	in_zone web sh -c 'echo kept >/root/file'
	local pid
	pid=$(zone_pid web)
	cella_is 0 restart web
	[ "$(zone_pid web)" != "$pid" ]
	[ "$(in_zone web cat /root/file)" = kept ]
	cella_is 0 kill web
	state_is web stopped
}

@test "kill with a signal reaches init alone" {
	cella_is 0 create web --set 'init.args=["/bin/sh","-c","trap \"exit 3\" USR1; while :; do sleep 1; done"]'
	cella_is 0 start web
	cella_is 0 kill -s USR1 web
	cella_is 0 wait web --for stopped --timeout 10s
	run jq -rs 'map(select(.event == "ended"))[-1] | .reason, .code' "$CELLA_ROOT/zones/web/events.jsonl"
	[ "${lines[1]}" = 3 ]
}

@test "several names, globs, --all; exit 9 when some fail" {
	cella_is 0 create web1
	cella_is 0 create web2
	cella_is 0 create db
	cella_is 0 start 'web*'
	state_is web1 running
	state_is web2 running
	state_is db stopped
	cella_is 9 stop web1 nosuch
	error_has nosuch
	state_is web1 stopped
	cella_is 0 stop --all
	state_is web2 stopped
	cella_is 3 start 'nosuch*'
}

@test "no such zone is 3, with every verb" {
	local v
	for v in start stop kill restart show ps log destroy validate; do
		case $v in
		destroy) cella_is 3 destroy --force nosuch ;;
		validate) continue ;;
		*) cella_is 3 "$v" nosuch ;;
		esac
		error_has nosuch
	done
	cella_is 3 clone nosuch other
	cella_is 3 rename nosuch other
	cella_is 3 set nosuch hostname=x
	cella_is 3 plan nosuch
	cella_is 3 wait nosuch --for stopped
}

@test "clone: linked, own identity, shares the layers" {
	cella_is 0 create src
	cella_is 0 start src
	in_zone src sh -c 'echo data >/root/file'
	cella_is 4 rename src other
	error_has running
	cella_is 0 stop src
	cella_is 0 clone src dst
	cella_is 0 start src dst
	[ "$(in_zone dst cat /root/file)" = data ]
	[ "$(in_zone dst hostname)" = dst ]
	in_zone dst sh -c 'echo changed >/root/file'
	[ "$(in_zone src cat /root/file)" = data ]
	local a b
	a=$(jq -r '.uuid, .id_first, .mac, .address4' "$CELLA_ROOT/zones/src/zone.json")
	b=$(jq -r '.uuid, .id_first, .mac, .address4' "$CELLA_ROOT/zones/dst/zone.json")
	[ "$(comm -12 <(sort <<<"$a") <(sort <<<"$b"))" = "" ]
	# the source goes, the clone stays whole
	cella_is 0 destroy --force src
	cella_is 0 restart dst
	[ "$(in_zone dst cat /root/file)" = changed ]
}

@test "rename, of a stopped zone only" {
	cella_is 0 create one
	cella_is 0 create two
	cella_is 4 rename one two
	cella_is 0 rename one three
	cella_is 3 show one
	cella_is 0 start three
	[ "$(in_zone three hostname)" = three ]
	cella_is 4 rename three four
}

@test "destroy refuses without --force off a terminal, a running zone, and a protected one" {
	cella_is 0 create web
	cella_is 2 destroy web
	error_has --force
	cella_is 0 set web 'protect=["destroy"]'
	cella_is 4 destroy --force web
	error_has protect
	cella_is 0 set web 'protect=[]'
	cella_is 0 start web
	cella_is 0 destroy --force web
	cella_is 3 show web
}

@test "set: all or nothing; live for resources; show and plan follow" {
	cella_is 0 create web
	cella_is 0 start web
	cella_is 0 set web resources.pids.max=123 labels.env=prod
	[ "$(group_file web pids.max)" = 123 ]
	cp "$CELLA_ROOT/zones/web/spec.json" "$BATS_TEST_TMPDIR/before"
	cella_is 2 set web hostname=ok resources.memroy.max=1G
	error_has memroy memory
	cmp "$CELLA_ROOT/zones/web/spec.json" "$BATS_TEST_TMPDIR/before"
	cella_is 0 plan web
	output_has pids_max=123 "/proc"
	cella_is 0 plan web -j
	jq -e '(if type == "array" then .[0] else . end).limits.pids_max == 123' <<<"$output"
}

@test "set refuses by name what this version cannot do" {
	cella_is 0 create web
	cella_is 7 set web 'devices=[{"path":"/dev/fuse","access":"rw"}]'
	error_has devices
}

@test "edit changes the spec through an editor, and gives a bad edit back" {
	cella_is 0 create web
	cat >"$BATS_TEST_TMPDIR/ed" <<-'X'
		#!/bin/sh
		sed -i 's/^{/{ "description": "edited",/' "$1"
	X
	chmod +x "$BATS_TEST_TMPDIR/ed"
	EDITOR=$BATS_TEST_TMPDIR/ed cella_is 0 edit web
	[ "$(jq -r .description "$CELLA_ROOT/zones/web/spec.json")" = edited ]
	printf '#!/bin/sh\necho "{" >"$1"\n' >"$BATS_TEST_TMPDIR/ed"
	EDITOR=$BATS_TEST_TMPDIR/ed cella_is 2 edit web
	[ "$(jq -r .description "$CELLA_ROOT/zones/web/spec.json")" = edited ]
}

@test "wait: for stopped, for running, with a timeout" {
	cella_is 0 create web --set 'init.args=["/bin/sleep","1"]'
	cella_is 0 start web
	cella_is 0 wait web --for stopped --timeout 20s
	state_is web stopped
	cella_is 8 wait web --for running --timeout 200ms
	("$CELLA" wait web --for running --timeout 20s; echo $? >"$BATS_TEST_TMPDIR/code") 3>&- &
	"$CELLA" start web
	wait $!
	[ "$(cat "$BATS_TEST_TMPDIR/code")" = 0 ]
}

@test "run: exit code, both streams, stdin, and nothing left" {
	cella run --from default -- sh -c 'echo out; echo err >&2; exit 7'
	[ "$status" -eq 7 ]
	[ "$output" = out ]
	[ "$stderr" = err ]
	run --separate-stderr bash -c "echo hello | '$CELLA' run --from default -- cat"
	[ "$output" = hello ]
	cella run --from default -- sh -c 'kill -9 $$'
	[ "$status" -eq 137 ]
	cella_is 127 run --from default -- /no/such/program
	error_has /no/such/program
	cella_is 126 run --from default -- /etc/passwd
	cella_is 0 list -q
	[ -z "$output" ]
}

@test "log, ps, events" {
	cella_is 0 create web
	cella_is 0 start web
	cella_is 0 ps web
	output_has init
	cella_is 0 ps web -j
	jq -e 'length > 0 and (map(.zone_pid) | index(1) != null)' <<<"$output"
	cella_is 0 stop web
	cella_is 0 log web
	run jq -r .event "$CELLA_ROOT/zones/web/events.jsonl"
	[[ " ${lines[*]} " == *" started "* ]]
	[[ " ${lines[*]} " == *" ended "* ]]
}

@test "list: formats, columns, sort, filter" {
	cella_is 0 create a --set labels.env=prod
	cella_is 0 create b --set labels.env=test
	cella_is 0 start b
	cella_is 0 list -q
	[ "$output" = $'a\nb' ]
	cella_is 0 list -H -o name,state --sort -name
	[ "${lines[0]%% *}" = b ]
	cella_is 0 list --filter state=running -q
	[ "$output" = b ]
	cella_is 0 list --filter 'name~^a' --filter state!=running -q
	[ "$output" = a ]
	# what is filtered and sorted by is found out also where it is not printed
	cella_is 0 list -q --filter labels.env=prod
	[ "$output" = a ]
	cella_is 0 list -q --filter "pids_max=$("$CELLA" show b -j | jq .pids_max)"
	[ "$output" = b ]
	cella_is 0 list -H -o name --sort -hostname
	[ "$output" = $'b\na' ]
	cella_is 0 list -H -o name,memory_current,pids_current,address4
	[[ ${lines[0]} =~ ^a\ +-\ +-\ +-$ && ${lines[1]} =~ ^b\ +[0-9.]+[KM]\ +[1-9]\ +[0-9.]+/ ]]
	# JSON without a choice tells all, a table's columns with their values of it
	[ "$("$CELLA" list -j | jq -c '.[1] | [has("uuid", "labels", "pids_max", "memory_peak", "keeper_pid", "spec", "disk_bytes")]')" = "[true,true,true,true,true,false,false]" ]
	cella_is 0 list --format csv -o name,state
	[ "$output" = $'name,state\na,stopped\nb,running' ]
	cella_is 0 list --format jsonl -o name
	[ "$output" = $'{"name":"a"}\n{"name":"b"}' ] || [ "$output" = $'{"name": "a"}\n{"name": "b"}' ]
	cella_is 2 list --format xml
	cella_is 2 list --filter nonsense
}

@test "one broken zone does not hide the others, and can be destroyed" {
	cella_is 0 create good
	cella_is 0 create bad
	local f
	for f in spec.json zone.json; do
		cp "$CELLA_ROOT/zones/bad/$f" "$BATS_TEST_TMPDIR/$f"
		echo '{' >"$CELLA_ROOT/zones/bad/$f"
		cella_is 0 list
		output_has good bad broken
		cella_is 1 start bad
		error_has "$f"
		cp "$BATS_TEST_TMPDIR/$f" "$CELLA_ROOT/zones/bad/$f"
	done
	echo >"$CELLA_ROOT/zones/bad/zone.json"
	cella_is 0 destroy --force bad
	cella_is 0 list -q
	[ "$output" = good ]
}

@test "list of a zone that runs reads spec and record only when they have been written since its start" {
	cella_is 0 create web
	cella_is 0 create plain --set network.mode=none
	cella_is 0 start web plain
	# the short row is what the long one says
	local columns=name,state,pid,address4,memory_current,pids_current,init
	cella_is 0 list -o "$columns" -j
	local short=$output
	cella_is 0 list -o "$columns,uuid" -j
	jq -e 'all(.memory_current > 0 and .pids_current > 0)' <<<"$short"
	[ "$(jq -S 'map(del(.uuid, .memory_current, .pids_current))' <<<"$output")" = \
		"$(jq -S 'map(del(.memory_current, .pids_current))' <<<"$short")" ]
	opened() {
		strace -f -e trace=openat -o "$BATS_TEST_TMPDIR/calls" "$CELLA" list >/dev/null
		grep -cE '"(web/)?(spec|zone)\.json"' "$BATS_TEST_TMPDIR/calls" || true
	}
	[ "$(opened)" = 0 ]
	cella_is 0 set web description=new
	[ "$(opened)" = 2 ]
	cella_is 0 restart web
	[ "$(opened)" = 0 ]
	# in place, as some editors write
	local doc f
	for f in spec zone; do
		doc=$CELLA_ROOT/zones/web/$f.json
		cp "$doc" "$BATS_TEST_TMPDIR/kept"
		echo '{' >"$doc"
		cella_is 0 list
		output_has web broken plain running
		cat "$BATS_TEST_TMPDIR/kept" >"$doc"
		cella_is 0 list
		state_is web running
	done
}

@test "host check names what it looked at" {
	cella_is 0 host check -j
	jq -e 'length > 5 and all(.[]; has("check") and has("state"))' <<<"$output"
}

@test "every verb explains itself and refuses an unknown option with its usage" {
	local v
	for v in create start stop kill restart exec shell console run list show ps log wait clone rename \
		destroy repair set edit validate plan; do
		cella_is 0 "$v" --help
		output_has "cella $v" --help
		cella_is 2 "$v" --no-such-option x
		error_has --no-such-option "cella $v"
	done
	cella_is 2 nosuchverb
	cella_is 2
}

@test "a zone side that ends with something of the host side's unread tells its reason, too" {
	# it becomes root late and fails, when the host side has sent all and does not listen yet
	cella_is 0 create web --set network.mode=none
	run --separate-stderr timeout -k 2 60 strace -f -o /dev/null -e trace=setresuid,sendmsg \
		-e inject=setresuid:error=EAGAIN:delay_enter=300000 -e inject=sendmsg:delay_exit=1500000:when=2 \
		"$CELLA" start web
	[ "$status" = 1 ]
	[[ $stderr == *"step ids: "*"Resource temporarily unavailable"* ]]
	state_is web stopped
}

@test "a start that fails tells the zone side's reason, not what the host side found of it" {
	"$CELLA" create web
	rm -rf "$CELLA_ROOT/zones/web/upper/dev"
	echo x >"$CELLA_ROOT/zones/web/upper/dev"
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		cella_is 1 start web
		error_has "step mounts: /dev" "Not a directory"
	done
}
