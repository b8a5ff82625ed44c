#!/usr/bin/env bats
# cella cp: files between the host and zones. `up` runs, `off` is stopped.
bats_require_minimum_version 1.5.0
load helpers
load helpers_wall

setup_file() {
	store_setup
	"$CELLA" create up
	"$CELLA" start up
	"$CELLA" create off
	"$CELLA" start off
	"$CELLA" stop off
	export LC_ALL=C
}
# The zones are the file's: a test must leave them as they are, but for /t and $W.
setup() {
	W=$BATS_TEST_TMPDIR/w
	mkdir "$W"
	BUILD=$CELLA_BUILD
	audit >"$BATS_TEST_TMPDIR/audit.before"
}
teardown() {
	CELLA_BUILD=$BUILD CELLA=$BUILD/bin/cella # of a control
	unset CELLA_TEST_OFF
	chmod -R u+rwX "$W"
	[ ! "${RACER_PID:-}" ] || kill "$RACER_PID" 2>/dev/null || true
	"$CELLA" destroy -q --force small racing 2>/dev/null || true
	sweep up
	sweep off
	local end=$((SECONDS + $(secs 5))) found
	while ! found=$(diff <(grep -v '^file .*/upper/' "$BATS_TEST_TMPDIR/audit.before") <(audit | grep -v '^file .*/upper/')); do
		[ $SECONDS -lt $end ] || { echo "leaked or lost: $found"; return 1; }
		read -r -t 0.1 <> <(:) || true
	done
}
sweep() {
	case $1 in
	up) in_zone up sh -c 'ulimit -n 4096; rm -rf /t' ;; # one for each level of a tree
	off) rm -rf --one-file-system "$CELLA_ROOT/zones/off/upper/t" ;;
	esac
}
# /t in a zone, empty, whether it runs or not.
fresh() { # zone
	sweep "$1"
	mkdir -p "$W/empty"
	"$CELLA" cp "$W/empty" "$1:/t"
}
# What is in a zone, beneath /t, as `find` prints it.
listing() { # zone, format
	"$CELLA" cp -a "$1:/t" "$W/listing" && (cd "$W/listing" && find . -mindepth 1 -printf "$2" | sort) && rm -rf "$W/listing"
}

@test "a file and a tree, into a zone and out of it, running and stopped" {
	local z
	mkdir -p "$W/tree/sub/deep"
	echo one >"$W/tree/one"
	echo two >"$W/tree/sub/two"
	ln -s ../one "$W/tree/sub/link"
	ln "$W/tree/one" "$W/tree/sub/hard"
	chmod 640 "$W/tree/one"
	touch -d '2001-02-03 04:05:06.789' "$W/tree/one" "$W/tree/sub"
	for z in up off; do
		fresh $z
		cella_is 0 cp "$W/tree/one" $z:/t/file
		[ -z "$output$stderr" ]
		cella_is 0 cp "$W/tree" $z:/t
		cella_is 0 cp $z:/t/file "$W/$z.file"
		cella_is 0 cp $z:/t/tree "$W/$z.tree"
		cmp "$W/$z.file" "$W/tree/one"
		diff <(cd "$W/tree" && find . -printf '%p %y %m %n %s %T@ %l\n' | grep -v '^. ' | sort) \
			<(cd "$W/$z.tree" && find . -printf '%p %y %m %n %s %T@ %l\n' | grep -v '^. ' | sort)
		[ "$W/$z.tree/one" -ef "$W/$z.tree/sub/hard" ]
	done
	[ "$(in_zone up cat /t/tree/sub/two)" = two ]
	state_is off stopped
	"$CELLA" start off
	[ "$(in_zone off cat /t/tree/sub/link)" = one ]
	"$CELLA" stop off
}

