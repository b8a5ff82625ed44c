#!/usr/bin/env bats
# A zone's root file system is hostile: what a start, a stop and a destroy do in it must not go
# astray. The racers work where another program would that can write to the same files.
# shellcheck disable=SC2154 # stderr, of run
bats_require_minimum_version 1.5.0
load helpers
load helpers_wall

setup_file() {
	store_setup
	# Where root of a zone can come by name, unlike below the store.
	CANARY=$(mktemp -d "${CELLA_TEST_TMP:-/var/tmp}/cella-canary.XXXXXX")
	export CANARY
}
teardown_file() {
	store_teardown
	rm -rf "$CANARY"
}
setup() {
	leak_setup
	rm -rf "${CANARY:?}"/*
	canary_made "$CANARY"
	mkdir -p "$CANARY"/{pts,shm,mqueue,sys/net/ipv4,lock}
	touch "$CANARY"/{ptmx,console,null}
	chmod -R 0777 "$CANARY"
	canary_state "$CANARY" >"$BATS_TEST_TMPDIR/canary.${CANARY##*/}"
	host_mounts >"$BATS_TEST_TMPDIR/host.before"
}

upper() { echo "$CELLA_ROOT/zones/$1/upper"; }
up_to_canary() { echo ../../../../../../../../../../../../../..$CANARY; }

# Beside other work, without what others mount in directories of their own.
host_mounts() {
	awk -v shared="${AUDIT_SHARED:-}" -v store="$STORE" -v canary="$CANARY" '
		shared && $5 ~ "^/(var/cache|var/tmp|tmp)/" && !index($5, store) && !index($5, canary) { next }
		{ print $4, $5, $9 }' /proc/self/mountinfo
}
# Nothing of the host has changed.
host_same() {
	host_mounts | cmp -s - "$BATS_TEST_TMPDIR/host.before" ||
		breach "$1: a mount on the host"
	canary_same "$CANARY" "$1: the canary"
}

# The running zone's /proc, /sys, /dev are what we mount there, and no file system of the host is in
# its tree, seen from outside.
tree_is_ours() { # zone, what was tried
	local pid
	pid=$(zone_pid "$1")
	awk -v host="$(stat -c %d /)" '
		{ at = $5; type = $0; sub(/.* - /, "", type); sub(/ .*/, "", type); top[at] = type
		  split($3, n, ":"); if (n[1] * 256 + n[2] == host) print "the host" "'"'"'s disk on " at }
		END {
			want["/"] = "overlay"; want["/proc"] = "proc"; want["/sys"] = "sysfs"; want["/dev"] = "tmpfs"
			want["/dev/pts"] = "devpts"; want["/dev/shm"] = "tmpfs"; want["/dev/console"] = "devpts"
			for (at in want)
				if (top[at] != want[at])
					print at " is " (at in top ? top[at] : "no mount")
		}' "/proc/$pid/mountinfo" | while read -r line; do breach "$2: $line"; done
}

# The zone starts with a tree of ours, or its start is refused and says which name it was.
starts_or_names() { # zone, name, what was tried
	run --separate-stderr timeout $(secs 20) "$CELLA" start "$1"
	case $status in
	0)
		tree_is_ours "$1" "$3"
		"$CELLA" kill "$1" >/dev/null
		;;
	1) [[ $stderr == *"$2"* ]] || breach "$3: refused without its name: $stderr" ;;
	*) breach "$3: exit $status: $stderr" ;;
	esac
	[ -z "$("$CELLA" list -q --filter state=running)" ] || breach "$3: refused, but it runs"
}

# ---- S05 ----
# Masks, while /dev/null and its like in the image are links and are exchanged for links.
masks_case() {
	local before i
	before=$(cat /proc/sys/kernel/core_pattern)
	"$CELLA" create sys || return 1
	mkdir "$(upper sys)/dev"
	ln -s /proc/sys/kernel/core_pattern "$(upper sys)/dev/zero"
	ln -s "$CANARY/file" "$(upper sys)/dev/full"
	mkdir "$(upper sys)/dev/null"
	racer_start retarget "$(upper sys)/dev/null" /proc/sys/kernel/core_pattern
	for i in $(seq 20); do
		"$CELLA" start sys || return 1
		# "e": empty and a read-only file system; a directory without entries
		run in_zone sys sh -c 'for f in /proc/kcore /proc/keys /proc/kallsyms /proc/timer_list \
			/proc/interrupts /proc/sysrq-trigger; do
				[ -e $f ] || continue
				[ "$(head -c 9 $f | wc -c)" = 0 ] || echo "$f shows something"
				(echo x >$f) 2>&1 | grep -q "Read-only file system" || echo "$f can be written"
			done
			for d in /sys/firmware /proc/acpi /proc/scsi /sys/kernel/slab; do
				[ ! -d $d ] || [ -z "$(ls -A $d)" ] || echo "$d shows something"
			done
			echo checked'
		[ "$output" = checked ] || breach "$output"
		[ "$i" -gt 1 ] || tree_is_ours sys masks
		"$CELLA" kill sys >/dev/null
		! breaches || break
	done
	racer_stop 1
	breaches || [ "$RACER_CHANGES" -ge 1000 ] || void "only $RACER_CHANGES changes"
	[ "$(cat /proc/sys/kernel/core_pattern)" = "$before" ] || breach "core_pattern was written"
	host_same masks
	"$CELLA" destroy --force sys
}
@test "S05 masks are ours, whatever the image's /dev/null is and becomes" { holds masks_case; }
@test "S05 control: a mask that is the zone's /dev/null can be written" { control S05 masks_case; }

