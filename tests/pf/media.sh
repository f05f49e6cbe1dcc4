#!/bin/sh
# How long media passes with -b pf: a port that moves, silence on one side or
# both, early media, and what a reload forbids.  Needs what live.sh needs.
#
#	media.sh PATH-OF-pinholed
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/running.sh"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/calls.sh"
# shellcheck disable=SC2046

idle=10
# configure WHICH-PORTS
configure() {
	cat > "$tmp/conf" <<X
protect 192.0.2.0/24
interface { $inside }
control "$tmp/sock"
state "$tmp/state"
sip { media 192.0.2.0/24 port $1 timeout idle $idle }
firewall pf
X
}
# keeps_sending PLACE SOURCE PLACE DESTINATION PORT: four a second; somebody
# is there to hear it, so that no ICMP comes back.
keeps_sending() {
	$(at "$3") nc -lnu "$4" "$5" > /dev/null 2>&1 < /dev/null &
	servers="$servers $!"
	listening "$3" "$5"
	while sleep 0.25; do echo media; done |
	    $(at "$1") nc -nu -s "$2" -p "$5" "$4" "$5" > /dev/null 2>&1 &
	servers="$servers $!"
}
# The same, and nobody hears it: the inside answers by ICMP.
sends_in_vain() {
	while sleep 0.25; do
		echo media | $(at "$1") nc -nu -w 0 -s "$2" -p "$5" "$4" "$5"
	done > /dev/null 2>&1 &
	servers="$servers $!"
}
stop_sending() {
	for p in $servers; do kill "$p" 2>/dev/null; done
	servers=
}
# Has pf counted packets of the inside, which is silent?
errors() {
	pfctl -vss 2>/dev/null | grep -A1 "192.0.2.20:$1 <- " |
	    grep -q ' [0-9]*:[1-9][0-9]* pkts'
}
# goes PLACE ADDRESS, comes_back PLACE ADDRESS: unplugged and not.
goes() {
	link=$($(at "$1") ifconfig | awk -v a="$2" '
	    /^[a-z]/ { sub(":", "", $1); i = $1 }
	    $1 == "inet" && $2 == a { print i; exit }')
	$(at "$1") ifconfig "$link" down
	arp -d "$2" > /dev/null 2>&1
}
# OpenBSD asks nobody for an address that did not answer, for 20 seconds.
comes_back() {
	$(at "$1") ifconfig "$link" up
	arp -d "$2" > /dev/null 2>&1
}
is_open() { pfctl -a pinholed/in4u -sr 2>/dev/null | grep -q "port $1:"; }
# closes PORT SECONDS: within that time.
closes() {
	left=$2
	while is_open "$1"; do
		[ "$left" -gt 0 ] || return 1
		left=$((left - 1))
		sleep 1
	done
}

configure 10000:20000
cat > "$tmp/pf.conf" <<X
$hooks
block all
pass quick proto udp to port 5060
anchor "pinholed"
X
pfctl -q -e -f "$tmp/pf.conf"
family 4
what="it starts"
ok start

# The phone keeps its port, and so the desk's state would go on.
what="a call, and the desk speaks first"
call moves 10000
ok media_out 10000
ok is "$(states 192.0.2.20:10000)" -gt 0
what="its answers come in"
ok media 10000
from_phone "INVITE sip:desk@$desk_at SIP/2.0" moves "2 INVITE" ";tag=dmoves" \
    "phone@$phone_at" "$phone" 10000
version=2
from_desk "SIP/2.0 200 OK" moves "2 INVITE" ";tag=dmoves" \
    "desk@$desk_at" "$desk" 10040
version=1
from_phone "ACK sip:desk@$desk_at SIP/2.0" moves "2 ACK" ";tag=dmoves"
what="the desk moves to another port: the old one is dead to the phone"
ok until_ok no_media 10000
ok is "$(states '192.0.2.20:10000.*198.51.100.7:10000')" -eq 0
what="and the new one is not"
ok reaches pho "$phone" 10000 phi "$desk" 10040
ok reaches phi "$desk" 10040 pho "$phone" 10000
hang_up moves 3

what="a call that nobody speaks in ends by its silence"
call silent 12000
ok is_open 12000
ok closes 12000 $((idle + 6))
ok said 'idle'

what="a call that the outside alone speaks in lives longer"
call heard 12100
keeps_sending pho "$phone" phi "$desk" 12100
began=$(date +%s)
sleep $((2 * idle))
ok is_open 12100
what="but not for ever"
ok closes 12100 $((3 * idle))
echo "# closed after $(($(date +%s) - began)) s, idle is $idle s"
ok is $(($(date +%s) - began)) -ge $((3 * idle))
stop_sending

what="a call that the inside alone speaks in goes on"
call speaks 12200
keeps_sending phi "$desk" pho "$phone" 12200
sleep $((6 * idle))
ok is_open 12200
ok media 12201
stop_sending
what="until that falls silent"
ok closes 12200 $((2 * idle + 6))

what="ICMP errors are no sign of life"
call deaf 12400
sends_in_vain pho "$phone" phi "$desk" 12400
ok until_ok errors 12400
ok closes 12400 $((3 * idle + 8))
stop_sending

what="nor those of the firewall, when the host has gone"
call gone 12500
ok media 12500
ok media_out 12500
goes phi "$desk"
sends_in_vain pho "$phone" phi "$desk" 12500
ok closes 12500 $((3 * idle + 20))
stop_sending
comes_back phi "$desk"

what="early media"
from_phone "INVITE sip:desk@$desk_at SIP/2.0" early "1 INVITE" "" \
    "phone@$phone_at" "$phone" 12300
from_desk "SIP/2.0 183 Session Progress" early "1 INVITE" ";tag=dearly" \
    "desk@$desk_at" "$desk" 12300
ok media 12300
what="ends by its silence"
ok closes 12300 $((idle + 8))
what="and opens again with the answer"
from_desk "SIP/2.0 200 OK" early "1 INVITE" ";tag=dearly" \
    "desk@$desk_at" "$desk" 12300
from_phone "ACK sip:desk@$desk_at SIP/2.0" early "1 ACK" ";tag=dearly"
ok media 12300
hang_up early

what="a reload that forbids the port of a call ends its media"
call stays 14000
call goes 16000
ok media 14000
ok media 16000
configure 10000:15000
kill -HUP "$monitor"
ok until_ok said 'reloaded'
ok closes 16000 5
sleep 1
ok no_media 16000
what="and says so"
ok said 'policy'
what="but not that of another call"
ok media 14000

what="TERM ends it well"
kill -TERM "$monitor"
wait "$monitor"
ok is $? -eq 0
monitor=
result
