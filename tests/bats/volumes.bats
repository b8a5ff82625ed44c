#!/usr/bin/env bats
# Volumes: directories, files and memory of the host inside a zone (spec: mounts).
bats_require_minimum_version 1.5.0
load helpers
load helpers_wall

setup_file() {
	store_setup
	# only root gets beyond $STORE, so what lies here is shielded
	mkdir -p "$STORE/src/www/sub" "$STORE/src/other"
	echo page >"$STORE/src/www/index"
	chown 33:33 "$STORE/src/www/sub"
	PUBLIC=$(mktemp -d /var/tmp/cella-public.XXXXXX)
	chmod 0755 "$PUBLIC"
	export PUBLIC
}
teardown_file() {
	store_teardown
	rm -rf "$PUBLIC"
}

zone_with() { "$CELLA" create "$1" --set "mounts=$2" "${@:3}"; }
bind() { # source target [options]
	echo "{\"source\":\"$1\",\"target\":\"$2\",\"options\":[${3:-}]}"
}

@test "a directory and a file of the host, owned by the zone's own ids" {
	zone_with web "[$(bind "$STORE/src/www" /srv/www),$(bind "$STORE/src/www/index" /etc/page)]"
	"$CELLA" start web
	[ "$(in_zone web cat /srv/www/index /etc/page)" = "$(printf 'page\npage')" ]
	[ "$(in_zone web stat -c %u:%g /srv/www/index /srv/www/sub)" = "$(printf '0:0\n33:33')" ]
	in_zone web sh -c 'echo made >/srv/www/made; chown 33 /srv/www/made'
	[ "$(stat -c %u "$STORE/src/www/made")" = 33 ]
	rm "$STORE/src/www/made"
	"$CELLA" stop web
}

@test "memory, with its size and mode; nothing of it is left" {
	zone_with web '[{"type":"tmpfs","target":"/srv/mem","options":["size=1M","mode=1777"]}]'
	"$CELLA" start web
	[ "$(in_zone web stat -c %a /srv/mem)" = 1777 ]
	run in_zone web dd if=/dev/zero of=/srv/mem/x bs=1M count=2
	[ "$status" -ne 0 ]
	[ "$(in_zone web stat -c %s /srv/mem/x)" = 1048576 ]
}

@test "volumes one below the other, given in any order" {
	zone_with web "[$(bind "$STORE/src/other" /srv/www/sub),$(bind "$STORE/src/www" /srv/www)]"
	"$CELLA" start web
	in_zone web touch /srv/www/sub/here
	[ -e "$STORE/src/other/here" ]
	rm "$STORE/src/other/here"
}

@test "rbind takes what is mounted below along, read-only all the way" {
	mkdir "$STORE/src/below"
	echo below >"$STORE/src/below/file"
	# In a mount namespace of its own: the host's stays as it is. No tmpfs: it has no id maps before 6.3.
	unshare -m --propagation private bash -euc '
		mount --bind "$STORE/src/below" "$STORE/src/www/sub"
		"$1" create web --set "mounts=[{\"source\":\"$STORE/src/www\",\"target\":\"/srv\",\"options\":[\"rbind\",\"ro\"]}]"
		"$1" start web' - "$CELLA"
	[ "$(in_zone web cat /srv/sub/file)" = below ]
	run in_zone web sh -c 'echo x >/srv/sub/file'
	[ "$status" -ne 0 ]
	rm -r "$STORE/src/below"
}

@test "without id map the zone sees files of nobody" {
	zone_with web "[{\"source\":\"$STORE/src/www\",\"target\":\"/srv\",\"idmap\":false}]"
	"$CELLA" start web
	[ "$(in_zone web stat -c %u /srv/index)" = 65534 ]
	run in_zone web sh -c 'echo x >/srv/index'
	[ "$status" -ne 0 ]
}