# docker cp, "Extended description": each line of its table. code, source, destination, what is there then.
@test "where it goes: as docker cp documents it, both ways" {
	local z
	for z in up off; do
		# into the zone
		mkdir -p "$W/dir/in"
		echo f >"$W/file"
		echo g >"$W/dir/in/g"
		into() { # code, source, destination beneath /t, files that are there afterwards
			fresh $z
			"$CELLA" cp "$W/file" "$z:/t/old"
			"$CELLA" cp "$W/empty" "$z:/t/have"
			cella_is "$1" cp "$W/$2" "$z:/t/$3" || return 1
			[ "$(listing $z '%P%y\n' | tr '\n' ' ')" = "$4" ] || { listing $z '%P%y '; return 1; }
		}
		into 0 file new "haved newf oldf "
		into 3 file new/ "haved oldf "
		into 0 file old "haved oldf "
		into 0 file have "have/filef haved oldf "
		into 0 file have/ "have/filef haved oldf "
		into 1 file old/ "haved oldf "
		into 0 dir new "haved new/in/gf new/ind newd oldf "
		into 0 dir new/ "haved new/in/gf new/ind newd oldf "
		into 0 dir/. new "haved new/in/gf new/ind newd oldf "
		into 1 dir old "haved oldf "
		into 0 dir have "have/dir/in/gf have/dir/ind have/dird haved oldf "
		into 0 dir/ have "have/dir/in/gf have/dir/ind have/dird haved oldf "
		into 0 dir/. have "have/in/gf have/ind haved oldf "
		into 3 nosuch new "haved oldf "
		into 3 nosuch/. new "haved oldf "
		into 1 file/. new "haved oldf "
		into 1 file no/such "haved oldf "
		# out of it
		fresh $z
		"$CELLA" cp "$W/dir" $z:/t
		"$CELLA" cp "$W/file" $z:/t/file
		out() { # code, source, destination, files
			rm -rf "$W/to"
			mkdir -p "$W/to/have"
			echo old >"$W/to/old"
			cella_is "$1" cp "$z:/t/$2" "$W/to/$3" || return 1
			[ "$(cd "$W/to" && find . -mindepth 1 -printf '%P%y\n' | sort | tr '\n' ' ')" = "$4" ] ||
				{ find "$W/to"; return 1; }
		}
		out 0 file new "haved newf oldf "
		out 3 file new/ "haved oldf "
		out 0 file have "have/filef haved oldf "
		out 0 dir new "haved new/in/gf new/ind newd oldf "
		out 0 dir/. have "have/in/gf have/ind haved oldf "
		out 0 dir have/. "have/dir/in/gf have/dir/ind have/dird haved oldf "
		out 1 dir old "haved oldf "
		out 3 nosuch new "haved oldf "
		out 1 file/ new "haved oldf "
		out 0 file old "haved oldf "
		[ "$(cat "$W/to/old")" = f ]
	done
}

@test "links: copied as links, followed with -L and by a slash; never on the way out of a zone's root" {
	local z
	mkdir "$W/d" && echo x >"$W/d/x"
	ln -s d "$W/l"
	ln -s /etc/passwd "$W/abs"
	for z in up off; do
		fresh $z
		cella_is 0 cp "$W/l" $z:/t/l
		cella_is 0 cp "$W/l/" $z:/t/slash
		cella_is 0 cp -L "$W/l" $z:/t/followed
		cella_is 0 cp "$W/abs" $z:/t
		[ "$(listing $z '%P%y %l\n')" = "$(printf '%s\n' 'absl /etc/passwd' 'followed/xf ' 'followedd ' 'll d' 'slash/xf ' 'slashd ')" ]
		# read as the zone does: its own passwd
		cella_is 0 cp -L $z:/t/abs "$W/passwd.$z"
		cmp -s "$W/passwd.$z" /etc/passwd && return 1
		grep -q ^root "$W/passwd.$z"
		# a link to a directory as the destination, in the zone
		ln -sfn /t "$W/t"
		"$CELLA" cp "$W/t" $z:/t/to
		cella_is 0 cp "$W/d/x" $z:/t/to/
		cella_is 0 cp $z:/t/x "$W/back.$z"
		# a loop, and one that leads nowhere
		ln -sfn loop "$W/loop"
		"$CELLA" cp "$W/loop" $z:/t
		cella_is 1 cp -L $z:/t/loop "$W/none"
		error_has /t/loop "symbolic links"
		[ ! -e "$W/none" ]
	done
	# one on the host is followed as the destination, as cp(1) does
	ln -s d "$W/into"
	cella_is 0 cp up:/etc/hostname "$W/into"
	[ -f "$W/d/hostname" ]
}

