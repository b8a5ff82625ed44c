#!/usr/bin/env bats
# Clones: linked and full, of stopped and running zones and of snapshots.
bats_require_minimum_version 1.5.0
load helpers
load helpers_disks

teardown() {
	disk_drop
	leak_teardown
}

layers() { jq -r '.layers[]' "$CELLA_ROOT/zones/$1/zone.json"; }
n_layers() { layers "$1" | wc -l; }
# As root of the zone would, without starting it.
upper() { # zone, path, text
	mkdir -p "$(dirname "$CELLA_ROOT/zones/$1/upper/$2")"
	echo "$3" >"$CELLA_ROOT/zones/$1/upper/$2"
}
canonical() {
	local high
	high=$(find "$CELLA_ROOT/zones" "$CELLA_ROOT/layers" \( -uid +65535 -o -gid +65535 \) -print -quit)
	[ -z "$high" ] || { echo "not canonical: $(ls -ldn "$high")"; return 1; }
}
# What a user of the zone sees of its files.
content() { in_zone "$1" sh -c 'cat /root/*; find /root /srv | sort' | tr '\n' ' '; }

@test "every kind of clone holds what its source did, and is a machine of its own" {
	local z id
	id=0123456789abcdef0123456789abcdef
	"$CELLA" create web
	"$CELLA" start web
	in_zone web sh -c "echo $id >/etc/machine-id"
	in_zone web sh -c 'echo old >/root/a; mkdir -p /srv/d; echo x >/srv/d/x; chown 7:8 /srv/d/x'
	"$CELLA" stop web
	"$CELLA" snapshot create web s1
	"$CELLA" start web
	in_zone web sh -c 'echo new >/root/b; rm -r /srv/d; mkdir /srv/e'
	cella_is 0 clone web live
	error_has "zone 'web' was paused for"
	cella_is 0 clone --full web live-full
	error_has "zone 'web' was paused for"
	cella_is 0 clone web@s1 s1-linked
	[ -z "$stderr" ]
	cella_is 0 clone --full web@s1 s1-full
	[ "$(in_zone web cat /root/b)" = new ] # it runs on
	"$CELLA" stop web
	cella_is 0 clone --linked web linked
	cella_is 0 clone --full web full
	local all=(live live-full s1-linked s1-full linked full)
	"$CELLA" start web "${all[@]}"
	for z in live live-full linked full; do
		[ "$(content $z)" = "old new /root /root/a /root/b /srv /srv/e " ]
	done
	for z in s1-linked s1-full; do
		[ "$(content $z)" = "old /root /root/a /srv /srv/d /srv/d/x " ]
		[ "$(in_zone $z stat -c %u:%g /srv/d/x)" = 7:8 ]
	done
	# Addresses, MACs, host names, machine-ids, uuids: as many as there are zones.
	[ "$("$CELLA" list -j | jq '[.[].address4] | unique | length')" -eq 7 ]
	[ "$(jq -r .uuid "$CELLA_ROOT"/zones/*/zone.json | sort -u | wc -l)" -eq 7 ]
	for z in web "${all[@]}"; do
		in_zone $z cat /sys/class/net/eth0/address >>"$BATS_TEST_TMPDIR/macs"
		in_zone $z cat /etc/machine-id >>"$BATS_TEST_TMPDIR/ids"
		[ "$(in_zone $z hostname)" = $z ]
	done
	[ "$(sort -u "$BATS_TEST_TMPDIR/macs" | wc -l)" -eq 7 ]
	[ "$(sort -u "$BATS_TEST_TMPDIR/ids" | wc -l)" -eq 7 ]
	grep -qx $id "$BATS_TEST_TMPDIR/ids"
	canonical
	"$CELLA" kill web "${all[@]}"
	# A full one shares nothing with anybody; linked ones outlive their source.
	for z in live-full s1-full full; do
		[ "$(n_layers $z)" -eq 1 ]
		[ "$(ls "$CELLA_ROOT/layers/$(layers $z)/refs" | wc -l)" -eq 1 ]
	done
	"$CELLA" destroy --force web
	"$CELLA" start linked s1-linked
	[ "$(content linked)" = "old new /root /root/a /root/b /srv /srv/e " ]
	[ "$(content s1-linked)" = "old /root /root/a /srv /srv/d /srv/d/x " ]
}