flags_case() {
	zone_with web "[$(bind "$STORE/src/www" /srv/ro '"ro","noexec"'),$(bind "$STORE/src/www" /srv/rw)]" || return 1
	"$CELLA" start web || return 1
	local m
	m=$(grep -E ' /srv/(ro|rw) ' "/proc/$(zone_pid web)/mountinfo" | awk '{print $5, $6}')
	[[ $m == *"/srv/ro ro,nodev,noexec"* && $m == *"/srv/rw rw,nodev"* ]] || breach "flags: $m"
	local how
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
@test "H24 the zone's root cannot take ro, noexec, nodev off a volume" { holds flags_case; }
@test "H24 control: without the lock it can" { control H24 flags_case; }

@test "H24 an app zone's volumes are nosuid" {
	zone_with app "[$(bind "$STORE/src/www" /srv)]" --set 'init.args=["/bin/sleep","1000"]'
	"$CELLA" start app
	grep ' /srv ' "/proc/$(zone_pid app)/mountinfo" | grep -q nosuid
}

@test "H24 mounts of the host do not appear in a running zone" {
	zone_with web "[$(bind "$STORE/src/www" /srv)]"
	unshare -m --propagation private bash -euc '
		mount --bind "$STORE/src" "$STORE/src"; mount --make-shared "$STORE/src"
		"$1" start web
		mount -t tmpfs late "$STORE/src/www/sub"' - "$CELLA"
	run grep -c ' /srv/sub ' "/proc/$(zone_pid web)/mountinfo"
	[ "$output" = 0 ]
}

# Users of the host get to $PUBLIC: root of the zone must not leave a setuid program there (R9).
shield_case() {
	local how
	for how in '' security.userns=none; do
		"$CELLA" create web --set "mounts=[$(bind "$PUBLIC" /srv)]" ${how:+--set "$how"} || continue
		if "$CELLA" start web; then
			in_zone web sh -c 'cp /bin/busybox /srv/su; chmod 4755 /srv/su'
			[ ! -u "$PUBLIC/su" ] || breach "a setuid program of root where users get to"
		fi
		rm -f "$PUBLIC/su"
		"$CELLA" destroy --force web
	done
}
@test "S21 R9 a volume that other users of the host can reach is refused" {
	holds shield_case
	mkdir "$PUBLIC/data"
	chmod 0700 "$PUBLIC"
	zone_with web "[$(bind "$PUBLIC/data" /srv)]"
	chmod 0755 "$PUBLIC"
	cella_is 7 start web
	error_has "/mounts/0/source" "$PUBLIC" "setuid" "chmod 0700" '"ro"'
	state_is web stopped
	"$CELLA" set web 'mounts.0.options=["ro"]'
	cella_is 0 start web
	"$CELLA" stop web
	"$CELLA" set web 'mounts.0.options=[]' mounts.0.idmap=false
	cella_is 0 start web
	"$CELLA" stop web
	mkdir "$PUBLIC/private" && chmod 0700 "$PUBLIC/private"
	mkdir "$PUBLIC/private/data"
	"$CELLA" set web mounts.0.idmap=true "mounts.0.source=$PUBLIC/private/data"
	cella_is 0 start web
}
@test "S21 control: with the check gone there is one" { control S21v shield_case; }

# Whose mode keeps them out is the volume itself: the zone's root owns it.
own_mode_case() {
	mkdir -m 0700 "$PUBLIC/own"
	"$CELLA" create web --set "mounts=[$(bind "$PUBLIC/own" /srv)]" && "$CELLA" start web &&
		in_zone web sh -c 'cp /bin/busybox /srv/su; chmod 4755 /srv/su; chmod 0755 /srv'
	! setpriv --reuid 65534 --regid 65534 --clear-groups test -u "$PUBLIC/own/su" ||
		breach "users of the host get to a setuid program of root"
	"$CELLA" destroy --force web || true
	rm -rf "$PUBLIC/own"
}
@test "S21 R9 a volume's own mode is no protection: its root can change it" { holds own_mode_case; }
@test "S21 control: with the check gone it can" { control S21v own_mode_case; }

# One zone's volume lies in another's: the other puts a link to the host's files in its place.
link_case() {
	mkdir -p "$STORE/src/www/part"
	canary_made "$STORE/src/other"
	"$CELLA" create web --set "mounts=[$(bind "$STORE/src/www" /srv)]" && "$CELLA" start web || return 1
	"$CELLA" create app --set "mounts=[$(bind "$STORE/src/www/part" /srv)]" || return 1
	local to
	for to in "$STORE/src/other" ../other; do
		in_zone web sh -c "rm -rf /srv/part; ln -s $to /srv/part"
		if "$CELLA" start app; then
			in_zone app sh -c 'echo x >/srv/file'
			"$CELLA" stop -t 500ms app
		fi
	done
	canary_same "$STORE/src/other" "what a zone's link leads to"
	"$CELLA" destroy --force web app
	rm -rf "$STORE/src/www/part" "$STORE/src/other"/*
}
@test "S08 a link that a zone has made in the place of a source is not followed" { holds link_case; }
@test "S08 control: if it is, the zone gets the host's files" { control S08v link_case; }
@test "links of the host's root are followed, where only that one makes any" {
	ln -s "../${STORE##*/}/src/./www" "$PUBLIC/link"
	mkdir -m 0700 "$PUBLIC/shut"
	ln -s ../link "$PUBLIC/shut/up"
	zone_with web "[$(bind "$PUBLIC/link" /www)]"
	"$CELLA" start web
	in_zone web test -e /www/index
	cella_is 7 mount web "$PUBLIC/shut/up" /x
	error_has "is a link" "name the place"
	chown -h 1000 "$PUBLIC/link"
	"$CELLA" stop web
	cella_is 7 start web
	error_has "$PUBLIC/link" "is a link"
	ln -sfn loop "$PUBLIC/loop"
	cella_is 1 create bad --set "mounts=[$(bind "$PUBLIC/loop" /srv)]"
	rm "$PUBLIC/link" "$PUBLIC/loop"
}

