#!/bin/sh
# The whole daemon with "firewall pf states": the streams of a symmetric peer
# are states, all others rules; pfsync(4), silence, reload, death and restart.
# Needs what live.sh needs, and pfsync(4).
#
#	states.sh PATH-OF-pinholed
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/running.sh"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/calls.sh"
# shellcheck disable=SC2046

# OpenBSD takes states with no pfsync interface, too.
[ "$os" = openbsd ] || ifconfig pfsync0 > /dev/null 2>&1 ||
    skip "no pfsync0: kldload pfsync"
idle=30
# configure rules|states SYMMETRIC-PEERS
configure() {
	cat > "$tmp/conf" <<X
protect 192.0.2.0/24
interface { $inside }
control "$tmp/sock"
state "$tmp/state"
sip { symmetric $2 remote sdp timeout idle $idle }
firewall pf $1
X
}
# Of a call, by its port: 4 states are two streams, media and its control.
flows() { states "192.0.2.20:$1[01]"; }
has_flows() { is "$(flows "$1")" -eq "$2"; }
reloads() {
	: > "$tmp/log"
	kill -HUP "$monitor"
	until_ok said reloaded
}
killed() {
	all="$monitor $(pgrep -P "$monitor")"
	for p in $all; do kill -9 "$p" 2>/dev/null; done
	wait "$monitor" 2>/dev/null
	for p in $all; do until_ok gone "$p"; done
	monitor=
}

configure states 198.51.100.0/24
cat > "$tmp/pf.conf" <<X
$hooks
block all
pass quick proto pfsync
pass quick proto icmp6
pass quick proto udp to port 5060
anchor "pinholed"
X
pfctl -q -e -f "$tmp/pf.conf"
family 4
what="it starts"
ok start
ok no_media 10000
call 1 10000
what="the streams of a symmetric peer are states"
ok until_ok has_flows 1000 4
ok is "$(rules in4u)" -eq 0
ok is "$(rules out4u)" -eq 0
what="either side may speak first"
ok media_out 10000
ok media 10001
what="from the named ports alone"
ok blocked pho "$phone" 10002 phi "$desk" 10000
ok blocked pho "$phone" 10000 phi "$desk" 10001
what="and with no rule of ours loaded"
pfctl -q -a pinholed -F rules
ok media 10000
what="the counters say so"
ok counts opened_as_states 2
ok counts opened_as_rules 0
ok sh -c "echo show pinholes | nc -NU '$tmp/sock' | grep -q '\"form\":\"state\"'"
what="and -v"
ok said 'state udp 198.51.100.7 port 10000'

what="states that somebody flushed come again"
pfctl -q -F states
sleep 21
ok has_flows 1000 4
ok media 10000

what="what is no state is a rule"
reloads && configure states 203.0.113.0/24 && reloads
call 2 10010
ok media 10010
ok is "$(rules in4u)" -gt 0
ok blocked pho "$phone" 10010 phi "$desk" 10012
ok reaches pho "$phone" 4444 phi "$desk" 10010
what="which is counted by its reason"
ok counts as_rule_any_port '[1-9]'
what="and said"
ok sh -c "echo show pinholes | nc -NU '$tmp/sock' | grep -q 'from any port'"
ok said 'from any port'
hang_up 1
hang_up 2
what="both end at once"
ok until_ok has_flows 1000 0
ok until_ok has_flows 1001 0
ok no_media 10000
ok no_media 10010
ok is "$(rules in4u)" -eq 0

configure states 198.51.100.0/24
reloads
what="a call that nobody speaks in ends by its silence"
call 3 10020
ok until_ok has_flows 1002 4
began=$(date +%s)
until said idle || [ $(($(date +%s) - began)) -gt $((3 * idle)) ]; do
	sleep 1
done
echo "# after $(($(date +%s) - began)) s, idle is $idle s"
ok said idle
ok until_ok has_flows 1002 0

what="a reload from states to rules keeps the media"
call 4 10030
ok media 10030
configure rules 198.51.100.0/24
reloads
ok media 10030
ok until_ok is "$(rules in4u)" -gt 0
what="but no state that no rule allows"
hang_up 4
ok until_ok has_flows 1003 0
ok no_media 10030
what="and back"
call 5 10040
ok media 10040
configure states 198.51.100.0/24
reloads
ok media 10040
what="with no rule left"
ok is "$(rules in4u)" -eq 0
hang_up 5
ok until_ok has_flows 1004 0
ok no_media 10040

for next in states rules; do
	what="all are killed, and the next start, with $next, knows of no call"
	call "6$next" 10050
	ok media 10050
	killed
	echo "# $(flows 1005) of 4 states are left"
	rm -f "$tmp/state"* /var/run/pinholed/*
	configure $next 198.51.100.0/24
	ok start
	ok until_ok has_flows 1005 0
	ok no_media 10050
	kill -TERM "$monitor"
	wait "$monitor"
	configure states 198.51.100.0/24
	ok start
done
what="the next start takes over what the state file knows"
call 7 10060
ok media 10060
ok sh -c "for i in 1 2 3 4 5 6 7 8; do
	grep -aq 7@198.51.100.7 '$tmp/state' && exit 0; sleep 5; done; exit 1"
killed
ok start
ok until_ok has_flows 1006 4
ok media 10060
for p in engine firewall; do
	what="one of us dies: the $p"
	old=$(child $p)
	kill -9 "$old"
	ok until_ok sh -c "pgrep -P $monitor | grep -vq '^$old\$' &&
	    ! kill -0 $old"
	sleep 2
	ok has_flows 1006 4
	ok media 10060
done
what="and the call ends all the same"
hang_up 7
ok until_ok has_flows 1006 0

# A second node.
pair pho2 203.0.113.1 203.0.113.9 2001:db8:3::1 2001:db8:3::9
if [ "$os" = freebsd ] && ifconfig pfsync0 syncdev "$a" \
    syncpeer 203.0.113.9 maxupd 1 up &&
    $(at pho2) ifconfig pfsync0 syncdev "$b" syncpeer 203.0.113.1 up; then
	printf 'block all\npass quick proto pfsync\n' > "$tmp/second"
	$(at pho2) pfctl -q -e -f "$tmp/second"
	sleep 2
	copies() {
		is "$($(at pho2) pfctl -ss | grep -c '192.0.2.20:1007[01]')" \
		    -eq "$1"
	}
	call 8 10070
	what="pfsync brings them to the other node"
	ok until_ok copies 4
	what="and ends them there"
	hang_up 8
	ok until_ok copies 0
	$(at pho2) pfctl -q -d
	ifconfig pfsync0 -syncdev -syncpeer down
	# So FreeBSD takes no states any more.
	what="without pfsync, calls are rules"
	call 9 10080
	ok until_ok media 10080
	ok is "$(rules in4u)" -gt 0
	hang_up 9
	ok until_ok no_media 10080
	ok is "$(rules in4u)" -eq 0
	ifconfig pfsync0 up
fi

what="TERM leaves no state"
call 10 10090
ok until_ok has_flows 1009 4
kill -TERM "$monitor"
wait "$monitor"
ok is $? -eq 0
ok has_flows 1009 0
ok no_media 10090
monitor=
result
