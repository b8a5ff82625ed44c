#!/usr/bin/env bats
# The wall, processes: what enters a zone, and what it takes along. Rows S01-S04, S13-S15, S34, S35.
# Zones of this file: `iso` and `bare` (no user namespace) run an init, `app` has a command as init.
bats_require_minimum_version 1.5.0
load helpers
load helpers_wall

setup_file() {
	store_setup
	local z
	"$CELLA" create iso
	"$CELLA" create bare --set security.userns=none
	"$CELLA" create app --set 'init.args=["/bin/sleep","100000"]'
	"$CELLA" start iso bare app
	for z in iso bare app; do capable_busybox $z; done
}
setup() { :; }
teardown() { :; }

# Row S13: a program file with inheritable capabilities, which are those of the zone's user namespace.
capable_busybox() {
	local p enter
	p=$(zone_pid "$1")
	[ "$1" = bare ] || enter="nsenter -t $p -U"
	in_zone "$1" sh -c 'mkdir -p /opt; cp /bin/busybox /opt/busybox.capable'
	$enter setcap cap_net_raw,cap_net_admin+i "/proc/$p/root/opt/busybox.capable"
	getcap "/proc/$p/root/opt/busybox.capable" | grep -q net_raw
}

# A case may have been left half way by the one before.
fresh_zone() { # name, options
	"$CELLA" destroy -q --force "$1" 2>/dev/null || true
	"$CELLA" create -q "$@"
}

exec_is() { # code, zone, arguments: the exit code must be this one
	local want=$1 got=0
	shift
	OUT=$("$CELLA" exec "$@" </dev/null 2>"$BATS_TEST_TMPDIR/err") || got=$?
	[ $got = "$want" ] || breach "exec $(printf '%q ' "$@"): exit code $got, not $want: $OUT $(<"$BATS_TEST_TMPDIR/err")"
}

# ---- S01, S02 ----