@test "owners: root's by default, the zone's own with -a; none of the host's range" {
	local z
	mkdir "$W/d"
	echo x >"$W/d/x"
	setfattr -n user.note -v hello "$W/d/x"
	setfacl -m u:33:r "$W/d/x"
	chown 33:44 "$W/d/x"
	for z in up off; do
		fresh $z
		"$CELLA" cp "$W/d" $z:/t/plain
		"$CELLA" cp -a "$W/d" $z:/t/kept
		"$CELLA" cp $z:/t/kept "$W/$z.plain"
		"$CELLA" cp -a $z:/t/kept "$W/$z.kept"
		[ "$(stat -c %u:%g "$W/$z.plain/x" "$W/$z.kept/x")" = "$(printf '0:0\n33:44')" ]
		getfacl -pn "$W/$z.kept/x" | grep -q user:33:r--
		[ "$(getfattr --only-values -n user.note "$W/$z.kept/x")" = hello ]
		! getfattr -n user.note "$W/$z.plain/x" 2>/dev/null
		[ -z "$(find "$CELLA_ROOT/zones/$z/upper" -uid +65535 -o -gid +65535)" ]
	done
	[ "$(in_zone up stat -c %u:%g /t/plain/x /t/kept/x)" = "$(printf '0:0\n33:44')" ]
	chown 70000 "$W/d/x"
	for z in up off; do
		cella_is 0 cp "$W/d" $z:/t/other
		cella_is 1 cp -a "$W/d" $z:/t/another
		error_has 70000 "ids 0 to 65535"
	done
}

@test "R9 setuid of a zone does not come to the host without -a; into a zone it does" {
	"$CELLA" cp "$W" up:/t
	in_zone up sh -c 'cp /bin/busybox /t/su; chmod 6755 /t/su; mkdir /t/d; chmod 2755 /t/d'
	cella_is 0 cp up:/t/. "$W/out"
	error_has "1 files lost setuid" -a
	[ "$(stat -c %a "$W/out/su" "$W/out/d")" = "$(printf '755\n2755')" ]
	cella_is 0 cp -a up:/t/. "$W/kept"
	[ "$(stat -c %a "$W/kept/su")" = 6755 ]
	fresh off
	cella_is 0 cp "$W/kept/su" off:/t
	[ "$(stat -c %a "$CELLA_ROOT/zones/off/upper/t/su")" = 6755 ]
	# in an archive it is a word only
	"$CELLA" cp up:/t/su - | tar tv | grep -q '^-rwsr-sr-x'
}

@test "FIFOs, sockets, devices, holes, attributes: kept or left out with a remark, no hang" {
	fresh up
	in_zone up sh -c 'cd /t; mkfifo fifo; truncate -s 100M hole; echo end >>hole; nc -l -s 127.0.0.1 >/dev/null 2>&1 & true'
	mkdir "$W/d"
	python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$W/d/sock"
	mknod "$W/d/dev" c 1 3
	mkfifo "$W/d/fifo"
	cella_is 0 cp up:/t "$W/t"
	[ -p "$W/t/fifo" ]
	[ "$(stat -c %s "$W/t/hole")" = 104857604 ]
	[ "$(du -k "$W/t/hole" | cut -f1)" -lt 100 ]
	cella_is 0 cp "$W/t/hole" up:/t/again
	[ "$(in_zone up du -k /t/again | cut -f1)" -lt 100 ]
	in_zone up cmp /t/hole /t/again
	cella_is 0 cp "$W/d" up:/t
	error_has "1 device nodes, 1 sockets"
	[ "$(in_zone up ls /t/d)" = fifo ]
	cella_is 1 cp "$W/d/sock" up:/t
	error_has "is a socket"
	cella_is 1 cp "$W/d/dev" up:/t
	error_has "is a device"
	cella_is 0 cp up:/dev "$W/dev"
	error_has "device nodes" "file systems of the kernel"
	cella_is 1 cp up:/proc/meminfo "$W"
	error_has "made up by the kernel"
	cella_is 0 cp up:/. "$W/all"
	[ -d "$W/all/proc" ] && [ ! -e "$W/all/proc/1" ] && [ ! -e "$W/all/sys/kernel" ]
	# what is there and no file is not replaced
	mkdir "$W/to" && mknod "$W/to/file" c 1 3
	echo x >"$W/file"
	cella_is 1 cp up:/etc/hostname "$W/to/file"
	error_has "there is a device"
}

