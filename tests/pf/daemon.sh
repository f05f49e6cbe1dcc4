#!/bin/sh
# The whole daemon with -b pf: calls between two places, privileges,
# reload, death and restart.  Needs what live.sh needs.
#
#	daemon.sh PATH-OF-pinholed
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/running.sh"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/calls.sh"

cat > "$tmp/conf" <<X
protect { 192.0.2.0/24 2001:db8:2::/64 }
interface { $inside }
control "$tmp/sock"
state "$tmp/state"
firewall pf anchor "pinholed"
X

what="-V knows pf"
ok sh -c "'$pinholed' -V | grep -q 'firewalls:.*pf'"
what="-n says that pf is off and which line to add"
"$pinholed" -n -f "$tmp/conf" > "$tmp/n" 2>&1
ok is $? -eq 0
ok grep -q 'pfctl -e' "$tmp/n"
ok grep -q 'anchor "pinholed"' "$tmp/n"
what="it starts all the same, and says so, too"
ok start
ok said 'anchor "pinholed"'
kill -TERM "$monitor"
wait "$monitor"
ok is $? -eq 0
cat > "$tmp/pf.conf" <<X
$hooks
block all
pass quick proto icmp6
pass quick proto udp to port 5060
anchor "pinholed"
X
pfctl -q -e -f "$tmp/pf.conf"
what="-n finds nothing wrong when all is well"
ok is "$("$pinholed" -n -f "$tmp/conf" 2>&1 |
    grep -v -e following -e answering -e listening)" = \
    "configuration OK"

what="it starts"
ok start
what="nobody keeps root but the monitor"
for p in $(pgrep -P "$monitor"); do
	ok is "$(ps -o user= -p "$p")" != root
done
what="the engine is in capability mode, or has pledged"
ok sealed "$(child engine)"
family 4
what="no media before the call"
ok no_media 10000
call 1 10000
what="a call lets its media in"
ok media 10000
what="and its RTCP"
ok media 10001
what="and out"
ok media_out 10000
what="and nothing beside it"
ok no_media 10002
what="the control socket counts"
ok counts packets '[1-9]'
what="it knows how many packets a pinhole let through, and when"
ok until_ok above 0 packets 10000
ok until_ok above 1000000000 last_media 10000
packets=$(number packets 10000)
seen=$(number last_media 10000)
ok media 10000
ok until_ok above "$packets" packets 10000
ok until_ok above "$((seen - 1))" last_media 10000
ok calls_counted

family 6
# Neighbours that have to be asked for cost the INVITE, and nobody repeats it.
# shellcheck disable=SC2046
until_ok $(at pho) ping6 -q -c 1 -w 1 "$desk"
call six 10000 10002 tcp/10004
for port in 10000 10003; do
	what="a call over IPv6 lets its media in, port $port"
	ok media $port
	what="and out"
	ok media_out $port
done
what="and what it says over TCP, which the caller begins"
ok reaches_tcp pho "$phone" 4004 phi "$desk" 10004
hang_up six
sleep 1
what="until it ends"
ok no_media 10000
ok is "$(rules in6u)" -eq 0
ok is "$(rules in6t)" -eq 0
family 4

what="a call of sixteen streams"
call many $(seq 11000 2 11030)
ok is "$(rules in4u)" -eq 34
ok media 11000
ok media 11031
hang_up many
sleep 1
ok no_media 11000

what="calls go on when pf is switched off and on"
pfctl -q -d
call off 11100
# FreeBSD numbers states anew, and drops what would get the number of another.
pfctl -q -F states
pfctl -q -e
ok media 10000
ok media 11100
what="when somebody flushes all there is"
pfctl -q -F all
pfctl -q -f "$tmp/pf.conf"
ok media 10000
what="and when the anchor was not called for a while"
grep -v anchor "$tmp/pf.conf" | pfctl -q -f - -F states
ok no_media 11100
ok sh -c "'$pinholed' -n -f '$tmp/conf' 2>&1 | grep -q 'anchor \"pinholed\"'"
pfctl -q -f "$tmp/pf.conf"
ok media 10000
ok media 11100
hang_up off

kill -HUP "$monitor"
what="SIGHUP reloads"
ok until_ok said 'reloaded'
what="and media goes on"
ok media 10000
what="an engine that dies comes back"
old=$(child engine)
kill -9 "$old"
ok until_ok sh -c "pgrep -P $monitor | grep -vq '^$old\$' && ! kill -0 $old"
sleep 1
what="and knows the call"
ok media 10000
what="a firewall process that dies comes back"
old=$(child firewall)
kill -9 "$old"
sleep 2
ok media 10000
hang_up 1
sleep 1
what="media stops after the BYE"
ok no_media 10000
what="no rule is left of it"
ok is "$(rules in4u)" -eq 0
what="nor a state"
ok is "$(states 192.0.2.20:1000)" -eq 0

call 2 10010
what="a second call"
ok media 10010
what="the state file knows it within half a minute"
ok sh -c "for i in 1 2 3 4 5 6 7 8; do
	grep -aq 2@198.51.100.7 '$tmp/state' && exit 0; sleep 5; done; exit 1"
what="all are killed"
all="$monitor $(pgrep -P "$monitor")"
for p in $all; do kill -9 "$p" 2>/dev/null; done
wait "$monitor" 2>/dev/null
for p in $all; do ok until_ok gone "$p"; done
what="the rules stay"
ok is "$(rules in4u)" -gt 0
what="the next start takes over"
ok start
sleep 1
ok media 10010
hang_up 2
sleep 1
ok no_media 10010

call 3 10020
what="a third call"
ok media 10020
kill -TERM "$monitor"
what="TERM ends it well"
wait "$monitor"
ok is $? -eq 0
what="and leaves nothing"
ok is "$(pfctl -a pinholed -sr 2>/dev/null | wc -l)" -eq 0
ok no_media 10020
monitor=
result
