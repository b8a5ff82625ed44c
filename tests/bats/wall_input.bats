#!/usr/bin/env bats
# The wall, input: what is typed, written in a spec, or sent to a socket. Rows S17, S24, S41, S44.
bats_require_minimum_version 1.5.0
load helpers
load helpers_wall

setup_file() {
	store_setup
	local z
	"$CELLA" create -q iso
	"$CELLA" create -q bare --set security.userns=none
	for z in iso bare; do
		mkdir -p "$CELLA_ROOT/zones/$z/upper/opt"
		cp "$CELLA_BUILD/tests/pusher" "$CELLA_ROOT/zones/$z/upper/opt/"
	done
}
setup() { :; }
teardown() { :; }

# ---- S17 ----

S17_case() {
	local line text
	python3 "$TESTS/bats/texts.py" "$CELLA" "$TESTS/../specs/schema.c" "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/texts"
	line=$(tail -n 1 "$BATS_TEST_TMPDIR/texts")
	echo "$line"
	[[ $line =~ ^([0-9]+)' texts of '([0-9]+)' fields'$ ]] && [ "${BASH_REMATCH[1]}" -ge 2000 ] && [ "${BASH_REMATCH[2]}" -ge 70 ] ||
		void "fields of specs/schema.c were not found"
	while read -r line; do
		[[ $line == *' fields' ]] || breach "$line"
	done <"$BATS_TEST_TMPDIR/texts"
	# the same by way of the command line
	for text in $'a\nb' $'a\rb' $'a\033b' $'a\u0085b' $'a\u2028b' $'\ufeffa' $'a\177b' $'a\377b'; do
		for line in "description=$text" "hostname=$text" "init.args=[\"$text\"]" "init.env.A=$text" "labels.$text=x" "$text=1"; do
			run --separate-stderr "$CELLA" create bad --set "$line"
			[ "$status" -eq 2 ] || breach "create --set $(printf %q "$line"): exit code $status"
			run --separate-stderr "$CELLA" set iso "$line"
			[ "$status" -eq 2 ] || breach "set $(printf %q "$line"): exit code $status"
			# shellcheck disable=SC2154
			[[ $stderr != *"$text"* ]] || breach "set $(printf %q "$line"): the message has it too"
		done
		"$CELLA" destroy -q --force bad 2>/dev/null || true
	done
}
@test "S17 what ends a line or acts on a terminal, in every text of a spec" { holds S17_case; }
@test "S17 control: texts are taken as they are" { control S17 S17_case; }

# ---- S24 ----

# at_terminal TYPED VERB...: cella at a terminal of somebody's. All that a program in the zone pushes is
# refused by the filter (EPERM, not what a kernel without TIOCSTI or a wrong terminal would say), it finds
# no terminal but the zone's, and nothing is left in the caller's input.
pushes_fail() { # reach, TYPED, what is typed, verb...
	local typed=$2 out reach=$1 n
	shift 2
	out=$(timeout -s KILL $(secs 30) python3 "$TESTS/bats/at_terminal.py" "$typed" "$CELLA" "$@" 2>&1) || breach "$*: $out"
	n=$(grep -cE '^(push|paste)[^ ]* [^ ]+: 1$' <<<"$out") || true
	[ "$n" -ge "$reach" ] || breach "$*: only $n were refused: $out"
	out=$(grep -vE '^(push|paste)[^ ]* [^ ]+: 1$' <<<"$out") || true
	! grep -E '^(push|paste)' <<<"$out" || breach "$*: not refused by the filter: $(grep -E '^(push|paste)' <<<"$out")"
	grep -qx 'done' <<<"$out" || breach "$*: the program did not end: $out"
	grep -qE '^left *$' <<<"$out" || breach "$*: the caller would read $(grep ^left <<<"$out")"
	SCREEN=$out
}
# The filter is kept in the store's cache: it must be the one of this build, with and without the switch.
S24_stop() {
	"$CELLA" kill -q iso bare 2>/dev/null || true
	"$CELLA" stop -q -t 1s iso bare 2>/dev/null || true
	rm -f "$CELLA_ROOT"/cache/filter*
}
S24_case() { # zone...
	local z
	[ "$(find "$CELLA_ROOT/cache" -name 'filter*' | wc -l)" = 0 ] || S24_stop
	"$CELLA" start -q "$@"
	for z; do
		pushes_fail 20 '' exec -t $z -- /opt/pusher
		pushes_fail 20 '\p/opt/pusher\nexit\n' shell $z
		pushes_fail 20 '\p\n\p/opt/pusher\n\p\p\x1dq' console $z
		pushes_fail 12 '' exec -T $z -- /opt/pusher
	done
	S24_stop
}
# Without -t there is no terminal at all, also not the caller's as the controlling one.
S24_session() {
	local z
	"$CELLA" start -q iso bare
	for z in iso bare; do
		pushes_fail 12 '' exec -T $z -- /opt/pusher
		grep -qx 'open /dev/tty: 6' <<<"$SCREEN" || breach "$z: /dev/tty of exec -T: $(grep /dev/tty <<<"$SCREEN")"
	done
	# nor has the init one: with one, ^C on the console would be a signal to it
	[ "$(awk '{print $7}' "/proc/$(zone_pid iso)/stat")" = 0 ] || breach "the init has a controlling terminal"
}
@test "S24 nobody in a zone can type for the caller" { holds S24_case iso bare; }
@test "S24 control: the filter does not refuse it" { control S24 S24_case iso; }
@test "S24 the caller's terminal is not the command's" { holds S24_session; }
@test "S24 control: the command stays in the caller's session" { control S24b S24_session; }

