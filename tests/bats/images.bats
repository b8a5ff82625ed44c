#!/usr/bin/env bats
# Images: from every kind of source, what they say about running them, publishing, deleting,
# collecting what nothing uses, verifying layers. Archives that try what must be refused are in
# sources.bats, OCI layouts in oci.bats.
bats_require_minimum_version 1.5.0
load helpers

setup_file() {
	store_setup
	ROOT=$STORE/src/root
	export ROOT
	mkdir -p "$ROOT"/{bin,etc,dev,proc,sys,tmp,data}
	cp /bin/busybox "$ROOT/bin/"
	ln -s busybox "$ROOT/bin/sh"
	echo original >"$ROOT/data/file"
	echo second >"$ROOT/data/other"
	chown 1000:1001 "$ROOT/data/other"
	chmod 4750 "$ROOT/data/other"
	ln "$ROOT/data/file" "$ROOT/data/link"
	tar -C "$ROOT" -cf "$STORE/src/root.tar" .
	export TAR=$STORE/src/root.tar
	gzip -k "$TAR"
	xz -k "$TAR"
	zstd -q "$TAR"
	bzip2 -k "$TAR"
}
teardown() {
	local i
	zones_teardown
	for i in $("$CELLA" image list -q); do "$CELLA" image delete --force "$i"; done
	leak_teardown
}
count_layers() { find "$CELLA_ROOT/layers" -mindepth 1 -maxdepth 1 | wc -l; }
nothing_left() { [ -z "$(find "$CELLA_ROOT"/{staging,layers,images} -mindepth 1)" ]; }
idle=('init.args=["/bin/busybox","sleep","1000"]')

@test "import: a directory, a tar in every compression, stdin, an image, the default" {
	local s n=0 sources=("$ROOT" "$TAR" "$TAR.gz" "$TAR.xz" "$TAR.zst" "$TAR.bz2")
	for s in "${sources[@]}"; do
		n=$((n + 1))
		cella_is 0 image import "$s" "from-$n" || { echo "source $s"; return 1; }
		[ -z "$output" ]
	done
	run bash -c "'$CELLA' image import - from-stdin <'$TAR.gz'"
	[ "$status" -eq 0 ]
	cella_is 0 image import from-2 from-image
	cella_is 0 image import default from-default
	# the same files five times, once from the directory, and the default image
	[ "$(count_layers)" -eq 3 ]
	cella_is 0 image list -q
	[ "$(wc -l <<<"$output")" -eq 9 ]
	for s in from-1 from-2 from-stdin from-image; do
		cella_is 0 create "z-$s" --from "$s" --set "${idle[0]}"
	done
	cella_is 0 start z-from-1 z-from-2
	[ "$(in_zone z-from-1 /bin/busybox cat /data/file)" = original ]
	[ "$(in_zone z-from-2 /bin/busybox stat -c '%u %g %a' /data/other)" = "1000 1001 4750" ]
	[ "$(in_zone z-from-2 /bin/busybox stat -c %h /data/link)" = 2 ]
	[ "$(count_layers)" -eq 3 ]
}

@test "import: what is no source, and what is no name" {
	local n
	cella_is 3 image import /nosuch x
	error_has /nosuch
	cella_is 1 image import /etc/passwd x
	cella_is 2 image import /dev/null x
	cella_is 2 image import "$CELLA_ROOT" x
	error_has store
	cella_is 2 image import "" x
	for n in "" default /abs a//b a/../b a/ .a "a b" $'a\nb' a%2Fb "$(printf 'x%.0s' {1..121})"; do
		cella image import "$TAR" -- "$n"
		[ "$status" -eq 2 ] || { echo "name '$n' gave $status"; return 1; }
	done
	nothing_left
	cella_is 0 image import "$TAR" docker.io/library/thing:1.0-rc+1@x
	cella_is 4 image import "$TAR" docker.io/library/thing:1.0-rc+1@x
	error_has exists
	cella_is 0 create web --from docker.io/library/thing:1.0-rc+1@x
	cella_is 0 image show -j docker.io/library/thing:1.0-rc+1@x
	jq -e '.name == "docker.io/library/thing:1.0-rc+1@x" and .used_by == ["web"] and (.layers | length) == 1' <<<"$output"
}

