#!/usr/bin/env bats
# What lies on the host: the store, its locks and logs, and what other users of the host and a zone's
# root can do with them; and what a zone can make an admin's terminal and disk do.
# shellcheck disable=SC2154 # stderr, of run
bats_require_minimum_version 1.5.0
load helpers
load helpers_wall

# A shell in between: setpriv itself still has capabilities when it executes.
# shellcheck disable=SC2016
nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups sh -c 'exec "$@"' sh)

setup_file() {
	store_setup
	chmod 0711 "$STORE" # so that the store's own directories are what keeps others out
	# where nobody can run them
	mkdir -p "$STORE/bin"
	cp "$CELLA" "$STORE/bin/"
	[ ! -x "$SWITCHES_BUILD/bin/cella" ] || cp "$SWITCHES_BUILD/bin/cella" "$STORE/bin/cella-switches"
}
# A store of the test's own, for what would spoil the file's: its zones, then all of it.
other_store() { export CELLA_ROOT=$STORE/other/root CELLA_RUN=$STORE/other/run CELLA_LOG=$STORE/other/log; }
other_store_gone() {
	[ -d "$STORE/other" ] || return 0
	(
		other_store
		unset CELLA_TEST_OFF
		chown -R --no-dereference --from 65534 0:0 "$STORE/other"
		find "$STORE/other" -maxdepth 3 -type d ! -path '*/upper*' ! -path '*/fs*' -exec chmod 0700 {} +
		CELLA=$STORE/bin/cella zones_teardown
		rm -f "/run/cella-host/"*"-cb-$(cat "$CELLA_ROOT/store-id" 2>/dev/null || echo none).lock"
	)
	if mountpoint -q "$STORE/other"; then umount "$STORE/other"; fi
	rm -rf --one-file-system "$STORE/other"
}
teardown() {
	other_store_gone
	leak_teardown
}

# ---- S21 ----
# What a zone's root makes setuid is owned by the host's root; nobody else gets near it.
reach_case() (
	other_store
	mkdir -m 0711 "$STORE/other"
	umask 0
	"$CELLA" create web && "$CELLA" start web || return 1
	local pid at
	pid=$(zone_pid web)
	in_zone web sh -c 'mkdir -p /srv && cp /bin/busybox /srv/busybox-su && chmod 4755 /srv/busybox-su && cp /bin/busybox /srv/busybox-cap'
	nsenter -t "$pid" -U setcap cap_dac_override,cap_dac_read_search+ep "/proc/$pid/root/srv/busybox-cap" || return 1
	[ "$(stat -c '%u %a' "$CELLA_ROOT/zones/web/upper/srv/busybox-su")" = "0 4755" ] || return 1
	getcap "$CELLA_ROOT/zones/web/upper/srv/busybox-cap" | grep -q dac_override || return 1
	unreachable "$CELLA_ROOT/zones/web/upper" "/proc/$pid/root" "/proc/$(keeper_pid web)/root$CELLA_ROOT/zones/web/upper"
	for at in "$CELLA_ROOT" "$CELLA_RUN" "$CELLA_LOG" "$CELLA_RUN/zones/web/keeper.sock" "$CELLA_LOG/web.console" \
		"$CELLA_ROOT/zones/web/spec.json" "/proc/$pid/cwd" "/proc/$pid/fd" "/proc/$pid/environ"; do
		! "${nobody[@]}" ls "$at/." >/dev/null 2>&1 || breach "nobody lists $at"
		! "${nobody[@]}" cat "$at" >/dev/null 2>&1 || breach "nobody reads $at"
	done
	# whatever the umask
	find "$CELLA_ROOT" "$CELLA_RUN" "$CELLA_LOG" -path '*/upper' -prune -o -path '*/fs' -prune -o -path '*/work' -prune -o \
		! -type l ! -type s -perm /077 -print >"$BATS_TEST_TMPDIR/loose"
	[ ! -s "$BATS_TEST_TMPDIR/loose" ] || breach "open to others: $(cat "$BATS_TEST_TMPDIR/loose")"
	# as a layer that a clone shares
	"$CELLA" stop --force web >/dev/null 2>&1 || "$CELLA" kill web
	"$CELLA" clone web copy || return 1
	for at in "$CELLA_ROOT"/layers/*/fs; do unreachable "$at"; done
	"$CELLA" destroy --force copy web
)
unreachable() { # roots
	local r who
	for r in "$@"; do
		! who=$("${nobody[@]}" "$r/srv/busybox-su" id -u 2>/dev/null) || breach "nobody runs $r/srv/busybox-su, as $who"
		! "${nobody[@]}" "$r/srv/busybox-cap" cat /etc/shadow >/dev/null 2>&1 || breach "nobody reads /etc/shadow by way of $r"
		! "${nobody[@]}" ls "$r/" >/dev/null 2>&1 || breach "nobody lists $r"
	done
}
keeper_pid() { "$CELLA" show "$1" -j | jq -r '.. | .keeper_pid? // .keeper?.pid? // empty' | head -n 1; }
@test "S21 setuid programs and capabilities made in a zone are out of everybody's reach" { holds reach_case; }
@test "S21 control: in an open store nobody reads what only root may" { control S21 reach_case; }

loose_case() (
	other_store
	mkdir -m 0711 "$STORE/other"
	"$CELLA" create web || return 1
	local d
	for d in root root/zones root/layers root/networks root/staging root/cache run run/zones log; do
		chmod 0755 "$STORE/other/$d"
		refused "$d" 0755
		chmod 0700 "$STORE/other/$d"
		chown 65534 "$STORE/other/$d"
		refused "$d" 65534
		chown 0 "$STORE/other/$d"
	done
	cella_is 0 list || breach "it does not work again"
)
refused() { # directory, what the message must have
	cella_is 7 list >/dev/null || breach "$1 with $2: list exits $status"
	[[ $stderr == *"${1##*/}'"*"$2"* ]] || breach "$1 with $2: $stderr"
	cella_is 7 start web >/dev/null || breach "$1 with $2: start exits $status"
}
@test "S21 a store that is open to others or is another's is refused by name" { holds loose_case; }
@test "S21 control: unchecked it is used" { control S21 loose_case; }