# ---- S41 ----

# The clerk is the one of the keeper's two processes that serves clients.
clerk() { pgrep -P "$("$CELLA" show -j "$1" | jq -r .keeper_pid)" -x cella-keeper; }
rss() { awk '/^(VmRSS)/ {print $2}' "/proc/$1/status"; }

S41_attack() { # keeper: while 500 say nothing and one reads nothing
	local k=$1 before=$2 n after begin reply
	read -r -t 20 reply <&"${CLIENTS[0]}" || true
	[ "$reply" = "ready 500" ] || breach "clients: $reply"
	n=$(find "/proc/$k/fd" -type l | wc -l)
	[ "$n" -le 40 ] || breach "the keeper holds $n descriptors"
	begin=$SECONDS
	timeout -s KILL $(secs 8) "$CELLA" exec slow -- sh -c 'head -c 32000000 /dev/zero | tr "\0" x >/dev/console && echo end >/dev/console' ||
		breach "the zone waits for a client that does not read"
	! breaches || return 0
	echo "32 MB in $((SECONDS - begin)) s"
	after=$(rss "$k")
	[ $((after - before)) -le 200 ] || breach "the keeper grew from $before to $after KiB"
	# who comes now is served
	reply=$(timeout -s KILL $(secs 5) bash -c "(sleep 0.5; echo 'echo he''llo'; sleep 0.5; printf '\x1dq') | '$CELLA' console -n 0 slow" 2>&1) || true
	[[ $reply == *hello* ]] || breach "a new console: '$reply'"
	timeout -s KILL $(secs 10) "$CELLA" stop -t 5s slow || breach "stop: no answer"
	eventually 3 test ! -d "/proc/$k" || breach "the keeper stays"
}
S41_case() {
	local k before
	"$CELLA" destroy -q --force slow 2>/dev/null || true
	"$CELLA" create -q slow --set network.mode=none
	"$CELLA" start -q slow
	k=$(clerk slow)
	# warm: every page that serving a client and rotating the log takes
	in_zone slow sh -c 'head -c 4000000 /dev/zero | tr "\0" x >/dev/console'
	before=$(rss "$k")
	coproc CLIENTS { exec python3 "$TESTS/bats/many_clients.py" "$CELLA_RUN/zones/slow/keeper.sock" 500 3>&-; }
	S41_attack "$k" "$before"
	# with them a keeper that waits goes on
	kill "$CLIENTS_PID" 2>/dev/null || true
	wait "$CLIENTS_PID" 2>/dev/null || true
	"$CELLA" destroy -q --force slow
}
@test "S41 clients that say nothing, and one that reads nothing" { holds S41_case; }
@test "S41 control: the keeper waits for its clients" { control S41 S41_case; }
@test "S41 control: who says nothing keeps his place" { control S41b S41_case; }

# ---- S44 ----

