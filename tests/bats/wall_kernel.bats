#!/usr/bin/env bats
# Ways into the kernel and past the limits, tried from inside a zone (S12, S23, S26 to S31, S39, S46,
# S47): rows of the flaw classes, each with its control.
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

# The host's files that a zone must not get at: of the roots of the hierarchies, and of the groups
# with the limits.
S12_host() {
	local z d
	for d in /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/*/notify_on_release; do
		[ ! -f "$d" ] || echo "$d $(cat "$d")"
	done
	for z in $KINDS; do
		for d in $(zone_groups "$z"); do
			for d in "$d"/{memory.max,memory.limit_in_bytes,pids.max,notify_on_release,devices.list}; do
				[ ! -f "$d" ] || echo "$d $(cat "$d")"
			done
		done
	done
}
# What is written is what is there: an attempt that succeeds changes nothing on the host.
S12_case() {
	kinds_up
	local z
	S12_host >"$BATS_TEST_TMPDIR/host"
	for z in $KINDS; do
		attempts "$z" <<-'EOF'
			cat >/tmp/at <<'END'
			. /tmp/try
			# of the zone's own mount: what is above the delegated group may not be seen, and of the
			# delegated group itself no limit may be written
			own() {
				for f in $(find $1 -name release_agent 2>/dev/null); do try "$2: writes $f" cp $f $f; tell "$2: sees $f"; done
				for n in memory.max memory.limit_in_bytes pids.max notify_on_release devices.allow cpu.max; do
					[ -f $1/$n ] && try "$2: writes $n of its own root" sh -c "v=\$(cat $1/$n 2>/dev/null || echo a) && echo \$v >$1/$n"
				done
				[ -d $1/cella ] && tell "$2: sees the groups of the host"
				true
			}
			again() {
				mkdir -p /mnt
				for o in memory pids devices cpu name=systemd none,name=cella-test; do
					mount -t cgroup -o $o c /mnt 2>/dev/null || continue
					[ "${o#none}" = "$o" ] || tell "$1: makes a hierarchy of its own ($o)"
					case $KIND in bare) [ ! -e /mnt/release_agent ] || { tell "$1: release_agent of $o"; try "$1: writes it" cp /mnt/release_agent /mnt/release_agent; } ;;
					*) own /mnt "$1: $o" ;; esac
					[ -e /mnt/release_agent ] || try "$1: sets the release agent of $o by remount" mount -o remount,$o,release_agent=/x /mnt
					umount /mnt
				done
				mount -t cgroup2 c /mnt 2>/dev/null && { own /mnt "$1: cgroup2"; umount /mnt; }
				true
			}
			case $1 in
			first) own /sys/fs/cgroup "as mounted"
				for d in /sys/fs/cgroup/*/; do own $d "as mounted"; done
				again "mounted again" ;;
			*) again "$1" ;;
			esac
			END
			{ echo 'tell() { echo "$*" >&3; }'
			  echo 'try() { local t="$1"; shift; ("$@") </dev/null >/dev/null 2>&1 && tell "$t"; true; }'
			} >/tmp/try
			sh /tmp/at first
			unshare -U -r -m sh /tmp/at "in a user namespace of its own" || true
			calls cgroupns sh /tmp/at "in a cgroup and user namespace of its own" || true
		EOF
	done
	S12_host >"$BATS_TEST_TMPDIR/host.after"
	diff "$BATS_TEST_TMPDIR/host" "$BATS_TEST_TMPDIR/host.after" >&2 || breach "the host's values changed"
}
@test "S12 release_agent, limits of its own root, cgroup mounted again" { holds S12_case; }
@test "S12 control: without a cgroup namespace the host's groups are in reach" { control S12 S12_case; }

S26_case() {
	local z answer
	"$CELLA" set app 'security.capabilities.add=["CAP_DAC_READ_SEARCH"]'
	rm -f "$STORE/up.app"
	kinds_up
	for z in $KINDS; do
		for at in / /run /etc; do
			answer=$(in_zone "$z" calls handle $at || true)
			[ "$answer" = EPERM ] || breach "$z: open_by_handle_at in $at: $answer"
		done
	done
	"$CELLA" set app 'security.capabilities.add=[]'
	rm -f "$STORE/up.app"
}
@test "S26 open_by_handle_at, with cap_dac_read_search too" { holds S26_case; }
@test "S26 control: without the filter the call gets through" { control H04 S26_case; }

