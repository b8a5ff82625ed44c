#!/usr/bin/env bats
# Snapshots: a tree of named states, of stopped and running zones.
bats_require_minimum_version 1.5.0
load helpers

setup() {
	SMALL=$STORE/small
	leak_setup
}
teardown() {
	[ ! -e "$STORE/small.img" ] || {
		zones_teardown
		CELLA_ROOT=$STORE/root
		umount "$SMALL"
		rm -rf "$SMALL" "$STORE/small.img"
	}
	! mountpoint -q "$STORE/mnt" || umount "$STORE/mnt"
	leak_teardown
}

layers() { find "$CELLA_ROOT/layers" -mindepth 1 -maxdepth 1 | wc -l; }
list() { "$CELLA" snapshot list "$1" -j; }
# What a zone holds: its snapshots' names with their parents, and which is present.
tree() { list "$1" | jq -r '[.[] | .name + "<" + (.parent // "") + (if .present then "*" else "" end)] | join(" ")'; }
say() { "$CELLA" exec "$1" -- sh -c "echo $2 >/root/said"; }
said() { "$CELLA" exec "$1" -- cat /root/said; }
# Start, write, stop, keep.
step() { # zone, word = name of the snapshot
	"$CELLA" start "$1"
	say "$1" "$2"
	"$CELLA" stop "$1"
	"$CELLA" snapshot create "$1" "$2"
}
canonical() { # no id of the host's ranges, wherever the zone's files lie
	local high
	high=$(find "$CELLA_ROOT/zones" "$CELLA_ROOT/layers" \( -uid +65535 -o -gid +65535 \) -print -quit)
	[ -z "$high" ] || { echo "not canonical: $(ls -ldn "$high")"; return 1; }
}

@test "a tree with two branches: restore to an older one and to another branch, nothing is lost" {
	"$CELLA" create web
	step web v1
	step web v2
	step web v3
	cella_is 0 snapshot restore web v1
	step web b1
	[ "$(tree web)" = "v1< v2<v1 v3<v2 b1<v1*" ]
	cella_is 0 snapshot list web
	output_has 'v1' '|- v2' "|  \`- v3" "\`- b1 *"
	local s
	for s in v3 v1 b1 v2; do
		cella_is 0 snapshot restore web "$s"
		"$CELLA" start web
		[ "$(said web)" = "$s" ]
		"$CELLA" stop web
		# starting writes nothing that asks for --force
		cella_is 0 snapshot restore --force web "$s"
	done
	canonical
}

@test "create of a stopped zone costs the same whatever it holds" {
	local size used=()
	for size in 0 64; do
		"$CELLA" create "z$size"
		"$CELLA" start "z$size"
		in_zone "z$size" sh -c "dd if=/dev/zero of=/root/big bs=1M count=$size 2>/dev/null"
		"$CELLA" stop "z$size"
		sync -f "$CELLA_ROOT"
		local before after
		before=$(du -sk "$CELLA_ROOT" | cut -f 1)
		cella_is 0 snapshot create "z$size" now
		after=$(du -sk "$CELLA_ROOT" | cut -f 1)
		used+=($((after - before)))
		[ $((after - before)) -lt 64 ]
	done
	echo "KiB for 0 and 64 MiB: ${used[*]}"
}

@test "names, defaults and errors" {
	"$CELLA" create web
	cella_is 0 snapshot create web
	[[ $output =~ ^[0-9]{8}-[0-9]{6}$ ]]
	cella_is 0 snapshot create web ok --description 'before the "upgrade"'
	[ "$(list web | jq -r '.[1].description')" = 'before the "upgrade"' ]
	cella_is 4 snapshot create web ok
	error_has "has a snapshot 'ok' already"
	local bad
	for bad in .hidden ../up UP a/b "$(printf 'x%.0s' {1..64})" ''; do
		cella_is 2 snapshot create web "$bad"
	done
	cella_is 2 snapshot create web ok2 -d $'two\nlines'
	cella_is 3 snapshot create nosuch
	cella_is 3 snapshot restore web nosuch
	error_has "has no snapshot 'nosuch'" "snapshot list web"
	cella_is 3 snapshot delete --force web nosuch
	cella_is 3 snapshot show web nosuch
	cella_is 2 snapshot delete web ok
	error_has --force
	cella_is 0 snapshot show web ok -j
	[ "$(jq -r .name <<<"$output")" = ok ]
	cella_is 0 snapshot list web -q
	[ "$(tail -n 1 <<<"$output")" = ok ]
}

