#!/usr/bin/env bats
# Images that other programs made (buildah, podman, skopeo, umoci), from OCI image layouts and
# docker-archives: what a zone sees is what they themselves unpack; and damaged ones.
bats_require_minimum_version 1.5.0
load helpers
load helpers_crash
load helpers_wall

# What containers/storage does here stays here.
buildah() { command buildah --root "$STORE/cs" --runroot "$STORE/cs-run" --storage-driver overlay "$@"; }
podman() { command podman --root "$STORE/cs" --runroot "$STORE/cs-run" --storage-driver overlay "$@"; }
quiet() { "$@" >"$STORE/log.tools" 2>&1 || { cat "$STORE/log.tools"; return 1; }; }

# Everything that has to survive, in the root at $1.
furnish() {
	local m=$1 long
	mkdir -p "$m"/{bin,etc,dev,proc,sys,tmp,usr/share/{old,kept},opt/gone/deep,var/x}
	chmod 1777 "$m/tmp"
	cp /bin/busybox "$m/bin/"
	ln -s busybox "$m/bin/sh"
	ln -s ../bin/busybox "$m/bin/sleep"
	echo root:x:0:0::/:/bin/sh >"$m/etc/passwd"
	echo 1 >"$m/usr/share/old/a"
	echo 2 >"$m/usr/share/kept/a"
	echo 3 >"$m/opt/gone/deep/f"
	echo 4 >"$m/var/x/replaced"
	echo 5 >"$m/var/x/removed"
	ln "$m/usr/share/kept/a" "$m/var/x/linked"
	ln "$m/usr/share/kept/a" "$m/linked"
	ln -s /nowhere "$m/var/dangling"
	mkfifo "$m/var/fifo"
	cp /bin/true "$m/bin/setuid" && chmod 4755 "$m/bin/setuid"
	mkdir "$m/var/setgid" && chown 5:65535 "$m/var/setgid" && chmod 2770 "$m/var/setgid"
	echo x >"$m/var/owned" && chown 65535:1000 "$m/var/owned" && chmod 0 "$m/var/owned"
	cp /bin/true "$m/bin/ping" && setcap cap_net_raw+ep "$m/bin/ping"
	echo x >"$m/var/attributes" && setfattr -n user.note -v "a value" "$m/var/attributes"
	setfattr -n user.dir -v 1 "$m/var/x"
	long=$(printf 'n%.0s' {1..255})
	mkdir -p "$m/var/$long/$long" && echo deep >"$m/var/$long/$long/$long"
	echo x >"$m/var/"$'new\nline'
	echo x >"$m/var/caf"$'\xe9'
	echo x >"$m/var/caf"$'\xc3\xa9'
	truncate -s 8M "$m/var/sparse" && echo end >>"$m/var/sparse"
	touch -d @1 "$m/var/old-file"
	touch -h -d @86400 "$m/var/dangling"
}
# What a second layer does to it.
rework() {
	local m=$1
	rm -r "$m/opt/gone" "$m/var/x/removed" "$m/usr/share/old"
	mkdir "$m/usr/share/old"
	echo new >"$m/usr/share/old/b"
	rm "$m/var/x/replaced"
	mkdir "$m/var/x/replaced"
	echo in >"$m/var/x/replaced/f"
	chmod 0700 "$m/usr/share/kept"
	chown 7:7 "$m/var/setgid"
	echo more >>"$m/etc/passwd"
}
by_buildah() { # root -> images one, two
	local c m
	c=$(buildah from scratch)
	m=$(buildah mount "$c")
	furnish "$m"
	buildah config --cmd '["/bin/sleep","1000"]' --env PLACE=here --workingdir /var --label made=yes "$c"
	quiet buildah commit "$c" one
	buildah rm "$c" >/dev/null
	c=$(buildah from localhost/one)
	m=$(buildah mount "$c")
	rework "$m"
	quiet buildah commit "$c" two
	buildah rm "$c" >/dev/null
	c=$(buildah from localhost/two)
	m=$(buildah mount "$c")
	rm "$m/linked"
	echo 3 >"$m/three"
	mkdir -p "$m/opt/gone"
	quiet buildah commit "$c" three
	buildah rm "$c" >/dev/null
}
by_umoci() {
	local m=$STORE/um/rootfs
	umoci init --layout "$STORE/umoci"
	umoci new --image "$STORE/umoci:a"
	umoci unpack --image "$STORE/umoci:a" "$STORE/um" 2>/dev/null
	furnish "$m"
	setfacl -m u:54321:r,g:65535:rw "$m/var/attributes"
	setfacl -d -m u:54321:rx "$m/var/x"
	umoci repack --image "$STORE/umoci:b" "$STORE/um" 2>/dev/null
	rm -rf "$STORE/um"
	umoci unpack --image "$STORE/umoci:b" "$STORE/um" 2>/dev/null
	rework "$m"
	umoci repack --image "$STORE/umoci:c" "$STORE/um" 2>/dev/null
	umoci config --image "$STORE/umoci:c" --config.cmd /bin/sleep --config.cmd 1000
}
setup_file() {
	local c
	store_setup
	by_buildah
	buildah push -q three "oci:$STORE/layout:three" >/dev/null
	buildah push -q three "oci-archive:$STORE/oci.tar:three" >/dev/null
	quiet podman save -o "$STORE/docker.tar" localhost/three
	quiet podman save -m -o "$STORE/both.tar" localhost/one localhost/two
	c=$(buildah from localhost/three)
	# containers/storage makes the top directory 0555 where no layer says what it is
	tree "$(buildah mount "$c")" | sed 1d >"$STORE/tree.buildah"
	unmount_theirs
	by_umoci
}
unmount_theirs() {
	buildah umount --all >/dev/null 2>&1 || true
	umount "$STORE/cs/overlay" 2>/dev/null || true
}
teardown_file() {
	unmount_theirs
	store_teardown
}
teardown() {
	local i
	zones_teardown
	for i in $("$CELLA" image list -q); do "$CELLA" image delete --force "$i"; done
	leak_teardown
}
nothing_left() { [ -z "$(find "$CELLA_ROOT"/{staging,layers,images} -mindepth 1)" ]; }

