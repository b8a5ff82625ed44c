# Three zones of three kinds, shared by the tests of a file: sys (a system zone), app (an app zone),
# bare (a system zone without a user namespace). They run by the build and with the switches that the
# present case asks for, and are started anew only when that changes.
# shellcheck shell=bash

KINDS="sys app bare"

kinds_create() {
	"$CELLA" create sys
	"$CELLA" create app --set 'init.args=["/bin/sleep","100000"]'
	"$CELLA" create bare --set security.userns=none
}

kinds_up() { # [kind]...: all if none is named
	local z want="$CELLA ${CELLA_TEST_OFF:-}" cold=()
	# shellcheck disable=SC2086
	[ $# -gt 0 ] || set -- $KINDS
	for z; do
		[ "$(cat "$STORE/up.$z" 2>/dev/null)" = "$want" ] || cold+=("$z")
	done
	[ ${#cold[@]} -gt 0 ] || return 0
	rm -f "${cold[@]/#/$STORE/up.}"
	"$CELLA" kill "${cold[@]}" >/dev/null 2>&1 || true
	"$CELLA" stop -t 1s "${cold[@]}" >/dev/null 2>&1 || true
	"$CELLA" start "${cold[@]}" || return 1
	for z in "${cold[@]}"; do
		echo "$want" >"$STORE/up.$z"
		in_zone "$z" sh -c 'cat >/bin/calls; chmod 755 /bin/calls' <"$CELLA_BUILD/tests/calls"
	done
}

# What a zone tries, as a script of the zone's shell on stdin. There `try TEXT COMMAND...` says TEXT
# when the command succeeds, and `tell TEXT` says it anyway; each line said is a breach. $KIND is the
# zone, $SLOW what a second is under emulation. An attempt must do no harm when it succeeds: in a control it does succeed, and the zone without a
# user namespace then acts on the host itself. Write what is there already, open without writing, ask
# with arguments that are refused after the permission is checked.
attempts() { # zone
	local z=$1 line ended=
	while read -r line; do
		[ "$line" = "all tried" ] && ended=1 || breach "$z: $line"
	done < <({
		echo 'tell() { echo "$*" >&3; }'
		echo 'try() { local t="$1"; shift; ("$@") </dev/null >/dev/null 2>&1 && tell "$t"; true; }'
		echo 'write() { echo "$1" >"$2"; }'
		cat
		echo 'tell "all tried"'
	} | "$CELLA" exec -e "KIND=$z" -e "SLOW=${CELLA_TEST_SLOW:-1}" "$z" -- sh -c 'exec 3>&1 >&2; cat >/tmp/attempts; . /tmp/attempts' 2>>"$BATS_TEST_TMPDIR/attempts.log")
	[ "$ended" ] || { tail -n 3 "$BATS_TEST_TMPDIR/attempts.log" >&2; void "$z: the script did not run to its end"; }
}
status_of() { awk -v k="$2:" '$1 == k {$1 = ""; print substr($0, 2)}' "/proc/$(zone_pid "$1")/status"; }
