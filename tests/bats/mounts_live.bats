#!/usr/bin/env bats
# cella mount and cella umount: volumes for a zone that runs.
bats_require_minimum_version 1.5.0
load helpers
load helpers_wall

setup_file() {
	store_setup
	# only root gets beyond $STORE, so what lies here is shielded
	mkdir -p "$STORE/src/www/sub" "$STORE/src/other"
	echo page >"$STORE/src/www/index"
	chown 33:33 "$STORE/src/www/sub"
}
setup() { leak_setup; host_mounts >"$BATS_TEST_TMPDIR/host.before"; }
# Others may be at work on this host: what has to do with us.
host_mounts() { awk '{print $4, $5}' /proc/self/mountinfo | grep -F -e "$STORE" -e /srv -e /new || true; }
teardown() {
	[ ! "${RACER_PID:-}" ] || kill "$RACER_PID" 2>/dev/null || true
	leak_teardown
	host_mounts | diff "$BATS_TEST_TMPDIR/host.before" -
}
running() { # zone, options of create
	"$CELLA" create "$@"
	"$CELLA" start "$1"
}
mounted() { grep -cF " $2 " "/proc/$(zone_pid "$1")/mountinfo"; } # zone, target: how often
spec_mounts() { jq -c "[.mounts[]?.target]" "$CELLA_ROOT/zones/$1/spec.json"; }

@test "a directory and a file, with the zone's ids, until it stops" {
	running web
	cella_is 0 mount web "$STORE/src/www" /srv/made/www
	[ -z "$output$stderr" ]
	(cd "$STORE/src" && cella_is 0 mount web www/index /etc/page)
	[ "$(in_zone web cat /srv/made/www/index /etc/page)" = "$(printf 'page\npage')" ]
	[ "$(in_zone web stat -c %u:%g /srv/made/www/index /srv/made/www/sub /srv/made)" = "$(printf '0:0\n33:33\n0:0')" ]
	in_zone web sh -c 'echo x >/srv/made/www/made; chown 33 /srv/made/www/made'
	[ "$(stat -c %u "$STORE/src/www/made")" = 33 ]
	rm "$STORE/src/www/made"
	# a second one below the first
	cella_is 0 mount web "$STORE/src/other" /srv/made/www/sub
	in_zone web touch /srv/made/www/sub/here
	[ -e "$STORE/src/other/here" ] && rm "$STORE/src/other/here"
	[ "$(spec_mounts web)" = '[]' ]
	[ -z "$(find "$CELLA_ROOT/zones/web/upper" -uid +65535)" ]
	"$CELLA" restart web
	[ "$(mounted web /srv/made/www)" = 0 ]
	cella_is 3 umount web /srv/made/www
	cella_is 0 mount web "$STORE/src/www" /srv/made/www
}

@test "umount: what cella has mounted, and nothing else; in use it is busy" {
	running web --set "mounts=[{\"source\":\"$STORE/src/other\",\"target\":\"/spec\"}]"
	"$CELLA" mount web "$STORE/src/www" /srv/www
	in_zone web sh -c 'mkdir -p /own && mount -t tmpfs own /own'
	cella_is 3 umount web /own
	cella_is 3 umount web /proc
	cella_is 3 umount web /nosuch
	cella_is 4 umount web /spec
	error_has "mount of the spec" locked
	in_zone web sh -c 'cd /srv/www && echo $$ >/tmp/pid && exec sleep 1000' 3>&- &
	eventually 5 in_zone web test -s /tmp/pid
	cella_is 5 umount web /srv/www
	error_has "in use" --lazy
	[ "$(mounted web /srv/www)" = 1 ]
	cella_is 0 umount --lazy web /srv/www
	in_zone web sh -c 'kill $(cat /tmp/pid)'
	[ "$(mounted web /srv/www)" = 0 ]
	cella_is 3 umount web /srv/www
	# the zone's root may take it off: it is told, and forgotten
	"$CELLA" mount web "$STORE/src/www" /srv/www
	in_zone web umount /srv/www
	cella_is 4 umount web /srv/www
	error_has "not there any more"
	cella_is 3 umount web /srv/www
	# and where it was as well
	"$CELLA" mount web "$STORE/src/www" /srv/www
	in_zone web sh -c 'umount /srv/www && rmdir /srv/www'
	cella_is 4 umount web /srv/www
	error_has "not there any more"
	cella_is 3 umount web /srv/www
	# something of the zone's on top of it is not ours either
	"$CELLA" mount web "$STORE/src/www" /srv/www
	in_zone web mount -t tmpfs over /srv/www
	cella_is 4 umount web /srv/www
	[ "$(mounted web /own)$(mounted web /srv/www)" = 12 ]
}