@test "list and show: every format, no image, a damaged record" {
	cella_is 0 image list
	cella_is 0 image list -j
	[ "$(jq -c . <<<"$output")" = "[]" ]
	cella_is 3 image show nosuch
	error_has nosuch "image list"
	cella_is 2 image show 'a b'
	cella_is 0 image import "$TAR" one
	echo '{"image": 1' >"$CELLA_ROOT/images/bad.json"
	cella_is 0 image list
	output_has one bad root.tar
	error_has bad.json
	cella_is 0 image list -j
	jq -e '(.[] | select(.name == "bad") | .error) and (.[] | select(.name == "one") | .bytes > 1000000)' <<<"$output"
	cella_is 0 image list --format csv -o name,arch,bytes
	output_has name,arch,bytes
	cella_is 1 create web --from bad
	error_has bad.json
	cella_is 1 image delete bad
	cella_is 0 image delete --force bad
	cella_is 0 image list -q
	[ "$output" = one ]
}

@test "an image's config is what a zone begins with; --set and a spec file win" {
	cella_is 0 create src --from "$TAR" --label tier=web --label keep=me --set 'annotations={"image.exposed_ports":"80/tcp,443/tcp"}' \
		--set 'init={"args":["/bin/busybox","sleep","77"],"env":{"A":"image","B":"image"},"user":"1000:1001","cwd":"/data","stop_signal":"SIGINT"}'
	cella_is 0 image publish src app
	cella_is 0 image show -j app
	jq -e '.config | .cmd == ["/bin/busybox","sleep","77"] and .env == {"A":"image","B":"image"} and .user == "1000:1001"
		and .workdir == "/data" and .stop_signal == "SIGINT" and .labels.tier == "web" and .exposed_ports == ["80/tcp","443/tcp"]' <<<"$output"
	cella_is 0 create plain --from app
	cella_is 0 show --spec plain
	jq -e '.root.image == "app" and .init.args == ["/bin/busybox","sleep","77"] and .init.kind == "app" and .init.env == {"A":"image","B":"image"}
		and .init.user == "1000:1001" and .init.cwd == "/data" and .init.stop_signal == "SIGINT"
		and .labels == {"tier":"web","keep":"me"} and .annotations["image.exposed_ports"] == "80/tcp,443/tcp"' <<<"$output"
	cella_is 0 start plain
	tr '\0' '\n' <"/proc/$(zone_pid plain)/environ" | grep -qx A=image
	# what was asked for
	cella_is 0 create other --from app --label tier=db --set 'init.env={"A":"mine"}' --set init.user=0:0
	cella_is 0 show --spec other
	jq -e '.init.env == {"A":"mine"} and .init.user == "0:0" and .labels == {"tier":"db","keep":"me"} and .init.cwd == "/data"' <<<"$output"
	echo '{"zone_spec":1,"root":{"image":"app"},"init":{"args":["/bin/sh","-c","exit 3"],"env":{"B":"file"}},"labels":{"tier":"file"}}' >"$BATS_TEST_TMPDIR/spec"
	cella_is 0 create filed --spec "$BATS_TEST_TMPDIR/spec"
	cella_is 0 show --spec filed
	jq -e '.init.args == ["/bin/sh","-c","exit 3"] and (.init | has("kind") | not) and .init.env == {"A":"image","B":"file"}
		and .labels == {"tier":"file","keep":"me"}' <<<"$output"
	# a command line takes the place of the image's
	# shellcheck disable=SC2016
	run "$CELLA" run --from app -- /bin/busybox sh -c 'echo "$A $PWD"; id -u'
	[ "$status" -eq 0 ]
	output_has "image /data" 1000
}

@test "root.image of a spec names images only; --from wins" {
	echo '{"zone_spec":1,"root":{"image":"nosuch"}}' >"$BATS_TEST_TMPDIR/spec"
	mkdir "$BATS_TEST_TMPDIR/nosuch"
	cd "$BATS_TEST_TMPDIR"
	cella_is 3 create web --spec spec
	error_has nosuch /root/image
	cella_is 0 create web --spec spec --from "$TAR"
	cella_is 0 show --spec web
	jq -e '(.root // {}) | has("image") | not' <<<"$output"
	# a path that is called like an image
	cella_is 0 image import "$TAR" thing
	mkdir thing thing/bin
	cella_is 0 create a --from thing
	cella_is 0 create b --from ./thing
	cella_is 0 list -j
	jq -e '(.[] | select(.name == "a") | .source == "thing") and (.[] | select(.name == "b") | .source | endswith("/thing"))' <<<"$output"
}