# ---- S06 ----
# /dev/pts, /dev/console, /dev/ptmx of the image are links.
tty_case() {
	local to dev
	"$CELLA" create sys || return 1
	dev=$(upper sys)/dev
	mkdir "$dev"
	for to in /proc/sysrq-trigger "$CANARY/console" "$(up_to_canary)/console" ../../../../dev/tty loop dirs; do
		rm -rf "${dev:?}"/*
		case $to in
		loop)
			ln -s console "$dev/console"
			ln -s pts "$dev/pts"
			ln -s ptmx "$dev/ptmx"
			;;
		dirs) # all that a start wants, so nothing fails for lack of it
			mkdir "$dev"/{pts,shm,mqueue}
			touch "$dev/console"
			ln -s "$CANARY/null" "$dev/null"
			;;
		*)
			ln -s "$to" "$dev/console"
			ln -s "${to%/*}" "$dev/pts"
			ln -s "$to" "$dev/ptmx"
			;;
		esac
		starts_or_names sys /dev "console -> $to"
	done
	# the one that is bound last, exchanged all the while
	rm -rf "${dev:?}"/*
	mkdir "$dev/console"
	racer_start retarget "$dev/console" "$CANARY/console"
	for to in $(seq 8); do starts_or_names sys /dev "console exchanged"; done
	racer_stop
	rm -rf "${dev:?}"/*
	mkdir "$dev"/{pts,shm,mqueue}
	touch "$dev/console"
	"$CELLA" start sys || return 1
	in_zone sys sh -c 'echo said-on-console >/dev/console; (echo said-on-pts; sleep 0.1) >/dev/pts/0' || true
	eventually 5 grep -qs said-on-pts "$CELLA_LOG/sys.console" || breach "the console is not the zone's pty"
	grep -q said-on-console "$CELLA_LOG/sys.console" || breach "/dev/console is not the console"
	host_same console
	"$CELLA" destroy --force sys
}
@test "S06 /dev/pts, /dev/console and /dev/ptmx of the image are links" { holds tty_case; }
@test "S06 control: in the image's /dev they lead astray" { control S06 tty_case; }

# ---- S07 ----
# /proc and /sys of the image are something else, and a sysctl must reach the kernel all the same.
sysctl_is_set() {
	local pid now
	pid=$(zone_pid sys)
	now=$(nsenter --net="/proc/$pid/ns/net" cat /proc/sys/net/ipv4/ip_forward)
	[ "$now" = 1 ] || breach "$1: the sysctl did not arrive"
}
fake_proc() {
	mkdir -p "$1/sys/net/ipv4"
	echo 0 >"$1/sys/net/ipv4/ip_forward"
}
fakes_case() {
	local d what i got=0
	"$CELLA" create sys --set 'security.sysctl={"net.ipv4.ip_forward":"1"}' || return 1
	fake_proc "$(upper sys)/fake"
	for d in proc sys; do
		for what in /fake "$CANARY" "$(up_to_canary)" $d none file fifo; do
			case $what in
			file) touch "$(upper sys)/$d" ;;
			fifo) mkfifo "$(upper sys)/$d" ;;
			*) ln -s "$what" "$(upper sys)/$d" ;;
			esac
			run --separate-stderr timeout $(secs 20) "$CELLA" start sys
			[ "$status" = 1 ] && [[ $stderr == *"/$d"*"ordinary directory"* ]] ||
				breach "/$d is $what: exit $status: $stderr"
			rm "$(upper sys)/$d"
		done
	done
	# a directory is lawful, and what is in it stays as it is
	fake_proc "$(upper sys)/proc"
	"$CELLA" start sys || return 1
	sysctl_is_set "a directory"
	tree_is_ours sys "a directory"
	"$CELLA" kill sys
	[ "$(cat "$(upper sys)/proc/sys/net/ipv4/ip_forward")" = 0 ] || breach "a file of the image was written"
	ln -s /fake "$(upper sys)/link"
	racer_start exchange "$(upper sys)/proc" "$(upper sys)/link"
	for i in $(seq 20); do
		run --separate-stderr "$CELLA" start sys
		if [ "$status" = 0 ]; then
			got=$((got + 1))
			sysctl_is_set "exchanged"
			tree_is_ours sys "exchanged"
			"$CELLA" kill sys
		else
			[[ $stderr == *"/proc"* ]] || breach "exchanged: $stderr"
		fi
		! breaches || break
	done
	racer_stop 1
	breaches || [ "$RACER_CHANGES" -ge 1000 ] || void "only $RACER_CHANGES changes"
	echo "$got of 20 starts saw the directory"
	cat "$(upper sys)"/{fake,proc/,link/}/sys/net/ipv4/ip_forward 2>/dev/null | grep -q 1 && breach "a fake sysctl was written"
	host_same fakes
	cella_is 2 set sys "mounts=[{\"target\":\"/proc\",\"source\":\"$CANARY\"}]" || breach "a volume on /proc"
	cella_is 2 set sys "mounts=[{\"target\":\"/sys/kernel\",\"source\":\"$CANARY\"}]" || breach "a volume on /sys"
	"$CELLA" destroy --force sys
}
@test "S07 /proc and /sys of the image are fakes" { holds fakes_case; }
@test "S07 control: a sysctl written below the root reaches a fake" { control S07 fakes_case; }

# ---- S08 (in a shared volume: volumes.bats) ----
# The names of its own root that a start mounts on and writes to, exchanged for links all the while.
own_names_case() {
	local i name
	"$CELLA" create sys || return 1
	"$CELLA" start sys || return 1
	"$CELLA" kill sys
	for name in etc proc dev sys run; do
		mkdir -p "$(upper sys)/$name"
		ln -sfn "$CANARY" "$(upper sys)/link"
		racer_start exchange "$(upper sys)/$name" "$(upper sys)/link"
		for i in $(seq 6); do starts_or_names sys "/$name" "/$name exchanged"; done
		racer_stop
		# which of the two is the link now is chance
		find "$(upper sys)/$name" "$(upper sys)/link" -maxdepth 0 -type l -delete
		rm -rf "$(upper sys)/link"
		host_same "/$name exchanged"
		! breaches || break
	done
	find "$(upper sys)/etc" -delete
	mkdir -p "$(upper sys)/etc/resolv.conf"
	racer_start retarget "$(upper sys)/etc/resolv.conf" "$CANARY/resolv.conf"
	for i in $(seq 6); do starts_or_names sys "/etc/resolv.conf" "resolv.conf exchanged"; done
	racer_stop
	rm -rf "$(upper sys)/etc/resolv.conf"
	touch "$(upper sys)/etc/hostname"
	racer_start fifo "$(upper sys)/etc/hostname"
	for i in $(seq 6); do starts_or_names sys "/etc/hostname" "hostname exchanged for a FIFO"; done
	racer_stop
	host_same "files in /etc exchanged"
	"$CELLA" destroy --force sys
}
@test "S08 names of its own root swapped for links, 42 starts" { holds own_names_case; }
@test "S08 control: by plain names a start writes outside" { control S08 own_names_case; }

# ---- S09 ----
# Each directory that a start uses is a link; in the upper directory, and in a layer.
links_case() {
	local name to source=$STORE/source
	"$CELLA" create sys || return 1
	for name in dev proc sys etc run tmp; do
		for to in "$CANARY" "$(up_to_canary)" "$name" "$CANARY/none" /proc/self/root; do
			ln -s "$to" "$(upper sys)/$name"
			starts_or_names sys "/$name" "/$name -> $to"
			find "$(upper sys)/$name" -maxdepth 0 -type l -delete
			rm -rf "$(upper sys)/${name:?}"
		done
	done
	host_same "links"
	"$CELLA" destroy --force sys
	mkdir -p "$source"/{bin,proc,sys,etc}
	cp "$(command -v busybox)" "$source/bin/busybox"
	ln -s busybox "$source/bin/sh"
	ln -s "$CANARY" "$source/dev"
	"$CELLA" create image --from "$source" --set 'init.args=["/bin/sh","-c","sleep 1000"]' || return 1
	starts_or_names image /dev "a layer's /dev is a link"
	rm -rf "$source"
	host_same "links in a layer"
	"$CELLA" destroy --force image
}
@test "S09 /dev, /proc, /sys, /etc, /run, /tmp of the image are links" { holds links_case; }
@test "S09 control: by plain names they lead out" { control S09 links_case; }

# ---- S11 ----
left_mounts_case() {
	local zone mount
	for mount in left upper/srv; do
		"$CELLA" create web || return 1
		zone=$CELLA_ROOT/zones/web
		ln -s "$CANARY" "$zone/upper/a"
		ln -s / "$zone/upper/b"
		mkdir -p "$zone/upper/deep" "$zone/$mount"
		ln -s "$(up_to_canary)" "$zone/upper/deep/c"
		mount --bind "$CANARY" "$zone/$mount"
		run --separate-stderr "$CELLA" destroy --force web
		[ "$status" = 1 ] && [[ $stderr == *"${mount##*/}' is a mount point"* ]] || breach "a mount in $mount: exit $status: $stderr"
		canary_same "$CANARY" "through a mount in $mount, the canary"
		umount "$(findmnt -rno TARGET | grep "^$CELLA_ROOT/.*${mount##*/}$")" || return 1
		"$CELLA" repair || breach "repair fails when the mount is gone"
		[ -z "$(ls -A "$CELLA_ROOT/staging")" ] || breach "repair leaves something"
	done
	host_same "destroy"
}
@test "S11 destroy stops at a mount of the host and names it" { holds left_mounts_case; }
@test "S11 control: when it goes on it empties what is mounted" { control S11 left_mounts_case; }

