#!/usr/bin/env bats
# root.quota: project quotas on ext4 and xfs, a volume elsewhere. Who fills his share gets an error,
# and nobody else feels it; no loop device and no limit outlives its zone.
bats_require_minimum_version 1.5.0
load helpers

setup_file() {
	store_setup
	DISKS=$STORE/disks
	mkdir "$DISKS"
	export DISKS
}
teardown_file() {
	local d
	for d in "$DISKS"/*.d; do
		[ ! -d "$d" ] || ! mountpoint -q "$d" || umount "$d"
	done
	store_teardown
}
setup() {
	HOME_STORE=$CELLA_ROOT
	leak_setup
	loops >"$BATS_TEST_TMPDIR/loops"
}
teardown() {
	leak_teardown || return 1
	CELLA_ROOT=$HOME_STORE
	eventually 5 no_new_loops
}

# Volumes that are attached; also those of a file that is gone.
loops() { cat /sys/block/loop*/loop/backing_file 2>/dev/null | grep -F "$STORE" | grep -F volume.img | sort; true; }
has_no_loop() { ! loops | grep -q "/$1/"; } # zone
no_new_loops() { diff "$BATS_TEST_TMPDIR/loops" <(loops); }

# What this kernel can do, found out by doing it. The disk stays mounted for the file's other tests.
disk() { # name, size, mkfs command...; MOUNT_OPTIONS
	local name=$1 size=$2 d=$DISKS/$1.d
	shift 2
	[ ! -e "$DISKS/$name.failed" ] || return 1
	if ! mountpoint -q "$d"; then
		mkdir -p "$d"
		truncate -s "$size" "$DISKS/$name"
		if ! "$@" "$DISKS/$name" >/dev/null 2>&1 ||
			! mount -o "loop,${MOUNT_OPTIONS:-rw}" "$DISKS/$name" "$d" 2>/dev/null; then
			: >"$DISKS/$name.failed"
			return 1
		fi
		chmod 0700 "$d"
		loops >"$BATS_TEST_TMPDIR/loops"
	fi
	# The audit's own list begins here: a store of its own, on that disk.
	export CELLA_ROOT=$d/root
	"$CELLA" list >/dev/null
	STORE_ID=$(cat "$CELLA_ROOT/store-id")
	export STORE_ID
	leak_setup
}
ext4_prjquota() {
	MOUNT_OPTIONS=prjquota disk ext4q 300M mkfs.ext4 -q -O quota,project -E quotatype=prjquota ||
		skip "this kernel has no project quotas on ext4: run by scripts/test --vm"
}
xfs_prjquota() {
	command -v mkfs.xfs >/dev/null || skip "needs xfsprogs"
	MOUNT_OPTIONS=prjquota disk xfsq 400M mkfs.xfs -q -m reflink=1 ||
		skip "this kernel has no quotas on xfs: run by scripts/test --vm"
	[ "$(findmnt -no OPTIONS "$DISKS/xfsq.d" 2>/dev/null | grep -c prjquota)" = 1 ] ||
		skip "this kernel has no quotas on xfs: run by scripts/test --vm"
}
# CAP_SYS_RESOURCE
can_resize() { (( 0x$(awk '/^CapEff/ {print $2}' /proc/self/status) >> 24 & 1 )); }

fill() { in_zone "$1" sh -c "dd if=/dev/zero of=/root/$2 bs=1M count=$3 2>&1"; } # zone, file, MiB
is_full() { # zone: writing a MiB is refused for the right reason
	run fill "$1" more "${2:-1}"
	[ "$status" -ne 0 ]
	[[ $output == *"No space left on device"* || $output == *"quota exceeded"* ]] || { echo "$output"; return 1; }
}
column() { "$CELLA" list -j -o "name,$2" | jq -r --arg n "$1" --arg c "$2" '.[] | select(.name == $n) | .[$c]'; }
is_volume() { [ -f "$CELLA_ROOT/zones/$1/volume.img" ] && [ ! -e "$CELLA_ROOT/zones/$1/upper" ]; }