# A zone of its own kind in which the intruder is ready. What is executed by `#!/proc/self/exe` finds the
# host's libraries there, and one more.
hostile_zone() { # name, --set...
	local lib name=$1
	shift
	fresh_zone "$name" "$@"
	local upper=$CELLA_ROOT/zones/$name/upper
	mkdir -p "$upper/opt" "$upper/etc" "$upper/lib64" "$upper/usr/lib/x86_64-linux-gnu"
	cp "$TOOLS/intruder" "$CELLA_BUILD/tests/intruder_preload.so" "$upper/opt/"
	echo /opt/intruder_preload.so >"$upper/etc/ld.so.preload"
	printf '#!/proc/self/exe\n' >"$upper/opt/trap"
	chmod 755 "$upper/opt/trap"
	while read -r lib; do
		mkdir -p "$upper${lib%/*}"
		cp -L "$lib" "$upper$lib"
	done < <(ldd "$CELLA" | grep -o '/[^ ]*')
	"$CELLA" start -q "$name"
}
programs_state() { (cd "$1" && sha256sum ./* && stat -c '%n %a %u %g %s %Y %Z' ./* && getcap ./*); }

# On a copy of the programs: what succeeds here destroys them. Another copy, with all its defences, looks
# after the zone.
S01_zone() { # name, options
	local z=$1 bin=$STORE/bin i end n=0
	rm -rf "$bin" "$bin.clean" && cp -a "${CELLA%/*}" "$bin" && cp -a "${CELLA%/*}" "$bin.clean"
	programs_state "$bin" >"$BATS_TEST_TMPDIR/before"
	CELLA=$bin/cella hostile_zone "$@"
	CELLA=$bin.clean/cella CELLA_TEST_OFF='' intruder_start $z exe /hits
	end=$((SECONDS + 2))
	while [ $SECONDS -lt $end ] && cmp -s "$bin/cella" "$bin.clean/cella"; do
		"$bin/cella" exec $z -- /opt/trap >/dev/null 2>&1 || true
		for i in $(seq 20); do "$bin/cella" exec $z -- /bin/true 2>/dev/null || true; done
		n=$((n + 21))
	done
	echo "$n execs in $z"
	CELLA=$bin.clean/cella CELLA_TEST_OFF='' intruder_stop $z 1000
	grep -m 1 cella "/proc/$(zone_pid $z)/root/hits.held" || void "$z: the trap held nothing of the host's"
	programs_state "$bin" | diff "$BATS_TEST_TMPDIR/before" - || breach "$z: the programs were changed"
	"$CELLA" destroy -q --force $z
}
S01_case() {
	local app='init.args=["/bin/sleep","100000"]'
	S01_zone hiso
	S01_zone hbare --set security.userns=none
	S01_zone hisoapp --set "$app"
	S01_zone hbareapp --set security.userns=none --set "$app"
}
@test "S01 the programs of the host cannot be changed by way of /proc/*/exe" { holds S01_case; }
@test "S01 control: the helper is the program file itself" { control "H14 S01i S01s" S01_case; }

S02_zone() { # name, options
	local i z=$1
	hostile_zone "$@"
	intruder_start $z look /hits ENTERING
	# a quiet machine enters fast and is seldom seen, a loaded one takes its time
	local end=$((SECONDS + 4))
	for i in $(seq 300); do
		"$CELLA" exec -e ENTERING=1 $z -- /bin/true || breach "$z: exec $i failed"
		[ $SECONDS -lt $end ] || break
	done
	for i in $(seq 10); do "$CELLA" exec -t -e ENTERING=1 $z -- /bin/true </dev/null || breach "$z: exec -t $i failed"; done
	intruder_stop $z 5
	"$CELLA" destroy -q --force $z
}
# Not in a zone without a user namespace that has an init: its root has CAP_SYS_PTRACE of the host, and may
# look; what enters has nothing left by then that the zone has not (wall_descriptors.bats).
S02_case() {
	local app='init.args=["/bin/sleep","100000"]'
	S02_zone hiso
	S02_zone hisoapp --set "$app"
	S02_zone hbareapp --set security.userns=none --set "$app"
}
@test "S02 a process that enters cannot be looked at or traced" { holds S02_case; }
@test "S02 control: its arguments are still the host's" { control S02t S02_zone hiso; }
@test "S02 control: it is dumpable" { control "S02 S04 H15" S02_zone hiso; }

# ---- S03 ----

# A tree in which every program, library and file that a C library reads is a canary; but for one static
# program with another name.
canary_tree() {
	local f
	mkdir -p "$1"/{bin,sbin,etc,opt,tmp,root,proc,sys,dev,lib/x86_64-linux-gnu,lib64,usr/bin,usr/sbin,usr/lib/locale,usr/share/zoneinfo}
	cp /bin/busybox "$1/opt/busybox.own"
	for f in bin/{sh,bash,ps,top,ls,cat,tar,id,ip,mount,env,true,su,login} sbin/{init,ldconfig,modprobe,ip,nft} \
		usr/bin/{nsenter,getent,env,id,newuidmap,newgidmap} usr/sbin/{nologin,iptables} lib64/ld-linux-x86-64.so.2 \
		lib/ld-musl-x86_64.so.1 lib/x86_64-linux-gnu/lib{c.so.6,jansson.so.4,cap.so.2,nl-3.so.200,seccomp.so.2} \
		lib/x86_64-linux-gnu/lib{nss_files.so.2,nss_compat.so.2,nss_dns.so.2,pthread.so.0,dl.so.2,gcc_s.so.1} \
		lib/evil.so usr/lib/locale/{locale-archive,C.utf8} usr/share/zoneinfo/UTC etc/{localtime,ld.so.cache,nsswitch.conf}; do
		printf '#!/opt/busybox.own sh\n/opt/busybox.own echo "$0" >>/canary\n' >"$1/$f"
		chmod 755 "$1/$f"
	done
	echo /lib/evil.so >"$1/etc/ld.so.preload"
	echo 'app:x:1000:1000::/:/opt/busybox.own' >"$1/etc/passwd"
	echo 'app:x:1000:' >"$1/etc/group"
}
watch_start() { # zone: everything in it but /opt
	local root
	root=/proc/$(zone_pid "$1")/root
	: >"$BATS_TEST_TMPDIR/opened"
	(cd / && exec find "$root/"{bin,sbin,etc,lib,lib64,usr} -type d -exec "$CELLA_BUILD/tests/opened" {} + 3>&-) \
		>"$BATS_TEST_TMPDIR/opened" &
	WATCHER=$!
	eventually 5 grep -q ready "$BATS_TEST_TMPDIR/opened"
}
watch_stop() { # what was looked at, but these
	pkill -TERM -P $WATCHER
	wait $WATCHER || true
	grep -vxE "ready${1:+|$1}" "$BATS_TEST_TMPDIR/opened" | sort | uniq -c
}
# In a trace: what a process that has joined the zone's namespaces, or a child of it, opens or executes.
inside_calls() { # file of strace -f
	awk '
		NR == FNR { if (/ setns\(/) entered[$1] = 1
			if (/clone3?(\(| resumed)/ && entered[$1] && $NF ~ /^[0-9]+$/) child[$NF] = 1; next }
		/ setns\(/ { in_zone[$1] = 1 }
		/ (open|openat|openat2|execve|execveat|execve_resumed)\(/ && (in_zone[$1] || child[$1]) && !done[$1] {
			print $2, $3, $4
			if (/ execve/ && / = 0$/) done[$1] = 1 }
	' "$1" "$1"
}
traced() { # code, what may be executed, command...
	local want=$1 may=$2 got=0
	shift 2
	timeout -s KILL 20 strace -f -qq -o "$BATS_TEST_TMPDIR/trace" -e trace=open,openat,openat2,execve,execveat,setns,clone,clone3 "$@" \
		>"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null || got=$?
	[ $got = "$want" ] || breach "$*: exit code $got, not $want: $(<"$BATS_TEST_TMPDIR/out")"
	inside_calls "$BATS_TEST_TMPDIR/trace" | grep -vE "^(openat2?\(AT_FDCWD, \"/dev/pts/ptmx\"|execve\(\"$may\",)" >"$BATS_TEST_TMPDIR/inside" || true
	[ ! -s "$BATS_TEST_TMPDIR/inside" ] || breach "$*: inside it calls $(<"$BATS_TEST_TMPDIR/inside")"
	grep -E 'execve(at)?\(' "$BATS_TEST_TMPDIR/trace" | grep -E '= 0$' | grep -vE "\"($may|[^\"]*/cella|[^\"]*/cella-keeper|/proc/self/fd/[0-9]+)\"" |
		grep -v AT_EMPTY_PATH >"$BATS_TEST_TMPDIR/executed" || true
	[ ! -s "$BATS_TEST_TMPDIR/executed" ] || breach "$*: executes $(<"$BATS_TEST_TMPDIR/executed")"
}
S03_case() {
	local z userns seen root
	canary_tree "$BATS_TEST_TMPDIR/tree"
	for userns in isolated none; do
		z=canary$userns
		fresh_zone $z --from "$BATS_TEST_TMPDIR/tree" --set security.userns=$userns --set 'init.args=["/opt/busybox.own","sleep","100000"]'
		"$CELLA" start $z
		root=/proc/$(zone_pid $z)/root
		watch_start $z
		traced 0 /opt/busybox.own "$CELLA" exec $z -- /opt/busybox.own true
		traced 0 /opt/busybox.own "$CELLA" exec -t $z -- /opt/busybox.own true
		traced 0 /opt/busybox.own "$CELLA" exec -u app -w /tmp -e LANG=de_DE.UTF-8 -e LD_PRELOAD=/lib/evil.so -e TZ=UTC $z -- /opt/busybox.own true
		traced 127 "[^\"]*/nosuchcommand" "$CELLA" exec $z -- nosuchcommand
		traced 0 /opt/busybox.own "$CELLA" exec -e PATH=/opt $z -- busybox.own true
		traced 0 - "$CELLA" ps $z
		traced 0 - "$CELLA" list -o +uuid
		traced 0 - "$CELLA" show $z
		traced 0 - "$CELLA" log $z
		traced 0 - "$CELLA" log --events $z
		traced 0 - "$CELLA" plan $z
		traced 0 - "$CELLA" set $z boot.restart=no
		traced 0 - "$CELLA" kill -s USR2 $z
		traced 0 - "$CELLA" wait $z
		traced 0 - "$CELLA" repair
		seen=$(watch_stop "$root/etc/(passwd|group)")
		[ -z "$seen" ] || breach "opened in $z: $seen"
		[ ! -e "$root/canary" ] || breach "executed in $z: $(<"$root/canary")"
		traced 0 - "$CELLA" stop -t 3s $z
		[ ! -e "$CELLA_ROOT/zones/$z/upper/canary" ] || breach "executed in $z: $(<"$CELLA_ROOT/zones/$z/upper/canary")"
		"$CELLA" destroy -q --force $z
	done
}
@test "S03 no program and no library of the zone is opened by the host" { holds S03_case; }
# There is nothing in Cella to switch off. By hand, with the zone's own ps: each of the three detectors tells.
@test "S03 control: the zone's own ps in its namespaces" {
	local root
	canary_tree "$BATS_TEST_TMPDIR/tree"
	fresh_zone canary --from "$BATS_TEST_TMPDIR/tree" --set security.userns=none --set 'init.args=["/opt/busybox.own","sleep","100000"]'
	"$CELLA" start canary
	root=/proc/$(zone_pid canary)/root
	watch_start canary
	traced 0 - nsenter -t "$(zone_pid canary)" -m -p /bin/ps
	grep -q 'inside it calls execve("/bin/ps"' "$BATS_TEST_TMPDIR/breaches"
	watch_stop | grep /bin/ps
	grep -x /bin/ps "$root/canary"
	"$CELLA" destroy -q --force canary
}

# ---- S04 ----

S04_case() {
	local z fd n=0 dir=$BATS_TEST_TMPDIR/host want
	mkdir -p "$dir/etc"
	echo host-file >"$dir/etc/host-file"
	chmod -R a+rX "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR"
	for z in iso bare; do
		in_zone $z sh -c 'for i in $(seq 3 40); do ln -sfn /proc/self/fd/$i /tmp/fd$i; done
			ln -sfn fd9 /tmp/chain; ln -sfn /proc/self/cwd/.. /tmp/cwd'
	done
	(
		cd "$dir" || exit
		for fd in $(seq 3 40); do eval "exec $fd<'$dir/etc'"; done
		for z in iso bare; do
			for want in /proc/{self,1,thread-self}/fd/{3..12} /proc/self/fd/{13..40} /tmp/fd{3..20} \
				/tmp/chain /tmp/cwd /proc/self/cwd /proc/self/fd/9/.. /proc/self/task/../fd/9; do
				OUT=$("$CELLA" exec -w "$want" $z -- sh -c 'pwd; ls -a; cat host-file etc/host-file' 2>&1) &&
					n=0 || n=$?
				[[ $OUT != *host-file$'\n'* && $OUT != *host-file ]] ||
					breach "exec -w $want $z: sees the host: $OUT"
				# a link to the zone's own root is nobody's loss
				[ $n = 125 ] || [[ $OUT == /* && $OUT != *unreachable* ]] ||
					breach "exec -w $want $z: exit code $n: $OUT"
			done
		done
		fresh_zone cwd --set security.userns=none --set 'init.args=["/bin/sleep","100000"]'
		for want in /proc/self/fd/{3..20} /proc/1/fd/9; do
			"$CELLA" set -q cwd "init.cwd=$want"
			if "$CELLA" start -q cwd 2>"$BATS_TEST_TMPDIR/err"; then
				OUT=$(readlink "/proc/$(zone_pid cwd)/cwd")
				[ "$OUT" = / ] || breach "init.cwd=$want: starts in $OUT"
				"$CELLA" kill -q cwd && "$CELLA" stop -q cwd
			fi
		done
		"$CELLA" destroy -q --force cwd
	)
}
@test "S04 a working directory by way of a descriptor of the host" { holds S04_case; }
@test "S04 control: the place is not looked at" { control S04 S04_case; }

# ---- S13 ----

# By a caller who has inheritable and ambient capabilities himself.
S13_case() {
	local z text want file
	for z in iso bare app; do
		want=$(awk '/CapBnd/ {print $2}' "/proc/$(zone_pid $z)/status")
		for file in /bin/busybox /opt/busybox.capable; do
			text=$(capsh --keep=1 --inh=cap_chown,cap_net_raw,cap_net_admin --addamb=cap_net_raw,cap_net_admin,cap_chown -- -c \
				"'$CELLA' exec -u 1000 $z -- $file grep Cap /proc/self/status") || breach "$z: exec failed"
			[ "$(awk '/CapInh|CapPrm|CapEff|CapAmb/ {print $2}' <<<"$text" | sort -u)" = 0000000000000000 ] ||
				breach "$z, user 1000, $file: $text"
			[ "$(awk '/CapBnd/ {print $2}' <<<"$text")" = "$want" ] || breach "$z: bounding set is not the plan's"
		done
		text=$(capsh --keep=1 --inh=cap_chown,cap_net_raw,cap_net_admin --addamb=cap_net_raw -- -c "'$CELLA' exec $z -- grep Cap /proc/self/status")
		[ "$(awk '/CapInh|CapAmb/ {print $2}' <<<"$text" | sort -u)" = 0000000000000000 ] || breach "$z, root: $text"
		[ "$(awk '/CapPrm|CapEff|CapBnd/ {print $2}' <<<"$text" | sort -u)" = "$want" ] || breach "$z, root: $text"
	done
	# what the init got was decided when it was started
	fresh_zone caps --set security.userns=none
	capsh --keep=1 --inh=cap_chown,cap_net_raw,cap_net_admin --addamb=cap_net_raw,cap_chown -- -c \
		"'$CELLA' start -q caps"
	text=$(grep Cap "/proc/$(zone_pid caps)/status")
	[ "$(awk '/CapInh|CapAmb/ {print $2}' <<<"$text" | sort -u)" = 0000000000000000 ] || breach "init: $text"
	"$CELLA" destroy -q --force caps
}
@test "S13 inheritable and ambient capabilities are empty" { holds S13_case; }
@test "S13 control: the sets are left as the change of ids left them" { control S13 S13_case; }

# ---- S14 ----

S14_case() {
	local u want z
	for z in iso bare; do
		in_zone $z sh -c 'cp /etc/passwd /root/passwd; cp /etc/group /root/group
			printf "%s\n" "1:x:0:0::/:/bin/sh" "77:x:0:0::/:/bin/sh" "1000:x:0:0::/:/bin/sh" "2147483648:x:0:0::/:/bin/sh" \
				"app:x:1000:1001:,,,:/tmp:/bin/sh" "-1:x:0:0::/:/bin/sh" \
				"wrap:x:4294967296:0::/:/bin/sh" "neg:x:-1:0::/:/bin/sh" "none::4294967295:0::/:/bin/sh" \
				"hex:x:0x0:0::/:/bin/sh" "empty:x::0::/:/bin/sh" "blank:x: 0:0::/:/bin/sh" \
				"badgid:x:7:4294967296::/:/bin/sh" "short:x:0" ":x:0:0::/:/bin/sh" >>/etc/passwd
			printf "%s\n" "app:x:1001:" "extra:x:1002:app" "2:x:0:" "gwrap:x:4294967296:" "wrong:x:-1:app" >>/etc/group'
		while read -r u want; do
			exec_is 0 -u "$u" $z -- sh -c 'echo $(id -u) $(id -g)'
			[ "$OUT" = "$want" ] || breach "$z: -u $u is '$OUT', not '$want'"
		done <<-TABLE
			0 0 0
			0:0 0 0
			1 1 1
			77 77 0
			1:2 1 2
			1000 1000 1001
			65535 65535 0
			65534:65535 65534 65535
			app 1000 1001
			app:2 1000 2
			app:extra 1000 1002
			app:app 1000 1001
		TABLE
		exec_is 0 -u app $z -- id -G
		[ "$OUT" = "1001 1002" ] || breach "$z: groups of app: '$OUT'"
		exec_is 0 -u 1000 $z -- id -G
		[ "$OUT" = 1001 ] || breach "$z: groups of 1000: '$OUT'"
		for u in "" ":" "::" "1:" ":1" "-1" "+1" " 1" "1 " "0x1" "1a" "1.0" "1e3" $'1\n' $'a\nb' "4294967295" "4294967296" \
			"18446744073709551616" "1:-1" "1:+2" "1: 2" "1:2:3" "1:4294967295" "1:4294967296" "١" \
			nosuch app:nosuch app: wrap neg none hex empty blank badgid short "app:gwrap" -- '$(id)' ../root; do
			exec_is 125 -u "$u" $z -- id
		done
		in_zone $z sh -c 'cp /root/passwd /etc/passwd; cp /root/group /etc/group'
	done
	# beyond the zone's ids; without a user namespace there is no such bound
	for u in 65536 2147483647 2147483648 1:65536; do exec_is 125 -u $u iso -- id; done
	exec_is 0 -u 2147483648 bare -- id -u
	[ "$OUT" = 2147483648 ] || breach "bare: -u 2147483648 is '$OUT'"
}
@test "S14 who a user is: numbers are never looked up, names are names" { holds S14_case; }
@test "S14 control: digits are looked up" { control S14 S14_case; }

# ---- S15 ----

# `exec -u NAME` must answer within a second, by the zone's file or not at all.
answers_soon() { # what, file, code, user
	local z=$1 what=$2 want=$3 user=$4 got=0 begin=${EPOCHREALTIME/[.,]/} took
	OUT=$(timeout -s KILL $(secs 2) "$CELLA" exec -u "$user" "$z" -- sh -c 'id -u; id -g' </dev/null 2>"$BATS_TEST_TMPDIR/err") || got=$?
	took=$(((${EPOCHREALTIME/[.,]/} - begin) / 1000))
	[ $took -lt $(secs 1000) ] || breach "$z, $what: no answer for $took ms"
	[ $got = "$want" ] || breach "$z, $what, -u $user: exit code $got, not $want: $OUT $(<"$BATS_TEST_TMPDIR/err")"
}
put_at() { in_zone "$1" sh -c "rm -rf '$2' && $3" </dev/null; } # zone, file, command that makes another thing there

S15_zone() { # zone: with a user and a group that it looks up
	in_zone "$1" sh -c 'cp /etc/passwd /root/passwd; cp /etc/group /root/group
		echo "app:x:1000:1000::/:/bin/sh" >>/etc/passwd; echo "app:x:1000:" >>/etc/group
		cp /etc/passwd /root/app.passwd; cp /etc/group /root/app.group'
	answers_soon "$1" "as it is" 0 app:app
}
S15_zone_back() { in_zone "$1" sh -c 'cp /root/passwd /etc/passwd; cp /root/group /etc/group'; }

S15_kinds() { # zone...
	local z f make
	for z; do
		S15_zone $z
		for f in passwd group; do
			while read -r make; do
				put_at $z /etc/$f "${make//FILE//etc/$f}"
				answers_soon $z "$f: $make" 125 app:app
			done <<-KINDS
				mkfifo FILE
				ln -s /dev/zero FILE
				ln -s /dev/console FILE
				ln -s /dev/ptmx FILE
				mkdir FILE
				ln -s $f FILE
				ln -s /nowhere/at/all FILE
				truncate -s 5G FILE
				dd if=/dev/zero of=FILE bs=1M count=2 2>/dev/null
				ln -s /proc/kmsg FILE
				ln -s /proc/self/mem FILE
			KINDS
			put_at $z /etc/$f "cp /root/app.$f /etc/$f"
		done
		# lines that are no lines
		in_zone $z sh -c 'printf "nul:x:1\0:0::/:/bin/sh\nafter:x:0:0::/:/bin/sh\n" >>/etc/passwd'
		answers_soon $z "after a NUL" 125 after
		in_zone $z sh -c 'for i in $(seq 2000); do echo "u$i:::::::::::::::::::::::"; done >/etc/passwd
			cat /root/app.passwd >>/etc/passwd'
		answers_soon $z "thousands of colons" 0 app:app
		S15_zone_back $z
	done
}
S15_links() {
	local z make
	# A user and a group that only the host knows: found, they tell that a file of the host was read.
	echo 'hostuser:x:1234:1234::/:/bin/sh' >"$BATS_TEST_TMPDIR/passwd"
	echo 'hostgroup:x:1234:' >"$BATS_TEST_TMPDIR/group"
	chmod -R a+rX "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR"
	local host_only
	host_only=$(cut -d: -f1 /etc/passwd | grep -vxFf <(in_zone iso cut -d: -f1 /etc/passwd) | head -n 1)
	for z in iso bare; do
		S15_zone $z
		# to the host's, by every way there is
		for make in "$BATS_TEST_TMPDIR" "../../../../../..$BATS_TEST_TMPDIR" /proc/1/root/../../.."$BATS_TEST_TMPDIR"; do
			put_at $z /etc/passwd "ln -s $make/passwd /etc/passwd"
			answers_soon $z "passwd -> $make" 125 hostuser
			put_at $z /etc/passwd "cp /root/app.passwd /etc/passwd"
			put_at $z /etc/group "ln -s $make/group /etc/group"
			answers_soon $z "group -> $make" 125 app:hostgroup
			put_at $z /etc/group "cp /root/app.group /etc/group"
		done
		answers_soon $z "its own" 125 "$host_only"
		put_at $z /etc/passwd "mv /etc /etc.real && ln -s '$BATS_TEST_TMPDIR' /etc"
		answers_soon $z "/etc -> the host's" 125 hostuser
		in_zone $z sh -c 'rm /etc && mv /etc.real /etc && cp /root/app.passwd /etc/passwd'
		S15_zone_back $z
	done
}
# While it changes: each answer is by one of the two, and soon. In `bare`, as the racer's ids are the
# host's; and the command is none that looks into the file itself.
S15_race() {
	local i got n=0
	in_zone bare sh -c 'cp /etc/passwd /root/passwd; echo "app:x:1000:1000::/:/bin/sh" >>/etc/passwd'
	racer_start fifo "/proc/$(zone_pid bare)/root/etc/passwd"
	for i in $(seq 100); do
		got=0
		OUT=$(timeout -s KILL $(secs 2) "$CELLA" exec -u app bare -- grep Uid /proc/self/status 2>/dev/null) || got=$?
		[[ $got == 125 || ($got == 0 && $OUT == *1000*1000*1000*1000) ]] || breach "exec $i: exit code $got, '$OUT'"
		[ $got != 0 ] || n=$((n + 1))
		! breaches || break
	done
	echo "$n of $i found the user"
	racer_stop
	in_zone bare sh -c 'cat /root/passwd >/etc/passwd'
}
@test "S15 passwd and group are no files, or huge: an answer at once" { holds S15_kinds iso bare; }
@test "S15 control: opened as any other file" { control S15 S15_kinds iso; }
@test "S15 passwd and group are links to the host's: no line of it is used" { holds S15_links; }
@test "S15 control: opened as a path of the host's" { control S15b S15_links; }
@test "S15 passwd is by turns a FIFO and a file" { holds S15_race; }
@test "S15 control: by turns a FIFO, opened as any other file" { control S15 S15_race; }

# ---- S34 ----

# In the environment of somebody who uses Cella: what must not arrive.
rich() {
	env SECRET=tell LD_PRELOAD= LD_LIBRARY_PATH=/nowhere LISTEN_FDS=1 LISTEN_PID=1 NOTIFY_SOCKET=/run/notify \
		XDG_RUNTIME_DIR=/run/user/0 XDG_SESSION_ID=1 DBUS_SESSION_BUS_ADDRESS=unix:x SSH_AUTH_SOCK=/x \
		CELLA_SELF=/bin/false CELLA_SECRET=tell HTTP_PROXY=x LANG=tlh_KL LC_ALL=C PATH="/host/bin:$PATH" TERM=host-term \
		HOME=/host USER=host "$@"
}
variables() { tr '\0' '\n' <"$1" | sed 's/=.*//' | sort | xargs; }

S34_case() {
	local z want got k
	for z in iso bare app; do
		got=$(rich "$CELLA" exec -e A=1 -e B=2 -e A=3 $z -- env)
		want="A=3 B=2 HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin SHELL=/bin/sh TERM=dumb"
		want+=" USER=root container=cella container_uuid=$(uuid_of $z) "
		[ "$(sort <<<"$got" | tr "\n" " ")" = "$want" ] || breach "exec in $z: $got"
		got=$(rich "$CELLA" shell -T $z <<<env)
		! grep -qE 'SECRET|LD_|LISTEN|NOTIFY|XDG|SSH|CELLA|PROXY|LANG|LC_|DBUS|host' <<<"$got" || breach "shell in $z: $got"
	done
	fresh_zone env --set 'init.env={"GREETING":"hello"}'
	fresh_zone envapp --set 'init.args=["/bin/sleep","100000"]' --set 'init.env={"GREETING":"hello"}'
	fresh_zone envbare --set security.userns=none --set 'init.env={"GREETING":"hello","PATH":"/bin"}'
	rich "$CELLA" start -q env envapp envbare
	for z in env envapp envbare; do
		got=$(tr '\0' '\n' <"/proc/$(zone_pid $z)/environ" | grep -v '^container_uuid=' | sort | tr '\n' ' ')
		want="GREETING=hello HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=linux container=cella "
		[ $z != envbare ] || want="GREETING=hello HOME=/root PATH=/bin TERM=linux container=cella "
		[ "$got" = "$want" ] || breach "init of $z: $got"
		k=$("$CELLA" show -j $z | jq -r .keeper_pid)
		got=$(variables "/proc/$k/environ")
		[ "$got" = "CELLA_CGROUP_MANAGER CELLA_CONFIG CELLA_LOG CELLA_ROOT CELLA_RUN" ] || breach "keeper of $z: $got"
	done
	"$CELLA" destroy -q --force env envapp envbare
}
uuid_of() { "$CELLA" show -j "$1" | jq -r '.uuid | [.[0:8], .[8:12], .[12:16], .[16:20], .[20:]] | join("-")'; }
@test "S34 the environment is built from nothing" { holds S34_case; }
@test "S34 control: the caller's environment goes along" { control S34 S34_case; }

# ---- S35 ----

fds_of() { ls "/proc/$1/fd" | sort -n | xargs; }
open_many() { # command...: with descriptors 3 to 100 open, which is what a careless caller leaves
	local fd
	for fd in $(seq 3 100); do eval "exec $fd</etc"; done
	exec "$@"
}
# Which of a process's descriptors lead to a directory of the host that it has no business with.
strays() { find "/proc/$1/fd" -lname /etc -printf '%f ' 2>/dev/null; }

keepers() { # zone: the keeper's processes, of which there are two
	local k
	k=$("$CELLA" show -j "$1" | jq -r .keeper_pid)
	echo "$k $(pgrep -P "$k" -x cella-keeper)"
}
keeper_fds() { for k in $(keepers "$1"); do ls -l "/proc/$k/fd"; done | awk 'NF > 3 {print $(NF-2), $NF}'; }

S35_case() {
	local z got k before
	# shellcheck disable=SC2016
	local own_fds='for i in $(seq 0 200); do [ ! -h /proc/$$/fd/$i ] || l="$l $i"; done; echo "$l"'
	for z in iso bare app; do
		got=$(open_many "$CELLA" exec $z -- sh -c "$own_fds")
		[ "$got" = " 0 1 2" ] || breach "exec in $z: $got"
		got=$(open_many "$CELLA" exec -t $z -- sh -c "$own_fds" </dev/null | tr -d '\r')
		[ "$got" = " 0 1 2" ] || breach "exec -t in $z: $got"
	done
	fresh_zone fds
	fresh_zone fdsapp --set 'init.args=["/bin/sleep","100000"]'
	fresh_zone fdsbare --set security.userns=none
	(open_many "$CELLA" start -q fds fdsapp fdsbare)
	for z in fds fdsapp fdsbare; do
		got=$(fds_of "$(zone_pid $z)")
		# cella-init has given its three to the command
		[[ $got == "0 1 2" || ($z == fdsapp && -z $got) ]] || breach "init of $z: $got"
		[ $z != fdsapp ] || got=$(fds_of "$(pgrep -P "$(zone_pid $z)")")
		[[ $z != fdsapp || $got == "0 1 2" ]] || breach "the command of $z: $got"
		for k in $(keepers $z); do
			got=$(strays "$k")
			[ -z "$got" ] || breach "keeper of $z has the caller's: $got"
			[ "$(fds_of "$k" | wc -w)" -le 14 ] || breach "keeper of $z: $(fds_of "$k")"
		done
	done
	before=$(keeper_fds iso)
	for z in $(seq 200); do "$CELLA" exec iso -- true || breach "exec $z failed"; done
	[ "$before" = "$(keeper_fds iso)" ] || breach "the keeper's list changed with execs"
	"$CELLA" destroy -q --force fds fdsapp fdsbare
}
@test "S35 no descriptor of the caller goes along" { holds S35_case; }
@test "S35 control: descriptors are not closed" { control H13 S35_case; }