# Made for each start, or mounted.
own=(dev proc sys tmp run etc/hosts etc/hostname etc/resolv.conf etc/machine-id)
tree() { python3 "$TESTS/bats/tree.py" "$1" "${own[@]}"; }
tree_in_zone() { # zone: with the ids that it sees
	local pid
	pid=$("$CELLA" list -j | jq -r --arg n "$1" '.[] | select(.name == $n) | .pid')
	nsenter -U -t "$pid" -- python3 "$TESTS/bats/tree.py" "/proc/$pid/root/." "${own[@]}"
}
same_tree() { # zone, directory
	tree_in_zone "$1" >"$BATS_TEST_TMPDIR/zone"
	tree "$2" >"$BATS_TEST_TMPDIR/theirs"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/theirs")" -gt 30 ]
	diff "$BATS_TEST_TMPDIR/theirs" "$BATS_TEST_TMPDIR/zone"
}

@test "OCI directory, OCI tar and docker-archive give the tree that umoci and buildah give" {
	local s
	umoci unpack --image "$STORE/layout:three" "$BATS_TEST_TMPDIR/bundle" 2>/dev/null
	for s in layout oci.tar docker.tar; do
		cella_is 0 create "web-${s%%.*}" --from "$STORE/$s"
		[ -z "$stderr" ]
		cella_is 0 start "web-${s%%.*}"
		same_tree "web-${s%%.*}" "$BATS_TEST_TMPDIR/bundle/rootfs"
	done
	diff "$STORE/tree.buildah" <(tree_in_zone web-docker | sed 1d)
	# the three of them share three layers
	[ "$(find "$CELLA_ROOT/layers" -mindepth 1 -maxdepth 1 | wc -l)" -eq 3 ]
	grep -q 'security.capability' "$BATS_TEST_TMPDIR/zone"
	grep -q "'user.note'" "$BATS_TEST_TMPDIR/zone"
	[ "$(grep -c 'links=2' "$BATS_TEST_TMPDIR/zone")" -eq 2 ]
	run ! grep -q "'opt/gone/deep\|'usr/share/old/a\|'linked'" "$BATS_TEST_TMPDIR/zone"
	# stored as the image has it, not with the ids of the host
	[ -z "$(find "$CELLA_ROOT/layers" -uid +65535 -o -gid +65535)" ]
}

@test "umoci's layers, with ACLs" {
	cella_is 0 image import --ref c "$STORE/umoci" made
	cella_is 0 create web --from made
	cella_is 0 start web
	rm -rf "$BATS_TEST_TMPDIR/b"
	umoci unpack --image "$STORE/umoci:c" "$BATS_TEST_TMPDIR/b" 2>/dev/null
	same_tree web "$BATS_TEST_TMPDIR/b/rootfs"
	grep -q 'system.posix_acl_access' "$BATS_TEST_TMPDIR/zone"
	grep -q 'system.posix_acl_default' "$BATS_TEST_TMPDIR/zone"
}