hostile_words() {
	printf '%s\n' -x --foo -- - '$(touch canary)' '`touch canary`' ';touch canary' 'a;touch canary;' '|touch canary' \
		'&touch canary&' '>canary' '*' '?' '[a-z]' '~' '~root' 'a b' ' a' '{a,b}' '!!' '#a' "'" '"' '\' '%s%n' '../x' '/etc' \
		'$HOME' '${IFS}' 'a=b' '--root=/' '-o/x' '@file'
}
# What was executed on the way, all of it: programs of Cella, and the zone's command.
executed() { # file of strace -f, what else
	grep -E 'execve(at)?\(' "$1" | grep -vE "execve\(\"([^\"]*/cella(-keeper|-unpack|-init)?|/proc/self/fd/[0-9]+${2:+|$2})\"|execveat\([0-9]+, \"\"" |
		grep -v resumed
}
# Tracing takes its time: of many words every seventh is done so.
tracing() {
	: >"$BATS_TEST_TMPDIR/trace"
	STRACE=
	[ $(($1 % 7)) != 0 ] || STRACE="strace -f -qq -s 200 -o $BATS_TEST_TMPDIR/trace -e trace=execve,execveat"
}
traced() { # what else may be executed, command...
	local other=$1 out
	shift
	(cd "$BATS_TEST_TMPDIR/cwd" && timeout -s KILL $(secs 30) $STRACE "$@") \
		>"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" </dev/null && TRACED=0 || TRACED=$?
	out=$(executed "$BATS_TEST_TMPDIR/trace" "$other") || true
	[ -z "$out" ] || breach "$*: executes $out"
}
no_canary() {
	[ -z "$(ls -A "$BATS_TEST_TMPDIR/cwd")" ] || breach "$*: made $(ls -A "$BATS_TEST_TMPDIR/cwd")"
	rm -rf "$BATS_TEST_TMPDIR/cwd" && mkdir "$BATS_TEST_TMPDIR/cwd"
}

