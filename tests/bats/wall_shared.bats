#!/usr/bin/env bats
# What all zones of a host share, and one of them must not use up or reach: pseudo terminals,
# namespaces, control groups, the bridge's memory, the lock directory.
bats_require_minimum_version 1.5.0
load helpers
load helpers_wall

pty_case() {
	"$CELLA" create greedy && "$CELLA" start greedy || return 1
	local n
	n=$(python3 -c '
import os, sys
n = 0
held = []
try:
    while n < 4000:
        held.append(os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY))
        n += 1
except OSError as e:
    pass
print(n)' "/proc/$(zone_pid greedy)/root/dev/pts/ptmx" 3>&-)
	echo "it got $n"
	[ "$n" -gt 100 ] || void "not even 100"
	[ "$n" -le 512 ] || breach "one zone took $n pseudo terminals"
	"$CELLA" destroy --force greedy
}
@test "F35 one zone cannot take the pseudo terminals of all" { ulimit -n 8192; holds pty_case; }

@test "H05 namespaces that a zone nests are limited, and its root cannot raise the limit" {
	"$CELLA" create sys
	"$CELLA" create app --set 'init.args=["/bin/sleep","1000"]'
	"$CELLA" start sys app
	local z
	for z in sys app; do
		[ "$(in_zone $z cat /proc/sys/user/max_user_namespaces)" = 64 ]
		run in_zone $z sh -c 'echo 100000 >/proc/sys/user/max_user_namespaces'
		[ "$status" -ne 0 ]
	done
}
nest_case() {
	"$CELLA" create sys && "$CELLA" start sys || return 1
	# each holds a user namespace; how many can there be?
	in_zone sys sh -c 'n=0; for i in $(seq 80); do
			unshare -U sleep 1000 & p=$!
			sleep 0.01
			u=$(readlink /proc/$p/ns/user)
			[ -n "$u" ] && [ "$u" != "$(readlink /proc/self/ns/user)" ] && n=$((n + 1))
		done 2>/dev/null; echo $n >/root/n; kill $(jobs -p)' || true
	local n
	n=$(in_zone sys cat /root/n)
	echo "it made $n"
	[ "$n" -le 64 ] || breach "$n nested user namespaces"
	[ "$n" -gt 0 ] || void "none at all"
	"$CELLA" destroy --force sys
}
@test "H05 there are at most 64 nested user namespaces" { holds nest_case; }
@test "H05 control: without the limit there are more" { control H05 nest_case; }

@test "H07 net sysctls of the host are not writable where the network is the host's" {
	"$CELLA" create hostnet --set network.mode=host --set 'init.args=["/bin/sleep","1000"]'
	"$CELLA" create bare --set network.mode=host --set security.userns=none --set 'init.args=["/bin/sleep","1000"]'
	"$CELLA" create own
	"$CELLA" start hostnet bare own
	local z
	for z in hostnet bare; do
		run in_zone $z sh -c 'cat /proc/sys/net/ipv4/ip_default_ttl >/proc/sys/net/ipv4/ip_default_ttl'
		[ "$status" -ne 0 ] || { echo "$z writes the host's"; return 1; }
	done
	in_zone own sh -c 'cat /proc/sys/net/ipv4/ip_default_ttl >/proc/sys/net/ipv4/ip_default_ttl'
}

learn_case() {
	"$CELLA" create web && "$CELLA" start web || return 1
	local host_if before
	host_if=$(ip -o link show type veth | awk -F': ' -v z="zone web" '1 {print $2}' | cut -d@ -f1 |
		while read -r i; do ip -d link show "$i" | grep -q "$(jq -r .uuid "$CELLA_ROOT/zones/web/zone.json")" && echo "$i"; done)
	[ -n "$host_if" ] || return 1
	before=$(bridge fdb show brport "$host_if" | grep -vc permanent)
	# made-up sender addresses, each with a frame
	in_zone web sh -c 'for i in 1 2 3 4 5 6 7 8 9; do
		ip link set eth0 down; ip link set eth0 address 02:00:00:00:01:0$i; ip link set eth0 up
		ping -c 1 -W 1 169.254.1.$i || arping -c 1 -I eth0 169.254.1.$i
	done' >/dev/null 2>&1 || true
	local after
	after=$(bridge fdb show brport "$host_if" | grep -vc permanent)
	echo "entries: $before, then $after"
	[ "$after" -le "$before" ] || breach "the bridge learned $((after - before)) addresses"
	"$CELLA" destroy --force web
}
@test "S33 the bridge learns no made-up address from a zone" { holds learn_case; }
@test "S33 control: a learning port does" { control S33l learn_case; }