@test "restore gives up changes only when told so, and only of a stopped zone" {
	"$CELLA" create web
	step web v1
	"$CELLA" start web
	say web later
	cella_is 4 snapshot restore --force web v1
	error_has running
	"$CELLA" stop web
	cella_is 2 snapshot restore web v1
	error_has 'changes that no snapshot holds' --force
	cella_is 0 snapshot restore --force web v1
	"$CELLA" start web
	[ "$(said web)" = v1 ]
}

@test "delete of leaf, middle and root: the others stay as they are, and layers go when nobody uses them" {
	local before
	before=$(layers)
	"$CELLA" create web
	step web v1
	step web v2
	step web v3
	step web v4
	cella_is 0 snapshot delete --force web v2
	[ "$(tree web)" = "v1< v3<v1 v4<v3*" ]
	cella_is 0 snapshot delete --force web v1
	[ "$(tree web)" = "v3< v4<v3*" ]
	cella_is 0 snapshot delete --force web v4
	[ "$(tree web)" = "v3<*" ]
	"$CELLA" start web
	[ "$(said web)" = v4 ]
	"$CELLA" stop web
	cella_is 0 snapshot restore --force web v3
	"$CELLA" start web
	[ "$(said web)" = v3 ]
	"$CELLA" stop web
	cella_is 9 snapshot delete --force web v3 v9
	[ "$(tree web)" = "" ]
	"$CELLA" start web
	[ "$(said web)" = v3 ]
	"$CELLA" destroy --force web
	[ "$(layers)" -eq "$before" ]
}

@test "clones keep what snapshots held, snapshots what clones hold; destroy and rename" {
	"$CELLA" create web
	step web v1
	"$CELLA" clone web copy
	step copy c1
	"$CELLA" snapshot delete --force web v1
	"$CELLA" destroy --force web
	"$CELLA" start copy
	[ "$(said copy)" = c1 ]
	"$CELLA" stop copy
	cella_is 0 rename copy other
	[ "$(tree other)" = "c1<*" ]
	cella_is 0 snapshot restore other c1
	"$CELLA" start other
	[ "$(said other)" = c1 ]
	"$CELLA" destroy --force other
	[ "$(layers)" -eq 0 ]
}

@test "F32 of a running zone: files that are written in pairs never differ, and the pause is said" {
	"$CELLA" create web
	"$CELLA" start web
	# Like a database: the same number into two files, each synced, one after the other.
	in_zone web sh -c '(n=0; cd /root; while :; do n=$((n + 1)); echo $n >a.new; mv a.new a; echo $n >>log; done) >/dev/null 2>&1 &'
	eventually 5 in_zone web test -s /root/log
	local i a last
	for i in 1 2 3 4 5; do
		cella_is 0 snapshot create web "s$i"
		error_has "was paused for" ms
	done
	cella_is 0 snapshot create web s6 -j
	jq -e '.of_running and .pause_usec > 0 and .pause_usec < 10000000' <<<"$output"
	in_zone web true
	"$CELLA" kill web
	mkdir -p "$STORE/mnt"
	for i in 1 2 3 4 5 6; do
		"$CELLA" snapshot mount web "s$i" "$STORE/mnt"
		a=$(cat "$STORE/mnt/root/a")
		last=$(tail -n 1 "$STORE/mnt/root/log")
		"$CELLA" snapshot umount "$STORE/mnt"
		echo "s$i: $a $last"
		# the writer is between its two writes, or not: never further apart
		[ $((a - last)) -ge 0 ] && [ $((a - last)) -le 1 ]
	done
	[ "$(tree web)" = "s1< s2<s1 s3<s2 s4<s3 s5<s4 s6<s5*" ]
	canonical
	rmdir "$STORE/mnt"
}

