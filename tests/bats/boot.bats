#!/usr/bin/env bats
# The zones of a host together: starting with it in their order, stopping in reverse.
bats_require_minimum_version 1.5.0
load helpers

app() { # name, settings...
	local z=$1
	shift
	"$CELLA" create "$z" --set 'init.args=["/bin/sleep","1000"]' --set network.mode=none "${@/#/--set=}"
}
order_of() { sed -n "s/.*zone '\([^']*\)' $1.*/\1/p" <<<"$stderr" | xargs; }

@test "by order, then by name; what is not automatic stays" {
	app late boot.auto=true boot.order=90
	app first boot.auto=true boot.order=5
	app b boot.auto=true
	app a boot.auto=true
	app manual
	cella_is 0 host start
	[ "$(order_of started)" = "first a b late" ]
	state_is manual stopped
	cella_is 0 host start
	[ -z "$(order_of started)" ]
	cella_is 0 host stop
	for z in late first a b; do state_is $z stopped; done
}

@test "requires and after come before order; what is required starts too" {
	app web boot.auto=true boot.order=1 'boot.requires=["db"]'
	app db boot.order=99 'boot.after=["disk"]'
	app disk boot.auto=true boot.order=99
	app other 'boot.after=["web"]'
	cella_is 0 host start
	[ "$(order_of started)" = "disk db web" ]
	state_is other stopped
	"$CELLA" start other
	cella_is 0 host stop
	# the reverse; zones of one order without a tie between them in any order
	[ "$(order_of stopped)" = "web other db disk" ] || [ "$(order_of stopped)" = "other web db disk" ]
}

@test "one that fails keeps back those that require it, and no others" {
	app bad boot.auto=true boot.order=1
	"$CELLA" set bad 'init.args=["/no/such"]'
	app needs boot.auto=true 'boot.requires=["bad"]'
	app gone boot.auto=true 'boot.requires=["never"]'
	app fine boot.auto=true boot.order=99
	cella_is 9 host start
	error_has "zone 'bad'" "/no/such" "'needs'" "requires zone 'bad', which did not start" "'never', which is not there"
	state_is fine running
	state_is needs stopped
	state_is gone stopped
}

@test "a circle is named, and nothing starts; stop works all the same" {
	app a boot.auto=true 'boot.requires=["b"]'
	app b 'boot.after=["c"]'
	app c 'boot.requires=["a"]'
	cella_is 2 host start
	error_has "a -> " "b -> " "circle"
	state_is a stopped
	"$CELLA" start a b
	cella_is 0 host stop
	state_is a stopped
	state_is b stopped
}

@test "a zone that cannot be read is said, the others start" {
	app good boot.auto=true
	app torn boot.auto=true
	cp "$CELLA_ROOT/zones/torn/spec.json" "$BATS_TEST_TMPDIR/spec"
	echo '{' >"$CELLA_ROOT/zones/torn/spec.json"
	cella_is 9 host start
	error_has "'torn'"
	state_is good running
	cp "$BATS_TEST_TMPDIR/spec" "$CELLA_ROOT/zones/torn/spec.json"
}

@test "delay passes before the next" {
	app a boot.auto=true boot.order=1 boot.delay=700ms
	app b boot.auto=true boot.order=2
	local begin=${EPOCHREALTIME/./}
	cella_is 0 host start
	[ $((${EPOCHREALTIME/./} - begin)) -ge 700000 ]
}

@test "zones of one order stop at the same time" {
	local z
	for z in s1 s2 s3 s4 s5 s6; do
		"$CELLA" create $z --set network.mode=none --set init.stop_timeout=2s \
			--set 'init.args=["/bin/sh","-c","trap \"\" TERM; while :; do sleep 1; done"]'
	done
	"$CELLA" start s1 s2 s3 s4 s5 s6
	local begin=$SECONDS
	cella_is 0 host stop
	[ $((SECONDS - begin)) -lt 9 ]
	for z in s1 s2 s3 s4 s5 s6; do state_is $z stopped; done
}