@test "the zone's root renames the target meanwhile: mounted and listed, or neither" {
	local found=0 n
	running web
	in_zone web mkdir -p /srv/a/t
	in_zone web sh -c '(while :; do mv -T /srv/a /srv/b; mv -T /srv/b /srv/a; done) >/dev/null 2>&1 & echo $! >/tmp/pid'
	for n in $(seq 300); do
		cella mount web "$STORE/src/www" /srv/a/t >/dev/null 2>&1
		if [ "$status" -ne 0 ]; then
			run ! grep -F "$STORE/src/www" "/proc/$(zone_pid web)/mountinfo"
			[ "$(jq length "$CELLA_RUN/zones/web/mounts.json")" -eq 0 ]
			[[ $stderr != *"find what was mounted"* ]] || found=$((found + 1))
			[ $found -lt 5 ] || break
		fi
		"$CELLA" umount web /srv/a/t >/dev/null 2>&1 || true
		in_zone web sh -c 'while grep -q src/www /proc/self/mountinfo; do umount /srv/a/t; umount /srv/b/t; done
			if [ -d /srv/a ]; then rmdir /srv/b/t /srv/b; fi' >/dev/null 2>&1 || true
	done
	in_zone web sh -c 'kill $(cat /tmp/pid)'
	[ $found -gt 0 ] || skip "it was never renamed at the right moment"
	run ! grep -F shared: "/proc/$(zone_pid web)/mountinfo"
}

@test "--persist: in the spec and there, or neither" {
	running web
	cella_is 0 mount -o ro,noexec --persist web "$STORE/src/www" /srv/www
	[ "$(jq -c .mounts "$CELLA_ROOT/zones/web/spec.json")" = "[{\"type\":\"bind\",\"source\":\"$STORE/src/www\",\"target\":\"/srv/www\",\"options\":[\"ro\",\"noexec\"],\"idmap\":true}]" ]
	"$CELLA" restart web
	in_zone web cat /srv/www/index
	cella_is 4 umount web /srv/www
	"$CELLA" set web 'mounts=[]'
	"$CELLA" restart web
	"$CELLA" mount --persist web "$STORE/src/www" /srv/www
	cella_is 0 umount web /srv/www
	error_has "in the spec still"
	cella_is 2 mount web "$STORE/src/www" /srv/www
	"$CELLA" set web 'mounts=[]'
	"$CELLA" mount --persist web "$STORE/src/www" /srv/www
	cella_is 0 umount --persist web /srv/www
	[ "$(jq -c .mounts "$CELLA_ROOT/zones/web/spec.json")" = '[]' ]
	# a spec that cannot be written
	chattr +i "$CELLA_ROOT/zones/web/spec.json" || skip "no immutable files here"
	cella mount --persist web "$STORE/src/www" /srv/www
	chattr -i "$CELLA_ROOT/zones/web/spec.json"
	[ "$status" -ne 0 ]
	[ "$(mounted web /srv/www)" = 0 ]
	cella_is 3 umount web /srv/www
	# a mount that cannot be made
	in_zone web touch /file
	cella_is 1 mount --persist web "$STORE/src/www" /file
	[ "$(jq -c .mounts "$CELLA_ROOT/zones/web/spec.json")" = '[]' ]
}

flags_case() {
	running web || return 1
	"$CELLA" mount -o ro,noexec web "$STORE/src/www" /srv/ro || return 1
	"$CELLA" mount web "$STORE/src/www" /srv/rw || return 1
	local m how
	m=$(grep -E ' /srv/(ro|rw) ' "/proc/$(zone_pid web)/mountinfo" | awk '{print $5, $6, $7}')
	[[ $m == *"/srv/ro ro,nodev,noexec"* && $m == *"/srv/rw rw,nodev"* ]] || breach "flags: $m"
	[[ $m != *shared* ]] || breach "shared: $m"
	for how in 'mount -o remount,rw /srv/ro' 'mount -o remount,bind,rw /srv/ro' \
		'mount -o bind /srv/ro /mnt && mount -o remount,bind,rw /mnt && touch /mnt/x' \
		'mount -o remount,bind,ro,exec /srv/ro' 'mount -o remount,bind,dev /srv/rw' \
		'unshare -m mount -o remount,bind,rw /srv/ro' 'touch /srv/ro/x'; do
		! in_zone web sh -c "mkdir -p /mnt; $how" || breach "inside: $how"
	done
	[ ! -e "$STORE/src/www/x" ] || breach "the zone wrote into a read-only volume"
	rm -f "$STORE/src/www/x"
	"$CELLA" destroy --force web
}
@test "H24 the zone's root cannot take ro, noexec, nodev off what is mounted later" { holds flags_case; }
@test "H24 control: mounted in the plain way it can" { control H24m flags_case; }