@test "publish: stopped zones, as they are, sharing layers; owners stay canonical" {
	cella_is 3 image publish nosuch x
	cella_is 0 create web --from "$TAR" --set "${idle[0]}"
	cella_is 0 image publish web untouched
	cella_is 0 start web
	cella_is 4 image publish web x
	error_has running
	in_zone web /bin/busybox sh -c 'echo changed >/data/file; rm /data/other; echo mine >/data/mine; chown 5:6 /data/mine'
	cella_is 0 stop --timeout 100ms web
	cella_is 0 image publish web golden
	cella_is 4 image publish web golden
	[ "$(jq '.layers | length' "$CELLA_ROOT/images/untouched.json")" -eq 1 ]
	[ "$(jq '.layers | length' "$CELLA_ROOT/images/golden.json")" -eq 2 ]
	cella_is 0 create next --from golden --set "${idle[0]}"
	cella_is 0 start web next
	local z
	for z in web next; do
		[ "$(in_zone "$z" /bin/busybox cat /data/file)" = changed ]
		[ "$(in_zone "$z" /bin/busybox stat -c '%u %g' /data/mine)" = "5 6" ]
		! in_zone "$z" /bin/busybox test -e /data/other || return 1
	done
	in_zone next /bin/busybox rm /data/mine
	[ "$(in_zone web /bin/busybox cat /data/mine)" = mine ]
	[ "$(find "$CELLA_ROOT/layers" "$CELLA_ROOT/zones" \( -uid +65535 -o -gid +65535 \) | wc -l)" -eq 0 ]
}

@test "delete: refused while zones or their clones come from it, and says of which" {
	cella_is 3 image delete --force nosuch
	cella_is 0 image import "$TAR" base
	cella_is 2 image delete base
	error_has --force terminal
	cella_is 0 create web --from base --set "${idle[0]}"
	cella_is 0 clone web copy
	cella_is 0 destroy --force web
	cella_is 4 image delete base
	error_has copy base
	cella_is 0 image delete --force base
	cella_is 3 image show base
	# the zone keeps its files
	cella_is 0 start copy
	[ "$(in_zone copy /bin/busybox cat /data/file)" = original ]
	[ "$(count_layers)" -eq 1 ]
	cella_is 0 destroy --force copy
	[ "$(count_layers)" -eq 0 ]
}

@test "deleting while zones are made of it: each gets all of it or a clean error" {
	local i ok=0
	for i in $(seq 6); do
		"$CELLA" image import "$TAR" race
		"$CELLA" create r1 --from race >/dev/null 2>"$BATS_TEST_TMPDIR/e1" &
		local a=$!
		"$CELLA" create r2 --from race >/dev/null 2>"$BATS_TEST_TMPDIR/e2" &
		local b=$!
		"$CELLA" image delete --force race
		wait $a && ok=$((ok + 1)) || grep -qE 'no image|no layer' "$BATS_TEST_TMPDIR/e1"
		wait $b && ok=$((ok + 1)) || grep -qE 'no image|no layer' "$BATS_TEST_TMPDIR/e2"
		local z
		for z in $("$CELLA" list -q); do
			[ -s "$CELLA_ROOT/layers/$(jq -r '.layers[0]' "$CELLA_ROOT/zones/$z/zone.json")/fs/data/file" ]
			"$CELLA" destroy --force "$z"
		done
		[ "$(count_layers)" -eq 0 ]
		[ -z "$(ls "$CELLA_ROOT/staging")" ]
	done
	echo "# $ok of 12 were made"
}

@test "two imports of the same archive at once share the layer" {
	local i pids=()
	for i in 1 2 3 4; do
		"$CELLA" image import "$TAR" "same-$i" &
		pids+=($!)
	done
	wait "${pids[@]}"
	cella_is 0 image list -q
	[ "$(wc -l <<<"$output")" -eq 4 ]
	[ "$(count_layers)" -eq 1 ]
	[ "$(find "$CELLA_ROOT"/layers/*/refs -type f | wc -l)" -eq 4 ]
}