@test "the image's configuration becomes the zone's, and is shown" {
	cella_is 0 image import "$STORE/oci.tar" made
	cella_is 0 image show made -j
	[ "$(jq -r '.config.env.PLACE' <<<"$output")" = here ]
	[ "$(jq -r '.digest' <<<"$output")" = "$(jq -r '.manifests[0].digest' "$STORE/layout/index.json")" ]
	[ "$(jq -r '.layers | length' <<<"$output")" -eq 3 ]
	cella_is 0 create web --from made
	cella_is 0 show web --spec
	[ "$(jq -c '.init.args' <<<"$output")" = '["/bin/sleep","1000"]' ]
	[ "$(jq -r '.init.env.PLACE + .init.cwd + .labels.made' <<<"$output")" = here/varyes ]
}

@test "a GNU tar as a layer: sparse files stay sparse, ACLs and attributes stay" {
	local m=$BATS_TEST_TMPDIR/root
	furnish "$m"
	truncate -s 128M "$m/var/huge"
	echo end >>"$m/var/huge"
	setfacl -m u:54321:r "$m/var/attributes"
	tar -C "$m" --sparse --acls --xattrs --xattrs-include='*' --format=pax -cf "$BATS_TEST_TMPDIR/layer.tar" .
	umoci init --layout "$BATS_TEST_TMPDIR/l"
	umoci new --image "$BATS_TEST_TMPDIR/l:x"
	umoci raw add-layer --image "$BATS_TEST_TMPDIR/l:x" "$BATS_TEST_TMPDIR/layer.tar"
	cella_is 0 create web --from "$BATS_TEST_TMPDIR/l" --set 'init.args=["/bin/sleep","1000"]'
	cella_is 0 start web
	same_tree web "$m"
	[ "$(find "$CELLA_ROOT/layers" -name huge -printf '%b')" -lt 100 ]
	grep -q 'system.posix_acl_access' "$BATS_TEST_TMPDIR/zone"
}

@test "skopeo's copies: zstd, uncompressed, docker's kinds, stdin; all are the same layers" {
	local f ids
	cella_is 0 image import "$STORE/layout" first
	skopeo copy -q --dest-compress --dest-compress-format zstd --dest-oci-accept-uncompressed-layers \
		"oci:$STORE/layout:three" "oci:$BATS_TEST_TMPDIR/zstd:x"
	skopeo copy -q "oci:$STORE/layout:three" "docker-archive:$BATS_TEST_TMPDIR/d.tar:name:tag"
	skopeo copy -q --dest-oci-accept-uncompressed-layers "docker-archive:$BATS_TEST_TMPDIR/d.tar" \
		"oci:$BATS_TEST_TMPDIR/plain:x"
	for f in zstd plain d.tar; do
		cella_is 0 image import "$BATS_TEST_TMPDIR/$f" "as-$f" || { echo "from $f"; return 1; }
	done
	run bash -c "gzip -c '$BATS_TEST_TMPDIR/d.tar' | '$CELLA' image import --ref name:tag - as-stdin"
	[ "$status" -eq 0 ]
	ids=$("$CELLA" image show first -j | jq -c .layers)
	for f in zstd plain d.tar stdin; do
		[ "$("$CELLA" image show "as-$f" -j | jq -c .layers)" = "$ids" ]
	done
	[ "$(find "$CELLA_ROOT/layers" -mindepth 1 -maxdepth 1 | wc -l)" -eq 3 ]
}

@test "several images: --ref, and what is said without it" {
	cella_is 2 image import "$STORE/umoci" made
	error_has --ref "it has a, b, c"
	cella_is 3 image import --ref nope "$STORE/umoci" made
	error_has "it has a, b, c"
	cella_is 2 create web --from default --ref x
	error_has --ref
	cella_is 2 create web --ref x
	cella_is 2 image import "$STORE/both.tar" made
	error_has localhost/one:latest localhost/two:latest
	cella_is 0 image import --ref one "$STORE/both.tar" made
	cella_is 0 image show made -j
	[ "$(jq '.layers | length' <<<"$output")" -eq 1 ]
}