refuses() { # arguments: exit 2 or 3 (exec and shell: 125), and a word about it
	local code=0
	timeout -s KILL $(secs 10) "$CELLA" "$@" </dev/null >/dev/null 2>"$BATS_TEST_TMPDIR/err" || code=$?
	[[ $code == [23] || ($1 == @(shell|exec) && $code == 125) ]] || breach "$*: exit code $code: $(<"$BATS_TEST_TMPDIR/err")"
	[ -s "$BATS_TEST_TMPDIR/err" ] || breach "$*: says nothing"
}
S44_names() {
	local w verb zones
	mkdir -p "$BATS_TEST_TMPDIR/cwd"
	zones=$("$CELLA" list -j | jq -c '.[] | [.name, .state, .uuid]' | sort)
	cd "$BATS_TEST_TMPDIR/cwd" || return 1
	while IFS= read -r w; do
		for verb in create log plan console shell edit; do refuses $verb -- "$w"; done
		refuses exec -- "$w" true
		refuses clone iso -- "$w"
		refuses clone -- "$w" x
		refuses rename iso -- "$w"
		refuses rename -- "$w" x
		# where zones are chosen, a pattern is one, and means what it says
		case $w in '*' | '?' | '[a-z]') continue ;; esac
		for verb in start stop kill restart destroy show ps wait repair; do refuses $verb -- "$w"; done
		refuses set -- "$w" description=x
	done < <(hostile_words)
	for w in 'zz*' '?' '[a-h]*x' '[' '*;touch canary' '*$(id)'; do
		for verb in start stop kill destroy show wait; do refuses $verb -- "$w"; done
	done
	no_canary "names"
	[ "$zones" = "$("$CELLA" list -j | jq -c '.[] | [.name, .state, .uuid]' | sort)" ] || breach "zones changed: $("$CELLA" list)"
}
S44_values() {
	local w n=0
	mkdir -p "$BATS_TEST_TMPDIR/cwd"
	"$CELLA" start -q iso
	while IFS= read -r w; do
		tracing $((n++))
		traced '/bin/echo' "$CELLA" exec -e "V=$w" iso -- /bin/echo "$w" -n "$w"
		[ "$TRACED $(<"$BATS_TEST_TMPDIR/out")" = "0 $w -n $w" ] || breach "exec echo '$w': $TRACED: $(<"$BATS_TEST_TMPDIR/out")"
		[ "$("$CELLA" exec -e "V=$w" iso -- sh -c 'printf "%s" "$V"' </dev/null)" = "$w" ] || breach "exec -e 'V=$w'"
		traced '' "$CELLA" exec -u "$w" iso -- /bin/true
		[ "$TRACED" = 125 ] || breach "exec -u '$w': $TRACED"
		traced /bin/true "$CELLA" exec -w "$w" iso -- /bin/true
		[[ $TRACED == 125 || $w == /etc ]] || breach "exec -w '$w': $TRACED"
		traced '' "$CELLA" set iso "description=$w"
		[ "$TRACED $("$CELLA" show -j iso | jq -r .description)" = "0 $w" ] || breach "set 'description=$w': $TRACED $(<"$BATS_TEST_TMPDIR/err")"
		traced '' "$CELLA" list --filter "name=$w"
		[ "$TRACED" = 0 ] || breach "list --filter 'name=$w': $TRACED"
	done < <(hostile_words)
	tracing 0
	# an editor that is more than one word is words, and no more
	printf '#!/bin/sh\nprintf "%%s\\n" "$@" | head -n 3 >%q\n' "$BATS_TEST_TMPDIR/edited" >"$BATS_TEST_TMPDIR/editor"
	chmod 755 "$BATS_TEST_TMPDIR/editor"
	EDITOR="$BATS_TEST_TMPDIR/editor \$(id) ;id *" VISUAL='' traced "$BATS_TEST_TMPDIR/editor|[^\"]*/head" "$CELLA" edit iso
	[ "$(xargs <"$BATS_TEST_TMPDIR/edited")" = '$(id) ;id *' ] || breach "edit: $(<"$BATS_TEST_TMPDIR/edited")"
	no_canary "values"
}
# A whole life of a zone, with a store, a source and arguments of such names.
S44_life() {
	local w dir=$BATS_TEST_TMPDIR/sources
	mkdir -p "$BATS_TEST_TMPDIR/cwd" "$dir/tree/bin"
	tracing 0
	cp /bin/busybox "$dir/tree/bin/echo"
	tar -C "$dir/tree" -czf "$dir/tree.tar.gz" .
	for w in '-I touch canary' '--use-compress-program=touch canary' '$(touch canary)' ';touch canary;' 'a b*?'; do
		cp -a "$dir/tree" "$dir/$w"
		cp "$dir/tree.tar.gz" "$dir/$w.tar.gz"
		traced /bin/echo "$CELLA" run --from "$dir/$w" --set network.mode=none -e "A=$w" -- /bin/echo "$w"
		[ "$TRACED $(<"$BATS_TEST_TMPDIR/out")" = "0 $w" ] || breach "run --from '$w': $TRACED $(<"$BATS_TEST_TMPDIR/err")"
		traced /bin/echo "$CELLA" run --from "$dir/$w.tar.gz" --set network.mode=none --set "description=$w" -- /bin/echo "$w"
		[ "$TRACED $(<"$BATS_TEST_TMPDIR/out")" = "0 $w" ] || breach "run --from '$w.tar.gz': $TRACED $(<"$BATS_TEST_TMPDIR/err")"
		traced '' "$CELLA" run --from "$w" -- /bin/echo x
		[ "$TRACED" = 125 ] || breach "run --from '$w', which is not there: $TRACED"
		w="$STORE/store $w"
		mkdir -p "$w"
		traced /bin/echo "$CELLA" --root "$w/root" --run "$w/run" --log "$w/log" run --set network.mode=none -- /bin/echo hello
		[ "$TRACED $(<"$BATS_TEST_TMPDIR/out")" = "0 hello" ] || breach "run in '$w': $TRACED $(<"$BATS_TEST_TMPDIR/err")"
		grep -lsF "$(cat "$w/root/store-id")" /run/cella-host/net* | xargs -r rm -f
		rm -rf "$w"
	done
	# through the host's network programs, if there were any
	traced /bin/echo "$CELLA" run -- /bin/echo net
	[ "$TRACED $(<"$BATS_TEST_TMPDIR/out")" = "0 net" ] || breach "run with a network: $TRACED $(<"$BATS_TEST_TMPDIR/err")"
	no_canary "lives"
}
@test "S44 names that are options, commands or patterns" { holds S44_names; }
@test "S44 values that are options, commands or patterns" { holds S44_values; }
@test "S44 a whole life with such names: no shell, no program of the host" { holds S44_life; }
# There is no shell to switch off. By hand, by way of one: each detector tells.
@test "S44 control: by way of a shell" {
	mkdir -p "$BATS_TEST_TMPDIR/cwd"
	tracing 0
	traced /bin/echo sh -c "'$CELLA' exec iso -- /bin/echo \$(touch canary)"
	grep -q 'executes .*execve("[^"]*/sh"' "$BATS_TEST_TMPDIR/breaches"
	no_canary "a shell"
	grep -q 'a shell: made canary' "$BATS_TEST_TMPDIR/breaches"
}