# A swapper at a directory that is being emptied, first of a zone, then of what a destroy has left.
# strace makes the time between looking at a name and using it long.
slowly() { strace -o /dev/null -e inject=unlinkat:delay_exit=500 "$@" >/dev/null 2>&1; }
swapped_case() { # rounds
	local i at=$CELLA_ROOT/zones/web
	"$CELLA" create web || return 1
	for i in $(seq "$1"); do
		mkdir -p "$at/upper/1/2" "$at/upper/3"
		ln -s "$CANARY" "$at/link"
		ln -s "$CANARY" "$at/upper/1/link"
		cd "$at" && racer_start exchange upper link || return 1
		if [ "$i" = 1 ]; then slowly "$CELLA" destroy --force web; else slowly "$CELLA" repair; fi || true
		cd / && racer_stop 0 >/dev/null
		[ "$((i % 10))" -ne 0 ] && [ "$i" -ne 1 ] || canary_same "$CANARY" "during a destroy, the canary"
		! breaches || break
		"$CELLA" repair >/dev/null || breach "repair fails after the race"
		at=$CELLA_ROOT/staging/gone-$i
	done
	"$CELLA" repair >/dev/null
	[ -z "$(ls -A "$CELLA_ROOT/staging")" ] || breach "repair leaves something"
	echo "$i rounds, $RACER_CHANGES changes"
	[ "$RACER_CHANGES" -ge 1000 ] || breaches || void "only $RACER_CHANGES changes"
	host_same "destroy"
}
@test "S11 destroy follows no link that a directory is swapped for" { holds swapped_case 40; }
@test "S11 control: when it walks by names it empties the host's directory" { control S11 swapped_case 300; }