@test "S43 damaged images: nothing is imported, and nothing is left" {
	local l=$BATS_TEST_TMPDIR/l f blob bytes
	for f in "$STORE"/layout/blobs/sha256/*; do
		blob=${f##*/}
		rm -rf "$l"
		cp -r "$STORE/layout" "$l"
		bytes=$(stat -c %s "$f")
		printf '\xa5' | dd of="$l/blobs/sha256/$blob" bs=1 seek=$((bytes / 2)) conv=notrunc status=none
		cmp -s "$f" "$l/blobs/sha256/$blob" && printf '\x5a' |
			dd of="$l/blobs/sha256/$blob" bs=1 seek=$((bytes / 2)) conv=notrunc status=none
		cella_is 1 image import "$l" bad
		error_has "$blob" damaged
		cella_is 1 create bad --from "$l"
		truncate -s $((bytes - 1)) "$l/blobs/sha256/$blob"
		cella_is 1 image import "$l" bad
		error_has "$blob" "$bytes"
		rm "$l/blobs/sha256/$blob"
		tar -C "$l" -cf "$l.tar" .
		cella_is 1 image import "$l.tar" bad
		error_has "$blob" missing
		nothing_left
	done
	rm -rf "$l"
	cp -r "$STORE/layout" "$l"
	for f in 's/sha256:/sha512:/' 's|sha256:.|sha256:../x|' 's/sha256:\(.\)/sha256:A/' 's/"size":[0-9]*/"size":-1/' \
		's/image.manifest.v1/image.what.v1/' 's/"manifests"/"layers":[],"manifests"/' 's/"manifests"/"Manifests"/'; do
		sed "$f" "$STORE/layout/index.json" >"$l/index.json"
		run ! cmp -s "$l/index.json" "$STORE/layout/index.json"
		cella_is 1 image import "$l" bad || { echo "with $f"; return 1; }
		nothing_left
	done
}

# Words of the same length: everything about it is good but its digest.
changed_case() {
	local l=$BATS_TEST_TMPDIR/changed f
	for f in 's/PLACE=here/PLACE=HERE/' 's/"made":"yes"/"made":"yEs"/' 's/"org.opencontainers/"org.0pencontainers/'; do
		rm -rf "$l"
		cp -r "$STORE/layout" "$l"
		sed -i "$f" $(grep -lI . "$l"/blobs/sha256/*)
		diff -rq "$l" "$STORE/layout" >/dev/null && { void "$f changes nothing"; continue; }
		cella image import "$l" changed
		[ "$status" -eq 1 ] || breach "with $f: exit code $status"
	done
	"$CELLA" image delete --force changed || true
}
@test "S43 a config or manifest that was changed" { holds changed_case; }
@test "S43 control: without digests it is imported" { control S43 changed_case; }

@test "S45 every member of index, manifest and config in wrong forms: an answer, never a signal" {
	local l=$BATS_TEST_TMPDIR/l n=0
	cp -r "$STORE/layout" "$l"
	while read -r doc; do
		printf '%s' "$doc" >"$l/index.json"
		cella image import "$l" bad
		[ "$status" -le 7 ] || { echo "$status: $doc"; return 1; }
		[ "$status" -ne 0 ] || "$CELLA" image delete --force bad
		n=$((n + 1))
	done < <(jq -c '. as $d | paths as $p | (null, 1, "", [], {}) as $v | $d | setpath($p; $v)' \
		"$STORE/layout/index.json")
	[ "$n" -ge 40 ]
	nothing_left
}

@test "F01 import of an image of three layers, killed at 50 instants" {
	gone() { "$CELLA" image delete --force new >/dev/null 2>&1 || [ $? -eq 3 ]; }
	local f
	"$CELLA" image import "$STORE/layout" kept
	# of other layers than those that stay
	for f in a b c; do
		mkdir -p "$BATS_TEST_TMPDIR/$f/$f"
		head -c 2000000 /dev/urandom >"$BATS_TEST_TMPDIR/$f/$f/file"
		tar -C "$BATS_TEST_TMPDIR/$f" -cf "$BATS_TEST_TMPDIR/$f.tar" "$f"
	done
	quiet umoci new --image "$STORE/umoci:more"
	for f in a b c; do
		quiet umoci raw add-layer --image "$STORE/umoci:more" "$BATS_TEST_TMPDIR/$f.tar"
	done
	strikes 50 gone "$CELLA" image import --ref more "$STORE/umoci" new
	gone
	clean() { "$CELLA" repair >/dev/null && [ -z "$(ls "$CELLA_ROOT/staging")" ]; }
	eventually 5 clean
	[ "$(find "$CELLA_ROOT/layers" -mindepth 1 -maxdepth 1 | wc -l)" -eq 3 ]
	[ "$(find "$CELLA_ROOT"/layers/*/refs -type f | wc -l)" -eq 3 ]
	cella_is 0 host verify
	output_has 3
	cella_is 0 image import --ref more "$STORE/umoci" new
	cella_is 0 create web --from new
}