# ---- S25 ----
# Names, arguments, console, errors with all that acts on a terminal.
NASTY=$'\e[2J\e]52;c;YWJj\a\x9b31m\xc2\x9b32m\xe2\x80\xae\r\b\x7f'
shown() { # command...: whatever its exit, what it prints
	echo "\$ ${*:1:2}" >>"$BATS_TEST_TMPDIR/shown"
	local code=0
	timeout $(secs 20) "$CELLA" "$@" >>"$BATS_TEST_TMPDIR/shown" 2>&1 </dev/null || code=$?
	case $code in
	124 | 13[0-9]) breach "$1 hangs or crashes" ;;
	esac
}
terminal_case() {
	local f verb
	: >"$BATS_TEST_TMPDIR/shown"
	"$CELLA" create web || return 1
	"$CELLA" start web || return 1
	in_zone web sh -c 'printf "%s" "$0" >/proc/$$/comm; while :; do sleep 1; done </dev/null >/dev/null 2>&1 &' "$NASTY"
	in_zone web sh -c '(printf "%s" "$0" >/proc/$$/comm; exec sleep 1000) </dev/null >/dev/null 2>&1 &' "$NASTY"
	in_zone web sh -c 'printf "%s\n%s" "$0" "$0" >/dev/console; hostname "$0"' "$NASTY" || true
	in_zone web sh -c 'mkdir "/sys/fs/cgroup/$0" "/sys/fs/cgroup/systemd/$0"' "$NASTY" 2>/dev/null || true
	in_zone web sh -c 'echo "root:x:0:0:$0:/root:/bin/$0" >/etc/passwd; echo "$0:x:5:" >>/etc/group' "$NASTY"
	eventually 5 grep -qs YWJj "$CELLA_LOG/web.console"
	for f in table json jsonl csv; do
		for verb in list "list -o +args,hostname" "show web" "ps web" "log web" "log web --events" "plan web" "host check"; do
			# shellcheck disable=SC2086 # words
			shown $verb --format $f
		done
	done
	grep -qE $'x1b|\e' "$BATS_TEST_TMPDIR/shown" || breach "nothing nasty has come through at all"
	shown shell web
	shown exec web -- "/bin/$NASTY"
	shown exec web -u "$NASTY" -- id
	shown exec web -w "/$NASTY" -- id
	shown list "$NASTY"
	shown create "$NASTY"
	shown create other --from "/$NASTY"
	shown create other --description "$NASTY"
	shown create other --set "init.args=[\"/$NASTY\"]"
	shown create other --set "$NASTY=1"
	shown "$NASTY"
	shown list "--$NASTY"
	shown list -o "$NASTY"
	shown set web "hostname=$NASTY"
	shown validate "/$NASTY"
	hostile_tar "$BATS_TEST_TMPDIR/devices.tar" "$NASTY" && shown create other --from "$BATS_TEST_TMPDIR/devices.tar"
	hostile_tar "$BATS_TEST_TMPDIR/outside.tar" "../$NASTY" && shown create another --from "$BATS_TEST_TMPDIR/outside.tar"
	# an init that is not there, by a link; one that ends with words on the console
	"$CELLA" create dead --set 'init.args=["/init"]' || return 1
	mkdir -p "$CELLA_ROOT/zones/dead/upper"
	printf '#!/bin/%s\n' "$NASTY" >"$CELLA_ROOT/zones/dead/upper/init"
	chmod 0755 "$CELLA_ROOT/zones/dead/upper/init"
	shown start dead
	rm "$CELLA_ROOT/zones/dead/upper/init"
	mkdir -p "$CELLA_ROOT/zones/dead/upper/etc"
	ln -sf "$NASTY" "$CELLA_ROOT/zones/dead/upper/etc/hostname"
	shown start dead
	printf '{"%s":1}' '\u001b[2J\u009b' >"$CELLA_ROOT/zones/dead/spec.json"
	shown list
	shown show dead
	shown start dead
	"$CELLA" kill web
	shown log web --events
	python3 - "$BATS_TEST_TMPDIR/shown" <<-'EOF' || breach "these bytes would act on a terminal"
		import sys, unicodedata
		bad, verb = 0, ""
		for line in open(sys.argv[1], "rb").read().split(b"\n"):
		    if line.startswith(b"$ "):
		        verb = ascii(line)
		        if verb.isprintable():
		            continue
		    try:
		        text = line.decode("utf-8")
		    except UnicodeDecodeError:
		        text = "\x1b"
		    if any(c != "\t" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") for c in text):
		        print(verb, ascii(line), file=sys.stderr)
		        bad += 1
		sys.exit(bad > 0)
	EOF
	"$CELLA" destroy --force web dead
}
hostile_tar() { # file, name: a device of that name, a directory, a link to it
	python3 - "$@" <<-'EOF'
		import os, sys, tarfile
		name = os.fsencode(sys.argv[2]).decode("utf-8", "surrogateescape")
		with tarfile.open(sys.argv[1], "w", format=tarfile.GNU_FORMAT) as t:
		    for n, kind, link in ((name, tarfile.CHRTYPE, ""), ("d" + name, tarfile.DIRTYPE, ""), ("l", tarfile.SYMTYPE, name),
		            ("h", tarfile.LNKTYPE, "none" + name)):
		        m = tarfile.TarInfo(n)
		        m.type, m.linkname = kind, link
		        t.addfile(m)
	EOF
}
@test "S25 nothing of a zone's making acts on the admin's terminal" { holds terminal_case; }
@test "S25 control: unescaped it does" { control S25 terminal_case; }

# ---- S36 ----
information_case() {
	local z
	"$CELLA" create sys || return 1
	"$CELLA" create neighbour-xyzzy || return 1
	"$CELLA" create app --set 'init.args=["/bin/sleep","1000"]' || return 1
	unshare -u sh -c 'hostname caller-xyzzy; exec "$@"' sh "$CELLA" start sys neighbour-xyzzy app || return 1
	printf '%s\n' neighbour-xyzzy caller-xyzzy "${STORE##*/}" >"$BATS_TEST_TMPDIR/secrets"
	# a short name of the host's is a part of many words
	[ "$(hostname | wc -c)" -lt 7 ] || hostname >>"$BATS_TEST_TMPDIR/secrets"
	for z in sys app; do
		run in_zone $z sh -c 'for f in /proc/kcore /proc/keys /proc/kallsyms /proc/timer_list /proc/timer_stats /proc/sched_debug \
			/proc/interrupts /proc/latency_stats /proc/config.gz; do
				[ "$(head -c 64 $f 2>/dev/null | wc -c)" = 0 ] || echo "$f"
			done
			for d in /sys/devices/system/cpu/cpu*/thermal_throttle /sys/devices/virtual/powercap /sys/kernel/slab /sys/firmware \
				/sys/kernel/debug /sys/kernel/tracing /sys/kernel/security /proc/acpi /proc/scsi /proc/asound; do
				[ -z "$(ls -A $d 2>/dev/null)" ] || echo "$d"
			done'
		[ -z "$output" ] || breach "$z can read: $output"
		in_zone $z sh -c 'cat >/tmp/secrets' <"$BATS_TEST_TMPDIR/secrets"
		# endless or acting ones apart: kmsg, kpage*, trace_pipe, mem, pagemap, clear_refs
		run in_zone $z sh -c 'find /proc /sys -type f ! -name kmsg ! -name "kpage*" ! -name trace_pipe ! -name mem \
				! -name pagemap ! -name clear_refs 2>/dev/null >/tmp/files
			xargs timeout '"$(secs 20)"' grep -lF -f /tmp/secrets </tmp/files 2>/dev/null
			echo "looked at $(wc -l </tmp/files)"; rm /tmp/files /tmp/secrets'
		[[ $output == "looked at "* ]] || breach "$z finds names of the host or of others in: $output"
		[ "${output##* }" -gt 1000 ] || void "$output files"
	done
	"$CELLA" destroy --force sys app neighbour-xyzzy
}
@test "S36 what tells about the host and its other zones is not there" { holds information_case; }
@test "S36 control: without masks it is" { control S36 information_case; }

# ---- S37 ----
verbs_case() (
	local cella=$STORE/bin/cella verb d
	[ -z "${CELLA_TEST_OFF:-}" ] || cella=$STORE/bin/cella-switches
	other_store
	mkdir -m 0711 "$STORE/other"
	"$CELLA" create web && "$CELLA" start web || return 1
	for verb in list "list -j" "show web" "ps web" "log web" "log --events web" "plan web" "console --lines 0 web" "start web" \
		"stop web" "kill web" "restart web" "wait web" "exec web -- id" "shell web" "set web hostname=x" "edit web" \
		"create x" "clone web x" "rename web x" "destroy --force web" "run -- true" repair; do
		# shellcheck disable=SC2086 # words
		run timeout $(secs 10) "${nobody[@]}" "$cella" $verb </dev/null
		# where the exit code is the command's, 125 says that it never ran
		case $status:$verb in
		6:*) ;;
		125:exec* | 125:shell* | 125:run*) [[ $output == *"only root"* ]] || breach "nobody's cella $verb: $output" ;;
		*) breach "nobody's cella $verb exits $status: $output" ;;
		esac
	done
	for d in "$CELLA_ROOT" "$CELLA_RUN" "$CELLA_LOG" /run/cella-host; do
		! "${nobody[@]}" ls "$d" >/dev/null 2>&1 || breach "nobody lists $d"
	done
	python3 - "$CELLA_RUN/zones/web/keeper.sock" <<-'EOF' || breach "nobody talks to the keeper"
		import os, socket, sys
		os.setgroups([]), os.setresgid(65534, 65534, 65534), os.setresuid(65534, 65534, 65534)
		try:
		    socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect(sys.argv[1])
		except PermissionError:
		    sys.exit(0)
		sys.exit(1)
	EOF
	[ "$("$CELLA" list -q --filter state=running)" = web ] || breach "nobody has changed something"
	"$CELLA" destroy --force web
)
@test "S37 other users of the host see no zone and reach no keeper" { holds verbs_case; }
@test "S37 control: with the check and the modes gone they do" { control "S37 S21" verbs_case; }