@test "archives on stdin and stdout: of GNU tar, in all its formats; and between zones" {
	local z f
	mkdir -p "$W/src/$(printf 'd%.0s' {1..90})/$(printf 'e%.0s' {1..90})" "$W/back"
	echo x >"$W/src/$(printf 'd%.0s' {1..90})/$(printf 'e%.0s' {1..90})/umlaut-ü"
	ln -s /nowhere "$W/src/link"
	echo h >"$W/src/h" && ln "$W/src/h" "$W/src/h2"
	chown 33:44 "$W/src/h"
	for z in up off; do
		for f in v7 ustar gnu pax; do
			fresh $z
			tar c --format=$f -C "$W/src" . 2>/dev/null | "$CELLA" cp -a - $z:/t
			rm -rf "$W/back" && mkdir "$W/back"
			"$CELLA" cp $z:/t/. - | tar x -C "$W/back"
			[ $f = v7 ] || diff -r --no-dereference "$W/src" "$W/back"
			[ "$W/back/h" -ef "$W/back/h2" ]
		done
		# which of the two names comes first, and has the content, is the file system's to say
		"$CELLA" cp $z:/t - | tar tv --numeric-owner | grep -qE '33/44 .* t/h2?$'
		[ "$("$CELLA" cp $z:/t - | tar t | head -1)" = t/ ]
		# cut off, garbage, compressed, no directory, nothing
		tar c -C "$W/src" . | head -c 3000 >"$W/cut"
		cella_is 1 cp - $z:/t <"$W/cut"
		error_has "ends in the middle"
		echo rubbish rubbish >"$W/rubbish"
		cella_is 1 cp - $z:/t <"$W/rubbish"
		tar cz -C "$W/src" . >"$W/z"
		cella_is 1 cp - $z:/t <"$W/z"
		error_has compressed "gzip -dc"
		cella_is 1 cp - $z:/t </dev/null
		cella_is 3 cp - $z:/t/nosuch <"$W/cut"
		cella_is 1 cp - $z:/etc/passwd <"$W/cut"
		[ -z "$("$CELLA" cp $z:/t - | tar t | grep cella-cp-)" ]
	done
	"$CELLA" cp up:/etc off:/t/etc
	"$CELLA" cp off:/t/etc "$W/etc.off"
	"$CELLA" cp up:/etc "$W/etc.up"
	diff -r "$W/etc.off" "$W/etc.up"
	run sh -c '"$0" cp up:/etc - >/dev/full' "$CELLA"
	[ "$status" -eq 1 ]
	[[ $output == *"write the stream: No space left"* ]]
	"$CELLA" cp up:/etc - | true
}

@test "B usage: two paths of the host, two streams, no zone, colons, a terminal" {
	cd "$W"
	echo x >a:b
	cella_is 2 cp a b
	error_has "neither is in a zone"
	cella_is 2 cp - -
	cella_is 2 cp - file
	cella_is 2 cp up:/etc
	cella_is 2 cp up: "$W"
	cella_is 2 cp .. up:/t
	cella_is 3 cp nosuch:/etc "$W"
	cella_is 3 cp up:/nosuch "$W"
	error_has "up:/nosuch" "No such file"
	cella_is 3 cp "$W/nosuch" up:/tmp
	fresh up
	cella_is 3 cp a:b up:/t
	cella_is 0 cp ./a:b up:/t
	cella_is 0 cp "$W/a:b" up:t/relative
	[ "$(in_zone up cat /t/relative)" = x ]
	cella_is 4 cp off:/etc off:/tmp
	[ "$(in_zone up ls /t)" = "$(printf 'a:b\nrelative')" ]
	run python3 -c 'import pty,sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)' "$CELLA" cp up:/etc -
	[ "$status" -eq 2 ]
	[[ $output == *terminal* ]]
}

@test "a stopped zone is not started meanwhile; one that is in use is busy" {
	fresh off
	mkfifo "$W/fifo"
	"$CELLA" cp - off:/t <"$W/fifo" 3>&- &
	local p=$!
	exec 9>"$W/fifo"
	eventually 5 pgrep -P $p
	cella_is 5 start off
	cella_is 5 cp off:/etc "$W"
	state_is off stopped
	exec 9>&-
	! wait $p
	cella_is 0 cp off:/etc/passwd "$W"
}

