#!/usr/bin/env bats
# Zones come back after the host's reboot, in their order, and are stopped in reverse before it: with
# an installation in /usr and the units of packaging/systemd, in a guest that is rebooted.
bats_require_minimum_version 1.5.0

setup_file() {
	TREE=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	INSTALLED=$(mktemp -d /var/tmp/cella-installed.XXXXXX)
	cmake --install "${CELLA_BUILD:-$TREE/build}" --prefix "$INSTALLED/usr" >/dev/null
	export INSTALLED
	cat >"$INSTALLED/before" <<'END'
set -e
cp -a /mnt/installed/usr/. /usr/
sed -i "s#=/.*/bin/cella #=/usr/bin/cella #" /usr/lib/systemd/system/cella*.service
systemctl daemon-reload
for z in db:10 web:20 late:90; do
	cella create ${z%:*} --set boot.auto=true --set boot.order=${z#*:}
done
cella create unit --set network.mode=none
cella create manual
cella set web 'boot.requires=["ns"]'
cella create ns --set boot.order=99
systemctl enable cella.target cella-autostart.service cella@unit.service
cella start manual
systemctl start cella-autostart cella@unit
cella list
END
	cat >"$INSTALLED/after" <<'END'
systemctl is-system-running --wait
systemctl --failed --no-legend
cella list --no-header -o name,state | sort
echo "units: $(systemctl is-active cella.target cella-autostart cella@unit | xargs)"
started() { jq -rs '[.[] | select(.event == "started")] | last.time' /var/lib/cella/zones/$1/events.jsonl; }
ended() { jq -rs '[.[] | select(.event == "ended")] | last | .time + " " + .asked_by.verb' /var/lib/cella/zones/$1/events.jsonl; }
for z in db ns web late; do echo "$(started $z) $z"; done | sort | awk '{print $2}' | xargs echo order:
for z in db web late manual; do echo "$(ended $z) $z"; done | sort | awk '{print $3 "(" $2 ")"}' | xargs echo ended:
systemctl show -P ActiveState cella-web.scope
cella exec web -- true && echo "exec works"
END
}
teardown_file() { rm -rf "$INSTALLED"; }

@test "F17 boot.auto zones are back after a reboot, in order; all were stopped in reverse" {
	run "$BATS_TEST_DIRNAME/run" --no-tree --share "$INSTALLED:/mnt/installed" --timeout 400 \
		--after-reboot 'bash /mnt/installed/after' -- 'bash /mnt/installed/before'
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *running* ]]
	grep -Eq '^db +running' <<<"$output"
	grep -Eq '^late +running' <<<"$output"
	grep -Eq '^ns +running' <<<"$output"
	grep -Eq '^unit +running' <<<"$output"
	grep -Eq '^manual +stopped' <<<"$output"
	[[ $output == *"units: active active active"* ]]
	[[ $output == *"order: db ns web late"* ]]
	[[ $output == *"ended: late(stop) manual(stop) web(stop) db(stop)"* ]] ||
		[[ $output == *"ended: late(stop) web(stop) manual(stop) db(stop)"* ]]
	[[ $output == *"exec works"* ]]
}

# The installation is there from before the reboot.
@test "a kernel without IPv6: a zone with a network starts, and is reached" {
	cat >"$INSTALLED/noipv6" <<'END'
set -e
[ ! -e /proc/net/if_inet6 ]
cella start manual
cella list -o name,state,address4 manual
ping -c 1 -W 5 "$(cella list --no-header -o address4 manual | cut -d/ -f1)" >/dev/null && echo "reached"
cella exec manual -- ip -o address show dev eth0
END
	run "$BATS_TEST_DIRNAME/run" --no-tree --share "$INSTALLED:/mnt/installed" --timeout 400 --append ipv6.disable=1 \
		--after-reboot 'bash /mnt/installed/noipv6' -- 'cp -a /mnt/installed/usr/. /usr/ && cella create manual'
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *reached* ]]
	run ! grep -q inet6 <<<"$output"
}