@test "gc: says what, removes it, and leaves what is used or at work" {
	cella_is 0 host gc # what tests before this one have left: the default image's layer
	cella_is 0 image import "$TAR" base
	cella_is 0 host gc --dry-run -j
	[ "$(jq -c . <<<"$output")" = "[]" ]
	# what a killed import leaves: staging, and layers whose owner never became an image
	mkdir -m 700 "$CELLA_ROOT/staging/image-0123456789ab"
	head -c 100000 /dev/zero >"$CELLA_ROOT/staging/image-0123456789ab/x"
	cella_is 0 image import default lost
	local id
	id=$(jq -r '.layers[0]' "$CELLA_ROOT/images/lost.json")
	rm "$CELLA_ROOT/images/lost.json"
	# and what a command at work has
	exec {held}<"$CELLA_ROOT/staging"
	mkdir -m 700 "$CELLA_ROOT/staging/layer-ba9876543210"
	exec {held}<"$CELLA_ROOT/staging/layer-ba9876543210"
	flock -n "$held"
	cella_is 0 host gc --dry-run -j
	jq -e --arg id "$id" '(length == 2) and all(.[]; .removed == false) and any(.[]; .kind == "staging" and .bytes >= 100000)
		and any(.[]; .kind == "layer" and .name == $id and .bytes > 100000)' <<<"$output"
	[ -d "$CELLA_ROOT/layers/$id" ]
	cella_is 0 host gc
	output_has "$id" image-0123456789ab
	error_has "removed 2"
	[ ! -e "$CELLA_ROOT/layers/$id" ]
	[ "$(ls "$CELLA_ROOT/staging")" = layer-ba9876543210 ]
	exec {held}<&-
	cella_is 0 host gc -j
	[ "$(jq length <<<"$output")" -eq 1 ]
	[ -z "$(ls "$CELLA_ROOT/staging")" ]
	cella_is 0 create web --from base
	# nobody knows whose things are
	echo x >"$CELLA_ROOT/images/bad.json"
	touch "$CELLA_ROOT/layers/$(jq -r '.layers[0]' "$CELLA_ROOT/images/base.json")/refs/00000000000000000000000000000000"
	cella_is 1 host gc
	error_has record
	rm "$CELLA_ROOT/images/bad.json"
	cella_is 0 host gc
}

@test "the default image is unpacked once: its layer waits for the next zone, until gc" {
	local kept=$CELLA_ROOT/cache/default-layer id inode
	cella_is 0 host gc
	[ ! -e "$kept" ]
	cella_is 0 create a
	id=$("$CELLA" show a -j | jq -r '.layers[0]')
	inode=$(stat -c %i "$CELLA_ROOT/layers/$id/fs/bin/busybox")
	cella_is 0 destroy --force a
	[ -z "$(ls "$CELLA_ROOT/layers")" ]
	[ "$(stat -c %i "$kept/fs/bin/busybox")" = "$inode" ]
	# many at once want it back, one of them has it, and all have one layer
	local i pids=()
	for i in 1 2 3 4 5 6; do
		"$CELLA" create "b$i" &
		pids+=($!)
	done
	wait "${pids[@]}"
	[ ! -e "$kept" ]
	[ "$(ls "$CELLA_ROOT/layers")" = "$id" ]
	[ "$(find "$CELLA_ROOT/layers/$id/refs" -type f | wc -l)" -eq 6 ]
	cella_is 0 host verify
	cella_is 0 destroy --force b1 b2 b3 b4 b5 b6
	[ "$(stat -c %i "$kept/fs")" ] && [ -z "$(ls "$CELLA_ROOT/layers")$(ls "$CELLA_ROOT/staging")" ]
	cella_is 0 run --set network.mode=none -- true
	# one of an older version is not taken
	mv "$kept" "$BATS_TEST_TMPDIR/kept"
	cp -a "$BATS_TEST_TMPDIR/kept" "$kept"
	echo '{"key": "1-00", "layer": "'"$id"'"}' >"$CELLA_ROOT/cache/default-image.json"
	inode=$(stat -c %i "$kept/fs/bin/busybox")
	cella_is 0 create c
	[ "$(stat -c %i "$CELLA_ROOT/layers/$id/fs/bin/busybox")" != "$inode" ]
	[ ! -e "$kept" ]
	cella_is 0 destroy --force c
	cella_is 0 host gc --dry-run
	output_has cache default-layer no
	cella_is 0 host gc
	[ ! -e "$kept" ]
	nothing_left
}