@test "B10 targets that are the system's, twice, or no path" {
	local t
	for t in / /proc /proc/1 /sys /sys/fs /dev /dev/shm /etc/../proc relative "" /a//b /a/. "/x/../../y"; do
		cella_is 2 create bad --set "mounts=[$(bind "$STORE/src/www" "$t")]" || return 1
		error_has /mounts/0/target || return 1
	done
	cella_is 2 create bad --set "mounts=[$(bind "$STORE/src/www" /a),$(bind "$STORE/src/other" /a)]"
	error_has /mounts/1/target
	cella_is 3 show bad
}

@test "B11 sources: absent, a FIFO, a device, Cella's own, above Cella's own" {
	mkfifo "$STORE/src/fifo"
	"$CELLA" create other
	local s
	for s in "1 $STORE/nosuch" "2 $STORE/src/fifo" "2 /dev/null" "2 $CELLA_ROOT" "2 $CELLA_ROOT/zones/other/upper" \
		"2 $CELLA_RUN" "2 $CELLA_LOG" "2 $STORE" "2 /" "2 /var"; do
		cella_is "${s%% *}" create bad --set "mounts=[$(bind "${s#* }" /srv)]" || { echo "source $s"; return 1; }
		error_has /mounts/0/source "${s#* }" || return 1
		cella_is 3 show bad
	done
	ln -s "$CELLA_ROOT/zones" "$PUBLIC/zones"
	cella_is 2 create bad --set "mounts=[$(bind "$PUBLIC/zones" /srv)]"
	rm "$PUBLIC/zones"
	# what was right when the zone was made may be wrong when it starts
	mkdir "$STORE/src/gone"
	zone_with web "[$(bind "$STORE/src/gone" /srv)]"
	rmdir "$STORE/src/gone"
	cella_is 1 start web
	error_has /mounts/0/source "$STORE/src/gone" "No such file"
	mkfifo "$STORE/src/gone"
	cella_is 2 start web
	rm "$STORE/src/gone"
	rm "$STORE/src/fifo"
	cella_is 2 create none --set 'mounts=[{"target":"/srv"}]'
	error_has source
}

@test "B11 a file on a directory of the zone, a directory on a file" {
	zone_with web "[$(bind "$STORE/src/www" /etc/passwd)]"
	cella_is 1 start web
	error_has mounts /etc/passwd "Not a directory"
	"$CELLA" set web "mounts=[$(bind "$STORE/src/www/index" /etc)]"
	cella_is 1 start web
	error_has mounts /etc "directory"
}

@test "B12 options: unknown, contradicting, of the other type; a file system that cannot map ids" {
	local o
	for o in '"sync"' '"ro","rw"' '"exec","noexec"' '"size=1M"' '"ro","ro"' '"mode=755"' '""'; do
		cella_is 2 create bad --set "mounts=[$(bind "$STORE/src/www" /srv "$o")]" || return 1
		error_has /mounts/0/options || return 1
	done
	zone_with web "[$(bind /proc/sys/kernel /srv '"ro"')]"
	cella_is 7 start web
	error_has proc "cannot map ids" idmap
}

@test "B12 28 volumes work, 29 are refused" {
	local i list=
	for i in $(seq 28); do list+=,$(bind "$STORE/src/www" "/srv/$i"); done
	zone_with web "[${list:1}]"
	cella_is 0 start web
	[ "$(grep -c ' /srv/' "/proc/$(zone_pid web)/mountinfo")" = 28 ]
	cella_is 2 create bad --set "mounts=[${list:1},$(bind "$STORE/src/www" /srv/29)]"
	error_has /mounts 28
}

# A volume shared by two zones; in it one of them exchanges the directory that the other's second
# volume is mounted on for a link to the host's root.
exchange_case() {
	local i pid root got=0
	mkdir -p "$STORE/src/www/spot"
	ln -sfn / "$STORE/src/www/link"
	canary_made "$STORE/src/other"
	zone_with web "[$(bind "$STORE/src/www" /srv/www),$(bind "$STORE/src/other" /srv/www/spot/etc)]" || return 1
	awk '{print $4, $5}' /proc/self/mountinfo >"$BATS_TEST_TMPDIR/host.before"
	racer_start exchange "$STORE/src/www/spot" "$STORE/src/www/link"
	for i in $(seq "${SWAPS_STARTS:-60}"); do
		if "$CELLA" start web >/dev/null 2>&1; then
			pid=$(zone_pid web)
			root=$(awk -v s="$STORE/src/other" 'index($4, s) {print $5}' "/proc/$pid/mountinfo")
			# either as asked, or where the link leads *in the zone*
			case $root in
			/srv/www/spot/etc | /etc | /srv/www/link/etc) got=$((got + 1)) ;;
			*) breach "mounted on '$root'" ;;
			esac
			awk '$4 == "/" && $9 ~ /^(ext4|xfs|btrfs)$/ {print "the root of", $10}' "/proc/$pid/mountinfo" |
				while read -r line; do breach "$line in the zone"; done
			"$CELLA" kill web >/dev/null 2>&1
		fi
		awk '{print $4, $5}' /proc/self/mountinfo | cmp -s - "$BATS_TEST_TMPDIR/host.before" || breach "a mount on the host"
	done
	racer_stop
	echo "$got starts mounted it in the zone"
	[ "$got" -ge 5 ] || breaches || void "only $got starts"
	rm -rf "$STORE/src/www/spot" "$STORE/src/www/link"
	"$CELLA" destroy --force web
}
@test "S08 S10 mount target in a shared volume swapped for a link to the root" { holds exchange_case; }
@test "S08 control: by plain names it goes astray" { control S08 exchange_case; }

