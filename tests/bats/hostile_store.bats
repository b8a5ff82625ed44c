#!/usr/bin/env bats
# What lies in the store is shaped by zones and images: links, mounts, depth, number. Rows S11, S16,
# B35, B36, F14; more of S11 is in wall_root.bats.
# shellcheck disable=SC2154 # stderr, of run
bats_require_minimum_version 1.5.0
load helpers
load helpers_wall

setup_file() {
	store_setup
	CANARY=$(mktemp -d "${CELLA_TEST_TMP:-/var/tmp}/cella-canary.XXXXXX")
	export CANARY TREE=$STORE/tree
	mkdir -p "$TREE"/{bin,dev,etc,proc,sys}
	cp /bin/busybox "$TREE/bin/"
	ln -s busybox "$TREE/bin/sh"
	tar -C "$TREE" -cf "$STORE/tree.tar" .
}
teardown_file() {
	store_teardown
	rm -rf "${CANARY:?}"
}
setup() {
	leak_setup
	rm -rf "${CANARY:?}"/*
	canary_made "$CANARY"
}

tiny() { "$CELLA" create -q "$1" --from "$STORE/tree.tar" --set 'init.args=["/bin/busybox","sleep","1000"]' --set init.kind=app "${@:2}"; }

# ---- S11 ----

layer_case() {
	local layer mount
	for mount in fs/etc/left left; do
		"$CELLA" create -q a --from "$STORE/tree.tar" || return 1
		layer=$(echo "$CELLA_ROOT"/layers/*)
		ln -s "$CANARY" "$layer/link"
		ln -s "$CANARY" "$layer/fs/etc/link"
		mkdir "$layer/$mount"
		mount --bind "$CANARY" "$layer/$mount"
		run --separate-stderr "$CELLA" destroy --force a
		canary_same "$CANARY" "when a layer was removed, the canary"
		[[ $stderr == *"left' is a mount point"* ]] || breach "destroy: exit $status: does not name the mount: $stderr"
		while read -r layer; do umount "$layer"; done < <(findmnt -rno TARGET | grep "^$CELLA_ROOT/.*/left$")
		"$CELLA" repair || breach "repair fails when the mount is gone"
	done
	[ -z "$(ls -A "$CELLA_ROOT/staging" "$CELLA_ROOT/layers" | grep -v :)" ] || breach "something is left: $(ls -A "$CELLA_ROOT/staging" "$CELLA_ROOT/layers")"
	canary_same "$CANARY" "the canary"
}
@test "S11 removing a layer with links and a mount of the host in it" { holds layer_case; }
@test "S11 control: when it goes on it empties what is mounted in a layer" { control S11 layer_case; }

# ---- S16 ----

