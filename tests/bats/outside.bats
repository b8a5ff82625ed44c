#!/usr/bin/env bats
# The outside view: from inside a zone, as its root, try what must fail. For a system zone, an app
# zone, and (where it says so) one without a user namespace.
bats_require_minimum_version 1.5.0
load helpers

setup_file() {
	store_setup
	"$CELLA" create sys
	"$CELLA" create app --set 'init.args=["/bin/sleep","100000"]'
	"$CELLA" create bare --set security.userns=none
	"$CELLA" start sys app bare
	echo secret-of-app >"$CELLA_ROOT/zones/app/upper/root-secret"
}
setup() { :; }
teardown() { :; }
# With `userns: none` root in the zone is the host's root with fewer capabilities; it keeps SYS_ADMIN,
# which an init needs to mount, and so can undo mounts. docs/SECURITY.md says so; such a zone is for
# trusted programs. What must fail there all the same is tried with every_zone.
own_ids() { ZONES="sys app" every_zone "$@"; }
every_zone() { # command...: must fail in each
	local z
	for z in ${ZONES:-sys app bare}; do
		run in_zone "$z" "$@"
		[ "$status" -ne 0 ] || { echo "in $z succeeded: $*: $output"; return 1; }
	done
}

@test "H01 root in a zone is nobody on the host, and every zone somebody else" {
	local z map seen=
	for z in sys app; do
		map=$(cat "/proc/$(zone_pid $z)/uid_map")
		[ "$(awk '{print $1, $3}' <<<"$map")" = "0 65536" ]
		[ "$(awk '{print $2}' <<<"$map")" -ge 1879048192 ]
		[ "$(stat -c %u "/proc/$(zone_pid $z)")" -ge 1879048192 ] || [ "$(stat -c %u "/proc/$(zone_pid $z)")" = 0 ]
		grep -q "^Uid:.$(awk '{print $2}' <<<"$map")" "/proc/$(zone_pid $z)/status"
		[[ $seen != *" $(awk '{print $2}' <<<"$map") "* ]]
		seen+=" $(awk '{print $2}' <<<"$map") "
	done
}

@test "mount the host's block device" {
	local dev
	dev=$(findmnt -n -o MAJ:MIN / | tr : ' ')
	every_zone sh -c "mknod /tmp/disk b $dev && mount /tmp/disk /mnt"
	every_zone sh -c "mknod /tmp/disk b $dev && head -c 1 /tmp/disk"
	every_zone sh -c "mkdir -p /mnt && mount -t ext4 /dev/vda /mnt"
}

@test "mknod of a disk, of kmsg, of mem" {
	every_zone mknod /tmp/a b 8 0
	every_zone sh -c 'mknod /tmp/kmsg c 1 11 && head -c 1 /tmp/kmsg'
	every_zone sh -c 'mknod /tmp/mem c 1 1 && head -c 1 /tmp/mem'
}

@test "see or signal the host's processes" {
	local z
	sleep 1000 3>&- &
	local p=$!
	for z in sys app bare; do
		run in_zone "$z" sh -c "cat /proc/$p/cmdline 2>/dev/null"
		[[ $output != *1000* ]]
		[ "$(in_zone "$z" ls -d /proc/[0-9]* | wc -l)" -lt 40 ]
		run in_zone "$z" sh -c "grep -l 'cella' /proc/[0-9]*/cmdline"
		[[ $output != *bats* ]]
	done
	every_zone kill -9 $p
	kill -0 $p
	kill $p
}

@test "write /proc/sys, /proc/sysrq-trigger, /sys" {
	local before
	before=$(cat /proc/sys/kernel/core_pattern /proc/sys/vm/swappiness /proc/sys/kernel/hostname)
	every_zone sh -c 'echo "|/bin/x" >/proc/sys/kernel/core_pattern'
	every_zone sh -c 'echo 1 >/proc/sys/vm/swappiness'
	every_zone sh -c 'echo b >/proc/sysrq-trigger'
	every_zone sh -c 'echo 1 >/proc/sys/kernel/sysrq'
	every_zone sh -c 'echo mem >/sys/power/state'
	own_ids sh -c 'mount -o remount,rw /sys && echo 0 >/sys/kernel/mm/ksm/run'
	own_ids sh -c 'umount /proc/sys && echo 1 >/proc/sys/vm/swappiness'
	own_ids sh -c 'mkdir -p /mnt && mount -t proc proc /mnt && echo 1 >/mnt/sys/vm/swappiness'
	[ "$before" = "$(cat /proc/sys/kernel/core_pattern /proc/sys/vm/swappiness /proc/sys/kernel/hostname)" ]
}

