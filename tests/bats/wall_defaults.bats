#!/usr/bin/env bats
# The hardening defaults H01 to H27, for a system zone, an app zone and one without a user namespace:
# read from outside (what the kernel says of the zone's init), then tried from inside.
# Not here: H11 (AppArmor: in the guest), H22 (bridge guard: not made yet), H26 (core scheduling: no
# such option yet), H20 (S28 in wall_kernel.bats).
bats_require_minimum_version 1.5.0
load helpers
load helpers_wall
load helpers_kinds

setup_file() {
	store_setup
	kinds_create
}
setup() { :; }
teardown() { :; }

capability() { # number of a name, as the kernel's header has it
	case $1 in
	chown) echo 0 ;; dac_override) echo 1 ;; dac_read_search) echo 2 ;; fowner) echo 3 ;; fsetid) echo 4 ;;
	kill) echo 5 ;; setgid) echo 6 ;; setuid) echo 7 ;; setpcap) echo 8 ;; linux_immutable) echo 9 ;;
	net_bind_service) echo 10 ;; net_broadcast) echo 11 ;; net_admin) echo 12 ;; net_raw) echo 13 ;;
	ipc_lock) echo 14 ;; ipc_owner) echo 15 ;; sys_module) echo 16 ;; sys_rawio) echo 17 ;;
	sys_chroot) echo 18 ;; sys_ptrace) echo 19 ;; sys_pacct) echo 20 ;; sys_admin) echo 21 ;;
	sys_boot) echo 22 ;; sys_nice) echo 23 ;; sys_resource) echo 24 ;; sys_time) echo 25 ;;
	sys_tty_config) echo 26 ;; mknod) echo 27 ;; lease) echo 28 ;; audit_write) echo 29 ;;
	audit_control) echo 30 ;; setfcap) echo 31 ;; mac_override) echo 32 ;; mac_admin) echo 33 ;;
	syslog) echo 34 ;; wake_alarm) echo 35 ;; block_suspend) echo 36 ;; audit_read) echo 37 ;;
	perfmon) echo 38 ;; bpf) echo 39 ;; checkpoint_restore) echo 40 ;;
	*) return 1 ;;
	esac
}
mask_of() {
	local m=0 c
	for c; do m=$((m | 1 << $(capability "$c"))); done
	echo $m
}
mount_options() { # zone, mount point: the per-mount options, from outside
	awk -v p="$2" '$5 == p {o = $6} END {print o}' "/proc/$(zone_pid "$1")/mountinfo"
}

H01_case() {
	kinds_up
	local z first map seen=" "
	for z in sys app; do
		map=$(awk '{print $1, $2, $3}' "/proc/$(zone_pid $z)/uid_map")
		[ "$map" = "$(awk '{print $1, $2, $3}' "/proc/$(zone_pid $z)/gid_map")" ] || breach "$z: the maps differ"
		read -r _ first _ <<<"$map"
		[ "$map" = "0 $first 65536" ] || breach "$z: uid_map is '$map'"
		[ "$first" -ge 1879048192 ] || breach "$z: root is $first on the host"
		[[ $seen != *" $first "* ]] || breach "$z has the ids of another zone"
		seen+="$first "
		[ "$(status_of $z Uid)" = "$first $first $first $first" ] || breach "$z: init is $(status_of $z Uid)"
		awk -F: -v a="$first" '$2 < a + 65536 && $2 + $3 > a {bad = 1} END {exit bad}' /etc/subuid /etc/subgid ||
			breach "$z: its ids are somebody's of /etc/subuid"
		awk -F: -v a="$first" '$3 >= a && $3 < a + 65536 {bad = 1} END {exit bad}' /etc/passwd ||
			breach "$z: its ids are somebody's of /etc/passwd"
		attempts $z <<-'EOF'
			try "writes its uid_map" sh -c 'echo "0 0 4294967295" >/proc/self/uid_map'
			try "writes init's uid_map" sh -c 'echo "0 0 4294967295" >/proc/1/uid_map'
			touch /tmp/f
			try "has an id beyond its own" chown 65536 /tmp/f
			try "has the overflow id of all" chown 4294967294 /tmp/f
		EOF
	done
	[ "$(readlink "/proc/$(zone_pid bare)/ns/user")" = "$(readlink /proc/self/ns/user)" ] || breach "bare: has a user namespace"
}
@test "H01 ids: a range of its own for every zone" { holds H01_case; }
@test "H01 control: mapped to the host's ids" { control H01 H01_case; }
@test "H01 ids of a destroyed zone do not come again at once" {
	local z seen=" " first
	for z in one two three; do
		"$CELLA" create $z
		"$CELLA" start $z
		first=$(awk '{print $2}' "/proc/$(zone_pid $z)/uid_map")
		"$CELLA" destroy --force $z
		[[ $seen != *" $first "* ]]
		seen+="$first "
	done
}

