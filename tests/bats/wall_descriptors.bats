#!/usr/bin/env bats
# What a process of ours still holds when it comes upon the zone's paths: no directory of the host
# (CVE-2024-21626), and no file of ours that the zone could change (CVE-2019-5736).
bats_require_minimum_version 1.5.0
load helpers
load helpers_wall

setup_file() {
	store_setup
	HOSTFILE=$(mktemp -d /var/tmp/cella-host.XXXXXX)
	chmod 0755 "$HOSTFILE"
	cp /bin/busybox "$HOSTFILE/true"
	chmod 0755 "$HOSTFILE/true"
	export HOSTFILE
}
teardown_file() {
	store_teardown
	rm -rf "$HOSTFILE"
}

# Links in the zone, through every descriptor that the entering process could hold, up to the host's
# root and down to a program there: as the command, as its interpreter, as the shell of passwd, as
# the working directory.
walk_case() {
	local up=../../../../../../../../.. fd z
	for z in sys bare; do
		"$CELLA" create $z || return 1
		[ $z = sys ] || "$CELLA" set $z security.userns=none
		"$CELLA" start $z || return 1
		in_zone $z sh -c "cd /root
			for fd in \$(seq 3 70); do
				mkdir \$fd && ln -s /proc/self/fd/\$fd/$up$HOSTFILE/true \$fd/true
				ln -s /proc/self/fd/\$fd/$up$HOSTFILE \$fd/dir
				printf '#!/proc/self/fd/%d/$up$HOSTFILE/true\n' \$fd >\$fd/script
				chmod 755 \$fd/script
				echo \"u\$fd:x:0:0::/:/proc/self/fd/\$fd/$up$HOSTFILE/true\" >>/etc/passwd
			done" || return 1
		for fd in $(seq 3 70); do
			! quiet exec $z -- /root/$fd/true || breach "$z: command through descriptor $fd"
			! quiet exec $z -- /root/$fd/script || breach "$z: interpreter through descriptor $fd"
			! quiet exec -w /root/$fd/dir $z -- true || breach "$z: working directory through descriptor $fd"
			! quiet shell -u u$fd $z || breach "$z: shell through descriptor $fd"
		done
		"$CELLA" destroy --force $z
	done
}
quiet() { "$CELLA" "$@" </dev/null >/dev/null 2>&1; }

@test "S04 no link of the zone leads through a descriptor of the entering process" { holds walk_case; }
@test "S04 control: closing on exec alone is too late" { control S04 walk_case; }

# The same for the init of a start: system zones exec what lies in the zone.
start_case() {
	local up=../../../../../../../../.. fd z
	for fd in $(seq 3 40); do
		"$CELLA" create z --set 'init.args=["/root/init"]' --set init.kind=system || return 1
		mkdir -p "$CELLA_ROOT/zones/z/upper/root"
		ln -s "/proc/self/fd/$fd/$up$HOSTFILE/init" "$CELLA_ROOT/zones/z/upper/root/init"
		"$CELLA" start z >/dev/null 2>&1 && breach "init through descriptor $fd"
		"$CELLA" destroy --force z
	done
	return 0
}
@test "S04 nor through one of the starting process" {
	printf '#!/bin/sh\nexec sleep 100\n' >"$HOSTFILE/init" && chmod 755 "$HOSTFILE/init"
	holds start_case
}
@test "S04 control: start" { control S04 start_case; }

