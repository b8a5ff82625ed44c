#!/usr/bin/env bats
# flatten, the merging of layers that deleted snapshots leave, long chains, and snapshot diff.
bats_require_minimum_version 1.5.0
load helpers

layers() { jq -r '.layers[]' "$CELLA_ROOT/zones/$1/zone.json"; }
n_layers() { layers "$1" | wc -l; }
n_stored() { find "$CELLA_ROOT/layers" -mindepth 1 -maxdepth 1 | wc -l; }
write() { # zone, path, text: as root of the zone would, without starting it
	mkdir -p "$(dirname "$CELLA_ROOT/zones/$1/upper/$2")"
	echo "$3" >"$CELLA_ROOT/zones/$1/upper/$2"
}
diff_of() { "$CELLA" snapshot diff "$@" --no-header | tr -s ' ' | sed 's/ $//' | tr '\n' ';'; }

@test "a linked clone becomes a full one, with its snapshots" {
	"$CELLA" create web
	write web root/a web
	"$CELLA" clone web copy
	"$CELLA" start copy
	in_zone copy sh -c 'echo copy >/root/b; rm /etc/passwd; chmod 700 /srv'
	"$CELLA" stop copy
	"$CELLA" snapshot create copy s1
	write copy root/c later
	[ "$(n_layers copy)" -eq 3 ]
	cella_is 0 flatten copy
	[ -z "$output$stderr" ]
	[ "$(n_layers copy)" -eq 1 ]
	[ "$(ls "$CELLA_ROOT/layers/$(layers copy)/refs" | wc -l)" -eq 1 ]
	[ -z "$(ls "$CELLA_ROOT/zones/copy/upper")" ]
	cella_is 0 flatten copy
	error_has 'one layer of its own already'
	cella_is 0 flatten copy -j
	[ "$(jq -r '.[0].changed' <<<"$output")" = false ]
	"$CELLA" destroy --force web
	"$CELLA" start copy
	[ "$(in_zone copy sh -c 'cat /root/a /root/b /root/c; stat -c %a /srv; ls /etc/passwd 2>&1 | wc -l' | tr '\n' ' ')" = "web copy later 700 1 " ]
	in_zone copy test ! -e /etc/passwd
	"$CELLA" stop copy
	cella_is 0 snapshot restore --force copy s1
	"$CELLA" start copy
	in_zone copy test ! -e /root/c
	[ "$(in_zone copy cat /root/b)" = copy ]
	"$CELLA" stop copy
	! find "$CELLA_ROOT/layers" "$CELLA_ROOT/zones" \( -uid +65535 -o -gid +65535 \) | grep .
}

@test "flatten of what runs, or is open, is refused" {
	"$CELLA" create web
	"$CELLA" start web
	cella_is 4 flatten web
	error_has running 'cella stop web'
	"$CELLA" stop web
	"$CELLA" start --undo web
	"$CELLA" stop web
	cella_is 4 flatten web
	error_has 'neither committed nor discarded'
	cella_is 3 flatten none
	"$CELLA" undo commit web
	cella_is 0 flatten web
}

@test "deleting snapshots leaves no layers behind, beneath a running zone neither" {
	"$CELLA" create web --set network.mode=none
	local i
	for i in 1 2 3 4 5; do
		write web "f$i" "$i"
		"$CELLA" snapshot create web "s$i"
	done
	[ "$(n_layers web)" -eq 6 ]
	cella_is 0 snapshot delete --force web s2
	[ "$(n_layers web)" -eq 5 ]
	"$CELLA" start web
	cella_is 0 snapshot delete --force web s3
	[ "$(n_layers web)" -eq 5 ] # in use by its mount
	[ "$(in_zone web sh -c 'cat /f*' | tr '\n' ' ')" = "1 2 3 4 5 " ]
	"$CELLA" stop web
	cella_is 0 snapshot delete --force web s4
	[ "$(n_layers web)" -eq 3 ]
	[ "$(n_stored)" -eq 3 ]
	cella_is 0 snapshot restore --force web s1
	"$CELLA" start web
	[ "$(in_zone web sh -c 'cat /f*' | tr '\n' ' ')" = "1 " ]
	"$CELLA" stop web
	cella_is 0 snapshot restore --force web s5
	"$CELLA" start web
	[ "$(in_zone web sh -c 'cat /f*' | tr '\n' ' ')" = "1 2 3 4 5 " ]
	"$CELLA" stop web
}