# ---- the same for whoever limits ----

full_and_alone() {
	"$CELLA" create web --set root.quota=32M
	"$CELLA" create other --set root.quota=32M
	"$CELLA" start web other
	fill web data 20
	is_full web 20
	fill other data 20
	# what is there can be used, and what is deleted can be used again
	in_zone web rm /root/more
	in_zone web sh -c 'echo x >/root/small && cat /root/small'
	in_zone web rm /root/data
	fill web again 20
	[ "$(column web disk_max)" = $((32 << 20)) ]
	[ "$(column web disk_bytes)" -ge $((20 << 20)) ]
	[ "$(in_zone web df -m / | awk 'NR == 2 {print $2}')" -le 32 ]
	# and after another start
	"$CELLA" stop web
	"$CELLA" start web
	[ "$(in_zone web stat -c %s /root/again)" = $((20 << 20)) ]
	is_full web 20
	cella_is 0 show web
	output_has 32
}

grown_while_it_runs() {
	"$CELLA" create web --set root.quota=32M
	"$CELLA" start web
	is_full web 40
	cella_is 0 set web root.quota=64M
	# shellcheck disable=SC2154
	[ "$(grep -c "next start" <<<"$stderr$output")" = 0 ]
	in_zone web rm /root/more
	fill web data 40
	[ "$(column web disk_max)" = $((64 << 20)) ]
	is_full web 40
}

# ---- volumes ----

@test "a store without project quotas: a volume, of the size asked for" {
	full_and_alone
	is_volume web
	loops | grep -q "/web/volume.img"
	"$CELLA" stop web
	eventually 5 has_no_loop web
	# ownership as everywhere, and no mount of it on the host
	run ! grep -q volume.img /proc/self/mountinfo
	[ "$(stat -c %a "$CELLA_ROOT/zones/web/volume.img")" = 600 ]
}

@test "a volume grows while the zone runs, and does not shrink" {
	can_resize || skip "needs CAP_SYS_RESOURCE: run by scripts/test --vm"
	grown_while_it_runs
	cella_is 4 set web root.quota=32M
	error_has "cannot shrink" "cella clone web"
	cella_is 4 set web root.quota=null
	"$CELLA" stop web
	cella_is 0 set web root.quota=3G # beyond what mke2fs reserved
	"$CELLA" start web
	[ "$(in_zone web df -m / | awk 'NR == 2 {print $2}')" -gt 2700 ]
	[ "$(jq -r .root.quota "$CELLA_ROOT/zones/web/spec.json")" = 3G ]
}

@test "a volume that cannot grow stays as it is" {
	! can_resize || skip "this host can: the test is for one that cannot"
	"$CELLA" create web --set root.quota=32M
	"$CELLA" start web
	cella_is 6 set web root.quota=64M
	error_has "CAP_SYS_RESOURCE"
	[ "$(stat -c %s "$CELLA_ROOT/zones/web/volume.img")" = $((32 << 20)) ]
	[ "$(jq -r .root.quota "$CELLA_ROOT/zones/web/spec.json")" = 32M ]
	fill web data 10
	"$CELLA" stop web
	cella_is 0 start web
	cella_is 4 set web root.quota=16M
	error_has "cannot shrink"
}

@test "the backend is decided at create, asked for by name or not" {
	cella_is 2 create web --set root.backend=volume
	error_has root.quota
	cella_is 7 create web --set root.backend=volume --set root.quota=8M
	error_has "16M"
	cella_is 7 create web --set root.backend=overlay --set root.quota=32M
	error_has "project quotas" prjquota root.backend=volume
	cella_is 0 create web --set root.backend=volume --set root.quota=32M
	is_volume web
	cella_is 0 create plain
	[ -d "$CELLA_ROOT/zones/plain/upper" ]
	[ "$(column plain disk_max)" = null ]
	cella_is 7 set plain root.quota=32M
	error_has "a clone can be on a volume"
	cella_is 4 set plain root.backend=volume root.quota=32M
	cella_is 4 set web root.backend=overlay
	[ "$(jq -c .root "$CELLA_ROOT/zones/plain/spec.json")" = null ]
}