@test "H06 what tells about the host reads as nothing" {
	local z f
	for z in sys app bare; do
		for f in /proc/kcore /proc/keys /proc/kallsyms /proc/timer_list /proc/sched_debug /proc/latency_stats \
			/proc/interrupts /proc/config.gz; do
			run in_zone $z sh -c "cat $f 2>/dev/null | head -c 100 | wc -c"
			[ "${output// /}" = 0 ] || { echo "$z: $f shows something"; return 1; }
		done
		run in_zone $z sh -c "ls -A /sys/firmware /sys/kernel/debug /sys/kernel/tracing /sys/kernel/security 2>/dev/null | grep -v ':$' | grep ."
		[ "$status" -ne 0 ]
	done
}

@test "load a module, set the clock, reboot the host" {
	every_zone sh -c 'cat /bin/busybox >/tmp/m.ko && insmod /tmp/m.ko'
	in_zone sys date -s 2001-01-01 || true
	in_zone bare date -s 2001-01-01 || true
	every_zone sh -c 'date -s 2001-01-01 2>&1 | grep -v permitted | grep -q 2001 && [ "$(date +%Y)" = 2001 ]'
	every_zone hwclock -w
	every_zone swapoff -a -f
	[ "$(date +%Y)" -ge 2026 ]
}

@test "open another zone's files" {
	every_zone cat "$CELLA_ROOT/zones/app/upper/root-secret"
	every_zone ls "$CELLA_ROOT"
	local z
	# the id of one zone means nothing in another
	for z in sys app; do
		run setpriv --reuid "$(awk '{print $2}' "/proc/$(zone_pid $z)/uid_map")" --clear-groups \
			cat "$CELLA_ROOT/zones/app/upper/root-secret"
		[ "$status" -ne 0 ]
	done
}

@test "change the bridge, the host's interfaces, the host's firewall" {
	every_zone ip link set "cb-$STORE_ID" down
	every_zone ip link del "cb-$STORE_ID"
	every_zone ip addr add 192.0.2.1/24 dev "cb-$STORE_ID"
	ip link show "cb-$STORE_ID" | grep -q UP
}

@test "ptrace a host process, enter its namespaces" {
	every_zone sh -c 'ls /proc/1/root/sys/fs/cgroup/cella'
	every_zone nsenter -t 1 -m -- ls "$CELLA_ROOT"
	every_zone chroot /proc/1/root ls "$CELLA_ROOT"
	every_zone sh -c "cd /proc/1/cwd/../../../.. && ls $CELLA_ROOT"
}

@test "S26 S27 calls that only the host may make" {
	# what busybox cannot call is called by unit_privileges_live; here: through the tools
	own_ids sh -c 'unshare -U -r sh -c "mount -t proc p /proc && echo 1 >/proc/sys/vm/swappiness"'
	own_ids sh -c 'unshare -m sh -c "mount -t sysfs s /sys && echo 1 >/sys/kernel/mm/ksm/run"'
}

@test "S12 release_agent, cgroup files of the parent" {
	every_zone sh -c 'mkdir -p /mnt && mount -t cgroup -o memory m /mnt && echo /x >/mnt/release_agent'
	every_zone sh -c 'mkdir -p /mnt && mount -t cgroup2 m /mnt && ls /mnt/../cella'
	every_zone sh -c 'find / -xdev -name release_agent -exec sh -c "echo /x >{}" \; -print 2>/dev/null | grep .'
}