@test "an app zone: nosuid; one without ids of its own; --no-idmap" {
	running app --set 'init.args=["/bin/sleep","1000"]'
	cella_is 0 mount app "$STORE/src/www" /srv
	grep ' /srv ' "/proc/$(zone_pid app)/mountinfo" | grep -q nosuid
	running bare --set security.userns=none
	cella_is 0 mount -o ro bare "$STORE/src/www" /srv
	[ "$(in_zone bare stat -c %u /srv/sub)" = 33 ]
	cella_is 0 umount bare /srv
	running web
	cella_is 0 mount --no-idmap web "$STORE/src/www" /srv
	[ "$(in_zone web stat -c %u /srv/index)" = 65534 ]
}

@test "the zone's own propagation is as it was, and carries the mount on" {
	running web
	in_zone web sh -c 'mkdir -p /a /b /c; mount -t tmpfs a /a; mount --make-shared /a; mount --bind /a /b; mount --make-slave /b; mkdir /a/t'
	tags() { awk '$5 == "/" || $5 ~ "^/[ab]$" {print $5, $7, $8}' "/proc/$(zone_pid web)/mountinfo" | sed 's/:[0-9]*//g'; }
	tags >"$BATS_TEST_TMPDIR/tags"
	cella_is 0 mount web "$STORE/src/www" /a/t
	[ "$(in_zone web cat /b/t/index)" = page ]
	cella_is 0 mount web "$STORE/src/www" /b/u
	[ ! -e "/proc/$(zone_pid web)/root/a/u/index" ]
	cella_is 0 mount web "$STORE/src/www" /c
	diff "$BATS_TEST_TMPDIR/tags" <(tags)
	local t
	for t in /a/t /b/u /c; do cella_is 0 umount web $t; done
	# as an init has it that makes everything shared
	in_zone web mount --make-rshared /
	cella_is 0 mount web "$STORE/src/www" /c
	in_zone web unshare -m cat /c/index
	cella_is 0 umount web /c
	tags | grep -q '^/ shared'
}

@test "B10 B11 B12 refused as in a spec: targets, sources, options; a zone that does not run" {
	running web
	local t s o
	for t in / /proc /proc/1 /sys /dev /dev/shm relative "" /a//b /a/. /x/../../y; do
		cella_is 2 mount web "$STORE/src/www" "$t" || return 1
	done
	for s in "1 $STORE/nosuch" "2 /dev/null" "2 $CELLA_ROOT" "2 $STORE" "2 /"; do
		cella_is "${s%% *}" mount web "${s#* }" /srv || { echo "source $s"; return 1; }
		error_has "${s#* }"
	done
	for o in sync ro,rw size=1M mode=755; do
		cella_is 2 mount -o "$o" web "$STORE/src/www" /srv || return 1
	done
	in_zone web sh -c 'ln -s /proc/sys /link; touch /file; ln -s loop /loop'
	cella_is 1 mount web "$STORE/src/www" /link
	error_has "/link" "in the zone"
	cella_is 1 mount web "$STORE/src/www" /file
	error_has "Not a directory"
	cella_is 1 mount web "$STORE/src/www/index" /etc
	error_has "directory"
	cella_is 1 mount web "$STORE/src/www" /loop
	cella_is 7 mount -o ro web /proc/sys/kernel /srv
	error_has "cannot map ids"
	cella_is 0 mount web "$STORE/src/www" /srv
	cella_is 4 mount web "$STORE/src/other" /srv
	error_has "already" "cella umount web /srv"
	[ "$(jq length "$CELLA_RUN/zones/web/mounts.json")" = 1 ]
	"$CELLA" kill web
	cella_is 4 mount web "$STORE/src/www" /srv
	error_has "does not run"
	cella_is 4 umount web /srv
	cella_is 3 mount nosuch "$STORE/src/www" /srv
	cella_is 2 mount web /srv
}