@test "what a running zone deleted, and directories that it made anew, are so in the snapshot" {
	"$CELLA" create web
	"$CELLA" start web
	in_zone web sh -c 'mkdir -p /srv/d && echo old >/srv/d/f && echo gone >/srv/g'
	"$CELLA" stop web
	"$CELLA" snapshot create web v1
	"$CELLA" start web
	in_zone web sh -c 'rm /srv/g; rm -r /srv/d; mkdir /srv/d; echo new >/srv/d/n; ln -s n /srv/d/l; mkfifo /srv/d/p; ln /srv/d/n /srv/d/hard'
	cella_is 0 snapshot create web v2
	"$CELLA" stop web
	cella_is 0 snapshot restore --force web v2
	"$CELLA" start web
	in_zone web sh -c '[ ! -e /srv/g ] && [ ! -e /srv/d/f ] && [ "$(cat /srv/d/l)" = new ] && [ -p /srv/d/p ] && [ /srv/d/hard -ef /srv/d/n ]'
	"$CELLA" stop web
	cella_is 0 snapshot restore --force web v1
	"$CELLA" start web
	[ "$(in_zone web cat /srv/d/f /srv/g | tr '\n' ' ')" = "old gone " ]
}

# The file of the freezer that is used: cgroup2's wherever that is mounted.
freezer() { # zone
	local f
	for f in /sys/fs/cgroup{,/*}/cella/"$1.$STORE_ID"/cgroup.freeze \
		/sys/fs/cgroup/cella.slice/"cella-$1.$STORE_ID.scope"/limits/cgroup.freeze \
		/sys/fs/cgroup/*/cella/"$1.$STORE_ID"/freezer.state; do
		[ ! -f "$f" ] || { echo "$f"; return; }
	done
}
is_frozen() { grep -qE '^(1|FROZEN)$' "$(freezer "$1")"; }
freeze() { # zone, 1 or 0: as an admin would by hand
	local f words=(THAWED FROZEN)
	f=$(freezer "$1")
	case $f in
	*/cgroup.freeze) echo "$2" >"$f" ;;
	*) echo "${words[$2]}" >"$f" ;;
	esac
}

@test "F04 a zone that somebody froze before stays frozen, and has no pause of ours" {
	"$CELLA" create web
	"$CELLA" start web
	freeze web 1
	eventually 5 is_frozen web
	cella_is 0 snapshot create web held
	[[ $stderr != *paused* ]]
	is_frozen web
	freeze web 0
	in_zone web true
}

@test "F04 kill -9 between freeze and thaw: the command alone, and with its guard" {
	"$CELLA" create web
	"$CELLA" start web
	# Enough files that the copy takes a while.
	in_zone web sh -c 'mkdir /root/m; cd /root/m; i=0; while [ $i -lt 3000 ]; do echo $i >f$i; i=$((i+1)); done'
	local p guard seen=0 i
	for i in $(seq 12); do
		"$CELLA" snapshot create web "k$i" >/dev/null 2>&1 3>&- &
		p=$!
		until [ -e "$CELLA_RUN/zones/web/frozen" ] || [ ! -d /proc/$p ]; do :; done
		[ -d /proc/$p ] || { wait $p || true; continue; }
		guard=$(pgrep -P $p || true)
		if [ $((i % 2)) = 0 ] && [ -n "$guard" ]; then
			kill -9 $p "$guard" 2>/dev/null || true
			wait $p || true
			# nobody is left who could: the next verb does it
			"$CELLA" set web description="after $i"
		else
			kill -9 $p 2>/dev/null || true
			wait $p || true
		fi
		seen=$((seen + 1))
		eventually 5 test ! -e "$CELLA_RUN/zones/web/frozen"
		! is_frozen web || false
		timeout "$(secs 10)" "$CELLA" exec web -- true
	done
	echo "# $seen of 12 died"
	[ $seen -ge 4 ]
	cella_is 0 repair
	[ -z "$(ls "$CELLA_ROOT/staging")" ]
}