# ---- S42 ----
attached() { in_zone web sh -c 'echo attached >/dev/console' && grep -qs attached "$BATS_TEST_TMPDIR/client"; }
flood_case() { # bytes
	local max=65536 log=$CELLA_LOG/web.console client
	"$CELLA" create web --set console.log_max=64K || return 1
	"$CELLA" start web || return 1
	# a client that reads nothing, meanwhile
	mkfifo "$BATS_TEST_TMPDIR/input"
	exec {input}<>"$BATS_TEST_TMPDIR/input"
	"$CELLA" console web 3>&- >"$BATS_TEST_TMPDIR/client" <&$input &
	client=$!
	eventually 10 attached || breach "the console shows nothing"
	kill -STOP $client
	in_zone web sh -c 'yes "0123456789 fill the disk of the host" | head -c $0 >/dev/console' "$1" || breach "the zone cannot write on"
	[ "$(stat -c %s "$log")" -le $max ] || breach "the log has $(stat -c %s "$log") bytes"
	[ "$(du -cb "$CELLA_LOG"/web.console* | tail -n 1 | cut -f1)" -le $((2 * max)) ] || breach "the logs have more than twice the limit"
	[ "$(awk '/VmHWM/ {print $2}' "/proc/$(keeper_pid web)/status")" -lt 16384 ] || breach "the keeper has grown"
	kill -KILL $client
	wait $client || true
	exec {input}>&-
	state_is web running || breach "it does not run any more"
	timeout $(secs 30) "$CELLA" log -n 3 web | grep -q fill || breach "the log has not the last line"
	timeout $(secs 30) "$CELLA" stop web || breach "stop fails"
	"$CELLA" destroy --force web
}
@test "S42 a zone floods its console with 100 MB" { holds flood_case 100000000; }
@test "S42 control: with no limit it fills the host's disk" { control S42 flood_case 5000000; }