@test "S43 a layer that is stored goes only to an image whose blob unpacks to it" {
	local l=$BATS_TEST_TMPDIR/l id inode
	python3 "$TESTS/bats/layouts.py" "$l"
	cella_is 1 image import "$l/thief" thief
	cella_is 0 image import "$l/secret" secret
	id=$("$CELLA" image show secret -j | jq -r '.layers[0]')
	inode=$(stat -c %i "$CELLA_ROOT/layers/$id")
	cella_is 1 image import "$l/thief" thief
	error_has "$id" "but the config says"
	cella_is 3 image show thief
	cella_is 0 image import "$l/secret" again
	[ "$(stat -c %i "$CELLA_ROOT/layers/$id")" = "$inode" ]
	[ "$(find "$CELLA_ROOT/layers/$id/refs" -type f | wc -l)" -eq 2 ]
}

@test "S45 an image whose record could not be read again is not imported" {
	local l=$BATS_TEST_TMPDIR/l
	python3 "$TESTS/bats/layouts.py" "$l"
	cella_is 1 image import "$l/long" long
	error_has record "at most 4194304"
	cella_is 1 image import "$l/longest" long
	error_has "is longer than"
	cella_is 0 host gc
	nothing_left
}

@test "verify: a flipped byte, a mode, an added and a missing file, an attribute" {
	cella_is 0 image import "$TAR" base
	cella_is 0 image import "$ROOT" dir
	local id fs f
	id=$(jq -r '.layers[0]' "$CELLA_ROOT/images/base.json")
	fs=$CELLA_ROOT/layers/$id/fs
	cella_is 0 host verify
	[ "$(grep -c ' ok ' <<<"$output")" -eq 2 ]
	f=$fs/data/file
	printf O | dd of="$f" conv=notrunc status=none
	cella_is 1 host verify
	error_has "$id" content
	cella_is 0 host verify "$(jq -r '.layers[0]' "$CELLA_ROOT/images/dir.json")"
	printf o | dd of="$f" conv=notrunc status=none
	cella_is 0 host verify "${id:0:8}"
	chmod 0750 "$fs/data/other"
	cella_is 1 host verify "$id"
	error_has mode
	chmod 4750 "$fs/data/other"
	touch "$fs/data/extra"
	cella_is 1 host verify
	error_has added
	rm "$fs/data/extra"
	mv "$fs/data/link" "$BATS_TEST_TMPDIR/"
	cella_is 1 host verify -j
	jq -e --arg id "$id" '.[] | select(.layer == $id) | .state == "changed"' <<<"$output"
	mv "$BATS_TEST_TMPDIR/link" "$fs/data/"
	setfattr -n user.x -v 1 "$fs/data/other" 2>/dev/null || python3 -c "import os; os.setxattr('$fs/data/other', 'user.x', b'1')"
	cella_is 1 host verify
	error_has attributes
	python3 -c "import os; os.removexattr('$fs/data/other', 'user.x')"
	cella_is 0 host verify
	cella_is 3 host verify 00000000
	cella_is 2 host verify x
}

@test "verify: what was a writable directory is unknown, and no error" {
	cella_is 0 create web --from "$TAR" --set "${idle[0]}"
	cella_is 0 start web
	in_zone web /bin/busybox touch /data/new
	cella_is 0 stop --timeout 100ms web
	cella_is 0 image publish web pub
	cella_is 0 host verify -j
	[ "$(jq -r '[.[].state] | sort | join(" ")' <<<"$output")" = "ok unknown" ]
}

# A program in place of mmdebstrap or debootstrap; it finds nothing but this, and not in /tmp.
fake() { # name, body
	local p
	mkdir -p "$STORE/path"
	for p in sh cat cp env head ls mkdir mount sleep touch; do ln -sf "$(command -v $p)" "$STORE/path/$p"; done
	rm -f "$STORE/path/"{mmdebstrap,debootstrap}
	printf '#!/bin/sh\n%s\n' "$2" >"$STORE/path/$1"
	chmod 755 "$STORE/path/$1"
}
with_fakes() { # code, arguments
	local want=$1
	shift
	run --separate-stderr env PATH="$STORE/path" SECRET=1 http_proxy=http://proxy.example:1 "$CELLA" "$@"
	# shellcheck disable=SC2154
	printf '%s\n' "$output" "$stderr"
	[ "$status" -eq "$want" ]
}