@test "S10 a missing target is made in the zone, not where a link of it leads" {
	ln -sfn "$PUBLIC" "$STORE/src/www/out"
	zone_with web "[$(bind "$STORE/src/www" /srv),$(bind "$STORE/src/other" /srv/out/a/b)]"
	# what a link points to is never made
	cella_is 1 start web
	error_has "/srv/out/a/b" "No such file"
	[ ! -e "$PUBLIC/a" ]
	ln -sfn /root "$STORE/src/www/out"
	cella_is 0 start web
	[ "$(in_zone web ls /root/a)" = b ]
	[ ! -e /root/a ]
	rm "$STORE/src/www/out"
}

@test "F01 kill -9 of a start with volumes, at 25 instants: no mount and no process is left" {
	zone_with web "[$(bind "$STORE/src/www" /srv/a),$(bind "$STORE/src/other" /srv/b '"ro"')]"
	local begin=${EPOCHREALTIME/./} i us total
	"$CELLA" start web
	total=$((${EPOCHREALTIME/./} - begin))
	for i in $(seq 25); do
		"$CELLA" kill web >/dev/null 2>&1 || "$CELLA" repair web
		us=$((total * i / 25))
		timeout --foreground -s KILL "$(printf '%d.%06d' $((us / 1000000)) $((us % 1000000)))" "$CELLA" start web >/dev/null 2>&1 || true
		cella_is 0 list
	done
	"$CELLA" repair
	run grep -c "$STORE" /proc/self/mountinfo
	[ "$output" = 0 ]
}