# cella-init is pid 1 of an app zone; with the host's ids, what does root reach by /proc/1/exe?
init_case() {
	local bin=$BATS_TEST_TMPDIR/bin before
	rm -rf "$bin"
	cp -a "$CELLA_BUILD/bin" "$bin"
	before=$(cd "$bin" && stat -c '%n %a %U %s' * && sha256sum *)
	"$bin/cella" create app --set security.userns=none --set 'init.args=["/bin/sleep","1000"]' \
		--set 'security.capabilities.add=["CAP_SYS_PTRACE"]' || return 1
	"$bin/cella" start app || return 1
	"$bin/cella" exec app -- sh -c 'chmod 6777 /proc/1/exe; chown 65534 /proc/1/exe; (: >/proc/1/exe); cp /bin/busybox /proc/1/exe' >/dev/null 2>&1 || true
	[ "$before" = "$(cd "$bin" && stat -c '%n %a %U %s' * && sha256sum *)" ] || breach "root of a zone has changed a program of ours"
	"$bin/cella" destroy --force app
}
@test "S01 the file of cella-init is out of reach for a zone without ids of its own" { holds init_case; }
@test "S01 control: cella-init" { control S01i init_case; }

# A zone whose init is a script for /proc/self/exe, with a loader of its own: which file of the host
# does that loader get into its hands?
self_case() {
	local how
	for how in start exec; do
		"$CELLA" create z --set security.userns=none --set init.kind=system --set 'init.args=["/root/init"]' || return 1
		mkdir -p "$CELLA_ROOT/zones/z/upper/root" "$CELLA_ROOT/zones/z/upper/lib64"
		install -m 0755 "$TOOLS/loader" "$CELLA_ROOT/zones/z/upper/lib64/ld-linux-x86-64.so.2"
		printf '#!/proc/self/exe\n' >"$CELLA_ROOT/zones/z/upper/root/trap"
		chmod 755 "$CELLA_ROOT/zones/z/upper/root/trap"
		if [ $how = start ]; then
			ln -s trap "$CELLA_ROOT/zones/z/upper/root/init"
		else
			printf '#!/bin/sh\nexec sleep 1000\n' >"$CELLA_ROOT/zones/z/upper/root/init"
			chmod 755 "$CELLA_ROOT/zones/z/upper/root/init"
		fi
		timeout $(secs 10) "$CELLA" start z >/dev/null 2>&1 || true
		[ $how = start ] || timeout $(secs 2) "$CELLA" exec z -- /root/trap >/dev/null 2>&1 || true
		if grep -v memfd "$CELLA_ROOT/zones/z/upper/loader-ran" 2>/dev/null; then
			breach "$how: a program of the zone's runs as a file of the host"
		fi
		"$CELLA" destroy --force z
	done
}
@test "S01 a script for /proc/self/exe does not find the runtime" { holds self_case; }
@test "S01 control: start" { control S01s self_case; }

# S02: the zone's root, with the host's ids, looks into every process that appears: what of the
# host's can it open? It sees most of them before they execute, but chance has a part: without the defence they
# go on until something is found.
peek_case() {
	local z execs end hits
	for z in bare app sys; do
		"$CELLA" create $z || return 1
		[ $z != bare ] || "$CELLA" set $z security.userns=none
		[ $z != app ] || "$CELLA" set $z security.userns=none 'init.args=["/bin/sleep","1000"]'
		"$CELLA" start $z || return 1
		in_zone $z sh -c 'mkdir -p /opt && cat >/opt/intruder && chmod 755 /opt/intruder' <"$TOOLS/intruder" || return 1
		intruder_start $z reach /hits ".$HOSTFILE" zones ../cella
		hits=/proc/$(zone_pid $z)/root/hits execs=0 end=$((SECONDS + $(secs 60)))
		until [ -s "$hits" ]; do
			if [ -z "${CELLA_TEST_OFF:-}" ] || breaches; then
				[ $execs -lt "${S02_EXECS:-300}" ] || break
			else
				[ $SECONDS -lt $end ] || break
			fi
			"$CELLA" exec $z -- true || return 1
			execs=$((execs + 1))
		done
		echo "$execs execs in $z"
		intruder_stop $z $([ -s "$hits" ] && echo 0 || echo 10) || return 1
		"$CELLA" destroy --force $z
	done
}
@test "S02 no descriptor of the host is seen in an entering process" { holds peek_case; }
@test "S02 control: when privileges are dropped after the zone can look" { control "S02 S04" peek_case; }