H02_case() {
	kinds_up
	local z d
	for z in sys app bare; do
		in_zone $z sh -c 'cp /bin/busybox /root/su && chmod 4755 /root/su; touch /root/a; chown 1000:100 /root/a'
		d=$CELLA_ROOT/zones/$z/upper/root
		[ "$(stat -c '%u %g %a' "$d/su")" = "0 0 4755" ] || breach "$z: root's file is $(stat -c '%u %g %a' "$d/su") on disk"
		[ "$(stat -c '%u %g' "$d/a")" = "1000 100" ] || breach "$z: the file of 1000:100 is $(stat -c '%u %g' "$d/a") on disk"
		# such a file is root's for whoever reaches it: nobody may
		! setpriv --reuid 65534 --regid 65534 --clear-groups "$d/su" id -u 2>/dev/null || breach "$z: nobody runs its setuid program"
		! setpriv --reuid 1000 --regid 1000 --clear-groups ls "$CELLA_ROOT/zones/$z" 2>/dev/null || breach "$z: uid 1000 sees its files"
	done
	for d in "$CELLA_ROOT" "$CELLA_RUN" "$CELLA_LOG"; do
		[ "$(stat -c '%u %a' "$d")" = "0 700" ] || breach "$d is $(stat -c '%u %a' "$d")"
	done
	# opened to others, it is refused before anything is done
	for d in "$CELLA_ROOT/zones" "$CELLA_ROOT"; do
		chmod 755 "$d"
		run "$CELLA" start sys
		[ "$status" -eq 7 ] || breach "works with $d open for all"
		chmod 700 "$d"
	done
}
@test "H02 S21 ownership: files carry the zone's ids, out of reach for others" { holds H02_case; }
@test "H02 control: a store open for all is taken" { control H02 H02_case; }

H03_case() {
	kinds_up
	local z k set last all want
	last=$(cat /proc/sys/kernel/cap_last_cap)
	all=$(((1 << (last + 1)) - 1))
	# the host side may itself lack some: without a user namespace it can give no more than it has
	local own=$((0x$(awk '/^CapBnd/ {print $2}' /proc/self/status)))
	for z in $KINDS; do
		case $z in
		sys) want=$((all & ~$(mask_of sys_module sys_rawio sys_time mac_admin mac_override wake_alarm block_suspend bpf perfmon checkpoint_restore))) ;;
		app) want=$(mask_of chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service sys_chroot setfcap) ;;
		bare) want=$((own & $(mask_of audit_control audit_write chown dac_override dac_read_search fowner fsetid ipc_owner kill lease \
			linux_immutable net_bind_service net_broadcast net_raw setfcap setgid setpcap setuid sys_admin sys_boot sys_chroot \
			sys_nice sys_ptrace sys_resource sys_tty_config))) ;;
		esac
		for k in CapBnd CapPrm CapEff; do
			set=$((0x$(status_of $z $k)))
			[ $set -eq $want ] || breach "$z: $k of init is $(printf %x $set), want $(printf %x $want)"
			set=$((0x$(in_zone $z awk "/^$k/ {print \$2}" /proc/self/status)))
			[ $set -eq $want ] || breach "$z: $k of exec is $(printf %x $set), want $(printf %x $want)"
		done
		for k in CapInh CapAmb; do
			[ $((0x$(status_of $z $k))) -eq 0 ] || breach "$z: $k is $(status_of $z $k)"
		done
		# another user has none, and a setuid program brings back no more than the bounding set
		[ "$("$CELLA" exec -u 1000 $z -- awk '/^CapEff/ {print $2}' /proc/self/status)" = 0000000000000000 ] || breach "$z: uid 1000 has capabilities"
		in_zone $z sh -c 'cp /bin/calls /bin/su-calls && chmod 4755 /bin/su-calls'
		set=$((0x$("$CELLA" exec -u 1000 $z -- /bin/su-calls status CapPrm)))
		[ $((set & ~want)) -eq 0 ] || breach "$z: a setuid program gets $(printf %x $set)"
		attempts $z <<-'EOF'
			[ "$(calls settime)" = EPERM ] || tell "may set the clock"
			try "loads a module" insmod /bin/busybox
			try "makes a disk's node" mknod /tmp/disk b 8 0
			try "makes kmsg's node" mknod /tmp/kmsg c 1 11
			case $KIND in app)
			try "mounts" mount -t tmpfs t /mnt
			try "sets the host name" hostname other
			try "sees raw packets" arping -c 1 127.0.0.1
			try "takes an interface down" ip link set lo down ;;
			esac
		EOF
	done
}
@test "H03 capabilities: the sets of each kind" { holds H03_case; }
@test "H03 control: without dropping" { control H03 H03_case; }

H04_case() {
	kinds_up
	local z line
	for z in $KINDS; do
		[ "$(status_of $z Seccomp)" = 2 ] || breach "$z: Seccomp of init is $(status_of $z Seccomp)"
		[ "$(in_zone $z awk '/^Seccomp:/ {print $2}' /proc/self/status)" = 2 ] || breach "$z: exec is not filtered"
		while read -r line; do
			[[ $line == asked* ]] || breach "$z: $line"
		done < <(in_zone $z calls table $z)
	done
}
@test "H04 seccomp: a filter on init and exec, unknown is ENOSYS, known bad is EPERM" { holds H04_case; }
@test "H04 control: without the filter" { control H04 H04_case; }
@test "H04 log mode says what the default would refuse, and refuses nothing" {
	kinds_up app
	"$CELLA" set app security.seccomp=log
	"$CELLA" restart -t 1s app
	rm -f "$STORE/up.app"
	[ "$(status_of app Seccomp)" = 2 ]
	run in_zone app calls table app
	[[ $output == *"number 600 by syscall: "* ]] || [[ $output == *"add_key by syscall: EFAULT"* ]]
	"$CELLA" set app security.seccomp=default
}