@test "a zone of one program, and one without ids of its own; in a volume" {
	"$CELLA" create small --set 'init.args=["/bin/sleep","1000"]'
	"$CELLA" create racing --set security.userns=none --set 'init.args=["/bin/sleep","1000"]'
	mkdir "$W/vol" "$W/d"
	echo x >"$W/d/x"
	chown 33:44 "$W/d/x"
	chmod 700 "$W"
	local z when
	for z in small racing; do
		"$CELLA" set $z "mounts=[{\"source\":\"$W/vol\",\"target\":\"/vol\"}]"
		"$CELLA" cp "$W/empty" $z:/vol 2>/dev/null || mkdir -p "$CELLA_ROOT/zones/$z/upper/vol"
		for when in stopped running; do
			[ $when = stopped ] || "$CELLA" start $z
			cella_is 0 cp -a "$W/d" $z:/vol/$z.$when
			[ "$(stat -c %u:%g "$W/vol/$z.$when/x")" = 33:44 ]
			cella_is 0 cp -a $z:/vol/$z.$when "$W/$z.$when"
			[ "$(stat -c %u:%g "$W/$z.$when/x")" = 33:44 ]
			cella_is 0 cp "$W/d/x" $z:/x.$when
		done
		"$CELLA" kill $z
		[ -z "$(find "$CELLA_ROOT/zones/$z/upper" -uid +65535)" ]
		"$CELLA" destroy --force $z
	done
}

@test "10,000 files and a deep tree" {
	mkdir -p "$W/many"
	(cd "$W/many" && for i in $(seq 20); do mkdir $i && (cd $i && seq -f 'file-%g' 500 | xargs touch); done)
	# a process that walks it must not run out of stack
	mkdir -p "$W/many/$(printf 'd/%.0s' {1..1900})" && echo deep >"$W/many/$(printf 'd/%.0s' {1..1900})file"
	local z
	for z in up off; do
		fresh $z
		[ $z = up ] || rm -rf "$W"/many/[1-9]*
		cella_is 0 cp "$W/many" $z:/t/many
		cella_is 0 cp $z:/t/many "$W/$z"
		diff <(cd "$W/many" && find . -printf '%P %y %m\n' | sort) <(cd "$W/$z" && find . -printf '%P %y %m\n' | sort)
	done
}

@test "full: the error says so, what was there stays, nothing half is left" {
	"$CELLA" create small --set 'mounts=[{"type":"tmpfs","target":"/small","options":["size=1M"]}]'
	"$CELLA" start small
	head -c 3M /dev/urandom >"$W/big"
	echo old >"$W/old"
	"$CELLA" cp "$W/old" small:/small/big
	cella_is 1 cp "$W/big" small:/small/big
	error_has small:/small/big "No space left"
	[ "$(in_zone small sh -c 'ls -A /small; cat /small/big')" = "$(printf 'big\nold')" ]
	"$CELLA" cp "$W/big" small:/big
	unshare -m --propagation private bash -euc '
		mkdir "$1/full"; mount -t tmpfs -o size=1M full "$1/full"
		echo old >"$1/full/big"
		! "$0" cp small:/big "$1/full/big" 2>"$1/err" || exit 1
		! "$0" cp small:/big - >"$1/full/tar" 2>>"$1/err" || exit 1
		rm "$1/full/tar"
		[ "$(ls -A "$1/full")" = big ]; [ "$(cat "$1/full/big")" = old ]' "$CELLA" "$W"
	[ "$(grep -c 'No space left' "$W/err")" = 2 ]
	"$CELLA" destroy --force small
}