S27_case() {
	kinds_up
	local z line
	for z in $KINDS; do
		while read -r line; do
			case $line in
			asked\ *) echo "$z: $line" ;;
			*) breach "$z: $line" ;;
			esac
		done < <(in_zone "$z" calls table "$z")
		in_zone "$z" calls table "$z" | grep -qE '^asked (25|26)[0-9]$' || breach "$z: the table was not asked whole"
	done
	# a program that took off its own privileges is filtered as well
	line=$("$CELLA" exec -u 1000 sys -- setpriv --nnp calls table app || true)
	[[ $line == asked* ]] || breach "sys, uid 1000: $line"
}
@test "S27 every door to the kernel: a table of calls by syscall, int 0x80 and x32" { holds S27_case; }
@test "S27 control: without the filter the kernel itself answers" { control H04 S27_case; }

S23_setuid() { find "$1" -xdev -perm /6000 2>/dev/null; getcap -r "$1" 2>/dev/null; }
@test "S23 no setuid program, no file capability, one answer for absent and forbidden" {
	DESTDIR=$BATS_TEST_TMPDIR/dest cmake --install "$CELLA_BUILD" >/dev/null
	[ -n "$(find "$BATS_TEST_TMPDIR/dest" -name cella -type f)" ]
	[ -z "$(S23_setuid "$BATS_TEST_TMPDIR/dest")" ]
	# somebody else than root learns nothing, not even which zones there are
	kinds_up sys
	chmod 755 "$STORE"
	local verb absent existing
	for verb in start stop kill destroy "exec -- true" show; do
		# shellcheck disable=SC2086
		set -- $verb
		absent=$(setpriv --reuid 1000 --regid 1000 --clear-groups "$CELLA" "$1" nosuchzone "${@:2}" 2>&1; echo $?)
		# shellcheck disable=SC2086
		existing=$(setpriv --reuid 1000 --regid 1000 --clear-groups "$CELLA" "$1" sys "${@:2}" 2>&1; echo $?)
		[ "${absent//nosuchzone/sys}" = "$existing" ] || { echo "$verb: '$absent', '$existing'"; return 1; }
		[[ ${existing##*$'\n'} =~ ^(6|125)$ && $existing == *"only root"* ]]
	done
	chmod 700 "$STORE"
	state_is sys running
}
@test "S23 control: a setuid file would be found" {
	mkdir "$BATS_TEST_TMPDIR/d"
	cp "$CELLA" "$BATS_TEST_TMPDIR/d/"
	[ -z "$(S23_setuid "$BATS_TEST_TMPDIR/d")" ]
	chmod 4755 "$BATS_TEST_TMPDIR/d/cella"
	[ -n "$(S23_setuid "$BATS_TEST_TMPDIR/d")" ]
}

S28_host() { cat /proc/sys/kernel/{core_pattern,shm_rmid_forced,sem,hostname,modprobe} /proc/sys/vm/swappiness /proc/sys/fs/file-max /proc/sys/net/ipv4/ip_forward /proc/sys/net/core/netdev_max_backlog | sha256sum; }
S28_case() {
	local before pair n=0
	before=$(S28_host)
	while read -r pair; do
		run "$CELLA" create s28 --set "security.sysctl={$pair}"
		[ "$status" -eq 2 ] || breach "$pair: exit $status"
		[ "$status" -ne 0 ] || "$CELLA" destroy --force s28
		n=$((n + 1))
	done <<-'EOF'
		"kernel.core_pattern": "core"
		"kernel.shm_rmid_forced": "1+kernel.core_pattern=core"
		"kernel.shm_rmid_forced": "1\nkernel.core_pattern=core"
		"kernel.shm_rmid_forced": "1 && x"
		"kernel.shm_rmid_forced+kernel.core_pattern": "1"
		"kernel.shm_rmid_forced=1+kernel.core_pattern": "core"
		"kernel/core_pattern": "core"
		"net/../kernel/core_pattern": "core"
		"net.ipv4/../../kernel/core_pattern": "core"
		"net.ipv4.conf.eth0/../all.forwarding": "1"
		"net...kernel.core_pattern": "core"
		"net.": "1"
		"net": "1"
		".net.ipv4.ip_forward": "1"
		"net.ipv4.ip_forward.": "1"
		"net.ipv4.ip forward": "1"
		"": "1"
		"vm.swappiness": "60"
		"vm.overcommit_memory": "0"
		"fs.file-max": "1000000"
		"kernel.hostname": "x"
		"kernel.modprobe": "/sbin/modprobe"
		"kernel.semaphore": "1"
		"kernel.sem.x": "1"
		"user.max_user_namespaces": "100000"
		"dev.cdrom.autoclose": "1"
	EOF
	[ $n -eq 26 ] || void "$n cases"
	run "$CELLA" create s28 --set network.mode=host --set 'security.sysctl={"net.ipv4.ip_forward":"1"}'
	[ "$status" -eq 2 ] || breach "a key of the host's network: exit $status"
	[ "$before" = "$(S28_host)" ] || breach "the host's values changed"
}
@test "S28 H20 sysctl: keys of the zone's namespaces alone" { holds S28_case; }
@test "S28 control: without the list of keys" { control S28 S28_case; }
@test "S28 H20 what is asked for is set in the zone, and only there" {
	local before z
	before=$(S28_host)
	for z in isolated none; do
		"$CELLA" create s28 --set security.userns=$z --set 'security.sysctl={"net.ipv4.ip_forward":"1","kernel.shm_rmid_forced":"1","fs.mqueue.msg_max":"11","kernel.sem":"251 32000 33 129"}'
		"$CELLA" start s28
		[ "$(in_zone s28 sh -c 'cd /proc/sys; cat net/ipv4/ip_forward kernel/shm_rmid_forced fs/mqueue/msg_max kernel/sem' | tr '\t' ' ' | tr '\n' ,)" = "1,1,11,251 32000 33 129," ]
		"$CELLA" destroy --force s28
		# a key that every network namespace shows, and that is the host's: the start fails
		"$CELLA" create s28 --set security.userns=$z --set 'security.sysctl={"net.core.netdev_max_backlog":"999"}'
		run "$CELLA" start s28
		[ "$status" -ne 0 ]
		[[ $output == *netdev_max_backlog* ]] || { echo "$output"; return 1; }
		"$CELLA" destroy --force s28
	done
	[ "$before" = "$(S28_host)" ]
}

# Abstract sockets (their names begin with @) that one of these processes has open.
S29_abstract() { # pid...
	local p l
	for p; do
		for l in /proc/"$p"/fd/*; do
			l=$(readlink "$l") || continue
			[[ $l == socket:* ]] || continue
			l=${l#socket:[}
			awk -v i="${l%]}" '$7 == i && $8 ~ /^@/ {print $8}' /proc/net/unix
		done
	done
}
@test "S29 no abstract socket of ours; sockets lie in directories of 0700" {
	kinds_up
	local z found pids="" s d
	"$CELLA" exec sys -- sleep 1 3>&- &
	pids=$!
	for z in $KINDS; do pids+=" $(jq .keeper.pid "$CELLA_RUN/zones/$z/state.json") $(zone_pid $z)"; done
	# shellcheck disable=SC2086
	found=$(S29_abstract $pids)
	[ -z "$found" ] || { echo "abstract: $found"; return 1; }
	run ss -xlH
	[[ $output != *@*cella* ]]
	found=$(find "$CELLA_ROOT" "$CELLA_RUN" "$CELLA_LOG" -type s)
	[ "$(wc -l <<<"$found")" -eq 3 ]
	chmod 755 "$STORE" # what keeps others out is ours, not the test's
	for s in $found; do
		d=${s%/*}
		[ "$(stat -c '%u %a' "$d")" = "0 700" ] || [ "$(stat -c '%u %a' "${d%/*}")" = "0 700" ]
		run setpriv --reuid 1000 --regid 1000 --clear-groups /usr/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
try: s.connect(sys.argv[1])
except PermissionError: sys.exit(9)' "$s"
		[ "$status" -eq 9 ] || { echo "uid 1000 and $s: $output"; return 1; }
	done
	chmod 700 "$STORE"
	# a zone in the host's network finds nothing to connect to
	"$CELLA" create hostnet --set network.mode=host
	"$CELLA" start hostnet
	run in_zone hostnet sh -c "grep -c '@.*cella' /proc/net/unix; ls $CELLA_RUN"
	[[ $output == 0* ]]
	"$CELLA" destroy --force hostnet
	wait
}
@test "S29 control: an abstract socket would be found" {
	python3 -c 'import socket, time
s = socket.socket(socket.AF_UNIX); s.bind("\0cella-test"); s.listen(); time.sleep(3)' 3>&- &
	local p=$!
	found() { [ -n "$(S29_abstract $p)" ]; }
	eventually 3 found
	kill $p
}

# $1 runs `ZONE COMMAND...`: the sum of what arrives is that of what was sent, or it says why not.
S30_exec() { # runner, zone, bytes of one argument, number of them
	local runner=$1 z=$2 one got sum want
	one=$(head -c "$3" /dev/zero | tr '\0' x)
	local args=()
	for _ in $(seq "$4"); do args+=("$one"); done
	want=$(printf '%s' "${args[@]}" | sha256sum | cut -c 1-64)
	got=$("$runner" "$z" sh -c 'printf "%s" "$@" | sha256sum' _ "${args[@]}" 2>&1) || true
	sum=${got:0:64}
	[[ $sum == "$want" || $got == *"rgument list too long"* ]] || breach "$z: $4 arguments of $3: ${got:0:80}"
	[ "$sum" = "$want" ]
}
S30_env() { # zone, bytes, number
	local z=$1 one got args=() want i
	one=$(head -c "$2" /dev/zero | tr '\0' y)
	for i in $(seq "$3"); do args+=(-e "BIG$i=$one"); done
	want=$(for i in $(seq "$3"); do printf '%s' "$one"; done | sha256sum | cut -c 1-64)
	got=$("$CELLA" exec "${args[@]}" "$z" -- sh -c 'i=1; while [ $i -le '"$3"' ]; do eval "printf %s \"\$BIG$i\""; i=$((i + 1)); done | sha256sum' 2>&1) || true
	[[ ${got:0:64} == "$want" || $got == *"rgument list too long"* ]] || breach "$z: $3 variables of $2: ${got:0:80}"
	[ "${got:0:64}" = "$want" ]
}
S30_init() { # userns, bytes of one, number
	local got want spec=$BATS_TEST_TMPDIR/big.json
	python3 - "$1" "$2" "$3" >"$spec" <<-'EOF'
		import json, sys
		size, n = int(sys.argv[2]), int(sys.argv[3])
		json.dump({"zone_spec": 1, "name": "big", "security": {"userns": sys.argv[1]}, "init": {"kind": "app",
		  "args": ["/bin/sh", "-c", 'printf "%s" "$@" | sha256sum >/sum; printf %s "$BIG" | sha256sum >>/sum; sleep 1000', "_"] + ["z" * size] * n,
		  "env": {"BIG": "w" * size}}}, sys.stdout)
	EOF
	run "$CELLA" create big --spec "$spec"
	[ "$status" -eq 0 ] || { [ -n "$output" ]; echo "$2 x $3: $output"; return 1; }
	run "$CELLA" start big
	if [ "$status" -ne 0 ]; then
		[[ $output == *"rgument list too long"* ]] || breach "$1: start with $3 arguments of $2: $output"
		"$CELLA" destroy --force big
		return 1
	fi
	want=$(for _ in $(seq "$3"); do head -c "$2" /dev/zero | tr '\0' z; done | sha256sum)$(head -c "$2" /dev/zero | tr '\0' w | sha256sum)
	eventually 5 in_zone big grep -qc . /sum
	eventually 5 sh -c '[ "$(wc -l <"$1")" -eq 2 ]' _ "$CELLA_ROOT/zones/big/upper/sum"
	got=$(tr -d '\n' <"$CELLA_ROOT/zones/big/upper/sum")
	[ "$got" = "$want" ] || breach "$1: init got other arguments than $3 of $2"
	"$CELLA" destroy --force big
}
@test "S30 70 KiB and 2 MiB of arguments and environment: whole or refused, never cut" {
	kinds_up
	S30_sizes() {
		local z
		for z in $KINDS; do
			S30_exec in_zone $z 71680 1 || breach "$z: 70 KiB do not work"
			S30_exec in_zone $z 65536 20 || breach "$z: 1.3 MiB do not work"
			S30_exec in_zone $z 100000 20 || echo "$z: 2 MB refused"
			S30_env $z 71680 1 || breach "$z: 70 KiB of environment do not work"
			S30_env $z 65536 12 || breach "$z: 800 KiB of environment do not work"
		done
		for z in isolated none; do
			S30_init $z 71680 1 || breach "$z: init with 70 KiB does not start"
			S30_init $z 100000 8 || breach "$z: init with 800 KB does not start"
			S30_init $z 100000 20 || echo "$z: init with 2 MB refused"
			S30_init $z 140000 1 || echo "$z: init with one argument of 140 KB refused"
		done
	}
	holds S30_sizes
}
@test "S30 control: one byte less would be noticed" {
	kinds_up sys
	cut_short() { in_zone "$1" "${@:2:4}" "${6:1}"; }
	rm -f "$BATS_TEST_TMPDIR/breaches"
	S30_exec cut_short sys 71680 1 || true
	breaches
}

# Bounded bombs: they try four times the limit, so that a host without the limit bears it (control).
S31_pids=60 S31_mem=$((64 << 20))
S31_judge() { # zone, what was tried, bomb's answer
	local n
	n=$(group_file "$1" pids.current)
	[ "$n" -le $S31_pids ] || breach "$2: $n processes are in the zone's group"
	n=$(sed -n 's/^forked //p' <<<"$3")
	[[ $n =~ ^[0-9]+$ ]] || void "$2: the bomb did not report: $3"
	[ "$n" -lt $S31_pids ] || breach "$2: forked $n times"
	grep -q '^hog died' <<<"$3" || breach "$2: $(grep ^hog <<<"$3")"
	n=$(group_file "$1" memory.peak memory.max_usage_in_bytes || echo 0)
	[ "$n" -le $S31_mem ] || breach "$2: $n bytes were in use"
	# the host is usable: other zones start, and at once
	timeout $(secs 5) "$CELLA" list >/dev/null || breach "$2: the host does not answer"
}
# Where the kernel can (v2), an app zone goes as a whole when its memory is out, and the event says so.
S31_judge_whole() { # what was tried, bomb's answer
	local n end
	eventually 20 state_is bomb stopped >"$BATS_TEST_TMPDIR/states" || breach "$1: the zone is still there: $(<"$2")"
	n=$(sed -n 's/^forked //p' "$2")
	[[ $n =~ ^[0-9]+$ ]] || void "$1: the bomb did not report: $(<"$2")"
	[ "$n" -lt $S31_pids ] || breach "$1: forked $n times"
	end=$(jq -rs 'map(select(.event == "ended"))[-1] | "\(.reason) \(.oom_kills > 0)"' "$CELLA_ROOT/zones/bomb/events.jsonl")
	[ "$end" = "oom true" ] || breach "$1: it ended by: $end"
	timeout $(secs 5) "$CELLA" list >/dev/null || breach "$1: the host does not answer"
}
S31_case() {
	local z answer whole
	for z in isolated none; do
		"$CELLA" create bomb --set security.userns=$z --set resources.pids.max=$S31_pids --set resources.memory.max=$S31_mem
		"$CELLA" start bomb
		in_zone bomb sh -c 'cat >/bin/calls; chmod 755 /bin/calls' <"$CELLA_BUILD/tests/calls"
		S31_judge bomb "$z, exec" "$(in_zone bomb calls bomb $((S31_pids * 4)) $((S31_mem * 4 >> 20)))"
		# from a group of its own, as deep as it likes, and by way of those that it can mount
		in_zone bomb sh -c 'cat >/bin/nested' <<-'EOF'
			for d in /sys/fs/cgroup /sys/fs/cgroup/*/; do
				mkdir -p $d/a/b 2>/dev/null && echo $$ >$d/a/b/cgroup.procs
				[ -f $d/a/b/pids.max ] && echo max >$d/a/b/pids.max
			done
			mkdir -p /mnt
			for o in pids memory; do
				mount -t cgroup -o $o c /mnt 2>/dev/null || continue
				mkdir -p /mnt/a/b && echo $$ >/mnt/a/b/cgroup.procs
				echo max >/mnt/a/b/pids.max
				echo -1 >/mnt/a/b/memory.limit_in_bytes
				echo max >/mnt/pids.max
				echo -1 >/mnt/memory.limit_in_bytes
				# out of the zone's root
				echo $$ >/mnt/../cgroup.procs
				umount /mnt
			done 2>/dev/null
			exec calls bomb "$@"
		EOF
		S31_judge bomb "$z, nested group" "$(in_zone bomb sh /bin/nested $((S31_pids * 4)) $((S31_mem * 4 >> 20)) 2>/dev/null)"
		"$CELLA" destroy --force bomb
		# init itself
		"$CELLA" create bomb --set security.userns=$z --set resources.pids.max=$S31_pids --set resources.memory.max=$S31_mem \
			--set 'init={"kind":"app","args":["/bin/sh","-c","calls bomb '$((S31_pids * 4))' '$((S31_mem * 4 >> 20))' >/answer; sleep 1000"]}'
		cp "$CELLA_BUILD/tests/calls" "$CELLA_ROOT/zones/bomb/upper/calls"
		"$CELLA" set bomb 'init.env={"PATH":"/:/bin"}'
		whole=$("$CELLA" plan -j bomb | jq 'if type == "array" then .[0] else . end | .limits.oom_group')
		"$CELLA" start bomb
		answer=$CELLA_ROOT/zones/bomb/upper/answer
		if [ "$whole" = true ]; then
			S31_judge_whole "$z, init" "$answer"
		else
			eventually 10 grep -qs '^hog' "$answer"
			S31_judge bomb "$z, init" "$(cat "$answer")"
		fi
		"$CELLA" destroy --force bomb
	done
}
@test "S31 fork bomb and memory hog: from init, exec, a nested group" { holds S31_case; }
@test "S31 control: without limits" { control H19 S31_case; }
@test "S31 names that would be paths" {
	kinds_up sys
	local n
	for n in ../../x ../sys a/b . .. .x /x -x 'a b' $'a\nb' ''; do
		run "$CELLA" create -- "$n"
		[ "$status" -eq 2 ] || { echo "create '$n': exit $status"; return 1; }
		for verb in start stop kill; do
			run "$CELLA" $verb -- "$n"
			[ "$status" -eq 2 ] || { echo "$verb '$n': exit $status"; return 1; }
		done
		run "$CELLA" exec -- "$n" true
		[ "$status" -eq 125 ]
	done
	state_is sys running
}

@test "S39 hooks: refused, whatever they name" {
	local point
	for point in pre_start created post_start pre_stop post_stop; do
		for args in '["/bin/true"]' '["true"]' '["/nosuch"]' '["/tmp/writable"]'; do
			run "$CELLA" create hooked --set "hooks.$point=[{\"args\":$args}]"
			[ "$status" -eq 7 ] || [ "$status" -eq 2 ]
			[[ $output == *hooks* ]]
		done
	done
	run "$CELLA" show hooked
	[ "$status" -eq 3 ]
}

@test "S46 no core of a zone's process; pipe handlers are warned of" {
	kinds_up
	local z
	for z in $KINDS; do
		# the message of the fault may come late on the other stream
		run --separate-stderr in_zone $z sh -c 'cd /tmp && rm -f core*; sh -c "kill -SEGV \$\$"; ls /tmp/core* 2>/dev/null; ulimit -S -c'
		[ "$output" = 0 ] || { echo "$z: $output"; return 1; }
	done
	# the host's handler runs as root on the host, whatever limits a zone has
	echo '|/usr/lib/systemd/systemd-coredump %P' >"$BATS_TEST_TMPDIR/pattern"
	run unshare -m sh -c 'mount --bind "$1" /proc/sys/kernel/core_pattern && "$2" host check' _ "$BATS_TEST_TMPDIR/pattern" "$CELLA"
	grep -i core_pattern <<<"$output" | grep -qi warn
	run "$CELLA" host check
	[[ $(cat /proc/sys/kernel/core_pattern) == '|'* ]] || ! grep -i core_pattern <<<"$output" | grep -qi warn
}

@test "S47 annotations of other runtimes have no effect" {
	local a plain
	"$CELLA" create noted
	plain=$("$CELLA" plan noted)
	for a in run.oci.handler=krun run.oci.keep_original_groups=1 run.oci.seccomp_fail_unknown_syscall=0 \
		run.oci.systemd.force_cgroup_v1=/sys/fs/cgroup run.oci.mount_context_type=rootcontext run.oci.delegate-cgroup=/x \
		run.oci.hooks.stdout=/etc/passwd run.oci.seccomp.plugins=/x.so run.oci.seccomp_bpf_data=AAAA run.oci.pidfd_receiver=/x \
		org.criu.config=/etc/criu/evil.conf io.katacontainers.config.hypervisor.path=/x \
		io.kubernetes.cri-o.userns-mode=auto org.systemd.property.DeviceAllow=block; do
		run "$CELLA" set noted "annotations={\"${a%%=*}\":\"${a#*=}\"}"
		[ "$status" -eq 0 ] || [ "$status" -eq 2 ]
		[ "$("$CELLA" plan noted)" = "$plain" ] || { echo "$a changes the plan"; return 1; }
	done
	"$CELLA" destroy --force noted
}

# In a pid namespace of its own (pid_max is a namespace's since Linux 6.14) with few pids: the keeper and
# init are killed, and innocent processes come to have their pids.
S40_case() {
	local line ended=
	while read -r line; do
		case $line in
		breach\ *) breach "${line#breach }" ;;
		"all verbs done") ended=1 ;;
		*) echo "$line" ;;
		esac
	done < <(CELLA_ROOT=$STORE/p/root CELLA_RUN=$STORE/p/run CELLA_LOG=$STORE/p/log \
		unshare -p -f --mount-proc bash -s "$CELLA" 2>&1 3>&- <<-'EOF'
		cella=$1
		echo 400 >/proc/sys/kernel/pid_max || exit
		alive() { # who may only be hit by mistake
			kill -0 $init 2>/dev/null || { echo "breach $1 killed who has the pid of init"; reuse init; }
			kill -0 $keeper 2>/dev/null || { echo "breach $1 killed who has the pid of the keeper"; reuse keeper; }
			[ "$(awk '/^State/ {print $2}' /proc/$init/status)" = S ] || echo "breach $1 stopped who has the pid of init"
		}
		reuse() { # init or keeper: the process number comes to somebody else
			local p n=0
			while [ $((n++)) -lt 1000 ]; do
				sleep 300 &
				p=$!
				[ $p != ${!1} ] || return 0
				kill $p
				wait $p 2>/dev/null
			done
			echo "the pids did not wrap"
			exit
		}
		# after a wrap the kernel begins at 300
		for ((p = 0; p < 310;)); do
			true &
			p=$!
			wait
		done
		for verb in exec kill stop restart repair destroy; do
			$cella create victim >/dev/null
			$cella start victim || exit
			state=$CELLA_RUN/zones/victim/state.json
			init=$(jq .init.pid $state) keeper=$(jq .keeper.pid $state)
			kill -9 $keeper $init
			while kill -0 $init 2>/dev/null || kill -0 $keeper 2>/dev/null; do sleep 0.05; done
			reuse init
			reuse keeper
			alive "nobody"
			case $verb in
			exec) $cella exec victim -- true >/dev/null 2>&1 && echo "breach exec entered" ;;
			destroy) ;;
			stop) $cella stop -t 1s victim >/dev/null 2>&1 ;;
			*) $cella $verb victim >/dev/null 2>&1 ;;
			esac
			alive $verb
			$cella destroy --force victim >/dev/null 2>&1
			alive "$verb and destroy"
			kill $init $keeper 2>/dev/null
			wait 2>/dev/null
		done
		echo "all verbs done"
		EOF
	)
	[ "$ended" ] || void "it did not run to its end"
	[ -z "$(ls -A "$STORE/p/root/zones" 2>/dev/null)" ] || breach "a zone is left"
	rm -rf "$STORE/p"
}
@test "S40 reused pids: stop, kill, exec, destroy leave a stranger alone" {
	unshare -p -f --mount-proc sh -c 'echo 400 >/proc/sys/kernel/pid_max' 2>/dev/null && [ "$(cat /proc/sys/kernel/pid_max)" != 400 ] ||
		skip "needs Linux 6.14, where pid_max belongs to a pid namespace"
	holds S40_case
}
@test "S40 control: by the number alone" {
	unshare -p -f --mount-proc sh -c 'echo 400 >/proc/sys/kernel/pid_max' 2>/dev/null && [ "$(cat /proc/sys/kernel/pid_max)" != 400 ] ||
		skip "needs Linux 6.14, where pid_max belongs to a pid namespace"
	control S40 S40_case
}