shield_case() {
	local public
	public=$(mktemp -d /var/tmp/cella-public.XXXXXX)
	chmod 0755 "$public"
	running web || return 1
	if "$CELLA" mount web "$public" /srv; then
		in_zone web sh -c 'cp /bin/busybox /srv/su; chmod 4755 /srv/su'
		[ ! -u "$public/su" ] || breach "a setuid program of root where users get to"
	fi
	"$CELLA" mount -o ro web "$public" /srv/ro || breach "read-only there is no danger"
	"$CELLA" destroy --force web
	rm -rf "$public"
}
@test "S21 R9 a source that other users of the host can reach is refused" { holds shield_case; }
@test "S21 control: with the check gone there is one" { control S21v shield_case; }

# The target is exchanged for a link to the root of the zone, which the host has too, all the time.
@test "S08 S10 target swapped for a link while it is mounted" {
	local i got=0
	mkdir -p "$STORE/src/www/spot"
	ln -sfn / "$STORE/src/www/link"
	running web --set "mounts=[{\"source\":\"$STORE/src/www\",\"target\":\"/srv/www\"}]"
	canary_made "$STORE/src/other"
	racer_start exchange "$STORE/src/www/spot" "$STORE/src/www/link"
	for i in $(seq 40); do
		"$CELLA" mount web "$STORE/src/other" "/srv/www/spot/new$i" >/dev/null 2>&1 || continue
		got=$((got + 1))
		host_mounts | diff "$BATS_TEST_TMPDIR/host.before" -
		awk -v s="$STORE/src/other" 'index($4, s) && $5 !~ "^(/srv/www/(spot|link))?/new" {print "astray:", $5; exit 1}' "/proc/$(zone_pid web)/mountinfo"
		[ ! -e "/new$i" ]
		"$CELLA" umount -l web "/srv/www/spot/new$i" >/dev/null 2>&1 || true
	done
	racer_stop
	echo "# $got of 40 were mounted"
	[ $got -ge 10 ]
	canary_same "$STORE/src/other"
	! breaches
	"$CELLA" destroy --force web
	rm -rf "$STORE/src/www/spot" "$STORE/src/www/link"
}

# Found as it is while the mount of the zone's root is shared, for the volume to come to it.
@test "F01 kill -9 of mount while it has a mount of the zone shared: it is private again" {
	running web
	local shares p zone
	zone=$(zone_pid web)
	is_shared() { grep -q ' / / .* shared:' "/proc/$zone/mountinfo"; }
	is_private() { ! is_shared; }
	is_private
	strace -f -qq -o /dev/null -e trace=move_mount -e inject=move_mount:delay_enter=$(secs 400000) \
		"$CELLA" mount web "$STORE/src/www" /srv 3>&- &
	shares=$!
	eventually 5 is_shared
	p=$(pgrep -P $shares -x cella)
	kill -9 "$p"
	eventually 5 is_private
	wait $shares || true
	cella_is 0 mount web "$STORE/src/www" /srv
	[ "$(in_zone web cat /srv/index)" = page ]
	cella_is 0 umount web /srv
	[ "$(mounted web /srv)" = 0 ]
}

@test "F01 kill -9 of mount and umount, at 20 instants each: the next one works" {
	running web
	local begin i us total verb
	begin=${EPOCHREALTIME/./}
	"$CELLA" mount web "$STORE/src/www" /srv
	total=$((${EPOCHREALTIME/./} - begin))
	"$CELLA" umount web /srv
	for i in $(seq 40); do
		us=$((total * (i % 20 + 1) / 20))
		verb="mount web $STORE/src/www /srv"
		[ $i -le 20 ] || { "$CELLA" $verb; verb="umount web /srv"; }
		timeout --foreground -s KILL "$(printf '%d.%06d' $((us / 1000000)) $((us % 1000000)))" "$CELLA" $verb >/dev/null 2>&1 || true
		# whatever that left: it is there, or can be mounted; and can be taken off
		cella mount web "$STORE/src/www" /srv
		[ "$status" -eq 0 ] || [[ $stderr == *already* ]]
		"$CELLA" umount -l web /srv >/dev/null 2>&1 || true
		cella_is 0 mount web "$STORE/src/www" /srv
		[ "$(in_zone web cat /srv/index)" = page ]
		cella_is 0 umount web /srv
		[ "$(mounted web /srv)" = 0 ]
	done
	in_zone web sh -c 'grep " / / " /proc/self/mountinfo | grep -q shared' && return 1
	in_zone web true
}
