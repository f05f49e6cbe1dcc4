#!/bin/sh
# Signalling that waits, with -b pf: what comes right behind an answer, and what
# becomes of packets when processes of ours stop or die.  Needs what live.sh
# needs, and on FreeBSD divert(4).
#
#	inline.sh PATH-OF-pinholed PATH-OF-pf_race
# What at() says is several words.
# shellcheck disable=SC2046,SC2119
race=$2
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/running.sh"

# configure yes|no [SETTINGS]
configure() {
	cat > "$tmp/conf" <<X
protect { 192.0.2.0/24 2001:db8:2::/64 }
interface { $inside }
control "$tmp/sock"
state "$tmp/state"
sip { inline $1 }
firewall pf
X
	[ -z "${2-}" ] || echo "inline { $2 }" >> "$tmp/conf"
}
# rules_with LINES: in front of our anchor.
rules_with() {
	cat > "$tmp/pf.conf" <<X
$hooks
set skip on lo0
block all
pass quick proto icmp6
$1
anchor "pinholed"
X
	pfctl -q -f "$tmp/pf.conf"
}
# calls PLACE FROM PLACE TO NUMBER MILLISECONDS
calls() {
	$(at "$3") "$race" answer "$4" "$5" > "$tmp/heard" 2>&1 &
	answerer=$!
	listening "$3" 5060
	$(at "$1") "$race" call "$2" "$4" "$5" "$6" > "$tmp/called" 2>&1
	# If the end does not come through, nobody waits for it.
	(
		sleep 5
		kill "$answerer"
	) > /dev/null 2>&1 &
	wait "$answerer"
	echo "# $(cat "$tmp/called" "$tmp/heard" | tr '\n' ' ')"
}
called_in() { calls pho 198.51.100.7 phi 192.0.2.20 "$@"; }
called_out() { calls phi 192.0.2.20 pho 198.51.100.7 "$@"; }
heard() { grep -q "^heard $1\$" "$tmp/heard"; }
answered() { grep -q "^answered $1 " "$tmp/called"; }
worst() { sed -n 's/.*worst //p' "$tmp/called"; }
again() {
	kill -TERM "$monitor"
	wait "$monitor"
	# It would open again what is open, and has the counters.
	rm -f "$tmp/state"
	start && test "$(rules in4u)" -eq 0 && test "$(rules out4u)" -eq 0
}

case $os in
freebsd)
	divert="no state divert-to 127.0.0.1 port 5060"
	diverted="pass in quick inet proto { udp tcp } to port 5060 $divert
pass in quick inet proto { udp tcp } from any port 5060 $divert
pass out quick inet proto { udp tcp } to port 5060 no state
pass out quick inet proto { udp tcp } from any port 5060 no state"
	;;
openbsd)
	divert="divert-packet port 5060"
	diverted="pass quick on $inside proto { udp tcp } to port 5060 $divert
pass quick on $inside proto { udp tcp } from port 5060 $divert
pass quick proto { udp tcp } to port 5060"
	;;
esac
undiverted="pass quick inet proto { udp tcp } to port 5060 no state
pass quick inet proto { udp tcp } from any port 5060 no state"

configure yes "hold 500"
pfctl -q -e 2> /dev/null
rules_with "$undiverted"
"$pinholed" -n -f "$tmp/conf" > "$tmp/n" 2>&1
grep -q 'cannot be\|cannot hold' "$tmp/n" && skip "$(cat "$tmp/n")"
what="-n prints the words that the rules need"
ok grep -q "$divert" "$tmp/n"
printed() {
	echo "inside = \"$inside\""
	sed -n -e 's/^.*\(set skip .*\)$/\1/p' \
	    -e 's/^.*\(pass .*quick .*\)$/\1/p' "$tmp/n"
}
what="pf takes the rules that it prints"
ok is "$(printed | pfctl -vnf - 2>/dev/null | grep -c 'divert-')" -gt 7
rules_with "$diverted"
what="-n finds nothing wrong when they have them"
ok is "$("$pinholed" -n -f "$tmp/conf" 2>&1 |
    grep -v -e following -e answering -e listening)" = "configuration OK"

configure no
rules_with "$undiverted"
what="it starts, without inline"
ok start
called_in 100 20
what="then all calls are answered"
ok answered 100
echo "# without inline: $(cat "$tmp/heard") of 100"