@test "what does not go is refused, and leaves nothing" {
	"$CELLA" create web
	"$CELLA" create other
	upper web a 1
	cella_is 2 clone --linked --full web new
	cella_is 3 clone web@missing new
	error_has "has no snapshot 'missing'"
	cella_is 2 clone web@ new
	cella_is 2 clone web@../x new
	cella_is 3 clone none@x new
	cella_is 4 clone --full web other
	error_has exists
	cella_is 2 clone --full web 'New'
	cella_is 2 clone --full web new --set nonsense=1
	"$CELLA" snapshot create web s1
	"$CELLA" start --undo web
	"$CELLA" stop web
	cella_is 4 clone web new
	error_has 'neither committed nor discarded'
	cella_is 0 clone web@s1 new
	[ -z "$(ls "$CELLA_ROOT/staging")" ]
	[ "$("$CELLA" list -q | wc -l)" -eq 3 ]
}

@test "a template is cloned in every way, and its clones are none" {
	"$CELLA" create base
	upper base a 1
	"$CELLA" snapshot create base s1
	"$CELLA" set base template=true
	cella_is 0 clone base one
	cella_is 0 clone --full base@s1 two
	cella_is 0 start one two
	cella_is 4 flatten base
	error_has template
	"$CELLA" stop one two
}

@test "a linked clone costs the same at 1 MB, 250 MB and 2 GB" {
	local mb before after
	for mb in 1 250 2048; do
		"$CELLA" create web --set network.mode=none
		fallocate -l ${mb}M "$CELLA_ROOT/zones/web/upper/big"
		# as many files as megabytes
		(cd "$CELLA_ROOT/zones/web/upper" && for ((i = 0; i < mb; i++)); do : >f$i; done)
		before=$(du -s --block-size=1 "$CELLA_ROOT" | cut -f1)
		[ "$before" -gt $((mb << 20)) ]
		strace -f -o "$BATS_TEST_TMPDIR/calls.$mb" "$CELLA" clone web copy
		after=$(du -s --block-size=1 "$CELLA_ROOT" | cut -f1)
		echo "# $mb MB: $((after - before)) bytes, $(wc -l <"$BATS_TEST_TMPDIR/calls.$mb") calls"
		[ $((after - before)) -lt 65536 ]
		"$CELLA" destroy --force copy
		"$CELLA" destroy --force web
	done
	local few many
	few=$(wc -l <"$BATS_TEST_TMPDIR/calls.1")
	many=$(wc -l <"$BATS_TEST_TMPDIR/calls.2048")
	[ $((many - few)) -lt 10 ] && [ $((few - many)) -lt 10 ]
}

@test "a full clone shows how far it is on a terminal, and nothing off one" {
	"$CELLA" create web --set network.mode=none
	(cd "$CELLA_ROOT/zones/web/upper" && mkdir many && cd many && seq 8000 | xargs touch)
	cella_is 0 clone --full web quiet
	[ -z "$output$stderr" ]
	run python3 "$TESTS/bats/at_terminal.py" '' "$CELLA" clone --full web shown
	echo "$output"
	[[ $output == *"copying: "*" files, "* ]]
	[[ $output == *"code 0"* ]]
	[ "$(find "$CELLA_ROOT/layers/$(layers shown)/fs/many" -type f | wc -l)" -eq 8000 ]
}

@test "F33 a full disk in the middle of a full clone: a clear error, and the source is as it was" {
	disk_make ext4 48M -m 0 -N 8192
	"$CELLA" create web --set network.mode=none
	dd if=/dev/urandom of="$CELLA_ROOT/zones/web/upper/big" bs=1M count=20 2>/dev/null
	upper web a 1
	dd if=/dev/zero of="$STORE/disk/fill" bs=1M count=8 2>/dev/null
	local used
	used=$(disk_used)
	cella_is 1 clone --full web copy
	error_has 'No space left' "'/big'"
	[ -z "$(ls "$CELLA_ROOT/staging")" ]
	[ "$(ls "$CELLA_ROOT/layers" | wc -l)" -eq 1 ]
	[ $(($(disk_used) - used)) -lt 200000 ]
	cella_is 0 clone web linked
	cella_is 1 flatten linked
	error_has 'No space left'
	[ "$(n_layers linked)" -eq 2 ]
	cella_is 0 start linked web
	[ "$(in_zone linked cat /a)" = 1 ]
	"$CELLA" stop linked web
	rm "$STORE/disk/fill"
	"$CELLA" destroy --force linked
	# What only web uses is linked, so there is room for it.
	cella_is 0 flatten web
	[ "$(n_layers web)" -eq 1 ]
}
