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
	audit >"$BATS_TEST_TMPDIR/audit.before"
}
teardown() {
	chmod -R u+rwX "$W"
	sweep up
	sweep off
	local end=$((SECONDS + 5))
	while audit | grep -v '^file .*/upper/' >"$BATS_TEST_TMPDIR/audit.after"; do
		grep -v '^file .*/upper/' "$BATS_TEST_TMPDIR/audit.before" | diff - "$BATS_TEST_TMPDIR/audit.after" && return 0
		[ $SECONDS -lt $end ] || return 1
		read -r -t 0.1 <> <(:) || true
	done
}
sweep() {
	case $1 in
	up) in_zone up rm -rf /t ;;
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
