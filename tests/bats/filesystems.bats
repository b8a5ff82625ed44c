#!/usr/bin/env bats
# The store on file systems other than ext4: everything works, and what can be shared by reference is.
bats_require_minimum_version 1.5.0
load helpers
load helpers_disks

teardown() {
	disk_drop
	leak_teardown
}

layer_of() { jq -r '.layers[0]' "$CELLA_ROOT/zones/$1/zone.json"; }
# Are the blocks of the file somebody else's too? (FIEMAP_EXTENT_SHARED)
is_shared() {
	sync -f "$STORE/disk"
	filefrag -v "$1" | tee /dev/stderr | grep -q shared
}
# A zone with 60 MB that no compression or hole makes smaller.
web_with_data() {
	"$CELLA" create web
	"$CELLA" start web
	in_zone web sh -c 'dd if=/dev/urandom of=/root/data bs=1M count=60 2>/dev/null; echo v1 >/root/v'
}
grew_by_less_than() { # bytes, from
	local grown=$(($(disk_used) - $2))
	echo "# grew by $grown bytes"
	[ $grown -lt "$1" ]
}

# Snapshots of a running zone, full clones and flatten copy by reference.
shares_blocks() {
	local used id
	web_with_data
	used=$(disk_used)
	cella_is 0 snapshot create web v1
	id=$(jq -r '.layers[0]' "$CELLA_ROOT/zones/web/snapshots/v1.json")
	is_shared "$CELLA_ROOT/layers/$id/fs/root/data"
	grew_by_less_than 16000000 "$used"
	cella_is 0 clone --full web live
	in_zone web sh -c 'echo v2 >/root/v; rm /root/data'
	"$CELLA" stop web
	cella_is 0 clone --full web@v1 full
	is_shared "$CELLA_ROOT/layers/$(layer_of full)/fs/root/data"
	is_shared "$CELLA_ROOT/layers/$(layer_of live)/fs/root/data"
	cella_is 0 clone web@v1 linked
	cella_is 0 flatten linked
	is_shared "$CELLA_ROOT/layers/$(layer_of linked)/fs/root/data"
	# five times the data, once on the disk; some 5 MB of image each
	grew_by_less_than 50000000 "$used"
}

# Every verb that has to do with a zone's files.
verbs_work() {
	local z
	"$CELLA" snapshot create web v2
	[ "$("$CELLA" snapshot diff web v1 v2 -q | tr '\n' ' ')" = "/root/data /root/v " ]
	"$CELLA" start full live linked
	for z in full live linked; do
		[ "$(in_zone $z cat /root/v)" = v1 ]
		in_zone $z sh -c 'echo own >/root/v'
		[ "$(in_zone $z stat -c %u:%g:%s /root/data)" = 0:0:62914560 ]
	done
	"$CELLA" stop full live linked
	cella_is 0 snapshot restore web v1
	"$CELLA" start --undo web
	[ "$(in_zone web cat /root/v)" = v1 ]
	in_zone web rm /root/v
	cella_is 0 stop --discard web
	"$CELLA" start web
	[ "$(in_zone web cat /root/v)" = v1 ]
	"$CELLA" stop web
	cella_is 0 snapshot delete --force web v2
	cella_is 0 flatten web
	cella_is 0 rename web other
	cella_is 0 destroy --force other full live linked
	[ -z "$(ls "$CELLA_ROOT/layers")$(ls "$CELLA_ROOT/staging")" ]
}

@test "xfs: full clones and snapshots of running zones share blocks, every verb works" {
	disk_make xfs 400M
	shares_blocks
	verbs_work
}

@test "btrfs: full clones and snapshots of running zones share blocks, every verb works" {
	disk_make btrfs 400M
	shares_blocks
	verbs_work
}

@test "ext4 copies, in the kernel: every verb works" {
	disk_make ext4 600M
	web_with_data
	cella_is 0 snapshot create web v1
	cella_is 0 clone --full web live
	in_zone web sh -c 'echo v2 >/root/v; rm /root/data'
	"$CELLA" stop web
	strace -f -e trace=copy_file_range,pread64,pwrite64 -o "$BATS_TEST_TMPDIR/calls" "$CELLA" clone --full web@v1 full
	grep -q 'copy_file_range.* = 62914560' "$BATS_TEST_TMPDIR/calls"
	! grep -q pwrite64 "$BATS_TEST_TMPDIR/calls"
	cella_is 0 clone web@v1 linked
	verbs_work
}

# xfs takes values of 64 KiB, so that few of them are all that cp has room for.
@test "cp -a of more attributes than it has room for: those it takes are whole" {
	disk_make xfs 400M
	"$CELLA" create web
	mkdir -p "$CELLA_ROOT/zones/web/upper/root"
	python3 - "$CELLA_ROOT/zones/web/upper/root/f" <<-'END'
		import os, sys
		open(sys.argv[1], "w").close()
		for i in range(20):
		    os.setxattr(sys.argv[1], "user.%c" % (97 + i), bytes([97 + i]) * 65536)
	END
	"$CELLA" start web
	"$CELLA" cp -a web:/root/f - >"$BATS_TEST_TMPDIR/tar" 2>"$BATS_TEST_TMPDIR/says"
	grep "more extended attributes than cp takes along" "$BATS_TEST_TMPDIR/says"
	python3 - "$BATS_TEST_TMPDIR/tar" <<-'END'
		import sys, tarfile
		of = tarfile.open(sys.argv[1]).next().pax_headers
		of = {k[-1]: v for k, v in of.items() if "xattr.user" in k}
		print(*sorted(of), sep="")
		assert len(of) >= 10 and all(v == k * 65536 for k, v in of.items())
	END
}