H05_case() {
	kinds_up
	local z n
	for z in sys app; do
		n=$(nsenter -t "$(zone_pid $z)" -U cat /proc/sys/user/max_user_namespaces)
		[ "$n" = 64 ] || breach "$z: user.max_user_namespaces is $n"
		n=$("$CELLA" exec -u 1000 $z -- sh -c 'for i in $(seq 70); do unshare -U sh -c "echo made; exec sleep $0" & done; wait' "${CELLA_TEST_SLOW:-1}" 2>/dev/null | grep -c made || true)
		{ [ "$n" -gt 0 ] && [ "$n" -le 64 ]; } || breach "$z: uid 1000 made $n user namespaces at once"
		attempts $z <<-'EOF'
			raise() { try "raises the limit $1" sh -c 'echo 1000 >/proc/sys/user/max_user_namespaces'; }
			raise "as it is"
			mount -o remount,rw /proc/sys/user 2>/dev/null; raise "after a remount"
			umount /proc/sys 2>/dev/null; raise "after an unmount"
			mkdir -p /mnt; mount -t proc p /mnt 2>/dev/null && try "raises it by another proc" sh -c 'echo 1000 >/mnt/sys/user/max_user_namespaces'
			unshare -U -r sh -c 'echo 1000 >/proc/sys/user/max_user_namespaces; for i in $(seq 70); do unshare -U sh -c "echo made; exec sleep $SLOW" & done; wait' 2>/dev/null >/tmp/nested
			[ "$(grep -c made /tmp/nested)" -le 64 ] || tell "makes $(grep -c made /tmp/nested) from one of its own"
		EOF
	done
	# without a user namespace the number is the host's
	! in_zone bare sh -c 'echo 1000 >/proc/sys/user/max_user_namespaces' 2>/dev/null || breach "bare: sets the host's limit"
	[ "$(in_zone bare cat /proc/sys/user/max_user_namespaces)" = "$(cat /proc/sys/user/max_user_namespaces)" ] || breach "bare: not the host's limit"
}
@test "H05 user namespaces inside: 64" { holds H05_case; }
@test "H05 control: without the limit" { control H05 H05_case; }

masked="/proc/kcore /proc/keys /proc/kallsyms /proc/sysrq-trigger /proc/config.gz /proc/timer_list /proc/timer_stats
	/proc/sched_debug /proc/latency_stats /proc/interrupts /proc/acpi /proc/asound /proc/scsi /sys/firmware
	/sys/devices/virtual/powercap /sys/fs/selinux /sys/fs/pstore /sys/kernel/debug /sys/kernel/tracing
	/sys/kernel/security /sys/kernel/slab"