@test "S01 the runtime's binaries cannot be replaced through /proc/*/exe" {
	local z before after
	before=$(sha256sum "$CELLA_BUILD"/bin/*)
	for z in sys app bare; do
		in_zone $z sh -c 'printf "#!/proc/self/exe\n" >/bin/trap && chmod 755 /bin/trap
			(while :; do for e in /proc/[0-9]*/exe; do (: >$e) 2>/dev/null && case $(readlink $e) in *cella*|*memfd*) echo $e >>/root/hit;; esac; done; done) </dev/null >/dev/null 2>&1 &
			echo $! >/tmp/loop' || true
		for _ in $(seq 30); do "$CELLA" exec $z -- /bin/trap >/dev/null 2>&1 || true; done
		in_zone $z sh -c 'kill $(cat /tmp/loop)' || true
		run in_zone $z cat /root/hit
		[ -z "$output" ] || [ "$status" -ne 0 ] || [ $z = bare ]
	done
	after=$(sha256sum "$CELLA_BUILD"/bin/*)
	[ "$before" = "$after" ]
}

@test "S21 R9 a setuid program of the zone's root is nobody's on the host" {
	in_zone sys sh -c 'cp /bin/busybox /root/su && chmod 4755 /root/su'
	[ "$(stat -c '%u %a' "$CELLA_ROOT/zones/sys/upper/root/su")" = "0 4755" ]
	run setpriv --reuid 65534 --clear-groups "$CELLA_ROOT/zones/sys/upper/root/su" id -u
	[ "$status" -ne 0 ]
	chmod 755 "$CELLA_ROOT/zones"
	cella_is 7 list
	error_has zones 0755
	chmod 700 "$CELLA_ROOT/zones"
	cella_is 0 list
}

@test "S24 TIOCSTI into the caller's terminal, H23 always a pty of the zone's" {
	[ "$(in_zone sys readlink /proc/1/fd/0)" = /dev/console ] || in_zone sys sh -c 'ls -l /proc/1/fd/0 | grep -q -e /dev/pts/ -e /dev/console'
	[ "$(readlink /proc/self/ns/mnt)" != "$(readlink "/proc/$(zone_pid sys)/ns/mnt")" ]
}

@test "H03 H04 H10 H15 read from outside: capabilities, seccomp, no_new_privs" {
	local p
	p=$(zone_pid sys)
	grep -q '^Seccomp:.2' "/proc/$p/status"
	grep -q '^NoNewPrivs:.0' "/proc/$p/status"
	local bnd=$((0x$(awk '/CapBnd/ {print $2}' "/proc/$p/status")))
	# sys_module 16, sys_rawio 17, sys_time 25, mac_override 32, mac_admin 33, wake_alarm 35,
	# block_suspend 36, perfmon 38, bpf 39, checkpoint_restore 40
	local c
	for c in 16 17 25 32 33 35 36 38 39 40; do [ $((bnd >> c & 1)) -eq 0 ]; done
	p=$(zone_pid app)
	grep -q '^NoNewPrivs:.1' "/proc/$p/status"
	bnd=$((0x$(awk '/CapBnd/ {print $2}' "/proc/$p/status")))
	for c in 12 13 21 27 29; do [ $((bnd >> c & 1)) -eq 0 ]; done
	p=$(zone_pid bare)
	bnd=$((0x$(awk '/CapBnd/ {print $2}' "/proc/$p/status")))
	for c in 16 17 25 27; do [ $((bnd >> c & 1)) -eq 0 ]; done
}

@test "H05 H17 H20 H21 limits, sysctl, uptime of its own" {
	[ "$(awk '/Max open files/ {print $4, ($5 <= 524288)}' "/proc/$(zone_pid sys)/limits")" = "1024 1" ]
	[ "$(awk '/Max core/ {print $5}' "/proc/$(zone_pid sys)/limits")" = 0 ]
	local up
	up=$(in_zone sys cut -d. -f1 /proc/uptime)
	[ "$up" -lt "$(cut -d. -f1 /proc/uptime)" ]
	cella_is 2 set sys 'security.sysctl={"kernel.core_pattern":"x"}'
	cella_is 2 set sys 'security.sysctl={"kernel.shm_rmid_forced":"1\n"}'
	"$CELLA" create net --set 'security.sysctl={"net.ipv4.ip_forward":"1"}'
	cella_is 0 start net
	[ "$(in_zone net cat /proc/sys/net/ipv4/ip_forward)" = 1 ]
}

@test "R1 the host's mount table is as it was" {
	run awk '{print $5}' /proc/self/mountinfo
	[[ $output != *cella* ]]
}