@test "a distribution: mmdebstrap's tar, with its arguments and a /tmp of its own" {
	local tmp=$STORE/seen
	mkdir -p "$tmp"
	fake mmdebstrap "echo \"\$@\" >'$tmp/args'; touch /tmp/cella-fake; ls -A /tmp >'$tmp/tmp'
env >'$tmp/env'; cat '$TAR'"
	with_fakes 0 image import debian:12 debian-12
	error_has mmdebstrap bookworm
	grep -q -- '--format=tar bookworm -$' "$tmp/args"
	[ "$(cat "$tmp/tmp")" = cella-fake ]
	[ ! -e /tmp/cella-fake ]
	grep -qx 'http_proxy=http://proxy.example:1' "$tmp/env"
	! grep -q SECRET "$tmp/env" || return 1
	cella_is 0 create web --from debian-12
	cella_is 0 show -j web
	jq -e '.source == "debian-12"' <<<"$output"
	with_fakes 0 create direct --from ubuntu:24.04
	grep -q noble "$tmp/args"
	[ -z "$(ls "$CELLA_ROOT/staging")" ]
}

@test "a distribution: debootstrap's directory" {
	fake debootstrap "[ \"\$1\" = trixie ] || exit 9; mkdir -p \"\$2\" && cp -a '$ROOT/.' \"\$2/\" && mkdir \"\$2/proc2\" && mount -t proc proc \"\$2/proc\""
	with_fakes 0 create web --from debian:13 --set "${idle[0]}"
	cella_is 0 start web
	[ "$(in_zone web /bin/busybox stat -c '%u %g %a' /data/other)" = "1000 1001 4750" ]
	! grep -q "$CELLA_ROOT" /proc/self/mountinfo || return 1
	[ -z "$(ls "$CELLA_ROOT/staging")" ]
}

@test "a distribution: not installed, no such release, no network, a tar that ends early" {
	fake nothing ''
	with_fakes 7 image import debian:12 x
	error_has mmdebstrap debootstrap
	with_fakes 2 image import debian:99 x
	error_has 99
	with_fakes 2 image import debian:--help x
	cella_is 3 image import gentoo:1 x
	fake mmdebstrap "echo 'I: running apt-get update...' >&2
echo \"E: Failed to fetch http://deb.example/InRelease  Could not resolve 'deb.example'\" >&2
echo 'E: apt-get update failed' >&2; echo 'E: mmdebstrap failed to run' >&2; exit 25"
	with_fakes 1 image import debian:12 x
	error_has "Could not resolve 'deb.example'"
	# shellcheck disable=SC2154
	[[ $stderr != *"failed to run"* ]]
	fake mmdebstrap "head -c 5000 '$TAR'; echo 'E: disk is on fire' >&2; exit 1"
	with_fakes 1 image import debian:12 x
	error_has "disk is on fire"
	fake mmdebstrap "head -c 5000 '$TAR'"
	with_fakes 1 image import debian:12 x
	error_has truncated
	fake mmdebstrap "exit 3"
	with_fakes 1 image import debian:12 x
	nothing_left
}

@test "a distribution: with the command its tool is gone, and so is what it began" {
	fake mmdebstrap "touch '$STORE/began'; sleep 4242 & sleep 4242"
	PATH=$STORE/path "$CELLA" image import debian:12 x 2>/dev/null 3>&- &
	local pid=$!
	eventually 5 test -e "$STORE/began"
	kill -9 $pid
	wait $pid || true
	gone() { ! grep -qsz 4242 /proc/[0-9]*/cmdline; }
	eventually 5 gone
	cella_is 0 repair
	rm "$STORE/began"
	nothing_left
}