# Its root fills the file system that the store is on, to the last block, with nothing kept for root.
full_case() (
	local fs=$STORE/other before
	truncate -s 48M "$STORE/disk"
	mkfs.ext4 -q -m 0 "$STORE/disk"
	mkdir "$fs"
	mount -o loop "$STORE/disk" "$fs"
	chmod 0700 "$fs"
	other_store
	"$CELLA" create web && "$CELLA" create other && "$CELLA" start web || return 1
	before=$(df --output=avail "$fs" | tail -n 1)
	in_zone web sh -c 'cat /dev/zero >/root/fill; cat /dev/zero >/root/rest; for i in $(seq 3000); do echo x >/root/$i || break; done' 2>/dev/null || true
	in_zone web sh -c 'yes fill | head -c 3000000 >/dev/console' || breach "the console does not go on"
	[ "$(df --output=avail "$fs" | tail -n 1)" -eq 0 ] || void "the disk is not full: $(df "$fs")"
	cella_is 0 list || breach "list"
	state_is web running || breach "list shows something else"
	cella_is 0 show web || breach "show"
	cella_is 0 exec web -- true || breach "exec"
	cella_is 0 log web -n 1 || breach "log"
	local what
	for what in "create third" "set other description=$(head -c 3000 /dev/zero | tr '\0' x)" "clone other third" "start other"; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr timeout $(secs 60) "$CELLA" $what
		echo "$what: $status $stderr"
		[ "$status" = 0 ] || { [ "$status" = 1 ] && [[ ${stderr,,} == *"no space left"* ]]; } || breach "$what: exit $status: $stderr"
	done
	cella_is 0 stop web || breach "stop"
	cella_is 0 destroy --force web || breach "destroy"
	[ "$(df --output=avail "$fs" | tail -n 1)" -ge $((before - 2048)) ] || breach "space is lost: $(df "$fs")"
	cella_is 0 repair || breach "repair"
	"$CELLA" kill other >/dev/null 2>&1 || true
	cella_is 0 start other || breach "the other zone does not start afterwards"
	local z
	for z in $("$CELLA" list -q); do "$CELLA" destroy --force "$z" || breach "destroy $z"; done
	umount "$fs" || breach "the store's file system is held"
	rmdir "$fs"
	rm "$STORE/disk"
)
@test "S42 a zone fills the disk of the store: list, stop and destroy work" { holds full_case; }

