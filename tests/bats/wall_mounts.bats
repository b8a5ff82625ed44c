#!/usr/bin/env bats
# Mounts that the zone's root cannot undo: masks, read-only paths, flags.
bats_require_minimum_version 1.5.0
load helpers
load helpers_wall

# Every mount that a start makes, against root inside: unmount, remount, cover, mount anew elsewhere.
undo_case() {
	local m how at
	"$CELLA" create sys || return 1
	"$CELLA" start sys || return 1
	in_zone sys mkdir -p /mnt
	while read -r m; do
		[ "$m" = / ] && continue
		case $m in /dev/console) continue ;; esac # bound last, and the zone's own
		! in_zone sys umount "$m" || breach "umount $m"
		! in_zone sys umount -l "$m" || breach "umount -l $m"
	done < <(in_zone sys awk '{print $2}' /proc/mounts)
	for at in /proc/sys /proc/irq /sys /proc/kallsyms /sys/firmware; do
		! in_zone sys mount -o remount,bind,rw "$at" || breach "remount,rw $at"
	done
	! in_zone sys mount -o remount,bind,dev,rw / || breach "remount,dev /"
	! in_zone sys mount --move /proc/kallsyms /mnt || breach "move /proc/kallsyms"
	for how in 'mount -t proc p /mnt' 'mount -t sysfs s /mnt' \
		'unshare -m umount /proc/interrupts' 'unshare -Upf --mount-proc true' \
		'unshare -Urm umount /sys/firmware' 'unshare -Urpfm mount -t proc p /mnt'; do
		! in_zone sys sh -c "$how" || breach "$how"
	done
	"$CELLA" destroy --force sys
}
@test "H06 H07 S36 the zone's root cannot undo masks and read-only paths" { holds undo_case; }
@test "H06 control: when the mounts are not locked it can" { control H24 undo_case; }

@test "H06 mounts of its own are the zone's to make and to undo" {
	"$CELLA" create sys
	"$CELLA" start sys
	in_zone sys sh -c 'mkdir -p /mnt /srv/a && mount -t tmpfs t /mnt && umount /mnt &&
		mount --bind /root /srv/a && umount /srv/a && unshare -m mount -t tmpfs t /mnt &&
		mount -t tmpfs t /tmp && umount /tmp'
	# nothing of the host is left in it, not even covered
	[ "$(awk '$5 == "/" {n++} END {print n}' "/proc/$(zone_pid sys)/mountinfo")" = 1 ]
	! grep -qE ' (ext4|xfs|btrfs|9p) ' "/proc/$(zone_pid sys)/mountinfo"
}

@test "H06 an app zone cannot mount at all, and a user namespace in it gets locked copies" {
	"$CELLA" create app --set 'init.args=["/bin/sleep","1000"]'
	"$CELLA" start app
	local how
	for how in 'umount -l /proc/interrupts' 'mount -t tmpfs t /tmp' 'unshare -Urm umount /proc/interrupts' \
		'unshare -Urm mount -o remount,bind,rw /proc/sys' 'unshare -Urpfm mount -t proc p /tmp'; do
		run in_zone app sh -c "$how"
		[ "$status" -ne 0 ] || { echo "$how"; return 1; }
	done
}

@test "F01 kill -9 of the start of a system zone, at 25 instants: no mount, no process" {
	"$CELLA" create sys
	local begin=${EPOCHREALTIME/./} i us total
	"$CELLA" start sys
	total=$((${EPOCHREALTIME/./} - begin))
	for i in $(seq 25); do
		"$CELLA" kill sys >/dev/null 2>&1 || "$CELLA" repair sys
		us=$((total * i / 25))
		timeout --foreground -s KILL "$(printf '%d.%06d' $((us / 1000000)) $((us % 1000000)))" "$CELLA" start sys >/dev/null 2>&1 || true
		cella_is 0 list
	done
	"$CELLA" repair
}
