# Common to every bats file. A file has one private store; a test has one snapshot of everything that
# it could leak, compared when it ends. Nothing here touches what the tests have not made.
# shellcheck shell=bash

CELLA_BUILD=${CELLA_BUILD:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/build}
CELLA=$CELLA_BUILD/bin/cella
TESTS=$(cd "$BATS_TEST_DIRNAME/.." && pwd)

# Store on a real disk: layers are id-mapped, which tmpfs cannot before Linux 6.3.
store_setup() {
	STORE=$(mktemp -d "${CELLA_TEST_TMP:-/var/tmp}/cella-test.XXXXXX")
	chmod 0700 "$STORE"
	export CELLA_ROOT=$STORE/root CELLA_RUN=$STORE/run CELLA_LOG=$STORE/log CELLA_CONFIG=$STORE/cella.json
	export STORE
	"$CELLA" list >/dev/null # makes the skeleton and the store's id
	STORE_ID=$(cat "$CELLA_ROOT/store-id")
	export STORE_ID
}

store_teardown() {
	[ -n "${STORE:-}" ] || return 0
	zones_teardown
	rm -rf --one-file-system "$STORE"
	# Claims of this store on what all stores of the host share.
	grep -ls -e "$STORE" -e "$STORE_ID" /run/cella-host/net* 2>/dev/null | xargs -r rm -f
	rm -f "/run/cella-host/"*"-cb-$STORE_ID.lock"
}

zones_teardown() {
	local names
	names=$("$CELLA" list -q 2>/dev/null) || true
	for z in $names; do
		"$CELLA" set "$z" 'protect=[]' >/dev/null 2>&1 || true
		"$CELLA" destroy --force "$z" >/dev/null 2>&1 || true
	done
	# What the tests name differently than zones: half-made things.
	"$CELLA" repair >/dev/null 2>&1 || true
}