@test "200 snapshots in a chain: it starts, is cloned, compared, flattened" {
	"$CELLA" create web --set network.mode=none
	local i
	for ((i = 1; i <= 200; i++)); do
		write web "many/$i" "$i"
		write web last "$i"
		"$CELLA" snapshot create web "s$i" >/dev/null
	done
	[ "$(n_layers web)" -eq 201 ]
	cella_is 0 start web
	[ "$(in_zone web sh -c 'ls /many | wc -l; cat /last' | tr '\n' ' ')" = "200 200 " ]
	cella_is 0 clone web live
	"$CELLA" stop web
	cella_is 0 clone web@s100 half
	cella_is 0 start half live
	[ "$(in_zone half sh -c 'ls /many | wc -l; cat /last' | tr '\n' ' ')" = "100 100 " ]
	"$CELLA" stop half live
	[ "$(diff_of web s198 s200)" = "M /last;A /many/199;A /many/200;" ]
	[ "$("$CELLA" snapshot diff web s1 -q | grep -c /many/)" -eq 199 ]
	"$CELLA" destroy --force half
	"$CELLA" destroy --force live
	local before
	before=$(diff_of web s200) # what the start has written
	cella_is 0 flatten web
	[ "$(n_layers web)" -eq 1 ]
	[ "$(diff_of web s200)" = "$before" ]
	cella_is 0 start web
	[ "$(in_zone web sh -c 'ls /many | wc -l; cat /last' | tr '\n' ' ')" = "200 200 " ]
	"$CELLA" stop web
}

@test "diff: added, changed, deleted, sorted, between snapshots and up to now" {
	"$CELLA" create web
	"$CELLA" start web
	in_zone web sh -c 'mkdir -p /srv/d/e /srv/k; echo 1 >/srv/d/x; echo 1 >/srv/d/e/y; echo 1 >/srv/a; ln -s a /srv/l; echo 1 >/srv/same'
	"$CELLA" stop web
	"$CELLA" snapshot create web s1
	"$CELLA" start web
	in_zone web sh -c 'rm -r /srv/d/e; echo 2 >/srv/d/x; chmod 600 /srv/a; rm /srv/l; mkdir /srv/l; : >/srv/l/in; mv /srv/k /srv/n; touch -r /srv/same /tmp/t; echo 1 >/srv/same; touch -r /tmp/t /srv/same; rm /tmp/t'
	local want="M /srv/a;D /srv/d/e;D /srv/d/e/y;M /srv/d/x;D /srv/k;M /srv/l;A /srv/l/in;A /srv/n;"
	[ "$(diff_of web s1)" = "$want" ] # while it runs
	"$CELLA" stop web
	"$CELLA" snapshot create web s2
	[ "$(diff_of web s1 s2)" = "$want" ]
	[ "$(diff_of web s2 s1)" = "M /srv/a;A /srv/d/e;A /srv/d/e/y;M /srv/d/x;A /srv/k;M /srv/l;D /srv/l/in;D /srv/n;" ]
	[ -z "$(diff_of web s2 s2)" ]
	[ -z "$(diff_of web s2)" ]
	cella_is 0 snapshot diff web s1 s2
	[[ ${lines[0]} == CHANGE*PATH* ]]
	cella_is 0 snapshot diff web s1 s2 -j
	[ "$(jq -c '.[1]' <<<"$output")" = '{"change":"D","path":"/srv/d/e"}' ]
	cella_is 0 snapshot diff web s2 -j
	[ "$(jq -c . <<<"$output")" = '[]' ]
	cella_is 0 snapshot diff web s1 --filter change=A -q
	[ "$output" = $'/srv/l/in\n/srv/n' ]
	cella_is 0 snapshot diff web s1 s2 --format csv
	[ "${lines[0]}" = "change,path" ]
	cella_is 3 snapshot diff web none
	error_has "has no snapshot 'none'"
	cella_is 3 snapshot diff web s1 none
	cella_is 3 snapshot diff none s1
}

@test "diff: names that are no text act on no terminal and are valid JSON" {
	"$CELLA" create web --set network.mode=none
	"$CELLA" snapshot create web s1
	: >"$CELLA_ROOT/zones/web/upper/$(printf 'a\033[31m\nb')"
	: >"$CELLA_ROOT/zones/web/upper/$(printf '\377\376')"
	cella_is 0 snapshot diff web s1
	[ "$(wc -l <<<"$output")" -eq 3 ]
	[[ $output != *$'\033'* ]]
	cella_is 0 snapshot diff web s1 -j
	[ "$(jq length <<<"$output")" -eq 2 ]
	output_has '\\xff\\xfe'
}
