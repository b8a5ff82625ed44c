#!/usr/bin/env bats
# Between clone3 and exec: no malloc, no stdio, no NSS, no locale, no loader. An interposer
# (tests/tools/nomalloc.c) ends the process that calls one of them there, and writes down its name;
# tests/source/zone-side proves the same of the paths that are not taken here.
bats_require_minimum_version 1.5.0
load helpers

NOMALLOC=$CELLA_BUILD/tests/nomalloc.so

setup() {
	[ "$(uname -m)" = x86_64 ] || skip "the interposer's stubs are for x86_64"
	export NOMALLOC_LOG=$BATS_TEST_TMPDIR/nomalloc.log
	leak_setup
}

# under COMMAND...: with the interposer; code in $status, what it wrote down in $seen.
under() {
	rm -f "$NOMALLOC_LOG"
	status=0
	output=$(LD_PRELOAD="$NOMALLOC" "$@" 2>&1) || status=$?
	seen=$(head -c 65536 "$NOMALLOC_LOG" | tr -d '\0')
	printf '$ %s -> %s\n%s\n%s\n' "$*" "$status" "$output" "$seen"
}
# code, sides, cella's arguments: so it ends, that many children of clone3 were watched, and none called
# anything. clean_exec: to the exec of the last one.
clean() {
	local want=$1 sides=$2
	shift 2
	under "$CELLA" "$@"
	[ "$status" -eq "$want" ] || return 1
	[ "$(grep -c '^zone side$' <<<"$seen")" -eq "$sides" ] || { echo "want $sides zone sides"; return 1; }
	! grep '^called ' <<<"$seen"
}
clean_exec() {
	clean "$@" || return 1
	grep -q '^exec ' <<<"$seen" || { echo "none came to its exec"; return 1; }
}

@test "control: each kind of function is seen, also when libc calls it itself" {
	local f want
	for f in malloc free snprintf printf fopen getpwnam dlopen setlocale strerror getcwd; do
		under "$CELLA_BUILD/tests/nomalloc_control" $f
		[ "$status" -eq 132 ] # SIGILL
		case $f in
		snprintf | printf) want="called (__)?$f(_chk)?" ;;
		getcwd) want='called malloc' ;;
		*) want="called $f" ;;
		esac
		grep -qxE "$want" <<<"$seen"
	done
	under "$CELLA_BUILD/tests/nomalloc_control" none
	[ "$status" -eq 0 ]
	[ "$seen" = "zone side"$'\n'"exec execve" ]
}

# As if no zone had had the default image before.
is_unpacked_anew() { "$CELLA" host gc -q; }

@test "unpacking an image" {
	is_unpacked_anew
	clean_exec 0 1 create web
}

@test "the unpacker has no groups of the caller's" {
	is_unpacked_anew
	# 6 is disk
	run setpriv --groups 6,4 strace -f -e trace=setgroups,setresuid,execveat -o "$BATS_TEST_TMPDIR/trace" \
		"$CELLA" create web
	[ "$status" -eq 0 ]
	grep -A9 'setgroups(0, NULL) *= 0' "$BATS_TEST_TMPDIR/trace" | grep -q 'execveat(.*cella-unpack'
}

@test "start: a system zone with a network, sysctls, limits; exec in it" {
	"$CELLA" create web --set 'security.sysctl={"net.ipv4.ip_forward":"1","kernel.msgmax":"65536"}' \
		--set resources.memory.max=200M --set resources.pids.max=100
	clean_exec 0 1 start web
	clean_exec 0 2 exec web -- id
	clean_exec 0 2 exec -u nobody -w /tmp -e A=1 web -- id
	clean_exec 0 2 exec -t web -- tty
	clean_exec 3 2 exec web -- sh -c 'exit 3'
	clean_exec 127 2 exec web -- nosuch
	clean_exec 126 2 exec web -- /etc/passwd
	clean 125 2 exec -w /nosuch web -- id
	state_is web running
}

@test "start: an app zone, as another user, without a network" {
	"$CELLA" create app --set 'init.args=["/bin/sleep","1000"]' --set init.user=1000:100 \
		--set network.mode=none
	clean_exec 0 1 start app
	clean_exec 0 2 exec app -- id
	state_is app running
}

@test "start and exec with userns: none, a sealed copy of the program" {
	"$CELLA" create bare --set security.userns=none
	clean_exec 0 1 start bare
	clean_exec 0 2 exec bare -- id
	clean_exec 0 2 exec -t bare -- tty
}

@test "run: a command, its pipes, its code" {
	is_unpacked_anew
	clean_exec 7 2 run --from default -- sh -c 'exit 7'
}

@test "a start that fails on the way: the report is made without them too" {
	"$CELLA" create web
	rm -rf "$CELLA_ROOT/zones/web/upper/dev"
	echo x >"$CELLA_ROOT/zones/web/upper/dev"
	under "$CELLA" start web
	[ "$status" -ne 0 ]
	[[ $output == *"/dev"*"directory"* ]]
	grep -q '^zone side$' <<<"$seen"
	! grep '^called ' <<<"$seen"
	rm "$CELLA_ROOT/zones/web/upper/dev"
	"$CELLA" set web 'init.args=["/no/such"]' init.kind=system
	under "$CELLA" start web
	[ "$status" -ne 0 ]
	[[ $output == *"no such program"* ]]
	grep -q '^exec execve$' <<<"$seen"
	! grep '^called ' <<<"$seen"
}