@test "a damaged snapshot file hides nothing, and nothing is given up because of it" {
	"$CELLA" create web
	step web v1
	step web v2
	"$CELLA" snapshot restore web v1
	echo '{"snap' >"$CELLA_ROOT/zones/web/snapshots/v2.json"
	cella_is 0 snapshot list web
	output_has 'v2 (broken)' 'v1 *'
	cella_is 1 snapshot restore web v2
	error_has damaged
	local before
	before=$(layers)
	"$CELLA" snapshot delete --force web v1
	cella_is 0 repair
	[ "$(layers)" -eq "$before" ]
	cella_is 0 snapshot delete --force web v2
	cella_is 0 repair
	"$CELLA" start web
	[ "$(said web)" = v1 ]
}

@test "mount shows a snapshot read-only, without setuid, devices and programs" {
	"$CELLA" create web
	step web v1
	mkdir -p "$STORE/mnt"
	ln -s mnt "$STORE/link"
	cella_is 0 snapshot mount web v1 "$STORE/mnt"
	[ "$(cat "$STORE/mnt/root/said")" = v1 ]
	[[ $(findmnt -no OPTIONS "$STORE/mnt") == *ro,nosuid,nodev,noexec* ]]
	run touch "$STORE/mnt/x"
	[ "$status" -ne 0 ]
	cella_is 0 snapshot umount "$STORE/mnt"
	cella_is 4 snapshot umount "$STORE/mnt"
	error_has 'no snapshot is mounted'
	cella_is 4 snapshot umount /proc
	cella_is 3 snapshot mount web v1 "$STORE/nosuch"
	cella_is 2 snapshot mount web v1 "$STORE/cella.json.not" || [ "$status" -eq 3 ]
	rm "$STORE/link"
	rmdir "$STORE/mnt"
}

@test "a template is cloned and nothing else" {
	"$CELLA" create base
	step base v1
	cella_is 0 set base template=true
	cella_is 4 start base
	error_has template 'cella clone base'
	cella_is 4 set base hostname=x
	cella_is 4 snapshot create base v2
	cella_is 4 snapshot restore base v1
	cella_is 0 clone base web
	"$CELLA" start web
	[ "$(said web)" = v1 ]
	cella_is 4 set web template=true
	error_has running
	cella_is 0 set base template=false hostname=x
	cella_is 0 start base
}

# A small ext4 without a block left.
full_disk() {
	local left
	left=$(df --output=avail -k "$SMALL" | tail -n 1)
	dd if=/dev/zero of="$SMALL/fill" bs=1K count="$left" 2>/dev/null || true
	dd if=/dev/zero of="$SMALL/fill2" bs=1K 2>/dev/null || true
}

@test "F33 a full disk: a clear error, and what was there is there" {
	truncate -s 24M "$STORE/small.img"
	mkfs.ext4 -q -m 0 -N 4096 "$STORE/small.img"
	mkdir "$SMALL"
	mount -o loop "$STORE/small.img" "$SMALL"
	CELLA_ROOT=$SMALL/store
	"$CELLA" create web
	"$CELLA" start web
	say web v1
	"$CELLA" snapshot create web v1
	say web v2
	in_zone web sh -c 'dd if=/dev/urandom of=/root/big bs=1K count=2000 2>/dev/null'
	full_disk
	cella_is 1 snapshot create web running
	error_has 'No space left'
	[ "$(said web)" = v2 ]
	[ "$(tree web)" = "v1<*" ]
	rm -f "$SMALL/fill2"
	"$CELLA" stop web
	full_disk
	# A last block may still be found: whole or not at all.
	local verb
	for verb in "create web stopped" "restore --force web v1"; do
		# shellcheck disable=SC2086
		run --separate-stderr "$CELLA" snapshot $verb
		[ "$status" -eq 0 ] || error_has 'No space left'
		echo "$verb: $status"
	done
	rm -f "$SMALL/fill" "$SMALL/fill2"
	"$CELLA" repair
	[ -z "$(ls "$CELLA_ROOT/staging")" ]
	"$CELLA" start web
	[[ $(said web) == v[12] ]]
	"$CELLA" stop web
	"$CELLA" snapshot restore --force web v1
	"$CELLA" start web
	[ "$(said web)" = v1 ]
}