# ---- S22 ----
# A file system that cannot map ids is refused by name; and no owner in a root is ever changed.
owners() { find "$(upper "$1")" "$CELLA_ROOT"/layers/*/fs -printf '%U:%G %m %p\n' | grep -v /etc | sort; }
idmap_case() {
	local before fs=$STORE/ramfs
	mkdir -p "$fs"
	mount -t ramfs -o mode=700 ramfs "$fs"
	chmod 0700 "$fs"
	run --separate-stderr env CELLA_ROOT="$fs" "$CELLA" create web
	if [ "$status" = 0 ]; then
		run --separate-stderr env CELLA_ROOT="$fs" "$CELLA" start web
	fi
	[ "$status" = 7 ] && [[ $stderr == *"'ramfs' cannot map ids"* ]] || breach "exit $status: $stderr"
	run env CELLA_ROOT="$fs" "$CELLA" host check
	[[ $output == *ramfs* ]] || breach "host check does not name it"
	CELLA_ROOT=$fs "$CELLA" destroy --force web || true
	umount "$fs"
	rmdir "$fs"

	"$CELLA" create web || return 1
	mkdir -p "$(upper web)/srv"
	touch "$(upper web)/srv/"{0,1,65535,70000,suid}
	chown 1:1 "$(upper web)/srv/1"
	chown 65535:65535 "$(upper web)/srv/65535"
	chown 70000:70000 "$(upper web)/srv/70000"
	chmod 4755 "$(upper web)/srv/suid"
	before=$(owners web)
	"$CELLA" start web || return 1
	# the zone sees its own ids, and nobody for what is not its
	[ "$(in_zone web stat -c %u /srv/0 /srv/1 /srv/65535 /srv/70000 | xargs)" = "0 1 65535 65534" ] || breach "ids in the zone"
	"$CELLA" kill web
	[ "$before" = "$(owners web)" ] || breach "a start has changed owners"
	"$CELLA" destroy --force web
}
@test "S22 a file system without id maps is refused by name, owners are never rewritten" { holds idmap_case; }
@test "S22 control: unmapped, the start goes on" { control S22 idmap_case; }