@test "without mke2fs, or without loop devices, create says how to get them" {
	run unshare -m --propagation private bash -c '
		mount -t tmpfs none /dev && mknod /dev/null c 1 3 && mknod /dev/urandom c 1 9
		"$1" create web --set root.quota=32M' - "$CELLA"
	[ "$status" -eq 7 ]
	[[ $output == *"loop"*"modprobe loop"* ]]
	run unshare -m --propagation private bash -c '
		for p in /usr/sbin/mke2fs /sbin/mke2fs; do [ ! -e $p ] || mount --bind /dev/null $p 2>/dev/null; done
		"$1" create web --set root.quota=32M' - "$CELLA"
	[ "$status" -eq 7 ]
	[[ $output == *"mke2fs"*"e2fsprogs"* ]]
	[ -z "$(find "$CELLA_ROOT/zones" "$CELLA_ROOT/staging" -mindepth 1)" ]
}

@test "a clone of a zone on a volume, on one of its own or on none, has a copy" {
	"$CELLA" create web --set root.quota=32M
	"$CELLA" start web
	in_zone web sh -c 'echo one >/root/one; rm /etc/passwd; ln -s one /root/link'
	"$CELLA" stop web
	cella_is 0 clone web copy
	cella_is 0 clone web plain --set root.quota=null
	cella_is 0 clone web small --set root.quota=16M
	is_volume copy
	[ -d "$CELLA_ROOT/zones/plain/upper" ]
	"$CELLA" start web copy plain small
	local z
	for z in web copy plain small; do
		[ "$(in_zone $z cat /root/link)" = one ]
		in_zone $z sh -c '[ ! -e /etc/passwd ]'
	done
	is_full small 16
	in_zone copy sh -c 'echo two >/root/one'
	[ "$(in_zone web cat /root/one)" = one ]
	"$CELLA" stop copy
	cella_is 0 rename copy copied
	cella_is 0 start copied
	[ "$(in_zone copied cat /root/one)" = two ]
	[ -z "$(find "$CELLA_ROOT/layers" -uid +65535)" ]
}

@test "snapshots of a zone on a volume, stopped and running, and back" {
	"$CELLA" create web --set root.quota=32M
	cella_is 0 snapshot create web empty
	"$CELLA" start web
	in_zone web sh -c 'echo one >/root/f; rm /etc/passwd'
	fill web data 20
	"$CELLA" stop web
	cella_is 0 snapshot create web one
	"$CELLA" start web
	# what the snapshot has is no part of the volume any more
	fill web more 20
	in_zone web sh -c 'echo two >/root/f'
	cella_is 0 snapshot create web two
	in_zone web sh -c 'echo three >/root/f'
	"$CELLA" stop web
	cella_is 0 snapshot restore web two --force
	"$CELLA" start web
	[ "$(in_zone web cat /root/f)" = two ]
	"$CELLA" stop web
	cella_is 0 snapshot restore web one --force
	"$CELLA" start web
	[ "$(in_zone web cat /root/f)" = one ]
	in_zone web sh -c '[ ! -e /root/more ] && [ ! -e /etc/passwd ] && [ -s /root/data ]'
	is_full web 32
	"$CELLA" stop web
	# also of a volume that is full
	cella_is 0 snapshot restore web empty --force
	"$CELLA" start web
	in_zone web sh -c '[ -e /etc/passwd ] && [ ! -e /root/data ]'
	is_volume web
}