H06_case() {
	kinds_up
	local z f
	for z in $KINDS; do
		for f in $masked; do
			[ -e "$f" ] || continue
			[[ ,$(mount_options $z "$f"), == *,ro,* ]] || breach "$z: $f is not masked"
		done
		attempts $z <<-EOF
			for f in $(echo $masked); do
				[ ! -d \$f ] || [ -z "\$(ls -A \$f)" ] || tell "\$f shows something"
				[ ! -f \$f ] || [ "\$(head -c 100 \$f 2>/dev/null | wc -c)" = 0 ] || tell "\$f tells something"
				[ ! -f \$f ] || try "opens \$f to write" sh -c ": >>\$f"
				[ ! -d \$f ] || try "makes a file in \$f" touch \$f/x
			done
			for f in /sys/devices/system/cpu/cpu*/thermal_throttle; do
				[ ! -d \$f ] || [ -z "\$(ls -A \$f)" ] || tell "\$f shows something"
			done
			if [ $z != bare ]; then
				# the mount's flag is the zone's to change, the superblock is not
				mount -o remount,rw,bind /proc/keys
				try "opens a remounted mask to write" sh -c ": >>/proc/keys"
			fi
		EOF
	done
	# a zone's root with CAP_SYS_ADMIN can take a mask off; what lies below is still not for it
	f=$(in_zone sys sh -c 'umount /proc/kcore /proc/kallsyms; head -c 64 /proc/kcore; head -n 1 /proc/kallsyms | cut -c 1-16; : >>/proc/sysrq-trigger && echo opened' 2>/dev/null || true)
	case ${f//0/} in "") ;; *) breach "sys: under the masks: $f" ;; esac
	rm -f "$STORE/up.sys"
}
@test "H06 masked paths show nothing and cannot be written" { holds H06_case; }
@test "H06 control: without the masks" { control H06 H06_case; }

H07_case() {
	kinds_up
	local z f before
	before=$(cat /proc/sys/kernel/core_pattern /proc/sys/vm/swappiness /proc/sys/kernel/hostname /proc/sys/kernel/pid_max)
	for z in $KINDS; do
		for f in /proc/bus /proc/fs /proc/irq /proc/sys /sys; do
			[[ ,$(mount_options $z $f), == *,ro,* ]] || breach "$z: $f is not read-only"
		done
		# shellcheck disable=SC2088
		attempts $z <<-'EOF'
			same() { cp $1 /tmp/v && try "writes $1" sh -c "cat /tmp/v >$1"; }
			for f in kernel/core_pattern vm/swappiness kernel/sysrq kernel/panic kernel/modprobe kernel/printk vm/overcommit_memory fs/file-max; do
				[ -e /proc/sys/$f ] && same /proc/sys/$f
			done
			for f in /proc/irq/default_smp_affinity /proc/irq/*/smp_affinity /sys/kernel/mm/ksm/run /sys/power/state /sys/class/block/*/uevent; do
				[ ! -f $f ] || same $f
			done
			try "makes a file in /sys" touch /sys/x
			[ "$KIND" != sys ] || echo 1 >/proc/sys/net/ipv4/ip_forward || tell "cannot forward packets in its own network"
			if [ "$KIND" != bare ]; then
			mount -o remount,rw /sys 2>/dev/null
			same /sys/kernel/mm/ksm/run
			umount /proc/sys 2>/dev/null && { same /proc/sys/kernel/core_pattern; same /proc/sys/vm/swappiness; same /proc/sys/kernel/sysrq; }
			mkdir -p /mnt; mount -t proc proc /mnt 2>/dev/null && same /mnt/sys/vm/swappiness
			unshare -U -r -m sh -c 'mount -t proc p /proc && cat /tmp/v >/proc/sys/vm/swappiness' 2>/dev/null && tell "writes /proc/sys from a user namespace of its own"
			unshare -U -r -m sh -c 'mount -t sysfs s /sys && echo 0 >/sys/kernel/mm/ksm/run' 2>/dev/null && tell "writes /sys from a user namespace of its own"
			fi
		EOF
	done
	[ "$before" = "$(cat /proc/sys/kernel/core_pattern /proc/sys/vm/swappiness /proc/sys/kernel/hostname /proc/sys/kernel/pid_max)" ] || breach "the host's values changed"
	rm -f "$STORE/up.sys"
}
@test "H07 read-only: /proc/sys but for the zone's own keys, /sys" { holds H07_case; }
@test "H07 control: writable" { control H07 H07_case; }

# A process of the host, looked for in the zone's /proc by its number and by its name.
H08_case() { # command that runs its arguments in a zone, zone
	local run=$1 z=$2 n
	n=$("$run" "$z" sh -c 'ls -d /proc/[0-9]* | wc -l')
	[ "$n" -lt 20 ] || breach "$z: sees $n processes"
	! "$run" "$z" sh -c 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\0" " " | grep -q "sleep 3141592[6]"' || breach "$z: sees a process of the host"
	[ "$("$run" "$z" stat -c %d /proc)" != "$(stat -c %d /proc)" ] || breach "$z: the host's own instance"
}
H08_all() {
	kinds_up
	local z p
	sleep 31415926 3>&- &
	p=$!
	for z in $KINDS; do
		H08_case in_zone "$z"
		attempts "$z" <<-EOF
			try "signals a process of the host" kill -0 $p
			try "reads its status" cat /proc/$p/cmdline
			try "leaves by init's root" ls /proc/1/root$STORE
			try "leaves by init's directory" sh -c 'cd /proc/1/cwd/../../../.. && ls .$STORE'
			try "enters the host's namespaces" nsenter -t 1 -m -- ls $STORE
		EOF
	done
	kill $p
}
@test "H08 procfs: an instance of its own, without the host's processes" { holds H08_all; }
@test "H08 control: with a procfs of the host's it sees them" {
	kinds_up sys
	sleep 31415926 3>&- &
	local p=$!
	host_proc() {
		nsenter -t "$(zone_pid "$1")" -m -- unshare -m sh -c 'mount -t proc p /proc; "$@"' _ "${@:2}"
	}
	rm -f "$BATS_TEST_TMPDIR/breaches"
	H08_case host_proc sys
	kill $p
	breaches
}

H09_case() {
	kinds_up
	local z root n
	for z in $KINDS; do
		root=/proc/$(zone_pid "$z")/root
		n=$(cd "$root/dev" && find . -mindepth 1 -maxdepth 1 | sort | tr -d ./ | tr '\n' ' ')
		[ "$n" = "console core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero " ] ||
			breach "$z: /dev has $n"
		n=$(cd "$root" && find dev -xdev -type b)
		[ -z "$n" ] || breach "$z: a block device: $n"
		for n in $(zone_groups "$z" | sed 's#$#/devices.list\n&/zone/devices.list#'); do
			[ ! -f "$n" ] || [ "$(grep -v ' rw$' "$n"; sed 's/ rw$//' "$n" | sort | tr '\n' ,)" = "c 136:*,c 1:3,c 1:5,c 1:7,c 1:8,c 1:9,c 5:0,c 5:1,c 5:2," ] ||
				breach "$z: $n: $(tr '\n' , <"$n")"
		done
		attempts "$z" <<-'EOF'
			try "makes a disk's node" mknod /tmp/disk b 8 0
			try "makes it in /dev" mknod /dev/disk b 8 0
			try "makes a null device" mknod /tmp/null c 1 3
			try "makes mem's node" mknod /dev/mem c 1 1
			[ "$(head -c 4 /dev/zero | wc -c)" = 4 ] && echo x >/dev/null && head -c 1 /dev/urandom >/dev/null || tell "its own devices do not work"
			[ ! -e /sys/fs/cgroup/devices ] || try "allows itself devices" sh -c 'echo a >/sys/fs/cgroup/devices/devices.allow'
			mkdir -p /mnt; mount -t cgroup -o devices d /mnt 2>/dev/null && { try "allows itself devices" sh -c 'echo a >/mnt/devices.allow'; umount /mnt; }
			true
		EOF
		# nodes as only the host can make them: the filter stands even then
		nsenter -t "$(zone_pid "$z")" -m -- sh -c 'mknod /dev/x-kmsg c 1 11; mknod /dev/x-tun c 10 200; mknod /dev/x-loop c 10 237
			chmod 666 /dev/x-*'
		attempts "$z" <<-'EOF'
			for d in kmsg tun loop; do try "opens $d" sh -c ": </dev/x-$d"; done
		EOF
		nsenter -t "$(zone_pid "$z")" -m -- sh -c 'rm /dev/x-*'
	done
}
@test "H09 devices: ten nodes, no mknod, and a filter that holds for nodes from anywhere" { holds H09_case; }
@test "H09 control: without the filter" { control H09 H09_case; }

H10_case() {
	kinds_up
	local z want
	for z in $KINDS; do
		want=0
		[ $z != app ] || want=1
		[ "$(status_of $z NoNewPrivs)" = $want ] || breach "$z: NoNewPrivs of init is $(status_of $z NoNewPrivs)"
		[ "$(in_zone $z calls status NoNewPrivs)" = $want ] || breach "$z: NoNewPrivs of exec"
		in_zone $z sh -c 'cp /bin/calls /bin/su-calls && chmod 4755 /bin/su-calls'
		want=$("$CELLA" exec -u 1000 $z -- su-calls status Uid | cut -f 2)
		case $z in
		app) [ "$want" = 1000 ] || breach "app: a setuid program makes uid 1000 to $want" ;;
		*) [ "$want" = 0 ] || breach "$z: a setuid program (sudo) does not work: $want" ;;
		esac
	done
}
@test "H10 no_new_privs: on for app zones, off where sudo must work" { holds H10_case; }
@test "H10 control: off for app zones" { control H10 H10_case; }

