# Stores on file systems of their own: images on loop devices beneath the file's store. A test that
# makes one calls disk_drop in its teardown.
# shellcheck shell=bash

# From here on the store is on a new file system: type, size, options of mkfs...
disk_make() {
	local type=$1 size=$2
	shift 2
	truncate -s "$size" "$STORE/disk.img"
	"mkfs.$type" -q "$@" "$STORE/disk.img" >&2
	mkdir "$STORE/disk"
	mount -o loop "$STORE/disk.img" "$STORE/disk"
	CELLA_ROOT=$STORE/disk/store
	"$CELLA" list >/dev/null
}
disk_drop() {
	[ -e "$STORE/disk.img" ] || return 0
	zones_teardown
	rm -f "/run/cella-host/"*"-cb-$(cat "$CELLA_ROOT/store-id" 2>/dev/null || echo none).lock"
	CELLA_ROOT=$STORE/root
	umount "$STORE/disk"
	rm -rf "$STORE/disk" "$STORE/disk.img"
}
# Bytes in use on it, all written.
disk_used() {
	sync -f "$STORE/disk"
	df --output=used -B 1 "$STORE/disk" | tail -n 1
}
# No block is left on it.
disk_fill() {
	dd if=/dev/zero of="$STORE/disk/fill" bs=64K 2>/dev/null || true
	dd if=/dev/zero of="$STORE/disk/fill2" bs=1K 2>/dev/null || true
	sync -f "$STORE/disk"
}