# ---- S48 ----
# Something else at each name that cella opens, writes or makes: a link, one that leads nowhere, a
# FIFO, a file or directory of somebody else's.
put() { # what, path
	rm -rf "$2"
	case $1 in
	link) ln -s "$CANARY/file" "$2" ;;
	dir-link) ln -s "$CANARY/dir" "$2" ;;
	nowhere) ln -s "$CANARY/new" "$2" ;;
	fifo) mkfifo "$2" ;;
	foreign) touch "$2" && chown 65534 "$2" && chmod 0666 "$2" ;;
	foreign-dir) mkdir "$2" && chown 65534 "$2" && chmod 0777 "$2" ;;
	esac
}
premade_case() {
	local CANARY=$BATS_TEST_TMPDIR/canary
	canary_made "$CANARY"
	chmod 0777 "$CANARY" "$CANARY/dir"
	canary_state "$CANARY" >"$BATS_TEST_TMPDIR/canary.canary"
	(
		other_store
		mkdir -m 0700 "$STORE/other"
		"$CELLA" create web && "$CELLA" start web && "$CELLA" kill web || return 1
		local what at verb
		for at in "$CELLA_ROOT"/{zones/web/{lock,events.jsonl},cache/default-image.json,networks/default.addrs} \
			"$CELLA_RUN"/zones/web{,/state.json,/keeper.sock,/asked,/restarting} "$CELLA_LOG"/web.console{,.1} \
			/run/cella-host/{bridge,release}-cb-"$(cat "$CELLA_ROOT/store-id")".lock; do
			for what in link nowhere fifo foreign foreign-dir; do
				! breaches || return 0 # enough
				case $at in
				"$CELLA_RUN/zones/web/"*) mkdir -p "$CELLA_RUN/zones/web" ;;
				esac
				put $what "$at"
				for verb in list "start web" "kill web"; do
					# shellcheck disable=SC2086 # words
					run --separate-stderr timeout $(secs 15) "$CELLA" $verb
					case $status in
					0 | 1 | 4 | 7 | 8) ;;
					*) breach "$what at ${at##*/}: $verb exits $status: $stderr" ;;
					esac
					case $status:$what:$at:$verb in
					7:* | *:foreign:* | *:list) ;;
					*/lock:* | */bridge-*:start*) breach "$what at ${at##*/}: $verb exits $status: $stderr" ;;
					esac
				done
				rm -rf "$at"
				"$CELLA" kill web >/dev/null 2>&1 || true
				"$CELLA" repair >/dev/null 2>&1 || true
				canary_same "$CANARY" "$what at ${at##*/}: what it leads to"
			done
		done
		put dir-link "$CELLA_RUN/zones/web"
		for verb in "start web" "stop web" "kill web" repair; do
			# shellcheck disable=SC2086 # words
			timeout $(secs 15) "$CELLA" $verb 2>/dev/null || [ $? != 124 ] || breach "a link at web: $verb hangs"
		done
		canary_same "$CANARY" "a link at web: the directory it leads to"
		rm -f "$CELLA_RUN/zones/web"
		cella_is 0 start web || breach "it does not start when all that is gone"
		"$CELLA" destroy --force web
	)
}
@test "S48 links, FIFOs and others' files at each lock, socket, log and state" { holds premade_case; }
@test "S48 control: when links are followed their targets are written" { control S48 premade_case; }