@test "flatten, full clones, differences and copies of a zone on a volume" {
	"$CELLA" create web --set root.quota=32M
	"$CELLA" start web
	in_zone web sh -c 'echo one >/root/one'
	"$CELLA" stop web
	"$CELLA" snapshot create web first
	"$CELLA" start web
	in_zone web sh -c 'echo two >/root/two; rm /etc/passwd'
	# running and stopped alike
	cella_is 0 snapshot diff web first
	[[ $output == *"D       /etc/passwd"*"A       /root/two"* ]]
	cella_is 0 clone --full web running
	"$CELLA" stop web
	cella_is 0 snapshot diff web first
	[[ $output == *"D       /etc/passwd"*"A       /root/two"* ]]
	cella_is 0 clone --full web whole
	cella_is 0 cp web:/root/two "$BATS_TEST_TMPDIR/two"
	[ "$(cat "$BATS_TEST_TMPDIR/two")" = two ]
	cella_is 0 flatten web
	is_volume web
	local z
	for z in web whole running; do
		[ "$(jq ".layers | length" "$CELLA_ROOT/zones/$z/zone.json")" = 1 ]
		cella_is 0 start $z
		[ "$(in_zone $z cat /root/one /root/two)" = "$(printf 'one\ntwo')" ]
		in_zone $z sh -c '[ ! -e /etc/passwd ]'
	done
	is_full web 32
}

@test "an undoable run of a zone on a volume" {
	"$CELLA" create web --set root.quota=32M
	"$CELLA" start web
	in_zone web sh -c 'echo before >/root/f'
	"$CELLA" stop web
	cella_is 0 start --undo web
	in_zone web sh -c 'echo during >/root/f'
	"$CELLA" stop web
	cella_is 0 undo discard web --force
	"$CELLA" start web
	[ "$(in_zone web cat /root/f)" = before ]
	"$CELLA" stop web
	cella_is 0 start --undo web
	in_zone web sh -c 'echo kept >/root/f'
	"$CELLA" stop web
	cella_is 0 undo commit web
	"$CELLA" start web
	[ "$(in_zone web cat /root/f)" = kept ]
}

has() { # zone, what /root/f must say
	local now
	now=$(in_zone "$1" cat /root/f)
	[ "$now" = "$2" ] || { echo "/root/f is '$now', not '$2'"; return 1; }
}
@test "F01 snapshot and restore on a volume are killed at 12 instants each: the content stays" {
	local at us # not i: `run` has one
	"$CELLA" create web --set root.quota=16M
	"$CELLA" start web
	in_zone web sh -c "echo 0 >/root/f"
	"$CELLA" stop web
	local begin=${EPOCHREALTIME/./} total
	"$CELLA" snapshot create web s0
	total=$((${EPOCHREALTIME/./} - begin))
	for at in $(seq 12); do
		"$CELLA" start web
		in_zone web sh -c "echo $at >/root/f"
		"$CELLA" stop web
		# the last of them have time enough, however slow the machine is by then
		us=$((total * at / 5))
		timeout --foreground -s KILL "$((us / 1000000)).$(printf %06d $((us % 1000000)))" "$CELLA" snapshot create web s$at >/dev/null 2>&1 || true
		"$CELLA" repair web
		"$CELLA" start web
		has web $at
		in_zone web sh -c "echo lost >/root/f"
		"$CELLA" stop web
		# only where there is one by that name
		"$CELLA" snapshot list web -q | grep -qx s$at || continue
		timeout --foreground -s KILL "$((us / 1000000)).$(printf %06d $((us % 1000000)))" "$CELLA" snapshot restore web s$at --force >/dev/null 2>&1 || true
		"$CELLA" repair web
		cella_is 0 snapshot restore web s$at --force
		"$CELLA" start web
		has web $at
		"$CELLA" stop web
	done
	[ "$("$CELLA" snapshot list web -q | wc -l)" -ge 3 ]
	eventually 5 no_new_loops
}