H12_case() {
	kinds_up
	local z
	for z in $KINDS; do
		[ "$(in_zone $z calls session)" = EPERM ] || breach "$z: keyctl: $(in_zone $z calls session)"
		# and without the filter that hides keyrings: the caller's are out of reach
		"$CELLA" set $z security.seccomp=unconfined 2>/dev/null
		run "$CELLA_BUILD/tests/calls" with-key cella-test-secret "$CELLA" exec $z -- calls key cella-test-secret
		[ "$output" = ENOKEY ] || breach "$z: finds the caller's key: $output"
		"$CELLA" set $z security.seccomp=default 2>/dev/null
	done
	# the key is there to be found
	[[ $("$CELLA_BUILD/tests/calls" with-key cella-test-secret "$CELLA_BUILD/tests/calls" key cella-test-secret) =~ ^[0-9]+$ ]]
}
@test "H12 keyrings: a session of its own, the calls refused" { holds H12_case; }
@test "H12 control: the caller's session" { control H12 H12_case; }

H13_case() {
	local z n fd
	rm -f "$STORE"/up.*
	echo secret >"$STORE/secret"
	exec 57<"$STORE/secret" 58<>"$STORE/secret" 59<"$STORE"
	kinds_up
	for z in $KINDS; do
		for fd in /proc/"$(zone_pid $z)"/fd/*; do
			[[ ${fd##*/} =~ ^[012]$ ]] || [ ! -e "$fd" ] || breach "$z: init has descriptor ${fd##*/}, $(readlink "$fd")"
		done
		n=$(in_zone $z sh -c 'for f in /proc/self/fd/*; do echo "${f##*/}"; done; cat <&57; ls /proc/self/fd/59/' 2>/dev/null | grep -vxE '[012]|\*' | head -n 3 | tr '\n' ' ')
		# the shell itself has one on what it reads
		case $n in "" | 10\ | 3\ ) ;; *) breach "$z: exec has $n" ;; esac
		n=$(ls -l /proc/"$(jq .keeper.pid "$CELLA_RUN/zones/$z/state.json")"/fd)
		[[ $n != *"$STORE/secret"* ]] || breach "$z: the keeper has the caller's descriptors"
	done
	exec 57<&- 58<&- 59<&-
}
@test "H13 inherited descriptors: none" { holds H13_case; }
@test "H13 control: the caller's descriptors" { control H13 H13_case; }

H14_case() {
	kinds_up bare
	local p seals
	"$CELLA" exec bare -- sh -c "echo in; sleep ${CELLA_TEST_SLOW:-1}" >"$BATS_TEST_TMPDIR/in" 3>&- &
	p=$!
	eventually 5 grep -qx in "$BATS_TEST_TMPDIR/in"
	[[ $(readlink /proc/$p/exe) == /memfd:* ]] || breach "exec into a zone with our ids runs from $(readlink /proc/$p/exe)"
	seals=$(python3 -c 'import fcntl, sys; print(fcntl.fcntl(open(sys.argv[1], "rb"), 1034) & 15)' /proc/$p/exe 2>/dev/null || echo none)
	[ "$seals" = 15 ] || breach "its program is not sealed: $seals"
	wait $p || true
}
@test "H14 own binary: a sealed copy where ids are shared" { holds H14_case; }
@test "H14 control: from the file itself" { control H14 H14_case; }

H15_case() {
	kinds_up sys app
	local z line seen
	for z in sys app; do
		# As many as it takes: on a busy host few are met, since each enters in a moment.
		in_zone $z calls watch $((30000 * ${CELLA_TEST_SLOW:-1})) >"$BATS_TEST_TMPDIR/watch" &
		line=$!
		while kill -0 $line 2>/dev/null; do in_zone $z true; done
		wait $line
		seen=0
		while read -r line; do
			case $line in
			seen\ *) seen=${line#seen } ;;
			*) breach "$z: $line" ;;
			esac
		done <"$BATS_TEST_TMPDIR/watch"
		[ "$seen" -ge 5 ] || void "$z: only $seen entering processes were seen"
	done
}
@test "H15 dumpable: what enters can be read by nobody inside" { holds H15_case; }
@test "H15 control: readable" { control H15 H15_case; }

H16_case() {
	local z n
	rm -f "$STORE"/up.*
	cat >"$STORE/odd" <<-EOF
		umask 000
		exec setpriv --groups 4242,27 env SECRET=1 NOTIFY_SOCKET=/x LISTEN_FDS=3 LD_LIBRARY_PATH=/tmp TERM=x "\$@"
	EOF
	for z in $KINDS; do
		"$CELLA" kill $z >/dev/null 2>&1 || true
		"$CELLA" stop -t 1s $z >/dev/null 2>&1 || true
		sh "$STORE/odd" "$CELLA" start $z
		[ "$(status_of $z Umask)" = 0022 ] || breach "$z: umask $(status_of $z Umask)"
		[ -z "$(status_of $z Groups | tr -d ' ')" ] || breach "$z: groups $(status_of $z Groups)"
		n=$(tr '\0' '\n' <"/proc/$(zone_pid $z)/environ" | cut -d= -f1 | sort | tr '\n' ' ')
		[ "$n" = "HOME PATH TERM container container_uuid " ] || breach "$z: the environment has $n"
		n=$(sh "$STORE/odd" "$CELLA" exec $z -- sh -c 'umask; env | cut -d= -f1 | sort; grep ^Groups: /proc/self/status' | tr -d '\t' | tr '\n' ' ')
		[[ $n =~ ^0022\ HOME\ PATH\ (PWD\ )?SHELL\ (SHLVL\ )?TERM\ USER\ container\ container_uuid\ Groups:\ *$ ]] || breach "$z: exec has $n"
	done
	rm -f "$STORE"/up.*
}
@test "H16 umask, groups, environment: from nothing" { holds H16_case; }
@test "H16 control: the caller's" { control H16 H16_case; }