@test "F01 import of an archive, killed at 50 instants" {
	local i begin total us hit=0
	SEED=${REPEAT:-$RANDOM}
	echo "# seed $SEED (REPEAT=$SEED replays)"
	RANDOM=$SEED
	begin=${EPOCHREALTIME/./}
	cella_is 0 image import "$TAR.gz" kept
	total=$((${EPOCHREALTIME/./} - begin))
	cella_is 0 image import default other
	tar -C "$ROOT" --transform 's,^,x/,' -czf "$STORE/src/more.tar.gz" .
	for i in $(seq 50); do
		us=$((total * i / 50 + RANDOM % 300))
		timeout --foreground -s KILL "$(printf '%d.%06d' $((us / 1000000)) $((us % 1000000)))" \
			"$CELLA" image import "$STORE/src/more.tar.gz" new >/dev/null 2>&1 || hit=$((hit + 1))
		"$CELLA" image list -j | jq -e 'all(.[]; has("error") | not)' >/dev/null
		"$CELLA" image delete --force new >/dev/null 2>&1 || [ $? -eq 3 ]
	done
	echo "# $hit of 50 died, of about $total us"
	[ $hit -ge 12 ]
	# the unpacker dies with the command, in its own time
	clean() { "$CELLA" repair >/dev/null && [ -z "$(ls "$CELLA_ROOT/staging")" ]; }
	eventually 5 clean
	[ "$(count_layers)" -eq 2 ]
	[ "$(find "$CELLA_ROOT"/layers/*/refs -type f | wc -l)" -eq 2 ]
	cella_is 0 host verify
	cella_is 0 image import "$STORE/src/more.tar.gz" new
	cella_is 0 create web --from new
	rm "$STORE/src/more.tar.gz"
}

@test "F05 a full disk in the middle of an import: clear error, what was there stays" {
	local img=$BATS_TEST_TMPDIR/small mnt=$BATS_TEST_TMPDIR/mnt s r=0
	truncate -s 24M "$img"
	mkfs.ext4 -q -m 0 "$img"
	mkdir "$mnt" "$BATS_TEST_TMPDIR/big"
	mount -o loop "$img" "$mnt"
	mkdir -m 700 "$mnt/root"
	head -c 30000000 /dev/urandom >"$BATS_TEST_TMPDIR/big/file"
	tar -C "$BATS_TEST_TMPDIR/big" -cf "$BATS_TEST_TMPDIR/big.tar" .
	small() { CELLA_ROOT=$mnt/root CELLA_RUN=$STORE/run2 CELLA_LOG=$STORE/log2 "$CELLA" "$@"; }
	full() {
		small image import "$TAR" kept || return 10
		for s in "$BATS_TEST_TMPDIR/big.tar" "$BATS_TEST_TMPDIR/big"; do
			small image import "$s" new 2>"$BATS_TEST_TMPDIR/err" && return 11
			cat "$BATS_TEST_TMPDIR/err"
			grep -q "No space left" "$BATS_TEST_TMPDIR/err" || return 12
			[ -z "$(ls "$mnt/root/staging")" ] || return 13
			[ "$(ls "$mnt/root/layers" | wc -l)" -eq 1 ] || return 14
		done
		# not a byte left: what takes none still works
		head -c 100000000 /dev/zero >"$mnt/fill" 2>/dev/null
		small image import default new && return 15
		[ "$(small image list -q)" = kept ] || return 16
		small host verify || return 17
		small image delete --force kept || return 18
		[ -z "$(find "$mnt/root"/{layers,images,staging} -mindepth 1)" ] || return 19
	}
	full || r=$?
	local id
	id=$(cat "$mnt/root/store-id")
	umount "$mnt"
	rm -rf "$STORE/run2" "$STORE/log2"
	! grep -ls "$id" /run/cella-host/ids/* || return 1
	[ $r -eq 0 ] || { echo "step $r"; return 1; }
}

@test "completion offers verbs of two words once, and images" {
	# shellcheck source=/dev/null
	source "$TESTS/../completions/cella.bash"
	offered() {
		COMP_WORDS=(cella "$@")
		COMP_CWORD=$#
		PATH=$(dirname "$CELLA"):$PATH _cella
		echo "${COMPREPLY[*]}"
	}
	cella_is 0 image import "$TAR" golden
	[ "$(offered im)" = image ]
	[ "$(offered ho)" = host ]
	[ "$(offered image p)" = publish ]
	[[ " $(offered host '') " == *" gc verify "* ]]
	[ "$(offered image show go)" = golden ]
	[[ " $(offered image delete --f) " == *" --force "* ]]
}
