#!/usr/bin/env bats
# What a zone is made from: hostile and lawful archives, directories; a full disk, a poor host.
# Bad input of other kinds is in badinput.bats.
bats_require_minimum_version 1.5.0
load helpers

setup_file() {
	store_setup
	python3 "$TESTS/bats/archives.py" "$STORE/tars"
}

@test "B07 names" {
	local n
	for n in "" . .. a/b "$(printf 'x%.0s' {1..300})" $'a\nb' $'a\033b' -x A "a b"; do
		cella create -- "$n"
		[ "$status" -eq 2 ] || { echo "name '$n' gave $status"; return 1; }
		[ -n "$stderr" ]
	done
	cella_is 0 list -q
	[ -z "$output" ]
}

@test "impossible combinations" {
	local f=$BATS_TEST_TMPDIR/spec.json
	echo '{"zone_spec":1,"name":"web","resources":{"memory":{"high":"2G","max":"1G"}}}' >"$f"
	cella validate "$f"
	[ "$status" -eq 2 ] || [ "$status" -eq 0 ]
	echo '{"zone_spec":1,"name":"web","network":{"mode":"host","interfaces":[{"name":"eth0"}]}}' >"$f"
	cella_is 2 validate "$f"
	error_has network
}

@test "S20 hostile archives: refused with their own message, nothing outside touched" {
	local t want
	touch "$BATS_TEST_TMPDIR/stamp"
	while IFS=$'\t' read -r t want; do
		cella_is 1 create web --from "$STORE/tars/$t" || { echo "archive $t"; return 1; }
		error_has "$want" || { echo "archive $t"; return 1; }
		cella_is 3 show web
	done <"$STORE/tars/refused"
	[ -z "$(ls "$CELLA_ROOT/staging")" ]
	[ ! -e /tmp/cella-evil ] && [ ! -e /etc/cella-evil ]
	[ -z "$(find /etc /root -xdev -newer "$BATS_TEST_TMPDIR/stamp" -name '*evil*' 2>/dev/null)" ]
}

@test "good archives: plain, gz, xz, zst, and odd but lawful ones" {
	local t
	while read -r t; do
		cella_is 0 create web --from "$STORE/tars/$t" || { echo "archive $t"; return 1; }
		cella_is 0 destroy --force web
	done <"$STORE/tars/accepted"
}

@test "S19 a bomb of entries meets a limit that can be set" {
	echo '{"unpack_max_entries": 1000}' >"$CELLA_CONFIG"
	cella_is 1 create web --from "$STORE/tars/many.tar.gz"
	error_has 1000 limit
	echo '{"unpack_max_bytes": 1000000}' >"$CELLA_CONFIG"
	cella_is 1 create web --from "$STORE/tars/zeros.tar.gz"
	error_has limit
	rm "$CELLA_CONFIG"
	[ -z "$(ls "$CELLA_ROOT/staging")" ]
}

@test "sources: absent, vanishing, not an archive, no directory" {
	cella create web --from /nosuch
	[ "$status" -ne 0 ]
	error_has /nosuch
	cella create web --from /etc/passwd
	[ "$status" -ne 0 ]
	error_has archive
	cella create web --from /dev/null
	[ "$status" -ne 0 ]
	run --separate-stderr bash -c "head -c 100000 '$STORE/tars/plain.tar' | '$CELLA' create web --from -"
	[ "$status" -eq 1 ]
	run bash -c "cat '$STORE/tars/plain.tar' | '$CELLA' create web --from -"
	[ "$status" -eq 0 ]
}

@test "a directory as source keeps owners, modes, links" {
	local d=$BATS_TEST_TMPDIR/dir
	mkdir -p "$d/bin" "$d/etc"
	cp /bin/busybox "$d/bin/"
	ln -s busybox "$d/bin/sh"
	ln "$d/bin/busybox" "$d/bin/ls"
	echo x >"$d/etc/f"
	chown 1000:1001 "$d/etc/f"
	chmod 4711 "$d/etc/f"
	cella_is 0 create web --from "$d" --set 'init.args=["/bin/sh","-c","exec /bin/busybox sleep 1000"]'
	cella_is 0 start web
	[ "$(in_zone web /bin/busybox stat -c '%u %g %a' /etc/f)" = "1000 1001 4711" ]
	[ "$(in_zone web /bin/busybox stat -c %h /bin/ls)" = 2 ]
}