@test "five zones on volumes start at the same time, twice" {
	local z
	for z in a b c d e; do "$CELLA" create $z --set root.quota=16M; done
	for _ in 1 2; do
		"$CELLA" start a b c d e
		[ "$(loops | grep -c "$STORE_ID\|$CELLA_ROOT/zones/")" = 5 ]
		for z in a b c d e; do in_zone $z sh -c "[ ! -e /root/n ] || grep -q $z /root/n; echo $z >>/root/n"; done
		"$CELLA" stop a b c d e
	done
	# at once again, while the last run's devices may still be going
	for z in a b c d e; do "$CELLA" start $z & done
	wait
	for z in a b c d e; do [ "$(in_zone $z grep -c $z /root/n)" = 2 ]; done
}

@test "F01 start on a volume is killed at 25 instants: no loop device stays, no file is lost" {
	"$CELLA" create web --set root.quota=16M
	"$CELLA" start web
	in_zone web sh -c 'echo precious >/root/data; sync'
	"$CELLA" stop web
	local i us begin=${EPOCHREALTIME/./} total p
	"$CELLA" start web
	total=$((${EPOCHREALTIME/./} - begin))
	for i in $(seq 25); do
		"$CELLA" kill web >/dev/null 2>&1 || "$CELLA" repair web
		us=$((total * i / 25))
		"$CELLA" start web >/dev/null 2>&1 3>&- &
		p=$!
		read -r -t "$((us / 1000000)).$(printf %06d $((us % 1000000)))" <> <(:) || true
		# the host side is the command's only child
		pkill -KILL -P $p 2>/dev/null || true
		[ $((i % 2)) = 0 ] || kill -KILL $p 2>/dev/null || true
		wait $p || true
		[ "$(loops | wc -l)" -le 1 ]
	done
	"$CELLA" kill web >/dev/null 2>&1 || true
	cella_is 0 repair
	state_is web stopped
	eventually 5 no_new_loops
	cella_is 0 start web
	[ "$(in_zone web cat /root/data)" = precious ]
}

@test "F01 create and destroy of a volume are killed at 12 instants each" {
	local i us begin=${EPOCHREALTIME/./} total
	"$CELLA" create web --set root.quota=16M
	total=$((${EPOCHREALTIME/./} - begin))
	for i in $(seq 12); do
		"$CELLA" destroy --force web >/dev/null 2>&1 || true
		us=$((total * i / 12))
		timeout --foreground -s KILL "$((us / 1000000)).$(printf %06d $((us % 1000000)))" "$CELLA" create web --set root.quota=16M >/dev/null 2>&1 || true
		us=$((total * i / 24))
		timeout --foreground -s KILL "$((us / 1000000)).$(printf %06d $((us % 1000000)))" "$CELLA" destroy --force web >/dev/null 2>&1 || true
	done
	"$CELLA" destroy --force web >/dev/null 2>&1 || true
	cella_is 0 repair
	[ -z "$(ls "$CELLA_ROOT/staging")" ]
	eventually 5 no_new_loops
	cella_is 0 create web --set root.quota=16M
	cella_is 0 start web
}

@test "all of a zone is killed while it writes: its volume replays, keeper or not" {
	"$CELLA" create web --set root.quota=32M
	"$CELLA" start web
	in_zone web sh -c 'echo safe >/root/safe; sync'
	(in_zone web sh -c 'i=0; while :; do i=$((i + 1)); mkdir /root/$i; echo $i >/root/$i/f; done' 3>&- || true) &
	read -r -t 0.3 <> <(:) || true
	local init
	init=$(zone_pid web)
	kill -KILL "$(jq .keeper.pid "$CELLA_RUN/zones/web/state.json")"
	kill -KILL "$init"
	wait
	# while it dies, repair would find it alive
	eventually 10 is_dead "$init"
	"$CELLA" repair web
	cella_is 0 start web
	[ "$(in_zone web cat /root/safe)" = safe ]
	in_zone web sh -c 'rm -r /root/[0-9]*'
}

