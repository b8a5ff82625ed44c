#!/usr/bin/env bats
# The default network: made on first use, gone after the last; addresses, NAT, names; none and host.
bats_require_minimum_version 1.5.0
load helpers

addr4() { jq -r '.address4 | split("/")[0]' "$CELLA_ROOT/zones/$1/zone.json"; }
addr6() { jq -r '.address6 | split("/")[0]' "$CELLA_ROOT/zones/$1/zone.json"; }
bridge() { echo "cb-$STORE_ID"; }

@test "host and zones reach each other, IPv4 and IPv6" {
	cella_is 0 create a
	cella_is 0 create b
	cella_is 0 start a b
	ip link show "$(bridge)"
	curl -sf --retry 20 --retry-connrefused --retry-delay 1 "http://$(addr4 a)/" >/dev/null
	curl -sf --retry 20 --retry-connrefused --retry-delay 1 "http://[$(addr6 b)]/" >/dev/null
	in_zone a wget -q -O- "http://$(addr4 b)/" >/dev/null
	in_zone a wget -q -O- "http://[$(addr6 b)]/" >/dev/null
	in_zone a ping -c 1 -W 2 "$(addr4 b)"
	local gw
	gw=$(in_zone a ip route | awk '/default/ {print $3}')
	in_zone a ping -c 1 -W 2 "$gw"
	cella_is 0 stop a b
	! ip link show "$(bridge)" 2>/dev/null
}

@test "the first packet of a zone is not lost: 20 of 20 are answered at once" {
	# The very first thing that its init does; what is lost is sent again after a second.
	local ask='gw=$(ip route | awk "/default/ {print \$3}"); cp /proc/uptime /before; '
	ask+='wget -q -T 5 -O /answer "http://$gw:9/"; cp /proc/uptime /after; echo done >/first; exec sleep 1000'
	cella_is 0 create web --set "init.args=$(jq -nc --arg c "$ask" '["/bin/sh", "-c", $c]')"
	local ms slowest=0
	for _ in {1..20}; do
		"$CELLA" start web
		eventually 10 in_zone web test -e /first
		ms=$(in_zone web cat /before /after | awk 'NR == 1 {t = $1} NR == 2 {printf "%d", ($1 - t) * 1000}')
		[ "$ms" -le "$slowest" ] || slowest=$ms
		in_zone web rm /first /before /after
		"$CELLA" kill web
	done
	echo "the slowest: $slowest ms"
	[ "$slowest" -lt $((500 * ${CELLA_TEST_SLOW:-1})) ] # a lost one is sent again after 1,000
}

@test "addresses stay over stop and start, and are never shared" {
	local i all
	for i in 1 2 3 4 5 6; do "$CELLA" create n$i; done
	"$CELLA" start 'n*'
	all=$(for i in 1 2 3 4 5 6; do addr4 n$i; done)
	[ "$(sort -u <<<"$all" | wc -l)" -eq 6 ]
	"$CELLA" stop 'n*'
	"$CELLA" start 'n*'
	[ "$all" = "$(for i in 1 2 3 4 5 6; do addr4 n$i; done)" ]
	[[ "$(in_zone n3 ip -4 addr show eth0)" == *"$(addr4 n3)"* ]]
}

@test "resolv.conf, hosts and hostname are in place; an edit by the admin stays" {
	cella_is 0 create web --set 'network.dns.servers=["192.0.2.53"]' --set hostname=www
	cella_is 0 start web
	[[ "$(in_zone web cat /etc/resolv.conf)" == *"nameserver 192.0.2.53"* ]]
	[[ "$(in_zone web cat /etc/hosts)" == *"$(addr4 web)"*www* ]]
	[ "$(in_zone web hostname)" = www ]
	[ "$(in_zone web cat /etc/hostname)" = www ]
	in_zone web sh -c 'echo "nameserver 198.51.100.1" >/etc/resolv.conf'
	cella_is 0 restart web
	[ "$(in_zone web cat /etc/resolv.conf)" = "nameserver 198.51.100.1" ]
}

@test "NAT hides the zones behind the host" {
	cella_is 0 create web
	cella_is 0 start web
	nft list ruleset | grep -A30 "cella_.*$STORE_ID\|table inet cella_" | grep -q masquerade
	[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ]
	# "outside": a namespace behind the host, that knows no way to the zones
	unshare -n sleep 60 3>&- &
	local ns=$!
	eventually 2 bash -c "[ \"\$(readlink /proc/$ns/ns/net)\" != \"\$(readlink /proc/self/ns/net)\" ]"
	ip link add co0 type veth peer name co1 netns $ns
	ip addr add 198.18.77.1/30 dev co0
	ip link set co0 up
	nsenter -t $ns -n ip addr add 198.18.77.2/30 dev co1
	nsenter -t $ns -n ip link set co1 up
	run in_zone web ping -c 1 -W 2 198.18.77.2
	ip link del co0
	kill $ns
	[ "$status" -eq 0 ]
}

@test "mode none has only lo; mode host is the host's" {
	cella_is 0 create alone --set network.mode=none
	cella_is 0 create shared --set network.mode=host
	cella_is 0 start alone shared
	[ "$(in_zone alone ls /sys/class/net)" = lo ]
	[ "$(in_zone alone cat /sys/class/net/lo/flags)" != 0x8 ]
	[ "$(in_zone shared ls /sys/class/net | sort)" = "$(ls /sys/class/net | sort)" ]
	run in_zone shared ip link add x type dummy
	[ "$status" -ne 0 ]
	run in_zone shared ip link set lo down
	[ "$status" -ne 0 ]
}

@test "what its network namespace has in /proc and /sys belongs to the zone's root" {
	local z
	cella_is 0 create with
	cella_is 0 create without --set network.mode=none
	for z in with without; do
		cella_is 0 start $z
		# made before the id maps were written it would be nobody's
		[ "$(in_zone $z stat -c %u /proc/self/net/ /proc/self/net/dev /sys/class/net/lo/ /sys/class/net/lo/mtu | sort -u)" = 0 ]
	done
}

@test "asked addresses: taken, outside, malformed" {
	cella_is 0 create a
	cella_is 0 start a
	cella_is 0 create b --set "network.interfaces=[{\"name\":\"eth0\",\"addresses\":[\"$(addr4 a)/20\"]}]"
	cella start b
	[ "$status" -eq 5 ] || [ "$status" -eq 2 ]
	error_has "$(addr4 a)"
	cella_is 2 set b 'network.interfaces=[{"name":"eth0","addresses":["10.0.0.256/24"]}]'
	cella_is 2 set b 'network.interfaces=[{"name":"eth0","addresses":["224.0.0.1/24"]}]'
}

@test "B43 a foreign interface with the bridge's name is left alone" {
	cella_is 0 create web
	ip link add "$(bridge)" type veth peer name "cx$STORE_ID"
	cella_is 7 start web
	error_has "$(bridge)"
	ip -d link show "$(bridge)" | grep -q veth
	ip link del "$(bridge)"
	cella_is 0 start web
}