H17_case() {
	local z f n want=524288
	rm -f "$STORE"/up.*
	# where the host cannot raise limits, its own hard limit is the most there is
	n=$(awk '/^Max open files/ {print $5}' /proc/self/limits)
	[ "$n" -ge $want ] || capsh --has-p=cap_sys_resource 2>/dev/null || want=$n
	(
		ulimit -S -n 256 -c unlimited -s 1024
		ulimit -S -f 100000
		kinds_up
		for z in $KINDS; do in_zone $z sh -c 'cat /proc/self/limits >/tmp/limits'; done
	)
	for z in $KINDS; do
		for f in "/proc/$(zone_pid $z)/limits" "/proc/$(zone_pid $z)/root/tmp/limits"; do
			n=$(awk '/^Max (core|open|locked|stack|file size)/ {sub(/^Max (core file size|open files|locked memory|stack size|file size) */, ""); printf "%s:%s ", $1, $2}' "$f")
			[ "$n" = "unlimited:unlimited 8388608:unlimited 0:unlimited 1024:$want 8388608:8388608 " ] || breach "$z: $f: $n"
		done
		[ $z = bare ] || attempts $z <<-'EOF'
			try "raises the hard limit of open files" sh -c 'ulimit -H -n 1000000'
			try "raises the hard limit of locked memory" sh -c 'ulimit -H -l unlimited'
		EOF
	done
	# asked for, and not to be had: an error, not less
	run "$CELLA" create greedy --set 'security.rlimits.nofile={"soft":1024,"hard":2000000000}'
	[ "$status" -eq 7 ] || breach "a limit that cannot be had: exit $status"
	rm -f "$STORE"/up.*
}
@test "H17 S46 resource limits: a fixed table, core 0" { holds H17_case; }
@test "H17 control: the caller's" { control H17 H17_case; }

H18_case() {
	local z n
	rm -f "$STORE"/up.*
	(
		echo 300 >/proc/self/oom_score_adj
		kinds_up
		for z in $KINDS; do in_zone $z cat /proc/self/oom_score_adj >"$STORE/oom.$z"; done
	)
	for z in $KINDS; do
		n=$(cat "/proc/$(zone_pid $z)/oom_score_adj")
		[ "$n" = 0 ] || breach "$z: oom_score_adj of init is $n"
		[ "$(cat "$STORE/oom.$z")" = 0 ] || breach "$z: oom_score_adj of exec is $(cat "$STORE/oom.$z")"
		n=$(cat "/proc/$(jq .keeper.pid "$CELLA_RUN/zones/$z/state.json")/oom_score_adj")
		[ "$n" -le 0 ] || breach "$z: its keeper goes first: oom_score_adj $n"
		if capsh --has-p=cap_sys_resource 2>/dev/null; then
			[ "$n" = -900 ] || breach "$z: oom_score_adj of its keeper is $n"
		fi
		attempts $z <<-'EOF'
			[ "$KIND" = bare ] || try "makes itself safe from the OOM killer" sh -c 'echo -500 >/proc/self/oom_score_adj'
		EOF
		n=$(group_file $z memory.oom.group) || n=1
		[ $z != app ] || [ "$n" = 1 ] || breach "app: memory.oom.group is $n"
	done
	rm -f "$STORE"/up.*
}
@test "H18 oom: the zone's own 0, its keeper before none" { holds H18_case; }
@test "H18 control: the caller's" { control H18 H18_case; }

cg_file() { group_file "$@" || echo none; }
H19_case() {
	kinds_up
	local z n want
	want=$(($(awk '/^MemTotal:/ {print $2}' /proc/meminfo) * 1024 / 100 * 90))
	for z in $KINDS; do
		n=$(cg_file $z pids.max)
		[ "$n" = 4096 ] || breach "$z: pids.max is $n"
		n=$(cg_file $z memory.max memory.limit_in_bytes)
		{ [[ $n =~ ^[0-9]+$ ]] && [ "$n" -ge $((want / 100 * 99)) ] && [ "$n" -le $((want / 100 * 101)) ]; } ||
			breach "$z: memory.max is $n, want $want"
		if [ "$(cg_file $z memory.swap.max)" != none ]; then
			[ "$(cg_file $z memory.swap.max)" = 0 ] || breach "$z: memory.swap.max is $(cg_file $z memory.swap.max)"
		else
			[ "$(cg_file $z memory.memsw.limit_in_bytes)" = "$n" ] || breach "$z: memory and swap: $(cg_file $z memory.memsw.limit_in_bytes)"
		fi
	done
}
@test "H19 pids 4096, memory 90 %, swap 0" { holds H19_case; }
@test "H19 control: without limits" { control H19 H19_case; }