@test "a volume whose journal is dirty, as a host's crash leaves it" {
	"$CELLA" create web --set root.quota=16M
	"$CELLA" start web
	in_zone web sh -c 'echo before >/root/f; sync; echo after >/root/g; sync'
	# the file as it is in the middle of a run
	cp --sparse=always "$CELLA_ROOT/zones/web/volume.img" "$BATS_TEST_TMPDIR/crashed"
	"$CELLA" kill web
	eventually 5 no_new_loops
	dumpe2fs -h "$BATS_TEST_TMPDIR/crashed" 2>/dev/null | grep -q needs_recovery
	cp --sparse=always "$BATS_TEST_TMPDIR/crashed" "$CELLA_ROOT/zones/web/volume.img"
	cella_is 0 start web
	[ "$(in_zone web cat /root/f /root/g)" = $'before\nafter' ]
	"$CELLA" stop web
	eventually 5 no_new_loops
	e2fsck -fn "$CELLA_ROOT/zones/web/volume.img"
}

@test "an attached volume is used again, never attached a second time" {
	"$CELLA" create web --set root.quota=16M
	local dev
	dev=$(losetup --show -f "$CELLA_ROOT/zones/web/volume.img")
	"$CELLA" start web || { losetup -d "$dev"; return 1; }
	[ "$(loops | wc -l)" = 1 ]
	"$CELLA" stop web
	losetup -d "$dev"
	dev=$(losetup --show -r -f "$CELLA_ROOT/zones/web/volume.img")
	cella 'start' web
	losetup -d "$dev"
	[ "$status" -eq 5 ]
	error_has "$dev"
}

@test "a damaged volume is refused with the way out, and can be destroyed" {
	"$CELLA" create web --set root.quota=16M
	dd if=/dev/urandom of="$CELLA_ROOT/zones/web/volume.img" bs=4096 count=64 conv=notrunc status=none
	cella_is 1 start web
	error_has volume e2fsck
	eventually 5 no_new_loops
	rm "$CELLA_ROOT/zones/web/volume.img"
	cella_is 1 start web
	error_has volume.img
	ln -s /etc/passwd "$CELLA_ROOT/zones/web/volume.img"
	cella_is 1 start web
	cella_is 0 destroy --force web
}

# ---- project quotas ----

projects() { # directory: number of a zone's upper
	lsattr -pd "$CELLA_ROOT/zones/$1/upper" | awk '{print $1}'
}

@test "ext4 with prjquota: full alone" {
	ext4_prjquota
	full_and_alone
	[ -d "$CELLA_ROOT/zones/web/upper" ]
	[ "$(projects web)" -ge $((0x40000000)) ]
	[ "$(projects web)" != "$(projects other)" ]
}

@test "ext4 with prjquota: grows, shrinks and goes while the zone runs" {
	ext4_prjquota
	grown_while_it_runs
	cella_is 0 set web root.quota=48M
	[ "$(column web disk_max)" = $((48 << 20)) ]
	cella_is 0 set web root.quota=null
	[ "$(column web disk_max)" = null ]
	in_zone web rm -f /root/more
	fill web beyond 50
	# and one that began without
	cella_is 0 create late
	"$CELLA" start late
	fill late data 20
	cella_is 0 set late root.quota=24M
	# shellcheck disable=SC2154
	[ "$(grep -c "next start" <<<"$stderr$output")" = 0 ]
	is_full late 20
}

@test "ext4 with prjquota: the zone cannot leave its project" {
	ext4_prjquota
	"$CELLA" create web --set root.quota=24M
	"$CELLA" start web
	local before out
	before=$(projects web)
	in_zone web sh -c 'mkdir /root/sub; : >/root/file'
	in_zone web sh -c 'cat >/root/project; chmod +x /root/project' <"$CELLA_BUILD/tests/project"
	for id in 0 7 "$before"; do # the last: only to end the inheritance
		out=$(in_zone web /root/project $id / /root /root/sub)
		echo "$out"
		[ "$(grep -c ": E" <<<"$out")" = 3 ]
	done
	[[ $(in_zone web /root/project 0 /root/file) == *": E"* ]]
	# the program can: on the host it does
	mkdir "$DISKS/ext4q.d/control"
	[[ $("$CELLA_BUILD/tests/project" 7 "$DISKS/ext4q.d/control") == *": changed" ]]
	rmdir "$DISKS/ext4q.d/control"
	[ "$(projects web)" = "$before" ]
	is_full web 24
	cella_is 7 create hostids --set root.backend=overlay --set root.quota=24M --set security.userns=none
	error_has "security.userns"
	cella_is 0 create hostids --set root.quota=24M --set security.userns=none
	is_volume hostids
}