# Everything a verb could leave behind, as sorted lines. In CI nobody else is at work, and the whole
# host is compared; beside other work (AUDIT_SHARED=1) only what carries this store's id.
audit() {
	local mine=${AUDIT_SHARED:+1}
	{
		set +e
		# Not what other tests have mounted in stores of their own.
		awk -v mine="${mine:+$STORE}" '!mine || index($0, mine) || !/cella-test\./ {print "mount", $4, $5}' /proc/self/mountinfo
		if [ -n "$mine" ]; then
			ip -o link | grep -F "$STORE_ID" | awk '{print "link", $2}'
			find /sys/fs/cgroup -type d -path "*/cella*/*.$STORE_ID*" -printf 'cgroup %p\n'
			nft list tables 2>/dev/null | grep -F "$STORE_ID"
		else
			ip -o link | awk '{print "link", $2}'
			find /sys/fs/cgroup -mindepth 2 -type d -path '*/cella*/*' -printf 'cgroup %p\n'
			nft list ruleset 2>/dev/null | sed 's/^/nft /; s/counter packets.*//'
			losetup -a | sed 's/^/loop /'
		fi
		# Few programs, whatever the number of processes: under emulation each costs 50 ms.
		local p exe
		for p in $(grep -slF ".$STORE_ID" /proc/[0-9]*/cgroup); do
			p=${p%/cgroup}
			# a zombie without its keeper waits for the host's init, which takes its time
			# and one that has ended since it was found has no name
			grep -qs '^State:.Z' "$p/status" || ! exe=$(cat "$p/comm" 2>/dev/null) || echo "process in group $exe"
		done
		while read -r p exe; do
			! grep -qsF ".$STORE_ID" "$p/cgroup" && grep -qszF "CELLA_ROOT=$CELLA_ROOT" "$p/environ" &&
				echo "process ${exe##*/}"
		done < <(find /proc/[0-9]*/exe -maxdepth 0 -lname "$CELLA_BUILD/*" -printf '%h %l\n' 2>/dev/null)
		find "$CELLA_ROOT" "$CELLA_RUN" "$CELLA_LOG" -mindepth 1 \
			! -path "$CELLA_ROOT/cache*" ! -path "$CELLA_ROOT/networks*" -printf 'file %p\n'
		grep -ls "$STORE_ID" /run/cella-host/ids/* 2>/dev/null | sed 's/^/claim /'
	} | sort
}

leak_setup() { audit >"$BATS_TEST_TMPDIR/audit.before"; }
leak_teardown() {
	[ -e "$BATS_TEST_TMPDIR/audit.before" ] || return 0 # skipped
	zones_teardown
	# The kernel ends a network namespace, and with it a veth pair, in its own time.
	local end=$((SECONDS + $(secs 5)))
	while audit >"$BATS_TEST_TMPDIR/audit.after"; do
		cmp -s "$BATS_TEST_TMPDIR/audit.before" "$BATS_TEST_TMPDIR/audit.after" && return 0
		[ $SECONDS -lt $end ] || break
		read -r -t 0.1 <> <(:) || true
	done
	if ! diff "$BATS_TEST_TMPDIR/audit.before" "$BATS_TEST_TMPDIR/audit.after"; then
		echo "^ leaked (>) or lost (<) by: $BATS_TEST_DESCRIPTION" >&2
		return 1
	fi
}

# Default frame of a file; a file with more to do defines its own and calls these.
setup_file() { store_setup; }
teardown_file() { store_teardown; }
setup() { leak_setup; }
teardown() { leak_teardown; }

# run the command; shown when the test fails. Output in $output (stdout), $stderr, code in $status.
cella() {
	run --separate-stderr "$CELLA" "$@"
	# shellcheck disable=SC2154
	echo "\$ cella $*  -> $status"
	echo "$output"
	# shellcheck disable=SC2154
	echo "$stderr" >&2
}
# code, then arguments: the command must end with exactly this code.
cella_is() {
	local want=$1
	shift
	cella "$@"
	[ "$status" -eq "$want" ] || { echo "want exit code $want"; return 1; }
}
# the error text (stderr) must contain each of these
error_has() {
	local t
	for t in "$@"; do
		[[ $stderr == *"$t"* ]] || { echo "stderr lacks: $t"; return 1; }
	done
}
output_has() {
	local t
	for t in "$@"; do
		[[ $output == *"$t"* ]] || { echo "stdout lacks: $t"; return 1; }
	done
}
state_is() { # zone state
	local s
	s=$("$CELLA" list -j | jq -r --arg n "$1" '.[] | select(.name == $n) | .state')
	[ "$s" = "$2" ] || { echo "zone $1 is '$s', want '$2'"; return 1; }
}
# A condition that must come true within S seconds: for what another process does in its own time.
# A deadline, for what must not hang: CELLA_TEST_SLOW times as long under emulation.
secs() { echo $(($1 * ${CELLA_TEST_SLOW:-1})); }
# CELLA_TEST_SLOW: this many times as long, under emulation.
eventually() {
	local end=$((SECONDS + $1 * ${CELLA_TEST_SLOW:-1}))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || { echo "did not come true: $*"; return 1; }
		read -r -t 0.05 <> <(:) || true
	done
}
is_dead() { # pid: gone, or a zombie
	! grep -q '^State:[[:space:]]*[^ZX]' "/proc/$1/status" 2>/dev/null
}
in_zone() { # zone command...: as root inside
	local z=$1
	shift
	"$CELLA" exec "$z" -- "$@"
}
# The groups with a zone's limits, above its own: one of each hierarchy of v1, one of v2, or in its scope.
zone_groups() { # zone
	local d
	for d in /sys/fs/cgroup{,/*}/cella/"$1.$STORE_ID" /sys/fs/cgroup/cella.slice/"cella-$1.$STORE_ID.scope"/limits; do
		[ ! -d "$d" ] || echo "$d"
	done
}
# What a file of them says: the first of the names that is there, since v1 and v2 have different ones.
group_file() { # zone, name...
	local z=$1 d n
	shift
	for n; do
		for d in $(zone_groups "$z"); do
			[ ! -f "$d/$n" ] || { cat "$d/$n"; return 0; }
		done
	done
	return 1
}
zone_pid() { "$CELLA" list -j | jq -r --arg n "$1" '.[] | select(.name == $n) | .pid'; }

# requires WORD...: skip, with the reason, what this host cannot do and another job does.
requires() {
	local w
	for w in "$@"; do
		case $w in
		cgroup_v1) [ "$(stat -f -c %T /sys/fs/cgroup)" = tmpfs ] || skip "needs cgroup v1: run on the v1 host" ;;
		cgroup_v2) [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || skip "needs pure cgroup v2: run by scripts/test --vm" ;;
		systemd) [ -d /run/systemd/system ] || skip "needs a systemd host: run by scripts/test --vm" ;;
		*) echo "requires: unknown word $w" >&2; return 1 ;;
		esac
	done
}