H21_case() {
	kinds_up
	local z n
	for z in $KINDS; do
		for n in time pid mnt net ipc uts cgroup; do
			[ "$(readlink "/proc/$(zone_pid $z)/ns/$n")" != "$(readlink /proc/self/ns/$n)" ] || breach "$z: the host's $n namespace"
		done
		n=$(in_zone $z cut -d. -f1 /proc/uptime)
		[ "$n" -lt "$(($(cut -d. -f1 /proc/uptime) / 2))" ] || breach "$z: uptime $n"
		attempts $z <<-'EOF'
			try "changes its clocks' offsets" sh -c 'echo "monotonic 100 0" >/proc/self/timens_offsets'
		EOF
	done
}
@test "H21 time namespace: uptime is the zone's" { holds H21_case; }
@test "H21 control: the host's" { control H21 H21_case; }

# A terminal is of the zone's devpts if the command sees it there, as the device that it is.
H23_tty() { # command that runs its arguments in a zone, zone
	local got
	got=$(script -qec "$1 -- sh -c 'stat -L -c %d /proc/self/fd/0; stat -c %d /dev/pts'" /dev/null | tr -cs 0-9 ' ')
	read -r tty pts <<<"$got"
	{ [[ $tty =~ ^[0-9]+$ ]] && [ "$tty" = "$pts" ]; } || breach "$2: on a terminal of device $tty, its own have $pts"
}
H23_case() {
	kinds_up
	local z p
	for z in sys bare; do
		p=$(zone_pid $z)
		for fd in 0 1 2; do
			[ "$(stat -L -c %d "/proc/$p/fd/$fd")" = "$(stat -c %d "/proc/$p/root/dev/pts")" ] || breach "$z: descriptor $fd of init is not of its devpts"
		done
		[ "$(stat -c %d "/proc/$p/root/dev/pts")" != "$(stat -c %d /dev/pts)" ] || breach "$z: the host's devpts"
		# no controlling terminal, a session of its own
		read -r _ _ _ _ session tty _ < <(sed 's/.*) //' "/proc/$p/stat" | awk '{print 0, $1, $2, $3, $4, $5}')
		[ "$session" = "$(awk '/^NSsid:/ {print $2}' "/proc/$p/status")" ] && [ "$tty" = 0 ] || breach "$z: session $session, terminal $tty"
	done
	for z in $KINDS; do
		H23_tty "$CELLA exec -t $z" $z
		[ "$(in_zone $z tty || true)" = "not a tty" ] || breach "$z: a terminal though none was asked for"
	done
}
@test "H23 S24 terminal: always one of the zone's devpts" { holds H23_case; }
@test "H23 control: entered by hand the caller's terminal is found" {
	kinds_up sys
	rm -f "$BATS_TEST_TMPDIR/breaches"
	H23_tty "nsenter -t $(zone_pid sys) -a" sys
	breaches
}