@test "ext4 with prjquota: a layer made from upper has no limit, and no project comes twice" {
	ext4_prjquota
	"$CELLA" create web --set root.quota=24M
	"$CELLA" start web
	fill web data 20
	"$CELLA" stop web
	local first
	first=$(projects web)
	cella_is 0 clone web copy
	"$CELLA" start web copy
	[ "$(projects web)" != "$first" ]
	[ "$(projects web)" != "$(projects copy)" ]
	# what the layer has no longer counts
	fill web new 20
	fill copy new 20
	is_full copy 20
	in_zone web rm /root/new
	in_zone web mv /root/data /root/moved # copied up: now it is the zone's own
	is_full web 20
	in_zone web rm -r /root/moved
	"$CELLA" stop copy
	"$CELLA" rename copy copied
	"$CELLA" start copied
	is_full copied 20
}

@test "ext4 with prjquota: many empty files are limited too" {
	ext4_prjquota
	"$CELLA" create web --set root.quota=8M # 2048 files
	"$CELLA" start web
	run in_zone web sh -c 'i=0; mkdir /root/d; cd /root/d; while [ $i -lt 2100 ]; do i=$((i + 1)); : >$i || exit 1; done'
	[ "$status" -ne 0 ]
	in_zone web rm -r /root/d
}

@test "ext4 with prjquota: a zone from before it was mounted so is counted at its next start" {
	ext4_prjquota
	umount "$DISKS/ext4q.d"
	mount -o loop "$DISKS/ext4q" "$DISKS/ext4q.d"
	"$CELLA" create web
	"$CELLA" start web
	in_zone web sh -c 'echo kept >/root/f; ln -s f /root/l; mknod /root/p p; rm /etc/passwd; dd if=/dev/zero of=/root/data bs=1M count=10'
	"$CELLA" stop web
	cella_is 7 set web root.quota=24M
	error_has "project quotas"
	umount "$DISKS/ext4q.d"
	mount -o loop,prjquota "$DISKS/ext4q" "$DISKS/ext4q.d"
	cella_is 0 set web root.quota=24M
	"$CELLA" start web
	[ "$(in_zone web cat /root/l)" = kept ]
	in_zone web sh -c '[ -p /root/p ] && [ ! -e /etc/passwd ] && mv /root/l /root/m'
	is_full web 20
	"$CELLA" stop web
	[ "$(column web disk_bytes)" -ge $((10 << 20)) ]
}

@test "xfs with prjquota: full alone, changed while it runs" {
	xfs_prjquota
	full_and_alone
	[ -d "$CELLA_ROOT/zones/web/upper" ]
	"$CELLA" destroy --force web
	grown_while_it_runs
	cella_is 0 set web root.quota=null
	in_zone web rm -f /root/more
	fill web beyond 30
}

@test "btrfs: a volume, since there is no project quota" {
	command -v mkfs.btrfs >/dev/null || skip "needs btrfs-progs"
	disk btrfs 400M mkfs.btrfs -q || skip "this kernel has no btrfs"
	full_and_alone
	is_volume web
}

@test "a store in memory: a volume, where loop devices take one" {
	mkdir "$DISKS/mem.d"
	mount -t tmpfs -o size=200M,mode=0700 none "$DISKS/mem.d"
	disk mem 200M true
	"$CELLA" create web --set root.quota=16M && "$CELLA" start web || skip "layers on tmpfs cannot be id-mapped by this kernel"
	is_full web 20
}