@test "F05 a full disk: clear error, nothing half made, stop and destroy still work" {
	local img=$BATS_TEST_TMPDIR/small mnt=$BATS_TEST_TMPDIR/mnt
	truncate -s 24M "$img"
	mkfs.ext4 -q -m 0 "$img"
	mkdir "$mnt"
	mount -o loop "$img" "$mnt"
	mkdir -m 700 "$mnt/root"
	run env CELLA_ROOT="$mnt/root" CELLA_RUN="$STORE/run2" CELLA_LOG="$STORE/log2" bash -c "
		'$CELLA' create a && '$CELLA' start a || exit 10
		head -c 100000000 /dev/zero >'$mnt/fill' 2>/dev/null
		'$CELLA' create b --from '$STORE/tars/big.tar' 2>'$BATS_TEST_TMPDIR/err' && exit 11
		'$CELLA' list -q | grep -qx a || exit 12
		[ -z \"\$(ls '$mnt/root/staging')\" ] || exit 13
		'$CELLA' stop a || exit 14
		'$CELLA' destroy --force a || exit 15"
	local id
	id=$(cat "$mnt/root/store-id")
	grep -ls "$mnt" /run/cella-host/net* | xargs -r rm -f
	rm -f "/run/cella-host/"*"-cb-$id.lock"
	umount "$mnt"
	rm -rf "$STORE/run2" "$STORE/log2"
	echo "$output"
	cat "$BATS_TEST_TMPDIR/err"
	[ "$status" -eq 0 ]
	grep -q "No space left" "$BATS_TEST_TMPDIR/err"
}

@test "S37 no permission: 6, for every verb that needs the store" {
	run setpriv --reuid 65534 --clear-groups "$CELLA" list
	[ "$status" -eq 6 ]
	run setpriv --reuid 65534 --clear-groups "$CELLA" start web
	[ "$status" -eq 6 ]
}

@test "B42 the store: relative, a file, a loose directory" {
	CELLA_ROOT=relative cella_is 7 list
	CELLA_ROOT=/etc/passwd cella_is 7 list
	mkdir -m 755 "$BATS_TEST_TMPDIR/loose"
	CELLA_ROOT=$BATS_TEST_TMPDIR/loose cella_is 7 list
	error_has 0700
}

@test "B43 an id pool that collides is refused and the collision is named" {
	echo '{"id_pool_base": 524288, "id_pool_count": 10}' >"$CELLA_CONFIG"
	cella_is 7 create web
	error_has systemd
	echo '{"id_pool_base": 65536}' >"$CELLA_CONFIG"
	cella create web
	[ "$status" -ne 0 ]
	echo '{"id_pool_bsae": 1}' >"$CELLA_CONFIG"
	cella_is 2 list
	error_has id_pool_bsae
	rm "$CELLA_CONFIG"
}

@test "B40 options: bare, empty, twice, unknown format" {
	cella_is 2 stop --timeout
	cella_is 2 stop --timeout '' web
	cella_is 2 stop --timeout 5 web
	cella_is 2 stop --timeout 5s --timeout 6s web
	cella_is 2 list --forma json
	cella_is 2 create
	cella_is 2 create a b
	cella_is 2 exec
	cella_is 2 clone one
}

@test "R12 a missing kernel feature is named, with exit 7" {
	"$CELLA" create web
	local call
	for call in openat2 mount_setattr clone3; do
		run --separate-stderr strace -f -qq -o /dev/null -e inject=$call:error=ENOSYS "$CELLA" start web
		echo "$call: $status $stderr"
		[ "$status" -eq 7 ] || [ "$status" -eq 1 ]
		[ -n "$stderr" ]
		# the same fault may have hit the clean-up: then the next command does it
		cella_is 0 repair web
		state_is web stopped
	done
}