configure yes "hold 500"
rules_with "$diverted"
what="it starts, with inline"
ok again
what="the first packet of a call from outside passes, 100 of 100"
called_in 100 20
ok answered 100
ok heard 100
sleep 2
what="each message is read twice, and counts once"
ok counts sip_messages 301
ok counts inline_packets 301
ok counts packets_twin 301
ok counts inline_expired 0
what="all of them were let go"
ok counts inline_released 301
what="the first packet of a call from inside passes, 100 of 100"
again
called_out 100 20
ok answered 100
ok heard 100

what="TCP passes, and waits"
again
ok reaches_tcp pho 198.51.100.7 5060 phi 192.0.2.20 5060
ok reaches_tcp phi 192.0.2.20 5061 pho 198.51.100.7 5060
ok until_ok counts inline_packets '[1-9][0-9]'
ok until_ok counts packets_twin '[1-9][0-9]'

if [ "$os" = openbsd ]; then
	what="IPv6 waits, too"
	again
	ok reaches pho 2001:db8:1::7 5060 phi 2001:db8:2::20 5060
	ok reaches phi 2001:db8:2::20 5061 pho 2001:db8:1::7 5060
	ok until_ok counts inline_packets 2
	ok until_ok counts packets_twin 2
	ok until_ok counts inline_released 2
fi
if [ "$os" = freebsd ]; then
	what="what the rules forbid where it leaves does not pass"
	rules_with "$(echo "$diverted" | sed 's/^pass out/block out/')"
	called_in 2 20
	ok answered 0
	what="what would come back for ever is dropped, and said"
	rules_with "$diverted"
	grep -v 'set skip' "$tmp/pf.conf" | pfctl -q -f -
	called_in 2 20
	ok answered 0
	ok said 'set skip on lo0'
	rules_with "$(echo "$diverted" | sed 's/no state/keep state/')"
	called_in 2 20
	ok said 'must say "in" and "no state"'
	ok until_ok counts inline_dropped '[1-9]'
	what="-n says it, too"
	ok sh -c "'$pinholed' -n -f '$tmp/conf' 2>&1 | grep -q 'is lost'"
	pfctl -q -F states
fi
rules_with "$diverted"

# while_calling COMMAND...: in the middle of 200 calls
while_calling() {
	(
		sleep 2
		"$@"
	) > /dev/null 2>&1 &
	disturber=$!
	called_in 200 20
	wait $disturber
}
stops() {
	p=$(child "$1")
	kill -STOP "$p"
	sleep 5
	kill -CONT "$p"
}
dies() {
	for _ in 1 2 3; do
		kill -9 "$(child "$1")"
		sleep 1
	done
}
configure yes "hold 20"
for role in engine firewall; do
	again
	what="$role stopped for 5 s: no message is lost"
	while_calling stops $role
	ok answered 200
	what="and none waits for longer than it may"
	ok is "$(worst)" -lt 1000
	sleep 1
	what="afterwards all is as before"
	called_in 20 20
	ok answered 20
	again
	what="$role killed three times: no message is lost"
	while_calling dies $role
	ok answered 200
done
again
monitor_stops() {
	kill -STOP "$monitor"
	sleep 5
	kill -CONT "$monitor"
}
what="monitor stopped for 5 s: no message is lost"
while_calling monitor_stops
ok answered 200
reloads() {
	for hold in 30 25 20; do
		configure yes "hold $hold"
		kill -HUP "$monitor"
		sleep 1.5
	done
}
what="three reloads: no message is lost"
while_calling reloads
ok answered 200
ok said reloaded

what="with fail closed, nothing passes that nobody reads"
configure yes "hold 20 fail closed"
again
engine=$(child engine)
kill -STOP "$engine"
called_in 3 20
ok answered 0
kill -CONT "$engine"

what="the port of another program is told"
sed 's/^firewall pf/firewall pf anchor "other"/' "$tmp/conf" > "$tmp/conf2"
ok sh -c "'$pinholed' -n -f '$tmp/conf2' 2>&1 |
    grep -q 'divert port 5060 belongs to another program'"
kill -TERM "$monitor"
wait "$monitor"

result
