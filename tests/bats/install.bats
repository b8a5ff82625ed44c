#!/usr/bin/env bats
# What `cmake --install` leaves on a host: who owns it, that nothing in it lends privileges (S23), and
# that it works from where it was put.
bats_require_minimum_version 1.5.0
load helpers

setup_file() {
	store_setup
	# Not in the store: other users must be able to run it.
	INST=$(mktemp -d "${CELLA_TEST_TMP:-/var/tmp}/cella-inst.XXXXXX")
	export INST
	(umask 0 && cmake --install "$CELLA_BUILD" --prefix "$INST/p" >"$INST/log")
	chmod 0755 "$INST"
}
teardown_file() {
	CELLA=$INST/p/bin/cella
	store_teardown
	rm -rf "$INST"
}
setup() {
	CELLA_BUILD=$INST/p CELLA=$INST/p/bin/cella
	leak_setup
}

# Everything in a tree that lends privileges to who runs it or who can write it; nothing is right.
lends() { # directory
	find "$1" -perm /6000 -printf 'setuid or setgid: %p\n'
	getcap -r "$1"
	find "$1" ! -user root -printf 'not of root: %p\n' -o ! -group root -printf 'not of group root: %p\n'
	find "$1" ! -type l -perm /022 -printf 'others can write: %p\n'
	find "$1" ! -type f ! -type d -printf 'neither file nor directory: %p\n'
}

@test "S23 no setuid program, no file capability, nothing that others can write" {
	[ "$(find "$INST/p" -type f | wc -l)" -gt 30 ]
	run lends "$INST/p"
	echo "$output"
	[ -z "$output" ]
}

@test "S23 control: a setuid program, a capability, a foreign owner, a writable file are seen" {
	cp -a "$INST/p" "$BATS_TEST_TMPDIR/p"
	cd "$BATS_TEST_TMPDIR/p"
	[ -z "$(lends .)" ]
	chmod u+s libexec/cella/cella-init
	[ "$(lends . | grep -c 'setuid.*cella-init')" = 1 ]
	chmod u-s libexec/cella/cella-init
	chmod g+s bin
	[ "$(lends . | grep -c 'setgid.*bin')" = 1 ]
	chmod g-s bin
	setcap cap_net_raw=ep bin/cella
	[ "$(lends . | grep -c 'bin/cella cap_net_raw')" = 1 ]
	setcap -r bin/cella
	chown 1000 share/man/man1/cella.1
	[ "$(lends . | grep -c 'not of root')" = 1 ]
	chown 0 share/man/man1/cella.1
	chmod o+w share/man/man1/cella.1
	[ "$(lends . | grep -c 'others can write')" = 1 ]
	chmod o-w share/man/man1/cella.1
	[ -z "$(lends .)" ]
}

@test "S23 another user cannot tell a zone that is there from one that is not" {
	"$CELLA" create web
	local verb there not
	for verb in show list start stop "destroy --force" "exec" log; do
		# shellcheck disable=SC2086
		there=$(setpriv --reuid 65534 --regid 65534 --clear-groups "$CELLA" $verb web 2>&1) && return 1 || code=$?
		[ $code -eq 6 ] || [ "$verb" = exec ] || { echo "$verb: exit $code: $there"; return 1; }
		# shellcheck disable=SC2086
		not=$(setpriv --reuid 65534 --regid 65534 --clear-groups "$CELLA" $verb nix 2>&1) && return 1 || [ $? -eq $code ]
		[ "${there//web/Z}" = "${not//nix/Z}" ] || { printf '%s\n%s\n' "$there" "$not"; return 1; }
	done
	state_is web stopped
}

@test "the programs are the hardened ones, and no others are there" {
	"$TESTS/source/hardening" "$INST"/p/bin/* "$INST"/p/libexec/cella/*
	local f
	for f in cella-copy cella-init cella-keeper cella-unpack; do [ -x "$INST/p/libexec/cella/$f" ]; done
	[ "$(find "$INST/p/bin" "$INST/p/libexec" -type f | wc -l)" = 5 ]
}

@test "it works from there: its own programs, whatever is in /usr/local" {
	cella_is 0 host check
	output_has "'$INST/p/"
	cella_is 0 create web
	cella_is 0 start web
	local keeper
	keeper=$(awk '/^PPid:/ {print $2}' "/proc/$(zone_pid web)/status")
	[ "$(readlink "/proc/$keeper/exe")" = "$INST/p/libexec/cella/cella-keeper" ]
	cella_is 3 exec web -- sh -c 'exit 3'
	cella_is 0 stop web
	state_is web stopped
	# a sealed copy of the program finds them as well
	cella_is 0 create bare --set security.userns=none
	cella_is 0 start bare
	cella_is 0 exec bare -- true
	cella_is 5 run --from default -- sh -c 'exit 5'
	cella_is 0 destroy --force web bare
}

@test "a manual page for every verb, and one for the spec; completion" {
	local verbs v
	# "  image list  show ...": the name ends where two blanks are
	verbs=$("$CELLA" help | sed -n '/^  [a-z]/s/^  \(.*[^ ]\)   *[^ ].*/\1/p' | sed 's/  .*//; s/ /-/')
	[ "$(wc -l <<<"$verbs")" -ge 20 ]
	for v in $verbs; do
		grep -q "^\.TH" "$INST/p/share/man/man1/cella-$v.1" || { echo "no page for $v"; return 1; }
	done
	[ "$(find "$INST/p/share/man/man1" -name 'cella-*.1' | wc -l)" = "$(wc -l <<<"$verbs")" ]
	grep -q "^\.TH" "$INST/p/share/man/man1/cella.1"
	grep -qE "^\.(TH|Dt)" "$INST/p/share/man/man5/cella-spec.5"
	run bash -c 'source "$0" && complete -p cella && COMP_WORDS=(cella sta) COMP_CWORD=1 && _cella && echo "${COMPREPLY[@]}"' \
		"$INST/p/share/bash-completion/completions/cella"
	[ "$status" -eq 0 ]
	[[ $output == *"-F _cella cella"*start* ]]
}