planted() { # kind, path
	rm -rf "$2"
	case $1 in
	link) ln -s "$CANARY/file" "$2" ;;
	dangling) ln -s "$CANARY/new" "$2" ;;
	fifo) mkfifo "$2" ;;
	directory) mkdir "$2" ;;
	socket) python3 -c 'import os, socket, sys; os.chdir(os.path.dirname(sys.argv[1])); socket.socket(socket.AF_UNIX).bind(os.path.basename(sys.argv[1]))' "$2" ;;
	device) mknod "$2" c 1 5 ;;
	immutable) echo old >"$2" && chattr +i "$2" ;;
	esac
}
# Start, clone, start of the clone, destroy: none waits, each that fails names the file.
file_case() { # name, kind, further arguments of create
	local name=$1 kind=$2 code verb etc=$CELLA_ROOT/zones/a/upper/etc
	tiny a "${@:3}" || return 1
	mkdir -p "$etc/${name%/*}"
	[[ $name == */* ]] || mkdir -p "$etc"
	planted "$kind" "$etc/$name"
	for verb in 'start -q a' 'kill -q a' 'clone -q a b' 'start -q b' 'kill -q b'; do
		code=0
		# shellcheck disable=SC2086
		timeout -s KILL "$(secs 20)" "$CELLA" $verb >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" </dev/null || code=$?
		[ $code -le 9 ] || breach "$name is a $kind: $verb: $code: $(<"$BATS_TEST_TMPDIR/err")"
		[[ $verb == kill* || $code == 0 ]] || grep -q "${name##*/}" "$BATS_TEST_TMPDIR/err" ||
			breach "$name is a $kind: $verb: does not name it: $(<"$BATS_TEST_TMPDIR/err")"
		[[ $verb != start* || $name == ssh* || $name$kind == resolv.conf@(link|dangling) ]] || [[ $code == [16] ]] || breach "$name is a $kind: $verb: exit code $code"
	done
	chattr -R -f -i "$CELLA_ROOT/zones" "$CELLA_ROOT/layers" || true
	"$CELLA" destroy -q --force a b || breach "$name is a $kind: destroy"
	canary_same "$CANARY" "by $name as a $kind the canary"
}
etc_case() { # kind...
	local kind
	chmod -R 0777 "$CANARY"
	canary_state "$CANARY" >"$BATS_TEST_TMPDIR/canary.${CANARY##*/}"
	for kind; do
		file_case hostname $kind --set network.mode=none
		file_case hosts $kind --set network.mode=none
	done
}
@test "S16 our files in a zone are links, FIFOs, directories, devices, sockets, immutable" {
	holds etc_case link dangling fifo directory socket device immutable
}
@test "S16 control: whatever is there is opened and written" { control S16 etc_case link; }
more_etc_case() {
	local kind
	for kind in link fifo directory immutable; do
		file_case resolv.conf $kind
		file_case ssh/ssh_host_rsa_key $kind --set network.mode=none
	done
	rm -rf "$CELLA_ROOT"/networks/*
}
@test "S16 resolv.conf and ssh's host keys" { holds more_etc_case; }

upper_case() {
	local verb dir
	for dir in upper work; do
		"$CELLA" create -q a || return 1
		rm -rf "${CELLA_ROOT:?}/zones/a/$dir"
		ln -s "$CANARY" "$CELLA_ROOT/zones/a/$dir"
		for verb in 'start a' 'clone a b' 'show a' 'list'; do
			# shellcheck disable=SC2086
			run --separate-stderr timeout -s KILL "$(secs 20)" "$CELLA" $verb
			[ "$status" -le 9 ] || breach "$dir is a link: $verb: $status"
			[[ $verb != start* ]] || [ "$status" != 0 ] || breach "$dir is a link: $verb: is done"
			[ "$status" = 0 ] || [[ $stderr == *$dir* ]] || breach "$dir is a link: $verb does not name it: $stderr"
			canary_same "$CANARY" "$dir is a link: $verb: the canary"
		done
		"$CELLA" destroy -q --force a || breach "$dir is a link: destroy"
		"$CELLA" destroy -q --force b 2>/dev/null || true
		canary_same "$CANARY" "$dir is a link: destroy: the canary"
	done
}
@test "S16 a zone's upper or work directory is a link" { holds upper_case; }

# ---- B35, B36 ----

deep_dir() { # where, levels: each made from within the one above
	python3 -c '
import os, sys
os.makedirs(sys.argv[1])
os.chdir(sys.argv[1])
for i in range(int(sys.argv[2])):
    os.mkdir("d")
    os.chdir("d")
open("bottom", "w").write("x")' "$1" "$2"
}
bounded() { (ulimit -n 100 -s 512 && exec timeout -s KILL "$(secs 120)" "$CELLA" "$@"); }
deep_case() { # levels
	local begin=$SECONDS
	"$CELLA" create -q a --from "$STORE/tree.tar" || return 1
	deep_dir "$CELLA_ROOT/zones/a/upper/deep" "$1"
	bounded clone -q a b || breach "clone"
	deep_dir "$CELLA_ROOT/zones/b/upper/deep2" "$1"
	bounded list >/dev/null || breach "list"
	bounded show a >/dev/null || breach "show"
	bounded destroy -q --force a b || breach "destroy"
	[ -z "$(ls -A "$CELLA_ROOT/staging" "$CELLA_ROOT/layers" | grep -v :)" ] || breach "something is left"
	echo "$1 levels: $((SECONDS - begin)) s"
}
@test "B35 2,000 and 5,000 levels: clone, list, show, destroy" { holds deep_case 2000 && holds deep_case 5000; }
deep_copy_case() { # levels
	local dir=$STORE/deep
	mkdir -p "$dir"
	deep_dir "$dir/tree/d" "$1"
	bounded create -q a --from "$dir/tree" || breach "create from a directory"
	python3 -c '
import os, sys
os.chdir(sys.argv[1])
for i in range(int(sys.argv[2])):
    os.chdir("d")
assert open("bottom").read() == "x"' "$(echo "$CELLA_ROOT"/layers/*)/fs/d" "$1" || breach "not all of it is there"
	bounded destroy -q --force a || breach "destroy"
	# removed as a zone's files are: a host's rm may not be able to
	"$CELLA" create -q a
	mv "$dir/tree" "$CELLA_ROOT/zones/a/upper/"
	"$CELLA" destroy -q --force a
}
@test "B35 2,000 and 5,000 levels: create from a directory" { holds deep_copy_case 2000 && holds deep_copy_case 5000; }

peak() { # what to run: the KiB that the largest of its processes needed
	python3 -c '
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)' "$@"
}
many_case() { # kind, number
	local kib
	python3 "$TESTS/tools/hostile_archives.py" stream "$1" "$2" >"$STORE/many.tar"
	kib=$(peak "$CELLA" create -q a --from "$STORE/many.tar") || breach "$2 $1: create"
	echo "$2 $1: $kib KiB"
	# 64 MiB for a million, most of it for the programs themselves
	[ "$kib" -le 20000 ] || breach "$2 $1: $kib KiB to unpack"
	rm "$STORE/many.tar"
	mkdir "$STORE/many"
	mv "$(echo "$CELLA_ROOT"/layers/*)/fs" "$STORE/many/fs"
	kib=$(peak "$CELLA" create -q b --from "$STORE/many/fs") || breach "$2 $1: create from a directory"
	echo "$2 $1: $kib KiB to copy"
	[ "$kib" -le 20000 ] || breach "$2 $1: $kib KiB to copy"
	kib=$(peak "$CELLA" destroy -q --force b) || breach "$2 $1: destroy"
	[ "$kib" -le 20000 ] || breach "$2 $1: $kib KiB to remove"
	rm -rf "$STORE/many"
	"$CELLA" destroy -q --force a
}
@test "B36 B27 10,000 and more files, folders, hard links in one directory" {
	holds many_case files 20000 && holds many_case folders 10000 && holds many_case hardlinks 20000
}

# ---- F14 ----

cut_case() {
	local at size say
	size=$(stat -c %s "$TREE.small.tar$1")
	for at in $(seq 0 $((size / 50)) $((size - $2))); do
		# shellcheck disable=SC2016
		say=$(head -c "$at" "$TREE.small.tar$1" | "$CELLA" create a --from - 2>&1) && breach "cut at $at of $size: is taken"
		[ -n "$say" ] || breach "cut at $at of $size: says nothing"
		[[ $say != *signal* ]] || breach "cut at $at of $size: $say"
		[ -z "$(ls -A "$CELLA_ROOT/staging" "$CELLA_ROOT/layers" "$CELLA_ROOT/zones" | grep -v :)" ] || breach "cut at $at: something is left"
	done
	"$CELLA" create -q a --from - <"$TREE.small.tar$1" || breach "the whole is not taken"
	"$CELLA" destroy -q --force a
}
@test "F14 an archive cut at 100 points, by way of a pipe" {
	seq 1 4000 >"$TREE/etc/numbers"
	tar -C "$TREE" -b 1 -cf "$TREE.small.tar" ./etc ./dev ./proc
	zstd -q "$TREE.small.tar"
	holds cut_case '' 1024 && holds cut_case .zst 1
}