# What lies where the claims of the host are to be, before the first command after a boot.
lock_dir_case() {
	local CANARY=$BATS_TEST_TMPDIR/canary
	canary_made "$CANARY"
	chmod 0777 "$CANARY" "$CANARY/dir"
	canary_state "$CANARY" >"$BATS_TEST_TMPDIR/canary.canary"
	export -f put
	for what in link dir-link nowhere fifo foreign foreign-dir; do
		run --separate-stderr unshare -m --propagation private env CANARY="$CANARY" what="$what" bash -c '
			mount -t tmpfs -o mode=0755 t /run && put "$what" /run/cella-host &&
				exec timeout '"$(secs 10)"' "$0" list' "$CELLA"
		[ "$status" = 7 ] && [[ $stderr == */run/cella-host* ]] || breach "$what: exit $status: $stderr"
		canary_same "$CANARY" "$what: what it leads to"
	done
	# and so the store itself, in a directory that everybody can write to
	mkdir -m 1777 "$STORE/other"
	for what in link dir-link nowhere fifo foreign foreign-dir; do
		put $what "$STORE/other/root"
		run --separate-stderr env CELLA_ROOT="$STORE/other/root" "$CELLA" list
		[ "$status" = 7 ] && [[ $stderr == *other/root* ]] || breach "$what: exit $status: $stderr"
		canary_same "$CANARY" "$what: what it leads to"
		rm -rf "$STORE/other/root"
	done
}
@test "S48 something else is where the claims are to be, or another user was first where the store is to be" { holds lock_dir_case; }
@test "S48 control: what he made is used" { control S48 lock_dir_case; }