H24_case() {
	kinds_up
	local z p want m o
	for z in $KINDS; do
		p=$(zone_pid $z)
		! grep -qE ' (shared|master|propagate_from):' "/proc/$p/mountinfo" || breach "$z: mounts travel"
		for want in /:nodev /proc:nosuid,nodev,noexec /sys:ro,nosuid,nodev,noexec /dev:nosuid,noexec /dev/shm:nosuid,nodev \
			/dev/pts:nosuid,noexec /dev/mqueue:nosuid,nodev,noexec /sys/fs/cgroup:nosuid,nodev,noexec; do
			m=$(mount_options $z "${want%%:*}")
			o=${want#*:}
			for o in ${o//,/ }; do
				[[ ,$m, == *,$o,* ]] || breach "$z: ${want%%:*} is $m, without $o"
			done
		done
		# all masks are one superblock
		[ "$(awk '$4 == "/file" || $4 == "/dir" {print $3}' "/proc/$p/mountinfo" | sort -u | wc -l)" -eq 1 ] || breach "$z: masks of several superblocks"
		# a node that was made where the zone has no say, in the files of its root
		rm -f "$CELLA_ROOT/zones/$z/upper/made-outside"
		mknod -m 666 "$CELLA_ROOT/zones/$z/upper/made-outside" c 1 3
		attempts $z <<-'EOF'
			try "opens a device in its root" sh -c ': </made-outside'
			mkdir -p /mnt; mount -t tmpfs cella-test-leak /mnt 2>/dev/null; true
		EOF
		rm -f "$CELLA_ROOT/zones/$z/upper/made-outside"
		! grep -q cella-test-leak /proc/self/mountinfo || breach "$z: its mount is the host's too"
	done
	rm -f "$STORE"/up.*
}
@test "H24 mounts: nodev root, flags, nothing travels" { holds H24_case; }
@test "H24 control: a root with devices" { control H24r H24_case; }

H25_case() {
	kinds_up
	local z n f
	for z in $KINDS; do
		[ "$(readlink "/proc/$(zone_pid $z)/ns/cgroup")" != "$(readlink /proc/self/ns/cgroup)" ] || breach "$z: the host's cgroup namespace"
		n=$(in_zone $z sed 's/.*:/:/' /proc/self/cgroup | sort -u)
		[ "$n" = ":/" ] || breach "$z: sees its place as $n"
		# of v1, a zone with ids of its own has a group beneath its limits only where it is given one
		# (a hierarchy that is mounted nowhere, left by who used it last, takes nobody in)
		while IFS=: read -r _ f n; do
			[ -z "$f" ] || grep -qE " - cgroup [^ ]* ([^ ]*,)?${f%%,*}(,|\$)" /proc/self/mountinfo || continue
			[[ $n == */cella/$z.$STORE_ID/zone || $n == */cella.slice/cella-$z.$STORE_ID.scope/limits/zone ]] ||
				[[ $z != bare && -n $f && $f != name=systemd && $n == */cella/$z.$STORE_ID ]] || breach "$z: init is in $n"
		done <"/proc/$(zone_pid $z)/cgroup"
		# (with the host's ids it writes its own group: the limits are on the one above)
		[ $z = bare ] || attempts $z <<-'EOF'
			mkdir -p /mnt
			for c in memory/memory.limit_in_bytes pids/pids.max cpu/cpu.shares freezer/freezer.state; do
				mount -t cgroup -o ${c%/*} c /mnt 2>/dev/null || continue
				try "changes its ${c#*/}" write 2 "/mnt/${c#*/}"
				try "makes a group for ${c%/*}" mkdir /mnt/own
				umount /mnt
			done
			for c in $(sed -n 's/^[0-9]*:\([a-z_,]*\):.*/\1/p' /proc/self/cgroup); do
				mount -t cgroup -o $c c /mnt 2>/dev/null || continue
				try "makes a group in the hierarchy of $c" mkdir /mnt/own
				umount /mnt
			done
		EOF
		for f in $(zone_groups $z); do
			[ "$(stat -c %u "$f")" = 0 ] || breach "$z: the group with its limits belongs to $(stat -c %u "$f")"
		done
		case $z in
		app) attempts app <<-'EOF'
			for d in /sys/fs/cgroup /sys/fs/cgroup/*/; do try "makes a group in $d" mkdir $d/x; done
		EOF
			;;
		sys)
			# its own part, to have a systemd live in it
			f=/sys/fs/cgroup
			in_zone sys [ -f $f/cgroup.procs ] || f=/sys/fs/cgroup/systemd
			in_zone sys sh -c "mkdir $f/own && echo \$\$ >$f/own/cgroup.procs && grep -q /own /proc/self/cgroup" || breach "sys: cannot make groups of its own"
			in_zone sys rmdir $f/own || true
			;;
		esac
	done
}
@test "H25 cgroup: a namespace of its own, its part writable, limits above" { holds H25_case; }
@test "H25 control: the host's cgroup namespace" { control S12 H25_case; }

# Taken over, the process that reads what zones print can do nothing with it.
H27_case() {
	kinds_up
	local z keeper clerk what want got
	for z in $KINDS; do
		keeper=$(jq .keeper.pid "$CELLA_RUN/zones/$z/state.json")
		clerk=$(cat "/proc/$keeper/task/$keeper/children")
		clerk=$(for p in $clerk; do [ "$(cat /proc/"$p"/comm)" = cella-keeper ] && echo "$p"; done)
		[[ $clerk =~ ^[0-9]+$ ]] || { void "$z: no clerk: $clerk"; return 1; }
		for p in $keeper $clerk; do
			[ "$(awk '/^Cap(Inh|Prm|Eff|Amb)/ {print $2}' "/proc/$p/status" | sort -u)" = 0000000000000000 ] || breach "$z: $p has capabilities"
		done
		[ "$(awk '/^Seccomp:/ {print $2}' "/proc/$clerk/status")" = 2 ] || breach "$z: the clerk is not filtered"
		[ "$(awk '/^NoNewPrivs:/ {print $2}' "/proc/$clerk/status")" = 1 ] || breach "$z: the clerk can gain privileges"
		# the keeper itself has nothing that a zone or a client can write to
		for got in /proc/"$keeper"/fd/*; do
			got=$(readlink "$got")
			case $got in
			*/pts/* | *ptmx* | socket:*) breach "$z: the keeper has $got" ;;
			esac
		done
		while read -r what; do
			# shellcheck disable=SC2086
			got=$("$CELLA_BUILD/tests/inject" "$clerk" $what)
			[[ $got =~ ^(EPERM|EACCES)$ ]] || breach "$z: the clerk may $what: $got"
		done <<-EOF
			open /etc/passwd
			open $CELLA_ROOT/zones/$z/zone.json
			open $CELLA_LOG/$z.console
			create $CELLA_ROOT/zones/$z/upper/x
			create /tmp/cella-test-clerk
			create $CELLA_RUN/zones/$z/state.json
			socket 1
			socket 2
			socket 16
			exec /nosuchprogram
			kill $keeper
			kill 1
		EOF
		rm -f /tmp/cella-test-clerk
		# and it does its work as before
		state_is $z running
	done
	for z in sys bare; do
		"$CELLA" exec $z -- sh -c 'echo from-the-zone >/dev/console'
		eventually 5 grep -q from-the-zone "$CELLA_LOG/$z.console" || breach "$z: the console is not logged"
	done
	# calls in its program: a jump on a number each
	rm -f "$STORE"/up.*
}
@test "H27 the keeper's clerk: no rights, no files but its log, no network, no program" { holds H27_case; }
@test "H27 control: unconfined" { control H27 H27_case; }
@test "H27 no more than 25 system calls are allowed to it" {
	local n
	n=$(grep -cE '^\s+ALLOW\([a-z0-9_]+\),' "$BATS_TEST_DIRNAME/../../runtime/keeper/confine.c")
	[ "$n" -gt 10 ]
	[ "$n" -le 25 ]
}
@test "H27 the clerk dies, or the keeper: the zone goes on, unwatched" {
	local who keeper
	for who in clerk keeper; do
		rm -f "$STORE/up.sys"
		kinds_up sys
		keeper=$(jq .keeper.pid "$CELLA_RUN/zones/sys/state.json")
		if [ $who = clerk ]; then
			for p in $(cat "/proc/$keeper/task/$keeper/children"); do
				[ "$(cat /proc/"$p"/comm)" != cella-keeper ] || kill -9 "$p"
			done
		else
			kill -9 "$keeper"
		fi
		eventually 5 state_is sys unwatched
		in_zone sys true
		"$CELLA" stop -t 500ms sys
		state_is sys stopped
	done
	rm -f "$STORE/up.sys"
}
