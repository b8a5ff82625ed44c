#!/usr/bin/env bats
# What the other tests in a guest rely on: that tests/vm/run and pair say what happened there.
bats_require_minimum_version 1.5.0

setup() {
	VM=$BATS_TEST_DIRNAME
	OUT=$BATS_TEST_TMPDIR/out ERR=$BATS_TEST_TMPDIR/err
}
guest() { # command's status in $status, its output in the files $OUT and $ERR
	status=0
	"$VM/run" "$@" >"$OUT" 2>"$ERR" || status=$?
	cat "$OUT" "$ERR"
}

@test "the guest is a Debian 12 with systemd, pure cgroup v2 and a kernel 6.1" {
	guest --no-tree -- 'cat /etc/debian_version; uname -r; stat -f -c %T /sys/fs/cgroup; systemctl is-system-running'
	[ "$status" -eq 0 ]
	[[ $(paste -sd' ' "$OUT") =~ ^12\.[0-9]+\ 6\.1\..*\ cgroup2fs\ running$ ]]
}

@test "exit status and both streams are the command's; a list of words is taken as it is" {
	guest --no-tree -- 'printf out; printf err >&2; exit 7'
	[ "$status" -eq 7 ]
	[ "$(cat "$OUT")" = out ]
	[ "$(cat "$ERR")" = err ]
	# shellcheck disable=SC2016
	guest --no-tree -- printf '%s|' 'a  b' '$HOME' ''
	[ "$(cat "$OUT")" = 'a  b|$HOME||' ]
	guest --no-tree -- 'kill -KILL $$'
	[ "$status" -eq 137 ]
	guest --no-tree -- 'head -c 3000000 /dev/zero'
	[ "$(stat -c %s "$OUT")" -eq 3000000 ]
}

@test "output comes while the command runs" {
	local line begin=$SECONDS
	exec {from}< <("$VM/run" --no-tree -- 'echo first; sleep 60')
	local pid=$!
	read -r -t 30 line <&$from
	[ "$line" = first ]
	[ $((SECONDS - begin)) -lt 30 ]
	kill "$pid"
	exec {from}<&-
}

@test "a command past its time limit is 124, and leaves no QEMU" {
	guest --no-tree --timeout 2 -- 'echo before; sleep 100'
	[ "$status" -eq 124 ]
	[ "$(cat "$OUT")" = before ]
	[[ $(cat "$ERR") == *"timed out after 2 s"* ]]
}

@test "a guest that dies under the command is 125, and is shown" {
	guest --no-tree -- 'echo o >/proc/sysrq-trigger; sleep 100'
	[ "$status" -eq 125 ]
	[[ $(cat "$ERR") == *"guest a"* ]]
}

@test "nothing stays from one run to the next, but it does over a reboot within one" {
	guest --no-tree --after-reboot 'cat /var/tmp/mark; cut -d. -f1 /proc/uptime' -- 'echo mark >/var/tmp/mark'
	[ "$status" -eq 0 ]
	[ "$(head -n 1 "$OUT")" = mark ]
	[ "$(tail -n 1 "$OUT")" -lt 120 ]
	guest --no-tree -- 'cat /var/tmp/mark'
	[ "$status" -eq 1 ]
}

@test "the tree is there at its own path, what is shared is readable, and writable if so asked" {
	local d=$BATS_TEST_TMPDIR/shared w=$BATS_TEST_TMPDIR/written
	mkdir "$d" "$w"
	echo here >"$d/file"
	guest --share "$d:/mnt/d" --share "$w:/mnt/w:rw" -- \
		'cat /mnt/d/file; ! touch /mnt/d/new 2>/dev/null && echo ro; echo back >/mnt/w/file; tests/vm/inside --help; "$CELLA_BUILD/bin/cella" --version'
	[ "$status" -eq 0 ]
	[ "$(cat "$w/file")" = back ]
	[ "$(head -n 2 "$OUT" | paste -sd' ')" = "here ro" ]
	[ ! -e "$d/new" ]
	grep -q '^cella [0-9]' "$OUT"
}

@test "pair: a and b reach each other by ssh, with their own names" {
	local status=0
	"$VM/pair" --no-tree -- 'hostname; ssh b hostname; ssh b ssh a hostname; echo data | ssh b "cat >/root/x"; ssh b cat /root/x; exit 9' \
		>"$OUT" 2>"$ERR" || status=$?
	cat "$OUT" "$ERR"
	[ "$status" -eq 9 ]
	[ "$(paste -sd' ' "$OUT")" = "a b a data" ]
}