# What comes in on a bridge without IPv6 is not for the host's IPv6 either: no router, no address.
advice_case() {
	local file=$CELLA_ROOT/networks/default.json br=cb-$STORE_ID before key
	"$CELLA" create web && "$CELLA" start web && "$CELLA" stop web || return 1
	before=$(cat "$file")
	jq '.ipv6 = null' <<<"$before" >"$file"
	"$CELLA" destroy --force web
	"$CELLA" create web && "$CELLA" start web || return 1
	for key in accept_ra accept_redirects; do
		[ "$(cat "/proc/sys/net/ipv6/conf/$br/$key")" = 0 ] || breach "$key is on"
	done
	[ -z "$(ip -6 -o address show dev "$br")" ] || breach "the host has an IPv6 address there"
	[ -n "$(ip -4 -o address show dev "$br")" ] || breach "and no other"
	"$CELLA" destroy --force web
	echo "$before" >"$file"
}
@test "S33 the host takes no IPv6 advice from zones of a network without it" { holds advice_case; }
@test "S33 control: as a new bridge comes, it does" { control S33r advice_case; }
# A neighbour could send router advertisements. What a zone makes of interfaces of its own is as it would
# be anywhere, and as its spec says.
accept_ra_in() { in_zone "$1" sh -c 'cd /proc/sys/net/ipv6/conf && cat eth0/accept_ra default/accept_ra own0/accept_ra' | xargs; }
neighbour_case() {
	local usual got
	usual=$(unshare -n cat /proc/sys/net/ipv6/conf/default/accept_ra)
	[ "$usual" -ne 0 ] || void "namespaces of this host take none anyway"
	"$CELLA" create web && "$CELLA" create own --set 'security.sysctl={"net.ipv6.conf.default.accept_ra":"2"}' || return 1
	"$CELLA" start web own || return 1
	in_zone web ip link add own0 type bridge
	in_zone own ip link add own0 type bridge
	got=$(accept_ra_in web)
	[ "$got" = "0 $usual $usual" ] || breach "accept_ra of eth0, the default, the zone's own: $got"
	got=$(accept_ra_in own)
	[ "$got" = "0 2 2" ] || breach "with a default in the spec: $got"
	"$CELLA" destroy --force web own
}
@test "S33 a zone's interface takes no router advertisement, what it makes itself may" { holds neighbour_case; }
@test "S33 control: its accept_ra is not the default's" { control S33z neighbour_case; }
@test "S33 the bridge knows the zone's address, and the zone can be reached" {
	"$CELLA" create web
	"$CELLA" start web
	local mac
	mac=$(in_zone web cat /sys/class/net/eth0/address)
	bridge fdb show br "cb-$STORE_ID" | grep -i "^$mac" | grep -q static
	in_zone web sh -c 'ping -c 1 -W 5 "$(ip route | sed -n "s/default via \([^ ]*\).*/\1/p")"'
}

@test "B07 a zone cannot be named as one of another store" {
	cella_is 2 create "web.0123abcd"
	error_has "id of a store"
	"$CELLA" create web
	cella_is 2 rename web "web.$STORE_ID"
	cella_is 2 clone web "x.$STORE_ID"
	cella_is 0 create web.0123abcg
}

@test "S37 S48 claims of the host lie where only root can be first" {
	[ "$(stat -c '%u %a' /run/cella-host)" = "0 700" ]
	[ "$(stat -c '%u %A' /run)" = "0 drwxr-xr-x" ]
}

@test "H17 H18 nice value, CPUs and OOM score are not the caller's" {
	"$CELLA" create web
	choom -n 500 -- nice -n 7 taskset -c 0 "$CELLA" start web
	local pid cpus score
	pid=$(zone_pid web)
	cpus=$(nproc --all)
	score=$(choom -n 500 -- nice -n 7 taskset -c 0 "$CELLA" exec web -- sh -c 'cat /proc/self/oom_score_adj; cut -d" " -f19 /proc/self/stat; nproc')
	[ "$(awk '{print $19}' "/proc/$pid/stat")" = 0 ]
	[ "$(taskset -p "$pid" | sed 's/.*: //')" = "$(taskset -p $$ | sed 's/.*: //')" ]
	[ "$(sed -n 2p <<<"$score")" = 0 ]
	[ "$(sed -n 3p <<<"$score")" = "$cpus" ]
	# to lower it takes CAP_SYS_RESOURCE, which a container as host may lack
	if capsh --has-p=cap_sys_resource 2>/dev/null || [ $((0x$(awk '/CapEff/ {print $2}' /proc/self/status) >> 24 & 1)) = 1 ]; then
		[ "$(sed -n 1p <<<"$score")" = 0 ]
		[ "$(cat "/proc/$pid/oom_score_adj")" = 0 ]
	fi
}