# One of cp's processes is killed at some moment; what was at the destination is old or new, whole, and
# no file beside it is left. Replaces by turns, so that each run has something to do.
strike_cp() { # check function, source A, source B, destination
	local check=$1 a=$2 b=$3 dst=$4 i us begin total died=0
	"$CELLA" cp "$a" "$dst"
	begin=${EPOCHREALTIME/./}
	"$CELLA" cp "$b" "$dst"
	total=$((${EPOCHREALTIME/./} - begin))
	for i in $(seq 15); do
		us=$((total * i / 15))
		timeout --foreground -s KILL "$(printf '%d.%06d' $((us / 1000000)) $((us % 1000000)))" \
			"$CELLA" cp "$a" "$dst" >/dev/null 2>&1 || died=$((died + 1))
		eventually 5 $check || return 1
		i=$a a=$b b=$i
	done
	echo "# $died of 15 died, of about $total us"
	[ $died -ge 4 ]
}
@test "F01 kill -9 of a copy into a zone, out of it, and into a stopped one" {
	head -c 8M /dev/urandom >"$W/a"
	head -c 8M /dev/urandom >"$W/b"
	mkdir "$W/to"
	whole() { # a file is a or b, alone in its directory
		[ "$(ls -A "${1%/*}")" = "${1##*/}" ] && { cmp -s "$1" "$W/a" || cmp -s "$1" "$W/b"; }
	}
	on_host() { whole "$W/to/file"; }
	in_up() { whole "$CELLA_ROOT/zones/up/upper/t/file"; }
	in_off() { whole "$CELLA_ROOT/zones/off/upper/t/file"; }
	fresh up
	fresh off
	strike_cp in_up "$W/a" "$W/b" up:/t/file
	strike_cp in_off "$W/a" "$W/b" off:/t/file
	"$CELLA" cp "$W/a" up:/a
	"$CELLA" cp "$W/b" up:/b
	strike_cp on_host up:/a up:/b "$W/to/file"
	in_zone up rm /a /b
	state_is off stopped
	"$CELLA" start off
	"$CELLA" stop off
}

# ---- S38 ----

hostile_streams_case() {
	local name want
	rm -rf "$W/s" "$W/canary"
	canary_made "$W/canary"
	python3 "$TESTS/bats/streams.py" "$W/s" "$W/canary"
	while IFS=$'\t' read -r name want; do
		rm -rf "$W/out"
		mkdir "$W/out"
		timeout "$(secs 10)" "$CELLA_BUILD/bin/cella-copy" unpack --single --confine --ids 65536 --name top "$W/out" \
			<"$W/s/$name.tar" 2>"$W/err" && breach "$name was taken"
		grep -q "^error .*$want" "$W/err" || [ "${CELLA_TEST_OFF:-}" ] || breach "$name: $(cat "$W/err")"
		[ -z "$(find "$W/out" -name '.cella-cp-*')" ] || breach "$name: half a file is left"
		canary_same "$W/canary" "$name: the canary"
		[ ! -e "$W/escaped" ] || breach "$name: a file outside"
		! [ "${CELLA_TEST_OFF:-}" ] || ! breaches || break
	done <"$W/s/refused"
}
@test "S38 hostile streams: each refused with its own message, nothing outside is touched" {
	holds hostile_streams_case
	local copy="$CELLA_BUILD/bin/cella-copy unpack --single --confine --ids 65536 --name top"
	mkdir "$W/ok"
	$copy "$W/ok" <"$W/s/device.tar" 2>"$W/err"
	grep -q 'devices 1' "$W/err"
	[ "$(ls "$W/ok/top")" = ok ]
	$copy "$W/setuid" <"$W/s/setuid.tar" 2>"$W/err"
	[ "$(stat -c %a "$W/setuid/su" "$W/setuid/dir")" = "$(printf '755\n2755')" ]
	! $copy --keep "$W/owner" <"$W/s/owner.tar" 2>"$W/err"
	grep -q 'ids 0 to 65535' "$W/err"
	$copy "$W/names" <"$W/s/names.tar" 2>"$W/err"
	[ -f "$W/names/umlaut-ü" ] && [ -f "$W/names/$(printf 'n%.0s' {1..255})" ]
}
@test "S38 control: following links on the host they write outside" { control S38 hostile_streams_case; }

# Into a directory that has something in it: only what the stream brought gets another name.
others_file_case() {
	rm -rf "$W/s" "$W/out"
	mkdir -p "$W/out/private"
	chmod 700 "$W/out/private"
	echo secret >"$W/out/private/key"
	python3 "$TESTS/bats/streams.py" "$W/s" "$W"
	"$CELLA_BUILD/bin/cella-copy" unpack --single --contents --confine --ids 65536 --name top "$W/out" \
		<"$W/s/others-file.tar" 2>"$W/err" || true
	[ "$W/out/mine" -ef "$W/out/mine-too" ]
	[ ! -e "$W/out/stolen" ] || breach "a hard link to a file that the stream did not bring"
	grep -q 'did not bring' "$W/err" || breach "$(cat "$W/err")"
	[ -z "$(find "$W/out" -name '.cella-cp-*')" ] || breach "a name is left"
}
@test "S38 a stream links to nothing that it did not bring" { holds others_file_case; }
@test "S38 control: without that it gives away a file of the host" { control S38h others_file_case; }

setuid_case() {
	fresh up
	in_zone up sh -c 'cp /bin/busybox /t/su; chmod 4755 /t/su'
	rm -rf "$W/su"
	"$CELLA" cp up:/t/su "$W/su"
	[ ! -u "$W/su" ] || breach "a setuid program of root on the host"
}
@test "S38 setuid stays in the zone" { holds setuid_case; }
@test "S38 control: without that it is the host's" { control S38m setuid_case; }

# The host's directory is one that somebody else changes meanwhile: a directory for a link.
swapped_host_case() {
	local i
	rm -rf "$W/race" "$W/canary"
	mkdir -p "$W/race/from/spot" "$W/race/to/tree/spot" "$W/race/tree/spot"
	canary_made "$W/canary"
	for i in $(seq 40); do echo x | tee "$W/race/tree/spot/file$i" >"$W/race/from/spot/file$i"; done
	ln -s "$W/canary" "$W/race/to/tree/link"
	ln -s "$W/canary" "$W/race/from/link"
	fresh up
	"$CELLA" cp "$W/race/tree" up:/t/tree
	racer_start exchange "$W/race/to/tree/spot" "$W/race/to/tree/link"
	for i in $(seq 25); do
		"$CELLA" cp up:/t/tree "$W/race/to" >/dev/null 2>&1 || true
		breaches && break
		[ ! -e "$W/canary/file1" ] || breach "the copy went through a link of the host"
	done
	racer_stop
	canary_same "$W/canary"
	! breaches || return 0
	racer_start exchange "$W/race/from/spot" "$W/race/from/link"
	for i in $(seq 25); do
		breaches && break
		"$CELLA" cp "$W/race/from" up:/t/from >/dev/null 2>&1 || true
		! in_zone up grep -rqs secret /t/from || breach "what a link of the host leads to is in the zone"
		in_zone up rm -rf /t/from
	done
	racer_stop
}
@test "S38 a directory of the host swapped for a link while it is copied" { holds swapped_host_case; }
@test "S38 control: following links the copy goes astray" { control S38 swapped_host_case; }

# The zone's own: a volume, in which it swaps a directory for a link to a path that the host has.
swapped_zone_case() {
	local i
	rm -rf "$STORE/shared" "$W/canary" "$W/out"
	mkdir -p "$STORE/shared/spot" "$W/out"
	canary_made "$W/canary"
	echo x >"$STORE/shared/spot/file"
	ln -s "$W/canary" "$STORE/shared/link"
	echo new >"$W/new"
	"$CELLA" destroy --force racing >/dev/null 2>&1 || true
	"$CELLA" create racing --set "mounts=[{\"source\":\"$STORE/shared\",\"target\":\"/srv\"}]" && "$CELLA" start racing || return 1
	racer_start exchange "$STORE/shared/spot" "$STORE/shared/link"
	for i in $(seq 25); do
		"$CELLA" cp "$W/new" racing:/srv/spot/new >/dev/null 2>&1 || true
		"$CELLA" cp racing:/srv/spot/file "$W/out/$i" >/dev/null 2>&1 || true
		"$CELLA" cp racing:/srv/spot/. "$W/out/dir$i" >/dev/null 2>&1 || true
	done
	racer_stop
	canary_same "$W/canary"
	! grep -rq secret "$W/out" || breach "a file of the host was copied out of the zone"
	"$CELLA" destroy --force racing
	rm -rf "$STORE/shared"
}
@test "S38 a directory of the zone swapped for a link while it is copied" { holds swapped_zone_case; }
@test "S38 control: walked by the host the zone's link leads to the host" { control S38z swapped_zone_case; }

@test "progress on a terminal, and nothing of it elsewhere" {
	mkfifo "$W/fifo"
	(tar c -C "$CELLA_BUILD/bin" cella-copy | { head -c 300K; read -r -t 0.4 <> <(:) || true; cat; } >"$W/fifo") 3>&- &
	run python3 -c 'import pty,sys; sys.exit(pty.spawn(["sh", "-c", "exec \"$0\" \"$@\" <" + sys.argv[1]] + sys.argv[2:]) >> 8)' \
		"$W/fifo" "$CELLA" cp - up:/tmp
	[ "$status" -eq 0 ]
	[[ $output == *$'\r'*[KM]$'\033[K'* ]]
	"$CELLA" cp up:/tmp/cella-copy "$W" && cmp "$W/cella-copy" "$CELLA_BUILD/bin/cella-copy"
	in_zone up rm /tmp/cella-copy
}
